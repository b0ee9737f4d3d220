"""Leading keys in IAM, replicas, recovery: shim `dynamodb`.

MiniStack leaves the condition key out, so that ForAllValues lets everything through and Null refuses everything.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_aws.conftest import ACCOUNT, REGION, Aws

Call = Callable[[Any, str], Any]


@pytest.fixture(scope="module")
def table(aws: Aws) -> str:
    name = "leading-keys"
    keys = ("PK", "SK", "GPK")
    aws.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-g",
                "KeySchema": [{"AttributeName": "GPK", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    return name


@pytest.fixture(scope="module")
def restricted(aws: Aws, table: str) -> Any:
    arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}"
    reads = ["GetItem", "BatchGetItem", "Query", "Scan"]
    actions = [*reads, "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "ConditionCheckItem"]
    condition = {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["OWN#*"]},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }
    statement = {
        "Effect": "Allow",
        "Action": [f"dynamodb:{action}" for action in actions],
        "Resource": [arn, f"{arn}/index/*"],
        "Condition": condition,
    }
    return aws.assumed(aws.role("restricted", [statement]), "dynamodb")


def key(partition: str) -> dict[str, Any]:
    return {"PK": {"S": partition}, "SK": {"S": "1"}}


CALLS: dict[str, Callable[[Any, str, str], Any]] = {
    "PutItem": lambda client, table, pk: client.put_item(TableName=table, Item=key(pk) | {"GPK": {"S": pk}}),
    "GetItem": lambda client, table, pk: client.get_item(TableName=table, Key=key(pk)),
    "UpdateItem": lambda client, table, pk: client.update_item(
        TableName=table,
        Key=key(pk),
        UpdateExpression="SET #n = :n",
        ExpressionAttributeNames={"#n": "n"},
        ExpressionAttributeValues={":n": {"N": "1"}},
    ),
    "DeleteItem": lambda client, table, pk: client.delete_item(TableName=table, Key=key(pk)),
    "Query": lambda client, table, pk: client.query(
        TableName=table,
        KeyConditionExpression="#pk = :pk AND begins_with(SK, :sk)",
        ExpressionAttributeNames={"#pk": "PK"},
        ExpressionAttributeValues={":pk": {"S": pk}, ":sk": {"S": "1"}},
    ),
    "Query of an index": lambda client, table, pk: client.query(
        TableName=table,
        IndexName="by-g",
        KeyConditionExpression="GPK = :pk",
        ExpressionAttributeValues={":pk": {"S": pk}},
    ),
    "BatchGetItem": lambda client, table, pk: client.batch_get_item(
        RequestItems={table: {"Keys": [key("OWN#0"), key(pk)] if pk != "OWN#0" else [key(pk)]}}
    ),
    "BatchWriteItem": lambda client, table, pk: client.batch_write_item(
        RequestItems={
            table: [
                {"PutRequest": {"Item": key("OWN#first")}},
                {"DeleteRequest": {"Key": key(pk)}},
            ]
        }
    ),
    "TransactWriteItems": lambda client, table, pk: client.transact_write_items(
        TransactItems=[
            {"Put": {"TableName": table, "Item": key("OWN#first")}},
            {"Put": {"TableName": table, "Item": key(pk)}},
        ]
    ),
    "TransactWriteItems with a check": lambda client, table, pk: client.transact_write_items(
        TransactItems=[
            {"Delete": {"TableName": table, "Key": key("OWN#first")}},
            {
                "ConditionCheck": {
                    "TableName": table,
                    "Key": key(pk),
                    "ConditionExpression": "attribute_not_exists(nothing)",
                }
            },
        ]
    ),
    "TransactGetItems": lambda client, table, pk: client.transact_get_items(
        TransactItems=[{"Get": {"TableName": table, "Key": key(pk)}}]
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_leading_keys(restricted: Any, table: str, name: str) -> None:
    CALLS[name](restricted, table, "OWN#1")
    with pytest.raises(ClientError) as caught:
        CALLS[name](restricted, table, "OTHER#1")
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"


def test_a_batch_of_two_tables_is_judged_table_by_table(aws: Aws, table: str) -> None:
    """As the parts of a transaction are. AWS does not say; whoever is refused asks table by table."""
    second = f"{table}-second"
    aws.client("dynamodb").create_table(
        TableName=second,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK")],
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
    )
    statements = [
        {
            "Effect": "Allow",
            "Action": ["dynamodb:BatchGetItem"],
            "Resource": [f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"],
            "Condition": {
                "ForAllValues:StringLike": {"dynamodb:LeadingKeys": [keys]},
                "Null": {"dynamodb:LeadingKeys": "false"},
            },
        }
        for name, keys in ((table, "OWN#*"), (second, "OTHER#*"))
    ]
    client = aws.assumed(aws.role("two-tables", statements), "dynamodb")
    client.batch_get_item(RequestItems={table: {"Keys": [key("OWN#1")]}, second: {"Keys": [key("OTHER#1")]}})
    for first, other in (("OTHER#1", "OTHER#1"), ("OWN#1", "OWN#1"), ("OTHER#1", "OWN#1")):
        with pytest.raises(ClientError, match="AccessDenied"):
            client.batch_get_item(RequestItems={table: {"Keys": [key(first)]}, second: {"Keys": [key(other)]}})


def test_a_wildcard_stands_for_every_character(restricted: Any, table: str) -> None:
    restricted.put_item(TableName=table, Item=key("OWN#1\n2"))
    with pytest.raises(ClientError, match="AccessDenied"):
        restricted.put_item(TableName=table, Item=key("OTHER#\nOWN#1"))


def test_a_scan_names_no_partition(restricted: Any, table: str) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        restricted.scan(TableName=table)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"FilterExpression": "name = :p"}, "FilterExpression: Attribute name is a reserved keyword.*name"),
        ({"ProjectionExpression": "SK, status"}, "ProjectionExpression: Attribute name is a reserved keyword.*status"),
        ({"FilterExpression": "SK = :p"}, "non-primary key attributes: Primary key attribute: SK"),
        ({"FilterExpression": "#s = :p", "ExpressionAttributeNames": {"#s": "SK"}}, "Primary key attribute: SK"),
        ({"IndexName": "by-g", "KeyConditionExpression": "GPK = :p", "FilterExpression": "GPK = :p"}, "attribute: GPK"),
    ],
)
def test_expressions_that_dynamodb_refuses(aws: Aws, table: str, settings: dict[str, Any], message: str) -> None:
    request = {"KeyConditionExpression": "PK = :p", "ExpressionAttributeValues": {":p": {"S": "nobody"}}} | settings
    with pytest.raises(ClientError, match=message):
        aws.client("dynamodb").query(TableName=table, **request)


def test_expressions_that_dynamodb_takes(aws: Aws, table: str) -> None:
    client, values = aws.client("dynamodb"), {":p": {"S": "nobody"}}
    client.query(
        TableName=table,
        IndexName="by-g",
        KeyConditionExpression="GPK = :p",
        FilterExpression="begins_with(SK, :p) AND #n IN (:p)",
        ExpressionAttributeNames={"#n": "name"},
        ExpressionAttributeValues=values,
    )
    client.scan(TableName=table, FilterExpression="begins_with(PK, :p)", ExpressionAttributeValues=values)
    client.query(
        TableName=table,
        KeyConditionExpression="PK = :p AND SK BETWEEN :p AND :p",
        FilterExpression="attribute_not_exists(expiresAt) OR size(tag) > :n",
        ExpressionAttributeValues=values | {":n": {"N": "1"}},
    )


def test_an_ongoing_transaction_has_its_items_to_itself(aws: Aws, table: str) -> None:
    client = aws.client("dynamodb")
    count = {
        "TableName": table,
        "Key": key("COUNT"),
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    own = {"TableName": table, "ConditionExpression": "attribute_not_exists(nothing)"}
    done, refused = [0, 0], set()

    def write(number: int) -> None:
        mine = {"ConditionCheck": {**own, "Key": key(f"COUNT#{number}")}}
        for _ in range(1000):  # until each way of being refused has been seen
            try:
                if number % 2:
                    client.transact_write_items(TransactItems=[mine, {"Update": count}])
                else:
                    client.update_item(**count)
            except ClientError as error:
                reasons = [one["Code"] for one in error.response.get("CancellationReasons", ())]
                refused.add((error.response["Error"]["Code"], *reasons))
            else:
                done[number % 2] += 1
            if len(refused) == 2 and all(done):
                return

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(6)))
    assert refused == {
        ("TransactionCanceledException", "None", "TransactionConflict"),
        ("TransactionConflictException",),
    }
    item = client.get_item(TableName=table, Key=key("COUNT"), ConsistentRead=True)["Item"]
    assert int(item["n"]["N"]) == sum(done)


def test_replica_has_its_own_key(aws: Aws) -> None:
    regions = ("eu-west-1", "af-south-1")
    keys = {region: aws.client("kms", region).create_key()["KeyMetadata"]["Arn"] for region in regions}
    home, away = (aws.client("dynamodb", region) for region in regions)
    home.create_table(
        TableName="replicated",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
        SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": keys["eu-west-1"]},
    )
    update = {"Create": {"RegionName": "af-south-1", "KMSMasterKeyId": keys["af-south-1"]}}
    home.update_table(TableName="replicated", ReplicaUpdates=[update])
    [replica] = home.describe_table(TableName="replicated")["Table"]["Replicas"]
    assert replica["KMSMasterKeyId"] == keys["af-south-1"]
    encryption = away.describe_table(TableName="replicated")["Table"]["SSEDescription"]
    assert encryption["KMSMasterKeyArn"] == keys["af-south-1"]
    [replica] = away.describe_table(TableName="replicated")["Table"]["Replicas"]
    assert replica["KMSMasterKeyId"] == keys["eu-west-1"]


def test_recovery_period(aws: Aws, table: str) -> None:
    client = aws.client("dynamodb")
    for days in (35, 7):
        specification: dict[str, Any] = {"PointInTimeRecoveryEnabled": True}
        if days != 35:
            specification["RecoveryPeriodInDays"] = days
        client.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification=specification)
        description = client.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
        assert description["PointInTimeRecoveryDescription"]["RecoveryPeriodInDays"] == days


def test_values_of_another_type(aws: Aws, unique: Callable[[str], str]) -> None:
    """An item whose attribute is of another type than an expression compares does not match, and is no error."""
    client, name = aws.client("dynamodb"), unique("types")
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
    )
    kinds: dict[str, Any] = {
        "text": {"S": "abc"},
        "number": {"N": "3"},
        "flag": {"BOOL": True},
        "nothing": {"NULL": True},
        "list": {"L": [{"S": "a"}, {"S": "b"}, {"S": "c"}]},
        "map": {"M": {"a": {"S": "a"}}},
        "set": {"SS": ["a", "b", "c"]},
        "bytes": {"B": b"abc"},
    }
    for kind, value in kinds.items():
        client.put_item(TableName=name, Item={"PK": {"S": kind}, "a": value})
    client.put_item(TableName=name, Item={"PK": {"S": "absent"}})

    def found(expression: str, **values: Any) -> set[str]:
        answer = client.scan(
            TableName=name,
            FilterExpression=expression,
            ExpressionAttributeValues={f":{key}": value for key, value in values.items()},
        )
        return {item["PK"]["S"] for item in answer["Items"]}

    number, text = {"N": "3"}, {"S": "ab"}
    assert found("begins_with(a, :v)", v=text) == {"text"}
    assert found("begins_with(a, :v)", v={"B": b"ab"}) == {"bytes"}
    assert found("NOT begins_with(a, :v)", v=text) == kinds.keys() - {"text"} | {"absent"}
    assert found("size(a) = :v", v=number) == {"text", "list", "set", "bytes"}
    assert found("size(a) < :v", v={"N": "4"}) == {"text", "list", "set", "bytes", "map"}
    assert found("a > :v", v={"N": "2"}) == {"number"}
    assert found("a > :v", v={"S": "3"}) == {"text"}
    assert found("a BETWEEN :v AND :w", v={"S": "a"}, w={"S": "b"}) == {"text"}
    assert found("a = :v", v={"S": "3"}) == set()
    assert found("a <> :v", v=number) >= kinds.keys() - {"number"}
    assert found("contains(a, :v)", v={"S": "b"}) == {"text", "list", "set"}
    # As a condition it does not hold, where MiniStack answers that the expression is wrong.
    with pytest.raises(ClientError, match="ConditionalCheckFailedException"):
        client.delete_item(
            TableName=name,
            Key={"PK": {"S": "number"}},
            ConditionExpression="begins_with(a, :v)",
            ExpressionAttributeValues={":v": text},
        )


def test_a_transaction_is_known_by_its_token(aws: Aws, table: str) -> None:
    client = aws.client("dynamodb")

    def add(number: str) -> None:
        update = {
            "TableName": table,
            "Key": key("TOKEN"),
            "UpdateExpression": "ADD added :n",
            "ExpressionAttributeValues": {":n": {"N": number}},
        }
        client.transact_write_items(TransactItems=[{"Update": update}], ClientRequestToken="a-token")

    add("2")
    add("2")
    assert client.get_item(TableName=table, Key=key("TOKEN"))["Item"]["added"] == {"N": "2"}
    with pytest.raises(ClientError) as refused:
        add("3")
    assert refused.value.response["Error"]["Code"] == "IdempotentParameterMismatchException"


def test_a_stream_tells_what_an_item_was(aws: Aws, unique: Callable[[str], str]) -> None:
    client, name = aws.client("dynamodb"), unique("streamed")
    arn = client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]["LatestStreamArn"]
    for number in ("1", "2"):
        client.put_item(TableName=name, Item={"PK": {"S": "a"}, "n": {"L": [{"N": number}]}})
    client.delete_item(TableName=name, Key={"PK": {"S": "a"}})
    streams = aws.client("dynamodbstreams")
    [shard] = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")[
        "ShardIterator"
    ]
    records = streams.get_records(ShardIterator=iterator)["Records"]
    told = [
        [one["dynamodb"].get(image, {}).get("n", {}).get("L") for image in ("OldImage", "NewImage")] for one in records
    ]
    one, two = [{"N": "1"}], [{"N": "2"}]
    assert told == [[None, one], [one, two], [two, None]]
