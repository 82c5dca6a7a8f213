"""How soon a run goes on after `kill -9`. `python -m bench.recovery`.

Two workers are up, and the model holds each answer back for a while. A run is begun; what works on it is killed, either
the whole worker or only the process with the run; and it is timed until another process has the run. The clock is the
ledger's. A heartbeat extends the lease, so most of it may still be to come when the process dies.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.run import Run

from bench.books import write_books
from bench.child import Child
from bench.measure import tree
from bench.office import environment, furnish, install_plugin
from bench.services import production_pair
from tests.services import Broken, Missing

#: What may come on top of the lease, in seconds.
GOAL_S = 5.0
_HOLD_S = 3.0
_PATIENCE_S = 60.0
_LOOK_S = 0.01


@dataclass(frozen=True)
class Recovery:
    """Seconds from the kill until the run was claimed anew, and those of them after the lease had run out."""

    seconds: float
    beyond: float


class Crew:
    """Two workers, somebody who starts runs, and their ledger."""

    def __init__(self, folder: Path, settings: dict[str, str], ledger: str, stack: ExitStack) -> None:
        self._folder, self._settings, self._stack = folder, settings, stack
        self._starter = self._child("bench.starter")
        self._starter.ready()
        self._workers = [self._child("bench.worker") for _ in range(2)]
        for worker in self._workers:
            worker.ready()
        self._ledger = Ledger(ledger)
        stack.callback(self._ledger.close)

    def recover(self, number: int, *, whole: bool) -> Recovery:
        """Begin run `number`, kill what works on it (with its whole worker), and time what follows."""
        self._starter.tell(work=[number])
        run = self._until(lambda run: run.state == "running")
        time.sleep(random.uniform(0, _HOLD_S / 2))
        run, died = self._ledger.runs.get(run.id), self._ledger.database.now()
        self._kill(int(str(run.owner).rpartition(":")[2]), whole)
        self._until(lambda later: later.id == run.id and later.fence > run.fence)
        claims = [one.at for one in self._ledger.entries.of_run(run.id) if one.data.get("state") == "running"]
        again = next(at for at in claims if at > died)
        self._starter.hear()
        self._starter.tell(check=True)
        if self._starter.hear()["right"] != 1:
            raise AssertionError(f"{run.id} did not end well")
        return Recovery((again - died) / 1000, (again - (run.lease_until or died)) / 1000)

    def _kill(self, pid: int, whole: bool) -> None:
        (worker,) = [one for one in self._workers if pid in tree([one.pid])]
        for victim in tree([worker.pid]) if whole else {pid}:
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        if whole:
            self._workers.remove(worker)
            self._workers.append(self._child("bench.worker"))

    def _until(self, there: Callable[[Run], bool]) -> Run:
        """The newest run, once it is as wanted."""
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            if (newest := self._ledger.runs.page(limit=1).items) and there(newest[0]):
                return newest[0]
            time.sleep(_LOOK_S)
        raise AssertionError(f"nothing happened within {_PATIENCE_S:g} s")

    def _child(self, module: str) -> Child:
        return self._stack.enter_context(Child(module, self._settings, self._folder / f"{module}.log"))


def _embedded() -> AbstractContextManager[dict[str, str]]:
    return nullcontext({})


_PAIRS: dict[str, Callable[[], AbstractContextManager[dict[str, str]]]] = {
    "embedded: SQLite + filesystem": _embedded,
    "production: PostgreSQL + Redis": production_pair,
}


def _recoveries(
    pair: Callable[[], AbstractContextManager[dict[str, str]]], kills: int, lease_s: float
) -> Iterator[tuple[bool, Recovery]]:
    with ExitStack() as stack:
        servers = stack.enter_context(pair())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kontora-bench-")))
        home = folder / "home"
        write_books(folder / "books.db")
        install_plugin(folder)
        held = environment(folder, BENCH_MODEL_HOLD_S=str(_HOLD_S))
        model = stack.enter_context(Child("bench.model_server", held, folder / "model.log"))
        furnish(home, folder / "books.db", str(model.ready()["url"]))
        settings = environment(folder, KONTORA_HOME=str(home), KONTORA_LEASE_S=str(lease_s), **servers)
        ledger = servers.get("KONTORA_DATABASE_URL", f"sqlite:///{home / 'ledger.db'}")
        crew = Crew(folder, settings, ledger, stack)
        for number in range(2 * kills):
            yield number % 2 == 0, crew.recover(number, whole=number % 2 == 0)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.recovery", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=5, help="of workers, and as many of single processes")
    parser.add_argument("--lease", type=float, default=10.0, help="in seconds; `kontora worker` has 30 unless told")
    given = parser.parse_args()
    for name, pair in _PAIRS.items():
        try:
            found = list(_recoveries(pair, given.kills, given.lease))
        except (Missing, Broken) as missing:
            print(f"Not measured: {name}: {missing}")
            continue
        for whole, words in ((True, "a whole worker"), (False, "the process with the run")):
            some = [recovery for kind, recovery in found if kind is whole]
            print(
                f"{name}, {words}: {len(some)} kills, on after {median(one.seconds for one in some):.1f} s, at most "
                f"{max(one.seconds for one in some):.1f} s (goal: lease {given.lease:g} s + {GOAL_S:g} s); "
                f"{max(one.beyond for one in some):+.1f} s after the lease at most"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
