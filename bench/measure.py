"""CPU and memory of processes and their descendants, from Linux's /proc."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_TICK = 1 / os.sysconf("SC_CLK_TCK")


def tree(pids: Iterable[int]) -> set[int]:
    """These processes and everything below them."""
    parents = {int(entry): _stat(int(entry))[1] for entry in os.listdir(_PROC) if entry.isdigit()}
    found = {pid for pid in pids if pid in parents}
    while grown := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= grown
    return found


def _stat(pid: int) -> list[int]:
    """The numbers of /proc/PID/stat from the state on (which becomes 0); zeros for a process that has gone."""
    with suppress(OSError):
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
        return [0, *map(int, text.split()[1:])]
    return [0] * 50


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU time in user and system mode of these processes, and of children of theirs that have ended."""
    return sum(sum(_stat(pid)[11:15]) for pid in pids) * _TICK


def busy_seconds() -> float:
    """CPU time that all processes of the machine have used so far."""
    user, nice, system, _idle, _wait, irq, softirq = map(int, (_PROC / "stat").read_text("utf-8").split()[1:8])
    return (user + nice + system + irq + softirq) * _TICK


def peak_mb(pids: Iterable[int]) -> float:
    """The largest resident memory that any one of these processes ever had, in MiB."""
    return max((_peak_kb(pid) for pid in pids), default=0) / 1024


def _peak_kb(pid: int) -> int:
    with suppress(OSError):
        found = re.search(r"VmHWM:\s+(\d+)", (_PROC / str(pid) / "status").read_text(encoding="utf-8"))
        return int(found[1]) if found else 0
    return 0
