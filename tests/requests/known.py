"""Where what is sent may differ from AWS's models, and why it does no harm."""

from typing import NamedTuple

from bbws_access.local_aws.recorder import Record


class Known(NamedTuple):
    """One deviation. What is empty fits everything; `reason` says why AWS takes it."""

    caller: str
    operation: str
    kind: str
    path: str
    reason: str

    def fits(self, record: Record) -> bool:
        """Whether a record is this deviation."""
        wanted = (self.caller, self.operation, self.kind, self.path)
        found = (record.caller, record.operation, record.kind, record.path)
        return all(one in ("", other) for one, other in zip(wanted, found, strict=True))


KNOWN: list[Known] = []
