"""What an invitation offers: a role, and perhaps a place in a team; whether it is there, and who may offer it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from bbws_access.access.granting import check_membership_ceiling, granted_until, text_of_end
from bbws_access.access.grants import Access
from bbws_access.invitation import rules
from bbws_access.kernel.dynamodb import Call, Database, Page
from bbws_access.kernel.errors import Forbidden, NotFound, ServiceError
from bbws_access.kernel.keys import key
from bbws_access.kernel.records import Step, check_open, organisation_read, stays_active, team_read
from bbws_access.kernel.settings import Settings
from bbws_access.role import rules as role_rules
from bbws_access.role import store as role_store
from bbws_access.team import store as team_store

Wanted = tuple[str, str | None, str | None]  # ids of role, team and team role
SEND = ("invitation:create", "invitation:resend")
ADD_MEMBER, MANAGE_MEMBERS = "team:member:add", "CAN_MANAGE_MEMBERS"
NOBODY_YET = ""


class Offer(NamedTuple):
    """The records as they were read; `team` and `team_role` are None without a team.

    until: when the role will end that it gives, None for never; known once it was checked who offers it
    """

    organisation: dict
    role: dict
    granted: frozenset[str]
    team: dict | None
    team_role: dict | None
    until: str | None = None

    def names(self) -> dict[str, str]:
        """Ids and names as an invitation keeps them, and when the role will end if it does."""
        found = {
            "organisationName": self.organisation["name"],
            "roleId": self.role["roleId"],
            "roleName": self.role["name"],
            "roleDisplayName": self.role["displayName"],
        }
        if self.team is not None:
            found |= {"teamId": self.team["teamId"], "teamName": self.team["name"]}
            found |= {"teamRoleId": self.team_role["teamRoleId"], "teamRoleName": self.team_role["name"]}
        return found if self.until is None else {**found, "roleExpiresAt": self.until}


def reads(settings: Settings, org_id: str, role_id: str, team_id: str | None) -> list[Call]:
    """The reads that `resolve` needs."""
    table = settings.permissions_table
    calls: list[Call] = [
        organisation_read(table, org_id),
        role_store.role(table, org_id, role_id),
        role_store.permission_sets(table, org_id),
    ]
    if team_id is not None:
        calls.append(team_read(settings.teams_table, org_id, team_id))
        calls.append(team_store.every_team_role(settings.teams_table, org_id))
    return calls


class Offers:
    """The reads of what several invitations of an organisation offer, each once.

    wanted: role, team and team role of each; None for no team, and for the organisation's team role MEMBER
    """

    def __init__(self, settings: Settings, org_id: str, wanted: Iterable[Wanted]) -> None:
        wanted = list(wanted)
        table = settings.permissions_table
        self._roles = list(dict.fromkeys(role_id for role_id, _, _ in wanted))
        self._teams = list(dict.fromkeys(team_id for _, team_id, _ in wanted if team_id is not None))
        self._sets = role_store.permission_sets(table, org_id)
        self._team_roles = team_store.every_team_role(settings.teams_table, org_id)
        self.calls: list[Call] = [
            organisation_read(table, org_id),
            *(role_store.role(table, org_id, one) for one in self._roles),
            *(team_read(settings.teams_table, org_id, one) for one in self._teams),
            self._sets,
            *([self._team_roles] if self._teams else []),
        ]

    def take(self, database: Database, results: list) -> None:
        """Take the results of `calls`."""
        self._database, self._organisation, rest = database, results[0], results[1:]
        self._role = dict(zip(self._roles, rest, strict=False))
        self._team = dict(zip(self._teams, rest[len(self._roles) :], strict=False))
        pages = rest[len(self._roles) + len(self._teams) :]
        whole = [
            Page(database.rest_of(query, page), None, page.count)
            for query, page in zip((self._sets, self._team_roles), pages, strict=False)
        ]
        self._found_sets, self._found_team_roles = [*whole, None][:2]
        self._known: dict[Wanted, Offer | ServiceError] = {}

    def offer(self, access: Access, wanted: Wanted) -> Offer:
        """What one of them offers, as the user may offer it. Raises what `resolve` and `check_may_offer` raise."""
        if wanted not in self._known:
            try:
                self._known[wanted] = check_may_offer(access, self._resolved(wanted))
            except ServiceError as error:
                self._known[wanted] = error
        found = self._known[wanted]
        if isinstance(found, ServiceError):
            raise found
        return found

    def _resolved(self, wanted: Wanted) -> Offer:
        role_id, team_id, team_role_id = wanted
        calls, results = [self.calls[0], self.calls[1], self._sets], [self._organisation, self._role[role_id]]
        results.append(self._found_sets)
        if team_id is not None:
            calls += [self.calls[0], self._team_roles]
            results += [self._team[team_id], self._found_team_roles]
        return resolve(self._database, calls, results, role_id, team_id, team_role_id)


def reads_of_any(settings: Settings, org_id: str) -> list[Call]:
    """The reads that `sent_before` needs: with whatever an invitation of the organisation offers among them."""
    table = settings.permissions_table
    return [
        organisation_read(table, org_id),
        role_store.every_role(table, org_id),
        role_store.permission_sets(table, org_id),
        team_store.every_team_role(settings.teams_table, org_id),
    ]


def sent_before(database: Database, calls: list[Call], results: list, stored: dict) -> list:
    """The results that `reads` would have for an invitation, from those of `reads_of_any`.

    Of the team they say what the invitation says: that it is active and has this name is for `stay` to find.
    """
    organisation, roles, sets, team_roles = results
    role = next((role for role in database.rest_of(calls[1], roles) if role["roleId"] == stored["roleId"]), None)
    found = [organisation, role, sets]
    if "teamId" in stored:
        place = key("Team", orgId=stored["organisationId"], teamId=stored["teamId"])
        found += [{**place, "teamId": stored["teamId"], "name": stored["teamName"], "active": True}, team_roles]
    return found


def resolve(
    database: Database, calls: list[Call], results: list, role_id: str, team_id: str | None, team_role_id: str | None
) -> Offer:
    """What is offered, from the results of `reads`; a team role of None is the organisation's MEMBER.

    Raises ORGANISATION_CLOSED.
    Raises ORGANISATION_NOT_FOUND, ROLE_NOT_FOUND, TEAM_NOT_FOUND or TEAM_ROLE_NOT_FOUND for what is not there or not
    active, SYSTEM_RESOURCE for a platform role, VALIDATION_ERROR for a role that needs a team.
    """
    organisation, role, sets = results[:3]
    if organisation is None:
        raise NotFound("There is no such organisation.", code="ORGANISATION_NOT_FOUND")
    check_open(organisation)
    role_rules.check_assignable_here(role_id)
    if role is None or not role["active"]:
        raise role_rules.no_active_role(role_id)
    if team_id is None:
        role_rules.check_team(role, None)
    sets = role_store.sets_of(database, calls[2].table, role["organisationId"], sets, role)
    granted = role_rules.carried(role, sets)
    if team_id is None:
        return Offer(organisation, role, granted, None, None)
    team = results[3]
    if team is None or not team["active"]:
        raise NotFound(f"There is no active team {team_id} in this organisation.", code="TEAM_NOT_FOUND")
    return Offer(organisation, role, granted, team, _team_role(database.rest_of(calls[4], results[4]), team_role_id))


def _team_role(found: list[dict], team_role_id: str | None) -> dict:
    for role in found:
        wanted = role["name"] == rules.DEFAULT_TEAM_ROLE if team_role_id is None else role["teamRoleId"] == team_role_id
        if wanted and role["active"]:
            return role
    what = f"named {rules.DEFAULT_TEAM_ROLE}: say which with teamRoleId" if team_role_id is None else team_role_id
    raise NotFound(f"There is no active team role {what}.", code="TEAM_ROLE_NOT_FOUND")


def check_may_offer(access: Access, offer: Offer, *, to: str = NOBODY_YET) -> Offer:
    """Refuse to let a user offer what they could not give; returns the offer, and until when they give it.

    to: the user who would get it, where that is known
    Raises PERMISSION_CEILING, or FORBIDDEN for a team whose members the user does not manage.
    """
    org_id = offer.role["organisationId"]
    offer = offer._replace(until=text_of_end(granted_until(access, org_id, offer.granted)))
    if offer.team is None:
        return offer
    team_id = offer.team["teamId"]
    leads = any(
        (membership.org_id, membership.team_id) == (org_id, team_id) and MANAGE_MEMBERS in membership.capabilities
        for membership in access.memberships
    )
    if not leads and access.holds(ADD_MEMBER, org_id, team_id) is None:
        raise Forbidden("You may not add members to this team.")
    check_membership_ceiling(access, org_id, team_id, offer.team_role["capabilities"], to=to)
    return offer


def still_offered(access: Access, offer: Offer, *, to: str) -> Offer | None:
    """The offer as the user who sent it could make it now; None where they could not."""
    if all(access.holds(permission, offer.role["organisationId"]) is None for permission in SEND):
        return None
    try:
        return check_may_offer(access, offer, to=to)
    except Forbidden:
        return None


def stay(settings: Settings, offer: Offer) -> list[Step]:
    """Steps that fail where what is offered is not as it was read."""
    return [role_store.USES.stays(settings.permissions_table, offer.role), *team_stays(settings, offer)]


def team_stays(settings: Settings, offer: Offer) -> list[Step]:
    """Steps that fail where the team is inactive or has another name, or the team role is not as it was read.

    None without a team.
    """
    if offer.team is None:
        return []
    return [
        stays_active(settings.teams_table, offer.team, name=offer.team["name"]),
        team_store.USES.stays(settings.teams_table, offer.team_role),
    ]
