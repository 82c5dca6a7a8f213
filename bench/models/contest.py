"""Plays cases to a contestant, in a process of its own, and judges what came of them."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

from kontora_agents.rehearsal.misbehaving.server import MisbehavingServer

from bench.models.case import Case, End, Result, judge
from bench.models.erp import Erp
from bench.models.side import Order

ROOT = Path(__file__).resolve().parent.parent.parent
#: Nobody gets more time for a case, in seconds, nor more turns.
PATIENCE_S = 30.0
STEPS = 12


@dataclass(frozen=True)
class Contestant:
    """Who plays, and its command. `missing` says why it cannot, if it cannot."""

    name: str
    command: list[str]
    missing: str = ""


class Player:
    """A contestant's process; started anew when it hung."""

    def __init__(self, contestant: Contestant, log: Path) -> None:
        self._contestant, self._log = contestant, log
        self._process: subprocess.Popen[bytes] | None = None
        self.about: dict[str, str] = {}

    def __enter__(self) -> Player:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _start(self) -> None:
        with self._log.open("ab") as stream:
            self._process = subprocess.Popen(
                self._contestant.command,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                start_new_session=True,
            )
        ready = self._hear(60.0)
        if ready is None:
            self._end()
            raise RuntimeError(f"{self._contestant.name} did not start; see {self._log}")
        self.about = ready["ready"]

    def _end(self) -> None:
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(OSError):
                pipe.close()
        self._process = None

    def play(self, order: Order) -> End:
        """Give an order and wait for its end."""
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._start()
        assert self._process is not None
        assert self._process.stdin is not None
        started = time.monotonic()
        self._process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
        self._process.stdin.flush()
        said = self._hear(PATIENCE_S)
        seconds = round(time.monotonic() - started, 2)
        if said is None:
            self._end()
            return End("hang", seconds=seconds)
        return End(said["how"], said["text"], seconds)

    def _hear(self, seconds: float) -> dict[str, Any] | None:
        assert self._process is not None
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], seconds)[0]:
            return None
        line = self._process.stdout.readline()
        said: dict[str, Any] | None = json.loads(line) if line else None
        return said


_Ended = SimpleQueue[Result | Exception | None]


class Contest:
    """The servers of a contest; it plays cases to a contestant, some side by side."""

    def __init__(self, models: MisbehavingServer, erp: Erp, folder: Path, lanes: int) -> None:
        self._models, self._erp, self._folder, self._lanes = models, erp, folder, lanes

    def about(self, contestant: Contestant) -> dict[str, str]:
        """Its versions and settings. Raises `RuntimeError` if it does not start."""
        with Player(contestant, self._folder / f"{contestant.name}.log") as player:
            return player.about

    def play(self, contestant: Contestant, cases: Iterable[Case]) -> Iterator[Result]:
        """Play cases; the results come as they end."""
        waiting, ended = deque(cases), _Ended()
        lanes = [Thread(target=self._lane, args=(contestant, n, waiting, ended)) for n in range(self._lanes)]
        for lane in lanes:
            lane.start()
        try:
            for _ in lanes:
                while (result := ended.get()) is not None:
                    if isinstance(result, Exception):
                        raise result
                    yield result
        finally:
            waiting.clear()
            for lane in lanes:
                lane.join()

    def _lane(
        self,
        contestant: Contestant,
        number: int,
        waiting: deque[Case],
        ended: _Ended,
    ) -> None:
        try:
            with Player(contestant, self._folder / f"{contestant.name}-{number}.log") as player:
                while True:
                    try:
                        case = waiting.popleft()
                    except IndexError:
                        return
                    ended.put(self._one(player, case))
        except Exception as error:  # it is raised where the results are awaited
            ended.put(error)
        finally:
            ended.put(None)

    def _one(self, player: Player, case: Case) -> Result:
        run = f"{case.run}-{time.monotonic_ns()}"
        case = replace(case, run=run)
        padding = ("These are notes on earlier orders; they do not matter here. " * 1000)[: case.scenario.padding]
        order = Order(
            server=self._models.url,
            model=case.model,
            protocol=case.protocol,
            stream=case.stream,
            erp=self._erp.open(run, replace(case.world, document=case.scenario.document)),
            task=f"{case.world.task} {padding}".strip(),
            instructions=case.world.instructions,
            steps=STEPS,
            world=case.world.kind.name,
        )
        end = player.play(order)
        written = list(self._erp.written.get(run, []))
        return judge(case, end, written, [self._erp.is_right(run, one) for one in written])
