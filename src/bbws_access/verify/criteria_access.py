"""Criteria on who reaches what: invocations, the API's routes, sign-in, policies, transport, keys."""

import fnmatch
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from bbws_access.verify.criteria import POLICIES, as_list
from bbws_access.verify.jobs import Planned
from bbws_access.verify.report import Finding
from bbws_access.verify.rules import Evidence, Look, rule

ARN = re.compile(r"arn:[\w-]+:([a-z0-9-]+):([a-z0-9-]*):(\d{12}|):([^\s\"',\]}<>|]+)")
WITHOUT_RESOURCES = re.compile(r"xray:Put(TraceSegments|TelemetryRecords)|cloudwatch:PutMetricData")
"""Actions that IAM grants on every resource only."""
NO_TOKENS = ("", "a.b.c", "Bearer a", "Bearer a.b", "Bearer a.b.c d", "Basic a.b.c", "x Bearer a.b.c", "Bearer a.b/.c")
SECRET = re.compile(r"SECRET|PASSWORD|PRIVATE|API_?KEY|ACCESS_?KEY|CREDENTIAL", re.IGNORECASE)
LOOKS_SECRET = re.compile(r"AKIA[0-9A-Z]{16}|-----BEGIN|eyJ[\w-]{10,}\.|(?<![\w/+])[\w/+]{40}(?![\w/+])")


@cache
def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def contract(evidence: Evidence, name: str) -> Any:
    """A file of the contract."""
    return _read(evidence.project.contract / name)


def texts(value: Any) -> Iterator[str]:
    """Every text within a value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def statements(policy: Any) -> list[dict[str, Any]]:
    """The statements of a policy in JSON."""
    return as_list(json.loads(policy).get("Statement", [])) if isinstance(policy, str) else []


def variables(item: Planned) -> dict[str, Any]:
    """A function's environment variables."""
    return (item.values.get("environment") or [{}])[0].get("variables") or {}


# --- What is named is there -------------------------------------------------------------------------------------------


@rule(
    "references",
    "What is named is there",
    "Every ARN of this account that a policy, a target, the API's document or a setting holds is that of something"
    " planned, and so is every table that a function is told of: nothing leads nowhere, or to what somebody else made.",
    "every ARN in every planned value, the functions' environment variables",
    needs=("lambda", "dynamodb", "events", "mail", "cloudwatch", "s3-audit", "iam"),
)
def _references(evidence: Evidence, environment: str, look: Look) -> None:
    there = _there(evidence, environment)
    for item in evidence.planned(environment):
        for attribute, value in item.values.items():
            seen = set()
            for text in texts(value):
                for service, _, account, rest in ARN.findall(text.replace("\\", "")):
                    if account not in ("", evidence.values[environment]["account_id"]):
                        continue
                    kind, name = _named(service, rest)
                    if kind in there and (kind, name) not in seen:
                        seen.add((kind, name))
                        look.at(f"{item.address}: {kind} {name}")
                        if not any(fnmatch.fnmatchcase(known, name) for known in there[kind]):
                            message = f"{item.address} names the {kind} {name}, which is not planned"
                            look.findings.append(evidence.finding(message, item, attribute, name))
    tables = there["table"]
    for item in evidence.planned(environment, "aws_lambda_function"):
        for name, value in variables(item).items():
            if name.endswith("_TABLE"):
                look.at(f"{item.address}: {name} = {value}")
                if value not in tables or value.rpartition("-ddb-")[2].upper() != name.removesuffix("_TABLE"):
                    message = f"{item.address}: {name} is {value}, which is no such table here"
                    look.findings.append(evidence.finding(message, item, "environment", value))


