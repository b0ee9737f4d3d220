"""Whether the person of an address has already all that an invitation offers: then nobody needs a mail."""

from __future__ import annotations

from bbws_access.access import identity
from bbws_access.access.grants import TEAM, Access
from bbws_access.access.reader import read_access_in
from bbws_access.invitation import accounts, rules
from bbws_access.invitation.offers import Offer
from bbws_access.kernel.aws import AwsError
from bbws_access.kernel.errors import Unavailable
from bbws_access.service.requests import Request
from bbws_access.team import store as team_store


def check_not_held(request: Request, email: str, offer: Offer) -> dict[str, object]:
    """Raises ALREADY_HELD where accepting would give nothing. Else what the invitation records of the invited person.

    That is `invited`, with userId and departures: how often they have left by now. Nothing without a usable account.
    That is said only of what the person has in this organisation, and only where its records say that this is the
    person's proven address: whoever gives a role to any user id must not find out by invitations whose id that is.
    Whether an address has an account that is somewhere else, or nowhere, or cannot be used, makes no difference. Where
    accounts cannot be reached, nothing is said: the invitation is sent, and accepting it leaves what the person has as
    it is.
    """
    user_id = _user_of(request, email)
    if user_id is None:
        return {}
    org_id, settings = request.path["orgId"], request.settings
    given = [
        team_store.assignments(settings.permissions_table, org_id, user_id),
        team_store.memberships(settings.teams_table, user_id, org_id),
    ]
    access, pages = read_access_in(request.database, settings, user_id, org_id, now=request.now, alongside=given)
    known = identity.known(record for page in pages for record in page.items)
    if known.get("userEmail", "").lower() == email and _holds(access.within(org_id), offer):
        raise rules.already_held(offer.names())
    return {"invited": {"userId": user_id, "departures": access.departures.count(org_id)}}


def _user_of(request: Request, email: str) -> str | None:
    """The user whose account has the address, verified and usable; None for nobody."""
    try:
        found = accounts.find(request.aws, request.settings.user_pool_id, email)
    except (AwsError, Unavailable) as error:
        request.log.warning("Whether the invited person has it already is not known", reason=str(error))
        return None
    return accounts.user_id(found) if found is not None and accounts.is_usable(found, email) else None


def _holds(access: Access, offer: Offer) -> bool:
    team_id = None if offer.team is None else offer.team["teamId"]
    place = team_id if offer.role["scope"] == TEAM else None
    role = any((grant.role_id, grant.team_id) == (offer.role["roleId"], place) for grant in access.grants)
    return role and (team_id is None or any(member.team_id == team_id for member in access.memberships))
