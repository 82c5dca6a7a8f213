"""The comparison with other systems, without their environments: it counts right, and its table is printed."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from tests.faults.peers import table
from tests.faults.peers.contender import CONTENDERS
from tests.faults.peers.environments import FOLDER, versions
from tests.faults.peers.run import document, main
from tests.faults.peers.strikes import STRIKES
from tests.faults.peers.tally import Tally, count_jobs, count_recoveries, count_writes
from tests.faults.scenarios import scenarios

PEERS = sorted({one.folder for one in CONTENDERS if one.folder})
JOB = "celery-F4-0."


def asked(end: str, at: float = 0.0, key: str = "k") -> dict[str, Any]:
    return {"what": "asked", "reference": f"{JOB}/{end}", "key": key, "at": at}


def booked(end: str) -> dict[str, Any]:
    return {"what": "booked", "reference": f"{JOB}/{end}", "key": "k", "at": 0.0}


# --- counting -----------------------------------------------------------------------------------------------------


def test_a_record_too_many_is_counted_by_what_books_it() -> None:
    tally = Tally()
    other = {**booked("agent"), "reference": "celery-F4-01./agent"}
    count_writes(tally, [booked("book"), booked("agent"), booked("agent"), other, other], [JOB])
    assert tally.duplicates == {"book": 0, "agent": 1}


@pytest.mark.parametrize(
    ("between", "repeats"),
    [
        ([], 1),
        ([{"what": "looked up", "reference": "", "key": "k"}], 0),
        ([{"what": "looked up", "reference": "", "key": "of another record"}], 1),
        ([{"what": "fault", "do": "status", "reference": f"{JOB}/book"}], 0),
        ([{"what": "fault", "do": "drop", "reference": f"{JOB}/book"}], 1),
    ],
)
def test_a_write_that_may_have_been_booked_is_repeated_unless_somebody_looked(
    between: list[dict[str, Any]], repeats: int
) -> None:
    tally = Tally()
    count_writes(tally, [asked("book"), *between, asked("book")], [JOB])
    assert (tally.writes, tally.repeats) == (2, repeats)


def test_a_job_is_done_when_it_says_so_and_both_records_are_there() -> None:
    tally = Tally()
    there = {f"{name}/{end}": 1 for name in "abc" for end in ("book", "agent")}
    states = {"a": "done", "d": "done", "b": "open", "e": "failed", "f": "open"}
    count_jobs(tally, "abcdefg", states, there, held=1)  # type: ignore[arg-type]
    assert (tally.jobs, tally.done, tally.false, tally.told, tally.late, tally.lost) == (7, 1, 1, 1, 1, 3)


def test_a_recovery_is_timed_from_a_call_that_was_under_way() -> None:
    answered = {"what": "answered", "reference": f"{JOB}/book", "at": 1500.0}
    looked = {"what": "looked up", "reference": "", "key": "k", "at": 3000.0}
    events = [asked("book", 1000.0), answered, looked, asked("agent", 4000.0)]
    for moment, found in ((1200.0, (1, [1.8])), (2000.0, (0, [])), (5000.0, (1, []))):
        tally = Tally()
        count_recoveries(tally, events, [JOB], [moment])
        assert (tally.hit, tally.recoveries) == found


# --- the table ----------------------------------------------------------------------------------------------------


def test_the_table_can_be_printed() -> None:
    held = Tally("kontora", "F4", "killed", jobs=10, done=10, writes=20, recoveries=[2.5, 0.1], seconds=4.2)
    torn = Tally("celery", "F4", "killed", jobs=10, done=8, lost=2, repeats=1, duplicates={"book": 0, "agent": 3})
    absent = Tally("dbos", "F4", "killed", not_run="its environment is missing")
    lines = [table.line(one) for one in (held, torn, absent)]
    assert lines[0].split()[:4] == ["kontora", "F4", "10", "10"]
    assert "2.5 s" in lines[0]
    assert lines[2].endswith("its environment is missing")
    sums = list(table.totals([held, torn, absent]))
    assert [one.split()[0] for one in sums] == ["kontora", "celery"]
    assert "not done: 25.9% of jobs, twice: 13.9% of records" in sums[0]
    assert "not done: 50.7% of jobs" in sums[1]


def test_the_document_says_what_was_played_with_which_versions() -> None:
    said = document(CONTENDERS[:2], [Tally("celery", "F4", jobs=10, done=10)], 7)
    assert said["systems"]["celery"]["versions"]["celery"] == versions("celery")["celery"]
    bound = pytest.approx(0.2589, abs=1e-4)
    assert said["systems"]["celery"]["not done"] == {"count": 0, "trials": 10, "upper_bound": bound}
    assert [row["system"] for row in said["rows"]] == ["celery"]


def test_the_list_names_every_system_and_every_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == [one.name for one in (*CONTENDERS, *STRIKES)]
    assert main(["--only", "F4", "--only", "mainframe"]) == 2
    assert "nothing is called mainframe" in capsys.readouterr().err


# --- the peers ----------------------------------------------------------------------------------------------------


def test_a_fault_has_the_name_that_it_has_for_us() -> None:
    assert {one.name for one in STRIKES} <= {one.name for one in scenarios()}


@pytest.mark.parametrize("peer", PEERS)
def test_a_peer_has_programs_and_pinned_requirements(peer: str) -> None:
    assert all(version for version in versions(peer).values())
    programs = list((FOLDER / peer).glob("*.py"))
    assert FOLDER / peer / "client.py" in programs
    for program in programs:
        tree = ast.parse(program.read_text(encoding="utf-8"))
        named = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
        named += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        assert not [name for name in named if name.startswith(("tests", "kontora"))]
