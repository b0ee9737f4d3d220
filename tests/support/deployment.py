"""A whole deployment on a local AWS, as an engineer makes it: by the command line, in a folder of its own."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import jwt
import urllib3
from botocore.config import Config

from bbws_access.cli.srp import Client
from bbws_access.cli.targets import LOCAL_STAND_INS
from bbws_access.kernel.dynamodb import Credentials, Database
from bbws_access.local_aws import LocalAws
from tests.support import role_cases
from tests.support.mails import Letter, letters
from tests.support.tool import run_tool

ROOT = Path(__file__).resolve().parents[2]
TOOL = (sys.executable, "-m", "bbws_access.commands")
# Commands that are asked so often that they run in the tests' own process.
HERE = ("org", "user", "token", "api")
# A REST API of another service that the authorizer knows before it is made; see test_another_api.py.
SITES_API = "sites12345"
ANOTHER_API = {
    "BBWS_ACCESS_APIS": str(ROOT / "tests" / "support" / "apis"),
    "TF_VAR_additional_apis": json.dumps({SITES_API: "sites"}),
}


@dataclass(frozen=True)
class Answer:
    """What the API said."""

    status: int
    body: Any
    headers: Any

    @property
    def code(self) -> str:
        """The error's code; the test fails where the answer is no error in the API's shape."""
        error = self.body["error"]
        assert set(error) == {"code", "message", "details", "requestId"}, error
        assert error["requestId"], "an error names its request"
        return error["code"]


def _environment() -> dict[str, str]:
    """The tool runs from the repository, without whatever a developer's shell says of AWS."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | ANOTHER_API


