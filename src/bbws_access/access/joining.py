"""In how many organisations a person may be: every decision about them reads what they have in all of these.

Nothing is read for it where something of the person's is already recorded in the organisation, so only what begins
there is asked. Ended records count until they are gone, since decisions read them as well; an expired one stays until
somebody takes it away.
"""

from __future__ import annotations

from bbws_access.kernel.dynamodb import Call, Database, Query
from bbws_access.kernel.errors import Conflict
from bbws_access.kernel.keys import partition
from bbws_access.kernel.settings import Settings

# Whoever may assign roles may name anybody. So others bring a person into fewer organisations than the person may
# accept: no number of strangers keeps anybody out of an organisation that invites them.
MOST_GIVEN = 100
MOST_ACCEPTED = 150


def check_another(database: Database, settings: Settings, user_id: str, org_id: str, most: int) -> None:
    """Raises LIMIT_REACHED where a person who has nothing in an organisation is in `most` others, or more.

    What begins in several organisations at the same moment may pass the limit by as many. Raises DatabaseError.
    """
    calls: list[Call] = [
        _organisations(settings.permissions_table, "UserRoleAssignment", user_id),
        _organisations(settings.teams_table, "TeamMember", user_id),
    ]
    found: set[str] = set()
    while calls:
        pages = database.parallel(calls)
        found.update(record["organisationId"] for page in pages for record in page.items)
        if org_id in found:
            return
        calls = [
            call._replace(start_key=page.last_key)
            for call, page in zip(calls, pages, strict=True)
            if page.last_key is not None
        ]
    if len(found) >= most:
        raise Conflict(
            f"The limit of {most} organisations of this user is reached (what ended counts for 90 days; what expired "
            "first has to be taken away).",
            code="LIMIT_REACHED",
            details={"limit": most},
        )


def _organisations(table: str, entity: str, user_id: str) -> Query:
    return Query(table, partition(entity, userId=user_id), "ORG#", projection="organisationId")
