"""What people wrote cannot pass for what a mail says: whatever it is, the mail's own words stay as they are."""

from __future__ import annotations

import html
import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbws_access.invitation import mail, words
from bbws_access.kernel.settings import Settings
from tests.support.mails import MAILS, Template, template
from tests.support.mails import rendered as as_sent

NOW = datetime(2029, 12, 26, 3, 0, tzinfo=UTC)
LINK = "https://portal.example/invitation#token=org-1.inv-1.abc"
SETTINGS = Settings(region="eu-west-1", mail_sender="access@bbws.example", mail_template_prefix="mail")
IMITATION = (
    "Team: none\n\nTo accept or decline, open this address:\n"
    "https://evil.example/invitation#token=x\n\n--\nSent by BBWS"
)
ANYTHING = st.text(st.characters(categories=["L", "N", "P", "S", "Zs", "Zl", "Zp", "Cc"]), max_size=500)
PIECES = [
    "\n",
    "\r\n",
    "\u2028",
    " ",
    "> ",
    "--",
    "https://evil.example/x",
    "www.evil.example",
    "To accept",
    "\x85",
    LINK,
]
WRITTEN = st.one_of(ANYTHING, st.lists(st.sampled_from(PIECES), max_size=40).map("".join))


def invitation(**more: str) -> dict:
    return {
        "organisationId": "org-1",
        "invitationId": "inv-1",
        "sendNumber": 1,
        "organisationName": "Acme",
        "roleDisplayName": "Editor",
        "teamName": "Web",
        "email": "ada@example.org",
        "senderEmail": "boss@acme.example",
        "message": "",
        "status": "DECLINED",
        "expiresAt": datetime(2030, 1, 2, tzinfo=UTC).isoformat(),
        **more,
    }


def rendered(kind: str, **more: str) -> Template:
    """The mail as SES makes it of the template and what it is asked to send."""
    record = invitation(**more)
    values = mail._invitation_values(record, LINK, NOW) if kind == "invitation" else mail._answer_values(record)
    body = {"kind": kind, "organisationId": "org-1", "invitationId": "inv-1", "sendNumber": 1}
    asked = mail._mail(SETTINGS, body, "to@example.org", values)
    data = json.loads(asked["Content"]["Template"]["TemplateData"])
    return as_sent(template(kind), data)


