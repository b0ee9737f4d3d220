"""Every order of the two services' events and of requests; events that come again, late and at once; many callers."""

from __future__ import annotations

import itertools
import threading
import uuid
from collections.abc import Callable, Iterable
from functools import partial

import pytest
from benchmarks._scenarios import Place

from bbws_access.access import departures
from bbws_access.kernel.contract import load_events
from bbws_access.kernel.dynamodb import Put
from bbws_access.kernel.keys import key, partition
from bbws_access.role import store
from bbws_access.role.handler import service as role_service
from bbws_access.team.handler import service as team_service
from tests.support.services import Instance, at_once
from tests.support.tables import query_all
from tests.support.teams import MEMBER, MEMBERS
from tests.unit.leaving.test_requests import held

ROLES = "/organisations/{}/users/{}/roles"


class Departure:
    """One event `UserDeactivated`, which EventBridge brings to each function as often as it likes."""

    def __init__(self, place: Place, user: str, org_id: str | None, departure: str | None = None) -> None:
        self._place = place
        detail = {"userId": user}
        if org_id is not None:
            detail["organisationId"] = org_id
        if departure is not None:
            detail["departureId"] = departure
        source = load_events()["events"]["UserDeactivated"]["source"]
        self._event = {"id": str(uuid.uuid4()), "source": source, "detail-type": "UserDeactivated", "detail": detail}

    def reach(self, service: str, instance: Instance | None = None) -> None:
        (instance or self._place.instances[service]).invoke(self._event)


class Person:
    """Somebody with a role of their own, who leads a team."""

    def __init__(self, place: Place) -> None:
        self.place, self.organisation = place, place.organisation
        self.org_id, self.team = place.organisation.id, place.organisation.team(f"Team {uuid.uuid4().hex}")
        self.id = place.organisation.holder("*")
        self.organisation.add(self.team, self.id, "TEAM_LEAD").expect(201)
        self.accomplice = self.organisation.user()

    def assign(self, user: str, by: str) -> int:
        path = ROLES.format(self.org_id, user)
        body = {"roleId": self.place.ids["roleId"]}
        return self.place.instances["role"].call("POST", path, by, body).status

    def join(self, user: str, by: str) -> int:
        body = self.organisation.body(user, "TEAM_LEAD")
        return self.place.instances["team"].call("POST", MEMBERS.format(self.org_id, self.team), by, body).status

    def grab(self) -> list[int]:
        """Take and give all that can be taken and given."""
        return [
            self.assign(self.id, self.id),
            self.assign(self.accomplice, self.id),
            self.join(self.accomplice, self.id),
            self.join(self.id, self.id),
        ]

    def active(self) -> tuple[int, int]:
        """How many of their roles and memberships nobody has ended yet."""
        world = self.place.world
        places = (world.table, "UserRoleAssignment"), (world.teams_table, "TeamMember")
        found = [
            query_all(world.database, table, partition(kind, userId=self.id), sort_prefix="ORG#")
            for table, kind in places
        ]
        return len([one for one in found[0] if one["active"]]), len([one for one in found[1] if one["active"]])


ORDERS = list(itertools.permutations(["role", "team", "own", "others"]))


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_every_order_of_events_and_requests(place: Place, order: tuple[str, ...]) -> None:
    """own: the person takes and gives all they can. others: somebody else gives them a role, so they are back."""
    person, everywhere = Person(place), ORDERS.index(order) % 2 == 0
    event = Departure(place, person.id, None if everywhere else person.org_id)
    gone, back, accomplice = False, False, (1, 0)  # a role that allows next to nothing is theirs anyway
    for step in order:
        if step == "own":
            # Who is back has a role that allows less than to give it.
            has_the_role = order.index("others") < order.index("own")
            assert person.grab() == ([403] * 4 if gone else [409 if has_the_role else 201, 201, 201, 409])
            accomplice = (1, 0) if gone else (2, 1)
        elif step == "others":
            status = person.assign(person.id, place.admin)
            assert status == (409 if order.index("own") < order.index("others") and not gone else 201)
            back = gone
        else:
            event.reach(step)
            gone = True
            assert held(place, person.id) == ((1, 0) if back else (0, 0))
    for again in ("team", "role", "role", "team"):
        event.reach(again)
    assert held(place, person.id) == ((1, 0) if back else (0, 0))
    assert held(place, person.accomplice) == accomplice
    assert person.active() == ((1, 0) if back else (0, 0)), "What ended is tidied up"
    assert person.organisation.numbers(person.team)[:2] == ((1, 1) if accomplice[1] else (0, 0))


