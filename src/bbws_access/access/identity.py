"""Which address is somebody's: proven in the organisation, or typed by a colleague (docs/decisions/0023)."""

from __future__ import annotations

from collections.abc import Iterable

VERIFIED, TYPED = "VERIFIED", "TYPED"


def proven(email: str) -> dict[str, str]:
    """What a record says of a person whose address the user pool has verified."""
    return {"userEmail": email, "emailSource": VERIFIED}


def known(records: Iterable[dict], user_id: str = "", caller_id: str = "", caller_email: str = "") -> dict[str, str]:
    """What a record about a user may say of who they are; empty where nothing is proven.

    records: what the user has or had in the organisation
    caller_id, caller_email: who asks for the record, with the address of their token, which is a verified one
    """
    if caller_email and caller_id == user_id:
        return proven(caller_email)
    found = [record for record in records if record.get("emailSource") == VERIFIED]
    if not found:
        return {}
    return proven(max(found, key=lambda record: record.get("dateCreated", ""))["userEmail"])
