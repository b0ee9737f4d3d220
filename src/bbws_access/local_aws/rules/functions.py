"""Lambda: environments, code and names; API Gateway: what its settings may be."""

import json
from base64 import b64decode
from collections.abc import Iterator

from bbws_access.local_aws.judge import Violation, limit
from bbws_access.local_aws.wire import Call

_LARGEST_ENVIRONMENT = 4096
_LARGEST_ZIP = 50 * 1024 * 1024
RESERVED = frozenset(
    (
        *("_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV"),
        *("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"),
        *("AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"),
        *("AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        *("AWS_LAMBDA_MAX_CONCURRENCY", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"),
    )
)
_CODE = "InvalidParameterValueException"


def _configuration(call: Call) -> Iterator[Violation]:
    values = call.values
    variables = (values.get("Environment") or {}).get("Variables") or {}
    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if variables and len(measured.encode()) > _LARGEST_ENVIRONMENT:
        yield limit(
            "Environment",
            "Lambda was unable to configure your environment variables because the environment "
            f"variables you have provided exceeded the 4KB limit. String measured: {measured}",
            _CODE,
        )
    reserved = sorted(variables.keys() & RESERVED)
    if reserved:
        yield limit(
            "Environment",
            "Lambda was unable to configure your environment variables because the environment "
            "variables you have provided contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}",
            _CODE,
        )
    if values.get("PackageType", "Zip") == "Zip" and str(call.operation) == "lambda:CreateFunction":
        for name in ("Runtime", "Handler"):
            if not values.get(name):
                yield limit(
                    name,
                    f"{name} and Handler are mandatory parameters for functions created with deployment packages.",
                    _CODE,
                )
    logging = values.get("LoggingConfig") or {}
    if logging.get("LogFormat", "Text") == "Text" and ("ApplicationLogLevel" in logging or "SystemLogLevel" in logging):
        yield limit("LoggingConfig", "Log levels are for functions whose log format is JSON.", _CODE)


def _code(call: Call) -> Iterator[Violation]:
    code = call.values.get("Code") or call.values
    zipped = code.get("ZipFile")
    ways = [name for name in ("ZipFile", "S3Bucket", "ImageUri") if code.get(name)]
    if len(ways) != 1:
        yield limit("Code", "Please provide a source for function code.", _CODE)
    if bool(code.get("S3Bucket")) != bool(code.get("S3Key")):
        yield limit("Code", "Please provide both S3Bucket and S3Key.", _CODE)
    if isinstance(zipped, str) and len(b64decode(zipped)) > _LARGEST_ZIP:
        yield limit("Code", "Unzipped size must be smaller than 262144000 bytes", _CODE)


_VALIDITY = {"minutes": (5, 1440), "hours": (1, 24), "days": (1, 1), "seconds": (300, 86400)}


def _client(call: Call) -> Iterator[Violation]:
    """How long the tokens of a client of Cognito are good for."""
    units = call.values.get("TokenValidityUnits") or {}
    for member, unit in (("AccessTokenValidity", "AccessToken"), ("IdTokenValidity", "IdToken")):
        value = call.values.get(member)
        least, most = _VALIDITY[units.get(unit, "hours")]
        if value and not least <= value <= most:
            yield limit(member, f"Invalid range for token validity: {member}.", "InvalidParameterException")


RULES = [
    ("lambda:CreateFunction", _configuration),
    ("lambda:UpdateFunctionConfiguration", _configuration),
    ("lambda:CreateFunction", _code),
    ("lambda:UpdateFunctionCode", _code),
    ("cognito-idp:CreateUserPoolClient", _client),
    ("cognito-idp:UpdateUserPoolClient", _client),
]
