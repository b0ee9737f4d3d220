"""What `bbws-access review` writes: all of the review or no file, wherever it is stopped."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from bbws_access.cli import review
from bbws_access.cli.api import Answer, NoAnswerError
from bbws_access.cli.errors import ToolError, UsageError

SOURCE = "https://api.example.org/v1"
PATH = "/organisations/org-1/access-review"
HEADER = b"userId,kind\r\n"
CSV = ("Content-Type", "text/csv; charset=utf-8")


class Api:
    """A review in pages, which fails as it is told."""

    def __init__(self, *pages: bytes) -> None:
        self.pages = pages
        self.asked: list[str] = []
        self.failures: dict[int, list[Answer | Exception]] = {}

    def __call__(self, path: str) -> Answer:
        self.asked.append(path)
        number = (
            0 if path == f"{PATH}?format=csv-pages" else int(path.removeprefix(f"{PATH}?format=csv-pages&startAt="))
        )
        failures = self.failures.get(number)
        if failures:
            failure = failures.pop(0)
            if isinstance(failure, Exception):
                raise failure
            return failure
        more = number + 1 < len(self.pages)
        link = [("link", f'</v1{PATH}?format=csv-pages&startAt={number + 1}>; rel="next"')] if more else []
        return Answer(200, "OK", [CSV, *link], self.pages[number])


def failure(status: int, code: str, *headers: tuple[str, str]) -> Answer:
    body = json.dumps({"error": {"code": code, "message": "No."}}).encode()
    return Answer(status, "Reason", list(headers), body)


PAGES = (HEADER + b"a,1\r\n", b"b,2\r\nb,3\r\n", b"", b"c,4\r\n")
WHOLE = b"".join(PAGES)


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr(review.time, "sleep", slept.append)
    return slept


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "review.csv"


def write(api: Api, file: Path, **more: object) -> tuple[review.Progress, list[str]]:
    said: list[str] = []
    return review.write(api, "org-1", SOURCE, file, said.append, **more), said


def test_pages_become_one_file_for_its_owner(file: Path) -> None:
    done, said = write(Api(*PAGES), file)
    assert file.read_bytes() == WHOLE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in file.parent.iterdir()] == [file.name]
    assert (done.rows, done.size) == (4, len(WHOLE))
    assert said == ["1 rows", "3 rows", "3 rows", "4 rows"]


@pytest.mark.parametrize("number", range(len(PAGES)))
@pytest.mark.parametrize("code", ["FORBIDDEN", "UNAUTHORISED"])
def test_what_is_refused_in_the_midst_leaves_no_file_and_goes_on_later(file: Path, number: int, code: str) -> None:
    api = Api(*PAGES)
    api.failures[number] = [failure(403, code)]
    with pytest.raises(ToolError, match=f"403 {code}: No") as refused:
        write(api, file)
    assert "goes on from there" in refused.value.hint
    assert not file.exists()
    api.asked.clear()
    done, said = write(api, file)
    assert file.read_bytes() == WHOLE
    assert (done.rows, len(api.asked)) == (4, len(PAGES) - number)
    assert said[0].startswith("going on after") is (number > 0)


class Killed(BaseException):
    """Nobody catches it."""


@pytest.mark.parametrize("number", range(len(PAGES)))
@pytest.mark.parametrize("when", ["page", "state", "end"])
def test_whoever_is_killed_anywhere_loses_and_doubles_nothing(
    file: Path, number: int, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    api, count = Api(*PAGES), 0
    with monkeypatch.context() as patch:
        if when == "page":
            synced = review.os.fsync

            def fsync(handle: int) -> None:
                nonlocal count
                count += 1
                if count == number + 1:
                    # Half of the page is there.
                    review.os.ftruncate(handle, max(0, review.os.fstat(handle).st_size - 3))
                    raise Killed
                synced(handle)

            patch.setattr(review.os, "fsync", fsync)
            patch.setattr(review, "write_atomically", lambda place, content: place.write_bytes(content))
        elif when == "state":
            stored = review.write_atomically

            def store(place: Path, content: bytes) -> None:
                nonlocal count
                count += 1
                if count == number + 1:
                    raise Killed
                stored(place, content)

            patch.setattr(review, "write_atomically", store)
        else:
            patch.setattr(review.Path, "replace", lambda *_: (_ for _ in ()).throw(Killed))
        if when != "state" or number + 1 < len(PAGES):
            with pytest.raises(Killed):
                write(api, file)
            assert not file.exists()
    write(api, file) if not file.exists() else None
    assert file.read_bytes() == WHOLE


def test_another_review_or_another_format_of_it_begins_anew(file: Path) -> None:
    api = Api(*PAGES)
    for spoil in (
        lambda state: state | {"source": "https://other.example.org/v1"},
        lambda state: state | {"path": "/organisations/org-2/access-review?format=csv-pages&startAt=1"},
        lambda state: state | {"size": 10_000},
        lambda state: state | {"size": -1},
        lambda state: state | {"rows": "1"},
        lambda state: {"source": state["source"]},
        lambda state: [],
    ):
        api.failures[1] = [failure(403, "FORBIDDEN")]
        with pytest.raises(ToolError):
            write(api, file)
        state = file.with_name(f".{file.name}.next")
        state.write_text(json.dumps(spoil(json.loads(state.read_text()))))
        api.asked.clear()
        write(api, file)
        assert len(api.asked) == len(PAGES)
        assert file.read_bytes() == WHOLE
        file.unlink()


def test_a_note_that_nobody_wrote_is_none(file: Path) -> None:
    for text in (b"[" * 100_000, b"\xff", b""):
        file.with_name(f".{file.name}.next").write_bytes(text)
        write(Api(*PAGES), file)
        assert file.read_bytes() == WHOLE
        file.unlink()


def test_restart_forgets_what_was_read(file: Path) -> None:
    api = Api(*PAGES)
    api.failures[2] = [failure(400, "INVALID_CURSOR")]
    with pytest.raises(ToolError) as refused:
        write(api, file)
    assert refused.value.hint == "Begin anew with --restart."
    newer = Api(HEADER + b"z,9\r\n")
    write(newer, file, restart=True)
    assert file.read_bytes() == newer.pages[0]


def test_what_passes_is_waited_for(file: Path, pauses: list[float]) -> None:
    api = Api(*PAGES)
    api.failures[0] = [NoAnswerError("It does not answer."), failure(503, "SERVICE_UNAVAILABLE")]
    api.failures[1] = [failure(429, "TOO_MANY_REQUESTS", ("Retry-After", "7"))]
    api.failures[3] = [failure(429, "TOO_MANY_REQUESTS", ("retry-after", "9999")), failure(504, "GATEWAY_TIMEOUT")]
    write(api, file)
    assert file.read_bytes() == WHOLE
    assert pauses == [1, 2, 7, 60, 2]


def test_what_does_not_pass_ends(file: Path, pauses: list[float]) -> None:
    api = Api(*PAGES)
    api.failures[1] = [failure(503, "SERVICE_UNAVAILABLE")] * 10
    with pytest.raises(ToolError, match="503"):
        write(api, file)
    assert len(pauses) == 5
    api.failures[1] = [NoAnswerError("It does not answer.")] * 6
    with pytest.raises(ToolError, match="does not answer") as silent:
        write(api, file)
    assert "goes on from there" in silent.value.hint
    write(api, file)
    assert file.read_bytes() == WHOLE


@pytest.mark.parametrize(
    "wrong",
    [
        (b"<html>Sign in to the network</html>",),
        (b"",),
        (HEADER[:-2],),
        (HEADER, HEADER),
        (HEADER, b"a,1"),
    ],
)
def test_what_is_no_page_is_not_written(file: Path, wrong: tuple[bytes, ...]) -> None:
    with pytest.raises(ToolError, match="no page of the review"):
        write(Api(*wrong), file)
    assert not file.exists()


@pytest.mark.parametrize(
    "link",
    [
        f'<https://elsewhere.example/v1{PATH}x?startAt=1>; rel="next"',
        '</v1/organisations/org-2/access-review?startAt=1>; rel="next"',
        f'</v1{PATH}?format=csv-pages>; rel="next"',
        f"</v1{PATH}?startAt=1>",
        "nothing",
        f'</v1{PATH}?startAt=é>; rel="next"',
        f'</v1{PATH}?startAt=1 2>; rel="next"',
    ],
)
def test_a_next_page_is_one_of_the_same_review(file: Path, link: str) -> None:
    with pytest.raises(ToolError, match="next page that is none"):
        write(lambda path: Answer(200, "OK", [CSV, ("Link", link)], HEADER), file)


def test_pages_come_to_an_end(file: Path) -> None:
    """One that names itself as the next would fill the disk."""

    def fetch(path: str) -> Answer:
        link = ("Link", f'</v1{PATH}?format=csv-pages&startAt=1>; rel="next"')
        return Answer(200, "OK", [CSV, link], b"a,1\r\n" if "startAt=" in path else HEADER)

    with pytest.raises(ToolError, match="next page that is none"):
        write(fetch, file)


@pytest.mark.parametrize("body", [b"", b"<html>Sign in to the network</html>\r\n"])
@pytest.mark.parametrize("headers", [[], [("Content-Type", "text/html")]])
def test_what_answers_in_place_of_the_api_does_not_end_a_review(
    file: Path, body: bytes, headers: list[tuple[str, str]]
) -> None:
    api = Api(*PAGES)
    api.failures[1] = [Answer(200, "OK", headers, body)]
    with pytest.raises(ToolError, match="no page of the review"):
        write(api, file)
    assert not file.exists()
    write(api, file)
    assert file.read_bytes() == WHOLE


@pytest.mark.parametrize("number", range(1, len(PAGES)))
def test_what_begins_anew_never_goes_on_from_what_was_before(
    file: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The note of another beginning counts bytes that are no longer those."""
    api = Api(*PAGES)
    api.failures[number] = [failure(403, "FORBIDDEN")]
    with pytest.raises(ToolError):
        write(api, file)
    longer = Api(HEADER + b"0,0\r\n" * 20, *PAGES[1:])
    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(review, "write_atomically", lambda *_: (_ for _ in ()).throw(OSError(28, "No space")))
        write(longer, file, restart=True)
    write(longer, file)
    assert file.read_bytes() == b"".join(longer.pages)


