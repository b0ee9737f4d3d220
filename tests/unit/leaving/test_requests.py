"""Requests that are stopped just before they write, while somebody leaves, and then let go."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace

import boto3
import pytest
from benchmarks._scenarios import SCENARIOS, Asked, Place
from benchmarks.services import READS

from bbws_access.access.reader import read_access
from bbws_access.cli import closing, events
from bbws_access.kernel.contract import Operation, load_contract
from bbws_access.kernel.keys import key
from bbws_access.kernel.settings import Settings
from bbws_access.team import memberships
from bbws_access.team.handler import service as team_service
from tests.support.services import Answer, Instance
from tests.support.tables import REGION

BeforeCommit = Callable[..., list]
WrittenBy = Callable[[str], list[dict]]

OPERATIONS = load_contract().operations
WRITING = [one.operation_id for one in OPERATIONS.values() if one.method != "GET" and one.operation_id not in READS]
OF_A_CALLER = [name for name in WRITING if OPERATIONS[name].access != "public"]


def unseeded_role(place: Place) -> Asked:
    """A default role is missing, so that seeding writes one: whatever the caller's organisation."""
    [unused] = [role for role in place.roles_of(place.organisation.id) if role["name"] == "SITE_EDITOR"]
    path = f"/organisations/{place.organisation.id}/roles/{unused['roleId']}"
    if unused["active"]:
        place.instances["role"].call("DELETE", path, place.admin).expect(204)
    return Asked()


def ask(place: Place, operation: Operation, asked: Asked, user: str) -> Answer:
    ids = {**place.ids, **asked.ids}
    return place.instances[operation.service].call(
        operation.method, operation.path.format_map(ids), user, asked.body, asked.query, email="caller@acme.example"
    )


def prepared(place: Place, name: str, caller: str) -> tuple[Operation, Asked, str]:
    """What an operation is asked, and a new caller who may do it: by a role there, or by a platform role."""
    if name == "seedRoles" and caller == "organisation":
        place.settle()
        asked = unseeded_role(place)
    else:
        asked = SCENARIOS[name](place)
    user = place.world.platform() if caller == "platform" else place.organisation.holder("*")
    return OPERATIONS[name], asked, user


@pytest.mark.parametrize("name", OF_A_CALLER)
@pytest.mark.parametrize(
    ("caller", "everywhere"),
    [("organisation", False), ("platform", True)],
    ids=["role of the organisation, which they leave", "platform role, leaves everything"],
)
def test_whoever_leaves_before_the_commit_has_written_nothing(
    place: Place, before_commit: BeforeCommit, written_by: WrittenBy, name: str, caller: str, everywhere: bool
) -> None:
    operation, asked, user = prepared(place, name, caller)
    org = None if everywhere else place.organisation.id
    done = before_commit(place.instances[operation.service], lambda: place.world.leave(user, org))
    answer = ask(place, operation, asked, user)
    assert done, "The operation wrote nothing, so nothing is proven"
    answer.expect(403, "FORBIDDEN")
    assert written_by(answer.body["error"]["requestId"]) == []


@pytest.mark.parametrize("everywhere", [False, True], ids=["leaves the organisation", "leaves everything"])
@pytest.mark.parametrize("name", ["addTeamMember", "updateTeamMember", "removeTeamMember", "updateTeam"])
def test_a_membership_alone_lets_nothing_through_either(
    place: Place, before_commit: BeforeCommit, written_by: WrittenBy, name: str, everywhere: bool
) -> None:
    """Who leads a team, and has no role, leaves."""
    organisation, team = place.organisation, place.ids["teamId"]
    lead = organisation.member(team, "TEAM_LEAD")
    place.world.take_roles(lead, organisation.id)
    asked = {"updateTeam": Asked(body={"name": f"Team of {lead}"})}.get(name) or SCENARIOS[name](place)
    done = before_commit(
        place.instances["team"], lambda: place.world.leave(lead, None if everywhere else organisation.id)
    )
    answer = ask(place, OPERATIONS[name], asked, lead)
    assert done
    answer.expect(403, "FORBIDDEN")
    assert written_by(answer.body["error"]["requestId"]) == []


# Requests in an organisation that is closed: whoever holds something there leaves it, and has written nothing, above.

IN_AN_ORGANISATION = [name for name in OF_A_CALLER if "{orgId}" in OPERATIONS[name].path]


@pytest.fixture
def close(place: Place) -> Iterator[Callable[[str], None]]:
    """Says of an organisation that it is closed, until the test ends."""
    table, said = boto3.resource("dynamodb").Table(place.tables["permissions"]), []

    def say(org_id: str, *, active: bool = False) -> None:
        said.append(org_id)
        table.update_item(
            Key=key("Organisation", orgId=org_id),
            UpdateExpression="SET #active = :active",
            ExpressionAttributeNames={"#active": "active"},
            ExpressionAttributeValues={":active": active},
        )

    yield say
    for org_id in set(said):
        say(org_id, active=True)


