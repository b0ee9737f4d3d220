"""The largest holdings: what a policy costs grows with what somebody holds and no faster, and nobody is locked out."""

import random
import sys
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, assume, example, given, settings

from bbws_access.access.grants import Access, Grant, Membership
from bbws_access.authorizer.granted import Granted
from bbws_access.authorizer.policy import LARGEST_POLICY, RouteMap, _always, _document, _filled
from bbws_access.kernel.contract import Contract, Operation, load_contract, load_permissions, load_roles
from tests.unit.authorizer.full_contract import full_contract
from tests.unit.authorizer.iam_evaluator import is_allowed
from tests.unit.authorizer.test_policy_property import _grants

FULL = RouteMap(full_contract().operations.values())
PREFIX = "arn:aws:execute-api:eu-west-1:000000000000:abcdefghij/v1/"
ME = "11111111-1111-4111-8111-111111111111"
MANAGER = frozenset(
    next(role["permissions"] for role in load_roles()["defaultOrganisationRoles"] if role["name"] == "ORG_MANAGER")
)
CAPABILITIES = sorted({name for role in load_roles()["defaultTeamRoles"] for name in role["capabilities"]})


def _org(n: int) -> str:
    return f"org-{n:026d}"


def _team(org: int, n: int) -> str:
    return f"team-{org * 1000 + n:026d}"


def _grant(permissions: frozenset[str], org: int, team: str | None = None) -> Grant:
    return Grant(permissions, "TEAM" if team else "ORGANISATION", _org(org), team, "role-1", "ROLE", {}, {})


def _some(names: list[str], n: int) -> frozenset[str]:
    """Different ones for each number, as far as there are so many."""
    return frozenset(name for k, name in enumerate(names) if (n + 1) >> k & 1 or k == n % len(names))


def _leader(orgs: int, teams: int) -> Access:
    """Leads every team."""
    lead = frozenset(CAPABILITIES)
    return Access(ME, (), tuple(Membership(_org(k), _team(k, n), lead) for k in range(orgs) for n in range(teams)))


def _varied(orgs: int, teams: int) -> Access:
    """Another team role in each team."""
    members = (
        Membership(_org(k), _team(k, n), _some(CAPABILITIES, k * teams + n)) for k in range(orgs) for n in range(teams)
    )
    return Access(ME, (), tuple(members))


def _manager(orgs: int, _: int) -> Access:
    return Access(ME, tuple(_grant(MANAGER, k) for k in range(orgs)))


def _assigned(orgs: int, teams: int) -> Access:
    """Another role in each team, and another one in each organisation."""
    names = sorted(MANAGER)
    grants = [_grant(_some(names, k), k) for k in range(orgs)]
    grants += [_grant(_some(names, k + n), k, _team(k, n)) for k in range(orgs) for n in range(teams)]
    return Access(ME, tuple(grants))


def _mixed(orgs: int, teams: int) -> Access:
    """One of 500 roles in each organisation and each team."""
    chance = random.Random(1)
    names = sorted(one["name"] for one in load_permissions())
    roles = [frozenset(name for name in names if chance.random() < 0.9) for _ in range(500)]
    grants = [_grant(chance.choice(roles), k) for k in range(orgs)]
    grants += [_grant(chance.choice(roles), k, _team(k, n)) for k in range(orgs) for n in range(teams)]
    return Access(ME, tuple(grants))


