"""The rules that an environment must keep, each judged on what was planned.

An attribute counts as set only where its value is known: "known after apply" is also what a plan says of an attribute
that the provider fills in because nobody set it. The slices make known what we set.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from bbws_access.verify import apart, slices
from bbws_access.verify.environments import REGIONAL, table_of
from bbws_access.verify.hcl import read_literals
from bbws_access.verify.jobs import PLAN, SUPPORTING, VALIDATE, WORKERS, Planned
from bbws_access.verify.report import COMPLETE, FAILED, WITH_FAULTS, Finding
from bbws_access.verify.rules import Evidence, Look, rule

PROD = "prod"
TAGS = ("Project", "Component", "CostCenter", "Environment", "ManagedBy")

# Kind => attribute with its name, and the pattern after "{project}-{environment}-"; ^ is a pattern from the start.
NAMES = {
    "aws_dynamodb_table": ("name", r"ddb-[a-z0-9-]+"),
    "aws_lambda_function": ("function_name", r"lambda-[a-z0-9-]+"),
    "aws_iam_role": ("name", r"role-[a-z0-9-]+"),
    "aws_s3_bucket": ("bucket", r"s3-[a-z0-9-]+"),
    "aws_api_gateway_rest_api": ("name", r"apigw"),
    "aws_sns_topic": ("name", r"sns-(alerts-critical|alerts-warning|alerts-dlq)"),
    "aws_cloudwatch_metric_alarm": ("alarm_name", r"alarm-[a-z0-9-]+"),
    "aws_cloudwatch_dashboard": ("dashboard_name", r"dashboard"),
    "aws_cloudwatch_log_metric_filter": ("name", r"filter-[A-Za-z0-9-]+"),
    "aws_sqs_queue": ("name", r"queue-[a-z0-9-]+"),
    "aws_kms_alias": ("name", r"^alias/{prefix}-key-[a-z0-9-]+"),
    "aws_cloudwatch_event_rule": ("name", r"rule-[a-z0-9-]+"),
    "aws_cloudwatch_event_bus": ("name", r"bus"),
    "aws_cloudwatch_log_group": ("name", r"^/aws/(lambda/{prefix}-lambda-[a-z0-9-]+|apigateway/{prefix}-apigw/[a-z]+)"),
    "aws_cognito_user_pool": ("name", r"userpool"),
    "aws_cognito_user_pool_client": ("name", r"client-[a-z0-9-]+"),
    "aws_backup_vault": ("name", r"vault-[a-z0-9-]+"),
    "aws_backup_plan": ("name", r"plan-[a-z0-9-]+"),
    "aws_wafv2_web_acl": ("name", r"[a-z]+-[a-z0-9-]+"),
    "aws_sesv2_configuration_set": ("configuration_set_name", r"mail"),
    "aws_ses_template": ("name", r"mail-[a-z0-9-]+"),
    "aws_xray_sampling_rule": ("rule_name", r"secret-\d+"),
}
# Named within another resource, which has the name that counts.
NAMED_WITHIN = {
    "aws_iam_role_policy",
    "aws_lambda_alias",
    "aws_backup_selection",
    "aws_cognito_user_pool_domain",
    "aws_route53_record",
}
POLICIES = {
    "aws_iam_role_policy": "policy",
    "aws_iam_policy": "policy",
    "aws_iam_role": "assume_role_policy",
    "aws_s3_bucket_policy": "policy",
    "aws_sns_topic_policy": "policy",
    "aws_sqs_queue": "policy",
    "aws_sqs_queue_policy": "policy",
    "aws_kms_key": "policy",
}
SYNCHRONOUS = {"apigateway.amazonaws.com", "cognito-idp.amazonaws.com"}

LITERALS = {
    "a region": re.compile(
        r"\b(?:af|ap|ca|cn|eu|il|me|mx|sa|us)(?:-gov)?-(?:north|south|east|west|central)[a-z]*-\d\b"
    ),
    "an account id": re.compile(r"(?<![\w.-])\d{12}(?![\w.-])"),
    "an ARN": re.compile(r"\barn:aws(?:-cn|-us-gov)?:"),
    "an e-mail address": re.compile(r"[\w.+-]+@[\w-]+\.[a-z]{2,}"),
    "a URL": re.compile(r"\bhttps?://[\w-]+(?:\.[\w-]+)+"),
}
NOT_CODE = {"description", "error_message", "required_providers"}


# --- The document's ten ----------------------------------------------------------------------------------------------


@rule(
    "validate",
    "All modules pass `terraform validate`",
    "Every module, and every module within it, is valid.",
    "terraform validate of each module",
    from_document=True,
)
def _validate(evidence: Evidence, environment: str, look: Look) -> None:
    _steps(evidence, VALIDATE, None, look)


@rule(
    "plan",
    "All modules pass `terraform plan` (no errors)",
    "Every module is planned without an error, with the inputs that the stack gives it in the environment.",
    "terraform plan of each module through the AWS provider",
    from_document=True,
)
def _plan(evidence: Evidence, environment: str, look: Look) -> None:
    _steps(evidence, PLAN, environment, look)


def _steps(evidence: Evidence, name: str, environment: str | None, look: Look) -> None:
    for facts in evidence.facts:
        steps = [step for step in facts.steps if step.name == name and step.environment == environment]
        for step in steps:
            look.at(f"{facts.module}: {step.detail or step.status}")
            if step.status != COMPLETE:
                reason = step.detail if step.status == FAILED else facts.broken or step.detail
                file, line = _place(reason)
                look.findings.append(Finding(f"{facts.module}: {reason}", None, file, line))
        if not steps:
            file, line = _place(facts.broken)
            message = facts.broken or "it was not reached"
            look.findings.append(Finding(f"{facts.module}: {message}", None, file, line))


def _place(text: str) -> tuple[str | None, int | None]:
    found = re.search(r"\b((?:terraform|contract)/[\w./-]+):(\d+)", text)
    return (found[1], int(found[2])) if found else (None, None)


@rule(
    "parameterised",
    "Variables parameterized for all environments",
    "Each environment's plan carries its own project, environment and region; planned for a stranger with another"
    " project name, account and region, no module leaves a trace of ours.",
    "every value of the environment's plan, and of the plan of a stranger",
    from_document=True,
    about_resources=True,
)
def _parameterised(evidence: Evidence, environment: str, look: Look) -> None:
    own = evidence.values[environment]
    others = [evidence.prefix(name) for name in evidence.values if name not in (environment, slices.ANOTHER)]
    foreign = [f"{prefix}-" for prefix in others if prefix != evidence.prefix(environment)]
    for item in evidence.planned(environment):
        look.at(item.address)
        for path, text in _texts(item.values):
            for trace in foreign:
                if re.search(rf"(?<![\w-]){re.escape(trace)}", text):
                    message = f"{item.address} carries the name of another environment"
                    look.findings.append(evidence.finding(message, item, path, trace))
    ours = {own["project_name"], own["account_id"], own["region"], own["failover_region"]} - {None}
    pattern = re.compile(r"(?<![\w-])(?:" + "|".join(re.escape(text) for text in sorted(ours)) + r")(?!\w)")
    strange = evidence.planned(slices.ANOTHER)
    for item in strange:
        look.at(f"{item.address}, for a stranger")
        for path, text in _texts(item.values):
            # A domain name or an ARN that the stranger's own inputs hold is theirs.
            found = pattern.search(text)
            if found:
                message = f"Planned for a stranger, {item.address} still says {found[0]}"
                look.findings.append(evidence.finding(message, item, path, found[0]))
                break
    if not strange:
        look.findings.append(Finding("Nothing was planned for a stranger."))


def _texts(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every text of a resource, with the attribute that it is in. The stack's own tags are no module's."""
    for name, value in values.items():
        if name != "tags_all":
            for text in _strings(value):
                yield name, text


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


