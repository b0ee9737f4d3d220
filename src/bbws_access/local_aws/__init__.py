"""An AWS on the engineer's own machine: the MiniStack emulator, started, stopped and completed.

`LocalAws` is all that the rest of the project needs. The emulator runs as a separate process of its own;
what it leaves out of AWS's behaviour is added in `bbws_access.local_aws.shims`.
"""

from bbws_access.local_aws.errors import LocalAwsError
from bbws_access.local_aws.launcher import LocalAws, Mail

__all__ = ["LocalAws", "LocalAwsError", "Mail"]
