"""`api --query`: one thing of an answer, as lines that a shell can use."""

import json

import pytest

from bbws_access.cli.api import Answer, check_query
from bbws_access.cli.errors import ToolError, UsageError

ROLES = {"items": [{"name": "A", "priority": 1}, {"name": "Bé", "priority": 2}], "count": 2, "next": None}


def _answer(body: object, status: int = 200) -> Answer:
    text = body if isinstance(body, str) else json.dumps(body)
    return Answer(status, "Reason", [("Content-Type", "application/json")], text.encode())


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        ("items[].name", "A\nBé"),
        ("count", "2"),
        ("items[?name=='A'].priority | [0]", "1"),
        ("items[0]", '{"name": "A", "priority": 1}'),
        ("items[].[name, priority]", '["A", 1]\n["Bé", 2]'),
        ("items[].missing", ""),
        ("next", ""),
        ("items[0].name == 'A'", "true"),
    ],
)
def test_what_a_query_finds_comes_as_lines(query: str, lines: str) -> None:
    assert _answer(ROLES).picked(check_query(query)) == lines


def test_an_answer_without_a_body_has_nothing() -> None:
    assert _answer("", 204).picked(check_query("items")) == ""


@pytest.mark.parametrize("query", ["", "items[", "items[].name)", "no_such_function(items)", "'open"])
def test_a_query_that_cannot_be_read_or_used_is_an_error_of_one_sentence(query: str) -> None:
    with pytest.raises(ToolError) as caught:
        _answer(ROLES).picked(check_query(query))
    assert "\n" not in caught.value.message
    assert isinstance(caught.value, UsageError) == (query != "no_such_function(items)")


def test_a_query_of_what_is_no_json_is_an_error() -> None:
    with pytest.raises(ToolError, match="no JSON"):
        _answer("<!doctype html>").picked(check_query("items"))


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"error": {"code": "FORBIDDEN", "message": "You may not do this."}}, "403 FORBIDDEN: You may not do this."),
        ({"message": "Forbidden"}, "HTTP 403 Reason"),
        ({"error": None}, "HTTP 403 Reason"),
        ([], "HTTP 403 Reason"),
        ("<html>", "HTTP 403 Reason"),
    ],
)
def test_an_error_is_one_line(body: object, problem: str) -> None:
    assert _answer(body, 403).problem == problem
