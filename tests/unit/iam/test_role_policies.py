"""The policies that the stack would deploy, judged offline: what each role can do, and what it cannot.

Leading keys are proven here, with the meaning that AWS gives them.
"""

import json
import re
from collections.abc import Mapping

import pytest

from tests.support.iam import Request, is_allowed
from tests.support.role_cases import (
    ASSIGNMENTS,
    CASES,
    CATALOGUE,
    INVITATIONS,
    MEMBERSHIPS,
    PLATFORM_ASSIGNMENTS,
    ROLE_NAMES,
    ROLE_USAGE,
    ROLES,
    SENDER,
    SERVICES,
    SETS,
    TEAM_ROLE_USAGE,
    TEAM_ROLES,
    TEAM_USAGE,
    TEAMS,
    WHOLE_TABLE,
    Case,
    Deployment,
)
from tests.support.stack import ACCOUNT_ID, plan_stack, planned_resources
from tests.support.terraform import ROOT, Workspace

# One plan for all of them.
pytestmark = pytest.mark.xdist_group("role-policies")

# AWS Backup's role of the tables, beside those of the services.
BACKUP = "backup"
POOL_ID = "eu-west-1_Example01"
LINK = "https://portal.example.com/invitation"
DEPLOYMENT = Deployment("bbws-access-dev", "eu-west-1", ACCOUNT_ID, user_pool_id=POOL_ID)

Policies = Mapping[str, list[dict]]


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> Policies:
    """Every role's policies in the plan of DEV, by role; a pool that exists already, so that its ARN is known."""
    workspace = Workspace.create(tmp_path_factory.mktemp("iam"))
    inputs = {
        "existing_user_pool_id": POOL_ID,
        "invitation_sender": SENDER,
        "invitation_link": LINK,
        "backup_plan_enabled": True,
    }
    plan = plan_stack(workspace, "dev", **inputs)
    documents: dict[str, list[dict]] = {role: [] for role in (*ROLE_NAMES, BACKUP)}
    for address, values in planned_resources(plan, "aws_iam_role_policy").items():
        match = re.fullmatch(r'module\.iam\.aws_iam_role_policy\.(service|user_pools)\["([a-z-]+)"\]', address)
        if match:
            documents[match[2]].append(json.loads(values["policy"]))
        elif address == 'module.dynamodb.aws_iam_role_policy.backup["tables"]':
            documents[BACKUP].append(json.loads(values["policy"]))
    return documents


def judge(policies: Policies, *cases: Case) -> bool:
    """One call that has these parts."""
    (role,) = {case.role for case in cases}
    return is_allowed(policies[role], *(DEPLOYMENT.request(case) for case in cases))


@pytest.mark.parametrize("role", ROLE_NAMES)
def test_role_can_do_what_it_must_and_nothing_that_it_must_not(role: str, policies: Policies) -> None:
    cases = [case for case in CASES if case.role == role]
    assert {case.allowed for case in cases} == {True, False}
    wrong = [str(case) for case in cases if judge(policies, case) != case.allowed]
    assert not wrong, "the policy says otherwise:\n" + "\n".join(wrong)


# --- Against the contract: every service, entity and action ------------------------------------------------

DATA_MODEL = json.loads((ROOT / "contract" / "data-model.json").read_text(encoding="utf-8"))
CONTRACT = json.loads((ROOT / "contract" / "services.json").read_text(encoding="utf-8"))["services"]
ACTIONS = {
    "reads": {"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"},
    "creates": {"dynamodb:PutItem"},
    "writes": {
        *("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"),
        *("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"),
    },
}


def key_of(template: str) -> str:
    return re.sub(r"\{[^}]*\}", "x1", template)


