"""What came of the jobs under one fault: judged by the diaries of the foreign systems and the system's own word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.faults.adapter import State

#: What a job books.
BOOK, AGENT = "book", "agent"


@dataclass
class Tally:
    """Counts of jobs, then of writes; `recoveries` in seconds, `seconds` from the last strike to the last job's end.

    `done`: so it says, and both records are there. `false`: so it says, and one is missing. `told`: it says that the
    job has failed or needs a person. `late`: it still had it in hand when time was over. `lost`: nobody had it.
    `duplicates`: records too many, by what the job books. `repeats`: writes sent again that may have been booked, and
    nobody had looked. `hit`: calls that were under way at a strike. `slowness`: how many times as long as on an idle
    machine work took.
    """

    system: str = ""
    fault: str = ""
    words: str = ""
    jobs: int = 0
    done: int = 0
    false: int = 0
    told: int = 0
    late: int = 0
    lost: int = 0
    writes: int = 0
    repeats: int = 0
    hit: int = 0
    duplicates: dict[str, int] = field(default_factory=lambda: {BOOK: 0, AGENT: 0})
    recoveries: list[float] = field(default_factory=list)
    seconds: float = 0.0
    slowness: float = 1.0
    notes: list[str] = field(default_factory=list)
    not_run: str = ""

    def as_json(self) -> dict[str, Any]:
        """The tally as plain JSON."""
        return asdict(self)


def count_jobs(
    tally: Tally, references: Sequence[str], states: Mapping[str, State], booked: Mapping[str, int], held: int | None
) -> None:
    """Count how the jobs ended. `held`: how many the system still has in hand, by its own word."""
    for reference in references:
        whole = all(booked.get(f"{reference}/{end}") for end in (BOOK, AGENT))
        state = states.get(reference)
        tally.done += state == "done" and whole
        tally.false += state == "done" and not whole
        tally.told += state in ("failed", "review", "stopped")
    tally.jobs = len(references)
    unfinished = sum(states.get(reference) == "open" for reference in references)
    tally.late = unfinished if held is None else min(unfinished, held)
    tally.lost = tally.jobs - tally.done - tally.false - tally.told - tally.late


def count_writes(tally: Tally, events: Sequence[Mapping[str, Any]], references: Sequence[str]) -> None:
    """Count what reached the ERP; `events` are those of its whole diary."""
    mine = tuple(f"{reference}/" for reference in references)
    unclear: dict[str, bool] = {}  # by reference: whether it may have been booked, and nobody has looked since
    keys: dict[str, str] = {}
    for event in events:
        reference, what = str(event["reference"]), event["what"]
        if what == "looked up":
            unclear[keys.get(str(event["key"]), "")] = False
        if not reference.startswith(mine):
            continue
        if what == "asked":
            tally.writes += 1
            tally.repeats += unclear.get(reference, False)
            unclear[reference], keys[str(event["key"])] = True, reference
        elif what == "fault" and event["do"] == "status":
            unclear[reference] = False
        elif what == "booked":
            tally.duplicates[reference.rpartition("/")[2]] += 1
    for end in (BOOK, AGENT):
        there = {e["reference"] for e in events if e["what"] == "booked" and e["reference"] in _ends(references, end)}
        tally.duplicates[end] -= len(there)


def count_recoveries(
    tally: Tally, events: Sequence[Mapping[str, Any]], references: Sequence[str], struck: Sequence[float]
) -> None:
    """Count the calls that were under way at a strike, and time until their jobs ask a foreign system again.

    `events` are those of both diaries; to look whether a record is there is to ask. A job that does not go on is
    counted as late or lost.
    """
    keys = {event["key"]: event["reference"] for event in events if event["what"] == "asked" and event.get("key")}
    for reference in references:
        mine = [
            one for one in events if str(one["reference"] or keys.get(one.get("key"), "")).startswith(f"{reference}/")
        ]
        mine.sort(key=lambda one: float(one["at"]))
        for moment in struck:
            before = [one["what"] for one in mine if one["at"] <= moment and one["what"] in ("asked", "answered")]
            after = [one["at"] for one in mine if one["at"] > moment and one["what"] in ("asked", "read", "looked up")]
            if before and before[-1] == "asked":
                tally.hit += 1
                tally.recoveries += [round((after[0] - moment) / 1000, 2)] if after else []


def _ends(references: Sequence[str], end: str) -> set[str]:
    return {f"{reference}/{end}" for reference in references}
