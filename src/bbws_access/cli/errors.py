"""What the tool says when it cannot go on.

Exit codes: 0 done; 1 failure; 2 wrong usage or wrong values; 3 the local AWS is not running;
4 `drift` found drift; 130 interrupted.
"""

import contextlib
from collections.abc import Iterator

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


@contextlib.contextmanager
def service_errors() -> Iterator[None]:
    """Turn what the services and AWS refuse into errors of the tool."""
    from botocore.exceptions import BotoCoreError, ClientError

    from bbws_access.kernel.dynamodb import DatabaseError
    from bbws_access.kernel.errors import ServiceError
    from bbws_access.kernel.keys import InvalidKey

    try:
        yield
    except ServiceError as error:
        raise UsageError(error.message) from error
    except InvalidKey as error:
        raise UsageError(f"{error}.") from error
    except DatabaseError as error:
        raise ToolError(f"The tables do not answer: {error}.") from error
    except (ClientError, BotoCoreError) as error:
        raise aws_error(error) from error


def aws_error(error: Exception) -> ToolError:
    """A ClientError or BotoCoreError in one sentence."""
    from botocore.exceptions import ClientError

    if isinstance(error, ClientError):
        details = error.response["Error"]
        text = f"AWS refuses {error.operation_name}: {details.get('Message') or details['Code']}"
    else:
        text = f"AWS cannot be reached: {error}"
    return ToolError(text.rstrip(".") + ".")
