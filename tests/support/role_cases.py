"""What each role must be able to do and must not: one list, for the simulation and for the deployed system.

A case names its resource without account, region or prefix:

    table/{table}                     leading_key: the partition key of the item or query
    table/{table}/index/{index}       leading_key: the index's partition key
    table/{table}/stream
    bucket/{purpose}                  context s3:prefix: what is listed
    bucket/{purpose}/{object key}       context s3:object-lock-remaining-retention-days: for how long it is locked
    log-group/{function}
    event-bus, event-bus/{name}       the environment's own, another; context events:source, events:detail-type: of what
    queue/{name}
    identity/{name}, template/{name}, configuration-set/{name}    of SES; context ses:FromAddress: who writes
    user-pool                         known only once it exists
    account                           whatever has no resource of its own
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.support.iam import Request
from tests.support.terraform import ROOT

ORGANISATION = "org-01jd0000000000000000000001"
USER = "6f1c2a58-0000-4000-8000-000000000001"
ROLE = "role-01jd0000000000000000000001"
TEAM = "team-01jd0000000000000000000001"

CATALOGUE = "PERMISSION#CATALOGUE"
PLATFORM_SETS = "PERMISSION_SET#PLATFORM"
SETS = f"PERMISSION_SET#ORG#{ORGANISATION}"
PLATFORM_ROLES = "ROLE#PLATFORM"
ROLES = f"ROLE#ORG#{ORGANISATION}"
ROLE_USAGE = f"ROLE_USAGE#ORG#{ORGANISATION}"
ASSIGNMENTS = f"ASSIGNMENT#USER#{USER}"
ASSIGNMENTS_BY_ROLE = f"ASSIGNMENT#ORG#{ORGANISATION}#ROLE#{ROLE}"
ASSIGNMENTS_BY_ORG = f"ASSIGNMENT#ORG#{ORGANISATION}"
ASSIGNMENTS_BY_TEAM = f"ASSIGNMENT#ORG#{ORGANISATION}#TEAM#{TEAM}"
PLATFORM_ASSIGNMENTS = f"PLATFORM_ASSIGNMENT#USER#{USER}"
DEPARTURES = f"DEPARTURES#USER#{USER}"
TEAMS = f"TEAM#ORG#{ORGANISATION}"
TEAM_USAGE = f"TEAM_USAGE#ORG#{ORGANISATION}"
TEAM_ROLES = f"TEAM_ROLE#ORG#{ORGANISATION}"
TEAM_ROLE_USAGE = f"TEAM_ROLE_USAGE#ORG#{ORGANISATION}"
MEMBERSHIPS = f"MEMBER#USER#{USER}"
TEAMS_BY_DIVISION = f"TEAM#ORG#{ORGANISATION}#DIVISION#division-1"
MEMBERS_BY_TEAM = f"MEMBER#ORG#{ORGANISATION}#TEAM#{TEAM}"
MEMBERS_BY_ORG = f"MEMBER#ORG#{ORGANISATION}"
INVITATIONS = f"INVITATION#ORG#{ORGANISATION}"
INVITATION_ADDRESSES = f"INVITATION_ADDRESS#ORG#{ORGANISATION}#EMAIL#a@b.example"
INVITATION_RATE = f"INVITATION_RATE#ORG#{ORGANISATION}"
TOKEN_RATE = "TOKEN_RATE#ADDRESS#192.0.2.1"
INVITATIONS_BY_EXPIRY = "INVITATION#PENDING#0"
INVITATIONS_BY_EMAIL = "INVITATION#EMAIL#somebody@example.com"
TOKENS = "TOKEN#9f86d081884c7d65"
EVENTS = f"EVENT#ORG#{ORGANISATION}#DAY#2026-11-23"
EVENTS_BY_USER = f"EVENT#USER#{USER}"

# Every partition of every table, for what holds for all of them.
PARTITIONS = {
    "permissions": (
        CATALOGUE,
        PLATFORM_SETS,
        SETS,
        PLATFORM_ROLES,
        ROLES,
        ROLE_USAGE,
        ASSIGNMENTS,
        PLATFORM_ASSIGNMENTS,
    ),
    "teams": (TEAMS, TEAM_USAGE, TEAM_ROLES, TEAM_ROLE_USAGE, MEMBERSHIPS),
    "invitations": (INVITATIONS, INVITATION_ADDRESSES, TOKENS, INVITATION_RATE, TOKEN_RATE),
    "audit": (EVENTS,),
}

# Who writes the mails; a deployment may have another sender.
SENDER = {"identity": "example.com", "from_address": "invitations@example.com"}

# Roles by the name that the stack gives their service.
SERVICES = ("permission", "role", "team", "invitation", "authorizer", "audit")
ROLE_NAMES = {service: f"{service}-service" for service in SERVICES} | {"token-claims": "token-claims"}

READ = ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query")
CHANGE = ("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem")
WHOLE_TABLE = (
    "dynamodb:Scan",
    "dynamodb:BatchWriteItem",
    "dynamodb:PartiQLSelect",
    "dynamodb:PartiQLDelete",
)


@dataclass(frozen=True)
class Case:
    """One action that a role tries: `allowed` is what must come of it."""

    role: str
    action: str
    resource: str
    allowed: bool
    leading_key: str | None = None
    context: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        verb = "may" if self.allowed else "may not"
        where = " ".join([self.resource, *filter(None, [self.leading_key]), *self.context.values()])
        return f"{self.role} {verb} {self.action} {where}"


@dataclass(frozen=True)
class Deployment:
    """Where the names of a case lead to; `user_pool_id` is known only once the pool exists."""

    name_prefix: str
    region: str
    account_id: str
    bucket_suffix: str = ""
    user_pool_id: str | None = None
    sender: Mapping[str, str] = field(default_factory=lambda: SENDER)

    @property
    def index_keys(self) -> dict[str, str]:
        """Each index's partition key attribute."""
        tables = json.loads((ROOT / "contract" / "data-model.json").read_text(encoding="utf-8"))["tables"]
        return {name: keys["partitionKey"] for table in tables.values() for name, keys in table["indexes"].items()}

    def role_name(self, role: str) -> str:
        return f"{self.name_prefix}-role-{ROLE_NAMES[role]}"

    def arn(self, resource: str) -> str:
        """ARN of a case's resource; for a stream and a log group, of one of its kind."""
        kind, _, name = resource.partition("/")
        in_region = f"{self.region}:{self.account_id}"
        if kind == "table":
            table, _, rest = name.partition("/")
            part = {"": "", "stream": "/stream/2026-11-23T00:00:00.000"}.get(rest, f"/{rest}")
            return f"arn:aws:dynamodb:{in_region}:table/{self.name_prefix}-ddb-{table}{part}"
        if kind == "bucket":
            purpose, slash, key = name.partition("/")
            return f"arn:aws:s3:::{self.name_prefix}-s3-{purpose}{self.bucket_suffix}{slash}{key}"
        if kind == "log-group":
            return f"arn:aws:logs:{in_region}:log-group:/aws/lambda/{self.name_prefix}-lambda-{name}:log-stream:any"
        if kind == "event-bus":
            return f"arn:aws:events:{in_region}:event-bus/{name or f'{self.name_prefix}-bus'}"
        if kind == "queue":
            return f"arn:aws:sqs:{in_region}:{self.name_prefix}-queue-{name}"
        if kind in ("template", "configuration-set"):
            return f"arn:aws:ses:{in_region}:{kind}/{self.name_prefix}-{name}"
        if kind == "identity":
            return f"arn:aws:ses:{in_region}:identity/{name}"
        if kind == "user-pool" and self.user_pool_id:
            return f"arn:aws:cognito-idp:{in_region}:userpool/{self.user_pool_id}"
        if kind == "account":
            return "*"
        raise ValueError(f"no ARN for the resource {resource}")

    def request(self, case: Case) -> Request:
        """The request that AWS would judge."""
        context: dict[str, str | tuple[str, ...]] = dict(case.context)
        if case.leading_key:
            context["dynamodb:LeadingKeys"] = (case.leading_key,)
        return Request(case.action, self.arn(case.resource), context)


