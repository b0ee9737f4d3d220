"""For generated users, the compiled policy over every route equals the rules, in both directions.

The rules are told here a second time, from the stored records and as plainly as possible, so that the compiler, the
rules of bbws_access.access and this oracle must agree. Records go through the real reader, from an in-memory table.
"""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bbws_access.access.grants import Access, Grant, Membership
from bbws_access.access.reader import _Definitions, _Held
from bbws_access.authorizer.policy import LARGEST_POLICY, LONGEST_RESOURCE, RouteMap
from bbws_access.kernel.contract import load_contract, load_permissions, load_roles
from tests.unit.authorizer.full_contract import full_contract
from tests.unit.authorizer.iam_evaluator import is_allowed

PREFIX = "arn:aws:execute-api:eu-west-1:000000000000:abcdefghij/v1/"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
ME = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"


def _ids(prefix: str, *endings: str) -> list[str]:
    return [f"{prefix}-{'0' * (26 - len(ending))}{ending}" for ending in endings]


# Ids that begin alike, one that is the beginning of another, one that is a word of the routes' language; made by the
# system and chosen, of many lengths.
_MADE = _ids("org", "1")[0]
ORGS = [_MADE, "org-customer", "org-1", _ids("org", "11")[0], "org-10", "org", "o-users", f"{_MADE}-{'x' * 33}", "a"]
STRANGE_ORGS = [_ids("org", "999")[0], "org-walk-and-sons-card", "a-b"]
TEAMS = _ids("team", "1", "2", "3", "11")
OTHER_TEAM = _ids("team", "999")[0]
KINDS = {"roles": "OrganisationRole", "sets": "PermissionSet", "team_roles": "TeamRoleDefinition"}

_CATALOGUE = [permission["name"] for permission in load_permissions()]
_WILDCARDS = sorted({f"{permission.split(':')[0]}:*" for permission in _CATALOGUE})
_HELD = st.sampled_from([*_CATALOGUE, "*", *_WILDCARDS, "team:member:*", "team:role:*", "te*", ":*"])
_EXPIRY = st.sampled_from(
    [
        None,
        None,
        None,
        (NOW + timedelta(seconds=1)).isoformat(),
        "2026-06-01T00:00:00Z",
        "2020-01-01T00:00:00.000Z",
        "never",
    ]
)
_ACTIVE = st.sampled_from([True, True, True, False])


@st.composite
def _organisation(draw) -> dict:
    sets = [
        {"setId": f"set-{n}", "permissions": draw(st.lists(_HELD, min_size=1, max_size=3)), "active": draw(_ACTIVE)}
        for n in range(draw(st.integers(0, 2)))
    ]
    set_ids = st.sampled_from([*(one["setId"] for one in sets), "set-viewer", "set-gone"])
    roles = [
        {
            "roleId": f"role-{n}",
            "name": f"ROLE_{n}",
            "scope": draw(st.sampled_from(["ORGANISATION", "TEAM"])),
            "permissions": draw(st.lists(_HELD, max_size=4)),
            "permissionSets": draw(st.lists(set_ids, max_size=2)),
            "active": draw(_ACTIVE),
        }
        for n in range(draw(st.integers(1, 3)))
    ]
    capabilities = st.sampled_from(load_roles()["teamCapabilities"])
    team_roles = [
        {"teamRoleId": f"trole-{n}", "capabilities": draw(st.lists(capabilities, max_size=4)), "active": draw(_ACTIVE)}
        for n in range(draw(st.integers(1, 2)))
    ]
    return {"roles": roles, "sets": sets, "team_roles": team_roles}


@st.composite
def _world(draw) -> dict:
    orgs = draw(st.lists(st.sampled_from(ORGS), min_size=1, max_size=3, unique=True))
    organisations = {org: draw(_organisation()) for org in orgs}
    assignments, platform, members = [], [], []
    for org in orgs:
        for _ in range(draw(st.integers(0, 3))):
            scope = draw(st.sampled_from(["ORGANISATION", "TEAM"]))
            assignments.append(
                {
                    "userId": ME,
                    "organisationId": org,
                    "roleId": draw(st.sampled_from(["role-0", "role-1", "role-2", "role-gone"])),
                    "scope": scope,
                    "teamId": draw(st.sampled_from(TEAMS)) if scope == "TEAM" else "-",
                    "active": draw(_ACTIVE),
                    "expiresAt": draw(_EXPIRY),
                }
            )
        members += [
            {
                "userId": ME,
                "organisationId": org,
                "teamId": team,
                "teamRoleId": draw(st.sampled_from(["trole-0", "trole-1"])),
                "active": draw(_ACTIVE),
            }
            for team in draw(st.lists(st.sampled_from(TEAMS), max_size=3, unique=True))
        ]
    if draw(st.integers(0, 3)) == 0:
        role = draw(st.sampled_from([*(role["roleId"] for role in load_roles()["platformRoles"]), "role-0"]))
        platform.append(
            {
                "userId": ME,
                "roleId": role,
                "scope": "PLATFORM",
                "active": draw(_ACTIVE),
                "expiresAt": draw(_EXPIRY),
            }
        )
    # Mostly, nobody has left; what was given before somebody left says so.
    left = {place: draw(st.sampled_from([0, 0, 0, 1])) for place in (*orgs, "EVERYWHERE")}
    for one in (*assignments, *platform, *members):
        place = one.get("organisationId")
        count = left["EVERYWHERE"] + (left[place] if place else 0)
        before = draw(st.sampled_from([count, count, None, 0, 1, 2]))
        if before is not None:
            one["departures"] = before
    return {
        "organisations": organisations,
        "strangers": [draw(st.sampled_from(STRANGE_ORGS))],
        "assignments": assignments,
        "platform": platform,
        "members": members,
        "left": left,
    }


