"""Inputs of each module that must be refused, and those beside them that must not: what a stranger would try.

Each row changes the inputs that the module's own native tests start from, at a path such as
`functions/role/timeout_seconds`. A wrong row names a part of the message.
"""

from typing import Any

from bbws_access.local_aws.rules.functions import RESERVED

KEY = "arn:aws:kms:{region}:{account}:key/11111111-2222-3333-4444-555555555555"
LONG = "x" * 300


ALIAS = "arn:aws:lambda:eu-west-1:123456789012:function:bbws-access-dev-lambda-billing:live"
FUNCTION = {
    "description": "Takes orders",
    "handler": "shop.handler",
    "role_arn": "arn:aws:iam::123456789012:role/shop",
    "log_group_name": "/aws/lambda/shop",
    "package": {
        "s3_bucket": "shop-packages",
        "s3_key": "shop/486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7.zip",
        "source_code_hash": "SG6kYiTRu0+2gPNPfJrZao8k7Ii+c+qOWmxlJg6cuKc=",
    },
}
SES = "arn:aws:ses:eu-west-1:111122223333"
LOGS = "arn:aws:logs:eu-west-1:999999999999:log-group:x"


def invoke(region: str, alias: str = "") -> str:
    """An ARN in the form that API Gateway takes."""
    function = f"arn:aws:lambda:eu-west-1:111122223333:function:shop{alias}"
    return f"arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{function}/invocations"


def replication(source: str, destination: str, rule: str = "r") -> dict[str, str]:
    return {"source_bucket": source, "destination_bucket": destination, "rule_id": rule}


def rule(source: str, target: str = "billing", **more: str) -> dict[str, Any]:
    """A rule with one target."""
    return {"description": "Tells", "source": source, "detail_type": "Told", "targets": {target: ALIAS}} | more


def mail(identity: str, sender: str, **more: str) -> dict[str, str]:
    return {"source_arn": f"{SES}:identity/{identity}", "from_email_address": sender} | more


def including(*attributes: str) -> dict[str, Any]:
    index = {"hash_key": "A", "projection_type": "INCLUDE", "non_key_attributes": list(attributes)}
    return {"global_secondary_indexes": {"one": index}}


def key(region: str = "eu-west-1", account: str = "000000000000") -> str:
    return KEY.format(region=region, account=account)


def statement(actions: str | list[str], principals: dict[str, list[str]] | None = None, **more: Any) -> dict[str, Any]:
    """A statement of the caller's own in a policy, for a role of another account unless it says something else."""
    return {
        "actions": [actions] if isinstance(actions, str) else actions,
        "principals": principals or {"AWS": ["arn:aws:iam::999999999999:role/auditor"]},
    } | more


def condition(variable: str, *values: str, test: str = "StringEquals") -> list[dict[str, Any]]:
    return [{"test": test, "variable": variable, "values": list(values)}]


EVERYBODY = {"AWS": ["*"]}
S3_ITSELF = {"Service": ["s3.amazonaws.com"]}


def wrong_statements(
    path: str, good: str, own_sid: str, beyond: list[str], needed: list[str], **of: Any
) -> list[tuple[str, Any, str]]:
    """What a policy refuses of further statements: `good` is an action that may be allowed, those `beyond` may not,
    and those `needed` cannot be denied to everybody. `of` says where a statement belongs."""

    def wrong(message: str, *args: Any, **more: Any) -> tuple[str, Any, str]:
        return f"{path}/Own", statement(*args, **(of | more)), message

    service = good.split(":")[0]
    organisation = condition("aws:PrincipalOrgID", "o-a1b2c3d4e5")
    return [
        *((f"{path}/{sid}", statement(good, **of), "sid") for sid in (own_sid, "own", "My statement", "Under_score")),
        *(wrong("effect", good, effect=effect) for effect in ("allow", "", "DENY")),
        *(
            wrong("actions must be", action)
            for action in (
                "*",
                "dynamodb:GetItem",
                good.split(":")[1],
                f"{service}: X",
                [],
                f"{service}:${{aws:userid}}",
            )
        ),
        *(
            wrong("principals must be", good, principals)
            for principals in (
                {"AWS": []},
                {"aws": ["999999999999"]},
                {"*": ["*"]},
                {"Federated": ["accounts.google.com"]},
                {"AWS": ["arn:aws:iam::999999999999:role/*"]},
                {"AWS": ["arn:aws:iam::*:root"]},
                {"AWS": ["arn:aws-cn:iam::999999999999:root"]},
                {"AWS": ["99999999999"]},
                {"AWS": ["*", "999999999999"]},
                {"AWS": ["*"]} | S3_ITSELF,
                {"Service": ["*"]},
                {"Service": ["s3"]},
            )
        ),
        *(
            wrong("conditions needs", good, conditions=conditions)
            for conditions in (
                condition("aws:SourceAccount", "111122223333", test="stringEquals"),
                condition("aws:SourceAccount", "111122223333", test="Equals"),
                condition("SourceAccount", "111122223333"),
                condition("aws:SourceAccount"),
            )
        ),
        *(
            wrong("for whom", good, principals, conditions=conditions)
            for principals in (EVERYBODY, S3_ITSELF)
            for conditions in (
                [],
                condition("aws:SecureTransport", "true", test="Bool"),
                condition("aws:PrincipalArn", "*", test="StringLike"),
                condition("aws:PrincipalArn", "arn:aws:iam::*:role/auditor", test="ArnLike"),
                condition("aws:PrincipalOrgID", "o-a1b2c3d4e5", "*", test="StringLike"),
                condition("aws:PrincipalOrgID", "o-a1b2c3d4e5", test="StringNotEquals"),
                condition("aws:PrincipalOrgID", "o-a1b2c3d4e5", test="StringEqualsIfExists"),
                condition("aws:PrincipalOrgID", "o-a1b2c3d4e5", test="ForAllValues:StringEquals"),
                condition("aws:SourceArn", "arn:aws:s3:::*", test="ArnLike"),
                condition("aws:PrincipalAccount", "${aws:PrincipalAccount}"),
                condition("aws:PrincipalOrgID", "false", test="Null"),
                condition("aws:UserAgent", "auditor/1.0"),
                condition("aws:RequestTag/Owner", "auditor"),
                condition("aws:Referer", "https://audit.example.com/"),
            )
        ),
        # Either of the two would do, whoever asks, and in a Deny both are meant to be needed.
        *(
            wrong("same test and variable", good, principals, effect=effect, conditions=first + second)
            for principals, effect, first, second in (
                (
                    EVERYBODY,
                    "Allow",
                    condition("aws:PrincipalArn", "arn:aws:iam::123456789012:role/*", test="ArnLike"),
                    condition("aws:PrincipalArn", "arn:aws:iam::*:role/auditor", test="ArnLike"),
                ),
                (
                    S3_ITSELF,
                    "Allow",
                    condition("aws:SourceAccount", "1" * 12),
                    condition("AWS:SourceAccount", "2" * 12),
                ),
                (EVERYBODY, "Deny", *[condition("aws:PrincipalOrgID", name, test="StringNotEquals") for name in "ab"]),
                ({"AWS": ["999999999999"]}, "Allow", organisation, organisation),
            )
        ),
        *(
            wrong("* and ? for characters", good, principals, effect=effect, conditions=conditions)
            for principals, effect, conditions in (
                (EVERYBODY, "Allow", condition("aws:PrincipalArn", "arn:aws:iam::123456789012:role/*")),
                (EVERYBODY, "Deny", condition("aws:PrincipalArn", "arn:aws:iam::?:role/x", test="StringNotEquals")),
                (
                    EVERYBODY,
                    "Deny",
                    condition("AWS:PrincipalArn", "arn:*:role/guest", test="ForAnyValue:StringEqualsIgnoreCase"),
                ),
            )
        ),
        *(wrong("an Allow may give", action) for action in beyond),
        *(wrong("an Allow may give", action, EVERYBODY, conditions=organisation) for action in beyond),
        *(
            wrong("what the module needs", action, principals, effect="Deny")
            for action in needed
            for principals in (EVERYBODY, S3_ITSELF, {"AWS": ["999999999999"]})
        ),
    ]


