"""The diary of a foreign system: one JSON line per event, on disk before anybody is answered."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any


class Diary:
    """Appends to a file, from any number of threads."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)
        self._lock = threading.Lock()

    def write(self, what: str, **facts: Any) -> None:
        """Write one event down; returns when it is on disk."""
        with self._lock:
            line = json.dumps({"at": round(time.time() * 1000, 3), "what": what, **facts}) + "\n"
            os.write(self._file, line.encode())
            os.fsync(self._file)


def read_diary(path: Path, holding: str = "") -> list[dict[str, Any]]:
    """Every event in order, or those that hold some ASCII text. `at` is in milliseconds since 1970 UTC.

    A last line that a crash has cut is left out.
    """
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    return [json.loads(line) for line in lines if holding.encode() in line]
