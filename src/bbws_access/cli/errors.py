"""What the tool says when it cannot go on.

Exit codes: 0 done; 1 failure; 2 wrong usage or wrong values; 3 the local AWS is not running;
4 `drift` found drift; 130 interrupted.
"""

FAILURE = 1
USAGE = 2
NOT_RUNNING = 3
DRIFT_FOUND = 4
INTERRUPTED = 130


class ToolError(Exception):
    """The message says what is wrong in one sentence, the hint what to do about it; `details` are further lines."""

    exit_code = FAILURE

    def __init__(self, message: str, hint: str | None = None, details: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details


class UsageError(ToolError):
    """A wrong argument, or a wrong value in a file that the user wrote."""

    exit_code = USAGE


class NotRunningError(ToolError):
    """The local AWS is needed and is not there."""

    exit_code = NOT_RUNNING


class InterruptedByUserError(ToolError):
    """Ctrl-C, after everything below has stopped in good order."""

    exit_code = INTERRUPTED
