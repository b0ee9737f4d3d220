"""The services on a local AWS of their own, and what each operation of the contract is asked to do."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import NamedTuple, TextIO

import boto3
from tests.support.invitations import create_mail_queue, create_user_pool, new_address, settings_of_invitation
from tests.support.services import ENGINEER, EVENT_BUS, Answer, Instance, World
from tests.support.tables import REGION, create_tables, patient_database, query_all
from tests.support.teams import Organisation
from tests.support.units import units_of

from bbws_access.invitation import rules as invitation_rules
from bbws_access.invitation import store as invitation_store
from bbws_access.invitation import tokens
from bbws_access.invitation.handler import service as invitation_service
from bbws_access.kernel.contract import Operation
from bbws_access.kernel.dynamodb import Database, Put
from bbws_access.kernel.ids import new_id
from bbws_access.kernel.keys import key
from bbws_access.kernel.records import Change
from bbws_access.kernel.settings import Settings
from bbws_access.permission.handler import service as permission_service
from bbws_access.reference_data import seed_reference_data
from bbws_access.role import rules as role_rules
from bbws_access.role import store as role_store
from bbws_access.role.handler import service as role_service
from bbws_access.service.runtime import Service
from bbws_access.team import memberships
from bbws_access.team import rules as team_rules
from bbws_access.team import store as team_store
from bbws_access.team.handler import service as team_service

SERVICES: dict[str, tuple[Service, tuple[str, ...]]] = {
    "permission": (permission_service, ("permissions", "teams")),
    "role": (role_service, ("permissions", "teams")),
    "team": (team_service, ("permissions", "teams")),
    "invitation": (invitation_service, ("permissions", "teams", "invitations")),
}
"""Each service, and the tables that it may use."""


_READS = ("Get", "BatchGet", "_Together", "Query")


class Cost(NamedTuple):
    """What one request cost: own CPU in milliseconds; waits for the database to read, and to write, one that does both
    counted as both; requests to it; calls of other services of AWS."""

    cpu: float
    reads: int
    writes: int
    requests: int
    others: int


class _CountingDatabase(Database):
    """Remembers what it was asked, without the checks that the tests' client adds: those would count as CPU."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(REGION, endpoint, deadline=60.0, attempt_timeout=30.0)
        self.asked: list[list] = []

    def _run(self, calls: list, deadline: float | None = None) -> list:
        self.asked.append(calls)
        return super()._run(calls, deadline)


class Measured(Instance):
    """An instance of a function that knows what its last request cost, and which event it came with."""

    cost: Cost
    event: dict

    def __init__(self, service: Service, settings: Settings, endpoint: str) -> None:
        counting = _CountingDatabase(endpoint)
        self._lines = Lines()
        super().__init__(service, settings, endpoint, log=self._lines, database=counting)
        handle, call, call_each, others = self._handle, self.aws._call, self.aws._call_each, []

        def counted(*arguments: object, **named: object) -> dict:
            others.append(arguments)
            return call(*arguments, **named)

        def each_counted(name: str, operation: str, bodies: list, deadline: float) -> list:
            others.extend(bodies)
            return call_each(name, operation, bodies, deadline)

        def timed(event: dict, context: object) -> dict | None:
            counting.asked.clear()
            others.clear()
            began = time.process_time()
            answer = handle(event, context)
            cpu = (time.process_time() - began) * 1000
            kinds = [{type(one).__name__ in _READS for one in calls} for calls in counting.asked]
            reads, writes = (sum(reading in kind for kind in kinds) for reading in (True, False))
            self.cost = Cost(cpu, reads, writes, sum(map(len, counting.asked)), len(others))
            self.event = event
            return answer

        self.aws._call = counted
        self.aws._call_each = each_counted
        self._handle = timed

    def log_to(self, stream: TextIO) -> None:
        """Keep what it logs from now on."""
        self._lines.stream = stream

    def units(self) -> float:
        """What the last request read, in units of DynamoDB."""
        return units_of(self.database, [call for calls in list(self.database.asked) for call in calls])


