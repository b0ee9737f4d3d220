"""How long DynamoDB takes for 10,000 people who accept invitations to one organisation at the same moment.

    python -m benchmarks joins [--people 10000] [--teams 100] [--connections 16] [--seed 1] [--json]

Everybody was invited by one person, gets the same role, and joins one of the teams with the same team role. The
transactions are those of the code; `before` is what they were when counts, definitions and departures were one item
each and the index of pending invitations had one partition. Nobody has the roles before: whoever comes before the part
of a count is there makes it, and writes the head of the counts as well. On paper: the units of the busiest partition
and the transactions of the busiest item, each by its limit. Simulated: so many connections, which are refused by
conflicts and limits and come back as the database's client does. Somebody changes the role every two seconds. The
limits are in benchmarks/dynamodb_limits.json, with where they are published. Goal: 60 seconds where a transaction takes
20 ms.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
import sys
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from bbws_access.access.departures import Departures
from bbws_access.invitation import rules as invitation_rules
from bbws_access.invitation import store as invitation_store
from bbws_access.kernel.contract import load_data_model, load_roles
from bbws_access.kernel.dynamodb import Check, Delete, Page, Put, Update, encode_item
from bbws_access.kernel.ids import new_id
from bbws_access.kernel.keys import key
from bbws_access.kernel.records import Change, stays_active
from bbws_access.kernel.uses import PARTS, part_of
from bbws_access.role import rules as role_rules
from bbws_access.role import store as role_store
from bbws_access.team import memberships
from bbws_access.team import rules as team_rules

Action = Put | Update | Delete | Check

LIMITS = json.loads((Path(__file__).parent / "dynamodb_limits.json").read_text(encoding="utf-8"))
GOAL_SECONDS = 60.0
_PERMISSIONS, _TEAMS, _INVITATIONS = "permissions", "teams", "invitations"
# As the client of the database waits and gives up.
_FIRST_BACKOFF, _LONGEST_BACKOFF, _DEADLINE = 0.025, 1.0, 4.0
_REFUSED_SECONDS = 0.005
_COUNTED_ITEM_BYTES = 500  # of a count, of which an update names the new values only


class Load(NamedTuple):
    """What a transaction takes. items: those that no other may have meanwhile; units: by partition"""

    items: frozenset[str]
    units: dict[str, int]


class Joining(NamedTuple):
    """What one person's acceptance takes. first: where the part is not there yet in which they are counted"""

    part: str
    first: Load
    later: Load


class Outcome(NamedTuple):
    """seconds: until all were done; tries: transactions sent; unavailable: given up by the client and begun again;
    changes, slowest_change: how often the role was changed meanwhile, and the seconds that this took at most."""

    seconds: float
    tries: int
    unavailable: int
    changes: int
    slowest_change: float


