"""Where the invitation service's records lie: the reads and writes of its operations."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime

from bbws_access.invitation import rules
from bbws_access.kernel.dynamodb import Call, ConditionFailed, Database, Delete, Get, Put, Query, Update
from bbws_access.kernel.errors import ServiceError
from bbws_access.kernel.keys import index_key, key, partition, sort_prefix
from bbws_access.kernel.records import Change, Stale, Step, commit, put_over, timestamp

_BY_STATUS, _BY_EMAIL, _BY_EXPIRY = "invitations-by-status", "invitations-by-email", "invitations-by-expiry"
# One partition of an index takes 1,000 units a second: with one for all, 500 invitations on the whole platform.
_SHARDS = "0123456789abcdef"
# What the end of an expired invitation is written by, and the keys of its next version are made from.
_OF_AN_END = ("status", "active", "version", "organisationId", "invitationId", "email", "expiresAt", "dateCreated")


# Reads


def invitation(table: str, org_id: str, invitation_id: str) -> Get:
    return Get(table, key("Invitation", orgId=org_id, invitationId=invitation_id))


def pending(table: str, org_id: str, email: str) -> Get:
    return Get(table, key("PendingInvitation", orgId=org_id, email=email))


def token(table: str, token_hash: str) -> Get:
    return Get(table, key("InvitationToken", tokenHash=token_hash))


def creations(table: str, org_id: str, now: datetime) -> list[Call]:
    """How many invitations an organisation has created in this day, and in this minute."""
    return [Get(table, place) for _, place, _ in _creation_counters(org_id, now)]


def invitations(table: str, org_id: str, query: dict, now: datetime, size: int) -> list[Query]:
    """The queries whose results together are the list asked for, each in its order.

    By date of creation; with a status alone, by the end: an expired invitation lies under EXPIRED when that was
    written down, and under PENDING before.
    size: how many are wanted
    """
    whole = size + 1  # of those that nothing filters: one more tells whether there is another page
    forward = query["order"] == "oldest"
    status, email, moment = query.get("status"), query.get("email"), timestamp(now)
    if email is not None:
        name = partition("Invitation", index=_BY_EMAIL, email=rules.normal_email(email))
        # By organisation first: however often others invite an address, this list costs the same.
        own = sort_prefix("Invitation", index=_BY_EMAIL, orgId=org_id)
        asked = Query(table, name, own, index=_BY_EMAIL, forward=forward)
        return [asked._replace(limit=whole) if status is None else _filtered(asked, status, moment)]
    if status is None:
        return [Query(table, partition("Invitation", orgId=org_id), "INVITATION#", forward=forward, limit=whole)]

    def under(stored: str) -> Query:
        name = partition("Invitation", index=_BY_STATUS, orgId=org_id, status=stored)
        return Query(table, name, index=_BY_STATUS, forward=forward, limit=whole)

    if status == rules.PENDING:
        # Nearly all have not expired: those that have are swept.
        return [_filtered(under(rules.PENDING)._replace(limit=2 * size + 1), status, moment)]
    if status == rules.EXPIRED:
        return [under(rules.PENDING)._replace(sort_range=_until(moment)), under(rules.EXPIRED)]
    return [under(status)]


def overdue(table: str, now: datetime, most: int) -> list[Query]:
    """Pending invitations that have expired, the longest expired first: a query for each part of the platform.

    All of an organisation are in one part. Of each invitation there is as much as `expire` needs.
    most: how many of each part
    """
    names = {f"#{name}": name for name in _OF_AN_END}
    asked = Query(
        table,
        "",
        index=_BY_EXPIRY,
        sort_range=_until(timestamp(now)),
        limit=most,
        projection=",".join(["PK", "SK", "GSI1PK", "GSI1SK", "GSI2PK", "GSI2SK", "GSI3PK", "GSI3SK", *names]),
        names=names,
    )
    return [asked._replace(partition=partition("Invitation", index=_BY_EXPIRY, shard=shard)) for shard in _SHARDS]


def _until(moment: str) -> tuple[str, str]:
    """The sort keys of what ends by a moment: in them, the id follows the moment."""
    return "0", f"{moment}#~"


def _filtered(query: Query, status: str, moment: str) -> Query:
    """Those with a status at a moment."""
    names, values = {"#status": "status"}, {":status": status}
    condition = "#status = :status"
    if status == rules.PENDING:
        values[":now"] = moment
        condition += " AND expiresAt > :now"
    elif status == rules.EXPIRED:
        values |= {":now": moment, ":pending": rules.PENDING}
        condition += " OR (#status = :pending AND expiresAt <= :now)"
    return query._replace(filter=condition, names=names, values=values)


# Writes


def create(table: str, record: dict, replaced: dict | None, change: Change) -> list[Step]:
    """The steps that store a new invitation, make it the pending one of its address, and count it.

    replaced: the record of an expired one that gives way, None for none
    """
    return [*keep(table, record, replaced, change), *count_creations(table, record["organisationId"], 1, change.now)]


def keep(table: str, record: dict, replaced: dict | None, change: Change) -> list[Step]:
    """The steps that store a new invitation and make it the pending one of its address, without counting it."""
    return [
        (put_over(table, _item(record), None), Stale()),
        (_take_address(table, record, replaced, change), Stale()),
    ]


def count_creations(table: str, org_id: str, number: int, now: datetime) -> list[Step]:
    """The steps that count new invitations of an organisation, in this day and in this minute."""
    counters = _creation_counters(org_id, now)
    full = rules.too_many_in_day(now), rules.too_many_in_minute(now)
    return [
        (_count(table, entity, place, limit, now, number), error)
        for (entity, place, limit), error in zip(counters, full, strict=True)
    ]


def _creation_counters(org_id: str, now: datetime) -> tuple[tuple[str, dict, int], ...]:
    """Entity, key and limit of what counts an organisation's new invitations."""
    day = key("InvitationDayRate", orgId=org_id, day=rules.day(now))
    minute = key("InvitationRate", orgId=org_id, minute=rules.minute(now))
    return ("InvitationDayRate", day, rules.CREATIONS_A_DAY), ("InvitationRate", minute, rules.CREATIONS_A_MINUTE)


