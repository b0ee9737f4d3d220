"""Inviting somebody: what is offered, to whom, by whom, how often."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from bbws_access.invitation import rules
from bbws_access.kernel.keys import partition
from bbws_access.kernel.settings import Settings
from tests.support.invitations import LINK, new_email
from tests.support.services import Instance, World, moment
from tests.support.tables import query_all
from tests.unit.invitation.conftest import INVITER, Desk

NOBODY = "org-none"


@pytest.fixture
def inviter(world: World, desk: Desk) -> str:
    """Somebody who may invite and do little else."""
    return member_with(world, desk, ["invitation:*", "org:read"])


def member_with(world: World, desk: Desk, permissions: list[str], **more: object) -> str:
    """A new member of the organisation who holds some permissions."""
    role = custom_role(world, desk, permissions, **more)
    return world.member(desk.org, role["roleId"], **({"team_id": more["team_id"]} if "team_id" in more else {}))


def custom_role(world: World, desk: Desk, permissions: list[str], scope: str = "ORGANISATION", **_: object) -> dict:
    [template] = [
        one
        for one in query_all(world.database, world.table, f"ROLE#ORG#{desk.org}", sort_prefix="ROLE#")
        if one["name"] == "ORG_MANAGER"
    ]
    role_id = f"role-{new_email().split('@')[0]}"
    role = {**template, "SK": f"ROLE#{role_id}", "roleId": role_id, "name": role_id.upper(), "scope": scope}
    world.put({**role, "permissions": permissions})
    return role


class TestCreating:
    def test_an_invitation(self, desk: Desk) -> None:
        email = new_email()
        answer = desk.create(email.upper(), message="Welcome")
        made = answer.expect(201)
        assert (made["email"], made["status"], made["active"]) == (email, "PENDING", True)
        assert (made["roleId"], made["roleName"]) == (desk.roles["ORG_MANAGER"], "ORG_MANAGER")
        assert (made["message"], made["resendCount"], made["sentBy"]) == ("Welcome", 0, desk.admin)
        assert made["delivery"]["status"] == "QUEUED"
        days = moment(made["expiresAt"]) - datetime.now(UTC)
        assert timedelta(days=6, hours=23) < days <= timedelta(days=7)
        assert not made.keys() & {"teamId", "teamRoleId"}
        assert made["_links"].keys() == {"self", "resend", "revoke"}
        assert answer.headers["Location"] == made["_links"]["self"]["href"]
        assert answer.round_trips == 2
        again = desk.api.call("GET", made["_links"]["self"]["href"], desk.admin)
        assert again.expect(200) == made
        assert again.round_trips == 1

    def test_its_mail(self, desk: Desk) -> None:
        word = "Hi <b>you</b> &\nsee you"
        one = desk.invite(message=word)
        [letter] = desk.post.letters(one.email)
        assert letter.subject == f"{INVITER} invites you to Acme"
        assert f"{LINK}#token={one.token}" in letter.text
        assert "Organisation manager" in letter.text
        assert letter.html.count(f"{LINK}#token={one.token}") == 3
        assert "Hi &lt;b&gt;you&lt;/b&gt; &amp;<br>see you" in letter.html
        assert "> Hi <b>you</b> &\n> see you\n" in letter.text
        assert "{{" not in letter.subject + letter.text + letter.html
        shown = desk.api.call("GET", one.path, desk.admin).expect(200)
        assert (shown["delivery"]["status"], shown["version"]) == ("SENT", 2)

    def test_a_place_in_a_team(self, desk: Desk, team: str, team_roles: dict[str, str]) -> None:
        made = desk.create(teamId=team).expect(201)
        assert (made["teamId"], made["teamName"]) == (team, "Team")
        assert (made["teamRoleId"], made["teamRoleName"]) == (team_roles["MEMBER"], "MEMBER")
        made = desk.create(role="SITE_EDITOR", teamId=team, teamRoleId=team_roles["TEAM_LEAD"]).expect(201)
        assert (made["roleName"], made["teamRoleName"]) == ("SITE_EDITOR", "TEAM_LEAD")

    @pytest.mark.parametrize(
        "email",
        [
            *("", "a", "a@b", "a b@c.example", "a@b..example", "a@-b.example", "a#b@c.example", ".a@b.example"),
            *("ä@b.example", "a@b.example\n", "a" * 119 + "@b.example", "<a@b.example>", "a@b.example,c@d.example"),
        ],
    )
    def test_what_is_no_address(self, desk: Desk, email: str) -> None:
        body = {"email": email, "roleId": desk.roles["ORG_MANAGER"]}
        desk.api.call("POST", desk.path, desk.admin, body).expect(400, "VALIDATION_ERROR")
        assert desk.post.take() == []

    @pytest.mark.parametrize(
        "more",
        [
            {"message": "x" * 501},
            {"message": "a\x00b"},
            {"token": "mine"},
            {"teamRoleId": "trole-1"},
            {"expiresAt": "2999-01-01T00:00:00Z"},
        ],
    )
    def test_what_cannot_be(self, desk: Desk, more: dict) -> None:
        desk.create(**more).expect(400, "VALIDATION_ERROR")
        assert desk.post.take() == []

    def test_unusual_addresses(self, desk: Desk) -> None:
        """Up to the 128 characters that Cognito takes as a user's name."""
        for email in ("o'neil+bbws@sub.b-c.example", "a_b%c@d.example", "{x}@y.example", "a" * 118 + "@b.example"):
            desk.create(email).expect(201)

    def test_what_is_not_there(self, desk: Desk, world: World, team: str) -> None:
        desk.create(role="role-none").expect(404, "ROLE_NOT_FOUND")
        desk.create(teamId="team-none").expect(404, "TEAM_NOT_FOUND")
        desk.create(teamId=world.team(desk.org, active=False)).expect(404, "TEAM_NOT_FOUND")
        desk.create(teamId=world.team(world.organisation())).expect(404, "TEAM_NOT_FOUND")
        desk.create(teamId=team, teamRoleId="trole-none").expect(404, "TEAM_ROLE_NOT_FOUND")
        role = custom_role(world, desk, ["site:read"])
        world.put({**world.database.get(world.table, {"PK": role["PK"], "SK": role["SK"]}), "active": False})
        desk.create(role=role["roleId"]).expect(404, "ROLE_NOT_FOUND")
        root = world.platform()
        desk.api.call(
            "POST", f"/organisations/{NOBODY}/invitations", root, {"email": new_email(), "roleId": "role-1"}
        ).expect(404, "ORGANISATION_NOT_FOUND")
        assert desk.post.take() == []

    def test_without_the_team_role_member_one_must_be_named(self, desk: Desk, world: World) -> None:
        desk.create(teamId=world.team(desk.org)).expect(404, "TEAM_ROLE_NOT_FOUND")

    def test_a_role_of_scope_team_needs_a_team(self, desk: Desk) -> None:
        desk.create(role="SITE_EDITOR").expect(400, "VALIDATION_ERROR")

    def test_without_a_sender_nothing_happens(
        self, desk: Desk, invitation_settings: Settings, new_instance: Callable[..., Instance]
    ) -> None:
        one = desk.invite()
        for name in ("mail_sender", "mail_queue_url", "invitation_link"):
            api = new_instance(invitation_settings._replace(**{name: None}))
            body = {"email": new_email(), "roleId": desk.roles["ORG_MANAGER"]}
            api.call("POST", desk.path, desk.admin, body).expect(503, "MAIL_NOT_CONFIGURED")
            api.call("POST", f"{one.path}/resend", desk.admin).expect(503, "MAIL_NOT_CONFIGURED")
            assert desk.pending(body["email"]) is None
        assert desk.stored(one.invitation)["sendNumber"] == 1


