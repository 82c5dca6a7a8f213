"""Plays cases to a contestant, in a process of its own, and judges what came of them."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kontora_agents.rehearsal.misbehaving.server import MisbehavingServer

from bench.models.case import Case, End, Protocol, Result, judge
from bench.models.erp import Erp
from bench.models.side import Order

#: Nobody gets more time for a case, in seconds, nor more turns.
PATIENCE_S = 30.0
STEPS = 12

TASK = (
    "Customer C-1042 has ordered goods for 1250.50 EUR; the order is due on 2026-12-01. Look the customer up, create "
    "the sales order, then say the id of the order and its total."
)
INSTRUCTIONS = "You enter sales orders. Use the tools; never invent ids or amounts."


@dataclass(frozen=True)
class Contestant:
    """Who plays: a command, and the protocols it speaks. `missing` says how to get what it needs."""

    name: str
    command: list[str]
    protocols: tuple[Protocol, ...]
    environment: Mapping[str, str]
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
                env={**os.environ, **self._contestant.environment},
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


def play(player: Player, cases: Iterable[Case], models: MisbehavingServer, erp: Erp) -> Iterator[Result]:
    """Play cases one after the other."""
    for case in cases:
        run = f"{case.run}-{time.monotonic_ns()}"
        case = Case(case.scenario, case.persistence, case.protocol, case.stream, run)
        padding = ("These are notes on earlier orders; they do not matter here. " * 1000)[: case.scenario.padding]
        order = Order(
            models.url,
            case.model,
            case.protocol,
            case.stream,
            f"{erp.url}/{run}",
            f"{TASK} {padding}".strip(),
            INSTRUCTIONS,
            STEPS,
        )
        end = player.play(order)
        orders = erp.orders.get(run, [])
        yield judge(case, end, orders, [erp.is_right(one) for one in orders])
