"""What would come of a change to a role: who gains and loses which permissions."""

from __future__ import annotations

from collections.abc import Iterable

from bbws_access.access.grants import Access
from bbws_access.access.permissions import expand_all


def difference(then: Iterable[str], now: Iterable[str]) -> frozenset[str]:
    """The permissions that a change gives or takes. Of what else somebody holds, only these matter.

    then, now: what the role grants, wildcards as written
    """
    return expand_all(then) ^ expand_all(now)


def effect(assignment: dict, access: Access, then: Iterable[str], now: Iterable[str]) -> dict:
    """What the user of an assignment gains and loses, in its team or in the organisation, as answers show it.

    access: what gives the user any of the difference there      then, now: as for `difference`
    What other assignments give there is neither gained nor lost.
    """
    org_id, team_id = assignment["organisationId"], assignment.get("teamId")
    others = [
        grant.permissions
        for grant in access.grants
        if grant.reaches(org_id, team_id) and (grant.role_id, grant.team_id) != (assignment["roleId"], team_id)
    ]
    kept = expand_all(frozenset().union(*others))
    before, after = kept | expand_all(now), kept | expand_all(then)
    shown = {"userId": assignment["userId"], "gained": sorted(after - before), "lost": sorted(before - after)}
    return shown if team_id is None else {**shown, "teamId": team_id}
