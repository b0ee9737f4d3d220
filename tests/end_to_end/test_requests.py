"""Requests from outside, through gateway, authorizer and services, with IAM enforced."""

from __future__ import annotations

import json
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import jwt
import pytest

from tests.support.deployment import TOKEN_SHAPE, claims
from tests.support.services import check_refusal

if TYPE_CHECKING:
    from tests.support.deployment import Deployment

pytestmark = pytest.mark.xdist_group("dev")

NOBODY = "00000000-0000-4000-8000-000000000000"
ACCESS_LOG = "/aws/apigateway/bbws-access-dev-apigw/access"
AUTHORIZER_LOG = "/aws/lambda/bbws-access-dev-lambda-authorizer"


def unused(name: str) -> str:
    """A role's name that nobody has taken."""
    return f"{name}_{secrets.token_hex(4).upper()}"


def test_health_is_public(dev: Deployment) -> None:
    answer = dev.request("GET", "/health")
    assert (answer.status, answer.body["status"]) == (200, "ok")


def test_the_administrator_sees_the_default_roles(dev: Deployment, admin: str, organisation: str) -> None:
    answer = dev.request("GET", f"/organisations/{organisation}/roles", admin)
    assert answer.status == 200
    names = {role["name"] for role in answer.body["items"]}
    assert names >= {"ORG_ADMIN", "ORG_MANAGER", "SITE_ADMIN", "SITE_EDITOR", "SITE_VIEWER"}


def test_the_tour_of_the_readme_answers(dev: Deployment, admin: str, organisation: str) -> None:
    """A role made, given, checked, refused to be removed while held, taken away and removed."""
    roles = f"/organisations/{organisation}/roles"
    made = dev.request(
        "POST", roles, admin, {"name": unused("AUDITOR"), "displayName": "Auditor", "permissions": ["audit:read:org"]}
    )
    assert made.status == 201, made.body
    role = made.body["roleId"]
    user = _person(dev, organisation)
    given = dev.request("POST", f"/organisations/{organisation}/users/{user}/roles", admin, {"roleId": role})
    assert given.status == 201, given.body
    effective = dev.request("GET", f"/organisations/{organisation}/users/{user}/permissions", admin)
    assert "audit:read:org" in {permission["name"] for permission in effective.body["permissions"]}
    check = dev.request(
        "POST",
        f"/organisations/{organisation}/access-checks",
        admin,
        {"userId": user, "method": "POST", "path": f"/organisations/{organisation}/roles"},
    )
    assert (check.status, check.body["allowed"], check.body["reason"]) == (200, False, "NO_PERMISSION")
    held = dev.request("DELETE", f"{roles}/{role}", admin)
    assert (held.status, held.code) == (409, "ROLE_IN_USE")
    assert dev.request("DELETE", f"/organisations/{organisation}/users/{user}/roles/{role}", admin).status == 204
    assert dev.request("DELETE", f"{roles}/{role}", admin).status == 204
    gone = dev.request("GET", f"{roles}?active=true", admin)
    assert role not in {item["roleId"] for item in gone.body["items"]}


def _person(dev: Deployment, organisation: str) -> str:
    return dev.user("person@demo.example", organisation, "ORG_MANAGER")


def test_a_cached_allow_opens_no_other_route(dev: Deployment, organisation: str) -> None:
    """The gateway keeps the policy for 300 seconds under the token; it must be right for all of it."""
    _person(dev, organisation)
    token = dev.token("person@demo.example")
    mine = f"/organisations/{organisation}/users/{claims(token)['sub']}/roles"
    assert dev.request("GET", mine, token).status == 200
    assert dev.request("GET", mine, token).status == 200
    for method, path, body in (
        ("GET", f"/organisations/{organisation}/roles", None),
        ("POST", f"/organisations/{organisation}/roles", {"name": "X", "displayName": "X", "permissions": []}),
        ("POST", f"{mine}", {"roleId": "role-platform-admin"}),
        ("DELETE", f"{mine}/role-platform-admin", None),
        ("GET", f"/organisations/{organisation}/users/{NOBODY}/roles", None),
    ):
        answer = dev.request(method, path, token, body)
        assert (answer.status, answer.code) == (403, "FORBIDDEN"), (method, path)
    assert dev.request("GET", mine, token).status == 200, "and a cached refusal shuts no other route"


