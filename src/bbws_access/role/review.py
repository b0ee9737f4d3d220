"""Who has what in an organisation: roles and team memberships in force, by user, as items of a list and as CSV.

Both lie in indexes whose sort keys begin with the user, so a page is the beginning of two sorted lists, and one key
says where the next page begins. A page of CSV ends between two users (docs/decisions/0043-csv-of-any-size.md).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count, groupby
from types import SimpleNamespace

from bbws_access.access import identity
from bbws_access.kernel.dynamodb import Database, Page, Query
from bbws_access.kernel.errors import BadRequest
from bbws_access.kernel.paging import decode_cursor, encode_cursor, invalid_cursor, page_size
from bbws_access.kernel.records import shown_actor, take
from bbws_access.kernel.texts import harmless
from bbws_access.kernel.violations import violation
from bbws_access.role import rules, store
from bbws_access.service.links import cursor_scope
from bbws_access.service.requests import Request

MOST_ROWS = 10_000
MOST_BYTES = 4_000_000  # a function answers with at most 6 MB
COLUMNS = (
    "userId",
    "userEmail",
    "emailSource",
    "kind",
    "roleId",
    "roleName",
    "scope",
    "teamId",
    "grants",
    "since",
    "givenBy",
    "until",
)
WHOLE, PAGES = "csv", "csv-pages"  # how CSV can be asked for
_ROLE, _MEMBERSHIP = "ROLE", "TEAM_MEMBERSHIP"
_USERS = "USER#"
_MOST_WAITS = 8  # for a page of CSV that has no row yet
SPARE = 20  # so that a few that have expired cost no further round trip


class Definitions:
    """What the roles and team roles of an organisation are called and grant."""

    def __init__(self, roles: Iterable[dict], sets: rules.Sets, team_roles: Iterable[dict]) -> None:
        self._roles = {role["roleId"]: (role["name"], sorted(rules.granted(role, sets))) for role in roles}
        self._team_roles = {
            team_role["teamRoleId"]: (team_role["name"], sorted(team_role["capabilities"])) for team_role in team_roles
        }

    def item(self, stored: dict) -> dict:
        """An assignment or a membership as answers show it."""
        if "teamRoleId" in stored:
            role_id, known = stored["teamRoleId"], self._team_roles
            kind, name, since, giver = _MEMBERSHIP, "teamRoleName", "joinedAt", "addedBy"
        else:
            role_id, known = stored["roleId"], self._roles
            kind, name, since, giver = _ROLE, "roleName", "assignedAt", "assignedBy"
        # A record says these only where they are not its own.
        stored = {since: stored.get("dateCreated"), giver: stored.get("createdBy")} | stored
        role_name, grants = known.get(role_id, (stored[name], []))
        return {
            "userId": stored["userId"],
            **_given(stored, "userEmail"),
            **({"emailSource": stored.get("emailSource", identity.TYPED)} if "userEmail" in stored else {}),
            "kind": kind,
            "roleId": role_id,
            "roleName": role_name,
            "scope": stored.get("scope", "TEAM"),
            **_given(stored, "teamId"),
            "grants": grants,
            "since": stored[since],
            "givenBy": shown_actor(stored[giver]),
            "until": stored.get("expiresAt"),
        }


def place(request: Request) -> tuple[str | None, int | None]:
    """The sort key after which to read, None from the beginning on; and how many at most, None for all.

    Raises INVALID_CURSOR, or VALIDATION_ERROR for a cursor where all is asked for.
    """
    asked = request.query["format"]
    if asked == WHOLE and "startAt" in request.query:
        message = "is for pages: format=csv comes whole, and format=csv-pages in pages"
        raise BadRequest(f"startAt {message}.", details=[violation("query.startAt", "format", message)])
    return after(request), None if asked in (WHOLE, PAGES) else page_size(request.query) + 1 + SPARE


def after(request: Request) -> str | None:
    """The sort key that the request's cursor says to go on after; None from the beginning on. Raises INVALID_CURSOR."""
    cursor = decode_cursor(cursor_scope(request), request.query.get("startAt"))
    if cursor is None:
        return None
    last = cursor.get("after", "")
    if len(cursor) != 1 or not last.startswith(_USERS) or not last.isascii() or len(last) > store.LONGEST_SORT_KEY:
        raise invalid_cursor("startAt is not a cursor of this list")
    return last


def page(request: Request, queries: Sequence[Query], firsts: Sequence[Page]) -> tuple[list[dict], str | None]:
    """The records of a page, by user, and the cursor to the next one. `firsts` are the results of `queries`."""
    size, found, more = page_size(request.query), [], False
    for query, first in zip(queries, firsts, strict=True):
        some, last = take(request.database, query, first, size)
        more = more or last is not None
        found += [(record[query.key_attributes()[1]], record) for record in some]
    found.sort(key=lambda entry: entry[0])
    records = [record for _, record in found[:size]]
    if not more and len(found) <= size:
        return records, None
    return records, encode_cursor(cursor_scope(request), {"after": found[size - 1][0]})


