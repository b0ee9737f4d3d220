"""What others wrote is shown, and does nothing."""

from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

from bbws_access.cli.console import choose, escape


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a@b.example", "a@b.example"),
        ("[red]a[/red]", "[red]a[/red]"),
        ("\x1b]52;c;aGFoYQ==\x07", "\\x1b]52;c;aGFoYQ==\\x07"),
        ("\x1b[2J\x9b2J", "\\x1b[2J\\x9b2J"),
        ("fine\rwrong", "fine\\x0dwrong"),
        ("two\nlines\tand ä", "two\nlines\tand ä"),
    ],
)
def test_a_text_of_somebody_elses(text: str, shown: str) -> None:
    file = io.StringIO()
    Console(file=file, highlight=False, soft_wrap=True, tab_size=1).print(escape(text))
    assert file.getvalue().replace(" and", "\tand") == f"{shown}\n"


@pytest.mark.parametrize(
    ("typed", "chosen"),
    [("2\n", "B"), ("A\n", "A"), ("0\n3\n\nC\n1\n", "A"), ("", None), ("C\n", None)],
)
def test_a_choice_is_one_of_what_there_is(monkeypatch: pytest.MonkeyPatch, typed: str, chosen: str | None) -> None:
    terminal = io.StringIO(typed)
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    assert choose("Which?", ["A", "B"]) == chosen


def test_nobody_is_asked_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("A\n"))
    assert choose("Which?", ["A", "B"]) is None