@rule(
    "hardcoded",
    "No hardcoded values",
    "No account id, ARN, region, e-mail address or URL, and in modules no project name, is written in the code outside"
    " the defaults of variables, descriptions and tests.",
    "every text in the *.tf files of the modules and the stack",
    from_document=True,
)
def _hardcoded(evidence: Evidence, environment: str, look: Look) -> None:
    project = evidence.values[environment]["project_name"]
    first = re.compile(rf"(?<![\w-]){re.escape(project)}(?!\w)")
    modules = {path for path in evidence.project.modules.rglob("*.tf") if ".terraform" not in path.parts}
    stack = {path for path in evidence.project.stack.rglob("*.tf") if ".terraform" not in path.parts}
    for path in sorted(modules | stack):
        patterns = LITERALS | ({"the project's name": first} if path in modules else {})
        file = path.relative_to(evidence.project.root).as_posix()
        literals = read_literals(path)
        if literals:
            look.at(f"{file}: {len(literals)} texts")
        for literal in literals:
            if NOT_CODE & set(literal.within) or (literal.within[:1] == ("variable",) and "default" in literal.within):
                continue
            for what, pattern in patterns.items():
                found = pattern.search(literal.text)
                if found:
                    look.findings.append(
                        Finding(f"{file}:{literal.line} holds {what}", None, file, literal.line, found[0])
                    )