def test_without_a_token(dev: Deployment, organisation: str) -> None:
    path = f"/organisations/{organisation}/roles"
    for headers in (
        {},
        {"Authorization": ""},
        {"Authorization": "Basic YWRtaW46YWRtaW4="},
        {"Authorization": "Bearer"},
    ):
        answer = dev.request("GET", path, headers=headers)
        assert (answer.status, answer.code) == (401, "UNAUTHORIZED"), headers


def test_another_organisation(dev: Deployment, admin: str, other_organisation: str) -> None:
    for method, path, body in (
        ("GET", f"/organisations/{other_organisation}/roles", None),
        ("GET", f"/organisations/{other_organisation}/permission-sets", None),
        ("POST", f"/organisations/{other_organisation}/roles/seed", None),
        ("POST", f"/organisations/{other_organisation}/roles", {"name": "X", "displayName": "X", "permissions": []}),
        ("GET", "/organisations/org-that-is-not-there/roles", None),
    ):
        answer = dev.request(method, path, admin, body)
        assert (answer.status, answer.code) == (403, "FORBIDDEN"), path


def test_services_check_again(dev: Deployment, organisation: str) -> None:
    """A role that is taken away stops to count at once, although the gateway's policy is still cached."""
    user = dev.user("leaver@demo.example", organisation, "ORG_ADMIN")
    token = dev.token("leaver@demo.example")
    path = f"/organisations/{organisation}/roles"
    listed = dev.request("GET", path, token)
    assert listed.status == 200
    role = next(item["roleId"] for item in listed.body["items"] if item["name"] == "ORG_ADMIN")
    admin = dev.token(dev.status["admin_email"])
    assert dev.request("DELETE", f"/organisations/{organisation}/users/{user}/roles/{role}", admin).status == 204
    refused = dev.request("GET", path, token)
    assert (refused.status, refused.code) == (403, "FORBIDDEN")


def test_who_is_deactivated_loses_everything(dev: Deployment, organisation: str) -> None:
    """From the tool's event through EventBridge's rule to the role service, and within the gateway's cache."""
    email = "deactivated@demo.example"
    dev.user(email, organisation, "ORG_ADMIN")
    token, path = dev.token(email), f"/organisations/{organisation}/access-review"
    reviewed = dev.request("GET", path, token)
    assert (reviewed.status, {"ROLE"}) == (200, {one["kind"] for one in reviewed.body["items"]})
    dev.tool("user", "deactivate", email)
    for _ in range(100):
        if dev.request("GET", path, token).status == 403:
            return
        time.sleep(0.1)
    raise AssertionError("the event has not ended the user's role")


def test_a_platform_role_reaches_every_organisation(
    dev: Deployment, organisation: str, other_organisation: str
) -> None:
    made = json.loads(
        dev.tool(
            "user",
            "create",
            "support@platform.example",
            "--organisation",
            organisation,
            "--role",
            "SUPPORT_AGENT",
            "--platform",
            "--json",
        ).stdout
    )
    assert made["roleId"] == "role-support-agent"
    token = dev.token("support@platform.example")
    for reached in (organisation, other_organisation):
        assert dev.request("GET", f"/organisations/{reached}/roles", token).status == 200
        changed = dev.request("POST", f"/organisations/{reached}/roles/seed", token)
        assert (changed.status, changed.code) == (403, "FORBIDDEN")
    nowhere = dev.request("GET", "/organisations/org-nowhere/roles", token)
    assert (nowhere.status, nowhere.code) == (404, "ORGANISATION_NOT_FOUND")
    done = json.loads(dev.tool("user", "deactivate", "support@platform.example", "--json").stdout)
    assert (done["userId"], done["platformRoles"]) == (made["userId"], ["SUPPORT_AGENT"])
    assert dev.request("GET", f"/organisations/{organisation}/roles", token).status == 403


