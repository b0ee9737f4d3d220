"""Other services of AWS than DynamoDB: signed JSON requests over kept connections, one at a time or ten at once.

Aws("eu-west-1", None).sqs("SendMessage", {"QueueUrl": ..., "MessageBody": ...})

The operations and bodies are those of each service's own API reference. Why not boto3: docs/decisions/0007.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from bbws_access.kernel.http import Pool
from bbws_access.kernel.signature import Credentials, MissingCredentials, Signer, environment_credentials

_FIRST_BACKOFF = 0.05
_LONGEST_BACKOFF = 1.0
_IN_FLIGHT = 10  # requests of a batch at once, each on a connection of its own
_THROTTLES = ("Throttl", "TooManyRequests", "RequestLimitExceeded", "LimitExceeded", "SlowDown")


class AwsError(Exception):
    """A service refused a request. `code` is its own, such as UsernameExistsException."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(f"{code}: {message}" if code else message)
        self.code = code


class AwsUnavailable(AwsError):
    """A service did not answer in time, or only with faults or requests to slow down, until the deadline.

    Whether the request was carried out is unknown.
    """


class _Api(NamedTuple):
    host: str  # {region} is filled in
    signing_name: str
    content_type: str
    target: str | None  # what stands before the operation in X-Amz-Target; None where the path says it


_APIS = {
    "sqs": _Api("sqs.{region}.amazonaws.com", "sqs", "application/x-amz-json-1.0", "AmazonSQS"),
    "events": _Api("events.{region}.amazonaws.com", "events", "application/x-amz-json-1.1", "AWSEvents"),
    "cognito": _Api(
        "cognito-idp.{region}.amazonaws.com",
        "cognito-idp",
        "application/x-amz-json-1.1",
        "AWSCognitoIdentityProviderService",
    ),
    "ses": _Api("email.{region}.amazonaws.com", "ses", "application/json", None),
}


