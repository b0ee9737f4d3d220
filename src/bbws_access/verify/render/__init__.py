"""Writes a verification down for people: a summary in Markdown and a web page in one file."""

from pathlib import Path

from bbws_access.cli.project import find_project
from bbws_access.verify.render.page import page
from bbws_access.verify.render.summary import summary
from bbws_access.verify.report import Report

SUMMARY = "summary.md"
PAGE = "index.html"


def write(report: Report, folder: Path, root: Path | None = None) -> tuple[Path, Path]:
    """Write the summary and the page below ``folder`` and return their paths.

    ``root`` is the project whose module files the summary lists; the one that the tool works on unless given.
    Raises OSError where the folder cannot be written.
    """
    texts = {SUMMARY: summary(report, root or find_project().root), PAGE: page(report)}
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder / SUMMARY, folder / PAGE
