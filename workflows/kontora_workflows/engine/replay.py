"""A dry replay: a run is worked through once more out of its ledger alone, and the first divergence is reported.

No system, no model and no ledger is written to or asked; connectors are only looked up for their tools.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NoReturn, cast

from kontora_agents.runner import AgentRunner

from kontora_workflows.definition import Workflow
from kontora_workflows.engine.call_thread import CallPool
from kontora_workflows.engine.execution import Execution
from kontora_workflows.engine.journal import Journal
from kontora_workflows.engine.ports import ChosenModel, Doors
from kontora_workflows.engine.pulse import Pulse
from kontora_workflows.engine.signals import StepFailed, Stop, Wait
from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.chain import Entry, canonical
from kontora_workflows.ledger.run import Claim, Run


@dataclass(frozen=True)
class Replayed:
    """What a dry replay found. `steps` were gone through again; `at` and `why` name the first divergence, if any."""

    run_id: str
    item: str | None
    state: str
    steps: int
    at: str | None = None
    why: str | None = None

    @property
    def same(self) -> bool:
        """Whether the replay met exactly what the ledger holds."""
        return self.why is None


class Diverged(Stop):
    """The replay came to something else than the ledger holds."""

    def __init__(self, at: str, why: str) -> None:
        self.at, self.why = at, why
        super().__init__(why)


class EndOfLedger(Stop):
    """The replay wants to do what the ledger does not hold: here the run stopped, or stands."""

    def __init__(self, at: str) -> None:
        self.at = at
        super().__init__(at)


def replay(ledger: Ledger, doors: Doors, runner: AgentRunner, run_id: str) -> list[Replayed]:
    """Replay a run and the runs of its loops. Raises `UnknownRun`."""
    return [_replay(ledger, doors, runner, run) for run in ledger.runs.family(run_id)]


def _replay(ledger: Ledger, doors: Doors, runner: AgentRunner, run: Run) -> Replayed:
    if run.erased:
        why = "The inputs of the run were erased: there is nothing to replay it with."
        return Replayed(run.id, run.item_key, run.state, 0, "inputs", why)
    journal = _DryJournal(ledger, run)
    workflow = Workflow.model_validate_json(ledger.runs.definition(run.definition_hash))
    loop, calls = asyncio.Runner(), CallPool()
    execution = Execution(workflow, journal, cast(Pulse, _Still()), _NoLimits(doors), _Silence(), runner, loop, calls)

    def found(at: str | None = None, why: str | None = None) -> Replayed:
        return Replayed(run.id, run.item_key, run.state, journal.finished, at, why)

    try:
        execution.go()
    except Diverged as error:
        return found(error.at, error.why)
    except EndOfLedger as end:
        ended_well = run.state == "succeeded"
        return found(end.at, "The replay wants to go on here, and the run did not.") if ended_well else found()
    except Wait:
        return found()
    except StepFailed as error:
        then, now = (run.error or {}).get("code"), error.failure.code
        # A run that was stopped, or stands, had not come to this yet.
        short = run.state not in ("succeeded", "failed") and now not in ("nondeterministic", "erased")
        same = short or then == now
        return found() if same else found("the end", f"The replay fails ({error.failure.message}), the run did not so.")
    finally:
        calls.close()
        loop.close()
    short = run.state != "succeeded"
    return found("the end", f"The replay comes to its end; the run is {run.state}.") if short else found()


class _DryJournal(Journal):
    """Answers from the ledger, and compares what would be written with what was."""

    def __init__(self, ledger: Ledger, run: Run) -> None:
        super().__init__(cast(Ledger, _read_only(ledger)), Claim(run, run.fence, run.created_at))
        self._payloads = ledger.entries.payloads(run.id)
        self.finished = 0
        self._upto = 0

    def recorded(self, kind: str, key: str) -> Entry | None:
        """As in a run, but no step counts as finished, unless another run did it."""
        done = self._last.get(("step.finished", key))
        if kind == "step.finished":
            return done if done and "taken_from" in done.data else None
        if kind == "step.started":
            self._upto = done.seq if done else 2**62
        return super().recorded(kind, key)

    def all(self, kind: str) -> list[Entry]:
        """Those that the open step could see."""
        return [entry for entry in super().all(kind) if entry.seq < self._upto]

    def append(
        self, kind: str, key: str | None = None, body: dict[str, Any] | None = None, *, payload: Any = None
    ) -> Entry:
        """Nothing is written: the ledger holds no such entry."""
        raise EndOfLedger(f"{key or self.run.id}: {kind}")

    def note(
        self, kind: str, key: str, body: dict[str, Any], *, payload: Any = None, state: dict[str, Any] | None = None
    ) -> Entry:
        """As `append`."""
        return self.append(kind, key, body, payload=payload)

    def finish_step(self, step: str, body: dict[str, Any], *, payload: Any = None) -> None:
        """Compare the result of a step with the one in the ledger."""
        entry = self._last.get(("step.finished", step))
        if entry is None:
            raise EndOfLedger(f"{step}: step.finished")
        then = {name: value for name, value in entry.data.items() if name != "payload"}
        if canonical(then) != canonical(body):
            raise Diverged(step, f"Step {step} ended as {then}, and now as {body}.")
        if payload is not None and canonical(payload) != self._payloads.get(entry.seq):
            raise Diverged(step, f"Step {step} gives another result than the ledger holds.")
        self.finished += 1

    def file_again(self, written: Entry, sha256: str) -> None:
        """Compare a file with the one in the ledger."""
        if written.data["sha256"] != sha256:
            raise Diverged(written.key or "", f"The file {written.data['name']} would be written differently.")


def _read_only(ledger: Ledger) -> Any:
    """The ledger without a way to write."""

    @contextmanager
    def refuse(*_: Any, **__: Any) -> Any:
        _refuse()
        yield

    return SimpleNamespace(
        database=SimpleNamespace(write=refuse),
        entries=ledger.entries,
        runs=ledger.runs,
        approvals=SimpleNamespace(request=_refuse, use=_refuse),
        artifacts=SimpleNamespace(write=_refuse),
    )


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise EndOfLedger("a write")


class _Still:
    """A pulse without a clock: every timer has gone off, nothing asks the run to stop."""

    step: tuple[str, int] | None = None
    quiet = True

    def now(self) -> int:
        return 2**62

    def check(self) -> None:
        return


class _NoLimits:
    """Doors through which nobody goes: no slot is needed."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self.bind, self.open, self.kind = doors.bind, doors.open, doors.kind

    def limit(self, instance: str) -> int | None:
        return None


class _Silence:
    """Models that say nothing: the ledger has their answers."""

    def choose(self, wanted: str | None, workflow: str, agent: str, *, tools: bool) -> ChosenModel:
        raise EndOfLedger(f"{agent}: plan")

    def again(self, name: str, server: str) -> ChosenModel:
        async def answer(_: Any) -> NoReturn:
            raise EndOfLedger(f"{name}: model.asked")

        return ChosenModel(cast(Any, SimpleNamespace(answer=answer)), name, server, False)

    async def aclose(self) -> None:
        return
