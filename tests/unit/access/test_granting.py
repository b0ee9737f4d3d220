"""What may be granted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbws_access.access.granting import check_ceiling, check_known
from bbws_access.access.grants import ORGANISATION, PLATFORM, TEAM, Access, Grant
from bbws_access.access.permissions import expand
from bbws_access.kernel.contract import load_permissions
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
