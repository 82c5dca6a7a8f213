"""Checkpoints: a signed list of the heads of all runs, to be kept elsewhere.

Whoever owns the database can rewrite a whole chain, or take a run away with everything that belongs to it. A checkpoint
made before shows it. The file is one JSON text per line: a header, one array per run, a signature of all of that.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, literal, null, select, union_all

from kontora_workflows.ledger import tables
from kontora_workflows.ledger.chain import canonical
from kontora_workflows.ledger.database import Database
from kontora_workflows.ledger.signing import SigningKey
from kontora_workflows.ledger.standalone import FORMAT, Break, check_signature, heads, signed_text
from kontora_workflows.ledger.tables import Now

E, R, T = tables.entries.c, tables.runs.c, tables.removed_runs.c

_BATCH = 500


class CheckpointInvalid(Exception):
    """The file is no checkpoint, or not the one that was signed."""


@dataclass(frozen=True)
class Removed:
    """A run that a checkpoint lists and that was removed since, as its record says. `at` is in milliseconds."""

    run_id: str
    at: int
    by: str
    why: str


@dataclass
class Compared:
    """The ledger held against a checkpoint."""

    made_at: str
    runs: int = 0
    removed: list[Removed] = field(default_factory=list)
    breaks: list[Break] = field(default_factory=list)


def write_checkpoint(database: Database, key: SigningKey, path: Path) -> int:
    """Write a checkpoint of the whole ledger; return how many runs it lists, removed ones included."""
    part, count = path.with_name(f".{path.name}.{os.getpid()}"), -2
    try:
        with database.snapshot() as connection, part.open("xb") as file:
            for line in checkpoint_lines(connection, key):
                file.write(line)
                count += 1
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return count


def checkpoint_lines(
    connection: Connection, key: SigningKey, roots: Sequence[str] | None = None, **more: Any
) -> Iterator[bytes]:
    """The lines of a checkpoint of some runs with those of their loops, or of all and those removed.

    `more` goes into the header.
    """
    now = datetime.fromtimestamp(connection.execute(select(Now())).scalar_one() / 1000, UTC)
    header = {"format": FORMAT, "made_at": now.isoformat(timespec="milliseconds"), "public_key": key.public.hex()}
    sha = hashlib.sha256()
    for content in chain([header | more], _heads(connection, roots)):
        line = _line(content)
        sha.update(line)
        yield line
    digest = sha.hexdigest()
    yield _line({"sha256": digest, "signature": key.sign(signed_text(digest)).hex()})


def _line(content: Any) -> bytes:
    return canonical(content).encode() + b"\n"


def _heads(connection: Connection, roots: Sequence[str] | None) -> Iterator[list[Any]]:
    runs = select(R.id, R.head_seq, R.head_hash, null().label("removed_at"), literal("").label("why"))
    if roots is None:
        removed = select(T.id, T.head_seq, T.head_hash, T.removed_at, T.why)
        query: Any = union_all(runs, removed).order_by("id")
    else:
        query = runs.where(R.root_id.in_(roots)).order_by(R.id)
    for row in connection.execute(query.execution_options(yield_per=5_000)):
        yield list(row[:3]) if row.removed_at is None else list(row)


def compare(database: Database, path: Path, trusted: bytes | None = None) -> Compared:
    """Look for everything that a checkpoint lists: a run may have grown, or been removed on record, and nothing else.

    That each chain holds by itself is for `Verification` to say. Raises `CheckpointInvalid`.
    """
    try:
        with path.open("rb") as file:
            header = check_signature(file, trusted)
        found = Compared(str(header["made_at"]))
        with path.open("rb") as file:
            for some in _batches(heads(file)):
                with database.snapshot() as connection:
                    _compare(connection, some, found)
    except (ValueError, OSError) as error:
        raise CheckpointInvalid(f"The checkpoint {path} cannot be used: {error}.") from None
    return found


def _compare(connection: Connection, lines: list[list[Any]], found: Compared) -> None:
    ids = [line[0] for line in lines]
    there = {row.id: row for row in connection.execute(select(R.id, R.head_seq, R.head_hash).where(R.id.in_(ids)))}
    gone = {row.id: row for row in connection.execute(select(tables.removed_runs).where(T.id.in_(ids)))}
    for run_id, seq, hash_, *removed in lines:
        found.runs += 1
        run, record = there.get(run_id), gone.get(run_id)
        if record is not None and (record.head_seq, record.head_hash) != (seq, hash_) and record.head_seq <= seq:
            found.breaks.append(Break(run_id, seq, "it was removed with other entries than the checkpoint lists"))
        elif record is not None:
            if not removed:
                found.removed.append(Removed(run_id, record.removed_at, record.removed_by, record.why))
        elif removed:
            found.breaks.append(Break(run_id, seq, "the record that it was removed has vanished"))
        elif run is None:
            found.breaks.append(Break(run_id, seq, "the run has vanished"))
        elif run.head_seq < seq:
            found.breaks.append(Break(run_id, seq, f"it was cut off after entry {run.head_seq}"))
        elif _hash_at(connection, run, seq) != hash_:
            found.breaks.append(Break(run_id, seq, "the run was written anew: it had another entry here"))


def _hash_at(connection: Connection, run: Any, seq: int) -> str | None:
    if run.head_seq == seq:
        return str(run.head_hash)
    return connection.execute(select(E.hash).where(E.run_id == run.id, E.seq == seq)).scalar()


def _batches(items: Iterable[Any]) -> Iterator[list[Any]]:
    rest = iter(items)
    while some := list(islice(rest, _BATCH)):
        yield some
