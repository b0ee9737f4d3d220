"""The mails' templates as Terraform makes them, and what SES would make of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

from bbws_access.local_aws import LocalAws, Mail

FOLDER = Path(__file__).parents[2] / "contract" / "mail"
MAILS: dict[str, dict] = json.loads((FOLDER / "mails.json").read_text())["mails"]


class Template(NamedTuple):
    """The three parts of an SES template."""

    subject: str
    text: str
    html: str

    def placeholders(self) -> set[str]:
        """The names of the values that the template needs."""
        return set(re.findall(r"\{\{(\w+)\}\}", "".join(self)))


def template(name: str) -> Template:
    """The template of a mail: invitation, accepted or declined."""
    layout = _read("layout.html").replace("{{title}}", "{{organisationNameHtml}}")
    layout = layout.replace("{{footer}}", "Sent by BBWS Access Management for {{organisationNameHtml}}.")
    html = layout.replace("{{content}}", _read(f"{name}.html"))
    return Template(MAILS[name]["subject"], _read(f"{name}.txt"), html.replace("{{details}}", _read("details.html")))


def account_mail(link: str | None) -> Template:
    """The first mail about an account as Terraform gives it to Cognito, which puts address and password in."""
    layout = _read("layout.html").replace("{{title}}", "BBWS Access Management")
    layout = layout.replace("{{footer}}", "Sent by BBWS Access Management.")
    sign_in = "" if link is None else _read("sign-in.html").replace("{{link}}", link)
    html = layout.replace("{{content}}", _read("account.html")).replace("{{signIn}}\n", sign_in)
    return Template(json.loads((FOLDER / "mails.json").read_text())["account"]["subject"], "", html)


def rendered(template: Template, values: dict[str, str]) -> Template:
    """A template as SES sends it: conditions decided, values put in as they are."""

    def decided(text: str) -> str:
        return re.sub(
            r"\{\{#if (\w+)\}\}(.*?)\{\{/if\}\}",
            lambda match: match[2] if values[match[1]] else "",
            text,
            flags=re.DOTALL,
        )

    return Template(*(re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], decided(part)) for part in template))


class Letter(Mail):
    """A mail of ours, as SES sent it."""

    __slots__ = ()

    @property
    def token(self) -> str:
        """The token in an invitation's link."""
        [token] = re.findall(r"#token=([\w.-]+)$", self.text, re.MULTILINE)
        return token


def letters(aws: LocalAws, sender: str, to: str) -> list[Letter]:
    """What an address sent to another, in order."""
    return [Letter(*one) for one in aws.mails() if one.to == to and sender in one.sender]


def _read(name: str) -> str:
    return (FOLDER / name).read_text()