class TestWhoMay:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("POST", ""),
            ("GET", ""),
            ("GET", "/inv-1"),
            ("PUT", "/inv-1"),
            ("DELETE", "/inv-1"),
            ("POST", "/inv-1/resend"),
        ],
    )
    def test_refusals(self, desk: Desk, world: World, method: str, path: str) -> None:
        body = {"": {"email": new_email(), "roleId": "role-1"}, "/inv-1": {"active": False}}.get(path)
        body = body if method in ("POST", "PUT") else None
        desk.api.call(method, desk.path + path, None, body).expect(401, "UNAUTHORIZED")
        strangers = world.member(world.organisation()), member_with(world, desk, ["org:read"]), world.user()
        for caller in strangers:
            desk.api.call(method, desk.path + path, caller, body).expect(403, "FORBIDDEN")
        if path:
            desk.api.call(method, desk.path + path, desk.admin, body).expect(404, "INVITATION_NOT_FOUND")
        elsewhere = f"/organisations/{NOBODY}/invitations{path}"
        desk.api.call(method, elsewhere, world.platform(), body).expect(404, "ORGANISATION_NOT_FOUND")

    def test_nobody_offers_what_they_do_not_hold(self, desk: Desk, world: World, inviter: str) -> None:
        answer = desk.create(role="ORG_MANAGER", by=inviter)
        answer.expect(403, "PERMISSION_CEILING")
        assert "team:create" in answer.details["missing"]
        desk.create(role="role-platform-admin").expect(403, "SYSTEM_RESOURCE")
        desk.create(role=custom_role(world, desk, ["org:read"])["roleId"], by=inviter).expect(201)
        desk.post.take()

    def test_a_place_in_a_team_needs_the_right_to_add(
        self, desk: Desk, world: World, inviter: str, team: str, team_roles: dict[str, str]
    ) -> None:
        small = custom_role(world, desk, ["org:read"])["roleId"]
        desk.create(role=small, by=inviter, teamId=team).expect(403, "FORBIDDEN")
        adder = member_with(world, desk, ["invitation:create", "org:read", "team:member:add"])
        offer = {"role": small, "teamId": team, "teamRoleId": team_roles["TEAM_LEAD"]}
        # The address may be another one of their own.
        desk.create(by=adder, **offer).expect(403, "PERMISSION_CEILING")
        manager = member_with(world, desk, ["invitation:create", "org:read", "team:member:*"])
        desk.create(by=manager, **offer).expect(201)

    def test_a_lead_offers_what_the_lead_has_in_the_team(
        self, desk: Desk, world: World, inviter: str, team: str, team_roles: dict[str, str]
    ) -> None:
        small = custom_role(world, desk, ["org:read"])["roleId"]
        join(world, desk, inviter, team, team_roles["TEAM_LEAD"])
        desk.create(role=small, by=inviter, teamId=team, teamRoleId=team_roles["TEAM_LEAD"]).expect(201)
        auditor = {**place_of(world, desk, team_roles["TEAM_LEAD"]), "capabilities": ["CAN_VIEW_AUDIT"]}
        item = {**auditor, "teamRoleId": "trole-auditor", "SK": "TEAM_ROLE#trole-auditor", "name": "AUDITOR"}
        world.database.put(world.teams_table, item)
        refused = desk.create(role=small, by=inviter, teamId=team, teamRoleId="trole-auditor")
        refused.expect(403, "PERMISSION_CEILING")
        desk.create(role=small, by=inviter, teamId=world.team(desk.org)).expect(403, "FORBIDDEN")


