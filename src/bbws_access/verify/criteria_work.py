"""Criteria on what does the work: functions, queues, tables, the archive; and on what Terraform may overlook."""

import json
import re
from pathlib import Path
from typing import Any

from bbws_access.cli.project import Project
from bbws_access.verify.criteria_access import LOOKS_SECRET, SECRET, contract, variables
from bbws_access.verify.criteria_alarms import dead_letter_queues
from bbws_access.verify.hcl import read_blocks
from bbws_access.verify.jobs import Planned
from bbws_access.verify.report import Finding
from bbws_access.verify.rules import Evidence, Look, rule

FORTNIGHT = 14 * 86400
GATEWAY_SECONDS = 29
TRIGGER_SECONDS = 5
OVERLOOKED = {("dynamodb/main.tf", "ignore_changes", "replica")}
"""What Terraform may overlook: replicas are resources of their own."""
NOT_PREVENTED = ("prevent_destroy", "false")
VALUES = re.compile(r"^terraform\.tfvars|\.auto\.tfvars")
"""Files that Terraform reads in the stack's folder without being told."""
TAG_VALUES = {"Project": "BBWS", "CostCenter": "BBWS-ACCESS", "ManagedBy": "Terraform"}


@rule(
    "functions",
    "Functions as the contract says, and without secrets",
    "Every function has the memory and the time of its service in the contract, runs on arm64 and a supported Python,"
    " is traced, logs JSON, keeps the role of its service, answers before the gateway or Cognito stops waiting, and is"
    " told no secret.",
    "every function beside the contract",
    needs=("lambda", "iam"),
)
def _functions(evidence: Evidence, environment: str, look: Look) -> None:
    services = contract(evidence, "services.json")["services"]
    prefix = f"{evidence.prefix(environment)}-lambda-"

    def expect(item: Planned, attribute: str, good: bool, message: str) -> None:
        look.at(f"{item.address}: {attribute}")
        if not good:
            look.findings.append(evidence.finding(f"{item.address} {message}", item, attribute))

    for item in evidence.planned(environment, "aws_lambda_function"):
        values, name = item.values, item.values["function_name"].removeprefix(prefix)
        service = services.get(name, {})
        if service:
            expect(item, "memory_size", values.get("memory_size") == service["memoryMegabytes"],
                   f"has {values.get('memory_size')} MB")  # fmt: skip
            expect(item, "timeout", values.get("timeout") == service["timeoutSeconds"],
                   f"may take {values.get('timeout')} seconds")  # fmt: skip
        else:
            expect(item, "timeout", (values.get("timeout") or 99) <= TRIGGER_SECONDS, "takes longer than Cognito waits")
        expect(
            item, "architectures", values.get("architectures") == ["arm64"], f"runs on {values.get('architectures')}"
        )
        expect(item, "runtime", values.get("runtime") == "python3.12", f"runs {values.get('runtime')}")
        mode = (values.get("tracing_config") or [{}])[0].get("mode")
        expect(item, "tracing_config", mode == "Active", "is not traced")
        logging = (values.get("logging_config") or [{}])[0]
        expect(item, "logging_config", logging.get("log_format") == "JSON", "logs no JSON")
        expect(item, "logging_config", logging.get("application_log_level") == "TRACE",
               "loses lines before its own log level is asked")  # fmt: skip
        wanted = "INFO" if evidence.values[environment]["log_level"] == "DEBUG" else "WARN"
        expect(item, "logging_config", logging.get("system_log_level") == wanted,
               f"keeps Lambda's own lines of {logging.get('system_log_level')} and not of {wanted}")  # fmt: skip
        role = str(values.get("role")).rpartition(f"role/{evidence.prefix(environment)}-role-")[2]
        expect(item, "role", role in (f"{name}-service", name), f"has the role {role}")
        for variable, value in variables(item).items():
            secret = SECRET.search(variable) or LOOKS_SECRET.search(str(value))
            expect(item, "environment", not secret, f"is told a secret: {variable}")
        told = variables(item).get("SERVICE_NAME")
        expect(item, "environment", told == name, f"is told that it is {told}")
    for item in evidence.planned(environment, "aws_lambda_event_source_mapping"):
        expect(item, "enabled", item.values.get("enabled") is not False, "takes nothing")
        partial = item.values.get("function_response_types")
        expect(item, "function_response_types", partial == ["ReportBatchItemFailures"],
               "repeats what succeeded when one of a batch fails")  # fmt: skip


