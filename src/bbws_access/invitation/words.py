"""What people wrote, as a mail of ours shows it: so that nobody takes it for what we say."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from datetime import datetime

_LONGEST_NAME = 60  # so that a line of the mail that ends with it is not broken, and its rest is no line of its own
_LINE = 66
_MOST_LINES = 40

_SCHEME = re.compile(r"(?<=\w):(?=//|\\\\)")
# A dot that makes a host of two words, in whatever form a mail client reads it.
_HOST = re.compile(r"(?<=[^\W_])[.\u3002\uff0e\uff61](?=[^\W_]*[^\W\d_]{2})")


def name(text: str) -> str:
    """A name: one short line."""
    text = _unlinked(" ".join(text.split()))
    return text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}\u2026"


def lines(text: str) -> list[str]:
    """A message, line by line: no two blank ones in a row, none at the ends, and not too many; empty for none."""
    found: list[str] = []
    for line in _unlinked(text).splitlines():
        line = " ".join(line.split())
        if line or (found and found[-1]):
            found.append(line)
    while found and not found[-1]:
        found.pop()
    return found if len(found) <= _MOST_LINES else [*found[: _MOST_LINES - 1], "\u2026"]


def quoted(found: list[str]) -> list[str]:
    """Lines as the text part quotes them. None is long enough for a mail client to break it and lose the sign."""
    return [f"> {piece}".rstrip() for line in found for piece in _pieces(line)]


def until(end: datetime, now: datetime) -> str:
    """When something ends: how long that is, which anybody can tell, and the moment."""
    hours = max(1, round((end - now).total_seconds() / 3600))
    left = "an hour" if hours == 1 else f"{hours} hours" if hours < 48 else f"{round(hours / 24)} days"
    return f"in {left}, on {end:%A}, {end.day} {end:%B %Y} at {end:%H:%M} UTC"


def _pieces(line: str) -> list[str]:
    wide = any(unicodedata.east_asian_width(sign) in "WF" for sign in line)
    return textwrap.wrap(line, _LINE // 2 if wide else _LINE, break_on_hyphens=False) or [""]


def _unlinked(text: str) -> str:
    """A text of which no mail client makes links: what we link to is ours."""
    return _HOST.sub("[.]", _SCHEME.sub("[:]", text))
