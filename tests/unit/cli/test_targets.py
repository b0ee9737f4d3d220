"""Buckets, locks, recovery and sign-in, on a local AWS."""

import json
import os
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import boto3
import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from bbws_access.cli import deploy, people, sign_in, storage, targets
from bbws_access.cli.environments import Environment, load_environment
from bbws_access.cli.errors import InterruptedByUserError, NotRunningError, ToolError, UsageError, service_errors
from bbws_access.cli.project import Project
from bbws_access.cli.targets import (
    LOCAL_VALUES,
    NEEDED_OUTPUTS,
    AwsTarget,
    LocalTarget,
    NotDeployedError,
    PartlyDeployedError,
    running_target,
)
from bbws_access.cli.terraform import Diagnostic, Report, TerraformError
from bbws_access.local_aws import LocalAws

ROOT = Path(__file__).parents[3]


@pytest.fixture
def environment(request: pytest.FixtureRequest) -> Environment:
    """The values of dev with buckets of this test's own."""
    suffix = f"bucket_suffix=-{abs(hash(request.node.name)) % 10**6}"
    return load_environment(Project(ROOT), "dev", arguments=[suffix], supplied=LOCAL_VALUES)


@pytest.fixture
def s3(local_aws: LocalAws) -> object:
    return boto3.client("s3")


# --- Buckets ---------------------------------------------------------------------------------------------------------


def test_bootstrap_makes_closed_buckets_and_can_be_repeated(s3, environment: Environment) -> None:
    assert not storage.is_bootstrapped(s3, environment)
    for _ in range(2):
        storage.bootstrap(s3, environment)
    assert storage.is_bootstrapped(s3, environment)
    for name in (environment.state_bucket, environment.artifacts_bucket):
        assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
        assert all(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values())
        rules = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
        assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
        controls = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]
        assert controls["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
        [statement] = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])["Statement"]
        assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert statement["Resource"] == [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]


class Foreign:
    """S3 as it answers for a bucket of another account: the local AWS has one account only."""

    def __init__(self, status: int) -> None:
        self.status = status

    def head_bucket(self, **_: str) -> None:
        error = {"Error": {"Code": str(self.status)}, "ResponseMetadata": {"HTTPStatusCode": self.status}}
        raise ClientError(error, "HeadBucket")


@pytest.mark.parametrize(("status", "message"), [(403, "belongs to somebody else"), (301, "another region")])
def test_a_bucket_of_somebody_else_is_refused(environment: Environment, status: int, message: str) -> None:
    with pytest.raises(ToolError, match=message):
        storage.bootstrap(Foreign(status), environment)


def test_removal_empties_every_version_and_leaves_nothing(s3, environment: Environment) -> None:
    storage.bootstrap(s3, environment)
    for content in (b"1", b"2"):
        s3.put_object(Bucket=environment.state_bucket, Key="a", Body=content)
    s3.delete_object(Bucket=environment.state_bucket, Key="a")
    storage.remove(s3, environment)
    assert not storage.is_bootstrapped(s3, environment)
    storage.remove(s3, environment)


def test_the_state_gives_the_outputs(s3, environment: Environment) -> None:
    storage.bootstrap(s3, environment)
    assert storage.read_state(s3, environment) is None
    assert storage.outputs(None) == {}
    state = {"version": 4, "outputs": {"api_url": {"value": "https://x", "type": "string"}}}
    s3.put_object(Bucket=environment.state_bucket, Key="stack.tfstate", Body=json.dumps(state))
    assert storage.outputs(storage.read_state(s3, environment)) == {"api_url": "https://x"}
    s3.put_object(Bucket=environment.state_bucket, Key="stack.tfstate", Body=json.dumps({"version": 5}))
    with pytest.raises(ToolError, match="unknown format 5"):
        storage.read_state(s3, environment)


# --- A local AWS of one's own ----------------------------------------------------------------------------------------


