"""Every criterion turns red where the code breaks its rule, and no other does."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bbws_access.cli.project import Project
from bbws_access.verify import criteria, criteria_stack, engine, jobs, slices
from bbws_access.verify.cache import Cache
from bbws_access.verify.catalogue import RULES
from bbws_access.verify.dependencies import read_graph
from bbws_access.verify.jobs import SUPPORTING, WORKERS, Facts, Job, Planned
from bbws_access.verify.provider import Providers
from bbws_access.verify.report import COMPLETE, FAILED, Finding
from bbws_access.verify.rules import Evidence, judge
from bbws_access.verify.runner import Deadline, Runner
from tests.verify.conftest import ENVIRONMENTS, WITH_EVERYTHING, Wanted, copy_project, plan_all, replaced
from tests.verify.conftest import Planned as Plans
from tests.verify.test_stack_criteria import DEFECTS

pytestmark = pytest.mark.xdist_group("verify-plans")


@dataclass(frozen=True)
class Mutation:
    """A change of the code that breaks one criterion, and what must be found.

    criterion: the one that turns red      address: a part of a finding's address, or of its message
    changes: file below terraform/, a text that stands in it once, and another      line: what the finding's line says
    environment: whose verdict is looked at      planned: what is planned anew, if not that environment
    module: what is planned anew, if not the module of the first file
    """

    criterion: str
    address: str
    line: str
    changes: tuple[tuple[str, str, str], ...]
    environment: str = "dev"
    planned: str = ""
    module: str = ""

    @property
    def of(self) -> str:
        return self.module or self.changes[0][0].split("/")[1]


MUTATIONS: dict[str, Mutation] = {}
"""Those that take a plan."""


def breaks(name: str, criterion: str, address: str, line: str, file: str, *texts: str, **options: str) -> None:
    """Note a mutation of one file below terraform/modules; `texts` are old and new in turn."""
    changes = tuple((f"modules/{file}", old, new) for old, new in zip(texts[::2], texts[1::2], strict=True))
    MUTATIONS[f"{criterion}-{name}"] = Mutation(criterion, address, line, changes, **options)


# --- Variables parameterised -----------------------------------------------------------------------------------------

NAMESPACE = "cloudwatch/variables.tf", 'default     = "BBWS/AccessManagement"'
breaks(
    "project", "parameterised", "aws_cloudwatch_log_metric_filter", "metric_transformation",
    *NAMESPACE, 'default     = "bbws-access"', environment="prod", planned=slices.ANOTHER,
)  # fmt: skip
breaks(
    "region", "parameterised", "aws_cloudwatch_log_metric_filter", "metric_transformation",
    *NAMESPACE, 'default     = "af-south-1"', environment="prod", planned=slices.ANOTHER,
)  # fmt: skip
breaks(
    "environment", "parameterised", "aws_cloudwatch_log_metric_filter", "metric_transformation",
    *NAMESPACE, 'default     = "bbws-access-prod-metrics"',
)  # fmt: skip

# --- Names -----------------------------------------------------------------------------------------------------------

breaks(
    "table", "naming", 'aws_dynamodb_table.this["audit"]', "name ", "dynamodb/main.tf",
    "= local.table_names[each.key]", '= each.key == "audit" ? "audit-events" : local.table_names[each.key]',
)  # fmt: skip
breaks("topic", "naming", "aws_sns_topic", "name ", "cloudwatch/sns.tf", "-sns-alerts-$", "-sns-alarms-$")
breaks(
    "without-pattern", "naming", "aws_ssm_parameter", "name ", "mail/queue.tf", 'resource "aws_sqs_queue" "mail" {',
    'resource "aws_ssm_parameter" "x" {\n  name = "x"\n  type = "String"\n  value = "x"\n}\n\n'
    'resource "aws_sqs_queue" "mail" {',
)  # fmt: skip

# --- Tables ----------------------------------------------------------------------------------------------------------

CAPACITY = "read_capacity = 1\n  write_capacity = 1\n"
breaks(
    "provisioned", "on-demand", "aws_dynamodb_table", "billing_mode", "dynamodb/main.tf",
    '"PAY_PER_REQUEST"\n', f'"PROVISIONED"\n  {CAPACITY}',
    "content {\n      name               = global", f"content {{\n  {CAPACITY}      name               = global",
)  # fmt: skip
breaks(
    "scaled", "on-demand", "aws_appautoscaling_target", "resource", "dynamodb/main.tf",
    'resource "aws_dynamodb_table" "this" {',
    'resource "aws_appautoscaling_target" "x" {\n  max_capacity = 2\n  min_capacity = 1\n  resource_id = "table/x"\n'
    '  scalable_dimension = "dynamodb:table:ReadCapacityUnits"\n  service_namespace = "dynamodb"\n}\n\n'
    'resource "aws_dynamodb_table" "this" {',
)  # fmt: skip
breaks(
    "table", "pitr", "aws_dynamodb_table", "point_in_time_recovery", "dynamodb/main.tf",
    "    enabled                 = var.pitr_enabled\n    recovery_period_in_days = var.pitr_enabled ? ",
    "    enabled                 = false\n    recovery_period_in_days = false ? ",
)  # fmt: skip
breaks(
    "replica", "pitr", "aws_dynamodb_table_replica", "point_in_time_recovery", "dynamodb/replica/main.tf",
    "point_in_time_recovery      = var.pitr_enabled", "point_in_time_recovery      = false", environment="prod",
)  # fmt: skip

# --- Buckets ---------------------------------------------------------------------------------------------------------

BLOCK = 'resource "aws_s3_bucket_public_access_block" "archive" {\n'
SETTINGS = "bucket                  = aws_s3_bucket.archive.id\n  block_public_acls       = true\n"
breaks(
    "setting", "public-access", "aws_s3_bucket_public_access_block.archive", "block_public_policy     = false",
    "s3-audit/main.tf", f"{SETTINGS}  block_public_policy     = true", f"{SETTINGS}  block_public_policy     = false",
)  # fmt: skip
breaks(
    "none", "public-access", "aws_s3_bucket.archive", 'resource "aws_s3_bucket" "archive"', "s3-audit/main.tf",
    BLOCK, f"{BLOCK}  count = 0\n",
)  # fmt: skip

# --- Regions ---------------------------------------------------------------------------------------------------------

breaks(
    "table", "regions", "tables are replicated", "", "dynamodb/replica/main.tf", "for_each = module.inputs.tables",
    'for_each = { for name, table in module.inputs.tables : name => table if name != "teams" }', environment="prod",
)  # fmt: skip
breaks(
    "archive", "regions", "archive is not replicated", "", "s3-audit/replication.tf",
    "count = module.inputs.replication == null ? 0 : 1", "count = 0", environment="prod",
)  # fmt: skip
breaks(
    "third", "regions", "names something in eu-north-1", "", "mail/queue.tf", "sqs:${local.region}",
    'sqs:${replace(local.region, "west", "north")}',
)  # fmt: skip

# --- Encryption ------------------------------------------------------------------------------------------------------

breaks(
    "table", "encryption", "aws_dynamodb_table", "server_side_encryption", "dynamodb/main.tf",
    "    kms_key_arn = local.kms_key_arn\n", "",
)  # fmt: skip
breaks(
    "table-at-all", "encryption", "aws_dynamodb_table", "resource", "dynamodb/main.tf",
    "  server_side_encryption {\n    enabled     = true\n    kms_key_arn = local.kms_key_arn\n  }\n", "",
)  # fmt: skip
breaks(
    "replica", "encryption", "aws_dynamodb_table_replica", "resource", "dynamodb/replica/main.tf",
    "  kms_key_arn                 = var.kms_key_arn\n", "", environment="prod",
)  # fmt: skip
breaks(
    "log-group", "encryption", "aws_cloudwatch_log_group", "resource", "cloudwatch/main.tf",
    "  kms_key_id        = var.log_kms_key_arn\n", "",
)  # fmt: skip
breaks(
    "topic", "encryption", "aws_sns_topic", "kms_master_key_id", "cloudwatch/sns.tf",
    "= var.topic_kms_key_arn", '= "alias/aws/sns"',
)  # fmt: skip
breaks(
    "queue", "encryption", "aws_sqs_queue.mail", "resource", "mail/queue.tf",
    "  kms_master_key_id          = var.kms_key_arn\n", "",
)  # fmt: skip
breaks(
    "function", "encryption", "aws_lambda_function", "resource", "lambda/main.tf",
    "  kms_key_arn                    = var.kms_key_arn\n", "",
)  # fmt: skip
breaks(
    "bucket", "encryption", "_encryption_configuration.archive", "resource", "s3-audit/main.tf",
    "      kms_master_key_id = var.kms_key_arn\n", "",
)  # fmt: skip
LOGS = 'resource "aws_s3_bucket_server_side_encryption_configuration" "access_logs" {\n'
breaks(
    "bucket-of-logs", "encryption", "aws_s3_bucket.access_logs", "resource", "s3-audit/main.tf",
    LOGS, f"{LOGS}  count = 0\n",
)  # fmt: skip

# --- Tags ------------------------------------------------------------------------------------------------------------

MUTATIONS["tags-missing"] = Mutation(
    "tags", "has no tag CostCenter", "", (("stack/names.tf", '    CostCenter  = "BBWS-ACCESS"\n', ""),), module="mail"
)
breaks(
    "of-another", "tags", "is tagged as sit", "tags ", "mail/queue.tf",
    "tags                       = var.tags", 'tags                       = merge(var.tags, { Environment = "sit" })',
)  # fmt: skip

# --- Deletion protection ---------------------------------------------------------------------------------------------

PROTECTED = "dynamodb/main.tf", "deletion_protection_enabled = local.deletion_protection[each.key]"
breaks(
    "table", "deletion-protection", "aws_dynamodb_table", "deletion_protection_enabled", *PROTECTED,
    "deletion_protection_enabled = false", environment="prod",
)  # fmt: skip
breaks(
    "elsewhere", "deletion-protection", "aws_dynamodb_table", "deletion_protection_enabled", *PROTECTED,
    "deletion_protection_enabled = true",
)  # fmt: skip
breaks(
    "replica", "deletion-protection", "aws_dynamodb_table_replica", "resource", "dynamodb/replica/main.tf",
    "  deletion_protection_enabled = var.deletion_protection_enabled == null ?"
    " each.value.deletion_protection_enabled : var.deletion_protection_enabled\n", "", environment="prod",
)  # fmt: skip
breaks(
    "user-pool", "deletion-protection", "aws_cognito_user_pool", "deletion_protection", "cognito/main.tf",
    'var.deletion_protection_enabled ? "ACTIVE" : "INACTIVE"', '"INACTIVE"', environment="prod",
)  # fmt: skip
breaks(
    "bucket", "deletion-protection", "aws_s3_bucket.archive", "force_destroy", "s3-audit/main.tf",
    "object_lock_enabled = true\n  force_destroy       = var.force_destroy",
    "object_lock_enabled = true\n  force_destroy       = true", environment="prod",
)  # fmt: skip

# --- Logs ------------------------------------------------------------------------------------------------------------

breaks(
    "for-ever", "log-retention", "aws_cloudwatch_log_group", "resource", "cloudwatch/main.tf",
    "  retention_in_days = module.inputs.log_retention_days[each.value.kind]\n", "",
)  # fmt: skip
breaks(
    "of-nobody", "log-retention", "aws_lambda_function", "logging_config", "lambda/main.tf",
    "= each.value.log_group_name", '= "/aws/lambda/another"',
)  # fmt: skip

# --- Policies --------------------------------------------------------------------------------------------------------

ROLE = "      actions   = statement.value.actions\n      resources = statement.value.resources\n"
SERVICE = "iam/policies.tf", f'"/[^A-Za-z0-9]/", " ")), " ", "")\n{ROLE}'
breaks(
    "role", "least-privilege", "aws_iam_role_policy.service", "policy", *SERVICE,
    '"/[^A-Za-z0-9]/", " ")), " ", "")\n      actions   = ["dynamodb:*"]\n      resources = ["*"]\n',
)  # fmt: skip
breaks(
    "unreadable", "least-privilege", "aws_iam_role_policy.service", "policy", *SERVICE,
    '"/[^A-Za-z0-9]/", " ")), " ", "")\n      actions   = statement.value.actions\n'
    "      resources = [aws_iam_role.service[each.key].arn]\n",
)  # fmt: skip
breaks(
    "key-of-anyone", "least-privilege", "aws_kms_key", "policy", "kms/main.tf",
    "identifiers = [local.account_arn]\n    }\n  }\n\n  dynamic \"statement\" {\n    for_each = length(each.value.adm",
    "identifiers = [\"*\"]\n    }\n  }\n\n  dynamic \"statement\" {\n    for_each = length(each.value.adm",
)  # fmt: skip
breaks(
    "bucket", "least-privilege", "aws_s3_bucket_policy.access_logs", "policy", "s3-audit/main.tf",
    '["s3:PutObject"]\n    resources = ["${local.access_log_arn}/${local.access_log_prefix}*"]',
    '["s3:*"]\n    resources = ["*"]',
)  # fmt: skip
breaks(
    "topic", "least-privilege", "aws_sns_topic_policy", "policy", "cloudwatch/sns.tf",
    '"AllowAlarms"\n    actions   = ["sns:Publish"]\n    resources = [local.topic_arns[each.key]]',
    '"AllowAlarms"\n    actions   = ["sns:*"]\n    resources = ["*"]',
)  # fmt: skip
breaks(
    "queue", "least-privilege", "aws_sqs_queue.dead_letters", "policy", "events/main.tf",
    '["sqs:SendMessage"]\n      resources = [local.dead_letter_queue_arn]', '["sqs:*"]\n      resources = ["*"]',
)  # fmt: skip

# --- Environments apart ----------------------------------------------------------------------------------------------

breaks(
    "topic", "apart", "aws_sns_topic_policy", "policy", "cloudwatch/sns.tf",
    ":alarm:${local.name_prefix}-alarm-*", ":alarm:*",
)  # fmt: skip
breaks(
    "queue", "apart", "aws_sqs_queue.dead_letters", "policy", "events/main.tf",
    '"aws:SourceArn"\n        values   = statement.value',
    '"aws:SourceArn"\n        values   = ["${local.events_arn}:rule/*"]',
)  # fmt: skip

# --- Dead letters ----------------------------------------------------------------------------------------------------

breaks(
    "queue", "dead-letters", "aws_lambda_event_source_mapping.mail", "resource", "mail/queue.tf",
    "  redrive_policy = jsonencode({\n    deadLetterTargetArn = local.queue_arns.dead_letters\n"
    "    maxReceiveCount     = var.maximum_receive_count\n  })\n", "",
)  # fmt: skip
breaks(
    "target", "dead-letters", "aws_cloudwatch_event_target", "resource", "events/main.tf",
    "  dead_letter_config {\n    arn = local.dead_letter_queue_arn\n  }\n", "",
)  # fmt: skip
breaks(
    "function", "dead-letters", "aws_lambda_function.this", "dead_letter_config", "lambda/main.tf",
    "each.value.asynchronous ? [local.dead_letter_queue_arns[each.key]] : []", "[]",
)  # fmt: skip

# --- Alarms ----------------------------------------------------------------------------------------------------------

breaks(
    "none", "alarms", "lambda-role", "resource", "cloudwatch/alarms.tf", "  for_each = local.alarms\n",
    '  for_each = { for key, alarm in local.alarms : key => alarm if key != "role-errors" }\n',
)  # fmt: skip
breaks(
    "silent", "alarms", "lambda-role", "resource", "cloudwatch/alarms.tf",
    "  alarm_actions       = [for topic in each.value.topics : local.topic_arns[topic]]\n", "",
)  # fmt: skip


# --- Looking at them -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shared_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy that is as before after each test."""
    return copy_project(tmp_path_factory.mktemp("shared") / "project")


