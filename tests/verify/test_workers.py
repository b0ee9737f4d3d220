"""What a worker says when its module cannot be proven: one sentence, with file and line, in its own row."""

import io
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from bbws_access.cli.errors import ToolError, UsageError
from bbws_access.cli.processes import process_start
from bbws_access.cli.project import Project
from bbws_access.verify import engine, show, slices
from bbws_access.verify.cache import Cache
from bbws_access.verify.dependencies import read_graph
from bbws_access.verify.jobs import SUPPORTING, WORKERS, Job, Planned
from bbws_access.verify.report import COMPLETE, FAILED, SKIPPED, WITH_FAULTS
from bbws_access.verify.runner import CheckError, Deadline, Outcome, Runner
from bbws_access.verify.scanners import Scanners

pytestmark = pytest.mark.xdist_group("verify-runs")  # many, so that they begin early


def content(*_: object) -> tuple[bool, str]:
    """A scanner that has nothing to say."""
    return True, ""


def run(job: Job, root: Path, analyse: Callable = content) -> Job:
    job.run(root / "work", content, analyse)
    return job


def append(project: Project, file: str, text: str) -> int:
    """Add lines to a module's file; the number of the first."""
    path = project.modules / file
    before = path.read_text(encoding="utf-8")
    path.write_text(before + text, encoding="utf-8")
    return before.count("\n") + 1


def test_a_syntax_error_is_named_with_file_and_line(job, project: Project, tmp_path: Path) -> None:
    line = append(project, "cognito/main.tf", "resource {{\n")
    failed = run(job("cognito"), tmp_path)
    assert failed.status == FAILED
    assert failed.facts.broken.startswith(f"terraform/modules/cognito/main.tf:{line}: ")
    assert [step.status for step in failed.facts.steps if step.name == "native tests"] == [SKIPPED]


def test_an_invalid_module_is_named_with_file_and_line(job, project: Project, tmp_path: Path) -> None:
    line = append(project, "kms/main.tf", "locals {\n  nothing = var.not_there\n}\n")
    failed = run(job("kms"), tmp_path)
    assert failed.status == FAILED
    assert failed.facts.broken.startswith(f"terraform/modules/kms/main.tf:{line + 1}: ")
    (step,) = [step for step in failed.facts.steps if step.name == "validate"]
    assert (step.status, step.detail) == (FAILED, failed.facts.broken)


def test_another_modules_syntax_error_does_not_reach_a_worker(job, project: Project, tmp_path: Path) -> None:
    append(project, "iam/main.tf", "resource {{\n")
    append(project, "cognito/main.tf", "resource {{\n")
    for test in (project.modules / "kms" / "tests").glob("*.hcl"):
        test.write_text('run "works" {\n  command = plan\n  variables {\n    keys = {}\n  }\n}\n', encoding="utf-8")
    done = job("kms")
    done._tests = lambda folders, root, deadline, step: setattr(step, "status", COMPLETE)
    run(done, tmp_path)
    assert done.facts.broken == ""
    assert done.status == COMPLETE
    assert len(done.facts.planned["dev"]) > 1


def test_a_plan_that_asks_aws_is_named_with_file_and_line(job, project: Project, tmp_path: Path) -> None:
    text = (
        'data "aws_caller_identity" "me" {}\n\nresource "aws_kms_key" "other" {\n'
        "  description = data.aws_caller_identity.me.account_id\n}\n"
    )
    line = append(project, "kms/main.tf", text)
    failed = run(job("kms"), tmp_path)
    assert failed.status == FAILED
    assert failed.facts.broken.startswith(f"terraform/modules/kms/main.tf:{line}: ")
    assert "data.aws_caller_identity.me asks AWS while planning, which needs credentials" in failed.facts.broken


def test_a_check_block_that_fails_is_named_with_file_and_line(job, project: Project, tmp_path: Path) -> None:
    text = (
        'check "regions" {\n  assert {\n    condition     = var.region == "mars-north-1"\n'
        '    error_message = "Keys belong on Mars."\n  }\n}\n'
    )
    line = append(project, "kms/main.tf", text)
    failed = run(job("kms"), tmp_path)
    assert failed.status == FAILED
    assert failed.facts.broken.startswith(f"terraform/modules/kms/main.tf:{line + 2}: ")
    assert "Keys belong on Mars." in failed.facts.broken


