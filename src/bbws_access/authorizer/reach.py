"""Which routes a pattern reaches into, found in a tree of their segments: what cannot match is not looked at.

In a pattern `{name}` is a bound parameter, `*` any text of at least one segment, `???` one of three characters,
`\\2*word*` one with a word in it; everything else is a word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from bbws_access.kernel.ids import LETTERS, WIDTHS

STAR = "*"
ONE = "?"
WILDCARDS = (STAR, ONE)
FRAMED = "\2"  # begins a word with wildcards in it


_Constraint = dict[str, tuple[str, str]]


class Reach(NamedTuple):
    """A route into which a pattern reaches: what its parameters then are, and which of its words a wildcard covers.

    A parameter is ("text", the text) or ("bound", the pattern's parameter whose value it has); once the pattern's
    parameters have values, each is a value alone.
    """

    route: int
    constraint: dict
    words: frozenset[str]


class _Below(NamedTuple):
    """A place below another one, and the segments between them."""

    place: _Place
    segments: tuple[str, ...]
    words: frozenset[str]


class _Place:
    """A place in the tree: the routes that end here, and what goes on below it, by word and by parameter."""

    __slots__ = ("_before", "_below", "_ends", "_height", "below_words", "parameters", "routes")

    def __init__(self) -> None:
        self.routes: list[int] = []
        self.below_words: dict[str, _Place] = {}
        self.parameters: dict[str, _Place] = {}
        # Found when somebody asks, once all routes are there.
        self._height: int | None = None
        self._below: list[_Below] | None = None
        self._ends: list[_Below] | None = None
        self._before: dict[str, list[_Below]] | None = None

    def add(self, segments: Iterable[str], route: int) -> None:
        place = self
        for segment in segments:
            if segment.startswith("{"):
                place = place.parameters.setdefault(segment[1:-1], _Place())
            else:
                place = place.below_words.setdefault(segment, _Place())
        place.routes.append(route)

    def below(self) -> list[_Below]:
        """All places below this one."""
        if self._below is None:
            self._below = []
            children = [(f"{{{name}}}", place) for name, place in self.parameters.items()]
            for segment, place in (*self.below_words.items(), *children):
                word = frozenset() if segment[0] == "{" else frozenset({segment})
                self._below.append(_Below(place, (segment,), word))
                self._below += [_Below(one.place, (segment, *one.segments), word | one.words) for one in place.below()]
        return self._below

    def height(self) -> int:
        """How many segments may follow."""
        if self._height is None:
            self._height = max((len(one.segments) for one in self.below()), default=0)
        return self._height

    def ends(self) -> list[_Below]:
        """The places below this one where a route ends."""
        if self._ends is None:
            self._ends = [one for one in self.below() if one.place.routes]
        return self._ends

    def before(self, segment: str) -> list[_Below]:
        """The places below this one after which a word, or a parameter, comes next."""
        if self._before is None:
            self._before = {}
            for one in self.below():
                for word in one.place.below_words:
                    self._before.setdefault(word, []).append(one)
                for name in one.place.parameters:
                    self._before.setdefault(f"{{{name}}}", []).append(one)
        return self._before.get(segment, [])

    def parameters_below(self) -> list[str]:
        """The names of parameters that come anywhere after a segment or more."""
        self.before("")
        return [segment[1:-1] for segment in self._before or () if segment[0] == "{"]


class RouteTree:
    """Routes by their segments.

    routes: their segments
    widths: the lengths of the values of parameters whose values all have one
    can_be: whether a parameter can have a text for its value
    """

    def __init__(
        self, routes: Mapping[int, tuple[str, ...]], widths: Mapping[str, int], can_be: Callable[[str, str], bool]
    ) -> None:
        self._root = _Place()
        for route, segments in routes.items():
            self._root.add(segments, route)
        self._widths = widths
        self._can_be = can_be

    def reaches(self, pattern: list[str]) -> list[Reach]:
        """The ways in which a pattern matches paths of routes, by route; where two of a route ask the same of its
        parameters they are one.
        """
        found: dict[tuple, Reach] = {}
        for place, constraint, words in self._walk(pattern, 0, self._root, {}, frozenset()):
            for route in place.routes:
                key = route, frozenset(constraint.items())
                before = found[key].words if key in found else frozenset()
                found[key] = Reach(route, constraint, before | words)
        return sorted(found.values(), key=lambda reach: reach.route)

    def _walk(
        self, pattern: list[str], i: int, place: _Place, constraint: _Constraint, words: frozenset[str]
    ) -> Iterator[tuple[_Place, _Constraint, frozenset[str]]]:
        if i == len(pattern):
            if place.routes:
                yield place, constraint, words
            return
        part = pattern[i]
        if part[0] in WILDCARDS or part[0] == FRAMED:
            last = i + 1 == len(pattern)
            for one in self._covered(pattern, i, place):
                if part[0] == ONE and not _can_be_so_long(len(part), one.segments, self._widths):
                    continue
                if part[0] == FRAMED and not _can_hold(part[1:], one.segments):
                    continue
                if last:
                    yield one.place, constraint, words | one.words
                else:
                    yield from self._walk(pattern, i + 1, one.place, constraint, words | one.words)
        elif part[0] == "{":
            for name, below in place.parameters.items():
                yield from self._walk(pattern, i + 1, below, {**constraint, name: ("bound", part[1:-1])}, words)
            # An id that equals a fixed segment is never bound, see RouteMap._shape.
        else:
            below = place.below_words.get(part)
            if below is not None:
                yield from self._walk(pattern, i + 1, below, constraint, words)
            for name, other in place.parameters.items():
                if self._can_be(name, part):
                    yield from self._walk(pattern, i + 1, other, {**constraint, name: ("text", part)}, words)

    def _covered(self, pattern: list[str], i: int, place: _Place) -> list[_Below]:
        """The places down to which a wildcard may cover the segments, as far as what comes next tells."""
        left = len(pattern) - i - 1
        if not left:
            return place.ends()
        after = pattern[i + 1]
        if after[0] in WILDCARDS or after[0] == FRAMED:
            found = place.below()
        else:
            found = [] if after[0] == "{" else list(place.before(after))
            for name in place.parameters_below():
                if after[0] == "{" or self._can_be(name, after):
                    found += place.before(f"{{{name}}}")
            found = list({id(one): one for one in found}.values())
        return [one for one in found if one.place.height() >= left]


@lru_cache(maxsize=4096)
def _can_hold(pattern: str, segments: tuple[str, ...]) -> bool:
    """Whether a word with wildcards can match segments of a route. A parameter can be anything, but for the platform's
    ids that hold certain letters alone.
    """
    free = [one[0] == "{" and one[1:-1] not in LETTERS for one in segments]
    if pattern[:1] == STAR and (free[-1] or (pattern[-1:] == STAR and any(free))):
        return True
    letters = _letters(segments)
    # The places in the segments up to which the pattern may have come: each is tried once for each of its letters.
    reached = _skipped({0}, letters)
    for one in pattern:
        if one == STAR:
            reached = set(range(min(reached, default=len(letters) + 1), len(letters) + 1))
            continue
        after = set()
        for place in reached:
            if place < len(letters):
                allowed, repeated = letters[place]
                if one == ONE or allowed is None or one in allowed:
                    after.add(place if repeated else place + 1)
        reached = _skipped(after, letters)
    return len(letters) in reached


_Letters = list[tuple[str | None, bool]]
"""For each place of a text the letters that can be there (None: any), and whether there may be any number of them."""


def _letters(segments: tuple[str, ...]) -> _Letters:
    found: _Letters = []
    for segment in segments:
        name = segment[1:-1] if segment[0] == "{" else None
        if found:
            found.append(("/", False))
        if name is None:
            found += [(letter, False) for letter in segment]
        elif name in LETTERS:
            beginning, letters = LETTERS[name]
            found += [(letter, False) for letter in beginning]
            found += [(letters, False)] * (WIDTHS[name] - len(beginning))
        else:
            found += [(None, False), (None, True)]
    return found


def _skipped(places: set[int], letters: _Letters) -> set[int]:
    """These places, and those behind them where there may be no letter."""
    return places | {place + 1 for place in places if place < len(letters) and letters[place][1]}


def _can_be_so_long(length: int, segments: tuple[str, ...], widths: Mapping[str, int]) -> bool:
    """Whether segments of a route can be so many characters, slashes between them included."""
    least, varies = len(segments) - 1, False
    for segment in segments:
        if not segment.startswith("{"):
            least += len(segment)
        elif segment[1:-1] in widths:
            least += widths[segment[1:-1]]
        else:
            least, varies = least + 1, True
    return least <= length if varies else least == length
