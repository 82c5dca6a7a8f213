"""F23: clocks of machines that are wrong or jump. On PostgreSQL the database's clock alone counts."""

from __future__ import annotations

import importlib.util
import json
import time
import urllib.request
from datetime import timedelta
from pathlib import Path
from typing import Any

from kontora_workflows.scheduling import add_schedule

from tests.faults.program import Program
from tests.faults.scenarios import PRODUCTION, fault
from tests.faults.scene import NotRun, Scene, kill

RUNS = 3
_HOUR_S = 3600
#: How long the job `pause` pauses, in seconds.
_PAUSE_S = 2.0
#: Where the wheel keeps the library.
_LIBRARY = "vendor/libfaketime/src/libfaketime.so.1"
_SHARED = Path("/dev/shm")


@fault("F23", "a worker an hour ahead, one an hour behind, and the clock of the API jumps", PRODUCTION)
def wrong_clocks(scene: Scene) -> None:
    library = _library()
    jumping = scene.folder / "clock"
    _jump(jumping, 0)
    url = _serve(scene, _faked(library, FAKETIME_TIMESTAMP_FILE=str(jumping), FAKETIME_NO_CACHE="1"))
    workers = [scene.worker(**_faked(library, FAKETIME=f"{seconds:+d}")) for seconds in (_HOUR_S, -_HOUR_S)]
    for worker in workers:
        _tidy(scene, worker)
    soon = _schedule(scene, timedelta(minutes=30))
    paused: dict[str, float] = {}
    for seconds in (0, _HOUR_S, -_HOUR_S):
        _jump(jumping, seconds)
        _start(scene, url, "order", RUNS)
        for reference in _start(scene, url, "pause", 1):
            paused[reference] = time.time()
    scene.until(scene.seen("booked", 2), "records are booked")
    for worker in workers:
        kill(scene.pool(worker)[-1:])
    scene.rest()
    _paused(scene, paused)
    now = time.time() * 1000
    off = {
        run.idempotency_key: run.created_at - now for run in scene.system.runs() if abs(run.created_at - now) > 120_000
    }
    scene.must(not off, "I1", f"these were not accepted when they say (ms): {off}")
    fired = scene.system.house.ledger.schedules.last_runs(soon)
    scene.must(not fired, "I7", "a schedule fired half an hour before its time")


# --- means -----------------------------------------------------------------------------------------------------------


def _library() -> Path:
    """The library that gives a process another clock. Raises `NotRun` where it is not installed."""
    spec = importlib.util.find_spec("libfaketime")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (library := Path(folder) / _LIBRARY).is_file():
            return library
    raise NotRun("libfaketime is not there: the dev group has it for Linux on x86-64")


def _faked(library: Path, **how: str) -> dict[str, str]:
    """The environment of a process whose clock is wrong; what measures durations goes on as it should."""
    return {"LD_PRELOAD": str(library), "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1", **how}


def _tidy(scene: Scene, program: Program) -> None:
    """Remove what the library keeps in shared memory, should the program be killed."""
    for name in ("faketime_shm", "sem.faketime_sem"):
        scene.stack.callback((_SHARED / f"{name}_{program.pid}").unlink, missing_ok=True)


def _jump(clock: Path, seconds: int) -> None:
    part = clock.with_suffix(".part")
    part.write_text(f"{seconds:+d}\n", encoding="utf-8")
    part.replace(clock)


def _serve(scene: Scene, environment: dict[str, str]) -> str:
    """Start the API; return its URL."""
    file = scene.folder / "url"
    api = scene.system.command("serve", "--port", "0", "--url-file", str(file), **environment)
    _tidy(scene, api)
    scene.stack.callback(api.kill)
    scene.until(file.exists, "the API listens", 30)
    return file.read_text(encoding="utf-8")


def _start(scene: Scene, url: str, job: str, count: int) -> list[str]:
    """Ask the API for runs."""
    references = [f"{scene.name}-{len(scene.jobs) + number}." for number in range(count)]
    for reference in references:
        scene.jobs[reference] = job
        headers = {"Content-Type": "application/json", "Idempotency-Key": reference}
        body: dict[str, Any] = {"inputs": {"reference": reference}}
        where = f"{url}/api/v1/workflows/{job}/runs"
        request = urllib.request.Request(where, json.dumps(body).encode(), headers, method="POST")
        urllib.request.urlopen(request, timeout=20).close()
    return references


def _schedule(scene: Scene, ahead: timedelta) -> str:
    """The id of a schedule that is due so much later."""
    house = scene.system.house
    at = house.ledger.database.now() // 1000 + int(ahead.total_seconds())
    cron = time.strftime("%M %H %d %m *", time.gmtime(at))
    given = {"reference": f"{scene.name}-schedule."}
    return add_schedule(house.ledger, house.workflow("read"), cron, "UTC", given, origin="cli", principal="tester")[
        0
    ].id


def _paused(scene: Scene, since: dict[str, float]) -> None:
    """A pause of two seconds takes as long by the clock of the ERP."""
    most = _PAUSE_S + 20 * scene.pace.stretch
    for reference, asked in since.items():
        read = [event["at"] / 1000 for event in scene.witness().erp if event["reference"] == f"{reference}/stock"]
        took = min(read, default=0.0) - asked
        scene.must(_PAUSE_S - 0.1 < took < most, "I10", f"{reference} paused for {took:.1f} s")
