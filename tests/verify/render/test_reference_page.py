"""The API's reference: everything of the contract, in one file, as a reader meets it in a browser."""

from __future__ import annotations

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
