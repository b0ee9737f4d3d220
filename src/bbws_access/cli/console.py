"""What the tool shows: steps as they go by on standard error, results on standard output."""

import re
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich import markup
from rich.console import Console
from rich.status import Status

from bbws_access.cli.errors import ToolError

out = Console(highlight=False, soft_wrap=True)
wide = Console(highlight=False, width=1_000)  # whose tables have their own width
err = Console(stderr=True, highlight=False, soft_wrap=True)
LONGEST_SILENCE = 10.0  # seconds, where there is no terminal to show what is happening
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def escape(text: str) -> str:
    """A text of somebody else's as it stands: it neither marks anything up nor tells the terminal what to do."""
    return markup.escape(_CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text))


class Step:
    """One thing that takes time. Prints its line when finished."""

    def __init__(self, title: str, status: Status | None) -> None:
        self._title = title
        self._status = status
        self.result = ""
        self._said = ""

    def say(self, text: str) -> None:
        """Show what is happening now."""
        self._said = text
        if self._status:
            # On one line, so that the terminal does not jump.
            self._status.update(f"{self._title:<14} [dim]{escape(_cut(text, err.width - len(self._title) - 8))}[/dim]")

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """Print a line now and then, for who reads a pipe or CI's log: silence there looks like a hang."""
        done, started = threading.Event(), time.monotonic()

        def speak() -> None:
            while not done.wait(LONGEST_SILENCE):
                remark(f"  {self._title:<14} {_cut(self._said, 90)} {time.monotonic() - started:.0f} s".rstrip())

        speaker = threading.Thread(target=speak, name="speaking", daemon=True)
        speaker.start()
        try:
            yield
        finally:
            done.set()
            speaker.join()


def _cut(text: str, room: int) -> str:
    room = max(20, room)
    return text if len(text) <= room else text[: room - 1] + "…"


@contextmanager
def step(title: str) -> Iterator[Step]:
    """Show ``title`` while the block runs, then one line with the step's ``result`` and the seconds it took."""
    started = time.monotonic()
    if err.is_terminal:
        with err.status(f"{title:<14}", spinner="dots") as status:
            current = Step(title, status)
            yield current
    else:
        current = Step(title, None)
        with current.speaking():
            yield current
    took = time.monotonic() - started
    err.print(f"[green]✓[/green] {title:<14} {escape(current.result)} [dim]{took:.1f} s[/dim]")


def note(text: str) -> None:
    """One line for the reader's information."""
    err.print(f"[yellow]•[/yellow] {escape(text)}")


def remark(text: str) -> None:
    """One line in passing, for who wants to know."""
    err.print(f"[dim]{escape(text)}[/dim]")


def show_error(error: ToolError) -> None:
    """Say what is wrong, and what to do."""
    err.print(f"[red]✗[/red] {escape(error.message)}")
    if error.details:
        err.print(escape(error.details.rstrip()))
    if error.hint:
        err.print(f"  {escape(error.hint)}")


def confirm(question: str, wanted: str) -> bool:
    """Whether the user typed ``wanted``. Without a terminal the answer is no."""
    if not sys.stdin.isatty():
        return False
    err.print(f"{escape(question)} ", end="")
    try:
        return input().strip() == wanted
    except EOFError:
        return False


def choose(question: str, names: Sequence[str]) -> str | None:
    """The one of several names that the user typed, or its number. None where there is nobody to ask."""
    if not sys.stdin.isatty():
        return None
    err.print(escape(question))
    for number, name in enumerate(names, 1):
        err.print(f"  {number}  {escape(name)}")
    try:
        while True:
            err.print("Name or number: ", end="")
            answer = input().strip()
            if answer.isdecimal() and 0 < int(answer) <= len(names):
                return names[int(answer) - 1]
            if answer in names:
                return answer
            err.print(f"  '{escape(answer)}' is none of these" if answer else "  none was typed")
    except EOFError:
        return None


def seconds(value: float) -> str:
    """A duration for people."""
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def size(count: int) -> str:
    """A number of bytes for people."""
    for unit, limit in (("KB", 1024**2), ("MB", 1024**3)):
        if count < limit:
            return f"{count / limit * 1024:.{0 if unit == 'KB' else 1}f} {unit}"
    return f"{count / 1024**3:.1f} GB"