def _work(routes: RouteMap, access: Access) -> int:
    """How many functions are called to compile a policy: what time would say on a machine with nothing else to do."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        routes.compile(access, PREFIX)
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("holding", [_leader, _varied, _manager, _assigned, _mixed])
@pytest.mark.parametrize(("orgs", "teams"), [(40, 10), (10, 100), (100, 100)])
def test_twice_the_holding_is_twice_the_work(holding: Callable[..., Access], orgs: int, teams: int) -> None:
    routes = RouteMap(load_contract().operations.values())
    for access in (holding(3, 3), holding(2, 50)):
        routes.compile(access, PREFIX)
    new, known = [], []
    for access in (holding(orgs, teams), holding(2 * orgs, teams)):
        new.append(_work(routes, access))
        known.append(_work(routes, access))
    # What is listed at all has a bound, the length of a policy; until then it may be more than twice as much.
    assert new[1] <= 2.3 * new[0] + 100_000
    assert known[1] <= 2.3 * known[0] + 10_000
    records = sum(len(kind) for kind in (access.grants, access.memberships))
    assert new[1] <= 400_000 + 20 * records
    assert known[1] <= 40_000 + 20 * records


def _distinct(orgs: int, length: int, share: float, platform: int | None = None) -> Access:
    """Another role in each organisation, with so much of the catalogue; and a role of the platform's."""
    chance = random.Random(orgs)
    names = sorted(one["name"] for one in load_permissions())
    grants = []
    for n in range(orgs):
        permissions = frozenset(name for name in names if chance.random() < share)
        grants.append(Grant(permissions, "ORGANISATION", f"o{n:0{length - 1}d}", None, "role-1", "ROLE", {}, {}))
    if platform is not None:
        role = load_roles()["platformRoles"][platform]
        grants.append(Grant(frozenset(role["permissions"]), "PLATFORM", None, None, "role-2", "ROLE", {}, {}))
    return Access(ME, tuple(grants))


@pytest.mark.parametrize("length", [4, 30])
@pytest.mark.parametrize(
    ("orgs", "share", "platform"),
    [(35, 0.5, None), (60, 0.3, 2), (80, 0.95, None), (109, 0.3, None), (115, 0.5, 1), (115, 0.95, 2), (150, 0.7, 3)],
)
def test_a_list_that_cannot_fit_is_not_made(orgs: int, share: float, platform: int | None, length: int) -> None:
    """What the organisations need at least is known before any of it is written: each call below is about 150 ns."""
    routes = RouteMap(load_contract().operations.values())
    for n in range(3):
        routes.compile(_distinct(20 + n, 30, 0.4), PREFIX)
    access = _distinct(orgs, length, share, platform)
    assert _work(routes, access) <= 960_000
    assert _work(routes, access) <= 60_000


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(access=_grants())
@example(access=_distinct(12, 8, 0.5))
@example(access=_distinct(12, 8, 0.95, 1))
@example(access=_assigned(3, 4))
def test_no_policy_is_shorter_than_what_it_needs_at_least(access: Access) -> None:
    """Else somebody would have whole organisations open for whom a list fits."""
    routes = FULL
    short = "arn:aws:execute-api:*:*:abcdefghij/v1/"
    held = routes._held(access, "")
    shape, names = routes._shape(held, held.organisations)
    allow, deny = (_filled(kind, names) for kind in routes._compacted(shape))
    assume(allow)
    _, size = _document(short, allow, deny)
    assert _always(short) + sum(routes._least(held, short).values()) <= size


