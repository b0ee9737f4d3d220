"""Lambda functions: shim `lambda_functions`."""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.local_aws.conftest import Aws
from tests.support.runtime import run_on_aws


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


def test_one_stream_of_an_environment(aws: Aws, unique: Callable[[str], str]) -> None:
    """What an environment writes is one stream, which its context names; another environment has its own."""
    source = """
def handler(event, context):
    print("line", event)
    if event == 2:
        raise ValueError("this environment ends")
    return context.log_stream_name
"""
    name = unique("stream")
    aws.function(name, source)
    told = [
        json.loads(aws.client("lambda").invoke(FunctionName=name, Payload=str(n))["Payload"].read()) for n in range(4)
    ]
    first, second = told[0], told[3]
    assert told[1] == first != second
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", first)
    logs, group = aws.client("logs"), f"/aws/lambda/{name}"
    assert {one["logStreamName"] for one in logs.describe_log_streams(logGroupName=group)["logStreams"]} == {
        first,
        second,
    }
    for stream, lines in ((first, ["line 0", "line 1", "line 2"]), (second, ["line 3"])):
        events = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)["events"]
        assert [one["message"] for one in events if one["message"].startswith("line")] == lines


def test_a_log_group_that_the_role_may_not_make(aws: Aws, unique: Callable[[str], str]) -> None:
    """A function that still runs while its group is destroyed does not bring it back."""
    source = """
def handler(event, context):
    print("line", event)
"""
    logs, invoke = aws.client("logs"), aws.client("lambda").invoke
    own = [{"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}]
    any_group = [{"Effect": "Allow", "Action": "logs:CreateLogGroup", "Resource": "*"}]
    for kind, statements, allowed in (("own", own, False), ("none", [], False), ("any", any_group, True)):
        name = unique(kind)
        group = f"/aws/lambda/{name}"
        role = aws.role(f"{name}-role", statements)
        aws.function(name, source, role)
        aws.function(f"{name}-json", source, role, LoggingConfig={"LogFormat": "JSON", "LogGroup": group})

        def groups(group: str = group) -> list[str]:
            found = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
            return [one["logGroupName"] for one in found]

        for _ in range(2):
            for function in (name, f"{name}-json"):
                assert "FunctionError" not in invoke(FunctionName=function, Payload=b"1")
            assert groups() == [group] * allowed
        if not allowed:
            logs.create_log_group(logGroupName=group)
        invoke(FunctionName=name, Payload=b"2")
        assert logs.filter_log_events(logGroupName=group, filterPattern="line")["events"]
        logs.delete_log_group(logGroupName=group)
        invoke(FunctionName=name, Payload=b"3")
        assert groups() == [group] * allowed


FAILING = """
import json
class Refused(Exception):
    pass
def deeper():
    raise Refused("nö")
def handler(event, context):
    print(json.dumps({"level": "INFO", "message": "before"}))
    deeper()
"""


def test_an_exception_is_one_line(aws: Aws, unique: Callable[[str], str], tmp_path: Path) -> None:
    """The same lines and the same answer as AWS's own runtime client makes of the same function."""
    (tmp_path / "index.py").write_text(FAILING)
    on_aws = run_on_aws("index.handler", tmp_path, {}, {})
    name = unique("failing")
    aws.function(name, FAILING, LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "TRACE"})
    answer = aws.client("lambda").invoke(FunctionName=name, Payload=b"{}")
    assert answer["FunctionError"] == "Unhandled"
    here = json.loads(answer["Payload"].read())

    def comparable(found: dict) -> dict:
        # Where the package lies, when it was and which request it was differ.
        stack = [re.sub(r'File "[^"]*/', 'File "', frame) for frame in found["stackTrace"]]
        return {**found, "stackTrace": stack} | {key: "" for key in ("requestId", "timestamp") if key in found}

    assert (on_aws.kind, comparable(here)) == ("error", comparable(on_aws.answer))
    events = aws.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    start, *lines, report = (json.loads(event["message"]) for event in events)
    assert (start["type"], report["type"]) == ("platform.start", "platform.report")
    assert start["record"] == {"requestId": here["requestId"], "version": "$LATEST"}
    assert report["record"]["metrics"].keys() >= {"durationMs", "billedDurationMs", "memorySizeMB", "maxMemoryUsedMB"}
    said, failed = map(json.loads, on_aws.lines)
    assert lines[0] == said
    assert list(lines[1]) == list(failed)
    assert comparable(lines[1]) == comparable(failed)
    assert (failed["level"], failed["errorType"], failed["errorMessage"]) == ("ERROR", "Refused", "nö")
    # Nobody but the runtime sees how it was told the format.
    configuration = aws.client("lambda").get_function_configuration(FunctionName=name)
    assert "Variables" not in configuration.get("Environment", {}) or configuration["Environment"]["Variables"] == {}


@pytest.mark.parametrize(
    ("level", "failed", "kinds"),
    [
        ("INFO", False, ["platform.start", "platform.report"]),
        ("WARN", False, []),
        ("WARN", True, ["platform.report"]),
    ],
)
def test_lambdas_own_lines_by_the_system_log_level(
    aws: Aws, unique: Callable[[str], str], level: str, failed: bool, kinds: list[str]
) -> None:
    name = unique("own-lines")
    code = 'def handler(event, context):\n    print("{\\"level\\": \\"INFO\\", \\"message\\": \\"mine\\"}")\n'
    code += "    return 1 / event['by']\n"
    aws.function(name, code, LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": level})
    aws.client("lambda").invoke(FunctionName=name, Payload=json.dumps({"by": 0 if failed else 1}))
    events = aws.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    lines = [json.loads(event["message"]) for event in events]
    assert [line["type"] for line in lines if "type" in line] == kinds
    assert [line["message"] for line in lines if line.get("message") == "mine"] == ["mine"]
    assert any(line.get("errorType") == "ZeroDivisionError" for line in lines) == failed


@pytest.mark.parametrize("log_format", ["Text", "JSON"])
def test_an_exception_says_so_in_either_format(
    aws: Aws, unique: Callable[[str], str], tmp_path: Path, log_format: str
) -> None:
    (tmp_path / "index.py").write_text(FAILING)
    on_aws = run_on_aws("index.handler", tmp_path, {}, {}, log_format)
    name = unique("failing")
    aws.function(name, FAILING, LoggingConfig={"LogFormat": log_format})
    aws.client("lambda").invoke(FunctionName=name, Payload=b"{}")
    events = aws.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern="ERROR")["events"]
    assert len(events) == 1
    if log_format == "Text":
        assert on_aws.lines[1].startswith("[ERROR] Refused: n")
        assert events[0]["message"] == on_aws.lines[1]
