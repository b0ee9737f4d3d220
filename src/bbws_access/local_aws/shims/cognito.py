"""Cognito user pools.

| AWS | MiniStack | test |
|---|---|---|
| a pool with deletion protection is not deleted | it is | `test_deletion_protection` |
| a client writes only the attributes that it may | any | `test_a_client_cannot_write_...` |
| a pool whose users are made by administrators takes no sign-up | it does | `test_no_sign_up_...` |
| of several calls at once, one makes the account of an address | two may | `test_one_of_many_makes_an_account` |
| sign-in fails when the pre-token trigger fails or may not be invoked | tokens are given out | `test_..._trigger_...` |
| a trigger of version V1_0 writes into id tokens alone | the answer of V2_0 is expected | `test_a_lite_pool_...` |
| a pool of the plan LITE has no trigger that writes into access tokens | it has | `test_a_lite_pool_...` |
| an id token has those attributes that its client may read | all of them | `test_an_id_token_...` |
| an address is verified once somebody has said so | unless somebody has said no | `test_an_id_token_...` |
"""

import threading
from contextvars import ContextVar
from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import cognito

from bbws_access.local_aws.shims.permissions import function_permits

Response = tuple[int, dict[str, Any], bytes]

_SERVICE = "cognito-idp.amazonaws.com"
_VERIFIED = frozenset(("email_verified", "phone_number_verified"))
# Whether the trigger that is asked just now is one of version V1_0.
_first_version: ContextVar[bool] = ContextVar("first_version", default=False)


class _TriggerError(Exception):
    """What a caller is told of a trigger that failed."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


def install() -> None:
    """Complete the user pools."""
    handle_request, run_trigger = cognito.handle_request, cognito._apply_pretoken_trigger
    sign_up, update_attributes = cognito._sign_up, cognito._update_user_attributes
    delete_pool, create_user = cognito._delete_user_pool, cognito._admin_create_user
    extract = cognito._extract_trigger_response
    create_pool, update_pool = cognito._create_user_pool, cognito._update_user_pool
    creating = threading.Lock()

    async def handle(*arguments: Any, **settings: Any) -> Response:
        try:
            return await handle_request(*arguments, **settings)
        except _TriggerError as error:
            return cognito.error_response_json(error.code, str(error), 400)

    def trigger(pool_id: str, *arguments: Any, **settings: Any) -> dict[str, Any]:
        configuration = (cognito._user_pools.get(pool_id) or {}).get("LambdaConfig") or {}
        versioned = configuration.get("PreTokenGenerationConfig") or {}
        function = versioned.get("LambdaArn") or configuration.get("PreTokenGeneration")
        first = versioned.get("LambdaVersion") == "V1_0"
        if settings.get("token_type") == "id":
            _leave_readable(settings["claims"], settings["user_attrs"], settings["client_id"])
        elif first:
            return settings["claims"]
        if function:
            region = pool_id.partition("_")[0]
            source = f"arn:aws:cognito-idp:{region}:{get_account_id()}:userpool/{pool_id}"
            if not function_permits(function, _SERVICE, source, get_account_id(), region):
                raise _TriggerError(
                    "UnexpectedLambdaException",
                    "PreTokenGeneration invocation failed due to error AccessDeniedException.",
                )
        asked = _first_version.set(first)
        try:
            return run_trigger(pool_id, *arguments, **settings)
        except RuntimeError as error:
            raise _TriggerError("UserLambdaValidationException", "PreTokenGeneration failed with an error.") from error
        finally:
            _first_version.reset(asked)

    def extracted(payload: Any) -> dict[str, Any] | None:
        found = extract(payload)
        if found and _first_version.get():
            return {"claimsAndScopeOverrideDetails": {"idTokenGeneration": found.get("claimsOverrideDetails")}}
        return found

    def checked_create_pool(data: dict[str, Any]) -> Response:
        return _without_access_tokens(data, data.get("UserPoolTier")) or create_pool(data)

    def checked_update_pool(data: dict[str, Any]) -> Response:
        pool = cognito._user_pools.get(data.get("UserPoolId")) or {}
        tier = data.get("UserPoolTier", pool.get("UserPoolTier"))
        changes = tier != pool.get("UserPoolTier")
        return _without_access_tokens({**pool, **data}, tier, changes=changes) or update_pool(data)

    def create_alone(data: dict[str, Any]) -> Response:
        with creating:
            return create_user(data)

    def checked_sign_up(data: dict[str, Any]) -> Response:
        pool, client = _client(data.get("ClientId"))
        if pool is not None and (pool.get("AdminCreateUserConfig") or {}).get("AllowAdminCreateUserOnly"):
            return _refused("SignUp is not permitted for this user pool")
        return _unwritable(client, data) or sign_up(data)

    def checked_update(data: dict[str, Any]) -> Response:
        claims = cognito._token_claims(data.get("AccessToken", ""))
        _, client = _client(claims.get("client_id"))
        return _unwritable(client, data) or update_attributes(data)

    def checked_delete(data: dict[str, Any]) -> Response:
        pool = cognito._user_pools.get(data.get("UserPoolId"))
        if pool is not None and pool.get("DeletionProtection") == "ACTIVE":
            return cognito.error_response_json(
                "InvalidParameterException",
                "The user pool cannot be deleted because deletion protection is activated. "
                "Deletion protection must be inactivated first.",
                400,
            )
        return delete_pool(data)

    cognito.handle_request = handle
    cognito._apply_pretoken_trigger = trigger
    cognito._extract_trigger_response = extracted
    cognito._create_user_pool = checked_create_pool
    cognito._update_user_pool = checked_update_pool
    cognito._sign_up = checked_sign_up
    cognito._update_user_attributes = checked_update
    cognito._admin_create_user = create_alone
    cognito._delete_user_pool = checked_delete


def _without_access_tokens(data: dict[str, Any], tier: str | None, *, changes: bool = False) -> Response | None:
    """The refusal of a trigger for access tokens in the plan LITE."""
    trigger = (data.get("LambdaConfig") or {}).get("PreTokenGenerationConfig") or {}
    if tier != "LITE" or trigger.get("LambdaVersion", "V1_0") == "V1_0":
        return None
    return cognito.error_response_json(
        "TierChangeNotAllowedException" if changes else "FeatureUnavailableInTierException",
        "The following features need to be disabled for the LITE pricing tier configured: Access Token Customization",
        400,
    )


def _leave_readable(claims: dict[str, Any], attributes: dict[str, str], client_id: str) -> None:
    """Take out of an id token what its client may not read, and what was only taken to be verified."""
    _, client = _client(client_id)
    for name in _VERIFIED & claims.keys():
        claims[name] = attributes.get(name) == "true"
    allowed = (client or {}).get("ReadAttributes")
    for name in attributes.keys() | _VERIFIED:
        if name != "sub" and (name not in allowed if allowed else ":" in name):
            claims.pop(name, None)


def _client(client_id: str | None) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    for pool in cognito._user_pools.values():
        if client_id in pool["_clients"]:
            return pool, pool["_clients"][client_id]
    return None, None


def _unwritable(client: dict[str, Any] | None, data: dict[str, Any]) -> Response | None:
    """The refusal of attributes that a client may not write; a client without a list may write all."""
    allowed = (client or {}).get("WriteAttributes")
    given = {attribute.get("Name") for attribute in data.get("UserAttributes") or []}
    if allowed and not given <= set(allowed):
        return _refused("A client attempted to write unauthorized attribute")
    return None


def _refused(message: str) -> Response:
    return cognito.error_response_json("NotAuthorizedException", message, 400)