def right_statements(path: str, good: str, deniable: str, **of: Any) -> list[tuple[str, Any]]:
    organisation = condition("aws:PrincipalOrgID", "o-a1b2c3d4e5")
    pinned = [
        (EVERYBODY, organisation),
        (S3_ITSELF, condition("aws:SourceArn", "arn:aws:s3:::uploads", test="ArnLike")),
        (S3_ITSELF, condition("AWS:SourceArn", "arn:aws:logs:*:111122223333:*", test="ArnLike")),
        (S3_ITSELF, condition("aws:SourceAccount", "111122223333")),
        ({"AWS": ["arn:aws:sts::999999999999:assumed-role/auditor/session"]}, []),
        (EVERYBODY, condition("aws:VpceAccount", "111122223333")),
        (EVERYBODY, condition("aws:VpceOrgID", "o-a1b2c3d4e5")),
        (EVERYBODY, [*organisation, *condition("aws:PrincipalOrgID", "o-*", test="StringLike")]),
        ({"AWS": ["999999999999"]}, condition("aws:PrincipalTag/Cost Centre", "audit")),
        # Both must hold: two tests, or two keys.
        (
            EVERYBODY,
            [
                *condition("aws:PrincipalArn", "arn:aws:iam::123456789012:role/*", test="ArnLike"),
                *condition("aws:PrincipalArn", "arn:aws:iam::*:role/auditor", test="StringLike"),
            ],
        ),
    ]
    return [
        *((f"{path}/Own", statement(good, who, conditions=held) | of) for who, held in pinned),
        (f"{path}/Own", statement(deniable, EVERYBODY, effect="Deny") | of),
        (f"{path}/Own", statement(good, effect="Deny") | of),
        (
            f"{path}/Own",
            statement(
                good, EVERYBODY, effect="Deny", conditions=condition("aws:SourceIp", "10.0.0.0/8", test="NotIpAddress")
            )
            | of,
        ),
    ]


SQS_BEYOND = ["sqs:*", "sqs:SetQueueAttributes", "sqs:PurgeQueue", "sqs:AddPermission", "sqs:DeleteQueue"]
S3_BEYOND = [
    "s3:*",
    "s3:Put*",
    "s3:BypassGovernanceRetention",
    "s3:PutBucketPolicy",
    "s3:PutLifecycleConfiguration",
    "s3:PutBucketVersioning",
    "s3:DeleteObjectVersion",
    "s3:DeleteBucket*",
    "s3:?*",
]
SQS_NEEDED = ["sqs:*", "sqs:SendMessage", "sqs:SetQueueAttributes"]
KMS_BEYOND = [
    "kms:*",
    "kms:Put*",
    "kms:PutKeyPolicy",
    "kms:ScheduleKeyDeletion",
    "kms:CreateGrant",
    "kms:Disable*",
    "kms:?ut*",
]
KMS_NEEDED = ["kms:*", "kms:P*", "kms:putkeypolicy", "kms:?ecrypt", "kms:CreateGrant"]


def wrong_key_statements(path: str) -> list[tuple[str, Any, str]]:
    return [
        *wrong_statements(path, "kms:Decrypt", "AdministrationByAccount", KMS_BEYOND, KMS_NEEDED),
        *(
            (
                f"{path}/Own",
                statement("kms:Decrypt", principals, conditions=conditions),
                "Allow to everybody or to an account",
            )
            for principals, conditions in (
                ({"AWS": ["000000000000"]}, []),
                ({"AWS": ["arn:aws:iam::999999999999:root"]}, condition("aws:SecureTransport", "true", test="Bool")),
                ({"AWS": ["arn:aws:iam::999999999999:root"]}, condition("kms:ViaService", "*", test="StringLike")),
                (EVERYBODY, condition("kms:CallerAccount", "000000000000")),
            )
        ),
        # Whoever asks chooses the context; a service's own names a resource.
        *(
            (f"{path}/Own", statement("kms:Decrypt", principals, conditions=conditions), "for whom")
            for principals, conditions in (
                (EVERYBODY, condition("kms:EncryptionContext:department", "hr")),
                (EVERYBODY, condition("kms:EncryptionContext:aws:s3:arn", "arn:aws:s3:::uploads")),
                (
                    EVERYBODY,
                    [
                        *condition("kms:ViaService", "s3.eu-west-1.amazonaws.com"),
                        *condition("kms:EncryptionContext:aws:logs:arn", "arn:aws:logs:eu-west-1:111122223333:x"),
                    ],
                ),
                (S3_ITSELF, condition("kms:EncryptionContext:department", "hr")),
                (S3_ITSELF, condition("kms:EncryptionContext:aws:s3:arn", "arn:aws:s3:::*", test="ArnLike")),
            )
        ),
    ]


