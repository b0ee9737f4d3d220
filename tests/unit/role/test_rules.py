"""Rules of roles and assignments, apart from HTTP and storage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbws_access.access.grants import ORGANISATION, Access, Grant, in_force
from bbws_access.kernel.errors import BadRequest, Forbidden, ServiceError
from bbws_access.kernel.records import Change
from bbws_access.role import rules

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CHANGE = Change("me", "request-1", NOW)
SETS = rules.Sets({"set-1": ("site:read",), "set-2": ("audit:read",)}, {"set-off": ("audit:export",)})


def role(*permissions: str, sets: tuple[str, ...] = (), active: bool = True, **more: object) -> dict:
    body = {"name": "R", "displayName": "R", "permissions": permissions, "permissionSets": sets, **more}
    return {**rules.new_role("org-1", "role-1", body, is_default=False, change=CHANGE), "active": active}


def holder(*permissions: str) -> Access:
    sources = dict.fromkeys(permissions, (None,))
    grant = Grant(frozenset(permissions), ORGANISATION, "org-1", None, "role-9", "H", {}, sources)
    return Access("me", (grant,))


class TestGrants:
    def test_what_a_role_grants(self) -> None:
        carries = role("team:*", sets=("set-1", "set-2", "set-off", "set-gone"))
        assert rules.granted(carries, SETS) == {"team:*", "site:read", "audit:read"}
        assert rules.carried(carries, SETS) == {"team:*", "site:read", "audit:read", "audit:export"}

    @pytest.mark.parametrize(
        ("old", "new", "lacking"),
        [
            (None, role("site:read"), None),
            (None, role("audit:read"), ["audit:read"]),
            (None, role(sets=("set-2",)), ["audit:read"]),
            (None, role("audit:read", active=False), ["audit:read"]),
            (role(), role("audit:read", active=False), ["audit:read"]),
            (role(active=False), role("audit:read", active=False), ["audit:read"]),
            (role("audit:read", active=False), role("audit:read", active=False), None),
            (role(sets=("set-off",)), role(sets=("set-off",)), None),
            (role(sets=("set-off",), active=False), role(sets=("set-off",)), ["audit:export"]),
            (role("audit:read"), role("audit:read"), None),
            (role("audit:*"), role("audit:read"), None),
            (role("audit:read"), role("audit:*"), ["audit:*"]),
            (role(sets=("set-2",)), role("audit:read"), None),
            (role("audit:read", active=False), role("audit:read"), ["audit:read"]),
            (role("audit:read"), role("audit:read", active=False), None),
            (role("audit:read"), role(), None),
        ],
    )
    def test_the_ceiling_is_on_what_a_change_adds(self, old: dict | None, new: dict, lacking: list[str] | None) -> None:
        if lacking is None:
            rules.check_grants(old, new, SETS, holder("site:read"))
            return
        with pytest.raises(Forbidden) as caught:
            rules.check_grants(old, new, SETS, holder("site:read"))
        assert caught.value.details == {"missing": lacking}

    def test_sets_must_be_there_when_they_are_added(self) -> None:
        rules.check_grants(role(sets=("set-gone",)), role(sets=("set-gone",)), SETS, holder())
        with pytest.raises(BadRequest, match="set-gone, set-lost"):
            rules.check_grants(None, role(sets=("set-1", "set-gone", "set-lost")), SETS, holder("*"))

    def test_inactive_sets_are_apart_from_the_active_ones(self) -> None:
        records = [
            {"setId": "set-1", "permissions": ["site:read"], "active": True},
            {"setId": "set-2", "permissions": ["audit:read"], "active": False},
        ]
        found = rules.with_platform_sets(records)
        assert found.active["set-1"] == ("site:read",)
        assert found.inactive == {"set-2": ("audit:read",)}
        assert found.active["set-viewer"] == ("org:read", "team:read", "site:read")


class TestTeams:
    def test_scope_and_team_go_together(self) -> None:
        rules.check_team(role(scope="TEAM"), "team-1")
        rules.check_team(role(), None)
        for one, team in ((role(scope="TEAM"), None), (role(), "team-1")):
            with pytest.raises(BadRequest, match="teamId"):
                rules.check_team(one, team)


class TestExpiry:
    @given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2900, 1, 1)), st.integers(-14 * 60, 14 * 60))
    def test_only_moments_to_come_and_in_utc(self, naive: datetime, offset: int) -> None:
        sign = "-" if offset < 0 else "+"
        text = f"{naive.isoformat()}{sign}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
        moment = naive.replace(tzinfo=UTC) - timedelta(minutes=offset)
        if moment <= NOW:
            with pytest.raises(BadRequest, match="future"):
                rules.check_expiry(text, NOW)
            return
        normal = rules.check_expiry(text, NOW)
        assert datetime.fromisoformat(normal) == moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        # The text sorts as the moment does: lists filter by it, access reads it as a time.
        record = {"active": True, "expiresAt": normal}
        for now in (NOW, moment + timedelta(milliseconds=1)):
            assert in_force(record, now) == (normal > rules.timestamp(now))

    def test_never(self) -> None:
        assert rules.check_expiry(None, NOW) is None

    @pytest.mark.parametrize(
        "text", ["soon", "2026-13-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"]
    )
    def test_what_is_no_moment(self, text: str) -> None:
        with pytest.raises(ServiceError) as caught:
            rules.check_expiry(text, NOW)
        assert (caught.value.status, caught.value.details[0]["field"]) == (400, "body.expiresAt")


class TestAssignments:
    def test_a_new_one_and_one_in_the_place_of_another(self) -> None:
        first = rules.new_assignment(role(), "you", None, None, None, CHANGE, departures=0)
        assert (first["version"], first["scope"], first["active"]) == (1, "ORGANISATION", True)
        assert not {"teamId", "expiresAt"} & first.keys()
        ended = rules.ended_assignment(first, CHANGE)
        assert (ended["active"], ended["version"]) == (False, 2)
        again = rules.new_assignment(
            role(scope="TEAM"), "you", "team-1", "2030-01-01T00:00:00.000Z", ended, CHANGE, departures=0
        )
        assert (again["version"], again["teamId"], again["expiresAt"]) == (3, "team-1", "2030-01-01T00:00:00.000Z")

    def test_an_answer_shows_whether_it_is_in_force(self) -> None:
        record = rules.new_assignment(role(), "you", None, "2026-01-02T03:04:06.000Z", None, CHANGE, departures=0)
        assert rules.assignment_answer(record, "NEW", NOW, {})["active"] is True
        answer = rules.assignment_answer(record, "NEW", NOW + timedelta(seconds=1), {})
        assert (answer["active"], answer["roleName"]) == (False, "NEW")

    def test_the_count_is_in_words_and_in_the_details(self) -> None:
        assert rules.in_use(1).message.startswith("The role is assigned 1 time. ")
        assert rules.in_use(2).message.startswith("The role is assigned 2 times. ")
        assert rules.in_use(2).details == {"count": 2}
