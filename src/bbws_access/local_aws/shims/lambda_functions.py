"""Lambda functions.

| AWS | MiniStack | test |
|---|---|---|
| a function sees its package and the runtime only | it sees all packages of MiniStack too | `test_lambda.py` |
| an answer does not wait for logs, and they are whole | up to 50 ms; late lines go to the next | `test_lambda.py` |
| an exception is one line of JSON at ERROR where logs are JSON | a traceback | `test_an_exception_is_one_line` |
| its answer has its type, request and stack trace | `Runtime.HandlerError` | `test_an_exception_is_one_line` |
| where logs are JSON, the platform's own lines are | texts | `test_an_exception_is_one_line` |
"""

import json
import queue
import re
import threading
import time
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import cloudwatch_logs, lambda_svc

from bbws_access.local_aws.errors import LocalAwsError

# A line that no function writes: it ends the logs of one invocation.
_END = "\x1e end of invocation \x1e"
_CALL = "            result = handler_fn(event, context)\n"
_MARKED_CALL = f"""            try:
                result = handler_fn(event, context)
            finally:
                sys.__stderr__.write({_END + chr(10)!r})
                sys.__stderr__.flush()
"""
# How AWS's runtime client (awslambdaric) tells of an exception.
_FAILURE = (
    """json.dumps({"status": "error", "error": str(e), "trace": traceback.format_exc()})""",
    """json.dumps({"status": "error", "error": str(e), **_told(e, context.aws_request_id)})""",
)
_TELLING = """
def _told(error, request_id):
    stack = traceback.format_list(
        [one for one in traceback.extract_tb(error.__traceback__) if not one.filename.endswith("_worker.py")])
    answer = {"errorMessage": str(error), "errorType": type(error).__name__, "requestId": request_id,
              "stackTrace": stack}
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON":
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        trace = json.dumps({"timestamp": now, "level": "ERROR", **answer}, ensure_ascii=False)
    else:
        lines = "".join(stack).splitlines()
        trace = "\\n".join([f"[ERROR] {type(error).__name__}: {error}", "Traceback (most recent call last):", *lines])
    return {"trace": trace, "answer": answer}

"""
_RUN = "\nrun()\n"
# What stands around the lines of an invocation.
_START = re.compile(r"START RequestId: (\S+) Version: (\S+)")
_REPORT = re.compile(
    r"REPORT RequestId: (\S+)\tDuration: (\S+) ms\tBilled Duration: (\S+) ms\t"
    r"Memory Size: (\d+) MB\tMax Memory Used: (\d+) MB"
)
# Against a function that closed its standard error.
_LOG_SECONDS = 1.0


def install(interpreter: Path) -> None:
    """Run Python functions with `interpreter`, and take their logs as soon as they are written."""
    detect, drain = lambda_runtime._detect_runtime_binary, lambda_runtime.Worker._drain_stderr_bounded
    script_of_ministack = lambda_runtime._PYTHON_WORKER_SCRIPT
    if any(script_of_ministack.count(part) != 1 for part in (_CALL, _FAILURE[0], _RUN)):
        raise LocalAwsError(
            "MiniStack runs functions in another way than the shims expect: reinstall the requirements."
        )

    def detect_runtime_binary(runtime: str) -> tuple[str, str]:
        binary, script = detect(runtime)
        if not runtime.startswith("python"):
            return binary, script
        script = script.replace(_CALL, _MARKED_CALL).replace(*_FAILURE).replace(_RUN, _TELLING + _RUN)
        return str(interpreter), script

    def drain_to_the_end(worker: Any) -> str:
        if not worker.config.get("Runtime", "").startswith("python"):
            return drain(worker)
        lines: list[str] = []
        deadline = time.monotonic() + _LOG_SECONDS
        while True:
            try:
                line = worker._stderr_queue.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return "\n".join(lines)
            if line == _END:
                return "\n".join(lines)
            lines.append(line)

    lambda_runtime._detect_runtime_binary = detect_runtime_binary
    lambda_runtime.Worker._drain_stderr_bounded = drain_to_the_end
    _answer_with_the_exception()
    _write_json_of_the_platform()


def _logs_json(config: dict[str, Any]) -> bool:
    return (config.get("LoggingConfig") or {}).get("LogFormat") == "JSON"


def _answer_with_the_exception() -> None:
    execute, invoke = lambda_svc._execute_function_warm, lambda_runtime.Worker.invoke
    spawn = lambda_runtime.Worker._spawn
    last = threading.local()

    def spawn_with_format(worker: Any, *arguments: Any, **settings: Any) -> Any:
        config = worker.config
        if not _logs_json(config):
            return spawn(worker, *arguments, **settings)
        # As AWS does by the function's logging configuration; the function's own environment does not say so.
        environment = config.get("Environment") or {}
        level = config["LoggingConfig"].get("ApplicationLogLevel", "INFO")
        variables = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": level}
        variables = {**(environment.get("Variables") or {}), **variables}
        worker.config = {**config, "Environment": {**environment, "Variables": variables}}
        try:
            return spawn(worker, *arguments, **settings)
        finally:
            worker.config = config

    def remember(worker: Any, *arguments: Any, **settings: Any) -> dict[str, Any]:
        last.answer = None
        result = invoke(worker, *arguments, **settings)
        last.answer = result.get("answer")
        return result

    def execute_with_answer(*arguments: Any, **settings: Any) -> dict[str, Any]:
        last.answer = None
        result = execute(*arguments, **settings)
        if result.get("error") and last.answer:
            result["body"] = last.answer
        return result

    lambda_runtime.Worker._spawn = spawn_with_format
    lambda_runtime.Worker.invoke = remember
    lambda_svc._execute_function_warm = execute_with_answer


def _write_json_of_the_platform() -> None:
    emit, append = lambda_svc._emit_lambda_logs, cloudwatch_logs._append_log_events
    fan_out = cloudwatch_logs._fanout_to_subscription_filters
    writing = threading.local()

    def emit_in_format(func: dict[str, Any], *arguments: Any, **settings: Any) -> None:
        writing.json = _logs_json(func.get("config") or func)
        try:
            emit(func, *arguments, **settings)
        finally:
            writing.json = False

    def in_format(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if not getattr(writing, "json", False):
            return events
        told = [{**event, "message": _platform_line(event["message"], event["timestamp"])} for event in events]
        return [event for event in told if event["message"]]

    cloudwatch_logs._append_log_events = lambda stream, events: append(stream, in_format(events))
    cloudwatch_logs._fanout_to_subscription_filters = lambda group, stream, events: fan_out(
        group, stream, in_format(events)
    )
    lambda_svc._emit_lambda_logs = emit_in_format


def _platform_line(line: str, milliseconds: int) -> str:
    start, report = _START.fullmatch(line), _REPORT.fullmatch(line)
    if line.startswith("END RequestId: "):
        return ""
    if start:
        kind, record = "platform.start", {"requestId": start[1], "version": start[2]}
    elif report:
        metrics = {
            "durationMs": float(report[2]),
            "billedDurationMs": int(float(report[3])),
            "memorySizeMB": int(report[4]),
            "maxMemoryUsedMB": int(report[5]),
        }
        kind, record = "platform.report", {"requestId": report[1], "metrics": metrics}
    else:
        return line
    seconds, fraction = divmod(milliseconds, 1000)
    moment = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{fraction:03d}Z"
    return json.dumps({"time": moment, "type": kind, "record": record})
