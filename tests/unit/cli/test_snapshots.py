"""Snapshots of deployments: named by all that decides, whole or not there, private, few."""

import json
import multiprocessing
import os
import shutil
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bbws_access.cli import deploy, people, snapshots, storage
from bbws_access.cli.project import Project
from bbws_access.cli.snapshots import Kept, SnapshotError, Snapshots, key_of
from bbws_access.cli.targets import NEEDED_OUTPUTS, LocalTarget, local_environment
from bbws_access.cli.terraform import Binary, Report
from bbws_access.packaging.build import Package, Packages

ROOT = Path(__file__).parents[3]
KEPT = Kept({"api_url": "https://x"}, "https://127.0.0.1:20001", "2026-11-30T12:00:00+00:00")


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """What a local AWS has saved."""
    folder = tmp_path / "saved" / "state"
    (folder / "blobs").mkdir(parents=True)
    (folder / "state.pickle").write_bytes(b"everything" * 1000)
    (folder / "blobs" / "0123").write_bytes(os.urandom(100_000))
    (folder / "state.pickle").chmod(0o644)
    return folder


@pytest.fixture
def kept(tmp_path: Path, state: Path) -> Snapshots:
    """One snapshot, a."""
    found = Snapshots(tmp_path / "snapshots")
    found.save("a", state, KEPT)
    return found


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    folder = tmp_path / "fresh"
    folder.mkdir()
    return folder


# --- Whole or not there ----------------------------------------------------------------------------------------------


def test_a_fresh_folder_gets_what_was_kept(kept: Snapshots, state: Path, fresh: Path) -> None:
    assert kept.holds("a")
    assert not kept.holds("b")
    assert kept.restore("a", fresh) == KEPT
    assert tree(fresh) == {f"state/{name}": content for name, content in tree(state).items()}
    # And no file of it is anybody else's.
    (fresh / "state" / "state.pickle").write_bytes(b"changed")
    again = fresh.parent / "again"
    again.mkdir()
    kept.restore("a", again)
    assert tree(again / "state") == tree(state)


def test_only_its_owner_reads_it(kept: Snapshots, fresh: Path) -> None:
    kept.restore("a", fresh)
    for root in (kept.folder, fresh / "state"):
        for path in (root, *root.rglob("*")):
            if path.name != "lock":
                mode = stat.S_IMODE(path.stat().st_mode)
                assert mode == (0o700 if path.is_dir() else 0o600), path


def test_what_a_killed_local_aws_left_is_in_nobodys_way(kept: Snapshots, state: Path, fresh: Path) -> None:
    (fresh / "state" / "blobs").mkdir(parents=True)
    (fresh / "state" / "blobs" / "left").write_bytes(b"x")
    kept.restore("a", fresh)
    assert tree(fresh / "state") == tree(state)


