"""The web page, as a reader meets it in a browser."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

import pytest
from selenium.webdriver.common.keys import Keys

from bbws_access.verify.report import FAILED
from tests.verify.render import samples

if TYPE_CHECKING:
    from collections.abc import Callable

    from bbws_access.verify.report import Report
    from tests.verify.render.conftest import Browser

# One browser for all of them.
pytestmark = pytest.mark.xdist_group("browser")

REPORTS = pytest.mark.parametrize("sample", [samples.passing, samples.failing, samples.empty])

# Contrast of every text with what is behind it (WCAG 2.2, 1.4.3); returns those below the least.
CONTRAST = """
const parse = (text) => {
  const numbers = text.match(/[\\d.]+/g).map(Number);
  return { rgb: numbers.slice(0, 3), alpha: numbers.length > 3 ? numbers[3] : 1 };
};
const light = ([r, g, b]) => {
  const part = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
};
const behind = (element) => {
  for (let at = element; at; at = at.parentElement) {
    if (at !== element && at.tagName === "g") {
      const box = at.querySelector(":scope > rect");
      const fill = box && getComputedStyle(box).fill;
      if (fill && fill !== "none") return parse(fill).rgb;
    }
    const colour = getComputedStyle(at).backgroundColor;
    if (!(at instanceof SVGElement) && parse(colour).alpha === 1) return parse(colour).rgb;
  }
  return [255, 255, 255];
};
for (const item of document.querySelectorAll("details")) item.open = true;
const low = [];
let seen = 0;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !element.getClientRects().length) continue;
  if (element.closest("script, option, title, .skip")) continue;
  const style = getComputedStyle(element);
  const colour = parse(element instanceof SVGElement ? style.fill : style.color);
  const [one, other] = [light(colour.rgb), light(behind(element))].sort((a, b) => b - a);
  const ratio = (one + 0.05) / (other + 0.05);
  seen += 1;
  if (ratio < 4.5) low.push(`${ratio.toFixed(2)} ${walker.currentNode.data.trim().slice(0, 60)}`);
}
return [seen, low];
"""


@REPORTS
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_without_an_error_and_asks_for_nothing(
    browser: Browser, sample: Callable[[], Report], scheme: str
) -> None:
    browser.open(sample(), scheme=scheme)
    assert browser.errors() == []
    asked = browser.requests()
    assert len(asked) == 1
    assert asked[0].startswith("file:///")


def test_the_verdict_stands_first(browser: Browser) -> None:
    browser.open(samples.passing())
    browser.shows("#verdict", "Everything holds")
    browser.shows("#verdict", "6 of 6 workers complete, 8 of 8 criteria hold in DEV, SIT and PROD.")
    browser.open(samples.failing())
    browser.shows("#verdict", "3 criteria do not hold; 2 workers did not complete; 1 worker found faults")
    faults = samples.passing()
    faults.workers[1].steps[-1].status = FAILED
    browser.open(faults)
    browser.shows(
        "#verdict", "1 worker found faults", "6 of 6 workers complete, 1 of them with faults, 8 of 8 criteria"
    )
    browser.open(samples.empty())
    browser.shows("#verdict", "6 workers did not complete")


def test_what_an_environment_is_not_meant_to_have_gets_no_tick(browser: Browser) -> None:
    report = samples.passing()
    report.criteria[4].verdicts["dev"].value = "off"
    browser.open(report)
    cell = "#criterion-on-demand-{}"
    assert browser.texts(cell.format("dev")) == ["off"]
    ticks = "return ['dev', 'sit'].map((name) => !!document.querySelector(`#criterion-on-demand-${name} svg`))"
    assert browser.run(ticks) == [False, True]
    browser.shows("#verdict", "8 of 8 criteria hold")
    browser.click(cell.format("dev"))
    browser.shows("#criterion-detail", "off, as it is meant to be")
    report.criteria[4].verdicts["dev"].passed = False
    browser.open(report)
    assert browser.texts(cell.format("dev")) == ["4"]


@pytest.mark.parametrize(
    ("took", "said"), [(59.96, "1 min 0 s"), (179.6, "3 min 0 s"), (59.94, "59.9 s"), (61.4, "1 min 1 s")]
)
def test_times_are_rounded_before_they_are_split(browser: Browser, took: float, said: str) -> None:
    report = samples.passing()
    report.seconds = took
    browser.open(report)
    browser.shows("#numbers", said)


def test_it_speaks_to_whoever_reads_it(browser: Browser) -> None:
    """Not of stages, plans of projects, or how what is verified came about."""
    browser.open(samples.passing())
    text = " ".join(browser.texts("body")).lower()
    assert not re.search(r"\bstage\b|the stage's|project plan|\blld\b", text.replace("api's stage", ""))


def test_workers_show_their_status_their_time_and_why_they_failed(browser: Browser) -> None:
    browser.open(samples.failing())
    rows = browser.texts(".worker > summary")
    assert [row.splitlines()[0] for row in rows] == [*(name for name, _, _ in samples.WORKERS), "supporting-kms"]
    assert "Complete, with faults" in rows[6]
    assert "Failed" in rows[0]
    assert "terraform/modules/dynamodb/main.tf:31" in rows[0]
    assert "Complete" in rows[1]
    assert "27.4 s" in rows[1]
    assert "cached" in rows[5]
    # Those that failed stand open, the others open on a click.
    stands_open = browser.run("return [...document.querySelectorAll('.worker')].map((item) => item.open)")
    assert [number for number, open_ in enumerate(stands_open) if open_] == [0, 3, 6]
    browser.click(".worker:nth-child(2) > summary")
    browser.shows(".worker:nth-child(2) .body", "native tests")


@pytest.mark.parametrize("width", [320, 700, 1280])
def test_a_workers_status_does_not_lie_on_its_time(browser: Browser, width: int) -> None:
    browser.open(samples.failing(), width=width)
    rows = browser.run(
        """return [...document.querySelectorAll('.worker > summary')].map((row) =>
        ['.badge', '.time'].map((part) => row.querySelector(part).getBoundingClientRect()))"""
    )
    assert rows
    assert all(status["right"] < time["left"] for status, time in rows)


def test_a_cell_of_the_matrix_shows_the_rule_and_the_findings(browser: Browser) -> None:
    browser.open(samples.failing())
    browser.click("#criterion-on-demand-prod")
    browser.shows(
        "#criterion-detail",
        "On-demand capacity for DynamoDB in PROD",
        "Does not hold",
        "The rule of on-demand",
        "Looked at: 4",
        "The billing mode is PROVISIONED",
        'module.dynamodb.aws_dynamodb_table.this["teams"]',
        "terraform/modules/dynamodb/main.tf:31",
        "worker-1-dynamodb-tables-module",
        "of prod: as it must be",
    )
    browser.gives("return document.getElementById('criterion-on-demand-prod').getAttribute('aria-expanded')", "true")
    browser.click("#criterion-validate-dev")
    browser.shows("#criterion-detail", "All modules pass terraform validate in DEV", "Holds")
    assert len(browser.texts(".detail")) == 1, "one at a time"
    browser.click("#criterion-validate-dev")
    browser.lists(".detail", [])


def test_a_criterion_that_found_nothing_says_so(browser: Browser) -> None:
    browser.open(samples.failing())
    browser.click("#criterion-dead-letters-sit")
    browser.shows("#criterion-detail", "There was nothing to look at, so nothing is proved.")


def test_the_verdict_leads_to_what_does_not_hold(browser: Browser) -> None:
    browser.open(samples.failing())
    browser.click("#verdict a[href='#criterion-naming-prod']")
    browser.shows("#criterion-detail", "Follows BBWS naming conventions in PROD")
    browser.click("#criterion-naming-prod")
    browser.lists(".detail", [])
    browser.click("#verdict a[href='#criterion-naming-prod']")
    browser.shows("#criterion-detail", "Follows BBWS naming conventions in PROD")
    browser.click("#verdict a[href='#worker-4-cognito-integration-module']")
    browser.gives("return location.hash", "#worker-4-cognito-integration-module")
    browser.open(samples.failing(), address="#criterion-on-demand-sit")
    browser.shows("#criterion-detail", "On-demand capacity for DynamoDB in SIT")


def test_the_matrix_is_walked_by_keyboard(browser: Browser) -> None:
    browser.open(samples.failing())
    browser.run("document.getElementById('criterion-naming-sit').focus()")
    for key in (Keys.ARROW_DOWN, Keys.ARROW_RIGHT, Keys.ENTER):
        browser.press(key)
    browser.shows("#criterion-detail", "On-demand capacity for DynamoDB in PROD")


def test_criteria_are_filtered(browser: Browser) -> None:
    browser.open(samples.failing())
    titles = "tr[data-criterion] > th"
    assert len(browser.texts(titles)) == 8
    browser.click("#criteria-failing")
    browser.lists(
        titles,
        [
            "Follows BBWS naming conventions",
            "On-demand capacity for DynamoDB",
            "Every asynchronous path has a dead-letter queue",
        ],
    )
    browser.gives("return document.querySelector('#criteria-count').innerText", "3 of 8")
    browser.shows("#matrix", "parameterised")
    browser.type("#criteria-search", "provisioned")
    browser.lists(titles, ["On-demand capacity for DynamoDB"])
    browser.type("#criteria-search", "nothing like it")
    browser.shows("#matrix", "No criterion matches.")


def test_routes_are_found_by_path_and_by_permission(browser: Browser) -> None:
    browser.open(samples.passing())
    browser.gives("return document.querySelectorAll('#route-list tbody tr').length", 3)
    browser.type("#routes-search", "role:create")
    browser.lists("#route-list tbody tr code", ["/organisations/{orgId}/roles"])
    browser.type("#routes-search", "get permissions")
    browser.lists("#route-list tbody tr code", ["/organisations/{orgId}/users/{userId}/permissions"])
    browser.gives("return document.querySelector('#routes-count').innerText", "1 of 3")


def test_environments_show_what_differs(browser: Browser) -> None:
    browser.open(samples.passing())
    rows = {row.split("\t")[0]: row.split("\t")[1:] for row in browser.texts("#values tbody tr")}
    assert rows["region"] == ["eu-west-1", "eu-west-1", "af-south-1"]
    assert rows["failover_region"] == ["\u2013", "\u2013", "eu-west-1"]
    assert rows["audit_object_lock"][2] == '{ days = 2557, mode = "COMPLIANCE" }'
    assert "service_log_retention_days" not in rows
    browser.click("#values-different")
    browser.shows("#values", "service_log_retention_days")
    browser.shows("#only", "Only in PROD")
    browser.click("#only summary")
    browser.shows("#only", 'module.s3_audit_replica["failover"].aws_s3_bucket.archive')


def test_the_flow_is_the_chosen_environments(browser: Browser) -> None:
    browser.open(samples.passing())
    flow = "return [...document.querySelectorAll('#flow text')].map((item) => item.textContent)"
    prod = browser.run(flow)
    for text in ("API Gateway", "3 routes", "authorizer", "role", "permission", "DynamoDB", "teams", "Replica tables"):
        assert text in prod
    browser.click("#flow-environment button:first-child")
    browser.shows("#flow", "Everything is in eu-west-1; nothing is replicated to another region.")
    assert "Replica tables" not in browser.run(flow)


def test_modules_are_chosen_and_show_their_resources(browser: Browser) -> None:
    browser.open(samples.passing())
    browser.run("document.querySelector('[data-module=\"module.iam\"]').focus()")
    browser.press(Keys.ENTER)
    browser.shows("#module", "aws_iam_role_policy.this", "dynamodb")
    browser.gives("return document.querySelector('#modules [aria-pressed=true]').dataset.module", "module.iam")
    assert browser.run("return document.querySelectorAll('#modules .edge.near').length") > 0
    boxes = browser.run(
        "return [...document.querySelectorAll('#modules g[data-module] rect')].map((item) => "
        "{ const box = item.getBoundingClientRect(); return [box.left, box.top, box.right, box.bottom]; })"
    )
    for number, one in enumerate(boxes):
        for other in boxes[number + 1 :]:
            apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
            assert apart, "no box lies on another"


def test_sizes_are_shown_against_the_limit(browser: Browser) -> None:
    browser.open(samples.passing())
    # One role in three environments is one row.
    browser.shows("#estimates", "40.3 KB", "role-service\t9,400\t9,400\t9,400")
    assert browser.run("return document.querySelectorAll('.meter .near').length") == 1, (
        "what is near the limit stands out"
    )


@REPORTS
@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_the_page_is_never_wider_than_the_screen(browser: Browser, sample: Callable[[], Report], width: int) -> None:
    browser.open(sample(), width=width)
    browser.run(
        "for (const item of document.querySelectorAll('details')) item.open = true;"
        "document.querySelector('.cell button.bad, .cell button')?.click()"
    )
    assert browser.run("return document.documentElement.scrollWidth") <= width
    browser.gives("return innerWidth", width)


@REPORTS
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_every_text_can_be_read(browser: Browser, sample: Callable[[], Report], scheme: str, width: int) -> None:
    browser.open(sample(), scheme=scheme, width=width)
    browser.run("document.querySelector('.cell button.bad, .cell button')?.click()")
    seen, low = browser.run(CONTRAST)
    assert seen > 40
    assert low == []


def test_the_theme_is_the_readers_to_choose(browser: Browser) -> None:
    ground = "return getComputedStyle(document.body).backgroundColor"
    browser.open(samples.passing(), scheme="dark")
    dark = browser.run(ground)
    browser.open(samples.passing(), scheme="light")
    light = browser.run(ground)
    assert dark != light
    browser.lists("#theme", ["Dark"])
    browser.click("#theme")
    browser.gives(ground, dark)
    browser.lists("#theme", ["Light"])
    browser.driver.refresh()
    browser.gives(ground, dark)
    browser.run("localStorage.clear()")


def test_texts_of_the_world_outside_stay_texts(browser: Browser) -> None:
    browser.open(samples.failing())
    browser.click("#criterion-naming-prod")
    browser.shows(".findings")
    finding = browser.texts(".findings li > *")
    assert finding[0] == samples.HOSTILE
    assert finding[1] == samples.HOSTILE
    assert browser.run("return window.broken === undefined")
    browser.gives("return document.querySelectorAll('main img').length", 0)
    assert browser.errors() == []


def test_no_other_script_runs(browser: Browser) -> None:
    browser.open(samples.passing())
    browser.run(
        "const s = document.createElement('script'); s.textContent = 'window.broken = 1'; document.body.append(s)"
    )
    browser.run(
        "const i = new Image(); i.onerror = () => { document.body.dataset.refused = 'yes' };"
        "i.src = 'https://example.invalid/x.png'; document.body.append(i)"
    )
    browser.gives("return document.body.dataset.refused", "yes")
    assert browser.run("return window.broken === undefined")
    assert all("Content Security Policy" in message for message in browser.errors())
    assert [event["blockedReason"] for event in browser.happened("Network.loadingFailed")] == ["csp"]


@REPORTS
def test_everything_has_a_name_for_those_who_listen(browser: Browser, sample: Callable[[], Report]) -> None:
    browser.open(sample())
    nameless = browser.run(
        """const name = (item) => item.getAttribute('aria-label') || (item.closest('label') || item).textContent.trim();
        return [...document.querySelectorAll('button, a, input, select, [role=button], [role=region], [role=img]')]
        .filter((item) => !name(item)).map((item) => item.outerHTML.slice(0, 80))"""
    )
    assert nameless == []
    twice = browser.run(
        "const ids = [...document.querySelectorAll('[id]')].map((item) => item.id);"
        "return ids.filter((id, at) => ids.indexOf(id) !== at)"
    )
    assert twice == []
    browser.gives("return document.documentElement.lang", "en")
    headings = browser.run(
        "return [...document.querySelectorAll('h1, h2, h3, h4')].map((item) => Number(item.tagName[1]))"
    )
    assert headings[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(headings))


def test_state_is_told_by_more_than_colour(browser: Browser) -> None:
    browser.open(samples.failing())
    for tone, sign in (("good", "#icon-pass"), ("bad", "#icon-fail")):
        signs = browser.run(
            "return [...document.querySelectorAll(arguments[0])].map((item) => item.getAttribute('href'))",
            f".cell button.{tone} use, .badge.{tone} use",
        )
        assert set(signs) == {sign}
