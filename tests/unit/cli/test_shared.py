"""What an environment holds for its neighbours in the account: said before it is taken."""

from __future__ import annotations

import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from bbws_access.cli import deploy, shared, storage
from bbws_access.cli.environments import load_environment
from bbws_access.cli.project import Project
from bbws_access.cli.targets import AwsTarget, LocalTarget, Target
from bbws_access.cli.terraform import Change, Report
from bbws_access.commands import environments
from bbws_access.commands.main import app

ROOT = Path(__file__).parents[3]
ROLE = "module.api_gateway_account[0]"
IDENTITY = 'module.mail.aws_sesv2_email_identity.this["sender"]'
STATE = {
    "version": 4,
    "resources": [
        {"mode": "data", "type": "aws_region", "name": "current", "instances": [{"attributes": {}}]},
        {
            "module": "module.mail",
            "mode": "managed",
            "type": "aws_sesv2_email_identity",
            "name": "this",
            "instances": [{"index_key": "sender", "attributes": {"email_identity": "mail.example"}}],
        },
    ],
}
OF_ROLE = [
    f"{ROLE}.{kind}.this" for kind in ("aws_iam_role", "aws_iam_role_policy_attachment", "aws_api_gateway_account")
]


def plan(*addresses: str, action: str = "delete") -> Report:
    return Report(changes=[Change(address, action) for address in addresses])


@pytest.fixture
def dev(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AwsTarget:
    target = AwsTarget(load_environment(Project(ROOT), "dev", arguments=["account_id=111122223333"]))
    vars(target).update(s3=object(), terraform=SimpleNamespace(folder=tmp_path / "terra form"))
    monkeypatch.setattr(storage, "read_state", lambda *_: STATE)
    return target


@pytest.mark.parametrize("action", ["delete", "replace"])
def test_both_are_named_with_the_command_that_keeps_them(dev: AwsTarget, action: str, tmp_path: Path) -> None:
    role, identity = shared.lost(dev, plan(*OF_ROLE, IDENTITY, "module.iam.aws_iam_role.service", action=action))
    assert "API Gateway's log role" in role
    assert "account 111122223333 in eu-west-1" in role
    assert "SES identity mail.example" in identity
    assert "create_identity=false" in identity
    for text, address in ((role, ROLE), (identity, IDENTITY)):
        command = text[text.index("(cd ") + 1 : -1]
        data = shlex.quote(str(tmp_path / "terra form" / "data"))
        assert command == f"cd {ROOT / 'terraform' / 'stack'} && TF_DATA_DIR={data} terraform state rm '{address}'"


@pytest.mark.parametrize("address", OF_ROLE)
def test_a_part_of_the_log_role_is_enough(dev: AwsTarget, address: str) -> None:
    assert len(shared.lost(dev, plan(address))) == 1


def test_what_is_the_environments_own_is_not_named(dev: AwsTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    others = ("module.api_gateway.aws_api_gateway_rest_api.this", "module.mail.aws_sesv2_configuration_set.this")
    assert shared.lost(dev, plan(*others)) == []
    assert shared.lost(dev, plan(*OF_ROLE, IDENTITY, action="create")) == []
    assert shared.lost(dev, plan()) == []
    monkeypatch.setattr(storage, "read_state", lambda *_: None)
    assert shared.lost(dev, plan(IDENTITY)) == []


def test_a_local_aws_has_no_neighbours(tmp_path: Path) -> None:
    environment = load_environment(Project(ROOT), "dev", arguments=["account_id=000000000000"])
    assert shared.lost(LocalTarget(environment, tmp_path), plan(*OF_ROLE, IDENTITY)) == []


@pytest.mark.parametrize("command", ["destroy", "apply", "plan"])
def test_it_is_said_before_anybody_is_asked(dev: AwsTarget, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """By every command that shows a plan; what each asks of AWS besides is left out."""
    asked: list[str] = []

    def agree(target: Target, question: str, yes: bool) -> bool:
        asked.append(question)
        return False

    taken = plan(*OF_ROLE, IDENTITY)
    nothing: Any = lambda *_, **__: []  # noqa: E731 - one for all
    monkeypatch.setattr(environments, "deploy_target", lambda *_: dev)
    monkeypatch.setattr(environments, "has_aws_credentials", lambda: True)
    monkeypatch.setattr(environments, "account_findings", nothing)
    monkeypatch.setattr("bbws_access.commands.places.deploy_target", lambda *_: dev)
    monkeypatch.setattr(environments, "agreed", agree)
    for name in ("refuse_over_unsaved_state", "require_buckets", "make_packages", "upload_packages"):
        monkeypatch.setattr(deploy, name, nothing)
    monkeypatch.setattr(deploy, "make_plan", lambda *_, **__: taken)
    monkeypatch.setattr("bbws_access.cli.protection.locked_buckets", nothing)
    done = CliRunner().invoke(app, [command, "dev", "--var", "account_id=111122223333"])
    assert done.exit_code == 0, (done.output, done.exception)
    said = " ".join(done.output.split())
    assert f"terraform state rm '{ROLE}'" in said
    assert "This takes the SES identity mail.example" in said
    assert len(asked) == (0 if command == "plan" else 1)
