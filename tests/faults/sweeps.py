"""The driver's side of the crash-point sweep: one process per ledger, side by side, and their verdicts as rows."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.faults.adapter import Finding
from tests.faults.hall import Hall
from tests.faults.place import environment
from tests.faults.plan import SWEEP
from tests.faults.program import Program
from tests.faults.row import HARNESS, Row
from tests.services import Missing, PostgresServer

#: What happens, in words.
_ACTIONS = {
    "kill": "kill -9 at every named place",
    "raise": "what breaks there in real life, at every named place",
    "defect": "an exception that nobody expects, at every named place",
    "freeze": "a stop for longer than the lease, at every named place",
    "": "stories that do not even end when nothing goes wrong",
}
#: No sweep takes longer, in seconds.
_LONGEST_S = 1200.0


class Sweep:
    """The sweep on one ledger, under way from the beginning. Leaving the block ends it. Raises `Missing`.

    `only` are parts of names of cases; what names a story (`order: kill at`) is looked for in every level.
    """

    def __init__(self, pair: str, only: list[str], folder: Path, plugin: Path, level: str) -> None:
        self._pair, self._folder, self._began = pair, folder, time.monotonic()
        self._verdicts, self._stack = folder / "verdicts.jsonl", ExitStack()
        folder.mkdir()
        with ExitStack() as stack:
            hall = Hall(folder, plugin, stack)
            level = "exhaustive" if only and all(":" in word for word in only) else level
            given = {"folder": folder, "erp": hall.erp, "model": hall.model, "verdicts": self._verdicts, "level": level}
            arguments = [part for name, value in given.items() for part in (f"--{name}", str(value))]
            arguments += [part for word in only for part in ("--only", word)]
            if pair == "postgres":
                server = PostgresServer()
                stack.callback(server.stop)
                arguments += ["--postgres", stack.enter_context(server.database())]
            command = [sys.executable, "-m", "tests.faults.sweep", *arguments]
            self._program = Program(command, folder / "sweep.log", environment(plugin))
            self._stack = stack.pop_all()

    def __enter__(self) -> Sweep:
        return self

    def __exit__(self, *_: object) -> None:
        if self._program.alive:
            self._program.send(signal.SIGSTOP)  # it forks all the time: nobody is born while all are ended
        self._program.kill()
        self._stack.close()

    @property
    def ended(self) -> bool:
        """Whether no more verdicts will come."""
        return not self._program.alive or time.monotonic() - self._began > _LONGEST_S

    def rows(self) -> list[Row]:
        """One row per action."""
        seconds = round(time.monotonic() - self._began, 1)
        rows: dict[str, Row] = {}
        for verdict in self._read():
            action = verdict["action"]
            row = Row(name=f"{SWEEP} {action}".strip(), words=_ACTIONS[action], pair=self._pair, cases=0)
            _count(rows.setdefault(action, row), verdict)
        if not rows or self._program.alive or self._program.process.returncode:
            rows["broken off"] = self._broken_off()
        for row in rows.values():
            row.seconds = seconds
            row.words = f"{row.words}: {row.cases} cases"
        return [rows[action] for action in (*_ACTIONS, "broken off") if action in rows]

    def _read(self) -> list[dict[str, Any]]:
        if not self._verdicts.exists():
            return []
        return [json.loads(line) for line in self._verdicts.read_text(encoding="utf-8").splitlines()]

    def _broken_off(self) -> Row:
        row = Row(name=SWEEP, words="it did not come to its end", pair=self._pair)
        row.findings.append(Finding(HARNESS, SWEEP, self._program.end_of_log()))
        return row


def _count(row: Row, verdict: dict[str, Any]) -> None:
    """Add a verdict to the row of its action."""
    row.cases += 1
    row.count(verdict["findings"])
    if verdict["breaks"]:
        row.repeats.append(f"{SWEEP} {verdict['case']}")
        row.findings += [Finding(**{**one, "where": f"{verdict['case']}: {one['where']}"}) for one in verdict["breaks"]]
    elif not verdict["reached"]:
        row.notes.append(f"not reached: {verdict['case']}")


def sweep(sweeps: dict[str, list[str]], folder: Path, plugin: Path, level: str) -> Generator[Row, None, None]:
    """Play the sweeps side by side; the rows come as they end."""
    with ExitStack() as stack:
        under_way = []
        for pair, only in sweeps.items():
            try:
                one = Sweep(pair, only, folder / f"{SWEEP}-{pair}", plugin, level)
            except Missing as missing:
                yield Row(name=SWEEP, words="every named place", pair=pair, cases=0, not_run=str(missing))
                continue
            under_way.append(stack.enter_context(one))
        while under_way:
            for one in [one for one in under_way if one.ended]:
                under_way.remove(one)
                yield from one.rows()
            time.sleep(0.1)
