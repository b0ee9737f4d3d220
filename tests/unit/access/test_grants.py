"""Decisions and their reasons."""

from datetime import UTC, datetime

import pytest

from bbws_access.access.grants import Access, Grant, Membership, Reason, in_force
from tests.unit.authorizer.full_contract import full_contract

ME = "11111111-1111-4111-8111-111111111111"
CONTRACT = full_contract()


def _grant(permission: str, scope: str = "ORGANISATION", org: str | None = "org-1", team: str | None = None) -> Grant:
    return Grant(
        frozenset({permission}), scope, org, team, "role-1", "ROLE", {"assignedBy": "x"}, {permission: (None,)}
    )


READER = _grant("role:read")
LEAD = Membership("org-1", "team-1", frozenset({"CAN_UPDATE_TEAM"}))


@pytest.mark.parametrize(
    ("access", "request_line", "reason"),
    [
        (Access(ME, known=False), "GET /health", Reason.PUBLIC),
        (Access(ME, known=False), "GET /platform/roles", Reason.UNKNOWN_USER),
        (Access(ME), "GET /platform/roles", Reason.USER_INACTIVE),
        (Access(ME, (READER,)), "GET /platform/roles", Reason.SIGNED_IN),
        (Access(ME, (), (LEAD,)), "GET /platform/roles/role-x", Reason.SIGNED_IN),
        (Access(ME, (READER,)), "GET /organisations/org-1/roles", Reason.PERMISSION),
        (Access(ME, (READER,)), "POST /organisations/org-1/roles", Reason.NO_PERMISSION),
        (Access(ME, (READER,)), "GET /organisations/org-2/roles", Reason.NOT_IN_ORGANISATION),
        (Access(ME, (READER,)), "GET /nowhere", Reason.UNKNOWN_ROUTE),
        (Access(ME, (READER,)), "PATCH /organisations/org-1/roles", Reason.UNKNOWN_ROUTE),
        (Access(ME, (READER,)), f"GET /organisations/org-1/users/{ME}/permissions", Reason.SELF),
        (Access(ME, (READER,)), f"GET /organisations/org-2/users/{ME}/permissions", Reason.NOT_IN_ORGANISATION),
        (Access(ME, (READER,)), "GET /organisations/org-1/users/other/permissions", Reason.NO_PERMISSION),
        (Access(ME, (), (LEAD,)), "PUT /organisations/org-1/teams/team-1", Reason.CAPABILITY),
        (Access(ME, (), (LEAD,)), "PUT /organisations/org-1/teams/team-2", Reason.NO_PERMISSION),
        (Access(ME, (), (LEAD,)), "PUT /organisations/org-2/teams/team-1", Reason.NOT_IN_ORGANISATION),
        (Access(ME, (), (LEAD,)), "GET /organisations/org-1/teams/team-1/members", Reason.NO_PERMISSION),
        (
            Access(ME, (_grant("team:update", "TEAM", "org-1", "team-1"),)),
            "PUT /organisations/org-1/teams/team-1",
            Reason.PERMISSION,
        ),
        (
            Access(ME, (_grant("team:update", "TEAM", "org-1", "team-1"),)),
            "PUT /organisations/org-1/teams/team-2",
            Reason.NO_PERMISSION,
        ),
        (
            Access(ME, (_grant("team:create", "TEAM", "org-1", "team-1"),)),
            "POST /organisations/org-1/teams",
            Reason.NO_PERMISSION,
        ),
        (Access(ME, (_grant("*", "PLATFORM", None),)), "DELETE /organisations/org-9/roles/role-x", Reason.PERMISSION),
        (Access(ME, (_grant("usage:read", "PLATFORM", None),)), "GET /organisations/org-9/roles", Reason.NO_PERMISSION),
        (Access(ME, (_grant("audit:read"),)), "GET /audit/access", Reason.NO_PERMISSION),
        (Access(ME, (_grant("audit:read:org"),)), "GET /audit/organisations/org-1", Reason.PERMISSION),
        (Access(ME, (_grant("audit:read", "PLATFORM", None),)), "GET /audit/access", Reason.PERMISSION),
        (Access(ME, active_elsewhere=True), "GET /organisations/org-1/roles", Reason.NOT_IN_ORGANISATION),
    ],
)
def test_reasons(access, request_line, reason):
    method, path = request_line.split()
    decision = access.decide(CONTRACT, method, path)
    assert decision.reason is reason
    granting = {Reason.PUBLIC, Reason.SIGNED_IN, Reason.PERMISSION, Reason.SELF, Reason.CAPABILITY}
    assert decision.allowed is (reason in granting)


def test_a_decision_names_what_let_the_request_in():
    decision = Access(ME, (READER,)).decide(CONTRACT, "GET", "/organisations/org-1/roles")
    assert decision.via is READER
    assert decision.rule == {"permission": "role:read"}
    decision = Access(ME, (), (LEAD,)).decide(CONTRACT, "PUT", "/organisations/org-1/teams/team-1")
    assert decision.via is LEAD
    assert decision.rule == {"capability": "CAN_UPDATE_TEAM"}
    assert Access(ME, (READER,)).decide(CONTRACT, "GET", "/nowhere").via is None


def test_holds():
    access = Access(ME, (READER, _grant("team:*", "TEAM", "org-1", "team-1")))
    assert access.holds("role:read", "org-1") is READER
    assert access.holds("role:read", "org-2") is None
    assert access.holds("team:update", "org-1") is None
    assert access.holds("team:update", "org-1", "team-1").team_id == "team-1"


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"active": True}, True),
        ({"active": True, "expiresAt": None}, True),
        ({"active": True, "expiresAt": "2026-01-01T00:00:01Z"}, True),
        ({"active": True, "expiresAt": "2026-01-01T00:00:01"}, True),
        ({"active": True, "expiresAt": "2026-01-01T02:00:01+02:00"}, True),
        ({"active": True, "expiresAt": "2026-01-01T00:00:00Z"}, False),
        ({"active": True, "expiresAt": "2025-12-31T23:59:59.999Z"}, False),
        ({"active": True, "expiresAt": ""}, False),
        ({"active": 1}, False),
        ({}, False),
    ],
)
def test_in_force(record, expected):
    assert in_force(record, datetime(2026, 1, 1, tzinfo=UTC)) is expected
