"""Writes zip archives with compiled files, byte for byte the same each time.

This file runs twice: in the host's interpreter for the local AWS, and in a CPython 3.12 compiled to WebAssembly for
AWS, so it uses nothing but the standard library.
"""

import functools
import importlib.util
import marshal
import sys
import zipfile
from pathlib import Path

TASK_ROOT = "/var/task/"  # where Lambda unpacks a function: what tracebacks should show
OLDEST_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip archive can state
REGULAR_FILE = 0o100644 << 16
UNIX = 3
UNCHECKED_HASH = 1


def assemble(job: dict) -> None:
    """Write every archive of ``job``.

    ``{"level": of compression, 1 to 9, "packages": [{"output": path, "files": {name in the archive: path}}]}``
    """
    for package in job["packages"]:
        entries: dict[str, bytes] = {}
        for name, path in package["files"].items():
            entries[name] = Path(path).read_bytes()
            if name.endswith(".py"):
                folder, _, file = name.rpartition("/")
                cached = f"__pycache__/{file.removesuffix('.py')}.{sys.implementation.cache_tag}.pyc"
                entries[f"{folder}/{cached}" if folder else cached] = compiled(name, entries[name])
        write(package["output"], entries, job["level"])


@functools.cache  # most files go into several packages
def compiled(name: str, source: bytes) -> bytes:
    """The .pyc of a source file, which Python takes without comparing times or contents."""
    code = compile(source, TASK_ROOT + name, "exec", dont_inherit=True, optimize=0)
    header = importlib.util.MAGIC_NUMBER + UNCHECKED_HASH.to_bytes(4, "little") + importlib.util.source_hash(source)
    # Later formats mark shared objects by their reference counts, which depend on what the interpreter did before.
    return header + marshal.dumps(code, 2)


def write(output: str, entries: dict[str, bytes], level: int) -> None:
    """Write ``entries`` sorted, with fixed times and permissions."""
    with zipfile.ZipFile(output, "w") as archive:
        for name in sorted(entries):
            info = zipfile.ZipInfo(name, OLDEST_TIME)
            info.create_system = UNIX
            info.external_attr = REGULAR_FILE
            archive.writestr(info, entries[name], zipfile.ZIP_DEFLATED, level)