def resend(table: str, stored: dict, record: dict, change: Change) -> list[Step]:
    """The steps that store an invitation that is sent again."""
    return [
        (put_over(table, _item(record), stored), Stale()),
        (_take_address(table, record, stored, change), Stale()),
    ]


def end(database: Database, table: str, stored: dict, record: dict, steps: Iterable[Step] = ()) -> None:
    """Store the end of an invitation, free its address, and carry out what else belongs to it: all or nothing.

    Raises Stale where the invitation is not as it was read, and what the steps raise.
    """
    needed = [(put_over(table, _item(record), stored), Stale()), *steps]
    try:
        commit(database, [*needed, (_free_address(table, record), _AddressTaken())])
    except _AddressTaken:
        # The invitation had expired, and another one has the address by now: that one keeps it.
        commit(database, needed)


def _free_address(table: str, record: dict) -> Delete:
    place = key("PendingInvitation", orgId=record["organisationId"], email=record["email"])
    owner = {":id": record["invitationId"]}
    return Delete(table, place, "attribute_not_exists(PK) OR #id = :id", {"#id": "invitationId"}, owner)


def expire(table: str, stored: dict, record: dict) -> tuple[Update, Delete]:
    """The actions that store the end of an invitation, of which `overdue` found a part, and free its address.

    The first fails where the invitation is not as it was found, the second where another one has the address by now.
    """
    item = _item(record)
    changed = {name: value for name, value in item.items() if stored.get(name) != value}
    gone = sorted(stored.keys() - item.keys())
    update = Update(
        table,
        {name: stored[name] for name in ("PK", "SK")},
        f"SET {', '.join(f'#{name} = :{name}' for name in changed)} REMOVE {', '.join(gone)}",
        "#version = :before",
        {f"#{name}": name for name in changed},
        {":before": stored["version"], **{f":{name}": value for name, value in changed.items()}},
    )
    return update, _free_address(table, record)


