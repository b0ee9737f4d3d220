"""What holds for every module, and where it applies for the stack that composes them."""

import json
import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from bbws_access.verify import inputs
from tests.support.terraform import (
    MODULES,
    ROOT,
    STACK,
    Workspace,
    account,
    blocks,
    conditions,
    configuration_folders,
    input_folders,
    locked,
    module_folders,
    module_name,
    native_runs,
    native_test_files,
    native_test_parts,
    read,
    readme_examples,
    readme_table,
    strings,
    write_examples,
)
from tests.terraform.values import WRONG

# The files that the module's user is promised by name, beside those of every module.
EVERY_MODULE = {"main.tf", "variables.tf", "outputs.tf", "versions.tf", "README.md"}
NAMED_FILES = {
    "dynamodb": {"gsi.tf", "pitr.tf"},
    "iam": {"policies.tf"},
    "api-gateway": {"routes.tf", "integrations.tf"},
    "cognito": set(),
    "s3-audit": {"lifecycle.tf", "replication.tf"},
    "cloudwatch": {"alarms.tf", "dashboards.tf", "sns.tf"},
}

LITERALS = {
    "region": re.compile(r"\b[a-z]{2}(?:-[a-z]+)?-(?:north|south|east|west|central)[a-z]*-\d\b"),
    "account id": re.compile(r"(?<![\w.-])\d{12}(?![\w.-])"),
    "ARN with a fixed partition": re.compile(r"\barn:aws(?:-cn|-us-gov)?:"),
    "e-mail address": re.compile(r"[\w.+-]+@[\w-]+\.[a-z]{2,}"),
}
# The stack is this project's own; the modules are anyone's.
MODULE_LITERALS = LITERALS | {"project name": re.compile(r"bbws", re.IGNORECASE)}

# The account that the examples in READMEs are of.
EXAMPLES_ACCOUNT = "111122223333"

every_module = pytest.mark.parametrize("module", module_folders(), ids=module_name)
every_configuration = pytest.mark.parametrize("folder", configuration_folders(), ids=module_name)


@every_configuration
def test_files_are_formatted(folder: Path, workspace: Workspace) -> None:
    unformatted = workspace.terraform(workspace.copy_of(folder), "fmt", "-list=true", "-write=false", "-recursive")
    assert not unformatted.split(), "run `terraform fmt -recursive`"


@pytest.mark.parametrize("folder", [STACK, *input_folders()], ids=module_name)
def test_configuration_is_valid(folder: Path, workspace: Workspace) -> None:
    """The modules are valid, and without warnings, where their native tests pass: each of them plans something."""
    copy = workspace.initialised(workspace.copy_of(folder))
    printed = workspace.terraform(copy, "validate", "-no-color")
    assert "Warning" not in printed, printed


@pytest.mark.parametrize(
    ("folder", "file"),
    [
        pytest.param(
            folder,
            file.name,
            id=f"{module_name(folder)}: {file.name.removesuffix('.tftest.hcl')}",
            marks=pytest.mark.xdist_group(f"native tests of {module_name(folder)}"),
        )
        for folder in configuration_folders()
        for file in native_test_files(folder)
    ],
)
def test_native_tests_pass(folder: Path, file: str, native_results: Callable[[Path], dict[str, list[str]]]) -> None:
    runs = [run.name for run in native_runs(folder) if run.file == file]
    assert native_results(folder)[file] == [f"{name}: pass" for name in sorted(runs)]


@pytest.fixture(scope="session")
def native_results(workspace: Workspace) -> Callable[[Path], dict[str, list[str]]]:
    """How each run of a folder's native tests ended, by file, and what was wrong; each folder's are run once."""

    @cache
    def results(folder: Path) -> dict[str, list[str]]:
        files = [file.name for file in native_test_files(folder)]
        parts = [native_test_parts(workspace, folder, file) for file in files]
        said: dict[str, list[str]] = {}
        # What only sees inputs rejected needs no provider and no resources: a tenth of the time.
        if any(rejecting.runs for rejecting, _ in parts):
            take(said, workspace.terraform_lines(parts[0][0].folder, "test", "-json"))
        for file, (_, planning) in zip(files, parts, strict=True):
            # One at a time: Terraform keeps a provider for each configuration of one until it ends, in much memory.
            if planning.runs:
                copy = workspace.initialised(planning.folder)
                take(said, workspace.terraform_lines(copy, "test", "-json", f"-filter=tests/{file}"))
        return {file: sorted(lines) for file, lines in said.items()}

    def take(said: dict[str, list[str]], lines: list[str]) -> None:
        for event in map(json.loads, lines):
            file = Path(event.get("@testfile", "")).name
            if event["type"] == "test_run" and event["test_run"].get("progress") == "complete":
                said.setdefault(file, []).append(f"{event['test_run']['run']}: {event['test_run']['status']}")
            if event["type"] == "diagnostic":
                item = event["diagnostic"]
                said.setdefault(file, []).append(f"{item['summary']}: {item['detail']}")

    return results