def test_a_departure_that_is_told_twice_in_events_of_their_own_is_one(place: Place) -> None:
    person, name = Person(place), f"of-{uuid.uuid4()}"
    for n in range(3):
        Departure(place, person.id, person.org_id, name).reach("role")
        Departure(place, person.id, person.org_id, name).reach("team")
        if n == 0:
            assert person.assign(person.id, place.admin) == 201
    assert held(place, person.id) == (1, 0)
    # The same name for another place is another departure; so is another name.
    Departure(place, person.id, None, name).reach("team")
    assert held(place, person.id) == (0, 0)
    assert person.assign(person.id, place.admin) == 201
    Departure(place, person.id, person.org_id, f"{name}-2").reach("team")
    assert held(place, person.id) == (0, 0)


def test_both_functions_at_once_and_many_times_count_one_departure(
    place: Place, start_instance: Callable[..., Instance]
) -> None:
    person = Person(place)
    event = Departure(place, person.id, None)
    services = {"role": role_service, "team": team_service}
    tasks = [
        partial(event.reach, name, start_instance(service, "permissions", "teams"))
        for name, service in services.items()
        for _ in range(5)
    ]
    at_once(tasks)
    stored = place.world.database.get(place.world.table, key("Departures", userId=person.id))
    assert stored["places"]["EVERYWHERE"]["count"] == 1
    assert person.active() == (0, 0)


def test_what_is_given_before_anything_is_tidied_up_stays_and_is_counted_once(place: Place) -> None:
    person, organisation = Person(place), place.organisation
    assert person.assign(person.id, place.admin) == 201
    place.world.leave(person.id, person.org_id, tidy=False)
    assert (held(place, person.id), person.active()) == ((0, 0), (2, 1))
    path = ROLES.format(person.org_id, person.id)
    for active, count in (("true", 0), ("false", 2)):
        page = place.instances["role"].call("GET", path, place.admin, query={"active": active}).expect(200)
        assert (page["count"], [one["active"] for one in page["items"]]) == (count, [active == "true"] * count)
    teams = organisation.get("/organisations/{}/users/{}/teams", person.id)
    assert teams["count"] == 0
    uses = store.USES.read(place.world.table, person.org_id, place.ids["roleId"])
    before = store.USES.total(place.world.database.parallel([uses])[0])
    assert before
    assert person.assign(person.id, place.admin) == 201
    assert person.join(person.id, place.admin) == 201
    member = organisation.get("/organisations/{}/teams/{}/members/{}", person.team, person.id)
    assert member["isPrimary"], "The team that they left was their primary one no more"
    assert store.USES.total(place.world.database.parallel([uses])[0]) == before
    assert organisation.numbers(person.team) == (1, 1, 1)
    event = Departure(place, person.id, person.org_id)
    # As if the first departure had been told only now: whoever tidies up leaves what came after.
    stored = place.world.database.get(place.world.table, key("Departures", userId=person.id))
    place.world.put({**stored, "told": [*stored["told"], f"{person.org_id}#{event._event['id']}"]})
    for service in ("team", "role"):
        event.reach(service)
    assert (held(place, person.id), person.active()) == ((1, 1), (1, 1))
    assert organisation.numbers(person.team) == (1, 1, 1)


def test_what_nobody_has_tidied_up_can_be_taken_from_the_lists(place: Place) -> None:
    """Where an event lies in the dead letters, nothing else would let go of a role, a team role and the team's lead."""
    person, organisation = Person(place), place.organisation
    role, lead = place.role(), organisation.define("CHIEF", "CAN_MANAGE_MEMBERS")
    member = MEMBER.format(person.org_id, person.team, person.id)
    place.instances["team"].call("PUT", member, place.admin, {"teamRoleId": lead}).expect(200)
    path = ROLES.format(person.org_id, person.id)
    place.instances["role"].call("POST", path, place.admin, {"roleId": role}).expect(201)
    place.world.leave(person.id, person.org_id, tidy=False)
    ends = [
        ("role", f"/organisations/{person.org_id}/roles/{role}", f"{path}/{role}", "ROLE_IN_USE"),
        ("team", f"/organisations/{person.org_id}/team-roles/{lead}", member, "TEAM_ROLE_IN_USE"),
    ]
    for service, definition, given, code in ends:
        instance = place.instances[service]
        instance.call("DELETE", definition, place.admin).expect(409, code)
        instance.call("DELETE", given, place.admin).expect(204)
        instance.call("DELETE", given, place.admin).expect(404)
        instance.call("DELETE", definition, place.admin).expect(204)
    assert person.active() == (1, 0), "The role of their own is there, and nobody took it"