def _named(service: str, rest: str) -> tuple[str, str]:
    """What an ARN names: its kind, and its name."""
    rest = rest.rstrip("\\")
    match service:
        case "lambda":
            parts = rest.split("/")[0].split(":")
            return "function", ":".join(parts[1:3])
        case "sqs":
            return "queue", rest
        case "sns":
            return "topic", rest.split(":")[0]
        case "dynamodb":
            return "table", rest.split("/")[1] if rest.startswith("table/") else rest
        case "s3":
            return "bucket", rest.split("/")[0]
        case "iam" if rest.startswith("role/"):
            return "role", rest.removeprefix("role/")
        case "logs" if rest.startswith("log-group:"):
            return "log group", rest.removeprefix("log-group:").split(":")[0]
        case "events" if rest.startswith("rule/"):
            return "rule", rest.removeprefix("rule/")
        case "events" if rest.startswith("event-bus/"):
            return "event bus", rest.removeprefix("event-bus/")
        case "ses" if rest.startswith(("configuration-set/", "template/")):
            return rest.split("/")[0], rest.split("/")[1]
    return "", rest


def _there(evidence: Evidence, environment: str) -> dict[str, set[str]]:
    """Names that are planned, by kind; and what is there without being planned."""

    def names(kind: str, attribute: str) -> set[str]:
        return {str(item.values.get(attribute)) for item in evidence.planned(environment, kind)}

    functions = names("aws_lambda_function", "function_name")
    aliases = {
        f"{item.values.get('function_name')}:{item.values.get('name')}"
        for item in evidence.planned(environment, "aws_lambda_alias")
    }
    planned = {
        f"/aws/lambda/{evidence.prefix(environment)}-lambda-{service}"
        for service in contract(evidence, "services.json")["services"]
    }
    # A rule of another bus than the default one has the bus in its ARN.
    rules = {
        "/".join(
            part for part in (item.values.get("event_bus_name"), item.values["name"]) if part not in (None, "default")
        )
        for item in evidence.planned(environment, "aws_cloudwatch_event_rule")
    }
    waf = {
        str(arn).partition(":log-group:")[2]
        for item in evidence.planned(environment, "aws_wafv2_web_acl_logging_configuration")
        for arn in item.values.get("log_destination_configs") or []
    }
    return {
        "function": functions | aliases,
        "queue": names("aws_sqs_queue", "name"),
        "topic": names("aws_sns_topic", "name"),
        "table": names("aws_dynamodb_table", "name"),
        "bucket": names("aws_s3_bucket", "bucket") | {evidence.values[environment]["artifacts_bucket"]},
        "role": names("aws_iam_role", "name"),
        # The web ACL's log is the user's own; a service may have its role before it has its function.
        "log group": names("aws_cloudwatch_log_group", "name") | waf | planned,
        "rule": rules,
        "event bus": names("aws_cloudwatch_event_bus", "name") | {"default"},
        "configuration-set": names("aws_sesv2_configuration_set", "configuration_set_name"),
        "template": names("aws_ses_template", "name"),
    }


# --- Who invokes ------------------------------------------------------------------------------------------------------


@rule(
    "invocations",
    "Functions are invoked by their alias, by a source that is named",
    "Every alias points at a published version, never at $LATEST, and at one alone; whatever invokes a function does so"
    " by the alias; every permission names an AWS service as the principal, a source without a wildcard in its account"
    " or API, and the alias.",
    "aliases, permissions to invoke, targets of rules, readers of queues, triggers, integrations",
    needs=("lambda", "events", "mail", "cognito", "api-gateway"),
)
def _invocations(evidence: Evidence, environment: str, look: Look) -> None:
    def wrong(item: Planned, attribute: str, message: str, value: Any = None) -> None:
        look.findings.append(evidence.finding(f"{item.address} {message}", item, attribute, value))

    for item in evidence.planned(environment, "aws_lambda_alias"):
        version = item.values.get("function_version")
        look.at(f"{item.address}: {version or 'the version that is published'}")
        if version is not None and not re.fullmatch(r"\d+", str(version)):
            wrong(item, "function_version", f"points at {version}", version)
        if item.values.get("routing_config"):
            wrong(item, "routing_config", "leads some of the callers to another version")
    for item in evidence.planned(environment, "aws_lambda_function"):
        if item.values.get("publish") is not True:
            wrong(item, "publish", "publishes no version")
    aliases = {item.values.get("name") for item in evidence.planned(environment, "aws_lambda_alias")}
    for item in evidence.planned(environment, "aws_lambda_permission"):
        _permission(item, aliases, look, wrong)
    for item in evidence.planned(environment):
        for attribute, value in item.values.items():
            for text in texts(value):
                for service, _, _, rest in ARN.findall(text.replace("\\", "")):
                    if service == "lambda" and rest.startswith("function:"):
                        name = rest.split("/")[0]
                        look.at(f"{item.address}: {name}")
                        if name.count(":") != 2 or name.rpartition(":")[2] not in aliases:
                            wrong(item, attribute, f"invokes {name}, which is no alias", name)
    for item in evidence.planned(environment, "aws_lambda_function_url"):
        wrong(item, "authorization_type", "opens a function to the internet")


