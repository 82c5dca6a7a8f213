"""The inside of a process that is measured: it takes orders on standard input, one JSON line each, and answers so.

`{"work": [1, 2, 3]}` does these runs and answers with `seconds`; with `"alone": true` one after the other, and `laps`
are the seconds of each. `{"check": true}` looks at the answers, outside of what is timed, and says how many were right.
The end of the input ends the process.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from bench.books import is_right


@dataclass(frozen=True)
class Done:
    """A run that has ended: a token that leads to its answer, and when it ended, in seconds since 1970."""

    token: str
    ended: float


class Side(Protocol):
    """One way to do the unit of work."""

    def work(self, runs: list[int]) -> list[Done]:
        """Do these runs."""
        ...

    def answers(self, tokens: list[str]) -> Iterable[str]:
        """What each run answered."""
        ...


def serve(side: Side, about: str = "") -> None:
    """Take orders until there are no more. `about` is what is to be known of it: versions and settings."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # what libraries print is not an answer
    done: dict[int, str] = {}
    print(json.dumps({"ready": True, "about": about}), file=channel)
    for line in sys.stdin:
        order = json.loads(line)
        if "work" in order:
            answer = _work(side, order["work"], order.get("alone", False), done)
        else:
            said = side.answers(list(done.values()))
            answer = {"right": sum(is_right(run, text) for run, text in zip(done, said, strict=True))}
            done.clear()
        print(json.dumps(answer), file=channel)


def _work(side: Side, runs: list[int], alone: bool, done: dict[int, str]) -> dict[str, Any]:
    laps = []
    for batch in [[run] for run in runs] if alone else [runs]:
        started = time.time()
        ended = side.work(batch)
        laps.append(max(one.ended for one in ended) - started)
        done.update({run: one.token for run, one in zip(batch, ended, strict=True)})
    return {"seconds": sum(laps), "laps": laps if alone else []}