@pytest.fixture(scope="module")
def mutants(
    planned: Plans, shared_project: Project, providers: Providers, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[Planned]]:
    """What each mutation's module makes then."""
    wanted = {
        name: Wanted(item.of, planned.values[item.planned or item.environment], item.changes)
        for name, item in MUTATIONS.items()
    }
    found = plan_all(shared_project, providers, tmp_path_factory.mktemp("mutants"), wanted)
    return {name: plan.resources for name, plan in found.items()}


OF_MODULES = [rule for rule in RULES if rule.look.__module__ in (criteria.__name__, criteria_stack.__name__)]


def facts_of(evidence: Evidence, module: str) -> Facts:
    return next(facts for facts in evidence.facts if facts.module == module)


def red(evidence: Evidence, *environments: str) -> dict[str, list[Finding]]:
    """Criterion => what is found, for those of the modules and of dependencies that fail.

    Others look at the same things for other reasons, and the inventory at all; see test_stack_criteria.py.
    """
    judged = judge(evidence, environments or ENVIRONMENTS, OF_MODULES)
    return {
        item.id: [finding for verdict in item.verdicts.values() for finding in verdict.findings]
        for item in judged
        if not item.passed
    }


def lines(project: Project, findings: list[Finding], part: str) -> list[str]:
    """The lines that findings point at, of those with a part of an address or a message."""
    mine = [item for item in findings if part in f"{item.address} {item.message}"]
    assert mine, findings
    return [
        (project.root / item.file).read_text(encoding="utf-8").splitlines()[item.line - 1].strip()
        for item in mine
        if item.file and item.line
    ]


