"""The walk of one customer: an organisation, a lead who is invited and builds a team, a member, and a farewell.

Every step is a request through gateway, authorizer and services with IAM enforced; every mail is read.
"""

from __future__ import annotations

import json
import re
import secrets
from typing import TYPE_CHECKING

import pytest

from bbws_access.local_aws import LocalAws
from tests.support.deployment import claims

if TYPE_CHECKING:
    from tests.support.deployment import Answer, Deployment

pytestmark = pytest.mark.xdist_group("dev")

NAME = f"Daughters and Sons {secrets.token_hex(4)}"


class Customer:
    """One organisation and its people, who sign in when they first call."""

    def __init__(self, dev: Deployment) -> None:
        self.dev = dev
        made = json.loads(dev.tool("org", "create", NAME, "--json").stdout)
        self.base = f"/organisations/{made['organisationId']}"
        self.mark = secrets.token_hex(4)
        self.tokens: dict[str, str] = {}
        self.admin = self.address("admin")
        dev.user(self.admin, made["organisationId"], "ORG_ADMIN")

    def address(self, name: str) -> str:
        return f"{name}-{self.mark}@walk.example"

    def call(self, who: str, method: str, path: str, body: object = None) -> Answer:
        """A request to the organisation's part of the API."""
        if who not in self.tokens:
            self.tokens[who] = self.dev.token(who)
        return self.dev.request(method, self.base + path, self.tokens[who], body)

    def expect(self, status: int, who: str, method: str, path: str, body: object = None) -> dict:
        answer = self.call(who, method, path, body)
        assert answer.status == status, (method, path, answer.body)
        return answer.body

    def answer(self, token: str, what: str, **body: str) -> Answer:
        """Use an invitation's token, as somebody who is not signed in."""
        self.dev.forget_token_uses()
        return self.dev.request("POST", f"/invitations/{token}/{what}", body=body)

    def role(self, name: str) -> str:
        [role] = self.expect(200, self.admin, "GET", f"/roles?name={name}")["items"]
        return role["roleId"]

    def team_role(self, name: str) -> str:
        [role] = [one for one in self.expect(200, self.admin, "GET", "/team-roles")["items"] if one["name"] == name]
        return role["teamRoleId"]

    def user_id(self, who: str) -> str:
        return claims(self.tokens[who])["sub"]


@pytest.fixture(scope="module")
def customer(dev: Deployment) -> Customer:
    return Customer(dev)


