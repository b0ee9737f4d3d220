"""Stored records: who changed them and when, versions, unique names, and transactions that explain their failure."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

from bbws_access.kernel.dynamodb import Check, Database, Delete, Get, Page, Put, Query, TransactionCancelled, Update
from bbws_access.kernel.errors import Conflict, ServiceError, Unavailable
from bbws_access.kernel.keys import key
from bbws_access.kernel.paging import decode_cursor, invalid_cursor
from bbws_access.kernel.texts import skeleton

SYSTEM = "system"  # who makes the changes that no person asked for
INVITED = "invited:"  # what stands before the address of somebody who has no account yet
TOOL = "bbws-access"  # what stands before the login of an engineer who used the tool
_PLATFORM = "platform"
AUDIT_COLUMNS = ("dateCreated", "dateLastUpdated", "createdBy", "lastUpdatedBy")
_ATTEMPTS = 10
_PATIENCE = 4  # times a database's own deadline
LARGEST_DEFINITIONS = 100_000  # bytes of an organisation's roles, or sets, that it may define
_TEXTS = ("name", "displayName", "description")
_LISTS = ("permissions", "permissionSets")
_LONGEST_KEY = 1024  # bytes of a sort key; more, and DynamoDB refuses the query

Action = Put | Update | Delete | Check
Step = tuple[Action, ServiceError]
Result = TypeVar("Result")


class Stale(Conflict):
    """What was read before a write is not what is stored any more. Nothing was written: read again."""

    def __init__(self) -> None:
        super().__init__("Somebody else changes the same thing at the same moment. Read it again, then try again.")


class Change(NamedTuple):
    """Who makes a change, in which request, and when (UTC). Every record carries the last one."""

    actor: str
    request_id: str
    now: datetime

    @classmethod
    def outside_a_request(cls, actor: str) -> Change:
        """A change by the engineers' tool: now, and under an id of its own."""
        return cls(actor, os.urandom(16).hex(), datetime.now(UTC))

    def first(self) -> dict[str, object]:
        """The columns of a new record. Its last change is its creation until there is another: none says so twice."""
        return {
            "dateCreated": timestamp(self.now),
            "createdBy": self.actor,
            "requestId": self.request_id,
            "version": 1,
        }

    def next(self, record: dict) -> dict[str, object]:
        """The columns that differ in the record's next version."""
        return {
            "dateLastUpdated": timestamp(self.now),
            "lastUpdatedBy": self.actor,
            "requestId": self.request_id,
            "version": record["version"] + 1,
        }


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: texts of the same length, so they sort and compare as the moments do."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def audit_columns(record: dict) -> dict[str, str]:
    """Who created and last changed a record, and when, as answers show it."""
    creator = record["createdBy"]
    return {
        "dateCreated": record["dateCreated"],
        "dateLastUpdated": last_changed(record),
        "createdBy": shown_actor(creator),
        "lastUpdatedBy": shown_actor(record.get("lastUpdatedBy", creator)),
    }


def last_changed(record: dict) -> str:
    """When a record was changed last: when it was made, unless it says another."""
    return record.get("dateLastUpdated") or record["dateCreated"]


def _given(record: dict, names: Iterable[str]) -> dict:
    return {name: record[name] for name in names if name in record}


def shown_actor(actor: str) -> str:
    """Who did something, as answers show it: an engineer, whom records name by login, is the platform to customers."""
    return _PLATFORM if actor.startswith(TOOL) else actor


def check_version(stored: dict, wanted: int | None) -> None:
    """Raises VERSION_CONFLICT unless the record is at the version that a change starts from (None: any)."""
    if wanted is not None and wanted != stored["version"]:
        raise Conflict(
            f"This is at version {stored['version']}, not {wanted}. Read it again, then make the change again.",
            details={"version": stored["version"]},
        )


def commit(database: Database, steps: Iterable[Step]) -> None:
    """Carry out all steps or none. Each comes with the error to raise when its condition does not hold.

    Raises that error for the first step at fault, Unavailable when the database is too busy.
    """
    steps = list(steps)
    try:
        database.transact([action for action, _ in steps])
    except TransactionCancelled as cancelled:
        for position in cancelled.failed():
            raise steps[position][1] from cancelled
        raise Unavailable("Too many changes at the same moment. Try again.") from cancelled