def right_key_statements(path: str) -> list[tuple[str, Any]]:
    via = condition("kms:ViaService", "s3.eu-west-1.amazonaws.com")
    granted = condition("kms:GrantIsForAWSResource", "true", test="Bool")
    return [
        (
            f"{path}/Own",
            statement("kms:Decrypt", EVERYBODY, conditions=[*via, *condition("kms:CallerAccount", "999999999999")]),
        ),
        (f"{path}/Own", statement("kms:GenerateDataKey*", {"AWS": ["999999999999"]}, conditions=via)),
        (f"{path}/Own", statement(["kms:CreateGrant", "kms:ListGrants"], conditions=granted)),
        (f"{path}/Own", statement("kms:Decrypt", S3_ITSELF, conditions=condition("aws:SourceAccount", "111122223333"))),
        *(
            (f"{path}/Own", statement("kms:Decrypt", S3_ITSELF, conditions=condition(variable, name, test="ArnLike")))
            for variable, name in (
                ("kms:EncryptionContext:aws:logs:arn", "arn:aws:logs:eu-west-1:111122223333:log-group:*"),
                ("kms:encryptioncontext:aws:s3:arn", "arn:aws:s3:::uploads"),
            )
        ),
        (
            f"{path}/Own",
            statement(
                "kms:Decrypt",
                EVERYBODY,
                conditions=[
                    *condition("kms:EncryptionContext:department", "hr"),
                    *condition("aws:PrincipalOrgID", "o-a1b2c3d4e5"),
                ],
            ),
        ),
        (
            f"{path}/Own",
            statement(
                "kms:Decrypt", {"AWS": ["999999999999"]}, conditions=condition("kms:EncryptionContext:department", "hr")
            ),
        ),
        (f"{path}/Own", statement("kms:ScheduleKeyDeletion", EVERYBODY, effect="Deny")),
        (f"{path}/Own", statement("kms:*", effect="Deny")),
    ]


