"""A lane plays one scenario after the other: `python -m tests.faults.lane FOLDER PLUGIN`, started by the driver.

It reads `{"scenario": "F3", "pair": "sqlite"}` lines and answers each with a row. It ends with its standard input.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from contextlib import ExitStack
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

from tests.faults.adapter import Finding, Report
from tests.faults.hall import Hall
from tests.faults.program import Silent
from tests.faults.row import HARNESS, Row
from tests.faults.scenarios import Scenario, scenarios
from tests.faults.scene import Failed, NotRun, Scene, scene
from tests.services import Broken, Missing

#: Tells scenes apart in the diaries.
_NUMBERS = count(1)


def play(hall: Hall, scenario: Scenario, pair: str) -> Row:
    """Play one scenario and judge it."""
    started = time.monotonic()
    row = Row(name=scenario.name, words=scenario.words, pair=pair)
    try:
        name = f"{scenario.name}-{pair}-{next(_NUMBERS)}"
        with scene(hall, name, embedded=pair == "sqlite") as under_way:
            row.fill(_judged(scenario, under_way))
            row.notes = [*under_way.notes, *under_way.pace.notes()]
            _leave_logs(under_way, row)
    except (NotRun, Missing) as error:
        row.not_run = str(error)
    except (Failed, Broken, Silent) as error:
        row.findings.append(Finding(HARNESS, scenario.name, str(error)))
    row.seconds = round(time.monotonic() - started, 1)
    return row


def _judged(scenario: Scenario, under_way: Scene) -> Report:
    broken: Failed | None = None
    try:
        scenario.play(under_way)
    except Failed as error:
        broken = error
    report = under_way.report()
    if broken is not None:
        report.findings.append(Finding(HARNESS, scenario.name, str(broken)))
    return report


def _leave_logs(under_way: Scene, row: Row) -> None:
    """Keep what a scene in which something was wrong has left, for whoever looks."""
    if not row.findings:
        return
    for left in [*under_way.folder.glob("*.log"), *under_way.folder.glob("home/ledger.db*")]:
        shutil.copy(left, under_way.hall.folder / f"{under_way.name}.{left.name}")


def _end_with_input(lines: Any) -> None:
    for line in sys.stdin:
        lines.append(json.loads(line))
    os.kill(os.getpid(), signal.SIGTERM)


def _interrupted(_number: int, _frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # whoever is in a hurry asks twice
    raise KeyboardInterrupt


def main() -> int:
    folder, plugin = Path(sys.argv[1]), Path(sys.argv[2])
    signal.signal(signal.SIGTERM, _interrupted)
    known = {one.name: one for one in scenarios()}
    orders: list[dict[str, str]] = []
    threading.Thread(target=_end_with_input, args=(orders,), daemon=True).start()
    try:
        with ExitStack() as stack:
            hall = Hall(folder, plugin, stack)
            print(json.dumps({"ready": True}), flush=True)
            while True:
                while not orders:
                    time.sleep(0.05)
                order = orders.pop(0)
                print(json.dumps(asdict(_played(hall, known[order["scenario"]], order["pair"]))), flush=True)
    except KeyboardInterrupt:
        return 0


def _played(hall: Hall, scenario: Scenario, pair: str) -> Row:
    try:
        return play(hall, scenario, pair)
    except Exception as error:  # the other scenarios go on
        traceback.print_exc()
        row = Row(name=scenario.name, words=scenario.words, pair=pair)
        row.findings.append(Finding(HARNESS, scenario.name, repr(error)))
        return row


if __name__ == "__main__":
    sys.exit(main())
