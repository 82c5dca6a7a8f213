"""A folder that files are delivered into: whole or not at all, once under one key, over nobody's file."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from kontora_connectors.canonical import Receipt
from kontora_connectors.contract import Config, Connector, ContentOf, Health, write
from kontora_connectors.data_classes import Zone
from kontora_connectors.errors import Conflict, ConnectorError, Forbidden, Invalid, Unavailable
from kontora_connectors.folder_files import Placer, sha256_of, sync_folder
from kontora_connectors.folder_receipts import Receipts
from kontora_connectors.interfaces import Body, Delivery, Files, Headline, Html, Recipients

#: What a sub-folder's name can be made of.
PLACES = ("date", "subject", "key")

_PLACE = re.compile(r"\{([^{}]*)\}")
_UNSAFE = re.compile(r"[/\\\x00-\x1f\x7f]+")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


class FolderConfig(Config):
    """Where files go."""

    path: Path = Field(description="an absolute path of a folder that is there; a missing one is not made")
    subfolder: str = Field("{date}", description="made of {date} (UTC), {subject}, {key}; empty: the folder itself")
    zone: Zone = Field("local", description="external, if others read the folder: then every delivery needs a yes")

    @field_validator("path")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        if not path.is_absolute():
            raise ValueError("write the path from the root: /srv/reports")
        return path

    @field_validator("subfolder")
    @classmethod
    def _below(cls, text: str) -> str:
        if unknown := [place for place in _PLACE.findall(text) if place not in PLACES]:
            raise ValueError(f"there is no {{{unknown[0]}}}; there is {', '.join(f'{{{place}}}' for place in PLACES)}")
        if text and any(part in ("", ".", "..") or part.startswith(".") for part in text.split("/")):
            raise ValueError("name folders below `path`: no / in front, no . or ..")
        return text


class Folder(Connector[FolderConfig], Delivery, kind="folder"):
    """A folder on this machine or on a mounted share. It takes the files; `body` and `recipients` are for mail."""

    @property
    def _receipts(self) -> Receipts:
        return Receipts(self.config.path)

    def zone_of(self, arguments: dict[str, Any]) -> Zone:
        """Say what the settings say."""
        return self.config.zone

    def check(self) -> Health:
        """Look whether the folder is there and can be written to."""
        try:
            with self._translated():
                self._receipts.reachable()
                free = shutil.disk_usage(self.config.path).free
        except ConnectorError as error:
            return Health(ok=False, detail=f"{error.message} {error.hint}".strip())
        return Health(ok=True, detail=f"{free // 1_000_000:,} MB free")

    @write(idempotency="unique_reference", lookup="receipt_by_key", approval="outside")
    def deliver(
        self,
        files: Files,
        subject: Headline,
        recipients: Recipients,
        body: Body = "",
        html: Html = "",
        *,
        key: str,
        content_of: ContentOf,
    ) -> Receipt:
        """Put files into the folder, once.

        A name that is taken by another file becomes `name (2)`; nothing is written over. A repeat under the same key
        returns the first receipt. Whatever goes wrong can be tried again: files that are there are not put there twice.
        """
        contents = [content_of(file) for file in files]
        with self._translated(), self._receipts.held():
            if (made := self.receipt_by_key(key)) is not None:
                return made
            folder = self._folder(self._receipts.begin(key), subject, key)
            placer = Placer(folder, self._receipts.folder, key)
            put = [placer.put(file, content) for file, content in zip(files, contents, strict=True)]
            receipt = Receipt(id=key, where=str(folder), at=datetime.now(UTC), files=put)
            self._receipts.finish(key, receipt)
            return receipt

    def receipt_by_key(self, key: str) -> Receipt | None:
        """Find the receipt of a delivery, and compare the files that are still there with it.

        Files may be taken away once they were delivered. Raises `Conflict` if one was changed.
        """
        with self._translated():
            receipt = self._receipts.find(key)
            for file in receipt.files if receipt else []:
                if sha256_of(Path(receipt.where if receipt else "", file.name)) not in (None, file.sha256):
                    raise Conflict(
                        f"{file.name!r} in the folder {self.instance!r} was changed since it was delivered.",
                        hint="Nothing is written over it. Start a new run to have the file again.",
                    )
            return receipt

    def _folder(self, begun: datetime, subject: str, key: str) -> Path:
        """The folder of one delivery, made if it is not there. Raises `Forbidden` if a link leads out."""
        words = {"date": begun.date().isoformat(), "subject": _word(subject), "key": key}
        root = self.config.path.resolve()
        folder = (root / _PLACE.sub(lambda place: words[place[1]], self.config.subfolder)).resolve()
        if not folder.is_relative_to(root):
            raise Forbidden(f"A link in the folder {self.instance!r} leads out of it: {folder.name!r}.")
        folder.mkdir(parents=True, exist_ok=True)
        for above in [above for above in folder.parents if above.is_relative_to(root)]:
            sync_folder(above)
        return folder

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Raise the error family. Nothing is ever unknown: what was put in place is found there by a repeat."""
        try:
            yield
        except OSError as error:
            raise self._error(error) from error

    def _error(self, error: OSError) -> ConnectorError:
        name, said = repr(self.instance), str(error)
        if error.errno in _FULL:
            return Unavailable(f"The folder {name} has no room for it.", detail=said, hint="Make room on its disk.")
        if error.errno in _REFUSED:
            return Forbidden(f"The folder {name} cannot be written to.", detail=said, hint="Check its owner and mode.")
        if error.errno == errno.ENAMETOOLONG:
            return Invalid(f"A name is too long for the folder {name}.", detail=said)
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return Unavailable(
                f"The folder {name} is not there.", detail=said, hint="Make it, or mount the share; check its path."
            )
        return Unavailable(f"The folder {name} does not work: {error.strerror}.", detail=said)


def _word(subject: str) -> str:
    """A subject as a part of a path: no separators, no dot in front, not longer than a name can be."""
    shortened = _UNSAFE.sub(" ", subject).strip(" .").encode()[:200].decode(errors="ignore").strip()
    return shortened or "-"
