"""A small project with the same functions, so that packaging is tested apart from what the services say."""

import json
import shutil
from pathlib import Path

import pytest

from bbws_access.packaging import Packages, package
from bbws_access.packaging.build import interpreter

REPOSITORY = Path(__file__).parents[3]

SOURCES = {
    "__init__.py": '"""A project."""\n',
    "kernel/__init__.py": "",
    "kernel/text.py": "import json\n\nGREETING = json.dumps({'héllo': sorted({'c', 'a', 'b'})})\n",
    "kernel/checks.py": (
        "import jsonschema_rs\n\n\ndef check(schema, value):\n    return jsonschema_rs.is_valid(schema, value)\n"
    ),
    "kernel/unused.py": "raise RuntimeError('nothing imports this')\n",
    "permission/__init__.py": "",
    "permission/handler.py": (
        "from ..kernel import checks\nfrom bbws_access.kernel.text import GREETING\n\n\n"
        "def handler(event, context):\n    return checks.check({'type': 'string'}, GREETING)\n"
    ),
    "role/__init__.py": "",
    "role/handler.py": "def handler(event, context):\n    from bbws_access.kernel import checks\n    return checks\n",
    "invitation/__init__.py": "",
    "invitation/handler.py": "from bbws_access.kernel.checks import check as handler\n",
    "team/__init__.py": "",
    "team/handler.py": "from bbws_access.kernel.checks import check as handler\n",
    "authorizer/__init__.py": "",
    "authorizer/handler.py": (
        "from cryptography.hazmat.primitives import hashes\n\n"
        "from bbws_access.kernel.text import GREETING\n\n\n"
        "def handler(event, context):\n    return GREETING, hashes.SHA256().name\n"
    ),
    "authorizer/token_claims.py": (
        "from bbws_access.kernel import text\n\n\ndef handler(event, context):\n    return text.GREETING\n"
    ),
    "cli/__init__.py": "",
}


def make_project(root: Path) -> Path:
    """A project at ``root`` with this repository's locks."""
    for name, text in SOURCES.items():
        path = root / "src" / "bbws_access" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "contract").mkdir()
    (root / "contract" / "roles.json").write_text(json.dumps({"platformRoles": []}))
    (root / "requirements").mkdir()
    for lock in ("authorizer", "service"):
        shutil.copy(REPOSITORY / "requirements" / f"{lock}.txt", root / "requirements")
    shutil.copy(REPOSITORY / "package.json", root)
    shutil.copy(REPOSITORY / "package-lock.json", root)
    return root


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "a project")


@pytest.fixture(scope="session")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    """All packages for the local AWS of one project, for tests that only look at them."""
    return package("local", root=make_project(tmp_path_factory.mktemp("packaged") / "project"))


@pytest.fixture
def packaged_project(packaged: Packages, tmp_path: Path) -> Path:
    """A project whose packages are made already, for tests that change it."""
    return shutil.copytree(packaged.tfvars.parents[2], tmp_path / "project")


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The installed WebAssembly interpreter, shared by the projects of the tests."""
    return interpreter(REPOSITORY).parent
