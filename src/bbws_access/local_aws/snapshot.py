"""Saving and restoring what the emulator holds, so that a killed emulator comes back as it was.

MiniStack saves on a clean stop only, one file per service, and S3's objects apart. Terraform's state lies in S3 of
the same emulator as the resources that it describes, so both must come from the same moment: here everything is
one snapshot, replaced by an atomic rename. Large values (objects, function packages) are kept beside it by their
hash and written once, and so are the parts of large stores, of which only what changed is written.
"""

import hashlib
import io
import logging
import math
import pickle
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from ministack.app import _get_module, _registry_module_names
from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict, get_account_id, get_region
from ministack.services import cloudwatch, cloudwatch_logs, dynamodb

from bbws_access.local_aws import memory
from bbws_access.local_aws.errors import LocalAwsError
from bbws_access.local_aws.files import write_atomically
from bbws_access.local_aws.parts import TELEMETRY_SECONDS, Behind, Blobs, Blocks, Items, Telemetry
from bbws_access.local_aws.shims import dynamodb_memory

logger = logging.getLogger("local-aws.snapshot")

_FORMAT = 2
# The first had everything in the one file.
_FORMATS = (1, 2)
_BLOB_BYTES = 64 * 1024
# Stores outside the scoped dictionaries, by module.
_PLAIN_STORES = {"cognito": ("_authorization_codes", "_refresh_tokens", "_revoked_tokens", "_auth_codes")}
# Its keys are OpenSSL objects, which only the module itself knows how to write down.
_OWN_STATE = ("kms",)
_ATTEMPTS = 20
_BEHIND_SECONDS = 5.0


