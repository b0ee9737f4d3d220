"""What the holder of a token sees, and what accepting and declining do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import boto3
import pytest

from bbws_access.invitation import rules, tokens
from bbws_access.kernel.keys import key, partition
from bbws_access.kernel.records import Change
from bbws_access.role import store as role_store
from bbws_access.team import store as team_store
from tests.support.services import Answer, Instance, World, at_once
from tests.support.tables import query_all
from tests.unit.invitation.conftest import INVITER, Desk, Invited, unknown_token
from tests.unit.invitation.test_creation import custom_role, join, member_with


@pytest.fixture
def cognito(local_aws) -> object:
    return boto3.client("cognito-idp")


def assignments(world: World, user: str) -> list[dict]:
    return query_all(world.database, world.table, f"ASSIGNMENT#USER#{user}")


def usage(world: World, org: str, role: str) -> int:
    return role_store.USES.total(world.database.parallel([role_store.USES.read(world.table, org, role)])[0])


def memberships(world: World, user: str) -> list[dict]:
    return query_all(world.database, world.teams_table, f"MEMBER#USER#{user}", sort_prefix="ORG#")


def team_usage(world: World, org: str, team: str) -> tuple[int, int]:
    found = world.database.get(world.teams_table, key("TeamUsage", orgId=org, teamId=team)) or {}
    return found.get("memberCount", 0), found.get("leadCount", 0)


def accepted_by(desk: Desk, one: Invited) -> str:
    return desk.stored(one.invitation)["acceptedBy"]


class TestReading:
    def test_what_the_invited_person_sees(self, desk: Desk, team: str) -> None:
        one = desk.invite(teamId=team, message="Welcome")
        answer = desk.use(one.token)
        seen = answer.expect(200)
        assert seen.pop("_links").keys() == {"self", "accept", "decline"}
        assert seen == {
            "organisationName": "Acme",
            "email": one.email,
            "roleName": "Organisation manager",
            "teamName": "Team",
            "invitedBy": INVITER,
            "message": "Welcome",
            "status": "PENDING",
            "expiresAt": one.invitation["expiresAt"],
        }
        assert answer.round_trips == 1

    def test_every_token_that_is_none_gets_the_same_answer(self, desk: Desk) -> None:
        one = desk.invite()
        desk.api.call("POST", f"{one.path}/resend", desk.admin).expect(200)
        changed = one.token[:-1] + ("A" if one.token[-1] != "A" else "B")
        answers = []
        for token in (unknown_token(), "x", "x" * 43, changed, one.token, one.invitation["invitationId"], "é"):
            for what in ("", "accept", "decline"):
                if token == "é":
                    desk.use(token, what).expect(400, "VALIDATION_ERROR")
                    continue
                body = desk.use(token, what).expect(404, "INVITATION_NOT_FOUND")["error"]
                answers.append({**body, "requestId": ""})
        assert all(one == answers[0] for one in answers)

    def test_what_became_of_it(self, desk: Desk) -> None:
        for end, status in (("accept", "ACCEPTED"), ("decline", "DECLINED")):
            one = desk.invite()
            desk.use(one.token, end).expect(200)
            seen = desk.use(one.token).expect(200)
            assert (seen["status"], seen["_links"].keys()) == (status, {"self"})


class TestHowOften:
    """Guessing is limited by what is guessed at and from where; whoever has a token is not kept out by neighbours."""

    OFFICE = ("2001:db8:aaaa:bbbb::1", "2001:db8:aaaa:bbbb:ffff::2", "2001:0db8:aaaa:bbbb::3")

    @pytest.fixture(autouse=True)
    def one_minute(self, monkeypatch: pytest.MonkeyPatch, desk: Desk) -> None:
        """All of a test within one minute, and from addresses that other tests have not used in it."""
        monkeypatch.setattr(rules, "minute", lambda now: f"2026-01-01T00:{desk.org}")

    def ask(self, desk: Desk, token: str, what: str = "", *, source: str = OFFICE[0]) -> Answer:
        method, body = ("POST", {}) if what else ("GET", None)
        return desk.api.call(method, f"/invitations/{token}{what}", None, body, source=source)

    def guess(self, desk: Desk, one: Invited, number: int = 0) -> Answer:
        """Try a token for an invitation whose ids are known."""
        wrong = tokens.new_token(desk.org, one.invitation["invitationId"])
        return self.ask(desk, wrong, source=self.OFFICE[number % 3])

    def test_five_uses_of_one_invitation_right_or_wrong(self, desk: Desk) -> None:
        one = desk.invite()
        for n in range(5):
            if n % 2:
                self.ask(desk, one.token, source=self.OFFICE[n % 3]).expect(200)
            else:
                self.guess(desk, one, n).expect(404)
        for what in ("", "/accept", "/decline"):
            answer = self.ask(desk, one.token, what)
            answer.expect(429, "RATE_LIMITED")
            assert 1 <= int(answer.headers["Retry-After"]) <= 60
            assert answer.details == {"limit": 5}
        self.guess(desk, one).expect(429, "RATE_LIMITED")
        assert desk.stored(one.invitation)["status"] == "PENDING"
        self.ask(desk, one.token, source="192.0.2.77").expect(200)

    def test_many_guesses_at_the_same_moment_are_no_more(
        self, desk: Desk, new_instance: Callable[..., Instance]
    ) -> None:
        one = desk.invite()
        instances = [new_instance() for _ in range(12)]
        tries = [f"/invitations/{tokens.new_token(desk.org, one.invitation['invitationId'])}" for _ in instances]
        answers = at_once(
            [partial(api.call, "GET", path, source=self.OFFICE[0]) for api, path in zip(instances, tries, strict=True)]
        )
        assert sorted(answer.status for answer in answers) == [404] * 5 + [429] * 7

    @pytest.mark.parametrize("made", [unknown_token, lambda: "x" * 43, lambda: "org-a.inv-b.short"])
    def test_five_tokens_that_are_none(self, desk: Desk, made: Callable[[], str]) -> None:
        one = desk.invite()
        for n in range(5):
            self.ask(desk, made(), source=self.OFFICE[n % 3]).expect(404, "INVITATION_NOT_FOUND")
        for what in ("", "/accept", "/decline"):
            self.ask(desk, made(), what).expect(429, "RATE_LIMITED")
        # Whoever has a token gets in, whatever a neighbour behind the same address does.
        self.ask(desk, one.token).expect(200)
        self.ask(desk, one.token, "/accept").expect(200)

    def test_an_office_behind_one_address(self, desk: Desk) -> None:
        people = [desk.invite() for _ in range(8)]
        for one in people:
            self.ask(desk, one.token).expect(200)
            self.ask(desk, one.token, "/accept").expect(200)
            self.ask(desk, one.token).expect(200)

    def test_nobody_counts_where_a_neighbour_does(self, desk: Desk) -> None:
        """So it does not matter how many they are: a thousand are as free as two."""
        written: list[set[tuple[str, str]]] = []
        for one in (desk.invite(), desk.invite()):
            place = partition("TokenRate", address=rules.address_of(self.OFFICE[0]))
            before = counters(desk, place)
            self.ask(desk, one.token).expect(200)
            self.ask(desk, one.token, "/accept").expect(200)
            after = counters(desk, place)
            written.append({where for where, count in after.items() if before.get(where) != count})
        assert len(written[0]) == len(written[1]) == 1
        assert not written[0] & written[1]


def counters(desk: Desk, place: str) -> dict[tuple[str, str], int]:
    """What a partition's counters say."""
    return {(one["PK"], one["SK"]): one["count"] for one in query_all(desk.world.database, desk.table, place)}


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", "unknown"),
        ("nonsense", "unknown"),
    ],
)
def test_what_stands_for_a_caller(source: str, address: str) -> None:
    assert rules.address_of(source) == address


