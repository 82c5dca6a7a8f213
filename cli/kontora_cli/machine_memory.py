"""How much memory of this machine a model may take: that of its graphics card if there is one, else its own."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

#: The shares that a model may take: of a graphics card's memory, of memory that both use, of a machine's without one.
_OF_A_CARD, _OF_SHARED, _OF_A_MACHINE = 0.9, 2 / 3, 0.8
#: Cards with less are not worth the trouble: they only show pictures.
_SMALLEST_GB = 3.0
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Room:
    """GB that a model may take, and of what; 0 GB where the system does not say."""

    gb: float
    what: str


def room() -> Room:
    """What this machine has room for. A tool of the card's maker is asked where it is installed."""
    machine = _machine_gb()
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return Room(round(machine * _OF_SHARED, 1), "two thirds of the memory that this machine's chip shares")
    cards = [size for size in (*_nvidia(), *_rocm()) if size >= _SMALLEST_GB]
    if cards:
        card = "the graphics card" if len(cards) == 1 else f"{len(cards)} graphics cards together"
        return Room(round(sum(cards) * _OF_A_CARD, 1), f"nine tenths of {card}")
    return Room(round(machine * _OF_A_MACHINE, 1), "four fifths of this machine")


def _machine_gb() -> float:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    except (OSError, ValueError):
        return 0.0


def _nvidia() -> Iterator[float]:
    """GB of each card that NVIDIA's tool knows."""
    said = _said("nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits")
    for line in said.splitlines():
        if re.fullmatch(r"\s*\d+\s*", line):
            yield int(line) * _MIB / 1e9


def _rocm() -> Iterator[float]:
    """GB of each card that AMD's tool knows."""
    try:
        cards = json.loads(_said("rocm-smi", "--showmeminfo", "vram", "--json") or "{}")
    except ValueError:
        return
    for facts in cards.values() if isinstance(cards, dict) else ():
        total = str(facts.get("VRAM Total Memory (B)", "")) if isinstance(facts, dict) else ""
        if total.isdecimal():
            yield int(total) / 1e9


def _said(tool: str, *arguments: str) -> str:
    """What a tool prints; nothing if it is not there, fails or does not answer."""
    path = shutil.which(tool)
    if path is None:
        return ""
    try:
        ran = subprocess.run([path, *arguments], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ran.stdout if ran.returncode == 0 else ""
