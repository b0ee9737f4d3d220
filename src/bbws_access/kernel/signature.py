"""AWS Signature Version 4 for POST requests, and the keys that sign them."""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from typing import NamedTuple


class MissingCredentials(Exception):
    """The environment has no keys of AWS."""


class Credentials(NamedTuple):
    """Keys of AWS. `token` is the session token of temporary ones."""

    access_key: str
    secret_key: str
    token: str | None = None


def environment_credentials() -> Credentials:
    """The credentials that the Lambda runtime puts in the environment; read for every request, so rotation is seen.

    Raises MissingCredentials.
    """
    try:
        return Credentials(
            os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"], os.environ.get("AWS_SESSION_TOKEN")
        )
    except KeyError as error:
        raise MissingCredentials(f"The environment variable {error.args[0]} is not set") from None


class Signer:
    """Signs POST requests to one host of one service. The signing key is derived once a day."""

    def __init__(self, service: str, region: str, host: str, content_type: str) -> None:
        self._scope_end = f"{region}/{service}/aws4_request"
        self._region = region
        self._service = service
        self._host = host
        self._content_type = content_type
        self._derived: tuple[str, str, bytes] = ("", "", b"")
        self._second = 0
        self._stamp = ""

    def request(
        self,
        body: bytes,
        credentials: Credentials,
        *,
        target: str | None = None,
        path: str = "/",
        now: float | None = None,
    ) -> bytes:
        """The whole HTTP request.

        target: the operation, for services that are told it in a header      path: of letters, digits, `/-_.~` only
        """
        second = int(time.time() if now is None else now)
        if second != self._second:
            self._stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
            self._second = second
        stamp = self._stamp
        token = credentials.token
        signed = f"content-type:{self._content_type}\nhost:{self._host}\nx-amz-date:{stamp}\n"
        names = "content-type;host;x-amz-date"
        if token:
            signed += f"x-amz-security-token:{token}\n"
            names += ";x-amz-security-token"
        if target:
            signed += f"x-amz-target:{target}\n"
            names += ";x-amz-target"
        canonical = f"POST\n{path}\n\n{signed}\n{names}\n{hashlib.sha256(body).hexdigest()}"
        scope = f"{stamp[:8]}/{self._scope_end}"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
        signature = hmac.digest(self._key(stamp[:8], credentials.secret_key), to_sign.encode(), "sha256").hex()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: {self._content_type}\r\n"
            f"X-Amz-Date: {stamp}\r\nContent-Length: {len(body)}\r\n"
            f"Authorization: AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, "
            f"SignedHeaders={names}, Signature={signature}\r\n"
        )
        if target:
            head += f"X-Amz-Target: {target}\r\n"
        if token:
            head += f"X-Amz-Security-Token: {token}\r\n"
        return head.encode() + b"\r\n" + body

    def _key(self, day: str, secret: str) -> bytes:
        if self._derived[:2] != (day, secret):
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._derived = (day, secret, key)
        return self._derived[2]
