"""The tree of routes finds every route that a pattern reaches into, as holding it against each one does."""

import uuid
from collections.abc import Iterable
from itertools import islice

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bbws_access.authorizer.policy import RouteMap
from bbws_access.authorizer.reach import FRAMED, Reach, RouteTree, Search, _can_hold, _letter_by_letter
from bbws_access.kernel.contract import load_contract
from bbws_access.kernel.ids import LETTERS, new_id
from bbws_access.kernel.ids import WIDTHS as WIDTHS_OF_IDS
from tests.unit.authorizer.full_contract import full_contract
from tests.unit.authorizer.wide_contract import wide_contract

WIDTHS = {"id": 4, "teamId": 31}
_SEGMENTS = st.sampled_from(["a", "b", "word", "aword", "{id}", "{name}", "{teamId}", "{x}"])
_PARTS = st.sampled_from(
    ["a", "b", "word", "{id}", "{name}", "{x}", "*", "*", "?", "????", "?" * 31, f"{FRAMED}*?ord*", f"{FRAMED}wor?"]
)
_ROUTES = st.lists(st.lists(_SEGMENTS, min_size=1, max_size=5).map(tuple), min_size=1, max_size=12, unique=True)


def _can_be(name: str, text: str) -> bool:
    return WIDTHS.get(name, len(text)) == len(text)


def _one_by_one(routes: list[tuple[str, ...]], pattern: list[str]) -> list[Reach]:
    """Each route held against the pattern, segment by segment."""
    found: dict[tuple, Reach] = {}

    def fits(part: str, segments: tuple[str, ...]) -> bool:
        if part[0] == "?":
            free = [one for one in segments if one[0] == "{" and one[1:-1] not in WIDTHS]
            sure = sum(WIDTHS.get(one[1:-1], 1) if one[0] == "{" else len(one) for one in segments) + len(segments) - 1
            return sure <= len(part) if free else sure == len(part)
        if part[0] == FRAMED:
            return _can_hold(part[1:], segments)
        return True

    def walk(route: int, parts: list[str], segments: tuple[str, ...], constraint: dict, words: frozenset) -> None:
        if not parts or not segments:
            if not parts and not segments:
                key = route, frozenset(constraint.items())
                words |= found[key].words if key in found else frozenset()
                found[key] = Reach(route, constraint, words)
            return
        part, segment = parts[0], segments[0]
        if part[0] in ("*", "?", FRAMED):
            for end in range(1, len(segments) + 1):
                if fits(part, segments[:end]):
                    covered = {one for one in segments[:end] if one[0] != "{"}
                    walk(route, parts[1:], segments[end:], constraint, words | covered)
        elif part[0] == "{" and segment[0] == "{":
            walk(route, parts[1:], segments[1:], {**constraint, segment[1:-1]: ("bound", part[1:-1])}, words)
        elif part[0] != "{" and segment[0] == "{" and _can_be(segment[1:-1], part):
            walk(route, parts[1:], segments[1:], {**constraint, segment[1:-1]: ("text", part)}, words)
        elif segment == part:
            walk(route, parts[1:], segments[1:], constraint, words)

    for route, segments in enumerate(routes):
        walk(route, pattern, segments, {}, frozenset())
    return list(found.values())


def _told(reaches: list[Reach]) -> set[tuple]:
    assert [reach.route for reach in reaches] == sorted(reach.route for reach in reaches)
    return {(reach.route, frozenset(reach.constraint.items()), reach.words) for reach in reaches}


@settings(max_examples=500, deadline=None)
@given(routes=_ROUTES, patterns=st.lists(st.lists(_PARTS, min_size=1, max_size=5), min_size=1, max_size=8))
def test_the_tree_finds_what_each_route_by_itself_tells(
    routes: list[tuple[str, ...]], patterns: list[list[str]]
) -> None:
    tree = RouteTree(dict(enumerate(routes)), WIDTHS, _can_be)
    for pattern in patterns:
        assert _told(tree.reaches(pattern)) == _told(_one_by_one(routes, pattern)), pattern


@settings(max_examples=300, deadline=None)
@given(routes=_ROUTES, patterns=st.lists(st.lists(_PARTS, min_size=1, max_size=5).map(tuple), min_size=1, max_size=8))
def test_a_search_finds_the_same_however_far_somebody_looked_before(
    routes: list[tuple[str, ...]], patterns: list[tuple[str, ...]]
) -> None:
    search = Search(RouteTree(dict(enumerate(routes)), WIDTHS, _can_be))

    def told(reaches: Iterable[Reach]) -> set[tuple]:
        return {(reach.route, frozenset(reach.constraint.items())) for reach in reaches}

    for far, pattern in enumerate(patterns * 2):
        assert told(islice(search.reached(pattern), far)) <= told(_one_by_one(routes, list(pattern)))
    for pattern in patterns:
        wanted = told(_one_by_one(routes, list(pattern)))
        assert told(search.reached(pattern)) == told(search.reached(pattern)) == wanted
        assert told(search.all_reached(pattern)) == wanted


