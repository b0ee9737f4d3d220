"""User pools: shims `cognito` and `cognito_users`, and what the project builds on beside it."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import jwt
import pytest
import urllib3
from botocore.exceptions import ClientError

from bbws_access.cli import srp
from tests.local_aws.conftest import ACCOUNT, REGION, Aws

PASSWORD = "Correct-Horse-7"
TRIGGER = """
def handler(event, context):
    attributes = event["request"]["userAttributes"]
    if attributes.get("custom:organisation_id") == "fail":
        raise RuntimeError("the tables do not answer")
    claims = {"custom:organisation_id": attributes.get("custom:organisation_id", ""), "email": attributes["email"]}
    event["response"]["claimsAndScopeOverrideDetails"] = {
        "accessTokenGeneration": {"claimsToAddOrOverride": claims | {"organisations": "org-1,org-2"}}}
    return event
"""


@dataclass
class Pool:
    aws: Aws
    id: str
    client_id: str
    trigger: str

    def user(self, email: str, organisation: str = "org-1", **more: str) -> None:
        cognito = self.aws.client("cognito-idp")
        attributes = {"email": email, "custom:organisation_id": organisation} | (more or {"email_verified": "true"})
        cognito.admin_create_user(
            UserPoolId=self.id,
            Username=email,
            MessageAction="SUPPRESS",
            UserAttributes=[{"Name": name, "Value": value} for name, value in attributes.items()],
        )
        cognito.admin_set_user_password(UserPoolId=self.id, Username=email, Password=PASSWORD, Permanent=True)

    def sign_in(self, email: str, password: str = PASSWORD) -> dict[str, str]:
        cognito, client = self.aws.client("cognito-idp"), srp.Client(self.id)
        challenge = cognito.initiate_auth(
            ClientId=self.client_id,
            AuthFlow="USER_SRP_AUTH",
            AuthParameters={"USERNAME": email, "SRP_A": client.public},
        )["ChallengeParameters"]
        user_id, block = challenge["USER_ID_FOR_SRP"], challenge["SECRET_BLOCK"]
        proof = client.prove(user_id, password, challenge["SALT"], challenge["SRP_B"], block)
        return cognito.respond_to_auth_challenge(
            ClientId=self.client_id,
            ChallengeName="PASSWORD_VERIFIER",
            ChallengeResponses={
                "USERNAME": user_id,
                "PASSWORD_CLAIM_SECRET_BLOCK": block,
                "PASSWORD_CLAIM_SIGNATURE": proof.signature,
                "TIMESTAMP": proof.timestamp,
            },
        )["AuthenticationResult"]


@pytest.fixture(scope="module")
def pool(aws: Aws) -> Iterator[Pool]:
    cognito, name = aws.client("cognito-idp"), f"pool-{time.time_ns()}"
    trigger = aws.function(name, TRIGGER)
    pool_id = cognito.create_user_pool(
        PoolName=name,
        UsernameAttributes=["email"],
        DeletionProtection="ACTIVE",
        AdminCreateUserConfig={"AllowAdminCreateUserOnly": True},
        Schema=[{"Name": "organisation_id", "AttributeDataType": "String", "Mutable": True}],
        LambdaConfig={"PreTokenGenerationConfig": {"LambdaArn": trigger, "LambdaVersion": "V2_0"}},
    )["UserPool"]["Id"]
    client_id = cognito.create_user_pool_client(
        UserPoolId=pool_id,
        ClientName="main",
        ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        WriteAttributes=["email"],
    )["UserPoolClient"]["ClientId"]
    made = Pool(aws, pool_id, client_id, trigger)
    permit(made)
    yield made


def permit(pool: Pool, pool_id: str | None = None) -> None:
    pool.aws.client("lambda").add_permission(
        FunctionName=pool.trigger,
        StatementId="pool",
        Action="lambda:InvokeFunction",
        Principal="cognito-idp.amazonaws.com",
        SourceArn=f"arn:aws:cognito-idp:{REGION}:{ACCOUNT}:userpool/{pool_id or pool.id}",
    )


def claims(pool: Pool, token: str) -> dict[str, Any]:
    """The claims of a token, checked against the keys that the pool publishes."""
    http = urllib3.PoolManager(ca_certs=str(pool.aws.emulator.ca_bundle))
    answer = http.request("GET", f"{pool.aws.emulator.endpoint}/{pool.id}/.well-known/jwks.json")
    keys = {key["kid"]: jwt.PyJWK(key) for key in json.loads(answer.data)["keys"]}
    issuer = f"https://cognito-idp.{REGION}.amazonaws.com/{pool.id}"
    key = keys[jwt.get_unverified_header(token)["kid"]]
    return jwt.decode(token, key, algorithms=["RS256"], issuer=issuer, options={"verify_aud": False})


def test_srp_sign_in_gives_an_access_token_with_the_triggers_claims(pool: Pool) -> None:
    pool.user("ann@example.org")
    found = claims(pool, pool.sign_in("ann@example.org")["AccessToken"])
    assert (found["token_use"], found["client_id"]) == ("access", pool.client_id)
    assert found["custom:organisation_id"] == "org-1"
    assert found["organisations"] == "org-1,org-2"
    assert found["email"] == "ann@example.org"


def test_a_wrong_password_is_refused(pool: Pool) -> None:
    pool.user("eve@example.org")
    with pytest.raises(ClientError, match="NotAuthorizedException"):
        pool.sign_in("eve@example.org", "Wrong-Horse-7")


def test_a_client_cannot_write_an_attribute_that_is_not_on_its_list(pool: Pool) -> None:
    pool.user("bob@example.org")
    token = pool.sign_in("bob@example.org")["AccessToken"]
    cognito = pool.aws.client("cognito-idp")
    organisation = {"Name": "custom:organisation_id", "Value": "org-2"}
    with pytest.raises(ClientError, match="unauthorized attribute"):
        cognito.update_user_attributes(AccessToken=token, UserAttributes=[organisation])
    cognito.update_user_attributes(AccessToken=token, UserAttributes=[{"Name": "email", "Value": "bob@example.org"}])
    assert claims(pool, pool.sign_in("bob@example.org")["AccessToken"])["custom:organisation_id"] == "org-1"


def test_no_sign_up_where_administrators_make_users(pool: Pool) -> None:
    with pytest.raises(ClientError, match="SignUp is not permitted"):
        pool.aws.client("cognito-idp").sign_up(
            ClientId=pool.client_id, Username="mallory@example.org", Password=PASSWORD
        )


def test_one_of_many_makes_an_account(pool: Pool) -> None:
    cognito = pool.aws.client("cognito-idp")

    def create(_: int) -> str:
        try:
            pool.aws.client("cognito-idp").admin_create_user(
                UserPoolId=pool.id, Username="one@example.com", MessageAction="SUPPRESS"
            )
        except ClientError as error:
            return error.response["Error"]["Code"]
        return "made"

    with ThreadPoolExecutor(16) as threads:
        ends = Counter(threads.map(create, range(32)))
    assert ends == {"made": 1, "UsernameExistsException": 31}
    users = cognito.list_users(UserPoolId=pool.id, Filter='email = "one@example.com"')["Users"]
    assert len(users) == 1


def test_a_failing_trigger_fails_the_sign_in(pool: Pool) -> None:
    pool.user("fail@example.org", organisation="fail")
    with pytest.raises(ClientError, match="UserLambdaValidationException"):
        pool.sign_in("fail@example.org")


def test_a_trigger_needs_its_permission(pool: Pool) -> None:
    pool.user("carl@example.org")
    functions = pool.aws.client("lambda")
    functions.remove_permission(FunctionName=pool.trigger, StatementId="pool")
    permit(pool, "eu-west-1_another")
    with pytest.raises(ClientError, match="AccessDeniedException"):
        pool.sign_in("carl@example.org")
    functions.remove_permission(FunctionName=pool.trigger, StatementId="pool")
    permit(pool)
    assert pool.sign_in("carl@example.org")["AccessToken"]


def test_deletion_protection(pool: Pool, unique: Callable[[str], str]) -> None:
    cognito = pool.aws.client("cognito-idp")
    with pytest.raises(ClientError, match="deletion protection"):
        cognito.delete_user_pool(UserPoolId=pool.id)
    other = cognito.create_user_pool(PoolName=unique("pool"))["UserPool"]["Id"]
    cognito.delete_user_pool(UserPoolId=other)


def test_a_lite_pool_writes_into_id_tokens_alone(aws: Aws, unique: Callable[[str], str]) -> None:
    cognito, name = aws.client("cognito-idp"), unique("lite")
    code = """