class Lines:
    """Where an instance logs to: nowhere, until a stream is given."""

    stream: TextIO | None = None

    def write(self, text: str) -> None:
        if self.stream is not None:
            self.stream.write(text)

    def flush(self) -> None:
        """Nothing is held back."""


class Asked(NamedTuple):
    """One request: ids beside those of the place, body, query, caller ("" for the administrator), address."""

    ids: Mapping[str, str] = {}
    body: object = None
    query: dict[str, str] | None = None
    user: str = ""
    source: str = "192.0.2.1"


class Place:
    """The tables, an instance of each service, and an organisation with what it starts with and one of each thing.

    ids: of those things, by the contract's names of path parameters
    """

    def __init__(self, endpoint: str, tables: dict[str, str] | None = None) -> None:
        """tables: the real names of tables that are there; new ones are made for None"""
        if tables is None:
            boto3.client("events").create_event_bus(Name=EVENT_BUS)
        self.tables = tables or create_tables()
        database = patient_database(endpoint)
        seed_reference_data(database, self.tables["permissions"], ENGINEER)
        self.world = World(database, self.tables)
        self.instances = {name: Measured(SERVICES[name][0], self.settings(name), endpoint) for name in SERVICES}
        self.settle()

    def settle(self) -> None:
        """Go on in a new organisation: what one operation left behind is none of the next one's work."""
        self.organisation = Organisation(self.instances["team"], self.world, self.tables)
        self.admin = self.organisation.admin
        org_id = self.organisation.id
        self.default_roles = {one["name"]: one["roleId"] for one in self.roles_of(org_id)}
        self.ids = {"orgId": org_id, "permissionId": "perm-site-read"}
        self.ids |= {"teamRoleId": self.team_role(), "teamId": self.organisation.team(), "setId": self.set()}
        self.ids["roleId"] = self.role()
        self.ids["userId"] = self.assigned(self.member())
        self.ids["invitationId"] = self.invitation()["invitationId"]

    def settings(self, service: str) -> Settings:
        """What a service's function is told."""
        if service == "invitation":
            return settings_of_invitation(self.tables, self._mail_queue, self._user_pool, "benchmark")
        tables = {name: self.tables[name] for name in SERVICES[service][1]}
        return Settings(region=REGION, environment="test", service=service, tables=tables, event_bus=EVENT_BUS)

    def request(self, operation: Operation, asked: Asked) -> Answer:
        """Send a request; its cost is the instance's then."""
        ids = {**self.ids, **asked.ids}
        user = None if operation.access == "public" else asked.user or self.admin
        instance = self.instances[operation.service]
        more = {"email": "admin@acme.example", "source": asked.source}
        return instance.call(operation.method, operation.path.format_map(ids), user, asked.body, asked.query, **more)

    # What scenarios need anew each time; nothing of it is measured

    def set(self) -> str:
        path = f"/organisations/{self.organisation.id}/permission-sets"
        return self.instances["permission"].call("POST", path, self.admin, set_body()).expect(201)["setId"]

    def role(self) -> str:
        path = f"/organisations/{self.organisation.id}/roles"
        return self.instances["role"].call("POST", path, self.admin, self.role_body()).expect(201)["roleId"]

    def role_body(self) -> dict:
        name = unique("ROLE")
        return {"name": name, "displayName": name, "permissions": ["site:read"], "permissionSets": [self.ids["setId"]]}

    def team_role(self) -> str:
        path = f"/organisations/{self.organisation.id}/team-roles"
        return self.instances["team"].call("POST", path, self.admin, team_role_body()).expect(201)["teamRoleId"]

    def member(self) -> str:
        """A new member of the team, with the default team role."""
        return self.organisation.member(self.ids["teamId"])

    def peopled_team(self) -> str:
        """A new team that has two members."""
        team = self.organisation.team(unique("Team"))
        for _ in range(2):
            self.organisation.member(team)
        return team

    def assigned(self, user: str) -> str:
        """Give a user the role; the user."""
        self.world.assign(user, self.ids["roleId"], self.organisation.id)
        return user

    def unseeded(self) -> str:
        """A new organisation that has no roles yet."""
        org_id = new_id("organisation")
        change = Change.outside_a_request(ENGINEER)
        columns = {"entityType": "Organisation", "organisationId": org_id, "name": "Acme", "active": True}
        self.world.put({**key("Organisation", orgId=org_id), **columns, **change.first()})
        return org_id

    @cached_property
    def engineer(self) -> str:
        """A user with a platform role."""
        return self.world.platform()

    def account(self) -> str:
        """The address of a new account that has nothing."""
        email = new_email()
        attributes = [{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}]
        boto3.client("cognito-idp").admin_create_user(
            UserPoolId=self._user_pool, Username=email, UserAttributes=attributes, MessageAction="SUPPRESS"
        )
        return email

    def invitation(self, email: str | None = None) -> dict:
        """The record of a new invitation of an address, by default a new one, to the role and the team."""
        org_id = self.organisation.id
        change = Change(self.admin, secrets.token_hex(16), datetime.now(UTC))
        offered = {
            "organisationName": "Acme",
            "roleId": self.default_roles["SITE_VIEWER"],
            "roleName": "SITE_VIEWER",
            "roleDisplayName": "Site viewer",
            "teamId": self.ids["teamId"],
            "teamName": "Writers",
            "teamRoleId": self.organisation.roles["MEMBER"],
            "teamRoleName": "MEMBER",
        }
        body = {"email": email or new_email()}
        record = invitation_rules.new_invitation(
            org_id, new_id("invitation"), body, offered, "admin@acme.example", change, departures=0
        )
        steps = invitation_store.create(self.tables["invitations"], record, None, change)
        # Without what counts the creations of a minute.
        self.world.database.transact([action for action, _ in steps if isinstance(action, Put)])
        return record

    def token(self) -> str:
        """The token of a new invitation."""
        invitation = self.invitation()
        token = tokens.new_token(invitation["organisationId"], invitation["invitationId"])
        record = invitation_rules.token_record(tokens.token_hash(token), invitation, datetime.now(UTC))
        invitation_store.keep_token(self.world.database, self.tables["invitations"], record)
        return token

    def roles_of(self, org_id: str) -> list[dict]:
        """The records of an organisation's roles."""
        return query_all(self.world.database, self.world.table, f"ROLE#ORG#{org_id}", sort_prefix="ROLE#")

    @cached_property
    def _mail_queue(self) -> str:
        return create_mail_queue()

    @cached_property
    def _user_pool(self) -> str:
        return create_user_pool()