@every_module
def test_native_tests_accept_every_environment(module: Path) -> None:
    accepting = [run for run in native_runs(module) if not run.expect_failures]
    assert accepting, "no native test run accepts anything"
    if "env_name" in blocks(module, "variable"):
        tested = {run.variables.get("env_name") for run in accepting}
        assert {"dev", "sit", "prod"} <= tested, f"no accepting run for {sorted({'dev', 'sit', 'prod'} - tested)}"


@every_configuration
def test_every_condition_has_a_run_that_it_rejects(folder: Path) -> None:
    rejecting = Counter(address for run in native_runs(folder) for address in run.expect_failures)
    if folder.name == inputs.FOLDER:
        rejecting += Counter(f"var.{path.split('/')[0]}" for path, _, _ in WRONG.get(module_name(folder.parent), []))
    uncovered = {
        address: f"{count} conditions, {rejecting[address]} rejecting runs"
        for address, count in conditions(folder).items()
        if rejecting[address] < count
    }
    assert not uncovered, f"conditions without an `expect_failures` run of their own: {uncovered}"


@every_module
def test_module_has_its_files(module: Path) -> None:
    expected = EVERY_MODULE | NAMED_FILES.get(module_name(module), set())
    assert expected <= {path.name for path in module.iterdir()}
    assert native_test_files(module), "no native tests"


@every_configuration
def test_versions_are_stated(folder: Path) -> None:
    (settings,) = read(folder / "versions.tf")["terraform"]
    if folder.name == inputs.FOLDER:
        assert settings == {"required_version": ">= 1.11"}
        return
    (providers,) = settings["required_providers"]
    assert settings["required_version"] == ">= 1.11"
    assert providers["aws"]["source"] == "hashicorp/aws"
    assert providers["aws"]["version"] == ">= 5.100, < 7"


def test_every_module_takes_region_and_account_from_its_provider_in_one_way() -> None:
    """Whoever works somewhere says where in place.tf, the same in every module, and nothing else asks the provider."""
    placed = {
        folder: (folder / "place.tf").read_text(encoding="utf-8")
        for folder in module_folders()
        if (folder / "place.tf").exists()
    }
    assert len(set(placed.values())) == 1
    # Nothing of it has a region, and its role is known by the provider alone.
    assert {module_name(folder) for folder in module_folders()} - {module_name(folder) for folder in placed} == {
        "api-gateway/account-logging"
    }
    for folder in placed:
        for path in folder.glob("*.tf"):
            text = path.read_text(encoding="utf-8")
            if path.name not in ("place.tf", "variables.tf"):
                assert not re.search(
                    r"\bvar\.(?:region|account_id|check_account)\b|\bdata\.aws_(?:region|partition|caller_identity)\b",
                    text,
                ), path


# What version 6 of the provider removed or deprecated of the types that are used here: docs/provider-versions.md.
GONE_IN_SIX = {
    "data.aws_region": {"name", "id"},
    "data.aws_partition": {"id"},
    "aws_api_gateway_account": {"reset_on_delete"},
    "aws_api_gateway_deployment": {"stage_name", "stage_description", "canary_settings", "invoke_url", "execution_arn"},
    "aws_s3_bucket": {"region"},
    "aws_s3_bucket_acl": {"expected_bucket_owner"},
}
# Deprecated in blocks of a resource, and what stands for it. Where 5.100 has no such thing, the old stays and warns.
BLOCKS_IN_SIX = {("aws_dynamodb_table", "global_secondary_index"): ({"hash_key", "range_key"}, "key_schema")}
ELSEWHERE_IN_SIX = {"expected_bucket_owner", "inference_accelerator"}


@every_configuration
def test_nothing_is_used_that_version_six_of_the_provider_lacks(folder: Path) -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.tf")))
    for kind, attributes in GONE_IN_SIX.items():
        for attribute in attributes:
            assert not re.search(rf"\b{re.escape(kind)}\.\w+(?:\[[^\]]*\])?\.{attribute}\b", text), (
                f"{kind}.{attribute}"
            )
    for kind in ("resource", "data"):
        for address, body in blocks(folder, kind).items():
            name = address.split(".")[0] if kind == "resource" else f"data.{address.split('.')[0]}"
            used = set(body) & (GONE_IN_SIX.get(name, set()) | ELSEWHERE_IN_SIX)
            assert not used, f"{address}: {used}"