class TestTokens:
    def test_they_are_long_and_random(self) -> None:
        made = [tokens.new_token("org-1", "inv-1") for _ in range(1000)]
        assert len({one.rpartition(".")[2] for one in made}) == 1000
        assert {(tokens.invitation_of(one), len(one.rpartition(".")[2])) for one in made} == {(("org-1", "inv-1"), 43)}

    def test_only_hashes_are_compared(self) -> None:
        token = tokens.new_token("org-1", "inv-1")
        assert tokens.is_hash_of(tokens.token_hash(token), token)
        assert not tokens.is_hash_of(tokens.token_hash(token), tokens.new_token("org-1", "inv-1"))
        assert token not in tokens.token_hash(token)

    @pytest.mark.parametrize("secret", ["", "a" * 42, "a" * 44, "a" * 42 + "=", "a" * 42 + "\n", "a" * 43 + "\n"])
    def test_what_is_no_secret(self, secret: str) -> None:
        assert tokens.invitation_of(f"org-1.inv-1.{secret}") is None

    @pytest.mark.parametrize(
        "ids",
        ["", ".", "org-1", "org-1.", ".inv-1", "org-1.inv-", "org-1#.inv-1", "*.inv-1", "a.b.c", f"{'o' * 65}.inv-1"],
    )
    def test_what_names_no_invitation(self, ids: str) -> None:
        assert tokens.invitation_of(f"{ids}.{'a' * 43}") is None

    def test_it_is_good_for_its_own_invitation_only(self, desk: Desk) -> None:
        one, other = desk.invite(), desk.invite()
        secret = one.token.rpartition(".")[2]
        for ids in (other.token.rpartition(".")[0], f"org-elsewhere.{one.invitation['invitationId']}"):
            desk.use(f"{ids}.{secret}").expect(404, "INVITATION_NOT_FOUND")
        desk.use(one.token).expect(200)

    def test_a_record_of_another_invitation_opens_nothing(self, desk: Desk, world: World) -> None:
        one, other = desk.invite(), desk.invite()
        place = key("InvitationToken", tokenHash=tokens.token_hash(one.token))
        found = world.database.get(desk.table, place)
        world.database.put(desk.table, {**found, "invitationId": other.invitation["invitationId"]})
        for what in ("", "accept", "decline"):
            desk.use(one.token, what).expect(404, "INVITATION_NOT_FOUND")

    def test_the_record_goes_a_day_after_the_invitation(self, desk: Desk, world: World) -> None:
        one = desk.invite()
        found = world.database.get(desk.table, key("InvitationToken", tokenHash=tokens.token_hash(one.token)))
        assert found["expiresAt"] == one.invitation["expiresAt"]
        assert found["ttl"] == int(rules.datetime.fromisoformat(found["expiresAt"]).timestamp()) + 24 * 3600


