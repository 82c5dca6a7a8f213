"""F21, F26 to F28: the ERP and the model server are cut off, slow, silent, overrun, or talk nonsense."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from kontora_workflows.ledger import tables
from kontora_workflows.ledger.chain import Entry
from kontora_workflows.ledger.run import Run
from kontora_workflows.ledger.tables import Now
from sqlalchemy import update

from tests.faults.people import tidy_up
from tests.faults.place import LEASE_S
from tests.faults.proxy import Proxy
from tests.faults.scenarios import PRODUCTION, fault
from tests.faults.scene import Scene

#: One job per way in which a system treats our key. What the last one has booked nobody can look up.
_JOBS = {"order": 4, "book-native-key": 2, "book-lookup": 2, "book-none": 2}
#: Longer than any run may wait for a model, in seconds.
_FOR_EVER_S = 60.0
#: Times that no storm has an end in.
_ALWAYS = 10**6
#: The timeout of the agent in `slow-agent`, in seconds.
_STEP_S = 4.0
#: How late a deadline may be kept, in seconds: it is looked at four times a second.
_LATE_S = 2.0
#: How often a step is tried before its run fails, as docs/workflows.md says.
ATTEMPTS = 5
#: How often the client of a model asks at most, each time that a run is worked on.
_TRIES = 3


@fault("F21", "cut off from the ERP in the middle of writes: replies are lost, or nothing comes", quick=PRODUCTION)
def cut_off_from_the_erp(scene: Scene) -> None:
    scene.allowed = {"review"}
    line = _before_the_erp(scene)
    line.watch = lambda sent: sent.startswith(b"POST ")
    first = _submit(scene)
    for _ in range(2):
        scene.worker()
    scene.rest()
    line.watch = None
    torn = {one for one in first if scene.jobs[one] == "book-none"}
    _review(scene, torn)
    scene.erp_fails({"do": "slow", "seconds": 0.5, "times": 4})
    booked = len(scene.witness().booked())
    _submit(scene)
    scene.until(scene.seen("fault", 2), "writes are under way")
    line.blackhole = True
    _meanwhile(scene, 4.0)
    scene.must(len(scene.witness().booked()) > booked, "harness", "nothing was booked that nobody heard of")
    line.blackhole = False
    _rest_soon(scene)
    _review(scene, torn, spared=True)
    tidy_up(scene, ())


@fault("F26", "the model says a word now and then, for longer than a lease and than a deadline")
def slow_model(scene: Scene) -> None:
    scene.allowed = {"failed", "stopped"}
    for worker in (scene.worker(), scene.worker()):
        scene.pool(worker)
    (hurried,), (due,) = scene.submit(1, "slow-agent"), scene.submit(1, "due")
    both = (hurried, due)
    for_ever = [{"do": "drip", "match": one, "seconds": _FOR_EVER_S, "times": 9} for one in both]
    scene.model_fails(*for_ever)
    scene.until(lambda: all(_asked(scene, one) or scene.outcome(one) != "open" for one in both), "the model is asked")
    if not all(_asked(scene, one) for one in both):
        scene.notes.append("this machine is so busy that time was over before the model was asked")
    patient = scene.submit(3)
    drip = {"do": "drip", "seconds": 2 * LEASE_S + 1}
    scene.model_fails(*for_ever, *({**drip, "match": one} for one in patient))
    scene.rest()
    kept = not scene.report().recoveries or scene.pace.stretch > 1  # a heart that gets no processor does not beat
    scene.must(kept, "I10", "a lease was lost while its holder was alive")
    for one in patient:
        scene.must(scene.outcome(one) == "done", "I1", f"{one} had time, and is {scene.outcome(one)}")
    _step_timed_out(scene, hurried)
    run = scene.system.run(due)
    late = ((run.finished_at or 0) - (run.deadline_at or 0)) / 1000
    scene.must(run.state == "timed_out", "I8", f"{due} passed its deadline and is {run.state}")
    scene.must(late < _LATE_S + scene.pace.allowance(_LATE_S), "I8", f"{due} ended {late:.1f} s after its deadline")
    _asks_nothing_more(scene, both)


@fault("F27", "the model hangs, never ends, fails, and talks nonsense; then it does not")
def model_talks_nonsense(scene: Scene) -> None:
    scene.allowed = {"failed"}
    passing: list[dict[str, Any]] = [
        {"do": "status", "status": 500},
        {"do": "status", "status": 503, "times": 2},
        {"do": "garbage", "times": 2},
        {"do": "hang", "seconds": 0.5, "times": 2},
        {"do": "endless", "times": 2},
        {"do": "flood", "seconds": _FOR_EVER_S},
    ]
    lasting = [{"do": do, "seconds": _FOR_EVER_S, "times": 9} for do in ("hang", "endless", "flood")]
    short, long = scene.submit(len(passing)), scene.submit(len(lasting), "slow-agent")
    faults = zip([*short, *long], [*passing, *lasting], strict=True)
    scene.model_fails(*({**one, "match": reference} for reference, one in faults))
    for _ in range(2):
        scene.worker()
    scene.rest()
    for one in short:
        scene.must(scene.outcome(one) == "done", "I1", f"{one} was to go on, and is {scene.outcome(one)}")
    for one in long:
        _step_timed_out(scene, one)
    _asks_nothing_more(scene, long)
    scene.model_fails()
    tidy_up(scene, ())


@fault("F27b", "the model fails for good: attempts end, with an error that says so; a person lets the runs go on")
def model_fails_for_good(scene: Scene) -> None:
    scene.allowed = {"failed"}
    lasting: list[dict[str, Any]] = [{"do": "status", "status": 500}, {"do": "garbage"}, {"do": "hang", "seconds": 0.1}]
    references = scene.submit(len(lasting))
    faults = zip(references, lasting, strict=True)
    scene.model_fails(*({**one, "match": reference, "times": _ALWAYS} for reference, one in faults))
    scene.worker()
    _rest_soon(scene)
    _pauses_grow(scene)
    for one in references:
        error = scene.system.run(one).error or {}
        said = str(error.get("code"))
        scene.must(said.startswith("model_"), "I9", f"{one} failed with {error}")
        asked = len(_asked(scene, one))
        scene.must(ATTEMPTS <= asked <= ATTEMPTS * _TRIES, "I9", f"{one}: the model was asked {asked} times")
    scene.model_fails()
    tidy_up(scene, ())


@fault("F28", "storms of 429 and 503 at the ERP; it is slow, and what it says is cut in half")
def storms(scene: Scene) -> None:
    scene.allowed = {"review"}
    references = _submit(scene)
    scene.erp_fails(*_storm(references))
    for _ in range(2):
        scene.worker()
    _rest_soon(scene)
    _review(scene, {one for one in references if scene.jobs[one] == "book-none"}, spared=True)
    _bounded(scene)
    tidy_up(scene, ())


@fault("F28b", "the ERP takes nothing for good: attempts end, nothing is booked; a person lets the runs go on")
def storm_without_end(scene: Scene) -> None:
    scene.allowed = {"failed"}
    references = _submit(scene)
    refused: dict[str, Any] = {"do": "status", "status": 429, "times": _ALWAYS}
    scene.erp_fails(
        *({**refused, "match": f"{one}/stock", "on": "read"} for one in references[::2]),
        *({**refused, "match": f"{one}/book", "status": 503} for one in references),
    )
    scene.worker()
    _rest_soon(scene)
    _pauses_grow(scene)
    for one in references:
        run = scene.system.run(one)
        scene.must(run.state == "failed", "I9", f"{one} is {run.state}, and the ERP takes nothing")
        scene.must((run.error or {}).get("code") == "unavailable", "I9", f"{one} failed with {run.error}")
    scene.must(not scene.witness().booked(), "I2", "something was booked by an ERP that takes nothing")
    _bounded(scene, exactly=True)
    scene.erp_fails()
    tidy_up(scene, ())


# --- means -----------------------------------------------------------------------------------------------------------


def _submit(scene: Scene) -> list[str]:
    return [reference for job, count in _JOBS.items() for reference in scene.submit(count, job)]


def _before_the_erp(scene: Scene) -> Proxy:
    """A proxy between every worker and the ERP."""
    line = scene.proxy(urlsplit(scene.hall.erp).port or 0)
    file = scene.system.home / "kontora.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(scene.hall.erp, line.url(scene.hall.erp)), encoding="utf-8")
    return line


def _meanwhile(scene: Scene, seconds: float) -> None:
    """Let people decide for a while."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        scene.system.decide()
        time.sleep(0.1)