class Organisation:
    """An organisation that invites everybody at once, and what accepting and changing write."""

    def __init__(self, teams: int) -> None:
        self._change = Change.outside_a_request("somebody")
        self._org_id, self._inviter = new_id("organisation"), str(uuid.uuid4())
        roles = load_roles()
        default = next(role for role in roles["defaultOrganisationRoles"] if role["name"] == "ORG_MANAGER")
        self._role = role_rules.new_role(self._org_id, new_id("role"), default, is_default=True, change=self._change)
        default = next(role for role in roles["defaultTeamRoles"] if role["name"] == "MEMBER")
        self._team_role = team_rules.new_team_role(
            self._org_id, new_id("team-role"), default, is_default=True, change=self._change
        )
        self._teams = [
            team_rules.new_team(self._org_id, new_id("team"), {"name": f"Team {n}"}, self._change) for n in range(teams)
        ]

    def acceptance(self, number: int, user: str, *, first: bool = False) -> list[Action]:
        """The transaction by which one person accepts, as `invitation/acceptance.py` puts it together.

        first: where the part of each count is not there yet in which they are counted
        """
        team, head = self._teams[number % len(self._teams)], None if first else {"parts": set(PARTS)}
        change = self._change._replace(actor=user)
        role, team_role, org_id = self._role, self._team_role, self._org_id
        invitation = self._invitation(number, team)
        record = role_rules.new_assignment(role, user, None, None, None, change, departures=0)
        record |= {"userEmail": invitation["email"], "emailSource": "VERIFIED", "assignedBy": self._inviter}
        body = {"userId": user, "userEmail": invitation["email"], "emailSource": "VERIFIED"}
        member = team_rules.new_membership(
            org_id, team["teamId"], body, team_role, None, change, primary=True, departures=0
        )
        ended = invitation_rules.ended(
            invitation, invitation_rules.ACCEPTED, change, acceptedAt=change.now.isoformat(), acceptedBy=user
        )
        steps = [
            *(Departures(one).stays(_PERMISSIONS) for one in (self._inviter, user)),
            *role_store.assign_steps(_PERMISSIONS, record, role, None, change, head),
            *memberships.begin(_TEAMS, member, team_role, None, change, head=head),
            *memberships.primary(_TEAMS, member, None, (), change),
        ]
        stored = Put(_INVITATIONS, invitation_store._item(ended))
        return [stored, *(action for action, _ in steps), invitation_store._free_address(_INVITATIONS, ended)]

    def change(self) -> list[Action]:
        """The transaction by which the role is given another description, once all parts of its count are there."""
        new = {**self._role, "description": "Another", **self._change.next(self._role)}
        stored = {**self._role, **key("OrganisationRole", orgId=self._org_id, roleId=self._role["roleId"])}
        steps = role_store.ROLES.replace(_PERMISSIONS, stored, new)
        head = {"entityType": "RoleUsage", "parts": set(PARTS), "version": 1, "count": 0}
        found = Page([head], None, 1)
        renewed = role_store.USES.renewed(_PERMISSIONS, new, self._change, found, unused=False)
        return [action for action, _ in [*steps, *renewed]]

    def _invitation(self, number: int, team: dict) -> dict:
        offer = {
            "organisationName": "Acme",
            "roleId": self._role["roleId"],
            "roleName": self._role["name"],
            "roleDisplayName": self._role["displayName"],
            "teamId": team["teamId"],
            "teamName": team["name"],
            "teamRoleId": self._team_role["teamRoleId"],
            "teamRoleName": self._team_role["name"],
        }
        change = self._change._replace(actor=self._inviter)
        body = {"email": f"person.{number:05d}@acme.example"}
        return invitation_rules.new_invitation(
            self._org_id, new_id("invitation"), body, offer, "boss@acme.example", change, departures=0
        )

    def before(self, actions: Iterable[Action]) -> list[Action]:
        """A transaction as it was: one count of each kind, a check of what it counts, one record of departures."""
        role = key("OrganisationRole", orgId=self._org_id, roleId=self._role["roleId"])
        team_role = key("TeamRoleDefinition", orgId=self._org_id, teamRoleId=self._team_role["teamRoleId"])
        found = [self._one_item(action) for action in actions]
        if any(isinstance(action, Check) for action in found):  # an acceptance, which checks who leaves
            found += [stays_active(_PERMISSIONS, role)[0], stays_active(_TEAMS, team_role)[0]]
        return list({(one.table, *_place(one).values()): one for one in found}.values())

    def _one_item(self, action: Action) -> Action:
        place = _place(action)
        if isinstance(action, Put):
            return action
        if place["PK"].startswith("INVITATION_ADDRESS#"):
            email = place["PK"].rpartition("#")[2]
            return action._replace(key={"PK": f"INVITATION#ORG#{self._org_id}", "SK": f"PENDING#{email}"})
        whole = "DEPARTURES" if place["SK"].startswith("COPY#") else place["SK"].partition("#PART#")[0]
        return action._replace(key={**place, "SK": whole})


