"""Starting, stopping, killing and restarting the local AWS."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from bbws_access.local_aws import LocalAws, LocalAwsError
from tests.local_aws.conftest import REGION, Aws


@pytest.fixture
def emulator(folder: Path) -> Any:
    emulator = LocalAws(folder, REGION)
    yield emulator
    emulator.stop()


def pid_of(emulator: LocalAws) -> int:
    return json.loads((emulator.folder / "process.json").read_text())["pid"]


def snapshot_stands(emulator: LocalAws, needle: bytes) -> None:
    """Wait until the saved state holds some bytes."""
    deadline = time.monotonic() + 20
    file = emulator.folder / "state" / "state.pickle"
    while not (file.exists() and needle in file.read_bytes()):
        assert time.monotonic() < deadline, "the state was not saved"
        time.sleep(0.05)


def test_start_is_idempotent_and_stop_ends_it(emulator: LocalAws) -> None:
    emulator.start()
    pid, port = pid_of(emulator), emulator.port
    emulator.start()
    LocalAws(emulator.folder, REGION).start()
    assert pid_of(emulator) == pid
    assert emulator.is_running()
    health = emulator.health()
    assert (health["auth"], health["version"]) == ("enabled", "1.5.33")
    assert emulator.stop() is True
    assert not emulator.is_running()
    assert emulator.stop() is False
    emulator.start()
    assert emulator.port == port


def test_a_clean_stop_keeps_everything(emulator: LocalAws) -> None:
    emulator.start()
    aws = Aws(emulator)
    aws.client("s3").create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": REGION})
    aws.client("s3").put_object(Bucket="kept", Key="large", Body=b"x" * 300_000)
    aws.client("s3").put_object(Bucket="kept", Key="small", Body=b"y", Metadata={"a": "b"})
    key = aws.client("kms").create_key()["KeyMetadata"]["KeyId"]
    secret = aws.client("kms").encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
    pool = aws.client("cognito-idp").create_user_pool(PoolName="p")["UserPool"]["Id"]
    arn = aws.function("kept", "def handler(event, context):\n    return event")
    emulator.stop()
    emulator.start()
    assert aws.client("s3").get_object(Bucket="kept", Key="large")["Body"].read() == b"x" * 300_000
    assert aws.client("s3").head_object(Bucket="kept", Key="small")["Metadata"] == {"a": "b"}
    assert aws.client("kms").decrypt(CiphertextBlob=secret)["Plaintext"] == b"secret"
    assert aws.client("cognito-idp").describe_user_pool(UserPoolId=pool)["UserPool"]["Name"] == "p"
    answer = aws.client("lambda").invoke(FunctionName=arn, Payload=b'{"a": 1}')
    assert json.loads(answer["Payload"].read()) == {"a": 1}


def test_a_killed_emulator_comes_back_with_its_state(emulator: LocalAws) -> None:
    emulator.start()
    Aws(emulator).client("sqs").create_queue(QueueName="survivor")
    snapshot_stands(emulator, b"survivor")
    pid = pid_of(emulator)
    os.kill(pid, signal.SIGKILL)
    emulator.start()
    assert pid_of(emulator) != pid
    assert "survivor" in Aws(emulator).client("sqs").list_queues()["QueueUrls"][0]


def test_kills_at_any_moment_never_leave_half_a_state(emulator: LocalAws) -> None:
    for number in range(4):
        emulator.start()
        s3 = Aws(emulator).client("s3")
        name = f"bucket-{number}"
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_object(Bucket=name, Key="k", Body=os.urandom(2_000_000))
        # Each round kills at another point of the first snapshot's second.
        time.sleep(0.9 + number * 0.06)
        os.kill(pid_of(emulator), signal.SIGKILL)
    emulator.start()
    s3 = Aws(emulator).client("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        for item in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
            assert len(s3.get_object(Bucket=bucket["Name"], Key=item["Key"])["Body"].read()) == item["Size"]


def test_kills_never_tear_a_transaction_apart(emulator: LocalAws) -> None:
    """Two tables are written together for as long as the emulator lives; after each kill both say the same."""
    emulator.start()
    client = Aws(emulator).client("dynamodb")
    for table in ("one", "two"):
        client.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
        )

    def write_until_killed(after: float) -> None:
        deadline = time.monotonic() + after
        while time.monotonic() < deadline:
            item = {"PK": {"S": str(time.monotonic_ns() % 20)}, "at": {"N": str(time.monotonic_ns())}}
            puts = [{"Put": {"TableName": table, "Item": item}} for table in ("one", "two")]
            client.transact_write_items(TransactItems=puts)
        os.kill(pid_of(emulator), signal.SIGKILL)

    written = 0
    for seconds in (2.2, 1.35, 1.0):
        write_until_killed(seconds)
        emulator.start()
        one, two = (client.scan(TableName=table)["Items"] for table in ("one", "two"))
        by_key = [{item["PK"]["S"]: item["at"]["N"] for item in items} for items in (one, two)]
        assert by_key[0] == by_key[1]
        assert len(one) >= written
        written = len(one)
    assert written > 0


def test_reads_write_nothing(emulator: LocalAws) -> None:
    emulator.start()
    aws = Aws(emulator)
    aws.client("sqs").create_queue(QueueName="there")
    snapshot_stands(emulator, b"there")
    # What went on behind the last change is saved once more.
    time.sleep(7)
    files = {file: file.stat().st_mtime_ns for file in (emulator.folder / "state").rglob("*")}
    for _ in range(3):
        aws.client("sqs").list_queues()
        aws.client("iam").list_roles()
        aws.client("s3").list_buckets()
        aws.client("dynamodb").list_tables()
        time.sleep(1)
    assert {file: file.stat().st_mtime_ns for file in (emulator.folder / "state").rglob("*")} == files


def test_a_damaged_state_is_refused_in_words(emulator: LocalAws) -> None:
    emulator.start()
    emulator.stop()
    (emulator.folder / "state" / "state.pickle").write_bytes(b"half of it")
    with pytest.raises(LocalAwsError, match="cannot be read"):
        emulator.start()
    emulator.reset()
    emulator.start()


def test_a_taken_port_is_named(folder: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(LocalAwsError, match=f"Port {port} is taken"):
            LocalAws(folder, REGION, port).start()
        remembered = LocalAws(folder, REGION)
        folder.mkdir(exist_ok=True)
        (folder / "port").write_text(str(port))
        with pytest.raises(LocalAwsError, match=r"remove .*port"):
            remembered.start()


def test_a_stale_pid_file_harms_nobody(emulator: LocalAws) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        emulator.folder.mkdir(parents=True)
        for content in (
            json.dumps({"pid": bystander.pid, "started": "1", "port": 1, "region": REGION}),
            "half of",
        ):
            (emulator.folder / "process.json").write_text(content)
            assert not emulator.is_running()
            assert emulator.stop() is False
        emulator.start()
        assert emulator.is_running()
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_half_dead_emulator_is_reported_and_replaced(emulator: LocalAws) -> None:
    emulator.start()
    pid = pid_of(emulator)
    os.kill(pid, signal.SIGSTOP)
    assert not emulator.is_running()
    with pytest.raises(LocalAwsError, match="does not answer"):
        emulator.health()
    emulator.start()
    assert emulator.is_running()
    assert pid_of(emulator) != pid


def test_one_whose_starter_was_killed_is_waited_for(emulator: LocalAws) -> None:
    """It is there, but does not listen yet: whoever looks in that moment is not told that it is down."""
    code = f"from bbws_access.local_aws import LocalAws; LocalAws({str(emulator.folder)!r}, {REGION!r}).start()"
    starter = subprocess.Popen([sys.executable, "-c", code])
    until = time.monotonic() + 20
    while not (emulator.folder / "process.json").exists() and time.monotonic() < until:
        time.sleep(0.01)
    starter.kill()
    starter.wait()
    assert emulator.is_running()


def test_one_that_is_paused_is_waited_for(emulator: LocalAws) -> None:
    emulator.start()
    with emulator.paused():
        assert not emulator.is_there()
        assert emulator.is_paused()
        looking = threading.Thread(target=lambda: seen.append(LocalAws(emulator.folder, REGION).is_running()))
        seen: list[bool] = []
        looking.start()
    looking.join()
    assert (seen, emulator.is_paused()) == ([True], False)


def test_a_pause_that_is_cut_off_is_known_until_it_is_started_or_stopped(
    emulator: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    for end in (emulator.start, emulator.stop):
        emulator.start()
        with pytest.raises(KeyboardInterrupt), monkeypatch.context() as patch, emulator.paused():
            patch.setattr(emulator, "start", interrupt)
        assert emulator.is_paused()
        end()
        assert not emulator.is_paused()


def interrupt() -> None:
    raise KeyboardInterrupt


def test_one_that_nobody_could_note_goes(emulator: LocalAws) -> None:
    """Killed between beginning it and noting it, a starter leaves no process that holds the port."""
    code = f"""
