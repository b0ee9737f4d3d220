"""How memberships begin, change and end: each with the numbers that count it, all in one transaction or not at all.

The numbers of a team (members, leads) and of a team role (members who have it) are records of their own, as decision
0004 says. A lead is a member whose team role has CAN_MANAGE_MEMBERS; whether a team role has it cannot change while
members have the role, so what a membership's record says of it stays true.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from bbws_access.access.departures import Departures
from bbws_access.kernel.dynamodb import Check, Database, Delete, Get, Page
from bbws_access.kernel.errors import Conflict, Unavailable
from bbws_access.kernel.keys import key
from bbws_access.kernel.records import (
    Change,
    Stale,
    Step,
    commit,
    count,
    put_over,
    stays_active,
    timestamp,
    until_fresh,
)
from bbws_access.kernel.uses import PART
from bbws_access.service.access import CallerLeft
from bbws_access.team import rules, store

ENDED_AT_ONCE = 31  # each can take three of the hundred actions of a transaction; five are for the whole and its caller
_MOST_ACTIONS = 100  # of a transaction
_LONGEST_END = 15.0  # seconds of a request
_INDEX_PAUSE = 0.1  # seconds that the index of members is given to catch up


# Steps of transactions. Those that fail because something changed since it was read come first.


def begin(
    table: str,
    record: dict,
    role: dict,
    replaced: dict | None,
    change: Change,
    team: Step | None = None,
    head: dict | None = None,
) -> list[Step]:
    """The steps that store a new membership of an active team, with a team role that is still as it was read.

    replaced: the one in whose place it comes: ended, or still counted although its user left since; None for none
    team: what else the team has to be; None for nothing but active
    head: that of the team role's counts, here and below, if it was read
    """
    moves = [(record, 1), *_still_counted(replaced)]
    return [*_stored(table, record, replaced, team), *counted(table, moves, change, role, head, keep_leads=False)]


def alter(table: str, old: dict, new: dict, role: dict | None, change: Change, head: dict | None = None) -> list[Step]:
    """The steps that store a membership's next version; role: the team role that it gets, None for the same."""
    if role is None:
        return [(put_over(table, store.member_item(new), old), Stale())]
    return [*_stored(table, new, old), *counted(table, [(old, -1), (new, 1)], change, role, head, keep_leads=True)]


def move(
    table: str,
    old: dict,
    new: dict,
    role: dict,
    replaced: dict | None,
    change: Change,
    head: dict | None = None,
) -> list[Step]:
    """The steps that end one membership and store another."""
    return [
        (put_over(table, store.member_item(rules.ended_membership(old, change)), old), Stale()),
        *_stored(table, new, replaced),
        *counted(table, [(old, -1), (new, 1), *_still_counted(replaced)], change, role, head, keep_leads=True),
    ]


def end(table: str, stored: Iterable[dict], change: Change, *, keep_leads: bool, are_all: bool = False) -> list[Step]:
    """The steps that end memberships.

    keep_leads: refuse with LAST_LEAD where a team would lose its last one
    are_all: fail where their team has others
    """
    stored = list(stored)
    steps: list[Step] = []
    for membership in stored:
        ended = store.member_item(rules.ended_membership(membership, change))
        steps.append((put_over(table, ended, membership), Stale()))
        if membership["isPrimary"]:
            steps.append(no_primary(table, membership))
    moves = [(membership, -1) for membership in stored]
    return [*steps, *counted(table, moves, change, None, keep_leads=keep_leads, are_all=are_all)]


def end_with_team(table: str, usage: dict | None, found: Page, change: Change) -> list[Step] | None:
    """The steps that end all memberships of a team in the transaction that ends the team, and fail where it has more.

    usage: the team's numbers      found: the result of `store.members` for ENDED_AT_ONCE
    None where the index shows another number of members: they are too many for one transaction, or it is behind. Where
    it is behind in another way, the steps fail.
    """
    places = {(membership["PK"], membership["SK"]) for membership in found.items}
    if usage is None or not len(places) == len(found.items) == usage["memberCount"]:
        return None
    if found.items:
        return end(table, found.items, change, keep_leads=False, are_all=True)
    names, values = {"#count": "memberCount"}, {":none": 0}
    return [(Check(table, {"PK": usage["PK"], "SK": usage["SK"]}, "#count = :none", names, values), Stale())]


