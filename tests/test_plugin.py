"""A connector from outside is found through its entry point, and a real worker runs a workflow through it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services import free_port

ROOT = Path(__file__).parent.parent

WORKFLOW = """
apiVersion: kontora/v1
name: prices
title: Prices
roles: {shop: {kind: acme}}
inputs: {sku: {type: string}}
steps:
  - id: price
    call: shop.price_of
    with: {sku: "${{ inputs.sku }}"}
"""

CARRY = """
from kontora_worker.house import House
from kontora_worker.settings import load_settings
from kontora_worker.supervisor import Supervisor
from kontora_workflows.starting import Start

house = House(load_settings())
run, _ = house.start("prices", Start("tester", "cli", {"sku": "A-1"}))
Supervisor(house, until_idle=True, concurrency=1).run()
run = house.ledger.runs.get(run.id)
print(run.state, *[e.kind for e in house.ledger.entries.of_run(run.id)])
house.close()
"""

ACCEPT = CARRY.replace("Supervisor(house, until_idle=True, concurrency=1).run()", "")


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example package, built and installed into a folder of its own."""
    source = tmp_path_factory.mktemp("source") / "kontora-acme"
    shutil.copytree(ROOT / "examples" / "kontora-acme", source)
    target = tmp_path_factory.mktemp("site")
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    pip = [uv, "pip"] if uv else [sys.executable, "-m", "pip"]
    command = [*pip, "install", "--quiet", "--no-deps", "--target", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return target


def run_prices(plugin: Path, home: Path, script: str = CARRY, **settings: str) -> list[str]:
    """Start a run of `prices`, by default let a worker carry it, and return its state and the kinds of its entries."""
    prices = home / "prices.csv"
    prices.write_text("sku,name,price\nA-1,Чернила,12.50\n", encoding="utf-8")
    (home / "workflows").mkdir()
    (home / "workflows" / "prices.yaml").write_text(WORKFLOW, encoding="utf-8")
    (home / "kontora.toml").write_text(f'[connectors.shop]\nkind = "acme"\npath = "{prices}"\n', encoding="utf-8")
    environment = {**os.environ, "KONTORA_HOME": str(home), "PYTHONPATH": str(plugin), **settings}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_workflow_runs_through_a_connector_that_this_project_does_not_know(plugin: Path, tmp_path: Path) -> None:
    state, *kinds = run_prices(plugin, tmp_path)
    assert state == "succeeded"
    assert kinds.index("tool.intended") < kinds.index("tool.outcome")


def test_the_same_on_redis_and_postgresql(plugin: Path, tmp_path: Path, redis_url: str, postgres_url: str) -> None:
    state, *_ = run_prices(plugin, tmp_path, KONTORA_BROKER_URL=redis_url, KONTORA_DATABASE_URL=postgres_url)
    assert state == "succeeded"
    assert not (tmp_path / "broker").exists()
    assert not (tmp_path / "ledger.db").exists()


def test_a_broker_that_does_not_answer_does_not_stop_a_run_from_being_accepted(plugin: Path, tmp_path: Path) -> None:
    nobody = f"redis://127.0.0.1:{free_port()}/0"
    assert run_prices(plugin, tmp_path, ACCEPT, KONTORA_BROKER_URL=nobody) == ["queued", "run.created"]


def test_the_plugin_is_as_short_as_promised() -> None:
    lines = (ROOT / "examples/kontora-acme/kontora_acme/__init__.py").read_text(encoding="utf-8").splitlines()
    code = [line for line in lines if line.strip() and not line.lstrip().startswith(('"""', "#"))]
    assert len(code) <= 26
