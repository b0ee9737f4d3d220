"""Mails that a local AWS sent."""

import time

from bbws_access.cli.errors import ToolError
from bbws_access.cli.targets import LocalTarget
from bbws_access.local_aws import Mail

_PATIENCE = 10  # seconds; a mail leaves about two after the request


def newest(target: LocalTarget, to: str) -> Mail:
    """The newest mail to an address, whatever the case of its letters. Raises ToolError where none comes."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            found = [one for one in target.aws.mails() if one.to.casefold() == to.casefold()]
        except OSError as error:
            raise ToolError(f"The local AWS does not answer: {error}.") from error
        if found:
            return found[-1]
        if time.monotonic() > deadline:
            raise ToolError(f"No mail was sent to {to}.", f"`{target.advice('status')}` shows whether all is well.")
        time.sleep(0.2)
