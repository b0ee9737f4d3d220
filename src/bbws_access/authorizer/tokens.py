"""Checks Cognito access tokens: RS256 only, keys from the pool's key set.

Written on `cryptography` alone: a general JWT library costs four to five times its import time, and every algorithm
that it knows would have to be switched off again.
"""

from __future__ import annotations

import json
import re
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from enum import StrEnum
from threading import Lock
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256

from bbws_access.kernel.http import Pool
from bbws_access.kernel.ids import is_user_id, is_valid_id
from bbws_access.kernel.logs import Logger

KEYS_LIFETIME = 3600.0
LEAST_SECONDS_BETWEEN_FETCHES = 60.0
_FETCH_SECONDS = 2.0
_LONGEST_TOKEN = 8192
_LARGEST_KEY_SET = 64 * 1024
_SMALLEST_KEY_BITS = 2048
_CLOCK_SKEW = 5  # seconds that Cognito's clock may be ahead of ours
_MOST_HINTS = 10
_BEARER = re.compile(r"(?i:bearer) +([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)\Z")
_ID = "id"  # token_use of a token that tells the client who signed in
_PADDING = PKCS1v15()
_HASH = SHA256()


class Failure(StrEnum):
    """Why a token was refused. The values appear in logs and metrics: they never change."""

    MISSING = "MISSING"
    MALFORMED = "MALFORMED"
    TOO_LONG = "TOO_LONG"
    UNSIGNED = "UNSIGNED"
    WRONG_ALGORITHM = "WRONG_ALGORITHM"
    UNKNOWN_KEY = "UNKNOWN_KEY"
    BAD_SIGNATURE = "BAD_SIGNATURE"
    WRONG_POOL = "WRONG_POOL"
    WRONG_USE = "WRONG_USE"
    WRONG_CLIENT = "WRONG_CLIENT"
    EXPIRED = "EXPIRED"
    NOT_YET_VALID = "NOT_YET_VALID"
    BAD_CLAIM = "BAD_CLAIM"


class TokenRefused(Exception):
    """The token does not prove who calls. Holds the reason and never the token."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.value)
        self.failure = failure


class KeysUnavailable(Exception):
    """The pool's keys could not be fetched: a passing fault, no judgement on the token."""


class Identity(NamedTuple):
    """Who the token proves its bearer to be.

    org_id: the default organisation, "" without one
    organisations: a hint where the user may be active; it speeds up reading and grants nothing
    """

    user_id: str
    email: str
    org_id: str
    organisations: tuple[str, ...]


class KeySet:
    """The public keys of a pool, by key id.

    Fetched once an hour, and earlier for a key id that is not known, though never more than once a minute. When a
    fetch fails, the keys that we have stay in use.

    Where none was ever there, a failed fetch is repeated after a second, and after twice as long each time up to that
    minute: anybody can write the name of an issuer into a token. Only where nobody else has keys either, each request
    may try.
    """

    def __init__(self, url: str, log: Logger, *, clock: Callable[[], float] = time.monotonic) -> None:
        scheme, _, rest = url.partition("://")
        authority, _, path = rest.partition("/")
        self._pool = Pool(f"{scheme}://{authority}")
        self._path = f"/{path}"
        self._log = log
        self._clock = clock
        self._keys: dict[str, RSAPublicKey] = {}
        self._fetched: float | None = None
        self._tried: float | None = None
        self._failures = 0  # since the last answer
        self._lock = Lock()

    @property
    def is_empty(self) -> bool:
        """Whether no fetch has brought keys yet."""
        return not self._keys

    def key(self, key_id: str, *, others_have_keys: bool = False) -> RSAPublicKey | None:
        """The key, or None when the pool has no such key. Raises KeysUnavailable when this key set cannot tell."""
        now = self._clock()
        key = self._keys.get(key_id)
        if key is not None and self._fetched is not None and now - self._fetched < KEYS_LIFETIME:
            return key
        with self._lock:
            self._refresh(now, patiently=others_have_keys)
        key = self._keys.get(key_id)
        if key is None and self._failures:
            raise KeysUnavailable("The pool's keys could not be fetched")
        return key

    def answers(self) -> bool:
        """Whether the last fetch, made now if it is time for one, brought keys."""
        with self._lock:
            self._refresh(self._clock(), patiently=True)
        return not self._failures

    def _refresh(self, now: float, *, patiently: bool) -> None:
        least = LEAST_SECONDS_BETWEEN_FETCHES
        if not self._keys:
            # Nothing to serve from, here or anywhere: each request may try.
            least = min(least, 2.0 ** min(self._failures - 1, 10)) if patiently else 0.0
        if self._tried is not None and now - self._tried < least:
            return
        self._tried = now
        try:
            keys = self._fetch()
        except (OSError, ValueError, RecursionError) as error:
            self._failures += 1
            age = None if self._fetched is None else round(now - self._fetched)
            self._log.warning("The pool's keys could not be fetched", error=str(error), keysAgeSeconds=age)
            return
        self._keys = keys
        self._fetched = now
        self._failures = 0

    def _fetch(self) -> dict[str, RSAPublicKey]:
        status, body = self._pool.get(self._path, _FETCH_SECONDS)
        if status != 200:
            raise ValueError(f"the key set answered {status}")
        if len(body) > _LARGEST_KEY_SET:
            raise ValueError("the key set is too large")
        return parse_key_set(body)


