"""Whether the person of an address has already all that an invitation offers: then nobody needs a mail."""

from __future__ import annotations

from collections.abc import Sequence

from bbws_access.access import identity
from bbws_access.access.departures import Departures, departures_read
from bbws_access.access.grants import TEAM, Access
from bbws_access.access.reader import read_access_in
from bbws_access.invitation import accounts, rules
from bbws_access.invitation.offers import Offer
from bbws_access.kernel.aws import AwsError
from bbws_access.kernel.errors import Conflict, Unavailable
from bbws_access.service.requests import Request
from bbws_access.team import store as team_store


def check_not_held(request: Request, email: str, offer: Offer) -> dict[str, object]:
    """Raises ALREADY_HELD where accepting would give nothing. Else what the invitation records of the invited person.

    That is `invited`, with userId, None where there is no account yet, and departures: how often they have left by now.
    ALREADY_HELD is said only of what the person has in this organisation, and only where its records say that this is
    the person's proven address: whoever gives a role to any user id must not find out by invitations whose id that is.
    Whether an address has an account that is somewhere else, or nowhere, or cannot be used, makes no difference. Where
    accounts cannot be reached, nothing is said or recorded: the invitation is sent, and accepting it leaves what the
    person has as it is.
    """
    try:
        account = accounts.find(request.aws, request.settings.user_pool_id, email)
    except (AwsError, Unavailable) as error:
        _not_known(request, error)
        return {}
    if account is None:
        return _invited(None, 0)
    user_id = accounts.user_id(account)
    org_id, settings = request.path["orgId"], request.settings
    given = [
        team_store.assignments(settings.permissions_table, org_id, user_id),
        team_store.memberships(settings.teams_table, user_id, org_id),
    ]
    access, pages = read_access_in(request.database, settings, user_id, org_id, now=request.now, alongside=given)
    known = identity.known(record for page in pages for record in page.items)
    is_theirs = accounts.is_usable(account, email) and known.get("userEmail", "").lower() == email
    if is_theirs and _holds(access.within(org_id), offer):
        raise rules.already_held(offer.names())
    return _invited(user_id, access.departures.count(org_id))


def check_each_not_held(request: Request, wanted: Sequence[tuple[str, Offer]]) -> list[Conflict | dict[str, object]]:
    """What `check_not_held` says of each address and offer, in their order: an error in place of being raised.

    The accounts are looked for together, and what those who have one were given here is read together.
    """
    found = accounts.find_each(request.aws, request.settings.user_pool_id, (email for email, _ in wanted))
    failed = [one for one in found if isinstance(one, AwsError)]
    if failed:
        _not_known(request, failed[0])
    users = {n: accounts.user_id(one) for n, one in enumerate(found) if isinstance(one, dict)}
    org_id, settings = request.path["orgId"], request.settings
    calls = [
        call
        for user_id in users.values()
        for call in (
            team_store.assignments(settings.permissions_table, org_id, user_id),
            team_store.memberships(settings.teams_table, user_id, org_id),
            departures_read(settings.permissions_table, user_id),
        )
    ]
    results = request.database.parallel(calls)
    said: list[Conflict | dict[str, object]] = [_invited(None, 0) if one is None else {} for one in found]
    for place, (n, user_id) in enumerate(users.items()):
        email, offer = wanted[n]
        assigned, joined = (
            request.database.rest_of(call, page)
            for call, page in zip(calls[3 * place : 3 * place + 2], results[3 * place : 3 * place + 2], strict=True)
        )
        left = Departures(user_id, results[3 * place + 2])
        known = identity.known([*assigned, *joined])
        given = [one for one in (*assigned, *joined) if left.in_force(one, request.now)]
        is_theirs = accounts.is_usable(found[n], email) and known.get("userEmail", "").lower() == email
        if is_theirs and _has(given, offer):
            said[n] = rules.already_held(offer.names())
        else:
            said[n] = _invited(user_id, left.count(org_id))
    return said


def _invited(user_id: str | None, departures: int) -> dict[str, object]:
    return {"invited": {"userId": user_id, "departures": departures}}


def _has(given: list[dict], offer: Offer) -> bool:
    """Whether somebody has all that is offered, of whom `given` is in force."""
    team_id = None if offer.team is None else offer.team["teamId"]
    place = team_id if offer.role["scope"] == TEAM else None
    wanted = offer.role["roleId"], place
    role = any((one["roleId"], one.get("teamId")) == wanted for one in given if "roleId" in one)
    return role and (team_id is None or any(one["teamId"] == team_id for one in given if "teamRoleId" in one))


def _not_known(request: Request, error: Exception) -> None:
    request.log.warning("Whether the invited person has it already is not known", reason=str(error))


def _holds(access: Access, offer: Offer) -> bool:
    team_id = None if offer.team is None else offer.team["teamId"]
    place = team_id if offer.role["scope"] == TEAM else None
    role = any((grant.role_id, grant.team_id) == (offer.role["roleId"], place) for grant in access.grants)
    return role and (team_id is None or any(member.team_id == team_id for member in access.memberships))
