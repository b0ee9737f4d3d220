"""Lambda functions: shim `lambda_functions`."""

import base64
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


def test_logs_are_whole(aws: Aws, unique: Callable[[str], str]) -> None:
    source = """
import os
def handler(event, context):
    for number in range(event["lines"]):
        print("line", number)
    os.write(2, b"raw\\n")
    if event.get("fail"):
        raise ValueError("no")
"""
    name = unique("talkative")
    aws.function(name, source)
    invoke = aws.client("lambda").invoke
    for lines in (300, 0, 1):
        log = base64.b64decode(
            invoke(FunctionName=name, LogType="Tail", Payload=json.dumps({"lines": lines}))["LogResult"]
        )
        invoke(FunctionName=name, Payload=json.dumps({"lines": 1, "fail": True}))
        assert b"raw" in log
    events = aws.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern="line")["events"]
    printed = [event for event in events if event["message"].startswith("line ")]
    assert len(printed) == 300 + 0 + 1 + 3
