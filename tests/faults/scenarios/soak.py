"""F38: many runs in the same processes. SOAK_RUNS (100) of them are read from the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tests.faults.program import Program
from tests.faults.scenarios import fault
from tests.faults.scene import Failed, Scene

RUNS = 100
#: How many are accepted at a time, and after how many of them the processes have all that they ever need.
_BATCH, _WARM = 20, 40
#: One run in so many lets an agent work.
_AGENT_IN = 4
#: What all processes of a worker together may grow by, however many runs they carry.
_MEBIBYTES, _FILES, _THREADS = 6, 8, 4


@dataclass(frozen=True)
class Size:
    """What the processes of a worker hold: memory in MiB, open files with connections among them, and threads."""

    pids: frozenset[int]
    memory: float
    files: int
    threads: int

    @classmethod
    def of(cls, worker: Program) -> Size:
        """Measure a worker."""
        pids = frozenset(worker.below())
        folders = [Path(f"/proc/{pid}") for pid in pids]
        pages = sum(int((folder / "statm").read_text(encoding="utf-8").split()[1]) for folder in folders)
        counted = [sum(len(list((folder / what).iterdir())) for folder in folders) for what in ("fd", "task")]
        return cls(pids, pages * os.sysconf("SC_PAGE_SIZE") / 2**20, *counted)


@fault("F38", "many runs, and the processes stay as large as they were")
def many_runs(scene: Scene) -> None:
    worker = scene.worker()
    _carry(scene, _WARM)
    warm = Size.of(worker)
    runs = int(os.environ.get("SOAK_RUNS") or RUNS)
    _carry(scene, runs - _WARM)
    end = Size.of(worker)
    if warm.pids != end.pids:
        raise Failed("the worker has other processes than before")
    grown = {name: getattr(end, name) - getattr(warm, name) for name in ("memory", "files", "threads")}
    scene.notes.append(
        f"{runs} runs: {end.memory:.0f} MiB ({grown['memory']:+.1f}), {end.files} files ({grown['files']:+d}), "
        f"{end.threads} threads ({grown['threads']:+d})"
    )
    for name, most in (("memory", _MEBIBYTES), ("files", _FILES), ("threads", _THREADS)):
        scene.must(grown[name] <= most, "I9", f"the {name} of its processes have grown by {grown[name]:.1f}")


def _carry(scene: Scene, count: int) -> None:
    for first in range(0, count, _BATCH):
        size = min(_BATCH, count - first)
        scene.submit(size // _AGENT_IN, "order")
        scene.submit(size - size // _AGENT_IN, "read")
        scene.rest()
