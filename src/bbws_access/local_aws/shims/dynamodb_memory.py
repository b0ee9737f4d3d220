"""DynamoDB: what it remembers for a while takes little room.

| AWS | MiniStack | test |
|---|---|---|
| a record of a stream is there for a day | with all that it names | `test_dynamodb_memory.py` |
| a token is known for ten minutes | with the whole request | `test_a_transaction_is_known_...` |
| (nothing that can be seen) items share what they have in common | they do not | `test_dynamodb_memory.py` |

MiniStack keeps each record with the whole item of before and of now, and each token with the whole request. Here a
record is packed until somebody reads it, and a token has the request's digest, which is all that it is compared by.

An item is a dictionary for each attribute's value, and a text for each attribute's name, all of its own. Most of them
say what another item's say: the same names, kinds, versions, organisations. Here items share them. Nobody can tell, as
MiniStack changes no value in its place: it puts another one there.
"""

import hashlib
import json
import pickle
import sys
import zlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, SupportsIndex

import orjson
from ministack.core.responses import AccountRegionScopedDict
from ministack.services import dynamodb

Record = dict[str, Any]

# The kinds of values that are one text.
TEXTS = frozenset(("S", "N", "B"))
# Longer texts are seldom those of another item.
_SHARED_CHARACTERS = 128
_SHARED_VALUES = 8192


class Packed(list[Any]):
    """A list of records, each packed; whoever reads one gets a copy."""

    def __init__(self, records: Iterable[Record] = ()):
        super().__init__(map(_pack, records))

    def append(self, record: Record) -> None:
        """Pack a record behind the others."""
        super().append(_pack(record))

    def __iter__(self) -> Iterator[Record]:
        return map(_unpack, super().__iter__())

    def __getitem__(self, at: SupportsIndex | slice) -> Any:
        found = super().__getitem__(at)
        return [_unpack(one) for one in found] if isinstance(at, slice) else _unpack(found)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (list(super().__iter__()),)


class Digest:
    """Stands for a request of which it only matters whether another one is the same."""

    __slots__ = ("_digest",)

    def __init__(self, request: Any):
        self._digest = hashlib.sha256(_text(request)).digest()

    def __eq__(self, other: object) -> bool:
        return self._digest == (other if isinstance(other, Digest) else Digest(other))._digest

    def __hash__(self) -> int:
        return hash(self._digest)


def _text(request: Any) -> bytes:
    try:
        return orjson.dumps(request, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return json.dumps(request, sort_keys=True).encode()


class _Streams(AccountRegionScopedDict):
    """The records of each table's stream."""

    __slots__ = ()

    def __setitem__(self, key: Any, records: Iterable[Record]) -> None:
        super().__setitem__(key, records if isinstance(records, Packed) else Packed(records))


def install() -> None:
    """Keep records and tokens small."""
    dynamodb._stream_records = _Streams()
    store = dynamodb._txn_token_store

    def store_digest(token: str, entry: dict[str, Any]) -> None:
        store(token, {**entry, "signature": Digest(entry["signature"])})

    dynamodb._txn_token_store = store_digest
    put = dynamodb._set_item

    def put_small(table: dict[str, Any], partition: Any, sort: Any, item: dict[str, Any]) -> Any:
        share(item)
        return put(table, partition, sort, item)

    dynamodb._set_item = put_small
    dynamodb._item_size_bytes = _size_of(dynamodb._item_size_bytes)


def _size_of(size: Any) -> Any:
    """As MiniStack's count of an item's bytes; most values are texts, and most texts ASCII."""

    def known_size(item: Any) -> int:
        if type(item) is not dict:
            return size(item)
        total = 0
        for name, value in item.items():
            total += len(name) if name.isascii() else len(name.encode())
            text = value.get("S") if type(value) is dict and len(value) == 1 else None
            if type(text) is str and text.isascii():
                total += len(text)
            else:
                total += dynamodb._attribute_value_size(value)
        return total

    return known_size


def share(attributes: dict[str, Any]) -> None:
    """Let an item, or a map in one, have its names and values in common with others. It stays the same object."""
    shared = {sys.intern(name): _shared(value) for name, value in attributes.items()}
    # Emptied and filled again, so that the names are the shared ones too.
    attributes.clear()
    attributes.update(shared)


def _shared(value: dict[str, Any]) -> dict[str, Any]:
    if len(value) != 1:
        return value
    ((kind, content),) = value.items()
    if kind in TEXTS:
        return _value(kind, content) if type(content) is str and len(content) <= _SHARED_CHARACTERS else value
    if kind == "M":
        share(content)
    elif kind == "L":
        content[:] = map(_shared, content)
    elif content is True or content is False:
        return _value(kind, content)
    return value


@lru_cache(maxsize=_SHARED_VALUES)
def _value(kind: str, content: str | bool) -> dict[str, Any]:
    return {kind: content}


def _pack(record: Record) -> bytes:
    return zlib.compress(pickle.dumps(record, pickle.HIGHEST_PROTOCOL), 1)


def _unpack(packed: bytes) -> Record:
    return pickle.loads(zlib.decompress(packed))  # noqa: S301 - packed above, in this process or one before


def _restored(entries: list[bytes]) -> Packed:
    found = Packed()
    list.extend(found, entries)
    return found


def packed(records: list[Any]) -> Packed:
    """Records as they were saved: packed, or by a version that did not pack them."""
    if isinstance(records, Packed):
        return records
    return _restored(records) if all(isinstance(one, bytes) for one in records) else Packed(records)
