"""F16 to F20: the ledger's database goes away, breaks off, lies about a commit, is full, or cannot be reached."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from tests.faults.place import LEASE_S
from tests.faults.proxy import Proxy
from tests.faults.scenarios import EMBEDDED, PRODUCTION, fault
from tests.faults.scene import NotRun, Scene

RUNS = 10
#: How long a disk is full, in seconds; nothing goes on meanwhile.
FULL_S = 3.0


@fault("F16", "PostgreSQL is stopped at once, and started again", PRODUCTION, quick=PRODUCTION)
def postgres_restarts(scene: Scene) -> None:
    scene.submit(RUNS)
    scene.worker()
    scene.worker()
    for number, how in enumerate((signal.SIGQUIT, signal.SIGKILL)):
        scene.until(scene.seen("booked", 2 + 5 * number), "records are booked")
        scene.hall.postgres.die(how)
        time.sleep(0.5)
        scene.hall.postgres.live_again()
    scene.rest()


@fault("F17", "sessions of PostgreSQL are ended between statements, all the time", PRODUCTION)
def sessions_end(scene: Scene) -> None:
    scene.submit(RUNS)
    scene.worker()
    scene.worker()
    with _session(scene) as connection:
        for _ in range(40):
            scene.system.decide()
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() < 0.4"
            )
            time.sleep(0.15)
    scene.rest()


@fault("F18", "a commit is made, and whoever asked for it hears of an error", PRODUCTION)
def commits_that_look_broken(scene: Scene) -> None:
    proxy = _before_postgres(scene)
    chance = random.Random(scene.name)
    proxy.watch = lambda sent: b"COMMIT" in sent and chance.random() < 0.08
    scene.submit(RUNS)
    for _ in range(2):
        scene.worker(KONTORA_DATABASE_URL=proxy.url(str(scene.ledger)))
    scene.until(lambda: scene.states().get("done", 0) >= 3, "some runs are done")
    proxy.watch = None
    scene.rest()


@fault("F20", "a worker is cut off from PostgreSQL and still reaches the ERP", PRODUCTION, quick=PRODUCTION)
def cut_off(scene: Scene) -> None:
    proxy = _before_postgres(scene)
    scene.erp_fails({"do": "slow", "when": "after", "seconds": 0.3, "times": 200})
    for worker in (scene.worker(KONTORA_DATABASE_URL=proxy.url(str(scene.ledger))), scene.worker()):
        scene.pool(worker)
    scene.submit(RUNS)
    scene.until(scene.seen("booked", 1), "a record is booked")
    for _ in range(2):
        proxy.blackhole = True
        _meanwhile(scene, 2 * LEASE_S)
        proxy.blackhole = False
        _meanwhile(scene, 0.5)
    scene.rest()


@fault("F20b", "a worker is cut off in the middle of a transaction, for good", PRODUCTION)
def cut_off_for_good(scene: Scene) -> None:
    proxy = _before_postgres(scene)
    armed = scene.armed("tool.intended.before", "sleep", seconds=1.5, times=2, program="celery_worker")
    for worker in (scene.worker(KONTORA_DATABASE_URL=proxy.url(str(scene.ledger)), **armed), scene.worker()):
        scene.pool(worker)
    scene.submit(RUNS)
    scene.fired()
    time.sleep(0.5)
    proxy.silence()
    # PostgreSQL ends a transaction that nobody goes on with, and then that of the heartbeat which waited for it.
    scene.bound_s = 2 * 10 + scene.system.bound_s
    scene.rest()


@fault("F19", "the disk of the ledger is full", EMBEDDED)
def disk_of_sqlite_is_full(scene: Scene) -> None:
    with _small_disk(scene.folder / "disk", 24, os.geteuid(), os.getegid()) as disk:
        _move_ledger(scene, disk)
        ledger = f"sqlite:///{disk / 'ledger.db'}"
        scene.submit(RUNS)
        scene.worker(KONTORA_DATABASE_URL=ledger)
        scene.until(scene.seen("booked", 2), "records are booked")
        scene.bound_s = FULL_S + scene.system.bound_s
        with _filled(disk):
            _meanwhile(scene, FULL_S)
        scene.rest()


@fault("F19b", "the disk of PostgreSQL's data is full", PRODUCTION)
def disk_of_postgres_is_full(scene: Scene) -> None:
    server = scene.hall.postgres
    disk = scene.stack.enter_context(_small_disk(server.folder / "disk", 64, server.uid, server.gid))
    scene.stack.enter_context(_tablespace(scene, disk))
    scene.submit(RUNS)
    worker = scene.worker()
    scene.until(scene.seen("booked", 2), "records are booked")
    scene.bound_s = FULL_S + scene.system.bound_s
    with _filled(disk):
        _meanwhile(scene, FULL_S)
    scene.rest()
    worker.kill()


# --- means -----------------------------------------------------------------------------------------------------------


def _before_postgres(scene: Scene) -> Proxy:
    return scene.proxy(scene.hall.postgres.port)


def _meanwhile(scene: Scene, seconds: float) -> None:
    """Let people decide for a while."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        scene.system.decide()
        time.sleep(0.1)


@contextmanager
def _session(scene: Scene) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(str(scene.ledger).replace("+psycopg", ""), autocommit=True) as connection:
        yield connection


@contextmanager
def _small_disk(folder: Path, mebibytes: int, uid: int, gid: int) -> Iterator[Path]:
    """A file system of so many MiB in memory. Raises `NotRun` where this may not be mounted."""
    folder.mkdir()
    options = f"size={mebibytes}m,uid={uid},gid={gid},mode=0700"
    mount = shutil.which("mount")
    done = subprocess.run(
        [mount or "mount", "-t", "tmpfs", "-o", options, "none", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        folder.rmdir()
        raise NotRun(f"a small disk cannot be mounted: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)
        with suppress(OSError):
            folder.rmdir()


@contextmanager
def _tablespace(scene: Scene, disk: Path) -> Iterator[None]:
    """Keep the scene's database on a disk of its own."""
    name = str(scene.ledger).rpartition("/")[2]
    address = str(scene.ledger).rpartition("/")[0].replace("+psycopg", "") + "/postgres"

    def move(to: str) -> None:
        scene.system.house.ledger.close()
        with psycopg.connect(address, autocommit=True) as connection:
            others = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            connection.execute(others.encode())
            connection.execute(f"ALTER DATABASE {name} SET TABLESPACE {to}".encode())

    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE TABLESPACE small LOCATION '{disk}'".encode())
    move("small")
    try:
        yield
    finally:
        move("pg_default")
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(b"DROP TABLESPACE small")


@contextmanager
def _filled(disk: Path) -> Iterator[None]:
    """No room is left, and whoever makes some finds it taken."""
    filler, over = disk / "filler", threading.Event()

    def fill() -> None:
        with filler.open("ab", buffering=0) as file:
            while not over.is_set():
                try:
                    file.write(b"\0" * 4096)
                except OSError:
                    over.wait(0.02)

    thread = threading.Thread(target=fill)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        filler.unlink()


def _move_ledger(scene: Scene, disk: Path) -> None:
    """Let the harness, too, use the ledger on the small disk."""
    settings = scene.system.house.settings
    ledger = type(settings.database_url)(f"sqlite:///{disk / 'ledger.db'}")
    scene.system.house.settings = settings.model_copy(update={"database_url": ledger})