def commit_patiently(database: Database, steps: Iterable[Step]) -> None:
    """As `commit`, with steps that need many items, each of them often in use, free at the same moment."""
    steps = list(steps)
    for left in range(_PATIENCE - 1, -1, -1):
        try:
            return commit(database, steps)
        except Unavailable:
            if not left:
                raise
    return None


def until_fresh(first: list, read: Callable[[], list], attempt: Callable[[list], Result]) -> Result:
    """The result of `attempt(reads)`; again with fresh reads for as long as it raises Stale, which is the last error.

    first: the reads that are there already      read: reads the same again
    """
    reads = first
    for left in range(_ATTEMPTS - 1, -1, -1):
        try:
            return attempt(reads)
        except Stale:
            if not left:
                raise
        reads = read()
    raise AssertionError("unreachable")


def take(database: Database, query: Query, page: Page, size: int) -> tuple[list[dict], dict | None]:
    """The first `size` items of a query whose first page is there, and the key to go on from, or None at the end."""
    items = page.items
    while len(items) <= size and page.last_key is not None:
        if query.limit is not None:
            # A filter dropped more than was foreseen: few waits matter more now than few items.
            query = query._replace(limit=query.limit * 4)
        page = database.parallel([query._replace(start_key=page.last_key)])[0]
        items = items + page.items
    if len(items) <= size:
        return items, None
    return items[:size], {name: items[size - 1][name] for name in _key_names(query)}


def start_key(scope: list[str], cursor: str | None, query: Query) -> dict | None:
    """The key that a list's cursor says to go on from: one that `query` could have ended at. Raises INVALID_CURSOR.

    A key from elsewhere would make the database refuse the query, which would look like a fault of ours.
    """
    key_found = decode_cursor(scope, cursor)
    if key_found is None:
        return None
    names = _key_names(query)
    partition_name, sort_name = names[-2:]
    if (
        key_found.keys() != set(names)
        or key_found[partition_name] != query.partition
        or not key_found[sort_name].startswith(query.sort_prefix or "")
        or not (query.sort_range is None or query.sort_range[0] <= key_found[sort_name] <= query.sort_range[1])
        or not all(map(_can_be_key, key_found.values()))
    ):
        raise invalid_cursor("startAt is not a cursor of this list")
    return key_found


def _can_be_key(value: str) -> bool:
    try:
        return 1 <= len(value.encode()) <= _LONGEST_KEY
    except UnicodeEncodeError:  # half of a surrogate pair
        return False


def _key_names(query: Query) -> tuple[str, ...]:
    return ("PK", "SK") if query.index is None else ("PK", "SK", *query.key_attributes())


def organisation_read(table: str, org_id: str) -> Get:
    """The read of an organisation's record, in the table `permissions`."""
    return Get(table, key("Organisation", orgId=org_id))


class OrganisationExists(Get):
    """The read of an organisation's record by whoever asks only whether there is one.

    Where the caller turns out to be active in the organisation, there is one, and nobody needs to read it
    (docs/decisions/0046-what-a-request-need-not-read.md).
    """

    __slots__ = ()


def organisation_exists(table: str, org_id: str) -> OrganisationExists:
    """The read of whether there is an organisation, in the table `permissions`."""
    return OrganisationExists(table, key("Organisation", orgId=org_id))


def check_open(organisation: Mapping | None) -> None:
    """Raises ORGANISATION_CLOSED where the record of an organisation says that it is closed."""
    if organisation is not None and not organisation["active"]:
        raise organisation_closed(organisation["organisationId"])


def stays_open(table: str, org_id: str) -> Step:
    """A step that fails where an organisation is closed meanwhile.

    For writes of whoever is let in by something else than what they hold there: few, so none is in another's way.
    """
    condition, values = "attribute_not_exists(PK) OR #active = :active", {":active": True}
    check = Check(table, key("Organisation", orgId=org_id), condition, {"#active": "active"}, values)
    return check, organisation_closed(org_id)


def organisation_closed(org_id: str) -> Conflict:
    """The answer to whoever would change something in a closed organisation."""
    return Conflict(f"The organisation {org_id} is closed: nothing in it changes any more.", code="ORGANISATION_CLOSED")


def team_read(table: str, org_id: str, team_id: str) -> Get:
    """The read of a team's record, in the table `teams`."""
    return Get(table, key("Team", orgId=org_id, teamId=team_id))


