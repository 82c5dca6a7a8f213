"""`kontora worker`: a Celery pool in a process of its own, with the sweeper and the rehearsal server beside it."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from types import FrameType

from kontora_agents.rehearsal.script import load_script
from kontora_agents.rehearsal.server import Rehearsal
from kontora_workflows.ledger.database import LedgerTooNew, LedgerUnavailable

from kontora_worker.alerting import Alerting
from kontora_worker.ears import Ears
from kontora_worker.house import REHEARSAL_URL, House, pool_name
from kontora_worker.settings import for_child, read_secret

log = logging.getLogger("kontora.worker")

#: How long the pool may take to hand its runs back, in seconds.
_GRACE_S = 20.0
#: How long alerts that are being sent may take when we stop, in seconds; those that are not out are sent later.
_ALERTS_S = 10.0
#: How often workflow files are looked at for schedules, in seconds.
_FILES_S = 60.0
#: The version that workers tell.
VERSION = version("kontora")


class Supervisor:
    """Keeps a pool alive and sweeps, until it is stopped or (`until_idle`) nothing is left to do."""

    def __init__(self, house: House, *, concurrency: int = 2, until_idle: bool = False) -> None:
        self._house, self._concurrency, self._until_idle = house, concurrency, until_idle
        self._stop = threading.Event()
        self._pool: subprocess.Popen[bytes] | None = None
        self._ears = Ears(house.settings.deaf_s, concurrency)
        self._look_at_files = 0.0
        self._rubbish = ""
        self._postman: threading.Thread | None = None

    def stop(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """Ask to stop; runs under way go back to the queue."""
        self._stop.set()

    def run(self) -> None:
        """Work until stopped. Raises `LedgerUnavailable` when the ledger cannot be opened at the start.

        Raises `LedgerTooNew` when a newer Kontora upgrades the ledger: runs under way go back to the queue first.
        """
        workers, name = self._house.ledger.workers, f"{socket.gethostname()}:{os.getpid()}"
        parts = (self._keep_schedules, self._house.sweeper.sweep, self._send_alerts, self._wake_the_deaf)
        with ExitStack() as stack:
            stack.enter_context(_rehearsing(self._house))
            stack.callback(self._wait_for_alerts)
            self._rubbish = stack.enter_context(_rubbish(self._house.settings.home / "tmp"))
            stack.callback(self._end_pool)
            threading.Thread(target=self._house.models.warm, name="warm", daemon=True).start()
            while not self._stop.is_set():
                self._keep_pool()
                try:
                    self._house.ledger.refuse_newer()
                    workers.seen(name, VERSION)
                    for part in parts:
                        _alone(part)
                    if self._until_idle and not self._house.ledger.runs.busy(self._house.settings.queues):
                        break
                except LedgerTooNew:
                    stack.callback(workers.gone, name)
                    raise
                except LedgerUnavailable as error:
                    log.error("%s", error.message)
                except Exception:
                    log.exception("a sweep failed; the next one tries again")
                self._stop.wait(self._house.settings.sweep_s)
            stack.callback(workers.gone, name)

    def _keep_schedules(self) -> None:
        if time.monotonic() >= self._look_at_files:
            self._house.keep_file_schedules()
            self._look_at_files = time.monotonic() + _FILES_S

    def _send_alerts(self) -> None:
        """Send what is due beside the sweeps: a receiver that is slow must not hold them up."""
        if self._postman is None or not self._postman.is_alive():
            alerting = Alerting(self._house.ledger.alerts, self._house.settings.alerts, read_secret)
            self._postman = threading.Thread(target=alerting.deliver, name="alerts", daemon=True)
            self._postman.start()

    def _wait_for_alerts(self) -> None:
        if self._postman is not None:
            self._postman.join(_ALERTS_S)

    def _keep_pool(self) -> None:
        if self._pool is not None and self._pool.poll() is None:
            return
        environment = {
            **for_child(self._house.settings),
            "KONTORA_CONCURRENCY": str(self._concurrency),
            "TMPDIR": self._rubbish,  # a pool that is ended leaves folders in there
        }
        command = [sys.executable, "-m", "kontora_worker.celery_worker", str(os.getpid())]
        # A session of its own: Ctrl-C reaches us, and we end the pool in order. Its log is on stderr; on stdout Celery
        # says of a shutdown that it is a warm one.
        self._pool = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
        self._ears.started()

    def _wake_the_deaf(self) -> None:
        """Start the pool anew when runs are due, it has hands free, and takes none: its broker connection is dead."""
        if self._pool is None:
            return
        runs, deaf_ms = self._house.ledger.runs, int(self._house.settings.deaf_s * 1000)
        queues = self._house.settings.queues
        if self._ears.deaf(runs.held_by(pool_name(self._pool.pid) + ":"), lambda: runs.neglected(deaf_ms, queues)):
            log.error("runs are due and the pool takes none: it is started anew")
            self._end_pool()
            self._pool = None

    def _end_pool(self) -> None:
        """Let the pool hand its runs back, then end it: Celery's own shutdown takes seconds and saves nothing more."""
        if self._pool is None:
            return
        deadline = time.monotonic() + _GRACE_S
        try:
            os.killpg(self._pool.pid, signal.SIGTERM)
            while time.monotonic() < deadline and self._pool.poll() is None and self._at_work():
                time.sleep(0.05)
            os.killpg(self._pool.pid, signal.SIGKILL)
        except ProcessLookupError:
            log.debug("the pool was gone already")
        self._pool.wait()

    def _at_work(self) -> bool:
        assert self._pool is not None
        try:
            return self._house.ledger.runs.held_by(pool_name(self._pool.pid) + ":") != frozenset()
        except LedgerUnavailable:
            return False  # the leases run out


def _alone(part: Callable[[], object]) -> None:
    """Do one part of a round; what it trips over keeps no other from its work. Raises `LedgerUnavailable`."""
    try:
        part()
    except LedgerUnavailable:
        raise
    except Exception:
        log.exception("a part of a sweep failed; the next one tries again")


@contextmanager
def _rubbish(folder: Path) -> Iterator[str]:
    """A folder for what a pool leaves behind. Those of workers on this machine that were killed are swept away."""
    host = socket.gethostname()
    for old in folder.glob(f"pool-{host}-*"):
        if not _alive(old.name.rpartition("-")[2]):
            shutil.rmtree(old, ignore_errors=True)
    mine = folder / f"pool-{host}-{os.getpid()}"
    mine.mkdir(parents=True, exist_ok=True)
    try:
        yield str(mine)
    finally:
        shutil.rmtree(mine, ignore_errors=True)


def _alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def _rehearsing(house: House) -> Iterator[None]:
    """Serve the rehearsal scripts of all workflows if a configured model asks for them."""
    if not any(model.server == "rehearsal" for model in house.settings.models.values()):
        yield
        return
    scripts = [load_script(path) for name in house.catalog.names() for path in house.catalog.rehearsals(name)]
    with Rehearsal({script.key: script for script in scripts}).serve() as server:
        os.environ[REHEARSAL_URL] = server.url
        yield
