"""Writes the access review of an organisation to one CSV file, page by page: of any size, and from where it stopped."""

import contextlib
import fcntl
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import urlsplit

from bbws_access.cli.api import Answer, NoAnswerError, call
from bbws_access.cli.errors import ToolError, UsageError
from bbws_access.cli.sign_in import sign_in_as
from bbws_access.cli.targets import Target
from bbws_access.kernel.ids import is_valid_id
from bbws_access.local_aws.files import write_atomically

Fetch = Callable[[str], Answer]
Say = Callable[[str], None]

_HEADER = b"userId,"
_TYPE = "text/csv"
_UNAUTHORISED = 401
_PASSING = (429, 502, 503, 504)
_PAUSES = (1, 2, 4, 8, 16)  # seconds before a page is asked for again
_LONGEST_PAUSE = 60


class Progress(NamedTuple):
    """How far a file has come.

    rows, size: lines below the header and bytes that are there for good      path: of the next page
    source: where the pages come from      begun: when the first one was read
    """

    source: str
    begun: str
    path: str
    rows: int = 0
    size: int = 0

    @classmethod
    def read(cls, file: Path) -> "Progress | None":
        """What a file says; None for one that is not there or says something else."""
        try:
            found = cls(**json.loads(file.read_text()))
        except (FileNotFoundError, ValueError, TypeError, RecursionError):
            return None
        kinds = zip(found, (str, str, str, int, int), strict=True)
        return found if all(type(value) is kind for value, kind in kinds) else None

    def goes_on(self, anew: "Progress", size: int) -> bool:
        """Whether it is about what would begin anew, and all that it counts is among so many bytes."""
        place, wanted = (one.path.partition("?")[0] for one in (self, anew))
        return self.source == anew.source and place == wanted and 0 <= self.size <= size


def first_path(org_id: str) -> str:
    """The path of the first page. Raises UsageError for what is no id."""
    if not is_valid_id(org_id):
        raise UsageError(f"{org_id!r} is no id of an organisation.")
    return f"/organisations/{org_id}/access-review?format=csv-pages"


def signed_in(target: Target, outputs: Mapping[str, Any], email: str) -> Fetch:
    """Asks the API as somebody, who signs in again when the token has ended: a large file may take longer."""
    token = sign_in_as(target, outputs, email)

    def fetch(path: str) -> Answer:
        nonlocal token
        answer = call(target, outputs, "GET", path, token=token, body=None)
        if answer.status == _UNAUTHORISED:
            token = sign_in_as(target, outputs, email)
            answer = call(target, outputs, "GET", path, token=token, body=None)
        return answer

    return fetch


def pages(fetch: Fetch, path: str) -> Iterator[tuple[bytes, str | None]]:
    """Each page from one on, and the path of the page behind it. Raises ToolError."""
    further: str | None = path
    while further is not None:
        answer = _answer(fetch, further)
        first, body = "startAt=" not in further, answer.body
        is_csv = _header(answer, "content-type").partition(";")[0].strip().lower() == _TYPE
        if not is_csv or body.startswith(_HEADER) is not first or (body and not body.endswith(b"\r\n")):
            raise ToolError("What answers is no page of the review.", "Is there something between you and the API?")
        further = _next(answer, further)
        yield body, further


