"""Criteria on the stack as a whole: how its resources hang together."""

import re

from bbws_access.verify.dependencies import created_before_destroyed, needed_by
from bbws_access.verify.report import Finding
from bbws_access.verify.rules import Evidence, Look, rule

NEW_EACH_TIME = {"aws_api_gateway_rest_api", "aws_api_gateway_deployment", "terraform_data"}
"""What gets another id whenever it is made, and is found by nothing else: two can stand side by side."""


@rule(
    "replacement",
    "Nothing that has a name is replaced before it is destroyed",
    "Terraform makes the replacement first of what says create_before_destroy, and of everything that this needs. The"
    " replacement of what is known by a fixed name is the same thing, which is then destroyed. So only what gets"
    " another id each time it is made stands there.",
    "what says create_before_destroy, and all that it needs, at once or by others",
    needs=("api-gateway",),
    about_dependencies=True,
)
def _replacement(evidence: Evidence, environment: str, look: Look) -> None:
    if evidence.dependencies is None:
        look.findings.append(Finding(f"It is not known what depends on what: {evidence.no_dependencies}"))
        return
    first = created_before_destroyed(evidence.project)
    why = {address: address for address in first} | needed_by(evidence.dependencies, first)
    managed = {address: reason for address, reason in why.items() if not re.search(r"(?:^|\.)data\.", address)}
    for address, reason in managed.items():
        kind = address.split(".")[-2]
        because = "says create_before_destroy" if reason == address else f"is needed by {reason}"
        look.at(f"{address} {because}")
        if kind not in NEW_EACH_TIME:
            told = "" if reason == address else ", which says create_before_destroy"
            message = f"{address} {because}{told}: its replacement would be itself by its name, and then be destroyed"
            look.findings.append(evidence.at(message, address))