def _may(role: str, actions: tuple[str, ...], resource: str, *leading_keys: str) -> list[Case]:
    return _cases(role, actions, resource, leading_keys, allowed=True)


def _may_not(role: str, actions: tuple[str, ...], resource: str, *leading_keys: str) -> list[Case]:
    return _cases(role, actions, resource, leading_keys, allowed=False)


def _cases(
    role: str, actions: tuple[str, ...], resource: str, leading_keys: tuple[str, ...], *, allowed: bool
) -> list[Case]:
    return [Case(role, action, resource, allowed, key) for action in actions for key in leading_keys or (None,)]


def _object_cases(role: str, prefix: str, *, allowed: bool) -> list[Case]:
    return [
        Case(role, "s3:ListBucket", "bucket/audit-archive", allowed, context={"s3:prefix": prefix}),
        Case(role, "s3:GetObject", f"bucket/audit-archive/{prefix}2026/11/23.json.gz", allowed),
        Case(role, "s3:PutObject", f"bucket/audit-archive/{prefix}2026/11/23.json.gz", allowed),
    ]


def _retention_cases(role: str, key: str, days: int, *, allowed: bool) -> list[Case]:
    context = {"s3:object-lock-remaining-retention-days": str(days)}
    return [Case(role, "s3:PutObjectRetention", f"bucket/audit-archive/{key}", allowed, context=context)]