@rule(
    "naming",
    "Follows BBWS naming conventions",
    "Every planned name follows the pattern of its kind: {project}-{environment}-{kind}-{name}.",
    "every planned resource that has a name",
    from_document=True,
    about_resources=True,
)
def _naming(evidence: Evidence, environment: str, look: Look) -> None:
    prefix = evidence.prefix(environment)
    for item in evidence.planned(environment):
        if item.type in NAMED_WITHIN:
            continue
        if item.type not in NAMES:
            named = item.values.get("name")
            if named:
                look.at(f"{item.address}: {named}")
                message = f"{item.type} has no naming pattern"
                look.findings.append(evidence.finding(message, item, "name", named))
            continue
        attribute, pattern = NAMES[item.type]
        name = item.values.get(attribute)
        look.at(f"{item.address}: {name}")
        escaped = re.escape(prefix)
        whole = pattern[1:].replace("{prefix}", escaped) if pattern.startswith("^") else f"{escaped}-{pattern}"
        if not name or not re.fullmatch(whole, name):
            shown = whole.replace("\\", "")
            message = f"{item.address} is called {name or 'what nobody knows before it exists'}, not {shown}"
            look.findings.append(evidence.finding(message, item, attribute, name))


@rule(
    "on-demand",
    "On-demand capacity for DynamoDB",
    "Every table is billed by request, and nothing scales its capacity.",
    "billing_mode of every table",
    from_document=True,
    module="dynamodb",
)
def _on_demand(evidence: Evidence, environment: str, look: Look) -> None:
    for item in evidence.planned(environment, "aws_dynamodb_table"):
        mode = item.values.get("billing_mode")
        look.at(f"{item.address}: {mode}")
        if mode != "PAY_PER_REQUEST":
            look.findings.append(
                evidence.finding(f"{item.address} is {mode or 'PROVISIONED'}", item, "billing_mode", mode)
            )
    for item in evidence.planned(environment, "aws_appautoscaling_target"):
        look.findings.append(evidence.finding(f"{item.address} scales provisioned capacity", item))


@rule(
    "pitr",
    "PITR enabled",
    "Every table, and every replica of one, can be restored to any second.",
    "point_in_time_recovery of every table and replica",
    from_document=True,
    module="dynamodb",
)
def _pitr(evidence: Evidence, environment: str, look: Look) -> None:
    for item in evidence.planned(environment, "aws_dynamodb_table", "aws_dynamodb_table_replica"):
        value = item.values.get("point_in_time_recovery")
        enabled = bool(value and value[0].get("enabled")) if isinstance(value, list) else bool(value)
        look.at(f"{item.address}: {'on' if enabled else 'off'}")
        if not enabled:
            message = f"{item.address} has no point-in-time recovery"
            look.findings.append(evidence.finding(message, item, "point_in_time_recovery", enabled))


@rule(
    "public-access",
    "Public access blocked for S3",
    "Every bucket has a public access block of its own with all four settings on.",
    "the public access block of every bucket",
    from_document=True,
    module="s3-audit",
)
def _public_access(evidence: Evidence, environment: str, look: Look) -> None:
    settings = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
    found = evidence.planned(environment, "aws_s3_bucket_public_access_block")
    blocks = {(item.module, item.label): item for item in found}
    for bucket in evidence.planned(environment, "aws_s3_bucket"):
        block = blocks.get((bucket.module, bucket.label))
        off = [name for name in settings if not (block and block.values.get(name) is True)]
        look.at(f"{bucket.address}: {'all four on' if not off else 'off: ' + ', '.join(off)}")
        if block is None:
            look.findings.append(evidence.finding(f"{bucket.address} has no public access block", bucket))
        for name in off if block else []:
            message = f"{block.address} leaves {name} off"
            look.findings.append(evidence.finding(message, block, name, block.values.get(name)))