def _access(world: dict):
    definitions = _Definitions(world["organisations"])
    for org, content in world["organisations"].items():
        for kind, entity in KINDS.items():
            definitions.add(entity, org, content[kind], whole=True)
    places = {place: {"count": count, "leftAt": "2025-01-01T00:00:00.000Z"} for place, count in world["left"].items()}
    departures = {"places": places} if any(world["left"].values()) else None
    records = [departures, world["assignments"], world["platform"], world["members"]]
    return _Held(ME, records, NOW).access(definitions)


# The oracle.


def _in_force(record: dict, left: dict[str, int]) -> bool:
    """left: how often the user left each organisation, and everything"""
    times = [count for place, count in left.items() if place in ("EVERYWHERE", record.get("organisationId"))]
    if not record["active"] or record.get("departures", 0) != sum(times):
        return False
    expiry = record.get("expiresAt")
    if expiry is None:
        return True
    try:
        return datetime.fromisoformat(expiry) > NOW
    except ValueError:
        return False


def _those_in_force(world: dict, kind: str) -> list[dict]:
    return [record for record in world[kind] if _in_force(record, world["left"])]


def _held(world: dict) -> list[tuple[str, str | None, str | None, set[str]]]:
    """(scope, organisation, team, permissions) of everything that counts."""
    held = []
    for one in _those_in_force(world, "platform"):
        held += [
            ("PLATFORM", None, None, set(role["permissions"]))
            for role in load_roles()["platformRoles"]
            if role["roleId"] == one["roleId"]
        ]
    for one in _those_in_force(world, "assignments"):
        content = world["organisations"][one["organisationId"]]
        for role in content["roles"]:
            if role["roleId"] != one["roleId"] or not role["active"]:
                continue
            if one["scope"] == "ORGANISATION" and role["scope"] == "TEAM":
                continue
            permissions = set(role["permissions"])
            for set_id in role["permissionSets"]:
                for one_set in content["sets"]:
                    if one_set["setId"] == set_id and one_set["active"]:
                        permissions |= set(one_set["permissions"])
                for platform_set in load_roles()["platformPermissionSets"]:
                    if platform_set["setId"] == set_id:
                        permissions |= set(platform_set["permissions"])
            team = one["teamId"] if one["scope"] == "TEAM" else None
            held.append((one["scope"], one["organisationId"], team, permissions))
    return held


def _includes(permissions: set[str], wanted: str) -> bool:
    if "*" in permissions or wanted in permissions:
        return True
    parts = wanted.split(":")
    return any(":".join(parts[:n]) + ":*" in permissions for n in range(1, len(parts)))


def _oracle(world: dict, operation, params: dict[str, str]) -> bool:
    held = _held(world)
    members = _those_in_force(world, "members")
    if not held and not members:
        return False
    if operation.access == "signed-in":
        return True
    org, team = params.get("orgId"), params.get("teamId")
    inside = {one[1] for one in held} | {one["organisationId"] for one in members}
    here = [
        permissions
        for scope, held_org, held_team, permissions in held
        if scope == "PLATFORM"
        or (org is not None and org == held_org and (scope == "ORGANISATION" or (team and team == held_team)))
    ]
    for wanted in operation.also:
        if not any(_includes(permissions, wanted) for permissions in here):
            return False
    for rule in operation.access:
        if "permission" in rule and any(_includes(permissions, rule["permission"]) for permissions in here):
            return True
        if "self" in rule and params[rule["self"]] == ME and org in inside:
            return True
        for member in members:
            team_role = next(
                (
                    one
                    for one in world["organisations"][member["organisationId"]]["team_roles"]
                    if one["teamRoleId"] == member["teamRoleId"] and one["active"]
                ),
                {"capabilities": []},
            )
            if (
                member["organisationId"] == org
                and member["teamId"] == team
                and rule.get("capability") in team_role["capabilities"]
            ):
                return True
    return False


