"""Every criterion turns red where its rule is broken, and no other does."""

import json
from collections.abc import Callable

import pytest

from bbws_access.cli.project import Project
from bbws_access.verify import slices
from bbws_access.verify.criteria import RULES, Evidence, judge
from bbws_access.verify.jobs import WORKERS, Planned
from bbws_access.verify.report import FAILED

pytestmark = pytest.mark.xdist_group("verify-plans")

ENVIRONMENTS = ("dev", "prod")
Break = Callable[[Evidence], None]
BREAKS: list[tuple[str, str, str, Break]] = []


def breaks(criterion: str, environment: str, named: str) -> Callable[[Break], Break]:
    """What a function does to the evidence breaks one criterion in one environment, with a finding that names it."""

    def add(function: Break) -> Break:
        BREAKS.append((criterion, environment, named, function))
        return function

    return add


def one(evidence: Evidence, environment: str, kind: str, label: str = "") -> Planned:
    """A planned resource, the first of a kind whose address ends with the label."""
    return next(item for item in evidence.planned(environment, kind) if item.address.endswith(label))


def drop(evidence: Evidence, environment: str, dropped: Planned) -> None:
    for facts in evidence.facts:
        facts.planned[environment] = [item for item in facts.planned[environment] if item is not dropped]


def insert(evidence: Evidence, module: str, file: str, text: str) -> None:
    path = evidence.project.modules / module / file
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


@breaks("validate", "dev", "terraform/modules/iam/main.tf:7")
def _invalid(evidence: Evidence) -> None:
    facts = next(facts for facts in evidence.facts if facts.module == "iam")
    step = next(step for step in facts.steps if step.name == "validate")
    step.status, step.detail = FAILED, "terraform/modules/iam/main.tf:7: Unsupported argument"


@breaks("plan", "prod", "terraform/modules/cognito/main.tf:3")
def _unplannable(evidence: Evidence) -> None:
    facts = next(facts for facts in evidence.facts if facts.module == "cognito")
    step = next(step for step in facts.steps if (step.name, step.environment) == ("plan", "prod"))
    step.status, step.detail = FAILED, "terraform/modules/cognito/main.tf:3: Invalid index"


@breaks("plan", "dev", "kms")
def _never_planned(evidence: Evidence) -> None:
    facts = next(facts for facts in evidence.facts if facts.module == "kms")
    facts.steps = [step for step in facts.steps if (step.name, step.environment) != ("plan", "dev")]


@breaks("parameterised", "prod", "bbws-access")
def _trace_of_ours(evidence: Evidence) -> None:
    one(evidence, slices.ANOTHER, "aws_kms_key").values["description"] = "A key of bbws-access"


@breaks("parameterised", "prod", "af-south-1")
def _trace_of_our_region(evidence: Evidence) -> None:
    one(evidence, slices.ANOTHER, "aws_sns_topic").values["display_name"] = "Alerts of af-south-1"


@breaks("parameterised", "prod", "bbws-access-dev-")
def _name_of_another_environment(evidence: Evidence) -> None:
    one(evidence, "prod", "aws_lambda_function").values["description"] = "Asks bbws-access-dev-lambda-role"


@breaks("hardcoded", "dev", "a region")
def _literal_region(evidence: Evidence) -> None:
    insert(evidence, "dynamodb", "main.tf", '\nlocals {\n  home = "eu-west-1"\n}\n')


@breaks("hardcoded", "dev", "an ARN")
def _literal_arn(evidence: Evidence) -> None:
    insert(evidence, "iam", "main.tf", '\nlocals {\n  all = ["arn:aws:s3:::${local.name_prefix}"]\n}\n')


@breaks("hardcoded", "dev", "an account id")
def _literal_account(evidence: Evidence) -> None:
    insert(evidence, "lambda", "main.tf", "\nlocals {\n  owner = <<-EOT\n    account 111122223333\n  EOT\n}\n")


