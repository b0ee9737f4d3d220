"""What the report shows beside workers and criteria: routes, sizes, and the picture of modules and resources."""

import json
import re
from typing import Any

from bbws_access.cli.project import Project
from bbws_access.verify.criteria import NAMES
from bbws_access.verify.hcl import Block
from bbws_access.verify.report import Edge, Estimate, Graph, Node, Resource, Route
from bbws_access.verify.rules import Evidence

_METHODS = ("get", "post", "put", "patch", "delete", "head", "options")


def resource(item: Any) -> Resource:
    """A planned resource as the report shows it."""
    name = item.values.get(NAMES.get(item.type, ("name", ""))[0])
    return Resource(item.address, item.type, name if isinstance(name, str) else None)


def routes(project: Project) -> list[Route]:
    """The API's routes, from the contract. None where it cannot be read: the plan says so then."""
    try:
        document = json.loads((project.contract / "openapi.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [
        Route(
            method.upper(),
            path,
            operation.get("x-bbws-service", ""),
            access(operation.get("x-bbws-access"), operation.get("x-bbws-access-also")),
        )
        for path, item in document.get("paths", {}).items()
        for method, operation in item.items()
        if method in _METHODS
    ]


def access(value: Any, also: Any = None) -> str:
    """Who may call a route, in words."""
    if isinstance(value, str):
        return {"public": "anyone", "signed-in": "anyone signed in"}.get(value, value)
    said = []
    for way in value or []:
        if "permission" in way:
            said.append(way["permission"])
        elif "self" in way:
            said.append(f"the person whose {way['self']} it is")
        elif "capability" in way:
            said.append(f"{way['capability']} in the team")
    ways = " or ".join(said) or "nobody"
    return " and ".join([f"({ways})" if also and len(said) > 1 else ways, *(also or ())])


def estimate(evidence: Evidence, environment: str) -> Estimate:
    """How large an environment gets."""
    planned = evidence.planned(environment)
    characters: dict[str, int] = {}
    for item in planned:
        policy = item.values.get("policy")
        if item.type == "aws_iam_role_policy" and isinstance(policy, str):
            # The role's own name may be known only after it exists; its key is the same.
            role = item.values.get("role") or item.address
            characters[role] = characters.get(role, 0) + len(re.sub(r"\s", "", policy))
    bodies = [item.values.get("body") for item in planned if item.type == "aws_api_gateway_rest_api"]
    size = sum(len(body.encode()) for body in bodies if isinstance(body, str))
    return Estimate(len(planned), dict(sorted(characters.items())), size)


def graph(evidence: Evidence) -> Graph:
    """The stack's modules and their resources, and what each needs, as the code says it."""
    found = Graph()
    for name, call in evidence.calls.items():
        found.nodes.append(Node(f"module.{name}", name, "module"))
        found.edges += [
            Edge(f"module.{name}", f"module.{other}") for other in sorted(call.references) if other in evidence.calls
        ]
    planned = {
        (item.call, item.type, item.label)
        for facts in evidence.facts
        for items in facts.planned.values()
        for item in items
        if item.managed
    }
    # What is in no module of the picture is the stack's.
    planned = {(call if call in evidence.calls else "", kind, label) for call, kind, label in planned}
    if any(not call for call, _, _ in planned):
        found.nodes.append(Node("module.", "the stack itself", "module"))
    for call, kind, label in sorted(planned):
        found.nodes.append(Node(_id(call, kind, label), f"{kind}.{label}", "resource", kind, f"module.{call}"))
    for name in ["", *evidence.calls]:
        blocks = [block for _, block in evidence.blocks(name)]
        local = _locals(blocks)
        for block in blocks:
            if block.kind != "resource" or (name, *block.labels) not in planned:
                continue
            source = _id(name, *block.labels)
            for kind, label in sorted(_needs(block.text, local, set())):
                if (name, kind, label) in planned and _id(name, kind, label) != source:
                    found.edges.append(Edge(source, _id(name, kind, label)))
    return found


def _id(call: str, kind: str, label: str) -> str:
    return f"module.{call}.{kind}.{label}"


def _locals(blocks: list[Block]) -> dict[str, str]:
    """The expression of each local value, as far as the next one."""
    found = {}
    for block in blocks:
        if block.kind != "locals":
            continue
        rows = block.text.splitlines()
        starts = sorted((line - block.line, name) for name, line in block.arguments.items())
        for (start, name), (end, _) in zip(starts, [*starts[1:], (len(rows), "")], strict=True):
            found[name] = "\n".join(rows[start:end])
    return found


def _needs(text: str, local: dict[str, str], seen: set[str]) -> set[tuple[str, str]]:
    """Resources that an expression names, itself or through local values."""
    found = set(re.findall(r"(?<![\w.])(aws_[a-z0-9_]+)\.([a-z0-9_]+)", text))
    for name in re.findall(r"\blocal\.([a-z0-9_]+)", text):
        if name not in seen and name in local:
            seen.add(name)
            found |= _needs(local[name], local, seen)
    return found