def write(fetch: Fetch, org_id: str, source: str, file: Path, say: Say, *, restart: bool = False) -> Progress:
    """Write the review to a file, which is there as soon as all of it is. Raises ToolError, UsageError, OSError.

    source: the address of the API
    What was read lies beside it until then, and the next call goes on from there; `restart`: not so.
    """
    path = first_path(org_id)
    _require_free(file)
    part, state = (file.with_name(f".{file.name}.{end}") for end in ("part", "next"))
    with _alone(part) as written:
        done = Progress(f"{source}{path}", datetime.now(UTC).isoformat(timespec="seconds"), path)
        before = None if restart else Progress.read(state)
        if before is not None and before.goes_on(done, written.seek(0, os.SEEK_END)):
            done = before
            say(f"going on after {done.rows} rows, of which the first were read at {done.begun}")
        else:
            # It counts bytes of what goes now: whoever is stopped before the next one is written has none.
            state.unlink(missing_ok=True)
        written.truncate(done.size)
        written.seek(done.size)
        for text, further in _kept(pages(fetch, done.path)):
            written.write(text)
            written.flush()
            os.fsync(written.fileno())
            rows = text.count(b"\r\n") - text.startswith(_HEADER)
            done = done._replace(rows=done.rows + rows, size=done.size + len(text), path=further or "")
            say(f"{done.rows} rows")
            if further is not None:
                # The page first: whoever is stopped in between reads it again, over itself.
                write_atomically(state, json.dumps(done._asdict()).encode())
        _require_free(file)
        part.replace(file)
        state.unlink(missing_ok=True)
    return done


def _require_free(file: Path) -> None:
    """Raises UsageError where something of this name is there, if only a link to nothing."""
    if os.path.lexists(file):
        raise UsageError(f"{file} is there already.", "Move it away, or say another --output.")


def _kept(read: Iterator[tuple[bytes, str | None]]) -> Iterator[tuple[bytes, str | None]]:
    """The same, with a word on what comes of a failure."""
    try:
        yield from read
    except ToolError as error:
        hint = error.hint or "What was read is kept: the same command goes on from there."
        raise ToolError(error.message, hint) from error


@contextlib.contextmanager
def _alone(part: Path) -> Iterator[BinaryIO]:
    """The file of what is read so far, for its owner's eyes and for one run at a time."""
    try:
        handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except FileNotFoundError as error:
        raise UsageError(f"There is no folder {part.parent}.") from error
    with os.fdopen(handle, "r+b") as file:
        try:
            os.fchmod(handle, 0o600)  # refused where somebody else has put it there
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Another run may have finished it in between: then it is the file that nobody may touch any more.
            still = os.path.samestat(part.stat(), os.fstat(file.fileno()))
        except (BlockingIOError, FileNotFoundError):
            still = False
        if not still:
            raise ToolError(f"Another run writes {part}.")
        yield file


def _answer(fetch: Fetch, path: str) -> Answer:
    """The answer to a page's request. Raises ToolError, after some patience with what passes."""
    for pause in _PAUSES:
        try:
            answer = fetch(path)
        except NoAnswerError:
            time.sleep(pause)
            continue
        if answer.status not in _PASSING:
            break
        time.sleep(_pause(answer, pause))
    else:
        answer = fetch(path)
    if answer.status == 200:
        return answer
    try:
        error = json.loads(answer.body)["error"]
        code, message = str(error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError):
        code, message = "", answer.reason
    hint = "Begin anew with --restart." if code == "INVALID_CURSOR" else None
    raise ToolError(f"The API answers {answer.status} {code}: {message}", hint)


def _pause(answer: Answer, usual: int) -> int:
    wanted = _header(answer, "retry-after")
    return min(int(wanted), _LONGEST_PAUSE) if wanted.isdecimal() else usual


def _header(answer: Answer, wanted: str) -> str:
    return next((value for name, value in answer.headers if name.lower() == wanted), "")


def _next(answer: Answer, asked: str) -> str | None:
    """The path of the next page, which must be another one of the same review."""
    link, place = _header(answer, "link"), asked.partition("?")[0]
    if not link:
        return None
    found = re.fullmatch(r'<([!-;=?-~]+)>; rel="next"', link)
    parts = urlsplit(found[1]) if found else None
    if parts is None or not parts.path.endswith(place) or "startAt=" not in parts.query:
        raise ToolError(f"The API names a next page that is none: {link}")
    further = f"{place}?{parts.query}"
    if further == asked:
        raise ToolError(f"The API names a next page that is none: {link}")
    return further
