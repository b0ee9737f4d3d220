"""An API of 500 routes: its policies say what the rules say, fit, and are made at once."""

import pytest

from bbws_access.access.grants import Access, Grant
from bbws_access.authorizer.policy import RouteMap
from bbws_access.authorizer.reach import Reach
from bbws_access.kernel.contract import platform_roles
from tests.unit.authorizer.iam_evaluator import is_allowed
from tests.unit.authorizer.test_policy_growth import _work
from tests.unit.authorizer.test_policy_property import ME, PREFIX
from tests.unit.authorizer.wide_contract import WIDTHS, wide_contract

CONTRACT = wide_contract(500)
ROUTES = RouteMap(CONTRACT.operations.values(), WIDTHS)
ORG, OTHER = "org-1", "org-2"


def _grant(names: tuple[str, ...], org: str | None) -> Grant:
    scope = "ORGANISATION" if org else "PLATFORM"
    return Grant(frozenset(names), scope, org, None, "role-1", "ROLE", {}, {})


HOLDINGS = {
    "platform": (_grant(("site:*", "role:*"), None),),
    "platform, more": (_grant(("site:*", "team:*"), None),),
    "organisation": (_grant(("site:*", "team:*"), ORG),),
    "both": (_grant(("site:*",), None), _grant(("user:*",), ORG)),
    "two": (_grant(("site:*",), ORG), _grant(("site:read", "team:read"), OTHER)),
}


@pytest.mark.parametrize("name", HOLDINGS)
def test_a_policy_is_exact_among_five_hundred_routes(name: str) -> None:
    """With single patterns for each route, a role of the platform's did not fit, and its holder was shut out."""
    access = Access(ME, HOLDINGS[name])
    policy = ROUTES.compile(access, PREFIX)
    assert policy.detail == "exact"
    for operation in CONTRACT.operations.values():
        for org in (ORG, OTHER, "org-3"):
            params = {part[1:-1]: "k" * 27 for part in operation.segments if part[0] == "{"} | {"orgId": org}
            path = "/".join(params[part[1:-1]] if part[0] == "{" else part for part in operation.segments)
            allowed = access.allows(operation, params).allowed
            assert is_allowed(policy.document, f"{PREFIX}{operation.method}/{path}") == allowed, path


def test_roles_of_the_platform_fit_whatever_else_there_is() -> None:
    """All of them at once, each by itself: somebody whose policy holds nothing is locked out."""
    for role in platform_roles().values():
        policy = ROUTES.compile(Access(ME, (_grant(tuple(role["permissions"]), None),)), PREFIX)
        assert policy.detail == "exact", role["name"]


def test_what_is_looked_for_among_granted_routes_alone_is_all_that_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same policies as where each pattern is held against all routes."""
    policies = {name: ROUTES.compile(Access(ME, HOLDINGS[name]), PREFIX) for name in HOLDINGS}

    def all_of_them(self: RouteMap, method: str, pattern: tuple[str, ...], *_: object) -> list[Reach]:
        return self._trees[method].reaches(pattern)

    monkeypatch.setattr(RouteMap, "_into_granted", all_of_them)
    routes = RouteMap(CONTRACT.operations.values(), WIDTHS)
    assert {name: routes.compile(Access(ME, HOLDINGS[name]), PREFIX) for name in HOLDINGS} == policies


@pytest.mark.parametrize(
    ("name", "most"), [("organisation", 500_000), ("two", 750_000), ("platform, more", 600_000)], ids=str
)
def test_the_first_policy_of_a_function_grows_with_the_api_and_no_faster(name: str, most: int) -> None:
    """Holding every denial against every route took 3.7, 7.3 and 4.8 million calls among 500 routes."""
    access = Access(ME, HOLDINGS[name])
    work = {}
    for count in (500, 1000):
        routes = RouteMap(wide_contract(count).operations.values(), WIDTHS)
        work[count] = _work(routes, access)
        assert _work(routes, access) <= 10 * count
    assert work[500] <= most
    assert work[1000] <= 2.8 * work[500]
