"""The committed inventory of what the environments are planned to be, and the criterion that holds every plan to it.

Other criteria know why a value must be what it is, and look at those that somebody thought of. This one knows nothing
and looks at all: whatever a change of the stack, of its modules or of an environment's values alters in any plan stands
in the difference of one file, and is accepted there or not at all.
"""

import contextlib
import json
import re
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from bbws_access.cli.project import Project
from bbws_access.verify.code import Written, resolved, unplanned
from bbws_access.verify.dependencies import created_before_destroyed
from bbws_access.verify.jobs import Planned
from bbws_access.verify.report import Finding
from bbws_access.verify.rules import Evidence, Look, rule
from bbws_access.verify.slices import STACK

FILE = "terraform/inventory.json"
ENVIRONMENTS = ("dev", "sit", "prod")
LONGEST = 1500
"""Characters of a text that is written down whole; of a longer one its hash is."""
NOT_KEPT = {"tags_all", "timeouts"}
INPUTS_LEFT_OUT = {"packages", "account_id", "artifacts_bucket"}

Values = dict[str, Any]


def describe(evidence: Evidence, environment: str) -> dict[str, Values]:
    """What an environment is planned to be, by address: every value that is known, without what differs by its name."""
    plain = _Plain(evidence, environment)
    # As they are: here a region is a choice, and not a name that follows from it.
    inputs = {name: value for name, value in evidence.values[environment].items() if name not in INPUTS_LEFT_OUT}
    found = {"inputs": {name: value for name, value in sorted(inputs.items()) if value is not None}}
    for item in evidence.planned(environment):
        values = {name: plain(value) for name, value in _parts(item).items() if name not in NOT_KEPT}
        values = {name: value for name, value in values.items() if not _nothing(value)}
        found[item.address] = values | _expressions(evidence, item)
    return found


def _parts(item: Planned) -> Values:
    """An item's values, policies by statement; of an API's document what guards each route, not what describes it."""
    values = dict(item.values)
    for name in ("policy", "assume_role_policy"):
        # A statement on each line.
        with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
            found = json.loads(values[name] or "")["Statement"]
            for number, one in enumerate(found if isinstance(found, list) else [found], 1):
                values[f"{name}: {one.get('Sid') or number}"] = one
            del values[name]
    if item.type == "aws_api_gateway_deployment":
        values["triggers"] = sorted(values.get("triggers") or {})
    if item.type != "aws_api_gateway_rest_api":
        return values
    document, preflights = json.loads(values.pop("body")), set()
    for path, methods in document.pop("paths").items():
        for method, route in methods.items():
            kept = {name: value for name, value in route.items() if name == "security" or name.startswith("x-")}
            if method == "options":
                # Alike for every path, but for the methods.
                text = json.dumps(kept, sort_keys=True)
                allowed = re.search(r"'[A-Z,]+'", text)
                values[f"body: OPTIONS {path}"] = allowed[0] if allowed else None
                preflights.add(re.sub(r"'[A-Z,]+'", "''", text))
            else:
                values[f"body: {method.upper()} {path}"] = kept
    values["body: OPTIONS"] = sorted(preflights)
    document["components"] = document.get("components", {}).get("securitySchemes")
    return values | {f"body: {name}": value for name, value in document.items() if name != "info"}


def _nothing(value: Any) -> bool:
    # A block without anything in it is something: an empty `count` in place of an empty `none` blocks nobody.
    return value is None or value in ("", [], {})


def _expressions(evidence: Evidence, item: Planned) -> Values:
    """How the code sets what is known only after an apply, in whole or in part: as an expression."""
    found: Values = {}
    blocks = [block for _, block in evidence.blocks(item.call)]
    for block in blocks:
        if block.kind != "resource" or block.labels != (item.type, item.label):
            continue
        for name, unknown in item.unknown.items():
            parts = [part for part in block.body.parts if name in (part.name, *part.labels)]
            if _holds_true(unknown) and parts:
                text = "; ".join(part.plain for part in parts)
                found[name if unknown is True else f"{name}: code"] = f"<- {text}"
                taken = resolved(text, evidence.locals_of(item.call))
                found |= {f"{name}: local.{local}": f"<- {value}" for local, value in sorted(taken.items())}
    return found