def place_of(world: World, desk: Desk, team_role: str) -> dict:
    place = {"PK": f"TEAM_ROLE#ORG#{desk.org}", "SK": f"TEAM_ROLE#{team_role}"}
    return world.database.get(world.teams_table, place)


def join(world: World, desk: Desk, user: str, team: str, team_role: str) -> None:
    """Make a user a member of a team, as the team service stores it."""
    item = {
        "PK": f"MEMBER#USER#{user}",
        "SK": f"ORG#{desk.org}#TEAM#{team}",
        "organisationId": desk.org,
        "teamId": team,
        "userId": user,
        "teamRoleId": team_role,
        "active": True,
        "version": 1,
    }
    world.database.put(world.teams_table, item)


class TestOnePending:
    def test_a_second_one_is_refused_and_named(self, desk: Desk) -> None:
        made = desk.create().expect(201)
        answer = desk.create(made["email"].title(), role="ORG_ADMIN")
        answer.expect(409, "INVITATION_PENDING")
        assert answer.details == {"invitationId": made["invitationId"]}
        assert len(desk.post.take()) == 1

    def test_another_organisation_may(self, desk: Desk, world: World) -> None:
        made = desk.create().expect(201)
        other = world.organisation()
        [role] = [
            one["roleId"]
            for one in query_all(world.database, world.table, f"ROLE#ORG#{other}", sort_prefix="ROLE#")
            if one["name"] == "ORG_ADMIN"
        ]
        body = {"email": made["email"], "roleId": role}
        desk.api.call("POST", f"/organisations/{other}/invitations", world.member(other), body).expect(201)

    def test_an_expired_one_gives_way(self, desk: Desk) -> None:
        old = desk.invite()
        desk.expire(old.invitation)
        new = desk.invite(old.email)
        assert desk.pending(old.email)["invitationId"] == new.invitation["invitationId"]
        assert desk.api.call("GET", old.path, desk.admin).expect(200)["status"] == "EXPIRED"
        assert desk.use(old.token).expect(200)["status"] == "EXPIRED"
        # Neither revoking nor sweeping the old one takes the address away from the new one.
        desk.api.call("DELETE", old.path, desk.admin).expect(409, "INVITATION_NOT_PENDING")
        desk.api.deliver("InvitationSweep")
        assert desk.stored(old.invitation)["status"] == "EXPIRED"
        assert desk.pending(old.email)["invitationId"] == new.invitation["invitationId"]
        desk.use(new.token, "accept").expect(200)

    @pytest.mark.parametrize("end", ["revoke", "decline", "accept"])
    def test_after_the_end_the_address_is_free(self, desk: Desk, end: str) -> None:
        one = desk.invite()
        if end == "revoke":
            desk.api.call("DELETE", one.path, desk.admin).expect(204)
        else:
            desk.use(one.token, end).expect(200)
        assert desk.pending(one.email) is None
        desk.create(one.email, role="ORG_ADMIN").expect(201)


