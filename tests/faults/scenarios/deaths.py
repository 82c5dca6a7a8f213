"""F1 to F9, F11, F34, F35: processes that die, freeze or are asked to end."""

from __future__ import annotations

import signal
import time
from contextlib import suppress

from tests.faults.place import LEASE_S
from tests.faults.scenarios import EMBEDDED, PRODUCTION, fault
from tests.faults.scene import Failed, Scene

RUNS = 8
#: How many processes die.
DEATHS = 3


def _die_at(scene: Scene, place: str, do: str = "kill group", *, job: str = "order") -> None:
    """Let pools die at a place, three times in all, and another worker go on with what they leave."""
    armed = scene.armed(place, do, times=DEATHS, program="celery_worker")
    scene.submit(RUNS, job)
    for _ in range(2):
        scene.worker(**armed)
    scene.worker()
    scene.fired()
    scene.rest()


@fault("F1", "kill -9 of a worker before its claim is committed")
def before_the_claim(scene: Scene) -> None:
    _die_at(scene, "run.claim.before")


@fault("F2", "kill -9 after the claim, before the first step")
def after_the_claim(scene: Scene) -> None:
    _die_at(scene, "run.claim.after")


@fault("F3", "kill -9 after the intent, before the call", quick=EMBEDDED)
def after_the_intent(scene: Scene) -> None:
    _die_at(scene, "approval.used.after")


@fault("F4", "kill -9 during the call: booked, and the answer is lost", quick=PRODUCTION)
def during_the_call(scene: Scene) -> None:
    scene.erp_fails({"do": "slow", "when": "after", "seconds": 1.0, "times": RUNS})
    scene.bound_s = 1.0 + scene.system.bound_s  # a call may have lasted so long when its worker dies
    workers = [scene.worker() for _ in range(3)]
    for worker in workers:
        scene.pool(worker)
    scene.submit(RUNS)
    for number, worker in enumerate(workers[:2], 1):
        scene.until(scene.seen("booked", 2 * number), "a record was booked")
        worker.kill()
    scene.rest()


@fault("F5", "kill -9 after the call, before its outcome is committed")
def before_the_outcome(scene: Scene) -> None:
    _die_at(scene, "lookup.after")


@fault("F6", "kill -9 after the outcome, before the next step")
def after_the_outcome(scene: Scene) -> None:
    _die_at(scene, "tool.outcome.after")


@fault("F7", "kill -9 after the last step, before the end is committed")
def before_the_end(scene: Scene) -> None:
    _die_at(scene, "run.finish.before")


@fault("F8", "kill -9 after the end, before the message is done with")
def after_the_end(scene: Scene) -> None:
    _die_at(scene, "run.finish.after")


@fault("F9", "kill -9 of one process of a pool")
def one_of_a_pool(scene: Scene) -> None:
    _die_at(scene, "lookup.before", "kill")


@fault("F11", "a worker is frozen for longer than its lease, and goes on")
def frozen(scene: Scene) -> None:
    armed = scene.armed("call.before", "freeze", times=4, skip=1, program="celery_worker")
    zombies = [scene.worker(**armed) for _ in range(2)]
    for worker in (*zombies, scene.worker()):
        scene.pool(worker)
    scene.submit(RUNS)
    scene.fired()
    if scene.ledger:  # a heartbeat may have been frozen in its transaction, which PostgreSQL ends after ten seconds
        scene.bound_s = 10 + scene.system.bound_s
    with suppress(Failed):  # whoever was frozen with the lock of SQLite holds everybody up
        scene.until(lambda: scene.report().recoveries, "what the frozen ones held is taken over", 15)
    for _ in range(3):
        for zombie in zombies:
            zombie.send(signal.SIGCONT)
        for _ in range(int((LEASE_S + 1) / 0.1)):
            scene.system.decide()
            time.sleep(0.1)
    scene.rest()
    scene.must(bool(scene.report().recoveries), "harness", "nothing that a frozen one held was taken over")


@fault("F34", "SIGTERM while a write is under way", quick=PRODUCTION)
def asked_to_end(scene: Scene) -> None:
    workers = [scene.worker(), scene.worker()]
    scene.until(lambda: all(len(worker.below()) >= 4 for worker in workers), "both workers have their pools")
    scene.erp_fails({"do": "slow", "when": "after", "seconds": 2.0, "times": 4})
    references = scene.submit(4)
    scene.until(scene.seen("booked", 4), "four writes are under way")
    held = {reference: scene.system.run(reference).owner or "" for reference in references}
    ending = next(worker for worker in workers if any(_holds(worker.below(), owner) for owner in held.values()))
    mine = [reference for reference, owner in held.items() if _holds(ending.below(), owner)]
    seconds = ending.terminate()
    ended = time.monotonic()
    scene.must(seconds < 10 + scene.pace.allowance(3), "I10", f"a worker that was asked to end took {seconds:.1f} s")
    scene.until(
        lambda: not any(scene.system.run(one).owner == held[one] for one in mine), "the runs were taken over", 8
    )
    waited = time.monotonic() - ended
    scene.must(waited < 3 + scene.pace.allowance(3), "I10", f"what was handed back was taken over after {waited:.1f} s")
    scene.rest()
    scene.must(not scene.report().recoveries, "I10", "what was under way was not handed back")


def _holds(pids: set[int], owner: str) -> bool:
    return bool(owner) and int(owner.rpartition(":")[2]) in pids


@fault("F35", "a run kills every process that works on it; others beside it", quick=PRODUCTION)
def poison(scene: Scene) -> None:
    scene.allowed.add("failed")
    (poisoned,) = scene.submit(1, "poison")
    scene.submit(RUNS)
    scene.worker()
    scene.worker()
    scene.rest(90)
    outcomes = scene.system.outcomes()
    scene.must(outcomes[poisoned] == "failed", "I9", f"the poisonous run ended as {outcomes[poisoned]}")
    deaths = len(scene.witness().reads()[f"{poisoned}/stock"])
    scene.must(deaths == 5, "I9", f"it was tried {deaths} times, not 5 times")
    others = [state for reference, state in outcomes.items() if reference != poisoned]
    scene.must(set(others) == {"done"}, "I1", "a run beside the poisonous one did not end well")
    scene.recoveries = []
