"""The review as CSV in pages: of any size, by whole users, and with as little in memory as one page has."""

from __future__ import annotations

import csv
import io
import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bbws_access.cli import review as tool
from bbws_access.cli.errors import ToolError
from bbws_access.kernel.dynamodb import Page, Query
from bbws_access.kernel.paging import encode_cursor
from bbws_access.role import review, store
from tests.support.services import Answer, Instance, World

PATH = "/organisations/{}/access-review"
PAGES = {"format": "csv-pages"}


@pytest.fixture
def org(world: World) -> str:
    return world.organisation()


@pytest.fixture
def admin(world: World, org: str) -> str:
    return world.member(org)


def _next(answer: Answer) -> str | None:
    """The path of the next page, as whoever reads the header finds it."""
    if "Link" not in answer.headers:
        return None
    [path] = re.findall(r'^<(/v1/[^>]+)>; rel="next"$', answer.headers["Link"])
    return path


@pytest.fixture
def pages(api: Instance, org: str, admin: str) -> Callable[..., list[str]]:
    """The texts of all pages, each of which waits for the database once."""

    def read(user: str = admin) -> list[str]:
        texts = []
        path: str | None = f"{PATH.format(org)}?format=csv-pages"
        while path is not None:
            answer = api.call("GET", path, user)
            texts.append(answer.expect(200))
            header = "absent" if texts[1:] else "present"
            assert answer.headers["Content-Type"] == f"text/csv; charset=utf-8; header={header}"
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.round_trips == 1
            path = _next(answer)
        return texts

    return read