@rule(
    "workers",
    "All 6 workers completed",
    "Each of the six workers did every one of its checks: none crashed, hung or was stopped by an error. A fault that a"
    " check found, as a native test that fails, turns another criterion of its module red, or else this one.",
    "the six workers",
    from_document=True,
    needs=tuple(folder for folder, _ in WORKERS.values()),
    about_the_run=True,
)
def _workers(evidence: Evidence, environment: str, look: Look) -> None:
    _completed(evidence, WORKERS, look)


def _completed(evidence: Evidence, names: Iterable[str], look: Look) -> None:
    done = {facts.name: facts for facts in evidence.facts}
    for name in names:
        facts = done.get(name)
        if facts is None:
            look.findings.append(Finding(f"{name} did not run."))
            continue
        look.at(f"{name}: {FAILED if facts.broken else WITH_FAULTS if facts.faults else COMPLETE}")
        if facts.broken:
            look.findings.append(Finding(f"{name}: {facts.broken}", None, *_place(facts.broken)))
        elif facts.faults and facts.module not in evidence.modules_with_findings:
            for step in facts.faults:
                look.findings.append(Finding(f"{name}: {step.name}: {step.detail}", None, *_place(step.detail)))


@rule(
    "summary",
    "Stage summary created",
    "The stage's summary is written and names all six workers.",
    "summary.md",
    from_document=True,
    needs=tuple(folder for folder, _ in WORKERS.values()),
    about_the_run=True,
)
def _summary(evidence: Evidence, environment: str, look: Look) -> None:
    if evidence.summary is None:
        return
    for name in WORKERS:
        look.at(f"summary.md: {name}")
        if name not in evidence.summary:
            look.findings.append(Finding(f"summary.md does not name {name}", None, "summary.md"))


# --- Beyond it -------------------------------------------------------------------------------------------------------


@rule(
    "supporting",
    "Supporting modules and the stack completed",
    "The modules that the six rest on, and the stack with its outputs, are proven as they are: every check was done,"
    " and a fault that one found turns another criterion red, or else this one.",
    "the workers of the supporting modules and of the stack",
    needs=tuple(SUPPORTING.values()),
    about_the_run=True,
)
def _supporting(evidence: Evidence, environment: str, look: Look) -> None:
    _completed(evidence, SUPPORTING, look)


@rule(
    "regions",
    "Regions and failover as in the table",
    "The environment has the region, recovery and failover that its table gives it; where it replicates, every"
    " table and the audit archive have a replica in the failover region, elsewhere nothing has; no ARN names a third"
    " region.",
    "the environment's values, replicas, and the regions of all ARNs",
    needs=("dynamodb", "s3-audit"),
)
def _regions(evidence: Evidence, environment: str, look: Look) -> None:
    values = evidence.values[environment]
    table = table_of(evidence.project, environment)
    for name, wanted in {name: table[name] for name in REGIONAL if name in table}.items():
        look.at(f"{name} = {json.dumps(values.get(name))}")
        if values.get(name) != wanted:
            file = f"terraform/environments/{environment}.tfvars"
            message = f"{name} is {json.dumps(values.get(name))}; its table says {json.dumps(wanted)}"
            look.findings.append(Finding(message, f"var.{name}", file, None, json.dumps(values.get(name))))
    tables = evidence.planned(environment, "aws_dynamodb_table")
    replicas = evidence.planned(environment, "aws_dynamodb_table_replica")
    archives = evidence.planned(environment, "aws_s3_bucket_replication_configuration")
    look.at(f"{len(tables)} tables, {len(replicas)} replicas of tables, {len(archives)} replication of buckets")
    if not tables:
        look.findings.append(Finding("There was nothing to look at: no tables are planned."))
    wanted_count = len(tables) if values["cross_region_replication"] else 0
    if len(replicas) != wanted_count:
        look.findings.append(Finding(f"{len(replicas)} tables are replicated, and {wanted_count} should be"))
    if bool(archives) != bool(values["cross_region_replication"]):
        look.findings.append(Finding("The audit archive is " + ("" if archives else "not ") + "replicated"))
    allowed = {values["region"], *([values["failover_region"]] if values["cross_region_replication"] else [])}
    for item in evidence.planned(environment):
        for path, text in _texts(item.values):
            for region in re.findall(r"\barn:[\w-]+:[\w-]+:([a-z]{2}(?:-[a-z]+)+-\d):", text):
                if region not in allowed:
                    message = f"{item.address} names something in {region}"
                    look.findings.append(evidence.finding(message, item, path, region))