def _permission(item: Planned, aliases: set[Any], look: Look, wrong: Any) -> None:
    principal, source = str(item.values.get("principal")), item.values.get("source_arn")
    look.at(f"{item.address}: {principal} from {source}")
    if not principal.endswith(".amazonaws.com"):
        wrong(item, "principal", f"lets {principal} invoke the function", principal)
    if item.values.get("action") != "lambda:InvokeFunction":
        wrong(item, "action", f"allows {item.values.get('action')}")
    if item.values.get("qualifier") not in aliases:
        wrong(item, "qualifier", f"is for {item.values.get('qualifier') or 'the function itself'}, not for its alias")
    found = ARN.fullmatch(str(source))
    if source is None and item.unknown.get("source_arn") is True:
        return
    service = principal.split(".")[0]
    wanted = {"apigateway": "execute-api", "s3": "s3"}.get(service, service)
    if not found:
        wrong(item, "source_arn", f"names no source: anybody's {service} may invoke the function", source)
    elif found[1] != wanted:
        wrong(item, "source_arn", f"names a source of {found[1]} for {principal}", source)
    elif "*" in re.split(r"[/]", found[4])[0] or (found[1] != "execute-api" and "*" in found[4]):
        wrong(item, "source_arn", f"names no single source: {source}", source)
    elif found[3] == "" and not item.values.get("source_account"):
        wrong(item, "source_account", "names a source without its account", source)


# --- The API ----------------------------------------------------------------------------------------------------------


@rule(
    "api-routes",
    "Every route guarded, validated and led to its service",
    "Every route of the contract is in the API's document and no other is; each asks the authorizer, but those that the"
    " contract leaves open; each has its parameters checked, leads to the function of its service, and answers within"
    " its time. Bodies are left to the functions, whose refusals name the field. An"
    " answer of the authorizer is kept for five minutes under a well-formed bearer token. No answer names every origin"
    " where the environment names its own.",
    "the API's document beside the contract",
    needs=("api-gateway",),
)
def _api_routes(evidence: Evidence, environment: str, look: Look) -> None:
    wanted = {
        (path, method): operation
        for path, item in contract(evidence, "openapi.json")["paths"].items()
        for method, operation in item.items()
        if method in ("get", "put", "post", "delete", "patch", "head")
    }
    for item in evidence.planned(environment, "aws_api_gateway_rest_api"):

        def wrong(message: str, value: Any = None, item: Planned = item) -> None:
            look.findings.append(evidence.finding(f"{item.address}: {message}", item, "body", value))

        document = json.loads(item.values["body"])
        schemes = document.get("components", {}).get("securitySchemes", {})
        _authorizer(evidence, environment, schemes, look, wrong)
        validators = document.get("x-amazon-apigateway-request-validators", {})
        found = {(path, method) for path, methods in document["paths"].items() for method in methods} - {
            (path, "options") for path in document["paths"]
        }
        for path, method in sorted(set(wanted) ^ found):
            wrong(f"{method.upper()} {path} is " + ("missing" if (path, method) in wanted else "in no contract"))
        for path, method in sorted(set(wanted) & found):
            operation, route = wanted[path, method], document["paths"][path][method]
            where = f"{method.upper()} {path}"
            look.at(f"{where}: {'guarded' if route.get('security') else 'open'}")
            guarded = [name for one in route.get("security") or [] for name in one if name in schemes]
            if bool(guarded) == (operation.get("x-bbws-access") == "public"):
                wrong(f"{where} is {'guarded' if guarded else 'open'}, and should not be", where)
            validator = validators.get(route.get("x-amazon-apigateway-request-validator"), {})
            if not validator.get("validateRequestParameters"):
                wrong(f"{where} does not check its parameters", where)
            if validator.get("validateRequestBody"):
                wrong(f"{where} refuses bodies without naming a field", where)
            integration = route.get("x-amazon-apigateway-integration", {})
            function = f"function:{evidence.prefix(environment)}-lambda-{operation['x-bbws-service']}:"
            if function not in integration.get("uri", "") or integration.get("type") != "aws_proxy":
                wrong(f"{where} does not lead to {operation['x-bbws-service']}", integration.get("uri"))
        origins = evidence.values[environment]["cors_allowed_origins"]
        if origins != ["*"] and "'*'" in item.values["body"]:
            wrong("pages of every origin may read answers")


