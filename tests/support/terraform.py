"""Terraform for tests: runs it offline on a copy of the tree, and reads its configuration files."""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import hcl2
import pytest
from hcl2 import SerializationOptions

from bbws_access.cli.project import Project
from bbws_access.cli.terraform import UNCOLLECTED, find_provider
from bbws_access.verify import inputs
from bbws_access.verify.provider import Providers

if TYPE_CHECKING:
    from collections.abc import Iterator

Environment = dict[str, str]

ROOT = Path(__file__).resolve().parents[2]
MODULES = ROOT / "terraform" / "modules"
STACK = ROOT / "terraform" / "stack"

# Lets the real AWS provider plan without an account and without a network.
OFFLINE = """\
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
"""


def module_folders() -> list[Path]:
    """Every folder under terraform/modules that is a module to call, modules within modules too."""
    folders = {path.parent for path in MODULES.rglob("*.tf") if ".terraform" not in path.parts}
    return sorted(folder for folder in folders if folder.name != inputs.FOLDER)


def input_folders() -> list[Path]:
    """The typed and validated inputs behind every module and the stack, where these take objects."""
    return [folder / inputs.FOLDER for folder in inputs.module_folders(ROOT)]


def module_name(folder: Path) -> str:
    """A folder's path under terraform/modules (such as "dynamodb/replica"), or under terraform ("stack")."""
    return folder.relative_to(MODULES if folder.is_relative_to(MODULES) else STACK.parent).as_posix()


def configuration_folders() -> list[Path]:
    """The modules, the stack, and their inputs."""
    return [*module_folders(), *([STACK] if any(STACK.glob("*.tf")) else []), *input_folders()]