@rule(
    "queues",
    "Nothing that waits is lost",
    "A queue hides a message six times as long as its function may take, tries five times at least, has tried before"
    " it lets go of it, and keeps it for less long than its dead letters, which wait a fortnight in a queue that is"
    " there. Rules try for a day; functions twice. Where a rule leaves dead letters, it may. Every rule is on and has"
    " a target.",
    "queues, dead letters, retries of rules and functions",
    needs=("events", "mail", "lambda"),
)
def _queues(evidence: Evidence, environment: str, look: Look) -> None:
    def expect(item: Planned, attribute: str, good: bool, message: str) -> None:
        look.at(f"{item.address}: {attribute}")
        if not good:
            look.findings.append(evidence.finding(f"{item.address} {message}", item, attribute))

    queues = {item.values["name"]: item for item in evidence.planned(environment, "aws_sqs_queue")}
    dead = dead_letter_queues(evidence, environment)
    timeouts = {
        item.values["function_name"]: item.values.get("timeout") or 3
        for item in evidence.planned(environment, "aws_lambda_function")
    }
    for name, item in queues.items():
        retention = item.values.get("message_retention_seconds") or 345600
        if name in dead:
            expect(item, "message_retention_seconds", retention == FORTNIGHT, f"keeps letters {retention} seconds")
            continue
        policy = json.loads(item.values.get("redrive_policy") or "{}")
        tries = policy.get("maxReceiveCount") or 0
        target = queues.get(str(policy.get("deadLetterTargetArn")).rpartition(":")[2])
        expect(item, "redrive_policy", target is not None, "leaves dead letters in no queue that is here")
        expect(item, "redrive_policy", tries >= 5, f"tries {tries} times")
        expect(item, "message_retention_seconds", retention < FORTNIGHT, "keeps messages as long as their dead letters")
        hidden = item.values.get("visibility_timeout_seconds") or 30
        expect(item, "message_retention_seconds", tries * hidden < retention,
               f"deletes messages after {retention} seconds, and tries them for {tries * hidden}")  # fmt: skip
        expect(item, "delay_seconds", not item.values.get("delay_seconds"), "makes everything wait")
    for item in evidence.planned(environment, "aws_lambda_event_source_mapping"):
        queue = queues.get(str(item.values.get("event_source_arn")).rpartition(":")[2])
        function = re.search(r":function:([^:]+)", str(item.values.get("function_name")))
        if queue and function:
            hidden = queue.values.get("visibility_timeout_seconds") or 30
            least = 6 * timeouts.get(function[1], 0)
            expect(queue, "visibility_timeout_seconds", hidden >= least,
                   f"hides messages for {hidden} seconds, and should for {least}")  # fmt: skip
            expect(item, "event_source_arn", queue.values["name"] not in dead, "reads dead letters")
    targets = evidence.planned(environment, "aws_cloudwatch_event_target")
    for item in targets:
        retry = (item.values.get("retry_policy") or [{}])[0]
        age, tries = retry.get("maximum_event_age_in_seconds"), retry.get("maximum_retry_attempts")
        expect(
            item, "retry_policy", (age or 0) >= 86400 and (tries or 0) >= 185, f"tries {tries} times in {age} seconds"
        )
        letters = queues.get(str((item.values.get("dead_letter_config") or [{}])[0].get("arn")).rpartition(":")[2])
        lets = f"rule/{item.values.get('rule')}" in str(letters.values.get("policy")) if letters else False
        custom = f"{item.values.get('event_bus_name')}/{item.values.get('rule')}"
        lets |= bool(letters) and custom in str(letters.values.get("policy"))
        expect(item, "dead_letter_config", lets, "may leave no dead letter in its queue")
        expect(item, "input", not item.values.get("input") and not item.values.get("input_path"),
               "does not hand the event over as it came")  # fmt: skip
    aimed = {item.values.get("rule") for item in targets}
    for item in evidence.planned(environment, "aws_cloudwatch_event_rule"):
        on = item.values.get("state") in (None, "ENABLED") and item.values.get("is_enabled") is not False
        expect(item, "state", on, "is off")
        expect(item, "name", item.values.get("name") in aimed, "has no target")
    for item in evidence.planned(environment, "aws_lambda_function_event_invoke_config"):
        tries, age = item.values.get("maximum_retry_attempts"), item.values.get("maximum_event_age_in_seconds")
        expect(item, "maximum_retry_attempts", tries == 2, f"tries {tries} times")
        expect(item, "maximum_event_age_in_seconds", (age or 21600) >= 3600, f"gives up after {age} seconds")
    _events_of_contract(evidence, environment, look, targets)


