"""Invites the people of a file, a hundred in a request, and knows what became of each, also after a kill.

What became of a row is written beside the file before the next request is sent. Whoever starts again goes on there.
What was under way when it was killed is sent again, which creates nothing twice.
"""

import contextlib
import csv
import fcntl
import json
import os
import re
import time
from array import array
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlencode

from bbws_access.cli.api import Answer
from bbws_access.cli.errors import ToolError, UsageError
from bbws_access.cli.invitees import Invitees, Row
from bbws_access.kernel.texts import harmless

CREATED, ALREADY_INVITED, ALREADY_MEMBER, INVALID, RETRY = (
    "CREATED",
    "ALREADY_INVITED",
    "ALREADY_MEMBER",
    "INVALID",
    "RETRY",
)
DONE = (CREATED, ALREADY_INVITED, ALREADY_MEMBER)

_AT_ONCE = 100  # rows of a request
_LARGEST = 60_000  # bytes of a request; the API takes 65,536
_LONGEST_WAIT = 300  # seconds; a limit that lasts longer is one of the day
_PATIENCE = 8  # requests in a row that change nothing
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
_PASSING = (429, 502, 503, 504)
_FIREWALL = "firewall"  # in what the gateway says of a request that the web ACL blocked


class Result(NamedTuple):
    """What became of a row. code, message: why, where it was not created"""

    row: int
    line: int
    email: str
    status: str
    code: str = ""
    message: str = ""
    invitationId: str = ""  # noqa: N815 - written as JSON


class Journal:
    """The results so far, in a file of lines of JSON that only grows; of several results of a row the last one counts.

    Only one run at a time has it. Raises UsageError where it is of another file, or of people of another organisation.
    """

    def __init__(self, path: Path, about: dict[str, str], rows: int) -> None:
        self.path = path
        self._about = about
        self._last = array("l", [-1]) * (rows + 1)  # where the last result of each row begins
        self._statuses = bytearray(rows + 1)  # 0: none yet

    def __enter__(self) -> "Journal":
        self._file = self.path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise ToolError(f"Another run is at work on this file: {self.path} is in use.") from None
        try:
            self._read()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, results: Iterable[Result]) -> None:
        """Keep results; a kill does not lose them then."""
        results, place = list(results), self._file.seek(0, 2)
        lines = [json.dumps(result._asdict(), ensure_ascii=False).encode() + b"\n" for result in results]
        self._file.write(b"".join(lines))
        self._file.flush()
        for result, line in zip(results, lines, strict=True):
            self._note(result.row, result.status, place)
            place += len(line)

    def is_done(self, row: int) -> bool:
        """Whether nothing is left to do for a row. What was refused is tried again by the next run."""
        return bool(self._statuses[row]) and _ORDER[self._statuses[row] - 1] in DONE

    def counts(self) -> dict[str, int]:
        return {status: self._statuses.count(n + 1) for n, status in enumerate(_ORDER)}

    def results(self) -> Iterator[Result]:
        """The last result of each row, as they were written."""
        self._file.seek(0)
        place = 0
        for line in self._file:
            begins, place = place, place + len(line)
            if not line.endswith(b"\n"):  # cut off: the disk is full
                return
            if begins and self._last[(found := json.loads(line))["row"]] == begins:
                yield Result(**found)

    def _note(self, row: int, status: str, place: int) -> None:
        if row not in range(1, len(self._last)):
            raise ValueError(f"there is no row {row}")
        self._last[row], self._statuses[row] = place, _ORDER.index(status) + 1

    def _read(self) -> None:
        self._file.seek(0)
        first, whole = self._file.readline(), json.dumps(self._about).encode() + b"\n"
        if first != whole and whole.startswith(first):  # nothing yet, or not even this was written whole
            self._file.truncate(0)
            self._file.write(whole)
            self._file.flush()
            return
        other = f"{self.path} is what became of another file, or of another organisation."
        hint = "Remove it to begin anew: who was invited already is not invited again."
        try:
            if json.loads(first) != self._about:
                raise UsageError(other, hint)
            place = len(first)
            for line in self._file:
                if not line.endswith(b"\n"):  # cut off by a kill: the row is asked about again
                    self._file.truncate(place)
                    break
                found = Result(**json.loads(line))
                self._note(found.row, found.status, place)
                place += len(line)
        except (ValueError, TypeError, RecursionError) as error:
            raise UsageError(f"{self.path} cannot be read: {error}.", hint) from error


_ORDER = (*DONE, INVALID)


