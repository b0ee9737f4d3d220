"""What differs between the plans of two environments."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bbws_access.cli import deploy
from bbws_access.cli.console import step
from bbws_access.cli.environments import Environment
from bbws_access.cli.targets import LocalTarget, Target
from bbws_access.cli.terraform import Change
from bbws_access.packaging import FUNCTIONS
from bbws_access.verify.compare.attributes import (
    AttributeDifference,
    Normalise,
    differences,
    known,
    normaliser,
)

# A plan says nothing of a package but where it lies, so that none has to be built to compare plans.
_NO_PACKAGE = {"s3_key": f"packages/{'0' * 64}.zip", "source_code_hash": "A" * 43 + "="}
STAND_IN_PACKAGES = dict.fromkeys(FUNCTIONS, _NO_PACKAGE)


@dataclass(frozen=True)
class ResourceDifference:
    """A resource that both have. `address` is the left one's."""

    address: str
    attributes: tuple[AttributeDifference, ...]

    @property
    def module(self) -> str:
        return Change(self.address, "").module


@dataclass
class Comparison:
    """Two environments' plans."""

    left: str
    right: str
    names: dict[str, tuple[str | None, str | None]]
    """What counts as the same on both sides, by what it is: the prefix of names, the region and so on."""
    values: list[AttributeDifference] = field(default_factory=list)
    """Values of variables that differ."""
    only_left: list[str] = field(default_factory=list)
    only_right: list[str] = field(default_factory=list)
    different: list[ResourceDifference] = field(default_factory=list)
    same: int = 0
    """Resources that are the same, names aside."""
    names_only: int = 0
    """Those of them that differ in nothing but the names."""

    def to_json(self) -> dict[str, Any]:
        return {
            "left": self.left,
            "right": self.right,
            "names": {what: {self.left: pair[0], self.right: pair[1]} for what, pair in self.names.items()},
            "values": [item.to_json(self.left, self.right) for item in self.values],
            "only": {self.left: self.only_left, self.right: self.only_right},
            "different": [
                {
                    "module": item.module,
                    "address": item.address,
                    "attributes": [attribute.to_json(self.left, self.right) for attribute in item.attributes],
                }
                for item in self.different
            ],
            "same": self.same,
            "same_but_for_names": self.names_only,
        }


def plan_without_credentials(environment: Environment, folder: Path) -> dict[str, Any]:
    """Terraform's JSON of a plan of the whole environment, made against an empty local AWS below ``folder``."""
    with deploy.throw_away(lambda place: LocalTarget(environment, place), folder) as target:
        return planned(target, f"Plan of {environment.name}")


def planned(target: Target, title: str) -> dict[str, Any]:
    """Terraform's JSON of a plan."""
    terraform = target.terraform
    with step(title) as current:
        files = target.environment.write_values(terraform.folder, STAND_IN_PACKAGES)
        terraform.init(target.environment.backend, current.say)
        terraform.plan(files, current.say, lock=False)
        try:
            document = json.loads(terraform.text("show", "-json", str(terraform.plan_file)))
        finally:
            # It holds values that are nobody's business.
            terraform.plan_file.unlink(missing_ok=True)
        current.result = f"{len(_resources(document))} resources"
    return document


def compare(
    left: Environment, left_plan: Mapping[str, Any], right: Environment, right_plan: Mapping[str, Any]
) -> Comparison:
    """What differs, with the environments' own names and regions taken for the same."""
    ours, theirs = _names(left), _names(right)
    comparison = Comparison(
        left.name,
        right.name,
        {what: (ours.get(what), theirs.get(what)) for what in ours | theirs if ours.get(what) != theirs.get(what)},
    )
    left_names, right_names = _normaliser(left), _normaliser(right)
    comparison.values = list(differences(left.values, right.values))
    found, wanted = _resources(left_plan), _resources(right_plan)
    left_by_name = {left_names(address): address for address in found}
    right_by_name = {right_names(address): address for address in wanted}
    comparison.only_left = sorted(left_by_name[name] for name in left_by_name.keys() - right_by_name.keys())
    comparison.only_right = sorted(right_by_name[name] for name in right_by_name.keys() - left_by_name.keys())
    for name in sorted(left_by_name.keys() & right_by_name.keys()):
        one, other = found[left_by_name[name]], wanted[right_by_name[name]]
        attributes = tuple(differences(one, other, "", left_names, right_names))
        if attributes:
            comparison.different.append(ResourceDifference(left_by_name[name], attributes))
        else:
            comparison.same += 1
            comparison.names_only += any(differences(one, other))
    return comparison


def _names(environment: Environment) -> dict[str, str]:
    values = environment.values
    names = {
        "prefix": environment.prefix,
        "environment": environment.name,
        "region": environment.region,
        "failover region": values.get("failover_region"),
        "account": values.get("account_id"),
        "bucket suffix": values.get("bucket_suffix"),
    }
    return {what: name for what, name in names.items() if name}


def _normaliser(environment: Environment) -> Normalise:
    names = _names(environment)
    # The environment's name is too short a word to look for inside texts.
    whole = {names.pop("environment"): "{environment}"}
    names.pop("bucket suffix", None)
    words = normaliser({name: f"{{{what}}}" for what, name in reversed(names.items())})
    return lambda text: whole.get(text) or words(text)


def _resources(plan: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of every managed resource, by address."""
    found = {}
    for item in plan.get("resource_changes", ()):
        change = item["change"]
        if item["mode"] != "managed" or (change["after"] is None and not change.get("after_unknown")):
            continue
        attributes = known(change["after"] or {}, change.get("after_unknown"), change.get("after_sensitive"))
        if attributes.get("tags_all"):
            # All tags, those of the provider's defaults among them.
            attributes.pop("tags", None)
        found[item["address"]] = attributes
    return found
