"""DynamoDB's own way through the local AWS: shim `direct`."""

from __future__ import annotations

import datetime
import http.client
import json
import ssl
import time
from contextvars import Context
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from ministack import app
from ministack.core import iam_actions
from ministack.services import dynamodb, iam, sts

from bbws_access.kernel.signature import Signer
from bbws_access.local_aws.shims import direct
from bbws_access.local_aws.shims.dynamodb import _CheckedArn
from tests.local_aws.conftest import ACCOUNT, REGION, Aws

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY, SECRET, TOKEN = "ASIATESTOFDIRECT0000", "secret", "token"
TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/direct-table"
BODY = {"TableName": "direct-table", "Key": {"PK": {"S": "OWN#1"}}}
KNOWN = [
    (b"host", b"127.0.0.1:2000"),
    (b"x-amz-target", b"DynamoDB_20120810.GetItem"),
    (b"x-amz-date", b"20260101T000000Z"),
    (b"authorization", b"AWS4-HMAC-SHA256 ..."),
    (b"content-type", b"application/x-amz-json-1.0"),
    (b"content-length", b"2"),
]


def changed(**headers: str) -> list[tuple[bytes, bytes]]:
    values = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return list({**dict(KNOWN), **values}.items())


@pytest.mark.parametrize(
    ("method", "url", "headers", "operation"),
    [
        (b"POST", b"/", KNOWN, "GetItem"),
        (b"POST", b"/", changed(x_amz_security_token="t", user_agent="Boto3"), "GetItem"),
        (b"POST", b"/", changed(x_amz_target="DynamoDB_20120810.CreateTable"), None),
        (b"POST", b"/", changed(x_amz_target="DynamoDB_20120810.ExecuteStatement"), None),
        (b"POST", b"/", changed(x_amz_target="DynamoDBStreams_20120810.GetItem"), None),
        (b"POST", b"/", changed(x_amz_target="AWSEvents.GetItem"), None),
        (b"POST", b"/", changed(host="dynamodb.eu-west-1.amazonaws.com"), None),
        (b"POST", b"/", changed(host="a1b2c3.execute-api.127.0.0.1:2000"), None),
        (b"POST", b"/", changed(content_type="application/x-www-form-urlencoded"), None),
        (b"POST", b"/", changed(content_encoding="gzip"), None),
        (b"POST", b"/", changed(transfer_encoding="chunked"), None),
        (b"POST", b"/", changed(x_amz_content_sha256="STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), None),
        (b"POST", b"/", changed(x_forwarded_proto="http"), None),
        (b"POST", b"/", [*KNOWN, (b"x-amz-target", b"DynamoDB_20120810.PutItem")], None),
        (b"POST", b"/", KNOWN[:-1], None),
        (b"POST", b"/?Action=CreateUser", KNOWN, None),
        (b"POST", b"/bucket", KNOWN, None),
        (b"GET", b"/", KNOWN, None),
    ],
)
def test_only_usual_requests_are_looked_at(method: bytes, url: bytes, headers: Any, operation: str | None) -> None:
    assert direct.operation_of(method, url, headers) == operation


def wired(headers: Any) -> list[tuple[bytes, bytes]]:
    """Headers of botocore, as a server reads them."""
    return [
        (name.lower().encode(), value if isinstance(value, bytes) else str(value).encode())
        for name, value in headers.items()
    ]


def test_what_clients_send_is_usual() -> None:
    sent: list[Any] = []

    def keep(request: Any, **_: Any) -> None:
        sent.append(wired(request.headers))
        raise InterruptedError

    client = boto3.client(
        "dynamodb", region_name=REGION, endpoint_url="https://127.0.0.1:1", aws_access_key_id=KEY,
        aws_secret_access_key=SECRET, aws_session_token=TOKEN,
    )  # fmt: skip
    client.meta.events.register("before-send.dynamodb", keep)
    with pytest.raises(InterruptedError):
        client.get_item(**BODY)
    # Which the connection adds.
    (headers,) = sent
    assert direct.operation_of(b"POST", b"/", [*headers, (b"host", b"127.0.0.1:1")]) == "GetItem"

    signer = Signer("dynamodb", REGION, "127.0.0.1:1", "application/x-amz-json-1.0")
    credentials = type("Credentials", (), {"access_key": KEY, "secret_key": SECRET, "token": TOKEN})
    head = signer.request(b"{}", credentials, target="DynamoDB_20120810.Query").partition(b"\r\n\r\n")[0].split(b"\r\n")
    lines = [line.partition(b": ") for line in head[1:]]
    assert direct.operation_of(b"POST", b"/", [(name.lower(), value) for name, _, value in lines]) == "Query"


class Request:
    """A signed request, as it comes from a connection `late` seconds after it was signed."""

    def __init__(self, *, late: float = 0, secret: str = SECRET, region: str = REGION, body: Any = BODY):
        self.body = json.dumps(body).encode()
        request = AWSRequest(
            "POST", "https://127.0.0.1:2000/", data=self.body,
            headers={"X-Amz-Target": "DynamoDB_20120810.GetItem", "Content-Type": "application/x-amz-json-1.0"},
        )  # fmt: skip
        with pytest.MonkeyPatch.context() as patch:
            if late:
                moment = datetime.datetime.fromtimestamp(time.time() - late, datetime.UTC).replace(tzinfo=None)
                patch.setattr("botocore.auth.get_current_datetime", lambda *_: moment)
            SigV4Auth(Credentials(KEY, secret, TOKEN), "dynamodb", region).add_auth(request)
        self.headers = {name.lower(): value for name, value in request.headers.items()}
        self.headers |= {"host": "127.0.0.1:2000", "content-length": str(len(self.body))}

    def ready(self) -> bool:
        headers = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        assert direct.operation_of(b"POST", b"/", headers) == "GetItem"
        return Context().run(direct.prepare, "GetItem", headers, self.body, "127.0.0.1", secure=True) is not None


def allowing(resource: str = TABLE, effect: str = "Allow", **condition: Any) -> str:
    statement = {"Effect": effect, "Action": "dynamodb:GetItem", "Resource": resource, "Condition": condition}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def role(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    monkeypatch.setattr(app, "_reset_lock", None)
    monkeypatch.setattr(iam_actions, "json", json)
    direct.install()
    role = {"RoleName": "direct", "InlinePolicies": {"own": allowing()}, "AttachedPolicies": []}
    iam._roles["direct"] = role
    sts._sessions[KEY] = {
        "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/direct/session",
        "SecretAccessKey": SECRET,
        "SessionToken": TOKEN,
        "Expiration": time.time() + 3600,
        "PrincipalType": "AssumedRole",
    }
    yield role
    iam._roles.pop("direct", None)
    sts._sessions.pop(KEY, None)


def test_who_signs_and_may_is_served(role: dict[str, Any]) -> None:
    assert Request().ready()
    assert Request(late=600).ready()


HEADERS: list[Callable[[dict[str, str]], Any]] = [
    lambda headers: headers.update(authorization=headers["authorization"][:-1] + "0"),
    lambda headers: headers.update(authorization=headers["authorization"][:-1] + "1"),
    lambda headers: headers.update({"host": "localhost:2000"}),
    lambda headers: headers.update({"x-amz-date": headers["x-amz-date"][:-2] + "xZ"}),
    lambda headers: headers.update({"x-amz-security-token": "other"}),
    lambda headers: headers.pop("x-amz-security-token"),
    lambda headers: headers.update(authorization=headers["authorization"].replace("/dynamodb/", "/s3/")),
    lambda headers: headers.update(authorization=headers["authorization"].replace("eu-west-1", "eu-west-2")),
    lambda headers: headers.update(authorization=headers["authorization"].replace("host;", "")),
    lambda headers: headers.update(authorization=headers["authorization"].replace(KEY, "ASIANOBODY0000000000")),
    lambda headers: headers.update(authorization="Bearer token"),
]


@pytest.mark.parametrize("change", range(len(HEADERS)))
def test_a_changed_head_is_not_signed(role: dict[str, Any], change: int) -> None:
    request = Request()
    before = dict(request.headers)
    HEADERS[change](request.headers)
    # One of both last digits may be the right one.
    assert request.headers == before or not request.ready()


@pytest.mark.parametrize("request_", [
    {"secret": "other"}, {"late": 16 * 60}, {"late": -16 * 60}, {"late": 86400},
    {"body": BODY | {"TableName": "other-table"}}, {"body": BODY | {"Key": "OWN#1"}},
    {"body": {}}, {"body": []}, {"body": "text"},
], ids=str)  # fmt: skip
def test_others_go_the_way_of_all(role: dict[str, Any], request_: dict[str, Any]) -> None:
    assert not Request(**request_).ready()


def test_a_changed_body_is_not_signed(role: dict[str, Any]) -> None:
    request = Request()
    request.body = request.body.replace(b"OWN#1", b"OWN#2")
    assert not request.ready()


SESSION: dict[str, Any] = {
    "SecretAccessKey": "new",
    "SessionToken": "new",
    "Expiration": time.time() - 1,
    "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/nobody/session",
    "PrincipalType": "",
    "SessionPolicy": None,
}


@pytest.mark.parametrize("name", ["SecretAccessKey", "SessionToken", "Expiration", "Arn"])
def test_what_changes_of_a_session_counts_at_once(role: dict[str, Any], name: str) -> None:
    """Also what was right a moment ago: signing keys and texts are remembered."""
    request, session = Request(), sts._sessions[KEY]
    assert request.ready()
    before = session[name]
    session[name] = SESSION[name]
    assert not request.ready()
    session[name] = before
    assert request.ready()
    sts._sessions.pop(KEY)
    assert not request.ready()


@pytest.mark.parametrize("after", [
    {}, {"own": allowing("*", "Deny")}, {"own": allowing(), "deny": allowing("*", "Deny")},
    {"own": allowing(TABLE + "-2")}, {"own": allowing(Bool={"aws:SecureTransport": "false"})},
    {"own": allowing(StringEquals={"dynamodb:Select": "COUNT"})},
], ids=str)  # fmt: skip
def test_what_changes_of_policies_counts_at_once(role: dict[str, Any], after: dict[str, str]) -> None:
    request = Request()
    for _ in range(2):
        assert request.ready()
        role["InlinePolicies"], before = after, role["InlinePolicies"]
        assert not request.ready()
        role["InlinePolicies"] = before


def test_a_boundary_counts_at_once(role: dict[str, Any]) -> None:
    assert Request().ready()
    role["PermissionsBoundary"] = "arn:aws:iam::aws:policy/job-function/Nothing"
    assert not Request().ready()


def test_nobody_is_served_during_a_reset(role: dict[str, Any]) -> None:
    class Locked:
        def locked(self) -> bool:
            return True

    app._reset_lock = Locked()
    assert not Request().ready()


@pytest.mark.parametrize(("module", "name"), [(dynamodb, "_get_item"), (direct.shim, "conflict")])
def test_a_fault_of_ministack_is_an_answer(
    role: dict[str, Any], monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    """Also later, where a transaction ends and nobody is left to raise it to."""

    def fail(*_: Any) -> Any:
        raise KeyError("lost")

    monkeypatch.setattr(module, name, fail)
    status, _, body = direct.serve(direct.Ready("GetItem", {}, {}, b"{}", REGION))
    assert (status, json.loads(body)["__type"]) == (500, "InternalError")


def test_who_asks_is_found_once_and_known_for_one_request(
    role: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_fnmatch_compile", "parse_policy_document", "request_caller_arn", "_names_condition_key", "_dt"):
        monkeypatch.setattr(direct.iam_evaluator, name, getattr(direct.iam_evaluator, name))
    monkeypatch.setattr(direct.iam_evaluator, "is_root_access_key", direct.iam_evaluator.is_root_access_key)
    monkeypatch.setitem(iam._IAM_HANDLERS, "PutRolePolicy", iam._IAM_HANDLERS["PutRolePolicy"])
    resolve, asked = direct.iam_evaluator.resolve_principal, []
    monkeypatch.setattr(direct.iam_evaluator, "resolve_principal", lambda *who: asked.append(who[0]) or resolve(*who))
    direct.iam.install()

    def prepared(body: Any) -> bool:
        request = Request(body=body)
        headers = [(name.encode(), value.encode()) for name, value in request.headers.items()]
        context = Context()
        ready = context.run(direct.prepare, "GetItem", headers, request.body, "127.0.0.1", secure=True)
        assert context.run(direct.iam._known.get) is None
        return ready is not None

    assert prepared(BODY)
    assert asked == [KEY]
    role["InlinePolicies"], before = {}, role["InlinePolicies"]
    assert not prepared(BODY)
    role["InlinePolicies"] = before
    assert prepared(BODY)
    assert not prepared(BODY | {"TableName": "other-table"})


@pytest.mark.parametrize(
    "names", [(), ("aws:ResourceTag/a",), ("aws:SourceIp",), ("AWS:RESOURCETAG/B", "aws:SourceIp")]
)
def test_condition_keys_of_policies_are_found(names: tuple[str, ...]) -> None:
    text = allowing(StringEquals=dict.fromkeys(names, "x"))
    statements = direct.iam_evaluator.parse_policy_document(json.loads(text))
    for form in (statements, direct.iam._Statements(statements)):
        for prefix in ("aws:resourcetag/", "aws:sourceip", "aws:other"):
            expected = any(name.lower().startswith(prefix) for name in names)
            assert direct.iam._names_condition_key([[], form], prefix) == expected


@pytest.mark.parametrize("forbidden", ["other partition", "other table", "other action"])
def test_equal_parts_of_a_transaction_are_asked_about_once_and_each_other_one_too(
    monkeypatch: pytest.MonkeyPatch, forbidden: str
) -> None:
    asked: list[tuple[str, str, list[str]]] = []

    def enforce(_: str, action: str, *rest: Any, resource_arn: str, **__: Any) -> str | None:
        asked.append((action, str(resource_arn), getattr(resource_arn, "leading_keys", [])))
        return "refused" if asked[-1] != ("dynamodb:PutItem", TABLE, ["OWN#1"]) else None

    def parts(_: Any, body: Any, *__: Any) -> list[tuple[str, str]]:
        return [(action, _CheckedArn(arn, keys)) for action, arn, keys in body.data["parts"]]

    monkeypatch.setattr(direct.iam_evaluator, "enforce", enforce)
    monkeypatch.setattr(direct.iam_actions, "dynamodb_service_context", lambda _: {})
    monkeypatch.setattr(direct.iam_actions, "dynamodb_transaction_checks", parts)
    usual = ("dynamodb:PutItem", TABLE, ["OWN#1"])
    other = {
        "other partition": ("dynamodb:PutItem", TABLE, ["OWN#2"]),
        "other table": ("dynamodb:PutItem", f"{TABLE}-2", ["OWN#1"]),
        "other action": ("dynamodb:ConditionCheckItem", TABLE, ["OWN#1"]),
    }[forbidden]
    assert direct._is_allowed(direct.TRANSACTION, KEY, REGION, {"parts": [usual] * 30}, b"")
    assert asked == [usual]
    for place in (0, 15, 30):
        asked.clear()
        listed = [usual] * 30
        listed.insert(place, other)
        assert not direct._is_allowed(direct.TRANSACTION, KEY, REGION, {"parts": listed}, b"")
        assert other in asked


# Through the running local AWS: the way of all is asked by a header that nobody else sends.

ITEM = {"PK": {"S": "OWN#1"}, "SK": {"S": "one"}, "n": {"N": "1"}, "text": {"S": "äöü"}, "raw": {"B": b"\x00\xff"}}
ITEM_KEY = {name: ITEM[name] for name in ("PK", "SK")}
NAMED: dict[str, Any] = {"ExpressionAttributeValues": {":v": {"N": "1"}}}
PARTITION = {"KeyConditionExpression": "PK = :p", "ExpressionAttributeValues": {":p": {"S": "OWN#1"}}}
OWN, OWN_TOO = ({"Put": {"Item": ITEM | {"SK": {"S": sort}}}} for sort in ("two", "three"))
CHECK = {"ConditionExpression": "attribute_not_exists(PK)"}
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("put_item", {"Item": ITEM, "ReturnConsumedCapacity": "INDEXES"}),
    ("get_item", {"Key": ITEM_KEY, "ConsistentRead": True}),
    ("get_item", {"Key": {"PK": {"S": "OWN#9"}, "SK": {"S": "none"}}}),
    ("get_item", {"Key": {"PK": {"S": "OWN#9"}}}),
    ("get_item", {"Key": {"PK": {"S": "OTHER#9"}, "SK": {"S": "none"}}}),
    ("query", PARTITION),
    ("query", PARTITION | {"Select": "COUNT", "ReturnConsumedCapacity": "TOTAL"}),
    ("query", PARTITION | {"FilterExpression": "PK = :p"}),
    ("query", PARTITION | {"IndexName": "nowhere"}),
    ("scan", {}),
    ("update_item", {"Key": ITEM_KEY, "UpdateExpression": "SET n = n + :v", "ReturnValues": "ALL_NEW", **NAMED}),
    ("update_item", {"Key": ITEM_KEY, "UpdateExpression": "SET n = :w", **NAMED}),
    ("put_item", {"Item": ITEM, "ConditionExpression": "attribute_not_exists(PK)"}),
    ("transact_write_items", {"TransactItems": [{"Put": {"Item": ITEM, "ConditionExpression": "n < :v", **NAMED}}]}),
    ("transact_write_items", {"TransactItems": [{"Put": {"Item": ITEM}}]}),
    ("transact_write_items", {"TransactItems": [{"Put": {"Item": ITEM | {"PK": {"S": "OTHER#1"}}}}]}),
    ("transact_write_items", {"TransactItems": [OWN, OWN_TOO, {"Put": {"Item": ITEM | {"PK": {"S": "OTHER#1"}}}}]}),
    ("transact_write_items", {"TransactItems": [OWN, {"ConditionCheck": CHECK | {"Key": ITEM_KEY}}]}),
    ("transact_write_items", {"TransactItems": [OWN, OWN_TOO]}),
    ("transact_get_items", {"TransactItems": [{"Get": {"Key": ITEM_KEY}}]}),
    ("delete_item", {"Key": ITEM_KEY, "ReturnValues": "ALL_OLD"}),
]


@pytest.fixture(scope="module")
def tables(aws: Aws) -> list[str]:
    client, names = aws.client("dynamodb"), ["direct-ways-1", "direct-ways-2"]
    for name in names:
        client.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ITEM_KEY],
            KeySchema=[
                {"AttributeName": key, "KeyType": kind} for key, kind in zip(ITEM_KEY, ("HASH", "RANGE"), strict=True)
            ],
        )
    return names


def on(table: str, arguments: dict[str, Any]) -> dict[str, Any]:
    if "TransactItems" not in arguments:
        return {"TableName": table, **arguments}
    parts = arguments["TransactItems"]
    return {"TransactItems": [{name: {"TableName": table, **one} for name, one in part.items()} for part in parts]}


def answer(client: Any, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        return getattr(client, name)(**arguments)
    except ClientError as error:
        return error.response


def test_both_ways_answer_the_same(aws: Aws, tables: list[str]) -> None:
    statements = [
        {
            "Effect": "Allow",
            "Action": [f"dynamodb:{name}Item" for name in ("Get", "Put", "Update", "Delete")] + ["dynamodb:Query"],
            "Resource": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/direct-ways-*",
            "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["OWN#*"]}},
        },
        {"Effect": "Deny", "Action": "dynamodb:Scan", "Resource": "*"},
    ]
    role = aws.role("direct-ways", statements)
    ways: list[bool] = []
    answers = []
    for table, unusual in zip(tables, (False, True), strict=True):
        client = aws.assumed(role, "dynamodb")

        def mark(request: Any, unusual: bool = unusual, **_: Any) -> None:
            if unusual:
                request.headers["X-Unusual"] = "yes"
            operation = direct.operation_of(b"POST", b"/", [*wired(request.headers), (b"host", b"127.0.0.1:1")])
            ways.append(operation is not None)

        client.meta.events.register("before-send.dynamodb", mark)
        found = []
        for name, arguments in CALLS:
            one = answer(client, name, on(table, arguments))
            meta = one.pop("ResponseMetadata")
            headers = meta["HTTPHeaders"]
            kept = {key: value for key, value in headers.items() if key in ("content-type", "x-amz-crc32")}
            if meta["HTTPStatusCode"] < 400 and "ReturnConsumedCapacity" in arguments:
                kept.pop("x-amz-crc32")
            text = json.dumps([one, meta["HTTPStatusCode"], kept, sorted(headers)], default=repr, sort_keys=True)
            found.append(text.replace(table, "TABLE"))
        answers.append(found)
    assert ways == [True] * len(CALLS) + [False] * len(CALLS)
    for (name, arguments), one, other in zip(CALLS, *answers, strict=True):
        assert one == other, (name, arguments)


PUT = b'{"TableName":"TABLE","Item":{"PK":{"S":"a"},"SK":{"S":"b"},"n":%s}}'
# Also what makes MiniStack, or what checks requests, fail: whoever asks is told the same.
ODD = [
    b"", b"null", b"[]", b'"text"', b"{", b"{}", b"   ", b"\xef\xbb\xbf{}", b'{"TableName":NaN}',
    b'{"TableName":"\xff"}', '{"TableName":"TABLE"}'.encode("utf-16"), b"[" * 100_000,
    b'{"TableName":' + b"[" * 3000 + b"]" * 3000 + b"}",
    b'{"Limit":' + b"9" * 5000 + b"}", b'{"TransactItems":[{"Put":null}]}', b'{"TransactItems":[null]}', PUT % b"null",
    PUT % b'{"S":"\\u0000\\ud83d"}', PUT % (b'{"M":{"a":' * 400 + b'{"S":"x"}' + b"}}" * 400), PUT % b'{"N":"1e999"}',
    PUT % (b'{"S":"' + b"x" * 410_000 + b'"}'), PUT % (b'{"S":"' + b"x" * 1_100_000 + b'"}'), PUT % b'{"SS":["a","a"]}',
]  # fmt: skip


@pytest.mark.parametrize("operation", ["GetItem", "PutItem", "Query", "BatchWriteItem", direct.TRANSACTION])
def test_odd_bodies_are_answered_the_same(aws: Aws, tables: list[str], operation: str) -> None:
    trusted = ssl.create_default_context(cafile=str(aws.emulator.ca_bundle))
    headers = {
        "X-Amz-Target": f"DynamoDB_20120810.{operation}",
        "X-Amz-Date": "20260101T000000Z",
        "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/dynamodb/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={'0' * 64}",
        "Content-Type": "application/x-amz-json-1.0",
        # Functions name none, and what they ask is looked at.
        "User-Agent": "odd",
    }

    def answer(body: bytes, table: str, more: dict[str, str]) -> tuple[int, str | None, bytes]:
        connection = http.client.HTTPSConnection("127.0.0.1", aws.emulator.port, context=trusted, timeout=30)
        try:
            connection.request("POST", "/", body.replace(b"TABLE", table.encode()), headers | more)
            response = connection.getresponse()
            return response.status, response.headers["content-type"], response.read().replace(table.encode(), b"TABLE")
        finally:
            connection.close()

    for body in ODD:
        one, other = (answer(body, table, more) for table, more in zip(tables, ({}, {"X-Unusual": "1"}), strict=True))
        assert one == other, body[:80]


def test_a_change_of_iam_counts_for_the_next_request(aws: Aws, tables: list[str]) -> None:
    name, table = "direct-at-once", tables[0]
    resource = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}"
    statement = {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": resource}
    role, administrator = aws.role(name, []), aws.client("iam")
    client = aws.assumed(role, "dynamodb")

    def code() -> str:
        return answer(client, "get_item", {"TableName": table, "Key": ITEM_KEY}).get("Error", {}).get("Code", "")

    for _ in range(3):
        assert code() == "AccessDeniedException"
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        administrator.put_role_policy(RoleName=name, PolicyName="one", PolicyDocument=document)
        assert code() == ""
        denied = json.dumps({"Version": "2012-10-17", "Statement": [statement, statement | {"Effect": "Deny"}]})
        administrator.put_role_policy(RoleName=name, PolicyName="one", PolicyDocument=denied)
        assert code() == "AccessDeniedException"
        administrator.put_role_policy(RoleName=name, PolicyName="one", PolicyDocument=document)
        assert code() == ""
        administrator.delete_role_policy(RoleName=name, PolicyName="one")


def test_who_lies_about_a_signature_is_told_so(aws: Aws, tables: list[str]) -> None:
    credentials = aws.client("sts").assume_role(RoleArn=aws.role("direct-liar", []), RoleSessionName="test")
    right = {
        "key": credentials["Credentials"]["AccessKeyId"],
        "secret": credentials["Credentials"]["SecretAccessKey"],
        "token": credentials["Credentials"]["SessionToken"],
    }
    wrong = ({"secret": "other"}, {"token": "other"}, {"key": "ASIANOBODY0000000000"})
    codes = [
        answer(aws.client("dynamodb", **(right | one)), "get_item", {"TableName": tables[0], "Key": ITEM_KEY})["Error"][
            "Code"
        ]
        for one in ({}, *wrong)
    ]
    assert codes[:2] == ["AccessDeniedException", "InvalidSignatureException"]
    assert codes[2:] == ["UnrecognizedClientException"] * 2