@pytest.mark.parametrize("environments", [ENVIRONMENTS, (WITH_EVERYTHING,)], ids=["as-it-is", "with-all-inputs"])
def test_everything_holds(environments: tuple[str, ...], planned: Plans, shared_project: Project) -> None:
    evidence = planned.evidence(shared_project)
    judged = judge(evidence, environments, [rule for rule in RULES if rule.id != "inventory"])
    found = {item.id: [verdict.findings for verdict in item.verdicts.values()] for item in judged if not item.passed}
    assert found == {}
    assert all(verdict.looked_at_count for item in judged for verdict in item.verdicts.values())
    # What an environment does without is no tick.
    meant = {item.id: {name: one.value for name, one in item.verdicts.items() if one.value} for item in judged}
    without = {name: "off" for name in environments if not evidence.values[name]["deletion_protection"]}
    assert {name: values for name, values in meant.items() if values} == (
        {"deletion-protection": without} if without else {}
    )


def test_all_inputs_make_what_is_optional(planned: Plans, shared_project: Project) -> None:
    evidence = planned.evidence(shared_project)
    made = {item.type for item in evidence.planned(WITH_EVERYTHING)} - {item.type for item in evidence.planned("dev")}
    assert made >= {
        "aws_api_gateway_account",
        "aws_api_gateway_domain_name",
        "aws_backup_plan",
        "aws_backup_vault",
        "aws_lambda_provisioned_concurrency_config",
        "aws_route53_record",
        "aws_sesv2_email_identity",
        "aws_sns_topic_subscription",
        "aws_wafv2_web_acl",
        "aws_wafv2_web_acl_logging_configuration",
    }


