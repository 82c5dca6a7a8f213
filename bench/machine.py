"""What a measurement ran on: numbers of different machines are not compared."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

_PACKAGES = ("autogen-agentchat", "celery", "sqlalchemy", "pydantic")


def describe(folder: Path) -> dict[str, str | int | float]:
    """Cores, versions, and how long the disk below `folder` takes to keep 4 KiB."""
    return {
        "cores": os.cpu_count() or 0,
        "system": platform.system() + " " + platform.machine(),
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
        "fsync_ms": _fsync_ms(folder / "fsync"),
    }


def _fsync_ms(path: Path) -> float:
    took = []
    with path.open("wb", buffering=0) as file:
        for _ in range(50):
            file.write(b"\0" * 4096)
            started = perf_counter()
            os.fsync(file.fileno())
            took.append(perf_counter() - started)
    path.unlink()
    return round(sorted(took)[25] * 1000, 3)
