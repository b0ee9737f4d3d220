"""Waiting for what the local AWS does on its own."""

import time
from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import ClientError

Found = TypeVar("Found")


def until(look: Callable[[], Found], seconds: float = 20.0) -> Found:
    """What `look` finds, as soon as it is something. Fails when it stays nothing."""
    end = time.monotonic() + seconds
    while True:
        try:
            found = look()
        except ClientError:
            # What is looked for may itself not be there yet.
            if time.monotonic() > end:
                raise
            found = None
        if found:
            return found
        assert time.monotonic() < end, f"nothing came within {seconds} s"
        time.sleep(0.1)
