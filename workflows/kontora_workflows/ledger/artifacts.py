"""Files that a run wrote. They live in the ledger's database, so that every machine and every backup has them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from ulid import ULID

from kontora_workflows.ledger import tables
from kontora_workflows.ledger.chain import Entry
from kontora_workflows.ledger.database import Database
from kontora_workflows.ledger.entries import Entries, Head
from kontora_workflows.ledger.tables import Now

F = tables.artifacts.c
_HEAD = (F.id, F.run_id, F.name, F.media_type, F.size, F.sha256, F.created_at)


class UnknownArtifact(LookupError):
    """There is no such artifact, or its content was erased."""


@dataclass(frozen=True)
class Artifact:
    """A file without its content. `size` is in bytes."""

    id: str
    run_id: str
    name: str
    media_type: str
    size: int
    sha256: str
    created_at: int


class Artifacts:
    """All artifacts of a ledger."""

    def __init__(self, database: Database, entries: Entries) -> None:
        self._database, self._entries = database, entries

    def write(self, head: Head, key: str, name: str, media_type: str, content: bytes) -> Entry:
        """Store a file and its entry, which names it, in one transaction. Raises `LeaseLost`."""
        id_, sha256 = f"art_{ULID()}", hashlib.sha256(content).hexdigest()
        body = {"artifact": id_, "name": name, "media_type": media_type, "size": len(content), "sha256": sha256}
        row: dict[str, Any] = {k: v for k, v in body.items() if k != "artifact"}
        row |= {"id": id_, "run_id": head.run_id, "content": content, "created_at": Now()}
        with self._database.write("artifact.written") as connection:
            entry = self._entries.append_in(connection, head, "artifact.written", key, body)
            connection.execute(tables.artifacts.insert().values(**row))
        return entry

    def get(self, artifact_id: str) -> Artifact:
        """One artifact. Raises `UnknownArtifact`."""
        with self._database.read() as connection:
            row = connection.execute(select(*_HEAD).where(F.id == artifact_id)).one_or_none()
        if row is None:
            raise UnknownArtifact(f"There is no artifact {artifact_id!r}.")
        return Artifact(**row._mapping)

    def content(self, artifact_id: str) -> bytes:
        """The bytes of an artifact. Raises `UnknownArtifact`."""
        with self._database.read() as connection:
            content = connection.execute(select(F.content).where(F.id == artifact_id)).scalar()
        if content is None:
            raise UnknownArtifact(f"There is no artifact {artifact_id!r}, or it was erased.")
        return bytes(content)

    def of_run(self, run_id: str, *, erased: bool = True) -> list[Artifact]:
        """Artifacts of a run, in the order they were written, with or without those whose content was erased."""
        query = select(*_HEAD).where(F.run_id == run_id).order_by(F.created_at, F.id)
        with self._database.read() as connection:
            rows = connection.execute(query if erased else query.where(F.content.is_not(None)))
            return [Artifact(**row._mapping) for row in rows]
