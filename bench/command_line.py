"""The command: what is asked for, measured and printed, and nothing left behind."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from bench import commands, machine
from bench.child import Failed
from bench.contest import Contest
from bench.entrants import chosen
from bench.measure import busy_seconds, cpu_seconds, tree
from bench.rounds import play
from bench.table import beside_table, runs_table, times_table

_ENDING = (signal.SIGINT, signal.SIGTERM)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run.py", description="Measures Kontora; judges nothing.")
    parser.add_argument("--quick", action="store_true", help="under a minute, rougher")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of tables")
    parser.add_argument("--rounds", type=int, help="alternating rounds (5; quick: 2)")
    parser.add_argument("--seconds", type=float, help="about how long each batch takes (2; quick: 0.5)")
    parser.add_argument("--only", action="append", default=[], metavar="WORD", help="contenders with it in their name")
    given = parser.parse_args()
    given.rounds = max(1, given.rounds or (2 if given.quick else 5))
    given.seconds = min(10.0, given.seconds or (0.5 if given.quick else 2.0))
    return given


def main() -> int:
    """Measure and print. Exit codes: 0 measured, 1 something went wrong, 130 interrupted."""
    given = _arguments()
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        measured = _measure(given)
    except Failed as failed:
        print(failed, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; nothing was left behind.", file=sys.stderr)
        return 130
    print(json.dumps(measured, indent=2, default=asdict) if given.json else _text(measured))
    return 0


def _interrupted(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _measure(given: argparse.Namespace) -> dict[str, Any]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kontora-bench-")))
        try:
            return _measured(given, folder, stack)
        finally:
            for number in _ENDING:  # tidying up is not interrupted
                signal.signal(number, signal.SIG_IGN)


def _measured(given: argparse.Namespace, folder: Path, stack: ExitStack) -> dict[str, Any]:
    started = time.monotonic()
    _say("starting everybody")
    contest = Contest(folder, stack)
    contenders = contest.contenders(chosen(given.only))
    alone = 3 if given.quick else 6
    foreign, playing = _foreign_seconds(), time.monotonic()
    rows = play(contenders, rounds=given.rounds, seconds=given.seconds, alone=alone, say=_say)
    foreign = (_foreign_seconds() - foreign) / (time.monotonic() - playing)
    times, missing = ([], {}) if given.only else commands.measure(given.rounds, contest.environment("commands"), _say)
    return {
        "machine": machine.describe(folder),
        "cores_taken_by_others": round(foreign, 2),
        "rounds": given.rounds,
        "took_s": round(time.monotonic() - started, 1),
        "runs": rows,
        "about": {one.name: one.about for one in contenders if one.about},
        "commands": times,
        "not_measured": {**contest.missing, **missing},
    }


def _foreign_seconds() -> float:
    """CPU time that processes other than ours have used so far."""
    return busy_seconds() - cpu_seconds(tree([os.getpid()]))


def _text(measured: dict[str, Any]) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in measured["machine"].items())
    noise = f"other programs took {measured['cores_taken_by_others']:.2f} cores"
    parts = [f"{facts}\n{measured['rounds']} rounds in {measured['took_s']:g} s, {noise}", runs_table(measured["runs"])]
    parts += [text] if (text := beside_table(measured["runs"])) else []
    parts += ["\n".join(f"{name}: {about}" for name, about in measured["about"].items())] if measured["about"] else []
    parts += [times_table(measured["commands"])] if measured["commands"] else []
    parts += [f"Not measured: {name}: {why}" for name, why in measured["not_measured"].items()]
    return "\n\n".join(parts)
