"""What an environment needs of its AWS account, with AWS's answers as its own models have them."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from bbws_access.cli import account
from bbws_access.cli.account import concurrency_limit, examine_account, require_account
from bbws_access.cli.doctor import Finding
from bbws_access.cli.environments import Environment, load_environment
from bbws_access.cli.errors import ToolError
from bbws_access.cli.project import Project
from bbws_access.cli.targets import AwsTarget, LocalTarget, local_environment
from bbws_access.commands.places import account_findings, with_real_limits

PROJECT = Project(Path(__file__).parents[3])
SENDER = {"identity": "mail.example", "from_address": "invitations@mail.example"}
DENIED = "AccessDeniedException"


def environment(name: str = "prod", **values: Any) -> Environment:
    arguments = [f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in values.items()]
    return load_environment(PROJECT, name, arguments=["account_id=111122223333", *arguments])


def with_mail(**values: Any) -> Environment:
    return environment(invitation_sender=SENDER, invitation_link="https://portal.example/i", **values)


class Account:
    """An AWS account that has everything; each answer may be another, or the code of an error."""

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = {
            "get_region_opt_status": {"RegionName": "r", "RegionOptStatus": "ENABLED"},
            "describe_regions": {"Regions": [{"RegionName": "r", "OptInStatus": "opted-in"}]},
            "get_account_settings": self.limits(1000),
            "get_provisioned_concurrency_config": "ProvisionedConcurrencyConfigNotFoundException",
            "get_account": self.gateway(),
            "sesv2.get_account": self.ses(),
            "get_role": self.role("logs"),
            "get_email_identity": {"VerifiedForSendingStatus": True},
            "get_object": lambda: self.state(SENDER["identity"]),
            "describe_region_settings": {"ResourceTypeOptInPreference": {"DynamoDB": True}},
            **answers,
        }
        self.asked: list[tuple[str, str, dict[str, Any]]] = []

    @staticmethod
    def limits(limit: int, unreserved: int | None = None) -> dict[str, Any]:
        free = limit if unreserved is None else unreserved
        return {"AccountLimit": {"ConcurrentExecutions": limit, "UnreservedConcurrentExecutions": free}}

    @staticmethod
    def gateway(role: str | None = "arn:aws:iam::111122223333:role/logs", rate: float = 10000) -> dict[str, Any]:
        found: dict[str, Any] = {"throttleSettings": {"rateLimit": rate, "burstLimit": int(rate / 2)}}
        return found | ({"cloudwatchRoleArn": role} if role else {})

    @staticmethod
    def role(name: str) -> dict[str, Any]:
        arn = f"arn:aws:iam::111122223333:role/{name}"
        made = datetime(2026, 1, 1, tzinfo=UTC)
        return {"Role": {"Path": "/", "RoleName": name, "RoleId": "A" * 21, "Arn": arn, "CreateDate": made}}

    @staticmethod
    def state(*identities: str) -> dict[str, Any]:
        """What S3 has of Terraform's state, with these identities of SES in it."""
        resource = {"mode": "managed", "type": "aws_sesv2_email_identity", "name": "this", "module": "module.mail"}
        instances = [{"index_key": "sender", "attributes": {"email_identity": name}} for name in identities]
        content = json.dumps({"version": 4, "resources": [resource | {"instances": instances}]}).encode()
        return {"Body": StreamingBody(io.BytesIO(content), len(content))}

    @staticmethod
    def ses(*, production: bool = True, sending: bool = True) -> dict[str, Any]:
        return {
            "ProductionAccessEnabled": production,
            "SendingEnabled": sending,
            "EnforcementStatus": "HEALTHY" if sending else "SHUTDOWN",
            "SendQuota": {"Max24HourSend": 50000.0 if production else 200.0},
        }

    def __call__(self, service: str, region: str) -> Any:
        """A client whose every call is checked against the service's model, as are the answers."""
        client = boto3.client(service, region_name=region, aws_access_key_id="a", aws_secret_access_key="b")
        owner = self

        class Asked:
            def __getattr__(self, operation: str) -> Any:
                def call(**arguments: Any) -> Any:
                    owner.asked.append((f"{service}:{operation}", region, arguments))
                    answer = owner.answers.get(f"{service}.{operation}", owner.answers[operation])
                    answer = answer() if callable(answer) else answer
                    with Stubber(client) as stub:
                        if isinstance(answer, str):
                            status = 404 if answer.startswith("NoSuch") else 400
                            stub.add_client_error(operation, answer, "", status, expected_params=arguments)
                        else:
                            stub.add_response(operation, answer, arguments)
                        return getattr(client, operation)(**arguments)

                return call

        return Asked()


def found(of: Environment, aws: Account) -> dict[str, Finding]:
    return {finding.what: finding for finding in examine_account(of, aws)}


