"""The harness can fail: what is broken on purpose is found, and told with the case in which it happened."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.faults.hall import Hall
from tests.faults.place import environment, install_plugin

_SWEEP = "import sys; from tests.faults.sweep import main; sys.exit(main())"
#: Something that is broken, the cases in which it shows, and what it breaks.
SABOTAGE = [
    (
        "from kontora_workflows.engine import gate; gate._REPEATABLE = ('none', *gate._REPEATABLE)",
        "lost-none: kill at run.claim.after (1)",
        "I2",
    ),
    (
        "from kontora_workflows.sweeper import Sweeper; Sweeper.sweep = lambda self: None",
        "lost-none: kill at run.claim.after (1)",
        "I1",
    ),
]


def sweep(folder: Path, broken: str, only: str) -> list[dict[str, Any]]:
    """The verdicts of some cases, played by processes in which something is broken."""
    install_plugin(folder / "plugin")
    verdicts = folder / "verdicts.jsonl"
    with ExitStack() as stack:
        hall = Hall(folder, folder / "plugin", stack)
        places = ["--folder", folder, "--erp", hall.erp, "--model", hall.model, "--verdicts", verdicts]
        arguments = [*map(str, places), "--level", "exhaustive", "--only", only]
        command = [sys.executable, "-c", f"{broken}\n{_SWEEP}", *arguments]
        ran = subprocess.run(
            command, env=environment(folder / "plugin"), capture_output=True, text=True, timeout=110, check=False
        )
    assert verdicts.exists(), ran.stderr
    return [json.loads(line) for line in verdicts.read_text(encoding="utf-8").splitlines()]


def test_nothing_is_found_where_nothing_is_broken(tmp_path: Path) -> None:
    (verdict,) = sweep(tmp_path, "", SABOTAGE[0][1])
    assert verdict["reached"]
    assert verdict["breaks"] == []


@pytest.mark.parametrize(("broken", "only", "promise"), SABOTAGE, ids=[one[2] for one in SABOTAGE])
def test_what_is_broken_on_purpose_is_found(tmp_path: Path, broken: str, only: str, promise: str) -> None:
    (verdict,) = sweep(tmp_path, broken, only)
    assert verdict["case"] == only
    assert promise in {one["invariant"] for one in verdict["breaks"]}, verdict