def test_in_the_sandbox_mails_may_go_to_verified_recipients(planned: Plans, shared_project: Project) -> None:
    found = {}
    for environment in ("dev", WITH_EVERYTHING):
        policies = planned.evidence(shared_project).planned(environment, "aws_iam_role_policy")
        [policy] = [item for item in policies if item.address.endswith('.service["invitation"]')]
        statements = json.loads(policy.values["policy"])["Statement"]
        found[environment] = [one for one in statements if one["Sid"].endswith("ToVerifiedRecipients")]
    assert found["dev"] == []
    [statement] = found[WITH_EVERYTHING]
    assert statement["Resource"] == f"arn:aws:ses:eu-west-1:{slices.ACCOUNT_ID}:identity/*"
    assert statement["Condition"] == {"StringEquals": {"ses:FromAddress": "invitations@mail.example"}}


@pytest.mark.parametrize("name", MUTATIONS)
def test_only_the_broken_criterion_turns_red(
    name: str, mutants: dict[str, list[Planned]], planned: Plans, shared_project: Project
) -> None:
    mutation = MUTATIONS[name]
    evidence = planned.evidence(shared_project)
    facts_of(evidence, mutation.of).planned[mutation.planned or mutation.environment] = mutants[name]
    with replaced(shared_project, mutation.changes):
        found = red(evidence, mutation.environment)
        assert found.keys() == {mutation.criterion}
        # A provider's own tags stand in tags_all alone, which is the criterion's on tags.
        if mutation.planned != slices.ANOTHER and mutation.criterion != "tags":
            (accepted,) = judge(evidence, [mutation.environment], [rule for rule in RULES if rule.id == "inventory"])
            assert not accepted.passed, "the inventory sees every change"
        pointed = lines(shared_project, found[mutation.criterion], mutation.address)
    assert pointed or not mutation.line
    assert all(mutation.line in line for line in pointed), pointed


