"""Who has what in an organisation: by user, in pages and as CSV."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from bbws_access.kernel.keys import index_key, key
from bbws_access.kernel.paging import encode_cursor
from bbws_access.kernel.records import Change
from bbws_access.role import review
from bbws_access.role.engineers import assign_role
from tests.support.invitations import new_email
from tests.support.services import ENGINEER, Instance, World, moment

REVIEW = "/organisations/{}/access-review"


@pytest.fixture
def org(world: World) -> str:
    return world.organisation()


@pytest.fixture
def admin(world: World, org: str) -> str:
    return world.member(org)


class Teams:
    """Memberships as the team service stores them."""

    def __init__(self, world: World, org: str) -> None:
        self._world, self._org = world, org
        role = {"teamRoleId": "trole-lead", "name": "TEAM_LEAD", "capabilities": ["CAN_UPDATE_TEAM"], "active": True}
        self._put({**key("TeamRoleDefinition", orgId=org, teamRoleId="trole-lead"), **role})

    def join(self, user: str, team: str, email: str = "ada@example.com", **changes: object) -> None:
        parts = {"orgId": self._org, "userId": user, "teamId": team}
        item = {
            **key("TeamMember", **parts),
            **index_key("TeamMember", "members-by-organisation", **parts),
            "organisationId": self._org,
            "userId": user,
            "teamId": team,
            "userEmail": email,
            "teamRoleId": "trole-lead",
            "teamRoleName": "LEAD_THEN",
            "joinedAt": "2026-01-02T03:04:05.000Z",
            "addedBy": "somebody",
            "active": True,
        }
        self._put({**item, **changes})

    def _put(self, item: dict) -> None:
        self._world.database.put(self._world.teams_table, item)


@pytest.fixture
def teams(world: World, org: str) -> Teams:
    return Teams(world, org)


def pages(api: Instance, org: str, user: str, size: int) -> list[dict]:
    """The items of all pages, each of which took one wait and none of which is empty but the first."""
    found: list[dict] = []
    query = {"pageSize": str(size)}
    while True:
        answer = api.call("GET", REVIEW.format(org), user, query=query)
        page = answer.expect(200)
        assert answer.round_trips == 1
        assert page["count"] == size if page["moreAvailable"] else page["count"] <= size
        found += page["items"]
        if not page["moreAvailable"]:
            return found
        assert page["_links"]["next"]["href"].startswith("/v1/organisations/")
        query["startAt"] = page["startAt"]


def places(items: list[dict]) -> list[tuple[str, str, str | None]]:
    return [(one["userId"], one["roleName"], one.get("teamId")) for one in items]


def test_roles_and_memberships_with_since_by_and_until(
    api: Instance, world: World, org: str, admin: str, teams: Teams
) -> None:
    user = world.user()
    world.assign(user, "SITE_VIEWER", org, team_id="team-1", expires_at="2999-01-01T00:00:00Z")
    teams.join(user, "team-1")
    items = [one for one in pages(api, org, admin, 50) if one["userId"] == user]
    assert moment(items[0].pop("since")) <= datetime.now(UTC)
    role_id = items[0].pop("roleId")
    assert role_id.startswith("role-")
    assert items == [
        {
            "userId": user,
            "kind": "ROLE",
            "roleName": "SITE_VIEWER",
            "scope": "TEAM",
            "teamId": "team-1",
            "grants": ["site:read"],
            "givenBy": ENGINEER,
            "until": "2999-01-01T00:00:00.000Z",
        },
        {
            "userId": user,
            "userEmail": "ada@example.com",
            "emailSource": "TYPED",
            "kind": "TEAM_MEMBERSHIP",
            "roleId": "trole-lead",
            "roleName": "TEAM_LEAD",
            "scope": "TEAM",
            "teamId": "team-1",
            "grants": ["CAN_UPDATE_TEAM"],
            "since": "2026-01-02T03:04:05.000Z",
            "givenBy": "somebody",
            "until": None,
        },
    ]


def test_only_what_is_in_force_there(api: Instance, world: World, org: str, admin: str, teams: Teams) -> None:
    gone, expired, outside, root = world.member(org), world.user(), world.user(), world.platform()
    api.deliver("UserDeactivated", userId=gone)
    world.assign(expired, "ORG_ADMIN", org, now=datetime(2020, 1, 1, tzinfo=UTC), expires_at="2020-02-01T00:00:00Z")
    world.assign(outside, "ORG_ADMIN", world.organisation())
    teams.join(expired, "team-1", active=False)
    assert {one["userId"] for one in pages(api, org, admin, 50)} == {admin}
    assert {one["userId"] for one in pages(api, org, root, 50)} == {admin}


def test_pages_of_every_size_give_all_in_order_once(
    api: Instance, world: World, org: str, admin: str, teams: Teams
) -> None:
    users = [world.user() for _ in range(5)]
    for n, user in enumerate(users):
        if n != 1:
            world.assign(user, "ORG_MANAGER", org)
            world.assign(user, "SITE_VIEWER", org, team_id="team-1")
        for team in range(n):
            teams.join(user, f"team-{team}")
            teams.join(user, f"team-{team}-{team}")
    whole = places(pages(api, org, admin, 100))
    assert len(whole) == 1 + 8 + 20
    assert [user for user, *_ in whole] == sorted(user for user, *_ in whole)
    assert all(one != other for one, other in pairwise(whole))
    for size in (1, 2, 3, 7, 28, 29):
        assert places(pages(api, org, admin, size)) == whole


def test_what_a_role_grants_and_is_called_now(api: Instance, world: World, org: str, admin: str) -> None:
    body = {"name": "WRITER", "displayName": "W", "permissions": ["site:update"], "permissionSets": ["set-viewer"]}
    role = api.call("POST", f"/organisations/{org}/roles", admin, body).expect(201)["roleId"]
    user = world.member(org, role)
    change = {**body, "name": "AUTHOR", "permissions": []}
    api.call("PUT", f"/organisations/{org}/roles/{role}", admin, change).expect(200)
    [item] = [one for one in pages(api, org, admin, 50) if one["userId"] == user]
    assert (item["roleName"], item["grants"]) == ("AUTHOR", ["org:read", "site:read", "team:read"])


class TestNames:
    """Whoever is named in a review is named by an address that is proven, or that says it is not."""

    def enter(self, world: World, org: str) -> tuple[str, str]:
        """Somebody who came into the organisation with a verified address; user id and address."""
        user, email = world.user(), new_email()
        change = Change.outside_a_request(ENGINEER)
        assign_role(world.database, world.table, user, "ORG_MANAGER", change, org, email)
        return user, email

    def give(self, api: Instance, org: str, admin: str, user: str, role: str, email: str = "") -> None:
        """Give a user a role through the API, by somebody whose token says an address."""
        roles = api.call("GET", f"/organisations/{org}/roles", admin).expect(200)["items"]
        [role_id] = [one["roleId"] for one in roles if one["name"] == role]
        path = f"/organisations/{org}/users/{user}/roles"
        api.call("POST", path, admin, {"roleId": role_id}, email=email).expect(201)

    def of(self, api: Instance, org: str, admin: str, user: str, size: int = 50) -> list[tuple]:
        found = [one for one in pages(api, org, admin, size) if one["userId"] == user]
        return [(one["kind"], one.get("userEmail"), one.get("emailSource")) for one in found]

    def test_rows_of_roles_name_who_came_with_an_address(
        self, api: Instance, world: World, org: str, admin: str
    ) -> None:
        user, email = self.enter(world, org)
        stranger = world.user()
        for one in (user, stranger):
            self.give(api, org, admin, one, "ORG_ADMIN")
        for size in (1, 50):
            assert self.of(api, org, admin, user, size) == [("ROLE", email, "VERIFIED")] * 2
            assert self.of(api, org, admin, stranger, size) == [("ROLE", None, None)]

    def test_who_gives_themselves_a_role_is_named_by_their_token(
        self, api: Instance, world: World, org: str, admin: str
    ) -> None:
        boss, other = "boss@acme.example", world.user()
        for one in (admin, other):
            self.give(api, org, admin, one, "ORG_MANAGER", boss)
        assert self.of(api, org, admin, admin) == [("ROLE", boss, "VERIFIED")] * 2
        assert self.of(api, org, admin, other) == [("ROLE", None, None)]

    def test_what_was_typed_gives_way_to_what_is_proven(
        self, api: Instance, world: World, org: str, admin: str, teams: Teams
    ) -> None:
        user, email = self.enter(world, org)
        teams.join(user, "team-1", "chief@acme.example", emailSource="TYPED")
        assert self.of(api, org, admin, user) == [("ROLE", email, "VERIFIED"), ("TEAM_MEMBERSHIP", email, "VERIFIED")]
        stranger = world.member(org)
        teams.join(stranger, "team-1", "chief@acme.example", emailSource="TYPED")
        typed = ("TEAM_MEMBERSHIP", "chief@acme.example", "TYPED")
        assert self.of(api, org, admin, stranger) == [("ROLE", None, None), typed]
        text = api.call("GET", REVIEW.format(org), admin, query={"format": "csv"}).expect(200)
        rows = [one for one in csv.DictReader(io.StringIO(text)) if one["userEmail"] == "chief@acme.example"]
        assert [(one["userId"], one["emailSource"]) for one in rows] == [(stranger, "TYPED")]

    def test_giving_a_stranger_a_role_tells_no_address(self, api: Instance, world: World, org: str, admin: str) -> None:
        user, email = self.enter(world, world.organisation())
        self.give(api, org, admin, user, "ORG_MANAGER")
        assert self.of(api, org, admin, user) == [("ROLE", None, None)]
        assert email not in str(pages(api, org, admin, 50))


class TestCsv:
    def rows(self, api: Instance, org: str, user: str) -> list[dict]:
        answer = api.call("GET", REVIEW.format(org), user, query={"format": "csv", "pageSize": "1"})
        text = answer.expect(200)
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert answer.headers["Content-Disposition"] == f'attachment; filename="access-review-{org}.csv"'
        assert answer.headers["Cache-Control"] == "no-store"
        assert text.endswith("\r\n")
        return list(csv.DictReader(io.StringIO(text, newline="")))

    def test_it_is_what_the_pages_say(self, api: Instance, world: World, org: str, admin: str, teams: Teams) -> None:
        for _ in range(3):
            user = world.member(org, "SITE_EDITOR", team_id="team-1", expires_at="2999-01-01T00:00:00Z")
            teams.join(user, "team-1")
        wanted = [
            {**dict.fromkeys(review.COLUMNS, ""), **one, "grants": " ".join(one["grants"]), "until": one["until"] or ""}
            for one in pages(api, org, admin, 2)
        ]
        assert self.rows(api, org, admin) == wanted

    @pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "\uff1d"])
    def test_no_cell_is_a_formula(self, start: str) -> None:
        dangerous = f'{start}HYPERLINK("https://example.com";"x"),y'
        text = review.as_csv([{"userEmail": dangerous, "grants": ["a:b", "c:d"]}])
        [row] = csv.DictReader(io.StringIO(text, newline=""))
        assert row["userEmail"] == f"'{dangerous}"
        assert row["grants"] == "a:b c:d"

    def test_through_the_service(self, api: Instance, world: World, org: str, admin: str, teams: Teams) -> None:
        teams.join(admin, "team-1", '=cmd|"/c calc"!A1@example.com')
        assert self.rows(api, org, admin)[1]["userEmail"] == '\'=cmd|"/c calc"!A1@example.com'

    def test_too_much_is_said(
        self, api: Instance, world: World, org: str, admin: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.member(org)
        for name, value in (("MOST_ROWS", 1), ("MOST_BYTES", 100)):
            with monkeypatch.context() as patch:
                patch.setattr(review, name, value)
                answer = api.call("GET", REVIEW.format(org), admin, query={"format": "csv"})
                answer.expect(400, "REVIEW_TOO_LARGE")
                assert answer.headers["Content-Type"] == "application/json"
                assert len(pages(api, org, admin, 1)) == 2
        assert len(self.rows(api, org, admin)) == 2


def test_refusals(api: Instance, world: World, org: str, admin: str) -> None:
    path = REVIEW.format(org)
    world.member(org)
    cursor = api.call("GET", path, admin, query={"pageSize": "1"}).expect(200)["startAt"]
    api.call("GET", path, admin, query={"format": "csv", "startAt": cursor}).expect(400)
    api.call("GET", path, admin, query={"format": "xml"}).expect(400, "VALIDATION_ERROR")
    api.call("GET", path, admin, query={"pageSize": "101"}).expect(400, "VALIDATION_ERROR")
    scope = ["reviewAccess", f"orgId={org}", "format=json"]
    for wrong in ({"after": "V"}, {"after": "USER#\u00e9"}, {"after": "USER#" + "x" * 1200}, {"other": "USER#"}, {}):
        forged = encode_cursor(scope, wrong)
        api.call("GET", path, admin, query={"startAt": forged}).expect(400, "INVALID_CURSOR")
    own = encode_cursor(scope, {"after": "USER#"})
    assert api.call("GET", path, admin, query={"startAt": own}).expect(200)["count"] == 2
    other = world.organisation()
    api.call("GET", REVIEW.format(other), world.member(other), query={"startAt": cursor}).expect(400, "INVALID_CURSOR")
    api.call("GET", path, world.member(other)).expect(403, "FORBIDDEN")
    api.call("GET", path, world.member(org, "SITE_VIEWER", team_id="team-1")).expect(403, "FORBIDDEN")
    api.call("GET", REVIEW.format("org-none"), world.platform()).expect(404, "ORGANISATION_NOT_FOUND")
