"""Signing in to a user pool with Secure Remote Password (SRP-6a), so that the password never leaves this machine.

Amazon Cognito uses RFC 5054's 3072-bit group with SHA-256, and derives the session key with HKDF (RFC 5869).
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

GENERATOR = 2
# RFC 5054, appendix A, the 3072-bit group.
PRIME = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7"
    "ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C"
    "BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF",
    16,
)
INFO = b"Caldera Derived Key"
KEY_BYTES = 16


def padded(number: int) -> bytes:
    """Big-endian bytes that Cognito reads as a positive number: a leading zero where the first bit is set."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def _hash_number(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha256(b"".join(parts)).digest(), "big")


MULTIPLIER = _hash_number(padded(PRIME), padded(GENERATOR))


class SrpError(Exception):
    """The server's answer cannot come from a user pool."""


@dataclass(frozen=True)
class Proof:
    """What the answer to the PASSWORD_VERIFIER challenge holds."""

    signature: str
    timestamp: str


class Client:
    """One sign-in. ``secret`` is random unless a test gives it."""

    def __init__(self, pool_id: str, secret: int | None = None) -> None:
        self._pool = pool_id.partition("_")[2]
        self._secret = secret if secret is not None else secrets.randbits(1024)
        self._public = pow(GENERATOR, self._secret, PRIME)

    @property
    def public(self) -> str:
        """The value SRP_A, in hexadecimal."""
        return f"{self._public:x}"

    def prove(
        self, user_id: str, password: str, salt: str, server_public: str, secret_block: str, now: datetime | None = None
    ) -> Proof:
        """Prove the password. ``salt`` and ``server_public`` are hexadecimal, ``secret_block`` is base64.

        Raises SrpError for values that would give the password away or belong to no SRP exchange.
        """
        try:
            b = int(server_public, 16)
            salted = padded(int(salt, 16))
            block = base64.b64decode(secret_block, validate=True)
        except ValueError as error:
            raise SrpError("The user pool's challenge is malformed.") from error
        u = _hash_number(padded(self._public), padded(b))
        if b % PRIME == 0 or u == 0:
            raise SrpError("The user pool's challenge is invalid.")
        key = self._key(user_id, password, salted, b, u)
        timestamp = format_time(now or datetime.now(UTC))
        message = self._pool.encode() + user_id.encode() + block + timestamp.encode()
        signature = hmac.new(key, message, hashlib.sha256).digest()
        return Proof(base64.b64encode(signature).decode(), timestamp)

    def _key(self, user_id: str, password: str, salt: bytes, b: int, u: int) -> bytes:
        identity = hashlib.sha256(f"{self._pool}{user_id}:{password}".encode()).digest()
        x = _hash_number(salt, identity)
        shared = pow(b - MULTIPLIER * pow(GENERATOR, x, PRIME), self._secret + u * x, PRIME)
        extracted = hmac.new(padded(u), padded(shared), hashlib.sha256).digest()
        return hmac.new(extracted, INFO + b"\x01", hashlib.sha256).digest()[:KEY_BYTES]


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def format_time(moment: datetime) -> str:
    """The time as Cognito wants it, in English whatever the locale, the day without a leading zero."""
    moment = moment.astimezone(UTC)
    day = f"{_DAYS[moment.weekday()]} {_MONTHS[moment.month - 1]} {moment.day}"
    return f"{day} {moment:%H:%M:%S} UTC {moment.year}"
