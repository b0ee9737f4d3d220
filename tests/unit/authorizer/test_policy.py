"""What the compiler does at its edges: sizes, strange ids, nobody."""

import json

import pytest

from bbws_access.access.grants import Access, Grant, Membership
from bbws_access.authorizer.policy import LARGEST_POLICY, UNUSUAL, RouteMap, deny_all
from bbws_access.kernel.contract import load_contract, load_roles
from bbws_access.kernel.ids import new_id
from tests.unit.authorizer.full_contract import full_contract
from tests.unit.authorizer.iam_evaluator import is_allowed

PREFIX = "arn:aws:execute-api:eu-west-1:000000000000:abcdefghij/v1/"
ME = "11111111-1111-4111-8111-111111111111"
FULL = RouteMap(full_contract().operations.values())
ADMIN = frozenset(load_roles()["defaultOrganisationRoles"][0]["permissions"])
LEAD, SENIOR_MEMBER, MEMBER, _ = (frozenset(role["capabilities"]) for role in load_roles()["defaultTeamRoles"])


def _grant(permissions, scope="ORGANISATION", org="org-a", team=None) -> Grant:
    return Grant(frozenset(permissions), scope, org, team, "role-1", "ROLE", {}, {})


def _resources(policy, effect):
    """What a policy names, without the spellings that every policy refuses."""
    unusual = {f"arn:aws:execute-api:*:*:{one[1:]}" for one in UNUSUAL}
    named = [one for part in policy.document["Statement"] if part["Effect"] == effect for one in part["Resource"]]
    if effect == "Deny" and _resources(policy, "Allow"):
        assert unusual <= set(named)
    return [one.removeprefix(PREFIX) for one in named if one not in unusual]


def _all_routes(access, policy, orgs, teams):
    """(expected, allowed, arn) for every route with these values."""
    for operation in full_contract().operations.values():
        if operation.access == "public":
            continue
        for org in orgs:
            for team in teams:
                params = {"orgId": org, "teamId": team, "userId": ME}
                path = "/".join(
                    params.get(part[1:-1], new_id("role")) if part.startswith("{") else part
                    for part in operation.segments
                )
                inside = {name: value for name, value in params.items() if f"{{{name}}}" in operation.segments}
                arn = f"{PREFIX}{operation.method}/{path}"
                yield access.allows(operation, inside).allowed, is_allowed(policy.document, arn), arn


def test_one_permission_opens_its_routes_and_no_other():
    policy = FULL.compile(Access(ME, (_grant({"role:read"}),)), PREFIX)
    assert sorted(_resources(policy, "Allow")) == [
        "GET/organisations/org-a/roles",
        "GET/organisations/org-a/roles/*",
        "GET/organisations/org-a/roles/*/users",
        "GET/organisations/org-a/users/*/roles",
        f"GET/organisations/org-a/users/{ME}/permissions",
        f"GET/organisations/org-a/users/{ME}/teams",
        "GET/platform/permissions",
        "GET/platform/permissions/*",
        "GET/platform/roles",
        "GET/platform/roles/*",
    ]
    assert _resources(policy, "Deny") == []


def test_a_route_below_one_that_is_granted_is_denied():
    policy = FULL.compile(Access(ME, (_grant({"team:read"}),)), PREFIX)
    assert "GET/organisations/org-a/teams/*" in _resources(policy, "Allow")
    assert _resources(policy, "Deny") == ["GET/organisations/org-a/teams/*/*"]


def test_members_of_one_team_stay_open_beside_all_teams():
    team = new_id("team")
    access = Access(ME, (_grant({"team:read"}),), (Membership("org-a", team, frozenset({"CAN_VIEW_MEMBERS"})),))
    policy = FULL.compile(access, PREFIX)
    assert f"GET/organisations/org-a/teams/{'?' * 31}" in _resources(policy, "Allow")
    assert _resources(policy, "Deny") == []
    for expected, allowed, arn in _all_routes(access, policy, ["org-a", "org-b"], [team, new_id("team")]):
        assert allowed == expected, arn


def test_without_a_known_width_a_door_is_rather_shut_than_opened():
    routes = RouteMap(full_contract().operations.values(), widths={})
    access = Access(ME, (_grant({"team:read"}),), (Membership("org-a", "team-1", frozenset({"CAN_VIEW_MEMBERS"})),))
    policy = routes.compile(access, PREFIX)
    for expected, allowed, arn in _all_routes(access, policy, ["org-a"], ["team-1", "team-2"]):
        assert expected or not allowed, arn


@pytest.mark.parametrize("count", [1, 2, 10, 40])
def test_an_administrator_of_many_organisations_still_has_an_exact_policy(count):
    orgs = [new_id("organisation") for _ in range(count)]
    access = Access(ME, tuple(_grant(ADMIN, org=org) for org in orgs))
    policy = FULL.compile(access, PREFIX)
    assert policy.detail == "exact"
    for expected, allowed, arn in _all_routes(access, policy, [*orgs, new_id("organisation")], [new_id("team")]):
        assert allowed == expected, arn