TEAM_EVENT = {"events:source": "bbws.access", "events:detail-type": "TeamDeactivated"}


def _event_case(role: str, source: str, detail_type: str, *, allowed: bool) -> Case:
    context = {"events:source": source, "events:detail-type": detail_type}
    return Case(role, "events:PutEvents", "event-bus", allowed, context=context)


def _mail_cases(role: str, address: str, *, allowed: bool) -> list[Case]:
    return [
        Case(role, "ses:SendTemplatedEmail", resource, allowed, context={"ses:FromAddress": address})
        for resource in (f"identity/{SENDER['identity']}", "template/mail-invitation", "configuration-set/mail")
    ]


PERMISSION_SERVICE = [
    *_may("permission", CHANGE, "table/permissions", SETS),
    *_may("permission", READ, "table/permissions", SETS, PLATFORM_SETS, CATALOGUE, ROLES, ASSIGNMENTS),
    *_may_not("permission", CHANGE, "table/permissions", ROLES, PLATFORM_ROLES, ROLE_USAGE, ASSIGNMENTS),
    *_may_not("permission", (*READ, *CHANGE), "table/invitations", INVITATIONS, TOKENS),
    # Whoever has nothing but a membership is signed in, too.
    *_may("permission", READ, "table/teams", MEMBERSHIPS, TEAM_ROLES),
    *_may_not("permission", READ, "table/teams", TEAMS, TEAM_USAGE),
    *_may_not("permission", CHANGE, "table/teams", *PARTITIONS["teams"]),
]

ROLE_SERVICE = [
    *_may("role", (*READ, *CHANGE), "table/permissions", ROLES, ROLE_USAGE, ASSIGNMENTS),
    *_may("role", READ, "table/permissions", SETS, PLATFORM_SETS, PLATFORM_ROLES),
    *_may("role", ("dynamodb:ConditionCheckItem",), "table/permissions", ROLES, SETS),
    *_may("role", ("dynamodb:Query",), "table/permissions/index/assignments-by-role", ASSIGNMENTS_BY_ROLE),
    *_may("role", ("dynamodb:Query",), "table/permissions/index/assignments-by-organisation", ASSIGNMENTS_BY_ORG),
    *_may("role", ("dynamodb:Query",), "table/permissions/index/assignments-by-team", ASSIGNMENTS_BY_TEAM),
    *_may("role", ("dynamodb:Query",), "table/teams/index/members-by-organisation", MEMBERS_BY_ORG),
    *_may("role", READ, "table/teams", MEMBERSHIPS, TEAMS),
    *_may("role", ("dynamodb:ConditionCheckItem",), "table/teams", TEAMS),
    *_may_not("role", CHANGE, "table/permissions", SETS, PLATFORM_SETS, CATALOGUE),
    *_may_not("role", CHANGE, "table/teams", *PARTITIONS["teams"]),
    *_may_not("role", (*READ, *CHANGE), "table/invitations", INVITATIONS, TOKENS),
    *_may_not("role", ("dynamodb:Query",), "table/teams/index/members-by-team", TEAMS),
    _event_case("role", "bbws.platform", "UserDeactivated", allowed=True),
    _event_case("role", "bbws.access", "UserDeactivated", allowed=False),
    _event_case("role", "bbws.platform", "OrganisationCreated", allowed=False),
    # An index is asked for its own partitions only, and never written.
    *_may_not("role", ("dynamodb:Query",), "table/permissions/index/assignments-by-role", ROLES),
    *_may_not("role", CHANGE, "table/permissions/index/assignments-by-role", ASSIGNMENTS_BY_ROLE),
]

