"""Putting a file into a folder so that it is never seen half-written and never replaces another one."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from kontora_connectors.canonical import FileRef
from kontora_connectors.errors import Conflict, Invalid

#: How many files of one name a folder takes.
_MOST = 99
#: What a file system says that has no hard links.
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


class Placer:
    """Puts the files of one delivery into `folder`; `workshop` is where they are written, on the same file system."""

    def __init__(self, folder: Path, workshop: Path, key: str) -> None:
        self._folder, self._workshop, self._key = folder, workshop, key

    def put(self, file: FileRef, content: bytes) -> FileRef:
        """Put one file in place and return it under the name it got. Raises `OSError`, `Conflict`, `Invalid`.

        A file of the same name and content is that file: an earlier try put it there.
        """
        if os.path.basename(file.name) != file.name or file.name in ("", ".", ".."):
            raise Invalid(f"{file.name!r} is not the name of a file.")
        part = self._workshop / f"{self._key}.{secrets.token_hex(4)}.part"
        try:
            write_durably(part, content)
            name = next((name for name in _names(file.name) if self._place(part, name, file.sha256)), None)
        finally:
            part.unlink(missing_ok=True)
        if name is None:
            raise Conflict(f"The folder has {_MOST} files called {file.name!r} already.")
        sync_folder(self._folder)
        return file.model_copy(update={"name": name})

    def _place(self, part: Path, name: str, sha256: str) -> bool:
        """Give a written file its name. False if the name belongs to a file with another content."""
        target = self._folder / name
        try:
            os.link(part, target)
        except FileExistsError:
            return sha256_of(target) == sha256
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if os.path.lexists(target):
                return sha256_of(target) == sha256
            part.rename(target)
        return True


def write_durably(path: Path, content: bytes) -> None:
    """Write a new file and wait until the disk has it. Raises `OSError`, and leaves nothing then."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the names in a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str | None:
    """The hash (hex) of what lies on the disk; None if no file of that name is there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR):
            return None
        raise
    with os.fdopen(descriptor, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _names(name: str) -> Iterator[str]:
    """`report.xlsx`, `report (2).xlsx`, …"""
    yield name
    path = Path(name)
    yield from (f"{path.stem} ({number}){path.suffix}" for number in range(2, _MOST + 1))
