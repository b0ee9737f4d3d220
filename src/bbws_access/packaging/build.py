"""Makes the packages, and skips whatever has not changed."""

import base64
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bbws_access.authorizer.apis import check_api
from bbws_access.kernel.contract import ContractError, words_of
from bbws_access.packaging import assemble, dependencies, sources
from bbws_access.packaging.errors import PackagingError

Target = Literal["aws", "local"]

# The function's name to the module whose `handler` Lambda calls.
FUNCTIONS = {
    "permission": "bbws_access.permission.handler",
    "role": "bbws_access.role.handler",
    "team": "bbws_access.team.handler",
    "invitation": "bbws_access.invitation.handler",
    "authorizer": "bbws_access.authorizer.handler",
    "token-claims": "bbws_access.authorizer.token_claims",
}
# The function that carries the documents of other services' APIs, and the variable that names a further folder of them.
DECIDES = "authorizer"
APIS_FOLDER = "BBWS_ACCESS_APIS"
# The major version of Node.js that makes packages for AWS.
LEAST_NODE = 20
# What Lambda refuses, in bytes.
COMPRESSION = {"aws": 6, "local": 1}  # what stays on the machine is packed fast, and a tenth larger
LARGEST_UNZIPPED = 250 * 1024 * 1024


@dataclass(frozen=True)
class Package:
    """One function's archive."""

    function: str
    path: Path
    sha256: str
    size: int
    """Bytes of the archive."""
    unzipped: int
    """Bytes of what it holds."""
    built: bool
    """False when nothing had changed since it was made."""
    apis: tuple[str, ...] = ()
    """Names of the other services' APIs whose documents it carries."""
    words: tuple[str, ...] = ()
    """The words of those APIs' paths, which no id may be."""

    @property
    def s3_key(self) -> str:
        return f"packages/{self.function}/{self.sha256}.zip"

    @property
    def source_code_hash(self) -> str:
        """SHA-256 in base64, as Lambda reports it."""
        return base64.b64encode(bytes.fromhex(self.sha256)).decode()

    @property
    def values(self) -> dict[str, object]:
        """What Terraform has to know of it."""
        apis = {"apis": list(self.apis), "words": list(self.words)} if self.apis else {}
        return {"s3_key": self.s3_key, "source_code_hash": self.source_code_hash, **apis}


@dataclass(frozen=True)
class Packages:
    """What one run of packaging made, and the file of Terraform values that names it."""

    target: Target
    packages: tuple[Package, ...]
    tfvars: Path

    def __iter__(self) -> Iterator[Package]:
        return iter(self.packages)


def package(target: Target, functions: Iterable[str] = (), *, root: Path, build: Path | None = None) -> Packages:
    """Make the packages of ``functions`` (all when empty) of the project at ``root``.

    Writes ``{build}/{target}/packages/{function}.zip`` and ``{build}/{target}/packages.tfvars.json``; ``build`` is
    ``.build`` of the project unless given. ``aws`` is arm64 and Python 3.12, ``local`` is this machine and interpreter.
    Raises PackagingError.
    """
    wanted = sorted(functions or FUNCTIONS)
    for name in wanted:
        if name not in FUNCTIONS:
            raise PackagingError(
                f"There is no function {name!r}.", f"The functions are {', '.join(sorted(FUNCTIONS))}."
            )
    folder = (build or root / ".build").resolve() / target
    with _alone(folder):
        plans = [_plan(name, target, root.resolve(), folder) for name in wanted]
        changed = [plan for plan in plans if _kept(plan) is None]
        if changed:
            _assemble(target, changed, root)
        packages = tuple(_kept(plan, built=plan in changed) for plan in plans)
        tfvars = folder / "packages.tfvars.json"
        _write_tfvars(tfvars, packages)
    return Packages(target, packages, tfvars)


@dataclass(frozen=True)
class _Plan:
    function: str
    files: dict[str, Path]
    fingerprint: str
    archive: Path
    apis: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def record(self) -> Path:
        return self.archive.with_suffix(".json")


