"""The faults of the comparison: what needs only processes, servers and lines. Named as in docs/faults.md."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.peers.contender import Server
from tests.faults.peers.stage import JOBS, Stage

#: Longer than every lease and every visibility timeout here, in seconds.
_FREEZE_S = 25.0
#: How long a worker does not reach its database, and how long a model says nothing, in seconds.
_CUT_S, _HANG_S = 10.0, 12.0
_SLOW = {"do": "slow", "when": "after", "times": 10**6}


@dataclass(frozen=True)
class Strike:
    """A fault, in words. `needs`: a server without which it means nothing to a system."""

    name: str
    words: str
    play: Callable[[Stage], None]
    needs: tuple[Server, ...] = ()


def random_kills(stage: Stage) -> None:
    stage.erp_fails({**_SLOW, "seconds": 0.5})
    stage.begin()
    stage.until(stage.booked(1), "a record is booked")
    for _ in range(4):
        stage.passes(stage.chance.uniform(0.3, 3.0))
        stage.kill(stage.chance.choice(sorted(stage.crew)))


def killed_in_a_write(stage: Stage) -> None:
    stage.erp_fails({**_SLOW, "seconds": 2.0})
    stage.begin()
    for number, worker in enumerate(("worker0", "worker1", "worker0")):
        stage.until(stage.booked(3 + 4 * number), "records are booked, and their answers are under way")
        stage.kill(worker)


def frozen(stage: Stage) -> None:
    stage.erp_fails({**_SLOW, "seconds": 1.0})
    stage.begin()
    stage.until(stage.booked(3), "records are booked, and their answers are under way")
    stage.strike()
    worker = stage.crew["worker0"]
    worker.send(signal.SIGSTOP)
    try:
        stage.passes(_FREEZE_S)
    finally:
        worker.send(signal.SIGCONT)


def asked_to_end(stage: Stage) -> None:
    stage.erp_fails({**_SLOW, "seconds": 2.0})
    stage.begin()
    for number, worker in enumerate(("worker0", "worker1")):
        stage.until(stage.booked(3 + 4 * number), "records are booked, and their answers are under way")
        stage.strike()
        stage.crew[worker].terminate()


def replies_lost(stage: Stage) -> None:
    ends = [f"{stage.name}-{number}./{end}" for number in range(JOBS) for end in ("book", "agent")]
    stage.erp_fails(*({"do": "drop", "when": "after", "match": one} for one in ends))
    stage.begin()


def refused_for_now(stage: Stage) -> None:
    for_now = {"do": "status", "status": 503, "times": 2}
    jobs = [f"{stage.name}-{number}./" for number in range(JOBS)]
    stage.erp_fails(*({**for_now, "on": on, "match": one} for one in jobs for on in ("read", "write")))
    stage.begin()


def redis_forgets(stage: Stage) -> None:
    stage.begin()
    stage.hall.redis.flush()
    for number in range(2):
        stage.passes(1.0)
        stage.strike()
        stage.hall.redis.die()
        stage.hall.redis.live_again()
        stage.passes(1.0 + number)


def redis_restarts(stage: Stage) -> None:
    stage.hall.redis.remember()
    stage.hall.redis.die()  # it remembers from its next start on
    stage.hall.redis.live_again()
    stage.begin()
    stage.until(stage.booked(2), "records are booked")
    stage.strike()
    stage.hall.redis.die()
    time.sleep(1.0)
    stage.hall.redis.live_again()


def postgres_restarts(stage: Stage) -> None:
    stage.begin()
    for number, how in enumerate((signal.SIGQUIT, signal.SIGKILL)):
        stage.until(stage.booked(2 + 4 * number), "records are booked")
        stage.strike()
        stage.hall.postgres.die(how)
        time.sleep(0.5)
        stage.hall.postgres.live_again()


def cut_off(stage: Stage) -> None:
    line = stage.proxy(stage.hall.postgres.port)
    stage.erp_fails({**_SLOW, "seconds": 0.5})
    stage.begin(**stage.contender.reaching(line.url(stage.database)))
    stage.until(stage.booked(2), "records are booked")
    stage.strike()
    line.blackhole = True
    stage.passes(_CUT_S)
    line.cut()
    line.blackhole = False


def asked_twice(stage: Stage) -> None:
    stage.begin()
    stage.submit()
    stage.until(stage.booked(2), "records are booked")
    stage.submit()


def model_hangs(stage: Stage) -> None:
    agents = [f"{stage.name}-{number}./agent" for number in range(JOBS)]
    stage.model_fails(*({"do": "hang", "seconds": _HANG_S, "match": one} for one in agents))
    stage.begin()


STRIKES = (
    Strike("F1", "kill -9 of workers at random moments, four times", random_kills),
    Strike("F4", "kill -9 during writes: booked, and the answer is lost; three times", killed_in_a_write),
    Strike("F11", f"a worker is frozen for {_FREEZE_S:g} s, and goes on", frozen),
    Strike("F34", "SIGTERM during writes, twice", asked_to_end),
    Strike("F21", "the ERP's answer to every write is lost, once", replies_lost),
    Strike("F28", "a storm of 503: reads and writes of every job, twice each", refused_for_now),
    Strike("F24", "every job is asked for three times", asked_twice),
    Strike("F27", f"the model hangs for {_HANG_S:g} s, once per job", model_hangs),
    Strike("F16", "PostgreSQL is stopped at once, then killed, and started again", postgres_restarts, ("postgres",)),
    Strike("F20", f"a worker is cut off from PostgreSQL for {_CUT_S:g} s", cut_off, ("postgres",)),
    Strike("F13", "Redis loses everything, three times", redis_forgets, ("redis",)),
    Strike("F12", "Redis is killed, and comes back with every command that it took", redis_restarts, ("redis",)),
)
