"""The hash chain of a run's entries.

hash = SHA-256 of the JSON array [prev_hash, run_id, seq, at, kind, key, fence, body] in UTF-8, without spaces and with
non-ASCII characters as they are; `body` is the stored text, byte for byte. The first `prev_hash` is 64 zeros.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from json.encoder import encode_basestring as quoted
from typing import Any

GENESIS = "0" * 64

_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def canonical(value: Any) -> str:
    """Return the one JSON text of a value of plain JSON types. Raises `TypeError` for others, `ValueError` for NaN."""
    return _ENCODER.encode(value)


def digest(value: Any) -> str:
    """`sha256:` and the hex digest of a value's canonical text."""
    return "sha256:" + hashlib.sha256(canonical(value).encode()).hexdigest()


@dataclass(frozen=True)
class Entry:
    """One line of the ledger. `at` is in milliseconds since 1970 UTC."""

    run_id: str
    seq: int
    at: int
    kind: str
    key: str | None
    fence: int
    body: str
    prev_hash: str
    hash: str

    @property
    def data(self) -> dict[str, Any]:
        """The body, parsed."""
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed


def entry_hash(
    prev_hash: str, run_id: str, seq: int, at: int, kind: str, key: str | None, fence: int, body: str
) -> str:
    """Hash one entry onto the chain (hex)."""
    place = "null" if key is None else quoted(key)
    text = f'["{prev_hash}",{quoted(run_id)},{seq},{at},{quoted(kind)},{place},{fence},{quoted(body)}]'
    return hashlib.sha256(text.encode()).hexdigest()


def seal(content: str) -> tuple[str, str]:
    """Return a fresh salt and the salted hash of a payload: `sha256(salt + content)`, both hex."""
    salt = secrets.token_hex(16)
    return salt, payload_hash(salt, content)


def payload_hash(salt: str, content: str) -> str:
    """The hash that an entry keeps of its payload."""
    return hashlib.sha256((salt + content).encode()).hexdigest()


@dataclass(frozen=True)
class Break:
    """Where a chain does not hold, and why."""

    run_id: str
    seq: int
    why: str


def first_break(run_id: str, entries: Iterable[Entry], head_seq: int, head_hash: str) -> Break | None:
    """Check entries in order against each other and against the head of their run."""
    previous, expected = GENESIS, 1
    for entry in entries:
        if entry.seq != expected:
            return Break(run_id, expected, f"entry {expected} is missing")
        if entry.prev_hash != previous:
            return Break(run_id, entry.seq, "it does not follow from the entry before it")
        fields = (entry.prev_hash, entry.run_id, entry.seq, entry.at, entry.kind, entry.key, entry.fence, entry.body)
        if entry_hash(*fields) != entry.hash:
            return Break(run_id, entry.seq, "its content was changed")
        previous, expected = entry.hash, expected + 1
    if expected - 1 != head_seq or previous != head_hash:
        return Break(run_id, expected, f"the run ends at entry {head_seq}, its entries at {expected - 1}")
    return None