def test_what_version_six_deprecates_in_blocks_has_nothing_in_its_place_yet(workspace: Workspace) -> None:
    """Both versions cannot be served while the older lacks the newer's way; when it is left, this says so."""
    table = (ROOT / "docs/provider-versions.md").read_text(encoding="utf-8")
    schemas = workspace.schemas(workspace.copy_of(MODULES / "dynamodb"))
    for (kind, block), (deprecated, instead) in BLOCKS_IN_SIX.items():
        inside = schemas[kind]["blocks"][block]
        assert deprecated <= set(inside["attributes"])
        assert instead not in {*inside["attributes"], *inside["blocks"]}, f"{kind}: use {instead}"
        row = next((line for line in table.splitlines() if f"`{block}`" in line), "")
        assert all(f"`{name}`" in row for name in (kind, instead, *deprecated)), f"no row of {kind}, {block}"


@every_configuration
def test_variables_are_typed_and_described(folder: Path) -> None:
    strict = (folder / inputs.FOLDER).exists()
    for name, variable in blocks(folder, "variable").items():
        assert variable.get("type") not in (None, *(() if strict else ("${any}",))), f"{name} has no type"
        assert variable.get("description", "").strip(), f"{name} has no description"
        if variable.get("nullable") is not False:
            assert "default" in variable, f"{name}: say nullable = false"
            assert variable["default"] in (None, "${null}"), f"{name}: say nullable = false, or default to null"
            assert "null" in variable["description"], f"{name}: say in the description what null means"


@every_configuration
def test_outputs_are_described(folder: Path) -> None:
    for name, block in blocks(folder, "output").items():
        assert block.get("description", "").strip(), f"{name} has no description"


@every_configuration
def test_nothing_is_hardcoded(folder: Path) -> None:
    literals = LITERALS if folder == STACK else MODULE_LITERALS
    found = [
        f"{path.name}: {name} in {text!r}"
        for path in sorted(folder.glob("*.tf"))
        for kind, blocks_of_kind in read(path).items()
        for text in strings(_without_examples(kind, blocks_of_kind))
        for name, pattern in literals.items()
        if pattern.search(text)
    ]
    assert not found, "\n".join(found)


def _without_examples(kind: str, block: object) -> object:
    """Leaves out what may name a value as an example: descriptions, messages, and the defaults of variables."""
    left_out = {"description", "error_message"} | ({"default"} if kind == "variable" else set())
    if isinstance(block, dict):
        return {key: _without_examples(kind, value) for key, value in block.items() if key not in left_out}
    if isinstance(block, list):
        return [_without_examples(kind, value) for value in block]
    return block


@every_module
def test_everything_that_can_be_tagged_is_tagged(module: Path, workspace: Workspace) -> None:
    resources = blocks(module, "resource")
    if not resources:
        return
    schemas = workspace.schemas(workspace.copy_of(module))
    untagged = [
        address
        for address, body in resources.items()
        if "tags" in schemas.get(address.split(".")[0], {"attributes": ()})["attributes"] and "tags" not in body
    ]
    assert not untagged, f"without tags: {untagged}"


@every_module
def test_readme_lists_the_inputs_and_outputs(module: Path) -> None:
    for heading, kind in (("Inputs", "variable"), ("Outputs", "output")):
        assert sorted(readme_table(module, heading)) == sorted(blocks(module, kind)), f"table of {heading}"


@pytest.fixture(scope="session")
def examples(workspace: Workspace) -> dict[str, set[str]]:
    """What the plan of all examples does in each of them; planned once for all processes."""
    kept = workspace.root / "examples.json"
    with locked(workspace.root / "examples-plan.lock"):
        if not kept.exists():
            folder = workspace.initialised(write_examples(workspace))
            with account(EXAMPLES_ACCOUNT) as caller:
                environment = workspace.environment | caller
                workspace.terraform(folder, "plan", "-input=false", "-out=examples.tfplan", environment=environment)
            kept.write_text(workspace.terraform(folder, "show", "-json", "examples.tfplan"), encoding="utf-8")
    done: dict[str, set[str]] = {}
    for change in json.loads(kept.read_text(encoding="utf-8"))["resource_changes"]:
        name = change["address"].split(".")[1]
        if change["mode"] == "managed":
            done.setdefault(name, set()).update(change["change"]["actions"])
    return done


@every_module
def test_readme_examples_plan(module: Path, examples: dict[str, set[str]]) -> None:
    name = module_name(module)
    codes = readme_examples(module)
    assert any(f'modules/{name}"' in code for code in codes), "the README has no ```hcl example that calls this module"
    for number in range(1, len(codes) + 1):
        assert examples[f"{name.replace('/', '-')}-{number}"] == {"create"}
