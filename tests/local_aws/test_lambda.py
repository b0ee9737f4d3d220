"""Lambda functions: shim `lambda_functions`."""

import json
from collections.abc import Callable

from tests.local_aws.conftest import Aws


def test_a_function_sees_its_package_and_the_standard_library_only(aws: Aws, unique: Callable[[str], str]) -> None:
    source = """
import importlib.util, os
def handler(event, context):
    names = ("boto3", "botocore", "jwt", "cryptography", "ministack", "bbws_access", "json", "index")
    return {"found": [name for name in names if importlib.util.find_spec(name)],
            "kept": {name: os.environ.get(name) for name in ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_PROFILE")}}
"""
    name = unique("packages")
    aws.function(name, source)
    answer = json.loads(aws.client("lambda").invoke(FunctionName=name)["Payload"].read())
    assert answer["found"] == ["json", "index"]
    assert answer["kept"] == {
        "AWS_ENDPOINT_URL": aws.emulator.endpoint,
        "AWS_REGION": aws.emulator.region,
        "AWS_PROFILE": None,
    }
