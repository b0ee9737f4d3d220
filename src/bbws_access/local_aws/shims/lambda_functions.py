"""Lambda functions.

| AWS | MiniStack | test |
|---|---|---|
| a function sees its package and the runtime only | it sees all packages of MiniStack too | `test_lambda.py` |
| an answer does not wait for logs, and they are whole | up to 50 ms; late lines go to the next | `test_lambda.py` |
"""

import queue
import time
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime

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
# Against a function that closed its standard error.
_LOG_SECONDS = 1.0


def install(interpreter: Path) -> None:
    """Run Python functions with `interpreter`, and take their logs as soon as they are written."""
    detect, drain = lambda_runtime._detect_runtime_binary, lambda_runtime.Worker._drain_stderr_bounded
    if lambda_runtime._PYTHON_WORKER_SCRIPT.count(_CALL) != 1:
        raise LocalAwsError(
            "MiniStack runs functions in another way than the shims expect: reinstall the requirements."
        )

    def detect_runtime_binary(runtime: str) -> tuple[str, str]:
        binary, script = detect(runtime)
        if not runtime.startswith("python"):
            return binary, script
        return str(interpreter), script.replace(_CALL, _MARKED_CALL)

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
