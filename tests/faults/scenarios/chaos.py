"""F39: everything goes wrong at random for a while, then nothing does any more, and people tidy up.

CHAOS_SECONDS (45) and CHAOS_SEED (drawn, and told) are read from the environment. The seed gives the same faults in
the same order; when they meet which run is up to the machine.
"""

from __future__ import annotations

import os
import random
import secrets
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit

from kontora_workflows.ledger.database import LedgerUnavailable

from tests.faults.people import tidy_up
from tests.faults.place import LEASE_S
from tests.faults.program import Program
from tests.faults.proxy import Proxy
from tests.faults.scenarios import PRODUCTION, fault
from tests.faults.scene import Scene, kill

SECONDS = 45.0
#: What is asked for, by weight.
_JOBS = {"order": 4, "book-native-key": 2, "book-lookup": 3, "book-none": 2, "pause": 1, "read": 1}
_ERP_FAULTS: tuple[dict[str, Any], ...] = (
    {"do": "drop"},
    {"do": "drop", "when": "after"},
    {"do": "hang", "when": "after", "seconds": 4.0},
    {"do": "half", "when": "after"},
    {"do": "slow", "when": "after", "seconds": 1.0},
    {"do": "status", "status": 503},
    {"do": "status", "status": 500, "when": "after"},
    {"do": "status", "status": 429, "on": "read"},
    {"do": "status", "status": 503, "on": "lookup"},
    {"do": "drop", "on": "lookup"},
    {"do": "crash", "when": "after"},
)
_MODEL_FAULTS: tuple[dict[str, Any], ...] = (
    {"do": "status", "status": 503},
    {"do": "garbage"},
    {"do": "slow", "seconds": 1.0},
    {"do": "hang", "seconds": 0.5},
)
#: Runs that are open at once, at most.
_MOST_OPEN = 24
#: After a cancel nothing that keeps a worker from hearing of it, in seconds; nor a cancel while something does.
_HEARD_S = 1.5


@fault("F39", "everything at random, then people tidy up", quick=PRODUCTION)
def everything(scene: Scene) -> None:
    seed = int(os.environ.get("CHAOS_SEED") or secrets.randbelow(10**6))
    seconds = float(os.environ.get("CHAOS_SECONDS") or SECONDS)
    print(f"chaos: CHAOS_SEED={seed} CHAOS_SECONDS={seconds:g}", file=sys.stderr, flush=True)
    monkey = Monkey(scene, random.Random(seed))
    monkey.rage(seconds)
    monkey.heal()
    refuted = tidy_up(scene, monkey.cancelled)
    done = ", ".join(f"{count} {name}" for name, count in sorted(monkey.did.items()))
    scene.notes.append(f"seed {seed}, {seconds:g} s: {done}")
    scene.bound_s = 20 + scene.system.bound_s  # what goes wrong next may be what it would have gone on with
    if "stopped" in scene.states():
        scene.allowed.add("stopped")
    if refuted:
        scene.allowed.add("failed")
        scene.notes.append(f"{refuted} of a model that was not believed")


