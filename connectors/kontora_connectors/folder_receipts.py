"""The receipts of a folder: one small file for each delivery, found by its key."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from kontora_connectors.canonical import Receipt, Record
from kontora_connectors.errors import Conflict, Invalid
from kontora_connectors.folder_files import sync_folder, write_durably

#: The folder of receipts, inside the one that files are delivered into.
NAME = ".kontora"

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")


class _Note(Record):
    """What is known of a delivery: when it was begun, and its receipt once it is done."""

    begun: datetime
    receipt: Receipt | None = None


class Receipts:
    """The receipts below `root`. They raise `OSError`, `Invalid` for a bad key, `Conflict` for a broken note."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.folder = root / NAME

    def reachable(self) -> None:
        """Raise `OSError` if no file can be put below `root`; change nothing."""
        os.stat(self._root / ".")
        for folder in (self._root, self.folder):
            if folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, "not writable", str(folder))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let other deliveries into this folder wait, as far as its file system knows locks."""
        if not self.folder.is_dir():
            self.folder.mkdir(exist_ok=True)
            sync_folder(self._root)
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def begin(self, key: str) -> datetime:
        """Note that a delivery begins; return when it began first, so that a later try goes to the same place."""
        known = self._read(key)
        if known is None:
            known = _Note(begun=datetime.now(UTC))
            self._write(key, known)
        for left in self.folder.glob(f"{key}.*.part"):
            left.unlink(missing_ok=True)
        return known.begun

    def finish(self, key: str, receipt: Receipt) -> None:
        """Keep the receipt."""
        known = self._read(key)
        self._write(key, _Note(begun=known.begun if known else receipt.at, receipt=receipt))

    def find(self, key: str) -> Receipt | None:
        """The receipt of a delivery; None if it was not finished."""
        note = self._read(key)
        return note.receipt if note else None

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise Invalid(f"{key!r} cannot be the key of a delivery: letters, digits, . _ - only.")
        return self.folder / f"{key}.json"

    def _read(self, key: str) -> _Note | None:
        path = self._path(key)
        try:
            return _Note.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            os.stat(self._root)  # a folder that is gone has no receipts, but is not empty either
            return None
        except ValidationError:
            raise Conflict(f"The receipt {path.name!r} cannot be read: somebody changed it.") from None

    def _write(self, key: str, note: _Note) -> None:
        path = self._path(key)
        part = path.with_name(f"{key}.{secrets.token_hex(4)}.part")
        try:
            write_durably(part, note.model_dump_json(indent=1).encode())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        sync_folder(self.folder)
