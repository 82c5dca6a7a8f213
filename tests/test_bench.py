"""The benchmark measures, checks what it measured, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bench.entrants import chosen
from bench.ledger import measure
from bench.ledger_figures import ledger_table
from bench.model_server import Model
from bench.rounds import Beside, Row
from bench.table import beside_table
from tests.leftovers import running

RUN = [sys.executable, str(Path(__file__).parent.parent / "bench" / "run.py"), "--quick", "--rounds=1", "--seconds=0.1"]

pytestmark = pytest.mark.skipif(not Path("/proc/stat").exists(), reason="the benchmark reads CPU times from /proc")


def test_a_plain_loop_and_a_pool_do_the_same_work_and_are_compared(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [*RUN, "--only=embedded", "--json"], env=environment, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    plain, embedded = json.loads(done.stdout)["runs"]
    assert embedded["baseline"] == plain["name"] == "plain loop, 2 processes"
    assert plain["x_runs_per_s"] == 1
    assert embedded["x_runs_per_s"] == pytest.approx(embedded["runs_per_s"] / plain["runs_per_s"])
    assert embedded["peak_mb"] > 20
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_ends_everything_that_was_started(tmp_path: Path) -> None:
    before = running()
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen([*RUN, "--only=embedded"], env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    with process.stderr:
        line = next(line for line in process.stderr if "warming up" in line)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.wait(30) == 130, line + rest
    assert process.pid not in running() - before
    assert list(tmp_path.iterdir()) == []


def test_who_is_named_brings_the_baseline_along() -> None:
    names = [one.name for one in chosen(["LangGraph", "DBOS"])]
    assert names[0] == "plain loop, 2 processes"
    assert [name.partition(" ")[0] for name in names[1:]] == ["LangGraph", "pydantic-ai"]


def test_the_model_says_the_same_by_both_protocols() -> None:
    model = Model()
    asked: dict[str, Any] = {"messages": [{"role": "user", "content": "Which are open for customer 7?"}]}
    asked |= {"tools": [{"type": "function", "function": {"name": "books"}}], "stream": False}
    told = {"messages": [{"role": "tool", "content": '{"open_count": 18}'}], "stream": False}

    def said(path: str, request: dict[str, Any]) -> dict[str, Any]:
        _, (answer,) = model.reply(path, json.dumps(request).encode())
        message: dict[str, Any] = (answer["choices"][0] if "choices" in answer else answer)["message"]
        return message

    ollama, openai = said("/api/chat", asked), said("/v1/chat/completions", asked)
    (call,), other = ollama["tool_calls"], openai["tool_calls"][0]
    assert call["function"]["arguments"] == json.loads(other["function"]["arguments"]) == {"customer": 7}
    assert said("/api/chat", told) == said("/v1/chat/completions", told)
    assert model.asked == 4


def test_durable_runs_of_others_stand_beside_ours() -> None:
    row = Row(
        name="production",
        baseline="plain",
        runs=8,
        runs_per_s=50,
        runs_per_s_range=(40, 60),
        x_runs_per_s=0.4,
        cpu_ms=20,
        x_cpu=2,
        starting_cpu_ms=4,
        service_cpu_ms=3,
        alone_ms=30,
        peak_mb=90,
        beside=[Beside("LangGraph", 0.5, 1.5)],
    )
    assert beside_table([row]) == "production  0.50 x runs/s, 1.5 x CPU with services of LangGraph"
    assert beside_table([]) == ""


def test_a_ledger_is_measured_and_the_goals_stand_beside() -> None:
    (found,), missing = measure(["sqlite"], 4_000, 1, print)
    assert not missing
    assert found.verified_per_s > 1_000
    assert set(found.appending) == {"an entry", "an entry with payload"}
    assert all(one.ms > 0 and one.x_bare > 0 for one in found.appending.values())
    text = ledger_table([found])
    assert "goal: at most" in text
    assert "at least 200,000" in text
