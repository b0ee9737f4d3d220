"""The Lambda authorizer of type TOKEN: a bearer token in, a policy for everything that its owner may call out.

Answers by API Gateway: 401 when this raises exactly `Unauthorized`, 500 for any other exception; neither is cached.
A policy is cached under the token for 300 seconds, so it describes the token and never the single request.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Mapping
from typing import NamedTuple

from bbws_access.access.grants import Access, Decision, Reason
from bbws_access.access.reader import MOST_DEFINITIONS, read_access
from bbws_access.authorizer.apis import Api, load_apis
from bbws_access.authorizer.policy import Policy, deny_all
from bbws_access.authorizer.tokens import Identity, KeySet, TokenRefused, Verifier
from bbws_access.kernel.dynamodb import Database
from bbws_access.kernel.http import tls_context
from bbws_access.kernel.logs import Logger
from bbws_access.kernel.settings import Settings, SettingsError

_LONGEST_CONTEXT_VALUE = 2048  # characters of one value
_LONGEST_EMAIL = 320
_UNREAD = "NOT_READ"  # a reason in log lines: the caller is in more than a decision reads; the service decides


class Unauthorized(Exception):
    """API Gateway maps only this very message to 401."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


class AuthorizerFault(Exception):
    """Neither yes nor no: something else failed. API Gateway answers 500 and caches nothing."""


class Authorizer:
    """Everything that a warm function keeps between requests."""

    def __init__(
        self, settings: Settings, database: Database, verifier: Verifier, log: Logger, apis: Mapping[str, Api]
    ) -> None:
        self._settings = settings
        self._database = database
        self._verifier = verifier
        self._log = log
        self.apis = apis

    @classmethod
    def from_environment(cls) -> Authorizer:
        """Raises SettingsError naming what is missing, ContractError where an API's document is."""
        settings = Settings.from_environment()
        if not settings.user_pool_id or not settings.client_ids or not settings.apis:
            raise SettingsError("The authorizer needs the environment variables USER_POOL_ID, CLIENT_IDS and APIS.")
        for table in ("permissions", "teams"):
            settings.table(table)
        log = Logger(settings.service, settings.environment, settings.log_level)
        verifier = Verifier(
            issuers={issuer: KeySet(_keys_of(issuer, settings.endpoint), log) for issuer in _issuers(settings)},
            client_ids=settings.client_ids,
            kind=settings.accepted_tokens,
        )
        return cls(settings, Database(settings.region, settings.endpoint), verifier, log, load_apis(settings.apis))

    def authorize(self, event: dict, request_id: str = "") -> dict:
        """The answer to API Gateway. Raises Unauthorized or AuthorizerFault."""
        started = time.perf_counter()
        log = self._log.bind(requestId=request_id)
        method_arn = MethodArn.parse(event.get("methodArn"))
        api = self.apis.get(method_arn.api_id)
        if api is None:
            # Whose routes these are nobody has said, so there is nothing to decide by.
            raise AuthorizerFault(f"The authorizer knows no API {method_arn.api_id}; see additional_apis")
        try:
            identity = self._verifier.verify(event.get("authorizationToken"))
        except TokenRefused as refused:
            log.record(
                "Authentication failed",
                decision="DENY",
                reason=refused.failure,
                method=method_arn.method,
                api=api.name,
                latencyMs=_since(started),
            )
            raise Unauthorized from None
        hint = (identity.org_id, *identity.organisations)
        trips = self._database.round_trips
        # Whoever asks for more is let into some organisations as a whole: behind the gateway, services judge again.
        access = read_access(self._database, self._settings, identity.user_id, hint, most_definitions=MOST_DEFINITIONS)
        if access.known and access.active:
            policy = api.routes.compile(access, method_arn.prefix, identity.org_id)
        else:
            policy = deny_all(method_arn.prefix)
        self._record(log, api, identity, access, policy, method_arn, self._database.round_trips - trips, started)
        return {
            "principalId": identity.user_id,
            "policyDocument": policy.document,
            "context": {**context_of(identity, access), "policyDetail": policy.detail},
        }

    def _record(
        self,
        log: Logger,
        api: Api,
        identity: Identity,
        access: Access,
        policy: Policy,
        method_arn: MethodArn,
        round_trips: int,
        started: float,
    ) -> None:
        match = api.contract.match(method_arn.method, method_arn.path)
        decision = access.allows(*match) if match else Decision(False, Reason.UNKNOWN_ROUTE)
        organisation = match[1].get("orgId") if match else None
        allowed, reason = decision.allowed, str(decision.reason)
        if not allowed and organisation in access.unread:
            allowed, reason = policy.opens(organisation), _UNREAD
        log.record(
            "Access decision",
            decision="ALLOW" if allowed else "DENY",
            reason=reason,
            api=api.name,
            operation=match[0].operation_id if match else None,
            method=method_arn.method,
            organisationId=organisation or identity.org_id or None,
            principal=identity.user_id,
            latencyMs=_since(started),
            policyBytes=policy.size,
            policyDetail=policy.detail,
            roundTrips=round_trips,
        )