def unique(name: str) -> str:
    return f"{name}_{secrets.token_hex(6).upper()}"


def new_email() -> str:
    return f"{secrets.token_hex(8)}@invited.example"


def set_body() -> dict:
    return {"name": unique("Set"), "description": "Of the benchmark", "permissions": ["site:read", "site:update"]}


def team_body() -> dict:
    return {"name": unique("Team"), "description": "Of the benchmark"}


def team_role_body() -> dict:
    name = unique("TEAM_ROLE")
    return {"name": name, "displayName": name, "capabilities": ["CAN_VIEW_MEMBERS", "CAN_VIEW_SITES"]}


def _nothing_special(_: Place) -> Asked:
    return Asked()


def _by_token(body: dict | None) -> Callable[[Place], Asked]:
    return lambda place: Asked({"token": place.token()}, body, source=new_address())


def _invite(place: Place) -> Asked:
    # Each organisation may create few invitations a minute.
    place.settle()
    return Asked(body={"email": place.account(), "roleId": place.ids["roleId"], "teamId": place.ids["teamId"]})


def _invite_many(place: Place) -> Asked:
    place.settle()
    offer = {"roleId": place.ids["roleId"], "teamId": place.ids["teamId"]}
    return Asked(body={"invitations": [{"email": place.account(), **offer} for _ in range(10)]})


def _add_member(place: Place) -> Asked:
    return Asked(body=place.organisation.body(place.organisation.user()))


Scenario = Callable[[Place], Asked]

