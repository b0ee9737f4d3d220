"""An API of 500 routes: its policies say what the rules say, fit, and are made at once."""

import pytest

from bbws_access.access.grants import Access, Grant
from bbws_access.authorizer.policy import RouteMap
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


def test_the_first_policy_of_a_function_is_made_in_a_third_of_the_work() -> None:
    """What a pattern reaches into is found in a tree: holding each one against each route took 2.6 million calls."""
    routes = RouteMap(wide_contract(200).operations.values(), WIDTHS)
    access = Access(ME, HOLDINGS["organisation"])
    assert _work(routes, access) <= 800_000
    assert _work(routes, access) <= 1_000