@pytest.mark.parametrize("service", SERVICES)
def test_role_follows_the_contract_in_every_partition(service: str, policies: Policies) -> None:
    entities = DATA_MODEL["entities"]
    expected: dict[tuple[str, str], set[str]] = {(entity["table"], entity["PK"]): set() for entity in entities.values()}
    for grant, actions in ACTIONS.items():
        for name in CONTRACT[service][grant]:
            expected[entities[name]["table"], entities[name]["PK"]] |= actions
    for (table, partition), actions in expected.items():
        granted = {
            action
            for action in ACTIONS["writes"]
            if judge(policies, Case(service, action, f"table/{table}", True, key_of(partition)))
        }
        assert granted == actions, f"{service} in {partition} of {table}"


@pytest.mark.parametrize("service", SERVICES)
def test_role_follows_the_contract_in_every_index(service: str, policies: Policies) -> None:
    seen = set(CONTRACT[service]["reads"]) | set(CONTRACT[service]["writes"])
    for name, entity in DATA_MODEL["entities"].items():
        for index, keys in entity.get("indexes", {}).items():
            attribute = DATA_MODEL["tables"][entity["table"]]["indexes"][index]["partitionKey"]
            case = Case(
                service, "dynamodb:Query", f"table/{entity['table']}/index/{index}", True, key_of(keys[attribute])
            )
            assert judge(policies, case) is (name in seen), str(case)


# --- Transactions ------------------------------------------------------------------------------------------


def part(role: str, operation: str, table: str, key: str) -> Case:
    return Case(role, f"dynamodb:{operation}", f"table/{table}", True, key)


def test_role_service_may_assign_a_role_in_one_transaction(policies: Policies) -> None:
    assert judge(
        policies,
        part("role", "PutItem", "permissions", ASSIGNMENTS),
        part("role", "ConditionCheckItem", "permissions", ROLES),
        part("role", "UpdateItem", "permissions", ROLE_USAGE),
    )
    assert not judge(
        policies,
        part("role", "PutItem", "permissions", ASSIGNMENTS),
        part("role", "PutItem", "permissions", PLATFORM_ASSIGNMENTS),
    )


def test_invitation_service_may_accept_in_one_transaction(policies: Policies) -> None:
    acceptance = [
        part("invitation", "PutItem", "invitations", INVITATIONS),
        part("invitation", "DeleteItem", "invitations", INVITATIONS),
        part("invitation", "ConditionCheckItem", "permissions", ROLES),
        part("invitation", "PutItem", "permissions", ASSIGNMENTS),
        part("invitation", "UpdateItem", "permissions", ROLE_USAGE),
        part("invitation", "ConditionCheckItem", "teams", TEAMS),
        part("invitation", "ConditionCheckItem", "teams", TEAM_ROLES),
        part("invitation", "PutItem", "teams", MEMBERSHIPS),
        part("invitation", "UpdateItem", "teams", TEAM_USAGE),
        part("invitation", "UpdateItem", "teams", TEAM_ROLE_USAGE),
    ]
    assert judge(policies, *acceptance)
    # One part too many, and the whole is refused.
    assert not judge(policies, *acceptance, part("invitation", "UpdateItem", "permissions", ROLES))
    assert not judge(policies, *acceptance, part("invitation", "PutItem", "permissions", PLATFORM_ASSIGNMENTS))


def test_permission_service_may_not_smuggle_an_assignment_into_a_transaction(policies: Policies) -> None:
    rename = part("permission", "UpdateItem", "permissions", SETS)
    assert judge(policies, rename)
    assert not judge(policies, rename, part("permission", "PutItem", "permissions", ASSIGNMENTS))


def test_one_leading_key_of_another_service_refuses_a_request_for_several(policies: Policies) -> None:
    table = DEPLOYMENT.arn("table/permissions")
    assert is_allowed(policies["role"], Request("dynamodb:Query", table, {"dynamodb:LeadingKeys": (ROLES, SETS)}))
    write = Request("dynamodb:PutItem", table, {"dynamodb:LeadingKeys": (ROLES, SETS)})
    assert not is_allowed(policies["role"], write)
    for keys, allowed in (((ROLES, SETS), True), ((ROLES, CATALOGUE), False)):
        batch = Request("dynamodb:BatchGetItem", table, {"dynamodb:LeadingKeys": keys})
        assert is_allowed(policies["authorizer"], batch) is allowed, keys


