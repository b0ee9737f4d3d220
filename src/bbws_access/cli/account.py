"""What an environment needs of its AWS account that Terraform cannot make: quotas, regions, SES's state.

Everything is only read. What the caller may not read is said and left open, since a deployment may work without it.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from bbws_access.cli import shared, storage
from bbws_access.cli.doctor import Finding
from bbws_access.cli.environments import Environment
from bbws_access.cli.errors import ToolError

# service, region => a client
Client = Callable[[str, str], Any]

# Lambda keeps so many executions for functions without provisioned or reserved concurrency; all, where an account has
# fewer.
KEPT_UNRESERVED = 100
USUAL_CONCURRENCY = 1000
# The region that answers about regions: it is enabled in every account.
ALWAYS_ENABLED = "us-east-1"


def examine_account(environment: Environment, client: Client) -> list[Finding]:
    """Look at everything that the environment's values need of the account."""
    findings: list[Finding] = []
    regions = [_region(region, client) for region in _regions(environment)]
    findings += regions
    if any(found.state == "bad" for found in regions):
        # Nothing else there can be asked.
        return findings
    for check in (_concurrency, _gateway, _mail, _backup):
        findings += check(environment, client)
    return findings


def concurrency_limit(environment: Environment, client: Client) -> int | None:
    """How many functions may run at once in the account and region; None where that may not be read."""
    with contextlib.suppress(_Unreadable):
        return _limits(environment, client)[0]
    return None


def require_account(findings: list[Finding]) -> None:
    """Raise ToolError where something is missing without which a deployment stops halfway."""
    missing = [found for found in findings if found.state == "bad"]
    if missing:
        details = [f"{found.what}: {found.found}.\n  {found.advice}" for found in missing]
        raise ToolError(
            "The AWS account is not ready for this environment. Nothing was made.",
            "Do what stands below, then try again; --skip-account-checks goes on without looking.",
            details="\n".join(details),
        )


class _Unreadable(Exception):
    """AWS did not answer a question; what it said instead."""


def _ask(client: Client, service: str, region: str, operation: str, **arguments: Any) -> dict[str, Any]:
    """Raises _Unreadable."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return getattr(client(service, region), operation)(**arguments)
    except ClientError as error:
        raise _Unreadable(error.response["Error"]["Code"]) from error
    except BotoCoreError as error:
        raise _Unreadable(str(error)) from error


def _state(environment: Environment, client: Client) -> dict[str, Any]:
    """What Terraform believes to be there; {} where nothing was ever deployed. Raises _Unreadable."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return storage.read_state(client("s3", environment.region), environment) or {}
    except ClientError as error:
        raise _Unreadable(error.response["Error"]["Code"]) from error
    except (BotoCoreError, ToolError) as error:
        raise _Unreadable(str(error)) from error


def _open(what: str, right: str, error: _Unreadable) -> Finding:
    return Finding(what, "warning", f"not known: {error}", f"Allow {right} to have it checked.")


def _regions(environment: Environment) -> Iterator[str]:
    yield environment.region
    if environment.values["cross_region_replication"]:
        yield environment.values["failover_region"]


def _region(region: str, client: Client) -> Finding:
    what = f"region {region}"
    try:
        answer = _ask(client, "account", ALWAYS_ENABLED, "get_region_opt_status", RegionName=region)
        status = answer["RegionOptStatus"]
    except _Unreadable as unreadable:
        try:
            answer = _ask(client, "ec2", ALWAYS_ENABLED, "describe_regions", RegionNames=[region], AllRegions=True)
            opted = answer["Regions"][0]["OptInStatus"]
            status = "DISABLED" if opted == "not-opted-in" else "ENABLED"
        except _Unreadable:
            return _open(what, "account:GetRegionOptStatus or ec2:DescribeRegions", unreadable)
    if status.startswith("ENABLED"):
        return Finding(what, "good", "enabled")
    if status == "ENABLING":
        return Finding(what, "bad", "is being enabled", "Wait: that takes minutes to hours.")
    enable = f"aws account enable-region --region-name {region}"
    return Finding(what, "bad", "not enabled in this account", f"It is an opt-in region: {enable}")


# Lambda