def _authorizer(evidence: Evidence, environment: str, schemes: dict[str, Any], look: Look, wrong: Any) -> None:
    if not schemes:
        wrong("there is no authorizer")
    for name, scheme in schemes.items():
        settings = scheme.get("x-amazon-apigateway-authorizer", {})
        look.at(f"authorizer {name}: {json.dumps(settings)}")
        if f"function:{evidence.prefix(environment)}-lambda-authorizer:" not in settings.get("authorizerUri", ""):
            wrong(f"{name} asks another function", settings.get("authorizerUri"))
        if settings.get("type") != "token" or scheme.get("name") != "Authorization":
            wrong(f"{name} does not ask for a bearer token")
        if settings.get("authorizerResultTtlInSeconds") != 300:
            wrong(f"answers are kept for {settings.get('authorizerResultTtlInSeconds')} seconds")
        expression = settings.get("identityValidationExpression") or ""
        if not (expression.startswith("^") and expression.endswith("$") and re.fullmatch(expression, "Bearer a.b.c")):
            wrong(f"tokens are let through as {expression or 'anything'}")
        if any(re.fullmatch(expression, text) for text in NO_TOKENS):
            wrong(f"what is no token is let through: {expression}")


@rule(
    "api-stage",
    "The API's stage logs, measures, traces and throttles",
    "The stage writes its access log to a log group of the plan, is traced, caches nothing; every method is measured"
    " and throttled and writes no bodies into logs; API Gateway's own address is shut where a domain leads in, and the"
    " domain takes TLS 1.2 at least; paths with a secret are kept out of traces, logs and samples.",
    "the stage, its settings, domain, web ACL and sampling rules",
    needs=("api-gateway", "cloudwatch"),
)
def _api_stage(evidence: Evidence, environment: str, look: Look) -> None:
    values = evidence.values[environment]
    groups = {item.values.get("name") for item in evidence.planned(environment, "aws_cloudwatch_log_group")}

    def expect(item: Planned, attribute: str, good: bool, message: str) -> None:
        look.at(f"{item.address}: {attribute}")
        if not good:
            look.findings.append(evidence.finding(f"{item.address} {message}", item, attribute))

    for item in evidence.planned(environment, "aws_api_gateway_rest_api"):
        shut = item.values.get("disable_execute_api_endpoint")
        expect(item, "disable_execute_api_endpoint", bool(shut) == (values["custom_domain"] is not None),
               "leaves a second way in" if not shut else "has no way in")  # fmt: skip
        kinds = (item.values.get("endpoint_configuration") or [{}])[0].get("types")
        expect(item, "endpoint_configuration", kinds == ["REGIONAL"], f"is {kinds}, which no web ACL here is before")
        expect(item, "fail_on_warnings", item.values.get("fail_on_warnings") is True, "takes a document that warns")
        expect(item, "put_rest_api_mode", item.values.get("put_rest_api_mode") in (None, "overwrite"),
               "keeps what left its document")  # fmt: skip
    for item in evidence.planned(environment, "aws_api_gateway_stage"):
        log = (item.values.get("access_log_settings") or [{}])[0]
        group = str(log.get("destination_arn")).partition(":log-group:")[2]
        expect(item, "access_log_settings", group in groups, f"logs to {group or 'nothing'}")
        fields = str(log.get("format"))
        needed = ("requestId", "status", "sourceIp", "resourcePath", "httpMethod", "principalId", "error.message")
        missing = [name for name in needed if f'{name}"' not in fields]
        expect(item, "access_log_settings", not missing, f"does not log {', '.join(missing)}")
        # A path can hold an invitation's token; the route cannot.
        expect(item, "access_log_settings", "$context.path" not in fields, "logs paths, which hold tokens")
        expect(item, "xray_tracing_enabled", item.values.get("xray_tracing_enabled") is True, "is not traced")
        expect(item, "cache_cluster_enabled", not item.values.get("cache_cluster_enabled"), "caches answers")
        expect(item, "canary_settings", not item.values.get("canary_settings"), "leads some callers elsewhere")
    for item in evidence.planned(environment, "aws_api_gateway_method_settings"):
        settings = item.values["settings"][0]
        detailed = settings.get("metrics_enabled")
        expect(item, "metrics_enabled", detailed is values["api_detailed_metrics_enabled"],
               f"{'measures each method' if detailed else 'measures no method'} and is told otherwise")  # fmt: skip
        expect(item, "data_trace_enabled", settings.get("data_trace_enabled") is False, "logs whole requests")
        expect(item, "caching_enabled", settings.get("caching_enabled") is False, "caches answers")
        expect(item, "logging_level", settings.get("logging_level") == "OFF",
               "writes the gateway's own log, which holds paths")  # fmt: skip
    for item in evidence.planned(environment, "aws_api_gateway_domain_name"):
        expect(item, "security_policy", item.values.get("security_policy") == "TLS_1_2", "takes old TLS")
    for item in evidence.planned(environment, "aws_wafv2_web_acl"):
        shown = [one.get("visibility_config") for one in [item.values, *(item.values.get("rule") or [])]]
        sampled = any((one or [{}])[0].get("sampled_requests_enabled") for one in shown)
        measured = all((one or [{}])[0].get("cloudwatch_metrics_enabled") for one in shown)
        expect(item, "sampled_requests_enabled", not sampled, "samples requests, which hold tokens")
        expect(item, "cloudwatch_metrics_enabled", measured, "is not measured")
    untraced = {
        str(item.values.get("url_path")).removesuffix("*").rstrip("/")
        for item in evidence.planned(environment, "aws_xray_sampling_rule")
        if item.values.get("fixed_rate") == 0 and item.values.get("reservoir_size") == 0
    }
    for path in contract(evidence, "openapi.json")["paths"] if values["xray_sampling_rules_enabled"] else []:
        if "{token}" in path:
            prefix = path.partition("/{token}")[0]
            look.at(f"{path}: not traced")
            if not {prefix, f"/v1{prefix}"} <= untraced:
                look.findings.append(Finding(f"Requests to {path} are traced, with the token in their path"))