def where(query: Query, wanted: Mapping[str, object]) -> Query:
    """The query, with only those items whose attributes have the wanted values."""
    # No limit: it would count what the filter drops, and cost a round trip for every few items that pass.
    if not wanted:
        return query
    return query._replace(
        filter=" AND ".join(f"#{name} = :{name}" for name in wanted),
        names={f"#{name}": name for name in wanted},
        values={f":{name}": value for name, value in wanted.items()},
    )


def put_over(table: str, item: dict, replaced: dict | None) -> Put:
    """Stores an item in the place of the version that was read (None: of nothing)."""
    if replaced is None:
        return Put(table, item, "attribute_not_exists(PK)")
    return Put(table, item, "#version = :version", {"#version": "version"}, {":version": replaced["version"]})


def stays(table: str, record: dict) -> Step:
    """A step that fails where a stored record is not at the version that was read: every change has one of its own."""
    names, values = {"#version": "version"}, {":version": record["version"]}
    return Check(table, _place(record), "#version = :version", names, values), Stale()


def stays_active(table: str, record: dict, *, active: bool = True, **others: str | int) -> Step:
    """A step that fails where a record, of which the key is enough, is not active; or, if asked so, not inactive.

    others: what else it has to say
    """
    wanted = {"active": active, **others}
    condition = " AND ".join(f"#{name} = :{name}" for name in wanted)
    names, values = {f"#{name}": name for name in wanted}, {f":{name}": value for name, value in wanted.items()}
    return Check(table, _place(record), condition, names, values), Stale()


def _place(record: dict) -> dict[str, str]:
    return {"PK": record["PK"], "SK": record["SK"]}


def size_of(table: str, partition: str, prefix: str) -> Query:
    """How many records of a partition have sort keys that begin with `prefix`."""
    return Query(table, partition, prefix, select="COUNT")


def check_room(size: Page, most: int, what: str) -> None:
    """Raises LIMIT_REACHED when there are `most` already. Callers at the same moment may pass it by a few.

    Limits are there because whoever reads all of a list for a decision waits for all of it.
    """
    if size.last_key is not None or size.count >= most:
        raise Conflict(
            f"The limit of {most} {what} is reached.",
            code="LIMIT_REACHED",
            details={"limit": most},
        )


def definitions(table: str, partition: str, prefix: str, id_name: str) -> Query:
    """What `check_size` needs of the active definitions of a kind, such as roles, that a partition holds."""
    names = {f"#{name}": name for name in (id_name, *_TEXTS, *_LISTS)}
    return Query(table, partition, prefix, projection=",".join(names), names=names)


def check_size(found: Page, id_name: str, old: dict | None, new: dict, what: str) -> None:
    """Raises LIMIT_REACHED where a definition grows, and all of its kind in the organisation are too large with it.

    found: the result of `definitions`      old, new: the definition as it is (None: not yet) and as it would be
    Everybody who belongs to the organisation waits for all of them in each decision, in other organisations too.
    """
    others = sum(_size(record) for record in found.items if record[id_name] != new[id_name])
    # Where there is more than one answer of the database holds, this definition may not be among those found.
    had = _size(old) if old is not None and old["active"] else 0
    size = _size(new)
    if size > had and (found.last_key is not None or others + size > LARGEST_DEFINITIONS):
        raise Conflict(
            f"The {what} of the organisation are too large together: names, descriptions and what they grant have "
            f"{others + size} bytes, and may have {LARGEST_DEFINITIONS}.",
            code="LIMIT_REACHED",
            details={"limit": LARGEST_DEFINITIONS},
        )


def _size(record: dict) -> int:
    texts = [record.get(name, "") for name in _TEXTS]
    texts += [text for name in _LISTS for text in record.get(name, ())]
    return sum(len(text.encode()) for text in texts)


