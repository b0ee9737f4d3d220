"""Every way in which a token can be wrong, made with real keys; and the life of the pool's key set."""

import base64
import hashlib
import hmac
import io
import itertools
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from bbws_access.authorizer.tokens import (
    KEYS_LIFETIME,
    LEAST_SECONDS_BETWEEN_FETCHES,
    Failure,
    KeySet,
    KeysUnavailable,
    TokenRefused,
    Verifier,
    parse_key_set,
)
from bbws_access.kernel.logs import Logger
from tests.unit.authorizer.tokens_support import CLIENT, ISSUER, ME, ORG, claims, key, key_set, raw_token, token
from tests.unit.kernel.loopback import Loopback, http


class Pool:
    """A key set server whose answer can be changed, and a clock that can be moved."""

    def __init__(self) -> None:
        self.answer: bytes | None = http(200, key_set("one"))
        self.now = 1000.0
        self.server = Loopback(lambda number, head, body: self.answer)
        self.lines = io.StringIO()
        log = Logger("authorizer", "test", stream=self.lines)
        self.keys = KeySet(f"{self.server.url}/pool/.well-known/jwks.json", log, clock=lambda: self.now)
        self.verifier = Verifier(issuers={ISSUER: self.keys}, client_ids=(CLIENT, "client2"))

    @property
    def fetches(self) -> int:
        return len(self.server.requests)

    def failure(self, authorization: object) -> Failure:
        with pytest.raises(TokenRefused) as caught:
            self.verifier.verify(authorization)
        return caught.value.failure


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool()
    with pool.server:
        yield pool


def test_a_good_token(pool):
    identity = pool.verifier.verify(f"Bearer {token()}")
    assert identity == (ME, "me@example.org", ORG, (ORG,))
    assert pool.verifier.verify(f"bearer  {token(claims(client_id='client2'))}").user_id == ME
    assert pool.server.requests[0][0].startswith("GET /pool/.well-known/jwks.json HTTP/1.1\r\n")


def test_id_tokens_where_the_pool_has_no_others_to_write_into(pool):
    """One kind or the other: neither opens anything where the other is wanted."""
    ids = Verifier(issuers={ISSUER: pool.keys}, client_ids=(CLIENT,), kind="id")
    good = dict(claims(token_use="id", aud=CLIENT, email_verified=True))
    del good["client_id"]
    assert ids.verify(f"Bearer {token(good)}") == (ME, "me@example.org", ORG, (ORG,))
    for verified in (False, None, "false", "yes", 1, [True]):
        assert ids.verify(f"Bearer {token({**good, 'email_verified': verified})}").email == "", verified
    for wrong, failure in (
        (claims(), Failure.WRONG_USE),
        (claims(aud=CLIENT), Failure.WRONG_USE),
        ({**good, "aud": "another"}, Failure.WRONG_CLIENT),
        ({**good, "aud": [CLIENT]}, Failure.WRONG_CLIENT),
        ({**good, "aud": None, "client_id": CLIENT}, Failure.WRONG_CLIENT),
        ({**good, "exp": 1}, Failure.EXPIRED),
    ):
        with pytest.raises(TokenRefused) as caught:
            ids.verify(f"Bearer {token(wrong)}")
        assert caught.value.failure is failure, wrong
    assert pool.failure(f"Bearer {token(good)}") is Failure.WRONG_USE
    assert pool.failure(f"Bearer {token({**good, 'client_id': CLIENT})}") is Failure.WRONG_USE


def test_claims_that_only_hint_never_refuse(pool):
    hints = ",".join(["*", "org-1", "a/b", *(f"org-{n}" for n in range(20))])
    changes = {"organisations": hints, "custom:organisation_id": "org-*", "email": None}
    identity = pool.verifier.verify(f"Bearer {token(claims(**changes))}")
    assert identity.email == ""
    assert identity.org_id == ""
    assert identity.organisations == ("org-1", *(f"org-{n}" for n in range(7)))