# --- Sign-in ----------------------------------------------------------------------------------------------------------

_OF_A_PERSON = frozenset(("custom:organisation_id", "email", "email_verified"))
"""What the authorizer reads of a person in a token."""


@rule(
    "sign-in",
    "Signing in without weak ways",
    "People sign in with a verified address and a strong password, by SRP alone; only administrators make accounts;"
    " tokens live an hour and can be revoked, a day later everybody signs in again; no client can write the"
    " organisation or the address, and nobody learns who has an account.",
    "the user pool and its clients",
    needs=("cognito",),
)
def _sign_in(evidence: Evidence, environment: str, look: Look) -> None:
    def expect(item: Planned, attribute: str, good: bool, message: str) -> None:
        look.at(f"{item.address}: {attribute}")
        if not good:
            look.findings.append(evidence.finding(f"{item.address} {message}", item, attribute))

    values = evidence.values[environment]
    taken: set[str] = set()
    if values.get("existing_user_pool_id"):
        taken.add("id" if values.get("user_pool_tier") == "LITE" else "access")
    for item in evidence.planned(environment, "aws_cognito_user_pool"):
        values = item.values
        policy = (values.get("password_policy") or [{}])[0]
        kinds = ("lowercase", "uppercase", "numbers", "symbols")
        expect(item, "password_policy", (policy.get("minimum_length") or 0) >= 12, "takes short passwords")
        expect(item, "password_policy", all(policy.get(f"require_{kind}") for kind in kinds), "takes simple passwords")
        temporary = policy.get("temporary_password_validity_days") or 99
        expect(item, "password_policy", temporary <= 7, "keeps temporary passwords for long")
        admin = (values.get("admin_create_user_config") or [{}])[0].get("allow_admin_create_user_only")
        expect(item, "admin_create_user_config", admin is True, "lets anybody make an account")
        case = (values.get("username_configuration") or [{}])[0].get("case_sensitive")
        expect(item, "username_configuration", case is False, "takes one address for two people")
        expect(item, "username_attributes", values.get("username_attributes") == ["email"], "is not for addresses")
        expect(item, "auto_verified_attributes", values.get("auto_verified_attributes") == ["email"],
               "does not verify addresses")  # fmt: skip
        before = (values.get("user_attribute_update_settings") or [{}])[0]
        expect(item, "user_attribute_update_settings",
               before.get("attributes_require_verification_before_update") == ["email"],
               "takes an address before it is verified")  # fmt: skip
        recovery = [
            one.get("name")
            for setting in values.get("account_recovery_setting") or []
            for one in setting.get("recovery_mechanism") or []
        ]
        expect(item, "account_recovery_setting", recovery == ["verified_email"], f"is recovered by {recovery}")
        trigger = (values.get("lambda_config") or [{}])[0].get("pre_token_generation_config") or [{}]
        expect(item, "lambda_config", f"{evidence.prefix(environment)}-lambda-token-claims:" in str(trigger[0]),
               "writes no organisation into tokens")  # fmt: skip
        tier, version = values.get("user_pool_tier") or "ESSENTIALS", trigger[0].get("lambda_version")
        expect(item, "lambda_config", version == ("V1_0" if tier == "LITE" else "V2_0"),
               f"has the plan {tier} and a trigger of version {version}")  # fmt: skip
        taken.add("id" if version == "V1_0" else "access")
    for item in evidence.planned(environment, "aws_lambda_function"):
        if taken and item.values.get("function_name") == f"{evidence.prefix(environment)}-lambda-authorizer":
            variables = (item.values.get("environment") or [{}])[0].get("variables") or {}
            use = variables.get("TOKEN_USE", "access")
            expect(item, "environment", {use} == taken, f"takes {use} tokens, which carry no organisation")
    for item in evidence.planned(environment, "aws_cognito_user_pool_client"):
        values = item.values
        flows = set(values.get("explicit_auth_flows") or [])
        allowed = {"ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}
        expect(item, "explicit_auth_flows", bool(flows) and flows <= allowed, f"takes {', '.join(flows - allowed)}")
        writes = set(values.get("write_attributes") or ["everything"])
        theirs = not {name for name in writes if ":" in name or name in ("email", "everything")}
        expect(item, "write_attributes", theirs,
               f"may write {', '.join(sorted(writes))}")  # fmt: skip
        # An access token has what the trigger writes, whatever its client may read.
        unread = sorted(_OF_A_PERSON - set(values.get("read_attributes") or ())) if "id" in taken else []
        expect(item, "read_attributes", not unread, f"may not read {', '.join(unread)}, so id tokens do not say it")
        expect(item, "prevent_user_existence_errors", values.get("prevent_user_existence_errors") == "ENABLED",
               "says who has an account")  # fmt: skip
        expect(item, "enable_token_revocation", values.get("enable_token_revocation") is True, "revokes no tokens")
        units = (values.get("token_validity_units") or [{}])[0]
        for kind, most in (("access", 3600), ("id", 3600), ("refresh", 86400)):
            unit = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}.get(
                units.get(f"{kind}_token") or "hours"
            )
            seconds = (values.get(f"{kind}_token_validity") or 10**6) * (unit or 10**6)
            expect(item, f"{kind}_token_validity", seconds <= most, f"gives {kind} tokens for {seconds} seconds")
        flows_of_oauth = set(values.get("allowed_oauth_flows") or [])
        expect(item, "allowed_oauth_flows", not flows_of_oauth & {"implicit", "client_credentials"},
               "gives tokens to whom nobody asked who they are")  # fmt: skip