def _plan(function: str, target: Target, root: Path, folder: Path) -> _Plan:
    source_root = root / "src"
    traced = sources.trace(FUNCTIONS[function], source_root)
    contract = sorted((root / "contract").glob("*.json"))
    if not contract:
        raise PackagingError(f"There is no contract in {root / 'contract'}.")
    files = {path.relative_to(source_root).as_posix(): path for path in traced.modules.values()}
    files |= {f"contract/{path.name}": path for path in contract}
    apis = _apis(root) if function == DECIDES else {}
    files |= {f"contract/apis/{name}.json": path for name, path in apis.items()}

    digest = hashlib.sha256(_toolchain(target, root))
    for name in sorted(files):
        digest.update(f"{name}\0{hashlib.sha256(files[name].read_bytes()).hexdigest()}\0".encode())
    for lock in _needed(function, traced.third_party, target, root, folder):
        digest.update(lock.fingerprint.encode())
        files |= lock.files
    return _Plan(
        function, files, digest.hexdigest(), folder / "packages" / f"{function}.zip", tuple(apis), _words(apis)
    )


def _words(apis: dict[str, Path]) -> tuple[str, ...]:
    return tuple(sorted({word for path in apis.values() for word in words_of(json.loads(path.read_bytes()))}))


def _apis(root: Path) -> dict[str, Path]:
    """The documents of other services' APIs, by name: the project's, and those of the folder that a variable names."""
    folders = [root / "contract" / "apis"]
    if given := os.environ.get(APIS_FOLDER):
        folders.append(Path(given))
        if not folders[-1].is_dir():
            raise PackagingError(f"{APIS_FOLDER} is {given!r}, and there is no such folder.")
    found: dict[str, Path] = {}
    for path in [path for folder in folders for path in sorted(folder.glob("*.json"))]:
        if path.stem in found:
            raise PackagingError(f"Two documents describe the API {path.stem}: {found[path.stem]} and {path}.")
        found[path.stem] = path
        try:
            check_api(path.stem, json.loads(path.read_bytes()))
        except ValueError as error:
            raise PackagingError(f"{path} is no JSON: {error}.") from error
        except ContractError as error:
            raise PackagingError(str(error), f"Change {path}; docs/another-api.md says what it needs.") from error
    return dict(sorted(found.items()))


def _needed(
    function: str, third_party: dict[str, str], target: Target, root: Path, folder: Path
) -> list[dependencies.Dependencies]:
    """The fewest locks that hold what the function imports."""
    if not third_party:
        return []
    locks = [
        dependencies.install(target, root / "requirements" / f"{name}.txt", folder / "dependencies")
        for name in dependencies.LOCKS
    ]
    inputs = " or ".join(f"requirements/{name}.in" for name in dependencies.LOCKS)
    for name, importer in third_party.items():
        if not any(name in lock.importable for lock in locks):
            raise PackagingError(
                f"{importer} imports {name}, which the function {function} would not carry to AWS.",
                f"Add it to {inputs} and run `make lock`.",
            )
    return [lock for lock in locks if lock.importable & set(third_party)]


def _toolchain(target: Target, root: Path) -> bytes:
    """Changes when the program that writes the archives does."""
    parts = [Path(assemble.__file__).read_bytes(), bytes([COMPRESSION[target]])]
    if target == "aws":
        parts += [_script().read_bytes(), _npm_lock(root).read_bytes()]
    else:
        parts.append(dependencies.host().encode())
    return b"\0".join(parts)


def _kept(plan: _Plan, *, built: bool = False) -> Package | None:
    """The archive made earlier from the same inputs, or None when there is none or somebody changed it."""
    try:
        record = json.loads(plan.record.read_text())
        content = plan.archive.read_bytes()
    except (FileNotFoundError, ValueError):
        return None
    sha256 = hashlib.sha256(content).hexdigest()
    if record.get("fingerprint") != plan.fingerprint or record.get("sha256") != sha256:
        return None
    return Package(plan.function, plan.archive, sha256, len(content), record["unzipped"], built, plan.apis, plan.words)