def _values(name: str, world: dict) -> list[str]:
    return {
        "orgId": [*world["organisations"], *world["strangers"]],
        "teamId": [*TEAMS, OTHER_TEAM],
        "userId": [ME, OTHER],
        "roleId": [*_ids("role", "1"), "role-platform-admin"],
        "setId": [*_ids("set", "1"), "set-viewer"],
        "permissionId": ["perm-site-read"],
        "teamRoleId": _ids("trole", "1"),
        "invitationId": _ids("inv", "1"),
        "exportId": _ids("exp", "1"),
    }[name]


def _instances(operation, world: dict) -> list[dict[str, str]]:
    instances = [{}]
    for segment in operation.segments:
        if segment.startswith("{"):
            name = segment[1:-1]
            instances = [{**one, name: value} for one in instances for value in _values(name, world)]
    return instances


def _path(operation, params: dict[str, str]) -> str:
    return "/".join(params[s[1:-1]] if s.startswith("{") else s for s in operation.segments)


@pytest.mark.parametrize("contract", [full_contract(), load_contract()], ids=["full", "present"])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(world=_world())
def test_policy_equals_the_rules_over_every_route(contract, world):
    access = _access(world)
    policy = RouteMap(contract.operations.values()).compile(access, PREFIX)
    assert policy.size == len(json.dumps(policy.document, separators=(",", ":"))) <= LARGEST_POLICY
    assert all(len(r) <= LONGEST_RESOURCE for s in policy.document["Statement"] for r in s["Resource"])
    for operation in contract.operations.values():
        if operation.access == "public":
            continue  # the gateway does not ask the authorizer
        for params in _instances(operation, world):
            expected = _oracle(world, operation, params)
            assert access.allows(operation, params).allowed == expected, (operation, params)
            if policy.detail != "exact":
                continue
            arn = f"{PREFIX}{operation.method}/{_path(operation, params)}"
            assert is_allowed(policy.document, arn) == expected, (arn, expected)
    if policy.detail != "exact":
        _stays_inside(policy, access, contract, world)


def _stays_inside(policy, access, contract, world):
    """A policy too large to be exact opens nothing in an organisation in which the user is not active."""
    for operation in contract.operations.values():
        for params in _instances(operation, world) if operation.access != "public" else ():
            allowed = is_allowed(policy.document, f"{PREFIX}{operation.method}/{_path(operation, params)}")
            if allowed and params.get("orgId") not in access.organisations():
                assert _oracle(world, operation, params)


@st.composite
def _grants(draw) -> Access:
    """Any permission at any scope, also at PLATFORM."""
    orgs = draw(st.lists(st.sampled_from(ORGS[:3]), max_size=2, unique=True))
    grants = []
    for scope in draw(st.lists(st.sampled_from(["PLATFORM", "ORGANISATION", "TEAM"]), min_size=1, max_size=4)):
        permissions = frozenset(draw(st.lists(_HELD, min_size=1, max_size=4)))
        org = draw(st.sampled_from(orgs)) if orgs and scope != "PLATFORM" else None
        if org is not None or scope == "PLATFORM":
            team = draw(st.sampled_from(TEAMS)) if scope == "TEAM" else None
            grants.append(Grant(permissions, scope, org, team, "role-0", "ROLE", {}, {}))
    capabilities = st.frozensets(st.sampled_from(load_roles()["teamCapabilities"]), max_size=4)
    memberships = [
        Membership(org, team, draw(capabilities))
        for org in orgs
        for team in draw(st.lists(st.sampled_from(TEAMS), max_size=3, unique=True))
    ]
    return Access(ME, tuple(grants), tuple(memberships))


# What yields, in an organisation, to a permission that is held everywhere, where a role of the platform's holds that
# without these: an organisation's id has any length, and no Deny leaves out one organisation. No such role exists, see
# test_apis.test_policies_of_this_api_are_always_exact.
YIELDING = {
    ("GET", "/organisations/{orgId}/users/{userId}/teams"),
    ("POST", "/organisations/{orgId}/users/{userId}/roles"),
    ("DELETE", "/organisations/{orgId}/users/{userId}/roles/{roleId}"),
}