@pytest.mark.parametrize("name", IN_AN_ORGANISATION)
@pytest.mark.parametrize("already", [False, True], ids=["closed before the commit", "closed before the request"])
def test_a_platform_role_writes_nothing_in_a_closed_organisation(
    place: Place,
    before_commit: BeforeCommit,
    written_by: WrittenBy,
    close: Callable[[str], None],
    name: str,
    already: bool,
) -> None:
    operation, asked, user = prepared(place, name, "platform")
    org_id = asked.ids.get("orgId", place.organisation.id)
    done = before_commit(place.instances[operation.service], lambda: close(org_id))
    if already:
        close(org_id)
    answer = ask(place, operation, asked, user)
    assert bool(done) is not already
    answer.expect(409, "ORGANISATION_CLOSED")
    assert written_by(answer.body["error"]["requestId"]) == []


def test_a_platform_role_reads_on_in_a_closed_organisation(place: Place, close: Callable[[str], None]) -> None:
    close(place.organisation.id)
    user = place.world.platform()
    for name, operation in OPERATIONS.items():
        if (operation.method == "GET" or name in READS) and "{orgId}" in operation.path and name in SCENARIOS:
            assert ask(place, operation, SCENARIOS[name](place), user).status == 200, name


@pytest.mark.parametrize("name", ["acceptInvitation", "createInvitation", "addTeamMember", "assignRole"])
def test_what_is_about_to_be_given_while_all_of_it_is_closed_is_not_given(
    place: Place, before_commit: BeforeCommit, written_by: WrittenBy, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    place.settle()
    asked = SCENARIOS[name](place)
    org_id, operation = place.organisation.id, OPERATIONS[name]
    environment = SimpleNamespace(name="test", region=REGION)
    target = SimpleNamespace(client=boto3.client, environment=environment)

    def tell(*told: object) -> None:
        for detail in told[-1]:
            for service in ("role", "team"):
                place.instances[service].deliver("UserDeactivated", **detail)

    def close_all() -> dict:
        return closing.close(target, {"table_names": place.tables, "log_group_names": {}}, org_id, lambda _: None)

    monkeypatch.setattr(events, "tell_each", tell)
    done = before_commit(place.instances[operation.service], close_all)
    if name == "acceptInvitation":
        answer = place.request(operation, asked)
        answer.expect(409)
    else:
        answer = ask(place, operation, asked, place.organisation.holder("*"))
        answer.expect(403)
    assert done
    assert written_by(answer.body["error"]["requestId"]) == []
    assert not any(close_all()["ended"].values())
    place.settle()


# What is given to somebody

# Operations that give, change or take what a person has, and how each ends where that person left meanwhile.
OF_A_PERSON = {
    "assignRole": (409, "USER_LEFT"),
    "removeRole": (404, "ASSIGNMENT_NOT_FOUND"),
    "addTeamMember": (409, "USER_LEFT"),
    "updateTeamMember": (409, "USER_LEFT"),
    "removeTeamMember": (404, "MEMBER_NOT_FOUND"),
    "transferTeamMember": (409, "USER_LEFT"),
    "deactivateUser": (404, "USER_NOT_FOUND"),
}


def names_a_person(operation: Operation) -> bool:
    return "{userId}" in operation.path or "userId" in (operation.body_schema or {}).get("properties", {})


def test_every_operation_of_a_person_is_among_them() -> None:
    assert {name for name in OF_A_CALLER if names_a_person(OPERATIONS[name])} == OF_A_PERSON.keys()


def person_of(place: Place, asked: Asked) -> str:
    return (asked.body or {}).get("userId") or {**place.ids, **asked.ids}["userId"]


@pytest.mark.parametrize("tidy", [False, True], ids=["nothing tidied up yet", "all tidied up"])
@pytest.mark.parametrize("everywhere", [False, True], ids=["leaves the organisation", "leaves everything"])
@pytest.mark.parametrize("name", OF_A_PERSON)
def test_nobody_who_leaves_before_the_commit_is_given_anything(
    place: Place, before_commit: BeforeCommit, written_by: WrittenBy, name: str, everywhere: bool, tidy: bool
) -> None:
    operation, asked = OPERATIONS[name], SCENARIOS[name](place)
    person, org = person_of(place, asked), place.organisation.id
    caller = place.organisation.holder("*")
    where = None if everywhere else org
    done = before_commit(place.instances[operation.service], lambda: place.world.leave(person, where, tidy=tidy))
    answer = ask(place, operation, asked, caller)
    assert done
    if (name, everywhere) == ("deactivateUser", False):
        answer.expect(204)  # they have left here, whoever asked first
    elif answer.status == 204:
        assert not tidy  # what is taken away may be taken away, too
    else:
        answer.expect(*OF_A_PERSON[name])
        assert written_by(answer.body["error"]["requestId"]) == []
    assert held(place, person) == (0, 0)
    # Whoever asks anew, asks for somebody who is not there.
    again = ask(place, operation, asked, caller)
    if (name, everywhere) == ("deactivateUser", False):
        again.expect(204)
        return
    assert again.status == (201 if name == "assignRole" else 404 if name != "addTeamMember" else 409), again.body
    if name == "assignRole":
        # By now they are meant to be back.
        assert held(place, person) == (1, 0)
        place.world.leave(person, where)
        assert held(place, person) == (0, 0)


@pytest.mark.parametrize("everywhere", [False, True], ids=["leaves the organisation", "leaves everything"])
def test_whoever_gives_to_themselves_and_leaves_has_nothing(
    place: Place, before_commit: BeforeCommit, everywhere: bool
) -> None:
    caller, role = place.organisation.holder("*"), place.ids["roleId"]
    done = before_commit(
        place.instances["role"], lambda: place.world.leave(caller, None if everywhere else place.organisation.id)
    )
    asked = Asked({"userId": caller}, {"roleId": role})
    ask(place, OPERATIONS["assignRole"], asked, caller).expect(403)
    assert done
    assert held(place, caller) == (0, 0)


def test_a_platform_administrator_who_leaves_one_organisation_is_not_given_a_role_in_it(
    place: Place, before_commit: BeforeCommit
) -> None:
    caller = place.world.platform()
    done = before_commit(place.instances["role"], lambda: place.world.leave(caller, place.organisation.id))
    asked = Asked({"userId": caller}, {"roleId": place.ids["roleId"]})
    ask(place, OPERATIONS["assignRole"], asked, caller).expect(409, "USER_LEFT")
    assert done
    ask(place, OPERATIONS["assignRole"], asked, caller).expect(201)


def test_leaving_another_organisation_hinders_nothing(place: Place, before_commit: BeforeCommit) -> None:
    caller, person, elsewhere = place.organisation.holder("*"), place.world.user(), place.world.organisation()
    for user in (caller, person):
        done = before_commit(place.instances["role"], partial(place.world.leave, user, elsewhere))
        asked = Asked({"userId": person}, {"roleId": place.ids["roleId"]})
        answer = ask(place, OPERATIONS["assignRole"], asked, caller)
        assert done
        answer.expect(201)
        ask(place, OPERATIONS["removeRole"], Asked({"userId": person, **asked.body}), caller).expect(204)


def test_a_role_that_is_taken_away_between_two_attempts_counts(place: Place, before_commit: BeforeCommit) -> None:
    """Somebody else's change makes the first attempt stale; by the second one the caller holds nothing."""
    organisation = place.organisation
    caller, role = organisation.holder("*"), place.role()
    path = f"/organisations/{organisation.id}/roles/{role}/permissions"

    def meanwhile() -> None:
        place.world.take_roles(caller, organisation.id)
        place.world.touch_role(organisation.id, role)

    done = before_commit(place.instances["role"], meanwhile)
    body = {"permissions": ["site:read"]}
    place.instances["role"].call("PUT", path, caller, body).expect(403)
    assert done


@pytest.mark.parametrize("number", [1, 2, 3])
def test_whoever_leaves_while_a_large_team_ends_is_told_so(
    place: Place, before_commit: BeforeCommit, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """First the team ends, then its members two by two; somebody else's request goes on with it."""
    monkeypatch.setattr(memberships, "ENDED_AT_ONCE", 2)
    organisation, caller = place.organisation, place.organisation.holder("*")
    team = organisation.team(f"Team of {caller}")
    for _ in range(4):
        organisation.member(team)
    done = before_commit(place.instances["team"], lambda: place.world.leave(caller, organisation.id), number)
    asked = Asked({"teamId": team})
    ask(place, OPERATIONS["deleteTeam"], asked, caller).expect(403, "FORBIDDEN")
    assert done
    left = 4 if number < 3 else 2
    assert organisation.numbers(team) == (left, 0, left)
    assert organisation.stored("Team", teamId=team)["active"] is (number == 1)
    ask(place, OPERATIONS["deleteTeam"], asked, place.admin).expect(204)
    assert organisation.numbers(team) == (0, 0, 0)


def test_whoever_writes_without_a_pause_leaves_all_the_same(
    place: Place, start_instance: Callable[..., Instance]
) -> None:
    """Each of their transactions checks the record, so all of them are in the way of the one that is to change it."""
    caller, stop = place.organisation.holder("*"), threading.Event()
    path = f"/organisations/{place.organisation.id}/teams"

    def write() -> None:
        instance = start_instance(team_service, "permissions", "teams")
        while not stop.is_set():
            instance.call("POST", path, caller, {"name": f"Team {uuid.uuid4().hex}"})

    threads = [threading.Thread(target=write) for _ in range(12)]
    for thread in threads:
        thread.start()
    try:
        start_instance(team_service, "permissions", "teams").deliver("UserDeactivated", userId=caller)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    place.instances["team"].call("POST", path, caller, {"name": f"Team {uuid.uuid4().hex}"}).expect(403)


def held(place: Place, user: str) -> tuple[int, int]:
    """How many roles and memberships a user holds by what the authorizer reads."""
    settings = Settings(region=REGION, tables=place.tables)
    access = read_access(place.world.database, settings, user, [place.organisation.id])
    return len(access.grants), len(access.memberships)
