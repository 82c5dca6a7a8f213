"""What `make faults-peers` prints: a line per system and fault, a line per system, and what stands behind a zero."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.faults.bound import CONFIDENCE, upper_bound
from tests.faults.peers.tally import AGENT, BOOK, Tally

_FORM = "{:15} {:5} {:>4} {:>4} {:>4} {:>4} {:>4} {:>5}  {:>7} {:>8} {:>7}  {:>4} {:>8} {:>7} {:>4}  {}"
_NAMES = ("system", "fault", "jobs", "done", "told", "late", "lost", "false", "dup key", "dup find", "repeats", "hit")
HEAD = _FORM.format(*_NAMES, "recovery", "seconds", "slow", "").rstrip()


def line(tally: Tally) -> str:
    """A system under one fault."""
    words = tally.not_run or "; ".join([tally.words, *tally.notes])
    return _row(tally, tally.fault, f"{tally.seconds:.0f}", f"{tally.slowness:.0f}x", words)


def totals(tallies: Sequence[Tally]) -> Iterator[str]:
    """A line per system: the sums, and the rates that the counts allow with 95 % confidence."""
    for name in dict.fromkeys(tally.system for tally in tallies):
        mine = [tally for tally in tallies if tally.system == name and not tally.not_run]
        if mine:
            yield _row(summed(mine), "all", "-", "-", _bounds(mine))


def summed(tallies: Sequence[Tally]) -> Tally:
    """The sum of some tallies."""
    total = Tally(system=tallies[0].system if tallies else "")
    for one in tallies:
        for name in ("jobs", "done", "false", "told", "late", "lost", "writes", "repeats", "hit"):
            setattr(total, name, getattr(total, name) + getattr(one, name))
        total.duplicates = {end: count + one.duplicates[end] for end, count in total.duplicates.items()}
        total.recoveries += one.recoveries
    return total


def shares(tallies: Sequence[Tally]) -> dict[str, dict[str, float]]:
    """How often a job was not done and a record was booked again, and how high the rate behind it may be."""
    total = summed([tally for tally in tallies if not tally.not_run])
    records = 2 * total.jobs
    counts = {"not done": (total.jobs - total.done, total.jobs), "twice": (sum(total.duplicates.values()), records)}
    return {
        name: {"count": count, "trials": trials, "upper_bound": upper_bound(min(count, trials), trials)}
        for name, (count, trials) in counts.items()
    }


def _bounds(tallies: Sequence[Tally]) -> str:
    """The same in words."""
    found = shares(tallies)
    jobs, records = found["not done"]["upper_bound"], found["twice"]["upper_bound"]
    return f"not done: {jobs:.1%} of jobs, twice: {records:.1%} of records at most, with {CONFIDENCE:.0%}"


def _row(tally: Tally, fault: str, seconds: str, slow: str, words: str) -> str:
    recovery = f"{max(tally.recoveries):.1f} s" if tally.recoveries else "-"
    jobs = (tally.jobs, tally.done, tally.told, tally.late, tally.lost, tally.false)
    writes = (tally.duplicates[BOOK], tally.duplicates[AGENT], tally.repeats)
    return _FORM.format(tally.system, fault, *jobs, *writes, tally.hit, recovery, seconds, slow, words)