def _limits(environment: Environment, client: Client) -> tuple[int, int]:
    """The account's concurrent executions in the region, and those that no function has reserved."""
    limits = _ask(client, "lambda", environment.region, "get_account_settings")["AccountLimit"]
    return limits["ConcurrentExecutions"], limits["UnreservedConcurrentExecutions"]


def _concurrency(environment: Environment, client: Client) -> Iterator[Finding]:
    what = "Lambda concurrency"
    try:
        limit, unreserved = _limits(environment, client)
    except _Unreadable as unreadable:
        yield _open(what, "lambda:GetAccountSettings", unreadable)
        return
    wanted = environment.values["authorizer_provisioned_concurrency"] - _provisioned(environment, client)
    found = f"{limit} at once, {unreserved} not reserved"
    more = max(USUAL_CONCURRENCY, wanted + KEPT_UNRESERVED + limit - unreserved)
    ask = (
        "aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 "
        f"--desired-value {more} --region {environment.region}"
    )
    kept = min(KEPT_UNRESERVED, limit)
    if wanted > 0 and unreserved - wanted < kept:
        why = f"{wanted} warm authorizers leave fewer than the {kept} that Lambda keeps free"
        yield Finding(what, "bad", f"{found}: {why}", f"{ask}; or begin with authorizer_provisioned_concurrency=0")
    elif limit < USUAL_CONCURRENCY:
        yield Finding(what, "warning", f"{found}: at the limit callers get errors", ask)
    else:
        yield Finding(what, "good", found)


def _provisioned(environment: Environment, client: Client) -> int:
    """How many authorizers are warm already."""
    function = f"{environment.prefix}-lambda-authorizer"
    with contextlib.suppress(_Unreadable):
        answer = _ask(
            client,
            "lambda",
            environment.region,
            "get_provisioned_concurrency_config",
            FunctionName=function,
            Qualifier="live",
        )
        return answer.get("RequestedProvisionedConcurrentExecutions", 0)
    return 0


# API Gateway


def _gateway(environment: Environment, client: Client) -> Iterator[Finding]:
    log_role, throttle = "API Gateway's log role", "API Gateway's throttle"
    try:
        account = _ask(client, "apigateway", environment.region, "get_account")
    except _Unreadable as unreadable:
        for what in (log_role, throttle):
            yield _open(what, "apigateway:GET on /account", unreadable)
        return
    role, managed = account.get("cloudwatchRoleArn"), environment.values["manage_api_gateway_account"]
    advice = "Set manage_api_gateway_account=true, in one environment of the account and region only."
    if not role and not managed:
        yield Finding(log_role, "bad", "none, and no stage with an access log can be made without", advice)
    elif role and not managed:
        yield _log_role(environment, role, client, log_role, advice)
    elif role and managed and not role.endswith(f"/{environment.prefix}-role-apigw-logging"):
        advice = "Other APIs of the account write their logs with it. Set manage_api_gateway_account=false to keep it."
        yield Finding(log_role, "warning", f"{role} would be replaced", advice)
    else:
        # Where it is gone, this environment makes it again.
        yield Finding(log_role, "good", role or "made by this environment")
    limits = account.get("throttleSettings") or {}
    for name, code, value in (
        ("rateLimit", "L-8A5B8E43", environment.values["api_throttle_rate_limit"]),
        ("burstLimit", None, environment.values["api_throttle_burst_limit"]),
    ):
        if name in limits and value > limits[name]:
            ask = f"aws service-quotas request-service-quota-increase --service-code apigateway --quota-code {code} "
            ask += f"--desired-value {value} --region {environment.region}"
            advice = ask if code else "AWS sets the burst with the rate: ask for a higher rate, or lower the value."
            found = f"{name} of the account is {limits[name]:g}, and the values say {value}"
            yield Finding(throttle, "warning", found, advice)
            return
    yield Finding(throttle, "good", f"{limits.get('rateLimit', 0):g} requests a second for all APIs")


def _log_role(environment: Environment, role: str, client: Client, what: str, advice: str) -> Finding:
    """A role of somebody else's: API Gateway keeps its ARN when the role itself is deleted, and says nothing."""
    try:
        _ask(client, "iam", environment.region, "get_role", RoleName=role.rpartition("/")[2])
    except _Unreadable as unreadable:
        if str(unreadable) != "NoSuchEntity":
            return _open(what, "iam:GetRole", unreadable)
        return Finding(what, "bad", f"{role} was deleted, and no API of the account writes logs any more", advice)
    return Finding(what, "good", role)