def test_an_account_that_has_everything() -> None:
    aws = Account()
    findings = found(with_mail(), aws)
    assert {finding.state for finding in findings.values()} == {"good"}
    assert list(findings) == [
        "region af-south-1",
        "region eu-west-1",
        "Lambda concurrency",
        "API Gateway's log role",
        "API Gateway's throttle",
        "SES",
        "SES identity mail.example",
        "AWS Backup of DynamoDB",
    ]
    require_account(list(findings.values()))
    # Everything is asked where the environment is; regions, where every account can ask.
    assert {region for call, region, _ in aws.asked if not call.startswith("account:")} == {"af-south-1"}
    assert {region for call, region, _ in aws.asked if call.startswith("account:")} == {"us-east-1"}


@pytest.mark.parametrize("status", ["DISABLED", "DISABLING", "ENABLING"])
def test_an_opt_in_region_that_is_not_enabled(status: str) -> None:
    aws = Account(get_region_opt_status={"RegionName": "r", "RegionOptStatus": status})
    findings = found(environment(), aws)
    # No question goes to a region that cannot answer.
    assert {(finding.what, finding.state) for finding in findings.values()} == {
        ("region af-south-1", "bad"),
        ("region eu-west-1", "bad"),
    }
    assert {call for call, _, _ in aws.asked} == {"account:get_region_opt_status"}
    if status != "ENABLING":
        assert findings["region af-south-1"].advice.endswith("aws account enable-region --region-name af-south-1")


@pytest.mark.parametrize(("opted", "state"), [("not-opted-in", "bad"), ("opt-in-not-required", "good")])
def test_a_region_that_only_ec2_tells_about(opted: str, state: str) -> None:
    regions = {"Regions": [{"RegionName": "r", "OptInStatus": opted}]}
    aws = Account(get_region_opt_status=DENIED, describe_regions=regions)
    assert found(environment(), aws)["region af-south-1"].state == state


@pytest.mark.parametrize(
    ("limit", "unreserved", "wanted", "warm", "state", "ask"),
    [
        (1000, 1000, 2, None, "good", None),
        (1000, 102, 2, None, "good", None),
        (1000, 101, 2, None, "bad", 1001),
        (1000, 101, 2, 2, "good", None),  # the two are warm already
        (10, 10, 2, None, "bad", 1000),
        (10, 10, 0, None, "warning", 1000),
        (50, 50, 1, None, "bad", 1000),
        (200, 200, 2, None, "warning", 1000),
        (5000, 5000, 2000, None, "good", None),
        (1000, 1000, 950, None, "bad", 1050),
    ],
)
def test_warm_authorizers_leave_what_lambda_keeps_free(
    limit: int, unreserved: int, wanted: int, warm: int | None, state: str, ask: int | None
) -> None:
    answers: dict[str, Any] = {"get_account_settings": Account.limits(limit, unreserved)}
    if warm is not None:
        answers["get_provisioned_concurrency_config"] = {"RequestedProvisionedConcurrentExecutions": warm}
    finding = found(environment(authorizer_provisioned_concurrency=wanted), Account(**answers))["Lambda concurrency"]
    assert finding.state == state
    assert f"{limit} at once" in finding.found
    if ask:
        command = "request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value"
        assert f"aws service-quotas {command} {ask} --region af-south-1" in finding.advice


@pytest.mark.parametrize(
    ("role", "managed", "state"),
    [
        (None, False, "bad"),
        (None, True, "good"),
        ("arn:aws:iam::111122223333:role/of-others", False, "good"),
        ("arn:aws:iam::111122223333:role/of-others", True, "warning"),
        ("arn:aws:iam::111122223333:role/bbws-access-prod-role-apigw-logging", True, "good"),
        ("arn:aws:iam::111122223333:role/bbws-access-sit-role-apigw-logging", True, "warning"),
    ],
)
def test_the_log_role_of_the_account(role: str | None, managed: bool, state: str) -> None:
    aws = Account(get_account=Account.gateway(role))
    finding = found(environment(manage_api_gateway_account=managed), aws)["API Gateway's log role"]
    assert finding.state == state
    assert (role is None and managed) or role is None or role in finding.found
    if state == "bad":
        assert "manage_api_gateway_account=true" in finding.advice


