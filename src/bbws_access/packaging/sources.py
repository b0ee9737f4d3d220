"""Which modules a handler really imports."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bbws_access.packaging.errors import PackagingError

PROJECT = "bbws_access"
NEVER_IN_AWS = tuple(
    f"{PROJECT}.{name}" for name in ("cli", "commands", "cost", "local_aws", "packaging", "reference_page", "verify")
)


@dataclass(frozen=True)
class Sources:
    """The project's modules that a handler reaches, and the names of the other packages that these import."""

    modules: dict[str, Path]
    third_party: dict[str, str]
    """Top-level name to the module that imports it."""


def trace(module: str, source_root: Path) -> Sources:
    """Follow every import of ``module``, wherever in the file it stands.

    Raises PackagingError when a module is missing, cannot be parsed, or belongs to the engineer's machine only.
    """
    modules: dict[str, Path] = {}
    third_party: dict[str, str] = {}
    waiting = [(name, "the function's handler") for name in _with_parents(module)]
    while waiting:
        name, importer = waiting.pop()
        if name in modules:
            continue
        if name.startswith(NEVER_IN_AWS):
            raise PackagingError(
                f"{importer} imports {name}, which runs on the engineer's machine and never in AWS.",
                "Move what both need to bbws_access.kernel.",
            )
        path = find(name, source_root)
        if path is None:
            raise PackagingError(f"{importer} imports {name}, and there is no such module under {source_root}.")
        modules[name] = path
        for imported, member in _imports(name, path):
            top = imported.partition(".")[0]
            if top == PROJECT:
                waiting += [(part, name) for part in _with_parents(imported)]
                # `from package import member`: a module, or something inside the package.
                if member and find(f"{imported}.{member}", source_root):
                    waiting.append((f"{imported}.{member}", name))
            elif top not in sys.stdlib_module_names:
                third_party.setdefault(top, name)
    return Sources(modules=dict(sorted(modules.items())), third_party=dict(sorted(third_party.items())))


def find(module: str, source_root: Path) -> Path | None:
    """The file of a module, or None when there is none."""
    base = source_root.joinpath(*module.split("."))
    candidates = (base / "__init__.py", base.with_name(base.name + ".py"))
    return next((path for path in candidates if path.is_file()), None)


def _with_parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[: count + 1]) for count in range(len(parts))]


def _imports(module: str, path: Path) -> Iterator[tuple[str, str]]:
    """Each imported module, with the name taken from it if any."""
    try:
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except SyntaxError as error:
        raise PackagingError(f"{path}:{error.lineno}: {error.msg}.") from error
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                kept = package.split(".")[: len(package.split(".")) - node.level + 1]
                origin = ".".join([*kept, origin] if origin else kept)
            yield from ((origin, alias.name) for alias in node.names)