@rule(
    "encryption",
    "Encryption with a key of our own",
    "Tables, replicas, buckets, log groups, topics, queues and functions are encrypted with a customer managed key;"
    " only a bucket that receives access logs cannot be, since S3 delivers them with its own key alone.",
    "the key of everything that keeps data",
    needs=("dynamodb", "s3-audit", "cloudwatch", "lambda", "events", "mail"),
)
def _encryption(evidence: Evidence, environment: str, look: Look) -> None:
    attributes = {
        "aws_dynamodb_table_replica": "kms_key_arn",
        "aws_cloudwatch_log_group": "kms_key_id",
        "aws_sns_topic": "kms_master_key_id",
        "aws_sqs_queue": "kms_master_key_id",
        "aws_lambda_function": "kms_key_arn",
    }
    for item in evidence.planned(environment, *attributes):
        attribute = attributes[item.type]
        key = str(item.values.get(attribute) or "")
        _own_key(evidence, look, item, attribute, bool(key) and not key.startswith("alias/aws/"))
    for item in evidence.planned(environment, "aws_dynamodb_table"):
        settings = (item.values.get("server_side_encryption") or [{}])[0]
        own = settings.get("enabled") is True and bool(settings.get("kms_key_arn"))
        _own_key(evidence, look, item, "server_side_encryption", own)
    found = evidence.planned(environment, "aws_s3_bucket_server_side_encryption_configuration")
    settings_of = {(item.module, item.label): item for item in found}
    logging = evidence.planned(environment, "aws_s3_bucket_logging")
    for bucket in evidence.planned(environment, "aws_s3_bucket"):
        is_target = bucket.label == "access_logs" and any(item.module == bucket.module for item in logging)
        item = settings_of.get((bucket.module, bucket.label))
        rules = item.values.get("rule", []) if item else []
        own = bool(rules)
        for one in rules:
            default = (one.get("apply_server_side_encryption_by_default") or [{}])[0]
            own &= bool(default.get("sse_algorithm" if is_target else "kms_master_key_id"))
        _own_key(evidence, look, item or bucket, "kms_master_key_id", own)


def _own_key(evidence: Evidence, look: Look, item: Planned, attribute: str, own: bool) -> None:
    look.at(f"{item.address}: {'encrypted as it must be' if own else 'no key of our own'}")
    if not own:
        look.findings.append(evidence.finding(f"{item.address} has no key of our own", item, attribute))


@rule(
    "apart",
    "Nothing of one environment reaches another",
    "As if all environments, and a stranger's, were in one account and one region: no two things have one name, no"
    " event is taken by two, no metric is counted or watched by two but those that AWS counts for the account, and no"
    " policy opens anything of another environment.",
    "names, patterns of rules, metrics of filters and alarms, and every Allow, against each other environment",
    needs=("iam", "events", "cloudwatch", "kms", "lambda"),
)
def _apart(evidence: Evidence, environment: str, look: Look) -> None:
    prefix = evidence.prefix(environment)
    mine = evidence.planned(environment)
    # Inputs of the same environment in another form are the same environment.
    for other in (name for name in evidence.values if evidence.prefix(name) != prefix):
        theirs = evidence.planned(other)
        look.at(f"{len(mine)} resources of {prefix} beside {len(theirs)} of {evidence.prefix(other)}")
        for met in apart.meetings(mine, theirs, evidence.prefix(other)):
            message = f"{met.message} ({evidence.prefix(other)})"
            look.findings.append(evidence.finding(message, met.item, met.attribute, met.value))