class Snapshots:
    """The snapshot in `folder`, and the thread that keeps it fresh while it is told of changes.

    run_at_once: runs a function while no request is in the middle of something
    """

    def __init__(
        self,
        folder: Path,
        interval: float = 1.0,
        run_at_once: Callable[[Callable[[], bytes]], bytes] = lambda collect: collect(),
    ):
        self._folder = folder
        self._file = folder / "state.pickle"
        self._interval = interval
        self._run_at_once = run_at_once
        self._blobs = Blobs(folder / "blobs")
        self._items = Items(self._blobs, dynamodb._tables._data)
        self._blocks, self._telemetry = Blocks(self._blobs), Telemetry(self._blobs)
        self._tokens: list[tuple[Any, dict[str, Any]]] = []
        self._tokens_gone = 0
        self._large: dict[int, tuple[bytes, str]] = {}
        self._named: set[str] = set()
        self._written: bytes | None = None
        self._saving = threading.Lock()
        self._told = threading.Event()
        self._changed, self._seen, self._again = False, False, math.inf
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="local-aws-snapshots", daemon=True)
        self._watch_dynamodb()

    def restore(self) -> None:
        """Load the last snapshot into the emulator's modules. Raises LocalAwsError when it cannot be read."""
        if not self._file.exists():
            return
        try:
            with self._file.open("rb") as file:
                saved = _Unpickler(file, self._blobs).load()
            if saved.get("format") in _FORMATS:
                self._fill(saved)
        except Exception as error:
            raise LocalAwsError(
                f"The saved state {self._file} cannot be read ({type(error).__name__}: {error}). "
                "Remove it to start with an empty local AWS."
            ) from error
        if saved.get("format") not in _FORMATS:
            raise LocalAwsError(
                f"The saved state {self._file} was written by another version. "
                "Remove it to start with an empty local AWS."
            )
        _address_queues()
        functions = sys.modules.get("ministack.services.lambda_svc")
        if functions is not None and functions._esms.has_any():
            functions._ensure_poller()

    def start(self) -> None:
        """Begin to save whenever something changed."""
        self._thread.start()

    def mark_changed(self) -> None:
        """Say that a request may have changed something."""
        self._changed = True
        self._told.set()

    def mark_seen(self) -> None:
        """Say that a request may have left something in logs and metrics."""
        self._seen = True
        self._told.set()

    def close(self) -> None:
        """Save for the last time and stop the thread."""
        self._closed.set()
        self._told.set()
        self._thread.join(timeout=30)
        self.save()

    def save(self, *, telemetry: bool = True) -> None:
        """Write what changed now; without telemetry, logs and metrics only if half a minute has passed."""
        with self._saving:
            self._save(telemetry)

    def _run(self) -> None:
        telemetry_due = 0.0
        while not self._closed.is_set():
            self._told.wait()
            if self._closed.wait(self._interval):
                return
            now = time.monotonic()
            with_telemetry = now >= telemetry_due
            if not (self._changed or now >= self._again or (self._seen and with_telemetry)):
                if not self._seen and self._again == math.inf:
                    self._told.clear()
                    if self._changed or self._seen:
                        # Told in between.
                        self._told.set()
                continue
            # What goes on behind a request, such as the delivery of an event, may change something without another one.
            self._again = now + _BEHIND_SECONDS if self._changed else math.inf
            self._changed = False
            if with_telemetry:
                self._seen, telemetry_due = False, now + TELEMETRY_SECONDS
            try:
                self.save(telemetry=False)
            except Exception:
                # The next attempt may succeed, and without this thread nothing would ever be saved again.
                logger.exception("The state could not be saved; is the disk full?")
                self.mark_changed()
            if with_telemetry:
                # Written down, everything was in memory twice for a moment.
                memory.give_back()
            # Saving must never take a large part of the emulator's time, however much it holds.
            self._closed.wait(10 * (time.monotonic() - now))

    def _save(self, telemetry: bool) -> None:
        left_out: set[str] = set()
        for attempt in range(_ATTEMPTS):
            try:
                self._telemetry.prepare(_telemetry, now=telemetry and attempt == 0)
                self._items.prepare()
                content = self._run_at_once(partial(self._collected, left_out))
                break
            except (RuntimeError, Behind):
                # A store changed size while it was being written down, or a table came to be.
                if attempt == _ATTEMPTS - 1:
                    raise
            except (TypeError, AttributeError, pickle.PicklingError):
                # One service that holds what cannot be written down must not cost the others their state.
                failing = _unwritable(left_out)
                if not failing:
                    raise
                logger.exception("The state of %s cannot be saved", ", ".join(sorted(failing)))
                left_out |= failing
        digest = hashlib.sha256(content).digest()
        if digest == self._written and self._file.exists():
            return
        names = {name for _, name in self._large.values()} | self._named
        for value, _ in self._large.values():
            self._blobs.put(value)
        self._blobs.flush()
        write_atomically(self._file, content)
        self._written = digest
        # Only after the new snapshot stands may the blobs go that the old one alone needed.
        self._blobs.sweep(names)

    def _collected(self, left_out: set[str]) -> bytes:
        """Everything as it is at this moment."""
        items = self._items.collect()
        records = {
            key: self._blocks.collect(key, one, dynamodb._stream_trimmed._data.get(key, 0))
            for key, one in list(dynamodb._stream_records._data.items())
        }
        parts = {
            "items": items,
            "records": records,
            "tokens": self._blocks.collect("tokens", self._kept_tokens(), self._tokens_gone),
            "telemetry": self._telemetry.collect(),
        }
        buffer = io.BytesIO()
        pickler = _Pickler(buffer, self._large)
        pickler.dump(_collect(left_out) | {"parts": parts})
        self._large = pickler.seen
        self._named = {name for lists in items.values() for names in lists for name in names}
        self._named |= {name for names in (*records.values(), parts["tokens"]) for name in names}
        self._named |= set(parts["telemetry"].values())
        return buffer.getvalue()

    def _fill(self, saved: dict[str, Any]) -> None:
        for name, stores in saved["stores"].items():
            module = _get_module(name)
            for store_name, content in stores.items():
                _fill(getattr(module, store_name), content)
        for name, state in saved["own"].items():
            _get_module(name).load_persisted_state(state)
        parts = saved.get("parts")
        if parts is None:
            # Of the version before: everything was in the stores.
            records = dict(dynamodb._stream_records._data)
        else:
            self._items.restore(parts["items"], dynamodb_memory.share)
            records = {key: self._blocks.restore(names) for key, names in parts["records"].items()}
            self._tokens = self._blocks.restore(parts["tokens"])
            dynamodb._txn_idempotency._data.update(self._tokens)
            _fill_telemetry(self._telemetry.restore(parts["telemetry"]))
        dynamodb._stream_records._data.update({key: dynamodb_memory.packed(one) for key, one in records.items()})

    def _watch_dynamodb(self) -> None:
        """Learn of every item that changes, and of every transaction's token."""
        put, remove, replaced = dynamodb._set_item, dynamodb._remove_item, dynamodb._items_replaced
        store = dynamodb._txn_token_store

        def put_item(table: dict[str, Any], partition: Any, sort: Any, item: Any) -> Any:
            try:
                return put(table, partition, sort, item)
            finally:
                self._items.changed(table, partition, sort)
                self.mark_changed()

        def remove_item(table: dict[str, Any], partition: Any, sort: Any) -> Any:
            try:
                return remove(table, partition, sort)
            finally:
                self._items.changed(table, partition, sort)
                self.mark_changed()

        def replace_items(table: dict[str, Any]) -> None:
            self._items.replaced(table)
            self.mark_changed()
            replaced(table)

        def store_token(token: str, entry: dict[str, Any]) -> None:
            store(token, entry)
            key = (get_account_id(), get_region(), token)
            self._tokens.append((key, dynamodb._txn_idempotency._data[key]))

        dynamodb._set_item, dynamodb._remove_item = put_item, remove_item
        dynamodb._items_replaced, dynamodb._txn_token_store = replace_items, store_token

    def _kept_tokens(self) -> list[tuple[Any, dict[str, Any]]]:
        if not dynamodb._txn_idempotency._data:
            self._tokens, self._tokens_gone = [], 0
        oldest = time.time() - dynamodb._TXN_TOKEN_TTL
        gone = next((at for at, (_, one) in enumerate(self._tokens) if one["completed_at"] > oldest), len(self._tokens))
        # The list stays the same one: its blocks are known by it.
        del self._tokens[:gone]
        self._tokens_gone += gone
        return self._tokens


