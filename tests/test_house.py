"""The rules of the house hold; and every rule can fail."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import house

Rule = Callable[[Path], list[str]]
RULES: list[Rule] = [
    house.long_files,
    house.long_functions,
    house.junk_drawers,
    house.environment_readers,
    house.float_money,
    house.forbidden_words,
    house.import_cycles,
    house.wrong_public_names,
]
PACKAGES = [f"kontora_{room}" for room in house.ROOMS]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_the_rule(rule: Rule) -> None:
    assert rule(house.ROOT) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_listed_public_name_can_be_had(package: str) -> None:
    module = importlib.import_module(package)
    assert [name for name in getattr(module, "__all__", []) if not hasattr(module, name)] == []


def loaded_by(statement: str) -> set[str]:
    """Return the top-level packages in a fresh interpreter after a statement."""
    program = f"{statement}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


def test_the_connector_sdk_loads_neither_sqlalchemy_nor_httpx() -> None:
    assert not loaded_by("import kontora_connectors") & {"sqlalchemy", "httpx", "requests", "aiohttp"}


def test_autogen_is_not_loaded_before_an_agent_runs() -> None:
    found = {name for name in loaded_by(f"import {', '.join(PACKAGES)}") if name.startswith("autogen")}
    assert found == set()


def test_loaded_packages_are_told_apart() -> None:
    assert "sqlalchemy" in loaded_by("import sqlalchemy")
    assert any(name.startswith("autogen") for name in loaded_by("import autogen_core"))


def build(root: Path, tree: dict[str, str]) -> Path:
    for name, text in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return root


ROOM = "agents/kontora_agents"
LONG_FUNCTION = "def f():\n" + "    x = 1\n" * 60
BAD: list[tuple[Rule, dict[str, str], str]] = [
    (house.long_files, {"tests/test_a.py": "x = 1\n" * 501}, "501 lines"),
    (house.long_functions, {"bench/a.py": LONG_FUNCTION}, "f has 61 lines"),
    (
        house.long_functions,
        {"bench/a.py": "class A:\n" + textwrap.indent(f"async {LONG_FUNCTION}", "    ")},
        "f has 61",
    ),
    (house.junk_drawers, {f"{ROOM}/utils.py": ""}, "utils.py"),
    (house.junk_drawers, {f"{ROOM}/core/model.py": ""}, "core/model.py"),
    (house.environment_readers, {f"{ROOM}/a.py": "import os\nx = os.environ['HOME']"}, "a.py:2"),
    (house.environment_readers, {f"{ROOM}/a.py": "import os\nx = os.getenv('HOME')"}, "a.py:2"),
    (house.environment_readers, {f"{ROOM}/a.py": "from os import environ"}, "a.py:1"),
    (house.environment_readers, {f"{ROOM}/a.py": "from pydantic_settings import BaseSettings"}, "a.py:1"),
    (house.float_money, {f"{ROOM}/a.py": "class A:\n    amount_due: float | None = None"}, "amount_due"),
    (house.float_money, {f"{ROOM}/a.py": "def pay(gross: list[float]): ..."}, "gross"),
    (house.float_money, {f"{ROOM}/a.py": "def balance() -> float: ..."}, "balance"),
    (house.float_money, {f"{ROOM}/canonical.py": "class A:\n    due: float"}, "due"),
    (house.forbidden_words, {"README.md": "see /" + "work/here"}, "README.md:1: a path"),
    (house.forbidden_words, {"docs/a.md": "cd /" + "home/jo/kontora"}, "a path"),
    (house.forbidden_words, {"pip.conf": "extra-index" + "-url = x"}, "a package index"),
    (house.forbidden_words, {"NOTES": "Co-" + "Authored-By: x"}, "an author"),
    (
        house.import_cycles,
        {f"{ROOM}/a.py": "import kontora_agents.b", f"{ROOM}/b.py": "from . import a"},
        "kontora_agents.a",
    ),
    (
        house.import_cycles,
        {f"{ROOM}/__init__.py": "from kontora_agents.a import x", f"{ROOM}/a.py": "from kontora_agents import y"},
        "kontora_agents.a",
    ),
    (
        house.import_cycles,
        {
            f"{ROOM}/a.py": "try:\n    from .b import x\nexcept ImportError:\n    x = 1",
            f"{ROOM}/b.py": "from .a import x",
        },
        "kontora_agents.b",
    ),
    (house.wrong_public_names, {f"{ROOM}/__init__.py": "from a import b, C\n__all__ = ['b', 'C']"}, "not sorted"),
    (house.wrong_public_names, {f"{ROOM}/__init__.py": "from a import C\n__all__ = ['C', 'D']"}, "not there: ['D']"),
    (house.wrong_public_names, {f"{ROOM}/__init__.py": "from a import C\ndef d(): ...\n__all__ = ['C']"}, "['d']"),
    (house.wrong_public_names, {f"{ROOM}/__init__.py": "from kontora_agents.a import B"}, "['B']"),
]


@pytest.mark.parametrize(("rule", "tree", "complaint"), BAD)
def test_a_house_that_breaks_the_rule_is_found_out(
    rule: Rule, tree: dict[str, str], complaint: str, tmp_path: Path
) -> None:
    found = rule(build(tmp_path, tree))
    assert len(found) == 1
    assert complaint in found[0]


def test_every_rule_has_been_broken_once() -> None:
    assert {rule.__name__ for rule, _, _ in BAD} == {rule.__name__ for rule in RULES}


GOOD = {
    "README.md": "Nothing to see at https://pypi.org/simple/ or in ~/work/x.",
    "worker/kontora_worker/settings.py": "import os\nhome = os.environ['HOME']",
    f"{ROOM}/__init__.py": "from kontora_agents.a import ONE, Two, three\n__all__ = ['ONE', 'Two', 'three']",
    f"{ROOM}/a.py": """
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from kontora_agents.b import B
        seconds: float = 2.0
        def later() -> None:
            from kontora_agents import b
        """,
    f"{ROOM}/c/__init__.py": "from pathlib import Path\nfrom kontora_agents.a import ONE\nclass C: ...",
    f"{ROOM}/b.py": "from kontora_agents.a import ONE\nclass B: ...",
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_good_house_is_left_in_peace(rule: Rule, tmp_path: Path) -> None:
    assert rule(build(tmp_path, GOOD)) == []


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed: then caches are left out by name")
def test_what_git_ignores_is_not_looked_at(tmp_path: Path) -> None:
    build(tmp_path, {".gitignore": "out/\n", "out/utils.py": "", "kept/utils.py": ""})
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert house.junk_drawers(tmp_path) == ["kept/utils.py"]


def test_without_git_caches_and_environments_are_not_looked_at(tmp_path: Path) -> None:
    build(tmp_path, {".venv/utils.py": "", "build/utils.py": "", "kept/utils.py": ""})
    assert house.junk_drawers(tmp_path) == ["kept/utils.py"]