class TestAccepting:
    def test_a_new_account_gets_the_role(self, desk: Desk, world: World, cognito, user_pool: str) -> None:
        one = desk.invite()
        answer = desk.use(one.token, "accept", {"firstName": "Grace", "lastName": "Hopper"})
        seen = answer.expect(200)
        assert (seen["status"], seen["account"], seen["_links"].keys()) == ("ACCEPTED", "CREATED", {"self"})
        assert answer.round_trips == 3
        user = cognito.admin_get_user(UserPoolId=user_pool, Username=one.email)
        attributes = {each["Name"]: each["Value"] for each in user["UserAttributes"]}
        assert attributes["email_verified"] == "true"
        assert attributes["custom:organisation_id"] == desk.org
        [held] = assignments(world, attributes["sub"])
        assert (held["roleName"], held["scope"], held["assignedBy"]) == ("ORG_MANAGER", "ORGANISATION", desk.admin)
        assert (held["createdBy"], held["active"], held["version"]) == (attributes["sub"], True, 1)
        assert (held["userEmail"], held["emailSource"]) == (one.email, "VERIFIED")
        assert usage(world, desk.org, desk.roles["ORG_MANAGER"]) == 1
        shown = desk.api.call("GET", one.path, desk.admin).expect(200)
        assert (shown["acceptedBy"], shown["lastUpdatedBy"]) == (attributes["sub"],) * 2
        assert not shown["active"]
        # And with that the new member may do what the role says.
        desk.api.call("GET", desk.path, attributes["sub"]).expect(200)
        # Whoever sent it is told.
        assert desk.post.deliver(desk.api) == []
        letter = desk.post.letters(INVITER)[-1]
        assert letter.subject == f"{one.email} accepted your invitation to Acme"

    def test_an_account_that_is_there_is_used(self, desk: Desk, world: World, cognito, user_pool: str) -> None:
        first = desk.invite()
        desk.use(first.token, "accept").expect(200)
        second = desk.invite(first.email.upper(), role="ORG_ADMIN")
        answer = desk.use(second.token, "accept")
        assert answer.expect(200)["account"] == "EXISTING"
        assert answer.round_trips == 3
        assert accepted_by(desk, first) == accepted_by(desk, second)
        assert len(assignments(world, accepted_by(desk, first))) == 2

    def test_a_place_in_a_team(self, desk: Desk, world: World, team: str, team_roles: dict[str, str]) -> None:
        one = desk.invite(role="SITE_EDITOR", teamId=team, teamRoleId=team_roles["TEAM_LEAD"])
        answer = desk.use(one.token, "accept", {"firstName": "Grace"})
        answer.expect(200)
        assert answer.round_trips == 3
        user = accepted_by(desk, one)
        [held] = assignments(world, user)
        assert (held["scope"], held["teamId"]) == ("TEAM", team)
        [member] = memberships(world, user)
        assert (member["teamId"], member["teamRoleName"], member["isPrimary"]) == (team, "TEAM_LEAD", True)
        assert (member["userEmail"], member["firstName"], member["addedBy"]) == (one.email, "Grace", desk.admin)
        assert member["emailSource"] == "VERIFIED"
        assert "lastName" not in member
        assert team_usage(world, desk.org, team) == (1, 1)
        read = team_store.USES.read(world.teams_table, desk.org, team_roles["TEAM_LEAD"])
        assert team_store.USES.total(world.database.parallel([read])[0]) == 1

    def test_a_second_team_is_not_the_primary_one(self, desk: Desk, world: World, team: str) -> None:
        first = desk.invite(teamId=team)
        desk.use(first.token, "accept").expect(200)
        second = desk.invite(first.email, role="ORG_ADMIN", teamId=world.team(desk.org))
        desk.use(second.token, "accept").expect(200)
        found = memberships(world, accepted_by(desk, first))
        assert sorted((one["teamId"] == team, one["isPrimary"]) for one in found) == [(False, False), (True, True)]

    def test_what_the_person_has_already_is_left_as_it_is(
        self, desk: Desk, world: World, team: str, team_roles: dict[str, str]
    ) -> None:
        first = desk.invite(teamId=team)
        desk.use(first.token, "accept").expect(200)
        user = accepted_by(desk, first)
        before = assignments(world, user), memberships(world, user)
        second = desk.invite_beforehand(first.email, teamId=team, teamRoleId=team_roles["TEAM_LEAD"])
        desk.use(second.token, "accept").expect(200)
        assert (assignments(world, user), memberships(world, user)) == before
        assert usage(world, desk.org, desk.roles["ORG_MANAGER"]) == 1
        assert team_usage(world, desk.org, team) == (1, 0)

    def test_what_ended_comes_back(self, desk: Desk, world: World, team: str) -> None:
        first = desk.invite(teamId=team)
        desk.use(first.token, "accept").expect(200)
        user = accepted_by(desk, first)
        [held], [member] = assignments(world, user), memberships(world, user)
        world.put({**held, "active": False, "version": 5, "ttl": 1})
        world.database.put(world.teams_table, {**member, "active": False, "version": 7, "ttl": 1})
        second = desk.invite(first.email, teamId=team)
        desk.use(second.token, "accept").expect(200)
        [held], [member] = assignments(world, user), memberships(world, user)
        assert (held["active"], held["version"], "ttl" in held) == (True, 6, False)
        assert (member["active"], member["version"], "ttl" in member) == (True, 8, False)

    @pytest.mark.parametrize("end", ["accept", "decline", "revoke", "expire"])
    def test_what_is_final_stays(self, desk: Desk, world: World, end: str) -> None:
        one = desk.invite()
        if end == "revoke":
            desk.api.call("DELETE", one.path, desk.admin).expect(204)
        elif end == "expire":
            desk.expire(one.invitation)
        else:
            desk.use(one.token, end).expect(200)
        before = desk.stored(one.invitation)
        status = {"accept": "ACCEPTED", "decline": "DECLINED", "revoke": "REVOKED", "expire": "EXPIRED"}[end]
        for what in ("accept", "decline"):
            answer = desk.use(one.token, what)
            answer.expect(409, "INVITATION_NOT_PENDING")
            assert answer.details == {"status": status}
        desk.api.call("POST", f"{one.path}/resend", desk.admin).expect(409, "INVITATION_NOT_PENDING")
        if end == "revoke":
            desk.api.call("DELETE", one.path, desk.admin).expect(204)
        else:
            desk.api.call("DELETE", one.path, desk.admin).expect(409, "INVITATION_NOT_PENDING")
        assert desk.stored(one.invitation) == before

    @pytest.mark.parametrize("body", [{"firstName": ""}, {"email": "x@y.example"}, {"firstName": "a\nb"}, []])
    def test_what_cannot_be(self, desk: Desk, body: object) -> None:
        desk.api.call("POST", f"/invitations/{unknown_token()}/accept", None, body).expect(400, "VALIDATION_ERROR")