def _asked(scene: Scene, reference: str) -> list[dict[str, Any]]:
    """The questions of a run that reached the model server."""
    asked = [event for event in scene.witness().model if event["what"] == "asked"]
    return [event for event in asked if event["reference"].startswith(f"{reference}/")]


def _entries(scene: Scene, run: Run) -> list[Entry]:
    return list(scene.system.house.ledger.entries.of_run(run.id))


# --- what a storm is -------------------------------------------------------------------------------------------------


def _storm(references: Sequence[str]) -> list[dict[str, Any]]:
    """What goes wrong, on the way to every record: four times at most before the same step, so that attempts suffice.

    An agent is told of a refusal, and goes on without; so only what nobody can refuse happens to its calls.
    """
    faults: list[dict[str, Any]] = []
    for number, one in enumerate(references):
        refused = {"do": "status", "status": (429, 503)[number % 2]}
        faults.append({**refused, "on": "read", "match": f"{one}/stock", "times": 2})
        faults.append({"do": "half", "on": "read", "match": f"{one}/stock"})
        faults.append({**refused, "match": f"{one}/book"})
        broken = ({"do": "half"}, {"do": "slow", "seconds": 1.0}, {"do": "status", "status": 500}, {"do": "drop"})
        faults.append({**broken[number % 4], "when": "after", "match": one})
    lookups: list[dict[str, Any]] = [{"do": "status"}, {"do": "half"}, {"do": "hang", "seconds": 4.0}]
    return [*faults, *({**one, "on": "lookup", "match": ""} for one in lookups)]