@pytest.mark.parametrize("authorization", [None, "", "   ", 7, []])
def test_missing(pool, authorization):
    assert pool.failure(authorization) is Failure.MISSING


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer ",
        "Bearer a.b",
        "Bearer a.b.c.d",
        "Bearer a.b.c ",
        "Bearer a.b.c\n",
        "Bearer !.b.c",
        "Bearer a=.b.c",
        "Basic dXNlcjpwYXNz",
        "Bearer AAAA.AAAA.AAAA",
        "Bearer A.A.A",
        "Bearer é.b.c",
        f"Bearer {raw_token([], {}, b'x')}",
        f"Bearer {raw_token({}, [], b'x')}",
        f"Bearer {raw_token({'alg': 'RS256'}, claims(), b'x')}",
        f"Bearer {raw_token({'alg': 'RS256', 'kid': ''}, claims(), b'x')}",
        f"Bearer {raw_token({'alg': 'RS256', 'kid': 5}, claims(), b'x')}",
        f"Bearer {raw_token({'alg': 'RS256', 'kid': 'k' * 129}, claims(), b'x')}",
    ],
    ids=itertools.count(),
)
def test_malformed(pool, authorization):
    assert pool.failure(authorization) is Failure.MALFORMED
    assert pool.fetches == 0


def test_a_good_token_without_the_scheme_is_malformed(pool):
    assert pool.failure(token()) is Failure.MALFORMED


def test_deeply_nested_json_is_malformed(pool):
    deep = base64.urlsafe_b64encode(b"[" * 2500).decode().rstrip("=")
    assert pool.failure(f"Bearer {deep}.e30.AAAA") is Failure.MALFORMED


def test_too_long(pool):
    assert pool.failure(f"Bearer {token(claims(more='x' * 8192))}") is Failure.TOO_LONG


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE"])
def test_unsigned(pool, algorithm):
    for signature in (b"", b"x"):
        bad = raw_token({"alg": algorithm, "kid": "one", "typ": "JWT"}, claims(), signature)
        assert pool.failure(f"Bearer {bad}") is Failure.UNSIGNED


def test_the_public_key_as_hmac_secret(pool):
    public = key("one").public_key()
    for encoding in (serialization.Encoding.PEM, serialization.Encoding.DER):
        secret = public.public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
        for algorithm, digest in (("HS256", "sha256"), ("HS512", "sha512")):
            unsigned = raw_token({"alg": algorithm, "kid": "one"}, claims(), b"").removesuffix(".")
            signature = hmac.digest(secret, unsigned.encode(), digest)
            bad = raw_token({"alg": algorithm, "kid": "one"}, claims(), signature)
            assert pool.failure(f"Bearer {bad}") is Failure.WRONG_ALGORITHM
            # The same signature under the one algorithm that is accepted.
            disguised = raw_token({"alg": "RS256", "kid": "one"}, claims(), signature)
            assert pool.failure(f"Bearer {disguised}") is Failure.BAD_SIGNATURE


@pytest.mark.parametrize("algorithm", ["RS384", "PS256", "ES256", "rs256", "", None, 5, ["RS256"]])
def test_other_algorithms(pool, algorithm):
    bad = raw_token({"alg": algorithm, "kid": "one"}, claims(), b"x" * 256)
    assert pool.failure(f"Bearer {bad}") is Failure.WRONG_ALGORITHM


def test_signed_with_a_wrong_key(pool):
    assert pool.failure(f"Bearer {token(signer='two', kid='one')}") is Failure.BAD_SIGNATURE


def test_changed_after_signing(pool):
    head, payload, signature = token().split(".")
    _, other, _ = token(claims(sub="22222222-2222-4222-8222-222222222222")).split(".")
    assert pool.failure(f"Bearer {head}.{other}.{signature}") is Failure.BAD_SIGNATURE
    assert pool.failure(f"Bearer {head}.{payload}.{signature[:-8]}") is Failure.BAD_SIGNATURE
    assert pool.failure(f"Bearer {head}.{payload}.") is Failure.BAD_SIGNATURE


def test_an_extension_that_must_be_understood(pool):
    assert pool.failure(f"Bearer {token(headers={'crit': ['b64'], 'b64': True})}") is Failure.MALFORMED


def test_keys_that_the_token_brings_along_are_not_looked_at(pool):
    numbers = json.loads(key_set("two"))["keys"][0]
    headers = {"jwk": numbers, "jku": f"{pool.server.url}/evil", "x5u": f"{pool.server.url}/evil"}
    assert pool.failure(f"Bearer {token(signer='two', kid='one', headers=headers)}") is Failure.BAD_SIGNATURE
    assert all("evil" not in head for head, _ in pool.server.requests)


@pytest.mark.parametrize("kid", ["../one", "one'--", "/dev/null", "ONE", " one", "one\0"])
def test_key_ids_are_only_looked_up(pool, kid):
    assert pool.failure(f"Bearer {token(kid=kid)}") is Failure.UNKNOWN_KEY


