"""What a function learns from its environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import NamedTuple

_TABLES = ("permissions", "teams", "invitations", "audit")
_TOKENS = ("access", "id")
_ISSUER = re.compile(r"https://[a-z0-9.-]+/[A-Za-z0-9_-]+\Z")
_LEVELS = {"DEBUG": "DEBUG", "INFO": "INFO", "WARN": "WARN", "WARNING": "WARN", "ERROR": "ERROR"}


class SettingsError(Exception):
    """The environment lacks a variable or holds one that makes no sense."""


class Settings(NamedTuple):
    """Values of one function. Build it with `Settings.from_environment()`.

    region: AWS region
    environment: dev, sit, prod, ...
    service: name written in every log line
    log_level: DEBUG, INFO, WARN or ERROR
    endpoint: address of every AWS service when it is not AWS itself, else None
    tables: real names of the tables that the function may use, by their names in the data model
    allowed_origins: origins that browsers may call from (`*` allows any)
    user_pool_id: the Cognito pool (authorizer and invitation)
    issuers: how tokens name the pool; empty: both ways of Cognito (authorizer only)
    client_ids: the app clients of the pool whose tokens are accepted (authorizer only)
    accepted_tokens: which of the pool's tokens are accepted, access or id (authorizer only)
    apis: names of the APIs that ask the authorizer, by their ids in API Gateway (authorizer only)
    reserved_ids: words of the paths of other services' APIs, which nothing may be called
    mail_queue_url: the queue of the mails to send (this and what follows: invitation only)
    mail_sender: their From; None: no mail can be sent
    mail_configuration_set: SES's, or None
    mail_template_prefix: the template of the mail `invitation` is `{prefix}-invitation`
    invitation_link: the page that the invited open
    event_bus: the environment's own bus, for what this service tells others; None: it tells nothing
    """

    region: str
    environment: str = "local"
    service: str = ""
    log_level: str = "INFO"
    endpoint: str | None = None
    tables: Mapping[str, str] = {}
    allowed_origins: tuple[str, ...] = ()
    user_pool_id: str | None = None
    issuers: tuple[str, ...] = ()
    client_ids: tuple[str, ...] = ()
    accepted_tokens: str = "access"
    apis: Mapping[str, str] = {}
    reserved_ids: tuple[str, ...] = ()
    mail_queue_url: str | None = None
    mail_sender: str | None = None
    mail_configuration_set: str | None = None
    mail_template_prefix: str = ""
    invitation_link: str | None = None
    event_bus: str | None = None

    @classmethod
    def from_environment(cls, environment: dict[str, str] | None = None) -> Settings:
        """Read `os.environ` (or the given mapping). Raises SettingsError naming the variable at fault."""
        env = os.environ if environment is None else environment
        region = env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION")
        if not region:
            raise SettingsError("The environment variable AWS_REGION is not set. Set it to the region of the tables.")
        level = env.get("LOG_LEVEL", "INFO").upper()
        if level not in _LEVELS:
            raise SettingsError(f"LOG_LEVEL is {level!r}. Use one of DEBUG, INFO, WARN, ERROR.")
        return cls(
            region=region,
            environment=_required(env, "ENVIRONMENT"),
            service=_required(env, "SERVICE_NAME"),
            log_level=_LEVELS[level],
            endpoint=env.get("AWS_ENDPOINT_URL") or None,
            tables={name: env[f"{name.upper()}_TABLE"] for name in _TABLES if env.get(f"{name.upper()}_TABLE")},
            allowed_origins=_split(env.get("ALLOWED_ORIGINS", "")),
            user_pool_id=env.get("USER_POOL_ID") or None,
            issuers=_issuers(env.get("ISSUERS", "")),
            client_ids=_split(env.get("CLIENT_IDS", "")),
            accepted_tokens=_token_use(env.get("TOKEN_USE", "access")),
            apis=_pairs("APIS", env.get("APIS", "")),
            reserved_ids=_split(env.get("RESERVED_IDS", "")),
            mail_queue_url=env.get("MAIL_QUEUE_URL") or None,
            mail_sender=env.get("MAIL_SENDER") or None,
            mail_configuration_set=env.get("MAIL_CONFIGURATION_SET") or None,
            mail_template_prefix=env.get("MAIL_TEMPLATE_PREFIX", ""),
            invitation_link=env.get("INVITATION_LINK") or None,
            event_bus=env.get("EVENT_BUS_NAME") or None,
        )

    def table(self, name: str) -> str:
        """The real name of one of the tables permissions, teams, invitations, audit."""
        try:
            return self.tables[name]
        except KeyError:
            raise SettingsError(
                f"The environment variable {name.upper()}_TABLE is not set. Set it to the name of the table."
            ) from None

    def has_table(self, name: str) -> bool:
        """Whether this function may use the table at all."""
        return name in self.tables

    @property
    def required_event_bus(self) -> str:
        """The bus of this environment. Never EventBridge's default one: other environments may share it."""
        if self.event_bus is None:
            raise SettingsError(
                "The environment variable EVENT_BUS_NAME is not set. Set it to the name of the environment's event bus."
            )
        return self.event_bus

    @property
    def permissions_table(self) -> str:
        return self.table("permissions")

    @property
    def teams_table(self) -> str:
        return self.table("teams")

    @property
    def invitations_table(self) -> str:
        return self.table("invitations")


def _required(env: dict[str, str], name: str) -> str:
    value = env.get(name)
    if not value:
        raise SettingsError(f"The environment variable {name} is not set.")
    return value


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _token_use(text: str) -> str:
    if text not in _TOKENS:
        raise SettingsError(f"TOKEN_USE is {text!r}. Use one of {', '.join(_TOKENS)}.")
    return text


def _issuers(text: str) -> tuple[str, ...]:
    issuers = _split(text)
    if not all(_ISSUER.match(issuer) for issuer in issuers):
        raise SettingsError(f"ISSUERS is {text!r}. Write it as https://HOST/POOL,https://HOST/POOL.")
    return issuers


def _pairs(variable: str, text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in _split(text)]
    if not all(key and value for key, _, value in pairs) or len({key for key, _, _ in pairs}) != len(pairs):
        raise SettingsError(f"{variable} is {text!r}. Write it as id=name,id=name, each id once.")
    return {key: value for key, _, value in pairs}
