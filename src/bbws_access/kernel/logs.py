"""Structured logs: one JSON object per line on standard output, where the Lambda runtime collects it."""

from __future__ import annotations

import json
import sys
import time
import traceback

_RANK = {"DEBUG": 10, "INFO": 20, "WARN": 30, "ERROR": 40}
# A line must never carry what would let a reader act as the caller. Matched against lower-case field names.
_SECRET = frozenset(
    ("authorization", "authorizationtoken", "token", "password", "secret", "body", "cookie", "credentials", "headers")
)


class Logger:
    """Writes JSON lines. Fields given to `bind` appear in every line of the logger that it returns."""

    __slots__ = ("_fields", "_rank", "_stream")

    def __init__(self, service: str, environment: str, level: str = "INFO", stream=None, **fields: object) -> None:
        self._rank = _RANK[level]
        self._stream = stream
        self._fields = {"service": service, "environment": environment, **fields}

    def bind(self, **fields: object) -> Logger:
        """A logger with further fixed fields, for one request."""
        bound = Logger.__new__(Logger)
        bound._rank = self._rank
        bound._stream = self._stream
        bound._fields = {**self._fields, **fields}
        return bound

    def debug(self, message: str, **fields: object) -> None:
        self._write("DEBUG", message, fields)

    def info(self, message: str, **fields: object) -> None:
        self._write("INFO", message, fields)

    def warning(self, message: str, **fields: object) -> None:
        self._write("WARN", message, fields)

    def error(self, message: str, **fields: object) -> None:
        self._write("ERROR", message, fields)

    def fault(self, message: str, error: BaseException, **fields: object) -> None:
        """An unexpected exception, with its type and stack trace."""
        stack = traceback.format_list(traceback.extract_tb(error.__traceback__))
        self._write(
            "ERROR", message, {**fields, "errorType": type(error).__name__, "error": str(error), "stack": stack}
        )

    def record(self, message: str, **fields: object) -> None:
        """A line that must exist whatever the log level: access decisions and requests."""
        self._write("INFO", message, fields, always=True)

    def _write(self, level: str, message: str, fields: dict[str, object], *, always: bool = False) -> None:
        if not always and _RANK[level] < self._rank:
            return
        seconds, fraction = divmod(time.time_ns() // 1_000_000, 1000)
        line = {
            "timestamp": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{fraction:03d}Z",
            "level": level,
            "message": message,
            **self._fields,
        }
        for name, value in fields.items():
            if value is not None:
                line[name] = "[REDACTED]" if name.lower() in _SECRET else value
        stream = self._stream or sys.stdout
        stream.write(json.dumps(line, separators=(",", ":"), default=str) + "\n")
        stream.flush()