@pytest.mark.parametrize(
    "issuer",
    [f"{ISSUER}x", f"{ISSUER}/", "https://evil.example", ISSUER.replace("https", "http"), "", None, 5, [ISSUER]],
)
def test_another_pool(pool, issuer):
    bad = raw_token({"alg": "RS256", "kid": "one"}, {**claims(), "iss": issuer}, b"x" * 256)
    assert pool.failure(f"Bearer {bad}") is Failure.WRONG_POOL
    assert pool.fetches == 0


def test_a_pool_that_is_switched_to_its_other_name_keeps_everybody_in(pool):
    updated = ISSUER.replace("//cognito-idp", "//issuer-cognito-idp")
    with Loopback(lambda number, head, body: http(200, key_set("two"))) as server:
        keys = KeySet(f"{server.url}/jwks.json", pool.keys._log, clock=lambda: pool.now)
        verifier = Verifier(issuers={ISSUER: pool.keys, updated: keys}, client_ids=(CLIENT,))
        assert verifier.verify(f"Bearer {token()}").user_id == ME
        assert len(server.requests) == 0
        assert verifier.verify(f"BEARER {token(claims(iss=updated), signer='two')}").user_id == ME
        # Each name has its own keys, and each is asked at most once a minute for what it does not know.
        for issuer, signer in ((ISSUER, "two"), (updated, "one")):
            with pytest.raises(TokenRefused) as caught:
                verifier.verify(f"Bearer {token(claims(iss=issuer), signer=signer)}")
            assert caught.value.failure is Failure.UNKNOWN_KEY
        assert (pool.fetches, len(server.requests)) == (1, 1)
    for other in (
        updated.upper(),
        updated.replace("issuer-", "issuer."),
        f"{ISSUER},{updated}",
        [updated],
        {updated: 1},
    ):
        bad = raw_token({"alg": "RS256", "kid": "two"}, {**claims(), "iss": other}, b"x" * 256)
        with pytest.raises(TokenRefused) as caught:
            verifier.verify(f"Bearer {bad}")
        assert caught.value.failure is Failure.WRONG_POOL


UPDATED = ISSUER.replace("//cognito-idp", "//issuer-cognito-idp")


def _with_second_name(pool: Pool, server: Loopback) -> Verifier:
    keys = KeySet(f"{server.url}/jwks.json", pool.keys._log, clock=lambda: pool.now)
    return Verifier(issuers={ISSUER: pool.keys, UPDATED: keys}, client_ids=(CLIENT,))


def _forged(issuer: str, kid: str = "forged") -> str:
    return f"Bearer {raw_token({'alg': 'RS256', 'kid': kid}, {**claims(), 'iss': issuer}, b'x' * 256)}"


def _outcome(verifier: Verifier, authorization: str) -> object:
    try:
        return verifier.verify(authorization).user_id
    except TokenRefused as refused:
        return refused.failure
    except KeysUnavailable:
        return KeysUnavailable


@pytest.mark.parametrize("warm", [True, False], ids=["warm", "cold"])
@pytest.mark.parametrize("answer", [None, http(404, {}), http(200, b"<html>")], ids=["hang-up", "404", "text"])
def test_a_name_that_the_pool_does_not_serve_raises_no_faults_and_few_fetches(pool, warm, answer):
    """Anybody can write it into a token. Of 1,000 forged ones in ten minutes, few make us ask for keys."""
    with Loopback(lambda number, head, body: answer) as server:
        verifier = _with_second_name(pool, server)
        if warm:
            assert verifier.verify(f"Bearer {token()}").user_id == ME
        seen = set()
        for n in range(1000):
            pool.now += 0.6
            seen.add(_outcome(verifier, _forged(UPDATED, kid=f"k{n}")))
            if n % 100 == 0:
                assert verifier.verify(f"Bearer {token()}").user_id == ME
        assert seen == {Failure.UNKNOWN_KEY}
        assert len(server.requests) <= 6 + 10  # after 1, 2, 4 ... 60 seconds, then once a minute
        assert pool.fetches <= 1 + 10


def test_nor_does_a_name_that_the_pool_no_longer_serves(pool):
    answers = [http(200, key_set("two"))]
    with Loopback(lambda number, head, body: answers[-1]) as server:
        verifier = _with_second_name(pool, server)
        assert verifier.verify(f"Bearer {token(claims(iss=UPDATED), signer='two')}").user_id == ME
        assert verifier.verify(f"Bearer {token()}").user_id == ME
        answers.append(http(404, {}))
        for n in range(100):
            pool.now += 60.0
            assert _outcome(verifier, _forged(UPDATED, kid=f"k{n}")) is Failure.UNKNOWN_KEY
        assert verifier.verify(f"Bearer {token()}").user_id == ME