def test_a_folder_that_is_gone_is_named(job, project: Project, tmp_path: Path) -> None:
    (project.modules / "s3-audit").rename(tmp_path / "elsewhere")
    failed = run(job("s3-audit"), tmp_path)
    assert failed.status == FAILED
    assert failed.facts.broken == "terraform/modules/s3-audit is gone, or holds no Terraform files"


def test_a_missing_provider_is_said(job, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    config = tmp_path / "cli.tfrc"
    config.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{empty}"\n  }}\n}}\n')
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(config))
    failed = run(job("kms", runner=Runner(project, 1)), tmp_path)
    assert failed.status == FAILED
    assert "hashicorp/aws" in failed.facts.broken


def test_a_worker_that_hangs_is_ended_at_its_time_limit(job, tmp_path: Path) -> None:
    failed = run(job("kms", time_limit=0.5), tmp_path)
    assert failed.status == FAILED
    assert "the time limit of 0.5 s passed" in failed.facts.broken


def test_a_worker_that_crashes_fails_its_row(job, project: Project, tmp_path: Path) -> None:
    crashed = job("kms")
    crashed._format = lambda *_: (_ for _ in ()).throw(ZeroDivisionError("by zero"))
    run(crashed, tmp_path)
    assert crashed.status == FAILED
    assert crashed.facts.broken == "ZeroDivisionError: by zero"
    assert [step.detail for step in crashed.facts.steps if step.name == "format"] == ["ZeroDivisionError: by zero"]


def test_a_process_is_ended_with_everything_that_it_started(project: Project, tmp_path: Path) -> None:
    runner = Runner(project, 1)
    with pytest.raises(CheckError, match="sh -c was ended: the time limit of 5 s passed"):
        runner.run(["/bin/sh", "-c", "sleep 600 & echo $! > child; wait"], tmp_path, tmp_path, Deadline(5))
    child = int((tmp_path / "child").read_text())
    until = time.monotonic() + 20
    # It was killed, but goes only when whoever adopts orphans takes notice.
    while process_start(child) and time.monotonic() < until:
        time.sleep(0.05)
    assert process_start(child) == ""


def test_stopping_ends_what_runs_and_starts_nothing_more(project: Project, tmp_path: Path) -> None:
    runner = Runner(project, 2)
    threading.Timer(0.5, runner.stop).start()
    for _ in range(2):
        with pytest.raises(CheckError, match="interrupted"):
            runner.run(["/bin/sh", "-c", "sleep 60"], tmp_path, tmp_path, Deadline(60))


def test_files_that_are_not_formatted_are_named(job, project: Project, tmp_path: Path) -> None:
    append(project, "kms/main.tf", "locals {\n      crooked=1\n}\n")
    made = job("kms")
    made._validate = made._plan = made._init = lambda *_: None
    made._tests = lambda folders, root, deadline, step: setattr(step, "status", COMPLETE)
    run(made, tmp_path)
    assert made.status == COMPLETE
    assert [(step.name, step.detail) for step in made.facts.faults] == [
        ("format", "not formatted: terraform/modules/kms/main.tf")
    ]


def test_a_native_test_that_fails_is_named_with_file_and_line(job, project: Project, tmp_path: Path) -> None:
    for path in (project.modules / "kms" / "tests").glob("*.hcl"):
        path.unlink()
    text = (
        'run "wrong" {\n  command = plan\n  assert {\n    condition     = var.env_name == "x"\n'
        '    error_message = "It is not x."\n  }\n}\n'
    )
    provider = 'provider "aws" {\n  region = "eu-west-1"\n}\n'
    variables = (
        'variables {\n  env_name   = "dev"\n  region     = "eu-west-1"\n  account_id = "000000000000"\n'
        "  keys       = {}\n}\n"
    )
    (project.modules / "kms" / "tests" / "wrong.tftest.hcl").write_text(provider + variables + text, encoding="utf-8")
    made = job("kms")
    made._validate = made._plan = lambda *_: None
    run(made, tmp_path)
    (step,) = made.facts.faults
    assert step.name == "native tests"
    assert "terraform/modules/kms/tests/wrong.tftest.hcl:" in step.detail
    assert made.verdict == WITH_FAULTS
    screen = Console(file=io.StringIO(), width=200, force_terminal=True, color_system="standard")
    screen.print(show.workers(engine.Run([made])))
    (row,) = [line for line in screen.file.getvalue().splitlines() if "worker of kms" in line]
    assert f"\x1b[31m{WITH_FAULTS}" in row
    assert "\x1b[32m" not in row, "nothing in the row is green"
    assert "native tests" in row


