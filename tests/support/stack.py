"""Plans of the stack, made offline with the real provider."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

from tests.support.terraform import OFFLINE, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.terraform import Workspace

ACCOUNT_ID = "111122223333"

# The state stays in the folder, and the provider asks AWS for nothing.
OVERRIDE = f"""\
terraform {{
  backend "local" {{}}
}}

provider "aws" {{
  allowed_account_ids = null
{OFFLINE}}}

provider "aws" {{
  alias               = "failover"
  allowed_account_ids = null
{OFFLINE}}}
"""


def plan_stack(workspace: Workspace, environment: str, *targets: str, **inputs: Any) -> dict[str, Any]:
    """The plan of an environment that has nothing yet, as `terraform show -json` gives it.

    `targets` are what is planned, with all that it needs; everything where there is none. `inputs` go over the
    environment's own values. The workspace must be the caller's alone: the stack's copy in it
    gets a local backend.
    """
    folder = workspace.root / "terraform" / "stack"
    values = {"account_id": ACCOUNT_ID, "artifacts_bucket": "artifacts", "packages": packages()} | inputs
    (folder / "offline_override.tf").write_text(OVERRIDE, encoding="utf-8")
    (folder / "inputs.tfvars.json").write_text(json.dumps(values), encoding="utf-8")
    if not (folder / ".terraform").exists():
        workspace.terraform(folder, "init", "-input=false", "-no-color")
    what = [f"-target={target}" for target in targets]
    files = [f"-var-file={folder.parent / 'environments' / environment}.tfvars", "-var-file=inputs.tfvars.json"]
    workspace.terraform(folder, "plan", "-input=false", "-lock=false", "-no-color", "-out=stack.tfplan", *files, *what)
    return json.loads(workspace.terraform(folder, "show", "-json", "stack.tfplan"))


def planned_resources(plan: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """Planned values of every resource of a type, by address; what is not known before apply is left out."""
    found = _resources(plan["planned_values"]["root_module"])
    return {resource["address"]: resource["values"] for resource in found if resource["type"] == kind}


def _resources(module: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from module.get("resources", [])
    for child in module.get("child_modules", []):
        yield from _resources(child)


def packages() -> dict[str, dict[str, str]]:
    """A package for every function that there can be; the stack takes those that it needs."""
    services = json.loads((ROOT / "contract" / "services.json").read_text(encoding="utf-8"))["services"]
    packages = {}
    for name in (*services, "token-claims"):
        digest = hashlib.sha256(name.encode())
        packages[name] = {
            "s3_key": f"packages/{name}/{digest.hexdigest()}.zip",
            "source_code_hash": base64.b64encode(digest.digest()).decode(),
        }
    return packages
