"""Sign-in by SRP, against a server's side written from the protocol's definition."""

import base64
import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bbws_access.cli.srp import GENERATOR, MULTIPLIER, PRIME, Client, SrpError, format_time, padded

POOL = "eu-west-1_AbCdEf123"


def test_the_group_is_a_safe_prime_of_3072_bits() -> None:
    assert PRIME.bit_length() == 3072
    # Fermat's test, to several bases, of N and of (N - 1) / 2.
    for number in (PRIME, (PRIME - 1) // 2):
        assert all(pow(base, number - 1, number) == 1 for base in (2, 3, 5, 7))


def test_numbers_are_padded_to_be_positive() -> None:
    assert padded(0x7F) == b"\x7f"
    assert padded(0x80) == b"\x00\x80"
    assert padded(0x1FF) == b"\x01\xff"


class Server:
    """The user pool's side: it knows the verifier and never the password."""

    def __init__(self, user: str, password: str, secret: int, salt: int) -> None:
        self.salt = salt
        self.secret = secret
        identity = hashlib.sha256(f"{POOL.split('_')[1]}{user}:{password}".encode()).digest()
        x = int.from_bytes(hashlib.sha256(padded(salt) + identity).digest(), "big")
        self.verifier = pow(GENERATOR, x, PRIME)
        self.public = (MULTIPLIER * self.verifier + pow(GENERATOR, secret, PRIME)) % PRIME

    def accepts(self, user: str, client_public: str, block: bytes, signature: str, timestamp: str) -> bool:
        a = int(client_public, 16)
        u = int.from_bytes(hashlib.sha256(padded(a) + padded(self.public)).digest(), "big")
        shared = pow(a * pow(self.verifier, u, PRIME), self.secret, PRIME)
        extracted = hmac.new(padded(u), padded(shared), hashlib.sha256).digest()
        key = hmac.new(extracted, b"Caldera Derived Key\x01", hashlib.sha256).digest()[:16]
        message = POOL.split("_")[1].encode() + user.encode() + block + timestamp.encode()
        return hmac.compare_digest(base64.b64decode(signature), hmac.new(key, message, hashlib.sha256).digest())


@settings(deadline=None, max_examples=20)
@given(
    password=st.text(min_size=1, max_size=40),
    client_secret=st.integers(1, 2**1024 - 1),
    server_secret=st.integers(1, 2**1024 - 1),
    salt=st.integers(1, 2**128 - 1),
)
def test_the_right_password_proves_itself_and_another_does_not(
    password: str, client_secret: int, server_secret: int, salt: int
) -> None:
    user, block = "b1c7f4f0-user", secrets.token_bytes(64)
    server = Server(user, password, server_secret, salt)
    challenge = (f"{salt:x}", f"{server.public:x}", base64.b64encode(block).decode())

    client = Client(POOL, client_secret)
    proof = client.prove(user, password, *challenge)
    assert server.accepts(user, client.public, block, proof.signature, proof.timestamp)

    wrong = client.prove(user, password + "x", *challenge)
    assert not server.accepts(user, client.public, block, wrong.signature, wrong.timestamp)


@pytest.mark.parametrize("public", ["0", f"{PRIME:x}", f"{2 * PRIME:x}", "not hexadecimal"])
def test_a_challenge_that_gives_the_password_away_is_refused(public: str) -> None:
    with pytest.raises(SrpError):
        Client(POOL).prove("user", "password", "ab", public, base64.b64encode(b"block").decode())


def test_every_sign_in_has_a_secret_of_its_own() -> None:
    assert Client(POOL).public != Client(POOL).public


def test_times_are_english_in_utc_without_a_leading_zero() -> None:
    moment = datetime(2026, 3, 1, 5, 4, 9, tzinfo=UTC)
    assert format_time(moment) == "Sun Mar 1 05:04:09 UTC 2026"
    assert format_time(moment.astimezone(timezone(timedelta(hours=-7)))) == "Sun Mar 1 05:04:09 UTC 2026"