# --- Tokens --------------------------------------------------------------------------------------------


def _forged(dev: Deployment, kind: str, token: str) -> str:
    import base64
    import hashlib
    import hmac
    import urllib.request

    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    header, content = jwt.get_unverified_header(token), claims(token)
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if kind == "signed with another key":
        return jwt.encode(content, stranger, "RS256", headers={"kid": header["kid"]})
    if kind == "unsigned":
        return jwt.encode(content, "", "none", headers={"kid": header["kid"]})
    if kind == "the public key as HMAC secret":
        import ssl

        pool = dev.status["user_pool_id"]
        context = ssl.create_default_context(cafile=dev.status["ca_bundle"])
        address = f"{dev.status['endpoint']}/{pool}/.well-known/jwks.json"
        with urllib.request.urlopen(address, context=context) as answer:
            keys = {key["kid"]: key for key in json.load(answer)["keys"]}
        public = jwt.PyJWK(keys[header["kid"]]).key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

        def part(value: dict) -> bytes:
            return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

        signed = part({"alg": "HS256", "kid": header["kid"], "typ": "JWT"}) + b"." + part(content)
        tag = base64.urlsafe_b64encode(hmac.new(public, signed, hashlib.sha256).digest()).rstrip(b"=")
        return (signed + b"." + tag).decode()
    if kind == "changed after signing":
        parts = token.split(".")
        changed = base64.urlsafe_b64encode(json.dumps(content | {"sub": NOBODY}).encode()).rstrip(b"=").decode()
        return ".".join([parts[0], changed, parts[2]])
    raise ValueError(kind)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("signed with another key", "BAD_SIGNATURE"),
        ("unsigned", "UNSIGNED"),
        ("the public key as HMAC secret", "WRONG_ALGORITHM"),
        ("changed after signing", "BAD_SIGNATURE"),
    ],
)
def test_forged_tokens(dev: Deployment, admin: str, organisation: str, kind: str, reason: str) -> None:
    _refused(dev, organisation, _forged(dev, kind, admin), reason)


def test_the_id_token_is_no_access_token(dev: Deployment, organisation: str) -> None:
    email, password = "two-tokens@demo.example", "Correct-horse-7-battery"
    dev.user(email, organisation, "ORG_ADMIN")
    cognito = dev.client("cognito-idp")
    cognito.admin_set_user_password(
        UserPoolId=dev.status["user_pool_id"], Username=email, Password=password, Permanent=True
    )
    tokens = dev.sign_in(email, password)["AuthenticationResult"]
    assert dev.request("GET", f"/organisations/{organisation}/roles", tokens["AccessToken"]).status == 200
    _refused(dev, organisation, tokens["IdToken"], "WRONG_USE")


def test_another_client_and_another_pool(dev: Deployment, organisation: str) -> None:
    cognito = dev.client("cognito-idp")
    email, password = "stranger@demo.example", "Correct-horse-7-battery"
    dev.user(email, organisation, "ORG_ADMIN")
    pool = dev.status["user_pool_id"]
    cognito.admin_set_user_password(UserPoolId=pool, Username=email, Password=password, Permanent=True)
    flows = {"ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]}
    other_pool = cognito.create_user_pool(PoolName="another")["UserPool"]["Id"]
    own_client = cognito.create_user_pool_client(UserPoolId=pool, ClientName="another", **flows)["UserPoolClient"]
    other_client = cognito.create_user_pool_client(UserPoolId=other_pool, ClientName="main", **flows)["UserPoolClient"]
    try:
        cognito.admin_create_user(UserPoolId=other_pool, Username=email, MessageAction="SUPPRESS")
        cognito.admin_set_user_password(UserPoolId=other_pool, Username=email, Password=password, Permanent=True)
        for client, reason in ((own_client, "WRONG_CLIENT"), (other_client, "WRONG_POOL")):
            tokens = cognito.initiate_auth(
                ClientId=client["ClientId"],
                AuthFlow="USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": email, "PASSWORD": password},
            )["AuthenticationResult"]
            _refused(dev, organisation, tokens["AccessToken"], reason)
    finally:
        cognito.delete_user_pool_client(UserPoolId=pool, ClientId=own_client["ClientId"])
        cognito.delete_user_pool(UserPoolId=other_pool)


