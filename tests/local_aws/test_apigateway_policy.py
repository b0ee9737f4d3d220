"""The resource policy that an API has after an apply, read from API Gateway and not from a plan.

The provider puts back what its state holds, over a policy that only the imported document changes (hashicorp/aws up to
6.47, issue 38515 of its repository).
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bbws_access.local_aws import LocalAws
from tests.local_aws.conftest import ACCOUNT, REGION, Aws, function_uri
from tests.local_aws.test_terraform import APPLY, Terraform, served
from tests.support.terraform import MODULES, ROOT, terraform_environment

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("local-aws-terraform")]

FUNCTION = function_uri(f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:anything")
DOCUMENT = {
    "openapi": "3.0.3",
    "info": {"title": "policies", "version": "1"},
    "paths": {
        "/health": {"get": {"security": [], "x-bbws-service": "any", "responses": {"200": {"description": "up"}}}}
    },
}


def policy(**statement: Any) -> str:
    allow = {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [allow | statement]})


def configuration(resource_policy: str | None, **inputs: Any) -> dict[str, Any]:
    """A root that calls the module alone."""
    group = {"name": "/aws/apigateway/policies"}
    return {
        "provider": {"aws": {}},
        "resource": {"aws_cloudwatch_log_group": {"access": group}},
        "module": {
            "api": {
                "source": str(MODULES / "api-gateway"),
                "env_name": "dev",
                "openapi_document": json.dumps(DOCUMENT),
                "services": {"any": FUNCTION},
                "authorizer": {
                    "name": "gate",
                    "uri": FUNCTION,
                    "credentials_arn": f"arn:aws:iam::{ACCOUNT}:role/gate",
                    "identity_validation_expression": "^Bearer .+$",
                },
                "cors": {"allowed_origins": []},
                "throttle": {"rate_limit": 10, "burst_limit": 10},
                "execution_logging": {"level": "OFF"},
                "access_log_group_arn": "${aws_cloudwatch_log_group.access.arn}",
                "resource_policy": resource_policy,
            }
            | inputs
        },
        "output": {"api_id": {"value": "${module.api.rest_api_id}"}},
    }


def policy_of(aws: Aws, api_id: str) -> Any:
    """API Gateway escapes it as JSON does, in an answer that is JSON already."""
    escaped = aws.client("apigateway").get_rest_api(restApiId=api_id)["policy"]
    return json.loads(json.loads(f'"{escaped}"'))


@pytest.fixture
def terraform(local_aws: LocalAws, tmp_path: Path) -> Iterator[Terraform]:
    environment = terraform_environment(ROOT) | local_aws.environment()
    with served(environment) as providers:
        yield Terraform(tmp_path, environment, providers)


def test_the_deployed_policy_is_the_one_that_was_asked_for_last(terraform: Terraform, aws: Aws) -> None:
    only = {"Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}
    asked = [
        policy(**only),
        policy(Resource=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:*/v1/GET/health"),
        None,
        policy(**only),
    ]
    for number, resource_policy in enumerate(asked):
        (terraform.folder / "main.tf.json").write_text(json.dumps(configuration(resource_policy)), encoding="utf-8")
        if not number:
            terraform.run("init", "-input=false", "-no-color")
        terraform.run("apply", *APPLY)
        api_id = terraform.outputs()["api_id"]
        deployed = policy_of(aws, api_id)
        wanted = (resource_policy or policy()).replace("execute-api:/", "arn:aws:execute-api:*:*:*/")
        assert deployed == json.loads(wanted), f"policy {number}"
        assert aws.call(api_id, "/health").status == (403 if "SourceIp" in wanted else 500), "the function is none"
    # Another document brings no older policy back.
    changed = json.loads(json.dumps(DOCUMENT).replace("/health", "/alive"))
    again = configuration(asked[-1], openapi_document=json.dumps(changed))
    (terraform.folder / "main.tf.json").write_text(json.dumps(again), encoding="utf-8")
    terraform.run("apply", *APPLY)
    assert policy_of(aws, api_id) == deployed
    plan = terraform.run("plan", "-detailed-exitcode", "-input=false", "-no-color", allowed=(0, 2))
    assert plan.returncode == 0, plan.stdout[-3000:]
    terraform.run("destroy", *APPLY)