def _yields(access: Access, operation, allowed: bool) -> bool:
    """Whether a refusal is one that the rules do not ask for and no policy can avoid."""
    everywhere = any(grant.scope == "PLATFORM" for grant in access.grants)
    return not allowed and everywhere and (operation.method, operation.path) in YIELDING


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(access=_grants())
def test_policy_equals_the_rules_for_any_mixture_of_scopes(access):
    contract = full_contract()
    policy = RouteMap(contract.operations.values()).compile(access, PREFIX)
    world = {"organisations": dict.fromkeys(ORGS[:3]), "strangers": []}
    for operation in contract.operations.values():
        for params in _instances(operation, world) if operation.access != "public" else ():
            expected = access.allows(operation, params).allowed
            arn = f"{PREFIX}{operation.method}/{_path(operation, params)}"
            allowed = is_allowed(policy.document, arn)
            assert policy.detail != "exact" or allowed == expected or _yields(access, operation, allowed), arn


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(access=_grants(), limit=st.sampled_from([500, 1000, 2000, 3000, 5000]))
def test_a_policy_in_fewer_words_says_the_same_or_opens_whole_organisations(access, limit):
    contract = full_contract()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bbws_access.authorizer.policy.LARGEST_POLICY", limit)
        policy = RouteMap(contract.operations.values()).compile(access, PREFIX)
    assert policy.size <= limit
    world = {"organisations": dict.fromkeys(ORGS[:3]), "strangers": []}
    for operation in contract.operations.values():
        for params in _instances(operation, world) if operation.access != "public" else ():
            expected = access.allows(operation, params).allowed
            allowed = is_allowed(policy.document, f"{PREFIX}{operation.method}/{_path(operation, params)}")
            if policy.detail == "exact":
                assert allowed == expected or _yields(access, operation, allowed), (operation, params)
            elif params.get("orgId") not in access.organisations():
                assert expected or not allowed, (operation, params)
            elif policy.detail == "organisation":
                assert allowed or not expected or _yields(access, operation, allowed), (operation, params)


@st.composite
def _partly_read(draw) -> tuple[Access, Access]:
    """What somebody holds, and the same where some of their organisations were not looked into."""
    whole = draw(_grants())
    unread = frozenset(org for org in sorted(whole.organisations()) if draw(st.booleans()))
    grants = tuple(grant for grant in whole.grants if grant.org_id not in unread)
    memberships = tuple(one for one in whole.memberships if one.org_id not in unread)
    return whole, Access(whole.user_id, grants, memberships, unread=unread)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(held=_partly_read(), limit=st.sampled_from([700, 1500, 3000, 8192]))
def test_what_was_not_read_is_open_as_a_whole_and_nothing_else_is(held, limit):
    """All that an exact policy allows stays allowed, unless it says that it had no room."""
    whole, partly = held
    contract = full_contract()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bbws_access.authorizer.policy.LARGEST_POLICY", limit)
        policy = RouteMap(contract.operations.values()).compile(partly, PREFIX, ORGS[0])
    assert policy.size <= limit
    world = {"organisations": dict.fromkeys(ORGS[:3]), "strangers": []}
    opened = False
    for operation in contract.operations.values():
        for params in _instances(operation, world) if operation.access != "public" else ():
            expected = whole.allows(operation, params).allowed
            allowed = is_allowed(policy.document, f"{PREFIX}{operation.method}/{_path(operation, params)}")
            org_id = params.get("orgId")
            opened |= allowed and not expected
            if policy.detail != "truncated":
                assert allowed or not expected or _yields(whole, operation, allowed), (operation, params)
            # At its full size all that was read is still listed.
            is_listed = policy.detail == "exact" or limit == LARGEST_POLICY
            if (
                policy.detail == "exact"
                or org_id not in whole.organisations()
                or (is_listed and org_id not in partly.unread)
            ):
                assert expected or not allowed, (operation, params)
            if policy.detail == "organisation" and org_id in partly.unread and policy.opens(org_id):
                assert allowed or _yields(whole, operation, allowed), (operation, params)
    # Whoever reads the context is told.
    assert not opened or policy.detail != "exact"
    if policy.detail == "organisation":
        assert all(policy.opens(org_id) for org_id in partly.unread) or _everything_everywhere(partly)


def _everything_everywhere(access: Access) -> bool:
    """Whether nothing is left that an organisation could add."""
    operations = full_contract().operations.values()
    inside = [one for one in operations if "{orgId}" in one.path and one.access != "public"]
    anywhere = {name: "x" for one in inside for name in re.findall(r"{(\w+)}", one.path)}
    return all(access.allows(one, anywhere).allowed for one in inside)


def test_what_was_not_read_comes_last_where_not_all_fits():
    """So it takes the room of nothing that somebody would have had without it."""
    routes = RouteMap(full_contract().operations.values())
    read = [f"org-{n:026d}" for n in range(100, 130)]
    unread = frozenset(f"org-{n:026d}" for n in range(100))
    grants = tuple(Grant(frozenset({"site:*"}), "ORGANISATION", org, None, "r", "R", {}, {}) for org in read)
    policy = routes.compile(Access(ME, grants, unread=unread), PREFIX, read[7])
    assert policy.detail == "truncated"
    assert all(policy.opens(org) for org in read)
    fitting = [policy.opens(org) for org in sorted(unread)]
    assert any(fitting)
    assert fitting == sorted(fitting, reverse=True)