def _refused(dev: Deployment, organisation: str, token: str, reason: str) -> None:
    """401, and a line in the authorizer's log that says why without showing the token."""
    since = time.time()
    answer = dev.request("GET", f"/organisations/{organisation}/roles", token)
    assert (answer.status, answer.code) == (401, "UNAUTHORIZED")
    dev.wait_for_line(AUTHORIZER_LOG, since, message="Authentication failed", reason=reason)
    assert not any(TOKEN_SHAPE.search(text) for text in dev.log_lines(AUTHORIZER_LOG, since))


# --- Bad input -----------------------------------------------------------------------------------------


def test_what_is_not_there(dev: Deployment, admin: str, organisation: str) -> None:
    base = f"/organisations/{organisation}"
    for method, path, body, code in (
        ("GET", f"{base}/roles/role-nobody-made", None, "ROLE_NOT_FOUND"),
        ("GET", f"{base}/permission-sets/set-nobody-made", None, "PERMISSION_SET_NOT_FOUND"),
        ("GET", "/platform/permissions/perm-nobody-made", None, "PERMISSION_NOT_FOUND"),
        ("DELETE", f"{base}/users/{NOBODY}/roles/role-nobody-made", None, "ROLE_NOT_FOUND"),
        ("POST", f"{base}/users/{NOBODY}/roles", {"roleId": "role-nobody-made"}, "ROLE_NOT_FOUND"),
    ):
        answer = dev.request(method, path, admin, body)
        assert (answer.status, answer.code) == (404, code), path


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/roles?pageSize=0", None, 400, "VALIDATION_ERROR"),
        ("GET", "/roles?pageSize=101", None, 400, "VALIDATION_ERROR"),
        ("GET", "/roles?pageSize=many", None, 400, "VALIDATION_ERROR"),
        ("GET", "/roles?colour=red", None, 400, "VALIDATION_ERROR"),
        ("GET", "/roles?startAt=AAAA", None, 400, "INVALID_CURSOR"),
        ("POST", "/roles", "{", 400, "VALIDATION_ERROR"),
        ("POST", "/roles", "[]", 400, "VALIDATION_ERROR"),
        ("POST", "/roles", '{"name": NaN}', 400, "VALIDATION_ERROR"),
        ("POST", "/roles", {"name": "lower", "displayName": "x", "permissions": []}, 400, "VALIDATION_ERROR"),
        ("POST", "/roles", {"name": "X", "displayName": "x", "permissions": [], "y": 1}, 400, "VALIDATION_ERROR"),
        (
            "POST",
            "/roles",
            {"name": "X", "displayName": "x", "permissions": ["site:fly", "moon:*"]},
            400,
            "UNKNOWN_PERMISSIONS",
        ),
        (
            "POST",
            "/roles",
            {"name": "X", "displayName": "x", "permissions": ["subscription:manage"]},
            403,
            "PERMISSION_CEILING",
        ),
        ("POST", "/roles", {"name": "ORG_ADMIN", "displayName": "x", "permissions": []}, 409, "NAME_TAKEN"),
    ],
)
def test_bad_input(
    dev: Deployment, admin: str, organisation: str, method: str, path: str, body: object, status: int, code: str
) -> None:
    answer = dev.request(method, f"/organisations/{organisation}{path}", admin, body)
    assert (answer.status, answer.code) == (status, code), answer.body


ROLE = {"name": "PUBLISHER", "displayName": "Publisher", "permissions": ["site:read"]}
SECRET = f"eyJraWQiOiJ4In0.{'eyJzdWIiOiJ5In0' * 4}.{'c2lnbmF0dXJl' * 8}"