def handler(event, context):
    assert event["version"] == "1" and event["response"] == {"claimsOverrideDetails": None}, event
    claims = {"organisations": "org-1,org-2"}
    # The answer of another version is not read.
    event["response"] = {
        "claimsOverrideDetails": {"claimsToAddOrOverride": claims},
        "claimsAndScopeOverrideDetails": {
            kind: {"claimsToAddOrOverride": {"email": "eve@example.org"}}
            for kind in ("accessTokenGeneration", "idTokenGeneration")
        },
    }
    return event
"""
    trigger = aws.function(name, code)
    settings: dict[str, Any] = {
        "UserPoolTier": "LITE",
        "UsernameAttributes": ["email"],
        "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": True},
        "Schema": [{"Name": "organisation_id", "AttributeDataType": "String", "Mutable": True}],
    }

    def writes_into(version: str) -> dict[str, Any]:
        return {"PreTokenGenerationConfig": {"LambdaArn": trigger, "LambdaVersion": version}}

    for version in ("V2_0", "V3_0"):
        with pytest.raises(ClientError, match=r"FeatureUnavailableInTier.*Access Token Customization"):
            cognito.create_user_pool(PoolName=name, LambdaConfig=writes_into(version), **settings)
    made = cognito.create_user_pool(PoolName=name, LambdaConfig=writes_into("V1_0"), **settings)["UserPool"]["Id"]
    with pytest.raises(ClientError, match="FeatureUnavailableInTier"):
        cognito.update_user_pool(UserPoolId=made, LambdaConfig=writes_into("V2_0"))
    client = cognito.create_user_pool_client(
        UserPoolId=made,
        ClientName="main",
        ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        ReadAttributes=["custom:organisation_id", "email", "email_verified"],
    )["UserPoolClient"]["ClientId"]
    lite = Pool(aws, made, client, trigger)
    permit(lite)
    lite.user("lia@example.org")
    tokens = lite.sign_in("lia@example.org")
    found = claims(lite, tokens["IdToken"])
    assert (found["token_use"], found["aud"], found["organisations"]) == ("id", client, "org-1,org-2")
    assert (found["custom:organisation_id"], found["email"]) == ("org-1", "lia@example.org")
    assert found["email_verified"] is True
    assert not {"organisations", "custom:organisation_id", "email", "aud"} & claims(lite, tokens["AccessToken"]).keys()


@pytest.mark.parametrize(
    ("readable", "said"),
    [
        (["email"], {"email"}),
        (["custom:organisation_id", "email_verified", "name"], {"custom:organisation_id", "email_verified", "name"}),
        # Without a list: whatever is no attribute of one's own.
        (None, {"email", "email_verified", "name"}),
    ],
)
def test_an_id_token_says_what_its_client_may_read(pool: Pool, readable: list[str] | None, said: set[str]) -> None:
    cognito = pool.aws.client("cognito-idp")
    given = {} if readable is None else {"ReadAttributes": readable}
    client = cognito.create_user_pool_client(
        UserPoolId=pool.id, ClientName="reader", ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH"], **given
    )["UserPoolClient"]["ClientId"]
    reader = Pool(pool.aws, pool.id, client, pool.trigger)
    # Of the second nobody has said that the address is verified.
    for verified in ({"email_verified": "true"}, {}):
        email = f"{len(verified)}-{client.lower()}@example.org"
        reader.user(email, name="Rea", **verified)
        found = claims(reader, reader.sign_in(email)["IdToken"])
        assert found.keys() & {"custom:organisation_id", "email", "email_verified", "name"} == said
        assert found.get("email_verified") in (None, bool(verified))


def test_no_pool_becomes_lite_that_writes_into_access_tokens(pool: Pool) -> None:
    """A plan changes once what it lacks is switched off, in the same request at the latest."""
    with pytest.raises(ClientError, match=r"TierChangeNotAllowed.*Access Token Customization"):
        pool.aws.client("cognito-idp").update_user_pool(UserPoolId=pool.id, UserPoolTier="LITE")


@pytest.fixture(scope="module")
def people(aws: Aws) -> str:
    """A pool that does not look at the case of names, as ours; its id."""
    definitions: list[dict[str, Any]] = [
        {
            "Name": "organisation_id",
            "Mutable": True,
            "StringAttributeConstraints": {"MinLength": "2", "MaxLength": "8"},
        },
        {"Name": "born", "Mutable": False},
        {
            "Name": "age",
            "AttributeDataType": "Number",
            "Mutable": True,
            "NumberAttributeConstraints": {"MinValue": "0", "MaxValue": "150"},
        },
    ]
    return aws.client("cognito-idp").create_user_pool(
        PoolName=f"people-{time.time_ns()}",
        UsernameAttributes=["email"],
        UsernameConfiguration={"CaseSensitive": False},
        Schema=[{"AttributeDataType": "String"} | one for one in definitions],
    )["UserPool"]["Id"]


def attributes(**values: str) -> list[dict[str, str]]:
    return [{"Name": name.replace("custom_", "custom:"), "Value": value} for name, value in values.items()]


def test_names_without_case(aws: Aws, people: str) -> None:
    cognito = aws.client("cognito-idp")
    made = cognito.admin_create_user(UserPoolId=people, Username="Ada@b.example", MessageAction="SUPPRESS")["User"]
    for name in ("ada@b.example", "ADA@B.EXAMPLE", made["Username"]):
        assert cognito.admin_get_user(UserPoolId=people, Username=name)["Username"] == made["Username"]
        with pytest.raises(ClientError, match="UsernameExistsException"):
            cognito.admin_create_user(
                UserPoolId=people, Username=name if "@" in name else "aDa@b.example", MessageAction="SUPPRESS"
            )
    cognito.admin_create_user(UserPoolId=people, Username="adb@b.example", MessageAction="SUPPRESS")
    with pytest.raises(ClientError, match="AliasExistsException"):
        cognito.admin_update_user_attributes(
            UserPoolId=people, Username="adb@b.example", UserAttributes=attributes(email="ADA@b.example")
        )
    cognito.admin_disable_user(UserPoolId=people, Username="ADA@b.example")
    assert not cognito.admin_get_user(UserPoolId=people, Username="ada@b.example")["Enabled"]
    cognito.admin_delete_user(UserPoolId=people, Username="ADA@B.example")
    with pytest.raises(ClientError, match="UserNotFoundException"):
        cognito.admin_get_user(UserPoolId=people, Username="Ada@b.example")


def test_names_with_case(aws: Aws) -> None:
    cognito = aws.client("cognito-idp")
    pool = cognito.create_user_pool(
        PoolName="strict", UsernameAttributes=["email"], UsernameConfiguration={"CaseSensitive": True}
    )["UserPool"]["Id"]
    for name in ("ada@b.example", "Ada@b.example"):
        cognito.admin_create_user(UserPoolId=pool, Username=name, MessageAction="SUPPRESS")
    with pytest.raises(ClientError, match="UserNotFoundException"):
        cognito.admin_get_user(UserPoolId=pool, Username="ADA@b.example")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("custom:nobody", "a", "Attribute does not exist in the schema"),
        ("shoe_size", "a", "Attribute does not exist in the schema"),
        ("custom:organisation_id", "a" * 9, "no longer than 8"),
        ("custom:organisation_id", "a", "at least 2"),
        ("custom:age", "151", "out of its range"),
        ("custom:age", "old", "no number"),
        ("email_verified", "perhaps", "neither true nor false"),
        ("email", "nowhere", "email"),
        ("phone_number", "0800", "Invalid phone number format"),
        ("birthdate", "2000", "at least 10"),
        ("name", "a" * 2049, "2048"),
    ],
)
def test_attributes_that_do_not_fit(aws: Aws, people: str, name: str, value: str, message: str) -> None:
    cognito, username = aws.client("cognito-idp"), f"{time.time_ns()}@fit.example"
    given = [{"Name": name, "Value": value}]
    with pytest.raises(ClientError, match=f"InvalidParameterException.*{message}"):
        cognito.admin_create_user(UserPoolId=people, Username=username, MessageAction="SUPPRESS", UserAttributes=given)
    cognito.admin_create_user(UserPoolId=people, Username=username, MessageAction="SUPPRESS")
    with pytest.raises(ClientError, match=f"InvalidParameterException.*{message}"):
        cognito.admin_update_user_attributes(UserPoolId=people, Username=username, UserAttributes=given)


def test_attributes_that_never_change(aws: Aws, people: str) -> None:
    cognito, username = aws.client("cognito-idp"), f"{time.time_ns()}@never.example"
    fixed = attributes(custom_born="here", custom_organisation_id="org-1", custom_age="5")
    cognito.admin_create_user(UserPoolId=people, Username=username, MessageAction="SUPPRESS", UserAttributes=fixed)
    with pytest.raises(ClientError, match=r"InvalidParameterException.*cannot be updated"):
        cognito.admin_update_user_attributes(
            UserPoolId=people, Username=username, UserAttributes=attributes(custom_born="there")
        )
    cognito.admin_update_user_attributes(
        UserPoolId=people, Username=username, UserAttributes=attributes(custom_organisation_id="org-2")
    )


def test_filters_of_list_users(aws: Aws, people: str) -> None:
    cognito = aws.client("cognito-idp")
    for name in ("fay", "fox"):
        cognito.admin_create_user(
            UserPoolId=people,
            Username=f"{name}@filter.example",
            MessageAction="SUPPRESS",
            UserAttributes=attributes(given_name='Fa"y' if name == "fay" else name),
        )
    cognito.admin_disable_user(UserPoolId=people, Username="fox@filter.example")

    def found(text: str) -> list[str]:
        users = cognito.list_users(UserPoolId=people, Filter=text)["Users"]
        emails = (next(one["Value"] for one in user["Attributes"] if one["Name"] == "email") for user in users)
        return sorted(email.partition("@")[0] for email in emails if email.endswith("@filter.example"))

    assert found('email = "FAY@filter.example"') == ["fay"]
    assert found('"email"^="f"') == ["fay", "fox"]
    assert found('given_name = "Fa\\"y"') == ["fay"]
    assert found('status = "Disabled"') == ["fox"]
    assert found('cognito:user_status = "FORCE_CHANGE_PASSWORD"') == ["fay", "fox"]
    assert found('cognito:user_status = "CONFIRMED"') == []
    for text in ("email = fay", "email", 'email != "a"', 'email = "a" or email = "b"', 'email == "a"', "email = 'a'"):
        with pytest.raises(ClientError, match=r"InvalidParameterException.*parsing filter"):
            found(text)
    for name in ("custom:organisation_id", "birthdate", "colour"):
        with pytest.raises(ClientError, match=r"InvalidParameterException.*search attribute"):
            found(f'{name} = "a"')
