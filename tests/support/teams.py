"""An organisation with team roles, teams and members, made through the team service itself."""

from __future__ import annotations

import uuid

from bbws_access.access.reader import read_access
from bbws_access.kernel.dynamodb import Database, Get
from bbws_access.kernel.ids import new_id
from bbws_access.kernel.keys import key
from bbws_access.kernel.records import Change, commit
from bbws_access.kernel.settings import Settings
from bbws_access.role import rules as role_rules
from bbws_access.role import store as role_store
from bbws_access.team import store as team_store
from tests.support.services import Answer, Instance, World
from tests.support.tables import REGION

TEAMS = "/organisations/{}/teams"
TEAM = "/organisations/{}/teams/{}"
TEAM_ROLES = "/organisations/{}/team-roles"
TEAM_ROLE = "/organisations/{}/team-roles/{}"
MEMBERS = "/organisations/{}/teams/{}/members"
MEMBER = "/organisations/{}/teams/{}/members/{}"
TRANSFER = "/organisations/{}/teams/{}/members/{}/transfer"
USER_TEAMS = "/organisations/{}/users/{}/teams"


def team_role(name: str = "HELPER", *capabilities: str, **more: object) -> dict:
    """The body that defines a team role."""
    return {
        "name": name,
        "displayName": name.title(),
        "capabilities": list(capabilities or ("CAN_VIEW_SITES",)),
        **more,
    }


class Organisation:
    """An organisation with the default roles and team roles, and somebody who administers it.

    id, admin (a user's id), roles: ids of the default team roles by name
    mover: who may also move members between teams, which no default role of an organisation allows
    """

    def __init__(self, api: Instance, world: World, tables: dict[str, str], org_id: str | None = None) -> None:
        self.api, self.world, self.tables = api, world, tables
        self.id = org_id or world.organisation()
        self.admin, self.mover = world.member(self.id), world.platform()
        api.deliver("OrganisationCreated", organisationId=self.id, name="Acme")
        page = api.call("GET", TEAM_ROLES.format(self.id), self.admin).expect(200)
        self.roles = {one["name"]: one["teamRoleId"] for one in page["items"]}

    def team(self, name: str = "Writers", **more: object) -> str:
        """A new team; its id."""
        body = {"name": name, **more}
        return self.api.call("POST", TEAMS.format(self.id), self.admin, body).expect(201)["teamId"]

    def user(self) -> str:
        """A user who belongs to the organisation through a role that allows next to nothing."""
        return self.world.member(self.id, "SITE_VIEWER", team_id="team-elsewhere")

    def holder(self, *permissions: str, team: str | None = None) -> str:
        """A user with a role of their own that grants these permissions: in the organisation, or in one team."""
        name = f"HOLDER_{uuid.uuid4().hex.upper()}"
        body = {
            "name": name,
            "displayName": name,
            "permissions": permissions,
            "scope": "TEAM" if team else "ORGANISATION",
        }
        change = Change.outside_a_request("test")
        role = role_rules.new_role(self.id, new_id("role"), body, is_default=False, change=change)
        table = self.tables["permissions"]
        item = {**key("OrganisationRole", orgId=self.id, roleId=role["roleId"]), **role}
        commit(self.database, role_store.ROLES.create(table, item))
        return self.world.member(self.id, name, team_id=team)

    def body(self, user: str, role: str = "MEMBER", **more: object) -> dict:
        """The body that adds a member; role: a default team role's name or any team role's id."""
        role = self.roles.get(role, role)
        return {"userId": user, "teamRoleId": role, "userEmail": f"{user[:8]}@example.org", **more}

    def add(
        self,
        team: str,
        user: str,
        role: str = "MEMBER",
        by: str | None = None,
        api: Instance | None = None,
        **more: object,
    ) -> Answer:
        """Try to add a member, as the admin unless somebody else is named."""
        path = MEMBERS.format(self.id, team)
        return (api or self.api).call("POST", path, by or self.admin, self.body(user, role, **more))

    def member(self, team: str, role: str = "MEMBER", **more: object) -> str:
        """A new member; the user's id."""
        user = self.user()
        self.add(team, user, role, **more).expect(201)
        return user

    def get(self, path: str, *ids: str, by: str | None = None, **query: str) -> dict:
        """What a read answers to the admin, or to somebody else."""
        return self.api.call("GET", path.format(self.id, *ids), by or self.admin, query=query).expect(200)

    def numbers(self, team: str) -> tuple[int, int, int]:
        """A team's stored numbers of members and leads, and how many members its list has."""
        usage = self.stored("TeamUsage", teamId=team)
        listed, start = 0, {}
        while True:
            page = self.get(MEMBERS, team, pageSize="100", **start)
            listed += page["count"]
            if not page["moreAvailable"]:
                return usage["memberCount"], usage.get("leadCount", 0), listed
            start = {"startAt": page["startAt"]}

    def define(self, *arguments: str, **more: object) -> str:
        """A new team role; its id."""
        body = team_role(*arguments, **more)
        return self.api.call("POST", TEAM_ROLES.format(self.id), self.admin, body).expect(201)["teamRoleId"]

    def uses(self, role: str) -> int:
        """How many members have a team role, as stored."""
        read = team_store.USES.read(self.tables["teams"], self.id, self.roles.get(role, role))
        return team_store.USES.total(self.database.parallel([read])[0])

    def stored(self, entity: str, **parts: str) -> dict | None:
        """A record as it is stored."""
        return self.database.parallel([Get(self.tables["teams"], key(entity, orgId=self.id, **parts))])[0]

    def capabilities(self, user: str, team: str) -> set[str]:
        """What the authorizer would find that a user may do in a team."""
        settings = Settings(region=REGION, tables=self.tables)
        found = read_access(self.database, settings, user, [self.id]).memberships
        return {one for membership in found if membership.team_id == team for one in membership.capabilities}

    @property
    def database(self) -> Database:
        return self.world.database