# --- Policies ---------------------------------------------------------------------------------------------------------


@rule(
    "named-resources",
    "Policies name what they allow, and for whom",
    "No role is allowed everything but something; it is allowed actions on every resource only where IAM knows no"
    " other, and passes no role that is not named. Who may assume a role is a service, who else may use a queue, topic,"
    " bucket or key is a service with its source, or the account itself.",
    "every statement of every planned policy, the API's among them",
    needs=("iam",),
)
def _named_resources(evidence: Evidence, environment: str, look: Look) -> None:
    account = evidence.values[environment]["account_id"]
    policies = [(item, POLICIES[item.type]) for item in evidence.planned(environment, *POLICIES)]
    for item, attribute in policies:
        for statement in statements(item.values.get(attribute)):
            if statement.get("Effect") != "Allow":
                continue
            look.at(f"{item.address}: {statement.get('Sid') or 'Allow'}")
            for message in _wide(item, statement, account):
                look.findings.append(evidence.finding(f"{item.address} {message}", item, attribute))
    for item in evidence.planned(environment, "aws_iam_role_policy_attachment", "aws_iam_role"):
        attached = [item.values.get("policy_arn"), *(item.values.get("managed_policy_arns") or [])]
        for arn in filter(None, attached):
            look.at(f"{item.address}: {arn}")
            if not str(arn).endswith(":policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"):
                message = f"{item.address} has {arn}, which is not written here"
                look.findings.append(evidence.finding(message, item, "policy_arn", arn))