def _holds_true(unknown: Any) -> bool:
    inner = unknown.values() if isinstance(unknown, dict) else unknown if isinstance(unknown, list) else ()
    return unknown is True or any(_holds_true(one) for one in inner)


class _Plain:
    """Takes out of values what an environment's name, account and regions make of them."""

    def __init__(self, evidence: Evidence, environment: str) -> None:
        values = evidence.values[environment]
        prefix = evidence.prefix(environment)
        regions = {values["region"]: "{region}"}
        if values["cross_region_replication"] and values["failover_region"]:
            regions[values["failover_region"]] = "{failover}"
        self._texts: dict[str, str] = {}
        for item in evidence.planned(environment, "aws_kms_alias"):
            key = str(item.values.get("name")).removeprefix(f"alias/{prefix}-key-")
            for region in regions:
                self._texts[str(uuid5(NAMESPACE_DNS, f"{prefix}-{region}-{key}"))] = f"{{key {key}}}"
        self._texts |= {prefix: "{prefix}", values["account_id"]: "{account}"} | regions
        words = sorted(self._texts, key=len, reverse=True)
        self._pattern = re.compile(rf"(?<![a-z0-9])(?:{'|'.join(map(re.escape, words))})(?![a-z0-9])")

    def __call__(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self._text(key): self(inner) for key, inner in sorted(value.items()) if not _nothing(inner)}
        if isinstance(value, list):
            return [self(inner) for inner in value]
        return self._long(self._text(value)) if isinstance(value, str) else value

    def _text(self, text: str) -> str:
        return self._pattern.sub(lambda match: self._texts[match[0]], text)

    @staticmethod
    def _long(text: str) -> str:
        return text if len(text) <= LONGEST else f"{len(text)} characters, sha256 {sha256(text.encode()).hexdigest()}"


def make(evidence: Evidence) -> dict[str, Any]:
    """The inventory: a value that is the same wherever its resource is stands once, another by environment."""
    described = {name: describe(evidence, name) for name in ENVIRONMENTS}
    found: dict[str, Any] = {}
    for address in sorted({address for one in described.values() for address in one}):
        where = [name for name in ENVIRONMENTS if address in described[name]]
        entry: dict[str, Any] = {} if len(where) == len(ENVIRONMENTS) else {"only in": where}
        for name in sorted({name for one in where for name in described[one][address]}):
            values = {one: described[one][address].get(name) for one in where}
            same = all(value == values[where[0]] for value in values.values())
            entry[name] = values[where[0]] if same else {"by environment": values}
        found[address] = entry
    needs = {
        resource: sorted(set(needed))
        for resource, needed in (evidence.dependencies or {}).items()
        if _managed(resource)
    }
    return {
        "description": "Every value that the three environments are planned with, written by `bbws-access verify"
        " --accept`. A plan that is not this turns a criterion red: read the difference, then accept it or mend it.",
        "planned": found,
        "needs": dict(sorted(needs.items())),
        "code": {name: one.texts for name, one in _code(evidence).items()},
        "created before destroyed": sorted(created_before_destroyed(evidence.project)),
    }


def _code(evidence: Evidence) -> dict[str, Written]:
    """What no plan shows, with long texts as elsewhere."""
    return {
        name: replace(one, texts={key: _Plain._long(text) for key, text in one.texts.items()})
        for name, one in sorted(unplanned(evidence.project).items())
    }


def _managed(address: str) -> bool:
    return not re.search(r"(?:^|\.)data\.", address)


def path_of(project: Project) -> Path:
    """Where the inventory lies."""
    return project.root / FILE


def write(evidence: Evidence) -> Path:
    """Accept what is planned: write the inventory anew."""
    path = path_of(evidence.project)
    parts = make(evidence)
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in parts.items() if isinstance(value, str)]
    for name in ("planned", "needs", "code"):
        inner = ",\n".join(f"    {json.dumps(key)}: {_entry(value)}" for key, value in parts[name].items())
        lines.append(f"  {json.dumps(name)}: {{\n{inner}\n  }}")
    lines.append(f'  "created before destroyed": {json.dumps(parts["created before destroyed"])}')
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    return path