@contextmanager
def running(folder: Path) -> Iterator[LocalTarget]:
    """A local AWS that is up, entered, and has its buckets."""
    values = load_environment(Project(ROOT), "dev", supplied=LOCAL_VALUES)
    before = dict(os.environ)
    found = LocalTarget(values, folder)
    found.aws.start()
    try:
        found.enter()
        storage.bootstrap(found.s3, values)
        yield found
    finally:
        found.aws.stop()
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
def target(tmp_path: Path) -> Iterator[LocalTarget]:
    """One for a test that stops or empties it, in a folder whose name has a space."""
    with running(tmp_path / "a folder") as found:
        yield found


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTarget]:
    with running(tmp_path_factory.mktemp("shared")) as found:
        yield found


@pytest.fixture
def shared(started: LocalTarget, monkeypatch: pytest.MonkeyPatch) -> LocalTarget:
    """One for all tests that leave it as it is."""
    for name, value in started.aws.environment().items():
        monkeypatch.setenv(name, value)
    return started


def tables(target: LocalTarget) -> list[str]:
    return target.client("dynamodb").list_tables()["TableNames"]


def make_table(target: LocalTarget, name: str) -> None:
    target.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
    )


@pytest.fixture
def deployed(target: LocalTarget) -> LocalTarget:
    """The same, with a state of Terraform's and a table."""
    target.s3.put_object(Bucket=target.environment.state_bucket, Key="stack.tfstate", Body=b'{"version": 4}')
    make_table(target, "before")
    return target


def failure(status: int, summary: str) -> TerraformError:
    report = Report(diagnostics=[Diagnostic("error", summary, "", "", "")])
    return TerraformError("apply", report, Path(os.devnull), status)


def test_an_apply_that_was_cut_off_is_undone(deployed: LocalTarget) -> None:
    target = deployed
    target.before_apply()
    make_table(target, "orphan")
    target._note(2**22 - 1)
    LocalTarget(target.environment, target.folder).recover()
    assert tables(target) == ["before"]
    assert not (target.folder / "applying.json").exists()
    assert not (target.folder / "before-apply").exists()
    target.recover()
    assert tables(target) == ["before"], "with nothing to recover nothing happens"


def test_a_first_apply_that_was_cut_off_leaves_an_empty_local_aws(target: LocalTarget) -> None:
    target.before_apply()
    make_table(target, "orphan")
    target.recover()
    assert tables(target) == []
    assert storage.is_bootstrapped(target.s3, target.environment), "the same command would stop without its buckets"


# A tool that kills itself at one of the moments in which it changes a file or a process.
CUT_OFF = """
import os, signal, sys
from pathlib import Path
from bbws_access.cli import targets
from bbws_access.cli.environments import load_environment
from bbws_access.cli.project import Project

root, folder, what, last = sys.argv[1:]
target = targets.LocalTarget(
    load_environment(Project(Path(root)), "dev", supplied=targets.LOCAL_VALUES), Path(folder)
)
target.enter()
target.s3  # so that only what follows is counted
moments = 0

def count(event, arguments):
    global moments
    changes = event in ("os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir", "os.kill", "subprocess.Popen")
    if changes and (event != "os.kill" or arguments[0] != os.getpid()):
        moments += 1
        if moments == int(last):
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
getattr(target, what)()
print(moments)
"""


def cut_off(target: LocalTarget, what: str, last: int) -> int | None:
    """Run a method of the target's in another process that dies at that moment; how many there are, if it lives."""
    done = subprocess.run(
        [sys.executable, "-c", CUT_OFF, str(ROOT), str(target.folder), what, str(last)],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL)
    return int(done.stdout) if done.returncode == 0 else None