class Aws:
    """Services of AWS in one region.

    endpoint: another address than AWS's own, such as https://127.0.0.1:4566
    deadline: seconds for a call with all its retries; attempt_timeout: seconds without an answer for one attempt
    Every method returns the answer's JSON, and raises AwsError or AwsUnavailable.
    """

    def __init__(
        self,
        region: str,
        endpoint: str | None = None,
        credentials: Callable[[], Credentials] = environment_credentials,
        *,
        deadline: float = 8.0,
        attempt_timeout: float = 4.0,
    ) -> None:
        self._region = region
        self._endpoint = endpoint
        self._credentials = credentials
        self._deadline = deadline
        self._attempt_timeout = attempt_timeout
        self._clients: dict[str, tuple[Pool, Signer]] = {}

    def sqs(self, operation: str, body: dict) -> dict:
        return self._call("sqs", operation, body)

    def cognito(self, operation: str, body: dict) -> dict:
        return self._call("cognito", operation, body)

    def each(
        self, name: str, operation: str, bodies: Iterable[dict], *, deadline: float | None = None
    ) -> list[dict | AwsError]:
        """The answers to requests that have nothing to do with each other, up to ten at once, in their order.

        name: sqs or cognito      deadline: seconds for all of them
        Of each the answer, or why there is none.
        """
        bodies = list(bodies)
        if not bodies:
            return []
        return self._call_each(name, operation, bodies, self._deadline if deadline is None else deadline)

    def send_email(self, body: dict) -> dict:
        """SES v2's SendEmail. After AwsUnavailable the mail may be on its way."""
        return self._call("ses", None, body, path="/v2/email/outbound-emails")

    def put_event(self, source: str, detail_type: str, detail: dict, bus: str) -> None:
        """Put one event on a bus of EventBridge."""
        entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail), "EventBusName": bus}
        answer = self._call("events", "PutEvents", {"Entries": [entry]})
        if answer.get("FailedEntryCount"):
            failed = answer["Entries"][0]
            raise AwsUnavailable(failed.get("ErrorMessage", ""), failed.get("ErrorCode", "PutEventsFailed"))

    def close(self) -> None:
        """Close the kept connections."""
        for pool, _ in self._clients.values():
            pool.close()

    def _client(self, name: str) -> tuple[Pool, Signer]:
        if name not in self._clients:
            api = _APIS[name]
            pool = Pool(self._endpoint or f"https://{api.host.format(region=self._region)}")
            self._clients[name] = pool, Signer(api.signing_name, self._region, pool.authority, api.content_type)
        return self._clients[name]

    def _call(self, name: str, operation: str | None, body: dict, *, path: str = "/") -> dict:
        pool, signer = self._client(name)
        target = f"{_APIS[name].target}.{operation}" if operation else None
        content = json.dumps(body, separators=(",", ":")).encode()
        what = operation or path
        end = time.monotonic() + self._deadline
        attempt = 0
        while True:
            try:
                request = signer.request(content, self._credentials(), target=target, path=path)
            except MissingCredentials as error:
                raise AwsError(str(error), "NoCredentials") from None
            try:
                status, answer = pool.exchange(request, self._timeout(end))
                if 200 <= status < 300:
                    return json.loads(answer) if answer else {}
                failure = _failure(what, status, answer)
                if not isinstance(failure, AwsUnavailable):
                    raise failure
            except (OSError, ValueError) as error:
                failure = _unreached(what, error)
            attempt += 1
            pause = random.uniform(0, min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2**attempt))  # noqa: S311 - spreads retries, guards no secret
            if time.monotonic() + pause >= end:
                raise failure
            time.sleep(pause)

    def _call_each(self, name: str, operation: str, bodies: list[dict], deadline: float) -> list[dict | AwsError]:
        pool, signer = self._client(name)
        target = f"{_APIS[name].target}.{operation}"
        contents = [json.dumps(body, separators=(",", ":")).encode() for body in bodies]
        results: list[dict | AwsError] = [AwsUnavailable(f"{operation}: there was no time", "Deadline") for _ in bodies]
        end = time.monotonic() + deadline
        waiting, attempt = list(range(len(bodies))), 0
        while waiting and time.monotonic() < end:
            unsent, sent, again = list(reversed(waiting)), [], []
            try:
                while unsent or sent:
                    while unsent and len(sent) < _IN_FLIGHT and time.monotonic() < end:
                        n = unsent.pop()
                        try:
                            request = signer.request(contents[n], self._credentials(), target=target, path="/")
                            sent.append((n, pool.send(request, self._timeout(end))))
                        except MissingCredentials as error:
                            results[n] = AwsError(str(error), "NoCredentials")
                        except OSError as error:
                            results[n] = _unreached(operation, error)
                            again.append(n)
                    if not sent:
                        break
                    n, connection = sent.pop(0)
                    try:
                        connection.settimeout(self._timeout(end))
                        status, answer = connection.read_answer()
                        body = json.loads(answer) if answer and 200 <= status < 300 else {}
                    except (OSError, ValueError) as error:
                        connection.close()
                        results[n] = _unreached(operation, error)
                        again.append(n)
                        continue
                    pool.keep(connection)
                    if 200 <= status < 300:
                        results[n] = body
                        continue
                    results[n] = _failure(operation, status, answer)
                    if isinstance(results[n], AwsUnavailable):
                        again.append(n)
            finally:
                for _, connection in sent:
                    connection.close()
            waiting, attempt = again, attempt + 1
            pause = random.uniform(0, min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2**attempt))  # noqa: S311 - spreads retries, guards no secret
            if waiting and time.monotonic() + pause < end:
                time.sleep(pause)
            elif waiting:
                break
        return results

    def _timeout(self, end: float) -> float:
        return max(0.001, min(self._attempt_timeout, end - time.monotonic()))


def _unreached(what: str, error: Exception) -> AwsUnavailable:
    return AwsUnavailable(f"{what}: {error or type(error).__name__}", "ConnectionFailed")


def _failure(what: str, status: int, answer: bytes) -> AwsError:
    try:
        body = json.loads(answer)
        # SQS and SES name the type in the body or, SES v2, in a header only.
        code = str(body.get("__type") or body.get("code") or f"Http{status}").rpartition("#")[2]
        message = str(body.get("message") or body.get("Message") or "")
    except (ValueError, AttributeError):
        code, message = f"Http{status}", "the answer was not JSON"
    passing = status >= 500 or status == 429 or code.startswith(_THROTTLES)
    return (AwsUnavailable if passing else AwsError)(f"{what}: {message}", code)
