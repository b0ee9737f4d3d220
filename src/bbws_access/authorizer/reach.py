"""Which routes a pattern reaches into, found in a tree of their segments: what cannot match is not looked at.

In a pattern `{name}` is a bound parameter, `*` any text of at least one segment, `???` one of three characters,
`\\2*word*` one with a word in it; everything else is a word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
    """A place below another one, and the segments between them.

    length: of them at least, with slashes      varies: whether they may be longer
    ends_freely: whether the last one can be any text
    """

    place: _Place
    segments: tuple[str, ...]
    words: frozenset[str]
    length: int
    varies: bool
    ends_freely: bool

    def can_hold(self, word: str) -> bool:
        """Whether a word with wildcards can match the segments: what is quickly said first."""
        if word[0] == STAR and self.ends_freely:
            return True
        if STAR not in word and (self.length > len(word) or (self.length < len(word) and not self.varies)):
            return False
        last = self.segments[-1]
        if word[-1] != STAR and last[0] != "{" and not _alike(reversed(word.lstrip(STAR)), reversed(last)):
            return False
        return _can_hold(word, self.segments)


class _Place:
    """A place in the tree: the routes that end here, and what goes on below it, by word and by parameter."""

    __slots__ = ("_before", "_below", "_ends", "_height", "_tall", "below_words", "known", "parameters", "routes")

    def __init__(self) -> None:
        self.routes: list[int] = []
        self.below_words: dict[str, _Place] = {}
        self.parameters: dict[str, _Place] = {}
        # Found when somebody asks, once all routes are there.
        self._height: int | None = None
        self._below: list[_Below] | None = None
        self._ends: list[_Below] | None = None
        self._tall: dict[int, list[_Below]] = {}
        self._before: dict[int, dict[str, list[_Below]]] = {}
        self.known: dict[tuple[str, int], list[_Below]] = {}  # what others found out about it

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
                name = segment[1:-1] if segment[0] == "{" else None
                word = frozenset() if name is not None else frozenset({segment})
                free = name is not None and name not in LETTERS
                length = len(segment) if name is None else WIDTHS.get(name, 1)
                self._below.append(_Below(place, (segment,), word, length, free, free))
                self._below += [
                    _Below(
                        one.place,
                        (segment, *one.segments),
                        word | one.words,
                        length + 1 + one.length,
                        free or one.varies,
                        one.ends_freely,
                    )
                    for one in place.below()
                ]
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

    def at_least(self, left: int) -> list[_Below]:
        """The places below this one that so many segments may follow."""
        found = self._tall.get(left)
        if found is None:
            found = self._tall[left] = [one for one in self.below() if one.place.height() >= left]
        return found

    def before(self, segment: str, left: int) -> list[_Below]:
        """Of these, those after which a word, or a parameter, comes next."""
        return self._next(left).get(segment, [])

    def parameters_below(self, left: int) -> list[str]:
        """The names of the parameters that come next after any of these."""
        return [segment[1:-1] for segment in self._next(left) if segment[0] == "{"]

    def _next(self, left: int) -> dict[str, list[_Below]]:
        found = self._before.get(left)
        if found is None:
            found = self._before[left] = {}
            for one in self.at_least(left):
                for word in one.place.below_words:
                    found.setdefault(word, []).append(one)
                for name in one.place.parameters:
                    found.setdefault(f"{{{name}}}", []).append(one)
        return found


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

    def reaches(self, pattern: Sequence[str]) -> list[Reach]:
        """The ways in which a pattern matches paths of routes, by route; where two of a route ask the same of its
        parameters they are one.
        """
        found: dict[tuple, Reach] = {}
        last, asked = None, frozenset()
        for place, constraint, words in self._walk(pattern, 0, self._root, {}, frozenset()):
            if constraint is not last:
                last, asked = constraint, frozenset(constraint.items())
            for route in place.routes:
                before = found.get((route, asked))
                if before is None:
                    found[route, asked] = Reach(route, constraint, words)
                elif not words <= before.words:
                    found[route, asked] = Reach(route, constraint, before.words | words)
        return sorted(found.values(), key=lambda reach: reach.route)

    def each(self, pattern: Sequence[str]) -> Iterator[Reach]:
        """The same one by one as they are found, in no order, some of them more than once."""
        for place, constraint, words in self._walk(pattern, 0, self._root, {}, frozenset()):
            for route in place.routes:
                yield Reach(route, constraint, words)

    def _walk(
        self, pattern: Sequence[str], i: int, place: _Place, constraint: _Constraint, words: frozenset[str]
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
                if part[0] == FRAMED and not one.can_hold(part[1:]):
                    continue
                if last:
                    yield one.place, constraint, words | one.words
                else:
                    yield from self._walk(pattern, i + 1, one.place, constraint, words | one.words)
        elif part[0] == "{":
            if place.height() < len(pattern) - i:
                return
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

    def _covered(self, pattern: Sequence[str], i: int, place: _Place) -> list[_Below]:
        """The places down to which a wildcard may cover the segments, as far as what comes next tells."""
        left = len(pattern) - i - 1
        if not left:
            return place.ends()
        after = pattern[i + 1]
        if after[0] in WILDCARDS or after[0] == FRAMED:
            return place.at_least(left)
        found = place.known.get((after, left))
        if found is None:
            found = [] if after[0] == "{" else list(place.before(after, left))
            for name in place.parameters_below(left):
                if after[0] == "{" or self._can_be(name, after):
                    found += place.before(f"{{{name}}}", left)
            found = place.known[after, left] = list({id(one): one for one in found}.values())
        return found


class Search:
    """What patterns reach in a tree, kept for whoever looks next: in no order, and some of it more than once."""

    def __init__(self, tree: RouteTree) -> None:
        self._tree = tree
        self._whole: dict[tuple[str, ...], list[Reach]] = {}
        self._begun: dict[tuple[str, ...], tuple[list[Reach], Iterator[Reach]]] = {}

    def all_reached(self, pattern: tuple[str, ...]) -> list[Reach]:
        """The ways in which a pattern matches paths of routes."""
        found = self._whole.get(pattern)
        if found is None:
            found = self._whole[pattern] = self._tree.reaches(pattern)
        return found

    def reached(self, pattern: tuple[str, ...]) -> Iterable[Reach]:
        """The same, searched for as far as somebody looks."""
        found = self._whole.get(pattern)
        return self._further(pattern) if found is None else found

    def _further(self, pattern: tuple[str, ...]) -> Iterator[Reach]:
        known, rest = self._begun.setdefault(pattern, ([], self._tree.each(pattern)))
        n = 0
        while True:
            if n == len(known):
                one = next(rest, None)
                if one is None:
                    self._whole[pattern] = known
                    return
                known.append(one)
            yield known[n]
            n += 1


@lru_cache(maxsize=4096)
def _can_hold(pattern: str, segments: tuple[str, ...]) -> bool:
    """Whether a word with wildcards can match segments of a route. A parameter can be anything, but for the platform's
    ids that hold certain letters alone.
    """
    if STAR not in pattern.strip(STAR) and not any(one[0] == "{" for one in segments):
        return _matches(pattern, "/".join(segments))
    free = [one[0] == "{" and one[1:-1] not in LETTERS for one in segments]
    if pattern[:1] == STAR and (free[-1] or (pattern[-1:] == STAR and any(free))):
        return True
    return _letter_by_letter(pattern, segments)


def _letter_by_letter(pattern: str, segments: tuple[str, ...]) -> bool:
    """The same, whatever the pattern and the segments."""
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


def _matches(pattern: str, text: str) -> bool:
    """Whether a word with wildcards is a text. It has `*` at its ends alone."""
    word = pattern.strip(STAR)
    first, last = 0, len(text) - len(word)
    if pattern[-1:] != STAR:
        first = last
    if pattern[:1] != STAR:
        last = min(last, 0)
    if max(word.split(ONE), key=len) not in text:
        return False
    return any(_alike(word, text[at:]) for at in range(max(first, 0), last + 1))


def _alike(word: Iterable[str], text: Iterable[str]) -> bool:
    """Whether a word is a text as far as the shorter of them goes."""
    return all(one in (ONE, letter) for one, letter in zip(word, text, strict=False))


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
