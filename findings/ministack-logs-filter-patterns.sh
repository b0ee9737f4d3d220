#!/usr/bin/env bash
# FilterLogEvents with a JSON pattern, and with optional terms. CloudWatch Logs ("Filter pattern syntax") returns the one event of level ERROR for
# `{ $.level = "ERROR" }` and for `?ERROR ?FATAL`. MiniStack 1.5.33 returns every event for the first, and none for the second.
. "$(dirname "$0")/ministack.lib"
probe <<'PYTHON'
import json, time
from client import client

logs = client("logs")
logs.create_log_group(logGroupName="group")
logs.create_log_stream(logGroupName="group", logStreamName="stream")
now = int(time.time() * 1000)
lines = [{"level": "INFO", "ms": 5}, {"level": "ERROR", "ms": 700}]
events = [{"timestamp": now + n, "message": json.dumps(line)} for n, line in enumerate(lines)]
logs.put_log_events(logGroupName="group", logStreamName="stream", logEvents=events)

def found(pattern):
    answer = logs.filter_log_events(logGroupName="group", filterPattern=pattern)["events"]
    levels = [json.loads(event["message"])["level"] for event in answer]
    print(f"{pattern:24} {levels}")
    return levels

assert found('{ $.level = "ERROR" }') == ["INFO", "ERROR"], "the JSON pattern filters now"
assert found("?ERROR ?FATAL") == [], "optional terms are understood now"
assert found("ERROR") == ["ERROR"]
PYTHON