def alarm(metric: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """An alarm of the caller's own on one metric."""
    metrics = {"orders": {"namespace": "Shop", "name": "Orders"} | (metric or {})}
    return {"description": "Orders fail", "severity": "warning", "metrics": metrics, "threshold": 1} | more


def of_method(api: str) -> dict[str, Any]:
    """A metric that API Gateway publishes only where it is told to."""
    dimensions = {"ApiName": api, "Stage": "v1", "Method": "GET", "Resource": "/orders"}
    return {"namespace": "AWS/ApiGateway", "name": "5XXError", "dimensions": dimensions}


def of_two(**expressions: str) -> dict[str, Any]:
    one = {"namespace": "Shop", "name": "Orders"}
    return alarm(metrics={"failed": one, "placed": one}, expressions=expressions)


TAGS: list[tuple[str, Any]] = [
    ("tags", {"aws:owner": "x"}),
    ("tags", {"AWS:owner": "x"}),
    ("tags", {"": "x"}),
    ("tags", {"k" * 129: "x"}),
    ("tags", {"owner": "v" * 257}),
    ("tags", {"owner": "a;b"}),
    ("tags", {f"key{number}": "x" for number in range(51)}),
]
GOOD_TAGS = {"Owner": "Åse & co".replace("&", "+"), "k" * 128: "v" * 256, "empty": ""}

# Five fields, both days, none of them, a minute 60, a rate that AWS does not parse.
BAD_SCHEDULES = [
    "cron(0 1 * * *)",
    "cron(0 1 * * * *)",
    "cron(0 1 ? * ? *)",
    "cron(60 1 * * ? *)",
    "cron(0 24 * * ? *)",
    "cron(0 1 32 * ? *)",
    "cron(0 1 * 13 ? *)",
    "cron( )",
    "rate(1 hours)",
    "rate(2 hour)",
    "rate(0 hours)",
    "rate(1.5 hours)",
    "rate(hourly)",
    "0 1 * * ? *",
]
GOOD_SCHEDULES = [
    "cron(0 1 * * ? *)",
    "cron(0/15 8-18 ? * MON-FRI *)",
    "cron(0 0 L * ? 2027)",
    "cron(30 6 ? * 6#3 *)",
    "rate(1 hour)",
    "rate(12 hours)",
    "rate(1 day)",
]

WRONG: dict[str, list[tuple[str, Any, str]]] = {
    "kms": [
        *((path, value, "tags:") for path, value in TAGS),
        ("keys/data/deletion_window_in_days", 7.5, "deletion_window_in_days"),
        ("keys/data/rotation_period_in_days", 90.5, "rotation_period_in_days"),
        ("keys/signing/user_arns", ["arn:aws:iam::000000000000:root"], "user_arns"),
        ("keys/signing/administrator_arns", ["arn:aws:iam::000000000000:root"], "administrator_arns"),
        ("keys/signing/user_arns", ["arn:aws-cn:iam::000000000000:role/signer"], "user_arns"),
        ("keys", {LONG.lower(): {"description": "Long"}}, "too long"),
        ("keys/logs/service_principals/logs/source_arns", ["arn:aws:logs:*:*:log-group:*"], "source_arns"),
        ("keys/logs/service_principals/logs/source_arns", [LOGS], "source_arns"),
        ("keys/alerts/service_principals/s3", {"source_arns": ["arn:aws:s3:::*"]}, "source_arns"),
        ("keys/data/via_services", ["dynamodb.eu-west-1.amazonaws.com"], "via_services"),
        *wrong_key_statements("keys/data/policy_statements"),
        ("keys/data/policy_statements/UseByGlue", statement("kms:Decrypt"), "sid"),
    ],
    "dynamodb": [
        *((path, value, "tags:") for path, value in TAGS),
        ("tables/permissions", {"hash_key": " PK"}, "hash_key"),
        ("tables/permissions", {"range_key": "SK "}, "range_key"),
        ("tables/permissions", {"ttl_attribute": "SK"}, "ttl_attribute"),
        ("tables/permissions", {"ttl_attribute": " ttl"}, "ttl_attribute"),
        ("tables/permissions", including("name", "name"), "non_key_attributes"),
        ("tables/permissions", including(""), "non_key_attributes"),
        ("tables/permissions", including("A"), "non_key_attributes"),
        ("tables/permissions", including("PK"), "non_key_attributes"),
        *(("backup", {"schedule": schedule}, "schedule") for schedule in [*BAD_SCHEDULES, "rate(5 minutes)"]),
        ("backup", {"start_window_minutes": 60.5}, "start_window_minutes"),
        ("backup", {"delete_after_days": 36501}, "delete_after_days"),
        ("backup", {"delete_after_days": 200, "cold_storage_after_days": 1.5}, "cold_storage_after_days"),
        ("backup", {"vault_lock": {"min_retention_days": 1, "changeable_for_days": 2}}, "changeable_for_days"),
        ("backup", {"vault_lock": {"min_retention_days": 1, "changeable_for_days": 3.5}}, "changeable_for_days"),
        ("backup", {"vault_kms_key_arn": key("us-east-1")}, "vault_kms_key_arn"),
        ("backup", {"vault_kms_key_arn": "alias/backup"}, "vault_kms_key_arn"),
        ("backup", {"permissions_boundary_arn": "arn:aws:iam::999999999999:policy/x"}, "permissions_boundary_arn"),
        ("kms_key_arn", key("us-east-1"), "kms_key_arn"),
        ("kms_key_arn", key().replace("arn:aws:", "arn:aws-cn:"), "kms_key_arn"),
        *wrong_key_statements("kms_key_policy_statements"),
    ],
    "dynamodb/replica": [
        *((path, value, "tags:") for path, value in TAGS),
        ("tables/drafts/name", "another", "those of one table"),
        ("tables/drafts/region", "us-east-1", "those of one table"),
        ("account_id", "999999999999", "same account"),
        ("kms_key_arn", key("us-east-1"), "kms_key_arn"),
        ("table_class", "", "table_class"),
    ],
    "cloudwatch": [
        # What a metric never reaches is no alarm.
        *(("functions/role/p95_milliseconds", value, "p95_milliseconds") for value in (0, 900000, 1000000)),
        ("functions/role/errors_per_minute", -1, "errors_per_minute"),
        ("functions/role/errors_per_minute", 600, "errors_per_minute"),
        *(
            ("thresholds", {name: value}, name)
            for name, values in {
                "api_5xx_percent": (-1, 100, 101),
                "api_4xx_percent": (-1, 100, 250),
                "concurrency_percent": (-1, 100),
                "api_4xx_least_requests": (-1, 3000001),
                "mail_bounces_percent": (-1, 10, 50),
                "mail_complaints_percent": (-0.1, 0.5, 5),
                "table_replication_seconds": (0, 86401),
                "archive_replication_seconds": (0, 86401),
            }.items()
            for value in values
        ),
        ("queues", {"mail": {"name": "mail", "oldest_seconds": 1209600}}, "oldest_seconds"),
        # Two would have one log group, or one alarm.
        ("functions/api-access", {"function_name": "other"}, "api-access"),
        ("functions/api-execution", {"function_name": "other"}, "api-access"),
        *((path, value, "tags:") for path, value in TAGS),
        ("log_kms_key_arn", key("us-east-1"), "region"),
        ("topic_kms_key_arn", key("us-east-1"), "region"),
        ("topic_kms_key_arn", "alias/aws/sns", "topic_kms_key_arn"),
        ("functions/other", {"function_name": "any_Function-1"}, "same function_name"),
        ("log_groups/again", {"name": "/any/other.group_1#2"}, "once"),
        ("log_groups/again", {"name": "/aws/lambda/any_Function-1"}, "function_name"),
        ("tables/one/name", "arn:aws:dynamodb:eu-west-1:000000000000:table/one", "tables[*].name"),
        ("tables/one/indexes", ["x"], "indexes"),
        ("tables/one/replica_region", "Ireland", "replica_region"),
        ("archive_replication", replication("one", "one"), "two different"),
        ("archive_replication", replication("arn:aws:s3:::one", "two"), "ARNs"),
        ("archive_replication", replication("one", "two", ""), "rule"),
        ("queues", {"mail": {"name": "mail", "oldest_seconds": 1209601}}, "oldest_seconds"),
        ("lambda_concurrency_limit", 1.5, "whole number"),
        *(
            ("subscriptions/a/endpoint", address, "endpoint")
            for address in ("a@example", "a@example.com,b@example.com", "a b@example.com", "Ada <a@example.com>", "")
        ),
        ("subscriptions/c/endpoint", "https://", "endpoint"),
        ("subscriptions/c/endpoint", "http://example.com/", "endpoint"),
        ("subscriptions/d/endpoint", "arn:aws:lambda:eu-west-1:000000000000:layer:x", "endpoint"),
        ("subscriptions/e/endpoint", "arn:aws:sqs:eu-west-1:000000000000:q.fifo", "FIFO"),
        ("subscriptions/again", {"topic": "critical", "protocol": "email", "endpoint": "a@example.com"}, "once"),
        ("log_retention_days", {"service": 45, "audit": 90}, "log_retention_days"),
        *wrong_statements(
            "topic_policy_statements",
            "sns:Publish",
            "AllowAlarms",
            ["sns:SetTopicAttributes", "sns:AddPermission", "sns:DeleteTopic"],
            ["sns:Publish", "sns:SetTopicAttributes"],
            topics=["critical"],
        ),
        ("topic_policy_statements/Own", statement("sns:*", topics=["dlq"]), "actions must be"),
        ("topic_policy_statements/Own", statement("sns:Publish", topics=[]), "topics must name"),
        ("topic_policy_statements/Own", statement("sns:Publish", topics=["alarms"]), "topics must name"),
        *((f"alarms/{name}", alarm(), "keys") for name in ("Orders", "orders_failed", "orders failed", "x" * 201)),
        *(
            ("alarms/orders", made, message)
            for made, message in (
                (alarm(description=" "), "description"),
                (alarm(description="x" * 1025), "description"),
                (alarm(severity="dlq"), "severity"),
                (alarm(severity="Critical"), "severity"),
                (alarm(comparison="GreaterThan"), "comparison"),
                (alarm(comparison="LessThanLowerThreshold"), "comparison"),
                (alarm(missing="notbreaching"), "missing"),
                (alarm(periods=0), "periods"),
                (alarm(periods=1.5), "periods"),
                (alarm(periods=2, datapoints=3), "datapoints"),
                (alarm(periods=2, datapoints=0), "datapoints"),
                (alarm(periods=3, datapoints=1.5), "datapoints"),
                (alarm(metrics={}), "1 to 10"),
                (alarm(metrics={"Orders": {"namespace": "Shop", "name": "Orders"}}), "ids"),
                (alarm(metrics={"result": {"namespace": "Shop", "name": "Orders"}}), "result"),
                (alarm({"namespace": ""}), "namespace"),
                (alarm({"namespace": ":Shop"}), "namespace"),
                (alarm({"namespace": "My shop"}), "namespace"),
                (alarm({"name": ""}), "name"),
                (alarm({"dimensions": {"Shop": ""}}), "dimensions"),
                (alarm({"dimensions": {":Shop": "one"}}), "dimensions"),
                (alarm({"dimensions": {f"D{number}": "x" for number in range(31)}}), "dimensions"),
                (alarm({"stat": "sum"}), "stat"),
                (alarm({"stat": "p"}), "stat"),
                (alarm({"stat": "p101"}), "stat"),
                (alarm({"stat": "P95"}), "stat"),
                (alarm({"period": 0}), "period"),
                (alarm({"period": 45}), "period"),
                (alarm({"period": 90}), "period"),
                (alarm({"period": 60.5}), "period"),
                (alarm({"period": 86460}), "period"),
                (alarm({"period": 10, "namespace": "AWS/SQS"}), "period"),
                (alarm({"period": 60}, periods=1441), "a day"),
                (alarm({"period": 3600}, periods=169), "a week"),
                (alarm(of_method("any API")), "detailed_metrics"),
                (
                    alarm({"namespace": "AWS/ApiGateway", "dimensions": {"ApiName": "any API", "Resource": "/"}}),
                    "silent",
                ),
                (alarm(label="Orders"), "no label"),
                (of_two(), "result"),
                (of_two(sum="failed + placed"), "result"),
                (of_two(result="failed"), "are used"),
                (of_two(result="failed + placed + lost"), "ids of that alarm"),
                (of_two(result="1"), "are used"),
                (of_two(result="failed + placed + result"), "ids of that alarm"),
                (of_two(rate="failed / rate", result="rate * placed"), "ids of that alarm"),
                (of_two(rate="failed / placed", result="failed + placed"), "are used"),
                (of_two(failed="placed", result="failed + placed"), "ids of that alarm"),
                (of_two(Rate="failed / placed", result="failed + placed"), "ids of that alarm"),
                (of_two(result="SEARCH('x') + failed + placed"), "SEARCH"),
                (alarm(tags={"aws:owner": "x"}), "alarms[*].tags"),
                (alarm(tags={"": "x"}), "alarms[*].tags"),
                (alarm(tags={f"key{number}": "x" for number in range(51)}), "alarms[*].tags"),
            )
        ),
    ],
    "events": [
        # The module's key of a target, rule and target joined by a hyphen, must be that target's alone.
        (
            "rules",
            {
                "user": rule("bbws.user", target="left-role"),
                "user-left": rule("bbws.left", target="role"),
            },
            "joined by a hyphen",
        ),
        # Another account's function, by whose name this account's would get the permission.
        ("rules/sweep/targets/billing", ALIAS.replace("123456789012", "999999999999"), "account"),
        # One function by two of its aliases, and in two rules that wait for the same.
        *(("rules/sweep/targets/again", ALIAS.removesuffix("live") + alias, "twice") for alias in ("blue", "live")),
        ("rules", {"one": rule("bbws.user"), "two": rule("bbws.user")}, "the same event"),
        (
            "rules",
            {
                "one": rule("bbws.user", detail_pattern='{"a": ["b"], "c": ["d"]}'),
                "two": rule("bbws.user", detail_pattern='{"c":["d"],"a":["b"]}', target="again"),
            },
            "the same event",
        ),
        ("event_bus_name", "shop/orders", "event_bus_name"),
        ("rules/order-placed/source", "aws.partner/example.com/shop", "bus"),
        ("rules/order-placed/detail_type", " ", "detail_type"),
        ("rules/order-placed/detail_type", "Order\nPlaced", "detail_type"),
        ("rules/order-placed/detail_type", "<id>", "detail_type"),
        *((path, value, "tags:") for path, value in TAGS),
        *(("rules/sweep/schedule", schedule, "schedule") for schedule in BAD_SCHEDULES),
        ("rules/sweep/targets/billing", "arn:aws:lambda:us-east-1:123456789012:function:billing:live", "region"),
        ("rules/sweep/targets/billing", "arn:aws:lambda:eu-west-1:123456789012:function:billing", "alias"),
        ("rules/sweep/description", " ", "description"),
        ("rules/sweep/description", "x" * 513, "description"),
        *(
            ("rules/order-placed/detail_pattern", pattern, "detail_pattern")
            for pattern in ('{"state": "open"}', "{}", '["open"]', "open", '{"state": []}')
        ),
        ("maximum_event_age_hours", 1.5, "whole number"),
        ("maximum_retry_attempts", 0.5, "whole number"),
        ("dead_letter_retention_days", 1.5, "whole number"),
        ("kms_key_arn", key("us-east-1"), "region"),
        *wrong_statements("dead_letter_policy_statements", "sqs:SendMessage", "TlsOnly", SQS_BEYOND, SQS_NEEDED),
        *(
            ("dead_letter_policy_statements/Own", statement(action), "actions must be")
            for action in ("sqs:Send*", "sqs:SendMessageBatch", ["sqs:SendMessage"] * 8)
        ),
        ("dead_letter_policy_statements/DeadLettersOfRules", statement("sqs:SendMessage"), "sid"),
    ],
    "mail": [
        ("consumer/alias_arn", "arn:aws:lambda:eu-west-1:999999999999:function:mailer:live", "account"),
        *((path, value, "tags:") for path, value in TAGS),
        *(
            ("sender/from_address", address, "from_address")
            for address in (
                "access@example.com",
                "a@b@mail.example.com",
                "a, b@mail.example.com",
                "<access@mail.example.com>",
                "@mail.example.com",
            )
        ),
        ("consumer/alias_arn", "arn:aws:lambda:us-east-1:123456789012:function:mailer:live", "region"),
        ("consumer/timeout_seconds", 1.5, "whole number"),
        ("retention_days", 1.5, "whole number"),
        ("kms_key_arn", key("us-east-1"), "region"),
        *wrong_statements(
            "queue_policy_statements", "sqs:SendMessage", "TlsOnly", SQS_BEYOND, SQS_NEEDED, queues=["mail"]
        ),
        *(
            ("queue_policy_statements/Own", statement(action, queues=["mail"]), "actions must be")
            for action in ("sqs:Send*", "sqs:SendMessageBatch", ["sqs:SendMessage"] * 8)
        ),
        ("queue_policy_statements/Own", statement("sqs:SendMessage", queues=[]), "queues must name"),
        ("queue_policy_statements/Own", statement("sqs:SendMessage", queues=["mails"]), "queues must name"),
    ],
    "lambda": [
        *(
            ("functions/audit/environment", {name: "x"}, "environment variable")
            for name in [*sorted(RESERVED), "A", "1A", "A-B", ""]
        ),
        # 4 KB are bytes, of the JSON that Lambda measures.
        ("functions/audit/environment", {"TEXT": "é" * 2100}, "4 KB"),
        ("functions/audit/environment", {"TEXT": "x" * 4086}, "4 KB"),
        *(("late_environment", {"audit": {name: "x"}}, "environment variable") for name in ("AWS_REGION", "A", "A-B")),
        ("late_environment", {"audit": {"TEXT": "x" * 4086}}, "4 KB"),
        # authorizer has 40 bytes already.
        ("late_environment", {"authorizer": {"TEXT": "x" * 4060}}, "4 KB"),
        ("late_environment", {"authorizer": {"LOG_LEVEL": "INFO"}}, "has too"),
        ("late_environment", {"another": {"TEXT": "x"}}, "one of functions"),
        *(
            ("functions/audit", FUNCTION | {"runtime": runtime, "handler": handler}, "handler")
            for runtime, handler in (
                ("python3.12", "handler"),
                ("python3.12", "shop.Handler::handle"),
                ("nodejs22.x", "index"),
                ("java21", "com.example.Handler::"),
                ("dotnet8", "Shop::Handler"),
                ("ruby3.4", "handler"),
                ("provided.al2023", ""),
                ("provided.al2023", "boot strap"),
                ("python3.12", "x." + "y" * 127),
            )
        ),
        *(
            ("functions/audit", FUNCTION | {"runtime": runtime}, "runtime")
            for runtime in ("python", "python3", "Python3.12", "nodejs", "nodejs22", "java", "provided", "go1.x", "")
        ),
        *((path, value, "tags:") for path, value in TAGS),
        ("functions/audit/role_arn", "arn:aws:iam::999999999999:role/x", "same account"),
        ("functions/audit/dead_letter_queue_arn", "arn:aws:sqs:us-east-1:123456789012:q", "region"),
        ("functions/audit/ephemeral_storage_megabytes", 512.5, "whole number"),
        ("functions/audit/maximum_event_age_seconds", 60.5, "whole number"),
        ("functions/audit/reserved_concurrency", -1, "reserved_concurrency"),
        ("functions/audit/reserved_concurrency", 1.5, "reserved_concurrency"),
        ("functions/audit/description", "x" * 257, "256"),
        ("dead_letter_retention_days", 1.5, "whole number"),
        ("kms_key_arn", key("us-east-1"), "region"),
        *(
            ("permissions/api/source_arn", arn, "source_arn")
            for arn in (
                "arn:aws:execute-api:eu-west-1:*:a1b2c3d4e5/*",
                "arn:aws:execute-api:*:123456789012:a1b2c3d4e5/*",
                "arn:aws:execute-api:eu-west-1:123456789012:*",
                "arn:aws:s3:::*",
                "arn:aws:sns:::topic",
                "*",
            )
        ),
        *wrong_statements(
            "dead_letter_policy_statements", "sqs:SendMessage", "TlsOnly", SQS_BEYOND, SQS_NEEDED, functions=["audit"]
        ),
        *(
            ("dead_letter_policy_statements/Own", statement(action, functions=["audit"]), "actions must be")
            for action in ("sqs:Send*", "sqs:SendMessageBatch", ["sqs:SendMessage"] * 8)
        ),
        ("dead_letter_policy_statements/Own", statement("sqs:SendMessage", functions=[]), "functions must name"),
        (
            "dead_letter_policy_statements/Own",
            statement("sqs:SendMessage", functions=["authorizer"]),
            "functions must name",
        ),
    ],
    "iam": [
        *((path, value, "tags:") for path, value in TAGS),
        *(
            (f"services/role/tables/permissions/{grant}_leading_keys", [pattern], "leading key")
            for grant in ("read", "write", "create")
            for pattern in ("*", "**", "?OLE#*", "ROLE#*#x", "ROLE #*", "${aws:userid}", "")
        ),
        ("services/role/tables/permissions/indexes/assignments-by-role/leading_keys", ["*"], "leading key"),
        ("services/invitation/email_identities/sender/from_addresses", ["access@example.org"], "identity"),
        ("services/invitation/email_identities/sender/from_addresses", ["access@notexample.com"], "identity"),
        ("services/audit/buckets/archive/retention_days", {"exports/": 36501}, "36,500"),
        (
            "services/api-gateway-authorizer",
            {"role_name": "api-gateway-authorizer", "log_group_name": "/x"},
            "role_name",
        ),
        ("services/x", {"role_name": "audit-replication", "log_group_name": "/x"}, "role_name"),
        ("services/x", {"role_name": "audit-scheduler", "log_group_name": "/x"}, "role_name"),
        ("keys/role/data/arn", key("us-east-1"), "region"),
        ("permissions_boundary_arn", "arn:aws:iam::999999999999:policy/x", "this account"),
        ("permissions_boundary_arn", "arn:aws:iam::123456789012:policy/", "permissions_boundary_arn"),
        (
            "replications/audit/destination_bucket_arn",
            "arn:aws:s3:::bbws-access-dev-s3-audit-archive",
            "another bucket",
        ),
        ("replications/audit/source_key_arn", key("us-east-1"), "source_key_arn"),
        ("replications/audit/destination_key_arn", key("us-east-1"), "destination_region"),
        ("replications/a-name-of-so-many-characters-that-its-role", "replications/audit", "too long"),
        ("schedulers/a-name-of-so-many-characters-that-its-role-is", "schedulers/audit", "too long"),
    ],
    "s3-audit": [
        *((path, value, "tags:") for path, value in TAGS),
        ("kms_key_arn", key("us-east-1"), "region"),
        ("replication/role_arn", "arn:aws:iam::999999999999:role/replication", "same account"),
        ("replication/bucket_arn", "arn:aws:s3:::other-project-with-names-dev-s3-audit-archive-4711", "archive itself"),
        ("object_lock/days", 0, "object_lock.days"),
        ("object_lock/mode", "compliance", "object_lock.mode"),
        *wrong_statements(
            "bucket_policy_statements",
            "s3:GetObject",
            "DenyOtherKey",
            S3_BEYOND,
            ["s3:*", "s3:Get*", "s3:PutBucketPolicy", "s3:put?ucketPolicy"],
        ),
    ],
    "cognito": [
        *((path, value, "tags:") for path, value in TAGS),
        (
            "pre_token_generation_lambda_arn",
            "arn:aws:lambda:us-east-1:111122223333:function:token-claims:live",
            "region",
        ),
        ("authorizer/invocation_role_arn", "arn:aws:iam::999999999999:role/x", "same account"),
        *(("account_mail_subject", text, "one line") for text in ("", "x" * 141, "two\nlines")),
        *(("account_mail_html", text, "must hold") for text in ("<p>{username}</p>", "<p>{####}</p>", "")),
        ("account_mail_html", "{username} {####}" + "x" * 19_900, "at most 19,900"),
        ("authorizer/function_arn", "arn:aws:lambda:us-east-1:111122223333:function:authorizer:live", "region"),
        # Clear text to anywhere but this machine, and schemes that are no app's own.
        *(
            ("app_clients", {"main": {"oauth": {"callback_urls": [url]}}}, "callback")
            for url in (
                "http://localhost.example.com/",
                "http://localhost:3000@example.com/",
                "http://127.0.0.2/",
                "http://localhost:3000/#x",
                "javascript://example.app/%0aalert(1)",
                "shop://signed-in",
                "com.example.*://signed-in",
            )
        ),
        ("password_policy", {"minimum_length": 12.5}, "whole number"),
        ("password_policy", {"temporary_password_validity_days": 1.5}, "whole number"),
        ("password_policy", {"password_history_size": 0.5}, "whole number"),
        ("app_clients/main", {"access_token_minutes": 5.5}, "whole numbers"),
        ("app_clients/main", {"refresh_token_minutes": 90.5}, "whole number"),
        ("authorizer/result_ttl_seconds", 0.5, "whole number"),
        *(
            ("email", mail(identity, sender), "identity")
            for identity, sender in (
                ("example.com", "access@example.org"),
                ("example.com", "Access <access@notexample.com>"),
                ("access@example.com", "other@example.com"),
            )
        ),
        ("email", mail("example.com", "a@example.com", reply_to_email_address="nobody"), "reply_to_email_address"),
        (
            "email",
            mail("example.com", "a@example.com", configuration_set=f"{SES}:configuration-set/x"),
            "configuration_set",
        ),
    ],
    "api-gateway": [
        *((path, value, "tags:") for path, value in TAGS),
        ("untraced_path_parameters", ["token"], "token"),
        ("untraced_path_parameters", ["orderId", "order"], "order"),
        # API Gateway looks for the function in the region that the ARN begins with.
        *(
            (path, arn, "region")
            for path in ("services/shop", "authorizer/uri")
            for arn in (invoke("us-east-1"), invoke("eu-west-1").replace(":lambda:eu-", ":lambda:us-"))
        ),
        *((path, invoke("eu-west-1", ":$LATEST"), "alias") for path in ("services/shop", "authorizer/uri")),
        ("authorizer/credentials_arn", "arn:aws:iam::999999999999:role/x", "same account"),
        ("authorizer/result_ttl_seconds", 0.5, "whole number"),
        ("authorizer/identity_validation_expression", "^Bearer ($", "regular expression"),
        ("access_log_group_arn", "arn:aws:logs:us-east-1:111122223333:log-group:x", "same account and region"),
        ("access_log_group_arn", LOGS, "same account and region"),
        ("execution_logging", {"kms_key_arn": key("us-east-1")}, "region"),
        ("web_acl", {"log_destination_arn": "arn:aws:logs:us-east-1:111122223333:log-group:aws-waf-logs-x"}, "region"),
        ("web_acl", {"rate_limit": 10.5}, "whole number"),
        ("web_acl", {"managed_rule_groups": {}, "rate_limit": 0}, "stops nothing"),
        (
            "custom_domain",
            {"domain_name": "api.example.com", "certificate_arn": "arn:aws:acm:us-east-1:111122223333:certificate/x"},
            "region",
        ),
        ("integration_timeout_milliseconds", 50.5, "whole number"),
        ("cors/max_age_seconds", 0.5, "whole number"),
        ("cors/allowed_origins", ["https://shop.example.com:0"], "origins"),
        ("cors/allowed_origins", ["https://shop.example.com:65536"], "origins"),
        ("cors/allowed_origins", ["https://shop.example.com/"], "origins"),
        ("throttle/burst_limit", 0, "burst_limit"),
    ],
}

RIGHT: dict[str, list[tuple[str, Any]]] = {
    "kms": [
        *right_key_statements("keys/data/policy_statements"),
        ("tags", GOOD_TAGS),
        ("keys/data/deletion_window_in_days", 7),
        ("keys/signing/user_arns", ["arn:aws:sts::999999999999:assumed-role/signer/session"]),
        ("keys/alerts/service_principals/s3", {"source_arns": ["arn:aws:s3:::uploads-*"]}),
    ],
    "dynamodb": [
        *right_key_statements("kms_key_policy_statements"),
        ("tags", GOOD_TAGS),
        (
            "tables/permissions",
            {"ttl_attribute": "expires", "range_key": "expires", "attribute_types": {"expires": "N"}},
        ),
        *(("backup", {"schedule": schedule}) for schedule in GOOD_SCHEDULES),
        ("backup", {"vault_kms_key_arn": key(), "permissions_boundary_arn": "arn:aws:iam::aws:policy/PowerUserAccess"}),
        ("backup", {"vault_lock": {"min_retention_days": 1, "changeable_for_days": 3}}),
        ("backup", {"vault_lock": {"min_retention_days": 1}}),
    ],
    "dynamodb/replica": [("tags", GOOD_TAGS), ("table_class", "STANDARD_INFREQUENT_ACCESS")],
    "cloudwatch": [
        ("functions/role/p95_milliseconds", 899999),
        ("functions/role/errors_per_minute", 599),
        (
            "thresholds",
            {
                "api_5xx_percent": 99.9,
                "api_4xx_percent": 0,
                "concurrency_percent": 99,
                "api_4xx_least_requests": 3000000,
                "mail_bounces_percent": 9.9,
                "mail_complaints_percent": 0.49,
                "table_replication_seconds": 0.5,
                "archive_replication_seconds": 86400,
            },
        ),
        ("queues", {"mail": {"name": "mail", "oldest_seconds": 1209599}}),
        *(
            ("alarms/orders-1", made)
            for made in (
                alarm(),
                alarm({"period": 10}, periods=3, datapoints=1, missing="missing", severity="critical"),
                alarm(
                    {"stat": "tm99.9", "dimensions": {"Shop": "one shop: the first"}}, tags=GOOD_TAGS, threshold=-0.5
                ),
                alarm({"period": 60}, periods=1440),
                alarm({"period": 3600}, periods=168),
                alarm(of_method("another API")),
                alarm({"namespace": "AWS/ApiGateway", "dimensions": {"ApiName": "any API", "Stage": "v1"}}),
                of_two(result="100 * failed / placed"),
                of_two(all="SUM([failed, placed])", result="IF(all >= 20, 100 * failed / all, 0)"),
                of_two(retries="FILL(failed, REPEAT)", result="retries + placed"),
            )
        ),
        *right_statements("topic_policy_statements", "sns:Publish", "sns:Subscribe", topics=["critical", "dlq"]),
        ("tags", GOOD_TAGS),
        ("subscriptions/a/endpoint", "on-call+bbws@alerts.example.co.za"),
        ("subscriptions/again", {"topic": "warning", "protocol": "email", "endpoint": "a@example.com"}),
        ("archive_replication", replication("one", "two")),
    ],
    "events": [
        ("rules", {"user": rule("bbws.user", target="left-role"), "user-left": rule("bbws.left", target="the-role")}),
        ("rules", {"one": rule("bbws.user"), "two": rule("bbws.user", detail_pattern='{"a": ["b"]}')}),
        (
            "rules",
            {"one": rule("bbws.user", schedule="rate(1 hour)"), "two": rule("bbws.user", schedule="rate(1 day)")},
        ),
        ("event_bus_name", "aws.partner/example.com/shop"),
        ("rules/order-placed/source", "bbws/user"),
        ("rules/order-placed/detail_type", "Order: placed (v2) & paid/sent"),
        *right_statements("dead_letter_policy_statements", "sqs:SendMessage", "sqs:PurgeQueue"),
        ("tags", GOOD_TAGS),
        *(("rules/sweep/schedule", schedule) for schedule in [*GOOD_SCHEDULES, "rate(5 minutes)"]),
        (
            "rules/order-placed/detail_pattern",
            '{"state": ["open"], "amount": [{"numeric": [">", 0]}], "shop": {"id": ["x"]}}',
        ),
    ],
    "mail": [
        *(("sender/from_address", address) for address in ("no-reply@eu.mail.example.com", "access@mail.example.com")),
        *right_statements(
            "queue_policy_statements", "sqs:SendMessage", "sqs:PurgeQueue", queues=["mail", "dead_letters"]
        ),
        ("tags", GOOD_TAGS),
        ("sender/from_address", "no-reply+access@mail.example.com"),
        ("kms_key_arn", key()),
    ],
    "lambda": [
        *(
            ("functions/audit/environment", {name: "x"})
            for name in (
                "AWS_LAMBDA_EXEC_WRAPPER",
                "AWS_RETRY_MODE",
                "AWS_MAX_ATTEMPTS",
                "AWS_XRAY_CONTEXT_MISSING",
                "AWS_NODEJS_CONNECTION_REUSE_ENABLED",
                "LAMBDA_LOG_LEVEL",
                "TZ",
            )
        ),
        ("functions/audit/environment", {"TEXT": "&" * 4085}),
        ("late_environment", {"audit": {"TEXT": "&" * 4085}}),
        ("late_environment", {"authorizer": {"TEXT": "x" * 4000}, "audit": {}}),
        *right_statements("dead_letter_policy_statements", "sqs:SendMessage", "sqs:PurgeQueue", functions=["audit"]),
        *(
            ("functions/audit", FUNCTION | {"runtime": runtime, "handler": handler})
            for runtime, handler in (
                ("python3.13", "shop/handlers.on_order"),
                ("nodejs22.x", "dist/index.handler"),
                ("java21", "com.example.Handler::handle"),
                ("java8.al2", "com.example.Handler"),
                ("dotnet8", "Shop::Example.Shop.Handler::Handle"),
                ("dotnet8", "Shop"),
                ("ruby3.4", "handler.Shop::Handler.process"),
                ("provided.al2023", "bootstrap"),
            )
        ),
        ("tags", GOOD_TAGS),
        ("functions/audit/reserved_concurrency", 0),
        ("permissions/api/source_arn", "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/*/*"),
        ("permissions/api/source_arn", "arn:aws:events:eu-west-1:123456789012:rule/nightly"),
        ("permissions/api/source_arn", "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_Example01"),
    ],
    "iam": [
        ("tags", GOOD_TAGS),
        ("services/role/tables/permissions/read_leading_keys", ["ROLE#ORG#*", "PERMISSION"]),
        ("services/invitation/email_identities/sender/from_addresses", ["a@example.com", "b@mail.example.com"]),
        ("permissions_boundary_arn", "arn:aws:iam::aws:policy/PowerUserAccess"),
        ("permissions_boundary_arn", "arn:aws:iam::123456789012:policy/boundaries/services"),
    ],
    "s3-audit": [
        *right_statements("bucket_policy_statements", "s3:GetObject", "s3:BypassGovernanceRetention"),
        ("tags", GOOD_TAGS),
        ("object_lock/days", 61),
    ],
    "cognito": [
        ("tags", GOOD_TAGS),
        ("account_mail_subject", "x" * 140),
        ("account_mail_html", "{username} {####}" + "x" * 19_883),
        *(
            ("app_clients", {"main": {"oauth": {"callback_urls": [url], "logout_urls": [url]}}})
            for url in (
                "https://shop.example.com/",
                "http://localhost",
                "http://localhost:3000/signed-in",
                "http://127.0.0.1:8080/",
                "com.example.shop://signed-in",
                "com.example.shop:/signed-in",
            )
        ),
        *(
            ("email", mail(identity, sender))
            for identity, sender in (
                ("example.com", "Access <access@mail.example.com>"),
                ("example.com", "access@example.com"),
                ("access@example.com", "Access <access@example.com>"),
            )
        ),
    ],
    "api-gateway": [
        ("tags", GOOD_TAGS),
        ("services/shop", invoke("eu-west-1", ":live")),
        ("untraced_path_parameters", ["orderId"]),
        ("cors/allowed_origins", ["https://shop.example.com:65535", "http://localhost:3000"]),
        ("web_acl", {"rate_limit": 0, "log_destination_arn": "arn:aws:s3:::aws-waf-logs-x"}),
        ("execution_logging", {"kms_key_arn": key()}),
        ("web_acl", {"managed_rule_groups": {}, "rate_limit": 100}),
        ("web_acl", {"managed_rule_groups": {"AWSManagedRulesCommonRuleSet": {"priority": 1}}, "rate_limit": 0}),
    ],
}
