"""What a function learns from its environment."""

from __future__ import annotations

import os

_TABLES = ("permissions", "teams", "invitations", "audit")
_LEVELS = {"DEBUG": "DEBUG", "INFO": "INFO", "WARN": "WARN", "WARNING": "WARN", "ERROR": "ERROR"}


class SettingsError(Exception):
    """The environment lacks a variable or holds one that makes no sense."""


class Settings:
    """Values of one function. Build it with `Settings.from_environment()`.

    environment: dev, sit, prod, ...      service: name written in every log line
    log_level: DEBUG, INFO, WARN or ERROR region: AWS region
    endpoint: address of every AWS service when it is not AWS itself, else None
    allowed_origins: origins that browsers may call from (`*` allows any)
    user_pool_id: the Cognito pool (authorizer and invitation)
    client_ids: the app clients of the pool whose tokens are accepted (authorizer only)
    And of the invitation service only:
    mail_queue_url: the queue of the mails to send          mail_sender: their From; None: no mail can be sent
    mail_configuration_set: SES's, or None                  invitation_link: the page that the invited open
    mail_template_prefix: the template of the mail `invitation` is `{prefix}-invitation`
    """

    __slots__ = (
        "_tables",
        "allowed_origins",
        "apis",
        "client_ids",
        "endpoint",
        "environment",
        "invitation_link",
        "log_level",
        "mail_configuration_set",
        "mail_queue_url",
        "mail_sender",
        "mail_template_prefix",
        "region",
        "service",
        "user_pool_id",
    )

    def __init__(
        self,
        *,
        region: str,
        environment: str = "local",
        service: str = "",
        log_level: str = "INFO",
        endpoint: str | None = None,
        tables: dict[str, str] | None = None,
        allowed_origins: tuple[str, ...] = (),
        user_pool_id: str | None = None,
        client_ids: tuple[str, ...] = (),
        apis: dict[str, str] | None = None,
        mail_queue_url: str | None = None,
        mail_sender: str | None = None,
        mail_configuration_set: str | None = None,
        mail_template_prefix: str = "",
        invitation_link: str | None = None,
    ) -> None:
        self.region = region
        self.environment = environment
        self.service = service
        self.log_level = log_level
        self.endpoint = endpoint
        self.allowed_origins = allowed_origins
        self.user_pool_id = user_pool_id
        self.client_ids = client_ids
        self.apis = apis or {}
        self.mail_queue_url = mail_queue_url
        self.mail_sender = mail_sender
        self.mail_configuration_set = mail_configuration_set
        self.mail_template_prefix = mail_template_prefix
        self.invitation_link = invitation_link
        self._tables = tables or {}

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
            client_ids=_split(env.get("CLIENT_IDS", "")),
            apis=_pairs("APIS", env.get("APIS", "")),
            mail_queue_url=env.get("MAIL_QUEUE_URL") or None,
            mail_sender=env.get("MAIL_SENDER") or None,
            mail_configuration_set=env.get("MAIL_CONFIGURATION_SET") or None,
            mail_template_prefix=env.get("MAIL_TEMPLATE_PREFIX", ""),
            invitation_link=env.get("INVITATION_LINK") or None,
        )

    def table(self, name: str) -> str:
        """The real name of one of the tables permissions, teams, invitations, audit."""
        try:
            return self._tables[name]
        except KeyError:
            raise SettingsError(
                f"The environment variable {name.upper()}_TABLE is not set. Set it to the name of the table."
            ) from None

    def has_table(self, name: str) -> bool:
        """Whether this function may use the table at all."""
        return name in self._tables

    @property
    def permissions_table(self) -> str:
        return self.table("permissions")

    @property
    def teams_table(self) -> str:
        return self.table("teams")

    @property
    def invitations_table(self) -> str:
        return self.table("invitations")

    @property
    def audit_table(self) -> str:
        return self.table("audit")


def _required(env: dict[str, str], name: str) -> str:
    value = env.get(name)
    if not value:
        raise SettingsError(f"The environment variable {name} is not set.")
    return value


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _pairs(variable: str, text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in _split(text)]
    if not all(key and value for key, _, value in pairs) or len({key for key, _, _ in pairs}) != len(pairs):
        raise SettingsError(f"{variable} is {text!r}. Write it as id=name,id=name, each id once.")
    return {key: value for key, _, value in pairs}