def _bounded(scene: Scene, *, exactly: bool = False) -> None:
    """No step was tried more often than there are attempts."""
    witness = scene.witness()
    for seen in (witness.reads(), witness.writes()):
        for reference, calls in seen.items():
            holds = len(calls) <= ATTEMPTS
            if exactly and any(event["what"] == "fault" and event["reference"] == reference for event in witness.erp):
                holds = len(calls) == ATTEMPTS
            scene.must(holds, "I9", f"{reference} was asked for {len(calls)} times")


def _rest_soon(scene: Scene) -> None:
    """Wait until every job is at rest; the growing pauses between attempts pass at once."""
    database = scene.system.house.ledger.database
    again = (tables.runs.c.state == "queued") & (tables.runs.c.attempts > 0)

    def hurry() -> bool:
        with database.write() as connection:
            connection.execute(update(tables.runs).where(again).values(due_at=Now()))
        return "open" not in scene.system.outcomes().values()

    scene.until(hurry, "every job is at rest")


def _pauses_grow(scene: Scene) -> None:
    """An attempt is made 0.5 to 1 of 2, 4, 8, … seconds after the one before, if nobody is in a hurry."""
    for run in scene.system.runs():
        states = [entry.data for entry in _entries(scene, run) if entry.kind == "run.state"]
        pauses = [one["delay_ms"] / 1000 for one in states if "error" in one and "delay_ms" in one]
        right = all(2**number / 2 <= pause <= 2**number for number, pause in enumerate(pauses, 1))
        scene.must(right and len(pauses) == ATTEMPTS - 1, "I9", f"{run.idempotency_key} paused for {pauses} s")


# --- what is expected ------------------------------------------------------------------------------------------------


def _review(scene: Scene, torn: set[str], *, spared: bool = False) -> None:
    """Those wait for a person, as nobody can look them up, and no others; `spared`: some of them may not."""
    waiting = {one for one, state in scene.system.outcomes().items() if state == "review"}
    known = {one for one in waiting if scene.jobs[one] != "book-none"}
    scene.must(not known, "I4", f"these can be looked up, and wait for a person: {sorted(known)}")
    missing = torn - waiting
    scene.must(spared or not missing, "I4", f"nobody can know of these, and they went on: {sorted(missing)}")


def _step_timed_out(scene: Scene, reference: str) -> None:
    """The step of an agent ended when its time was over."""
    run = scene.system.run(reference)
    code = (run.error or {}).get("code")
    scene.must((run.state, code) == ("failed", "step_timeout"), "I8", f"{reference} is {run.state}: {run.error}")
    started = next(e.at for e in _entries(scene, run) if e.kind == "step.started" and e.key == "agent")
    took = ((run.finished_at or 0) - started) / 1000
    in_time = took < _STEP_S + _LATE_S + scene.pace.allowance(_LATE_S)
    scene.must(in_time, "I8", f"the step of {reference} took {took:.1f} s, not {_STEP_S:g} s")


def _asks_nothing_more(scene: Scene, references: Sequence[str]) -> None:
    """Whoever ran out of time asks no model any more."""
    for one in references:
        ended = scene.system.run(one).finished_at
        late = [event for event in _asked(scene, one) if ended and event["at"] > ended]
        scene.must(not late, "I8", f"{one} had ended, and asked the model")
