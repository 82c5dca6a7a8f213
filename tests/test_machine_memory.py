"""What a machine has room for is what its graphics card holds, where a tool of its maker says so."""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path

import pytest
from kontora_cli.machine_memory import room

ROCM = {"card0": {"VRAM Total Memory (B)": "17163091968", "VRAM Total Used Memory (B)": "1"}, "system": {}}


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all there is on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    return tmp_path


def tool(folder: Path, name: str, prints: str, code: int = 0) -> None:
    path = folder / name
    path.write_text(f"#!{sys.executable}\nprint({prints!r})\nraise SystemExit({code})\n", encoding="utf-8")
    path.chmod(0o755)


def test_without_a_card_it_is_a_share_of_the_machine(tools: Path) -> None:
    here = room()
    assert (here.gb > 0, here.what) == (True, "four fifths of this machine")


@pytest.mark.parametrize(
    ("prints", "gb", "what"),
    [("24564", 23.2, "the graphics card"), ("8192\n8192", 15.5, "2 graphics cards together")],
)
def test_nvidia_cards_are_counted(tools: Path, prints: str, gb: float, what: str) -> None:
    tool(tools, "nvidia-smi", prints)
    assert (room().gb, room().what) == (gb, f"nine tenths of {what}")


def test_amd_cards_are_counted(tools: Path) -> None:
    tool(tools, "rocm-smi", json.dumps(ROCM))
    assert (room().gb, room().what) == (15.4, "nine tenths of the graphics card")


@pytest.mark.parametrize(
    ("name", "prints", "code"),
    [
        ("nvidia-smi", "NVIDIA-SMI has failed because it couldn't communicate with the driver", 9),
        ("nvidia-smi", "[N/A]", 0),
        ("nvidia-smi", "512", 0),
        ("rocm-smi", "not JSON", 0),
        ("rocm-smi", "[]", 0),
        ("rocm-smi", '{"card0": "none"}', 0),
    ],
)
def test_a_tool_that_says_nothing_of_use_counts_for_nothing(tools: Path, name: str, prints: str, code: int) -> None:
    tool(tools, name, prints, code)
    assert room().what == "four fifths of this machine"


def test_memory_that_the_chip_shares_is_two_thirds_of_it(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    shared = room()
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    assert shared.what.startswith("two thirds")
    assert shared.gb == pytest.approx(room().gb * (2 / 3) / 0.8, rel=0.05)
