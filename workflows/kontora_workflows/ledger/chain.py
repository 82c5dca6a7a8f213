"""The hash chain of a run's entries.

hash = SHA-256 of the JSON array [prev_hash, run_id, seq, at, kind, key, fence, body] in UTF-8, without spaces and with
non-ASCII characters as they are; `body` is the stored text, byte for byte. The first `prev_hash` is 64 zeros. The hash
itself is computed in `standalone.py`, which also checks chains where nothing of Kontora is installed.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import Any

from kontora_workflows.ledger.standalone import GENESIS, Break, entry_hash, payload_hash

__all__ = ["GENESIS", "Break", "Entry", "canonical", "digest", "entry_hash", "payload_hash", "seal"]

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


def seal(content: str) -> tuple[str, str]:
    """Return a fresh salt and the salted hash of a payload: `sha256(salt + content)`, both hex."""
    salt = secrets.token_hex(16)
    return salt, payload_hash(salt, content)
