"""Closing an organisation: from one write on nothing begins in it, and then all that there is ends.

Nothing is deleted (docs/decisions/0050-a-closed-organisation.md).
"""

import itertools
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from bbws_access.cli import events
from bbws_access.cli.errors import ToolError, service_errors
from bbws_access.cli.organisations import read
from bbws_access.cli.people import USER_DEACTIVATED, actor, database
from bbws_access.cli.records import records_in
from bbws_access.cli.targets import Target

Say = Callable[[str], None]

_WORKERS = 8
_MOST_PASSES = 20
DEFINITIONS = ("roles", "teamRoles", "permissionSets", "teams")


def close(target: Target, outputs: Mapping[str, Any], org_id: str, say: Say) -> dict[str, Any]:
    """Close an organisation and end everything in it. Doing it again goes on where it was cut off.

    say: is told how far it is
    Returns organisationId, name, closedAt, closedBy, closed (whether it was open before), ended (how many people,
    roles, teamRoles, permissionSets, teams, invitations ended now). Raises UsageError where there is none, ToolError
    where something begins in it again and again, or a service does not do its part in time.
    """
    with service_errors():
        read(target, outputs, org_id)
        record, closed = _mark(target, outputs, org_id)
        closing = _Closing(target, outputs, record, say)
        for _ in range(_MOST_PASSES):
            # What was under way when the organisation was closed can have given something to somebody since the table
            # was read there. A pass that finds nothing is the proof that nobody is left who could give anything.
            if not closing.end():
                break
        else:
            raise ToolError("There is always more in the organisation that is to end.", "Run the command again.")
    return {**state(record), "closed": closed, "ended": closing.ended}


def state(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in ("organisationId", "name", "closedAt", "closedBy")}


def _mark(target: Target, outputs: Mapping[str, Any], org_id: str) -> tuple[dict[str, Any], bool]:
    """The record of the organisation, which says that it is closed; and whether it says so only now."""
    from bbws_access.kernel.records import Change, Stale, commit, organisation_read, put_over, timestamp, until_fresh

    tables, table = database(target), outputs["table_names"]["permissions"]
    change, asked = Change.outside_a_request(actor()), [organisation_read(table, org_id)]

    def attempt(reads: list[dict[str, Any]]) -> tuple[dict[str, Any], bool]:
        [stored] = reads
        if not stored["active"]:
            return stored, False
        said = {"closedAt": timestamp(change.now), "closedBy": change.actor, "closingId": str(uuid.uuid4())}
        record = {**stored, **said, "active": False, **change.next(stored)}
        commit(tables, [(put_over(table, record, stored), Stale())])
        return record, True

    return until_fresh(tables.parallel(asked), lambda: tables.parallel(asked), attempt)


class _Person(NamedTuple):
    """Somebody of whom there is a record in the organisation, and the departure that is to end what they have.

    departure: None where they left already      unended: whether a record has yet to be tidied up
    """

    user_id: str
    told: str | None
    departure: str | None
    unended: bool