LITERALS = {
    "a region": ("dynamodb/main.tf", 'home = "eu-west-1"'),
    "an ARN": ("iam/main.tf", 'all = ["arn:aws:s3:::${local.name_prefix}"]'),
    "an account id": ("lambda/main.tf", "owner = <<-EOT\n    account 111122223333\n  EOT"),
    "an e-mail address": ("cloudwatch/sns.tf", 'who = "ops@example.com"'),
    "a URL": ("cognito/main.tf", 'back = "https://app.example.com/${var.env_name}"'),
    "the project's name": ("s3-audit/main.tf", 'first = "${upper("bbws-access")}-x"'),
}


@pytest.mark.parametrize("what", LITERALS)
def test_a_literal_is_found(what: str, planned: Plans, project: Project) -> None:
    file, text = LITERALS[what]
    path = project.modules / file
    before = path.read_text(encoding="utf-8")
    path.write_text(f"{before}\nlocals {{\n  {text}\n}}\n", encoding="utf-8")
    found = red(planned.evidence(project), "dev")
    assert found.keys() == {"hardcoded"}
    (finding,) = found["hardcoded"]
    assert finding.message.endswith(f"holds {what}")
    assert finding.file == f"terraform/modules/{file}"
    assert finding.line > before.count("\n") + 1


