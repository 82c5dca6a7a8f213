"""The documentation is part of the product: what it links to is there, what it shows works as printed."""

from __future__ import annotations

import ast
import importlib
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import typer.main
from kontora_agents.rehearsal.script import Script, load_script
from kontora_cli.main import app
from kontora_worker.settings import load_settings
from kontora_workflows.definition import Workflow
from kontora_workflows.definitions.core_yaml import read_yaml
from kontora_workflows.loader import load, load_file
from kontora_workflows.validation import validate

from tests.command_line import CommandLine
from tests.doc_pages import Block, page, pages, target
from tests.house import ROOMS, ROOT

PAGES = {one.name: one for one in pages()}
#: Those that show how something is done; the reference is written from the code and compared with it.
SHOWING = [name for name in PAGES if not name.startswith("docs/reference/")]
REFERENCE = ROOT / "docs" / "reference"
EXAMPLES = sorted((ROOT / "examples" / "workflows").glob("*/workflow.yaml"))
SHOWN_EXAMPLE = ROOT / "examples" / "workflows" / "call-list"

every_page = pytest.mark.parametrize("name", sorted(PAGES))
every_showing_page = pytest.mark.parametrize("name", sorted(SHOWING))


# --- links --------------------------------------------------------------------------------------------------------


@every_page
def test_what_a_page_links_to_is_there(name: str) -> None:
    for link in PAGES[name].links:
        if re.match(r"https?://|mailto:", link):
            continue
        found, anchor = target(PAGES[name], link), link.partition("#")[2]
        assert found.exists(), link
        assert not anchor or anchor in page(str(found.resolve().relative_to(ROOT))).anchors, link


@every_showing_page
def test_the_files_that_a_page_names_are_there(name: str) -> None:
    named = re.findall(r"`((?:docs|examples|tests|tools)/[\w./-]+)`", PAGES[name].prose)
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_room_says_at_its_door_what_it_promises() -> None:
    for room in ROOMS:
        door = page(f"{room}/README.md").text
        assert len(door.splitlines()) <= 40, room
        assert "**Promise" in door, room


# --- commands -----------------------------------------------------------------------------------------------------


def parse(words: list[str]) -> None:
    """Read a command line the way the program does, and do nothing. Raises what the program would explain."""
    command: Any = typer.main.get_command(app)
    context, name = None, "kontora"
    while True:
        context = command.make_context(name, list(words), parent=context)
        if not hasattr(command, "commands"):
            return
        name, command, words = command.resolve_command(context, [*context._protected_args, *context.args])


def misunderstood(words: list[str], *, complete: bool) -> str:
    """What the program would say about a command line; nothing if it would take it."""
    try:
        parse(words)
    except Exception as error:
        kind = type(error).__name__
        if kind == "Exit" or (kind == "MissingParameter" and not complete):  # `--help`, or the command alone is meant
            return ""
        return f"kontora {' '.join(words)}: {error}"
    return ""


@every_showing_page
def test_every_command_that_a_page_shows_exists_with_its_options(name: str) -> None:
    shown = PAGES[name]
    found = [misunderstood(words, complete=True) for block in shown.blocks for words in block.commands]
    assert [one for one in [*found, *(misunderstood(words, complete=False) for words in shown.mentioned)] if one] == []


@pytest.mark.parametrize("line", ["kontora runs listen", "kontora approvals show", "kontora worker --untill-idle"])
def test_a_command_that_does_not_exist_is_found_out(line: str) -> None:
    (words,) = Block("", f"{line}    # so\n").commands
    assert misunderstood(words, complete=True)


def test_targets_of_make_that_a_page_names_exist() -> None:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for name in SHOWING:
        typed = [line for block in PAGES[name].blocks for line in block.typed()]
        said = re.findall(r"`make ([a-z-]+)", PAGES[name].prose) + [
            line.split()[1] for line in typed if line.startswith("make ")
        ]
        assert set(said) <= known, name


def follow(shell: CommandLine, commands: list[list[str]]) -> list[str]:
    """Type commands as they are shown, with ids of this place; return what was printed."""
    printed = []
    for words in commands:
        ids = {}
        for placeholder, noun in (("apr_…", "approvals"), ("run_…", "runs")):
            if placeholder in words:
                ids[placeholder] = shell(noun, "list", "--json").document["items"][0]["id"]
        said = shell(*[ids.get(word, word) for word in words])
        assert said.exit_code in (0, 3), f"kontora {' '.join(words)}: {said.stdout}{said.stderr}"
        printed.append(said.stdout)
    return printed


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """A shell in a folder with a small demo company, where the complete workflow was run as its page says."""
    shell = CommandLine(tmp_path_factory.mktemp("office"), KONTORA_WORKFLOWS=str(SHOWN_EXAMPLE.parent))
    shell.furnish()
    block = next(block for block in page("docs/workflows.md").blocks if "kontora run call-list" in block.text)
    follow(shell, [words for words in block.commands if words[0] != "demo"])
    return shell


def test_the_complete_workflow_runs_as_its_page_says(office: CommandLine) -> None:
    (run,) = office("runs", "list", "--json").document["items"]
    assert (run["workflow"], run["state"], run["waiting_for"]) == ("call-list", "waiting", "children")
    made = office("calls", run["id"], "--json").document["items"]
    assert sum(call["effect"] == "write" and call["outcome"] == "ok" for call in made) == 1