def test_pages_one_after_another_are_the_file(
    api: Instance, world: World, org: str, admin: str, pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(6):
        user = world.user()
        # Proven in one row only: all rows of a user say so, wherever a page ends.
        world.assign(user, "ORG_MANAGER", org, email=f"user{n}@example.org" if n % 2 else None)
        world.assign(user, "SITE_VIEWER", org, team_id="team-1", expires_at="2999-01-01T00:00:00Z")
    whole = api.call("GET", PATH.format(org), admin, query={"format": "csv"}).expect(200)
    assert pages() == [whole]
    for most in (1, 400, 1000):
        monkeypatch.setattr(review, "MOST_BYTES", most)
        texts = pages()
        assert "".join(texts) == whole
        assert len(texts) > 2
        assert [text.startswith("userId,") for text in texts] == [True, *[False] * (len(texts) - 1)]
        users = [{row[0] for row in csv.reader(io.StringIO(text, newline=""))} for text in texts]
        assert sum(map(len, users)) == len(set().union(*users))


def test_an_end_without_rows_is_one(api: Instance, org: str, admin: str) -> None:
    """Whoever was behind a cursor is gone by now."""
    cursor = encode_cursor(["reviewAccess", f"orgId={org}", "format=csv-pages"], {"after": "USER#z"})
    answer = api.call("GET", PATH.format(org), admin, query={**PAGES, "startAt": cursor})
    assert answer.expect(200) == ""
    assert "Link" not in answer.headers


def test_whoever_may_not_any_more_is_refused_at_the_next_page(
    api: Instance, world: World, org: str, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = world.member(org)
    monkeypatch.setattr(review, "MOST_BYTES", 1)
    further = _next(api.call("GET", PATH.format(org), reader, query=PAGES))
    api.call("GET", further, reader).expect(200)
    world.leave(reader, org)
    refused = api.call("GET", further, reader)
    refused.expect(403, "FORBIDDEN")
    assert "Link" not in refused.headers
    # The cursor is no key: somebody else who may goes on from there.
    api.call("GET", further, admin).expect(200)


def test_what_comes_and_goes_meanwhile_costs_nobody_else_their_row(
    api: Instance, world: World, org: str, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stay = {world.member(org) for _ in range(4)} | {admin}
    leaver = world.member(org)
    monkeypatch.setattr(review, "MOST_BYTES", 1)
    seen: list[str] = []
    path: str | None = f"{PATH.format(org)}?format=csv-pages"
    while path is not None:
        answer = api.call("GET", path, admin)
        rows = list(csv.reader(io.StringIO(answer.expect(200), newline="")))
        seen += [row[0] for row in rows if row[0] != "userId"]
        path = _next(answer)
        # The user at whom the next page begins may be the one who leaves; somebody new sorts anywhere.
        world.leave(leaver, org)
        leaver = world.member(org, "ORG_MANAGER") if len(seen) < 3 else leaver
    assert [user for user in seen if user in stay] == sorted(stay)
    assert seen == sorted(seen)


def test_the_tool_goes_on_where_the_service_stopped_it(
    api: Instance, world: World, org: str, admin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        world.member(org)
    whole = api.call("GET", PATH.format(org), admin, query={"format": "csv"}).expect(200)
    monkeypatch.setattr(review, "MOST_BYTES", 1)
    reader, file = world.platform(), tmp_path / "review.csv"
    asked: list[str] = []

    def fetch(path: str) -> tool.Answer:
        asked.append(path)
        if len(asked) == 3:
            raise KeyboardInterrupt
        answer = api.call("GET", path, reader)
        body = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        return tool.Answer(answer.status, "", list(answer.headers.items()), body.encode())

    def write() -> None:
        tool.write(fetch, org, "https://api.example.org/v1", file, lambda _: None)

    with pytest.raises(KeyboardInterrupt):
        write()
    world.leave(reader)
    with pytest.raises(ToolError, match="403 FORBIDDEN"):
        write()
    assert not file.exists()
    reader = admin
    write()
    assert file.read_bytes().decode() == whole
    # Five users: two before the kill, and the third was asked for three times.
    assert len(asked) == 2 + 1 + 1 + 3
    assert asked[2] == asked[3] == asked[4]


def test_refusals(api: Instance, world: World, org: str, admin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = PATH.format(org)
    world.member(org)
    monkeypatch.setattr(review, "MOST_BYTES", 1)
    further = _next(api.call("GET", path, admin, query=PAGES))
    cursor = further.partition("startAt=")[2]
    api.call("GET", path, admin, query={"startAt": cursor}).expect(400, "INVALID_CURSOR")
    own = api.call("GET", path, admin, query={"pageSize": "1"}).expect(200)["startAt"]
    api.call("GET", path, admin, query={**PAGES, "startAt": own}).expect(400, "INVALID_CURSOR")
    api.call("GET", path, admin, query={**PAGES, "startAt": cursor[:-2]}).expect(400, "INVALID_CURSOR")
    other = world.organisation()
    boss = world.member(other)
    api.call("GET", PATH.format(other), boss, query={**PAGES, "startAt": cursor}).expect(400, "INVALID_CURSOR")
    api.call("GET", path, boss, query=PAGES).expect(403, "FORBIDDEN")
    whole = api.call("GET", path, admin, query={"format": "csv"})
    whole.expect(400, "REVIEW_TOO_LARGE")
    assert "csv-pages" in whole.body["error"]["message"]


# Without tables: where a page of the database ends is the database's business


class Index:
    """Indexes by user in memory, of which a query gives so many items at once, before its filter."""

    def __init__(self, sizes: dict[str, int], items: dict[str, list[dict]]) -> None:
        self.sizes = sizes
        self.items = {name: sorted(found, key=lambda one: one[_KEYS[name]]) for name, found in items.items()}
        self.largest = 0

    def parallel(self, queries: Iterable[Query]) -> list[Page]:
        return [self._page(query) for query in queries]

    def _page(self, query: Query) -> Page:
        name, items = query.index, self.items[query.index]
        sort = _KEYS[name]
        low, high = query.sort_range or (query.sort_prefix, f"{query.sort_prefix}~")
        begin = bisect_left(items, low, key=lambda one: one[sort])
        if query.start_key is not None:
            begin = bisect_right(items, query.start_key[sort], key=lambda one: one[sort])
        end = bisect_right(items, high, key=lambda one: one[sort])
        some = items[begin : min(end, begin + self.sizes[name])]
        self.largest = max(self.largest, len(some))
        last = {sort: some[-1][sort]} if some and begin + len(some) < end else None
        return Page([one for one in some if not one.get("expired")], last, len(some))


_ROLES, _TEAMS = "assignments-by-organisation", "members-by-organisation"
_KEYS = {_ROLES: "GSI2SK", _TEAMS: "GSI3SK"}


def _portions(index: Index) -> Iterator[list[dict]]:
    after: str | None = None
    while True:
        queries = [
            store.assigned_in("permissions", "org-1", after, None, "2026"),
            store.members_in("teams", "org-1", after, None, "2026"),
        ]
        found, rest = review.portion(index, after, queries, index.parallel(queries))
        yield found
        if rest is None:
            return
        assert after is None or after < rest
        after = rest


def _row(user: str, name: str, number: int, *, expired: bool = False) -> dict:
    return {
        _KEYS[name]: f"USER#{user}#{'ROLE' if name == _ROLES else 'TEAM'}#{number:03}",
        "user": user,
        "expired": expired,
    }


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "ab", "ab-c", "abc", "b", "b0", "c"]),
            st.sampled_from([_ROLES, _TEAMS]),
            st.integers(0, 5),
            st.sampled_from([False, False, True]),
        ),
        unique_by=lambda one: one[:3],
    ),
    st.integers(1, 6),
    st.integers(1, 6),
    st.sampled_from([1, 2, 8]),
)
@example([("a", _ROLES, 0, True), ("b", _ROLES, 0, True), ("b0", _TEAMS, 0, True)], 1, 1, 1)
def test_every_row_comes_once_with_all_of_its_user_wherever_pages_end(
    rows: list[tuple[str, str, int, bool]], roles: int, teams: int, most: int
) -> None:
    items: dict[str, list[dict]] = {_ROLES: [], _TEAMS: []}
    for user, name, number, expired in rows:
        items[name].append(_row(user, name, number, expired=expired))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(review, "_MOST_WAITS", most)
        portions = list(_portions(Index({_ROLES: roles, _TEAMS: teams}, items)))
    found = [one for portion in portions for one in portion]
    wanted = [one for some in items.values() for one in some if not one["expired"]]
    assert found == sorted(wanted, key=lambda one: one.get("GSI2SK") or one["GSI3SK"])
    assert sum(len({one["user"] for one in portion}) for portion in portions) == len({one["user"] for one in wanted})