@breaks("hardcoded", "dev", "an e-mail address")
def _literal_address(evidence: Evidence) -> None:
    insert(evidence, "cloudwatch", "sns.tf", '\nlocals {\n  who = "ops@example.com"\n}\n')


@breaks("hardcoded", "dev", "a URL")
def _literal_url(evidence: Evidence) -> None:
    insert(evidence, "cognito", "main.tf", '\nlocals {\n  back = "https://app.example.com/${var.env_name}"\n}\n')


@breaks("hardcoded", "dev", "the project's name")
def _literal_project(evidence: Evidence) -> None:
    insert(evidence, "s3-audit", "main.tf", '\nlocals {\n  first = "${upper("bbws-access")}-x"\n}\n')


@breaks("naming", "dev", "bbws-access-dev-table-teams")
def _table_off_the_pattern(evidence: Evidence) -> None:
    one(evidence, "dev", "aws_dynamodb_table", '["teams"]').values["name"] = "bbws-access-dev-table-teams"


@breaks("naming", "prod", "bbws-access-prod-sns-alerts-urgent")
def _unknown_topic(evidence: Evidence) -> None:
    one(evidence, "prod", "aws_sns_topic").values["name"] = "bbws-access-prod-sns-alerts-urgent"


@breaks("naming", "dev", "aws_sfn_state_machine has no naming pattern")
def _kind_without_a_pattern(evidence: Evidence) -> None:
    evidence.facts[0].planned["dev"].append(
        Planned("module.x.aws_sfn_state_machine.y", "aws_sfn_state_machine", {"name": "y"})
    )


@breaks("on-demand", "dev", 'aws_dynamodb_table.this["teams"]')
def _provisioned(evidence: Evidence) -> None:
    one(evidence, "dev", "aws_dynamodb_table", '["teams"]').values["billing_mode"] = "PROVISIONED"


@breaks("pitr", "prod", "has no point-in-time recovery")
def _no_recovery(evidence: Evidence) -> None:
    one(evidence, "prod", "aws_dynamodb_table").values["point_in_time_recovery"] = [{"enabled": False}]


@breaks("pitr", "prod", "aws_dynamodb_table_replica")
def _replica_without_recovery(evidence: Evidence) -> None:
    one(evidence, "prod", "aws_dynamodb_table_replica").values["point_in_time_recovery"] = False


@breaks("public-access", "prod", "leaves block_public_policy off")
def _public_policy(evidence: Evidence) -> None:
    one(evidence, "prod", "aws_s3_bucket_public_access_block").values["block_public_policy"] = False


@breaks("public-access", "dev", "has no public access block")
def _no_block(evidence: Evidence) -> None:
    drop(evidence, "dev", one(evidence, "dev", "aws_s3_bucket_public_access_block", "archive"))


@breaks("workers", "dev", "the time limit of 60 s passed")
def _hung(evidence: Evidence) -> None:
    evidence.facts[2].broken = "terraform test was ended: the time limit of 60 s passed"


def fail_native_test(evidence: Evidence) -> None:
    """A fault of the tables' worker that its plans do not show."""
    facts = next(facts for facts in evidence.facts if facts.module == "dynamodb")
    step = next(step for step in facts.steps if step.name == "native tests")
    step.status, step.detail = FAILED, "terraform/modules/dynamodb/tests/validations.tftest.hcl:9: Missing failure"


@breaks("workers", "dev", "native tests: terraform/modules/dynamodb/tests/validations.tftest.hcl:9")
def _native_test(evidence: Evidence) -> None:
    fail_native_test(evidence)


@breaks("on-demand", "dev", "teams")
def _provisioned_as_a_native_test_says_too(evidence: Evidence) -> None:
    _provisioned(evidence)
    fail_native_test(evidence)


@breaks("summary", "dev", "There was nothing to look at: summary.md")
def _no_summary(evidence: Evidence) -> None:
    evidence.summary = None


