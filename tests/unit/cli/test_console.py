"""What others wrote is shown, and does nothing."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from bbws_access.cli.console import escape


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
