"""One emulator for all tests of the local AWS, and small helpers to talk to it."""

import io
import json
import uuid
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3
from botocore.config import Config

from bbws_access.local_aws import LocalAws

REGION = "eu-west-1"
ACCOUNT = "000000000000"
# What the managed policy AWSLambdaBasicExecutionRole allows.
LOGS = {
    "Effect": "Allow",
    "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
    "Resource": "*",
}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes more than half a minute")


@pytest.fixture(scope="session")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    emulator = LocalAws(tmp_path_factory.mktemp("local-aws"), REGION)
    emulator.start()
    yield emulator
    emulator.stop()


@dataclass
class Answer:
    """An answer of an API: status, headers in lower case, and the body as JSON where it is JSON."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)


class Aws:
    """Clients of one emulator."""

    def __init__(self, emulator: LocalAws):
        self.emulator = emulator
        self._environment = emulator.environment()
        self._pool = urllib3.PoolManager(ca_certs=str(emulator.ca_bundle))

    def client(
        self,
        service: str,
        region: str = REGION,
        key: str = "test",
        secret: str = "test",
        token: str | None = None,
    ) -> Any:
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.emulator.endpoint,
            verify=str(self.emulator.ca_bundle),
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(retries={"max_attempts": 1}),
        )

    def role(self, name: str, statements: list[dict[str, Any]], service: str = "lambda.amazonaws.com") -> str:
        """Make a role that a service may assume; returns its ARN."""
        iam = self.client("iam")
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": service, "AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                    "Action": "sts:AssumeRole",
                }
            ],
        }
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        if statements:
            policy = {"Version": "2012-10-17", "Statement": statements}
            iam.put_role_policy(RoleName=name, PolicyName="policy", PolicyDocument=json.dumps(policy))
        return arn

    def assumed(self, role_arn: str, service: str) -> Any:
        """A client that acts as a role."""
        credentials = self.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="test")["Credentials"]
        return self.client(
            service,
            key=credentials["AccessKeyId"],
            secret=credentials["SecretAccessKey"],
            token=credentials["SessionToken"],
        )

    def function(self, name: str, source: str, role_arn: str | None = None, **settings: Any) -> str:
        """Make a function of one Python file `index.py` with `handler`; returns its ARN."""
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as package:
            package.writestr("index.py", source)
        return self.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.12",
            Handler="index.handler",
            Role=role_arn or self.role(f"{name}-role", [LOGS]),
            Code={"ZipFile": content.getvalue()},
            **({"Timeout": 10} | settings),
        )["FunctionArn"]

    def call(
        self,
        api_id: str,
        path: str,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        body: str | bytes | None = None,
        stage: str = "v1",
    ) -> Answer:
        answer = self._pool.request(
            method, self.emulator.api_url(api_id, stage) + path, headers=headers, body=body, retries=False
        )
        return Answer(
            answer.status,
            {name.lower(): value for name, value in answer.headers.items()},
            answer.data.decode(),
        )


@pytest.fixture(scope="session")
def aws(local_aws: LocalAws) -> Aws:
    return Aws(local_aws)


@pytest.fixture
def unique() -> Callable[[str], str]:
    """Names that no other test uses."""
    suffix = uuid.uuid4().hex[:8]
    return lambda name: f"{name}-{suffix}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "local-aws"


def function_uri(function_arn: str) -> str:
    """The address under which API Gateway invokes a function."""
    return f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function_arn}/invocations"
