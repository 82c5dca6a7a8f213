"""The command: which contestants and cases, played and printed."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kontora_agents.rehearsal.misbehaving.model import MisbehavingModels
from kontora_agents.rehearsal.misbehaving.scenario import load_scenarios
from kontora_agents.rehearsal.misbehaving.server import serve as serve_models

from bench.models import table
from bench.models.case import Case, Result, cases
from bench.models.contest import Contest, Contestant
from bench.models.contestants import NAMES, contestants
from bench.models.erp import serve as serve_erp
from bench.models.mutants import mutants

SCENARIOS = Path(__file__).parent / "scenarios"
#: After so many cases it is said how far it has come.
_TOLD = 200


_Ready = dict[str, tuple[Contestant, dict[str, str]]]
_Results = dict[str, dict[str, list[Result]]]


def options() -> argparse.ArgumentParser:
    """The options of the command line."""
    parser = argparse.ArgumentParser(prog="make bench-models", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--contestant", action="append", default=[], metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--only", action="append", default=[], metavar="WORD", help="cases with it in their name")
    parser.add_argument("--quick", action="store_true", help="persistence once, streamed")
    parser.add_argument("--mutants", type=int, default=0, metavar="N", help="play N mutated scenarios too")
    parser.add_argument("--seed", type=int, default=1, help="for the mutants; the same seed gives the same")
    parser.add_argument("--lanes", type=int, default=3, metavar="N", help="how many cases are played side by side")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything into a file")
    parser.add_argument("--verbose", action="store_true", help="print every case that is not good")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """0: it was played, whatever came out. 2: the options are wrong. 130: it was interrupted."""
    given = options().parse_args(arguments)
    unknown = [word for word in given.contestant if word.lower() not in {name.lower() for name in NAMES}]
    if unknown:
        print(
            f"make bench-models: nobody is called {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr
        )
        return 2
    scenarios = list(load_scenarios(sorted(SCENARIOS.glob("*.yaml"))).values())
    everything = {"named": _wanted(cases(scenarios), given)}
    if given.mutants:
        everything["mutants"] = _wanted(mutants(scenarios, given.mutants, given.seed), given)
    print(f"Python {platform.python_version()}, {os.cpu_count()} processors", flush=True)
    everything = {title: wanted for title, wanted in everything.items() if wanted}
    if not everything:
        print(f"make bench-models: no case has {' or '.join(given.only)} in its name", file=sys.stderr)
        return 2
    try:
        ready, results = _contest(everything, given)
    except KeyboardInterrupt:
        print("Interrupted; nothing was counted.", file=sys.stderr)
        return 130
    for title, found in results.items():
        heading = f"{title}, seed {given.seed}" if title == "mutants" else title
        print("", heading, *table.totals(found), "", f"{table.LEGEND}; worst at once, twice, always", sep="\n")
        print(*table.matrix(found), sep="\n", flush=True)
    if given.json is not None:
        write_document(given.json, _document(given.seed, ready, results))
    return 0


def write_document(file: Path, document: dict[str, Any]) -> None:
    """Write the results as JSON; half a character of somebody's answer is written as its escape."""
    text = json.dumps(document, indent=1, ensure_ascii=False)
    file.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


def _contest(everything: dict[str, list[Case]], given: argparse.Namespace) -> tuple[_Ready, _Results]:
    """Play everything to everybody who can play."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kontora-bench-")))
        erp = stack.enter_context(serve_erp())
        models = MisbehavingModels({case.scenario.id: case.scenario for all_ in everything.values() for case in all_})
        contest = Contest(stack.enter_context(serve_models(models)), erp, folder, given.lanes)
        ready = dict(_introduced(contest, contestants(given.contestant)))
        return ready, {title: _played(contest, ready, wanted, given.verbose) for title, wanted in everything.items()}


def _introduced(
    contest: Contest, everybody: Iterator[Contestant]
) -> Iterator[tuple[str, tuple[Contestant, dict[str, str]]]]:
    """Those who can play, with what they say of themselves; who cannot is named with the reason."""
    for one in everybody:
        try:
            if one.missing:
                raise RuntimeError(one.missing)
            about = contest.about(one)
        except RuntimeError as error:
            print(f"{one.name}: does not play: {error}", flush=True)
            continue
        print(f"{one.name}: {', '.join(f'{word} {text}' for word, text in about.items())}", flush=True)
        yield one.name, (one, about)


def _wanted(everything: list[Case], given: argparse.Namespace) -> list[Case]:
    """The cases that the options ask for."""
    quick = [one for one in everything if not given.quick or (one.stream and one.persistence == "once")]
    return [one for one in quick if not given.only or any(word in one.name for word in given.only)]


def _played(contest: Contest, ready: _Ready, wanted: list[Case], verbose: bool) -> dict[str, list[Result]]:
    found: dict[str, list[Result]] = {}
    order = {case.name: place for place, case in enumerate(wanted)}
    for name, (contestant, _) in ready.items():
        results = []
        for result in contest.play(contestant, wanted):
            results.append(result)
            if len(results) % _TOLD == 0:
                print(f"{name}: {len(results)} of {len(wanted)} cases", file=sys.stderr, flush=True)
            if verbose and result.verdict not in ("passed", "right_error"):
                print(f"{name}: {result.verdict} {result.case.name}: {result.end.text[:160]!r}", flush=True)
        found[name] = sorted(results, key=lambda result: order[result.case.name])
    return found


def _document(seed: int, ready: _Ready, results: _Results) -> dict[str, Any]:
    document: dict[str, Any] = {"date": datetime.now(UTC).date().isoformat(), "seed": seed, "contestants": {}}
    for name, (_, about) in ready.items():
        document["contestants"][name] = {"about": about}
        for title, found in results.items():
            rows = [table.document(result) for result in found[name]]
            document["contestants"][name][title] = {"totals": table.counts(found[name]), "cases": rows}
    return document
