"""Who is in an organisation, what each holds there, and whether they may be let go.

An organisation learns what it gave, and nothing else (docs/decisions/0021-what-an-organisation-learns.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from bbws_access.access.grants import Access
from bbws_access.access.permissions import is_known
from bbws_access.kernel.dynamodb import Page, Query
from bbws_access.kernel.errors import Conflict, Forbidden, NotFound
from bbws_access.kernel.paging import encode_cursor, page_size
from bbws_access.role import review
from bbws_access.service.links import cursor_scope
from bbws_access.service.requests import Request

_MOST_WAITS = 8  # for a page of users who hold very much each
_TAKES_ALL = "role:assign"  # whoever may do this takes every role away, one by one


def user(org_id: str, user_id: str, held: Sequence[dict], names: Names) -> dict:
    """A user as answers show them, without links. held: their assignments and memberships in force, not none"""
    shown = [(one, names.item(one)) for one in review.named(held)]
    # What is proven, `named` says in all of them; else a membership says whom it was typed for.
    who = next((one for _, one in shown if "userEmail" in one), {})
    return {
        "organisationId": org_id,
        "userId": user_id,
        **{name: who[name] for name in ("userEmail", "emailSource") if name in who},
        "since": min(one["since"] for _, one in shown),
        "roles": [
            {name: one[name] for name in ("roleId", "roleName", "scope", "teamId", "since", "until") if name in one}
            for stored, one in shown
            if "teamRoleId" not in stored
        ],
        "memberships": [
            {
                "teamId": stored["teamId"],
                "teamRoleId": stored["teamRoleId"],
                "teamRoleName": one["roleName"],
                "isPrimary": stored["isPrimary"],
                "since": one["since"],
            }
            for stored, one in shown
            if "teamRoleId" in stored
        ],
    }


class Names(review.Definitions):
    """What the roles and team roles of an organisation are called now."""

    def __init__(self, roles: Iterable[Mapping], team_roles: Iterable[Mapping]) -> None:
        self._roles = {role["roleId"]: (role["name"], []) for role in roles}
        self._team_roles = {role["teamRoleId"]: (role["name"], []) for role in team_roles}


def page(
    request: Request, queries: Callable[[str | None], Sequence[Query]], firsts: Sequence[Page]
) -> tuple[dict[str, list[dict]], str | None]:
    """What each user of a page holds, by user, and the cursor to the next page.

    queries: those that read from a sort key on, each in the order of users      firsts: the results of the first ones
    """
    size, after = page_size(request.query), review.after(request)
    found: dict[str, list[dict]] = {}
    for _ in range(_MOST_WAITS):
        records, end = review.portion(request.database, after, queries(after), firsts)
        for record in records:
            found.setdefault(record["userId"], []).append(record)
        if end is None or len(found) > size:
            break
        after = end
        firsts = request.database.parallel(queries(after))
    users = list(found)
    following = review.user_key(users[size]) if len(users) > size else end
    cursor = None if following is None else encode_cursor(cursor_scope(request), {"after": following})
    return {user_id: found[user_id] for user_id in users[:size]}, cursor


def check_may_leave(caller: Access, access: Access, org_id: str) -> None:
    """Refuse to let somebody put out of an organisation whoever may do more than they.

    access: what that person holds in the organisation
    Whoever may assign roles takes them all away anyway, one by one. Else the caller has to hold each permission where
    that person does. So whoever stays behind can do what the one who leaves could, and no organisation is locked out.
    Raises Forbidden PERMISSION_CEILING, listing what is lacking.
    """
    if caller.held_until(_TAKES_ALL, org_id) is not None:
        return
    lacking = sorted(
        {
            name
            for grant in access.grants
            for name in grant.permissions
            if is_known(name) and caller.held_until(name, org_id, grant.team_id) is None
        }
    )
    if lacking:
        raise Forbidden(
            f"You cannot let somebody leave who may do what you may not: {', '.join(lacking)}. Ask somebody who may "
            "assign roles.",
            code="PERMISSION_CEILING",
            details={"missing": lacking},
        )


def not_here(user_id: str) -> NotFound:
    """The answer about whoever holds nothing in the organisation, for whatever reason."""
    return NotFound(f"The user {user_id} holds nothing in this organisation.", code="USER_NOT_FOUND")


def leaves_alone() -> Conflict:
    """The answer to whoever would end their own access."""
    return Conflict(
        "You cannot let yourself leave the organisation. Ask somebody else who may do it.", code="SELF_DEACTIVATION"
    )
