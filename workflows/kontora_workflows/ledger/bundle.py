"""Bundles: runs in a zip that somebody else can verify on another machine, with Python alone.

Entries are written as they are stored, byte for byte; beside them lie the payloads with their salts, the files, the
definitions, a signed checkpoint of exactly these runs, and the script that checks all of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from sqlalchemy import ColumnElement, Connection, Select, func, select, true

from kontora_workflows.ledger import standalone, tables
from kontora_workflows.ledger.chain import canonical
from kontora_workflows.ledger.checkpoint import checkpoint_lines
from kontora_workflows.ledger.database import Database
from kontora_workflows.ledger.signing import SigningKey
from kontora_workflows.ledger.standalone import fingerprint, write_public_key

D, E, F = tables.definitions.c, tables.entries.c, tables.artifacts.c
P, R = tables.payloads.c, tables.runs.c

README = """\
Runs from a Kontora ledger.

To check that nothing in here was changed, moved or taken away, with Python 3.9 or newer:

    python verify.py {name} --key public_key.pem

The key in this bundle is {fingerprint}. Compare that, or use a copy of the key that you got in another way:
whoever can forge a bundle can put another key and another verify.py into it. The script is part of Kontora
(kontora_workflows/ledger/standalone.py).

checkpoint.jsonl   which runs there are, how many entries each has, the hash of its last one; signed (Ed25519)
entries.jsonl      [run, seq, at, kind, key, fence, body, prev_hash, hash], as the ledger stores them
payloads.jsonl     [run, seq, salt, content], what may hold personal data; null where it was erased
definitions/       the workflows the runs were started with
artifacts/         the files the runs wrote, by id

hash = SHA-256 of the JSON array [prev_hash, run, seq, at, kind, key, fence, body], UTF-8, without spaces
       and with non-ASCII characters as they are; the first prev_hash is 64 zeros
payload in a body = SHA-256 of salt + content
signed = "kontora-checkpoint/1 ", the SHA-256 (hex) of all lines above the signature, and a line feed
"""


def export_bundle(
    database: Database, key: SigningKey, path: Path, roots: Sequence[str] | None = None, *, payloads: bool = True
) -> int:
    """Write a bundle of some runs with those of their loops, or of all; return how many runs it holds.

    Without `payloads` it holds neither them nor files. A bundle that is there is replaced once the new one is complete.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with database.snapshot() as connection, open(os.open(part, _NEW, 0o600), "wb") as file:
            with ZipFile(file, "w", ZIP_DEFLATED) as bundle:
                _write(bundle, connection, key, roots, payloads)
                bundle.writestr("README.txt", README.format(name=path.name, fingerprint=fingerprint(key.public)))
            count = connection.execute(select(func.count(R.id)).where(_among(R.id, roots))).scalar_one()
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return int(count)


_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL


def _write(
    bundle: ZipFile, connection: Connection, key: SigningKey, roots: Sequence[str] | None, payloads: bool
) -> None:
    _member(bundle, "checkpoint.jsonl", checkpoint_lines(connection, key, roots, payloads=payloads))
    entries = select(tables.entries).where(_among(E.run_id, roots)).order_by(E.run_id, E.seq)
    _member(bundle, "entries.jsonl", _rows(connection, entries))
    used = select(R.definition_hash).where(_among(R.id, roots))
    for hash_, text in connection.execute(select(D.hash, D.text).where(D.hash.in_(used))):
        bundle.writestr(f"definitions/{hash_}.json", text)
    if payloads:
        query = select(tables.payloads).where(_among(P.run_id, roots)).order_by(P.run_id, P.seq)
        _member(bundle, "payloads.jsonl", _rows(connection, query))
        files = select(F.id, F.content).where(_among(F.run_id, roots), F.content.is_not(None))
        for id_, content in connection.execute(files.execution_options(yield_per=8)):
            bundle.writestr(f"artifacts/{id_}", content)
    bundle.writestr("public_key.pem", write_public_key(key.public))
    bundle.writestr("verify.py", Path(standalone.__file__).read_bytes())


def _among(column: ColumnElement[str], roots: Sequence[str] | None) -> ColumnElement[bool]:
    return true() if roots is None else column.in_(select(R.id).where(R.root_id.in_(roots)))


def _rows(connection: Connection, query: Select[Any]) -> Iterator[bytes]:
    for row in connection.execute(query.execution_options(yield_per=2_000)):
        yield canonical(list(row)).encode() + b"\n"


def _member(bundle: ZipFile, name: str, lines: Iterable[bytes]) -> None:
    with bundle.open(name, "w", force_zip64=True) as file:
        for line in lines:
            file.write(line)
