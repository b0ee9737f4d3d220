"""`bbws-access invite`: every row has one result, whatever the file, the API or a kill does."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import random
import resource
import signal
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bbws_access.cli import invite, invitees
from bbws_access.cli.api import Answer
from bbws_access.cli.errors import ToolError, UsageError
from bbws_access.cli.invite import Api, Inviting, Journal, write_report
from bbws_access.cli.invitees import Invitees
from bbws_access.commands.main import app

ORG = "org-acme"
ROLE = "role-01kaxgf1mb5w2e8r6t1y9u3q7p"


class Killed(BaseException):
    """The process ends here."""


class Server:
    """The API, as far as invitations go: what it stores, and what it is asked. `faults`: instead of the next answers.

    A fault that is a function is called after the request was carried out, as if its answer got lost.
    """

    def __init__(self) -> None:
        self.created: dict[str, dict] = {}
        self.requests: list[int] = []
        self.looked_up: list[str] = []
        self.faults: list[object] = []
        self.room = 10**9
        self.members: set[str] = set()
        self.tokens = 0

    def sign_in(self) -> str:
        self.tokens += 1
        return f"token-{self.tokens}"

    def send(self, method: str, path: str, token: str, body: bytes | None) -> Answer:
        if method == "GET":
            self.looked_up.append(path)
            name = path.partition("name=")[2].partition("&")[0]
            known = {"PUBLISHER": {"roleId": ROLE}, "Web+team": {"teamId": "team-1"}, "LEAD": {"teamRoleId": "trole-1"}}
            return _answer(200, {"items": [known[name]] if name in known else []})
        assert path == f"/organisations/{ORG}/invitations/bulk"
        assert len(body) <= 64 * 1024
        rows = json.loads(body)["invitations"]
        assert 1 <= len(rows) <= 100
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None and not callable(fault):
            if isinstance(fault, BaseException):
                raise fault
            return fault
        self.requests.append(len(rows))
        items = [self._created(position, row) for position, row in enumerate(rows)]
        if fault is not None:
            fault()
        found = {"items": items, "count": len(items)}
        if any(one["status"] == "RETRY" for one in items):
            found["retryAfter"] = 7
        return _answer(200, found)

    def _created(self, position: int, row: dict) -> dict:
        email = row["email"].lower()
        found = {"position": position, "email": email}
        if row["roleId"] != ROLE:
            return {
                **found,
                "status": "INVALID",
                "error": {"code": "ROLE_NOT_FOUND", "message": "There is no such role."},
            }
        if email in self.members:
            return {**found, "status": "ALREADY_MEMBER", "error": {"code": "ALREADY_HELD", "message": "Has it."}}
        if email in self.created:
            error = {"code": "INVITATION_PENDING", "message": "There is a pending invitation for this address."}
            return {**found, "status": "ALREADY_INVITED", "invitationId": "inv-1", "error": error}
        if not self.room:
            return {**found, "status": "RETRY", "error": {"code": "RATE_LIMITED", "message": "Later."}}
        self.room -= 1
        self.created[email] = row
        return {**found, "status": "CREATED", "invitationId": f"inv-{len(self.created)}"}


def _answer(status: int, body: object) -> Answer:
    return Answer(status, "", [], json.dumps(body).encode())


def error(status: int, code: str, message: str = "no") -> Answer:
    return _answer(status, {"error": {"code": code, "message": message, "requestId": "r-1"}})


def later(status: int, seconds: str) -> Answer:
    found = error(status, "MAIL_NOT_CONFIGURED")
    return Answer(found.status, found.reason, [("Content-Type", "x"), ("retry-after", seconds)], found.body)


def _mutated(chance: random.Random, value: object) -> object:
    """JSON in which some values are others, and some are missing."""
    if chance.random() < 0.15:
        return chance.choice([None, 1, -1, "", "x", [], {}, True, 1e300, "RETRY", "LOST", [[]], {"a": 1}])
    if isinstance(value, dict):
        return {name: _mutated(chance, one) for name, one in value.items() if chance.random() > 0.05}
    return [_mutated(chance, one) for one in value] if isinstance(value, list) else value


class Run:
    def __init__(self, server: Server, file: Path) -> None:
        self.server, self.file, self.said = server, file, []
        self.journal = file.with_name(file.name + ".progress")

    def __call__(self, **defaults: str) -> dict[str, int]:
        found = Invitees(self.file, defaults)
        with Journal(self.journal, {"file": found.digest, "organisation": ORG}, found.rows) as journal:
            try:
                Inviting(Api(self.server.send, self.server.sign_in), ORG, journal, self.said.append).run(found)
            finally:
                self.results = list(journal.results())
                self.counts = journal.counts()
        return self.counts

    def write(self, rows: list[str], header: str = "email,role", end: str = "\n") -> None:
        self.file.write_bytes("\n".join([header, *rows]).encode() + end.encode())


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long it would have waited."""
    found: list[float] = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found