class Monkey:
    """Does harm at random. `cancelled` are the references that it has cancelled; `did` is what it did how often."""

    def __init__(self, scene: Scene, chance: random.Random) -> None:
        self._scene, self._chance = scene, chance
        self.cancelled: set[str] = set()
        self.did: Counter[str] = Counter()
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._heard = 0.0
        self._lines = self._take_lines()
        self._workers = [self._worker(), self._worker()]

    def rage(self, seconds: float) -> None:
        """Do harm for a while."""
        acts: dict[Callable[[], None], int] = {
            self._more: 12,
            self._kill_worker: 2,
            self._kill_one: 4,
            self._freeze: 4,
            self._end_in_order: 1,
            self._cut: 5,
            self._hold_up: 3,
            self._erp: 7,
            self._model: 3,
            self._cancel: 4,
            self._restart_server: 1,
        }
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            (act,) = self._chance.choices(list(acts), list(acts.values()))
            with suppress(LedgerUnavailable):
                act()
            self._pause(self._chance.uniform(0.1, 0.6))

    def heal(self) -> None:
        """Undo what can be undone, and have two workers that live."""
        for _, undo in self._later:
            undo()
        self._later.clear()
        self._erp_fails([])
        self._scene.model_fails()
        for number, worker in enumerate(self._workers):
            if not worker.alive:
                self._workers[number] = self._worker()
        self._scene.until(self._submitted, "every run was accepted", 20)

    # --- time ----------------------------------------------------------------------------------------------------

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            for due in [one for one in self._later if one[0] <= now]:
                self._later.remove(due)
                due[1]()
            self._scene.system.decide()
            time.sleep(0.05)

    def _undo(self, seconds: float, undo: Callable[[], None]) -> None:
        self._later.append((time.monotonic() + seconds, undo))

    # --- runs ----------------------------------------------------------------------------------------------------

    def _more(self) -> None:
        if self._scene.states().get("open", 0) < _MOST_OPEN:
            (job,) = self._chance.choices(list(_JOBS), list(_JOBS.values()))
            self.did["runs"] += 3
            self._scene.submit(3, job)

    def _submitted(self) -> bool:
        """Ask again for everything, as a client does who has not heard; what is there stays as it is."""
        for reference, job in self._scene.jobs.items():
            self._scene.system.submit([reference], job=job)
        return True

    def _cancel(self) -> None:
        open_ = [name for name, state in self._scene.system.outcomes().items() if state == "open"]
        if not open_ or self._later:
            return
        reference = self._chance.choice(open_)
        self.did["cancels"] += 1
        self.cancelled.add(reference)
        self._heard = time.monotonic() + _HEARD_S
        self._scene.system.house.ledger.runs.request_cancel(self._scene.system.run(reference).id, by="boss")

    # --- processes -----------------------------------------------------------------------------------------------

    def _worker(self) -> Program:
        ledger, broker = self._lines.get("ledger"), self._lines.get("broker")
        more = {"KONTORA_DEAF_S": "8"}
        if ledger and broker:
            more["KONTORA_DATABASE_URL"] = ledger.url(str(self._scene.ledger))
            more["KONTORA_BROKER_URL"] = broker.url(str(self._scene.broker))
        return self._scene.worker(**more)

    def _any(self) -> int:
        return self._chance.randrange(len(self._workers))

    def _kill_worker(self) -> None:
        number = self._any()
        self.did["workers killed"] += 1
        self._workers[number].kill()
        self._workers[number] = self._worker()

    def _kill_one(self) -> None:
        below = sorted(self._workers[self._any()].below())[1:]
        if below:
            self.did["processes killed"] += 1
            kill([self._chance.choice(below)])

    def _end_in_order(self) -> None:
        number = self._any()
        self.did["workers asked to end"] += 1
        self._workers[number].process.terminate()
        self._workers[number] = self._worker()

    def _freeze(self) -> None:
        if time.monotonic() < self._heard:
            return
        worker = self._workers[self._any()]
        self.did["freezes"] += 1
        worker.send(signal.SIGSTOP)
        self._undo(self._chance.uniform(0.2, 2 * LEASE_S), lambda: worker.send(signal.SIGCONT))

    # --- lines and systems ---------------------------------------------------------------------------------------

    def _take_lines(self) -> dict[str, Proxy]:
        """Put a proxy before everything that workers talk to."""
        scene = self._scene
        ports = {"erp": urlsplit(scene.hall.erp).port or 0}
        if scene.ledger:
            ports |= {"ledger": scene.hall.postgres.port, "broker": scene.hall.redis.port}
        lines = {name: scene.proxy(port) for name, port in ports.items()}
        file = scene.system.home / "kontora.toml"
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace(scene.hall.erp, lines["erp"].url(scene.hall.erp)), encoding="utf-8")
        return lines

    def _line(self) -> Proxy:
        return self._lines[self._chance.choice(sorted(self._lines))]

    def _cut(self) -> None:
        self.did["cuts"] += 1
        self._line().cut()

    def _hold_up(self) -> None:
        if time.monotonic() < self._heard:
            return
        line = self._line()
        self.did["lines held up"] += 1
        line.blackhole = True
        self._undo(self._chance.uniform(0.2, 2 * LEASE_S), lambda: setattr(line, "blackhole", False))

    def _erp(self) -> None:
        kinds = self._chance.choices(_ERP_FAULTS, k=self._chance.randint(1, 3))
        faults = [{**kind, "times": self._chance.randint(1, 4)} for kind in kinds]
        self.did["faults of the ERP"] += len(faults)
        self._erp_fails(faults)

    def _erp_fails(self, faults: list[dict[str, Any]]) -> None:
        try:
            self._scene.erp_fails(*faults)
        except (URLError, OSError):  # it has crashed
            self._scene.hall.open_erp_again()
            self._scene.erp_fails(*faults)

    def _model(self) -> None:
        self.did["faults of the model"] += 1
        self._scene.model_fails(dict(self._chance.choice(_MODEL_FAULTS)))

    def _restart_server(self) -> None:
        if not self._scene.ledger or time.monotonic() < self._heard:
            return
        self.did["servers killed"] += 1
        hall = self._scene.hall
        server = self._chance.choice([hall.postgres, hall.redis])
        server.die()
        server.live_again()
