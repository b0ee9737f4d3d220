"""Mails that a local AWS sent."""

import re
import time
from html.parser import HTMLParser

from bbws_access.cli.errors import ToolError
from bbws_access.cli.targets import LocalTarget
from bbws_access.local_aws import Mail

_PATIENCE = 10  # seconds; a mail leaves about two after the request


def newest(target: LocalTarget, to: str) -> Mail:
    """The newest mail to an address, whatever the case of its letters. Raises ToolError where none comes."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            found = [one for one in target.aws.mails() if one.to.casefold() == to.casefold()]
        except OSError as error:
            raise ToolError(f"The local AWS does not answer: {error}.") from error
        if found:
            return found[-1]
        if time.monotonic() > deadline:
            raise ToolError(f"No mail was sent to {to}.", f"`{target.advice('status')}` shows whether all is well.")
        time.sleep(0.2)


def readable(mail: Mail) -> str:
    """The mail's text; of one that has only HTML, as Cognito's, what a reader sees, links behind their words."""
    if mail.text.strip() or not mail.html:
        return mail.text
    reader = _Reader()
    reader.feed(mail.html)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.parts).splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _Reader(HTMLParser):
    """Collects what is seen: each paragraph and table row on lines of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._unseen = ""
        self._link: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("head", "style", "script"):
            self._unseen = self._unseen or tag
        elif tag == "a":
            self._link = dict(attrs).get("href")
        elif tag in ("p", "table"):
            self.parts.append("\n\n")
        elif tag in ("tr", "br"):
            self.parts.append("\n")
        elif tag == "td":
            self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._unseen:
            self._unseen = ""
        elif tag == "a" and self._link:
            if self.parts[-1].strip() != self._link:
                self.parts.append(f" ({self._link})")
            self._link = None
        elif tag in ("p", "table"):
            self.parts.append("\n\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.parts.append(" ".join(data.split("\n")))
