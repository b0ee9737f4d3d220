"""Which links a caller sees."""

from __future__ import annotations

from bbws_access.access.grants import ORGANISATION, Access, Grant
from bbws_access.service.links import Links, link


def holder(*permissions: str) -> Access:
    sources = dict.fromkeys(permissions, (None,))
    grant = Grant(frozenset(permissions), ORGANISATION, "org-1", None, "role-1", "R", {}, sources)
    return Access("me", (grant,))


def test_only_what_the_caller_may_do() -> None:
    itself = link("getRole", orgId="org-1", roleId="role-1")
    actions = {"update": "updateRole", "delete": "deleteRole"}
    links = Links(holder("role:update")).of(itself, actions, orgId="org-1", roleId="role-1")
    assert links == {
        "self": {"href": "/v1/organisations/org-1/roles/role-1"},
        "update": {"href": "/v1/organisations/org-1/roles/role-1", "method": "PUT"},
    }


def test_each_user_and_organisation_by_itself() -> None:
    links = Links(holder())
    assert links.may("listUserRoles", {"orgId": "org-1", "userId": "me"})
    assert not links.may("listUserRoles", {"orgId": "org-1", "userId": "you"})
    assert not links.may("listUserRoles", {"orgId": "org-2", "userId": "me"})


def test_without_access_what_every_user_may_do() -> None:
    links = Links(None)
    assert links.may("listPlatformRoles", {})
    assert not links.may("listRoles", {"orgId": "org-1"})


def test_a_query_is_encoded() -> None:
    made = link("listRoles", {"active": True, "startAt": "a+b", "pageSize": 5}, orgId="org-1")
    assert made == {"href": "/v1/organisations/org-1/roles?active=true&startAt=a%2Bb&pageSize=5"}
