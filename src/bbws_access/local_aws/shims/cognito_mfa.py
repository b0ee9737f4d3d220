"""The second factor of Cognito user pools.

| AWS | MiniStack | test |
|---|---|---|
| where MFA is ON, who has no authenticator gets the challenge MFA_SETUP | tokens | `test_a_second_factor_...` |
| a challenge is answered with the session that it came with | any session or none | `test_a_second_factor_...` |
"""

import base64
import json
import secrets
from typing import Any

from ministack.services import cognito

Response = tuple[int, dict[str, Any], bytes]

_CHALLENGES = ("SOFTWARE_TOKEN_MFA", "MFA_SETUP")


def install() -> None:
    """Complete the second factor. Sessions live in memory, as MiniStack's own do: a restart ends them."""
    challenge_for = cognito._mfa_challenge_for_user
    associate, verify = cognito._associate_software_token, cognito._verify_software_token
    respond, admin_respond = cognito._respond_to_auth_challenge, cognito._admin_respond_to_auth_challenge
    # By session: the user who proved the password, the one who is setting an authenticator up, the one who has.
    asked: dict[str, dict[str, Any]] = {}
    setting_up: dict[str, dict[str, Any]] = {}
    answered: dict[str, dict[str, Any]] = {}

    def checked_challenge(pool: dict[str, Any], user: dict[str, Any], pool_id: str, username: str) -> dict | None:
        challenge = challenge_for(pool, user, pool_id, username)
        if challenge is None and pool.get("MfaConfiguration") == "ON":
            challenge = {
                "ChallengeName": "MFA_SETUP",
                "Session": _session(),
                "ChallengeParameters": {
                    "USER_ID_FOR_SRP": username,
                    "MFAS_CAN_SETUP": json.dumps(["SOFTWARE_TOKEN_MFA"]),
                },
            }
        if challenge is not None:
            asked[challenge["Session"]] = user
        return challenge

    def checked_associate(data: dict[str, Any]) -> Response:
        if data.get("AccessToken"):
            return associate(data)
        user = asked.pop(data.get("Session", ""), None)
        if user is None:
            return _refused()
        answer = associate(data)
        setting_up[json.loads(answer[2])["Session"]] = user
        return answer

    def checked_verify(data: dict[str, Any]) -> Response:
        session = data.get("Session")
        if data.get("AccessToken") or not session:
            return verify(data)
        user, secret = setting_up.get(session), cognito._totp_session_secrets.get(session)
        if user is None:
            return _refused()
        answer = verify(data)
        if answer[0] == 200:
            del setting_up[session]
            user["_totp_secret"] = secret
            user.setdefault("_mfa_enabled", []).append("SOFTWARE_TOKEN_MFA")
            user["_preferred_mfa"] = "SOFTWARE_TOKEN_MFA"
            answered[json.loads(answer[2])["Session"]] = user
        return answer

    def checked(answer: Any) -> Any:
        def handle(data: dict[str, Any]) -> Response:
            name = data.get("ChallengeName")
            if name in _CHALLENGES:
                sessions = asked if name == "SOFTWARE_TOKEN_MFA" else answered
                user = sessions.get(data.get("Session", ""))
                given = (data.get("ChallengeResponses") or {}).get("USERNAME")
                if user is None or given not in _names(user):
                    return _refused()
                result = answer(data)
                if result[0] == 200:
                    sessions.pop(data["Session"], None)
                return result
            return answer(data)

        return handle

    cognito._mfa_challenge_for_user = checked_challenge
    cognito._associate_software_token = checked_associate
    cognito._verify_software_token = checked_verify
    cognito._respond_to_auth_challenge = checked(respond)
    cognito._admin_respond_to_auth_challenge = checked(admin_respond)


def _names(user: dict[str, Any]) -> set[str]:
    """What a user may be called when signing in."""
    attributes = cognito._attr_list_to_dict(user.get("Attributes", []))
    return {user["Username"], *(attributes[name] for name in ("sub", "email") if name in attributes)}


def _session() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _refused() -> Response:
    return cognito.error_response_json("NotAuthorizedException", "Invalid session for the user.", 400)
