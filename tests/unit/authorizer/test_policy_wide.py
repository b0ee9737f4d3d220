"""An API of 500 routes: its policies say what the rules say, fit, and are made at once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bbws_access.access.grants import Access, Grant
from bbws_access.authorizer.granted import Granted
from bbws_access.authorizer.policy import RouteMap, _Wider
from bbws_access.authorizer.reach import Reach
from bbws_access.kernel.contract import Contract, platform_roles
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


def _everywhere(self: RouteMap, method: str, pattern: tuple[str, ...], *_: object) -> list[Reach]:
    """All that a pattern reaches, granted or not."""
    return self._trees[method].reaches(pattern)


def test_what_is_looked_for_among_granted_routes_alone_is_all_that_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    policies = {name: ROUTES.compile(Access(ME, HOLDINGS[name]), PREFIX) for name in HOLDINGS}
    monkeypatch.setattr(RouteMap, "_into_granted", _everywhere)
    routes = RouteMap(CONTRACT.operations.values(), WIDTHS)
    assert {name: routes.compile(Access(ME, HOLDINGS[name]), PREFIX) for name in HOLDINGS} == policies


_SEGMENT = st.sampled_from(["a", "b", "organisations", "{x}", "{yId}", "{orgId}", "{orgId}", "{teamId}"])
_PATHS = st.lists(
    st.one_of(
        st.lists(_SEGMENT, min_size=1, max_size=5),
        st.lists(_SEGMENT, max_size=4).map(lambda rest: ["organisations", "{orgId}", *rest]),
    ).filter(
        lambda parts: len({one for one in parts if one[0] == "{"}) == len([one for one in parts if one[0] == "{"])
    ),
    min_size=3,
    max_size=9,
    unique_by=tuple,
)
_PERMISSION = st.sampled_from(["p:a", "p:b", "p:c", "p:d"])
_GIVEN = st.builds(
    lambda name, place: Grant(frozenset({name}), place[0], place[1], place[2], "role-1", "ROLE", {}, {}),
    _PERMISSION,
    st.sampled_from(
        [
            ("PLATFORM", None, None),
            *(
                (scope, org, team)
                for org in (ORG, OTHER)
                for scope, team in (("ORGANISATION", None), ("TEAM", "team-1"))
            ),
        ]
    ),
)


@settings(max_examples=800, deadline=None)
@given(
    paths=_PATHS,
    permissions=st.lists(_PERMISSION, min_size=9, max_size=9),
    grants=st.lists(_GIVEN, min_size=2, max_size=4).map(tuple),
    limit=st.sampled_from([600, 8192]),
)
def test_nor_is_there_more_in_any_api_whatever_somebody_holds(
    paths: list[list[str]], permissions: list[str], grants: tuple[Grant, ...], limit: int
) -> None:
    """As if every API had too many routes to be searched whole; among them some that are not packaged."""
    document = {
        f"/{'/'.join(parts)}": {
            "get": {"operationId": f"op{n}", "x-bbws-service": "s", "x-bbws-access": [{"permission": permissions[n]}]}
        }
        for n, parts in enumerate(paths)
    }
    operations = Contract({"paths": document}).operations.values()
    access = Access(ME, grants)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bbws_access.authorizer.policy.LARGEST_POLICY", limit)
        patch.setattr("bbws_access.authorizer.policy._FEW_ROUTES", 0)
        found = RouteMap(operations, {"yId": 6}).compile(access, PREFIX)
        patch.setattr(RouteMap, "_into_granted", _everywhere)
        assert RouteMap(operations, {"yId": 6}).compile(access, PREFIX) == found
        # Nor does a bound on what is tried change anything but what would not fit.
        patch.setattr(_Wider, "takes_more", lambda *_: False)
        tried = RouteMap(operations, {"yId": 6}).compile(access, PREFIX)
        assert tried == found or found.detail == "exact" != tried.detail


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("organisation", {500: 230_000, 1000: 900_000}),
        ("two", {500: 350_000, 1000: 700_000}),
        ("platform, more", {500: 300_000, 1000: 1_100_000}),
    ],
    ids=str,
)
def test_the_first_policy_of_a_function_grows_with_the_api_and_no_faster(name: str, most: dict[int, int]) -> None:
    """Holding every denial against every route took 3.7, 7.3 and 4.8 million calls among 500 routes.

    Among 1,000 routes two of these lists fit in no policy, so both ways to say them in fewer words are tried.
    """
    access = Access(ME, HOLDINGS[name])
    for count, calls in most.items():
        routes = RouteMap(wide_contract(count).operations.values(), WIDTHS)
        assert _work(routes, access) <= calls, count
        assert _work(routes, access) <= 10 * count


@pytest.mark.parametrize("name", HOLDINGS)
def test_denials_longer_than_what_they_save_are_not_looked_for(name: str) -> None:
    """The policy is the same. A list that fits is made once, whatever would be found if the large were tried first."""
    looked_for: list[list[int]] = []
    policies = []
    widely = RouteMap._widely

    def counted(self: RouteMap, needed: list[tuple[Reach, str | None]], grants: Granted) -> tuple[str, ...]:
        looked_for[-1].append(len(needed))
        return widely(self, needed, grants)

    for longer in (_Wider.takes_more, lambda *_: False):
        looked_for.append([0])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(RouteMap, "_widely", counted)
            patch.setattr(_Wider, "takes_more", longer)
            policies.append(RouteMap(CONTRACT.operations.values(), WIDTHS).compile(Access(ME, HOLDINGS[name]), PREFIX))
    assert policies[0] == policies[1]
    assert policies[0].detail == "exact"
    assert max(looked_for[0]) <= 20 < max(looked_for[1])