def everything(database: Database, queries: Sequence[Query], firsts: Sequence[Page]) -> list[dict]:
    """All records, by user. Raises REVIEW_TOO_LARGE beyond 10,000."""
    found: list[tuple[str, dict]] = []
    waiting = list(zip(queries, firsts, strict=True))
    while waiting:
        for query, got in waiting:
            found += [(record[query.key_attributes()[1]], record) for record in got.items]
        if len(found) > MOST_ROWS:
            raise _too_large()
        again = [query._replace(start_key=got.last_key) for query, got in waiting if got.last_key is not None]
        waiting = list(zip(again, database.parallel(again), strict=True))
    return [record for _, record in sorted(found, key=lambda entry: entry[0])]


def portion(
    database: Database, after: str | None, queries: Sequence[Query], firsts: Sequence[Page]
) -> tuple[list[dict], str | None]:
    """The records of the next users, all that each has, by user; and the sort key after which the others come, if any.

    after: the key after which `queries` read      firsts: their results
    As many as a page of the database holds, so memory has a bound. None at all where very much has expired.
    """
    names = [query.key_attributes()[1] for query in queries]
    found = [(record[name], record) for name, got in zip(names, firsts, strict=True) for record in got.items]
    lasts = [got.last_key for got in firsts]
    for waits in count(1):
        # Of the user at whom a query stopped, there may be more.
        users = [None if last is None else _user_of(last[name]) for last, name in zip(lasts, names, strict=True)]
        end = min((user for user in users if user is not None), default=None, key=_before)
        whole = [(at, record) for at, record in found if end is None or at < _before(end)]
        if end is None or whole or (waits >= _MOST_WAITS and end != after):
            whole.sort(key=lambda entry: entry[0])
            return [record for _, record in whole], end
        behind = [n for n, user in enumerate(users) if user == end]
        more = database.parallel([queries[n]._replace(start_key=lasts[n]) for n in behind])
        for n, got in zip(behind, more, strict=True):
            found += [(record[names[n]], record) for record in got.items]
            lasts[n] = got.last_key
    raise AssertionError("unreachable")


def user_key(user_id: str) -> str:
    """The beginning of the sort keys of a user's records, after which they come."""
    return f"{_USERS}{user_id}"


def _user_of(sort_key: str) -> str:
    """The same, of the user of a sort key."""
    return user_key(sort_key.split("#")[1])


def _before(user: str) -> str:
    """What sorts behind the records of all users before one, and before those of the user: no id has a sign so low."""
    return f"{user}!"


def named(records: Sequence[dict]) -> list[dict]:
    """The records, each with the user's proven address where one of them has it: whatever was typed gives way to it."""
    of_user: dict[str, list[dict]] = {}
    for record in records:
        of_user.setdefault(record["userId"], []).append(record)
    who = {user_id: identity.known(found) for user_id, found in of_user.items()}
    return [{**record, **who[record["userId"]]} for record in records]


def as_csv(items: Iterable[Mapping[str, object]]) -> str:
    """Items as CSV (RFC 4180) with a header; no cell can act as a formula. Raises REVIEW_TOO_LARGE beyond 4 MB."""
    lines, size = [], 0
    for line in _lines(items, header=True):
        lines.append(line)
        size += _size(line)
        if size > MOST_BYTES:
            raise _too_large()
    return "".join(lines)


def some_as_csv(items: Iterable[Mapping[str, object]], *, header: bool) -> tuple[str, str | None]:
    """As many users' items as fit, but at least those of one, and the sort key after which the others come, if any."""
    text, size = "".join(_lines((), header=header)), 0
    lines = []
    for user_id, of_user in groupby(items, lambda item: item["userId"]):
        some = list(_lines(of_user, header=False))
        size += sum(map(_size, some))
        if size > MOST_BYTES and lines:
            return text + "".join(lines), f"{_USERS}{user_id}"
        lines += some
    return text + "".join(lines), None


def _lines(items: Iterable[Mapping[str, object]], *, header: bool) -> Iterator[str]:
    lines: list[str] = []
    writer = csv.writer(SimpleNamespace(write=lines.append))
    if header:
        writer.writerow(COLUMNS)
    yield from lines
    for item in items:
        lines.clear()
        writer.writerow([_cell(item.get(name)) for name in COLUMNS])
        yield from lines


def _size(line: str) -> int:
    """Bytes of a line as a function's answer carries it."""
    return len(json.dumps(line))


def _cell(value: object) -> str:
    text = " ".join(value) if isinstance(value, list) else str(value or "")
    return harmless(text)


def _given(stored: dict, name: str) -> dict:
    return {name: stored[name]} if name in stored else {}


def _too_large() -> BadRequest:
    return BadRequest(
        f"The review has more than {MOST_ROWS} rows or {MOST_BYTES // 1_000_000} MB, which is more than one CSV file "
        "holds here. Ask for it in pages with format=csv-pages, as `bbws-access review` does.",
        code="REVIEW_TOO_LARGE",
        details={"rows": MOST_ROWS, "bytes": MOST_BYTES},
    )