def test_a_pool_that_answers_to_no_name_is_a_fault(pool):
    pool.answer = None
    with Loopback(lambda number, head, body: None) as server:
        verifier = _with_second_name(pool, server)
        for authorization in (f"Bearer {token()}", _forged(UPDATED), f"Bearer {token()}"):
            assert _outcome(verifier, authorization) is KeysUnavailable
        pool.answer = http(200, key_set("one"))
        assert _outcome(verifier, f"Bearer {token()}") == ME
        assert _outcome(verifier, _forged(UPDATED)) is Failure.UNKNOWN_KEY
        # And once it answers no more, what is not known cannot be judged, whichever name the token bears.
        pool.answer = None
        pool.now += KEYS_LIFETIME
        assert _outcome(verifier, f"Bearer {token()}") == ME
        assert _outcome(verifier, f"Bearer {token(signer='two')}") is KeysUnavailable
        assert _outcome(verifier, _forged(UPDATED)) is KeysUnavailable


def test_a_name_that_begins_to_answer_is_heard_within_a_minute(pool):
    answers = [http(404, {})]
    with Loopback(lambda number, head, body: answers[-1]) as server:
        verifier = _with_second_name(pool, server)
        good = f"Bearer {token(claims(iss=UPDATED), signer='two')}"
        assert verifier.verify(f"Bearer {token()}").user_id == ME
        assert _outcome(verifier, good) is Failure.UNKNOWN_KEY
        answers.append(http(200, key_set("two")))
        pool.now += 1.0  # a passing fault is over soon
        assert _outcome(verifier, good) == ME
        answers.append(http(404, {}))
        other = _with_second_name(pool, server)
        for _ in range(500):
            pool.now += 1.0
            assert _outcome(other, good) is Failure.UNKNOWN_KEY
        answers.append(http(200, key_set("two")))
        pool.now += LEAST_SECONDS_BETWEEN_FETCHES
        assert _outcome(other, good) == ME


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "bEaReR"])
def test_the_scheme_has_no_case(pool, scheme):
    assert pool.verifier.verify(f"{scheme} {token()}").user_id == ME


@pytest.mark.parametrize(
    ("changes", "failure"),
    [
        ({"token_use": "id"}, Failure.WRONG_USE),
        ({"token_use": None}, Failure.WRONG_USE),
        ({"client_id": "other"}, Failure.WRONG_CLIENT),
        ({"client_id": None}, Failure.WRONG_CLIENT),
        ({"client_id": None, "aud": CLIENT}, Failure.WRONG_CLIENT),
        ({"client_id": [CLIENT]}, Failure.WRONG_CLIENT),
        ({"client_id": f"{CLIENT},client2"}, Failure.WRONG_CLIENT),
        ({"exp": int(time.time()) - 1}, Failure.EXPIRED),
        ({"exp": 0}, Failure.EXPIRED),
        ({"exp": None}, Failure.BAD_CLAIM),
        ({"exp": True}, Failure.BAD_CLAIM),
        ({"exp": 1e300}, Failure.BAD_CLAIM),
        ({"iat": None}, Failure.BAD_CLAIM),
        ({"iat": int(time.time()) + 86_400}, Failure.NOT_YET_VALID),
        ({"nbf": int(time.time()) + 86_400}, Failure.NOT_YET_VALID),
        ({"sub": None}, Failure.BAD_CLAIM),
        ({"sub": "*"}, Failure.BAD_CLAIM),
        ({"sub": ME.upper().replace("1", "A")}, Failure.BAD_CLAIM),
        ({"sub": f"{ME}/x"}, Failure.BAD_CLAIM),
        ({"sub": f"{ME}\n"}, Failure.BAD_CLAIM),
    ],
)
def test_claims(pool, changes, failure):
    assert pool.failure(f"Bearer {token(claims(**changes))}") is failure


@pytest.mark.parametrize("value", ['"never"', "NaN", "Infinity", "-1", "[]", "null"])
def test_times_that_are_none(pool, value):
    message = raw_token({"alg": "RS256", "kid": "one"}, {**claims(), "exp": "@"}, b"").removesuffix(".")
    head, payload = message.split(".")
    text = base64.urlsafe_b64decode(payload + "==").replace(b'"@"', value.encode())
    message = f"{head}.{base64.urlsafe_b64encode(text).decode().rstrip('=')}"
    signature = base64.urlsafe_b64encode(key("one").sign(message.encode(), PKCS1v15(), SHA256())).decode().rstrip("=")
    assert pool.failure(f"Bearer {message}.{signature}") is Failure.BAD_CLAIM


