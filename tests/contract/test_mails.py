"""The templates of the mails: whole, with known values only, and fit for mail clients."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from tests.support.mails import FOLDER, MAILS, account_mail, template

VOID = {"meta", "br"}


@pytest.mark.parametrize("name", MAILS)
class TestMail:
    def test_its_values_are_declared_and_escaped_where_they_must_be(self, name: str) -> None:
        found = template(name)
        wanted = set(MAILS[name]["values"])
        assert found.placeholders() == {one for value in wanted for one in (value, f"{value}Html")}
        assert not re.findall(r"\{\{\w+Html\}\}", found.subject + found.text)
        assert all(one.endswith("Html") for one in re.findall(r"\{\{(\w+)\}\}", found.html))
        # What is only SES's to understand, the local AWS does not.
        simple = re.sub(
            r"\{\{#if (\w+)\}\}((?:(?!\{\{#if).)*?)\{\{/if\}\}", r"{{\1}}\2", "".join(found), flags=re.DOTALL
        )
        assert not re.findall(r"\{\{[^}]*\W[^}]*\}\}|\{\{\{", simple)
        assert set(re.findall(r"\{\{(\w+)\}\}", simple)) == found.placeholders(), "a condition on what is not shown"

    def test_its_html_is_whole_and_asks_for_nothing_from_outside(self, name: str) -> None:
        check = Whole()
        check.feed(template(name).html)
        assert check.open == []
        assert not check.tags & {"img", "script", "link", "iframe", "form", "svg", "video"}
        assert "url(" not in template(name).html
        assert len(template(name).html) < 100_000  # Gmail cuts off what is longer

    def test_a_client_without_style_sheets_shows_it(self, name: str) -> None:
        body = template(name).html.partition("</head>")[2]
        assert "<div" not in body
        assert body.count("<table") == body.count('role="presentation"')


@pytest.mark.parametrize("link", [None, "https://portal.example/"])
def test_the_accounts_first_mail(link: str | None) -> None:
    """What Cognito takes, and what somebody needs who gets it."""
    found = account_mail(link)
    assert len(found.subject) <= 140
    assert len(found.html) < 19_900
    for placeholder in ("{username}", "{####}", "{days}"):
        assert found.html.count(placeholder) == 1
    assert "{{" not in found.html
    assert re.findall(r'href="([^"]*)"', found.html) == ([link, link] if link else [])
    assert "BBWS Access Management" in found.subject
    check = Whole()
    check.feed(found.html)
    assert check.open == []
    body = found.html.partition("</head>")[2]
    assert body.count("<table") == body.count('role="presentation"')


def test_there_are_no_other_files() -> None:
    shared = {"mails.json", "layout.html", "details.html", "account.html", "sign-in.html"}
    assert {one.name for one in FOLDER.iterdir()} == shared | {
        f"{name}.{kind}" for name in MAILS for kind in ("html", "txt")
    }


class Whole(HTMLParser):
    """Fails where an element is closed that is not the last one opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