@pytest.mark.parametrize(
    ("answer", "managed", "state", "says"),
    [
        ("NoSuchEntity", False, "bad", "was deleted, and no API of the account writes logs any more"),
        ("AccessDenied", False, "warning", "iam:GetRole"),
        ("NoSuchEntity", True, "good", "bbws-access-prod-role-apigw-logging"),  # and makes it again
    ],
)
def test_a_log_role_that_is_set_and_gone(answer: str, managed: bool, state: str, says: str) -> None:
    """API Gateway keeps the ARN of a role that a neighbour's `destroy` took along."""
    neighbour = "prod" if managed else "dev"
    role = f"arn:aws:iam::111122223333:role/some/path/bbws-access-{neighbour}-role-apigw-logging"
    aws = Account(get_account=Account.gateway(role), get_role=answer)
    finding = found(environment(manage_api_gateway_account=managed), aws)["API Gateway's log role"]
    assert finding.state == state
    assert says in finding.found + finding.advice
    if state == "bad":
        assert "manage_api_gateway_account=true" in finding.advice
    asked = [arguments for call, _, arguments in aws.asked if call == "iam:get_role"]
    assert asked == ([] if managed else [{"RoleName": "bbws-access-dev-role-apigw-logging"}])


def test_a_throttle_above_the_accounts() -> None:
    # What newer regions begin with is above PROD's 1,000 and 500.
    assert (
        found(environment(), Account(get_account=Account.gateway(rate=2500)))["API Gateway's throttle"].state == "good"
    )
    finding = found(environment(), Account(get_account=Account.gateway(rate=800)))["API Gateway's throttle"]
    assert finding.state == "warning"
    assert "--quota-code L-8A5B8E43 --desired-value 1000 --region af-south-1" in finding.advice
    burst = Account(get_account={"throttleSettings": {"rateLimit": 10000.0, "burstLimit": 400}})
    assert "500" in found(environment(), burst)["API Gateway's throttle"].found


@pytest.mark.parametrize(
    ("ses", "sandbox", "state", "says"),
    [
        (Account.ses(), False, "good", "50000 mails"),
        (Account.ses(), True, "warning", "ses_sandbox=false"),
        (Account.ses(production=False), False, "bad", "ses_sandbox=true"),
        (Account.ses(production=False), True, "warning", "https://console.aws.amazon.com/ses/home?region=af-south-1"),
        (Account.ses(sending=False), False, "bad", "SHUTDOWN"),
    ],
)
def test_the_state_of_ses(ses: dict[str, Any], sandbox: bool, state: str, says: str) -> None:
    finding = found(with_mail(ses_sandbox=sandbox), Account(**{"sesv2.get_account": ses}))["SES"]
    assert finding.state == state
    assert says in finding.found + finding.advice


def of_dev(**identity: Any) -> dict[str, Any]:
    return {"Tags": [{"Key": "Environment", "Value": "dev"}, {"Key": "ManagedBy", "Value": "Terraform"}], **identity}


def of_prod(**identity: Any) -> dict[str, Any]:
    return {"Tags": [{"Key": "Environment", "Value": "prod"}], **identity}


VERIFIED, UNVERIFIED = {"VerifiedForSendingStatus": True}, {"VerifiedForSendingStatus": False}
OURS, NOTHING, ANOTHERS = Account.state, "NoSuchKey", lambda: Account.state("other.example")


@pytest.mark.parametrize(
    ("identity", "state_file", "created", "state"),
    [
        ("NotFoundException", NOTHING, True, "good"),
        ("NotFoundException", "NoSuchBucket", True, "good"),
        ("NotFoundException", NOTHING, False, "bad"),
        # Made by this environment.
        (of_prod(**VERIFIED), lambda: OURS("mail.example"), True, "good"),
        (of_prod(**UNVERIFIED), lambda: OURS("mail.example"), True, "warning"),
        (VERIFIED, lambda: OURS("other.example", "mail.example"), True, "good"),
        # It would be deleted.
        (of_prod(**VERIFIED), lambda: OURS("mail.example"), False, "bad"),
        # Made by another, by hand, or by an apply that was cut off: CreateEmailIdentity answers AlreadyExistsException.
        (of_dev(**VERIFIED), NOTHING, True, "bad"),
        (of_dev(**VERIFIED), "NoSuchBucket", True, "bad"),
        (of_dev(**UNVERIFIED), ANOTHERS, True, "bad"),
        (VERIFIED, NOTHING, True, "bad"),
        (of_prod(**VERIFIED), NOTHING, True, "bad"),
        (of_dev(**VERIFIED), NOTHING, False, "good"),
        (of_dev(**UNVERIFIED), ANOTHERS, False, "warning"),
        # Where the state cannot be read, the tag decides.
        (of_prod(**VERIFIED), "AccessDenied", True, "good"),
        (of_dev(**VERIFIED), "AccessDenied", True, "bad"),
        (VERIFIED, "AccessDenied", True, "bad"),
        (of_dev(**VERIFIED), "AccessDenied", False, "good"),
    ],
)
def test_the_senders_identity(identity: Any, state_file: Any, created: bool, state: str) -> None:
    sender = SENDER | {"create_identity": created}
    of = environment(invitation_sender=sender, invitation_link="https://portal.example/i")
    aws = Account(get_email_identity=identity, get_object=state_file)
    finding = found(of, aws)["SES identity mail.example"]
    assert finding.state == state, finding
    if state == "bad" and created:
        assert "there already" in finding.found
        assert "create_identity=false" in finding.advice
        assert ("Environment=dev" in finding.found) == (identity.get("Tags", [{}])[0].get("Value") == "dev")