# --- Beside the tables ---------------------------------------------------------------------------------------


def test_mail_is_sent_from_the_given_identity_only(policies: Policies) -> None:
    context = {"ses:FromAddress": SENDER["from_address"]}
    for identity, allowed in (("example.com", True), ("example.org", False)):
        arn = f"arn:aws:ses:eu-west-1:{ACCOUNT_ID}:identity/{identity}"
        for action in ("ses:SendEmail", "ses:SendTemplatedEmail"):
            assert is_allowed(policies["invitation"], Request(action, arn, context)) is allowed


HERE = f"eu-west-1:{ACCOUNT_ID}"
VAULT = f"arn:aws:backup:{HERE}:backup-vault:bbws-access-dev-vault-tables"
POINT = f"arn:aws:backup:{HERE}:recovery-point:1EB3B5E7-9EB0-435A-A80B-108B488B0D45"


def test_backup_may_do_what_a_job_that_copies_tags_asks_for(policies: Policies) -> None:
    """What AWS documents for DynamoDB, with the advanced features and without; keys are in a policy of their own."""
    for table in DATA_MODEL["tables"]:
        arn = DEPLOYMENT.arn(f"table/{table}")
        calls = [
            *(Request(f"dynamodb:{action}", arn) for action in ("DescribeTable", "CreateBackup")),
            *(Request(f"dynamodb:{action}", arn) for action in ("ListTagsOfResource", "StartAwsBackupJob")),
            *(
                Request(f"dynamodb:{action}", f"{arn}/backup/01489173575360-b308cd7d")
                for action in ("DescribeBackup", "DeleteBackup")
            ),
            Request("backup:DescribeBackupVault", VAULT),
            Request("backup:CopyIntoBackupVault", VAULT),
            Request("backup:TagResource", POINT),
        ]
        for call in calls:
            assert is_allowed(policies[BACKUP], call), call


@pytest.mark.parametrize(
    "call",
    [
        Request("backup:TagResource", VAULT),
        Request("backup:TagResource", f"arn:aws:backup:{HERE}:backup-plan:0a1b2c3d"),
        Request("backup:TagResource", POINT.replace("eu-west-1", "af-south-1")),
        Request("backup:TagResource", POINT.replace(ACCOUNT_ID, "999999999999")),
        Request("backup:UntagResource", POINT),
        Request("backup:DeleteRecoveryPoint", POINT),
        Request("backup:CopyIntoBackupVault", VAULT.replace("-dev-", "-sit-")),
        Request("dynamodb:StartAwsBackupJob", DEPLOYMENT.arn("table/teams").replace("-dev-", "-sit-")),
        Request("dynamodb:DeleteTable", DEPLOYMENT.arn("table/teams")),
        # A restore takes a role of its own: docs/operations.md.
        Request("dynamodb:RestoreTableFromAwsBackup", DEPLOYMENT.arn("table/teams")),
        Request("dynamodb:PutItem", DEPLOYMENT.arn("table/teams")),
    ],
    ids=lambda call: f"{call.action} {call.resource}",
)
def test_backup_may_do_nothing_else(call: Request, policies: Policies) -> None:
    assert not is_allowed(policies[BACKUP], call)


def test_nothing_is_allowed_wholesale_but_tracing(policies: Policies) -> None:
    for role, documents in policies.items():
        for statement in (statement for document in documents for statement in document["Statement"]):
            actions, resources = listed(statement["Action"]), listed(statement["Resource"])
            assert not any("*" in action for action in actions), f"{role}: {statement}"
            # Leading keys do not hold these, so no condition makes up for granting them.
            assert not set(actions) & set(WHOLE_TABLE), f"{role}: {statement}"
            if "*" in resources:
                assert set(actions) == {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}, f"{role}: {statement}"


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
