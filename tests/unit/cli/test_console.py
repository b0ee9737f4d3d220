"""What others wrote is shown, and does nothing."""

from __future__ import annotations

import io
import sys
import threading

import pytest
from rich.console import Console

from bbws_access.cli import console
from bbws_access.cli.console import choose, escape, step


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


class Pipe(io.StringIO):
    """Standard error that is no terminal; tells when a third line came."""

    def __init__(self) -> None:
        super().__init__()
        self.third = threading.Event()

    def write(self, text: str) -> int:
        written = super().write(text)
        if self.getvalue().count("\n") >= 3:
            self.third.set()
        return written


def test_a_step_is_not_silent_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while nothing is said of it, as while packages are built."""
    assert console.LONGEST_SILENCE <= 10
    monkeypatch.setattr(console, "LONGEST_SILENCE", 0.01)
    for said in ("3/184 " + "a[red]b, " * 100, ""):
        monkeypatch.setattr(sys, "stderr", pipe := Pipe())
        with step("Apply") as current:
            current.say(said)
            assert pipe.third.wait(60), "a line now and then"
        lines = pipe.getvalue().splitlines()
        assert all(line.split()[0] == "Apply" for line in lines[:3])
        assert all(len(line) < 120 for line in lines)
        if said:
            assert any("3/184 a[red]b, " in line for line in lines)
        before = len(pipe.getvalue())
        assert lines[-1].startswith("✓ Apply")
        assert len(pipe.getvalue()) == before
    assert "speaking" not in [thread.name for thread in threading.enumerate()], "it ends with its step"


def test_a_step_that_fails_speaks_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Pipe())
    with pytest.raises(KeyError), step("Apply"):
        raise KeyError
    assert "speaking" not in [thread.name for thread in threading.enumerate()]
