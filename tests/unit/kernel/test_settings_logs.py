"""Settings from the environment, and log lines."""

import io
import json

import pytest

from bbws_access.kernel.logs import Logger
from bbws_access.kernel.settings import Settings, SettingsError

GOOD = {"AWS_REGION": "eu-west-1", "ENVIRONMENT": "dev", "SERVICE_NAME": "role", "PERMISSIONS_TABLE": "p"}


def test_what_the_environment_says():
    settings = Settings.from_environment(
        {
            **GOOD,
            "LOG_LEVEL": "WARN",
            "ALLOWED_ORIGINS": "https://a.example, https://b.example,",
            "CLIENT_IDS": "a,b",
            "USER_POOL_ID": "pool",
            "AWS_ENDPOINT_URL": "https://127.0.0.1:1",
        }
    )
    assert (settings.region, settings.environment, settings.service, settings.log_level) == (
        "eu-west-1",
        "dev",
        "role",
        "WARN",
    )
    assert settings.allowed_origins == ("https://a.example", "https://b.example")
    assert (settings.client_ids, settings.user_pool_id, settings.endpoint) == (
        ("a", "b"),
        "pool",
        "https://127.0.0.1:1",
    )
    assert settings.permissions_table == "p"
    assert settings.has_table("permissions")
    assert not settings.has_table("teams")


def test_what_the_mail_needs():
    settings = Settings.from_environment(
        {
            **GOOD,
            "MAIL_QUEUE_URL": "https://sqs.example/queue",
            "MAIL_SENDER": "BBWS <access@example.com>",
            "MAIL_CONFIGURATION_SET": "set",
            "MAIL_TEMPLATE_PREFIX": "bbws-access-dev-mail",
            "INVITATION_LINK": "https://portal.example/invitation",
        }
    )
    assert (settings.mail_queue_url, settings.mail_sender) == ("https://sqs.example/queue", "BBWS <access@example.com>")
    assert (settings.mail_configuration_set, settings.mail_template_prefix) == ("set", "bbws-access-dev-mail")
    assert settings.invitation_link == "https://portal.example/invitation"
    without = Settings.from_environment({**GOOD, "MAIL_SENDER": ""})
    assert (without.mail_queue_url, without.mail_sender, without.mail_configuration_set) == (None, None, None)
    assert (without.mail_template_prefix, without.invitation_link) == ("", None)


def test_the_default_region_serves_too():
    assert (
        Settings.from_environment({**GOOD, "AWS_REGION": "", "AWS_DEFAULT_REGION": "af-south-1"}).region == "af-south-1"
    )


@pytest.mark.parametrize("name", ["AWS_REGION", "ENVIRONMENT", "SERVICE_NAME"])
def test_what_is_missing_is_named(name):
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment({key: value for key, value in GOOD.items() if key != name})


@pytest.mark.parametrize("name", ["teams", "invitations", "audit"])
def test_a_table_that_this_function_may_not_use_is_named(name):
    with pytest.raises(SettingsError, match=f"{name.upper()}_TABLE is not set"):
        Settings.from_environment(GOOD).table(name)


def test_an_unknown_level_is_named():
    with pytest.raises(SettingsError, match="LOG_LEVEL is 'LOUD'"):
        Settings.from_environment({**GOOD, "LOG_LEVEL": "LOUD"})


def _lines(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object():
    stream = io.StringIO()
    log = Logger("role", "dev", stream=stream).bind(requestId="r-1")
    log.info("Two\nlines", organisationId="org-1", nothing=None, other=object)
    (line,) = _lines(stream)
    assert {
        name: line[name] for name in ("level", "message", "service", "environment", "requestId", "organisationId")
    } == {
        "level": "INFO",
        "message": "Two\nlines",
        "service": "role",
        "environment": "dev",
        "requestId": "r-1",
        "organisationId": "org-1",
    }
    assert "nothing" not in line
    assert line["timestamp"].endswith("Z")
    assert len(line["timestamp"]) == len("2026-01-01T00:00:00.000Z")


@pytest.mark.parametrize(
    ("level", "expected"),
    [("DEBUG", "DIWER"), ("INFO", "IWER"), ("WARN", "WER"), ("ERROR", "ER")],
)
def test_levels_filter_but_records_are_always_written(level, expected):
    stream = io.StringIO()
    log = Logger("role", "dev", level, stream=stream)
    log.debug("D")
    log.info("I")
    log.warning("W")
    log.error("E")
    log.record("R")
    assert "".join(line["message"] for line in _lines(stream)) == expected


@pytest.mark.parametrize(
    "name", ["token", "Authorization", "password", "authorizationToken", "body", "secret", "headers"]
)
def test_secrets_are_not_written(name):
    stream = io.StringIO()
    Logger("role", "dev", stream=stream).info("x", **{name: "swordfish"})
    assert "swordfish" not in stream.getvalue()


def test_a_fault_has_its_stack():
    stream = io.StringIO()
    try:
        int("broken")
    except ValueError as error:
        Logger("role", "dev", stream=stream).fault("Unexpected", error, operation="x")
    (line,) = _lines(stream)
    assert (line["level"], line["errorType"], line["operation"]) == ("ERROR", "ValueError", "x")
    assert "broken" in line["error"]
    assert any("test_a_fault_has_its_stack" in frame for frame in line["stack"])


def test_standard_output_is_the_default(capsys):
    Logger("role", "dev").info("hello")
    assert json.loads(capsys.readouterr().out)["message"] == "hello"


def test_the_tokens_that_are_accepted():
    assert Settings.from_environment(GOOD).accepted_tokens == "access"
    assert Settings.from_environment({**GOOD, "TOKEN_USE": "id"}).accepted_tokens == "id"
    for wrong in ("", "ID", "any", "access,id"):
        with pytest.raises(SettingsError, match="Use one of access, id"):
            Settings.from_environment({**GOOD, "TOKEN_USE": wrong})