@dataclass
class Deployment:
    """One environment, up on a local AWS of its own."""

    environment: str
    folder: Path
    passwords: dict[str, str] = field(default_factory=dict, repr=False)

    # The tool

    def tool(
        self, *arguments: str, check: bool = True, named: bool = True, folder: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run the command line against this deployment; the test fails where it fails, unless `check` is False.

        `named`: the environment is an option; False where it is one of the arguments. `folder`: so is the folder.
        """
        where = ["--folder", str(self.folder)] if folder else []
        if named:
            where += ["--environment", self.environment]
        command = [*TOOL, *arguments, *where]
        if arguments[0] in HERE:
            result = run_tool(ROOT, tuple(command[len(TOOL) :]), _environment())
        else:
            result = subprocess.run(command, cwd=ROOT, env=_environment(), capture_output=True, text=True, check=False)
        if check and result.returncode:
            raise AssertionError(f"{shlex.join(command)}: {result.returncode}\n{result.stdout}\n{result.stderr}")
        return result

    def start_tool(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start the command line against this deployment, to be killed in the midst of it."""
        where = ["--folder", str(self.folder), "--environment", self.environment]
        return subprocess.Popen(
            [*TOOL, *arguments, *where],
            cwd=ROOT,
            env=_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill_up(self, made: int) -> None:
        """Begin to bring it up and kill the tool when Terraform has made some resources; Terraform itself goes on."""
        process = self.start_tool("up")
        while self._applied() < made:
            assert process.poll() is None, f"it ended by itself, with {process.returncode}"
            time.sleep(0.1)
        process.kill()
        process.wait()

    def _applied(self) -> int:
        """How many resources the apply that is under way has made."""
        try:
            log = Path(json.loads((self.folder / "applying.json").read_text())["log"])
            return log.read_text().count('"type":"apply_complete"')
        except (FileNotFoundError, ValueError):
            return 0

    def up(self, *options: str) -> str:
        """Bring it up; returns what the tool said."""
        done = self.tool("up", *options)
        self.__dict__.pop("status", None)
        return done.stdout + done.stderr

    @cached_property
    def status(self) -> dict[str, Any]:
        return json.loads(self.tool("status", "--json").stdout)

    @cached_property
    def shell(self) -> dict[str, str]:
        """What `bbws-access env` tells a shell."""
        return json.loads(self.tool("env", "--json").stdout)

    # The API

    @cached_property
    def _http(self) -> urllib3.PoolManager:
        return urllib3.PoolManager(ca_certs=self.status["ca_bundle"], maxsize=64, retries=False)

    def request(
        self,
        method: str,
        path: str,
        token: str | None = None,
        body: Any = None,
        headers: dict[str, str] | None = None,
        api: tuple[str, str] | None = None,
    ) -> Answer:
        """Call the API. A body of bytes or text is sent as it is, any other as JSON.

        api: id and stage of another REST API than this project's
        """
        url = self.status["api_url"]
        if api is not None:
            url = "/".join([*url.split("/")[:-2], *api])
        sent = {"Content-Type": "application/json", **(headers or {})}
        if token is not None:
            sent.setdefault("Authorization", f"Bearer {token}")
        data = body if isinstance(body, bytes | str | None) else json.dumps(body)
        answer = self._http.request(method, url + path, body=data, headers=sent, timeout=60.0)
        content = answer.data.decode()
        return Answer(answer.status, json.loads(content) if content else None, answer.headers)

    # Invitations

    def forget_token_uses(self) -> None:
        """Let this machine's address use invitations' tokens again, however often other tests did in this minute."""
        client, table = self.client("dynamodb"), self.status["tables"]["invitations"]
        for page in client.get_paginator("scan").paginate(TableName=table):
            for item in page["Items"]:
                if item["entityType"]["S"] in ("TokenRate", "TokenFailureRate"):
                    client.delete_item(TableName=table, Key={name: item[name] for name in ("PK", "SK")})

    def letter(self, to: str, subject: str = "") -> Letter:
        """The newest mail to an address whose subject holds a text; waits for it."""
        for _ in range(300):
            aws = LocalAws(self.folder, self.status["region"])
            found = [one for one in letters(aws, "access@demo.example", to) if subject in one.subject]
            if found:
                return found[-1]
            time.sleep(0.1)
        raise AssertionError(f"no mail to {to} with {subject!r} in its subject")

    # AWS

    def client(self, service: str, *, region: str | None = None) -> Any:
        """A client as the engineer."""
        return boto3.client(
            service,
            region_name=region or self.status["region"],
            endpoint_url=self.status["endpoint"],
            verify=self.status["ca_bundle"],
            config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    @cached_property
    def names(self) -> role_cases.Deployment:
        return role_cases.Deployment(
            name_prefix=f"bbws-access-{self.environment}",
            region=self.status["region"],
            account_id="000000000000",
            user_pool_id=self.status["user_pool_id"],
            sender=LOCAL_STAND_INS["invitation_sender"],
        )

    @cached_property
    def database(self) -> Database:
        os.environ["AWS_CA_BUNDLE"] = self.status["ca_bundle"]
        return Database(
            self.status["region"], self.status["endpoint"], lambda: Credentials("test", "test"), deadline=30.0
        )

    def log_lines(self, group: str, since: float) -> list[str]:
        """What a log group got since a moment (seconds since 1970)."""
        pages = self.client("logs").get_paginator("filter_log_events")
        return [
            event["message"]
            for page in pages.paginate(logGroupName=group, startTime=int(since * 1000))
            for event in page["events"]
        ]

    def wait_for_line(self, group: str, since: float, **fields: str) -> dict[str, Any]:
        """The first structured line since a moment that has these fields."""
        found: list[dict[str, Any]] = []
        for _ in range(600):
            found = [json.loads(line) for line in self.log_lines(group, since) if line.startswith("{")]
            for line in found:
                if all(line.get(name) == value for name, value in fields.items()):
                    return line
            time.sleep(0.1)
        raise AssertionError(f"{group} has no line with {fields} among {found}")

    # People

    def user(self, email: str, organisation: str, role: str) -> str:
        """A user with a role, made by the tool; returns the user's id."""
        made = self.tool("user", "create", email, "--organisation", organisation, "--role", role, "--json")
        return json.loads(made.stdout)["userId"]

    def token(self, email: str) -> str:
        return self.tool("token", email).stdout.strip()

    def sign_in(self, email: str, password: str) -> dict[str, Any]:
        """Cognito's answer to a sign-in by SRP: tokens, or the next challenge."""
        cognito = self.client("cognito-idp")
        srp = Client(self.status["user_pool_id"])
        client_id = self.status["client_id"]
        asked = cognito.initiate_auth(
            ClientId=client_id,
            AuthFlow="USER_SRP_AUTH",
            AuthParameters={"USERNAME": email, "SRP_A": srp.public},
        )["ChallengeParameters"]
        proof = srp.prove(asked["USER_ID_FOR_SRP"], password, asked["SALT"], asked["SRP_B"], asked["SECRET_BLOCK"])
        return cognito.respond_to_auth_challenge(
            ClientId=client_id,
            ChallengeName="PASSWORD_VERIFIER",
            ChallengeResponses={
                "USERNAME": asked["USER_ID_FOR_SRP"],
                "PASSWORD_CLAIM_SECRET_BLOCK": asked["SECRET_BLOCK"],
                "PASSWORD_CLAIM_SIGNATURE": proof.signature,
                "TIMESTAMP": proof.timestamp,
            },
        )


def claims(token: str) -> dict[str, Any]:
    """What a token says, unchecked."""
    return jwt.decode(token, options={"verify_signature": False})


TOKEN_SHAPE = re.compile(r"eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{10,}")
