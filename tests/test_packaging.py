"""The wheel: it holds what the code reads besides code, which the editable install of a checkout cannot show."""

from __future__ import annotations

import tomllib
from importlib.resources import files as resources

from tests.house import ROOMS, ROOT, files

WHEEL = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"][
    "wheel"
]

#: What is opened by name or found by pattern while the program runs.
READ = [
    "kontora_workflows/schema/workflow.schema.json",
    "kontora_workflows/catalog/receivables-ageing/workflow.yaml",
    "kontora_workflows/catalog/receivables-ageing/rehearsal.yaml",
    "kontora_agents/catalogue/licences.yaml",
    "kontora_agents/catalogue/families/qwen.yaml",
    "kontora_agents/trials/exercises.yaml",
    "kontora_workflows/ledger/migrations/env.py",
    "kontora_workflows/reports/assets/report.html.j2",
    "kontora_workflows/reports/assets/report.css",
    "kontora_api/assets/reference.html.j2",
    "kontora_api/assets/page.css",
]


def test_the_wheel_holds_the_package_of_every_room() -> None:
    assert {"packages": [f"{room}/kontora_{room}" for room in ROOMS]} == WHEEL
    assert [path for path in WHEEL["packages"] if not (ROOT / path / "py.typed").is_file()] == []


def test_what_the_code_reads_is_in_its_packages() -> None:
    for path in READ:
        package, _, inside = path.partition("/")
        assert resources(package).joinpath(inside).is_file(), path


def test_nothing_in_the_packages_is_hidden_from_git_and_so_left_out_of_the_wheel() -> None:
    known = set(files(ROOT))
    there = {
        path
        for package in WHEEL["packages"]
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert there
    assert sorted(str(path.relative_to(ROOT)) for path in there - known) == []