def _wide(item: Planned, statement: dict[str, Any], account: str) -> Iterator[str]:
    actions = as_list(statement.get("Action", []))
    for name in ("NotAction", "NotResource", "NotPrincipal"):
        if name in statement:
            yield f"allows all but some: {name}"
    if any(action == "*" or action.endswith(":*") for action in actions):
        yield f"allows {', '.join(actions)}"
    everywhere = "*" in as_list(statement.get("Resource", []))
    if item.type in ("aws_iam_role_policy", "aws_iam_policy"):
        unnamed = [action for action in actions if not WITHOUT_RESOURCES.fullmatch(action)]
        if everywhere and unnamed:
            yield f"allows {', '.join(unnamed)} on every resource"
        if any(action.lower() == "iam:passrole" for action in actions) and "*" in json.dumps(statement.get("Resource")):
            yield "passes roles that it does not name"
    if "Principal" not in statement:
        return
    principal = statement["Principal"]
    if principal == "*" or "*" in as_list(principal.get("AWS", [])):
        yield "is open to everybody"
        return
    for who in as_list(principal.get("AWS", [])):
        if f":{account}:" not in f"{who}:" and f"::{account}:" not in str(who):
            yield f"is open to {who}"
    services = as_list(principal.get("Service", []))
    if services and item.type in ("aws_sqs_queue", "aws_sns_topic_policy", "aws_s3_bucket_policy"):
        keys = {key.lower() for conditions in statement.get("Condition", {}).values() for key in conditions}
        if not keys & {"aws:sourcearn", "aws:sourceaccount"}:
            yield f"is open to {', '.join(services)} for anybody"
    if item.type == "aws_iam_role" and set(principal) != {"Service"}:
        yield f"can be assumed by {json.dumps(principal)}"