@breaks("summary", "dev", "worker-4-cognito-integration-module")
def _worker_not_in_the_summary(evidence: Evidence) -> None:
    evidence.summary = " ".join(name for name in WORKERS if "cognito" not in name)


@breaks("regions", "dev", "var.region")
def _wrong_region(evidence: Evidence) -> None:
    evidence.values["dev"]["region"] = "eu-central-1"


@breaks("regions", "prod", "tables are replicated")
def _table_without_replica(evidence: Evidence) -> None:
    drop(evidence, "prod", one(evidence, "prod", "aws_dynamodb_table_replica"))


@breaks("regions", "prod", "not replicated")
def _archive_without_replica(evidence: Evidence) -> None:
    drop(evidence, "prod", one(evidence, "prod", "aws_s3_bucket_replication_configuration"))


@breaks("regions", "dev", "names something in us-east-1")
def _third_region(evidence: Evidence) -> None:
    alarm = one(evidence, "dev", "aws_cloudwatch_metric_alarm")
    alarm.values["ok_actions"] = ["arn:aws:sns:us-east-1:111122223333:elsewhere"]


@breaks("encryption", "dev", "aws_dynamodb_table")
def _table_with_the_services_key(evidence: Evidence) -> None:
    one(evidence, "dev", "aws_dynamodb_table").values["server_side_encryption"] = []


@breaks("encryption", "dev", "aws_sns_topic")
def _topic_with_the_services_key(evidence: Evidence) -> None:
    one(evidence, "dev", "aws_sns_topic").values["kms_master_key_id"] = "alias/aws/sns"


@breaks("encryption", "dev", "archive")
def _bucket_with_the_services_key(evidence: Evidence) -> None:
    item = one(evidence, "dev", "aws_s3_bucket_server_side_encryption_configuration", "archive")
    item.values["rule"] = [{"apply_server_side_encryption_by_default": [{"sse_algorithm": "AES256"}]}]
    item.unknown = {}


@breaks("tags", "dev", "has no tag CostCenter")
def _untagged(evidence: Evidence) -> None:
    del one(evidence, "dev", "aws_iam_role").values["tags_all"]["CostCenter"]


@breaks("tags", "prod", "is tagged as dev")
def _tagged_as_another(evidence: Evidence) -> None:
    one(evidence, "prod", "aws_lambda_function").values["tags_all"]["Environment"] = "dev"


@breaks("deletion-protection", "prod", "aws_cognito_user_pool")
def _pool_unprotected(evidence: Evidence) -> None:
    one(evidence, "prod", "aws_cognito_user_pool").values["deletion_protection"] = "INACTIVE"


@breaks("deletion-protection", "prod", "aws_s3_bucket")
def _bucket_emptied(evidence: Evidence) -> None:
    one(evidence, "prod", "aws_s3_bucket").values["force_destroy"] = True


@breaks("log-retention", "dev", "is kept for ever")
def _kept_for_ever(evidence: Evidence) -> None:
    one(evidence, "dev", "aws_cloudwatch_log_group").values["retention_in_days"] = 0


@breaks("log-retention", "dev", "which nothing here makes")
def _log_group_of_nobody(evidence: Evidence) -> None:
    one(evidence, "dev", "aws_lambda_function").values["logging_config"][0]["log_group"] = "/aws/lambda/other"


@breaks("least-privilege", "dev", "allows dynamodb:* on every resource")
def _everything(evidence: Evidence) -> None:
    item = one(evidence, "dev", "aws_iam_role_policy")
    statement = {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}
    item.values["policy"] = json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@breaks("least-privilege", "dev", "cannot be read before it exists")
def _unreadable(evidence: Evidence) -> None:
    one(evidence, "dev", "aws_iam_role_policy").values["policy"] = None


@breaks("dead-letters", "dev", "events.amazonaws.com")
def _asynchronous_without_queue(evidence: Evidence) -> None:
    one(evidence, "dev", "aws_lambda_permission", '["api-permission"]').values["principal"] = "events.amazonaws.com"


