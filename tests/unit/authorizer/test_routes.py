"""The tree of routes finds what a plain search through all of them finds, and takes no longer where there are more."""

import sys
from itertools import product
from types import FrameType

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bbws_access.kernel.contract import Contract, Operation
from tests.unit.authorizer.test_policy_spellings import APIS, _detours, _requests, spellings
from tests.unit.authorizer.wide_contract import wide_contract

_WORDS = ["a", "b", "aa", "seed", "A"]
_PARTS = st.sampled_from([*_WORDS, "{x}", "{y}", "{id}"])
_TEMPLATES = st.lists(st.lists(_PARTS, max_size=5).map(tuple), min_size=1, max_size=14, unique=True)
_VALUES = st.sampled_from([*_WORDS, "", "{x}", "*", "zz", "Seed", "a.b"])


def _contract(paths: list[tuple[str, ...]], methods: list[str]) -> Contract:
    raw = {"x-bbws-service": "s", "x-bbws-access": "public"}
    document: dict[str, dict] = {}
    for n, parts in enumerate(paths):
        for method in methods[n % len(methods) :]:
            document.setdefault("/" + "/".join(parts), {})[method] = raw | {"operationId": f"{method}{n}"}
    return Contract({"paths": document})


def _plainly(contract: Contract, method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
    """Each route held against the path; of those that match, the one with a word where the others have a parameter."""
    segments = path.strip("/").split("/")
    found = []
    for n, operation in enumerate(contract.operations.values()):
        if operation.method != method.upper() or len(operation.segments) != len(segments):
            continue
        pairs = list(zip(operation.segments, segments, strict=True))
        if all(value != "" if template.startswith("{") else template == value for template, value in pairs):
            params = {template[1:-1]: value for template, value in pairs if template.startswith("{")}
            found.append(([template.startswith("{") for template, _ in pairs], n, operation, params))
    return min(found)[2:] if found else None


@settings(max_examples=400, deadline=None)
@given(
    paths=_TEMPLATES,
    methods=st.sampled_from([["get"], ["get", "put"], ["put", "get", "delete"]]),
    requests=st.lists(st.lists(_VALUES, max_size=6), min_size=1, max_size=20),
)
# What begins with a word ends only below the parameter beside it.
@example(paths=[("a", "b"), ("{x}", "seed"), ("a", "{y}", "a")], methods=["get"], requests=[["a", "seed"], ["a", "zz"]])
def test_the_tree_finds_what_a_plain_search_finds(paths, methods, requests):
    contract = _contract(paths, methods)
    for method, parts in product(("GET", "put", "Delete", "PATCH"), requests):
        path = "/".join(parts)
        for spelt in (path, f"/{path}", f"/{path}/", f"//{path}"):
            assert contract.match(method, spelt) == _plainly(contract, method, spelt), spelt


@pytest.mark.parametrize("name", APIS)
def test_each_spelling_of_each_path_leads_where_it_did(name: str) -> None:
    contract = APIS[name].contract
    seen = set()
    for operation, _, path in _requests(APIS[name]):
        assert contract.match(operation.method, f"/{path}") == _plainly(contract, operation.method, path)
        if operation.path not in seen:
            seen.add(operation.path)
            for spelt in spellings(path) | _detours(path, "platform/roles/x"):
                assert contract.match(operation.method, spelt) == _plainly(contract, operation.method, spelt), spelt


def test_a_lookup_takes_as_many_steps_among_a_thousand_routes_as_among_fifty() -> None:
    def steps(contract: Contract, method: str, path: str) -> int:
        count = 0

        def trace(frame: FrameType, *_: object) -> object:
            nonlocal count
            if frame.f_code.co_filename != Contract.match.__code__.co_filename:
                return None  # something of the interpreter's own, such as the end of what nobody needs any more
            count += 1
            return trace

        sys.settrace(trace)
        try:
            contract.match(method, path)
        finally:
            sys.settrace(None)
        return count

    few, many = wide_contract(50), wide_contract(1000)
    for operation in few.operations.values():
        path = "/".join("x1" if part.startswith("{") else part for part in operation.segments)
        for spelt in (path, f"{path}/more", f"{path[:-1]}z"):
            assert steps(many, operation.method, spelt) == steps(few, operation.method, spelt) <= 150, spelt
