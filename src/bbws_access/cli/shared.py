"""What an environment holds for others: the account has it once, so its neighbours work with it too.

Environments share nothing else. These two AWS leaves no choice about, and whoever deletes them is told before.
"""

from __future__ import annotations

import shlex
from typing import Any

from bbws_access.cli import storage
from bbws_access.cli.console import note
from bbws_access.cli.targets import LocalTarget, Target
from bbws_access.cli.terraform import Report

LOG_ROLE = "module.api_gateway_account"
IDENTITY = 'module.mail.aws_sesv2_email_identity.this["sender"]'


def identities(state: dict[str, Any]) -> dict[str, str]:
    """The SES identities in a state, by address."""
    found = {}
    for resource in state.get("resources", ()):
        if resource["mode"] == "managed" and resource["type"] == "aws_sesv2_email_identity":
            for instance in resource["instances"]:
                key = instance.get("index_key")
                index = "" if key is None else f'["{key}"]' if isinstance(key, str) else f"[{key}]"
                module = f"{resource['module']}." if resource.get("module") else ""
                address = f"{module}{resource['type']}.{resource['name']}{index}"
                found[address] = instance["attributes"]["email_identity"]
    return found


def lost(target: Target, report: Report) -> list[str]:
    """What a plan takes from others in the account and region, a text each. A local AWS has no others."""
    if isinstance(target, LocalTarget):
        return []
    doomed = {change.address for change in report.changes if change.action in ("delete", "replace")}
    where = f"account {target.environment.account_id} in {target.environment.region}"
    roles = sorted({one.partition("].")[0] + "]" for one in doomed if one.startswith(f"{LOG_ROLE}[")})
    texts = [
        "This takes API Gateway's log role, and every API writes its logs with it, also those of other environments: "
        f"{where} has one. {_keep(target, address)}"
        for address in roles
    ]
    if any("aws_sesv2_email_identity." in one for one in doomed):
        names = identities(storage.read_state(target.s3, target.environment) or {})
        texts += [
            f"This takes the SES identity {names[address]}, and nobody in {where} sends mail as it any more, also "
            f"environments that use it with create_identity=false. {_keep(target, address)}"
            for address in sorted(doomed & names.keys())
        ]
    return texts


def say_what_others_lose(target: Target, report: Report) -> None:
    """Note it, before anybody is asked to agree."""
    for text in lost(target, report):
        note(text)


def _keep(target: Target, address: str) -> str:
    stack, data = (shlex.quote(str(path)) for path in (target.project.stack, target.terraform.folder / "data"))
    return (
        "Where somebody needs it, do not agree, and leave it to them: "
        f"(cd {stack} && TF_DATA_DIR={data} terraform state rm {shlex.quote(address)})"
    )
