"""What is packaged, what Terraform deploys and what the contract names are the same functions."""

import re
from pathlib import Path

from bbws_access.kernel.contract import load_contract
from bbws_access.packaging import FUNCTIONS

STACK = (Path(__file__).resolve().parents[2] / "terraform" / "stack" / "main.tf").read_text(encoding="utf-8")
# Not services of the API: the gateway asks one, the user pool the other.
BESIDE = {"authorizer", "token-claims"}


def test_every_service_of_the_contract_has_a_package_and_no_other_has() -> None:
    assert {operation.service for operation in load_contract().operations.values()} | BESIDE == set(FUNCTIONS)


def test_terraform_names_the_handlers_that_are_packaged() -> None:
    patterns = re.findall(r'handler\s+= "([^"]+)"', STACK)
    template, *others = patterns
    handlers = {template.replace("${service}", name) for name in set(FUNCTIONS) - BESIDE} | set(others)
    assert len(others) == len(BESIDE)
    assert handlers == {f"{module}.handler" for module in FUNCTIONS.values()}