class TestTheInviter:
    """Whoever sent it last must still be allowed to, at the moment of accepting."""

    def test_who_lost_the_role_offers_nothing(self, desk: Desk, world: World) -> None:
        by = world.member(desk.org)
        one = desk.invite(by=by)
        [held] = assignments(world, by)
        world.put({**held, "active": False})
        desk.use(one.token, "accept").expect(409, "INVITER_NOT_ALLOWED")
        assert desk.stored(one.invitation)["status"] == "PENDING"
        # Somebody else may send it again and answers for it then.
        desk.api.call("POST", f"{one.path}/resend", desk.admin, email="other@acme.example").expect(200)
        assert desk.post.deliver(desk.api) == []
        letter = desk.post.letters(one.email)[-1]
        assert letter.subject.startswith("other@acme.example")
        desk.use(letter.token, "accept").expect(200)

    def test_who_may_only_send_again_answers_for_it(self, desk: Desk, world: World) -> None:
        small = custom_role(world, desk, ["org:read"])
        one = desk.invite(role=small["roleId"])
        by = member_with(world, desk, ["invitation:resend", "org:read"])
        desk.api.call("POST", f"{one.path}/resend", by, email=INVITER).expect(200)
        assert desk.post.deliver(desk.api) == []
        desk.use(desk.post.letters(one.email)[-1].token, "accept").expect(200)

    def test_who_may_not_invite_any_more(self, desk: Desk, world: World) -> None:
        role = custom_role(world, desk, ["invitation:create", "org:read"])
        small = custom_role(world, desk, ["org:read"])
        one = desk.invite(role=small["roleId"], by=world.member(desk.org, role["roleId"]))
        world.put({**role, "permissions": ["org:read"], "version": 2})
        desk.use(one.token, "accept").expect(409, "INVITER_NOT_ALLOWED")

    def test_a_role_that_grew_beyond_the_inviter(self, desk: Desk, world: World) -> None:
        small = custom_role(world, desk, ["org:read"])
        by = member_with(world, desk, ["invitation:create", "org:read"])
        one = desk.invite(role=small["roleId"], by=by)
        world.put({**small, "permissions": ["org:read", "role:assign"], "version": 2})
        desk.use(one.token, "accept").expect(409, "INVITER_NOT_ALLOWED")
        desk.api.call("POST", f"{one.path}/resend", by).expect(403, "FORBIDDEN")

    def test_who_does_not_lead_the_team_any_more(
        self, desk: Desk, world: World, team: str, team_roles: dict[str, str]
    ) -> None:
        small = custom_role(world, desk, ["org:read"])
        by = member_with(world, desk, ["invitation:create", "org:read"])
        join(world, desk, by, team, team_roles["TEAM_LEAD"])
        one = desk.invite(role=small["roleId"], by=by, teamId=team)
        join(world, desk, by, team, team_roles["MEMBER"])
        desk.use(one.token, "accept").expect(409, "INVITER_NOT_ALLOWED")

    def test_nobody_invites_themselves_to_more(
        self, desk: Desk, world: World, team: str, team_roles: dict[str, str]
    ) -> None:
        first = desk.invite(role=custom_role(world, desk, ["invitation:*", "team:member:*"])["roleId"])
        desk.use(first.token, "accept").expect(200)
        user = accepted_by(desk, first)
        small = custom_role(world, desk, ["invitation:create"])
        wanted = {"teamId": team, "teamRoleId": team_roles["TEAM_LEAD"]}
        second = desk.invite(first.email, role=small["roleId"], by=user, **wanted)
        desk.use(second.token, "accept").expect(409, "INVITER_NOT_ALLOWED")
        assert memberships(world, user) == []