def test_an_identity_of_a_neighbours_stops_an_apply_before_anything_is_made() -> None:
    findings = examine_account(with_mail(), Account(get_email_identity=of_dev(**VERIFIED), get_object=NOTHING))
    with pytest.raises(ToolError, match="Nothing was made") as caught:
        require_account(findings)
    assert "SES identity mail.example: there already, with the tag Environment=dev" in caught.value.details


def test_without_a_sender_ses_is_not_asked() -> None:
    aws = Account()
    assert "no invitation is mailed" in found(environment(), aws)["SES"].found
    assert not [call for call, _, _ in aws.asked if call.startswith("sesv2:")]


def test_backups_of_tables_may_be_switched_off_in_the_region() -> None:
    aws = Account(describe_region_settings={"ResourceTypeOptInPreference": {"DynamoDB": False}})
    finding = found(environment(), aws)["AWS Backup of DynamoDB"]
    assert (finding.state, "DynamoDB=true --region af-south-1" in finding.advice) == ("warning", True)
    assert "AWS Backup of DynamoDB" not in found(environment("dev"), aws)


def test_who_may_read_nothing_is_told_and_not_stopped() -> None:
    aws = Account()
    aws.answers = dict.fromkeys(aws.answers, DENIED)
    findings = found(with_mail(), aws)
    assert {finding.state for finding in findings.values()} == {"warning"}
    assert all(DENIED in finding.found for finding in findings.values())
    rights = {finding.advice for finding in findings.values()}
    assert {
        "Allow account:GetRegionOptStatus or ec2:DescribeRegions to have it checked.",
        "Allow lambda:GetAccountSettings to have it checked.",
        "Allow apigateway:GET on /account to have it checked.",
        "Allow ses:GetAccount to have it checked.",
        "Allow ses:GetEmailIdentity to have it checked.",
        "Allow backup:DescribeRegionSettings to have it checked.",
    } == rights
    require_account(list(findings.values()))
    assert concurrency_limit(environment(), aws) is None


def test_a_service_that_does_not_answer_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import EndpointConnectionError

    class Away:
        def __getattr__(self, operation: str) -> Any:
            def call(**arguments: Any) -> Any:
                raise EndpointConnectionError(endpoint_url="https://away.example")

            return call

    findings = examine_account(with_mail(), lambda service, region: Away())
    assert {finding.state for finding in findings} == {"warning"}


def test_what_is_missing_stops_an_apply_before_anything_is_made() -> None:
    findings = examine_account(environment(), Account(get_account_settings=Account.limits(10)))
    with pytest.raises(ToolError, match="Nothing was made") as caught:
        require_account(findings)
    assert "Lambda concurrency: 10 at once" in caught.value.details
    assert "aws service-quotas request-service-quota-increase" in caught.value.details
    assert "--skip-account-checks" in caught.value.hint


class _Target(AwsTarget):
    def __init__(self, of: Environment, aws: Account) -> None:
        super().__init__(of)
        self.account = aws

    def client(self, service: str, region: str | None = None) -> Any:
        return self.account(service, region or self.environment.region)


def test_the_alarm_compares_with_the_accounts_own_limit(tmp_path: Path) -> None:
    target = with_real_limits(_Target(environment(), Account(get_account_settings=Account.limits(10))))
    assert target.environment.values["lambda_concurrency_limit"] == 10
    *_, written = target.environment.write_values(tmp_path, {})
    assert json.loads(written.read_text())["lambda_concurrency_limit"] == 10


def test_a_limit_that_somebody_gave_stays() -> None:
    target = with_real_limits(_Target(environment(lambda_concurrency_limit=400), Account()))
    assert target.environment.values["lambda_concurrency_limit"] == 400
    # Without the right to read it, the usual one.
    target = with_real_limits(_Target(environment(), Account(get_account_settings=DENIED)))
    assert target.environment.values["lambda_concurrency_limit"] == account.USUAL_CONCURRENCY


def test_a_local_aws_lacks_nothing(tmp_path: Path) -> None:
    assert account_findings(LocalTarget(local_environment(PROJECT, "prod"), tmp_path)) == []
    lacking = account_findings(_Target(environment(), Account(get_account_settings=Account.limits(10))))
    assert [finding.what for finding in lacking] == ["Lambda concurrency", "SES"]