def test_who_leaves_alone_leads_no_more(place: Place) -> None:
    """The last lead stays in their team, but for one who left."""
    person = Person(place)
    member = MEMBER.format(person.org_id, person.team, person.id)
    place.instances["team"].call("DELETE", member, place.admin).expect(409, "LAST_LEAD")
    place.world.leave(person.id, person.org_id, tidy=False)
    place.instances["team"].call("DELETE", member, place.admin).expect(204)
    assert place.organisation.numbers(person.team) == (0, 0, 0)


def test_who_leaves_many_organisations_at_once_leaves_all_of_them(
    place: Place, start_instance: Callable[..., Instance], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All departures of a person meet on one record: each time that this one is about to be written, another one is."""
    monkeypatch.setattr(departures, "_PAUSE", 0.0)
    monkeypatch.setattr(departures, "_COPIES", ("00",))  # all that takes the time
    others = 25
    person, instance, left = Person(place), start_instance(role_service, "permissions", "teams"), []
    transact = instance.database.transact

    def written(actions: Iterable[Put], **more: str) -> None:
        if len(left) < others:
            stored = place.world.database.get(place.world.table, key("Departures", userId=person.id)) or {"version": 0}
            left.append(f"org-{len(left)}")
            places = {name: {"count": 1, "leftAt": "2026-01-01T00:00:00.000Z"} for name in left}
            [put] = actions
            place.world.put({**put.item, "version": stored["version"] + 1, "places": places, "told": []})
        transact(actions, **more)

    monkeypatch.setattr(instance.database, "transact", written)
    Departure(place, person.id, person.org_id).reach("role", instance)
    assert (len(left), held(place, person.id)) == (others, (0, 0))
    stored = place.world.database.get(place.world.table, key("Departures", userId=person.id))
    assert stored["places"].keys() == {*left, person.org_id}


def test_ten_who_give_to_themselves_among_twenty_who_are_in_the_way(
    place: Place, start_instance: Callable[..., Instance]
) -> None:
    """None is left with anything, however the requests of all and the events of both services fall together."""
    organisation, role = place.organisation, place.ids["roleId"]
    leavers = [organisation.holder("*") for _ in range(10)]
    stop = threading.Event()
    granted: list[tuple[str, str]] = []

    def assign(instance: Instance, by: str, user: str) -> int:
        return instance.call("POST", ROLES.format(organisation.id, user), by, {"roleId": role}).status

    def for_themselves(user: str) -> None:
        instance = start_instance(role_service, "permissions", "teams")
        while not stop.is_set():
            assign(instance, user, user)
            accomplice = place.world.user()
            if assign(instance, user, accomplice) == 201:
                granted.append((user, accomplice))

    def in_the_way() -> None:
        instance = start_instance(role_service, "permissions", "teams")
        while not stop.is_set():
            assign(instance, place.admin, place.world.user())

    def leave() -> dict[str, str]:
        ends: dict[str, str] = {}
        for user in leavers:
            event = Departure(place, user, organisation.id)
            for service in ("team", "role"):
                event.reach(service)
            stored = place.world.database.get(place.world.table, key("Departures", userId=user))
            ends[user] = stored["places"][organisation.id]["leftAt"]
        return ends

    threads = [threading.Thread(target=for_themselves, args=(user,)) for user in leavers]
    threads += [threading.Thread(target=in_the_way) for _ in range(20)]
    for thread in threads:
        thread.start()
    try:
        leave()
        known = {user: len([one for one, _ in granted if one == user]) for user in leavers}
        # Whoever is gone goes on trying.
        for _ in range(3):
            in_the_way_once = start_instance(role_service, "permissions", "teams")
            assert all(assign(in_the_way_once, user, user) == 403 for user in leavers)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    for user in leavers:
        assert held(place, user) == (0, 0)
        active = query_all(
            place.world.database, place.world.table, partition("UserRoleAssignment", userId=user), sort_prefix="ORG#"
        )
        assert not [one for one in active if one["active"]], "Nothing was stored after it was tidied up"
        # An answer may arrive after the departure; what it tells was committed before.
        assert len([one for one, _ in granted if one == user]) - known[user] <= 1