@pytest.mark.parametrize(
    ("teams", "capabilities"),
    [(27, [LEAD]), (54, [MEMBER]), (39, [LEAD, SENIOR_MEMBER, MEMBER])],
    ids=["lead", "member", "mixed"],
)
def test_many_teams_still_have_an_exact_policy(teams, capabilities):
    org, other = new_id("organisation"), new_id("organisation")
    mine = [new_id("team") for _ in range(teams)]
    members = tuple(Membership(org, team, capabilities[n % len(capabilities)]) for n, team in enumerate(mine))
    access = Access(ME, (), members)
    policy = FULL.compile(access, PREFIX)
    assert (policy.detail, policy.size <= LARGEST_POLICY) == ("exact", True)
    strangers = [new_id("team"), mine[0][:-1], f"{mine[0]}0"]
    for expected, allowed, arn in _all_routes(access, policy, [org, other], [*mine[:3], mine[-1], *strangers]):
        assert allowed == expected, arn


def test_one_more_right_in_some_teams_is_not_lost_to_the_others():
    """What is denied for many teams at once must not shut it where it is granted."""
    org = new_id("organisation")
    teams = [new_id("team") for _ in range(12)]
    movers = tuple(_grant({"org:user:manage", "team:delete"}, "TEAM", org, team) for team in teams[:2])
    access = Access(ME, movers, tuple(Membership(org, team, LEAD) for team in teams))
    policy = FULL.compile(access, PREFIX)
    assert policy.detail == "exact"
    for expected, allowed, arn in _all_routes(access, policy, [org], [*teams, new_id("team")]):
        assert allowed == expected, arn


def test_a_leader_of_too_many_teams_is_let_into_the_organisation_and_no_further():
    orgs = [new_id("organisation"), new_id("organisation")]
    members = tuple(Membership(orgs[0], new_id("team"), LEAD) for _ in range(200))
    access = Access(ME, (_grant({"org:read"}, org=orgs[1]),), members)
    policy = FULL.compile(access, PREFIX)
    assert policy.detail == "organisation"
    assert policy.size <= LARGEST_POLICY
    outside = new_id("organisation")
    for expected, allowed, arn in _all_routes(access, policy, [*orgs, outside], [members[0].team_id]):
        assert allowed or not expected, arn
        assert expected or not allowed or any(org in arn for org in orgs), arn


def test_many_teams_in_one_organisation_open_no_other():
    crowded, quiet = new_id("organisation"), new_id("organisation")
    access = Access(
        ME,
        (_grant({"role:read"}, org=quiet), _grant({"team:read"}, "TEAM", quiet, "team-1")),
        tuple(Membership(crowded, new_id("team"), LEAD) for _ in range(200)),
    )
    policy = FULL.compile(access, PREFIX, preferred=crowded)
    assert policy.detail == "organisation"
    for expected, allowed, arn in _all_routes(access, policy, [quiet], ["team-1", "team-2"]):
        assert allowed == expected, arn
    for expected, allowed, arn in _all_routes(access, policy, [crowded], [access.memberships[0].team_id]):
        assert allowed or not expected, arn


def test_organisations_that_do_not_fit_are_left_out_the_default_one_last():
    orgs = sorted(new_id("organisation") for _ in range(150))
    access = Access(ME, tuple(_grant({"role:read"}, org=org) for org in orgs))
    policy = FULL.compile(access, PREFIX, preferred=orgs[-1])
    assert policy.detail == "truncated"
    assert policy.size == len(json.dumps(policy.document, separators=(",", ":"))) <= LARGEST_POLICY
    assert is_allowed(policy.document, f"{PREFIX}GET/organisations/{orgs[-1]}/roles")
    assert not is_allowed(policy.document, f"{PREFIX}GET/organisations/{new_id('organisation')}/roles")


@pytest.mark.parametrize("org", ["*", "org-*", "org?", "a/b", "", "${aws:username}", "ORG", "roles", "users"])
def test_an_id_that_could_mean_more_than_itself_gives_nothing(org):
    access = Access(
        ME,
        (_grant({"*"}, org=org), _grant({"role:read"}, org="org-a")),
        (Membership("org-a", org, LEAD),),
    )
    policy = FULL.compile(access, PREFIX)
    assert not is_allowed(policy.document, f"{PREFIX}POST/organisations/org-b/roles")
    assert not is_allowed(policy.document, f"{PREFIX}PUT/organisations/org-a/teams/team-1")
    assert is_allowed(policy.document, f"{PREFIX}GET/organisations/org-a/roles")


def test_a_platform_administrator_may_do_everything_and_only_in_this_api():
    access = Access(ME, (_grant({"*"}, "PLATFORM", None),))
    policy = FULL.compile(access, PREFIX)
    assert policy.detail == "exact"
    for expected, allowed, arn in _all_routes(access, policy, ["org-a", "org-b"], ["team-1"]):
        assert expected, arn
        assert allowed, arn
    assert not is_allowed(policy.document, PREFIX.replace("abcdefghij", "other") + "GET/platform/roles")
    assert not is_allowed(policy.document, PREFIX.replace("/v1/", "/v2/") + "GET/platform/roles")


def test_nobody_may_do_anything():
    policy = deny_all(PREFIX)
    assert _resources(policy, "Allow") == []
    for operation in load_contract().operations.values():
        assert not is_allowed(policy.document, f"{PREFIX}{operation.method}{operation.path}")


def test_users_with_the_same_roles_share_a_compilation():
    routes = RouteMap(full_contract().operations.values())
    for _ in range(3):
        routes.compile(Access(new_id("role"), (_grant(ADMIN, org=new_id("organisation")),)), PREFIX)
    assert routes._compiled.cache_info().misses == 1
