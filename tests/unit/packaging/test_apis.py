"""Documents of other services' APIs travel in the authorizer's package, and are checked before they do."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from bbws_access.packaging import PackagingError, package
from tests.unit.packaging.conftest import make_project

SITES = Path(__file__).parents[2] / "support" / "apis" / "sites.json"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("BBWS_ACCESS_APIS", raising=False)
    root = make_project(tmp_path / "project")
    (root / "contract" / "apis").mkdir()
    return root


def test_the_authorizer_alone_carries_them(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(SITES, project / "contract" / "apis" / "sites.json")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(SITES, elsewhere / "billing.json")
    monkeypatch.setenv("BBWS_ACCESS_APIS", str(elsewhere))
    made = package("local", ["authorizer", "role"], root=project)
    by_name = {item.function: item for item in made}
    assert by_name["authorizer"].apis == ("billing", "sites")
    with zipfile.ZipFile(by_name["authorizer"].path) as archive:
        assert archive.read("contract/apis/sites.json") == SITES.read_bytes()
        assert "contract/apis/billing.json" in archive.namelist()
    with zipfile.ZipFile(by_name["role"].path) as archive:
        assert not [name for name in archive.namelist() if "apis" in name]
    values = json.loads(made.tfvars.read_text())["packages"]
    assert values["authorizer"]["apis"] == ["billing", "sites"]
    assert values["authorizer"]["words"] == ["catalogue", "organisations", "secrets", "sites", "teams"]
    assert not {"apis", "words"} & values["role"].keys()
    (again,) = package("local", ["authorizer"], root=project)
    assert not again.built
    (elsewhere / "billing.json").unlink()
    (without,) = package("local", ["authorizer"], root=project)
    assert (without.built, without.apis) == (True, ("sites",))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ("[]", "no OpenAPI 3 document"),
        (SITES.read_text().replace("site:create", "site:paint"), "there is no permission 'site:paint'"),
    ],
)
def test_a_document_that_is_wrong_is_not_packaged(project: Path, text: str, said: str) -> None:
    (project / "contract" / "apis" / "sites.json").write_text(text)
    with pytest.raises(PackagingError, match=said):
        package("local", ["authorizer"], root=project)
    assert [item.function for item in package("local", ["role"], root=project)] == ["role"]


def test_a_folder_that_is_not_there(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BBWS_ACCESS_APIS", str(project / "nowhere"))
    with pytest.raises(PackagingError, match="no such folder"):
        package("local", ["authorizer"], root=project)


def test_a_name_has_one_document(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(SITES, project / "contract" / "apis" / "sites.json")
    monkeypatch.setenv("BBWS_ACCESS_APIS", str(SITES.parent))
    with pytest.raises(PackagingError, match="Two documents describe the API sites"):
        package("local", ["authorizer"], root=project)
