"""What the driver prints: a line per row as it ends, then the promises, then what was wrong and how to see it again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from tests.faults.bound import upper_bound
from tests.faults.document import Document
from tests.faults.row import Row

_FORM = "{:13} {:8} {:>5} {:>6} {:>5} {:>5} {:>8} {:>9} {:>7}  {:10} {}"
HEAD = _FORM.format(
    "scenario", "pair", "runs", "writes", "lost", "dupl.", "unknown", "recovery", "seconds", "verdict", ""
).rstrip()
#: How much of what is wrong is printed per row; the rest stands in the document.
_MOST = 5
#: How wide the words of a promise are.
_WORDS = 79


def line(row: Row) -> str:
    """The row in the table. `recovery` is the longest, in seconds."""
    recovery = f"{max(row.recoveries):.1f} s" if row.recoveries else "-"
    counts = (row.runs, row.writes, row.lost, row.duplicates, row.unknown)
    words = row.not_run or "; ".join([row.words, *row.notes])
    return _FORM.format(row.name, row.pair, *counts, recovery, f"{row.seconds:.1f}", row.verdict, words)


def promises(document: Document) -> Iterator[str]:
    """What stands behind every zero."""
    yield f"{'promise':{_WORDS}} {'broken':>6}"
    for held in document.promises():
        words = f"{held.promise.name}: {held.promise.words}"
        yield _share(words, held.broken, held.trials, held.promise.unit)
    yield _share("all of them, by case", document.broken_cases, document.cases, "cases")


def _share(words: str, broken: int, trials: int, unit: str) -> str:
    bound = f"{upper_bound(broken, trials):.2%} at most, with 95 %" if trials else "nothing is known"
    return f"{words:{_WORDS}} {broken:6} of {trials} {unit}: {bound}"


def wrong(document: Document) -> Iterator[str]:
    """What was wrong, what could not be run, and how a case is played again."""
    for row in document.not_run:
        yield f"not run: {row.name} on {row.pair}: {row.not_run}"
    for row in document.bad:
        yield f"{row.verdict}: {row.name} on {row.pair}: {row.words}"
        yield from findings(row)
        for word in row.again[:_MOST]:
            yield f"    again: {again(document, row, word)}"


def findings(row: Row) -> Iterator[str]:
    """What was wrong, in lines below its row."""
    yield from (f"    {one.invariant} {one.where}: {one.why}" for one in row.findings[:_MOST])
    if len(row.findings) > _MOST:
        yield f"    and {len(row.findings) - _MOST} more"


def again(document: Document, row: Row, word: str) -> str:
    """The command that plays one case again."""
    quick = "--quick " if document.quick else ""
    return (
        f"make faults ARGS={shlex.quote(f'{quick}--only {shlex.quote(word)} --pair {row.pair} --seed {document.seed}')}"
    )


def end(document: Document) -> str:
    """The last line."""
    played = f"{document.cases} cases in {document.seconds:.0f} s, seed {document.seed}"
    missing = f"; {len(document.not_run)} could not be run" if document.not_run else ""
    return f"{'FAILED' if document.failed else 'Every promise held'}: {played}{missing}."
