"""Everybody who may play."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.models.contest import Contestant
from tests.faults.peers.environments import NoEnvironment, environment

PEERS = Path(__file__).parent / "peers"
#: Names as people write them, and as their files are called.
NAMES = {
    "Kontora": "",
    "AutoGen": "autogen",
    "LangGraph": "langgraph",
    "pydantic-ai": "pydantic_ai",
    "CrewAI": "crewai",
}


def contestants(only: Sequence[str] = ()) -> Iterator[Contestant]:
    """Those of these names (all, if there are none), ready to play. Environments are made if they are missing."""
    for name, file in NAMES.items():
        if not only or name.lower() in {word.lower() for word in only}:
            yield _peer(name, file) if file else Contestant(name, [sys.executable, "-m", "bench.models.kontora_side"])


def _peer(name: str, file: str) -> Contestant:
    try:
        python = environment(f"bench-{file}", PEERS / f"{file}.txt")
    except NoEnvironment as error:
        return Contestant(name, [], missing=str(error))
    return Contestant(name, [str(python), "-m", f"bench.models.peers.{file}_side"])