@rule(
    "transport",
    "TLS alone, and nothing for other accounts",
    "Every bucket, queue and topic refuses what does not come over TLS; buckets refuse TLS older than 1.2 and belong to"
    " their owner alone; mails leave over TLS alone.",
    "policies of buckets, queues and topics, ownership of buckets, the mails' configuration",
    needs=("s3-audit", "cloudwatch", "events", "mail", "lambda"),
)
def _transport(evidence: Evidence, environment: str, look: Look) -> None:
    owners: dict[str, list[Planned]] = {}
    for kind in ("aws_s3_bucket", "aws_sqs_queue", "aws_sns_topic"):
        owners[kind] = evidence.planned(environment, kind)
    policies = {
        (kind, item.module, _label_of(item)): item.values.get("policy")
        for kind, of in (("aws_s3_bucket_policy", "aws_s3_bucket"), ("aws_sns_topic_policy", "aws_sns_topic"))
        for item in evidence.planned(environment, kind)
        for kind in (of,)
    }
    for kind, items in owners.items():
        for item in items:
            policy = item.values.get("policy") or policies.get((kind, item.module, _label_of(item)))
            denied = [
                one
                for one in statements(policy)
                if one.get("Effect") == "Deny" and one.get("Principal") in ("*", {"AWS": "*"})
            ]
            plain = any(
                str(one.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")).lower() == "false"
                for one in denied
            )
            look.at(f"{item.address}: {'TLS alone' if plain else 'open'}")
            if not plain:
                message = f"{item.address} can be reached without TLS"
                look.findings.append(evidence.finding(message, item, "policy"))
            old = any("s3:TlsVersion" in json.dumps(one) for one in denied)
            if kind == "aws_s3_bucket" and not old:
                look.findings.append(evidence.finding(f"{item.address} takes TLS older than 1.2", item, "policy"))
    controls = {
        (item.module, item.label): item for item in evidence.planned(environment, "aws_s3_bucket_ownership_controls")
    }
    for item in owners["aws_s3_bucket"]:
        control = controls.get((item.module, item.label))
        rules = control.values.get("rule") if control else None
        owner = (rules or [{}])[0].get("object_ownership")
        look.at(f"{item.address}: {owner}")
        if owner != "BucketOwnerEnforced":
            message = f"{item.address} takes objects of other owners"
            look.findings.append(evidence.finding(message, control or item, "rule", owner))
    for item in evidence.planned(environment, "aws_sesv2_configuration_set"):
        policy = (item.values.get("delivery_options") or [{}])[0].get("tls_policy")
        look.at(f"{item.address}: {policy}")
        if policy != "REQUIRE":
            message = f"{item.address} sends mails without TLS"
            look.findings.append(evidence.finding(message, item, "tls_policy", policy))


def _label_of(item: Planned) -> str:
    """The resource's name in the configuration, with the key of its instance."""
    return item.address.rpartition(f"{item.type}.")[2]


@rule(
    "keys",
    "Keys that turn, and are not lost by mistake",
    "Every key is on, turns every year at least, waits 30 days before it is deleted, and keeps the check of its"
    " policy.",
    "every key",
    needs=("kms",),
)
def _keys(evidence: Evidence, environment: str, look: Look) -> None:
    for item in evidence.planned(environment, "aws_kms_key"):
        values = item.values
        look.at(f"{item.address}: {values.get('deletion_window_in_days')} days")
        faults = {
            "enable_key_rotation": (values.get("enable_key_rotation") is not True, "never turns"),
            "rotation_period_in_days": ((values.get("rotation_period_in_days") or 365) > 365, "turns too rarely"),
            "deletion_window_in_days": ((values.get("deletion_window_in_days") or 30) < 30, "is deleted too soon"),
            "is_enabled": (values.get("is_enabled") is False, "is off"),
            "bypass_policy_lockout_safety_check": (bool(values.get("bypass_policy_lockout_safety_check")),
                                                   "may shut its owner out"),
        }  # fmt: skip
        for attribute, (broken, message) in faults.items():
            if broken:
                value = values.get(attribute)
                look.findings.append(evidence.finding(f"{item.address} {message}", item, attribute, value))