@pytest.mark.parametrize("number", [0, len(PAGES) - 1])
def test_what_came_meanwhile_is_not_lost(file: Path, number: int) -> None:
    api = Api(*PAGES)

    def fetch(path: str) -> Answer:
        if len(api.asked) == number:
            file.write_text("somebody else's")
        return api(path)

    with pytest.raises(UsageError, match="there already"):
        write(fetch, file)
    assert file.read_text() == "somebody else's"
    file.unlink()
    api.asked.clear()
    write(api, file)
    assert file.read_bytes() == WHOLE
    assert len(api.asked) == 1


def test_nobody_reads_it_who_made_the_place_for_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = file.with_name(f".{file.name}.part")
    part.touch()
    part.chmod(0o666)
    with monkeypatch.context() as patch, pytest.raises(PermissionError):
        # So it is where the file belongs to somebody else.
        patch.setattr(review.os, "fchmod", lambda *_: (_ for _ in ()).throw(PermissionError(1, "Not permitted")))
        write(Api(*PAGES), file)
    assert part.read_bytes() == b""
    write(Api(*PAGES), file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_nothing_that_is_there_is_lost(file: Path) -> None:
    file.write_text("last month")
    with pytest.raises(UsageError, match="there already"):
        write(Api(*PAGES), file)
    assert file.read_text() == "last month"
    for place in (file.parent, file.parent / "link"):
        if place != file.parent:
            place.symlink_to(file.parent / "nowhere")
        with pytest.raises(UsageError, match="there already"):
            write(Api(*PAGES), place)
    with pytest.raises(UsageError, match="no folder"):
        write(Api(*PAGES), file.parent / "none" / "review.csv")
    with pytest.raises(UsageError, match="no id"):
        review.write(Api(*PAGES), "org/1", SOURCE, file, print)


def test_whoever_reads_signs_in_again_when_the_token_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens, good = iter("abcdef"), ["a"]
    sent = []

    def call(target: object, outputs: object, method: str, path: str, *, token: str, body: object) -> Answer:
        sent.append((method, path, token, body))
        return Answer(200 if token in good else 401, "", [], b"")

    monkeypatch.setattr(review, "sign_in_as", lambda *_: next(tokens))
    monkeypatch.setattr(review, "call", call)
    fetch = review.signed_in(None, {}, "ada@example.org")
    assert [fetch("/one").status, fetch("/two").status] == [200, 200]
    good[0] = "b"
    assert [fetch("/three").status, fetch("/four").status] == [200, 200]
    good.clear()
    assert fetch("/five").status == 401
    assert [token for *_, token, _ in sent] == ["a", "a", "a", "b", "b", "b", "c"]


def test_who_cannot_sign_in_again_is_not_asked_for_ever(
    file: Path, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user pool locks whoever gives the wrong password a few times."""
    api, asked = Api(*PAGES), []

    def sign_in(*_: object) -> str:
        asked.append(1)
        if len(asked) == 2:
            raise ToolError("Wrong e-mail address or password.")
        return "token"

    monkeypatch.setattr(review, "sign_in_as", sign_in)
    monkeypatch.setattr(review, "call", lambda _, __, ___, path, **____: api(path))
    api.failures[2] = [failure(401, "UNAUTHORISED")]
    with pytest.raises(ToolError, match="Wrong e-mail") as refused:
        write(review.signed_in(None, {}, "ada@example.org"), file)
    assert "goes on from there" in refused.value.hint
    assert (len(asked), pauses) == (2, [])
    write(review.signed_in(None, {}, "ada@example.org"), file)
    assert file.read_bytes() == WHOLE


def test_two_runs_do_not_write_one_file(file: Path) -> None:
    api, tries = Api(*PAGES), []

    def fetch(path: str) -> Answer:
        with pytest.raises(ToolError, match="Another run"):
            write(Api(*PAGES), file)
        tries.append(path)
        return api(path)

    review.write(fetch, "org-1", SOURCE, file, lambda _: None)
    assert len(tries) == len(PAGES)
    assert file.read_bytes() == WHOLE


def test_a_run_that_ends_while_another_opens_its_file_is_left_alone(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = review.os.open

    def open_late(part: Path, *how: int) -> int:
        handle = opened(part, *how)
        with monkeypatch.context() as patch:
            patch.setattr(review.os, "open", opened)
            write(Api(*PAGES), file)
        return handle

    monkeypatch.setattr(review.os, "open", open_late)
    with pytest.raises(ToolError, match="Another run"):
        write(Api(HEADER), file)
    assert file.read_bytes() == WHOLE


def test_no_more_than_a_page_is_kept_in_memory(file: Path) -> None:
    page, alive = b"a,1\r\n" * 1000, []

    def fetch(path: str) -> Answer:
        number = int(path.partition("startAt=")[2] or 0)
        alive.append(number)
        link = [("Link", f'</v1{PATH}?startAt={number + 1}>; rel="next"')] if number < 99 else []
        return Answer(200, "OK", [CSV, *link], page if number else HEADER + page)

    read: Iterator = review.pages(fetch, review.first_path("org-1"))
    for n, _ in enumerate(read):
        assert alive == list(range(n + 1))  # the next one is asked for when this one has been taken
    assert n == 99
    done, _ = review.write(fetch, "org-1", SOURCE, file, print), None
    assert done.rows == 100_000