def edited(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def edit(snapshot: Path) -> None:
        manifest = json.loads((snapshot / "manifest.json").read_text())
        change(manifest)
        (snapshot / "manifest.json").write_text(json.dumps(manifest))

    return edit


def cut(name: str) -> Callable[[Path], None]:
    return lambda snapshot: os.truncate(snapshot / name, (snapshot / name).stat().st_size // 2)


def flip(snapshot: Path) -> None:
    path = snapshot / "state" / "blobs" / "0123"
    content = bytearray(path.read_bytes())
    content[50_000] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "a cut state": cut("state/state.pickle"),
    "a cut blob": cut("state/blobs/0123"),
    "a cut manifest": cut("manifest.json"),
    "an empty manifest": lambda snapshot: os.truncate(snapshot / "manifest.json", 0),
    "a bit": flip,
    "a lost blob": lambda snapshot: (snapshot / "state" / "blobs" / "0123").unlink(),
    "a lost state": lambda snapshot: shutil.rmtree(snapshot / "state"),
    "another version": edited(lambda manifest: manifest.update(format=0)),
    "another deployment": edited(lambda manifest: manifest.update(key="b")),
    "a list": lambda snapshot: (snapshot / "manifest.json").write_text("[]"),
    "no outputs": edited(lambda manifest: manifest.pop("outputs")),
    "a way out": edited(lambda manifest: manifest["files"].update({"../../escaped": "0"})),
    "very deep": lambda snapshot: (snapshot / "manifest.json").write_text("[" * 100_000),
    "a name of no file": edited(lambda manifest: manifest["files"].update({"a\0b": "0"})),
    "a name that cannot be written": edited(lambda manifest: manifest["files"].update({"\ud800": "0"})),
    "a way down": edited(lambda manifest: manifest["files"].update({"/escaped": "0"})),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_one_is_none(kept: Snapshots, fresh: Path, damage: Callable[[Path], None]) -> None:
    damage(kept.folder / "a")
    with pytest.raises(SnapshotError):
        kept.restore("a", fresh)
    assert list(fresh.iterdir()) == []
    kept.discard("a")
    assert not kept.holds("a")


def test_there_is_none_of_another_key(kept: Snapshots, fresh: Path) -> None:
    with pytest.raises(SnapshotError, match="there is none"):
        kept.restore("b", fresh)
    assert list(fresh.iterdir()) == []


class FullDisk:
    """Lets so many files be written."""

    def __init__(self, files: int) -> None:
        self._left = files
        self._write = snapshots._write

    def __call__(self, path: Path, content: bytes) -> None:
        self._left -= 1
        if self._left < 0:
            self._write(path, content[:10])
            raise OSError(28, "No space left on device")
        self._write(path, content)


@pytest.mark.parametrize("files", range(3))
def test_a_full_disk_keeps_nothing_and_loses_nothing(
    files: int, kept: Snapshots, state: Path, fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(kept.folder)
    with monkeypatch.context() as patch:
        patch.setattr(snapshots, "_write", FullDisk(files))
        with pytest.raises(OSError, match="No space"):
            kept.save("a", state, KEPT)
        assert tree(kept.folder) == before
        if files < 2:
            patch.setattr(snapshots, "_write", FullDisk(files))
            with pytest.raises(OSError, match="No space"):
                kept.restore("a", fresh)
            assert list(fresh.iterdir()) == []
    kept.restore("a", fresh)


def _die_when_half_written(work: Callable[..., object], *arguments: object) -> None:
    write = snapshots._write

    def die(path: Path, content: bytes) -> None:
        write(path, content[: len(content) // 2])
        os._exit(9)

    snapshots._write = die
    work(*arguments)


def kill_at(work: Callable[..., object], *arguments: object) -> None:
    killed = multiprocessing.get_context("fork").Process(target=_die_when_half_written, args=(work, *arguments))
    killed.start()
    killed.join()
    assert killed.exitcode == 9


def test_who_is_killed_while_writing_leaves_nothing_that_counts(kept: Snapshots, state: Path) -> None:
    kill_at(kept.save, "b", state, KEPT)
    assert not kept.holds("b")
    assert [path for path in kept.folder.iterdir() if path.name.startswith(".making-")], "it had begun"
    kept.save("c", state, KEPT)
    assert sorted(path.name for path in kept.folder.iterdir()) == ["a", "c", "lock"]


def test_who_is_killed_while_reading_leaves_nothing_for_ever(kept: Snapshots, state: Path, fresh: Path) -> None:
    kill_at(kept.restore, "a", fresh)
    assert [path.name[:8] for path in fresh.iterdir()] == [".making-"], "it had begun"
    kept.restore("a", fresh)
    assert tree(fresh) == {f"state/{name}": content for name, content in tree(state).items()}


def test_many_at_once_leave_whole_ones(tmp_path: Path, state: Path) -> None:
    """Of one key and of others, while others read and old ones go."""
    folder, problems = tmp_path / "snapshots", []

    def work(number: int) -> None:
        mine = Snapshots(folder)
        for turn in range(6):
            key = f"{(number + turn) % 6}"
            mine.save(key, state, KEPT)
            place = tmp_path / f"{number}-{turn}"
            place.mkdir()
            try:
                mine.restore(key, place)
                assert tree(place / "state") == tree(state)
            except SnapshotError as error:
                if str(error) != "there is none":
                    problems.append(error)
            except BaseException as error:
                problems.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len([path for path in folder.iterdir() if path.is_dir()]) == snapshots.KEPT


def test_few_are_kept_and_the_least_used_goes(kept: Snapshots, state: Path, fresh: Path) -> None:
    def at(key: str, moment: int) -> None:
        os.utime(kept.folder / key / "manifest.json", (moment, moment))

    at("a", 1)
    for number, key in enumerate("bcd", 2):
        kept.save(key, state, KEPT)
        at(key, number)
    kept.restore("a", fresh)
    kept.save("e", state, KEPT)
    assert [key for key in "abcde" if kept.holds(key)] == ["a", "c", "d", "e"]
    # Of what is no snapshot any more, nothing stays for ever.
    (kept.folder / "c" / "manifest.json").unlink()
    kept.save("f", state, KEPT)
    assert sorted(path.name for path in kept.folder.iterdir()) == ["a", "d", "e", "f", "lock"]


# --- All that decides ------------------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path / "project"
    for name in ("terraform", "contract"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns(".terraform"))
    return Project(root)


def packages(**changes: Any) -> Packages:
    one = Package("role", Path("role.zip"), "ab" * 32, 10, 20, False)
    return Packages("local", (replace(one, **changes),), Path("values.json"))


def append(name: str) -> Callable[[Project, pytest.MonkeyPatch], None]:
    def change(project: Project, _: pytest.MonkeyPatch) -> None:
        path = project.root / name
        path.write_text(path.read_text() + "\n")

    return change


def linked(project: Project) -> Path:
    """A module that lies elsewhere, with a link in its place."""
    elsewhere = project.root / "shared" / "mail"
    if not elsewhere.exists():
        shutil.copytree(project.root / "terraform" / "modules" / "mail", elsewhere)
        shutil.rmtree(project.root / "terraform" / "modules" / "mail")
        (project.root / "terraform" / "modules" / "mail").symlink_to(elsewhere)
        # And one that leads round in circles.
        (elsewhere / "round").symlink_to(project.root / "terraform" / "modules")
    return elsewhere


def beyond(project: Project, _: pytest.MonkeyPatch) -> None:
    (linked(project) / "queue.tf").write_text("")


def installed(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.root / "more" / "shop-1.0.dist-info").mkdir(parents=True)
    monkeypatch.syspath_prepend(project.root / "more")


def patched(name: str, value: Any) -> Callable[[Project, pytest.MonkeyPatch], None]:
    return lambda project, monkeypatch: monkeypatch.setattr(f"bbws_access.cli.snapshots.{name}", value)


CHANGES: dict[str, Callable[[Project, pytest.MonkeyPatch], Any]] = {
    "the stack": append("terraform/stack/main.tf"),
    "a module": append("terraform/modules/mail/queue.tf"),
    "a new file": lambda project, _: (project.stack / "more.tf").write_text(""),
    "a file of another kind": lambda project, _: (project.stack / "mails.yaml").write_text(""),
    "a module behind a link": beyond,
    "the provider's version": append("terraform/stack/.terraform.lock.hcl"),
    "values": append("terraform/environments/dev.tfvars"),
    "the contract": append("contract/permissions.json"),
    "a variable of the shell": lambda _, monkeypatch: monkeypatch.setenv(
        "TF_VAR_additional_apis", '{"a123456789":"b"}'
    ),
    "Terraform": patched("find_terraform", lambda: Binary("terraform", "9.9.9")),
    "Python": patched("sys.version", "3.99"),
    "the machine": patched("platform.machine", lambda: "vax"),
    "what is installed": installed,
    "the local AWS": patched("local_aws_version", lambda: "another"),
    "the tool": patched("digest_of", lambda *folders: "another"),
    "the form of snapshots": patched("_FORMAT", 99),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_decides_changes_the_key(
    change: Callable[[Project, pytest.MonkeyPatch], Any], project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def key() -> str:
        return key_of(local_environment(project, "dev"), packages())

    if change is beyond:
        linked(project)
    before = key()
    assert key() == before
    change(project, monkeypatch)
    assert key() != before


def test_packages_values_and_the_place_change_the_key(project: Project) -> None:
    def key(name: str = "dev", *arguments: str, **changes: Any) -> str:
        return key_of(local_environment(project, name, arguments=arguments), packages(**changes))

    keys = [
        key(),
        key("sit"),
        key("prod"),
        key("dev", "log_level=WARN"),
        key("dev", "bucket_suffix=-x"),
        key("dev", "region=us-east-1"),
        key(sha256="cd" * 32),
        key(apis=("sites",), words=("sites",)),
        key(apis=("sites",), words=("pages",)),
        key(function="team"),
    ]
    assert len(set(keys)) == len(keys)
    # Where a package lies and whether it was made just now decides nothing.
    assert key(path=Path("elsewhere"), built=True) == keys[0]


@pytest.mark.parametrize("change", [CHANGES["a file of another kind"], CHANGES["a module behind a link"]])
def test_what_terraform_may_read_is_not_taken_for_applied(
    change: Callable[[Project, pytest.MonkeyPatch], Any], project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked(project)
    environment = local_environment(project, "dev")
    before = deploy.fingerprint(environment, packages())
    change(project, monkeypatch)
    assert deploy.fingerprint(environment, packages()) != before


def test_a_program_is_known_by_each_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.json").write_text("{}")
    found = [snapshots.digest_of(tmp_path)]
    (tmp_path / "rules" / "a.json").write_text("[]")
    found.append(snapshots.digest_of(tmp_path))
    (tmp_path / "rules" / "a.json").rename(tmp_path / "rules" / "b.json")
    found.append(snapshots.digest_of(tmp_path))
    assert len(set(found)) == 3
    (tmp_path / "rules" / "__pycache__").mkdir()
    (tmp_path / "rules" / "__pycache__" / "a.cpython-312.pyc.139").write_text("")
    assert snapshots.digest_of(tmp_path) == found[-1]


# --- In `up` ---------------------------------------------------------------------------------------------------------

OUTPUTS = dict.fromkeys(NEEDED_OUTPUTS, "x") | {"rest_api_id": "a", "stage_name": "v1"}
QUEUE = "bbws-access-dev-queue"


class Stack:
    """In the place of Terraform and of the data: makes a queue and a state, as they would."""

    def __init__(self) -> None:
        self.applied: list[Path] = []
        self.meanwhile: Callable[[], object] = lambda: None
        self.fails_to_fill = 0
        self.has_people = False

    def converge(self, target: LocalTarget, _: Packages, before_apply: Callable[[Report], None]) -> Report:
        self.applied.append(target.folder)
        url = target.client("sqs").create_queue(QueueName=QUEUE)["QueueUrl"]
        if self.has_people:
            target.client("cognito-idp").create_user_pool(PoolName="people")
        outputs = {name: {"value": value, "type": "string"} for name, value in OUTPUTS.items()}
        state = {"version": 4, "outputs": outputs, "resources": [{"id": url}]}
        target.s3.put_object(Bucket=target.environment.state_bucket, Key="stack.tfstate", Body=json.dumps(state))
        self.meanwhile()
        return Report()

    def fill(self, target: LocalTarget) -> dict[str, str]:
        if self.fails_to_fill:
            self.fails_to_fill -= 1
            raise KeyError("table_names")
        assert target.client("s3").list_buckets()["Buckets"], "it is entered, and is up"
        target.client("sqs").send_message(QueueUrl=QUEUE, MessageBody=str(target.folder))
        target.write(people.PASSWORDS, {"admin@demo.example": f"secret of {target.folder}"})
        target.write(people.DEMO, {"organisation_id": "org-demo", "email": "admin@demo.example"})
        return target.read(people.DEMO)


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Stack:
    found = Stack()
    monkeypatch.setattr(deploy, "converge", found.converge)
    monkeypatch.setattr(deploy, "_fill", found.fill)
    monkeypatch.setattr(deploy, "package", lambda *_, **__: packages())
    monkeypatch.setattr(deploy, "is_healthy", lambda *_: True)
    monkeypatch.setattr(storage, "upload", lambda *_: 0)
    return found


@pytest.fixture
def bring_up(tmp_path: Path, project: Project, stack: Stack) -> Iterator[Callable[..., LocalTarget]]:
    """Brings a folder of this name up, in the project's own copy."""
    before, targets = dict(os.environ), {}

    def up(name: str, *, from_snapshot: bool = False) -> LocalTarget:
        os.environ.clear()
        os.environ.update(before)
        target = targets[name] = LocalTarget(local_environment(project, "dev"), tmp_path / name)
        assert deploy.up(target, from_snapshot=from_snapshot).outputs == OUTPUTS
        return target

    yield up
    os.environ.clear()
    os.environ.update(before)
    for target in targets.values():
        target.aws.stop()


def messages(target: LocalTarget) -> list[str]:
    found = target.client("sqs").receive_message(QueueUrl=QUEUE, MaxNumberOfMessages=10).get("Messages", [])
    return [one["Body"] for one in found]


def only_snapshot(project: Project) -> Path:
    (found,) = (path for path in project.snapshots.iterdir() if path.is_dir())
    return found


def test_a_fresh_folder_takes_a_deployment_over_and_nothing_else(
    bring_up: Callable[..., LocalTarget], project: Project, stack: Stack
) -> None:
    stack.has_people = True
    first = bring_up("first")
    kept = tree(only_snapshot(project))
    assert not any(b"secret of" in content for content in kept.values())
    second = bring_up("second", from_snapshot=True)
    assert stack.applied == [first.folder]
    assert messages(second) == [str(second.folder)], "data is each folder's own"
    # Its own address, wherever one was written down.
    (url,) = second.client("sqs").list_queues()["QueueUrls"]
    assert url == f"{second.aws.endpoint}/000000000000/{QUEUE}"
    assert second.aws.port != first.aws.port
    state = storage.read_state(second.s3, second.environment)
    assert state is not None
    assert state["resources"] == [{"id": url}]
    # Its own keys: a token of the one folder opens nothing in the other.
    for name in ("keys/cognito-rsa-key.pem", "tls/server.key", people.PASSWORDS):
        assert (first.folder / name).read_bytes() != (second.folder / name).read_bytes()
    # From here on it is like any other.
    bring_up("second", from_snapshot=True)
    assert stack.applied == [first.folder]
    assert tree(only_snapshot(project)) == kept


def garble(snapshot: Path) -> None:
    """A state that is whole, as its hash says, and that nobody can read."""
    content = b"of no version"
    (snapshot / "state" / "state.pickle").write_bytes(content)
    digest = snapshots.hashlib.sha256(content).hexdigest()
    edited(lambda manifest: manifest["files"].update({"state.pickle": digest}))(snapshot)


def test_where_a_snapshot_does_not_serve_terraform_does(
    bring_up: Callable[..., LocalTarget], project: Project, stack: Stack, capfd: pytest.CaptureFixture[str]
) -> None:
    defects: dict[str, Callable[[Path], object]] = {
        "damaged": cut("state/state.pickle"),
        "unreadable": garble,
        "of-another-state": edited(lambda manifest: manifest["outputs"].update(rest_api_id="b")),
        "of-no-use": lambda _: setattr(stack, "fails_to_fill", 1),
    }
    last = bring_up("first")
    for name, spoil in defects.items():
        last.aws.stop()
        spoil(only_snapshot(project))
        capfd.readouterr()
        now = bring_up(name, from_snapshot=True)
        assert stack.applied[-1] == now.folder, name
        assert messages(now) == [str(now.folder)], name
        assert "Terraform makes the deployment" in " ".join(capfd.readouterr().err.split()), name
        # What did not serve is gone, and what was made instead is kept.
        kept = json.loads((only_snapshot(project) / "manifest.json").read_text())
        assert (kept["endpoint"], kept["outputs"]) == (now.aws.endpoint, OUTPUTS), name
        last = now
    assert len(stack.applied) == 1 + len(defects)


def test_only_what_is_known_is_kept(
    bring_up: Callable[..., LocalTarget], project: Project, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The sources change while they are applied.
    stack.meanwhile = lambda: (project.stack / "more.tf").write_text("# more")
    changed = bring_up("changed")
    assert not project.snapshots.exists()
    changed.aws.stop()
    # Nobody's data, either: what is there already is not fresh.
    (changed.folder / "applied.json").unlink()
    again = bring_up("changed", from_snapshot=True)
    assert stack.applied == [changed.folder] * 2
    assert not project.snapshots.exists()
    assert again.aws.is_running()
    again.aws.stop()
    # And a full disk costs the snapshot alone.
    monkeypatch.setattr(snapshots, "_write", FullDisk(1))
    full = bring_up("full")
    assert full.aws.is_running()
    assert [path.name for path in project.snapshots.iterdir()] == ["lock"]
