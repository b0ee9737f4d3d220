"""Organisations as engineers list, look at and rename them."""

from __future__ import annotations

import pytest

from bbws_access.cli import organisations, people
from bbws_access.cli.errors import UsageError
from bbws_access.cli.records import page
from bbws_access.invitation import rules, store
from bbws_access.kernel.ids import new_id
from bbws_access.kernel.records import Change, commit
from tests.support.invitations import new_email
from tests.support.services import World, at_once
from tests.support.teams import Organisation
from tests.unit.cli.conftest import Place


def invite(world: World, tables: dict[str, str], org_id: str, email: str, ends: str | None = None) -> str:
    """A pending invitation, or one that ended."""
    offer = {"roleId": "role-some", "roleName": "SOME"}
    change = Change.outside_a_request("test")
    record = rules.new_invitation(org_id, new_id("invitation"), {"email": email}, offer, "", change, departures=0)
    record |= {"expiresAt": ends} if ends else {}
    commit(world.database, store.keep(tables["invitations"], record, None, change))
    return record["invitationId"]


def create(place: Place, name: str, org_id: str | None = None, *, same_name: bool = False) -> dict:
    def check(name: str, org_id: str) -> None:
        organisations.check_name_is_free(place, place.outputs_, name, besides=org_id, flag="--same-name")

    return people.create_organisation(place, place.outputs_, name, org_id, None if same_name else check)


def test_no_second_organisation_of_a_name_comes_to_be_unasked(place: Place) -> None:
    name = f"Twice {new_id('organisation')}"
    first = create(place, name)
    assert first["created"]
    for again in (name, name.upper(), f"  {name} ", name.replace("T", "\N{GREEK CAPITAL LETTER TAU}", 1)):
        with pytest.raises(UsageError, match=first["organisationId"]) as refused:
            create(place, again)
        assert "--same-name" in refused.value.hint
        with pytest.raises(UsageError, match=first["organisationId"]):
            create(place, again, new_id("organisation"))  # an id of one's own is no excuse
    named = [one for one in organisations.every(place, place.outputs_) if one["name"] == name]
    assert [one["organisationId"] for one in named] == [first["organisationId"]]
    # With its own id it is the same one; and whoever means it may.
    assert create(place, name, first["organisationId"]) == {**first, "created": False}
    second = create(place, name, same_name=True)
    assert second["created"]
    assert second["organisationId"] != first["organisationId"]


def test_a_new_name_shows_everywhere_and_its_id_stays(place: Place, organisation: Organisation) -> None:
    name = f"Renamed {new_id('organisation')}"
    done = organisations.rename(place, place.outputs_, organisation.id, f" {name} ")
    assert done == {"organisationId": organisation.id, "name": name, "before": "Acme", "renamed": True}
    again = organisations.rename(place, place.outputs_, organisation.id, name)
    assert again == {**done, "before": name, "renamed": False}
    assert organisations.show(place, place.outputs_, organisation.id)["name"] == name
    assert name in [one["name"] for one in organisations.every(place, place.outputs_)]
    # The event that made it comes again, and takes nothing back.
    organisation.api.deliver("OrganisationCreated", organisationId=organisation.id, name="Acme")
    place.tell("OrganisationCreated", {"organisationId": organisation.id, "name": "Acme"})
    assert organisations.read(place, place.outputs_, organisation.id)["name"] == name


def test_names_that_cannot_be_and_organisations_that_are_not_there(place: Place, organisation: Organisation) -> None:
    taken = create(place, f"Taken {new_id('organisation')}")
    with pytest.raises(UsageError, match=taken["organisationId"]):
        organisations.rename(place, place.outputs_, organisation.id, taken["name"].lower())
    organisations.rename(place, place.outputs_, organisation.id, taken["name"], same_name=True)
    for wrong in ("", "a" * 101, "two\nlines"):
        with pytest.raises(UsageError, match="name"):
            organisations.rename(place, place.outputs_, organisation.id, wrong)
    for unknown in ("org-none", "ORG", "", "../x"):
        for call in (organisations.show, organisations.read):
            with pytest.raises(UsageError, match="There is no organisation") as refused:
                call(place, place.outputs_, unknown)
            assert "org list" in refused.value.hint
            # What no organisation can be called is not advised.
            assert ("org create" in refused.value.hint) == (unknown == "org-none")
        with pytest.raises(UsageError, match="There is no organisation"):
            organisations.rename(place, place.outputs_, unknown, "Name")


def test_names_given_at_the_same_moment_all_end_as_one_of_them(place: Place, organisation: Organisation) -> None:
    names = [f"At once {n} {new_id('organisation')}" for n in range(4)]
    tasks = [lambda name=name: organisations.rename(place, place.outputs_, organisation.id, name) for name in names]
    assert all(one["renamed"] for one in at_once(tasks))
    assert organisations.read(place, place.outputs_, organisation.id)["name"] in names


def test_what_is_in_an_organisation(
    place: Place, organisation: Organisation, world: World, seeded_tables: dict[str, str]
) -> None:
    boss, ended = new_email(), world.member(organisation.id)
    assigner = organisation.holder("role:assign")
    teams_only = organisation.holder("role:assign", team=(team := organisation.team()))
    organisation.add(team, member := organisation.user(), "MEMBER").expect(201)
    known = world.user()
    world.assign(known, "ORG_ADMIN", organisation.id, email=boss)
    world.leave(ended)
    world.member(world.organisation())  # of another one
    invite(world, seeded_tables, organisation.id, new_email())
    invite(world, seeded_tables, organisation.id, new_email(), ends="2020-01-01T00:00:00.000Z")
    found = organisations.show(place, place.outputs_, organisation.id)
    administrators = {one["userId"]: one["email"] for one in found["administrators"]}
    assert administrators == {organisation.admin: None, known: boss, assigner: None}
    assert found["people"] == len({organisation.admin, assigner, teams_only, member, known})
    assert (found["teams"], found["roles"], found["pendingInvitations"]) == (1, 7, 1)
    assert (found["permissionSets"], found["name"], found["createdBy"]) == (0, "Acme", "platform-engineer")
    empty = organisations.show(place, place.outputs_, world.organisation())
    assert (empty["people"], empty["administrators"], empty["teams"]) == (0, [], 0)


def test_pages_have_everything_once_whatever_changes_between_them() -> None:
    everything = [f"org-{n:03}" for n in range(25)]
    found, start = [], None
    while True:
        shown = page(everything, str, start, 10)
        assert shown["total"] == len(everything)
        found += shown["items"]
        if not shown["moreAvailable"]:
            break
        start = shown["startAt"]
        everything = [one for one in everything if one != start]  # what the page ended with is gone by now
    assert shown["startAt"] is None
    assert len(found) == len(set(found)) == 25
    assert page([], str, None, 5) == {"items": [], "count": 0, "moreAvailable": False, "startAt": None, "total": 0}
    with pytest.raises(UsageError, match="--start-at"):
        page(everything, str, " ", 10)