def _events_of_contract(evidence: Evidence, environment: str, look: Look, targets: list[Planned]) -> None:
    """Every event of the contract reaches the functions that take it."""
    there = {item.values["function_name"] for item in evidence.planned(environment, "aws_lambda_function")}
    rules = {item.values["name"]: item for item in evidence.planned(environment, "aws_cloudwatch_event_rule")}
    reached: set[tuple[str, str]] = set()
    for target in targets:
        item = rules.get(target.values.get("rule"))
        pattern = json.loads(item.values.get("event_pattern") or "{}") if item else {}
        function = str(target.values.get("arn")).partition(":function:")[2].split(":")[0]
        kinds = pattern.get("detail-type") or ([item.values.get("schedule_expression")] if item else [])
        for kind in kinds:
            for source in pattern.get("source") or [""]:
                reached.add((f"{source}|{kind}", function))
    for name, event in contract(evidence, "events.json")["events"].items():
        key = f"|{event['schedule']}" if event.get("schedule") else f"{event['source']}|{name}"
        for service in event["consumers"]:
            function = f"{evidence.prefix(environment)}-lambda-{service}"
            if function in there:
                look.at(f"{name} reaches {function}")
                if (key, function) not in reached:
                    look.findings.append(Finding(f"{name} does not reach {function}", f"rule of {name}"))


@rule(
    "tables",
    "Tables as the data model says",
    "Every table of the contract is there with its keys, its indexes with what they project, the expiry of what"
    " expires, a stream with both images, and 35 days of recovery.",
    "every table beside the contract",
    needs=("dynamodb",),
)
def _tables(evidence: Evidence, environment: str, look: Look) -> None:
    model = contract(evidence, "data-model.json")["tables"]
    found = {
        item.values["name"].removeprefix(f"{evidence.prefix(environment)}-ddb-"): item
        for item in evidence.planned(environment, "aws_dynamodb_table")
    }
    for name in sorted(set(model) ^ set(found)):
        look.findings.append(Finding(f"The table {name} is " + ("missing" if name in model else "in no contract")))
    for name in sorted(set(model) & set(found)):
        item, wanted = found[name], model[name]
        values = item.values
        keys = (values.get("hash_key"), values.get("range_key"))
        indexes = {
            one["name"]: (one["hash_key"], one.get("range_key"), one["projection_type"])
            for one in values.get("global_secondary_index") or []
        }
        asked = {
            index: (one["partitionKey"], one["sortKey"], one["projection"]) for index, one in wanted["indexes"].items()
        }
        expiry = (values.get("ttl") or [{}])[0]
        recovery = (values.get("point_in_time_recovery") or [{}])[0]
        stream = values.get("stream_view_type") if values.get("stream_enabled") else None
        faults = {
            "hash_key": (keys != ("PK", "SK"), f"has the keys {keys}"),
            "global_secondary_index": (indexes != asked, f"has the indexes {indexes}"),
            "ttl": (
                (expiry.get("attribute_name") if expiry.get("enabled") else None) != wanted["ttlAttribute"],
                "lets nothing expire",
            ),
            "stream_view_type": (stream != "NEW_AND_OLD_IMAGES", f"streams {stream or 'nothing'}"),
            "point_in_time_recovery": (recovery.get("recovery_period_in_days") not in (None, 35), "recovers less"),
        }
        for attribute, (broken, message) in faults.items():
            look.at(f"{item.address}: {attribute}")
            if broken:
                look.findings.append(evidence.finding(f"{item.address} {message}", item, attribute))


