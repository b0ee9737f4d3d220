"""Whatever goes wrong, told as an error of the tool."""

import contextlib
import errno
import shlex
import sys
import time
import traceback

from bbws_access.cli.errors import ToolError, aws_error
from bbws_access.cli.project import find_project
from bbws_access.local_aws import LocalAwsError
from bbws_access.packaging import PackagingError


def expected(error: Exception) -> ToolError:
    """A fault of the machine's, or one that is told already."""
    if isinstance(error, ToolError):
        return error
    if isinstance(error, PackagingError):
        return ToolError(error.message, error.hint)
    if isinstance(error, OSError) and not isinstance(error, LocalAwsError):
        place = f": {error.filename}" if error.filename else ""
        if error.errno == errno.ENOSPC:
            return ToolError(f"The disk is full{place}.", "Free some space, then run the command again.")
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return ToolError(f"{error.strerror}{place}.", "Give your user access to it.")
        return ToolError(f"{error.strerror or error}{place}.")
    return ToolError(str(error))


def unexpected(error: Exception, started: float) -> ToolError:
    """A fault of AWS's, told in one sentence, or of our own, written down in full."""
    from botocore.exceptions import BotoCoreError, ClientError

    if isinstance(error, (BotoCoreError, ClientError)):
        return aws_error(error)
    place = "standard error"
    with contextlib.suppress(ToolError, OSError):
        logs = find_project().logs
        logs.mkdir(parents=True, exist_ok=True)
        path = logs / "crash.log"
        head = f"{shlex.join(sys.argv)} after {time.monotonic() - started:.1f} s"
        path.write_text("\n\n".join((head, "".join(traceback.format_exception(error)))))
        place = str(path)
    return ToolError(
        f"The tool has a fault: {type(error).__name__}: {error}", f"Please report it with {place}, which says where."
    )