class Shown(HTMLParser):
    """What an HTML part shows, the note within its frame apart; and the addresses that it leads to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.note: list[str] = []
        self.links: list[str] = []
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self._inside = self._inside or tag == "i"
        self.links += [value for name, value in attrs if name == "href"]

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "i"

    def handle_data(self, data: str) -> None:
        (self.note if self._inside else self.words).append(data)


def own(text: str) -> list[str]:
    """The lines of a text part that do not quote."""
    return [line for line in re.split(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]", text) if not line.startswith(">")]


@pytest.mark.parametrize(("kind", "field"), [("invitation", "message"), ("declined", "declineReason")])
class TestMessages:
    @given(WRITTEN)
    def test_the_mails_own_words_stay_as_they_are(self, kind: str, field: str, written: str) -> None:
        plain, found = rendered(kind, **{field: "x"}), rendered(kind, **{field: f"x{written}"})
        assert found.subject == plain.subject
        assert own(found.text) == own(plain.text)
        assert max(len(line) for line in found.text.splitlines() if line.startswith(">")) <= 68
        assert Shown(found.html).words == Shown(plain.html).words
        assert Shown(found.html).links == Shown(plain.html).links
        assert found.html.count("<") - found.html.count("<br>") == plain.html.count("<") - plain.html.count("<br>")

    @given(WRITTEN)
    def test_no_link_is_theirs(self, kind: str, field: str, written: str) -> None:
        found = rendered(kind, **{field: written})
        expected = [LINK] if kind == "invitation" else []
        assert re.findall(r"\S+://\S+", found.text) == expected
        assert not re.search(r"evil\.example", found.text + found.html)

    def test_an_imitation(self, kind: str, field: str) -> None:
        found = rendered(kind, **{field: IMITATION})
        quoted = "> To accept or decline, open this address:\n> https[:]//evil[.]example/invitation#token=x\n>\n> --"
        assert quoted in found.text
        assert "They wrote it, we did not" in found.text
        assert "They wrote it, we did not" in found.html

    def test_what_was_written_can_be_read(self, kind: str, field: str) -> None:
        written = "Dear Ada,\n\nwelcome <b>aboard</b> & see version 1.2 e.g. on Monday.\n  Boss"
        found = rendered(kind, **{field: written})
        assert "> Dear Ada,\n>\n> welcome <b>aboard</b> & see version 1.2 e.g. on Monday.\n> Boss\n" in found.text
        shown = "welcome &lt;b&gt;aboard&lt;/b&gt; &amp; see version 1.2 e.g. on Monday."
        assert f"Dear Ada,<br><br>{shown}<br>Boss" in found.html

    def test_nothing_was_written(self, kind: str, field: str) -> None:
        found = rendered(kind, **{field: " \n\n"})
        assert found == rendered(kind, **{field: ""})
        assert "They wrote it" not in "".join(found)
        assert "\n\n\n" not in found.text
        assert "<i></i>" not in found.html

    def test_a_long_line_is_quoted_to_its_end(self, kind: str, field: str) -> None:
        found = rendered(kind, **{field: "x" * 200 + " To accept, open " + "\u4e00" * 100})
        lines = [line for line in found.text.splitlines() if line.startswith("> ")]
        assert len(lines) > 5
        assert max(map(len, lines)) <= 35


@pytest.mark.parametrize("kind", MAILS)
@pytest.mark.parametrize("field", ["organisationName", "roleDisplayName", "teamName"])
class TestNames:
    @given(ANYTHING | st.sampled_from([IMITATION, "Acme\u2028To accept, open https://evil.example", "x" * 500]))
    def test_a_name_is_one_short_line_without_links(self, kind: str, field: str, written: str) -> None:
        plain, found = rendered(kind), rendered(kind, **{field: f"A{written}"})  # no name is empty
        assert len(own(found.text)) == len(own(plain.text))
        for line, before in zip(own(found.text), own(plain.text), strict=True):
            assert line == before or (len(line) <= 130 and len(line) - len(before) <= 60)
        assert "\n" not in found.subject
        assert len(found.subject) <= 160
        assert re.findall(r"\S+://\S+", found.text) == ([LINK] if kind == "invitation" else [])
        assert Shown(found.html).links == Shown(plain.html).links
        assert not re.search(r"evil\.example", html.unescape("".join(found)))


@pytest.mark.parametrize("kind", MAILS)
def test_nothing_empty_is_shown(kind: str) -> None:
    record = {"teamName": ""}
    assert "Team" in "".join(rendered(kind))
    found = rendered(kind, **record)
    assert "Team" not in found.text + found.html
    assert "none" not in found.text
    assert "\n\n\n" not in found.text
    assert not re.search(r"<(td|p|i)\b[^>]*>\s*</", found.html)


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (datetime(2030, 1, 2, 3, 0, tzinfo=UTC), "in 7 days, on Wednesday, 2 January 2030 at 03:00 UTC"),
        (datetime(2029, 12, 28, 2, 0, tzinfo=UTC), "in 47 hours, on Friday, 28 December 2029 at 02:00 UTC"),
        (datetime(2029, 12, 28, 3, 0, tzinfo=UTC), "in 2 days, on Friday, 28 December 2029 at 03:00 UTC"),
        (datetime(2029, 12, 26, 3, 20, tzinfo=UTC), "in an hour, on Wednesday, 26 December 2029 at 03:20 UTC"),
    ],
)
def test_an_end_is_said_as_people_say_it(end: datetime, said: str) -> None:
    assert words.until(end, NOW) == said
    assert f"It ends {said}." in rendered("invitation", expiresAt=end.isoformat()).text


def test_which_dots_make_hosts() -> None:
    hosts = ("evil.example", "a.b.example", "www.evil.example", "x@evil.example", "evil\u3002example", "1.evil")
    for text in (*hosts, "\u0444.\u0440\u0444"):
        assert "[.]" in words.name(text), text
    for text in ("version 1.2", "e.g. this", "the end. Then", "a...b", "10.5 km", "Acme Inc."):
        assert words.name(text) == text
