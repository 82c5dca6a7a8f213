"""The form of a workflow: what YAML may say, what Python may say, and what is said about what neither may."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from kontora_agents.definition import AgentDefinition
from kontora_workflows.catalog import SHIPPED, Catalog, UnknownWorkflow
from kontora_workflows.definition import (
    AgentStep,
    ApprovalDefinition,
    ApprovalStep,
    CallStep,
    ForEachStep,
    Input,
    Role,
    Workflow,
    definition_hash,
)
from kontora_workflows.definitions.core_yaml import read_yaml
from kontora_workflows.loader import Problem, WorkflowInvalid, load, load_file, load_workflow
from kontora_workflows.schema import SCHEMA_FILE, schema_text
from pydantic import ValidationError

quick = settings(max_examples=50, deadline=None)

SMALL = """\
apiVersion: kontora/v1
name: small
title: Small
roles: {erp: {interface: receivables}, crm: {interface: customers}}
inputs: {as_of: {type: date, default: today}}
agents: {writer: {instructions: Write.}}
steps:
  - id: ageing
    call: erp.receivables_ageing
    with: {as_of: "${{ inputs.as_of }}", min_amount: 10.50}
  - id: each
    for_each: ${{ steps.ageing.worsened[:2] }}
    as: debtor
    key: ${{ debtor.party_id }}
    steps:
      - {id: draft, agent: writer, with: {debtor: "${{ debtor }}"}}
      - id: task
        approval:
          title: Remind
          call: crm.create_activity
          with: {account_id: "1", kind: task, subject: Pay}
          expires_after: 2d