@breaks("dead-letters", "dev", "has no dead-letter queue")
def _target_without_queue(evidence: Evidence) -> None:
    lambda_facts = next(facts for facts in evidence.facts if facts.module == "lambda")
    target = Planned("module.functions.aws_cloudwatch_event_target.x", "aws_cloudwatch_event_target", {})
    lambda_facts.planned["dev"].append(target)


@breaks("dead-letters", "dev", "has no dead-letter queue")
def _queue_without_queue(evidence: Evidence) -> None:
    queue = one(evidence, "dev", "aws_sqs_queue", "module.mail.aws_sqs_queue.mail")
    queue.values["redrive_policy"] = None


@breaks("alarms", "dev", "No alarm watches the errors of bbws-access-dev-lambda-role")
def _unwatched(evidence: Evidence) -> None:
    drop(evidence, "dev", one(evidence, "dev", "aws_cloudwatch_metric_alarm", '["role-errors"]'))


@breaks("alarms", "dev", "No alarm watches the errors of bbws-access-dev-lambda-role")
def _silent(evidence: Evidence) -> None:
    one(evidence, "dev", "aws_cloudwatch_metric_alarm", '["role-errors"]').values["alarm_actions"] = []


def red(evidence: Evidence) -> dict[str, set[str]]:
    """Criterion => environments in which it fails."""
    judged = judge(evidence, ENVIRONMENTS)
    return {
        item.id: {name for name, verdict in item.verdicts.items() if not verdict.passed}
        for item in judged
        if not item.passed
    }


def test_everything_holds_as_it_is(planned, project: Project) -> None:
    evidence = planned.evidence(project)
    judged = judge(evidence, ENVIRONMENTS)
    assert {item.id: [v.findings for v in item.verdicts.values()] for item in judged if not item.passed} == {}
    assert all(verdict.looked_at_count for item in judged for verdict in item.verdicts.values())


def test_every_criterion_can_fail() -> None:
    assert {criterion for criterion, *_ in BREAKS} == {rule.id for rule in RULES}


@pytest.mark.parametrize(
    ("criterion", "environment", "named", "function"),
    [pytest.param(*item, id=f"{item[0]}:{item[3].__name__.strip('_')}") for item in BREAKS],
)
def test_only_the_broken_criterion_turns_red(
    criterion: str, environment: str, named: str, function: Break, planned, project: Project
) -> None:
    evidence = planned.evidence(project)
    function(evidence)
    found = red(evidence)
    assert set(found) == {criterion}
    assert environment in found[criterion]
    (item,) = judge(evidence, [environment], [rule for rule in RULES if rule.id == criterion])
    findings = item.verdicts[environment].findings
    assert any(named in f"{finding.message} {finding.address} {finding.value}" for finding in findings), findings


def test_a_finding_says_where_it_stands(planned, project: Project) -> None:
    evidence = planned.evidence(project)
    _provisioned(evidence)
    (item,) = judge(evidence, ["dev"], [rule for rule in RULES if rule.id == "on-demand"])
    (finding,) = item.verdicts["dev"].findings
    text = (project.root / finding.file).read_text(encoding="utf-8").splitlines()
    assert finding.file.startswith("terraform/modules/dynamodb/")
    assert "billing_mode" in text[finding.line - 1]


def test_another_modules_finding_tells_nothing_of_a_fault(planned, project: Project) -> None:
    evidence = planned.evidence(project)
    _public_policy(evidence)
    fail_native_test(evidence)
    assert set(red(evidence)) == {"public-access", "workers"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_nothing_to_look_at_is_a_failure(rule, planned, tmp_path) -> None:
    (tmp_path / "terraform" / "stack").mkdir(parents=True)
    values = {"dev": planned.values["dev"] | {"env_name": "none"}}
    evidence = Evidence(Project(tmp_path), values, [], None)
    (item,) = judge(evidence, ["dev"], [rule])
    assert not item.verdicts["dev"].passed
    assert item.verdicts["dev"].findings
