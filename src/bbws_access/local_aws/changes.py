"""Which requests change nothing that is saved."""

import re
from contextvars import ContextVar
from functools import lru_cache

# What the request at hand asks for, such as dynamodb:Query; empty where no model has such a request.
asked: ContextVar[str] = ContextVar("asked", default="")

_LOOKS = r"(Get|List|Describe)\w+"
# The operations of each service that only read. Of services that are not named here, each may change something: what
# looks like reading receives messages, begins sessions or hands out tokens.
_READS = {
    service: re.compile(pattern)
    for service, pattern in {
        "apigateway": r"Get\w+",
        "cloudwatch": _LOOKS,
        "cognito-idp": r"(List|Describe)\w+|AdminGetUser|AdminListGroupsForUser|GetUserPoolMfaConfig",
        "dynamodb": rf"{_LOOKS}|BatchGetItem|TransactGetItems|Query|Scan",
        "events": r"(List|Describe)\w+|TestEventPattern",
        "iam": r"(Get|List)\w+",
        "kms": r"(List|Describe)\w+|GetKey\w+",
        "lambda": r"(Get|List)\w+",
        "logs": rf"{_LOOKS}|FilterLogEvents",
        "s3": r"(Get|Head|List)\w+",
        "sesv2": r"(Get|List)\w+",
        "sns": r"(Get|List)\w+",
        "sqs": r"(Get|List)Queue\w+",
        "sts": r"GetCallerIdentity",
        "wafv2": rf"{_LOOKS}|CheckCapacity",
    }.items()
}
# What a client of an API asks for. What functions do then are requests of their own.
_OF_AN_API = "/_aws/execute-api/"


@lru_cache(maxsize=4096)
def only_reads(operation: str) -> bool:
    """Whether an operation, such as dynamodb:Query, changes nothing."""
    service, _, name = operation.partition(":")
    return service in _READS and _READS[service].fullmatch(name) is not None


def of_an_api(path: str) -> bool:
    """Whether a request goes to a deployed API: it leaves logs and metrics, and changes nothing itself."""
    return path.startswith(_OF_AN_API)
