"""Saving and restoring what the emulator holds, so that a killed emulator comes back as it was.

MiniStack saves on a clean stop only, one file per service, and S3's objects apart. Terraform's state lies in S3 of
the same emulator as the resources that it describes, so both must come from the same moment: here everything is
one snapshot, replaced by an atomic rename. Large values (objects, function packages) are kept beside it by their
hash and written once.
"""

import hashlib
import io
import logging
import pickle
import sys
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from ministack.app import _get_module, _registry_module_names
from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict

from bbws_access.local_aws.errors import LocalAwsError
from bbws_access.local_aws.files import write_atomically

logger = logging.getLogger("local-aws.snapshot")

_FORMAT = 1
_BLOB_BYTES = 64 * 1024
# Stores outside the scoped dictionaries, by module.
_PLAIN_STORES = {"cognito": ("_authorization_codes", "_refresh_tokens", "_revoked_tokens", "_auth_codes")}
# Its keys are OpenSSL objects, which only the module itself knows how to write down.
_OWN_STATE = ("kms",)
_ATTEMPTS = 20


class Snapshots:
    """The snapshot in `folder`, and the thread that keeps it fresh while `mark_changed` is called."""

    def __init__(self, folder: Path, interval: float = 1.0):
        self._folder = folder
        self._blobs = folder / "blobs"
        self._file = folder / "state.pickle"
        self._interval = interval
        self._hashes: dict[int, tuple[bytes, str]] = {}
        self._written: bytes | None = None
        self._saving = threading.Lock()
        self._changed = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="local-aws-snapshots", daemon=True)

    def restore(self) -> None:
        """Load the last snapshot into the emulator's modules. Raises LocalAwsError when it cannot be read."""
        if not self._file.exists():
            return
        try:
            saved = _Unpickler(self._file.open("rb"), self._blobs).load()
        except Exception as error:
            raise LocalAwsError(
                f"The saved state {self._file} cannot be read ({type(error).__name__}: {error}). "
                "Remove it to start with an empty local AWS."
            ) from error
        if saved.get("format") != _FORMAT:
            raise LocalAwsError(
                f"The saved state {self._file} was written by another version. "
                "Remove it to start with an empty local AWS."
            )
        for name, stores in saved["stores"].items():
            module = _get_module(name)
            for store_name, content in stores.items():
                _fill(getattr(module, store_name), content)
        for name, state in saved["own"].items():
            _get_module(name).load_persisted_state(state)
        functions = sys.modules.get("ministack.services.lambda_svc")
        if functions is not None and functions._esms.has_any():
            functions._ensure_poller()

    def start(self) -> None:
        """Begin to save whenever something changed."""
        self._thread.start()

    def mark_changed(self) -> None:
        """Say that a request may have changed something."""
        self._changed.set()

    def close(self) -> None:
        """Save for the last time and stop the thread."""
        self._closed.set()
        self._changed.set()
        self._thread.join(timeout=30)
        self.save()

    def save(self) -> None:
        """Write the snapshot now."""
        with self._saving:
            self._save()

    def _run(self) -> None:
        while not self._closed.is_set():
            self._changed.wait()
            if self._closed.wait(self._interval):
                return
            self._changed.clear()
            started = time.monotonic()
            try:
                self.save()
            except Exception:
                # The next attempt may succeed, and without this thread nothing would ever be saved again.
                logger.exception("The state could not be saved; is the disk full?")
                self._changed.set()
            # Saving must never take a large part of the emulator's time, however much it holds.
            self._closed.wait(10 * (time.monotonic() - started))

    def _save(self) -> None:
        left_out: set[str] = set()
        for attempt in range(_ATTEMPTS):
            buffer = io.BytesIO()
            pickler = _Pickler(buffer, self._hashes)
            try:
                pickler.dump(_collect(left_out))
                break
            except RuntimeError:
                # A store changed size while it was being written down.
                if attempt == _ATTEMPTS - 1:
                    raise
            except (TypeError, AttributeError, pickle.PicklingError):
                # One service that holds what cannot be written down must not cost the others their state.
                failing = _unwritable(left_out)
                if not failing:
                    raise
                logger.exception("The state of %s cannot be saved", ", ".join(sorted(failing)))
                left_out |= failing
        content = buffer.getvalue()
        self._hashes = pickler.seen
        digest = hashlib.sha256(content).digest()
        if digest == self._written and self._file.exists():
            return
        self._blobs.mkdir(parents=True, exist_ok=True)
        names = {name for _, name in pickler.seen.values()}
        for value, name in pickler.seen.values():
            if not (self._blobs / name).exists():
                write_atomically(self._blobs / name, value)
        write_atomically(self._file, content)
        self._written = digest
        # Only after the new snapshot stands may the blobs go that the old one alone needed.
        for blob in self._blobs.iterdir():
            if blob.name not in names:
                blob.unlink(missing_ok=True)


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
        if any(found.values()):
            stores[name] = found
    own = {name: modules[name].get_state() for name in _OWN_STATE if name in modules}
    return {"format": _FORMAT, "stores": stores, "own": own}


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
    def __init__(self, file: io.BufferedReader, blobs: Path):
        super().__init__(file)
        self._blobs = blobs
        self._read: dict[str, bytes] = {}

    def persistent_load(self, name: str) -> bytes:
        # A function's package is an object of S3 as well: the same bytes once.
        if name not in self._read:
            self._read[name] = self._content(name)
        return self._read[name]

    def _content(self, name: str) -> bytes:
        content = (self._blobs / name).read_bytes()
        if hashlib.sha256(content).hexdigest() != name:
            raise ValueError(f"blob {name} is damaged")
        return content
