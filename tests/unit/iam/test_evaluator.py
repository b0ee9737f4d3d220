"""The evaluator that judges the policies has to be right itself."""

import pytest

from tests.support.iam import Request, is_allowed

TABLE = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders"
KEYS = "dynamodb:LeadingKeys"


def policy(*statements: dict) -> list[dict]:
    return [{"Version": "2012-10-17", "Statement": list(statements)}]


def allow(action: str = "dynamodb:GetItem", resource: str = TABLE, **condition: dict) -> dict:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return statement | ({"Condition": condition} if condition else {})


def get(*leading_keys: str, resource: str = TABLE) -> Request:
    return Request("dynamodb:GetItem", resource, {KEYS: leading_keys} if leading_keys else {})


def test_nothing_is_allowed_without_a_statement() -> None:
    assert not is_allowed(policy(allow("dynamodb:PutItem")), get())
    assert not is_allowed([], get())


def test_nothing_is_not_a_request_that_is_allowed() -> None:
    assert not is_allowed(policy(allow("*", "*")))


def test_a_deny_beats_every_allow() -> None:
    deny = {"Effect": "Deny", "Action": "dynamodb:*", "Resource": TABLE}
    assert not is_allowed([*policy(allow()), *policy(deny)], get())


@pytest.mark.parametrize(
    ("resource", "allowed"),
    [
        (TABLE, True),
        (f"{TABLE}/index/by-date", False),
        (f"{TABLE}s", False),
        (TABLE.replace("orders", "Orders"), False),
    ],
)
def test_resources_match_whole_and_with_case(resource: str, allowed: bool) -> None:
    assert is_allowed(policy(allow()), get(resource=resource)) is allowed


def test_actions_match_without_case() -> None:
    assert is_allowed(policy(allow("DynamoDB:getitem")), get())


def test_a_star_crosses_slashes() -> None:
    assert is_allowed(policy(allow(resource=f"{TABLE}/*")), get(resource=f"{TABLE}/index/by-date"))


LIKE = {"ForAllValues:StringLike": {KEYS: ["ORDER#*", "COUPON"]}}
PRESENT = {"Null": {KEYS: "false"}}


@pytest.mark.parametrize(
    ("keys", "allowed"),
    [
        (("ORDER#1",), True),
        (("ORDER#1", "COUPON"), True),
        (("ORDER#1", "CUSTOMER#1"), False),
        (("COUPON#1",), False),
        ((), False),
    ],
)
def test_every_leading_key_must_match_and_there_must_be_one(keys: tuple[str, ...], allowed: bool) -> None:
    assert is_allowed(policy(allow(**LIKE, **PRESENT)), get(*keys)) is allowed


def test_for_all_values_alone_lets_a_request_without_the_key_through() -> None:
    assert is_allowed(policy(allow(**LIKE)), get())


def test_a_condition_on_a_key_that_is_absent_fails() -> None:
    statement = allow(StringEquals={"kms:ViaService": "dynamodb.eu-west-1.amazonaws.com"})
    assert not is_allowed(policy(statement), get())


def test_all_parts_of_a_transaction_must_be_allowed() -> None:
    policies = policy(allow("dynamodb:PutItem", **LIKE, **PRESENT))
    put = Request("dynamodb:PutItem", TABLE, {KEYS: ("ORDER#1",)})
    assert is_allowed(policies, put, put)
    assert not is_allowed(policies, put, Request("dynamodb:UpdateItem", TABLE, {KEYS: ("ORDER#1",)}))


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "*", "NotResource": TABLE},
        {"Action": "*", "Resource": "*"},
        allow(NumericLessThan={"s3:max-keys": "10"}),
        allow(StringEqualsIfExists={KEYS: "ORDER#1"}),
        allow(StringLike={KEYS: "${aws:PrincipalTag/tenant}#*"}),
    ],
)
def test_what_is_not_understood_is_refused_loudly(statement: dict) -> None:
    with pytest.raises(ValueError, match="cannot evaluate"):
        is_allowed(policy(statement), get("ORDER#1"))


def test_a_set_is_not_compared_as_one_value() -> None:
    statement = policy(allow(StringLike={KEYS: "ORDER#*"}))
    assert is_allowed(statement, get("ORDER#1"))
    with pytest.raises(ValueError, match="takes ForAllValues"):
        is_allowed(statement, get("ORDER#1", "ORDER#2"))
