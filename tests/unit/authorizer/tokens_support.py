"""Real keys and tokens, made without the code under test."""

import json
import time
from base64 import urlsafe_b64encode
from functools import lru_cache

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

REGION = "eu-west-1"
POOL = f"{REGION}_Test"
ISSUER = f"https://cognito-idp.{REGION}.amazonaws.com/{POOL}"
CLIENT = "client1"
ME = "11111111-1111-4111-8111-111111111111"
ORG = "org-01jd0000000000000000000000"


@lru_cache
def key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def claims(**changes: object) -> dict:
    """Claims of a good token; a change to None removes one."""
    now = int(time.time())
    good = {
        "sub": ME,
        "iss": ISSUER,
        "client_id": CLIENT,
        "token_use": "access",
        "iat": now,
        "exp": now + 3600,
        "username": ME,
        "email": "me@example.org",
        "custom:organisation_id": ORG,
        "organisations": ORG,
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def token(
    payload: dict | None = None, *, signer: str = "one", kid: str | None = None, headers: dict | None = None
) -> str:
    """A token signed by PyJWT with RS256."""
    head = {"kid": kid or signer, **(headers or {})}
    return jwt.encode(payload or claims(), key(signer), algorithm="RS256", headers=head)


def raw_token(header: object, payload: object, signature: bytes) -> str:
    """A token put together by hand."""
    parts = [json.dumps(header).encode(), json.dumps(payload).encode(), signature]
    return ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def key_set(*names: str, **changes: object) -> bytes:
    """The JSON Web Key Set with the public keys of these names."""
    entries = []
    for name in names:
        numbers = key(name).public_key().public_numbers()
        entry = {
            "kid": name,
            "kty": "RSA",
            "alg": "RS256",
            "use": "sig",
            "n": _number(numbers.n),
            "e": _number(numbers.e),
        }
        entries.append({**entry, **changes})
    return json.dumps({"keys": entries}).encode()


def _number(value: int) -> str:
    return urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).decode().rstrip("=")