class Api:
    """The API as one person calls it. send: one request; sign_in: a new token"""

    def __init__(self, send: Callable[[str, str, str, bytes | None], Answer], sign_in: Callable[[], str]) -> None:
        self._send = send
        self._sign_in = sign_in
        self._token: str | None = None

    def call(self, method: str, path: str, body: object = None) -> Answer:
        """The answer, which is no passing fault. Raises ToolError.

        A token lasts an hour, and ten thousand invitations may take longer.
        """
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        pause, left, signed_in = _FIRST_PAUSE, _PATIENCE, False
        while True:
            if self._token is None:
                self._token, signed_in = self._sign_in(), True
            left -= 1
            asked = 0
            try:
                answer = self._send(method, path, self._token, content)
            except ToolError:
                if not left:
                    raise
            else:
                if answer.status == 401 and not signed_in:
                    self._token, left = None, left + 1  # that was no attempt: it is what an hour's end looks like
                    continue
                asked = _asked_to_wait(answer)
                if answer.status not in _PASSING or not left or asked > _LONGEST_WAIT:
                    return answer
            time.sleep(max(pause, asked))
            pause = min(_LONGEST_PAUSE, 2 * pause)


def _asked_to_wait(answer: Answer) -> int:
    """For how many seconds, by Retry-After; 0 where it does not say."""
    said = next((value for name, value in answer.headers if name.lower() == "retry-after"), "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 10 else 0


class Names:
    """Ids of roles, teams and team roles of an organisation, by what rows call them: the id or the name."""

    # Names of roles are in capitals; a team's may be anything, and hardly what an id is.
    _KINDS: ClassVar[dict[str, tuple[str, str, re.Pattern[str]]]] = {
        "role": ("roles", "roleId", re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")),
        "team": ("teams", "teamId", re.compile(r"team-[a-z0-9]{26}")),
        "teamRole": ("team-roles", "teamRoleId", re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")),
    }

    def __init__(self, api: Api, organisation: str) -> None:
        self._api = api
        self._organisation = organisation
        self._found = lru_cache(maxsize=1000)(self._find)

    def body(self, row: Row) -> dict[str, str] | str:
        """What the API is asked for a row; or what is wrong with it, where it has a name that nothing has."""
        body = {name: row.values[name] for name in ("email", "message") if name in row.values}
        for kind, (_, id_name, _) in self._KINDS.items():
            if kind in row.values:
                found = self._found(kind, row.values[kind])
                if found is None:
                    return f"There is no active {_SAID[kind]} {row.values[kind]!r} in this organisation."
                body[id_name] = found
        return body

    def _find(self, kind: str, called: str) -> str | None:
        path, id_name, an_id = self._KINDS[kind]
        if an_id.fullmatch(called):
            return called
        query = urlencode({"name": called, "active": "true"})
        answer = self._api.call("GET", f"/organisations/{self._organisation}/{path}?{query}")
        if answer.failed and answer.status != 400:  # what cannot be a name is one that nothing has
            refused = _refused(answer)
            if answer.status == 403:
                refused.hint = f"Whoever may not read {path} names them by id."
            raise refused
        items = [] if answer.failed else _content(answer)["items"]
        with _understood(answer):
            return _text(items[0][id_name]) if items else None


_SAID = {"role": "role", "team": "team", "teamRole": "team role"}


_Asked = tuple[Row, dict]  # a row, and what the API is asked for it


class Inviting:
    """A run over a file. said: told how far it is, after each request"""

    def __init__(self, api: Api, organisation: str, journal: Journal, said: Callable[[str], None]) -> None:
        self._api = api
        self._path = f"/organisations/{organisation}/invitations/bulk"
        self._names = Names(api, organisation)
        self._journal = journal
        self._said = said

    def run(self, invitees: Invitees) -> None:
        """Invite everybody of whom the journal does not say that it is done. Raises ToolError where it has to stop."""
        for batch in self._batches(invitees):
            self._send(batch)
            self._said(progress(self._journal.counts(), invitees.rows))

    def _batches(self, invitees: Iterable[Row]) -> Iterator[list[_Asked]]:
        """Rows with their bodies, as many as a request takes; what cannot be asked has its result already."""
        batch, size = [], 0
        for row in invitees:
            if self._journal.is_done(row.number):
                continue
            body = f"The row {row.problem}." if row.problem else self._names.body(row)
            if isinstance(body, str):
                self._journal.add([Result(row.number, row.line, row.email, INVALID, "VALIDATION_ERROR", body)])
                continue
            length = len(json.dumps(body, ensure_ascii=False).encode()) + 2
            if batch and (len(batch) == _AT_ONCE or size + length > _LARGEST):
                yield batch
                batch, size = [], 0
            batch.append((row, body))
            size += length
        if batch:
            yield batch

    def _send(self, batch: list[_Asked]) -> None:
        """Send rows until each has its result."""
        pause, left = _FIRST_PAUSE, _PATIENCE
        while batch:
            answer = self._api.call("POST", self._path, {"invitations": [body for _, body in batch]})
            if answer.failed:
                refused = _refused(answer)
                if answer.status != 403 or _FIREWALL not in refused.message:
                    raise refused
                # It looks at texts, and something in one row must not keep the others out.
                if len(batch) == 1:
                    [(row, _)] = batch
                    self._journal.add([Result(row.number, row.line, row.email, INVALID, "FORBIDDEN", refused.message)])
                    return
                middle = len(batch) // 2
                self._send(batch[:middle])
                batch = batch[middle:]
                continue
            results, again, seconds, limited = _outcome(batch, answer)
            self._journal.add(results)
            if not again:
                return
            if len(again) < len(batch):
                pause, left = _FIRST_PAUSE, _PATIENCE
            batch = again
            if limited:
                self._wait(seconds)
                continue
            left -= 1
            if not left:
                raise ToolError("The API is too busy to go on.", "Run the same command again: it goes on from here.")
            time.sleep(max(pause, seconds))
            pause = min(_LONGEST_PAUSE, 2 * pause)

    def _wait(self, seconds: int) -> None:
        if seconds > _LONGEST_WAIT:
            moment = datetime.now(UTC) + timedelta(seconds=min(seconds, 86400))
            raise ToolError(
                "The organisation has created as many invitations as it may in a day.",
                f"Run the same command again after {moment:%H:%M} UTC: it goes on from here.",
            )
        self._said(f"{seconds} s until more may be invited")
        time.sleep(seconds)


def _outcome(batch: list[_Asked], answer: Answer) -> tuple[list[Result], list[_Asked], int, bool]:
    """What became of rows; those to be sent again, after how many seconds, and whether a limit is why.

    Raises ToolError for an answer that makes no sense.
    """
    found = _content(answer)
    if len(found["items"]) != len(batch):
        raise ToolError("The API's answer is about other rows than those that were sent.")
    results, again, limited = [], [], False
    with _understood(answer):
        for (row, body), item in zip(batch, found["items"], strict=True):
            if item["status"] == RETRY:
                again.append((row, body))
                limited = limited or item["error"]["code"] == "RATE_LIMITED"
            else:
                results.append(_result(row, item))
        seconds = max(0, int(found["retryAfter"])) if again else 0
    return results, again, seconds, limited


def _result(row: Row, item: dict[str, Any]) -> Result:
    error = item.get("error", {})
    details = error.get("details")
    message = error.get("message", "")
    if error.get("code") == "VALIDATION_ERROR" and isinstance(details, list):
        said = [f"{one['field'].rpartition('.')[2]} {one['message']}" for one in details]
        message = f"{message} {'; '.join(said)}"
    _ORDER.index(item["status"])  # raises for one that this tool does not know
    texts = item["status"], error.get("code", ""), message, item.get("invitationId", "")
    return Result(row.number, row.line, row.email, *map(_text, texts))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


@contextlib.contextmanager
def _understood(answer: Answer) -> Iterator[None]:
    """Tells what is not as the API says it: it may be a proxy's, or that of a newer API than this tool knows."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ToolError(
            f"What answers {answer.status} makes no sense ({type(error).__name__}: {error}).",
            "Is there a proxy in between, or a newer tool?",
        ) from error


def _content(answer: Answer) -> dict[str, Any]:
    """The body of a success. Raises ToolError for what is none of the API, such as a proxy's page."""
    try:
        found = json.loads(answer.body)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("items"), list):
        raise ToolError(f"What answers {answer.status} is not the API.", "Is there a proxy in between?")
    return found


def _refused(answer: Answer) -> ToolError:
    """Why the API did not take a request at all."""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        error = json.loads(answer.body)["error"]
        return ToolError(f"The API refuses: {error['message']} ({error['code']}, request {error['requestId']})")
    return ToolError(f"The API answers {answer.status} {answer.reason}.")


def progress(counts: dict[str, int], rows: int) -> str:
    """How far it is."""
    done = sum(counts.values())
    return f"{done:,} of {rows:,} rows, {counts[CREATED]:,} invited, {counts[INVALID]:,} refused"


def unfinished(report: Path) -> Path:
    """Where a report lies until it is whole."""
    return report.with_name(report.name + ".part")


def check_report(report: Path, *others: Path) -> None:
    """Raises UsageError where a report cannot be written, or would be written over what is needed."""
    places = {report.resolve(), unfinished(report).resolve()}
    taken = not places.isdisjoint(other.resolve() for other in others)
    taken = taken or any(place.exists() and not place.is_file() for place in places)  # a folder, or /dev/null
    if taken or not report.parent.is_dir() or not os.access(report.parent, os.W_OK | os.X_OK):
        raise UsageError(f"The report cannot be written to {report}.")


def write_report(path: Path, results: Iterable[Result]) -> int:
    """Write each row that was not invited, and why, as CSV that no spreadsheet runs; how many there are.

    Without any, the file of an earlier run goes.
    """
    found = 0
    rest = unfinished(path)
    with rest.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["line", "email", "status", "code", "message", "invitationId"])
        for one in results:
            if one.status != CREATED:
                found += 1
                values = (one.email, one.status, one.code, one.message, one.invitationId)
                writer.writerow([one.line, *map(harmless, values)])
    if found:
        rest.replace(path)
    else:
        rest.unlink()
        path.unlink(missing_ok=True)
    return found