def test_wrong_names_are_refused(project: Project) -> None:
    with pytest.raises(UsageError, match="There is no worker 'worker-9'"):
        engine.verify(project, engine.Options(only=("worker-9",)))
    with pytest.raises(UsageError, match="There is no environment 'moon'"):
        engine.verify(project, engine.Options(environments=("moon",)))


def test_only_a_run_of_everything_replaces_the_report_of_everything(project: Project, tmp_path: Path) -> None:
    whole, part = project.build / "verify", project.build / "verify" / "partial"
    for options, folder in (
        ({}, whole),
        ({"environments": ("prod", "sit", "dev")}, whole),
        ({"environments": ("prod",)}, part),
        ({"only": ("iam",)}, part),
        ({"only": ("iam",), "output": tmp_path}, tmp_path),
    ):
        assert engine.output_folder(project, engine.Options(**options)) == folder


def test_a_module_without_stand_in_is_named(project: Project, tmp_path: Path) -> None:
    path = project.stack / "main.tf"
    path.write_text(
        path.read_text(encoding="utf-8") + 'module "new" {\n  source = "../modules/new"\n}\n', encoding="utf-8"
    )
    with pytest.raises(ToolError, match="no stand-in for the module new"):
        slices.make_slice(project, "kms", tmp_path / "slice", {})


@pytest.mark.parametrize(
    "file",
    [
        "terraform/modules/kms/main.tf",
        "terraform/modules/kms/tests/kms.tftest.hcl",
        "terraform/stack/main.tf",
        "contract/openapi.json",
    ],
)
def test_whatever_could_change_the_answer_changes_its_key(file: str, job, project: Project) -> None:
    made = job("kms")
    before = engine._inputs(made)
    assert engine._inputs(made) == before
    path = project.root / file
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert engine._inputs(made) != before


def test_the_stacks_answer_comes_from_every_module(job, project: Project) -> None:
    made = job(slices.STACK)
    before = engine._inputs(made)
    append(project, "kms/main.tf", "\n")
    assert engine._inputs(made) != before


def test_whatever_could_change_what_checkov_says_changes_its_key(project: Project) -> None:
    before = engine._scanned(project)
    assert engine._scanned(project) == before
    (project.root / ".checkov.yaml").write_text("skip-check: [CKV_AWS_18]\n", encoding="utf-8")
    told = engine._scanned(project)
    assert told != before
    path = project.modules / "kms" / "main.tf"
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert engine._scanned(project) not in (before, told)


def test_values_and_versions_change_the_key(project: Project) -> None:
    _, before = engine._values(project, ["dev"])
    path = project.tfvars("dev")
    path.write_text(path.read_text(encoding="utf-8").replace('"DEBUG"', '"INFO"'), encoding="utf-8")
    _, after = engine._values(project, ["dev"])
    assert before != after
    assert engine._key({"terraform": "1.11.4"}, before) != engine._key({"terraform": "1.12.0"}, before)
    assert engine._key({"commit": "a"}, before) == engine._key({"commit": "b"}, before)


