"""Functions under AWS's own runtime client, as they run on AWS: what they write, and what they answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

REQUEST = "11111111-2222-3333-4444-555555555555"


class Outcome(NamedTuple):
    """`kind` is `response` or `error`; `lines` is what stands in the function's log."""

    kind: str
    answer: Any
    lines: list[str]


def run_on_aws(
    handler: str, folder: Path, event: Any, environment: dict[str, str], log_format: str = "JSON"
) -> Outcome:
    """Invoke a function once. `handler` is such as `index.handler`, `folder` what its package holds."""
    told: dict[str, Any] = {}
    done, ended = threading.Event(), threading.Event()

    class RuntimeApi(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if told.setdefault("asked", 0):
                # There is no second event: the client waits for one, as in a function that is frozen.
                ended.wait()
                return
            told["asked"] = 1
            content = json.dumps(event).encode()
            self.send_response(200)
            self.send_header("Lambda-Runtime-Aws-Request-Id", REQUEST)
            self.send_header("Lambda-Runtime-Deadline-Ms", "4102444800000")
            self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:000000000000:function:f")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()
            told["kind"], told["answer"] = self.path.rpartition("/")[2], json.loads(content)
            done.set()

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), RuntimeApi)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    process = subprocess.Popen(
        [sys.executable, "-m", "awslambdaric", handler],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(folder),
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": "f",
            "AWS_LAMBDA_LOG_FORMAT": log_format,
            "AWS_LAMBDA_LOG_LEVEL": "TRACE" if log_format == "JSON" else "",
            "AWS_REGION": "eu-west-1",
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert done.wait(60), "the function did not answer"
        process.kill()
        output = process.communicate()[0]
    finally:
        process.kill()
        ended.set()
        server.shutdown()
        server.server_close()
    return Outcome(told["kind"], told["answer"], output.splitlines())