@pytest.mark.parametrize(
    ("method", "path", "body", "broken"),
    [
        ("POST", "/roles", {**ROLE, "name": "publisher"}, ("body.name", "pattern", "publisher")),
        ("POST", "/roles", {**ROLE, "displayname": "P"}, ("body.displayname", "additionalProperties", None)),
        ("POST", "/teams", {"name": ""}, ("body.name", "minLength", "")),
        ("POST", f"/users/{NOBODY}/roles", {"roleId": "Site Editor"}, ("body.roleId", "pattern", "Site Editor")),
        ("POST", "/roles", None, ("body", "required", None)),
        ("POST", "/roles", {**ROLE, "permissions": "site:read"}, ("body.permissions", "type", "site:read")),
        ("POST", "/teams", {"name": "many words " * 10}, ("body.name", "maxLength", "many words many word…")),
        ("POST", "/roles", {**ROLE, "scope": "PLATFORM"}, ("body.scope", "enum", "PLATFORM")),
        ("POST", "/roles", '{"name": "PUBLISHER",}', ("body", "json", None)),
        ("POST", "/roles", {**ROLE, "permissions": ["site:read"] * 101}, ("body.permissions", "maxItems", None)),
        ("GET", "/roles?pageSize=1000", None, ("query.pageSize", "maximum", 1000)),
        ("GET", "/roles?pageSize=ten", None, ("query.pageSize", "type", "ten")),
        ("GET", "/roles?colour=red", None, ("query.colour", "additionalProperties", None)),
        ("GET", "/roles?startAt=AAAA", None, ("query.startAt", "cursor", None)),
        ("GET", "/roles/Site_Editor", None, ("path.roleId", "pattern", "Site_Editor")),
        ("GET", "/users/ada/roles", None, ("path.userId", "minLength", "ada")),
        ("POST", "/teams", {"name": SECRET}, ("body.name", "maxLength", None)),
        ("POST", "/teams", {"name": "Web", "password": SECRET}, ("body.password", "additionalProperties", None)),
    ],
)
def test_a_refusal_names_field_rule_and_value(
    dev: Deployment, admin: str, organisation: str, method: str, path: str, body: object, broken: tuple
) -> None:
    """The service's answer, since the gateway's would say of every body that it is invalid, and no more."""
    since = time.time()
    answer = dev.request(method, f"/organisations/{organisation}{path}", admin, body)
    assert (answer.status, answer.code) in ((400, "VALIDATION_ERROR"), (400, "INVALID_CURSOR")), answer.body
    check_refusal(answer.body["error"])
    details = answer.body["error"]["details"]
    assert broken in [(one["field"], one["rule"], one.get("value")) for one in details], details
    assert SECRET[-30:] not in json.dumps(answer.body)
    line = dev.wait_for_line(ACCESS_LOG, since, requestId=answer.headers["x-amzn-requestid"])
    assert SECRET[:30] not in json.dumps(line)


def test_a_form_is_told_to_be_json(dev: Deployment, admin: str, organisation: str) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = dev.request("POST", f"/organisations/{organisation}/teams", admin, "name=Web", headers=headers)
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
    found = [(one["field"], one["rule"], one.get("value")) for one in answer.body["error"]["details"]]
    assert found == [("body", "json", None), ("header.Content-Type", "mediaType", headers["Content-Type"])]


def test_who_may_not_learns_nothing_of_a_body(dev: Deployment, other_organisation: str, admin: str) -> None:
    answer = dev.request("POST", f"/organisations/{other_organisation}/roles", admin, {"name": "lower"})
    assert (answer.status, answer.code) == (403, "FORBIDDEN")