class TestObsolete:
    def test_a_role_that_is_gone(self, desk: Desk, world: World) -> None:
        role = custom_role(world, desk, ["org:read"])
        one = desk.invite(role=role["roleId"])
        world.put({**role, "active": False, "version": 2})
        desk.use(one.token, "accept").expect(409, "INVITATION_OBSOLETE")
        desk.api.call("POST", f"{one.path}/resend", desk.admin).expect(404, "ROLE_NOT_FOUND")

    def test_a_team_that_is_gone(self, desk: Desk, world: World, team: str) -> None:
        one = desk.invite(teamId=team)
        world.team(desk.org, team, active=False)
        desk.use(one.token, "accept").expect(409, "INVITATION_OBSOLETE")
        assert assignments(world, "nobody") == []

    def test_no_account_is_made_for_what_cannot_be_had(self, desk: Desk, world: World, cognito, user_pool: str) -> None:
        role = custom_role(world, desk, ["org:read"])
        one = desk.invite(role=role["roleId"])
        world.put({**role, "active": False, "version": 2})
        desk.use(one.token, "accept").expect(409, "INVITATION_OBSOLETE")
        with pytest.raises(cognito.exceptions.UserNotFoundException):
            cognito.admin_get_user(UserPoolId=user_pool, Username=one.email)

    def test_a_team_that_went_before_it_is_sent_again(self, desk: Desk, world: World, team: str) -> None:
        one = desk.invite(teamId=team)
        world.team(desk.org, team, active=False)
        for by in (desk.admin, member_with(world, desk, ["invitation:*", "org:*"])):
            desk.api.call("POST", f"{one.path}/resend", by).expect(404, "TEAM_NOT_FOUND")
        assert desk.stored(one.invitation)["sendNumber"] == 1

    def test_a_full_user(self, desk: Desk, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        one = desk.invite()
        monkeypatch.setattr("bbws_access.role.rules.MOST_ASSIGNMENTS", 0)
        desk.use(one.token, "accept").expect(409, "LIMIT_REACHED")
        assert desk.stored(one.invitation)["status"] == "PENDING"

    def test_a_user_of_as_many_organisations_as_there_may_be(
        self, desk: Desk, world: World, cognito, user_pool: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Others bring a person into fewer organisations than the person may accept."""
        monkeypatch.setattr("bbws_access.access.joining.MOST_GIVEN", 2)
        monkeypatch.setattr("bbws_access.access.joining.MOST_ACCEPTED", 3)
        one = desk.invite()
        make_user(cognito, user_pool, one.email)
        account = cognito.admin_get_user(UserPoolId=user_pool, Username=one.email)
        [user] = [each["Value"] for each in account["UserAttributes"] if each["Name"] == "sub"]
        for _ in range(3):
            world.assign(user, "ORG_MANAGER", world.organisation())
        full = desk.use(one.token, "accept").expect(409, "LIMIT_REACHED")
        assert full["error"]["details"] == {"limit": 3}
        assert desk.stored(one.invitation)["status"] == "PENDING"
        monkeypatch.setattr("bbws_access.access.joining.MOST_ACCEPTED", 4)
        answer = desk.use(one.token, "accept")
        answer.expect(200)
        assert answer.round_trips == 4
        # Whoever is in it already is in no further one by another role.
        monkeypatch.setattr("bbws_access.access.joining.MOST_ACCEPTED", 1)
        second = desk.invite(one.email, role="ORG_ADMIN")
        answer = desk.use(second.token, "accept")
        answer.expect(200)
        assert answer.round_trips == 3

    def test_a_user_of_as_many_teams_as_there_may_be(
        self, desk: Desk, world: World, team: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bbws_access.team.rules.MOST_MEMBERSHIPS", 1)
        first = desk.invite(teamId=team)
        desk.use(first.token, "accept").expect(200)
        second = desk.invite(first.email, role="ORG_ADMIN", teamId=world.team(desk.org))
        desk.use(second.token, "accept").expect(409, "LIMIT_REACHED")
        [member] = memberships(world, accepted_by(desk, first))
        assert member["teamId"] == team


class TestWhoLeft:
    """An invitation from before does not bring back what was taken away since."""

    def test_a_deactivated_person_stays_out(self, desk: Desk, world: World, team: str) -> None:
        first = desk.invite(teamId=team)
        desk.use(first.token, "accept").expect(200)
        user = accepted_by(desk, first)
        other = desk.invite(first.email, role="ORG_ADMIN")
        world.leave(user, desk.org)
        desk.use(other.token, "accept").expect(409, "INVITATION_OBSOLETE")
        assert not any(one["active"] for one in (*assignments(world, user), *memberships(world, user)))
        # The organisation may want them back: it says so by sending it again.
        desk.api.call("POST", f"{other.path}/resend", desk.admin, email=INVITER).expect(200)
        assert desk.post.deliver(desk.api) == []
        desk.use(desk.post.letters(first.email)[-1].token, "accept").expect(200)
        assert [one["roleName"] for one in assignments(world, user) if one["active"]] == ["ORG_ADMIN"]

    @pytest.mark.parametrize("what", ["role", "team"])
    def test_what_was_offered_and_lost_since_stays_lost(self, desk: Desk, world: World, team: str, what: str) -> None:
        first = desk.invite(teamId=team)
        desk.use(first.token, "accept").expect(200)
        user = accepted_by(desk, first)
        world.assign(user, "ORG_ADMIN", desk.org)
        second = desk.invite_beforehand(first.email, teamId=team)
        change = Change.outside_a_request("somebody")
        if what == "role":
            [held] = [one for one in assignments(world, user) if one["roleName"] == "ORG_MANAGER"]
            role_store.end(world.database, world.table, [held], change)
        else:
            world.take_from_teams(user, desk.org)
        before = assignments(world, user), memberships(world, user)
        desk.use(second.token, "accept").expect(409, "INVITATION_OBSOLETE")
        assert (assignments(world, user), memberships(world, user)) == before

    def test_what_else_was_lost_does_not_matter_to_a_member(self, desk: Desk, world: World, team: str) -> None:
        first = desk.invite(teamId=team)
        desk.use(first.token, "accept").expect(200)
        user = accepted_by(desk, first)
        second = desk.invite(first.email, role="ORG_ADMIN")
        world.take_from_teams(user, desk.org)
        desk.use(second.token, "accept").expect(200)


class TestDeclining:
    def test_it_grants_nothing_and_the_sender_is_told(self, desk: Desk, cognito, user_pool: str) -> None:
        one = desk.invite()
        seen = desk.use(one.token, "decline", {"reason": "No <time>"}).expect(200)
        assert (seen["status"], "account" in seen) == ("DECLINED", False)
        shown = desk.api.call("GET", one.path, desk.admin).expect(200)
        assert (shown["status"], shown["declineReason"]) == ("DECLINED", "No <time>")
        assert shown["lastUpdatedBy"] == f"invited:{one.email}"
        with pytest.raises(cognito.exceptions.UserNotFoundException):
            cognito.admin_get_user(UserPoolId=user_pool, Username=one.email)
        assert desk.post.deliver(desk.api) == []
        letter = desk.post.letters(INVITER)[-1]
        assert letter.subject == f"{one.email} declined your invitation to Acme"
        assert "No <time>" in letter.text
        assert "No &lt;time&gt;" in letter.html


class TestAccounts:
    def test_a_disabled_account_cannot_accept(self, desk: Desk, cognito, user_pool: str) -> None:
        one = desk.invite()
        make_user(cognito, user_pool, one.email)
        cognito.admin_disable_user(UserPoolId=user_pool, Username=one.email)
        desk.use(one.token, "accept").expect(409, "ACCOUNT_NOT_USABLE")
        assert desk.stored(one.invitation)["status"] == "PENDING"
        cognito.admin_enable_user(UserPoolId=user_pool, Username=one.email)
        desk.use(one.token, "accept").expect(200)

    @pytest.mark.parametrize("verified", ["false", None])
    def test_an_unverified_address_cannot_accept(
        self, desk: Desk, cognito, user_pool: str, verified: str | None
    ) -> None:
        one = desk.invite()
        make_user(cognito, user_pool, one.email, verified)
        desk.use(one.token, "accept").expect(409, "ACCOUNT_NOT_USABLE")

    def test_who_never_signed_in_gets_a_new_password(
        self, desk: Desk, cognito, user_pool: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one = desk.invite()
        make_user(cognito, user_pool, one.email)
        desk.use(one.token, "accept").expect(200)
        before = desk.post.everything().count(one.email)
        monkeypatch.setattr("bbws_access.invitation.accounts._SENT_JUST_NOW", -1.0)
        two = desk.invite(one.email, role="ORG_ADMIN")
        desk.use(two.token, "accept").expect(200)
        assert "temporary password" in desk.post.everything()
        assert desk.post.everything().count(one.email) > before
        # Who has signed in keeps the password.
        cognito.admin_set_user_password(
            UserPoolId=user_pool, Username=one.email, Password="Abcdef-12345", Permanent=True
        )
        three = desk.invite(one.email, role=custom(desk)["roleId"])
        sent = desk.post.everything().count("temporary password")
        desk.use(three.token, "accept").expect(200)
        assert desk.post.everything().count("temporary password") == sent


def custom(desk: Desk) -> dict:
    return custom_role(desk.world, desk, ["org:read"])


def make_user(cognito, pool: str, email: str, verified: str | None = "true") -> None:
    attributes = [{"Name": "email", "Value": email}]
    if verified is not None:
        attributes.append({"Name": "email_verified", "Value": verified})
    cognito.admin_create_user(UserPoolId=pool, Username=email, UserAttributes=attributes, MessageAction="SUPPRESS")
