"""What differs between Terraform's state and what is really there.

Reading a resource changes more in Terraform's eyes than anybody changed: a role shows the policies that are resources
of their own, a bucket its settings, a user pool how many people it has. So drift here is what was changed and what
Terraform would change back, and besides it the policies of a role that Terraform did not give it, which it would leave.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bbws_access.cli.targets import Target
from bbws_access.cli.terraform import Change
from bbws_access.verify.compare.attributes import ABSENT, AttributeDifference, differences, known
from bbws_access.verify.compare.plans import planned


@dataclass(frozen=True)
class Drift:
    """A resource that was changed, or deleted, without Terraform."""

    address: str
    deleted: bool
    attributes: tuple[AttributeDifference, ...] = ()
    """Left is what the state says, right what is there."""

    @property
    def module(self) -> str:
        return Change(self.address, "").module

    def to_json(self) -> dict[str, Any]:
        return {
            "module": self.module,
            "address": self.address,
            "deleted": self.deleted,
            "attributes": [item.to_json("state", "found") for item in self.attributes],
        }


def find_drift(target: Target) -> list[Drift]:
    """Look at everything that the state knows. Nothing is changed, the state neither."""
    return read_drift(planned(target, "Look"))


def read_drift(plan: Mapping[str, Any]) -> list[Drift]:
    """The drift that the JSON of a plan tells of."""
    changes = {item["address"]: item for item in plan.get("resource_changes", ()) if item["mode"] == "managed"}
    found: dict[str, Drift] = {}
    for item in plan.get("resource_drift", ()):
        address, change = item["address"], item["change"]
        if item["mode"] != "managed":
            continue
        if change["after"] is None:
            found[address] = Drift(address, deleted=True)
        elif attributes := tuple(_put_back(change, changes.get(address))):
            found[address] = Drift(address, deleted=False, attributes=attributes)
    for address, extra in _foreign_policies(changes.values()).items():
        attributes = found[address].attributes if address in found else ()
        found[address] = Drift(address, deleted=False, attributes=(*attributes, *extra))
    return [found[address] for address in sorted(found)]


def _put_back(drift: Mapping[str, Any], item: Mapping[str, Any] | None) -> Iterator[AttributeDifference]:
    """What of a resource's drift Terraform would change back."""
    if item is None or item["change"]["after"] is None:
        # No longer in the configuration: whatever differs, it is about to go.
        return
    change = item["change"]
    after = known(drift["after"], drift.get("after_unknown"), drift.get("after_sensitive"))
    wanted = known(change["after"], change.get("after_unknown"), change.get("after_sensitive"))
    governed = {_place(difference.path) for difference in differences(wanted, after)}
    for difference in differences(known(drift["before"], None, drift.get("before_sensitive")), after):
        place = _place(difference.path)
        if any(_within(place, other) or _within(other, place) for other in governed):
            yield difference


def _place(path: str) -> str:
    """A path in which members of lists without names are all the same."""
    return re.sub(r"\[\d+\]", "", path)


def _within(path: str, outer: str) -> bool:
    return path == outer or path.startswith((f"{outer}.", f"{outer}["))


def _foreign_policies(changes: Any) -> dict[str, list[AttributeDifference]]:
    """Policies that roles have and that no resource of ours gave them, by the role's address."""
    ours: dict[str, set[str]] = defaultdict(set)
    roles = []
    for item in changes:
        for side in (item["change"]["before"], item["change"]["after"]):
            if side and item["type"] == "aws_iam_role_policy":
                ours[side.get("role")].add(side.get("name"))
            elif side and item["type"] == "aws_iam_role_policy_attachment":
                ours[side.get("role")].add(side.get("policy_arn"))
        if item["type"] == "aws_iam_role" and item["change"]["before"]:
            roles.append((item["address"], item["change"]["before"]))
    found = {}
    for address, role in roles:
        mine = ours[role["name"]]
        extra = [
            AttributeDifference(f"inline_policy[{policy['name']}]", ABSENT, policy["policy"])
            for policy in role.get("inline_policy") or ()
            if policy.get("name") and policy["name"] not in mine
        ]
        extra += [
            AttributeDifference("managed_policy_arns", ABSENT, arn)
            for arn in role.get("managed_policy_arns") or ()
            if arn not in mine
        ]
        if extra:
            found[address] = extra
    return found
