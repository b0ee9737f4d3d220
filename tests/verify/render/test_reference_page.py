"""The API's reference: everything of the contract, in one file, as a reader meets it in a browser."""

from __future__ import annotations

import ast
import json
import re
import shlex
from html import unescape
from typing import TYPE_CHECKING

import pytest

from bbws_access.kernel.contract import Contract, load_contract
from bbws_access.reference_page import render
from tests.verify.render.test_page import CONTRAST

if TYPE_CHECKING:
    from tests.verify.render.conftest import Browser

pytestmark = pytest.mark.xdist_group("browser")


def test_every_operation_error_and_example_is_there() -> None:
    contract = load_contract()
    html = render(contract)
    text = unescape(html).replace("<wbr>", "")
    for operation in contract.operations.values():
        assert html.count(f'id="{operation.operation_id}"') == 1
        assert operation.path in text
        for rule in operation.access if isinstance(operation.access, list) else ():
            assert f"<code>{next(iter(rule.values()))}</code>" in html
    for code in contract.document["components"]["schemas"]["Error"]["properties"]["error"]["properties"]["code"][
        "enum"
    ]:
        assert code in html
    assert "None" not in text
    assert "http://" not in html
    assert "https://" not in html


def test_it_says_what_every_field_takes() -> None:
    """Each pattern of parameters and bodies stands beside its field, in words and as it is."""
    contract = load_contract()
    text = unescape(render(contract))
    words = contract.document["x-bbws-patterns"]
    asked = [one.schema for operation in contract.operations.values() for one in operation.parameters]
    asked += [operation.body_schema for operation in contract.operations.values() if operation.body_schema]
    patterns = set(re.findall(r"'pattern': ('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")", str(asked)))
    assert len(patterns) > 8
    for pattern in map(ast.literal_eval, patterns):
        if words[pattern] != "any text":
            assert f"<code>{pattern}</code>" in text, pattern
            assert words[pattern].split(" such as ")[0] in text, pattern


def test_the_introduction_speaks_of_what_there_is() -> None:
    contract = load_contract()
    introduction = re.search(r'<section id="introduction">.*?</section>', render(contract), re.DOTALL)[0]
    assert introduction.count("<article") == 6
    codes = contract.document["components"]["schemas"]["Error"]["properties"]["error"]["properties"]["code"]["enum"]
    named = set(re.findall(r"<code>([A-Z]+_[A-Z_]+)</code>", introduction)) - {"BBWS_ACCESS_API_URL"}
    assert len(named) > 8
    assert named <= set(codes)
    assert "$page" not in introduction
    assert "50 by default and 100 at most" in introduction
    assert "64 KB" in introduction
    assert "x-bbws" not in introduction


def _calls(kind: str) -> list[str]:
    found = re.findall(
        rf'<pre tabindex="0" data-kind="{kind}"[^>]*><code>(.*?)</code></pre>', render(load_contract()), re.DOTALL
    )
    return [unescape(one) for one in found]


def test_each_operation_is_called_in_three_ways() -> None:
    """Each can be pasted: the shell and Python can read it, and it sends no brace of a path."""
    operations = list(load_contract().operations.values())
    for kind in ("curl", "python", "tool"):
        calls = _calls(kind)
        assert len(calls) == len(operations)
        assert not any(re.search(r"/\{\w+\}", call) for call in calls)
    for call in _calls("curl") + _calls("tool"):
        words = shlex.split(call.replace("${AWS_CA_BUNDLE:+--cacert ", ""))
        if "--data" in words:
            json.loads(words[words.index("--data") + 1])
        assert ("Authorization: Bearer $TOKEN" in words) != (
            "/invitations/TOKEN" in call or "/health" in call or words[0] != "curl"
        )
    for call in _calls("python"):
        ast.parse(call)


def test_words_of_the_contract_cannot_become_markup() -> None:
    document = {**load_contract().document, "info": {"title": "<b>", "description": "<script>", "version": "1&2"}}
    html = render(Contract(document))
    assert "&lt;script&gt;" in html
    assert "1&amp;2" in html
    assert "<b>" not in html.split("</title>")[0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_can_be_read_anywhere(browser: Browser, width: int, scheme: str) -> None:
    browser.show(render(load_contract()), width=width, scheme=scheme, address="#createRole")
    assert browser.run("return document.documentElement.scrollWidth") <= width
    seen, low = browser.run(CONTRAST)
    assert seen > 1000
    assert low == []
    assert browser.errors() == []
    assert [address for address in browser.requests() if not address.startswith("file:")] == []


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("team_role_in_use", "Deactivate a team role"),
        ("expiresat", "Assign a role"),
        ("team:create", "Create a team"),
        ("createrole", "Create a role"),
        ("version_conflict 409", "Replace a role"),
        ("cursor", "Paging"),
    ],
)
def test_fields_permissions_and_errors_find_operations(browser: Browser, typed: str, found: str) -> None:
    browser.show(render(load_contract()), width=1280)
    browser.driver.find_element("id", "filter").send_keys(typed)
    shown = browser.run(
        "return [...document.querySelectorAll('nav li')]"
        ".filter((one) => one.checkVisibility()).map((one) => one.innerText)"
    )
    assert any(found in one for one in shown), shown
    assert len(shown) < 35


def test_a_call_is_shown_one_way_at_a_time_and_copied(browser: Browser) -> None:
    browser.show(render(load_contract()), width=1280, address="#createRole")
    shown = (
        "return [...document.querySelectorAll('#createRole .call pre')]"
        ".filter((one) => one.checkVisibility()).map((one) => one.dataset.kind)"
    )
    assert browser.run(shown) == ["curl"]
    browser.click("#createRole [data-call=python]")
    assert browser.run(shown) == ["python"]
    other = "return getComputedStyle(document.querySelector('#listRoles [data-kind=python]')).display"
    assert browser.run(other) == "block", "the choice is for the whole page"
    browser.run(
        "Object.defineProperty(navigator, 'clipboard', {value: {writeText: async (text) => { window.copied = text; }}})"
    )
    browser.click("#createRole .copy")
    browser.shows("#createRole .copy", "Copied")
    assert browser.run("return window.copied") == browser.run(
        "return document.querySelector('#createRole [data-kind=python] code').textContent"
    )


def test_words_find_operations(browser: Browser) -> None:
    browser.show(render(load_contract()), width=390)
    assert browser.run("return document.querySelector('nav details').open") is False
    field = browser.driver.find_element("id", "filter")
    field.send_keys("post role")
    count = (
        "return [...document.querySelectorAll('nav li')]"
        ".filter((one) => one.checkVisibility()).map((one) => one.innerText)"
    )
    shown = browser.run(count)
    assert shown
    assert all("POST" in one for one in shown)
    field.send_keys(" nothing like it")
    assert browser.run(count) == []
    assert browser.run("return document.getElementById('none').checkVisibility()") is True