@rule(
    "archive",
    "The archive keeps what it must, and no longer",
    "Every version in the audit archive is locked as long as the environment says and never expires sooner; it moves to"
    " cheaper storage after 30 and 90 days and expires after seven years; access to it is logged; where it is"
    " replicated, everything is, within a quarter of an hour, encrypted with the replica's key.",
    "lifecycle, lock, logging and replication of buckets",
    needs=("s3-audit",),
)
def _archive(evidence: Evidence, environment: str, look: Look) -> None:
    def expect(item: Planned, attribute: str, good: bool, message: str) -> None:
        look.at(f"{item.address}: {attribute}")
        if not good:
            look.findings.append(evidence.finding(f"{item.address} {message}", item, attribute))

    days = evidence.values[environment]["audit_object_lock"]["days"]
    locks = evidence.planned(environment, "aws_s3_bucket_object_lock_configuration")
    logged = {(item.module, item.label) for item in evidence.planned(environment, "aws_s3_bucket_logging")}
    for item in evidence.planned(environment, "aws_s3_bucket"):
        if item.label == "archive":
            expect(item, "object_lock_enabled", item.values.get("object_lock_enabled") is True, "takes no lock")
            expect(item, "bucket", any(lock.module == item.module for lock in locks), "is not locked")
            expect(item, "bucket", (item.module, item.label) in logged, "does not log who reads it")
    for item in evidence.planned(environment, "aws_s3_bucket_lifecycle_configuration"):
        rules = item.values.get("rule") or []
        expect(item, "status", all(one.get("status") == "Enabled" for one in rules), "has rules that are off")
        uploads = any(one.get("abort_incomplete_multipart_upload") for one in rules)
        expect(item, "abort_incomplete_multipart_upload", uploads, "keeps what was never whole")
        if item.label != "archive":
            continue
        whole = [one for one in rules if _prefix(one) in ("archive/", "")]
        ends = [one["expiration"][0].get("days") or 0 for one in whole if one.get("expiration")]
        ends = [end for end in ends if end]
        expect(item, "expiration", bool(ends) and min(ends) >= max(days, 2557), f"expires after {ends or 'never'}")
        moves = {move.get("storage_class"): move.get("days") for one in whole for move in one.get("transition") or []}
        expect(item, "transition", moves.get("STANDARD_IA") == 30 and {moves.get(name) for name in moves if
               str(name).startswith(("GLACIER", "DEEP"))} == {90}, f"moves at {moves}")  # fmt: skip
    for item in evidence.planned(environment, "aws_s3_bucket_replication_configuration"):
        for one in item.values.get("rule") or []:
            target = one["destination"][0]
            time = ((target.get("replication_time") or [{}])[0].get("time") or [{}])[0].get("minutes")
            expect(item, "status", one.get("status") == "Enabled", "is off")
            expect(item, "replication_time", time == 15, "promises no time")
            expect(item, "metrics", bool(target.get("metrics")), "is not measured")
            expect(item, "encryption_configuration", bool(target.get("encryption_configuration")),
                   "replicates nothing that is encrypted")  # fmt: skip
            expect(item, "filter", not _prefix(one), f"leaves out what does not begin with {_prefix(one)}")
            chosen = json.dumps(one.get("source_selection_criteria") or "")
            expect(item, "source_selection_criteria", "Disabled" not in chosen, "replicates nothing that is encrypted")


def _prefix(one: dict[str, Any]) -> str:
    found = (one.get("filter") or [{}])[0]
    inner = (found.get("and") or [{}])[0]
    return found.get("prefix") or inner.get("prefix") or one.get("prefix") or ""


