"""The driver's side of the lanes: two processes that play scenarios side by side, and take what is left next."""

from __future__ import annotations

import json
import select
import time
from collections.abc import Generator, Sequence
from contextlib import suppress
from pathlib import Path

from tests.faults.adapter import Finding
from tests.faults.place import environment
from tests.faults.program import Program, Silent
from tests.faults.row import HARNESS, Row
from tests.faults.scenarios import Scenario

#: No scenario takes longer, in seconds.
LONGEST_S = 600.0


class Lane:
    """One process, started when it is first given something. `prefers` is the pair that it plays first."""

    def __init__(self, folder: Path, plugin: Path, prefers: str, more: dict[str, str]) -> None:
        self.folder, self._prefers = folder, prefers
        self._plugin, self._environment = plugin, environment(plugin, **more)
        self._program: Program | None = None
        self._scenario: tuple[Scenario, str] | None = None
        self._began = 0.0
        folder.mkdir()

    @property
    def busy(self) -> bool:
        """Whether it plays something."""
        return self._scenario is not None

    def take(self, scenes: list[tuple[Scenario, str]]) -> None:
        """Take the next scenario of these, and begin to play it. What it could not begin is told by `row`."""
        mine = [scene for scene in scenes if scene[1] == self._prefers]
        self._scenario = (mine or scenes)[0]
        scenes.remove(self._scenario)
        self._began = time.monotonic()
        with suppress(Silent, BrokenPipeError):
            scenario, pair = self._scenario
            program = self._started()
            assert program.process.stdin is not None
            program.process.stdin.write(json.dumps({"scenario": scenario.name, "pair": pair}).encode() + b"\n")
            program.process.stdin.flush()

    def ready(self) -> bool:
        """Whether there is an answer, or there will be none."""
        if self._program is None or time.monotonic() - self._began > LONGEST_S:
            return True
        assert self._program.process.stdout is not None
        return bool(select.select([self._program.process.stdout], [], [], 0)[0])

    def row(self) -> Row:
        """The answer to what it was given last. A lane that has none is started anew for the next scenario."""
        assert self._scenario is not None
        (scenario, pair), self._scenario = self._scenario, None
        try:
            if self._program is None:
                raise Silent((self.folder / "lane.log").read_text(encoding="utf-8", errors="replace")[-2000:])
            return Row.of(self._program.hear(0.0))
        except (Silent, ValueError) as error:
            self.stop()
            row = Row(name=scenario.name, words=scenario.words, pair=pair)
            row.findings.append(Finding(HARNESS, scenario.name, f"no answer within {LONGEST_S:g} s: {error}"))
            row.seconds = round(time.monotonic() - self._began, 1)
            return row

    def ask_to_end(self) -> None:
        """Ask it to end what it started, itself last."""
        if self._program is not None:
            self._program.process.terminate()

    def stop(self) -> None:
        """End it; what does not end in time is killed with everything below it."""
        program, self._program = self._program, None
        if program is not None:
            program.terminate()

    def _started(self) -> Program:
        if self._program is None:
            arguments = (str(self.folder), str(self._plugin))
            log = self.folder / "lane.log"
            self._program = Program.module("tests.faults.lane", *arguments, log=log, environment=self._environment)
            self._program.hear(60.0)
        return self._program


def play(
    scenes: Sequence[tuple[Scenario, str]], folder: Path, plugin: Path, more: dict[str, str]
) -> Generator[Row, None, None]:
    """Play scenarios in two lanes; the rows come as they end. `more` is for the environment of the lanes."""
    left = list(scenes)
    lanes = [Lane(folder / f"lane-{pair}", plugin, pair, more) for pair in ("sqlite", "postgres")]
    try:
        while left or any(lane.busy for lane in lanes):
            for lane in lanes:
                if left and not lane.busy:
                    lane.take(left)
            for lane in lanes:
                if lane.busy and lane.ready():
                    yield lane.row()
            time.sleep(0.05)
    finally:
        for lane in lanes:
            lane.ask_to_end()
        for lane in lanes:
            lane.stop()
