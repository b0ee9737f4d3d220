"""The stack with one module real and every other replaced by a stand-in, so that each module is planned by itself.

The stack's own files stay as they are: a slice plans a module with exactly the inputs that it is deployed with. A
stand-in takes any input and gives outputs of the right shape, known at plan time, so that another module's syntax
error stays with that module, and policies that are unknown in a first plan can be read.
"""

import json
import re
import shutil
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from bbws_access.cli.errors import ToolError
from bbws_access.cli.project import Project
from bbws_access.verify.hcl import Block, read_blocks
from bbws_access.verify.inputs import FOLDER

STAND_INS = Path(__file__).parent / "stand_ins"
STACK = "stack"
"""In place of a module's name: what the stack makes itself, outside of every module."""
META_ARGUMENTS = {"source", "version", "providers", "count", "for_each", "depends_on"}

# A stranger's: nothing of ours may be left in what they plan.
ANOTHER = "another"
ANOTHER_PROJECT = {
    "project_name": "stranger",
    "env_name": "live",
    "region": "us-west-2",
    "account_id": "555566667777",
    "cross_region_replication": True,
    "failover_region": "ca-central-1",
    "artifacts_bucket": "stranger-artifacts",
    "cors_allowed_origins": [],
    "audit_object_lock": {"mode": "GOVERNANCE", "days": 1},
    "alert_emails": {topic: [f"{topic}@stranger.example"] for topic in ("critical", "warning", "dlq")},
}
ACCOUNT_ID = "111122223333"

# The state stays in the folder, and the provider asks AWS for nothing.
_OFFLINE = """\
  allowed_account_ids         = null
  access_key                  = "offline"
  secret_key                  = "offline"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  max_retries                 = 1
"""
_OVERRIDE = f"""\
terraform {{
  backend "local" {{}}
}}

provider "aws" {{
{_OFFLINE}}}

provider "aws" {{
  alias                       = "failover"
{_OFFLINE}}}
"""
_VERSIONS = """\
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}
"""


@dataclass(frozen=True)
class Call:
    """A module block of the stack: `source` is the folder below terraform/modules."""

    name: str
    source: str
    arguments: frozenset[str]
    references: frozenset[str]
    """The other calls that its inputs come from."""
    line: int


def module_calls(project: Project) -> list[Call]:
    """The stack's module blocks. Raises ToolError with file and line where a file is not valid."""
    calls = []
    for path in sorted(project.stack.glob("*.tf")):
        blocks = [
            block for block in read_blocks(path) if block.kind == "module" and block.labels not in ((), (FOLDER,))
        ]
        calls += [_call(block, path, project) for block in blocks]
    if not calls:
        raise ToolError("terraform/stack calls no module.", "Restore terraform/stack/main.tf.")
    return calls


def _call(block: Block, path: Path, project: Project) -> Call:
    source = block.body.argument("source")
    found = re.fullmatch(r'"\.\./modules/([a-z0-9/-]+)"', source.plain) if source else None
    if not found:
        place = f"{path.relative_to(project.root)}:{block.line}"
        raise ToolError(f"{place}: the source of module {block.labels[0]} is no folder of terraform/modules.")
    arguments = frozenset(block.arguments) - META_ARGUMENTS
    references = frozenset(re.findall(r"\bmodule\.([\w-]+)", block.text))
    return Call(block.labels[0], found[1], arguments, references, block.line)


def top(source: str) -> str:
    """The module that a folder below terraform/modules belongs to: dynamodb for dynamodb/replica."""
    return source.partition("/")[0]


def folder_of(project: Project, module: str) -> Path:
    """Where a module lies; the stack is one like others."""
    return project.stack if module == STACK else project.modules / module


def is_made_by(project: Project, module: str) -> Callable[[str], bool]:
    """Says of the call that a resource belongs to, "" for none, whether the module makes it.

    Whatever belongs to no call of a module is the stack's: nothing that is planned is nobody's.
    """
    sources = {call.name: top(call.source) for call in module_calls(project)}
    return lambda call: sources.get(call, STACK) == module


def folders_of(project: Project, module: str) -> list[Path]:
    """The module's folder and the modules within it."""
    folder = folder_of(project, module)
    paths = {path.parent for path in folder.rglob("*.tf") if ".terraform" not in path.parts}
    return sorted({folder} | {path for path in paths if path.name != "tests"})


def make_slice(project: Project, module: str | None, folder: Path, values: dict[str, dict[str, Any]]) -> Path:
    """Write the slice for `module` below `folder` and return its stack; `values` are inputs by environment to plan.

    Without a module it is the whole stack, with every module real; as the stack's own, none is.

    Raises ToolError where the stack cannot be read or calls a module that has no stand-in.
    """
    if folder.exists():
        shutil.rmtree(folder)
    ignore = shutil.ignore_patterns(".terraform", ".terraform.lock.hcl", "*.tfstate*", "*.tfplan")
    shutil.copytree(project.contract, folder / "contract")
    stack = folder / "terraform" / "stack"
    shutil.copytree(project.stack, stack, ignore=ignore)
    shutil.rmtree(stack / "tests", ignore_errors=True)
    if module is not None:
        # What the whole stack puts out is nothing of the module's, and asks for more than stand-ins have.
        (stack / "outputs.tf").unlink(missing_ok=True)
    (stack / ".terraform.lock.hcl").unlink(missing_ok=True)
    (stack / "offline_override.tf").write_text(_OVERRIDE, encoding="utf-8")
    modules = folder / "terraform" / "modules"
    calls = module_calls(project)
    if module is None:
        shutil.copytree(project.modules, modules, ignore=ignore)
        calls = []
    elif module != STACK:
        shutil.copytree(project.modules / module, modules / module, ignore=ignore)
    for source in sorted({call.source for call in calls if top(call.source) != module}):
        arguments = {name for call in calls if call.source == source for name in call.arguments}
        # What stand-ins themselves read is there, whether the stack gives it or not.
        _write_stand_in(modules / source, source, arguments)
    runs = [{name: {"command": "plan", "variables": inputs}} for name, inputs in values.items()]
    if runs:
        (stack / "tests").mkdir()
        (stack / "tests" / "plans.tftest.json").write_text(json.dumps({"run": runs}), encoding="utf-8")
    return stack


def _write_stand_in(folder: Path, source: str, arguments: set[str]) -> None:
    path = STAND_INS / f"{source.replace('/', '-')}.tf"
    if not path.is_file():
        raise ToolError(
            f"There is no stand-in for the module {source}.", f"Write src/bbws_access/verify/stand_ins/{path.name}."
        )
    outputs = path.read_text(encoding="utf-8")
    names = arguments | set(re.findall(r"\bvar\.([a-z0-9_]+)", outputs))
    variables = "".join(f'variable "{name}" {{\n  default = null\n}}\n\n' for name in sorted(names))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.tf").write_text(f"{_VERSIONS}\n{variables}{outputs}", encoding="utf-8")


def packages(project: Project) -> dict[str, dict[str, str]]:
    """A package for every function that there can be: what is planned does not depend on what is in them."""
    path = project.contract / "services.json"
    try:
        services = json.loads(path.read_text(encoding="utf-8"))["services"]
    except (OSError, ValueError, KeyError) as error:
        line = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise ToolError(f"{path.relative_to(project.root)}{line} cannot be read: {error}.") from error
    found = {}
    for name in (*services, "token-claims"):
        digest = sha256(name.encode())
        found[name] = {
            "s3_key": f"packages/{name}/{digest.hexdigest()}.zip",
            "source_code_hash": b64encode(digest.digest()).decode(),
        }
    return found