def test_the_five_minutes_of_the_readme_work_as_printed(office: CommandLine) -> None:
    shown = [words for block in page("README.md").blocks for words in block.commands]
    assert [words[0] for words in shown].count("approvals") == 3
    printed = follow(office, shown)
    assert any("all hold" in text for text in printed)
    assert any("Europe/Moscow" in text for text in printed)


# --- workflows, scripts, settings, Python -------------------------------------------------------------------------


def merged(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """A definition with some of its parts said anew."""
    both = {key: {**base[key], **value} for key, value in more.items() if isinstance(base.get(key), dict)}
    return {**base, **more, **both}


@every_showing_page
def test_every_workflow_that_a_page_shows_is_valid(name: str) -> None:
    base = read_yaml((SHOWN_EXAMPLE / "workflow.yaml").read_text(encoding="utf-8"), "example")[0]
    for block in PAGES[name].blocks:
        if block.language != "yaml":
            continue
        data = read_yaml(block.text, name)[0]
        if "workflow" in data:
            Script.model_validate(data)
        elif "apiVersion" in data:
            assert list(map(str, validate(load(block.text, source=name)))) == []
            base = data
        else:  # a part of a workflow: steps, or keys of its head
            base = base if isinstance(data, list) else merged(base, data)
            whole = {**base, "steps": [*base["steps"], *data]} if isinstance(data, list) else base
            problems = validate(Workflow.model_validate(whole, by_alias=True, by_name=False))
            assert list(map(str, problems)) == [], block.text


def test_the_example_is_shown_as_it_is_in_its_file() -> None:
    for file, name in (("workflow.yaml", "docs/workflows.md"), ("rehearsal.yaml", "docs/agents.md")):
        text = (SHOWN_EXAMPLE / file).read_text(encoding="utf-8")
        assert text in [block.text for block in PAGES[name].blocks]


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.parent.name)
def test_an_example_is_valid_and_can_be_rehearsed(file: Path) -> None:
    loaded = load_file(file)
    assert list(map(str, validate(loaded))) == []
    assert loaded.workflow.name == file.parent.name
    if loaded.workflow.agents:
        script = load_script(file.with_name("rehearsal.yaml"))
        assert script.workflow == loaded.workflow.name
        assert set(script.agents) == set(loaded.workflow.agents)


def test_what_a_broken_file_is_told_is_what_the_page_says(tmp_path: Path) -> None:
    shown = next(b for b in page("docs/workflows.md").blocks if b.language == "console" and "bad.yaml" in b.text)
    broken = """\
        apiVersion: kontora/v1
        name: bad
        title: Bad
        roles:
          erp: {interface: receivables}
        inputs:
          as_of: {type: date, default: today}
        steps:
          - id: ageing
            call: erp.receivables_aging
            with: {as_of: "${{ inputs.as_of }}"}
          - id: invoices
            call: erp.open_invoices
            with: {party_id: "${{ steps.ageing.largest[0].party_id }}", as_of: "${{ input.as_of }}"}
        """
    (tmp_path / "bad.yaml").write_text(re.sub(r"^ {8}", "", broken, flags=re.MULTILINE), encoding="utf-8")
    said = CommandLine(tmp_path)("workflows", "validate", "bad.yaml")
    assert said.exit_code == 4
    assert said.stdout == shown.text.partition("\n")[2]


@every_showing_page
def test_settings_that_a_page_shows_are_read(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for block in PAGES[name].blocks:
        if block.language == "toml" and not block.text.startswith("[project"):
            (tmp_path / "kontora.toml").write_text(block.text, encoding="utf-8")
            load_settings()


@every_showing_page
def test_python_that_a_page_shows_compiles_and_imports_what_is_there(name: str) -> None:
    for block in PAGES[name].blocks:
        if block.language == "python":
            for node in ast.walk(ast.parse(block.text)):
                if isinstance(node, ast.ImportFrom):
                    module = importlib.import_module(str(node.module))
                    assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


def test_the_workflow_in_python_is_valid_and_starts(office: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KONTORA_HOME", str(office.home))
    source = "\n".join(block.text for block in page("docs/workflows.md").blocks if block.language == "python")
    names: dict[str, Any] = {}
    exec(compile(source, "docs/workflows.md", "exec"), names)
    assert validate(names["workflow"]) == []
    assert office("runs", "cancel", names["run"].id, "--json").document["state"] == "cancelled"


# --- the reference, and the Russian page --------------------------------------------------------------------------


def test_the_reference_is_what_the_code_says() -> None:
    written = runpy.run_path(str(ROOT / "tools" / "reference.py"))["pages"]()
    assert sorted(written) == sorted(path.name for path in REFERENCE.glob("*.md"))
    stale = [name for name, text in written.items() if (REFERENCE / name).read_text(encoding="utf-8") != text]
    assert stale == [], "`make fix` writes them anew"


def test_the_russian_page_has_the_sections_the_commands_and_the_links_of_the_english_one() -> None:
    english, russian = page("README.md"), page("README.ru.md")
    assert [level for level, _ in russian.headings] == [level for level, _ in english.headings]
    assert [block.lines() for block in russian.blocks] == [block.lines() for block in english.blocks]
    swapped = {"README.md": "README.ru.md", "README.ru.md": "README.md"}
    assert sorted(swapped.get(link, link) for link in russian.links) == sorted(english.links)
