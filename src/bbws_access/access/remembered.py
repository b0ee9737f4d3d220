"""Which definitions people needed last time: where to look first, and nothing that decides."""

from __future__ import annotations

from _thread import allocate_lock
from collections.abc import Mapping

Definition = tuple[str, str, str]
"""An entity of the data model such as OrganisationRole, an organisation's id, and the definition's own id."""

_MOST = 50_000  # definitions, of all people together: about 10 MB where no two share one
_MOST_OF_ONE = 2_000


class Remembered:
    """The ids of definitions that people needed, by person and organisation; whoever came longest ago is forgotten.

    What they say is read anew each time. So what is remembered can be old or missing: that costs a wait, no more.
    """

    def __init__(self, most: int = _MOST, most_of_one: int = _MOST_OF_ONE) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._people: dict[str, dict[str, tuple[Definition, ...]]] = {}
        self._size = 0
        self._lock = allocate_lock()

    def of(self, user_id: str) -> Mapping[str, tuple[Definition, ...]]:
        """By organisation what a person needed there; an organisation where that was nothing is there, too."""
        return self._people.get(user_id, {})

    def note(self, user_id: str, needed: Mapping[str, tuple[Definition, ...]], *, everywhere: bool = False) -> None:
        """Remember what a person needed in some organisations. everywhere: and nothing in any other"""
        with self._lock:
            known = self._people.pop(user_id, {})
            found = dict(needed) if everywhere else {**known, **needed}
            if known == found and known:
                self._people[user_id] = known  # as mostly; in the place of the newest
                return
            self._size -= _size(known)
            if _size(found) > self._most_of_one:
                return
            # Dictionaries keep the order in which keys come.
            self._people[user_id] = found
            self._size += _size(found)
            while self._size > self._most:
                self._size -= _size(self._people.pop(next(iter(self._people))))

    def clear(self) -> None:
        """Forget everything, as a function that starts."""
        with self._lock:
            self._people.clear()
            self._size = 0


def _size(found: Mapping[str, tuple[Definition, ...]]) -> int:
    return sum(1 + len(definitions) for definitions in found.values())
