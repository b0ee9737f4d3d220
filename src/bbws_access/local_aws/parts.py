"""The parts of a saved state that are large, so that only what changed of them is written.

A part is a file named by its content's hash. The snapshot names the parts that belong to it; so it is whole as soon as
it stands, and what an older one named goes afterwards.

DynamoDB's items are written once, and from then on what changed. When that is as much as half of a table, it is written
anew while requests go on: what they change meanwhile is in the next list of changes, which comes after it.
Records of streams, and tokens, are only ever added, so they are written in blocks that stay. Logs and points of metrics
are many and dear to nobody: they are written every half minute.
"""

import hashlib
import pickle
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bbws_access.local_aws.files import write_atomically

Key = tuple[Any, ...]
Item = tuple[Any, Any]

_CHUNK = 1000
_BLOCK = 256
# So many changes of a table are written before it is written anew, however small it is.
_FEWEST_CHANGES = 1000
_MOST_LISTS = 64
TELEMETRY_SECONDS = 30.0


class Behind(Exception):
    """Something came to be while the parts were prepared: prepare them again."""


class Blobs:
    """Files by their hash."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._waiting: dict[str, bytes] = {}

    def put(self, content: bytes) -> str:
        """Keep some content until `flush`; returns its name."""
        name = hashlib.sha256(content).hexdigest()
        self._waiting[name] = content
        return name

    def flush(self) -> None:
        """Write what was put. Raises OSError; what could not be written is tried again next time."""
        self._folder.mkdir(parents=True, exist_ok=True)
        while self._waiting:
            name, content = next(iter(self._waiting.items()))
            if not (self._folder / name).exists():
                write_atomically(self._folder / name, content)
            del self._waiting[name]

    def get(self, name: str) -> bytes:
        """Content by its name. Raises OSError, or ValueError where it is damaged."""
        content = (self._folder / name).read_bytes()
        if hashlib.sha256(content).hexdigest() != name:
            raise ValueError(f"blob {name} is damaged")
        return content

    def sweep(self, named: set[str]) -> None:
        """Remove all others."""
        for blob in self._folder.iterdir():
            if blob.name not in named:
                blob.unlink(missing_ok=True)


@dataclass
class _Saved:
    """What is saved of one table: of these very objects, so that another table of its name is none of it."""

    table: dict[str, Any]
    items: Any
    whole: list[str]
    count: int
    lists: list[str] = field(default_factory=list)
    changed: dict[Item, None] = field(default_factory=dict)

    def is_of(self, table: dict[str, Any]) -> bool:
        return self.table is table and self.items is table["items"]


class Items:
    """The items of DynamoDB's tables, and which of them changed."""

    def __init__(self, blobs: Blobs, tables: dict[Key, dict[str, Any]]):
        self._blobs, self._tables = blobs, tables
        self._saved: dict[Key, _Saved] = {}
        self._lock = threading.Lock()
        self._dirty: dict[int, dict[Item, None]] = {}
        self._anew: set[int] = set()

    def changed(self, table: dict[str, Any], partition: Any, sort: Any) -> None:
        """Say that an item was put or removed."""
        with self._lock:
            self._dirty.setdefault(id(table), {})[partition, sort] = None

    def replaced(self, table: dict[str, Any]) -> None:
        """Say that all items of a table are others."""
        with self._lock:
            self._anew.add(id(table))

    def prepare(self) -> None:
        """Write tables anew where that is due, while requests go on."""
        for key, table in list(self._tables.items()):
            saved = self._saved.get(key)
            with self._lock:
                dirty = len(self._dirty.get(id(table), ()))
                anew = id(table) in self._anew
            if (
                saved is None
                or anew
                or not saved.is_of(table)
                or len(saved.changed) + dirty > max(_FEWEST_CHANGES, saved.count // 2)
            ):
                self._write(key, table)
            elif len(saved.lists) >= _MOST_LISTS:
                self._join(saved, table)

    def _write(self, key: Key, table: dict[str, Any]) -> None:
        items = table["items"]
        with self._lock:
            # What changes from here on is written after the whole.
            self._dirty.pop(id(table), None)
            self._anew.discard(id(table))
        try:
            names, count = [], 0
            for chunk in _chunks(_all(items)):
                names.append(self._blobs.put(pickle.dumps(chunk, pickle.HIGHEST_PROTOCOL)))
                count += len(chunk)
                self._blobs.flush()
        except BaseException:
            self.replaced(table)
            raise
        self._saved[key] = _Saved(table, items, names, count)

    def _join(self, saved: _Saved, table: dict[str, Any]) -> None:
        with self._lock:
            saved.changed |= self._dirty.pop(id(table), {})
        try:
            saved.lists = [
                self._blobs.put(pickle.dumps(chunk, pickle.HIGHEST_PROTOCOL))
                for chunk in _chunks(_found(saved.items, list(saved.changed)))
            ]
            self._blobs.flush()
        except BaseException:
            self.replaced(table)
            raise

    def collect(self) -> dict[Key, tuple[list[str], list[str]]]:
        """The parts of each table as it is at this moment. Raises Behind where one has to be written first."""
        found = {}
        for key, table in list(self._tables.items()):
            saved = self._saved.get(key)
            with self._lock:
                if saved is None or id(table) in self._anew or not saved.is_of(table):
                    raise Behind
                dirty = self._dirty.pop(id(table), None)
                if dirty:
                    entries = list(_found(saved.items, list(dirty)))
                    saved.lists.append(self._blobs.put(pickle.dumps(entries, pickle.HIGHEST_PROTOCOL)))
                    saved.changed |= dirty
            found[key] = (list(saved.whole), list(saved.lists))
        for key in self._saved.keys() - found.keys():
            del self._saved[key]
        return found

    def restore(
        self,
        parts: dict[Key, tuple[list[str], list[str]]],
        share: Callable[[dict[str, Any]], None] = lambda item: None,
    ) -> None:
        """Fill the tables with what their parts hold.

        share: makes an item smaller
        """
        for key, (whole, lists) in parts.items():
            items: defaultdict[Any, dict[Any, Any]] = defaultdict(dict)
            saved = _Saved(self._tables[key], items, whole, 0, lists)
            for name in whole:
                for partition, sort, item in pickle.loads(self._blobs.get(name)):  # noqa: S301 - our own
                    share(item)
                    items[partition][sort] = item
                    saved.count += 1
            for name in lists:
                for partition, sort, item in pickle.loads(self._blobs.get(name)):  # noqa: S301 - our own
                    saved.changed[partition, sort] = None
                    if item is not None:
                        share(item)
                        items[partition][sort] = item
                    elif partition in items:
                        items[partition].pop(sort, None)
                        if not items[partition]:
                            del items[partition]
            self._tables[key]["items"] = items
            self._saved[key] = saved


def _all(items: Any) -> Iterator[tuple[Any, Any, Any]]:
    for partition, sorted_items in list(items.items()):
        for sort, item in list(sorted_items.items()):
            yield partition, sort, item


def _found(items: Any, keys: Iterable[Item]) -> Iterator[tuple[Any, Any, Any]]:
    """Items as they are now, None for those that are gone."""
    for partition, sort in keys:
        yield partition, sort, (items.get(partition) or {}).get(sort)


def _chunks(entries: Iterable[Any]) -> Iterator[list[Any]]:
    chunk = []
    for one in entries:
        chunk.append(one)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


class Blocks:
    """Lists that only grow at their end and are shortened at their beginning."""

    def __init__(self, blobs: Blobs):
        self._blobs = blobs
        self._full: dict[Any, tuple[Any, dict[int, str]]] = {}

    def collect(self, key: Any, owner: list[Any], gone: int) -> list[str]:
        """The parts of a list as it is stored; `gone` is how many entries are no longer in it."""
        if key not in self._full or self._full[key][0] is not owner:
            self._full[key] = owner, {}
        full = self._full[key][1]
        names = []
        first, last = gone // _BLOCK, (gone + len(owner)) // _BLOCK
        for number in range(first, last + 1):
            start, end = number * _BLOCK - gone, (number + 1) * _BLOCK - gone
            if start >= 0 and number in full:
                names.append(full[number])
                continue
            block = list.__getitem__(owner, slice(max(0, start), end))
            if block:
                names.append(self._blobs.put(pickle.dumps(block, pickle.HIGHEST_PROTOCOL)))
                if len(block) == _BLOCK:
                    full[number] = names[-1]
        for number in [one for one in full if one < first]:
            del full[number]
        return names

    def restore(self, names: list[str]) -> list[Any]:
        """The entries of a list."""
        return [one for name in names for one in pickle.loads(self._blobs.get(name))]  # noqa: S301 - our own


class Telemetry:
    """What is written now and then: logs, and points of metrics."""

    def __init__(self, blobs: Blobs):
        self._blobs = blobs
        self._names: dict[Any, tuple[Any, str]] = {}
        self._due = 0.0

    def prepare(self, find: Callable[[], dict[Any, tuple[Any, Callable[[], Any]]]], *, now: bool) -> None:
        """Write what changed of all sources, each with what differs when it changed, and how its content is found."""
        if not now and time.monotonic() < self._due:
            return
        sources = find()
        for key, (state, content) in sources.items():
            known = self._names.get(key)
            if known is None or known[0] != state:
                self._names[key] = state, self._blobs.put(pickle.dumps(content(), pickle.HIGHEST_PROTOCOL))
                self._blobs.flush()
        for key in self._names.keys() - sources.keys():
            del self._names[key]
        self._due = time.monotonic() + TELEMETRY_SECONDS

    def collect(self) -> dict[Any, str]:
        """The parts that were written last."""
        return {key: name for key, (_, name) in self._names.items()}

    def restore(self, names: dict[Any, str]) -> dict[Any, Any]:
        """The contents by their keys."""
        return {key: pickle.loads(self._blobs.get(name)) for key, name in names.items()}  # noqa: S301 - our own