"""

SAME_IN_PYTHON = Workflow(
    name="small",
    title="Small",
    roles={"erp": Role(interface="receivables"), "crm": Role(interface="customers")},
    inputs={"as_of": Input(type="date", default="today")},
    agents={"writer": AgentDefinition(instructions="Write.")},
    steps=[
        CallStep(
            id="ageing",
            call="erp.receivables_ageing",
            with_={"as_of": "${{ inputs.as_of }}", "min_amount": "10.50"},
        ),
        ForEachStep(
            id="each",
            for_each="${{ steps.ageing.worsened[:2] }}",
            as_="debtor",
            key="${{ debtor.party_id }}",
            steps=[
                AgentStep(id="draft", agent="writer", with_={"debtor": "${{ debtor }}"}),
                ApprovalStep(
                    id="task",
                    approval=ApprovalDefinition(
                        title="Remind",
                        call="crm.create_activity",
                        with_={"account_id": "1", "kind": "task", "subject": "Pay"},
                        expires_after=timedelta(days=2),
                    ),
                ),
            ],
        ),
    ],
)


def problems(text: str) -> list[str]:
    with pytest.raises(WorkflowInvalid) as invalid:
        load(text, source="w.yaml")
    return [str(problem) for problem in invalid.value.problems]


def problems_or_none(text: str) -> list[Problem]:
    try:
        load(text, source="w.yaml")
    except WorkflowInvalid as invalid:
        return invalid.problems
    return []


def test_yaml_and_python_make_the_same_workflow_with_the_same_hash() -> None:
    workflow = load_workflow(SMALL, source="small.yaml")
    assert workflow == SAME_IN_PYTHON
    assert definition_hash(workflow) == definition_hash(SAME_IN_PYTHON)


def test_a_workflow_survives_the_way_through_json() -> None:
    for workflow in (SAME_IN_PYTHON, Catalog([]).get("receivables-ageing").workflow):
        again = Workflow.model_validate_json(workflow.model_dump_json())
        assert again == workflow
        assert definition_hash(again) == definition_hash(workflow)


def test_any_change_of_a_definition_changes_its_hash() -> None:
    seen = {definition_hash(SAME_IN_PYTHON)}
    for old, new in [("10.50", "10.51"), ("2d", "3d"), ("[:2]", "[:3]"), ("title: Small", "title: Big")]:
        seen.add(definition_hash(load_workflow(SMALL.replace(old, new), source="w.yaml")))
    assert len(seen) == 5


def test_the_order_of_keys_and_the_way_of_writing_do_not_change_the_hash() -> None:
    data, _ = read_yaml(SMALL, "w.yaml")
    turned = yaml.safe_dump(json.loads(json.dumps(data, default=str)), sort_keys=True)
    assert definition_hash(load_workflow(turned, source="w.yaml")) == definition_hash(SAME_IN_PYTHON)


def test_a_workflow_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        SAME_IN_PYTHON.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "length"),
    [("30m", timedelta(minutes=30)), ("72h", timedelta(days=3)), ("2d", timedelta(days=2)), ("90s", timedelta(0, 90))],
)
def test_durations_are_written_the_way_people_say_them(text: str, length: timedelta) -> None:
    found = ApprovalDefinition.model_validate({"title": "T", "call": "a.b", "expires_after": text})
    assert found.expires_after == length
    assert ApprovalDefinition.model_validate(found.model_dump(mode="json")) == found


def test_a_float_from_python_is_refused_because_it_holds_no_money() -> None:
    with pytest.raises(ValidationError, match="does not hold decimals exactly"):
        CallStep(id="a", call="erp.x", with_={"nested": [{"amount": 0.1}]})


# What YAML's text can get wrong: each with the place a person has to look at.
BAD_TEXT: list[tuple[str, str, str]] = [
    ("a:\n\tb: 1\n", "2:1", "A tab is used to indent this line"),
    ("a: 1\n  \tb: 2\n", "2:3", "A tab is used to indent this line"),
    ("a:\n    b: 1\n  c: 2\n", "3:3", "not indented like the lines it belongs with"),
    ("steps:\n  - id: x\n - id: y\n", "3:2", "not indented like the lines it belongs with"),
    ("a:\n  - id: x\n    call: y\n      z: 1\n", "4:8", "indented too far"),
    ("a: hello: world\n", "1:9", "A second `: ` in one line"),
    ("a: {b: ${{ inputs.x }}}\n", "1:8", "A reference without quotes stands inside { }"),
    ("a: [1, ${{ inputs.x }}]\n", "1:8", "A reference without quotes stands inside { }"),
    ("a: {{ inputs.x }}\n", "1:4", "`{{ }}` is not a reference"),
    ("a: {{ x }} and {{ y }}\n", "1:4", "`{{ }}` is not a reference"),
    ("a: [{{ x }}]\n", "1:5", "`{{ }}` is not a reference"),
    ('b: 1\na: "hello\nc: 2\n', "2:4", "A quote is opened here and never closed"),
    ("a: {b: 1\nc: 2\n", "1:4", "A bracket is opened here and not closed"),
    ("a: [1, 2\n", "1:4", "A bracket is opened here and not closed"),
    (" a: 1\nb: 2\n", "2:1", "This line does not belong to what stands above it"),
    ("a: *x\n", "1:4", "an anchor that does not exist"),
    ("a: @x\n", "1:4", "A text cannot begin with this character"),
    ("a: &x 1\nb: &x 2\n", "2:4", "This anchor is defined twice"),
    ("a: !foo x\n", "1:4", "The tag `!foo` is not used"),
    ("a: !!python/object:os.system x\n", "1:4", "is not used in workflows"),
    ("a: !!int x\n", "1:4", "is not of the type its tag says"),
    ("a: 1\n---\nb: 2\n", "2:1", "A second document begins here"),
    ("a: 1\nb\nc: 2\n", "2:1", "neither a key with a value nor a list item"),
    ("ab: \x07\n", "1:5", "A control character (U+0007)"),
    ("a: - b\n", "1:4", "cannot begin in the same line as its key"),
    ('a: "\\q"\n', "1:6", "A backslash in double quotes"),
    ("a: | x\n b\n", "1:6", "the text begins on the next line"),
    ('a: "x" y\n', "1:8", "more text after the value has ended"),
    ("a: 1\nb: 2\na: 3\n", "3:1", "`a` is written twice, first in line 1"),
    ("x: {a: 1, a: 2}\n", "1:11", "`a` is written twice, first in line 1"),
    ("1: x\n", "1:1", "The key `1` is not a text"),
    ("true: x\n", "1:1", "The key `true` is not a text"),
    ("? [a]\n: b\n", "1:3", "A key has to be a text"),
    ("t: {en: What, and why}\n", "1:15", "`and why` has no value. Inside { } a comma ends a value"),
    ("", "1:1", "The file is empty"),
    ("- a\n", "1:1", "A workflow is a mapping of keys to values"),
    ("a: " + "[" * 60 + "]" * 60, "1:42", "nested more than 40 levels deep"),
    ("a: &a [*a]\n", "1:4", "A value contains itself"),
    ("a: " + "x" * 300_000, "1:1", "characters; a workflow has at most"),
]


@pytest.mark.parametrize(("text", "place", "said"), BAD_TEXT, ids=[said[:40] for _, _, said in BAD_TEXT])
def test_broken_yaml_is_explained_in_words_with_line_and_column(text: str, place: str, said: str) -> None:
    found = problems(text)
    assert found[0].startswith(f"w.yaml:{place}: ")
    assert said in found[0]


def test_an_alias_bomb_is_refused_quickly() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert "holds more than 20,000 values, repeated ones counted" in problems("\n".join(lines))[0]


# What the form can get wrong: text of SMALL to replace, its replacement, and the problem.
BAD_FORM: list[tuple[str, str, str]] = [
    ("kontora/v1", "kontora/v2", "1:13: `apiVersion` cannot be `kontora/v2`; it has to be 'kontora/v1'."),
    ("name: small", "name: Small One", "2:7: `Small One` cannot be the name of a workflow."),
    ("title: Small", "titel: Small", "3:1: A workflow has no key `titel`. Did you mean `title`?"),
    ("title: Small", "title: 5", "3:8: `title` has to be a text, or one text per language."),
    ("title: Small", "title: {de: Klein}", "3:9: `title` cannot have the key `de`; keys are 'en' or 'ru'."),
    ("title: Small", "title: S\non: push", "4:1: A workflow has no key `on`. A workflow that runs by itself has"),
    ("interface: receivables", "kind: a, interface: b", "4:14: A role names either an interface or a kind."),
    ("type: date", "type: datum", "5:24: `inputs.as_of.type` cannot be `datum`; it has to be 'string',"),
    ("{instructions: Write.}", "{tools: []}", "6:18: `agents.writer` lacks `instructions`."),
    ("Write.}", "W, tools: [erp]}", "6:44: `erp` is not the name of a tool. Write role.tool"),
    ("Write.}", "W, limits: {turn: 3}}", "6:45: `agents.writer.limits` has no key `turn`. Did you mean `turns`?"),
    (
        "Write.}",
        "W, derivations: [sums]}",
        "6:50: `agents.writer.derivations[0]` cannot be `sums`; it has to be 'sum',",
    ),
    ("id: ageing", "id: Ageing", "8:9: `Ageing` cannot be a name here."),
    ("    call: erp.rec", "    cal: erp.rec", "9:5: There is no kind of step `cal`. Did you mean `call`?"),
    ("    call: erp.rec", "    upload: erp.rec", "9:5: There is no kind of step `upload`. There is: call, agent,"),
    ("    with: {as_of", "    wit: {as_of", "10:5: `steps[0]` has no key `wit`. Did you mean `with`?"),
    ("    with: {as_of", "    with_: {as_of", "10:5: `steps[0]` has no key `with_`. Did you mean `with`?"),
    ("    as: debtor", "    as: debtor\n    call: a.b", "11:5: This step is of two kinds: call and for_each."),
    ("${{ steps.ageing.worsened[:2] }}", "worsened", "12:15: `steps[1].for_each` is `worsened`, not a reference."),
    ("{id: draft, agent: writer,", "{id: draft,", "16:9: This step does not say what it does"),
    ("agent: writer, with: {debtor", "agent: writer, with: [debtor", "16:42: A bracket is opened here"),
    ("expires_after: 2d", "expires_after: soon", "22:26: `soon` is not a duration: write 30m, 72h or 2d."),
    ("expires_after: 2d", "expire_after: 2d", "22:11: `steps[1].steps[1].approval` has no key `expire_after`."),
]


@pytest.mark.parametrize(("old", "new", "said"), BAD_FORM, ids=[new for _, new, _ in BAD_FORM])
def test_a_wrong_form_is_explained_in_words_with_line_and_column(old: str, new: str, said: str) -> None:
    assert old in SMALL
    found = problems(SMALL.replace(old, new, 1))
    assert len(found) == 1
    assert found[0].startswith(f"w.yaml:{said}")


def test_problems_of_a_report_speak_of_the_kind_of_section_that_was_meant() -> None:
    report = """\
  - id: report
    report:
      title: R
      sections:
        - figures: [{label: A, value: total, type: number}]
        - tabel: {title: T}
        - table: {title: T, rows: "${{ a.b }}", columns: [{field: a, titel: b}]}
        - figures: [{label: A, value: "${{ a.b }}"}]
