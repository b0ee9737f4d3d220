"""What may be granted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbws_access.access.granting import (
    CAPABILITY_PERMISSIONS,
    check_ceiling,
    check_known,
    check_membership_ceiling,
    check_team_role_ceiling,
    granted_until,
    text_of_end,
)
from bbws_access.access.grants import ORGANISATION, PLATFORM, TEAM, Access, Grant, Membership
from bbws_access.access.permissions import expand, missing
from bbws_access.kernel.contract import load_contract, load_permissions, load_roles
from bbws_access.kernel.errors import BadRequest, Forbidden

NAMES = [permission["name"] for permission in load_permissions()]
WILDCARDS = sorted({"*", "team:member:*", "team:role:*", *(f"{name.partition(':')[0]}:*" for name in NAMES)})
some = st.sets(st.sampled_from([*NAMES, *WILDCARDS]), max_size=8)


def holder(*permissions: str, scope: str = ORGANISATION, org_id: str = "org-1") -> Access:
    place = {PLATFORM: (None, None), ORGANISATION: (org_id, None), TEAM: (org_id, "team-1")}[scope]
    sources = dict.fromkeys(permissions, (None,))
    return Access("me", (Grant(frozenset(permissions), scope, *place, "role-1", "R", {}, sources),))


def everything(permissions: set[str]) -> set[str]:
    return set().union(*map(expand, permissions))


def test_permissions_that_exist() -> None:
    check_known([*NAMES, *WILDCARDS])
    for unknown in ("site:fly", "ship:*", "site:read:*", "site", "", ":", "*:*", "site:**", "SITE:READ"):
        with pytest.raises(BadRequest) as caught:
            check_known(["site:read", unknown])
        assert (caught.value.code, caught.value.details) == ("UNKNOWN_PERMISSIONS", {"unknown": [unknown]})


@given(held=some, wanted=some, had=some)
def test_nothing_is_granted_that_was_neither_held_nor_there(held: set[str], wanted: set[str], had: set[str]) -> None:
    try:
        check_ceiling(holder(*held), "org-1", wanted, had=had)
    except Forbidden as refused:
        assert refused.code == "PERMISSION_CEILING"
        assert set(refused.details["missing"]) <= wanted
    else:
        assert everything(wanted) <= everything(held) | everything(had)


@given(wanted=some)
def test_what_is_held_may_be_granted(wanted: set[str]) -> None:
    check_ceiling(holder(*wanted), "org-1", wanted)
    check_ceiling(holder("*", scope=PLATFORM), "org-1", wanted)


def test_a_wildcard_is_more_than_all_that_it_covers_today() -> None:
    with pytest.raises(Forbidden):
        check_ceiling(holder(*expand("site:*")), "org-1", ["site:*"])


@pytest.mark.parametrize("access", [holder("site:read", scope=TEAM), holder("site:read", org_id="org-2"), Access("me")])
def test_what_is_held_elsewhere_does_not_count(access: Access) -> None:
    with pytest.raises(Forbidden):
        check_ceiling(access, "org-1", ["site:read"])


# What ends in time

ENDS = [None, *(f"2030-01-0{day}T00:00:00.000Z" for day in (1, 2, 3))]
FOR_EVER = "9"  # later than any of them, as text
held_for_a_time = st.lists(st.tuples(some, st.sampled_from(ENDS)), max_size=4)


def temporary(*held: tuple[set[str], str | None], memberships: tuple[Membership, ...] = ()) -> Access:
    """Somebody with a role for each group of permissions, which may end."""
    grants = [
        Grant(frozenset(names), ORGANISATION, "org-1", None, f"role-{n}", "R", {"expiresAt": end} if end else {}, {})
        for n, (names, end) in enumerate(held)
    ]
    return Access("me", tuple(grants), memberships)


def last_end(held: list[tuple[set[str], str | None]], wanted: str) -> str | None:
    """Until when a permission is held, told a second time: FOR_EVER without an end, None for not at all."""
    return max((end or FOR_EVER for names, end in held if expand(wanted) and covers_any(names, wanted)), default=None)


def covers_any(names: set[str], wanted: str) -> bool:
    return not missing(names, [wanted])


@given(held=held_for_a_time, wanted=some)
def test_what_is_given_ends_no_later_than_what_covers_it(held: list, wanted: set[str]) -> None:
    ends = {name: last_end(held, name) for name in wanted}
    access = temporary(*held)
    if None in ends.values():
        with pytest.raises(Forbidden) as refused:
            granted_until(access, "org-1", wanted)
        assert set(refused.value.details["missing"]) == {name for name, end in ends.items() if end is None}
        return
    # What grants nothing ends with the last role of whoever gives it.
    stays = max((end or FOR_EVER for _, end in held), default=FOR_EVER)
    expected = min([*ends.values(), stays])
    assert (text_of_end(granted_until(access, "org-1", wanted)) or FOR_EVER) == expected


@given(held=held_for_a_time, wanted=some, had=some)
def test_what_others_keep_is_defined_by_who_keeps_it(held: list, wanted: set[str], had: set[str]) -> None:
    ends = {name: last_end(held, name) for name in wanted if not covers_any(had, name)}
    lacking = {name: end for name, end in ends.items() if end != FOR_EVER}
    access = temporary(*held)
    if not lacking:
        check_ceiling(access, "org-1", wanted, had=had)
        return
    with pytest.raises(Forbidden) as refused:
        check_ceiling(access, "org-1", wanted, had=had)
    assert set(refused.value.details["missing"]) == set(lacking)
    ending = {name: end for name, end in lacking.items() if end is not None}
    assert refused.value.details.get("heldUntil", {}) == ending
    assert all(end in refused.value.message for end in ending.values())


def test_a_membership_is_given_by_who_keeps_what_it_allows() -> None:
    """Memberships have no end, so what is held for a time gives none, be it as a member, a manager or by a role."""
    soon = ENDS[1]
    ways = {
        "what it allows": temporary(({"site:read"}, soon)),
        "managing all members": temporary(({"team:member:*"}, soon)),
        "both": temporary(({"site:read"}, soon), ({"team:member:*"}, ENDS[2])),
    }
    for way, access in ways.items():
        with pytest.raises(Forbidden) as refused:
            gives(access, {"CAN_VIEW_SITES"})
        assert refused.value.details["heldUntil"]["CAN_VIEW_SITES"] in (soon, ENDS[2]), way
        gives(access, {"CAN_VIEW_SITES"}, had={"CAN_VIEW_SITES"})
    gives(temporary(({"site:read"}, soon), ({"site:*"}, None)), {"CAN_VIEW_SITES"})
    gives(temporary(({"site:read"}, soon), ({"team:member:*"}, None)), {"CAN_VIEW_SITES"})
    member = Membership("org-1", "team-1", frozenset({"CAN_VIEW_SITES"}))
    gives(temporary(({"site:read"}, soon), memberships=(member,)), {"CAN_VIEW_SITES"})
    for wanted in ("CAN_VIEW_SITES", "CAN_MANAGE_MEMBERS"):
        with pytest.raises(Forbidden):
            check_team_role_ceiling(temporary(({"*"}, soon)), "org-1", [wanted])


# What members of teams may do

CAPABILITIES = sorted(CAPABILITY_PERMISSIONS)
capabilities = st.sets(st.sampled_from(CAPABILITIES), max_size=7)


def lead(*held: str, team_id: str = "team-1", org_id: str = "org-1", grants: tuple[Grant, ...] = ()) -> Access:
    return Access("me", grants, (Membership(org_id, team_id, frozenset(held)),))


def gives(access: Access, wanted: set[str], *, to: str = "them", had: set[str] = frozenset()) -> None:
    check_membership_ceiling(access, "org-1", "team-1", sorted(wanted), to=to, had=had)


def test_every_capability_has_permissions_that_allow_the_same() -> None:
    assert set(CAPABILITY_PERMISSIONS) == set(load_roles()["teamCapabilities"])
    for names in CAPABILITY_PERMISSIONS.values():
        check_known(names)


def test_a_capability_stands_for_the_routes_that_it_opens() -> None:
    """Whoever holds the permissions that stand for a capability is let in wherever the capability lets in."""
    for operation in load_contract().operations.values():
        rules = operation.access if isinstance(operation.access, list) else []
        opening = {rule["permission"] for rule in rules if "permission" in rule}
        for rule in rules:
            if "capability" in rule:
                equivalent = CAPABILITY_PERMISSIONS[rule["capability"]]
                assert opening & set(equivalent), operation


@pytest.mark.parametrize(
    "grants",
    [
        (),
        holder("team:member:add").grants,
        holder("team:member:add", "team:member:update").grants,
        holder("org:user:manage", "invitation:create", "role:assign").grants,
    ],
    ids=["by-capability", "by-add", "by-add-and-update", "by-others"],
)
@given(held=capabilities, wanted=capabilities, had=capabilities)
def test_nobody_gives_more_than_they_have(
    grants: tuple[Grant, ...], held: set[str], wanted: set[str], had: set[str]
) -> None:
    try:
        gives(lead(*held, grants=grants), wanted, had=had)
    except Forbidden as refused:
        assert refused.code == "PERMISSION_CEILING"
        assert set(refused.details["missing"]) == wanted - held - had
    else:
        assert wanted <= held | had


@given(wanted=capabilities)
def test_who_manages_all_members_gives_any_team_role_to_others(wanted: set[str]) -> None:
    access = holder("team:member:*")
    gives(access, wanted)
    if wanted - {"CAN_MANAGE_MEMBERS", "CAN_VIEW_MEMBERS"}:
        for limited, to in ((access, "me"), (holder("team:member:*", scope=TEAM), "them")):
            with pytest.raises(Forbidden):
                gives(limited, wanted, to=to)
    gives(holder("team:*", "site:*", "audit:read:org"), wanted, to="me")
    gives(holder("*", scope=PLATFORM), wanted, to="me")
    gives(lead(*wanted, grants=access.grants), wanted, to="me")


@pytest.mark.parametrize(
    "access",
    [
        Access("me"),
        lead(*CAPABILITIES, team_id="team-2"),
        lead(*CAPABILITIES, org_id="org-2"),
        holder("*", org_id="org-2"),
        holder("team:member:update"),
    ],
    ids=["nothing", "another-team", "another-organisation", "role-elsewhere", "another-permission"],
)
def test_what_is_held_elsewhere_gives_nothing_here(access: Access) -> None:
    with pytest.raises(Forbidden):
        gives(access, {"CAN_VIEW_SITES"})


def test_a_role_in_the_team_counts_in_the_team() -> None:
    gives(holder("site:read", scope=TEAM), {"CAN_VIEW_SITES"})
    with pytest.raises(Forbidden):
        check_membership_ceiling(holder("site:read", scope=TEAM), "org-1", "team-2", ["CAN_VIEW_SITES"], to="them")


@given(wanted=capabilities, had=capabilities)
def test_team_roles_are_defined_by_who_holds_it_all_in_the_organisation(wanted: set[str], had: set[str]) -> None:
    check_team_role_ceiling(holder("team:*", "site:*", "audit:*"), "org-1", sorted(wanted))
    check_team_role_ceiling(Access("me"), "org-1", sorted(had), had=had)
    for access in (lead(*CAPABILITIES), holder("*", scope=TEAM), holder("*", org_id="org-2")):
        if wanted - had:
            with pytest.raises(Forbidden) as refused:
                check_team_role_ceiling(access, "org-1", sorted(wanted), had=had)
            assert set(refused.value.details["missing"]) == wanted - had
