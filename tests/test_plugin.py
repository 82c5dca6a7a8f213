"""A connector from outside is found through its entry point, and a real worker runs a workflow through it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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

SCRIPT = """
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


def test_a_workflow_runs_through_a_connector_that_this_project_does_not_know(plugin: Path, tmp_path: Path) -> None:
    prices = tmp_path / "prices.csv"
    prices.write_text("sku,name,price\nA-1,Чернила,12.50\n", encoding="utf-8")
    (tmp_path / "workflows").mkdir()
    (tmp_path / "workflows" / "prices.yaml").write_text(WORKFLOW, encoding="utf-8")
    (tmp_path / "kontora.toml").write_text(f'[connectors.shop]\nkind = "acme"\npath = "{prices}"\n', encoding="utf-8")

    environment = {**os.environ, "KONTORA_HOME": str(tmp_path), "PYTHONPATH": str(plugin)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    state, *kinds = done.stdout.split()
    assert state == "succeeded"
    assert kinds.index("tool.intended") < kinds.index("tool.outcome")


def test_the_plugin_is_as_short_as_promised() -> None:
    lines = (ROOT / "examples/kontora-acme/kontora_acme/__init__.py").read_text(encoding="utf-8").splitlines()
    code = [line for line in lines if line.strip() and not line.lstrip().startswith(('"""', "#"))]
    assert len(code) <= 26