TEAM_SERVICE = [
    *_may("team", (*READ, *CHANGE), "table/teams", *PARTITIONS["teams"]),
    *_may("team", ("dynamodb:Query",), "table/teams/index/members-by-team", MEMBERS_BY_TEAM),
    *_may("team", ("dynamodb:Query",), "table/teams/index/teams-by-division", TEAMS_BY_DIVISION),
    *_may("team", ("dynamodb:ConditionCheckItem",), "table/teams", *PARTITIONS["teams"]),
    *_may("team", READ, "table/permissions", ASSIGNMENTS, ROLES, SETS),
    # Whether somebody belongs to the organisation is checked in the transaction that makes them a member.
    *_may("team", ("dynamodb:ConditionCheckItem",), "table/permissions", ASSIGNMENTS),
    *_may_not("team", CHANGE, "table/permissions", *PARTITIONS["permissions"]),
    *_may_not("team", (*READ, *CHANGE), "table/invitations", INVITATIONS, TOKENS),
    # An index is asked for its own partitions only, and never written.
    *_may_not("team", ("dynamodb:Query",), "table/teams/index/members-by-team", TEAMS),
    *_may_not("team", CHANGE, "table/teams/index/members-by-team", MEMBERS_BY_TEAM),
    _event_case("team", "bbws.access", "TeamDeactivated", allowed=True),
    _event_case("team", "bbws.platform", "TeamDeactivated", allowed=False),
    _event_case("team", "bbws.access", "InvitationSweep", allowed=False),
    _event_case("team", "bbws.platform", "OrganisationCreated", allowed=False),
    _event_case("team", "bbws.platform", "UserDeactivated", allowed=False),
    *(
        Case("team", "events:PutEvents", f"event-bus/{name}", False, context=TEAM_EVENT)
        for name in ("default", "bbws-access-sit-bus")
    ),
]

INVITATION_SERVICE = [
    *_may("invitation", (*READ, *CHANGE), "table/invitations", *PARTITIONS["invitations"]),
    *_may("invitation", ("dynamodb:Query",), "table/invitations/index/invitations-by-expiry", INVITATIONS_BY_EXPIRY),
    *_may("invitation", ("dynamodb:Query",), "table/invitations/index/invitations-by-email", INVITATIONS_BY_EMAIL),
    # What the caller and the inviter hold, and what the invited person has already.
    *_may("invitation", READ, "table/permissions", ROLES, SETS, ASSIGNMENTS, PLATFORM_ASSIGNMENTS),
    *_may("invitation", READ, "table/teams", TEAMS, TEAM_ROLES, MEMBERSHIPS),
    # What an acceptance grants: it may be put, and neither changed, nor taken away, nor read.
    *_may("invitation", ("dynamodb:PutItem",), "table/permissions", ASSIGNMENTS),
    *_may("invitation", ("dynamodb:PutItem",), "table/teams", MEMBERSHIPS),
    *_may("invitation", ("dynamodb:UpdateItem",), "table/permissions", ROLE_USAGE),
    *_may("invitation", ("dynamodb:UpdateItem",), "table/teams", TEAM_USAGE, TEAM_ROLE_USAGE),
    *_may_not("invitation", ("dynamodb:UpdateItem", "dynamodb:DeleteItem"), "table/permissions", ASSIGNMENTS),
    *_may_not("invitation", ("dynamodb:UpdateItem", "dynamodb:DeleteItem"), "table/teams", MEMBERSHIPS),
    *_may_not("invitation", CHANGE, "table/permissions", ROLES, PLATFORM_ROLES, SETS, PLATFORM_SETS, CATALOGUE),
    *_may_not("invitation", CHANGE, "table/permissions", PLATFORM_ASSIGNMENTS),
    *_may_not("invitation", CHANGE, "table/teams", TEAMS, TEAM_ROLES),
    *_may("invitation", ("cognito-idp:AdminCreateUser", "cognito-idp:AdminGetUser"), "user-pool"),
    *_may_not("invitation", ("cognito-idp:AdminDeleteUser", "cognito-idp:AdminSetUserPassword"), "user-pool"),
    *_may_not("invitation", ("cognito-idp:AdminUpdateUserAttributes", "cognito-idp:ListUsers"), "user-pool"),
    *_may("invitation", ("sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage"), "queue/mail"),
    *_may_not("invitation", ("sqs:PurgeQueue", "sqs:DeleteQueue", "sqs:SetQueueAttributes"), "queue/mail"),
    *_may_not("invitation", ("sqs:SendMessage", "sqs:ReceiveMessage"), "queue/mail-dead-letters"),
    *_mail_cases("invitation", SENDER["from_address"], allowed=True),
    *_mail_cases("invitation", "director@example.com", allowed=False),
    *_may_not("invitation", ("ses:SendRawEmail",), f"identity/{SENDER['identity']}"),
]