class _Closing:
    """What ends with an organisation. ended: how much of each did, so far"""

    def __init__(self, target: Target, outputs: Mapping[str, Any], record: Mapping[str, Any], say: Say) -> None:
        from bbws_access.kernel.records import Change

        self._target, self._outputs, self._say = target, outputs, say
        self._tables, self._names = database(target), outputs["table_names"]
        self._org_id, self._closing_id = record["organisationId"], record["closingId"]
        self._change = Change.outside_a_request(actor())
        self.ended = dict.fromkeys(("people", *DEFINITIONS, "invitations"), 0)

    def end(self) -> bool:
        """End all that is found; whether anything was."""
        found = [self._end_definitions(), self._end_invitations(), self._end_people()]
        return any(found)

    def _end_definitions(self) -> bool:
        """Roles first: without them nobody's decision finds anything that it could let through."""
        from bbws_access.kernel.dynamodb import Query
        from bbws_access.kernel.keys import partition
        from bbws_access.permission.store import SETS
        from bbws_access.role.store import ROLES
        from bbws_access.team import store as teams

        kinds = {
            "roles": (ROLES, self._names["permissions"], "ROLE#"),
            "teamRoles": (teams.TEAM_ROLES, self._names["teams"], "TEAM_ROLE#"),
            "permissionSets": (SETS, self._names["permissions"], "SET#"),
            "teams": (teams.TEAMS, self._names["teams"], "TEAM#"),
        }
        queries = [
            Query(table, partition(named.entity, orgId=self._org_id), prefix) for named, table, prefix in kinds.values()
        ]
        pages = self._tables.parallel(queries)
        found = False
        for (name, (named, table, _)), query, page in zip(kinds.items(), queries, pages, strict=True):
            active = [one for one in self._tables.rest_of(query, page) if one["active"]]
            ends = [
                [step for step, _ in named.replace(table, one, {**one, "active": False, **self._change.next(one)})]
                for one in active
            ]
            self.ended[name] += self._transact_each(ends)
            found |= bool(active)
        return self._seed_no_more() or found

    def _transact_each(self, transactions: list[list[Any]]) -> int:
        """Carry out transactions; how many happened. One that met another change is left to the next pass."""
        from bbws_access.kernel.dynamodb import TransactionCancelled

        outcomes = self._tables.transact_each(transactions)
        for outcome in outcomes:
            if outcome is not None and not isinstance(outcome, TransactionCancelled):
                raise outcome
        return outcomes.count(None)

    def _seed_no_more(self) -> bool:
        """Record that the organisation had its team roles: the event that it was made may come late."""
        from bbws_access.team import store as teams

        about = teams.about_team_roles(self._names["teams"], self._org_id)
        if teams.got_team_roles(self._tables.rest_of(about, self._tables.parallel([about])[0])):
            return False
        steps = teams.seed_steps(self._names["teams"], self._org_id, self._change)
        self._transact_each([[step for step, _ in steps]])
        return True

    def _end_invitations(self) -> bool:
        from bbws_access.invitation import rules, store
        from bbws_access.kernel.records import Stale, timestamp

        table, now = self._names["invitations"], self._change.now
        pending = [
            one for one in records_in(self._target, table, self._org_id, "Invitation") if one["status"] == rules.PENDING
        ]

        def revoke(tables: Any, stored: dict[str, Any]) -> None:
            if rules.status_at(stored, now) == rules.PENDING:
                record = rules.ended(stored, rules.REVOKED, self._change, revokedAt=timestamp(now))
            else:
                record = rules.ended(stored, rules.EXPIRED, self._change)
            try:
                store.end(tables, table, stored, record)
            except Stale:
                return  # accepted, declined or sent again at this moment: the next pass sees it
            self.ended["invitations"] += 1

        self._each(pending, revoke, "invitations")
        return bool(pending)

    def _end_people(self) -> bool:
        """Everybody leaves of whom there is a record here, an ended one too.

        Whoever just lost what they had may have something under way that rests on it, and leaving ends that.
        """
        from bbws_access.kernel.records import Change
        from bbws_access.role.engineers import leave

        found = self._people()
        leaving = [one for one in found if one.departure is not None]

        def put_out(tables: Any, one: _Person) -> None:
            change = Change.outside_a_request(actor())
            leave(tables, self._names["permissions"], one.user_id, self._org_id, one.departure, change)

        self._each(leaving, put_out, "people")
        unended = [one for one in found if one.unended]
        self.ended["people"] += sum(one.departure is not None for one in unended)
        if unended:
            details = [
                {"userId": one.user_id, "departureId": one.departure or one.told, "organisationId": self._org_id}
                for one in unended
            ]
            events.tell_each(self._target, self._outputs, USER_DEACTIVATED, details)
            events.wait(
                self._outputs,
                USER_DEACTIVATED,
                {
                    "role": lambda: not any(self._active("permissions", "UserRoleAssignment")),
                    "team": lambda: not any(self._active("teams", "TeamMember")),
                },
            )
        return bool(leaving or unended)

    def _people(self) -> list[_Person]:
        from bbws_access.access.departures import Departures, departures_read

        table = self._names["permissions"]
        held: dict[str, list[dict[str, Any]]] = {}
        for name, kind in (("permissions", "UserRoleAssignment"), ("teams", "TeamMember")):
            for record in records_in(self._target, self._names[name], self._org_id, kind):
                held.setdefault(record["userId"], []).append(record)
        left = self._tables.parallel([departures_read(table, user_id) for user_id in held])
        found = []
        for (user_id, records), record in zip(held.items(), left, strict=True):
            departures = Departures(user_id, record)
            active = [one for one in records if one["active"]]
            told, departure = departures.told(self._org_id), None
            if told is None or self._closing_id not in told:
                departure = self._closing_id
            elif any(map(departures.lets, active)):
                departure = f"{self._closing_id}-{uuid.uuid4()}"
            found.append(_Person(user_id, told, departure, bool(active)))
        return found

    def _active(self, table: str, kind: str) -> Iterable[bool]:
        return (one["active"] for one in records_in(self._target, self._names[table], self._org_id, kind))

    def _each(self, items: list[Any], function: Callable[[Any, Any], None], what: str) -> None:
        """Call a function with each of many items, some at the same time, each time with tables of the thread."""
        own, done = threading.local(), itertools.count(1)

        def call(item: Any) -> None:
            if not hasattr(own, "tables"):
                own.tables = database(self._target)
            function(own.tables, item)
            self._say(f"{next(done):,} of {len(items):,} {what}")

        with ThreadPoolExecutor(_WORKERS) as workers:
            try:
                for _ in workers.map(call, items):
                    pass
            except BaseException:
                workers.shutdown(cancel_futures=True)
                raise
