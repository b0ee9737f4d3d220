"""The mails' templates as Terraform makes them, and what SES would make of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

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
    html = _read("layout.html").replace("{{content}}", _read(f"{name}.html"))
    return Template(MAILS[name]["subject"], _read(f"{name}.txt"), html.replace("{{details}}", _read("details.html")))


class Letter(NamedTuple):
    """A mail as SES sent it."""

    to: str
    subject: str
    text: str
    html: str

    @property
    def token(self) -> str:
        [token] = re.findall(r"#token=([\w-]+)$", self.text, re.MULTILINE)
        return token


def letters(sent: dict, sender: str, to: str) -> list[Letter]:
    """What a sender sent to an address, in order. `sent` is what the local AWS shows at `/_ministack/ses/messages`."""
    found = [one for box in sent["messages"].values() for one in box if one["To"] == [to] and sender in one["Source"]]
    return [Letter(to, one["Subject"], one["BodyText"], one["BodyHtml"]) for one in found]


def _read(name: str) -> str:
    return (FOLDER / name).read_text()