AUTHORIZER = [
    *_may("authorizer", READ, "table/permissions", ASSIGNMENTS, ROLES, SETS),
    *_may("authorizer", READ, "table/teams", MEMBERSHIPS, TEAM_ROLES),
    *(
        case
        for table, partitions in PARTITIONS.items()
        for case in _may_not("authorizer", (*CHANGE, "dynamodb:ConditionCheckItem"), f"table/{table}", *partitions)
    ),
    *_may_not("authorizer", READ, "table/invitations", INVITATIONS, TOKENS),
    *_may_not("authorizer", ("cognito-idp:AdminGetUser",), "user-pool"),
]

AUDIT_SERVICE = [
    # Events are added and read; no role changes or removes one.
    *_may("audit", ("dynamodb:PutItem", *READ), "table/audit", EVENTS),
    *_may_not("audit", ("dynamodb:UpdateItem", "dynamodb:DeleteItem"), "table/audit", EVENTS),
    *_may("audit", ("dynamodb:Query",), "table/audit/index/events-by-user", EVENTS_BY_USER),
    *(
        case
        for table in ("permissions", "teams", "invitations")
        for case in _may("audit", ("dynamodb:GetRecords", "dynamodb:DescribeStream"), f"table/{table}/stream")
    ),
    *(
        case
        for table in ("permissions", "teams", "invitations")
        for case in _may_not("audit", (*READ, *CHANGE), f"table/{table}", *PARTITIONS[table])
    ),
    *_may_not("audit", ("dynamodb:GetRecords",), "table/audit/stream"),
    *_object_cases("audit", "archive/org-1/", allowed=True),
    *_object_cases("audit", "exports/org-1/", allowed=True),
    *_object_cases("audit", "other/", allowed=False),
    *_object_cases("audit", "archived/", allowed=False),
    *_may_not("audit", ("s3:DeleteObject", "s3:DeleteObjectVersion"), "bucket/audit-archive/archive/org-1/day"),
    # An export is locked briefly, and nothing else is given a lock of its own.
    *_retention_cases("audit", "exports/org-1/export", 1, allowed=True),
    *_retention_cases("audit", "exports/org-1/export", 7, allowed=True),
    *_retention_cases("audit", "exports/org-1/export", 8, allowed=False),
    *_retention_cases("audit", "archive/org-1/day", 1, allowed=False),
    *_may_not("audit", ("s3:BypassGovernanceRetention",), "bucket/audit-archive/archive/org-1/day"),
    *_may_not("audit", ("s3:BypassGovernanceRetention",), "bucket/audit-archive/exports/org-1/export"),
    *_may_not("audit", ("s3:PutBucketPolicy", "s3:PutLifecycleConfiguration"), "bucket/audit-archive"),
    *_may("audit", ("logs:FilterLogEvents",), "log-group/authorizer"),
]

TOKEN_CLAIMS = [
    *_may("token-claims", READ, "table/permissions", ASSIGNMENTS),
    *_may("token-claims", READ, "table/teams", MEMBERSHIPS),
    *_may_not("token-claims", READ, "table/permissions", ROLES, SETS, CATALOGUE, ROLE_USAGE),
    *_may_not("token-claims", READ, "table/teams", TEAMS, TEAM_ROLES),
    *(
        case
        for table, partitions in PARTITIONS.items()
        for case in _may_not("token-claims", CHANGE, f"table/{table}", *partitions)
    ),
]