def test_a_body_that_is_too_long(dev: Deployment, admin: str, organisation: str) -> None:
    body = {"name": "X", "displayName": "x", "permissions": [], "description": "x" * 70_000}
    answer = dev.request("POST", f"/organisations/{organisation}/roles", admin, body)
    assert answer.status in (400, 413)
    assert answer.code in ("VALIDATION_ERROR", "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("identifier", ["*", "%2A", "a%2Fb", "..", "%2e%2e", "role-1%00", "${aws:username}", "role 1"])
def test_wildcards_and_slashes_in_ids(dev: Deployment, admin: str, organisation: str, identifier: str) -> None:
    for path in (f"/organisations/{organisation}/roles/{identifier}", f"/organisations/{identifier}/roles"):
        answer = dev.request("GET", path, admin)
        assert answer.status in (400, 403, 404), (path, answer.status, answer.body)
        assert answer.code in ("VALIDATION_ERROR", "FORBIDDEN", "ROUTE_NOT_FOUND", "ROLE_NOT_FOUND")


def test_a_cursor_goes_on_where_the_page_ended(dev: Deployment, admin: str, organisation: str) -> None:
    base = f"/organisations/{organisation}"
    seen: list[str] = []
    cursor = ""
    for _ in range(20):
        page = dev.request("GET", f"{base}/roles?pageSize=2{cursor}", admin).body
        assert page["count"] == len(page["items"]) <= 2
        seen += [item["roleId"] for item in page["items"]]
        assert page["moreAvailable"] == (page["startAt"] is not None)
        if not page["moreAvailable"]:
            break
        cursor = f"&startAt={page['startAt']}"
    whole = dev.request("GET", f"{base}/roles?pageSize=100", admin).body
    assert seen == [item["roleId"] for item in whole["items"]]
    of_roles = dev.request("GET", f"{base}/roles?pageSize=1", admin).body["startAt"]
    stolen = dev.request("GET", f"{base}/permission-sets?pageSize=1&startAt={of_roles}", admin)
    assert (stolen.status, stolen.code) == (400, "INVALID_CURSOR")


def test_a_name_is_taken_once(dev: Deployment, admin: str, organisation: str) -> None:
    body = {"name": unused("RACE"), "displayName": "Race", "permissions": ["site:read"]}

    def create(_: int) -> int:
        """The answer, once the service had the time to find one: on a slow machine it says 503, "try again"."""
        for _ in range(10):
            answer = dev.request("POST", f"/organisations/{organisation}/roles", admin, body)
            if answer.status != 503:
                break
        return answer.status

    with ThreadPoolExecutor(12) as pool:
        assert sorted(pool.map(create, range(12))) == [201] + [409] * 11


# --- Around the requests -------------------------------------------------------------------------------


def test_browsers_may_ask_first(dev: Deployment, organisation: str) -> None:
    answer = dev.request(
        "OPTIONS",
        f"/organisations/{organisation}/roles",
        headers={"Origin": "https://admin.example", "Access-Control-Request-Method": "POST"},
    )
    assert answer.status in (200, 204)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    refused = dev.request("GET", f"/organisations/{organisation}/roles", headers={"Origin": "https://admin.example"})
    assert refused.status == 401
    assert refused.headers["Access-Control-Allow-Origin"] == "*", "a browser can read why it was refused"


def test_each_request_is_logged(dev: Deployment, admin: str, organisation: str) -> None:
    since = time.time() - 1
    answer = dev.request("GET", f"/organisations/{organisation}/roles", admin)
    request_id = answer.headers["x-amzn-requestid"]
    line = dev.wait_for_line(ACCESS_LOG, since, requestId=request_id)
    assert line["principal"] == claims(admin)["sub"]
    assert (line["status"], line["method"]) == ("200", "GET")
    assert (line["error"], line["cause"]) == ("- -", "- -")
    assert line["route"] == "/organisations/{orgId}/roles"
    served = dev.wait_for_line("/aws/lambda/bbws-access-dev-lambda-role", since, requestId=request_id)
    assert (served["operation"], served["organisationId"]) == ("listRoles", organisation)


def test_no_log_shows_a_token(dev: Deployment, admin: str) -> None:
    assert TOKEN_SHAPE.search(admin)
    for group in dev.client("logs").describe_log_groups()["logGroups"]:
        lines = dev.log_lines(group["logGroupName"], 0)
        assert not any(TOKEN_SHAPE.search(line) for line in lines), group["logGroupName"]