@rule(
    "tags",
    "Tags on everything that can carry them",
    f"Everything that can be tagged has {', '.join(TAGS[:-1])} and {TAGS[-1]}, Environment naming its environment.",
    "the tags of every planned resource whose kind can carry them",
    about_resources=True,
)
def _tags(evidence: Evidence, environment: str, look: Look) -> None:
    taggable = {kind for facts in evidence.facts for kind in facts.taggable}
    for item in evidence.planned(environment, *taggable) if taggable else []:
        tags = item.values.get("tags_all") or item.values.get("tags") or {}
        look.at(f"{item.address}: {', '.join(sorted(tags))}")
        missing = [name for name in TAGS if not tags.get(name)]
        if missing:
            message = f"{item.address} has no tag {', '.join(missing)}"
            look.findings.append(evidence.finding(message, item, "tags"))
        elif tags["Environment"] != evidence.values[environment]["env_name"]:
            message = f"{item.address} is tagged as {tags['Environment']}"
            look.findings.append(evidence.finding(message, item, "tags", tags["Environment"]))


@rule(
    "deletion-protection",
    "Deletion protection in PROD",
    "In PROD tables, replicas and the user pool refuse to be deleted, and no bucket is emptied to be deleted; elsewhere"
    " they are as the environment says, all of them.",
    "deletion protection of tables, replicas, user pools and buckets",
    needs=("dynamodb", "s3-audit", "cognito"),
)
def _deletion_protection(evidence: Evidence, environment: str, look: Look) -> None:
    values = evidence.values[environment]
    wanted = True if values["env_name"] == PROD else values["deletion_protection"]
    look.value = None if wanted else "off"
    kinds = {
        "aws_dynamodb_table": ("deletion_protection_enabled", True),
        "aws_dynamodb_table_replica": ("deletion_protection_enabled", True),
        "aws_cognito_user_pool": ("deletion_protection", "ACTIVE"),
        "aws_s3_bucket": ("force_destroy", False),
    }
    for item in evidence.planned(environment, *kinds):
        attribute, protected = kinds[item.type]
        value = item.values.get(attribute)
        look.at(f"{item.address}: {attribute} = {json.dumps(value)}")
        if (value == protected) != wanted:
            message = f"{item.address} {'can' if wanted else 'cannot'} be deleted: {attribute} is {json.dumps(value)}"
            look.findings.append(evidence.finding(message, item, attribute, json.dumps(value)))


@rule(
    "log-retention",
    "Log retention everywhere",
    "Every log group is deleted after one of the environment's two periods, and every function writes to a log group of"
    " the plan.",
    "every log group, and the log group of every function",
    needs=("cloudwatch", "lambda"),
)
def _log_retention(evidence: Evidence, environment: str, look: Look) -> None:
    values = evidence.values[environment]
    periods = {values["service_log_retention_days"], values["audit_log_retention_days"]}
    groups = evidence.planned(environment, "aws_cloudwatch_log_group")
    for item in groups:
        days = item.values.get("retention_in_days")
        look.at(f"{item.address}: {days} days")
        if days not in periods:
            shown = "for ever" if not days else f"for {days} days"
            look.findings.append(evidence.finding(f"{item.address} is kept {shown}", item, "retention_in_days", days))
    names = {item.values.get("name") for item in groups}
    for item in evidence.planned(environment, "aws_lambda_function"):
        settings = (item.values.get("logging_config") or [{}])[0]
        group = settings.get("log_group") or f"/aws/lambda/{item.values.get('function_name')}"
        look.at(f"{item.address}: {group}")
        if group not in names:
            message = f"{item.address} writes to {group}, which nothing here makes"
            look.findings.append(evidence.finding(message, item, "logging_config", group))


@rule(
    "least-privilege",
    "No `*` in action and resource together",
    "No statement allows a wildcard of actions on every resource; a key's own policy, whose resource is the key itself,"
    " may do so for its account alone.",
    "every statement of every planned policy",
    needs=("iam",),
)
def _least_privilege(evidence: Evidence, environment: str, look: Look) -> None:
    for item in evidence.planned(environment, *POLICIES):
        attribute = POLICIES[item.type]
        text = item.values.get(attribute)
        if not isinstance(text, str):
            look.findings.append(evidence.finding(f"{item.address} cannot be read before it exists", item, attribute))
            continue
        for statement in as_list(json.loads(text).get("Statement", [])):
            actions, resources = as_list(statement.get("Action", [])), as_list(statement.get("Resource", []))
            look.at(f"{item.address}: {statement.get('Sid') or statement.get('Effect')}")
            if statement.get("Effect") != "Allow":
                continue
            wide = [action for action in actions if "*" in action] or ("NotAction" in statement and ["NotAction"])
            everywhere = "*" in resources or "NotResource" in statement
            if item.type == "aws_kms_key" and not _anyone(statement.get("Principal")):
                continue
            if wide and everywhere:
                message = f"{item.address} allows {', '.join(wide)} on every resource"
                look.findings.append(evidence.finding(message, item, attribute, ", ".join(wide)))