def _place(action: Action) -> dict[str, str]:
    stored = action.item if isinstance(action, Put) else action.key
    return {name: stored[name] for name in ("PK", "SK")}


def load(actions: Iterable[Action], *, one_index_of_pending: bool = False) -> Load:
    """What a transaction takes of DynamoDB."""
    items, units = set(), Counter()
    for action in actions:
        place = _place(action)
        items.add(f"{action.table} {place['PK']} {place['SK']}")
        size = _bytes(action.item) if isinstance(action, Put) else _COUNTED_ITEM_BYTES
        units[f"{action.table} {place['PK']}"] += LIMITS["transaction_factor"]["value"] * _units(size)
        for partition, changes in _index_writes(action, one_index_of_pending=one_index_of_pending):
            units[partition] += changes * _units(size)
    return Load(frozenset(items), dict(units))


def _index_writes(action: Action, *, one_index_of_pending: bool) -> Iterator[tuple[str, int]]:
    """The index partitions that a write reaches: what it stores there, and what the invitation leaves there."""
    if not isinstance(action, Put):
        return
    for name, index in load_data_model()["tables"][action.table]["indexes"].items():
        partition = action.item.get(index["partitionKey"])
        if partition is not None:
            yield f"{name} {partition}", 1
    if action.item.get("entityType") == "Invitation":
        pending = invitation_store._item({**action.item, "status": invitation_rules.PENDING})
        yield f"invitations-by-status {pending['GSI1PK']}", 1
        yield f"invitations-by-expiry {'all' if one_index_of_pending else pending['GSI3PK']}", 1


def _units(size: int) -> int:
    return -(-size // LIMITS["write_unit_bytes"]["value"])


def _bytes(item: dict) -> int:
    """The size of an item, as DynamoDB counts it within a few bytes."""

    def of(value: dict) -> int:
        [(kind, content)] = value.items()
        if kind == "M":
            return 3 + sum(len(name) + 1 + of(one) for name, one in content.items())
        if kind == "L":
            return 3 + sum(1 + of(one) for one in content)
        return len(content.encode()) if isinstance(content, str) else 1

    return sum(len(name.encode()) + of(value) for name, value in encode_item(item).items())


def on_paper(loads: list[Load], transaction_seconds: float) -> tuple[float, str]:
    """The seconds that the busiest partition or item takes at least, and which it is."""
    units, items = Counter(), Counter()
    for one in loads:
        units.update(one.units)
        items.update(one.items)
    limit = LIMITS["partition_write_units"]["value"]
    partition, of_partition = max(((name, count / limit) for name, count in units.items()), key=lambda one: one[1])
    item, of_item = max(((name, count * transaction_seconds) for name, count in items.items()), key=lambda one: one[1])
    return (of_item, f"item {item}") if of_item > of_partition else (of_partition, f"partition {partition}")


def simulate(loads: list[Joining], change: Load, transaction_seconds: float, connections: int, seed: int) -> Outcome:
    """What becomes of transactions that are sent over so many connections, and of changes among them."""
    chance = random.Random(seed)
    limit = LIMITS["partition_write_units"]["value"]
    free_at: dict[str, float] = {}  # of items
    spent: dict[str, tuple[int, int]] = {}  # of partitions: the second, and the units of it
    waiting = list(range(len(loads) - 1, -1, -1))
    made: set[str] = set()  # the parts that are there
    asks: dict[int, Load] = {}  # what each sends again and again, as it was when they read
    # Moment, a number that orders what happens at the same one, who, the try, when the first one of the client's call
    # was, and of all.
    events: list[tuple[float, int, int, int, float, float]] = []
    order = tries = unavailable = 0
    changes: list[float] = []
    end, left = 0.0, len(loads)

    def come(moment: float, who: int, attempt: int, began: float, first: float) -> None:
        nonlocal order
        order += 1
        heapq.heappush(events, (moment, order, who, attempt, began, first))

    for _ in range(min(connections, len(loads))):
        come(chance.uniform(0, transaction_seconds), waiting.pop(), 0, 0.0, 0.0)
    come(1.0, -1, 0, 1.0, 1.0)
    while left:
        now, _, who, attempt, began, first = heapq.heappop(events)
        if who >= 0 and not attempt:
            asks[who] = loads[who].later if loads[who].part in made else loads[who].first
        one = change if who < 0 else asks[who]
        tries += who >= 0
        second = int(now)
        used = {name: spent[name][1] if spent.get(name, (-1, 0))[0] == second else 0 for name in one.units}
        throttled = any(used[name] + count > limit for name, count in one.units.items())
        in_the_way = any(free_at.get(item, 0.0) > now for item in one.items)
        if not throttled:
            # What is cancelled because of a conflict costs as well.
            spent.update((name, (second, used[name] + count)) for name, count in one.units.items())
        if not throttled and not in_the_way:
            done = now + transaction_seconds
            free_at.update(dict.fromkeys(one.items, done))
            if who < 0:
                changes.append(done - first)
                come(done + 2.0, who, 0, done + 2.0, done + 2.0)
                continue
            made.add(loads[who].part)
            left -= 1
            end = done
            if waiting:
                come(done, waiting.pop(), 0, done, done)
            continue
        attempt += 1
        pause = chance.uniform(0, min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2**attempt))
        if now + pause - began >= _DEADLINE:
            unavailable += 1
            attempt, began = 0, now + pause  # whoever asked, asks again
        come(now + _REFUSED_SECONDS + pause, who, attempt, began, first)
    return Outcome(end, tries, unavailable, len(changes), max(changes, default=0.0))


