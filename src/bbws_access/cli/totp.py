"""The codes of an authenticator app (RFC 6238), for users of the local AWS whom nobody holds a telephone for."""

import base64
import hmac
import struct
import time

_STEP_SECONDS = 30
_DIGITS = 6


def code(secret: str, moment: float | None = None) -> str:
    """The six digits that belong to a base32 secret at a moment (seconds since 1970; now unless given)."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8), casefold=True)
    step = int(time.time() if moment is None else moment) // _STEP_SECONDS
    digest = hmac.digest(key, struct.pack(">Q", step), "sha1")
    start = digest[-1] & 0x0F
    (number,) = struct.unpack(">I", digest[start : start + 4])
    return f"{(number & 0x7FFFFFFF) % 10**_DIGITS:0{_DIGITS}d}"