def test_an_environment_in_another_region_than_the_tables(planned: Plans, shared_project: Project) -> None:
    change = ("environments/dev.tfvars", '"eu-west-1"', '"eu-central-1"')
    evidence = planned.evidence(shared_project)
    with replaced(shared_project, [change]):
        evidence.values["dev"], before = engine._values(shared_project, ["dev"])[0]["dev"], evidence.values["dev"]
    assert {name for name in before if before[name] != evidence.values["dev"][name]} >= {"region"}
    found = red(evidence, "dev")
    assert found.keys() == {"regions"}
    assert ("var.region", "terraform/environments/dev.tfvars") in [
        (item.address, item.file) for item in found["regions"]
    ]


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        # What the document holds refers to functions instead of naming them: an interrupted apply then lost queues.
        pytest.param(
            ("stack/main.tf", "=> local.invoke_arns[service] }", "=> module.functions.invoke_arns[service] }"),
            {"module.functions.aws_sqs_queue.dead_letters", "module.functions.aws_lambda_alias.live"},
            id="needed",
        ),
        pytest.param(
            ("stack/main.tf", "  stage_after = ", "  depends_on  = [module.api_gateway_account]\n  stage_after = "),
            {"module.api_gateway_account.aws_api_gateway_account.this"},
            id="needed-by-a-module",
        ),
        pytest.param(
            ("modules/mail/queue.tf", "  receive_wait_time_seconds  =",
             "  lifecycle {\n    create_before_destroy = true\n  }\n  receive_wait_time_seconds  ="),
            {"module.mail.aws_sqs_queue.mail"},
            id="itself",
        ),
    ],
)  # fmt: skip
def test_nothing_with_a_name_is_replaced_first(
    change: tuple[str, str, str], wanted: set[str], planned: Plans, shared_project: Project, providers: Providers,
    tmp_path: Path,
) -> None:  # fmt: skip
    with replaced(shared_project, [change]):
        evidence = planned.evidence(shared_project)
        if change[0].startswith("stack/"):
            runner, deadline = Runner(shared_project, 2), Deadline(600)
            evidence.dependencies = read_graph(shared_project, runner, tmp_path, deadline, providers)
        found = red(evidence, "dev")
    assert found.keys() == {"replacement"}
    assert {item.address for item in found["replacement"]} >= wanted