def figures(people: int, teams: int, connections: int, seed: int) -> list[dict]:
    """All figures: as it is and as it was, for each time that a transaction may take."""
    organisation = Organisation(teams)
    now: list[Joining] = []
    was: list[Joining] = []
    for number, user in enumerate(str(uuid.uuid4()) for _ in range(people)):
        first, later = (organisation.acceptance(number, user, first=one) for one in (True, False))
        before = load(organisation.before(later), one_index_of_pending=True)
        now.append(Joining(part_of(user), load(first), load(later)))
        was.append(Joining(part_of(user), before, before))
    changed = organisation.change()
    builds = ("before", was, load(organisation.before(changed))), ("now", now, load(changed))
    found = []
    for seconds in LIMITS["transaction_seconds"]["value"]:
        for name, loads, change in builds:
            paper, limit = on_paper([one.later for one in loads], seconds)
            outcome = simulate(loads, change, seconds, connections, seed)
            found.append({"build": name, "transaction": seconds, "paper": paper, "limit": limit, **outcome._asdict()})
    return found


def main(arguments: list[str] | None = None) -> int:
    """Show the figures; the exit status says whether the goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.joins", description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--teams", type=int, default=100)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args(arguments)
    found = figures(options.people, options.teams, options.connections, options.seed)
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        print(f"{options.people} people accept invitations to {options.teams} teams of one organisation")
        titles = ("", "each takes", "on paper", "simulated", "tries", "503", "changes", "slowest")
        print("".join(f"{title:>12s}" for title in titles))
        for one in found:
            print(
                f"{one['build']:>12s}{one['transaction'] * 1000:>9.0f} ms{one['paper']:>10.1f} s"
                f"{one['seconds']:>10.1f} s"
                f"{one['tries']:>12d}{one['unavailable']:>12d}{one['changes']:>12d}{one['slowest_change']:>10.2f} s"
                f"  {one['limit']}"
            )
    goal = [one for one in found if one["build"] == "now" and one["transaction"] <= 0.02]
    return int(any(max(one["paper"], one["seconds"]) > GOAL_SECONDS for one in goal))


if __name__ == "__main__":
    sys.exit(main())
