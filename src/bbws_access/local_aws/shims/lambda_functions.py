"""Lambda functions.

| AWS | MiniStack | test |
|---|---|---|
| a function sees its package and the runtime only | it sees all packages of MiniStack too | `test_lambda.py` |
| an answer does not wait for logs, and they are whole | up to 50 ms; late lines go to the next | `test_lambda.py` |
| an exception is one line of JSON at ERROR where logs are JSON | a traceback | `test_an_exception_is_one_line` |
| its answer has its type, request and stack trace | `Runtime.HandlerError` | `test_an_exception_is_one_line` |
| no log group where the role may not make it | one is made | `test_a_log_group_that_the_role_may_not_make` |
| where logs are JSON, the platform's own lines are | texts | `test_an_exception_is_one_line` |
"""

import json
import logging
import queue
import re
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime, responses
from ministack.services import cloudwatch_logs, lambda_svc

from bbws_access.local_aws.errors import LocalAwsError
from bbws_access.local_aws.shims import log_groups
from bbws_access.local_aws.shims.permissions import role_permits

logger = logging.getLogger("local-aws.lambda")

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
    _write_logs()


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


def _may_make_group(config: dict[str, Any], name: str) -> bool:
    """Whether a function's role may make the log group that is not there. One that may not leaves no lines, also where
    it still runs while its group is destroyed."""
    with_streams = cloudwatch_logs._make_group_arn(name)
    *_, region, account = with_streams.split(":")[:5]
    # Policies name a group with its streams or without.
    return any(
        role_permits(config.get("Role", ""), "lambda.amazonaws.com", group, account, region, "logs:CreateLogGroup")
        for group in (with_streams, with_streams.removesuffix(":*"))
    )


def _write_logs() -> None:
    """Write what an invocation leaves in the logs: into the stream of its execution environment, in its format."""
    emit, invoke, spawn = lambda_svc._emit_lambda_logs, lambda_runtime.Worker.invoke, lambda_runtime.Worker._spawn
    new_uuid = responses.new_uuid
    last, spawning = threading.local(), threading.local()

    def spawn_with_stream(worker: Any, *arguments: Any, **settings: Any) -> Any:
        version = worker.config.get("Version", "$LATEST")
        worker.log_stream = f"{time.strftime('%Y/%m/%d', time.gmtime())}/[{version}]{uuid.uuid4().hex}"
        spawning.stream = worker.log_stream
        try:
            return spawn(worker, *arguments, **settings)
        finally:
            spawning.stream = None

    def remember(worker: Any, *arguments: Any, **settings: Any) -> dict[str, Any]:
        last.stream = None
        result = invoke(worker, *arguments, **settings)
        last.stream = getattr(worker, "log_stream", None)
        return result

    def write(
        func: dict[str, Any],
        request_id: str,
        log_text: str,
        error: bool,
        duration_ms: int,
        *,
        log_source: str | None = None,
    ) -> None:
        stream, last.stream = getattr(last, "stream", None), None
        config = func.get("config") or func
        try:
            name = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"
            if name not in cloudwatch_logs._log_groups and not _may_make_group(config, name):
                return
            if stream is None or log_source:
                emit(func, request_id, log_text, error, duration_ms, log_source=log_source)
                return
            lines = [
                f"START RequestId: {request_id} Version: {config.get('Version', '$LATEST')}",
                *log_text.splitlines(),
                f"END RequestId: {request_id}",
                f"REPORT RequestId: {request_id}\tDuration: {duration_ms} ms\tBilled Duration: {duration_ms} ms\t"
                f"Memory Size: {config.get('MemorySize', 128)} MB\t"
                f"Max Memory Used: {lambda_svc._probe_peak_memory_mb(func)} MB",
            ]
            if _logs_json(config):
                now = int(time.time() * 1000)
                kept = _logs_its_own(config, error)
                lines = [line for line in (_platform_line(line, now, kept=kept) for line in lines) if line]
            log_groups.write(name, stream, lines, make_group=True)
        except Exception:
            # An invocation never fails for its logs.
            logger.exception("the logs of %s could not be written", config.get("FunctionName"))

    # The environment of a function says what its stream is; MiniStack makes up a name there.
    responses.new_uuid = lambda: getattr(spawning, "stream", None) or new_uuid()
    lambda_runtime.Worker._spawn = spawn_with_stream
    lambda_runtime.Worker.invoke = remember
    lambda_svc._emit_lambda_logs = write


def _logs_its_own(config: dict[str, Any], error: bool) -> frozenset[str]:
    """Which of Lambda's own lines of an invocation pass the function's system log level."""
    if ((config.get("LoggingConfig") or {}).get("SystemLogLevel") or "INFO") != "WARN":
        return frozenset(("platform.start", "platform.report"))
    # The report of an invocation that failed is a warning.
    return frozenset(("platform.report",)) if error else frozenset()


def _platform_line(line: str, milliseconds: int, *, kept: frozenset[str]) -> str:
    """A line as it stands in a log in JSON, "" for one that is none of it."""
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
    if kind not in kept:
        return ""
    seconds, fraction = divmod(milliseconds, 1000)
    moment = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{fraction:03d}Z"
    return json.dumps({"time": moment, "type": kind, "record": record})