def _still_counted(replaced: dict | None) -> list[tuple[dict, int]]:
    return [(replaced, -1)] if replaced is not None and replaced["active"] else []


def _stored(table: str, record: dict, replaced: dict | None, team: Step | None = None) -> list[Step]:
    place = key("Team", orgId=record["organisationId"], teamId=record["teamId"])
    return [(put_over(table, store.member_item(record), replaced), Stale()), team or stays_active(table, place)]


def no_members(table: str, team: dict, change: Change) -> Step:
    """The step that stores the numbers of a new team."""
    ids = {"organisationId": team["organisationId"], "teamId": team["teamId"]}
    place = key("TeamUsage", orgId=ids["organisationId"], teamId=ids["teamId"])
    numbers = {"memberCount": 0, "leadCount": 0, "active": True}
    return put_over(table, {**place, "entityType": "TeamUsage", **ids, **numbers, **change.first()}, None), Stale()


def counted(
    table: str,
    moves: Iterable[tuple[dict, int]],
    change: Change,
    role: dict | None,
    head: dict | None = None,
    *,
    keep_leads: bool,
    are_all: bool = False,
) -> list[Step]:
    """The steps that count memberships which begin (1) or end (-1).

    role: the team role of those that begin, as it was read; None where none does
    """
    moves = list(moves)
    teams: dict[tuple[str, str], dict[str, int]] = {}
    for record, difference in moves:
        org_id = record["organisationId"]
        numbers = teams.setdefault((org_id, record["teamId"]), {"memberCount": 0, "leadCount": 0})
        numbers["memberCount"] += difference
        numbers["leadCount"] += difference if record["isLead"] else 0
    steps: list[Step] = []
    for (org_id, team_id), numbers in teams.items():
        changed = {name: difference for name, difference in numbers.items() if difference}
        if changed:
            lost = -numbers["leadCount"]
            least = {"leadCount": lost + 1} if keep_leads and lost > 0 else None
            ids = {"organisationId": org_id, "teamId": team_id}
            exactly = {"memberCount": -numbers["memberCount"]} if are_all else None
            action = count(table, "TeamUsage", ids, changed, change, least, exactly)
            steps.append((action, last_lead() if least else Stale()))
    return [*steps, *store.USES.counted(table, moves, change, role, head)]


# At most one primary team: a record of the user's says which


def primary(
    table: str, record: dict, pointer: dict | None, others: Iterable[dict], change: Change, *, left: str | None = None
) -> list[Step]:
    """The steps that make a membership's team the user's primary one.

    pointer: the record that says which is it now      others: the user's other memberships
    left: the team whose membership ends in the same transaction
    """
    ids = {"orgId": record["organisationId"], "userId": record["userId"]}
    columns = change.first() if pointer is None else {**pointer, **change.next(pointer)}
    item = {
        **columns,
        **key("PrimaryTeam", **ids),
        "entityType": "PrimaryTeam",
        "organisationId": record["organisationId"],
        "userId": record["userId"],
        "teamId": record["teamId"],
        "active": True,
    }
    put = put_over(table, item, pointer)
    if pointer is not None:
        # It goes and comes again, with its first version: another one with the same version is not what was read.
        put = put._replace(
            condition=f"{put.condition} AND requestId = :request",
            values={**put.values, ":request": pointer["requestId"]},
        )
    steps: list[Step] = [(put, Stale())]
    done = {record["teamId"], left}
    for other in others:
        if other["isPrimary"] and other["active"] and other["teamId"] not in done:
            demoted = {**other, "isPrimary": False, **change.next(other)}
            steps.append((put_over(table, store.member_item(demoted), other), Stale()))
            done.add(other["teamId"])
    if pointer is not None and pointer["teamId"] not in done:
        # It may have become the primary one after the memberships were read and before the record was.
        place = key("TeamMember", teamId=pointer["teamId"], **ids)
        names, values = {"#active": "active", "#primary": "isPrimary"}, {":no": False}
        condition = "attribute_not_exists(PK) OR #active = :no OR #primary = :no"
        steps.append((Check(table, place, condition, names, values), Stale()))
    return steps


def no_primary(table: str, stored: dict) -> Step:
    """The step that leaves the user of a membership, whose team is their primary one, without any."""
    place = key("PrimaryTeam", orgId=stored["organisationId"], userId=stored["userId"])
    return Delete(table, place, "#team = :team", {"#team": "teamId"}, {":team": stored["teamId"]}), Stale()