EVERY_ROLE = [
    *(
        case
        for role in ROLE_NAMES
        for case in (
            *_may(role, ("logs:CreateLogStream", "logs:PutLogEvents"), f"log-group/{role}"),
            *_may(role, ("xray:PutTraceSegments",), "account"),
            *_may_not(role, ("logs:CreateLogGroup", "logs:DeleteLogGroup"), f"log-group/{role}"),
            *_may_not(role, ("logs:PutLogEvents",), "log-group/" + ("role" if role == "team" else "team")),
            *_may_not(role, ("iam:PassRole", "sts:AssumeRole", "kms:Decrypt", "lambda:InvokeFunction"), "account"),
            *(
                case
                for table, partitions in PARTITIONS.items()
                for case in (
                    *_may_not(role, WHOLE_TABLE, f"table/{table}"),
                    *_may_not(role, ("dynamodb:UpdateTable", "dynamodb:DeleteTable"), f"table/{table}"),
                    # A request that carries no leading key must not slip through.
                    *_may_not(role, (*READ, *CHANGE), f"table/{table}"),
                )
            ),
        )
    ),
    # What reaches every organisation is given by engineers alone, and so is what it means: no service writes either.
    *(
        case
        for role in ROLE_NAMES
        for case in _may_not(
            role, CHANGE, "table/permissions", PLATFORM_ASSIGNMENTS, PLATFORM_ROLES, PLATFORM_SETS, CATALOGUE
        )
    ),
    *(
        case
        for role in ("permission", "role", "team", "invitation", "authorizer")
        for case in _may(role, READ, "table/permissions", PLATFORM_ASSIGNMENTS)
    ),
    *_may_not("token-claims", READ, "table/permissions", PLATFORM_ASSIGNMENTS),
    # Who decides on access reads who has left, who writes checks it, and who is told stores it. It never goes.
    *(
        case
        for role in ("permission", "role", "team", "invitation", "authorizer")
        for case in _may(role, READ, "table/permissions", DEPARTURES)
    ),
    *(
        case
        for role in ("permission", "role", "team", "invitation")
        for case in _may(role, ("dynamodb:ConditionCheckItem",), "table/permissions", DEPARTURES)
    ),
    *(
        case
        for role in ROLE_NAMES
        for case in (
            *_may_not(role, ("dynamodb:UpdateItem", "dynamodb:DeleteItem"), "table/permissions", DEPARTURES),
            *(_may if role in ("role", "team") else _may_not)(
                role, ("dynamodb:PutItem",), "table/permissions", DEPARTURES
            ),
        )
    ),
    # Nobody but audit touches what audit keeps.
    *(
        case
        for role in ROLE_NAMES
        if role != "audit"
        for case in (
            *_may_not(role, (*READ, *CHANGE), "table/audit", EVENTS),
            *_may_not(role, ("dynamodb:Query",), "table/audit/index/events-by-user", EVENTS_BY_USER),
            *_may_not(role, ("dynamodb:GetRecords",), "table/permissions/stream"),
            *_object_cases(role, "archive/org-1/", allowed=False),
            *_retention_cases(role, "exports/org-1/export", 1, allowed=False),
        )
    ),
    # Events of teams are the team service's to send, and mails the invitation service's to queue and to send.
    *(
        case
        for role in ROLE_NAMES
        for case in (
            *_may_not(role, ("events:PutEvents",), "event-bus"),
            *(() if role == "team" else [_event_case(role, "bbws.access", "TeamDeactivated", allowed=False)]),
        )
    ),
    *(
        case
        for role in ROLE_NAMES
        if role != "invitation"
        for case in (
            *_may_not(role, ("sqs:SendMessage", "sqs:ReceiveMessage"), "queue/mail"),
            *_mail_cases(role, SENDER["from_address"], allowed=False),
        )
    ),
    # Nobody but the invitation service makes users.
    *(
        case
        for role in ROLE_NAMES
        if role != "invitation"
        for case in _may_not(role, ("cognito-idp:AdminCreateUser",), "user-pool")
    ),
]

CASES: list[Case] = [
    *PERMISSION_SERVICE,
    *ROLE_SERVICE,
    *TEAM_SERVICE,
    *INVITATION_SERVICE,
    *AUTHORIZER,
    *AUDIT_SERVICE,
    *TOKEN_CLAIMS,
    *EVERY_ROLE,
]