def parse_key_set(body: bytes) -> dict[str, RSAPublicKey]:
    """RSA signature keys of a JSON Web Key Set. Raises ValueError when there is none."""
    document = json.loads(body)
    entries = document.get("keys") if isinstance(document, dict) else None
    keys = {}
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict) or entry.get("kty") != "RSA" or not isinstance(entry.get("kid"), str):
            continue
        if entry.get("use", "sig") != "sig" or entry.get("alg", "RS256") != "RS256":
            continue
        modulus = int.from_bytes(_decode(str(entry.get("n"))), "big")
        exponent = int.from_bytes(_decode(str(entry.get("e"))), "big")
        if modulus.bit_length() >= _SMALLEST_KEY_BITS:
            keys[entry["kid"]] = RSAPublicNumbers(exponent, modulus).public_key()
    if not keys:
        raise ValueError("the key set holds no usable key")
    return keys


class Verifier:
    """Accepts tokens of one kind and of one pool that were made for one of the given app clients.

    kind: access, or id for a pool that cannot write into access tokens. Never both: a token of the other kind says
    another thing, and whoever got hold of it must not get in with it.

    issuers: the names that the pool gives itself, each with the keys behind it. A pool can be switched to another name
    while it is in use, and tokens with the old one are still good then. Other names are refused unread. The pool need
    not answer to each of these names: while it answers to one, a token with another is refused, and that is no fault.
    """

    def __init__(
        self,
        *,
        issuers: Mapping[str, KeySet],
        client_ids: tuple[str, ...],
        kind: str = "access",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._issuers = dict(issuers)
        self._client_ids = frozenset(client_ids)
        self._kind = kind
        self._clock = clock

    def verify(self, authorization: object) -> Identity:
        """The identity behind an Authorization header. Raises TokenRefused or KeysUnavailable."""
        header_text, payload_text, signature_text = _split(authorization)
        try:
            header, claims = json.loads(_decode(header_text)), json.loads(_decode(payload_text))
            signature = _decode(signature_text)
        except (ValueError, RecursionError):
            raise TokenRefused(Failure.MALFORMED) from None
        if not isinstance(header, dict) or not isinstance(claims, dict):
            raise TokenRefused(Failure.MALFORMED)
        key_id = self._check_header(header)
        # Before the key is looked for: tokens of other pools must not make us fetch keys.
        issuer = claims.get("iss")
        keys = self._issuers.get(issuer) if isinstance(issuer, str) else None
        if keys is None:
            raise TokenRefused(Failure.WRONG_POOL)
        key = self._key(keys, key_id)
        if key is None:
            raise TokenRefused(Failure.UNKNOWN_KEY)
        try:
            key.verify(signature, f"{header_text}.{payload_text}".encode("ascii"), _PADDING, _HASH)
        except InvalidSignature:
            raise TokenRefused(Failure.BAD_SIGNATURE) from None
        self._check_claims(claims)
        return _identity(claims)

    def _key(self, asked: KeySet, key_id: str) -> RSAPublicKey | None:
        others = [keys for keys in self._issuers.values() if keys is not asked]
        try:
            return asked.key(key_id, others_have_keys=any(not keys.is_empty for keys in others))
        except KeysUnavailable:
            # A name under which nobody answers proves no fault: whoever writes it into a token could raise faults, and
            # the alarm that wakes people for them, at will.
            if any(keys.answers() for keys in others):
                return None
            raise

    def _check_header(self, header: dict) -> str:
        algorithm = header.get("alg")
        if isinstance(algorithm, str) and algorithm.lower() == "none":
            raise TokenRefused(Failure.UNSIGNED)
        if algorithm != "RS256":
            raise TokenRefused(Failure.WRONG_ALGORITHM)
        key_id = header.get("kid")
        if "crit" in header or not isinstance(key_id, str) or not key_id or len(key_id) > 128:
            raise TokenRefused(Failure.MALFORMED)
        return key_id

    def _check_claims(self, claims: dict) -> None:
        now = self._clock()
        if claims.get("token_use") != self._kind:
            raise TokenRefused(Failure.WRONG_USE)
        client_id = claims.get("client_id" if self._kind == "access" else "aud")
        if not isinstance(client_id, str) or client_id not in self._client_ids:
            raise TokenRefused(Failure.WRONG_CLIENT)
        expires, issued, starts = claims.get("exp"), claims.get("iat"), claims.get("nbf", 0)
        if not _is_time(expires) or not _is_time(issued) or not _is_time(starts):
            raise TokenRefused(Failure.BAD_CLAIM)
        if expires <= now:
            raise TokenRefused(Failure.EXPIRED)
        if max(issued, starts) > now + _CLOCK_SKEW:
            raise TokenRefused(Failure.NOT_YET_VALID)
        if not is_user_id(claims.get("sub")):
            raise TokenRefused(Failure.BAD_CLAIM)


def _split(authorization: object) -> tuple[str, str, str]:
    if not isinstance(authorization, str) or not authorization.strip():
        raise TokenRefused(Failure.MISSING)
    if len(authorization) > _LONGEST_TOKEN:
        raise TokenRefused(Failure.TOO_LONG)
    match = _BEARER.match(authorization)
    if match is None:
        raise TokenRefused(Failure.MALFORMED)
    return match[1], match[2], match[3]


def _identity(claims: dict) -> Identity:
    email, org_id, hint = claims.get("email"), claims.get("custom:organisation_id"), claims.get("organisations")
    # An access token has an address only where the trigger saw that it is verified; an id token has any, and says so.
    verified = claims.get("email_verified")
    if claims["token_use"] == _ID and verified is not True and verified != "true":
        email = None
    hinted = hint.split(",")[:_MOST_HINTS] if isinstance(hint, str) else ()
    return Identity(
        claims["sub"],
        email if isinstance(email, str) else "",
        org_id if is_valid_id(org_id) else "",
        tuple(one for one in hinted if is_valid_id(one)),
    )


def _is_time(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value < 2**40


def _decode(text: str) -> bytes:
    """Base64url without padding."""
    if len(text) % 4 == 1:
        raise ValueError("not base64url")
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
