"""Tokens of invitations: whoever has one is the invited person. Only hashes of them are kept."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from secrets import token_bytes

from bbws_access.kernel.ids import is_valid_id

_BYTES = 32
_TOKEN = re.compile(r"([a-z0-9-]+)\.([a-z0-9-]+)\.[A-Za-z0-9_-]{43}\Z")


def new_token(org_id: str, invitation_id: str) -> str:
    """A new token of an invitation: its ids, and 256 random bits as 43 characters. None of it needs escaping.

    The ids are there so that the invitation is read together with the token's record. They prove nothing.
    """
    return f"{org_id}.{invitation_id}.{urlsafe_b64encode(token_bytes(_BYTES)).decode().rstrip('=')}"


def token_hash(token: str) -> str:
    """Under which hash a token is kept. The token is random, so a slow hash would add nothing."""
    return hashlib.sha256(token.encode()).hexdigest()


def invitation_of(text: str) -> tuple[str, str] | None:
    """Organisation and invitation of which it says to be a token; None for what cannot be one."""
    found = _TOKEN.match(text)
    if found is None or not all(map(is_valid_id, found.groups())):
        return None
    return found[1], found[2]


def is_hash_of(stored: str, token: str) -> bool:
    """Whether a stored hash is the token's, in a time that does not depend on where they differ."""
    return hmac.compare_digest(stored, token_hash(token))