SCENARIOS: dict[str, Scenario] = {
    "getHealth": _nothing_special,
    "listPermissions": _nothing_special,
    "getPermission": _nothing_special,
    "listPermissionSets": _nothing_special,
    "createPermissionSet": lambda _: Asked(body=set_body()),
    "getPermissionSet": _nothing_special,
    "updatePermissionSet": lambda _: Asked(body=set_body()),
    "deletePermissionSet": lambda place: Asked({"setId": place.set()}),
    "listPlatformRoles": _nothing_special,
    "getPlatformRole": lambda _: Asked({"roleId": "role-platform-admin"}),
    "listRoles": _nothing_special,
    "createRole": lambda place: Asked(body=place.role_body()),
    "seedRoles": lambda place: Asked({"orgId": place.unseeded()}, user=place.engineer),
    "getRole": _nothing_special,
    "updateRole": lambda place: Asked(body=place.role_body()),
    "deleteRole": lambda place: Asked({"roleId": place.role()}),
    "replaceRolePermissions": lambda place: Asked(
        body={"permissions": ["site:read"], "permissionSets": [place.ids["setId"]]}
    ),
    "previewRole": lambda _: Asked(body={"permissions": ["site:publish"], "permissionSets": []}),
    "listRoleUsers": _nothing_special,
    "listUsers": _nothing_special,
    "getUser": _nothing_special,
    "deactivateUser": lambda place: Asked({"userId": place.assigned(place.world.user())}),
    "listUserRoles": _nothing_special,
    "assignRole": lambda place: Asked({"userId": place.world.user()}, {"roleId": place.ids["roleId"]}),
    "removeRole": lambda place: Asked({"userId": place.assigned(place.world.user())}),
    "getUserPermissions": _nothing_special,
    "reviewAccess": _nothing_special,
    "checkAccess": lambda place: Asked(
        body={"userId": place.ids["userId"], "method": "GET", "path": f"/organisations/{place.ids['orgId']}/roles"}
    ),
    "listTeams": _nothing_special,
    "createTeam": lambda _: Asked(body=team_body()),
    "getTeam": _nothing_special,
    "updateTeam": lambda _: Asked(body=team_body()),
    "deleteTeam": lambda place: Asked({"teamId": place.peopled_team()}),
    "listTeamRoles": _nothing_special,
    "createTeamRole": lambda _: Asked(body=team_role_body()),
    "getTeamRole": _nothing_special,
    "updateTeamRole": lambda _: Asked(body=team_role_body()),
    "deleteTeamRole": lambda place: Asked({"teamRoleId": place.team_role()}),
    "listTeamMembers": _nothing_special,
    "addTeamMember": _add_member,
    "getTeamMember": _nothing_special,
    "updateTeamMember": lambda place: Asked({"userId": place.member()}, {"teamRoleId": place.ids["teamRoleId"]}),
    "removeTeamMember": lambda place: Asked({"userId": place.member()}),
    "transferTeamMember": lambda place: Asked(
        {"userId": place.member()}, {"toTeamId": place.organisation.team(unique("Team"))}, user=place.engineer
    ),
    "listUserTeams": _nothing_special,
    "listInvitations": _nothing_special,
    "createInvitation": _invite,
    "createInvitations": _invite_many,
    "getInvitation": _nothing_special,
    "updateInvitation": lambda place: Asked({"invitationId": place.invitation()["invitationId"]}, {"active": False}),
    "deleteInvitation": lambda place: Asked({"invitationId": place.invitation()["invitationId"]}),
    "resendInvitation": lambda place: Asked({"invitationId": place.invitation(place.account())["invitationId"]}),
    "readInvitation": _by_token(None),
    "acceptInvitation": _by_token({}),
    "declineInvitation": _by_token({}),
}
"""What each operation is asked: in an organisation with one of each thing, a request that does all of its work."""