_TEXTS = st.text("ab?/", min_size=1, max_size=6)


@settings(max_examples=1000, deadline=None)
@given(
    st.lists(st.sampled_from(["a", "ab", "bab", "{x}", "{teamId}", "{userId}"]), min_size=1, max_size=3).map(tuple),
    st.builds("{}{}{}".format, st.sampled_from(["", "*"]), _TEXTS, st.sampled_from(["", "*"])),
)
# Long enough for an id of the platform's.
@example(("{teamId}",), "?" * 31)
@example(("a", "{teamId}"), "a" + "?" * 32)
@example(("a", "{teamId}"), "a" + "?" * 31)
@example(("{userId}", "ab"), "*a?")
@example(("{userId}", "ab"), "*b?")
def test_what_is_quickly_said_of_a_framed_word_is_what_all_its_letters_say(
    segments: tuple[str, ...], word: str
) -> None:
    tree = RouteTree({0: segments}, {}, _can_be)
    [below] = tree._root.ends()
    assert below.segments == segments
    assert below.can_hold(word) is _letter_by_letter(word, segments)


@pytest.mark.parametrize(
    "contract", [load_contract(), full_contract(), wide_contract(200)], ids=["own", "full", "wide"]
)
def test_a_pattern_of_every_route_reaches_into_the_same_routes(contract) -> None:
    routes = RouteMap(contract.operations.values(), widths=WIDTHS)
    operations = [operation for operation in routes.operations if operation.method == "GET"]
    segments = [operation.segments for operation in operations]
    for route in segments:
        words = [n for n, part in enumerate(route) if part[0] != "{"]
        free = ["*" if part[0] == "{" else part for part in route]
        framed = [f"{FRAMED}*{part}*" if n == words[-1] else part for n, part in enumerate(free)]
        for pattern in (list(route), free, [*free, "*"], framed, [*route[:-1], "*", "*"], ["*", route[-1]]):
            found = {
                (routes.operations[one.route].segments, frozenset(one.constraint.items()), one.words)
                for one in routes._reaches("GET", pattern, None)
            }
            # What begins with the platform's own letters is told apart there, not here.
            plain = {
                (segments[one.route], frozenset(one.constraint.items()), one.words)
                for one in _one_by_one(segments, pattern)
                if all(kind != "text" or routes._can_be(name, text) for name, (kind, text) in one.constraint.items())
            }
            assert found == plain, pattern


@pytest.mark.parametrize(
    ("pattern", "segments", "expected"),
    [
        ("*report*", ("members", "{userId}", "transfer"), False),
        ("*report*", ("members", "{roleId}", "transfer"), True),
        ("*rt", ("{roleId}", "transfer"), False),
        ("me*", ("{teamId}", "members"), False),
        ("t?am-*s", ("{teamId}", "members"), True),
        ("*aff*", ("{userId}",), True),
        ("*ag*", ("{userId}",), False),
        ("?" * 36, ("{userId}",), True),
        ("?" * 37, ("{userId}",), False),
        ("?", ("{roleId}",), True),
        ("", ("{roleId}",), False),
        ("*", ("a", "{x}"), True),
        ("a/?*", ("a", "{x}"), True),
        ("*ecret?", ("secrets",), True),
        ("*ecret?", ("secret",), False),
    ],
)
def test_what_a_framed_word_can_be(pattern: str, segments: tuple[str, ...], expected: bool) -> None:
    assert _can_hold(pattern, segments) is expected


def test_ids_hold_the_letters_that_are_said_of_them() -> None:
    kinds = {"teamId": "team", "invitationId": "invitation", "teamRoleId": "team-role"}
    made = {name: [new_id(kind) for _ in range(50)] for name, kind in kinds.items()}
    made["userId"] = [str(uuid.uuid4()) for _ in range(50)]
    assert made.keys() == LETTERS.keys() == WIDTHS_OF_IDS.keys()
    for name, (beginning, letters) in LETTERS.items():
        for one in made[name]:
            assert one.startswith(beginning)
            assert set(one[len(beginning) :]) <= set(letters)
            assert len(one) == WIDTHS_OF_IDS[name]