class Record(dict):
    """One that says how many of its kind there are at the same time."""

    alive = most = 0

    def __init__(self, *parts: object, **more: object) -> None:
        super().__init__(*parts, **more)
        Record.alive += 1
        Record.most = max(Record.most, Record.alive)

    def __del__(self) -> None:
        Record.alive -= 1


class Everybody(Index):
    """100,000 rows that are nowhere: each is made when it is read."""

    def __init__(self, users: int) -> None:
        self._users = users

    def _page(self, query: Query) -> Page:
        low = query.sort_range[0] if query.sort_range else ""
        begin = int(re.sub(r"\D", "", low) or 0)
        name, last = query.index, min(self._users, begin + 1500)
        items = [self._item(name, number) for number in range(begin, last)]
        return Page(items, {_KEYS[name]: items[-1][_KEYS[name]]} if last < self._users else None, len(items))

    def _item(self, name: str, number: int) -> dict:
        user = f"{number:08}"
        kind = {"roleId": "role-1", "roleName": "R"} if name == _ROLES else {"teamRoleId": "tr-1", "teamRoleName": "T"}
        shared = {"userId": user, "dateCreated": "2026", "createdBy": "b"}
        return Record({_KEYS[name]: f"USER#{user}#{number:08}", **kind, **shared})


def test_a_hundred_thousand_rows_take_the_memory_of_one_page() -> None:
    definitions = review.Definitions([], None, [])
    lines, users, longest = 0, set(), 0
    for portion in _portions(Everybody(50_000)):
        text, rest = review.some_as_csv(map(definitions.item, portion), header=False)
        assert rest is None
        lines += text.count("\r\n")
        longest = max(longest, len(text))
        users |= {one["userId"] for one in portion}
    assert (lines, len(users)) == (100_000, 50_000)
    # What was read last, while what was read before it is still at hand.
    assert Record.most <= 4 * 1500
    assert longest < 300_000
