"""Evaluates the policies of an authorizer as IAM does: an explicit Deny wins, then an Allow, else refused."""

import re
from functools import lru_cache


@lru_cache(maxsize=4096)
def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile("".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern), re.DOTALL)


def is_allowed(document: dict, arn: str) -> bool:
    assert document["Version"] == "2012-10-17"
    allowed = False
    for statement in document["Statement"]:
        assert set(statement) == {"Action", "Effect", "Resource"}
        assert statement["Action"] == "execute-api:Invoke"
        if any(_glob(resource).fullmatch(arn) for resource in statement["Resource"]):
            if statement["Effect"] == "Deny":
                return False
            allowed = True
    return allowed