class _AddressTaken(ServiceError):
    def __init__(self) -> None:
        super().__init__("Another invitation is the pending one of the address.")


def replace(database: Database, table: str, stored: dict, record: dict) -> None:
    """Store the next version of an invitation. Raises Stale where it is not as it was read."""
    commit(database, [(put_over(table, _item(record), stored), Stale())])


def keep_token(database: Database, table: str, record: dict) -> None:
    """Store what a token leads to."""
    database.put(table, {**key("InvitationToken", tokenHash=record["tokenHash"]), **record})


def count_use(
    database: Database, table: str, source: str, invitation_id: str, now: datetime, reads: list[Call]
) -> list:
    """Count a use of an invitation's tokens by an address; the results of reads that travel along.

    Raises RATE_LIMITED.
    """
    address, minute = rules.address_of(source), rules.minute(now)
    place = key("TokenRate", address=address, minute=minute, invitationId=invitation_id)
    try:
        # The count comes last: what was sent before it is read, so the connections can be kept.
        return database.parallel([*reads, _count(table, "TokenRate", place, rules.USES_A_MINUTE, now)])[:-1]
    except ConditionFailed:
        raise rules.too_many_uses(now) from None


def count_failure(database: Database, table: str, source: str, now: datetime) -> None:
    """Count that an address used what is no token. Raises RATE_LIMITED."""
    place = key("TokenFailureRate", address=rules.address_of(source), minute=rules.minute(now))
    try:
        database.parallel([_count(table, "TokenFailureRate", place, rules.FAILURES_A_MINUTE, now)])
    except ConditionFailed:
        raise rules.too_many_failures(now) from None


def _count(table: str, entity: str, place: dict, limit: int, now: datetime, number: int = 1) -> Update:
    """Adds to the counter of a minute or a day, unless that would be more than its limit."""
    seconds = rules.seconds_left_of_day(now) if entity == "InvitationDayRate" else rules.seconds_left(now)
    return Update(
        table,
        place,
        "SET entityType = :entity, #ttl = :ttl ADD #count :number",
        "attribute_not_exists(#count) OR #count <= :most",
        {"#ttl": "ttl", "#count": "count"},
        {
            ":entity": entity,
            ":ttl": int((now + rules.COUNTERS_STAY).timestamp()) + seconds,
            ":number": number,
            ":most": limit - number,
        },
    )


def _take_address(table: str, record: dict, replaced: dict | None, change: Change) -> Put:
    """Makes an invitation the pending one of its address, in the place of the one that was read (None: of none)."""
    place = key("PendingInvitation", orgId=record["organisationId"], email=record["email"])
    taken = {**place, **rules.pending_record(record, change)}
    if replaced is None:
        return put_over(table, taken, None)
    owner = {":id": replaced["invitationId"]}
    return Put(table, taken, "#id = :id", {"#id": "invitationId"}, owner)


def _item(record: dict) -> dict:
    """An invitation with its keys; only a pending one is in the index by expiry."""
    parts = {
        "orgId": record["organisationId"],
        "invitationId": record["invitationId"],
        "status": record["status"],
        "expiresAt": record["expiresAt"],
        "email": record["email"],
        "dateCreated": record["dateCreated"],
        "shard": _SHARDS[hashlib.sha256(record["organisationId"].encode()).digest()[0] % len(_SHARDS)],
    }
    found = {**record, **key("Invitation", **parts)}
    for index in (_BY_STATUS, _BY_EMAIL, _BY_EXPIRY):
        placed = index_key("Invitation", index, **parts)
        if index != _BY_EXPIRY or record["status"] == rules.PENDING:
            found |= placed
        else:
            found = {name: value for name, value in found.items() if name not in placed}
    return found
