"""The driver of the faults: what it plays, what it says, and that it leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import table
from tests.faults.adapter import Finding
from tests.faults.bound import upper_bound
from tests.faults.document import Document
from tests.faults.pace import Pace
from tests.faults.plan import Unknown, plan
from tests.faults.program import tree
from tests.faults.promises import PROMISES
from tests.faults.row import HARNESS, Row
from tests.faults.run import main
from tests.faults.scenarios import BOTH, scenarios
from tests.house import ROOT

PAGE = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path that anybody may enter, for the sockets of PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="kf-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


def row(name: str = "F3", **values: object) -> Row:
    made = Row(name=name, words="something breaks", pair="sqlite")
    for key, value in values.items():
        setattr(made, key, value)
    return made


def document(*rows: Row, strict: bool = False) -> Document:
    return Document(7, quick=False, strict=strict, rows=list(rows))


# --- what stands behind a zero ------------------------------------------------------------------------------------


def test_zero_of_many_is_about_three_by_as_many() -> None:
    assert upper_bound(0, 300) == pytest.approx(3 / 300, rel=0.01)
    assert upper_bound(0, 300) == pytest.approx(1 - 0.05 ** (1 / 300))


@pytest.mark.parametrize(
    ("failures", "trials", "bound"),
    [(0, 10, 0.2589), (1, 10, 0.3942), (2, 20, 0.2826), (5, 100, 0.1023), (1, 1000, 0.0047)],
)
def test_the_bound_is_the_one_of_the_tables(failures: int, trials: int, bound: float) -> None:
    assert upper_bound(failures, trials) == pytest.approx(bound, abs=5e-5)


def test_without_a_trial_nothing_is_known() -> None:
    assert upper_bound(0, 0) == 1
    assert "I7: a fire starts one run at most" in (said := "\n".join(table.promises(document(row()))))
    assert "0 of 0 fires: nothing is known" in said


def test_every_promise_counts_its_own_trials() -> None:
    held = {one.promise.name: one for one in document(row(runs=3, writes=5), row(runs=4, fires=2)).promises()}
    assert {name: one.trials for name, one in held.items() if one.trials} == {
        **dict.fromkeys(("I1", "I6", "I9"), 7),
        **dict.fromkeys(("I2", "I4"), 5),
        "I7": 2,
    }


# --- the verdict --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("findings", "verdict"),
    [
        ([], "held"),
        ([Finding("I2", "a", "it was booked 2 times")], "BROKEN"),
        ([Finding(HARNESS, "F3", "it did not come to its end")], "no verdict"),
        ([Finding(HARNESS, "F3", "broke off"), Finding("I1", "a", "it is running")], "BROKEN"),
    ],
)
def test_a_broken_promise_and_a_missing_verdict_are_failures(findings: list[Finding], verdict: str) -> None:
    made = document(row(findings=findings))
    assert made.rows[0].verdict == verdict
    assert made.failed is (verdict != "held")


def test_what_could_not_be_run_is_a_failure_in_ci_alone() -> None:
    lacking = row(not_run="a small disk cannot be mounted")
    assert not document(row(), lacking).failed
    assert document(row(), lacking, strict=True).failed
    assert "not run: F3 on sqlite: a small disk cannot be mounted" in table.wrong(document(lacking))


def test_nothing_at_all_is_a_failure() -> None:
    assert document().failed
    assert document(row(not_run="no PostgreSQL")).failed


def test_a_broken_case_is_told_with_the_command_that_plays_it_again() -> None:
    case = "sweep order: kill at call.before (1)"
    broken = row("sweep kill", findings=[Finding("I2", "case1/book", "it was booked 2 times")], repeats=[case])
    said = "\n".join(table.wrong(document(broken)))
    assert "I2 case1/book: it was booked 2 times" in said
    command = re.search(r"again: (make faults .*)", said)
    assert command is not None
    shown = subprocess.run(
        ["sh", "-c", f"make() {{ eval set -- ${{2#ARGS=}}; printf '%s|' \"$@\"; }}\n{command[1]}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == f"--only|{case}|--pair|sqlite|--seed|7|"


def test_a_row_is_read_as_it_was_written() -> None:
    written = row(runs=3, findings=[Finding("I1", "a", "it is running")], recoveries=[1.5])
    document_ = written.as_json()
    for derived in ("recovered", "verdict"):
        del document_[derived]
    assert Row.of(document_) == written


# --- what is played -----------------------------------------------------------------------------------------------


def test_everything_is_played_unless_something_is_named() -> None:
    made = plan([], BOTH, quick=False)
    assert made.sweeps == {"sqlite": [], "postgres": []}
    assert [(one.name, pair) for one, pair in made.scenes] == [
        (one.name, pair) for one in scenarios() for pair in one.pairs
    ]


def test_the_short_proof_has_scenarios_on_both_pairs() -> None:
    made = plan([], BOTH, quick=True)
    assert set(made.sweeps) == set(BOTH)
    assert {pair for _, pair in made.scenes} == set(BOTH)
    assert len(made.scenes) < len(plan([], BOTH, quick=False).scenes) / 2


@pytest.mark.parametrize("word", ["F3", "f3", "after the intent"])
def test_a_scenario_is_named_by_its_number_or_a_word_of_it(word: str) -> None:
    made = plan([word], ["sqlite"], quick=True)
    assert not made.sweeps
    assert [(one.name, pair) for one, pair in made.scenes] == [("F3", "sqlite")]


@pytest.mark.parametrize(("words", "cases"), [(["sweep"], []), (["sweep order: kill"], ["order: kill"])])
def test_the_sweep_is_named_whole_or_by_a_part_of_its_cases(words: list[str], cases: list[str]) -> None:
    made = plan(words, ["postgres"], quick=False)
    assert (made.sweeps, made.scenes) == ({"postgres": cases}, [])


@pytest.mark.parametrize(("words", "pair"), [(["F999"], "sqlite"), (["F16"], "sqlite")])
def test_what_is_not_there_is_not_played(words: list[str], pair: str) -> None:
    with pytest.raises(Unknown, match="--list"):
        plan(words, [pair], quick=False)


# --- the command --------------------------------------------------------------------------------------------------


def test_wrong_options_are_told_apart_from_broken_promises(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--only", "F999"]) == 2
    assert main(["--only", "F3", "--json", str(tmp_path / "nowhere" / "a.json")]) == 2
    with pytest.raises(SystemExit) as wrong:
        main(["--pair", "oracle"])
    assert wrong.value.code == 2
    assert "Nothing is called 'F999'" in capsys.readouterr().err


def test_the_list_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == ["sweep", *(one.name for one in scenarios())]


@pytest.mark.parametrize(
    ("only", "pair", "sign"),
    [("F24", "postgres", "lane-*/F24-*"), ("sweep order: freeze", "sqlite", "sweep-sqlite/case*.db")],
)
def test_ctrl_c_leaves_no_process_and_no_folder(folder: Path, only: str, pair: str, sign: str) -> None:
    command = [sys.executable, "-m", "tests.faults.run", "--only", only, "--pair", pair]
    environment = {**os.environ, "TMPDIR": str(folder)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as driver:
        deadline = time.monotonic() + 60
        while not list(folder.glob(f"kontora-faults-*/{sign}")):
            assert driver.poll() is None, driver.communicate()
            assert time.monotonic() < deadline, "nothing began"
            time.sleep(0.05)
        time.sleep(1.0)
        below = tree({driver.pid})
        driver.send_signal(signal.SIGINT)
        _, error = driver.communicate(timeout=40)
    assert (driver.returncode, error) == (130, "Interrupted; nothing is left behind.\n")
    assert len(below) > 3
    assert tree(below) == set()
    assert list(folder.iterdir()) == []


# --- the page -----------------------------------------------------------------------------------------------------


def test_every_scenario_has_a_place_in_the_list_of_the_page() -> None:
    listed = [name for cell in re.findall(r"^\| ([F\d, a-z]+) \|", PAGE, re.M) for name in cell.split(", ")]
    assert len(listed) == len(set(listed))
    assert {one.name for one in scenarios()} - set(listed) == set()


def test_every_promise_is_on_the_page() -> None:
    assert re.findall(r"^\| (I\d+) \|", PAGE, re.M) == list(PROMISES)


# --- the pace -----------------------------------------------------------------------------------------------------


def test_a_machine_that_is_busy_is_allowed_for_and_one_that_is_not_is_not() -> None:
    pace = Pace()
    assert (pace.allowance(5.0), pace.notes()) == (0.0, [])
    pace.slowness = 4.0
    assert pace.allowance(5.0) == 10.0
    assert pace.notes() == ["work took 4.0 times as long as it needs"]
    with Pace() as measured:
        time.sleep(1.2)
    assert 1.0 <= measured.slowness < 100
