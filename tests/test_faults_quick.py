"""The short proof that nothing is lost, doubled or unexplained when things break: `make faults ARGS=--quick`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults.plan import plan
from tests.faults.promises import PROMISES
from tests.faults.scenarios import BOTH
from tests.house import ROOT

#: All of it takes three minutes on two cores, and much longer where others want them; in seconds.
LONGEST_S = 1200
SCENES = [(one.name, pair) for one, pair in plan([], BOTH, quick=True).scenes]
#: How many crash points there are to be, over both ledgers, at least.
CASES = 150

pytestmark = pytest.mark.timeout(LONGEST_S)


@dataclass(frozen=True)
class Proof:
    """What the driver found, and what it printed."""

    found: dict[str, Any]
    printed: str

    def rows(self, name: str, pair: str) -> list[dict[str, Any]]:
        """The rows of a scenario, or of the sweep."""
        return [one for one in self.found["rows"] if one["name"].split()[0] == name and one["pair"] == pair]


@pytest.fixture(scope="module")
def proof() -> Iterator[Proof]:
    """Both sweeps and two lanes of scenarios, side by side, once for all tests of this file."""
    with tempfile.TemporaryDirectory(prefix="kf-") as folder:
        Path(folder).chmod(0o711)
        file = Path(folder) / "faults.json"
        ran = subprocess.run(
            [sys.executable, "-m", "tests.faults.run", "--quick", "--json", str(file)],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": folder},
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
        )
        text = file.read_text(encoding="utf-8")
        yield Proof(json.loads(text) if text else {"rows": []}, ran.stdout + ran.stderr)


def assert_held(proof: Proof, name: str, pair: str) -> None:
    rows = proof.rows(name, pair)
    assert rows, proof.printed
    for row in rows:
        if row["not_run"] and not os.environ.get("CI"):
            pytest.skip(row["not_run"])
        findings = [f"{one['invariant']} {one['where']}: {one['why']}" for one in row["findings"]]
        assert row["verdict"] == "held", "\n".join([row["not_run"] or row["words"], *findings, proof.printed])


@pytest.mark.parametrize("pair", BOTH)
def test_the_promises_hold_at_every_named_place(proof: Proof, pair: str) -> None:
    assert_held(proof, "sweep", pair)


@pytest.mark.parametrize(("name", "pair"), SCENES, ids=[f"{name}-{pair}" for name, pair in SCENES])
def test_the_promises_hold_under_the_fault(proof: Proof, name: str, pair: str) -> None:
    assert_held(proof, name, pair)


def test_every_promise_was_put_to_the_test(proof: Proof) -> None:
    assert proof.found["rows"], proof.printed
    trials = {one["name"]: one["trials"] for one in proof.found["promises"]}
    assert list(trials) == list(PROMISES)
    assert all(trials.values()), trials
    swept = sum(row["cases"] for pair in BOTH for row in proof.rows("sweep", pair))
    assert swept >= CASES