# Whoever joins a team belongs to its organisation


def belongs(tables: tuple[str, str], assignment: dict | None, membership: dict | None, change: Change) -> Step:
    """The step that fails where what proves that a user belongs to the organisation is not in force any more.

    tables: `permissions` and `teams`      assignment: the proof, or None where a membership is it
    """
    permissions, teams = tables
    if assignment is None:
        return stays_active(teams, membership)
    condition = "#active = :true AND (attribute_not_exists(expiresAt) OR expiresAt > :now)"
    place = {"PK": assignment["PK"], "SK": assignment["SK"]}
    values = {":true": True, ":now": timestamp(change.now)}
    return Check(permissions, place, condition, {"#active": "active"}, values), Stale()


# Many at once


def end_all_of_team(database: Database, table: str, org_id: str, team_id: str, change: Change) -> None:
    """End every membership of a team that is inactive, which nobody can join.

    Raises Unavailable when it takes too long for one request: what is ended stays so, and the next call goes on.
    Raises VERSION_CONFLICT where somebody brought the team back meanwhile, CallerLeft.
    """
    until = time.monotonic() + _LONGEST_END
    while _members_left(database, table, org_id, team_id):
        if time.monotonic() > until:
            raise Unavailable("The team has many members. Call again to go on ending their memberships.")
        page = database.parallel([store.members(table, org_id, team_id, None, ENDED_AT_ONCE)])[0]
        # The index is a moment behind: it may still show what was ended just now.
        read = database.parallel([Get(table, {"PK": item["PK"], "SK": item["SK"]}) for item in page.items])
        found = [membership for membership in read if membership is not None and membership["active"]]
        if not found:
            time.sleep(_INDEX_PAUSE)
            continue
        inactive, _ = stays_active(table, key("Team", orgId=org_id, teamId=team_id), active=False)
        try:
            commit(database, [(inactive, _brought_back()), *end(table, found, change, keep_leads=False)])
        except CallerLeft:
            raise
        except Stale:
            continue


def end_all_of_user(database: Database, table: str, departures: Departures, org_id: str | None, change: Change) -> None:
    """End every membership that a user had before they left, in one organisation or, for None, everywhere.

    Leads go, last ones too.
    """
    query = store.memberships(table, departures.user_id, org_id)

    def attempt(reads: list) -> None:
        while held := [membership for membership in database.rest_of(query, reads[0]) if departures.ended(membership)]:
            for together in _transactions(held):
                _end_together(database, table, together, change)
            reads = database.parallel([query])  # what began meanwhile ends as well

    until_fresh(database.parallel([query]), lambda: database.parallel([query]), attempt)


def _transactions(held: Iterable[dict]) -> Iterator[list[dict]]:
    """Memberships in as few groups as their ends have room in transactions: 1,000 in one organisation are 21."""
    together: list[dict] = []
    touched: set[tuple[str | None, ...]] = set()
    for membership in held:
        org_id, team_id = membership["organisationId"], membership["teamId"]
        counted_in = membership["teamRoleId"], membership.get(PART)
        needs = {(org_id, team_id), (org_id, team_id, "TeamUsage"), (org_id, *counted_in, "TeamRoleUsage")}
        if membership["isPrimary"]:
            needs.add((org_id, "PrimaryTeam"))
        if together and len(touched | needs) > _MOST_ACTIONS:
            yield together
            together, touched = [], set()
        together.append(membership)
        touched |= needs
    if together:
        yield together


def _end_together(database: Database, table: str, held: list[dict], change: Change) -> None:
    """End a user's memberships in one transaction; where others keep getting in its way, in smaller ones."""
    try:
        commit(database, end(table, held, change, keep_leads=False))
    except Unavailable:
        if len(held) == 1:
            raise
        middle = len(held) // 2
        for half in (held[:middle], held[middle:]):
            _end_together(database, table, half, change)


def _members_left(database: Database, table: str, org_id: str, team_id: str) -> bool:
    usage = database.parallel([store.team_usage(table, org_id, team_id)])[0]
    return usage is not None and usage["memberCount"] > 0


def last_lead() -> Conflict:
    return Conflict(
        "The team would be without a lead. Make somebody else a lead first, or delete the team.", code="LAST_LEAD"
    )


def _brought_back() -> Conflict:
    return Conflict("Somebody brought the team back meanwhile. Read it again.")