def _assemble(target: Target, plans: list[_Plan], root: Path) -> None:
    packages = plans[0].archive.parent
    packages.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".assemble-", dir=packages) as fresh:
        outputs = {plan.function: Path(fresh) / plan.archive.name for plan in plans}
        job = {
            "level": COMPRESSION[target],
            "packages": [
                {
                    "output": str(outputs[plan.function]),
                    "files": {name: str(plan.files[name]) for name in sorted(plan.files)},
                }
                for plan in plans
            ],
        }
        if target == "aws":
            _assemble_in_webassembly(job, root)
        else:
            assemble.assemble(job)
        for plan in plans:
            _keep(plan, outputs[plan.function])


def _keep(plan: _Plan, output: Path) -> None:
    import zipfile

    with zipfile.ZipFile(output) as archive:
        unzipped = sum(entry.file_size for entry in archive.infolist())
    if unzipped > LARGEST_UNZIPPED:
        raise PackagingError(
            f"The package of {plan.function} holds {unzipped / 2**20:.0f} MiB; Lambda takes at most 250 MiB."
        )
    record = {
        "fingerprint": plan.fingerprint,
        "sha256": hashlib.sha256(output.read_bytes()).hexdigest(),
        "unzipped": unzipped,
    }
    # Without its record an archive counts as missing: a kill between these lines only costs a rebuild.
    plan.record.unlink(missing_ok=True)
    output.replace(plan.archive)
    written = plan.record.with_suffix(".new")
    written.write_text(json.dumps(record))
    written.replace(plan.record)


def _script() -> Path:
    return Path(__file__).with_name("assemble.mjs")


def _npm_lock(root: Path) -> Path:
    return root / "package-lock.json"


def _assemble_in_webassembly(job: dict, root: Path) -> None:
    node = shutil.which("node")
    if node is None:
        raise PackagingError(
            f"Packages for AWS need Node.js {LEAST_NODE} or newer, and there is no `node` on the PATH.",
            "Install Node.js; the local AWS does without it.",
        )
    command = [node, str(_script()), str(interpreter(root))]
    done = subprocess.run(command, input=json.dumps(job), capture_output=True, text=True, check=False)  # noqa: S603 - a list of our own, no shell
    if done.returncode != 0:
        raise PackagingError(f"The packages could not be written: {done.stderr.strip() or 'no reason given'}")


def interpreter(root: Path) -> Path:
    """The folder of the WebAssembly interpreter, installed from the npm lock when it is not there yet."""
    folder = root / "node_modules" / "pyodide"
    locked = json.loads(_npm_lock(root).read_text())["packages"]["node_modules/pyodide"]["version"]
    with _alone(root / ".build"):
        if _installed_version(folder) != locked:
            _install_interpreter(root)
    return folder


def _installed_version(folder: Path) -> str | None:
    try:
        return json.loads((folder / "package.json").read_text())["version"]
    except (FileNotFoundError, ValueError):
        return None


def _install_interpreter(root: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise PackagingError("Packages for AWS need npm, and there is none on the PATH.", "Install Node.js with npm.")
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603 - a list of our own, no shell
    if done.returncode != 0:
        raise PackagingError(f"`npm ci` failed: {done.stderr.strip() or done.stdout.strip() or 'no reason given'}")


def _write_tfvars(path: Path, packages: tuple[Package, ...]) -> None:
    """Add the packages to the file that Terraform reads; those of functions not made this time stay."""
    try:
        values = json.loads(path.read_text())["packages"]
    except (FileNotFoundError, ValueError, KeyError):
        values = {}
    values = {name: value for name, value in values.items() if name in FUNCTIONS}
    values |= {item.function: item.values for item in packages}
    text = json.dumps({"packages": dict(sorted(values.items()))}, indent=2) + "\n"
    if not path.is_file() or path.read_text() != text:
        written = path.with_suffix(".new")
        written.write_text(text)
        written.replace(path)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two runs at once would tread on each other."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
