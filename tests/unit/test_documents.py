"""The documents name what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
DOCUMENTS = [ROOT / "README.md", *sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("terraform/modules/*/README.md"))]


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        there = (document.parent / name).resolve() if name else document
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


def test_every_decision_is_in_the_index() -> None:
    listed = re.findall(r"^- \[(\d{4}) (.*)\]\((.*)\): ", (DOCS / "decisions/README.md").read_text(), re.MULTILINE)
    found = [
        (path.name[:4], path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# "), path.name)
        for path in sorted((DOCS / "decisions").glob("0*.md"))
    ]
    assert listed == found


def test_every_page_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in DOCS.glob("*.md") if f"(docs/{page.name})" not in readme] == []


def test_every_alarm_is_in_the_guide() -> None:
    source = (ROOT / "terraform/modules/cloudwatch/alarms.tf").read_text(encoding="utf-8")
    # One entry of a map for each kind of alarm; those of mails share one.
    keys = re.findall(r'"([^"]+)" => \{\n\s+description = ', source)
    of_mails = re.findall(r"^\s+([a-z-]+)\s+= \{ metric = ", source, re.MULTILINE)
    assert len(keys) + 1 == len(re.findall(r"^\s+description = ", source, re.MULTILINE))
    section = (DOCS / "operations.md").read_text(encoding="utf-8").split("\n## Alarms\n")[1].split("\n## ")[0]
    listed = set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))

    def plain(name: str) -> str:
        return re.sub(r"\$?\{\w+\}", "{}", name)

    assert {plain(name) for name in keys + of_mails} <= {plain(name) for name in listed}
    # The authorizer's errors are one of the services' and have a line of their own.
    assert {plain(name) for name in listed} - {plain(name) for name in keys + of_mails} == {"authorizer-errors"}