def _telemetry() -> dict[Any, tuple[Any, Callable[[], Any]]]:
    """Logs by group, and points of metrics by namespace: what differs when they changed, and what they are."""
    sources: dict[Any, tuple[Any, Callable[[], Any]]] = {}
    for key, group in list(cloudwatch_logs._log_groups._data.items()):
        streams = dict(group["streams"])
        state = [
            (name, id(one["events"]), len(one["events"]), one["lastIngestionTime"]) for name, one in streams.items()
        ]
        sources["logs", *key] = state, partial(_events, streams)
    spaces: dict[Any, dict[Any, list[Any]]] = {}
    for key, points in list(cloudwatch._metrics._data.items()):
        account, region, (namespace, *_) = key
        spaces.setdefault(("metrics", account, region, namespace), {})[key] = points
    for space, metrics in spaces.items():
        state = [
            (key, getattr(points, "changes", None), len(points), points[-1]["Timestamp"] if points else None)
            for key, points in metrics.items()
        ]
        sources[space] = state, partial(_listed, metrics)
    return sources


def _events(streams: dict[str, dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: stream["events"].copy() for name, stream in streams.items()}


def _listed(metrics: dict[Any, list[Any]]) -> dict[Any, list[Any]]:
    return {key: list(points) for key, points in metrics.items()}


def _fill_telemetry(contents: dict[Any, Any]) -> None:
    for (kind, *key), content in contents.items():
        if kind == "metrics":
            cloudwatch._metrics._data.update(content)
        else:
            streams = cloudwatch_logs._log_groups._data.get(tuple(key), {}).get("streams", {})
            for name in streams.keys() & content.keys():
                streams[name]["events"] = content[name]


def _loaded_modules() -> dict[str, ModuleType]:
    modules = {name: sys.modules.get(f"ministack.services.{name}") for name in sorted(_registry_module_names())}
    # A module that is just being imported has some of its stores only, and all of them empty.
    return {
        name: module
        for name, module in modules.items()
        if module is not None and not getattr(module.__spec__, "_initializing", False)
    }


def _collect(left_out: set[str]) -> dict[str, Any]:
    modules = {name: module for name, module in _loaded_modules().items() if name not in left_out}
    stores: dict[str, dict[str, Any]] = {}
    for name, module in modules.items():
        if name in _OWN_STATE:
            continue
        found = {
            key: value._data
            for key, value in list(vars(module).items())
            if isinstance(value, AccountRegionScopedDict | AccountScopedDict)
        }
        found |= {key: getattr(module, key) for key in _PLAIN_STORES.get(name, ())}
        for key, shorten in _SHORTENED.get(name, {}).items():
            found[key] = shorten(found[key])
        if any(found.values()):
            stores[name] = found
    own = {name: modules[name].get_state() for name in _OWN_STATE if name in modules}
    return {"format": _FORMAT, "stores": stores, "own": own}


def _without_items(tables: dict[Any, Any]) -> dict[Any, Any]:
    left_out = {"items", dynamodb._INDEX_MEMBERS}
    return {
        key: {name: value for name, value in table.items() if name not in left_out}
        for key, table in list(tables.items())
    }


def _without_events(groups: dict[Any, Any]) -> dict[Any, Any]:
    return {
        key: {
            **group,
            "streams": {name: {**stream, "events": []} for name, stream in list(group["streams"].items())},
        }
        for key, group in list(groups.items())
    }


def _nothing(_: dict[Any, Any]) -> dict[Any, Any]:
    return {}


# What of a store is in parts of its own, or can be made again, and is left out of the snapshot itself.
_SHORTENED: dict[str, dict[str, Callable[[dict[Any, Any]], dict[Any, Any]]]] = {
    "dynamodb": {"_tables": _without_items, "_stream_records": _nothing, "_txn_idempotency": _nothing},
    "cloudwatch": {"_metrics": _nothing},
    "cloudwatch_logs": {"_log_groups": _without_events, "_log_records": _nothing},
}


def _unwritable(left_out: set[str]) -> set[str]:
    """The modules whose stores cannot be written down."""
    failing = set()
    for name, stores in _collect(left_out)["stores"].items():
        try:
            _Pickler(io.BytesIO(), {}).dump(stores)
        except (TypeError, AttributeError, pickle.PicklingError):
            failing.add(name)
    return failing


def _fill(store: Any, content: Any) -> None:
    target = store._data if isinstance(store, AccountRegionScopedDict | AccountScopedDict) else store
    target.clear()
    target.update(content)


def _address_queues() -> None:
    """Give the queues URLs of this process's port: what is restored may have been saved on another."""
    sqs = sys.modules.get("ministack.services.sqs")
    if sqs is None:
        return
    for (account, region, url), queue in list(sqs._queues._data.items()):
        name = queue.get("name", "")
        here = sqs._queue_url_for_account(account, name)
        if name and here != url:
            del sqs._queues._data[account, region, url]
            sqs._queues._data[account, region, here] = queue | {"url": here}
            sqs._queue_name_to_url._data[account, region, name] = here


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, known: dict[int, tuple[bytes, str]]):
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self._known = known
        # The value is kept with its hash, so that its id cannot be given to another value meanwhile.
        self.seen: dict[int, tuple[bytes, str]] = {}

    def persistent_id(self, value: Any) -> str | None:
        if type(value) is not bytes or len(value) < _BLOB_BYTES:
            return None
        entry = self._known.get(id(value)) or (value, hashlib.sha256(value).hexdigest())
        self.seen[id(value)] = entry
        return entry[1]


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BufferedReader, blobs: Blobs):
        super().__init__(file)
        self._blobs = blobs
        self._read: dict[str, bytes] = {}

    def persistent_load(self, name: str) -> bytes:
        # A function's package is an object of S3 as well: the same bytes once.
        if name not in self._read:
            self._read[name] = self._blobs.get(name)
        return self._read[name]
