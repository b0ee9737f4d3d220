"""Tokens of invitations: whoever has one is the invited person. Only hashes of them are kept."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from secrets import token_bytes

_BYTES = 32
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}\Z")


def new_token() -> str:
    """A new token: 256 random bits as 43 characters that need no escaping in an address."""
    return urlsafe_b64encode(token_bytes(_BYTES)).decode().rstrip("=")


def token_hash(token: str) -> str:
    """Under which hash a token is kept. The token is random, so a slow hash would add nothing."""
    return hashlib.sha256(token.encode()).hexdigest()


def can_be_token(text: str) -> bool:
    """Whether it has the form of a token."""
    return _TOKEN.match(text) is not None


def is_hash_of(stored: str, token: str) -> bool:
    """Whether a stored hash is the token's, in a time that does not depend on where they differ."""
    return hmac.compare_digest(stored, token_hash(token))
