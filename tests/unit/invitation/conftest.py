"""The invitation service as AWS runs it, and an organisation that invites."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import NamedTuple
from unittest.mock import patch

import pytest

from bbws_access.invitation import holders, store, tokens
from bbws_access.invitation.handler import service
from bbws_access.kernel.ids import new_id
from bbws_access.kernel.keys import key
from bbws_access.kernel.records import Change
from bbws_access.kernel.settings import Settings
from bbws_access.local_aws import LocalAws
from bbws_access.team.defaults import seed_team_roles
from tests.support.invitations import Post, new_address, new_email
from tests.support.services import ENGINEER, Answer, Instance, World
from tests.support.tables import query_all

INVITER = "inviter@acme.example"


@pytest.fixture
def log() -> io.StringIO:
    """What the functions of the test write to their logs."""
    return io.StringIO()


@pytest.fixture
def new_instance(
    local_aws: LocalAws, invitation_settings: Settings, log: io.StringIO
) -> Iterator[Callable[..., Instance]]:
    """Starts further instances of the function."""
    instances: list[Instance] = []

    def start(changed: Settings | None = None) -> Instance:
        instances.append(Instance(service, changed or invitation_settings, local_aws.endpoint, log))
        return instances[-1]

    yield start
    for one in instances:
        one.close()


@pytest.fixture
def api(new_instance: Callable[..., Instance]) -> Instance:
    return new_instance()


@pytest.fixture
def org(world: World) -> str:
    return world.organisation()


@pytest.fixture
def admin(world: World, org: str) -> str:
    return world.member(org)


@pytest.fixture
def roles(world: World, org: str) -> dict[str, str]:
    """Ids of the organisation's roles by name."""
    found = query_all(world.database, world.table, f"ROLE#ORG#{org}", sort_prefix="ROLE#")
    return {one["name"]: one["roleId"] for one in found}


class Invited(NamedTuple):
    """Somebody who was invited: the address, the invitation as it was created, and the token from the mail."""

    email: str
    invitation: dict
    token: str

    @property
    def path(self) -> str:
        return f"/organisations/{self.invitation['organisationId']}/invitations/{self.invitation['invitationId']}"


class Desk:
    """Creates invitations of one organisation, and uses tokens from an address of its own each time."""

    def __init__(
        self, api: Instance, post: Post, world: World, table: str, org: str, admin: str, roles: dict[str, str]
    ) -> None:
        self.api, self.post, self.world, self.table = api, post, world, table
        self.org, self.admin, self.roles = org, admin, roles
        self.path = f"/organisations/{org}/invitations"

    def create(self, email: str | None = None, role: str = "ORG_MANAGER", *, by: str | None = None, **more) -> Answer:
        body = {"email": email or new_email(), "roleId": self.roles.get(role, role), **more}
        return self.api.call("POST", self.path, by or self.admin, body, email=INVITER)

    def invite(self, email: str | None = None, role: str = "ORG_MANAGER", **more) -> Invited:
        """Create an invitation, deliver its mail, and take the token out of it."""
        made = self.create(email, role, **more).expect(201)
        self.post.deliver(self.api)  # what a lost race left behind waits
        letter = self.post.letters(made["email"])[-1]
        return Invited(made["email"], made, letter.token)

    def invite_beforehand(self, email: str, role: str = "ORG_MANAGER", **more) -> Invited:
        """Invite somebody who has it already, as if they had got it between that and now."""
        with patch.object(holders, "check_not_held", return_value={}):
            return self.invite(email, role, **more)

    def stored(self, invitation: dict) -> dict:
        """The invitation's record."""
        place = key("Invitation", orgId=self.org, invitationId=invitation["invitationId"])
        return self.world.database.get(self.table, place)

    def pending(self, email: str) -> dict | None:
        """The record that keeps an address to one invitation."""
        return self.world.database.get(self.table, key("PendingInvitation", orgId=self.org, email=email))

    def expire(self, invitation: dict, moment: str = "2020-01-01T00:00:00.000Z") -> None:
        """As if the invitation had been created long ago."""
        record = {**self.stored(invitation), "expiresAt": moment}
        self.world.database.put(self.table, store._item(record))
        self.world.database.put(self.table, {**self.pending(record["email"]), "expiresAt": moment})

    def use(self, token: str, what: str = "", body: dict | None = None, *, api: Instance | None = None) -> Answer:
        """Read an invitation, or accept or decline it."""
        method = "POST" if what else "GET"
        path = f"/invitations/{token}" + (f"/{what}" if what else "")
        content = (body or {}) if what else None
        return (api or self.api).call(method, path, None, content, source=new_address())


def unknown_token() -> str:
    return tokens.new_token(new_id("organisation"), new_id("invitation"))


@pytest.fixture
def desk(
    api: Instance, post: Post, world: World, seeded_tables: dict[str, str], org: str, admin: str, roles: dict[str, str]
) -> Desk:
    return Desk(api, post, world, seeded_tables["invitations"], org, admin, roles)


@pytest.fixture
def team_roles(world: World, org: str) -> dict[str, str]:
    """Ids of the organisation's team roles by name."""
    seed_team_roles(world.database, world.teams_table, org, Change.outside_a_request(ENGINEER))
    found = query_all(world.database, world.teams_table, f"TEAM_ROLE#ORG#{org}", sort_prefix="TEAM_ROLE#")
    return {one["name"]: one["teamRoleId"] for one in found}


@pytest.fixture
def team(world: World, org: str, team_roles: dict[str, str]) -> str:
    return world.team(org)