@rule(
    "tag-values",
    "Tags say whose, what for, and by whom",
    "Everything that can be tagged says " + ", ".join(f"{name}={value}" for name, value in TAG_VALUES.items())
    + ", and a Component in lower case.",
    "the tags of every planned resource whose kind can carry them",
    about_resources=True,
)  # fmt: skip
def _tag_values(evidence: Evidence, environment: str, look: Look) -> None:
    taggable = {kind for facts in evidence.facts for kind in facts.taggable}
    for item in evidence.planned(environment, *taggable) if taggable else []:
        tags = item.values.get("tags_all") or item.values.get("tags") or {}
        look.at(f"{item.address}: {json.dumps(tags)}")
        # One that is missing is another criterion's.
        other = [name for name, value in TAG_VALUES.items() if tags.get(name, value) != value]
        component = tags.get("Component") or "-"
        if not re.fullmatch(r"[a-z-]+", component):
            other.append("Component")
        for name in other:
            message = f"{item.address} is tagged {name}={tags.get(name)}"
            look.findings.append(evidence.finding(message, item, "tags", tags.get(name)))


def _stack_files(project: Project) -> list[Path]:
    return [path for path in sorted(project.stack.rglob("*.tf")) if ".terraform" not in path.parts]


@rule(
    "kept-in-sight",
    "Terraform overlooks nothing, and works in no other account",
    "No resource ignores changes of its own, but those that another resource makes; the stack's providers refuse any"
    " other account and tag what they make; the state is encrypted and locked.",
    "lifecycle blocks, providers, the backend",
)
def _kept_in_sight(evidence: Evidence, environment: str, look: Look) -> None:
    project = evidence.project
    paths = [path for path in sorted(project.modules.rglob("*.tf")) if ".terraform" not in path.parts]
    for path in sorted((project.root / "terraform").rglob("*.tf.json")):
        if ".terraform" not in path.parts:
            file = path.relative_to(project.root).as_posix()
            look.findings.append(
                Finding(f"{file} is read by Terraform, and by no criterion: write it as .tf", None, file)
            )
    for path in sorted(path for path in project.stack.iterdir() if path.is_file() and VALUES.search(path.name)):
        file = path.relative_to(project.root).as_posix()
        message = f"{file} gives values to every environment, which no plan here has"
        look.findings.append(Finding(message, None, file))
    for path in [*paths, *_stack_files(project)]:
        file = path.relative_to(project.root).as_posix()
        short = path.relative_to(project.modules).as_posix() if path in paths else file
        for block in read_blocks(path):
            for part in (part for lifecycle in block.body.blocks("lifecycle") for part in lifecycle.parts):
                if part.name not in ("ignore_changes", "prevent_destroy"):
                    continue
                look.at(f"{file}: {part.name} = {part.plain}")
                for name, line in part.elements:
                    plain = name.strip('"')
                    if (short, part.name, plain) not in OVERLOOKED and (part.name, plain) != NOT_PREVENTED:
                        message = f"{'.'.join(block.labels)}: {part.name} {plain}"
                        look.findings.append(Finding(message, None, file, line, plain))
            if block.kind == "provider" and path.parent != project.stack:
                message = f"{file} configures a provider, which the stack's refusals do not bind"
                look.findings.append(Finding(message, None, file, block.line))
            elif block.kind == "provider":
                look.at(f"{file}: provider {block.labels[0]}")
                tags = any(inner.says("tags", "local.tags") for inner in block.body.blocks("default_tags"))
                for good, text in (
                    (block.body.says("allowed_account_ids", "[var.account_id]"), "allowed_account_ids"),
                    (tags, "default_tags"),
                ):
                    if not good:
                        message = f"A provider of the stack lacks {text}"
                        look.findings.append(Finding(message, None, file, block.line))
            if block.kind == "terraform" and path.parent == project.stack:
                look.at(f"{file}: terraform")
                backends = [inner for inner in block.body.blocks("backend") if inner.labels == ("s3",)]
                for name in ("use_lockfile", "encrypt"):
                    if not any(backend.says(name, "true") for backend in backends):
                        message = f"The state lacks {name} = true"
                        look.findings.append(Finding(message, None, file, block.line))
