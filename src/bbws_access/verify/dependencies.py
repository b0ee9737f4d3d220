"""What depends on what in the whole stack, as Terraform itself sees it, and what is replaced before it is destroyed."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from bbws_access.cli.project import Project
from bbws_access.verify import slices
from bbws_access.verify.hcl import Part, read_blocks
from bbws_access.verify.inputs import FOLDER as INPUTS
from bbws_access.verify.provider import Providers
from bbws_access.verify.runner import CheckError, Deadline, Runner

Graph = dict[str, list[str]]
"""Resource, without its instances => the resources and data sources that it needs at once."""

_EDGE = re.compile(r'^\s*"([^"]+)"(?: -> "([^"]+)";| \[)', re.MULTILINE)
"""An edge, or a resource, which may have none."""


def read_graph(
    project: Project, runner: Runner, root: Path, deadline: Deadline, providers: Providers | None = None
) -> Graph:
    """The dependencies of the stack with all modules real; `root` is a folder to work in.

    Raises CheckError where Terraform cannot read the stack, ToolError where its files cannot be read at all.
    """
    stack = slices.make_slice(project, None, root, {})
    try:
        for arguments in (("init", "-input=false", "-no-color"), ("graph", "-no-color")):
            settings = providers.settings(stack) if providers else {}
            outcome = runner.terraform(stack, root, deadline, *arguments, environment=runner.environment | settings)
            if outcome.status:
                words = " ".join(outcome.text.split())
                raise CheckError(f"terraform {arguments[0]} of the whole stack failed: {words[:300]}")
    finally:
        shutil.rmtree(root, ignore_errors=True)
    graph: Graph = {}
    for resource, needed in _EDGE.findall(outcome.text):
        graph.setdefault(resource, []).extend([needed] if needed else [])
    return graph


def needed_by(graph: Graph, resources: Iterable[str]) -> dict[str, str]:
    """Everything that one of these needs, at once or by others, with the first of them that does."""
    found: dict[str, str] = {}
    for resource in resources:
        waiting = list(graph.get(resource, ()))
        while waiting:
            needed = waiting.pop()
            if needed not in found:
                found[needed] = resource
                waiting += graph.get(needed, ())
    return found


def created_before_destroyed(project: Project) -> list[str]:
    """Addresses in the stack of the resources whose block says create_before_destroy."""
    folders = {f"module.{call.name}.": project.modules / call.source for call in slices.module_calls(project)}
    folders |= {"": project.stack, f"module.{INPUTS}.": project.stack / INPUTS}
    return [
        f"{prefix}{'.'.join(block.labels)}"
        for prefix, folder in folders.items()
        for path in sorted(folder.glob("*.tf"))
        for block in read_blocks(path)
        if block.kind == "resource" and any(_first(lifecycle) for lifecycle in block.body.blocks("lifecycle"))
    ]


def _first(lifecycle: Part) -> bool:
    """Whether it makes a replacement first: Terraform takes `"true"` for true as well, so all but false counts."""
    found = lifecycle.argument("create_before_destroy")
    return found is not None and found.plain.strip('"') != "false"
