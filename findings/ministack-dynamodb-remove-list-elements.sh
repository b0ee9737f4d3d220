#!/usr/bin/env bash
# UpdateItem with `REMOVE #l[0], #l[1]`. In DynamoDB ("Update expressions", removing elements from a list) the positions are those of the item before
# the update, so of [a, b, c] only c stays. MiniStack 1.5.33 removes one after the other: b stays and c goes.
. "$(dirname "$0")/ministack.lib"
probe <<'PYTHON'
from client import client

table = client("dynamodb")
table.create_table(TableName="lists", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                   AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], BillingMode="PAY_PER_REQUEST")
key = {"id": {"S": "1"}}
table.put_item(TableName="lists", Item={**key, "letters": {"L": [{"S": letter} for letter in "abc"]}})
table.update_item(TableName="lists", Key=key, UpdateExpression="REMOVE #l[0], #l[1]", ExpressionAttributeNames={"#l": "letters"})
left = [value["S"] for value in table.get_item(TableName="lists", Key=key)["Item"]["letters"]["L"]]
print("REMOVE #l[0], #l[1] of [a, b, c] leaves", left)
assert left == ["b"], "positions are those before the update now"
PYTHON
