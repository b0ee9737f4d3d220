"""One process of the AWS provider for many runs of Terraform, one after the other.

Terraform starts the provider anew for each run of a native test, which takes longer than the run itself. A process that
is started by hand serves any number of them. Whoever configures it configures it for all, so it serves only what has a
single provider configuration: a run sets it up, plans, and is done before the next.
"""

import contextlib
import os
import re
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from bbws_access.verify.hcl import read_blocks

REATTACH = "TF_REATTACH_PROVIDERS"
# Seconds; a provider that does not answer by then is left out, and Terraform starts its own.
PATIENCE = 30.0
# Ends the provider and removes its socket when the pipe is closed, also because whoever opened it was killed.
_GUARD = '"$0" -debug & read -r _; kill -KILL $!; wait; rm -rf "$TMPDIR"'


def has_one_configuration(folder: Path) -> bool:
    """Whether a configuration uses the provider in one way only, the one that its caller gives it."""
    for path in folder.glob("*.tf"):
        for block in read_blocks(path):
            if block.kind == "provider" or re.search(r"\bconfiguration_aliases\b|^\s*providers?\s*=", block.text, re.M):
                return False
    return True


@contextlib.contextmanager
def shared(folder: Path, environment: Mapping[str, str], *, plans: bool = True) -> Iterator[dict[str, str]]:
    """The environment in which Terraform, one run at a time, finds a provider at work; `folder` is initialised.

    plans: whether a run looks at what the provider plans; where it only sees inputs rejected, the provider's
    configuration is no part of the answer
    The environment stays as it is where the provider cannot be shared.
    """
    binaries = list((folder / ".terraform" / "providers").glob("*/hashicorp/aws/*/*/terraform-provider-aws_*"))
    if len(binaries) != 1 or (plans and not has_one_configuration(folder)):
        yield dict(environment)
        return
    # A short path of its own: that of a socket may not be long.
    with tempfile.TemporaryDirectory(prefix="aws-") as sockets:
        process = subprocess.Popen(  # noqa: S603 - a list of our own, no shell
            ["/bin/sh", "-c", _GUARD, str(binaries[0].resolve())],
            # It lives longer than those that Terraform starts, so it collects its garbage, though seldom. It writes
            # down all that it does unless told not to.
            env=dict(environment) | {"GOGC": "400", "GOMEMLIMIT": "512MiB", "TF_LOG": "off", "TMPDIR": sockets},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            address = _address(process)
            yield dict(environment) | ({REATTACH: address} if address else {})
        finally:
            try:
                process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def _address(process: subprocess.Popen[bytes]) -> str | None:
    """What the provider says that Terraform must know to find it."""
    said, until = b"", time.monotonic() + PATIENCE
    if process.stdout is None:
        return None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(max(until - time.monotonic(), 0)):
            part = os.read(process.stdout.fileno(), 65536)
            said += part
            if found := re.search(rb"TF_REATTACH_PROVIDERS='([^'\n]+)'", said):
                return found[1].decode()
            if not part:
                break
    return None
