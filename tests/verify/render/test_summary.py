"""The stage summary in Markdown, and that both files are written."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bbws_access.verify.render import write
from bbws_access.verify.render.page import embedded, page
from bbws_access.verify.render.summary import duration, plain, summary
from tests.verify.render import samples

if TYPE_CHECKING:
    from collections.abc import Callable

    from bbws_access.verify.report import Report

ROOT = Path(__file__).resolve().parents[3]


def test_it_has_the_form_of_the_stages_plan() -> None:
    text = summary(samples.passing(), ROOT)
    assert text.startswith("# Stage 2: Infrastructure Terraform, Summary\n")
    assert "**Stage ID**: stage-2-infrastructure-terraform" in text
    assert "**Status**: COMPLETE" in text
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [
        "Stage Workers",
        "Stage Outputs",
        "Success Criteria",
        "Environment Configuration",
        "Estimated Size",
        "Outputs for the Next Stage",
        "Dependencies",
    ]
    for name, _, task in samples.WORKERS:
        assert re.search(rf"^\| {name} \| {task} \| .* \| COMPLETE \| ", text, re.MULTILINE)
    assert (
        "- [x] On-demand capacity for DynamoDB\n  - Planned resources of its kind: DEV 4 ✓, SIT 4 ✓, PROD 4 ✓" in text
    )
    assert "- [ ]" not in text
    assert "| cross_region_replication | false | false | true |" in text
    assert "| failover_region | - | - | eu-west-1 |" in text


@pytest.mark.parametrize("module", [module for _, module, _ in samples.WORKERS])
def test_it_lists_every_file_of_a_module(module: str) -> None:
    text = summary(samples.passing(), ROOT)
    tree = text.split(f"terraform/modules/{module}/\n", 1)[1].split("```", 1)[0]
    listed = [line.split()[1] for line in tree.splitlines()]
    assert listed[0] == "main.tf"


@pytest.mark.parametrize("module", [module for _, module, _ in samples.WORKERS])
def test_its_tree_leads_to_every_file(module: str) -> None:
    """The folders below a module are read back from the tree's indents, and are those that git knows."""
    text = summary(samples.passing(), ROOT)
    tree = text.split(f"terraform/modules/{module}/\n", 1)[1].split("```", 1)[0]
    found, above = [], []
    for line in tree.splitlines():
        before, name = line.split("── ", 1)
        above = above[: len(before) // 4]
        name, _, lines = name.strip().partition(" ")
        if name.endswith("/"):
            above.append(name)
        else:
            found.append("".join([*above, name]))
            assert int(lines.split()[0]) == len(
                (ROOT / f"terraform/modules/{module}" / found[-1]).read_text().splitlines()
            )
    folder = f"terraform/modules/{module}/"
    known = subprocess.run(["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert sorted(found) == sorted(path.removeprefix(folder) for path in known.split())


def test_what_an_environment_is_not_meant_to_have_gets_no_tick() -> None:
    report = samples.passing()
    report.criteria[0].verdicts["dev"].value = "off"
    assert "DEV off as meant, SIT 8 ✓, PROD 8 ✓" in summary(report, ROOT)
    report.criteria[0].verdicts["dev"].passed = False
    assert "DEV 8 ✗, SIT 8 ✓, PROD 8 ✓" in summary(report, ROOT)


@pytest.mark.parametrize(
    ("took", "said"),
    [
        (0.04, "0.0 s"),
        (27.44, "27.4 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 0 s"),
        (119.6, "2 min 0 s"),
        (179.6, "3 min 0 s"),
    ],
)
def test_times_are_rounded_before_they_are_split(took: float, said: str) -> None:
    assert duration(took) == said


def test_what_fails_is_not_ticked_and_says_where() -> None:
    text = summary(samples.failing(), ROOT)
    assert "**Status**: FAILED" in text
    assert "- [ ] On-demand capacity for DynamoDB" in text
    assert "**DEV, SIT, PROD**: The billing mode is PROVISIONED" in text
    assert "`terraform/modules/dynamodb/main.tf:31`" in text
    assert "SIT nothing to look at ✗" in text
    assert "- worker-4-cognito-integration-module: It took longer than 300 s and was ended." in text
    assert text.count("- [ ]") == 3
    assert "| supporting-kms | Keys of our own | 1 `aws_kms_key` | COMPLETE, with faults | " in text
    assert "- supporting-kms: native tests: 2 of 14 runs failed" in text
    assert "was asked for: parameterised." in text


def test_a_run_that_came_to_nothing_is_written_down_too() -> None:
    text = summary(samples.empty(), ROOT)
    assert "**Status**: FAILED" in text
    assert "Nothing was planned." in text
    assert text.count("There is no terraform on the PATH.") == 6


def test_a_module_that_is_gone_is_named(tmp_path: Path) -> None:
    assert "`terraform/modules/dynamodb` holds no Terraform files." in summary(samples.passing(), tmp_path)


@pytest.mark.parametrize("sample", [samples.passing, samples.failing, samples.empty])
def test_the_same_report_gives_the_same_bytes(sample: Callable[[], Report]) -> None:
    assert summary(sample(), ROOT) == summary(sample(), ROOT)
    assert page(sample()) == page(sample())


@pytest.mark.parametrize("sample", [samples.passing, samples.failing])
def test_every_row_of_a_table_has_the_tables_columns(sample: Callable[[], Report]) -> None:
    width = 0
    for line in summary(sample(), ROOT).splitlines():
        if not line.startswith("|"):
            width = 0
            continue
        cells = len(re.findall(r"(?<!\\)\|", line))
        assert width in (0, cells), line
        width = cells


def test_markup_in_texts_is_shown_and_not_read() -> None:
    assert plain("a|b\n<c> `d` *e* _f_ [g](h)") == r"a\|b \<c\> \`d\` \*e\* \_f\_ \[g\](h)"
    line = next(line for line in summary(samples.failing(), ROOT).splitlines() if "window.broken = 1" in line)
    prose = re.sub(r"(?<!\\)`[^`]*`", "", line)
    assert not re.search(r"(?<!\\)[<|`]", prose)


@pytest.mark.parametrize("text", ["</script>", "<!--", "\u2028", "&"])
def test_data_cannot_leave_its_element(text: str) -> None:
    assert text not in embedded({"a": text})


def test_the_page_needs_nothing_else() -> None:
    text = page(samples.failing())
    assert "default-src 'none'" in text
    assert "unsafe" not in text.split("</head>", 1)[0].split("<style>", 1)[0]
    markup = re.sub(r"<script.*?</script>|<style>.*?</style>", "", text, flags=re.DOTALL)
    assert re.findall(r"(?:src|href)=\"(?!#|summary\.md)[^\"]*\"", markup) == []


def test_both_files_are_written_below_a_folder_that_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    assert write(samples.passing(), folder, ROOT) == (folder / "summary.md", folder / "index.html")
    assert (folder / "summary.md").read_text(encoding="utf-8") == summary(samples.passing(), ROOT)
    assert (folder / "index.html").read_text(encoding="utf-8") == page(samples.passing())
    # Written again, over what is there.
    write(samples.failing(), folder)
    assert (folder / "index.html").read_text(encoding="utf-8") == page(samples.failing())


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        write(samples.passing(), tmp_path / "file" / "folder", ROOT)