def _issuers(settings: Settings) -> tuple[str, ...]:
    """The names in the pool's tokens: both that Cognito has (`IssuerConfiguration`), unless they are given."""
    pool = f"{settings.region}.amazonaws.com/{settings.user_pool_id}"
    return settings.issuers or (f"https://cognito-idp.{pool}", f"https://issuer-cognito-idp.{pool}")


def _keys_of(issuer: str, endpoint: str | None) -> str:
    pool = f"{endpoint.rstrip('/')}/{issuer.rpartition('/')[2]}" if endpoint else issuer
    return f"{pool}/.well-known/jwks.json"


class MethodArn(NamedTuple):
    """The parts of `arn:aws:execute-api:{region}:{account}:{api}/{stage}/{METHOD}/{path}` that matter here."""

    prefix: str
    api_id: str
    method: str
    path: str

    @classmethod
    def parse(cls, arn: object) -> MethodArn:
        """Raises AuthorizerFault for anything that API Gateway would not send."""
        if isinstance(arn, str) and "*" not in arn.partition("/")[0]:
            api, _, rest = arn.partition("/")
            stage, _, rest = rest.partition("/")
            method, _, path = rest.partition("/")
            if (
                api.startswith("arn:")
                and api.count(":") == 5
                and stage
                and method
                and not {"*", "?"} & set(api + stage)
            ):
                return cls(f"{api}/{stage}/", api.rpartition(":")[2], method, f"/{path}")
        raise AuthorizerFault("The event carries no methodArn of a REST API")


def context_of(identity: Identity, access: Access) -> dict[str, str]:
    """What the services learn about the caller: strings, each at most 2,048 characters.

    orgId is the default organisation if the caller is active there or has a PLATFORM role, else "". teamIds,
    permissions (of the whole organisation) and roleIds are those held in it, comma-separated and sorted. A list that
    is too long ends with `+N`, the number of entries left out.
    """
    org_id = identity.org_id
    if not (org_id in access.organisations() or access.is_platform()):
        org_id = ""
    inside = org_id or None
    teams = {member.team_id for member in access.memberships if member.org_id == inside}
    teams |= {grant.team_id for grant in access.grants if grant.team_id and grant.org_id == inside}
    roles = {grant.role_id for grant in access.grants if grant.org_id in (None, inside)}
    return {
        "userId": identity.user_id,
        "email": identity.email[:_LONGEST_EMAIL],
        "orgId": org_id,
        "teamIds": _joined(teams),
        "permissions": _joined(access.permissions_in(inside)),
        "roleIds": _joined(roles),
    }


def _joined(values: set[str] | frozenset[str]) -> str:
    entries = sorted(values)
    text = ",".join(entries)
    if len(text) <= _LONGEST_CONTEXT_VALUE:
        return text
    kept, length = 0, len(f",+{len(entries)}")
    for entry in entries:
        length += len(entry) + 1
        if length > _LONGEST_CONTEXT_VALUE:
            break
        kept += 1
    return ",".join([*entries[:kept], f"+{len(entries) - kept}"])


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)


_authorizer: Authorizer | None = None


def _prepared() -> Authorizer:
    global _authorizer
    if _authorizer is None:
        _authorizer = Authorizer.from_environment()
    return _authorizer


def handler(event: dict, context: object) -> dict:
    """The Lambda handler."""
    request_id = getattr(context, "aws_request_id", "") or ""
    # What a decision reads stays until it is made, and goes without the garbage collector. That looks through all of it
    # again and again: of forty thousand records it took half the time that it takes to decode them.
    gc.disable()
    try:
        return _prepared().authorize(event, request_id)
    except Unauthorized:
        raise
    except Exception as error:
        log = _authorizer._log if _authorizer else Logger("authorizer", os.environ.get("ENVIRONMENT", ""))
        log.bind(requestId=request_id).fault("Authorizer fault", error)
        # A new exception: the runtime logs it, and the first one's text could hold what came with the request.
        raise AuthorizerFault("The request could not be authorized") from None
    finally:
        gc.enable()


def settle() -> None:
    """Let the garbage collector look no more at what is there: contract, routes and modules stay with the function.

    Of the first policy among 500 routes it took half.
    """
    gc.freeze()


if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    # The start of a function has more CPU than its requests: prepare what the first one needs.
    _prepared()
    tls_context()
    settle()
