"""Rules of permission sets, apart from HTTP and storage."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bbws_access.access.grants import ORGANISATION, Access, Grant
from bbws_access.kernel.contract import load_roles
from bbws_access.kernel.errors import Conflict, Forbidden
from bbws_access.kernel.records import Change
from bbws_access.permission import rules

CHANGE = Change("me", "request-1", datetime(2026, 1, 2, tzinfo=UTC))


def holder(*permissions: str) -> Access:
    sources = dict.fromkeys(permissions, (None,))
    grant = Grant(frozenset(permissions), ORGANISATION, "org-1", None, "role-9", "H", {}, sources)
    return Access("me", (grant,))


def made(*permissions: str, **more: object) -> dict:
    body = {"name": "Some", "permissions": list(permissions)}
    return {**rules.new_set("org-1", "set-1", body, holder("*"), CHANGE), **more}


@pytest.mark.parametrize("one", load_roles()["platformPermissionSets"], ids=lambda one: one["name"])
def test_the_platforms_sets_and_their_names_are_its_own(one: dict) -> None:
    with pytest.raises(Forbidden) as refused:
        rules.check_changeable(one["setId"])
    assert refused.value.code == "SYSTEM_RESOURCE"
    for name in (one["name"], one["name"].upper()):
        with pytest.raises(Conflict) as taken:
            rules.check_name(name)
        assert taken.value.code == "NAME_TAKEN"
    rules.check_changeable("set-other")
    rules.check_name(one["name"] + " 2")


@pytest.mark.parametrize(
    ("stored", "wanted", "allowed"),
    [
        (made("audit:read"), {"permissions": ["audit:read"]}, True),
        (made("audit:*"), {"permissions": ["audit:read", "audit:export"]}, True),
        (made("audit:read"), {"permissions": ["site:read"]}, True),
        (made("audit:read"), {"permissions": ["audit:export"]}, False),
        (made("audit:read"), {"permissions": ["audit:export"], "active": False}, False),
        (made("audit:read", active=False), {"permissions": ["audit:export"]}, False),
        (made("audit:read", active=False), {"permissions": ["audit:read"]}, True),
        (made("audit:read", active=False), {"permissions": ["site:read"]}, True),
        (made("audit:read", active=False), {"permissions": ["audit:read"], "active": True}, False),
        (made("site:read", active=False), {"permissions": ["site:read"], "active": True}, True),
    ],
)
def test_the_ceiling_is_on_what_a_change_adds(stored: dict, wanted: dict, allowed: bool) -> None:
    body = {"name": "Some", **wanted}
    if not allowed:
        with pytest.raises(Forbidden) as refused:
            rules.changed_set(stored, body, holder("site:read"), CHANGE)
        assert refused.value.code == "PERMISSION_CEILING"
        return
    changed = rules.changed_set(stored, body, holder("site:read"), CHANGE)
    assert (changed["permissions"], changed["version"]) == (wanted["permissions"], 2)
    assert changed["active"] is wanted.get("active", stored["active"])
    assert (changed["createdBy"], changed["organisationId"]) == ("me", "org-1")