def test_the_walk_of_a_customer(dev: Deployment, customer: Customer) -> None:
    lead, member, admin = customer.address("lead"), customer.address("member"), customer.admin

    # The administrator makes a team and invites its lead, who has no account yet.
    team = customer.expect(201, admin, "POST", "/teams", {"name": "Web"})["teamId"]
    offer = {
        "email": lead,
        "roleId": customer.role("ORG_MANAGER"),
        "teamId": team,
        "teamRoleId": customer.team_role("TEAM_LEAD"),
        "message": "Welcome <b>aboard</b>",
    }
    invitation = customer.expect(201, admin, "POST", "/invitations", offer)
    assert invitation["status"] == "PENDING"
    twice = customer.call(admin, "POST", "/invitations", offer)
    assert (twice.status, twice.code) == (409, "INVITATION_PENDING")
    mail = dev.letter(lead)
    assert NAME in mail.subject
    assert "Welcome <b>aboard</b>" in mail.text
    assert "Welcome &lt;b&gt;aboard&lt;/b&gt;" in mail.html
    dev.forget_token_uses()
    seen = dev.request("GET", f"/invitations/{mail.token}")
    assert (seen.status, seen.body["organisationName"], seen.body["status"]) == (200, NAME, "PENDING")

    # The lead accepts, once, and signs in. The inviter reads of it.
    accepted = customer.answer(mail.token, "accept", firstName="Lea", lastName="Lead")
    assert (accepted.status, accepted.body["status"]) == (200, "ACCEPTED"), accepted.body
    # Cognito's mail with her password, in the look of ours, says what it can and where the rest stands.
    sent = LocalAws(dev.folder, dev.status["region"]).mails()
    [first] = [one for one in sent if one.to == lead and one.subject == "Your account for BBWS Access Management"]
    for said in (lead, "BBWS Access Management", "works for 3 days", "stands in the invitation"):
        assert said in first.html
    assert not re.search(r"\{\{|\{days\}|\{username\}|\{####\}", first.html)
    again = customer.answer(mail.token, "accept")
    assert (again.status, again.code) == (409, "INVITATION_NOT_PENDING")
    assert lead in dev.letter(admin, "accepted").subject

    # She runs her team, builds another one, and invites a member into hers.
    customer.expect(200, lead, "GET", f"/teams/{team}")
    customer.expect(200, lead, "PUT", f"/teams/{team}", {"name": "Web and mobile"})
    customer.expect(201, lead, "POST", "/teams", {"name": "Print"})
    beyond = {"email": member, "roleId": customer.role("SITE_VIEWER"), "teamId": team}
    refused = customer.call(lead, "POST", "/invitations", beyond)
    assert (refused.status, refused.code) == (403, "PERMISSION_CEILING"), "a manager does not hold site:read herself"
    staff = {"name": "STAFF", "displayName": "Member of staff", "permissions": ["org:read"]}
    staff = customer.expect(201, admin, "POST", "/roles", staff)["roleId"]
    made = customer.expect(201, lead, "POST", "/invitations", {"email": member, "roleId": staff, "teamId": team})
    assert customer.answer(dev.letter(member).token, "accept", firstName="Max").status == 200
    listed = customer.expect(200, lead, "GET", f"/teams/{team}/members")["items"]
    assert {one["userEmail"]: one["teamRoleName"] for one in listed} == {lead: "TEAM_LEAD", member: "MEMBER"}
    assert customer.expect(200, lead, "GET", f"/teams/{team}")["memberCount"] == 2

    # The member sees his team, and is refused what is not his; so is the lead.
    customer.expect(200, member, "GET", f"/teams/{team}/members")
    mine = f"/users/{customer.user_id(member)}"
    customer.expect(200, member, "GET", f"{mine}/teams")
    for method, path, body in (
        ("PUT", f"/teams/{team}", {"name": "Mine"}),
        ("DELETE", f"/teams/{team}/members/{customer.user_id(lead)}", None),
        ("GET", "/invitations", None),
        ("GET", "/access-review", None),
        ("POST", f"{mine}/roles", {"roleId": customer.role("ORG_ADMIN")}),
    ):
        customer.expect(403, member, method, path, body)
    customer.expect(403, lead, "POST", "/roles", {"name": "X", "displayName": "X", "permissions": ["org:read"]})
    customer.expect(403, lead, "DELETE", f"/invitations/{made['invitationId']}")
    last = customer.call(admin, "DELETE", f"/teams/{team}/members/{customer.user_id(lead)}")
    assert (last.status, last.code) == (409, "LAST_LEAD")

    # The lead removes the member: from this moment on his token opens the team no more, kept policy or not.
    customer.expect(204, lead, "DELETE", f"/teams/{team}/members/{customer.user_id(member)}")
    customer.expect(403, member, "GET", f"/teams/{team}/members")
    reviewed = customer.expect(200, admin, "GET", "/access-review?pageSize=100")["items"]
    assert {one["kind"] for one in reviewed if one["userId"] == customer.user_id(member)} == {"ROLE"}


def test_an_invited_person_declines(dev: Deployment, customer: Customer) -> None:
    somebody = customer.address("declines")
    offer = {"email": somebody, "roleId": customer.role("ORG_MANAGER")}
    made = customer.expect(201, customer.admin, "POST", "/invitations", offer)
    token = dev.letter(somebody).token
    assert customer.answer(token, "decline", reason="No time").status == 200
    assert "declined" in dev.letter(customer.admin, "declined").subject
    stored = customer.expect(200, customer.admin, "GET", f"/invitations/{made['invitationId']}")
    assert stored["status"] == "DECLINED"
    late = customer.answer(token, "accept")
    assert (late.status, late.code) == (409, "INVITATION_NOT_PENDING")


def test_everybody_leaves(dev: Deployment, customer: Customer) -> None:
    """Who is deactivated loses everything within the organisation, whatever token they still have."""
    leaver = customer.address("leaver")
    dev.user(leaver, customer.base.rsplit("/", 1)[1], "ORG_ADMIN")
    customer.expect(200, leaver, "GET", "/roles")
    dev.tool("user", "deactivate", leaver, "--organisation", customer.base.rsplit("/", 1)[1])
    customer.expect(403, leaver, "GET", "/roles")
