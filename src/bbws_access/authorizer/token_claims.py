"""Cognito's pre-token-generation trigger: what the token that the API takes says about organisations.

With event version V2_0 that is the access token; a pool of the plan LITE has V1_0, which writes into id tokens only.
Those have the person's own attributes already, so only the hint is added.

`custom:organisation_id` is copied from the user, and `email` where Cognito says that it is verified: services take the
claim for who somebody is, in mails too. `organisations` is a hint: ids of organisations in which
the user is active, from the tables, so that the authorizer can read them at once. It grants nothing, and signing in
works without it.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

from bbws_access.access.grants import in_force
from bbws_access.kernel.dynamodb import Database, Query
from bbws_access.kernel.http import tls_context
from bbws_access.kernel.ids import is_user_id, is_valid_id
from bbws_access.kernel.keys import partition
from bbws_access.kernel.logs import Logger
from bbws_access.kernel.settings import Settings

MOST_ORGANISATIONS = 10
_DEADLINE = 0.3  # seconds; Cognito waits five, the person who signs in should not
_NAMES = {"#a": "active"}


class TokenClaims:
    """Everything that a warm function keeps between sign-ins."""

    def __init__(self, settings: Settings, database: Database, log: Logger, deadline: float = _DEADLINE) -> None:
        self._deadline = deadline
        self._settings = settings
        self._database = database
        self._log = log

    @classmethod
    def from_environment(cls) -> TokenClaims:
        """Raises SettingsError naming what is missing."""
        settings = Settings.from_environment()
        database = Database(settings.region, settings.endpoint, deadline=_DEADLINE, attempt_timeout=_DEADLINE)
        return cls(settings, database, Logger(settings.service, settings.environment, settings.log_level))

    def add(self, event: dict) -> dict:
        """The event with the claims of the token added to its response."""
        attributes = (event.get("request") or {}).get("userAttributes") or {}
        if event.get("version") == "1":
            hint = self._hint(attributes.get("sub"))
            if hint:
                claims = {"organisations": ",".join(hint)}
                event.setdefault("response", {})["claimsOverrideDetails"] = {"claimsToAddOrOverride": claims}
            return event
        copied = ["custom:organisation_id", *(["email"] if attributes.get("email_verified") == "true" else [])]
        claims = {name: attributes[name] for name in copied if attributes.get(name)}
        hint = self._hint(attributes.get("sub"))
        if hint:
            claims["organisations"] = ",".join(hint)
        response = event.setdefault("response", {})
        details = response.get("claimsAndScopeOverrideDetails") or {}
        details["accessTokenGeneration"] = {"claimsToAddOrOverride": claims}
        response["claimsAndScopeOverrideDetails"] = details
        return event

    def _hint(self, user_id: object) -> list[str]:
        if not is_user_id(user_id):
            return []
        calls = [
            Query(
                self._settings.permissions_table,
                partition("UserRoleAssignment", userId=user_id),
                "ORG#",
                projection="organisationId,#a,expiresAt",
                names=_NAMES,
            )
        ]
        if self._settings.has_table("teams"):
            calls.append(
                Query(
                    self._settings.teams_table,
                    partition("TeamMember", userId=user_id),
                    "ORG#",
                    projection="organisationId,#a",
                    names=_NAMES,
                )
            )
        try:
            pages = self._database.parallel(calls, deadline=self._deadline)
            now = datetime.now(UTC)
            found = dict.fromkeys(
                record["organisationId"] for page in pages for record in page.items if in_force(record, now)
            )
        except Exception as error:  # whatever it was, a hint is not worth a failed sign-in
            self._log.warning("No organisations in the token: the tables did not answer", error=str(error))
            return []
        return [org_id for org_id in found if is_valid_id(org_id)][:MOST_ORGANISATIONS]


_token_claims: TokenClaims | None = None


def _prepared() -> TokenClaims:
    global _token_claims
    if _token_claims is None:
        _token_claims = TokenClaims.from_environment()
    return _token_claims


def handler(event: dict, context: object) -> dict:
    """The Lambda handler."""
    return _prepared().add(event)


if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    _prepared()
    tls_context()