def test_the_cache_keeps_the_newest_and_survives_rubbish(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    assert cache.read("one", "a") is None
    for number in range(8):
        cache.write("one", f"key{number}", {"number": number})
    assert cache.read("one", "key7") == {"number": 7}
    assert len(list((tmp_path / "cache").iterdir())) == 4
    (tmp_path / "cache" / "one.key7.json").write_text("{", encoding="utf-8")
    assert cache.read("one", "key7") is None


def test_addresses_are_taken_apart() -> None:
    item = Planned('module.failover_keys["failover"].aws_kms_key.this["data"]', "aws_kms_key", {})
    assert (item.call, item.module, item.label) == ("failover_keys", 'module.failover_keys["failover"]', "this")
    item = Planned("module.s3_audit.aws_s3_bucket.archive", "aws_s3_bucket", {})
    assert (item.call, item.module, item.label) == ("s3_audit", "module.s3_audit", "archive")
    item = Planned("module.More-keys.aws_kms_key.This-one[0]", "aws_kms_key", {})
    assert (item.call, item.module, item.label) == ("More-keys", "module.More-keys", "This-one")


@pytest.mark.parametrize("name", ["more", "More-keys", "_"])
def test_every_planned_resource_is_one_workers(name: str, project: Project) -> None:
    """Whatever the call is named, and wherever the resource is: one makes it, and no other."""
    path = project.stack / "main.tf"
    text = f'module "{name}" {{\n  source = "../modules/kms"\n}}\n'
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")
    modules = [module for module, _ in WORKERS.values()] + list(SUPPORTING.values())
    wanted = {
        f"module.{name}.aws_kms_key.this": "kms",
        "module.keys.aws_kms_key.this": "kms",
        'module.dynamodb_replica["failover"].aws_dynamodb_table_replica.this': "dynamodb",
        "module.inputs.aws_sqs_queue.x": slices.STACK,
        "aws_sqs_queue.x": slices.STACK,
    }
    for address, owner in wanted.items():
        call = Planned(address, "", {}).call
        assert [module for module in modules if slices.is_made_by(project, module)(call)] == [owner], address


def test_the_stack_alone_is_judged_on_what_it_has(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written into the copy is formatted, too; criteria on resources, of which it has none, are left out."""
    known = {"passed": ["stack/main.tf"], "failed": [], "unread": []}
    monkeypatch.setattr(Scanners, "_checkov", lambda *_: known)
    options = engine.Options(environments=("dev",), only=(slices.STACK,), output=tmp_path)
    report = engine.verify(project, options)
    (worker,) = report.supporting
    steps = {step.name: (step.status, step.detail) for step in worker.steps}
    assert {name for name, (status, _) in steps.items() if status != COMPLETE} == set(), steps
    assert len(steps) == 7
    assert {item.id for item in report.criteria} >= {"validate", "plan", "hardcoded", "kept-in-sight"}
    assert [item.id for item in report.criteria if not item.passed] == []


@pytest.mark.parametrize(("module", "wanted"), [("kms", True), (slices.STACK, False), ("s3-audit", True)])
def test_what_checkov_finds_counts_where_it_is(module: str, wanted: bool, project: Project) -> None:
    scanners = Scanners(project, Runner(project, 1))
    failed = {"id": "CKV_AWS_1", "name": "No statements of all actions", "file": "stack/main.tf", "line": 7}
    known = {"passed": ["modules/kms/main.tf", "stack/main.tf"], "failed": [failed], "unread": []}
    scanners.start(60, known).join()
    passed, said = scanners.scan(module, Deadline(60))
    assert passed == wanted
    assert ("CKV_AWS_1 at terraform/stack/main.tf:7" in said) != wanted


def test_a_resource_without_dependencies_is_in_the_graph(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dot = (
        'digraph G {\n  rankdir = "RL";\n  node [shape = rect, fontname = "sans-serif"];\n'
        '  "aws_sqs_queue.alone" [label="aws_sqs_queue.alone"];\n'
        '  "module.a.aws_sqs_queue.x" [label="aws_sqs_queue.x"];\n'
        '  "module.a.aws_sqs_queue.x" -> "module.a.aws_kms_key.y";\n}\n'
    )
    runner = Runner(project, 1)
    monkeypatch.setattr(runner, "terraform", lambda *_, **__: Outcome(0, [], [], dot))
    assert read_graph(project, runner, tmp_path / "stack", Deadline(60)) == {
        "aws_sqs_queue.alone": [],
        "module.a.aws_sqs_queue.x": ["module.a.aws_kms_key.y"],
    }