"""
    found = [text.partition(": ")[2] for text in problems(SMALL + report)]
    assert [text.partition(". ")[0].partition(", ")[0] for text in found] == [
        "`steps[2].report.sections[0].figures[0].value` is `total`",
        "`steps[2].report.sections[1]` is no section of a report",
        "`steps[2].report.sections[2].table.columns[0]` has no key `titel`",
        "`steps[2].report.sections[3].figures[0].type` is not valid: an amount needs `currency` beside `figures`",
    ]


def test_everything_wrong_is_said_at_once_in_the_order_of_the_file() -> None:
    text = SMALL.replace("title: Small", "titel: Small").replace("cal", "kal").replace("2d", "never")
    lines = [int(problem.split(":")[1]) for problem in problems(text)]
    assert lines == sorted(lines)
    assert len(lines) >= 4


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("False", "False"),
        ("yes", "yes"),
        ("on", "on"),
        ("null", None),
        ("~", None),
        ("12", 12),
        ("-3", -3),
        ("012", "012"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("1e3", "1e3"),
        (".inf", ".inf"),
        ("2026-11-01", "2026-11-01"),
        ("2026-11-01 10:00:00", "2026-11-01 10:00:00"),
        ("<<", "<<"),
    ],
)
def test_scalars_hold_no_surprise(written: str, value: Any) -> None:
    data, _ = read_yaml(f"x: {written}\n", "w.yaml")
    assert data["x"] == value
    assert type(data["x"]) is type(value)


def test_a_number_with_a_point_keeps_every_figure() -> None:
    data, _ = read_yaml("x: 0.10\n", "w.yaml")
    assert str(data["x"]) == "0.10"


keys = st.text(alphabet="abcdefgh", min_size=1, max_size=4).filter(lambda key: key not in ("null", "true", "false"))
plain = st.integers(-999, 999) | st.booleans() | st.none() | st.text(alphabet="xyzабв{}[]:#'\" ", max_size=8)
trees = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=12
)


@quick
@given(st.dictionaries(keys, trees, min_size=1, max_size=4), st.booleans())
def test_data_is_read_as_it_was_written_and_every_place_is_where_it_says(tree: dict[str, Any], flow: bool) -> None:
    text = yaml.safe_dump(tree, allow_unicode=True, default_flow_style=flow, width=10_000)
    data, positions = read_yaml(text, "w.yaml")
    assert data == tree
    lines = text.splitlines()
    for path, place in positions.keys.items():
        assert lines[place.line - 1][place.column - 1 :].lstrip("'\"").startswith(str(path[-1]))


@quick
@given(st.integers(0, SMALL.count("\n")), st.integers(0, 6))
def test_a_line_that_is_no_yaml_is_found_where_it_stands(line: int, indent: int) -> None:
    lines = SMALL.splitlines()
    lines.insert(line, "\t" * (indent + 1) + "x: y")
    assert problems("\n".join(lines) + "\n")[0].startswith(f"w.yaml:{line + 1}:1: A tab is used")


@quick
@given(st.text(max_size=60))
def test_no_text_at_all_makes_the_reader_fall_over(text: str) -> None:
    assert all(problem.line and problem.column and problem.message for problem in problems_or_none(text))


@quick
@given(st.integers(0, len(SMALL) - 1), st.sampled_from(list("{}[]:#&*!|>'\"%@`\t\n -x")))
def test_no_slip_of_a_finger_makes_the_reader_fall_over(position: int, character: str) -> None:
    text = SMALL[:position] + character + SMALL[position:]
    assert all(problem.line and problem.column and problem.message for problem in problems_or_none(text))


def test_a_file_that_is_no_text_is_refused_with_the_place(tmp_path: Path) -> None:
    file = tmp_path / "w.yaml"
    file.write_bytes("name: x\ntitle: Старение".encode("cp1251"))
    with pytest.raises(WorkflowInvalid, match=r"w\.yaml:2:8: This byte is not UTF-8\. Save the file as UTF-8\."):
        load_file(file)
    with pytest.raises(WorkflowInvalid, match="cannot be read: No such file"):
        load_file(tmp_path / "missing.yaml")


def test_the_shipped_schema_is_fresh_and_takes_what_the_reader_takes() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), "run `python -m kontora_workflows.schema`"
    schema = json.loads(schema_text())
    Draft202012Validator.check_schema(schema)
    check = Draft202012Validator(schema)
    for path in SHIPPED.glob("*/workflow.yaml"):
        assert [error.message for error in check.iter_errors(yaml.safe_load(path.read_text(encoding="utf-8")))] == []
    assert check.is_valid(yaml.safe_load(SMALL))
    for old, new, _ in BAD_FORM:
        text = SMALL.replace(old, new, 1)
        if "\non:" not in text and "[debtor" not in text:
            assert not check.is_valid(yaml.safe_load(text)), new


def test_the_catalogue_knows_shipped_and_own_workflows(tmp_path: Path) -> None:
    (tmp_path / "flat.yaml").write_text(SMALL.replace("name: small", "name: flat"), encoding="utf-8")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "workflow.yaml").write_text(SMALL.replace("name: small", "name: deep"), encoding="utf-8")
    (tmp_path / "deep" / "rehearsal-false.yaml").write_text("x: 1\n", encoding="utf-8")
    (tmp_path / "deep" / "rehearsal.yaml").write_text("x: 1\n", encoding="utf-8")
    catalog = Catalog([tmp_path, tmp_path / "missing"])
    assert catalog.names() == ["customer-question", "deep", "dunning-letters", "flat", "receivables-ageing"]
    assert catalog.get("flat").workflow.name == "flat"
    assert [path.name for path in catalog.rehearsals("deep")] == ["rehearsal-false.yaml", "rehearsal.yaml"]
    assert catalog.broken() == []
    with pytest.raises(UnknownWorkflow, match=r"There is no workflow 'flatt'\. Did you mean 'flat'\?"):
        catalog.get("flatt")


def test_a_broken_file_is_listed_and_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(SMALL, encoding="utf-8")
    (tmp_path / "bad.yaml").write_text(SMALL.replace("steps:", "stebs:"), encoding="utf-8")
    (tmp_path / "same.yaml").write_text(SMALL, encoding="utf-8")
    catalog = Catalog([tmp_path])
    assert "small" in catalog.names()
    broken = {found.path.name: str(found.problems[0]) for found in catalog.broken()}
    assert set(broken) == {"bad.yaml", "same.yaml"}
    assert "same.yaml:2:7:" in broken["same.yaml"]
    assert "good.yaml has the name `small` already" in broken["same.yaml"]
    with pytest.raises(WorkflowInvalid, match="Did you mean `steps`"):
        catalog.get("bad")


def test_an_own_workflow_takes_the_place_of_the_shipped_one_even_when_it_is_broken(tmp_path: Path) -> None:
    own = tmp_path / "receivables-ageing.yaml"
    own.write_text(SMALL.replace("name: small", "name: receivables-ageing"), encoding="utf-8")
    catalog = Catalog([tmp_path])
    assert catalog.get("receivables-ageing").workflow.title == "Small"
    own.write_text("name: receivables-ageing\n", encoding="utf-8")
    with pytest.raises(WorkflowInvalid, match="lacks `steps`"):
        catalog.get("receivables-ageing")
    own.unlink()
    assert catalog.path("receivables-ageing").is_relative_to(SHIPPED)
