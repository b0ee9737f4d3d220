"""Every shim is listed with the test that tells when it can go."""

import re
from pathlib import Path

import pytest

import bbws_access.local_aws.shims

SHIMS = Path(bbws_access.local_aws.shims.__file__).parent
HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "local-aws.md"
# Parts of other shims.
HELPERS = {"__init__", "iam_checks", "permissions"}

SOURCES = "\n".join(file.read_text() for file in HERE.glob("test_*.py"))


@pytest.mark.parametrize("file", [PAGE, *sorted(SHIMS.glob("*.py"))], ids=lambda file: file.name)
def test_named_tests_exist(file: Path) -> None:
    for name in re.findall(r"`(test_[\w.]+)`", file.read_text()):
        if name.endswith(".py"):
            assert (HERE / name).is_file(), name
        else:
            # Dots stand for the rest of the name of one test or several.
            pattern = r"\w*".join(re.escape(part) for part in name.split("..."))
            assert re.search(rf"def {pattern}\(", SOURCES), name


def test_every_shim_is_on_the_page() -> None:
    listed = PAGE.read_text()
    assert [
        file.stem for file in SHIMS.glob("*.py") if file.stem not in HELPERS and f"`{file.stem}`" not in listed
    ] == []