# --- Running ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Workspace:
    """A copy of the tree in which Terraform may leave its files."""

    root: Path
    environment: dict[str, str] = field(repr=False)

    @classmethod
    def create(cls, root: Path) -> Workspace:
        """Copies terraform/ and contract/ to `root`, once for all processes that share it."""
        root.mkdir(parents=True, exist_ok=True)
        with locked(root / "copy.lock"):
            marker = root / "copied"
            if not marker.exists():
                ignore = shutil.ignore_patterns(".terraform", "*.tfstate*", "*.tfplan")
                for name in ("terraform", "contract"):
                    shutil.copytree(ROOT / name, root / name, ignore=ignore, dirs_exist_ok=True)
                marker.touch()
        return cls(root, terraform_environment(root))

    def copy_of(self, folder: Path) -> Path:
        return self.root / folder.relative_to(ROOT)

    def terraform(self, folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> str:
        """Runs Terraform in a folder of the workspace and returns what it printed; the test fails where it fails."""
        command = ["terraform", *arguments]
        env = environment or self._served(folder, arguments[0])
        result = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
        if result.returncode:
            pytest.fail(f"{' '.join(command)} in {folder.name}:\n{result.stdout}\n{result.stderr}", pytrace=False)
        return result.stdout

    def _served(self, folder: Path, command: str) -> Environment:
        """The environment in which Terraform finds a provider at work, which `init` is not to find."""
        return (
            self.environment if command in ("init", "get", "fmt") else self.environment | _providers().settings(folder)
        )

    def terraform_lines(self, folder: Path, *arguments: str, environment: Environment | None = None) -> list[str]:
        """What Terraform prints in a folder of the workspace, also where it fails, line by line."""
        command, env = ["terraform", *arguments], environment or self._served(folder, arguments[0])
        result = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
        return result.stdout.splitlines()

    def initialised(self, folder: Path) -> Path:
        """The workspace's folder, with provider and child modules installed (once for all processes)."""
        with self._locked(folder):
            if not (folder / ".terraform").exists():
                if folder.name == inputs.FOLDER or (folder / ".terraform.lock.hcl").exists():
                    self._init(folder)
                else:
                    self._link(folder)
        return folder

    def _init(self, folder: Path) -> None:
        self.terraform(folder, "init", "-backend=false", "-input=false", "-no-color")

    def _link(self, folder: Path) -> None:
        """As `init` leaves it, which reads all of the provider to know its hash: that is done in one folder for all.

        All want the same versions: `test_versions_are_stated`.
        """
        first = self.root / "provider"
        first.mkdir(exist_ok=True)
        with self._locked(first):
            if not (first / ".terraform").exists():
                shutil.copy(MODULES / "kms" / "versions.tf", first)
                self._init(first)
        shutil.copytree(first / ".terraform" / "providers", folder / ".terraform" / "providers", symlinks=True)
        shutil.copy(first / ".terraform.lock.hcl", folder)
        self.terraform(folder, "get", "-no-color")

    def _locked(self, folder: Path) -> AbstractContextManager[None]:
        return locked(self.root / f"{folder.relative_to(self.root).as_posix().replace('/', '-')}.lock")

    def schemas(self, folder: Path) -> dict[str, Any]:
        """What each of the AWS provider's resource types takes; read once for all processes, as it takes long.

        A type has `attributes`, and by its name each of its `blocks`, which have the same.
        folder: one that uses the provider
        """
        kept = self.root / "schemas.json"
        with locked(self.root / "schemas.lock"):
            if not kept.exists():
                printed = json.loads(self.terraform(self.initialised(folder), "providers", "schema", "-json"))
                types = printed["provider_schemas"]["registry.terraform.io/hashicorp/aws"]["resource_schemas"]
                kept.write_text(json.dumps({name: _names(one["block"]) for name, one in types.items()}), "utf-8")
        return _kept_schemas(kept)


@cache
def _kept_schemas(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def _names(block: dict[str, Any]) -> dict[str, Any]:
    inner = {name: _names(one["block"]) for name, one in block.get("block_types", {}).items()}
    return {"attributes": list(block.get("attributes", ())), "blocks": inner}


@cache
def _providers() -> Providers:
    """Providers at work for as long as the process that runs the tests."""
    providers = Providers(terraform_environment(ROOT))
    atexit.register(providers.close)
    return providers


def terraform_environment(folder: Path) -> dict[str, str]:
    """The environment Terraform runs in: of the caller's AWS and Terraform settings only the provider's source."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
    environment |= {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "AWS_EC2_METADATA_DISABLED": "true"}
    environment |= UNCOLLECTED
    configuration = find_provider(Project(folder)).config
    return environment | ({"TF_CLI_CONFIG_FILE": str(configuration)} if configuration else {})


@contextmanager
def account(number: str) -> Iterator[dict[str, str]]:
    """The environment in which AWS says that the caller is of an account, and answers nothing else."""
    answer = (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
        f"<Arn>arn:aws:iam::{number}:user/test</Arn><UserId>test</UserId><Account>{number}</Account>"
        "</GetCallerIdentityResult></GetCallerIdentityResponse>"
    ).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield {"AWS_ENDPOINT_URL_STS": f"http://127.0.0.1:{server.server_port}"}
        server.shutdown()
        thread.join()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# --- Reading ---------------------------------------------------------------------------------------


@cache
def read(path: Path) -> dict[str, Any]:
    """One file as nested dicts: labels are keys, repeated blocks are lists, expressions read "${...}"."""
    options = SerializationOptions(with_comments=False, explicit_blocks=False, strip_string_quotes=True)
    return hcl2.loads(path.read_text(encoding="utf-8"), serialization_options=options)


def blocks(folder: Path, kind: str) -> dict[str, dict[str, Any]]:
    """Every block of a kind in a folder's *.tf files, by address: "aws_sns_topic.this" of a resource, else its name."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.tf")):
        for block in read(path).get(kind, []):
            for label, body in block.items():
                if kind in ("resource", "data"):
                    found |= {f"{label}.{name}": inner for name, inner in body.items()}
                else:
                    found[label] = body
    return found


def conditions(folder: Path) -> dict[str, int]:
    """How many conditions may fail at each address, such as {"var.region": 1, "aws_sns_topic.this": 2}.

    Those that `bbws_access.verify.inputs` writes are not counted.
    """
    own = {} if (folder / inputs.FOLDER).exists() else blocks(folder, "variable")
    counted = {f"var.{name}": len(block.get("validation", [])) for name, block in own.items()}
    counted |= {
        f"output.{name}": len(block.get("precondition", [])) for name, block in blocks(folder, "output").items()
    }
    counted |= {f"check.{name}": len(block.get("assert", [])) for name, block in blocks(folder, "check").items()}
    for kind, prefix in (("resource", ""), ("data", "data.")):
        for address, block in blocks(folder, kind).items():
            counted[prefix + address] = sum(
                len(lifecycle.get("precondition", [])) + len(lifecycle.get("postcondition", []))
                for lifecycle in block.get("lifecycle", [])
            )
    return {address: count for address, count in counted.items() if count}


@dataclass(frozen=True)
class Run:
    """One run of a native test: the inputs it sees, and the addresses that it expects to fail."""

    file: str
    name: str
    variables: dict[str, Any]
    expect_failures: frozenset[str]


def native_test_files(folder: Path) -> list[Path]:
    """A folder's tests/*.tftest.hcl."""
    return sorted((folder / "tests").glob("*.tftest.hcl"))


def native_runs(folder: Path) -> list[Run]:
    """The runs of a folder's native tests."""
    runs = []
    for_every_file = folder / "tests" / "terraform.tfvars"
    given = read(for_every_file) if for_every_file.exists() else {}
    for path in native_test_files(folder):
        test = read(path)
        shared = given | _variables(test)
        for block in test.get("run", []):
            for name, body in block.items():
                failures = frozenset(_address(item) for item in body.get("expect_failures", []))
                runs.append(Run(path.name, name, shared | _variables(body), failures))
    return runs


class Part(NamedTuple):
    """Some runs of a file of native tests: the folder in which they run, and how many they are."""

    folder: Path
    runs: int


def native_test_parts(workspace: Workspace, folder: Path, file: str) -> tuple[Part, Part]:
    """A file's runs that only see inputs rejected, in a folder with nothing but the inputs, and all others."""
    runs = [run for run in native_runs(folder) if run.file == file]
    rejecting = {
        run.name
        for run in runs
        if run.expect_failures and all(address.startswith("var.") for address in run.expect_failures)
    }
    # Each block of a formatted file ends with the next brace at the beginning of a line.
    text = (folder / "tests" / file).read_text(encoding="utf-8")
    parts = re.findall(r'^((\w+)(?: "([^"]*)")? \{(?:\}|\n.*?^\}))', text, re.DOTALL | re.MULTILINE)
    inputs, copy = workspace.root / "inputs" / module_name(folder), workspace.copy_of(folder)
    (inputs / "tests").mkdir(parents=True, exist_ok=True)
    for path in (folder / "variables.tf", *(folder / "tests").glob("*.tfvars")):
        _write(inputs / path.relative_to(folder), path.read_text(encoding="utf-8"))
    for target, chosen in (
        (inputs, [block for block, kind, label in parts if kind == "variables" or label in rejecting]),
        (copy, [block for block, _, label in parts if label not in rejecting]),
    ):
        _write(target / "tests" / file, "\n\n".join(chosen) + "\n")
    return Part(inputs, len(rejecting)), Part(copy, len(runs) - len(rejecting))


def _write(path: Path, text: str) -> None:
    """Whole or not at all: another process may be reading it."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent.parent, delete=False) as file:
        file.write(text)
    Path(file.name).replace(path)


def _address(expression: str) -> str:
    """The address in "${aws_sns_topic.this}", without the key of an instance."""
    return re.sub(r"\[.*\]$", "", expression.removeprefix("${").removesuffix("}"))


def _variables(block: dict[str, Any]) -> dict[str, Any]:
    return {name: value for variables in block.get("variables", []) for name, value in variables.items()}


def strings(value: object) -> Iterator[str]:
    """Every literal and expression of a parsed block, as text."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)
    else:
        yield str(value)


# --- READMEs ---------------------------------------------------------------------------------------


def readme_examples(folder: Path) -> list[str]:
    """The fenced hcl blocks of a folder's README that call a module."""
    readme = folder / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.exists() else ""
    return [code for code in re.findall(r"^```hcl\n(.*?)^```", text, re.DOTALL | re.MULTILINE) if "module " in code]


def readme_table(folder: Path, heading: str) -> list[str]:
    """The names in the first column of the table under a heading such as "Inputs"."""
    text = (folder / "README.md").read_text(encoding="utf-8")
    section = re.search(rf"^#+ {heading}\n(.*?)(?=^#+ |\Z)", text, re.DOTALL | re.MULTILINE)
    return re.findall(r"^\| *`([^`]+)`", section.group(1), re.MULTILINE) if section else []


_EXAMPLE_VERSIONS = """\
terraform {
  required_providers {
    aws = {
      source                = "hashicorp/aws"
      configuration_aliases = [aws.failover]
    }
  }
}
"""
_EXAMPLE_PROVIDERS = f"""\
provider "aws" {{
  region = "eu-west-1"
{OFFLINE}}}

provider "aws" {{
  alias  = "failover"
  region = "eu-central-1"
{OFFLINE}}}
"""


def write_example(workspace: Workspace, code: str, name: str) -> Path:
    """Writes a configuration that calls modules of the workspace, as `modules/NAME`, and plans offline."""
    folder = workspace.root / "examples" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.tf").write_text(_of_workspace(code), encoding="utf-8")
    (folder / "providers.tf").write_text(_EXAMPLE_PROVIDERS, encoding="utf-8")
    return folder


def _of_workspace(code: str) -> str:
    return re.sub(
        r'(source\s*=\s*")[^"]*?modules/([a-z0-9/-]+)[^"]*"',
        lambda match: f'{match[1]}../../terraform/modules/{match[2]}"',
        code,
    )


def write_examples(workspace: Workspace) -> Path:
    """Writes every README's examples as modules of one configuration, which plans offline: that costs one start.

    Module `kms-replica-2` is the second example of modules/kms/replica. The providers are those that the examples
    take for given: `aws`, and `aws.failover` in the other region.
    """
    folder = workspace.root / "examples"
    calls = []
    for module in module_folders():
        for number, code in enumerate(readme_examples(module), start=1):
            name = f"{module_name(module).replace('/', '-')}-{number}"
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name / "main.tf").write_text(_of_workspace(code), encoding="utf-8")
            (folder / name / "versions.tf").write_text(_EXAMPLE_VERSIONS, encoding="utf-8")
            providers = "providers = { aws = aws, aws.failover = aws.failover }"
            calls.append(f'module "{name}" {{\n  source    = "./{name}"\n  {providers}\n}}\n')
    (folder / "main.tf").write_text("\n".join([_EXAMPLE_PROVIDERS, *calls]), encoding="utf-8")
    return folder
