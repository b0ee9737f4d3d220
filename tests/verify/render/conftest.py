"""Chromium, driven through its own driver."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.expected_conditions import element_to_be_clickable
from selenium.webdriver.support.wait import WebDriverWait

from bbws_access.cli.doctor import BROWSERS, DRIVER
from bbws_access.verify.render.page import page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bbws_access.verify.report import Report

PATIENCE = 20.0


def _program(*names: str) -> str:
    for name in names:
        if found := shutil.which(name):
            return found
    pytest.fail(
        f"The page is tested in a real browser, and there is no {names[0]} on the PATH. "
        "Install it, on Debian with: apt-get install chromium chromium-driver",
        pytrace=False,
    )


class Browser:
    """A browser with one page in it.

    The page answers some actions later than the driver does: a link's click is done before its `hashchange` is heard.
    So what an action leads to is awaited: `shows`, `lists` and `gives` fail only when it does not come.
    """

    def __init__(self, driver: webdriver.Chrome, folder: Path) -> None:
        self.driver = driver
        self._folder = folder

    def open(self, report: Report, *, width: int = 1280, scheme: str = "light", address: str = "") -> None:
        """Show the report's page at a width in CSS pixels, to a reader who prefers `scheme`."""
        self.show(page(report), width=width, scheme=scheme, address=address)

    def show(self, html: str, *, width: int = 1280, scheme: str = "light", address: str = "") -> None:
        """Show any page."""
        preferences = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
        features = [{"name": name, "value": value} for name, value in preferences.items()]
        self._command("Emulation.setEmulatedMedia", features=features)
        metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 600}
        self._command("Emulation.setDeviceMetricsOverride", **metrics)
        path = self._folder / "index.html"
        path.write_text(html, encoding="utf-8")
        self.driver.get("about:blank")
        self.requests()
        self.errors()
        self.driver.get(path.as_uri() + address)
        # Another width reaches the page some frames later, and it draws its pictures anew.
        self.gives("return matchMedia(`(width: ${arguments[0]}px)`).matches", True, width)
        self.driver.execute_async_script(
            "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()))"
        )

    def _command(self, name: str, **arguments: Any) -> None:
        self.driver.execute_cdp_cmd(name, arguments)

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def errors(self) -> list[str]:
        """What the browser has complained about since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Addresses that the page has asked for since the last call."""
        return [event["request"]["url"] for event in self.network("Network.requestWillBeSent")]

    def network(self, method: str) -> list[dict[str, Any]]:
        """What happened on the network since the last call, of one kind."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [event["params"] for event in events if event["method"] == method]

    def happened(self, method: str) -> list[dict[str, Any]]:
        """Wait until something of one kind happened on the network; what it was."""
        return self._await(lambda: self.network(method), bool, f"{method} happens")

    def shows(self, selector: str, *texts: str) -> str:
        """Wait until the first element that matches shows all the texts; what it shows."""
        script = "return document.querySelector(arguments[0])?.innerText ?? null"
        return self._await(
            lambda: self.run(script, selector),
            lambda shown: shown is not None and all(text in shown for text in texts),
            f"{selector} shows {' and '.join(map(repr, texts)) or 'anything'}",
        )

    def lists(self, selector: str, texts: list[str]) -> None:
        """Wait until the elements that match show exactly these texts, one each."""
        self._await(lambda: self.texts(selector), lambda shown: shown == texts, f"{selector} lists {texts}")

    def gives(self, script: str, value: Any, *arguments: Any) -> None:
        """Wait until a script returns the value."""
        self._await(lambda: self.run(script, *arguments), lambda got: got == value, f"{script} gives {value!r}")

    def _await(self, read: Callable[[], Any], holds: Callable[[Any], bool], what: str) -> Any:
        seen = None

        def look(_: webdriver.Chrome) -> bool:
            nonlocal seen
            seen = read()
            return holds(seen)

        try:
            WebDriverWait(self.driver, PATIENCE, poll_frequency=0.05).until(look)
        except TimeoutException:
            pytest.fail(f"{what}: not within {PATIENCE:g} s, but {seen!r}")
        return seen

    def texts(self, selector: str) -> list[str]:
        """What the elements that match show now."""
        return self.run("return [...document.querySelectorAll(arguments[0])].map((item) => item.innerText)", selector)

    def click(self, selector: str) -> None:
        """Wait until an element can be clicked, and do it."""
        wait = WebDriverWait(self.driver, PATIENCE, poll_frequency=0.05)
        element = wait.until(element_to_be_clickable(("css selector", selector)), f"{selector} cannot be clicked")
        self.run("arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })", element)
        element.click()

    def type(self, selector: str, text: str) -> None:
        field = self.driver.find_element("css selector", selector)
        field.clear()
        field.send_keys(text)

    def press(self, key: str) -> None:
        self.driver.switch_to.active_element.send_keys(key)


@pytest.fixture(scope="session")
def driver() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = _program(*BROWSERS)
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-dev-shm-usage",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = webdriver.Chrome(options=options, service=Service(_program(DRIVER)))
    try:
        yield chrome
    finally:
        chrome.quit()


@pytest.fixture
def browser(driver: webdriver.Chrome, tmp_path: Path) -> Browser:
    return Browser(driver, tmp_path)