import os, signal
from bbws_access.local_aws import LocalAws, launcher
write = launcher.write_atomically
def kill(path, content):
    if path.name == "process.json":
        print(LocalAws({str(emulator.folder)!r}, {REGION!r})._remembered_port(), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    write(path, content)
launcher.write_atomically = kill
LocalAws({str(emulator.folder)!r}, {REGION!r}).start()
"""
    starter = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=False)
    assert starter.returncode == -signal.SIGKILL
    emulator.start()
    assert emulator.port == int(starter.stdout)
    begun = [command for command in commands() if str(emulator.folder) in command]
    assert len(begun) == 1


def commands() -> Iterator[str]:
    """The command line of every process."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            yield file.read_bytes().replace(b"\0", b" ").decode(errors="replace")


def test_a_death_at_start_shows_the_log(emulator: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    emulator.start()
    emulator.stop()
    state = emulator.folder / "state"
    (state / "state.pickle").unlink(missing_ok=True)
    (state / "state.pickle").mkdir()
    with pytest.raises(LocalAwsError, match=r"ended while starting[\s\S]*state\.pickle"):
        emulator.start()


def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(LocalAwsError, match="cannot be written"):
        LocalAws(file / "local-aws", REGION).start()


def test_reset_empties_it_for_good(emulator: LocalAws) -> None:
    emulator.start()
    sqs = Aws(emulator).client("sqs")
    sqs.create_queue(QueueName="gone")
    emulator.reset()
    assert not sqs.list_queues().get("QueueUrls")
    emulator.stop()
    emulator.start()
    assert not sqs.list_queues().get("QueueUrls")


def test_nothing_is_known_before_the_first_start(folder: Path) -> None:
    emulator = LocalAws(folder, REGION)
    assert not emulator.is_running()
    with pytest.raises(LocalAwsError, match="start it first"):
        _ = emulator.endpoint
    with pytest.raises(LocalAwsError, match="not running"):
        emulator.health()


def test_environment_keeps_every_other_aws_out(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "real")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.invalid")
    environment = local_aws.process_environment()
    assert not environment.keys() & {"AWS_PROFILE", "AWS_SESSION_TOKEN", "HTTPS_PROXY", "AWS_ENDPOINT_URL_S3"}
    code = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
    shown = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "arn:aws:iam::000000000000:root"


def test_it_listens_on_loopback_only(local_aws: LocalAws) -> None:
    pid = pid_of(local_aws)
    inodes = {
        link.readlink().name.removeprefix("socket:[").removesuffix("]")
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if link.readlink().name.startswith("socket:")
    }
    listening = [
        fields
        for name in ("tcp", "tcp6")
        for fields in (line.split() for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:])
        if fields[3] == "0A" and fields[9] in inodes
    ]
    assert [fields[1] for fields in listening] == [f"0100007F:{local_aws.port:04X}"]


def test_only_the_ca_bundle_trusts_it(local_aws: LocalAws) -> None:
    client = boto3.client(
        "sts",
        region_name=REGION,
        endpoint_url=local_aws.endpoint,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        verify=True,
        config=Config(retries={"max_attempts": 0}),
    )
    with pytest.raises(Exception, match="CERTIFICATE_VERIFY_FAILED"):
        client.get_caller_identity()


def test_shims_refuse_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    from bbws_access.local_aws import shims

    monkeypatch.setattr(shims, "version", lambda name: "1.5.34")
    with pytest.raises(LocalAwsError, match=r"1\.5\.34 is installed.*1\.5\.33"):
        shims.install_shims(Path("python"))
