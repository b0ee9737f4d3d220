"""A CSV file of people to invite: what it must look like, and its rows one after another, however many they are.

The file is looked through before anybody is invited. What makes it doubtful as a whole is refused; what is wrong with a
row is that row's result. Values are taken as text and nothing else.
"""

import csv
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bbws_access.cli.errors import UsageError
from bbws_access.kernel.contract import load_contract

MOST_ROWS = 100_000
COLUMNS = {"email": "email", "role": "role", "team": "team", "teamrole": "teamRole", "message": "message"}
_LONGEST_NAME = 100
_UTF8 = "Save it as UTF-8; in a spreadsheet that is the file type CSV UTF-8."


class Row(NamedTuple):
    """One row. number: 1 for the first after the header      line: where it begins in the file

    values: by the names of columns, without those that are empty      problem: what is wrong with it, None for nothing
    """

    number: int
    line: int
    values: dict[str, str]
    problem: str | None = None

    @property
    def email(self) -> str:
        return self.values.get("email", "")


class Invitees:
    """A file that can be read. `rows` is how many there are, `digest` the same for the same bytes.

    defaults: the values of columns for rows that leave them out: role, team, teamRole
    Raises UsageError for what is no such file.
    """

    def __init__(self, path: Path, defaults: dict[str, str]) -> None:
        self.path = path
        self._defaults = {name: value for name, value in defaults.items() if value}
        self._state = _first_state(path)
        self.digest = _digest(path)
        self.rows = sum(1 for _ in self)
        if not self.rows:
            raise UsageError(f"{path} has no row below its header.")

    def __iter__(self) -> Iterator[Row]:
        """The rows in their order; raises UsageError where the file cannot be read any further, or has changed."""
        seen: dict[bytes, int] = {}
        checker = _Checker()
        line = 1
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                self._check_same(file.fileno())
                reader, names = _reader(file, self.path)
                if "role" not in names and "role" not in self._defaults:
                    raise UsageError(f"{self.path} has no column role.", "Add it, or say --role NAME for all rows.")
                number, line = 0, reader.line_num + 1
                for found in reader:
                    self._check_same(file.fileno())
                    begins, line = line, reader.line_num + 1
                    if not any(value.strip() for value in found):
                        continue
                    number += 1
                    if number > MOST_ROWS:
                        raise UsageError(
                            f"{self.path} has more than {MOST_ROWS:,} rows.", "Split it, and invite each part."
                        )
                    given = {name: value.strip() for name, value in zip(names, found, strict=False) if value.strip()}
                    values = self._defaults | given
                    problem = checker.problem(values)
                    if len(found) != len(names):
                        problem = f"has {len(found)} values, and the header {len(names)}"
                    if problem is None:
                        # Two addresses of the same hash would be taken for one: once in 10^9 files of this size.
                        place = hashlib.blake2b(values["email"].lower().encode(), digest_size=8).digest()
                        first = seen.setdefault(place, begins)
                        if first != begins:
                            problem = f"is the address of line {first}, too: an address is invited once"
                    yield Row(number, begins, values, problem)
                self._check_same(file.fileno())  # it may end where it was cut off meanwhile
        except UnicodeDecodeError as error:
            raise UsageError(
                f"{self.path} is not UTF-8: {error.reason} ({error.object[error.start]:#04x}).", _UTF8
            ) from error
        except csv.Error as error:
            raise UsageError(
                f"{self.path} is no CSV from line {line} on: {error}.",
                'A value with a quotation mark, comma or line end stands in quotation marks, each inside doubled: "".',
            ) from error

    def _check_same(self, file: int) -> None:
        """What became of a row is kept by its number, so the rows must be those that were looked through."""
        if _state(os.fstat(file)) != self._state:
            raise UsageError(
                f"{self.path} was changed while it was read.", "Whoever is in a request that was sent is invited."
            )


def _state(found: os.stat_result) -> tuple[int, ...]:
    """What tells a file from another one, and from what it was."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _first_state(path: Path) -> tuple[int, ...]:
    """Raises UsageError for what is not there, or cannot be read again."""
    try:
        found = path.stat()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"{path} is no file that can be read twice.", "Save it as a file first.")
    return _state(found)


def _digest(path: Path) -> str:
    """The hash of a file's bytes. Raises UsageError for what cannot be a whole file of text."""
    found, last, first = hashlib.sha256(), b"", b""
    try:
        with path.open("rb") as file:
            while part := file.read(1 << 20):
                found.update(part)
                first, last = first or part[:4], part[-1:]
                if b"\0" in part:
                    raise UsageError(f"{path} is no text in UTF-8.", _UTF8)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    if not last:
        raise UsageError(f"{path} is empty.", "The first line names the columns, such as email,role.")
    if last not in b"\r\n":
        # Half an address may be somebody else's.
        raise UsageError(
            f"{path} ends in the middle of a line, so it may have been cut off.",
            "Get the whole file; where it is whole, add a line end.",
        )
    return found.hexdigest()


def _reader(file: Iterator[str], path: Path) -> tuple["csv._reader", list[str]]:
    """What reads the rows, and the names of the columns."""
    begin = file.read(65536)
    file.seek(0)
    header = re.split(r"[\r\n]", begin, maxsplit=1)[0]
    # What spreadsheets write where the comma is in numbers.
    separator = ";" if ";" in header and "," not in header else ","
    reader = csv.reader(file, delimiter=separator, strict=True)
    given = [name.strip() for name in next(reader)]
    names = [COLUMNS.get(name.lower().replace("_", "").replace(" ", "")) for name in given]
    known = ", ".join(COLUMNS.values())
    for name, column in zip(given, names, strict=True):
        if column is None:
            raise UsageError(
                f"{path} has a column {name!r}, which means nothing here.",
                f"The first line names the columns, which are {known}; email is needed.",
            )
        if names.count(column) > 1:
            raise UsageError(f"{path} has the column {column} twice.")
    if "email" not in names:
        raise UsageError(f"{path} has no column email.", f"The first line names the columns: {known}.")
    return reader, names


class _Checker:
    """What can be said of a row without asking anybody; the rest is for the API to say."""

    def __init__(self) -> None:
        fields = load_contract().operations["createInvitation"].body_schema["properties"]
        self._email = re.compile(fields["email"]["pattern"])
        self._longest = {"email": fields["email"]["maxLength"], "message": fields["message"]["maxLength"]}

    def problem(self, values: dict[str, str]) -> str | None:
        if "email" not in values:
            return "has no address"
        for name, value in values.items():
            longest = self._longest.get(name, _LONGEST_NAME)
            if len(value) > longest:
                return f"has a {name} of {len(value):,} characters; it may have {longest}"
        if not self._email.fullmatch(values["email"]):
            return "has no address that mail can be sent to"
        if "role" not in values:
            return "has no role"
        if "teamRole" in values and "team" not in values:
            return "has a role in a team, and no team"
        return None
