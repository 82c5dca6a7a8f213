"""The crash-point sweep: every named place of every story, and everything that can happen there.

`python -m tests.faults.sweep --folder DIR --erp URL --model URL --verdicts FILE`, started by the driver. It is a
process without threads, because it forks one process per case.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tests.faults import crash
from tests.faults.crash import ACTIONS, Action, Case, DoesNotEnd, Stage, no_verdict, write_verdict
from tests.faults.empty_ledgers import PostgresLedgers, SqliteLedgers
from tests.faults.stories import STORIES, Story

#: Places that are passed at every look of the sweeper, of a heartbeat or of the cast: once is enough.
_POLLED = ("approval.expired", "run.heartbeat", "slot.taken", "slot.freed")
#: What is done at a place that no story before has passed, by level and ledger.
_NEW: dict[tuple[str, str], tuple[Action, ...]] = {
    ("quick", "sqlite"): ("raise", "freeze"),
    ("quick", "postgres"): ("kill",),
    ("usual", "sqlite"): ACTIONS,
    # A defect is met where the code is, whatever ledger is below it.
    ("usual", "postgres"): ("kill", "raise", "freeze"),
}
#: No case takes longer, in seconds.
_LONGEST_S = 60.0
#: What a forked process would otherwise import anew.
_IMPORTS = (
    "autogen_agentchat.agents",
    "kontora_agents.chat_client",
    "kontora_agents.toolbox",
    "kontora_agents.autogen_runner",
    "sqlalchemy.dialects.sqlite",
    "sqlalchemy.dialects.postgresql.psycopg",
    "tests.faults.connector",
)


def cases(stage: Stage, verdicts: Path, stories: Iterable[Story], level: str, ledger: str) -> Iterator[Case]:
    """The cases of some stories; of a story that does not end by itself a verdict says so.

    `quick` and `usual`: what `_NEW` says at each place, in the first story that passes it. `usual`: besides, the first
    story killed at every passing. `exhaustive`: everything at every passing in every story.
    """
    passed: set[str] = set()
    for number, story in enumerate(stories):
        try:
            places = crash.trace(stage, story)
        except DoesNotEnd as error:
            write_verdict(no_verdict(story.name, "", str(error)), verdicts)
            continue
        new = {place for place, _ in places} - passed
        passed |= new
        for place, nth in places:
            if place.startswith("test.") or (nth > 1 and place in _POLLED):
                continue
            if level == "exhaustive":
                actions = ACTIONS
            elif nth == 1:
                actions = _NEW[level, ledger] if place in new else ()
            else:
                actions = ("kill",) if number == 0 and level == "usual" else ()
            for action in actions:
                yield Case(story, place, nth, action)


class Pool:
    """Plays cases in so many processes at once and appends their verdicts to a file."""

    def __init__(self, stage: Stage, verdicts: Path, jobs: int) -> None:
        self._stage, self._verdicts, self._jobs = stage, verdicts, jobs
        self._driver = os.getppid()
        self._running: dict[int, tuple[Case, float]] = {}

    def play(self, wanted: Sequence[Case]) -> None:
        """Play all. A case that does not come to its end has a verdict that says so."""
        for number, case in enumerate(wanted):
            while len(self._running) >= self._jobs:
                self._reap()
            pid = os.fork()
            if not pid:
                self._child(case, f"case{number}-{os.getpid()}")
            self._running[pid] = (case, time.monotonic())
        while self._running:
            self._reap()

    def _child(self, case: Case, name: str) -> None:
        code = 1
        try:
            os.setpgid(0, 0)
            write_verdict(crash.play(self._stage, case, name), self._verdicts)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def _reap(self) -> None:
        """Wait for one case to end."""
        while True:
            if os.getppid() != self._driver:
                sys.exit("The driver is gone.")
            for pid, (case, started) in list(self._running.items()):
                ended, status = os.waitpid(pid, os.WNOHANG)
                if not ended and time.monotonic() - started > _LONGEST_S:
                    os.killpg(pid, 9)
                    ended, status = os.waitpid(pid, 0)
                if ended:
                    del self._running[pid]
                    if status:
                        why = f"no verdict after {time.monotonic() - started:.0f} s; the log of the sweep says more"
                        write_verdict(no_verdict(case.name, case.action, why), self._verdicts)
                    return
            time.sleep(0.005)


def _stories(only: Sequence[str], level: str) -> list[Story]:
    """The stories of which there may be cases: `only` holds parts of names of cases, as `order: kill at`."""
    if level != "exhaustive":
        return list(STORIES.values())  # whose places are new depends on all of them
    return [story for story in STORIES.values() if not only or any(_may_be(story, word) for word in only)]


def _may_be(story: Story, word: str) -> bool:
    name, colon, _ = word.partition(":")
    return not colon or story.name.endswith(name)


def main() -> int:
    parser = argparse.ArgumentParser()
    for name in ("--folder", "--erp", "--model", "--verdicts"):
        parser.add_argument(name, required=True)
    parser.add_argument("--postgres")
    parser.add_argument("--only", action="append", default=[], metavar="WORD")
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--level", choices=("quick", "usual", "exhaustive"), default="usual")
    given = parser.parse_args()
    for name in _IMPORTS:
        importlib.import_module(name)
    folder, verdicts = Path(given.folder), Path(given.verdicts)
    ledger = "postgres" if given.postgres else "sqlite"
    ledgers = PostgresLedgers(given.postgres) if given.postgres else SqliteLedgers(folder)
    stage = Stage(folder, given.erp, given.model, ledgers.make, ledgers.drop)
    crash.warm_up(stage, STORIES["order"])
    wanted = [
        case
        for case in cases(stage, verdicts, _stories(given.only, given.level), given.level, ledger)
        if not given.only or any(word in case.name for word in given.only)
    ]
    print(f"{len(wanted)} cases", file=sys.stderr, flush=True)
    gc.freeze()
    Pool(stage, verdicts, given.jobs).play(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