@pytest.fixture
def run(tmp_path: Path, waits: list[float]) -> Run:
    return Run(Server(), tmp_path / "people.csv")


def people(number: int) -> list[str]:
    return [f"person-{n}@acme.example,{ROLE}" for n in range(number)]


class TestFiles:
    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "is empty"),
            (b"email,role\n", "has no row"),
            (b"email,role\n\n \n", "has no row"),
            (b"name,role\na@b.example,X\n", "a column 'name'"),
            (b"role\nX\n", "no column email"),
            (b"email,role,E-mail\na@b.example,X,\n", "a column 'E-mail'"),
            (b"email,role,Email\na@b.example,X,\n", "column email twice"),
            (b"email\na@b.example\n", "no column role"),
            (b"a@b.example,X\n", "a column 'a@b.example'"),
            ("email,role\nä@b.example,X\n".encode("latin-1"), "is not UTF-8"),
            ("email,role\na@b.example,X\n".encode("utf-16"), "no text in UTF-8"),
            (b"email,role\na@b.example,X", "cut off"),
            (b"email,role\na@b.exa", "cut off"),
            (b'email,role\n"a@b.example,X\n', "is no CSV from line"),
            (b'"email"x,role\na@b.example,X\n', "is no CSV from line 1"),
            (b'"email\n', "is no CSV from line 1"),
            (b'"' + b"x" * 200_000 + b'",email\na,b\n', "is no CSV from line 1"),
            (b"\r\n", "no column email"),
            (b'email,role\n"a"b@b.example,X\n', "is no CSV from line 2"),
            (b'email,role\na@b.example,"' + b"x" * 200_000 + b'"\n', "is no CSV from line"),
            (b"PK\x03\x04\0\0", "no text in UTF-8"),
        ],
    )
    def test_what_is_no_such_file(self, run: Run, content: bytes, said: str) -> None:
        run.file.write_bytes(content)
        with pytest.raises(UsageError, match=said.replace("(", "\\(")):
            run()
        assert run.server.requests == []
        assert not run.journal.exists()

    def test_a_file_that_is_not_there(self, run: Run) -> None:
        with pytest.raises(UsageError, match="cannot be read"):
            run()

    def test_one_that_cannot_be_read_twice(self) -> None:
        """What a shell puts in the place of <(command); opening it once more would wait for ever."""
        reader, writer = os.pipe()
        os.write(writer, f"email,role\na@b.example,{ROLE}\n".encode())
        os.close(writer)
        with pytest.raises(UsageError, match="no file that can be read twice"):
            Invitees(Path(f"/dev/fd/{reader}"), {})
        os.close(reader)

    @pytest.mark.parametrize("rows", ["fewer", "more", "others"])
    @pytest.mark.parametrize("replaced", [False, True], ids=["written over", "replaced"])
    def test_one_that_changes_between(self, run: Run, rows: str, replaced: bool) -> None:
        """Rows are known by their numbers: whoever stands at one now must not pass for whoever stood there before."""
        contents = {"fewer": people(10), "more": people(3010), "others": [f"x{one}" for one in people(3000)]}

        def changed() -> None:
            if replaced:
                run.file.unlink()
            run.write(contents[rows])

        run.write(people(3000))
        found = Invitees(run.file, {})
        changed()
        with pytest.raises(UsageError, match="was changed while it was read"):
            next(iter(found))
        run.write(people(3000))
        run.server.faults = [changed]
        if replaced:  # what was opened is what was looked through
            assert run()["CREATED"] == 3000
        else:
            with pytest.raises(UsageError, match="was changed while it was read"):
                run()
        assert set(run.server.created) <= {one.partition(",")[0] for one in people(3000)}

    def test_one_that_is_too_long(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(invitees, "MOST_ROWS", 3)
        run.write(people(3))
        assert run()["CREATED"] == 3
        run.write(people(4))
        with pytest.raises(UsageError, match="more than 3 rows"):
            run()

    @pytest.mark.parametrize(
        "content",
        [
            "\ufeffemail,role\r\na@b.example,PUBLISHER\r\n",
            "Email;Role;Team Role;team\na@b.example;PUBLISHER;;\n",
            'role,email\nPUBLISHER,"a@b.example"\n\n\n',
            "email,role\n  a@b.example , PUBLISHER \n",
            "email,role\ra@b.example,PUBLISHER\r",
        ],
    )
    def test_what_spreadsheets_write(self, run: Run, content: str) -> None:
        run.file.write_bytes(content.encode())
        assert run()["CREATED"] == 1
        assert run.server.created == {"a@b.example": {"email": "a@b.example", "roleId": ROLE}}

    def test_wrong_rows_keep_no_others_out(self, run: Run) -> None:
        rows = [
            "good@acme.example,PUBLISHER,,,",
            "no address,PUBLISHER,,,",
            ",PUBLISHER,,,",
            "short@acme.example",
            "long@acme.example,PUBLISHER,,,,more",
            "GOOD@acme.example,PUBLISHER,,,",
            "none@acme.example,NOBODY,,,",
            "norole@acme.example,,,,",
            "noteam@acme.example,PUBLISHER,,LEAD,",
            f"{'x' * 250}@acme.example,PUBLISHER,,,",
            f"word@acme.example,PUBLISHER,,,{'x' * 501}",
            "=1+1@acme.example,role-none,,,",
            'fine@acme.example,PUBLISHER,Web team,LEAD,"Hello,\n""you"""',
        ]
        run.write(rows, "email,role,team,teamRole,message")
        assert run() == {"CREATED": 2, "ALREADY_INVITED": 0, "ALREADY_MEMBER": 0, "INVALID": 11}
        said = {one.line: one.message for one in run.results if one.status == "INVALID"}
        assert list(said) == [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]
        for line, words in (
            (3, "no address that mail"),
            (4, "has no address"),
            (5, "has 1 values, and the header 5"),
            (6, "has 6 values"),
            (7, "is the address of line 2, too"),
            (8, "There is no active role 'NOBODY'"),
            (9, "has no role"),
            (10, "and no team"),
            (11, "has a email of"),
            (12, "has a message of 501"),
            (13, "There is no such role"),
        ):
            assert words in said[line], said[line]
        assert run.server.created["fine@acme.example"] == {
            "email": "fine@acme.example",
            "roleId": ROLE,
            "teamId": "team-1",
            "teamRoleId": "trole-1",
            "message": 'Hello,\n"you"',
        }

    def test_each_name_is_looked_up_once(self, run: Run) -> None:
        run.write([f"p{n}@acme.example,{('PUBLISHER', 'NOBODY')[n % 2]}" for n in range(300)])
        run()
        assert len(run.server.looked_up) == 2

    def test_ids_are_taken_as_they_are(self, run: Run) -> None:
        team = "team-01kaxgf1mb5w2e8r6t1y9u3q7p"
        run.write(
            [f"a@acme.example,{ROLE},{team},trole-1", f"b@acme.example,{ROLE},team-web,"], "email,role,team,teamRole"
        )
        assert run()["CREATED"] == 1
        assert run.server.created["a@acme.example"] | {"email": ""} == {
            "email": "",
            "roleId": ROLE,
            "teamId": team,
            "teamRoleId": "trole-1",
        }
        assert [path.partition("?")[2] for path in run.server.looked_up] == ["name=team-web&active=true"]

    def test_a_role_for_all(self, run: Run) -> None:
        run.write(["a@acme.example", "b@acme.example"], "email")
        assert run(role="PUBLISHER")["CREATED"] == 2

    def test_large_rows_go_in_smaller_requests(self, run: Run) -> None:
        run.write([f"p{n}@acme.example,{ROLE},{'ä' * 500}" for n in range(100)], "email,role,message")
        assert run()["CREATED"] == 100
        assert len(run.server.requests) == 2

    def test_a_hundred_thousand_rows_take_little_memory(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is kept of a row is its hash, its line and its result's place: no more than 400 bytes."""
        number = 10_000
        run.write([f"person-{n}@acme.example,{ROLE},{'x' * 400}" for n in range(number)], "email,role,message")
        tracemalloc.start()
        found = Invitees(run.file, {})
        with Journal(run.journal, {}, found.rows) as journal:
            for row in found:
                journal.add([invite.Result(row.number, row.line, row.email, "CREATED")])
            written = write_report(run.file.with_name("report.csv"), journal.results())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert (found.rows, written) == (number, 0)
        assert peak < number * 400 + 2_000_000
        assert number * 10 == invitees.MOST_ROWS


class TestAgain:
    def test_a_second_run_sends_nothing(self, run: Run) -> None:
        run.write(people(250))
        first = run()
        assert run.server.requests == [100, 100, 50]
        assert run() == first
        assert run.server.requests == [100, 100, 50]

    @pytest.mark.parametrize("lost", [False, True], ids=["before the request", "after it, without its answer"])
    @pytest.mark.parametrize("number", [0, 1, 2])
    def test_killed_and_started_again(self, run: Run, number: int, lost: bool) -> None:
        def kill() -> None:
            raise Killed

        run.write(people(250))
        run.server.faults = [None] * number + [kill if lost else Killed()]
        with pytest.raises(Killed):
            run()
        counts = run()
        assert len(run.server.created) == 250
        assert counts["CREATED"] + counts["ALREADY_INVITED"] == 250
        assert counts["ALREADY_INVITED"] == ((100, 100, 50)[number] if lost else 0)
        assert [one.row for one in run.results] == list(range(1, 251))

    @pytest.mark.parametrize("seed", range(5))
    def test_killed_while_it_writes(self, run: Run, seed: int) -> None:
        """The file of results is cut off anywhere: nothing is lost, nothing twice."""
        run.write([*people(120), "wrong"])
        run()
        whole = run.journal.read_bytes()
        cut = random.Random(seed).randrange(len(whole))
        run.journal.write_bytes(whole[:cut])
        counts = run()
        assert len(run.server.created) == 120
        assert counts["CREATED"] + counts["ALREADY_INVITED"] == 120
        assert sorted(one.row for one in run.results) == list(range(1, 122))

    def test_a_disk_that_gets_full(self, run: Run) -> None:
        """It says so, and what is left of the last line is nobody's result. A limit on files stands in for the disk."""
        run.write(people(250))
        before, ends = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
        try:
            with pytest.raises(OSError, match="too large"):
                run()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, ends)
        assert not run.journal.read_bytes().endswith(b"\n")
        assert len(run.results) == sum(run.counts.values()) == 100
        counts = run()
        assert len(run.server.created) == counts["CREATED"] + counts["ALREADY_INVITED"] == 250
        assert sorted(one.row for one in run.results) == list(range(1, 251))

    def test_what_was_refused_is_tried_again(self, run: Run) -> None:
        run.write([*people(2), "new@acme.example,NEW"])
        assert run()["INVALID"] == 1
        created = run.server._created
        run.server._created = lambda position, row: created(position, {**row, "roleId": ROLE})
        send = run.server.send

        def knows(method: str, path: str, token: str, body: bytes | None) -> Answer:
            return (
                _answer(200, {"items": [{"roleId": "role-new"}]})
                if method == "GET"
                else send(method, path, token, body)
            )

        run.server.send = knows
        assert run() == {"CREATED": 3, "ALREADY_INVITED": 0, "ALREADY_MEMBER": 0, "INVALID": 0}
        assert run.server.requests == [2, 1]

    def test_another_file_of_the_same_name(self, run: Run) -> None:
        run.write(people(2))
        run()
        run.write(people(3))
        with pytest.raises(UsageError, match="became of another file"):
            run()

    @pytest.mark.parametrize("content", [b"nonsense\n", b"[]\n", b"\xff\xfe\n"])
    def test_results_that_make_no_sense(self, run: Run, content: bytes) -> None:
        run.write(people(2))
        run.journal.write_bytes(content)
        with pytest.raises(UsageError, match="progress"):
            run()
        run.journal.unlink()
        run()
        run.journal.write_bytes(run.journal.read_bytes() + b'{"row": 99, "status": "CREATED"}\n')
        with pytest.raises(UsageError, match="cannot be read"):
            run()

    @pytest.mark.parametrize("content", [b"somebody's notes", b"{}", b"\0" * 100])
    def test_a_file_of_somebody_elses_stays(self, run: Run, content: bytes) -> None:
        run.write(people(2))
        run.journal.write_bytes(content)
        with pytest.raises(UsageError, match=r"became of another file|cannot be read"):
            run()
        assert run.journal.read_bytes() == content

    @pytest.mark.parametrize(
        "line",
        [
            '{"row": 1, "status": "CREATED"}',
            '{"row": 1, "line": 2, "email": "", "status": "CREATED", "more": 1}',
            '{"row": 0, "line": 2, "email": "", "status": "CREATED"}',
            '{"row": -1, "line": 2, "email": "", "status": "CREATED"}',
            '{"row": 1.5, "line": 2, "email": "", "status": "CREATED"}',
            '{"row": 1, "line": 2, "email": "", "status": "LOST"}',
            f"{'[' * 100_000}",
        ],
    )
    def test_a_result_that_is_none(self, run: Run, line: str) -> None:
        run.write(people(2))
        run()
        run.journal.write_bytes(run.journal.read_bytes() + line.encode() + b"\n")
        with pytest.raises(UsageError, match="cannot be read"):
            run()

    def test_two_runs_at_once(self, run: Run) -> None:
        run.write(people(2))

        def second() -> None:
            with pytest.raises(ToolError, match="Another run"):
                Run(run.server, run.file)()

        run.server.faults = [second]
        assert run()["CREATED"] == 2


class TestTrouble:
    def test_the_limit_of_the_minute_is_waited_for(
        self, run: Run, waits: list[float], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run.write(people(150))
        run.server.room = 120

        def slept(seconds: float) -> None:
            waits.append(seconds)
            run.server.room = 1000

        monkeypatch.setattr(time, "sleep", slept)
        assert run()["CREATED"] == 150
        assert waits == [7]
        assert run.server.requests == [100, 50, 30]

    def test_the_limit_of_the_day_ends_it(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        run.write(people(150))
        run.server.room = 120
        monkeypatch.setattr(invite, "_LONGEST_WAIT", 5)
        with pytest.raises(ToolError, match="in a day") as stopped:
            run()
        assert "Run the same command again after" in stopped.value.hint
        assert run.counts["CREATED"] == 120
        run.server.room = 1000
        assert run()["CREATED"] == 150

    @pytest.mark.parametrize(
        "fault",
        [
            error(429, "TOO_MANY_REQUESTS"),
            error(502, "SERVICE_UNAVAILABLE"),
            error(503, "SERVICE_UNAVAILABLE"),
            error(504, "SERVICE_UNAVAILABLE"),
            ToolError("does not answer"),
        ],
    )
    def test_a_passing_fault(self, run: Run, fault: object) -> None:
        run.write(people(150))
        run.server.faults = [fault, fault, None, fault]
        assert run()["CREATED"] == 150
        assert run.server.requests == [100, 50]
        run.write(people(151))
        run.journal.unlink()
        run.server.faults = [fault] * 8
        with pytest.raises(ToolError):
            run()

    @pytest.mark.parametrize(
        ("said", "waited"), [("40", 40), ("0", 1), ("soon", 1), ("-5", 1), ("", 1), ("Mon, 30 Nov 2026 20:00:00", 1)]
    )
    def test_it_waits_as_long_as_it_is_asked_to(self, run: Run, waits: list[float], said: str, waited: float) -> None:
        run.write(people(2))
        run.server.faults = [later(429, said)]
        assert run()["CREATED"] == 2
        assert waits == [waited]

    def test_what_takes_an_hour_is_said_at_once(self, run: Run, waits: list[float]) -> None:
        """Nobody can be invited where there is no sender of mails."""
        run.write(people(2))
        run.server.faults = [later(503, "3600")] * 2
        with pytest.raises(ToolError, match="MAIL_NOT_CONFIGURED"):
            run()
        assert (waits, len(run.server.faults)) == ([], 1)

    def test_rows_that_the_api_cannot_do_now(self, run: Run, waits: list[float]) -> None:
        """Some of each request, then all of one for ever."""
        run.write(people(100))
        created = run.server._created

        def busy(position: int, row: dict) -> dict:
            if position % 2 and len(run.server.requests) < 4:
                later = {"code": "SERVICE_UNAVAILABLE", "message": "busy"}
                return {"position": position, "status": "RETRY", "error": later}
            return created(position, row)

        run.server._created = busy
        assert run()["CREATED"] == 100
        assert run.server.requests == [100, 50, 25, 12]
        run.write(people(200))
        run.journal.unlink()
        later = {"status": "RETRY", "error": {"code": "SERVICE_UNAVAILABLE", "message": "busy"}}
        run.server._created = lambda position, row: {**later, "position": position}
        with pytest.raises(ToolError, match="too busy"):
            run()
        assert len(run.server.requests) == 4 + 8

    def test_a_token_that_ends_is_renewed(self, run: Run) -> None:
        run.write(people(250))
        run.server.faults = [None, error(401, "UNAUTHORIZED"), None]
        assert run()["CREATED"] == 250
        assert run.server.tokens == 2
        run.write(people(251))
        run.journal.unlink()
        run.server.faults = [error(401, "UNAUTHORIZED")] * 2
        with pytest.raises(ToolError, match="UNAUTHORIZED"):
            run()

    def test_a_token_that_ends_when_patience_does(self, run: Run) -> None:
        run.write(people(150))
        run.server.faults = [None, *[error(503, "SERVICE_UNAVAILABLE")] * 7, error(401, "UNAUTHORIZED"), None]
        assert run()["CREATED"] == 150
        assert run.server.tokens == 2

    @pytest.mark.parametrize(
        "fault", [error(403, "FORBIDDEN"), error(404, "ORGANISATION_NOT_FOUND"), Answer(500, "Oh", [], b"<html>")]
    )
    def test_what_ends_it_at_once(self, run: Run, fault: Answer) -> None:
        run.write(people(150))
        run.server.faults = [None, fault]
        with pytest.raises(ToolError, match=r"refuses|answers 500"):
            run()
        assert run.counts["CREATED"] == 100
        assert run()["CREATED"] == 150

    @pytest.mark.parametrize(
        "fault",
        [
            Answer(200, "OK", [], b"<html>Sign in to the network</html>"),
            Answer(200, "OK", [], b"[]"),
            Answer(200, "OK", [], b'{"items": []}'),
        ],
    )
    def test_an_answer_that_is_not_the_apis(self, run: Run, fault: Answer) -> None:
        run.write(people(150))
        run.server.faults = [None, fault]
        with pytest.raises(ToolError, match=r"not the API|about other rows"):
            run()
        assert run.counts["CREATED"] == 100
        assert run()["CREATED"] == 150

    @pytest.mark.parametrize("seed", range(20))
    def test_an_answer_of_another_form(self, run: Run, seed: int) -> None:
        """However it differs, it is told in one sentence, and what was invited is known by the next run."""
        chance, send = random.Random(seed), run.server.send

        def odd(*request: object) -> Answer:
            answer = send(*request)
            if chance.random() < 0.3:
                return answer
            status = chance.choice([200, 200, 200, 302, 400, 403])
            return _answer(status, _mutated(chance, json.loads(answer.body)))

        run.write([*people(3), "last@acme.example,PUBLISHER"])
        run.server.send, run.server.room = odd, chance.choice([2, 10**9])
        for _ in range(10):
            with contextlib.suppress(ToolError):
                run()
        run.server.send, run.server.room = send, 10**9
        run.journal.unlink()
        assert sum(run().values()) == len(run.server.created) == 4

    def test_whoever_may_not_read_roles_is_told_what_to_do(self, run: Run) -> None:
        run.write(["a@acme.example,PUBLISHER"])
        send = run.server.send
        run.server.send = lambda method, *rest: error(403, "FORBIDDEN") if method == "GET" else send(method, *rest)
        with pytest.raises(ToolError) as refused:
            run()
        assert refused.value.hint == "Whoever may not read roles names them by id."
        run.write([f"a@acme.example,{ROLE}"])
        run.journal.unlink()
        assert run()["CREATED"] == 1

    def test_the_firewall_keeps_out_one_row_and_no_other(self, run: Run) -> None:
        run.write([*people(60), f"odd@acme.example,{ROLE}", *[f"b{n}@acme.example,{ROLE}" for n in range(20)]])
        send = run.server.send

        def blocked(method: str, path: str, token: str, body: bytes | None) -> Answer:
            if body and b"odd@" in body:
                return error(403, "FORBIDDEN", "The request was refused by the firewall.")
            return send(method, path, token, body)

        run.server.send = blocked
        assert run() == {"CREATED": 80, "ALREADY_INVITED": 0, "ALREADY_MEMBER": 0, "INVALID": 1}
        assert [one.email for one in run.results if one.status == "INVALID"] == ["odd@acme.example"]


class TestReport:
    def test_who_was_not_invited_and_why(self, run: Run) -> None:
        run.server.members.add("member@acme.example")
        run.write([*people(2), f"member@acme.example,{ROLE}", "=cmd|' /C calc'!A0,X", f"person-3@acme.example,{ROLE}"])
        run()
        report = run.file.with_name("report.csv")
        assert write_report(report, run.results) == 2
        rows = list(csv.DictReader(report.open(newline="")))
        assert [(one["line"], one["email"], one["status"]) for one in rows] == [
            ("5", "'=cmd|' /C calc'!A0", "INVALID"),
            ("4", "member@acme.example", "ALREADY_MEMBER"),
        ]
        assert "no address that mail can be sent to" in rows[0]["message"]
        run.server.members.clear()
        assert write_report(report, []) == 0
        assert not report.exists()


class TestCommand:
    def test_a_wrong_file_ends_with_2_before_anything_else(self, tmp_path: Path) -> None:
        from bbws_access.commands.main import main

        (tmp_path / "x.csv").write_text("name\nx\n")
        assert ask(main, "invite", str(tmp_path / "x.csv"), "-o", "org-demo") == 2
        assert ask(main, "invite", str(tmp_path / "x.csv"), "-o", "ORG") == 2

    @pytest.mark.parametrize(
        "report", ["none/report.csv", "x.csv.part", "x.csv.part.progress", "x.csv", "folder", "/dev/null"]
    )
    def test_a_report_that_cannot_be_written(self, tmp_path: Path, report: str) -> None:
        """Beside the wrong places, it is written as x.csv.part before it is x.csv."""
        from bbws_access.commands.main import main

        file = tmp_path / "x.csv.part"
        file.write_text("email,role\na@b.example,X\n")
        (tmp_path / "folder").mkdir()
        assert ask(main, "invite", str(file), "-o", "org-demo", "--report", str(tmp_path / report)) == 2
        assert file.read_text().startswith("email")

    def test_it_needs_an_organisation(self) -> None:
        assert CliRunner().invoke(app, ["invite", "x.csv"]).exit_code == 2


def ask(main: Callable[[], None], *arguments: str) -> int:
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr("sys.argv", ["bbws-access", *arguments])
        patch.setattr("signal.signal", lambda *_: None)
        main()
    return ended.value.code