def test_dependencies_that_cannot_be_read_are_a_failure(
    planned: Plans, shared_project: Project, tmp_path: Path
) -> None:
    evidence = planned.evidence(shared_project)
    with replaced(shared_project, [("stack/main.tf", 'module "cognito" {', 'module "cognito" {\n  nonsense = {')]):
        runner, options = Runner(shared_project, 2), engine.Options(fresh=True)
        evidence.dependencies, evidence.no_dependencies = engine._dependencies(
            tmp_path, runner, Cache(tmp_path / "cache"), {}, options
        )
    findings = red(evidence, "dev")["replacement"]
    assert "terraform init of the whole stack failed" in findings[0].message


# --- Workers ---------------------------------------------------------------------------------------------------------

WORKER_OF = {module: name for name, (module, _) in WORKERS.items()} | {
    module: name for name, module in SUPPORTING.items()
}


def work(planned: Plans, project: Project, providers: Providers, module: str, root: Path, *left_out: str) -> Evidence:
    """What there is to judge when a module's worker has done its checks on the project as it is now, for DEV."""
    evidence = planned.evidence(project)
    known = facts_of(evidence, module)
    values = {"dev": planned.values["dev"]}
    job = Job(WORKER_OF[module], module, project, Runner(project, 2), values, 300, providers)
    for name in left_out:
        setattr(job, name, lambda *_: None)
    job._tests = lambda folders, root, deadline, step: setattr(step, "status", COMPLETE)
    job.run(root / "work", lambda *_: (True, ""), lambda *_: (True, ""))
    if "_plan" in left_out:
        job.facts.planned = known.planned
        job.facts.steps = [step for step in job.facts.steps if step.name != jobs.PLAN]
        job.facts.steps += [step for step in known.steps if step.name == jobs.PLAN]
    else:
        job.facts.planned[slices.ANOTHER] = known.planned[slices.ANOTHER]
    evidence.facts[evidence.facts.index(known)] = job.facts
    return evidence


CROOKED = 'data "aws_partition" "current" {}', 'data   "aws_partition" "current" {}'


@pytest.mark.parametrize(
    ("module", "change", "left_out", "wanted"),
    [
        # Who cannot validate does not plan, and who cannot plan has not completed.
        pytest.param(
            "kms", ("= local.alias_names[each.key]", "= local.names[each.key]"), (), {"validate", "plan", "supporting"},
            id="validate",
        ),
        pytest.param(
            "kms", ("self.endpoint)[1] == var.region", "self.endpoint)[1] != var.region"), ("_validate",),
            {"plan", "supporting"}, id="plan",
        ),
        # A stand-in has no such output either: only the whole stack says that the module has none.
        pytest.param(
            "stack", ("value       = module.cognito.user_pool_id\n", "value       = module.cognito.user_pool_idd\n"),
            ("_plan",), {"validate", "supporting"}, id="output",
        ),
        pytest.param("iam", CROOKED, ("_init", "_validate", "_plan"), {"workers"}, id="workers"),
        pytest.param("kms", CROOKED, ("_init", "_validate", "_plan"), {"supporting"}, id="supporting"),
    ],
)  # fmt: skip
def test_what_a_worker_cannot_do_turns_its_criterion_red(
    module: str, change: tuple[str, str], left_out: tuple[str, ...], wanted: set[str], planned: Plans,
    shared_project: Project, providers: Providers, tmp_path: Path,
) -> None:  # fmt: skip
    file = next(
        path
        for path in sorted(slices.folder_of(shared_project, module).glob("*.tf"))
        if change[0] in path.read_text(encoding="utf-8")
    )
    with replaced(shared_project, [(file.relative_to(shared_project.root / "terraform").as_posix(), *change)]):
        found = red(work(planned, shared_project, providers, module, tmp_path, *left_out), "dev")
        assert found.keys() == wanted
        text = file.read_text(encoding="utf-8").splitlines()
    for findings in found.values():
        (finding,) = findings
        assert file.relative_to(shared_project.root).as_posix() in finding.message
        if finding.line:
            assert change[1].strip() in text[finding.line - 1]