class TestRate:
    @pytest.mark.parametrize("unit", ["minute", "day"])
    def test_no_more_in_a_minute_and_in_a_day(self, desk: Desk, monkeypatch: pytest.MonkeyPatch, unit: str) -> None:
        monkeypatch.setattr(rules, "minute", lambda now: "2026-01-01T00:00")
        monkeypatch.setattr(rules, "day", lambda now: "2026-01-01")
        monkeypatch.setattr(rules, f"CREATIONS_A_{unit.upper()}", 4)
        for _ in range(4):
            desk.create().expect(201)
        answer = desk.create()
        answer.expect(429, "RATE_LIMITED")
        assert answer.details == {"limit": 4}
        assert answer.body["error"]["message"].endswith(f"Try again when the {unit} is over.")
        assert 1 <= int(answer.headers["Retry-After"]) <= (60 if unit == "minute" else 86400)
        assert answer.round_trips == 1
        assert len(desk.post.take()) == 4
        # In the next one again.
        monkeypatch.setattr(rules, unit, lambda now: "2026-02-02T02:02")
        desk.create().expect(201)

    def test_a_company_is_invited_within_minutes_and_floods_nobody(self) -> None:
        """A thousand within two minutes, ten thousand within seventeen; the day hardly has more than it used to."""
        assert 1000 / rules.CREATIONS_A_MINUTE <= 2
        assert 10_000 / rules.CREATIONS_A_MINUTE <= 17
        assert rules.CREATIONS_A_MINUTE / 60 < 14  # mails a second that SES takes of a new sender
        assert 10_000 <= rules.CREATIONS_A_DAY <= 1.5 * 10 * 60 * 24

    @pytest.mark.parametrize(
        ("moment", "minute", "day"),
        [("00:00:00", 60, 86400), ("23:59:59", 1, 1), ("12:34:56", 4, 41104), ("23:00:00", 60, 3600)],
    )
    def test_how_long_to_wait(self, moment: str, minute: int, day: int) -> None:
        now = datetime.fromisoformat(f"2026-11-30T{moment}+00:00")
        assert (rules.seconds_left(now), rules.seconds_left_of_day(now)) == (minute, day)

    def test_counters_stay_for_as_long_as_they_count(self, desk: Desk) -> None:
        began = datetime.now(UTC)
        desk.create().expect(201)
        kept = query_all(desk.world.database, desk.table, partition("InvitationRate", orgId=desk.org))
        assert [one["SK"].partition("#")[0] for one in kept] == ["DAY", "MINUTE"]
        over = began.replace(hour=0, minute=0, second=0) + timedelta(days=1)
        assert kept[0]["ttl"] >= over.timestamp()
        assert kept[1]["ttl"] >= began.timestamp() + 60

    def test_what_is_refused_does_not_count(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rules, "minute", lambda now: "2026-01-01T00:00")
        made = desk.create().expect(201)
        for _ in range(12):
            desk.create(made["email"]).expect(409, "INVITATION_PENDING")
        desk.create().expect(201)