def _anyone(principal: Any) -> bool:
    return principal == "*" or (isinstance(principal, dict) and "*" in as_list(principal.get("AWS", [])))


def as_list(value: Any) -> list[Any]:
    """A value of a policy that may stand alone or in a list."""
    return value if isinstance(value, list) else [value]


@rule(
    "dead-letters",
    "Every asynchronous path with a dead-letter queue",
    "Whatever reaches a function other than through the API or a sign-in, which wait for the answer, has a dead-letter"
    " queue; so has every rule's target, every stream's reader, and every queue that a function takes messages from.",
    "who may invoke which function, targets of rules, event source mappings, subscriptions of functions and queues",
    needs=("lambda", "events", "mail"),
)
def _dead_letters(evidence: Evidence, environment: str, look: Look) -> None:
    functions = {
        item.values.get("function_name"): item for item in evidence.planned(environment, "aws_lambda_function")
    }
    keep = {name for name, item in functions.items() if item.values.get("dead_letter_config")}
    redriven = {
        item.values.get("name")
        for item in evidence.planned(environment, "aws_sqs_queue")
        if item.values.get("redrive_policy")
    }
    for item in evidence.planned(environment, "aws_lambda_permission"):
        principal, name = item.values.get("principal"), item.values.get("function_name")
        waits = principal in SYNCHRONOUS
        look.at(f"{item.address}: {principal} invokes {name}, {'and waits' if waits else 'and does not wait'}")
        if not waits and name not in keep:
            message = f"{name} is invoked by {principal}, which does not wait, and has no dead-letter queue"
            look.findings.append(
                evidence.finding(message, functions.get(name) or item, "dead_letter_config", principal)
            )
    paths = {
        "aws_cloudwatch_event_target": "dead_letter_config",
        "aws_lambda_event_source_mapping": "destination_config",
        "aws_lambda_function_event_invoke_config": "destination_config",
        "aws_sns_topic_subscription": "redrive_policy",
    }
    for item in evidence.planned(environment, *paths):
        attribute = paths[item.type]
        if item.type == "aws_sns_topic_subscription" and item.values.get("protocol") not in ("lambda", "sqs"):
            continue
        source = str(item.values.get("event_source_arn") or "").split(":")
        if "sqs" in source[2:3]:
            # What comes from a queue goes back to it, and from there to its own dead letters.
            attribute, kept = "redrive_policy of its queue", source[-1] in redriven
        elif item.type == "aws_lambda_function_event_invoke_config":
            kept = item.values.get(attribute) or item.values.get("function_name") in keep
        else:
            kept = item.values.get(attribute)
        look.at(f"{item.address}: {attribute}")
        if not kept:
            look.findings.append(evidence.finding(f"{item.address} has no dead-letter queue", item, attribute))


@rule(
    "alarms",
    "An alarm for each function",
    "Every function has an alarm on its errors that tells a topic.",
    "every function, and every alarm",
    needs=("cloudwatch", "lambda"),
)
def _alarms(evidence: Evidence, environment: str, look: Look) -> None:
    watched: dict[str, list[str]] = {}
    for alarm in evidence.planned(environment, "aws_cloudwatch_metric_alarm"):
        tells = alarm.values.get("alarm_actions") and alarm.values.get("actions_enabled") is not False
        queries = [one.get("metric") or [] for one in alarm.values.get("metric_query") or []]
        metrics = [alarm.values, *(metric for parts in queries for metric in parts)]
        for metric in metrics:
            if tells and metric.get("namespace") == "AWS/Lambda" and metric.get("metric_name") == "Errors":
                name = (metric.get("dimensions") or {}).get("FunctionName")
                watched.setdefault(name, []).append(alarm.values.get("alarm_name", alarm.address))
    for item in evidence.planned(environment, "aws_lambda_function"):
        name = item.values.get("function_name")
        look.at(f"{name}: {', '.join(watched.get(name, ['no alarm']))}")
        if name not in watched:
            look.findings.append(evidence.finding(f"No alarm watches the errors of {name}", item, value=name))