@pytest.mark.parametrize(
    "access",
    [_leader(3, 4), _varied(3, 9), _manager(7, 0), _assigned(5, 3), _distinct(9, 8, 0.5, 1), _mixed(4, 3)],
    ids=["leader", "varied", "manager", "assigned", "distinct", "mixed"],
)
@pytest.mark.parametrize("contract", [load_contract(), full_contract()], ids=["present", "full"])
def test_what_is_made_for_one_is_right_for_all_that_are_alike(
    contract: Contract, access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lists are those that are made for each organisation and each team by itself."""
    twice = [grant._replace(org_id=f"twin-{grant.org_id}") for grant in access.grants if grant.org_id]
    members = [member._replace(org_id=f"twin-{member.org_id}") for member in access.memberships]
    both = Access(ME, (*access.grants, *twice), (*access.memberships, *members))
    made = []
    for _ in range(2):
        routes = RouteMap(contract.operations.values())
        held = routes._held(both, "")
        shape, _names = routes._shape(held, held.organisations)
        made.append((routes._compiled(shape), routes._compacted(shape)))
        monkeypatch.setattr(Granted, "kind", lambda self, binding: tuple(binding.items()))
    assert made[0] == made[1]


@pytest.mark.parametrize("holding", [_leader, _varied, _manager, _assigned])
@pytest.mark.parametrize(("orgs", "teams"), [(1, 300), (7, 9), (25, 4), (20, 100), (200, 2)])
def test_what_is_held_is_open_or_left_out_as_a_whole(holding: Callable[..., Access], orgs: int, teams: int) -> None:
    """Beyond what fits, whole organisations of the user's are open, and those left out come last."""
    contract = full_contract()
    access = holding(orgs, teams)
    mine = sorted(access.organisations())
    policy = RouteMap(contract.operations.values()).compile(access, PREFIX, preferred=mine[-1])
    assert policy.size <= LARGEST_POLICY
    refused = []
    for org in [mine[-1], *mine[:-1], _org(999_999)]:
        wrong = []
        team = _team(int(org[4:]), 0)
        for operation in contract.operations.values():
            if operation.access == "public" or "{orgId}" not in operation.segments:
                continue
            params = {"orgId": org, "teamId": team, "userId": ME}
            path = "/".join(
                params.get(part[1:-1], f"x-{'1' * 20}") if part.startswith("{") else part for part in operation.segments
            )
            inside = {name: value for name, value in params.items() if f"{{{name}}}" in operation.segments}
            expected = access.allows(operation, inside).allowed
            allowed = is_allowed(policy.document, f"{PREFIX}{operation.method}/{path}")
            if expected and not allowed:
                wrong.append(operation)
            assert expected or not allowed or (policy.detail != "exact" and org in mine), path
        if wrong:
            refused.append(org)
    assert not refused or policy.detail == "truncated"
    # Those left out are the last of the list, and the preferred one is not among them.
    assert refused == [mine[-1], *mine[:-1]][len(mine) - len(refused) :]


def test_the_preferred_organisation_is_the_last_to_be_opened() -> None:
    """Of organisations that are alike, in which the same is held."""
    access = _leader(10, 5)
    for preferred in (_org(0), _org(4), _org(9)):
        policy = RouteMap(load_contract().operations.values()).compile(access, PREFIX, preferred=preferred)
        assert policy.detail == "organisation"
        assert not is_allowed(policy.document, f"{PREFIX}PUT/organisations/{preferred}/teams/{_team(99, 9)}")
        assert is_allowed(
            policy.document, f"{PREFIX}PUT/organisations/{preferred}/teams/{_team(int(preferred[4:]), 1)}"
        )


def test_what_begins_elsewhere_shuts_nothing_in_an_open_organisation() -> None:
    """A route of the organisation that lies below another beginning is listed, and what it reaches into is granted."""
    lines = {
        "/users/{userId}/organisations/{orgId}/logs": "site:read",
        "/users/all/organisations/{orgId}/logs": "team:read",
        "/organisations/{orgId}/teams/{teamId}": "team:read",
    }
    operations = [
        Operation(
            {},
            path,
            "get",
            {"operationId": f"op{n}", "x-bbws-service": "x", "x-bbws-access": [{"permission": name}]},
            [],
        )
        for n, (path, name) in enumerate(lines.items())
    ]
    grants = [_grant(frozenset({"site:read", "team:read"}), 0), _grant(frozenset({"site:read"}), 1)]
    grants += [_grant(frozenset({"team:read"}), k, _team(k, n)) for k in (1, 2) for n in range(200)]
    policy = RouteMap(operations, widths={"teamId": 31}).compile(Access(ME, tuple(grants)), PREFIX)
    assert policy.detail == "organisation"
    for org, logs_of_all in ((_org(0), True), (_org(1), None), (_org(3), False)):
        there = is_allowed(policy.document, f"{PREFIX}GET/users/all/organisations/{org}/logs")
        assert logs_of_all in (None, there), org
        one = is_allowed(policy.document, f"{PREFIX}GET/users/{ME}/organisations/{org}/logs")
        assert one == (org != _org(3)), org


@pytest.mark.parametrize("count", [1, 150], ids=["organisation", "truncated"])
@pytest.mark.parametrize(
    "further",
    [
        "/organisations/{orgId}/partners/organisations/{partnerId}/secrets",
        "/platform/organisations/{id}/secrets",
        "/partners/{partnerId}/organisations/{id}/secrets/{secretId}",
    ],
)
def test_what_opens_an_organisation_opens_no_path_in_which_it_comes_second(further: str, count: int) -> None:
    """A `*` for the method also stands for the beginning of a path, up to another organisation's partner."""
    paths = ("/organisations/{orgId}/teams/{teamId}", further)
    raw = {"x-bbws-service": "x", "x-bbws-access": [{"permission": "team:read"}]}
    operations = [
        Operation({}, path, method, raw | {"operationId": f"{method}{path}"}, [])
        for path in paths
        for method in ("get", "put")
    ]
    members = [_grant(frozenset({"*"}), k, _team(k, n)) for k in range(count) for n in range(100 if count == 1 else 1)]
    policy = RouteMap(operations).compile(Access(ME, tuple(members)), PREFIX)
    assert policy.detail == ("organisation" if count == 1 else "truncated")
    for method in ("GET", "PUT"):
        assert is_allowed(policy.document, f"{PREFIX}{method}/organisations/{_org(0)}/teams/{_team(0, 0)}")
        for own in ("organisations", _org(0)):
            values = {"orgId": _org(999_999), "partnerId": _org(0), "id": _org(0), "secretId": own}
            parts = [values[part[1:-1]] if part.startswith("{") else part for part in further[1:].split("/")]
            assert not is_allowed(policy.document, f"{PREFIX}{method}/{'/'.join(parts)}"), parts
    # Of our own API, and of all without such a path, an organisation is one pattern still.
    assert RouteMap(operations[:2])._starts([_org(0)]) == [f"*/organisations/{_org(0)}/*"]


def test_no_organisation_is_opened_for_teams_that_cannot_be() -> None:
    """Records whose team is a word of a path, or no id at all, give nothing."""
    strange = (Membership(_org(0), team, frozenset(CAPABILITIES)) for team in ("roles", "BAD", None, 5, "", "a*"))
    access = Access(ME, (_grant(frozenset({"role:read"}), 0),), tuple(strange) * 40)
    assert RouteMap(load_contract().operations.values()).compile(access, PREFIX).detail == "exact"


def test_a_list_of_what_begins_elsewhere_locks_nobody_out() -> None:
    """However long it is, what else there is stays open."""
    lines = ("/users/{userId}/organisations/{orgId}/teams/{teamId}", "/organisations/{orgId}/teams/{teamId}")
    raw = {"x-bbws-service": "x", "x-bbws-access": [{"capability": CAPABILITIES[0]}]}
    operations = [Operation({}, path, "get", raw | {"operationId": path}, []) for path in lines]
    lead = frozenset(CAPABILITIES)
    members = [Membership(_org(0), _team(0, n), lead) for n in range(100)] + [Membership(_org(1), _team(1, 0), lead)]
    for preferred in ("", _org(1)):
        policy = RouteMap(operations).compile(Access(ME, (), tuple(members)), PREFIX, preferred)
        assert policy.detail == "truncated"
        for org in (0, 1):
            assert is_allowed(policy.document, f"{PREFIX}GET/organisations/{_org(org)}/teams/{_team(org, 0)}")
        assert not is_allowed(policy.document, f"{PREFIX}GET/organisations/{_org(2)}/teams/{_team(0, 0)}")


def test_what_is_denied_for_all_that_is_listed_stays_open_where_nothing_is() -> None:
    """Denials are shared by all organisations, also with those that are open as a whole and hold more."""
    lead = frozenset(CAPABILITIES)
    listed = [Membership(_org(0), _team(0, n), lead) for n in range(12)]
    crowded = [_grant(frozenset({"*"}), 1, _team(1, n)) for n in range(200)]
    contract = full_contract()
    access = Access(ME, tuple(crowded), tuple(listed))
    policy = RouteMap(contract.operations.values()).compile(access, PREFIX, preferred=_org(0))
    assert policy.detail == "organisation"
    for operation in contract.operations.values():
        if operation.access == "public" or "{teamId}" not in operation.segments:
            continue
        for k in (0, 1):
            params = {"orgId": _org(k), "teamId": _team(k, 0), "userId": f"22222222-1111-4111-8111-{'1' * 12}"}
            path = "/".join(
                params.get(part[1:-1], f"x-{'1' * 20}") if part.startswith("{") else part for part in operation.segments
            )
            inside = {name: value for name, value in params.items() if f"{{{name}}}" in operation.segments}
            if access.allows(operation, inside).allowed:
                assert is_allowed(policy.document, f"{PREFIX}{operation.method}/{path}"), path
