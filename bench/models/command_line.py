"""The command: which contestants and cases, played and printed."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kontora_agents.rehearsal.misbehaving.model import MisbehavingModels
from kontora_agents.rehearsal.misbehaving.scenario import load_scenarios
from kontora_agents.rehearsal.misbehaving.server import serve as serve_models
from kontora_agents.rehearsal.misbehaving.work import Work

from bench.models.case import VERDICTS, Result, cases
from bench.models.contest import Contestant, Player, play
from bench.models.erp import serve as serve_erp

SCENARIOS = Path(__file__).parent / "scenarios"
ROOT = Path(__file__).resolve().parent.parent.parent


def contestants() -> list[Contestant]:
    """Everybody who may play."""
    here = {"PYTHONPATH": str(ROOT)}
    return [Contestant("Kontora", [sys.executable, "-m", "bench.models.kontora_side"], ("ollama",), here)]


def main() -> int:
    """Play and print. Exit code 0 whatever came out: nothing is judged here."""
    parser = argparse.ArgumentParser(prog="bench/models/run.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", action="append", default=[], metavar="WORD", help="cases with it in their name")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every result as JSON")
    parser.add_argument("--verbose", action="store_true", help="print every case that did not pass")
    given = parser.parse_args()
    scenarios, work = load_scenarios(sorted(SCENARIOS.glob("*.yaml"))), Work()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="kontora-bench-"))
        erp = stack.enter_context(serve_erp(work))
        models = stack.enter_context(serve_models(MisbehavingModels(scenarios, work)))
        for one in contestants():
            with Player(one, Path(folder) / f"{one.name}.log") as player:
                wanted = cases(scenarios, one.protocols, given.only)
                results = list(_told(play(player, wanted, models, erp), given.verbose))
            print(_table(one.name, player.about, results))
            if given.json:
                given.json.write_text(json.dumps([_document(result) for result in results], indent=1), "utf-8")
    return 0


def _told(results: Any, verbose: bool) -> Any:
    for result in results:
        if verbose and result.verdict not in ("passed", "right_error"):
            print(f"{result.verdict:<14} {result.case.name:<44} {result.end.text[:160]}", flush=True)
        yield result


def _document(result: Result) -> dict[str, Any]:
    return {"case": result.case.name, **asdict(result.end), "verdict": result.verdict, "writes": result.writes}


def _table(name: str, about: dict[str, str], results: list[Result]) -> str:
    counts = Counter(result.verdict for result in results)
    said = ", ".join(f"{word} {text}" for word, text in about.items())
    good = counts["passed"] + counts["right_error"]
    lines = [f"{name} ({said}): {len(results)} cases, {good / max(1, len(results)):.1%} passed or right error"]
    lines += [f"  {verdict:<15} {counts[verdict]:>5}" for verdict in VERDICTS]
    lines += [f"  {'duplicates':<15} {sum(result.extra for result in results):>5}"]
    return "\n".join(lines)