# SES


def _mail(environment: Environment, client: Client) -> Iterator[Finding]:
    what, sender = "SES", environment.values["invitation_sender"]
    if sender is None:
        yield Finding(what, "warning", "no invitation_sender: no invitation is mailed", "Set it when there is one.")
        return
    try:
        account = _ask(client, "sesv2", environment.region, "get_account")
    except _Unreadable as unreadable:
        yield _open(what, "ses:GetAccount", unreadable)
    else:
        yield _ses_account(environment, account)
    yield _identity(environment, sender, client)


def _ses_account(environment: Environment, account: dict[str, Any]) -> Finding:
    what, told = "SES", environment.values["ses_sandbox"]
    page = f"https://console.aws.amazon.com/ses/home?region={environment.region}#/account"
    quota = f"{account.get('SendQuota', {}).get('Max24HourSend', 0):g} mails in 24 hours"
    if not account.get("SendingEnabled", True):
        return Finding(what, "bad", f"sending is paused ({account.get('EnforcementStatus')})", f"See {page}")
    if account.get("ProductionAccessEnabled"):
        if told:
            return Finding(what, "warning", f"{quota}, production access", "Set ses_sandbox=false: it is not needed.")
        return Finding(what, "good", f"{quota}, production access")
    found = f"in the sandbox, {quota}: mails reach verified addresses only"
    if not told:
        return Finding(what, "bad", found, f"Set ses_sandbox=true until you have production access; ask for it: {page}")
    return Finding(what, "warning", found, f"Ask for production access: {page}")


def _identity(environment: Environment, sender: dict[str, Any], client: Client) -> Finding:
    name, created = sender["identity"], sender.get("create_identity", True)
    what = f"SES identity {name}"
    try:
        found = _ask(client, "sesv2", environment.region, "get_email_identity", EmailIdentity=name)
    except _Unreadable as unreadable:
        if str(unreadable) != "NotFoundException":
            return _open(what, "ses:GetEmailIdentity", unreadable)
        if created:
            return Finding(what, "good", "made by this environment; verify it then, and apply again")
        advice = f"aws sesv2 create-email-identity --email-identity {name} --region {environment.region}"
        return Finding(what, "bad", "not there, and create_identity is false", advice)
    tags = {tag["Key"]: tag["Value"] for tag in found.get("Tags", ())}
    try:
        ours = name in shared.identities(_state(environment, client)).values()
    except _Unreadable:
        # The next best witness: what the stack would have written on it.
        ours = created and tags.get("Environment") == environment.values["env_name"]
    if created and not ours:
        maker = f", with the tag Environment={tags['Environment']}" if "Environment" in tags else ""
        advice = (
            "Set create_identity=false in invitation_sender, and it is used as it is. Where an apply of this "
            f"environment was cut off after making it: terraform import '{shared.IDENTITY}' {name}"
        )
        return Finding(what, "bad", f"there already{maker}, and SES makes none twice", advice)
    if ours and not created:
        advice = (
            "Leave create_identity true; or, for another environment to have it, take it out of the state first: "
            f"terraform state rm '{shared.IDENTITY}'"
        )
        return Finding(what, "bad", "made by this environment, which would delete it: create_identity is false", advice)
    if not found.get("VerifiedForSendingStatus"):
        advice = "Add the DKIM records to the domain's DNS, or follow the link in SES's mail; then apply again."
        return Finding(what, "warning", "not verified yet: no mail is sent", advice)
    return Finding(what, "good", "verified")


# AWS Backup


def _backup(environment: Environment, client: Client) -> Iterator[Finding]:
    if not environment.values["backup_plan_enabled"]:
        return
    what = "AWS Backup of DynamoDB"
    try:
        settings = _ask(client, "backup", environment.region, "describe_region_settings")
    except _Unreadable as unreadable:
        yield _open(what, "backup:DescribeRegionSettings", unreadable)
        return
    if settings.get("ResourceTypeOptInPreference", {}).get("DynamoDB", True):
        yield Finding(what, "good", "switched on")
    else:
        advice = (
            "aws backup update-region-settings --resource-type-opt-in-preference DynamoDB=true "
            f"--region {environment.region}"
        )
        yield Finding(what, "warning", "switched off in this region", advice)
