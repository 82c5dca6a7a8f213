"""F10, F37, F38: memory that runs out, a log that nobody reads or that has no room, and many runs in one process."""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.faults.people import tidy_up
from tests.faults.program import Program
from tests.faults.scenarios import fault
from tests.faults.scene import Failed, NotRun, Scene, kill

RUNS = 8
#: What a worker with everything below it may use, in bytes, and what one of its processes may ask for.
_MEMORY, _ADDRESSES = 700 * 2**20, 1600 * 2**20
_GROUPS = Path("/sys/fs/cgroup")


@fault("F10", "the kernel kills processes of a pool that eat all the memory")
def out_of_memory(scene: Scene) -> None:
    with _bounded_memory(scene) as group:
        armed = scene.armed("lookup.before", "eat", times=3, program="celery_worker")
        scene.submit(RUNS)
        (group / "cgroup.procs").write_text(str(scene.worker(**armed).pid), encoding="utf-8")
        scene.worker()
        scene.fired()
        scene.rest()
        killed = _killed(group)
        if not killed:
            raise Failed("the kernel has killed nothing")
        scene.notes.append(f"the kernel killed {killed} processes")


@fault("F10b", "processes of a pool get no more memory")
def no_memory_left(scene: Scene) -> None:
    armed = scene.armed("lookup.before", "eat", times=3, program="celery_worker")
    scene.submit(RUNS)
    worker = scene.worker(**armed)
    resource.prlimit(worker.pid, resource.RLIMIT_AS, (_ADDRESSES, _ADDRESSES))
    scene.worker()
    scene.fired()
    tidy_up(scene, ())


@fault("F37", "nobody reads what a worker logs: its pipe is full")
def log_is_stuck(scene: Scene) -> None:
    with _pipe(scene) as pipe:
        worker = _worker_into(scene, pipe.path)
        scene.submit(2)
        scene.rest()
        pipe.stop()
        kill(scene.pool(worker)[-1:])
        time.sleep(1.0)  # its pool has noticed, and has something to log
        scene.submit(RUNS)
        scene.rest(30)


@fault("F37b", "there is no room for what a worker logs")
def log_is_full(scene: Scene) -> None:
    worker = _worker_into(scene, Path("/dev/full"))
    scene.submit(RUNS)
    scene.until(scene.seen("booked", 2), "records are booked")
    kill(scene.pool(worker)[-1:])
    scene.rest()


# --- memory ----------------------------------------------------------------------------------------------------------


@contextmanager
def _bounded_memory(scene: Scene) -> Iterator[Path]:
    """A control group below our own, in which the memory is bounded. Raises `NotRun` where none may be made."""
    group = _own_group() / f"kontora-{os.getpid()}"
    try:
        group.mkdir()
        for name, value in (("memory.limit_in_bytes", _MEMORY), ("memory.max", _MEMORY), ("memory.swap.max", 0)):
            if (file := group / name).exists():
                file.write_text(str(value), encoding="utf-8")
                break
        else:
            raise OSError("memory is not bounded by groups here")
    except OSError as error:
        with suppress(OSError):
            group.rmdir()
        raise NotRun(f"the memory of a group of processes cannot be bounded: {error}") from error
    # Entered after the group is there, so that the processes are killed before it is removed.
    scene.stack.callback(_remove, group)
    yield group


def _own_group() -> Path:
    """Where the kernel keeps our control group of memory, version 1 or 2."""
    for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "memory":
            return _GROUPS / "memory" / path.lstrip("/")
        if not controllers and (_GROUPS / "cgroup.controllers").exists():
            return _GROUPS / path.lstrip("/")
    raise NotRun("the kernel has no control groups of memory")


def _remove(group: Path) -> None:
    deadline = time.monotonic() + 5
    while group.exists() and time.monotonic() < deadline:
        with suppress(OSError):
            group.rmdir()
        time.sleep(0.05)


def _killed(group: Path) -> int:
    """How many processes the kernel has killed for their memory."""
    for name in ("memory.oom_control", "memory.events"):
        if (file := group / name).exists():
            facts = dict(line.split() for line in file.read_text(encoding="utf-8").splitlines() if line.strip())
            return int(facts.get("oom_kill", 0))
    return 0


# --- logs ------------------------------------------------------------------------------------------------------------


class _Pipe:
    """A pipe with a name, which is read until `stop`; then it is full."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._end = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._over = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while not self._over.is_set():
            with suppress(BlockingIOError):
                os.read(self._end, 65536)
            self._over.wait(0.02)

    def stop(self) -> None:
        """Read no more, and fill it."""
        self._over.set()
        self._reader.join()
        for size in (4096, 1):
            with suppress(BlockingIOError):
                while True:
                    os.write(self._end, b"\n" * size)

    def close(self) -> None:
        self._over.set()
        self._reader.join()
        os.close(self._end)


@contextmanager
def _pipe(scene: Scene) -> Iterator[_Pipe]:
    pipe = _Pipe(scene.folder / "pipe")
    scene.stack.callback(pipe.close)
    yield pipe


def _worker_into(scene: Scene, target: Path) -> Program:
    """A worker that writes what it has to say somewhere."""
    words = [sys.executable, "-m", "kontora_cli.main", "worker", "--parent", str(os.getpid())]
    command = ["/bin/sh", "-c", f'exec "$@" >{target} 2>&1', "sh", *words]
    program = Program(command, scene.folder / "worker.log", scene.system.environment())
    scene.stack.callback(program.kill)
    return program