@pytest.mark.parametrize("what", ["before_apply", "recover"])
def test_a_tool_that_is_killed_while_it_copies_or_goes_back_is_gone_on_from(deployed: LocalTarget, what: str) -> None:
    """The next command finds the local AWS up, with all that was there before and nothing else."""
    moment, moments = random.randrange(-5, 1), None
    while moments is None:
        # Each of them takes seconds: a run tries every sixth.
        moment += 6
        if what == "recover":
            deployed.before_apply()
            make_table(deployed, "orphan")
        moments = cut_off(deployed, what, moment)
        target = running_target(LocalTarget(deployed.environment, deployed.folder))
        target.recover()
        assert tables(target) == ["before"], f"{what}, moment {moment}"
        assert storage.is_bootstrapped(target.s3, target.environment)
        assert not target.aws.is_paused()


def test_an_apply_that_came_to_its_end_unseen_stays(target: LocalTarget) -> None:
    target.before_apply()
    make_table(target, "made")
    log = target.terraform.log("apply")
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text('{"type": "change_summary", "changes": {"operation": "apply"}}\n')
    target.recover()
    assert tables(target) == ["made"]


def test_terraform_goes_on_while_the_local_aws_is_too_busy_to_answer(shared: LocalTarget) -> None:
    pid = json.loads((shared.folder / "process.json").read_text())["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        assert shared.aws.is_there()
    finally:
        os.kill(pid, signal.SIGCONT)


def test_any_apply_makes_up_look_again(target: LocalTarget) -> None:
    target.write("applied.json", {"fingerprint": "x"})
    target.before_apply()
    assert target.terraform.is_alive == target.aws.is_there
    assert target.read("applied.json") == {}


def test_an_almost_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy.require_disk(tmp_path)
    monkeypatch.setattr(targets, "LEAST_DISK", 2**60)
    with pytest.raises(ToolError, match=r"Only .* are free where"):
        deploy.require_disk(tmp_path)


def test_a_local_aws_of_an_older_program_is_started_again(target: LocalTarget) -> None:
    def process() -> int:
        return target.read("process.json")["pid"]

    deploy.start_local_aws(target)
    first = process()
    deploy.start_local_aws(target)
    assert process() == first
    target.write(deploy.PROGRAM, {"version": "older"})
    deploy.start_local_aws(target)
    assert process() != first


@pytest.mark.parametrize(
    ("error", "left"),
    [
        (failure(1, "creating table: refused"), ["before", "made"]),
        (failure(-9, "killed"), ["before"]),
        (failure(1, "Failed to save state"), ["before"]),
        (failure(1, "Failed to persist state to backend"), ["before"]),
        (None, ["before", "made"]),
    ],
)
def test_a_failed_apply_is_undone_only_when_its_state_is_lost(
    deployed: LocalTarget, error: TerraformError | None, left: list[str]
) -> None:
    target = deployed
    target.before_apply()
    make_table(target, "made")
    target.after_apply(error)
    assert tables(target) == left
    assert target.aws.is_running()


def test_a_lock_that_nobody_holds_is_removed(shared: LocalTarget) -> None:
    shared.release_stale_lock()
    lock = {"ID": "1", "Who": "me@here", "Created": "2026-01-01T00:00:00Z"}
    shared.s3.put_object(Bucket=shared.environment.state_bucket, Key="stack.tfstate.tflock", Body=json.dumps(lock))
    assert storage.read_lock(shared.s3, shared.environment)["Who"] == "me@here"
    shared.release_stale_lock()
    assert storage.read_lock(shared.s3, shared.environment) is None


def test_a_terraform_whose_tool_was_killed_is_let_come_to_its_end(
    shared: LocalTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = {"ID": "1", "Who": "me@here", "Created": "2026-01-01T00:00:00Z"}
    shared.s3.put_object(Bucket=shared.environment.state_bucket, Key="stack.tfstate.tflock", Body=json.dumps(lock))
    shutil.copy(shutil.which("sleep"), tmp_path / "terraform")
    command, environment = [tmp_path / "terraform", "60"], {"AWS_ENDPOINT_URL": shared.aws.endpoint}
    with subprocess.Popen(command, env=environment) as process:
        pauses = []

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 3:
                process.kill()
                process.wait()

        monkeypatch.setattr(targets.time, "sleep", pause)
        shared.release_stale_lock()
    assert storage.read_lock(shared.s3, shared.environment) is None
    said = capsys.readouterr()
    assert (said.out + said.err).count(f"Terraform (process {process.pid}) is at work") == 1


def test_but_not_for_ever(shared: LocalTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared.s3.put_object(Bucket=shared.environment.state_bucket, Key="stack.tfstate.tflock", Body=b'{"ID": "1"}')
    shutil.copy(shutil.which("sleep"), tmp_path / "terraform")
    monkeypatch.setattr(targets, "_LONGEST_WAIT", 0.3)
    with subprocess.Popen([tmp_path / "terraform", "60"], env={"AWS_ENDPOINT_URL": shared.aws.endpoint}) as process:
        with pytest.raises(ToolError, match=f"process {process.pid}\\) is at work"):
            shared.release_stale_lock()
        assert storage.read_lock(shared.s3, shared.environment) is not None
        process.kill()
    shared.release_stale_lock()


def test_what_the_tool_keeps_is_private(shared: LocalTarget) -> None:
    people.remember_password(shared, "a@b.example", "secret")
    people.remember_password(shared, "c@d.example", "other")
    path = shared.folder / people.PASSWORDS
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(shared.folder.stat().st_mode) == 0o700
    assert people.remembered_password(shared, "a@b.example") == "secret"
    assert people.remembered_password(shared, "x@y.example") is None


def test_a_local_aws_that_is_not_there_is_named(tmp_path: Path) -> None:
    values = load_environment(Project(ROOT), "dev", supplied=LOCAL_VALUES)
    with pytest.raises(NotRunningError, match="There is no local AWS for dev") as caught:
        running_target(LocalTarget(values, tmp_path / "none"))
    assert caught.value.exit_code == 3
    assert f"bbws-access up --folder {tmp_path / 'none'}`" in caught.value.hint


# --- People ----------------------------------------------------------------------------------------------------------


def make_pool(target: LocalTarget) -> dict[str, str]:
    """The outputs of a user pool like the stack's."""
    cognito = target.client("cognito-idp")
    pool = cognito.create_user_pool(
        PoolName="pool",
        UsernameAttributes=["email"],
        Schema=[{"Name": "organisation_id", "AttributeDataType": "String", "Mutable": True}],
    )["UserPool"]["Id"]
    client = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="main", ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    )["UserPoolClient"]["ClientId"]
    return {"user_pool_id": pool, "client_id": client}


def add_user(target: LocalTarget, pool: str, email: str, password: str, *, permanent: bool = True) -> None:
    cognito = target.client("cognito-idp")
    attributes = [{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}]
    cognito.admin_create_user(
        UserPoolId=pool, Username=email, UserAttributes=attributes, MessageAction="SUPPRESS", TemporaryPassword=password
    )
    if permanent:
        cognito.admin_set_user_password(UserPoolId=pool, Username=email, Password=password, Permanent=True)


def test_an_invited_person_of_the_local_aws_signs_in_without_more_ado(shared: LocalTarget) -> None:
    outputs, email = make_pool(shared), "invited@b.example"
    add_user(shared, outputs["user_pool_id"], email, "Temporary-12345", permanent=False)
    for _ in range(2):  # the first time stands for choosing a password, which is kept
        assert sign_in.sign_in_as(shared, outputs, email.upper()).count(".") == 2
    # A run that was killed after it kept the password, and before it set it.
    other = "other@b.example"
    add_user(shared, outputs["user_pool_id"], other, "Temporary-12345", permanent=False)
    kept = people.remember_password(shared, other, "Kept-for-later-12345")
    assert sign_in.sign_in_as(shared, outputs, other).count(".") == 2
    assert people.remembered_password(shared, other) == kept
    # Whose password somebody else knows is asked for it, and there is no terminal here.
    known = "known@b.example"
    add_user(shared, outputs["user_pool_id"], known, "Chosen-12345-abc")
    with pytest.raises(ToolError, match="there is no terminal"):
        sign_in.sign_in_as(shared, outputs, known)


@pytest.mark.parametrize("password", [None, "Some-password-1"])
def test_nobody_is_asked_for_the_password_of_who_does_not_exist(
    shared: LocalTarget, password: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = make_pool(shared)
    monkeypatch.setattr(sign_in, "ask", lambda *_, **__: pytest.fail("it asked"))
    with pytest.raises(ToolError, match=r"There is no account of nobody@b\.example in dev") as caught:
        sign_in.sign_in_as(shared, outputs, "nobody@b.example", password)
    assert shared.advice("user list") in caught.value.hint


def test_who_may_not_look_at_accounts_may_sign_in(shared: LocalTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    """On AWS somebody may have the rights to read Terraform's state and none in Cognito."""
    outputs = make_pool(shared)
    add_user(shared, outputs["user_pool_id"], "looks@b.example", "Chosen-12345-abc")
    client = shared.client("cognito-idp")

    def refuse(**_: str) -> NoReturn:
        raise ClientError({"Error": {"Code": code, "Message": "No."}}, "AdminGetUser")

    monkeypatch.setattr(client, "admin_get_user", refuse)
    monkeypatch.setattr(shared, "client", lambda *_: client)
    monkeypatch.setattr(sign_in, "ask", lambda *_, **__: "Chosen-12345-abc")
    code = "AccessDeniedException"
    assert sign_in.sign_in_as(shared, outputs, "looks@b.example").count(".") == 2
    code = "TooManyRequestsException"
    with pytest.raises(ToolError, match="AWS refuses AdminGetUser"):
        sign_in.sign_in_as(shared, outputs, "looks@b.example")


def test_sign_in_gives_an_access_token(shared: LocalTarget) -> None:
    import jwt

    outputs = make_pool(shared)
    password = people.generate_password()
    add_user(shared, outputs["user_pool_id"], "a@b.example", password)
    token = sign_in.sign_in(shared, outputs, "A@b.example", password)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["token_use"], claims["client_id"]) == ("access", outputs["client_id"])


@pytest.mark.parametrize("email", ["a@b.example", "nobody@b.example"])
def test_a_wrong_password_and_an_unknown_user_look_alike(shared: LocalTarget, email: str) -> None:
    outputs = make_pool(shared)
    add_user(shared, outputs["user_pool_id"], "a@b.example", people.generate_password())
    with pytest.raises(ToolError, match="cannot sign in: wrong e-mail address or password"):
        sign_in.sign_in(shared, outputs, email, "Wrong-password-1")


def test_a_new_password_is_asked_for_at_a_terminal_only(shared: LocalTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = make_pool(shared)
    add_user(shared, outputs["user_pool_id"], "a@b.example", "Temporary-1-password", permanent=False)
    with pytest.raises(ToolError, match=r"asks for an answer \(New password\), and there is no terminal"):
        sign_in.sign_in(shared, outputs, "a@b.example", "Temporary-1-password")
    monkeypatch.setattr(sign_in, "ask", lambda question, hidden=False: "Permanent-1-password")
    assert sign_in.sign_in(shared, outputs, "a@b.example", "Temporary-1-password").count(".") == 2
    monkeypatch.undo()
    assert sign_in.sign_in(shared, outputs, "a@b.example", "Permanent-1-password").count(".") == 2


@pytest.mark.parametrize("email", ["", "a", "a@", "@b.example", "a@b", "a b@c.example"])
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(UsageError, match="is not an e-mail address"):
        people.check_email(email)


def test_generated_passwords_satisfy_every_rule_of_the_pool() -> None:
    made = {people.generate_password() for _ in range(200)}
    assert len(made) == 200
    for password in made:
        assert len(password) >= 20
        assert any(sign.islower() for sign in password)
        assert any(sign.isupper() for sign in password)
        assert any(sign.isdigit() for sign in password)
        assert any(not sign.isalnum() for sign in password)


def test_refusals_of_the_services_become_errors_of_the_tool() -> None:
    from bbws_access.kernel.dynamodb import DatabaseUnavailable
    from bbws_access.kernel.errors import BadRequest

    with pytest.raises(UsageError, match="no such thing"), service_errors():
        raise BadRequest("no such thing")
    with pytest.raises(ToolError, match="tables do not answer"), service_errors():
        raise DatabaseUnavailable("timeout")
    refused = ClientError({"Error": {"Code": "Denied", "Message": "Not you."}}, "PutItem")
    with pytest.raises(ToolError, match=r"AWS refuses PutItem: Not you\.$"), service_errors():
        raise refused
    with pytest.raises(ToolError, match=r"AWS cannot be reached: Unable to locate credentials\.$"), service_errors():
        raise NoCredentialsError


# --- AWS -------------------------------------------------------------------------------------------------------------


def test_credentials_of_another_account_are_refused(shared: LocalTarget) -> None:
    values = load_environment(Project(ROOT), "dev", arguments=["account_id=111122223333"])
    with pytest.raises(UsageError, match="are of account 000000000000, and dev belongs to account 111122223333"):
        AwsTarget(values).check_account()
    AwsTarget(shared.environment).check_account()


def test_the_certificate_of_the_local_aws_is_trusted_by_its_folder_alone(shared: LocalTarget) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with pytest.raises(OSError, match="certificate verify failed"):
        opener.open(shared.aws.endpoint, timeout=5)


def test_no_apply_goes_on_over_a_state_that_is_not_saved(shared: LocalTarget) -> None:
    target = AwsTarget(shared.environment)
    path = target.terraform.unsaved_state
    path.write_text("{}")
    try:
        with pytest.raises(ToolError, match="could not save its state") as refused:
            deploy.apply_plan(target, Report())
        assert f"terraform state push {path}" in refused.value.hint
        assert path.exists()
    finally:
        path.unlink()


# --- What is deployed ------------------------------------------------------------------------------------------------


def test_the_outputs_that_commands_read_are_needed() -> None:
    """Each that is read without a second thought is among those that a deployment must have."""
    read = set()
    for path in (ROOT / "src" / "bbws_access").rglob("*.py"):
        read |= set(re.findall(r'outputs(?:_)?\["(\w+)"\]', path.read_text()))
    assert read == set(NEEDED_OUTPUTS)


@pytest.mark.parametrize(
    ("found", "resources", "error"),
    [
        ([], [], NotDeployedError),
        ([], [{"type": "aws_iam_role"}], PartlyDeployedError),
        (["user_pool_id", "region"], [], PartlyDeployedError),
        *((sorted({*NEEDED_OUTPUTS} - {name}), [], PartlyDeployedError) for name in NEEDED_OUTPUTS),
    ],
)
def test_outputs_that_are_not_all_there(
    found: list[str], resources: list[dict], error: type, shared: LocalTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = {"version": 4, "outputs": {name: {"value": "x"} for name in found}, "resources": resources}
    monkeypatch.setattr(storage, "read_state", lambda *_: state)
    with pytest.raises(NotDeployedError) as caught:
        shared.outputs()
    assert type(caught.value) is error
    assert shared.advice("up") in caught.value.hint


def test_outputs_that_may_be_null_may_be_missing(shared: LocalTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = {name: {"value": "x"} for name in NEEDED_OUTPUTS}
    monkeypatch.setattr(storage, "read_state", lambda *_: {"version": 4, "outputs": outputs})
    assert set(shared.outputs()) == set(NEEDED_OUTPUTS)


def test_an_apply_that_did_not_do_all_is_known(deployed: LocalTarget) -> None:
    """Also where it got as far as to have every output; one that was undone leaves things as they were before."""
    deployed.before_apply()
    assert deployed.is_unfinished
    deployed.after_apply(InterruptedByUserError("Interrupted."))
    assert deployed.is_unfinished
    deployed.before_apply()
    deployed.after_apply()
    assert not deployed.is_unfinished
