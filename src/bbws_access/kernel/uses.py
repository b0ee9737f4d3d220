"""How many hold a role or a team role: counted in parts, so that no item takes everybody who is given one.

Each part also says of which version of the definition it is. Whoever is given it writes one part, on condition that it
is of no later version than the one that was read; whoever changes the definition writes all parts in the transaction
of the change (docs/decisions/0039-no-item-that-everybody-writes.md).
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bbws_access.kernel.dynamodb import Check, Page, Query, Update
from bbws_access.kernel.keys import key
from bbws_access.kernel.records import Change, Stale, Step, count

PARTS = "0123456789abcdefghijklmnopqrstuv"
PART = "countedIn"  # the attribute of who holds something that says in which part it is counted
_VERSION = "definitionVersion"


def part_of(user_id: str) -> str:
    """The part in which what a user is given is counted from now on."""
    return PARTS[hashlib.sha256(user_id.encode()).digest()[0] % len(PARTS)]


class Uses(NamedTuple):
    """The counts of one kind of definition.

    whole: the entity of the one count of what was given before there were parts
    """

    part: str
    whole: str
    id_name: str

    def read(self, table: str, org_id: str, one: str) -> Query:
        """The read of all counts of a definition."""
        place = key(self.whole, **{"orgId": org_id, self.id_name: one})
        return Query(table, place["PK"], sort_range=(place["SK"], f"{place['SK']}#~"))

    @staticmethod
    def total(page: Page) -> int:
        """How many hold a definition, from the result of `read`."""
        return sum(one["count"] for one in page.items)

    def counted(
        self, table: str, moves: Iterable[tuple[dict, int]], versions: Mapping[str, int], change: Change
    ) -> list[Step]:
        """The steps that count assignments or memberships which begin (1) or end (-1).

        versions: of the definitions that somebody is given, as they were read, by id. Where one has a later version by
        now, the steps fail as stale.
        """
        numbers: dict[tuple[str, str, str | None], int] = {}
        given = set()
        for record, difference in moves:
            place = record["organisationId"], record[self.id_name], record.get(PART)
            numbers[place] = numbers.get(place, 0) + difference
            if difference > 0:
                given.add(place)
        return [
            (self._count(table, place, difference, versions[place[1]] if place in given else None, change), Stale())
            for place, difference in numbers.items()
            if difference or place in given
        ]

    def stays(self, table: str, definition: dict) -> Step:
        """A step that fails as stale where a definition has a later version than the one that was read."""
        part = random.choice(PARTS)  # noqa: S311 - spreads who asks, guards no secret
        names, values = {"#version": _VERSION}, {":version": definition["version"]}
        condition = "attribute_not_exists(PK) OR #version <= :version"
        return Check(table, self._place(definition, part), condition, names, values), Stale()

    def renewed(self, table: str, record: dict, change: Change, *, unused: bool) -> list[Step]:
        """The steps that tell every part a definition's next version.

        unused: fail as stale where anybody holds it
        """
        steps: list[Step] = []
        for part in PARTS:
            place = record["organisationId"], record[self.id_name], part
            step = self._count(table, place, 0, None, change, unused=unused, becomes=record["version"])
            steps.append((step, Stale()))
        if unused:
            ids = {"orgId": record["organisationId"], self.id_name: record[self.id_name]}
            names, values = {"#count": "count"}, {":none": 0}
            condition = "attribute_not_exists(PK) OR #count <= :none"
            steps.append((Check(table, key(self.whole, **ids), condition, names, values), Stale()))
        return steps

    def _place(self, definition: dict, part: str) -> dict[str, str]:
        ids = {"orgId": definition["organisationId"], self.id_name: definition[self.id_name]}
        return key(self.part, part=part, **ids)

    def _count(
        self,
        table: str,
        place: tuple[str, str, str | None],
        difference: int,
        version: int | None,
        change: Change,
        *,
        unused: bool = False,
        becomes: int | None = None,
    ) -> Update:
        org_id, one, part = place
        ids = {"organisationId": org_id, self.id_name: one}
        if part is None:
            return count(table, self.whole, ids, {"count": difference}, change)
        action = count(table, self.part, {**ids, "part": part}, {"count": difference}, change)
        conditions, names, values = [], {}, {}
        if unused:
            conditions.append("#count <= :none")
            values[":none"] = 0
        if version is not None:
            conditions.append("#of <= :of")
        stored = version if becomes is None else becomes
        expression = action.expression
        if stored is not None:
            names["#of"], values[":of"] = _VERSION, stored
            expression = expression.replace("SET ", "SET #of = :of, ", 1)
        return action._replace(
            expression=expression,
            condition=f"attribute_not_exists(PK) OR {' AND '.join(conditions)}" if conditions else None,
            names={**action.names, **names},
            values={**action.values, **values},
        )
