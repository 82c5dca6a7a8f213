"""Plays faults on systems, some systems side by side, and counts what came of it."""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread

from tests.faults.diary import read_diary
from tests.faults.hall import Hall
from tests.faults.pace import Pace
from tests.faults.peers.contender import Contender
from tests.faults.peers.peer import Peer
from tests.faults.peers.stage import Over, Stage, staged
from tests.faults.peers.strikes import Strike
from tests.faults.peers.tally import Tally, count_jobs, count_recoveries, count_writes
from tests.faults.place import install_plugin
from tests.faults.program import Silent
from tests.faults.scene import Failed
from tests.services import Broken, Missing


def play(
    contenders: Sequence[Contender], strikes: Sequence[Strike], seed: int, lanes: int
) -> Generator[Tally, None, None]:
    """Play every fault on every system; the tallies come as they end. Raises `NoEnvironment`.

    If something was not played as it should, the logs stay in a temporary folder, which the tally names.
    """
    for contender in contenders:
        contender.prepare()
    folder = Path(tempfile.mkdtemp(prefix="kontora-peers-"))
    folder.chmod(0o711)  # PostgreSQL may run as somebody else
    install_plugin(folder / "plugin")
    sys.path.append(str(folder / "plugin"))
    waiting, tallies, over = list(contenders), SimpleQueue[Tally | None](), Event()

    def lane() -> None:
        try:
            while waiting and not over.is_set():
                _all(waiting.pop(0), strikes, seed, folder, over, tallies)
        finally:
            tallies.put(None)

    threads = [Thread(target=lane) for _ in range(lanes)]
    for thread in threads:
        thread.start()
    odd = False
    try:
        for _ in threads:
            for tally in iter(tallies.get, None):
                odd = odd or bool(tally.notes or tally.not_run)
                yield tally
    finally:
        over.set()
        for thread in threads:
            thread.join()
        sys.path.remove(str(folder / "plugin"))
        if not odd:
            shutil.rmtree(folder, ignore_errors=True)


def _all(
    contender: Contender,
    strikes: Sequence[Strike],
    seed: int,
    folder: Path,
    over: Event,
    tallies: SimpleQueue[Tally | None],
) -> None:
    """Play every fault that means something to a system, in a hall of its own."""
    place = folder / contender.name
    place.mkdir()
    with ExitStack() as stack:
        hall = Hall(place, folder / "plugin", stack)
        for strike in strikes:
            if set(strike.needs) <= set(contender.needs) and not over.is_set():
                tally = Tally(contender.name, strike.name, strike.words)
                try:
                    _one(hall, contender, strike, random.Random(seed), over, tally)
                except (Silent, Broken, Missing, OSError) as error:
                    tally.not_run = f"{error} (logs: {place / strike.name})"
                except Over:
                    return
                tallies.put(tally)


def _one(hall: Hall, contender: Contender, strike: Strike, chance: random.Random, over: Event, tally: Tally) -> None:
    name = f"{contender.name}-{strike.name}"
    with Pace() as pace, staged(hall, contender, name, hall.folder / strike.name, chance, over) as stage:
        try:
            strike.play(stage)
        except Failed as error:
            tally.notes.append(f"broken off: {error} (logs: {hall.folder / strike.name})")
        _count(stage, tally)
        tally.slowness = round(pace.slowness, 1)


def _count(stage: Stage, tally: Tally) -> None:
    states, seconds = stage.rest()
    held = stage.system.held() if isinstance(stage.system, Peer) else None
    count_jobs(tally, stage.references, states, stage.witness().booked(), held)
    erp, model = read_diary(stage.hall.erp_diary), read_diary(stage.hall.model_diary)
    count_writes(tally, erp, stage.references)
    count_recoveries(tally, [*erp, *model], stage.references, stage.struck)
    tally.seconds = round(seconds, 1)