def count(
    table: str,
    entity: str,
    ids: Mapping[str, str],
    differences: Mapping[str, int],
    change: Change,
    least: Mapping[str, int] | None = None,
    exactly: Mapping[str, int] | None = None,
) -> Update:
    """Adds to the numbers of a record of use, which comes to be with the first of them.

    ids: the record's own attributes, such as organisationId and roleId, that make its key too
    differences: what to add to which number
    least, exactly: how much a number must be before, or nothing is added
    """
    parts = {"orgId" if name == "organisationId" else name: value for name, value in ids.items()}
    fixed = {"entityType": entity, **ids, "active": True, "requestId": change.request_id}
    adds = {**differences, "version": 1}
    sets = ", ".join(f"#{name} = :{name}" for name in fixed)
    conditions, limits = [], {}
    for sign, wanted in ((">=", least), ("=", exactly)):
        for name, value in (wanted or {}).items():
            conditions.append(f"#{name} {sign} :before_{name}")
            limits[f":before_{name}"] = value
    return Update(
        table,
        key(entity, **parts),
        f"SET {sets}, dateCreated = if_not_exists(dateCreated, :now), createdBy = if_not_exists(createdBy, :actor), "
        f"dateLastUpdated = :now, lastUpdatedBy = :actor ADD {', '.join(f'#{name} :{name}' for name in adds)}",
        " AND ".join(conditions) or None,
        names={f"#{name}": name for name in (*fixed, *adds)},
        values={
            **{f":{name}": value for name, value in (*fixed.items(), *adds.items())},
            **limits,
            ":now": timestamp(change.now),
            ":actor": change.actor,
        },
    )


class Named(NamedTuple):
    """A kind of record of an organisation that has a version, can be inactive, and a name that is unique while active.

    The name is a record of its own in the same partition, by what it looks like: whoever writes it first has the name.
    Where the data model says so, inactive records lie apart from the active ones, which decisions read all of.
    """

    entity: str
    name_entity: str
    id_name: str

    def reads(self, table: str, org_id: str, one: str) -> list[Get]:
        """The reads of a record by its id: where it lies while it is active, and while it is not."""
        places = (key(self.entity, active=active, **{"orgId": org_id, self.id_name: one}) for active in (True, False))
        return [Get(table, place) for place in places]

    def find(self, database: Database, table: str, org_id: str, one: str, results: list) -> dict | None:
        """The record, from the results of `reads`."""
        found = [result for result in results if result is not None]
        if not found:
            # It may have moved from one place to the other between the two reads.
            found = [result for result in database.parallel(self.reads(table, org_id, one)) if result is not None]
        return max(found, key=lambda record: record["version"], default=None)

    def create(self, table: str, item: dict) -> list[Step]:
        """The steps that store a new, active record."""
        return [
            (put_over(table, {**item, **self._place_of(item)}, None), Stale()),
            (self._take_name(table, item), self.taken(item["name"])),
        ]

    def replace(self, table: str, old: dict, new: dict) -> list[Step]:
        """The steps that store the next version, where nobody stored another one since `old` was read."""
        steps = self._store(table, old, new)
        had = old["active"] and self._name_key(old)
        gets = new["active"] and self._name_key(new)
        if had == gets:
            return steps
        if gets:
            steps.append((self._take_name(table, new), self.taken(new["name"])))
        if had:
            owner = {":id": old[self.id_name]}
            own = "#id = :id"
            if skeleton(old["name"]) != old["name"].casefold():
                own = f"attribute_not_exists(PK) OR {own}"  # names given before 0022 lie under another key
            steps.append((Delete(table, had, own, {"#id": self.id_name}, owner), Stale()))
        return steps

    def _store(self, table: str, old: dict, new: dict) -> list[Step]:
        item = {**new, **self._place_of(new)}
        if _place(item) == _place(old):
            return [(put_over(table, item, old), Stale())]
        names, values = {"#version": "version"}, {":version": old["version"]}
        return [
            (Delete(table, _place(old), "#version = :version", names, values), Stale()),
            (put_over(table, item, None), Stale()),
        ]

    def _place_of(self, item: dict) -> dict[str, str]:
        parts = {"orgId": item["organisationId"], self.id_name: item[self.id_name]}
        return key(self.entity, active=item["active"], **parts)

    def taken(self, name: str) -> Conflict:
        """The answer to a name that another record has."""
        return Conflict(
            f"The name {name!r} is taken in this organisation. Choose another one.",
            code="NAME_TAKEN",
            details={"name": name},
        )

    def _take_name(self, table: str, item: dict) -> Put:
        kept = ("organisationId", self.id_name, "name", *AUDIT_COLUMNS, "requestId", "version", "active")
        record = {**self._name_key(item), "entityType": self.name_entity, **_given(item, kept)}
        return put_over(table, record, None)

    def _name_key(self, item: dict) -> dict[str, str]:
        return key(self.name_entity, orgId=item["organisationId"], name=skeleton(item["name"]))
