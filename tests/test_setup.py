"""A fresh machine: what `make` does before it does anything else, and what it says if it cannot."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOOLS = ("sh", "make", "dirname", "rm", "mkdir", "touch", "sed", "awk", "sleep", "cat", "chmod")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A checkout on a machine that has make and little else: `bin` is its whole PATH."""
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(str(shutil.which(tool)))
    (tmp_path / "tools").mkdir()
    for name in ("Makefile", "pyproject.toml", "tools/setup"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def make(machine: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments],
        cwd=machine,
        env={"PATH": str(machine / "bin"), "HOME": str(machine)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_make_alone_lists_every_target(machine: Path) -> None:
    said = make(machine)
    assert said.returncode == 0
    listed = {line.split()[1] for line in said.stdout.splitlines()}
    assert listed == {
        *("help", "demo", "serve", "test", "check", "fix", "bench", "bench-models"),
        *("faults", "faults-peers", "systems", "clean"),
    }


def test_without_python_one_line_says_so(machine: Path) -> None:
    said = make(machine, "demo")
    assert said.returncode != 0
    assert "Python 3.11 or newer is needed" in said.stderr
    assert said.stdout == ""
    assert not (machine / ".venv").exists()


def test_an_old_python_is_passed_over(machine: Path) -> None:
    program(machine / "bin" / "python3", "exit 1")  # what `python3 -c 'is it 3.11?'` answers on an old one
    assert "Python 3.11 or newer is needed" in make(machine, "demo").stderr
    program(machine / "bin" / "python3.12", "exit 0")
    assert "Python 3.11 or newer is needed" not in make(machine, "demo").stderr


def test_without_the_venv_module_one_line_names_the_package_to_install(machine: Path) -> None:
    answers = f'case "$*" in *ensurepip*) exit 1;; esac\nexec {sys.executable} "$@"'
    program(machine / "bin" / "python3", answers)
    said = make(machine, "demo")
    assert said.returncode != 0
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f"apt install python{version}-venv" in said.stderr
    assert "Traceback" not in said.stderr


@pytest.fixture
def machine_with_uv(machine: Path) -> Path:
    """A machine with a uv that makes a `.venv` whose commands say how they were called, and notes what it was asked."""
    installed = machine / "installed"
    program(installed / "python", f'exec {sys.executable} "$@"')
    for command in ("kontora", "pytest"):
        program(installed / command, f'echo {command} "$@"')
    shutil.copy(str(shutil.which("cp")), machine / "bin" / "cp")
    program(
        machine / "bin" / "uv",
        'echo "$@" >> asked\n[ "$1" = venv ] && mkdir -p .venv/bin && cp installed/* .venv/bin/\nexit 0',
    )
    return machine


def test_uv_is_used_if_it_is_there_and_the_set_up_is_done_once(machine_with_uv: Path) -> None:
    said = make(machine_with_uv, "demo", "ARGS=--json --seed 3")
    assert said.stdout == "kontora demo --json --seed 3\n"  # what was said while setting up went to stderr
    asked = (machine_with_uv / "asked").read_text(encoding="utf-8")
    assert "pip install" in asked
    assert "dev-requirements" not in asked
    assert make(machine_with_uv, "demo").stderr == ""
    assert (machine_with_uv / "asked").read_text(encoding="utf-8") == asked


def test_the_tests_need_more_than_the_demo_and_a_changed_pyproject_is_noticed(machine_with_uv: Path) -> None:
    assert make(machine_with_uv, "demo").returncode == 0
    assert make(machine_with_uv, "test").stdout.startswith("pytest -n auto")
    requirements = (machine_with_uv / ".venv/dev-requirements.txt").read_text(encoding="utf-8")
    assert "pytest>=" in requirements
    later = (machine_with_uv / ".venv/.dev-stamp").stat().st_mtime + 5
    os.utime(machine_with_uv / "pyproject.toml", (later, later))
    assert "installing the runtime packages" in make(machine_with_uv, "demo").stderr


def test_a_failed_installation_says_so_and_is_tried_again(machine_with_uv: Path) -> None:
    uv = machine_with_uv / "bin" / "uv"
    good = uv.read_text(encoding="utf-8")
    uv.write_text(good.replace("exit 0", '[ "$1" = venv ]'), encoding="utf-8")
    said = make(machine_with_uv, "demo")
    assert said.returncode != 0
    assert "could not be installed" in said.stderr
    uv.write_text(good, encoding="utf-8")
    assert make(machine_with_uv, "demo").returncode == 0


def test_ctrl_c_reaches_what_make_runs_and_make_waits_for_it(machine_with_uv: Path) -> None:
    program(
        machine_with_uv / "installed" / "kontora",
        "trap 'sleep 0.2; echo tidied up; exit 0' INT\necho ready\nwhile :; do sleep 0.05; done",
    )
    running = subprocess.Popen(
        ["make", "serve"],
        cwd=machine_with_uv,
        env={"PATH": str(machine_with_uv / "bin")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    os.killpg(running.pid, signal.SIGINT)
    said, _ = running.communicate(timeout=20)
    assert said == "tidied up\n"