def _entry(value: Any) -> str:
    """One line for each attribute, so that a difference shows which has changed."""
    if not isinstance(value, dict):
        return json.dumps(value)
    inner = ",\n".join(f"      {json.dumps(name)}: {json.dumps(one)}" for name, one in value.items())
    return f"{{\n{inner}\n    }}"


@rule(
    "inventory",
    "Everything planned as it was accepted",
    f"Every value of every planned resource, every input, every dependency, and what the code says that no plan shows,"
    f" is what {FILE} says; a change is accepted with `bbws-access verify --accept`, and stands in that file's"
    " difference.",
    "every known value of every plan, outputs, providers, the backend and moves, beside the inventory",
    needs=(
        "dynamodb", "iam", "api-gateway", "cognito", "s3-audit", "cloudwatch", "events", "kms", "lambda", "mail",
        STACK,
    ),
    about_the_run=True,
    about_dependencies=True,
)  # fmt: skip
def _inventory(evidence: Evidence, environment: str, look: Look) -> None:
    if environment not in ENVIRONMENTS:
        look.at(f"{environment} is an environment of your own, of which nothing was accepted")
        return
    path = path_of(evidence.project)
    accepted = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    known, found = _of(accepted.get("planned", {}), environment), describe(evidence, environment)
    items = {item.address: item for item in evidence.planned(environment)}
    for address in sorted(known | found):
        before, after = known.get(address), found.get(address)
        look.at(address)
        if before is None or after is None:
            message = f"{address} is " + ("new" if before is None else "gone")
            look.findings.append(_finding(evidence, items.get(address), address, message))
            continue
        for name in sorted(before | after):
            if before.get(name) != after.get(name):
                shown = f"{_short(after.get(name))}; accepted is {_short(before.get(name))}"
                message = f"{address}: {name} is {shown}"
                look.findings.append(_finding(evidence, items.get(address), address, message, name))
    needs = {name: sorted(set(needed)) for name, needed in (evidence.dependencies or {}).items() if _managed(name)}
    accepted_needs = accepted.get("needs", {})
    for resource in sorted(accepted_needs.keys() | needs.keys()):
        before, after = accepted_needs.get(resource), needs.get(resource)
        if before is None or after is None:
            # With or without a value in these environments: another's may make it.
            message = f"{resource} is {'new' if before is None else 'gone'} in the code"
            look.findings.append(Finding(message, resource))
        elif before != after:
            changed = ", ".join(sorted(set(before) ^ set(after)))
            look.findings.append(Finding(f"{resource} needs something else than was accepted: {changed}", resource))
    written, accepted_code = _code(evidence), accepted.get("code", {})
    for block in sorted(accepted_code.keys() | written.keys()):
        look.at(block)
        one, known_texts = written.get(block), accepted_code.get(block, {})
        texts = one.texts if one else {}
        places = one.places if one else {}
        for name in sorted(texts.keys() | known_texts.keys()):
            if texts.get(name) != known_texts.get(name):
                shown = f"{_short(texts.get(name))}; accepted is {_short(known_texts.get(name))}"
                look.findings.append(Finding(f"{block}: {name} is {shown}", None, *places.get(name, (None, None))))
    if sorted(created_before_destroyed(evidence.project)) != accepted.get("created before destroyed", []):
        look.findings.append(Finding("What is created before it is destroyed is not what was accepted"))


def _of(planned: dict[str, Any], environment: str) -> dict[str, Values]:
    found = {}
    for address, entry in planned.items():
        if environment in entry.get("only in", ENVIRONMENTS):
            values = {name: _in(value, environment) for name, value in entry.items() if name != "only in"}
            found[address] = {name: value for name, value in values.items() if value is not None}
    return found


def _in(value: Any, environment: str) -> Any:
    return value["by environment"].get(environment) if isinstance(value, dict) and "by environment" in value else value


def _short(value: Any) -> str:
    text = json.dumps(value) if value is not None else "not set"
    return text if len(text) <= 160 else f"{text[:157]}..."


def _finding(
    evidence: Evidence, item: Planned | None, address: str, message: str, attribute: str | None = None
) -> Finding:
    return evidence.finding(message, item, attribute) if item else Finding(message, address)
