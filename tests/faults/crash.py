"""One case of the sweep: a process plays a story, something happens to it at one place, and others take over."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from kontora_agents.errors import ModelUnavailable
from kontora_connectors import OutcomeUnknown, Unavailable
from kontora_worker.house import House
from kontora_workflows.failpoints import arm
from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.database import LedgerUnavailable
from kontora_workflows.ledger.run import AT_REST

from tests.faults import cast
from tests.faults.adapter import Finding, Report
from tests.faults.cast import LEASE_S, Broken, Cast
from tests.faults.invariants import Inspection
from tests.faults.row import HARNESS
from tests.faults.stories import Story
from tests.faults.witness import Witness

#: What happens at a place. `kill`: SIGKILL. `raise`: what breaks there in real life, before the commit or after it.
#: `defect`: an exception that nobody expects. `freeze`: SIGSTOP until the lease is over and others have taken over.
Action = Literal["kill", "raise", "defect", "freeze"]
ACTIONS: tuple[Action, ...] = ("kill", "raise", "defect", "freeze")


@dataclass(frozen=True)
class Stage:
    """Where cases are played. `database` gives an empty ledger by name, and takes it away again."""

    folder: Path
    erp: str
    model: str
    make_ledger: Callable[[str], str]
    drop_ledger: Callable[[str], None]

    @property
    def erp_diary(self) -> Path:
        """What the ERP saw."""
        return self.folder / "erp.diary"

    @property
    def model_diary(self) -> Path:
        """What the model server saw."""
        return self.folder / "model.diary"


@dataclass(frozen=True)
class Case:
    """A story, a place in it (the `nth` time it is passed), and what happens there."""

    story: Story
    place: str
    nth: int
    action: Action

    @property
    def name(self) -> str:
        """How the case is called in a table."""
        return f"{self.story.name}: {self.action} at {self.place} ({self.nth})"


@dataclass
class Verdict:
    """How a case ended. `reached`: the place was passed and the action took place."""

    case: str
    action: str
    reached: bool
    state: str
    seconds: float
    findings: dict[str, Any] = field(default_factory=dict)
    breaks: list[dict[str, str]] = field(default_factory=list)


class DoesNotEnd(Exception):
    """A story does not even end where nothing goes wrong."""


class Player:
    """Plays a story in a child process."""

    def __init__(self, stage: Stage, story: Story, reference: str, ledger: str) -> None:
        self._stage, self._story, self._reference, self._ledger = stage, story, reference, ledger

    def start(self, hook: Callable[[str], None] | None = None) -> int:
        """Fork; the child plays to the end. Returns its process id."""
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            arm(hook)
            code = 0 if self._play() else 3
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def _play(self) -> bool:
        stage = self._stage
        house = House(cast.settings(stage.folder, self._ledger, stage.erp, stage.model))
        return Cast(self._story, self._reference, house, stage.erp_diary).play()


def trace(stage: Stage, story: Story) -> list[tuple[str, int]]:
    """Every place that a story passes when nothing else goes wrong, and the how manieth time. Raises `DoesNotEnd`."""
    path, reference = stage.folder / f"trace-{story.name}", f"trace-{story.name}"
    ledger = stage.make_ledger(reference)
    cast.order_faults(stage.erp, reference, story.faults)

    def hook(name: str) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(name + "\n")

    pid = Player(stage, story, reference, ledger).start(hook)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    stage.drop_ledger(reference)
    if code:
        raise DoesNotEnd(f"the story {story.name} does not come to rest by itself")
    seen: Counter[str] = Counter()
    places = []
    for name in path.read_text(encoding="utf-8").split():
        seen[name] += 1
        places.append((name, seen[name]))
    return places


def warm_up(stage: Stage, story: Story) -> None:
    """Play a story here, so that forked processes find everything loaded, compiled and cached."""
    ledger = stage.make_ledger("warm-up")
    house = House(cast.settings(stage.folder, ledger, stage.erp, stage.model))
    try:
        Cast(story, "warm-up", house, stage.erp_diary).play()
    finally:
        house.close()
    stage.drop_ledger("warm-up")
    left = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    assert not left, f"threads that a fork would lose: {left}"


def _hook(case: Case, mark: Path) -> Callable[[str], None]:
    seen: Counter[str] = Counter()

    def hook(name: str) -> None:
        seen[name] += 1
        if name != case.place or seen[name] != case.nth:
            return
        mark.touch()
        if case.action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif case.action == "freeze":
            os.kill(os.getpid(), signal.SIGSTOP)
        elif case.action == "defect":
            raise Broken(name)
        else:
            raise _what_breaks(name)

    return hook


def _what_breaks(place: str) -> Exception:
    """What a caller of this place gets in real life."""
    if place.startswith("model."):
        return ModelUnavailable("The connection to the model server broke.")
    if place.startswith("broker."):
        return ConnectionResetError("the broker is gone")
    if place == "call.after":
        return OutcomeUnknown("The answer was lost.")
    if place.startswith(("call.", "lookup.")):
        return Unavailable("The system does not answer.")
    return LedgerUnavailable("The ledger's database broke off the connection.")


def play(stage: Stage, case: Case, name: str) -> Verdict:
    """Play one case to its end and judge it."""
    started = time.monotonic()
    ledger, reference, mark = stage.make_ledger(name), name, stage.folder / f"{name}.mark"
    cast.order_faults(stage.erp, reference, case.story.faults)
    player = Player(stage, case.story, reference, ledger)
    victim = player.start(_hook(case, mark))
    early: list[str] = []
    _, status = os.waitpid(victim, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        _take_over(player, victim)
    elif os.WIFSIGNALED(status):
        early = _ahead_of_ledger(stage, ledger, reference)
        os.waitpid(player.start(), 0)
    verdict = _judge(stage, case, ledger, reference)
    verdict.breaks += [{"invariant": "I3", "where": where, "why": "called before the intent"} for where in early]
    verdict.reached, verdict.seconds = mark.exists(), round(time.monotonic() - started, 3)
    mark.unlink(missing_ok=True)
    if not verdict.breaks:  # else it stays for whoever looks, as long as the folder does
        stage.drop_ledger(name)
    return verdict


def _take_over(player: Player, victim: int) -> None:
    """Let another process work on while the victim is frozen, then let it go on. A transaction that it froze in may
    hold the other one up: the freeze is bounded."""
    time.sleep(LEASE_S + 0.05)
    heir = player.start()
    deadline = time.monotonic() + 2.0
    ended = 0
    while not ended and time.monotonic() < deadline:
        ended, _ = os.waitpid(heir, os.WNOHANG)
        time.sleep(0.01)
    os.kill(victim, signal.SIGCONT)
    os.waitpid(victim, 0)
    if not ended:
        os.waitpid(heir, 0)


def _ahead_of_ledger(stage: Stage, url: str, reference: str) -> list[str]:
    """Calls that the ERP saw and of which the dead process left no intent in the ledger."""
    found = _inspect(stage, url, reference, at_rest=False)
    return [one.where for one in found.findings if one.invariant == "I3"]


def _inspect(stage: Stage, url: str, reference: str, *, at_rest: bool) -> Report:
    ledger = Ledger(url, migrate=False)
    try:
        witness = Witness.of(stage.erp_diary, stage.model_diary, reference)
        inspection = Inspection(ledger, witness, lease_ms=LEASE_S * 1000, at_rest=at_rest)
        return inspection.of_runs(run.id for run in ledger.runs.page(limit=1000).items)
    finally:
        ledger.close()


def _judge(stage: Stage, case: Case, url: str, reference: str) -> Verdict:
    found = _inspect(stage, url, reference, at_rest=True)
    ledger = Ledger(url, migrate=False)
    try:
        roots = ledger.runs.page(limit=1000).items
    finally:
        ledger.close()
    state = ",".join(run.state for run in roots) or "none"
    if len(roots) != 1:
        found.findings.append(Finding("I1", reference, f"{len(roots)} runs were started for one request"))
    elif roots[0].state in AT_REST and state not in case.story.ends:
        found.findings.append(Finding("I1", roots[0].id, f"it is {state}: {roots[0].error}"))
    if state == "succeeded":
        booked = Witness.of(stage.erp_diary, prefix=reference).booked()
        for end in case.story.booked:
            if booked[reference + end] != 1:
                why = f"the run succeeded and it was booked {booked[reference + end]} times"
                found.findings.append(Finding("I2", reference + end, why))
    facts = asdict(found)
    breaks = facts.pop("findings")
    return Verdict(case.name, case.action, False, state, 0.0, facts, breaks)


def no_verdict(case: str, action: str, why: str) -> Verdict:
    """What is said of a case that did not come to its end."""
    return Verdict(case, action, False, "none", 0.0, breaks=[{"invariant": HARNESS, "where": case, "why": why}])


def write_verdict(verdict: Verdict, path: Path) -> None:
    """Append one JSON line, as a whole."""
    with path.open("ab", buffering=0) as file:
        file.write((json.dumps(asdict(verdict)) + "\n").encode())