def test_the_exception_never_holds_the_token(pool):
    bad = token(signer="two", kid="one")
    with pytest.raises(TokenRefused) as caught:
        pool.verifier.verify(f"Bearer {bad}")
    assert str(caught.value) == "BAD_SIGNATURE"
    assert pool.lines.getvalue() == ""


# The key set.


def test_keys_are_fetched_once_an_hour(pool):
    for _ in range(3):
        pool.verifier.verify(f"Bearer {token()}")
    pool.now += KEYS_LIFETIME - 1
    pool.verifier.verify(f"Bearer {token()}")
    assert pool.fetches == 1
    pool.now += 1
    pool.verifier.verify(f"Bearer {token()}")
    assert pool.fetches == 2
    assert pool.server.connections == 1


def test_a_rotated_key_is_seen_and_the_old_one_forgotten(pool):
    pool.verifier.verify(f"Bearer {token()}")
    pool.answer = http(200, key_set("two"))
    pool.now += LEAST_SECONDS_BETWEEN_FETCHES
    assert pool.verifier.verify(f"Bearer {token(signer='two')}").user_id == ME
    assert pool.failure(f"Bearer {token()}") is Failure.UNKNOWN_KEY


def test_unknown_keys_cause_one_fetch_a_minute_at_most(pool):
    pool.verifier.verify(f"Bearer {token()}")
    for second in range(180):
        pool.now += 1
        assert pool.failure(f"Bearer {token(kid=f'unknown-{second}')}") is Failure.UNKNOWN_KEY
    assert pool.fetches == 1 + 3


@pytest.mark.parametrize(
    "outage",
    [
        None,
        http(500, {}),
        http(200, b"not json"),
        http(200, {"keys": []}),
        http(200, b"[" * 60000),
        http(200, b" " * 70000),
    ],
    ids=["hang-up", "500", "text", "empty", "nested", "large"],
)
def test_keys_outlive_an_outage(pool, outage):
    pool.verifier.verify(f"Bearer {token()}")
    pool.answer = outage
    pool.now += KEYS_LIFETIME * 5
    for _ in range(5):
        assert pool.verifier.verify(f"Bearer {token()}").user_id == ME
    assert pool.fetches == 2
    line = json.loads(pool.lines.getvalue().splitlines()[0])
    assert line["level"] == "WARN"
    assert line["keysAgeSeconds"] == KEYS_LIFETIME * 5
    # An unknown key cannot be judged now: a fault, not a refusal.
    with pytest.raises(KeysUnavailable):
        pool.verifier.verify(f"Bearer {token(signer='two')}")
    pool.answer = http(200, key_set("one", "two"))
    pool.now += LEAST_SECONDS_BETWEEN_FETCHES
    assert pool.verifier.verify(f"Bearer {token(signer='two')}").user_id == ME


def test_without_any_key_it_is_a_fault_until_the_pool_answers(pool):
    pool.answer = None
    for _ in range(2):
        with pytest.raises(KeysUnavailable):
            pool.verifier.verify(f"Bearer {token()}")
    pool.answer = http(200, key_set("one"))
    assert pool.verifier.verify(f"Bearer {token()}").user_id == ME


def test_requests_at_the_same_time_fetch_once(pool):
    good = f"Bearer {token()}"
    with ThreadPoolExecutor(8) as executor:
        identities = list(executor.map(lambda _: pool.verifier.verify(good), range(32)))
    assert {identity.user_id for identity in identities} == {ME}
    assert pool.fetches == 1


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b'{"keys": 5}',
        b'{"keys": [5, {}]}',
        key_set("one", kty="EC"),
        key_set("one", use="enc"),
        key_set("one", alg="RS512"),
        key_set("one", kid=7),
        key_set("one", n="AQAB"),
        key_set("one", n=5),
    ],
    ids=itertools.count(),
)
def test_key_sets_without_a_usable_key(body):
    with pytest.raises(ValueError, match=r"."):
        parse_key_set(body)


def test_a_key_that_cannot_be_used_does_not_hide_one_that_can():
    both = json.loads(key_set("one"))["keys"] + json.loads(key_set("two", use="enc"))["keys"]
    assert list(parse_key_set(json.dumps({"keys": both}).encode())) == ["one"]


def test_a_digest_of_nothing_is_no_signature(pool):
    bad = raw_token({"alg": "RS256", "kid": "one"}, claims(), hashlib.sha256(b"").digest())
    assert pool.failure(f"Bearer {bad}") is Failure.BAD_SIGNATURE