class Crowd:
    """An organisation with many teams and invitations, where many have one role and are members of one team.

    teams, assignments, members, invitations: their items
    ids: of that role and team, and of a user who has of both as many as one may
    """

    def __init__(self, place: Place, size: int) -> None:
        self._place = place
        self.organisation = Organisation(place.instances["team"], place.world, place.tables)
        self.admin = self.organisation.admin
        org_id = self.organisation.id
        self.assignments: list[dict] = []
        self.members: list[dict] = []
        self.invitations: list[dict] = []
        self._change = Change.outside_a_request(ENGINEER)
        roles = {one["name"]: one for one in place.roles_of(org_id)}
        role, self.admin_role = roles["SITE_VIEWER"], roles["ORG_ADMIN"]["roleId"]
        team_id = self.organisation.team()
        self.teams = [self.organisation.stored("Team", teamId=team_id), *self._found_teams(size)]
        team_role = self.organisation.stored("TeamRoleDefinition", teamRoleId=self.organisation.roles["MEMBER"])
        users = [place.world.user() for _ in range(size)]
        self._fill(role, team_id, team_role, users)
        busy = place.world.user()
        for team in self.teams[1 : 1 + min(role_rules.MOST_ASSIGNMENTS, team_rules.MOST_MEMBERSHIPS)]:
            self._fill(role, team["teamId"], team_role, [busy], in_team=True)
        self._invite(size)
        self.ids = {"orgId": org_id, "teamId": team_id, "roleId": role["roleId"], "userId": busy}

    def in_team(self, members: list[dict]) -> list[dict]:
        return [one for one in members if one["teamId"] == self.ids["teamId"]]

    def of_user(self, items: list[dict]) -> list[dict]:
        return [one for one in items if one["userId"] == self.ids["userId"]]

    def reviewed(self) -> list[dict]:
        """What the access review's cursor says of each row, the administrator's among them."""
        admin = f"USER#{self.admin}#ROLE#{self.admin_role}#TEAM#-"
        found = [one["GSI2SK"] for one in self.assignments] + [one["GSI3SK"] for one in self.members]
        return [{"after": one} for one in [admin, *found]]

    def _fill(self, role: dict, team_id: str, team_role: dict, users: list[str], *, in_team: bool = False) -> None:
        """Give users the role (in the team or in the organisation) and the membership, as the services store them."""
        place, change, org_id = self._place, self._change, self.organisation.id
        permissions, teams = place.tables["permissions"], place.tables["teams"]
        if in_team:
            role = {**role, "scope": "TEAM"}
        assignments, members = [], []
        for user in users:
            record = role_rules.new_assignment(
                role, user, team_id if in_team else None, None, None, change, departures=0
            )
            assignments.append(role_store.assign_steps(permissions, record, role, None, change)[0][0])
            body = {"userId": user, "userEmail": f"{user[:8]}@example.org"}
            member = team_rules.new_membership(
                org_id, team_id, body, team_role, None, change, primary=False, departures=0
            )
            members.append(Put(teams, team_store.member_item(member)))
        self.assignments += self._written(assignments)
        self.members += self._written(members)
        used = role_store.USES.counted(permissions, [(one.item, 1) for one in assignments], change, role)
        counted = memberships.counted(teams, [(one.item, 1) for one in members], change, team_role, keep_leads=False)
        place.world.database.transact([action for action, _ in [*used, *counted]])

    def _found_teams(self, size: int) -> list[dict]:
        table, change, org_id = self._place.tables["teams"], self._change, self.organisation.id
        teams, usages = [], []
        for _ in range(size):
            team = team_store.team_item(team_rules.new_team(org_id, new_id("team"), team_body(), change))
            teams.append(Put(table, team))
            usages.append(memberships.no_members(table, team, change)[0])
        self._written(usages)
        return self._written(teams)

    def _invite(self, size: int) -> None:
        table, change = self._place.tables["invitations"], self._change
        offered = {"organisationName": "Acme", "roleId": "role-x", "roleName": "X", "roleDisplayName": "X"}
        actions = []
        for _ in range(size):
            invitation_id = new_id("invitation")
            body = {"email": new_email()}
            record = invitation_rules.new_invitation(
                self.organisation.id, invitation_id, body, offered, "", change, departures=0
            )
            actions.append(invitation_store.create(table, record, None, change)[0][0])
        self.invitations += self._written(actions)

    def _written(self, actions: list[Put]) -> list[dict]:
        """The items, after storing them."""
        for start in range(0, len(actions), 100):
            self._place.world.database.transact(actions[start : start + 100])
        return [action.item for action in actions]
