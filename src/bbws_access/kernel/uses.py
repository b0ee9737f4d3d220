"""How many hold a role or a team role: counted in parts, so that no item takes everybody who is given one.

A part comes to be with the first who is counted in it. The head of the counts names the parts that there are and knows
the version of the definition, as each part does. Whoever is given a definition writes one part, and the head where it
does not name that part, on condition that neither knows a later version than the one that was read. Whoever changes the
definition writes all parts, and the head on condition that it is as it was read. So changing or ending what nobody ever
held takes one item (docs/decisions/0039-no-item-that-everybody-writes.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from bbws_access.kernel.dynamodb import Check, Delete, Get, Page, Query, Update
from bbws_access.kernel.keys import key
from bbws_access.kernel.records import Change, Stale, Step, count
from bbws_access.kernel.records import stays as stays_as_read

PARTS = "0123456789abcdefghijklmnopqrstuv"
PART = "countedIn"  # the attribute of who holds something that says in which part it is counted
_VERSION = "definitionVersion"
_NAMED = "parts"  # the attribute of the head
_NONE_LATER = "attribute_not_exists(#of) OR #of <= :of"


def part_of(user_id: str) -> str:
    """The part in which what a user is given is counted from now on."""
    return PARTS[hashlib.sha256(user_id.encode()).digest()[0] % len(PARTS)]


class Uses(NamedTuple):
    """The counts of one kind of definition.

    whole: the entity of the head, which also has the count of what was given before there were parts
    """

    part: str
    whole: str
    id_name: str

    def read(self, table: str, org_id: str, one: str) -> Query:
        """The read of all counts of a definition."""
        place = self._head_place(org_id, one)
        return Query(table, place["PK"], sort_range=(place["SK"], f"{place['SK']}#~"))

    def head(self, table: str, org_id: str, one: str) -> Get:
        """The read of the head, which spares whoever gives a definition the write of it."""
        return Get(table, self._head_place(org_id, one))

    @staticmethod
    def total(page: Page) -> int:
        """How many hold a definition, from the result of `read`."""
        return sum(one["count"] for one in page.items)

    def counted(
        self,
        table: str,
        moves: Iterable[tuple[dict, int]],
        change: Change,
        given: dict | None = None,
        head: dict | None = None,
    ) -> list[Step]:
        """The steps that count assignments or memberships which begin (1) or end (-1).

        given: the definition of those that begin, as it was read; where it has a later version by now, the steps fail
        as stale. None where none begins
        head: the result of `head`, None where there is none or nobody read it: then it is written as well
        """
        numbers: dict[tuple[str, str, str | None], int] = {}
        begun, ended = set(), set()
        for record, difference in moves:
            place = record["organisationId"], record[self.id_name], record.get(PART)
            numbers[place] = numbers.get(place, 0) + difference
            (begun if difference > 0 else ended).add(place)
        # A part in which somebody is counted is there.
        known = {place for place in begun if place in ended or place[2] in (head or {}).get(_NAMED, ())}
        steps: list[Step] = []
        if new := begun - known:
            [(org_id, one)] = {place[:2] for place in new}
            # A transaction takes an item once, so this also counts off what was given before there were parts.
            before = numbers.pop((org_id, one, None), 0)
            steps.append((self._named(table, given, before, {part for _, _, part in new}, change), Stale()))
        for place, difference in numbers.items():
            if place in begun:
                step = self._given(table, place, difference, given, change, is_there=place in known)
                steps.append((step, Stale()))
            elif difference:
                steps.append((self._count(table, place, difference, change), Stale()))
        return steps

    def stays(self, table: str, definition: dict, holder: dict | None = None) -> Step:
        """A step that fails as stale where a definition is not at the version that was read.

        holder: somebody whom the same transaction checks to be as they were read: if they have the definition, their
        part says it, and they do not all meet on the definition
        """
        if holder is None or PART not in holder or holder[self.id_name] != definition[self.id_name]:
            return stays_as_read(table, definition)
        names, values = {"#of": _VERSION}, {":of": definition["version"]}
        ids = {"orgId": definition["organisationId"], self.id_name: definition[self.id_name]}
        return Check(table, key(self.part, part=holder[PART], **ids), "#of <= :of", names, values), Stale()

    def renewed(self, table: str, record: dict, change: Change, found: Page, *, unused: bool) -> list[Step]:
        """The steps that tell the head and every part a definition's next version.

        found: the result of `read`; they fail as stale where a part came to be since
        unused: fail as stale where anybody holds it, and remove the parts
        """
        org_id, one = record["organisationId"], record[self.id_name]
        head = next((item for item in found.items if item["entityType"] == self.whole), None)
        # Parts from before the head named any are found beside it.
        parts = {item["part"] for item in found.items if item["entityType"] == self.part}
        parts |= set((head or {}).get(_NAMED, ()))
        steps: list[Step] = [(self._renewed_head(table, record, head, parts, change, unused=unused), Stale())]
        for part in sorted(parts):
            action = self._count(table, (org_id, one, part), 0, change)
            if unused:
                gone = Delete(table, action.key, "#count <= :none", {"#count": "count"}, {":none": 0})
                # It may have been counted on without being there, which ends as well.
                gone = gone._replace(condition=f"attribute_not_exists(PK) OR {gone.condition}")
                steps.append((gone, Stale()))
            else:
                steps.append((_with_version(action, record["version"]), Stale()))
        return steps

    def _head_place(self, org_id: str, one: str) -> dict[str, str]:
        return key(self.whole, **{"orgId": org_id, self.id_name: one})

    def _renewed_head(
        self, table: str, record: dict, head: dict | None, parts: set[str], change: Change, *, unused: bool
    ) -> Update:
        place = record["organisationId"], record[self.id_name], None
        action = _with_version(self._count(table, place, 0, change), record["version"])
        names, values = {}, {}
        if head is None:
            condition = "attribute_not_exists(PK)"
        else:
            condition, values[":read"] = "#version = :read", head["version"]
            if unused:
                condition, values[":none"] = f"{condition} AND #count <= :none", 0
        expression = action.expression
        if unused and head is not None:
            names["#parts"] = _NAMED
            expression = f"{expression} REMOVE #parts"
        elif parts and not unused:
            names["#parts"], values[":parts"] = _NAMED, parts
            expression = expression.replace("SET ", "SET #parts = :parts, ", 1)
        return action._replace(
            expression=expression,
            condition=condition,
            names={**action.names, **names},
            values={**action.values, **values},
        )

    def _named(self, table: str, given: dict, difference: int, parts: set[str], change: Change) -> Update:
        """Names parts that come to be, unless the definition has changed since it was read."""
        place = given["organisationId"], given[self.id_name], None
        action = _with_version(self._count(table, place, difference, change), given["version"])
        return action._replace(
            expression=f"{action.expression}, #parts :parts",
            condition=_NONE_LATER,
            names={**action.names, "#parts": _NAMED},
            values={**action.values, ":parts": parts},
        )

    def _given(
        self,
        table: str,
        place: tuple[str, str, str | None],
        difference: int,
        given: dict,
        change: Change,
        *,
        is_there: bool,
    ) -> Update:
        action = _with_version(self._count(table, place, difference, change), given["version"])
        return action._replace(condition="#of <= :of" if is_there else _NONE_LATER)

    def _count(self, table: str, place: tuple[str, str, str | None], difference: int, change: Change) -> Update:
        org_id, one, part = place
        ids = {"organisationId": org_id, self.id_name: one}
        if part is None:
            return count(table, self.whole, ids, {"count": difference}, change)
        return count(table, self.part, {**ids, "part": part}, {"count": difference}, change)


def _with_version(action: Update, version: int) -> Update:
    """The update of a count, which then knows a definition's version."""
    return action._replace(
        expression=action.expression.replace("SET ", "SET #of = :of, ", 1),
        names={**action.names, "#of": _VERSION},
        values={**action.values, ":of": version},
    )