def test_every_criterion_can_fail() -> None:
    elsewhere = {item.criterion for item in DEFECTS} | {"kept-in-sight", "inventory"}
    by_hand = elsewhere | {"replacement", "validate", "plan", "workers", "supporting", "hardcoded", "summary"}
    assert {item.criterion for item in MUTATIONS.values()} | by_hand == {rule.id for rule in RULES}


# --- What code cannot show -------------------------------------------------------------------------------------------


def fail_native_test(evidence: Evidence) -> None:
    """A fault of the tables' worker that its plans do not show."""
    step = next(step for step in facts_of(evidence, "dynamodb").steps if step.name == jobs.TESTS)
    step.status, step.detail = FAILED, "terraform/modules/dynamodb/tests/validations.tftest.hcl:9: Missing failure"


def hang(evidence: Evidence) -> None:
    facts_of(evidence, "iam").broken = "terraform test was ended: the time limit of 60 s passed"


def never_plan(evidence: Evidence) -> None:
    facts = facts_of(evidence, "kms")
    facts.steps = [step for step in facts.steps if (step.name, step.environment) != (jobs.PLAN, "dev")]


def lose_the_summary(evidence: Evidence) -> None:
    evidence.summary = None


def leave_one_out(evidence: Evidence) -> None:
    evidence.summary = " ".join(name for name in WORKERS if "cognito" not in name)


@pytest.mark.parametrize(
    ("what", "criterion", "named"),
    [
        (fail_native_test, "workers", "native tests: terraform/modules/dynamodb/tests/validations.tftest.hcl:9"),
        (hang, "workers", "the time limit of 60 s passed"),
        (never_plan, "plan", "kms"),
        (lose_the_summary, "summary", "There was nothing to look at: summary.md"),
        (leave_one_out, "summary", "worker-4-cognito-integration-module"),
    ],
)
def test_what_happens_to_a_run(
    what: Callable[[Evidence], None], criterion: str, named: str, planned: Plans, shared_project: Project
) -> None:
    evidence = planned.evidence(shared_project)
    what(evidence)
    found = red(evidence, "dev")
    assert found.keys() == {criterion}
    assert named in found[criterion][0].message


@pytest.mark.parametrize(
    ("mutant", "wanted"),
    [("on-demand-provisioned", {"on-demand"}), ("public-access-setting", {"public-access", "workers"})],
)
def test_a_fault_is_told_once(
    mutant: str, wanted: set[str], mutants: dict[str, list[Planned]], planned: Plans, shared_project: Project
) -> None:
    """By the criterion of what its module makes; another module's finding tells nothing of it."""
    evidence = planned.evidence(shared_project)
    facts_of(evidence, MUTATIONS[mutant].of).planned["dev"] = mutants[mutant]
    fail_native_test(evidence)
    assert red(evidence, "dev").keys() == wanted


def test_a_rule_that_stumbles_has_failed(planned: Plans, shared_project: Project) -> None:
    def stumble(*_: object) -> None:
        raise ZeroDivisionError("by zero")

    (item,) = judge(planned.evidence(shared_project), ["dev"], [replace(RULES[0], look=stumble)])
    assert not item.passed
    assert [finding.message for finding in item.verdicts["dev"].findings] == [
        "It could not be judged: ZeroDivisionError: by zero"
    ]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_nothing_to_look_at_is_a_failure(rule, planned: Plans, tmp_path: Path) -> None:
    (tmp_path / "terraform" / "stack").mkdir(parents=True)
    values = {"dev": planned.values["dev"] | {"env_name": "none"}}
    evidence = Evidence(Project(tmp_path), values, [], None)
    (item,) = judge(evidence, ["dev"], [rule])
    assert not item.verdicts["dev"].passed
    assert item.verdicts["dev"].findings
