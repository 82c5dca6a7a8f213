"""Checking a workflow before it runs: each mistake is named where it stands, with what was probably meant."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from kontora_connectors import Tool
from kontora_workflows.catalog import Catalog
from kontora_workflows.definition import CallStep, Role, Workflow
from kontora_workflows.definitions.tools import ToolCatalog
from kontora_workflows.loader import load
from kontora_workflows.validation import validate

GOOD = """\
apiVersion: kontora/v1
name: good
title: Good
roles: {erp: {interface: receivables}, crm: {interface: customers}}
inputs: {as_of: {type: date, default: today}, top: {type: integer, default: 5}, who: {type: string, default: ""}}
agents:
  analyst: {instructions: Look., tools: [erp.payments, crm.create_activity]}
schedules: [{cron: 0 2 * * 1-5, timezone: Europe/Moscow, inputs: {top: 3}}]
steps:
  - id: ageing
    call: erp.receivables_ageing
    with: {as_of: "${{ inputs.as_of }}", top: "${{ inputs.top }}", min_amount: 10.50}
  - id: explain
    agent: analyst
    with: {total: "${{ steps.ageing.total }}"}
  - id: report
    report:
      title: R
      sections:
        - currency: ${{ steps.ageing.company.currency }}
          figures: [{label: Total, value: "${{ steps.ageing.total }}"}]
        - chart: {title: C, rows: "${{ steps.ageing.buckets }}", label: name, value: amount}
        - table: {title: T, rows: "${{ steps.ageing.largest }}", columns: [{field: name, title: N}]}
        - prose: {title: P, step: explain}
  - id: each
    for_each: ${{ steps.ageing.worsened[:5] }}
    as: debtor
    key: ${{ debtor.party_id }}
    steps:
      - id: account
        call: crm.find_accounts
        with: {erp_party_id: "${{ debtor.party_id }}", limit: 1}
      - id: draft
        when: ${{ steps.account.items }}
        agent: analyst
      - id: task
        when: ${{ steps.account.items }}
        approval:
          title: "${{ debtor.name }}"
          call: crm.create_activity
          with:
            account_id: "${{ steps.account.items[0].id }}"
            kind: task
            subject: S
            body: "${{ steps.draft.text }}"
outputs: {total: "${{ steps.ageing.total }}", done: "${{ steps.each.succeeded }}"}
"""


TOTAL = 'total: "${{ steps.ageing.total }}"'


def problems(text: str) -> list[str]:
    return [str(problem).removeprefix("w.yaml:") for problem in validate(load(text, source="w.yaml"))]


def test_the_shipped_workflows_have_no_problem() -> None:
    catalog = Catalog([])
    assert catalog.names()
    for name in catalog.names():
        assert validate(catalog.get(name)) == []


def test_a_good_workflow_has_no_problem() -> None:
    assert problems(GOOD) == []


# Text of GOOD to replace, its replacement (`§` stands where the problem has to point), and what is said.
MISTAKES: dict[str, list[tuple[str, str, str]]] = {
    "roles and tools": [
        ("receivables}", "§receivable}", "There is no interface `receivable`. Did you mean `receivables`?"),
        ("interface: receivables", "kind: §odoo2", "No connector of kind 'odoo2' is installed."),
        ("call: erp.rec", "call: §epr.rec", "There is no role `epr`. Did you mean `erp.receivables_ageing`?"),
        ("call: erp.rec", "call: §x_y.rec", "There is no role `x_y`. Roles of this workflow: erp, crm."),
        (
            "erp.receivables_ageing",
            "§erp.receivable_aging",
            "`erp` has no tool `receivable_aging`. Did you mean `erp.rec",
        ),
        ("erp.payments", "§erp.paymnts", "`erp` has no tool `paymnts`. Did you mean `erp.payments`?"),
        (
            "agent: analyst\n    with",
            "agent: §analist\n    with",
            "There is no agent `analist`. Did you mean `analyst`?",
        ),
    ],
    "arguments": [
        (', top: "', ', §tpo: "', "`erp.receivables_ageing` takes no `tpo`. Did you mean `top`?"),
        ('with: {as_of: "${{ inputs.as_of }}", ', "§with: {", "`erp.receivables_ageing` needs `as_of`."),
        ("10.50", "§lots", "`min_amount` has to be a decimal, not `lots`."),
        ("10.50", "§-1", "`min_amount` is -1; it has to be at least 0."),
        ("10.50", "§[1]", "`min_amount` has to be a decimal."),
        ('"${{ inputs.as_of }}"', "§2026-02-30", "`as_of` has to be a date, not `2026-02-30`."),
        (
            '"${{ inputs.as_of }}"',
            '§"${{ inputs.top }}"',
            "`as_of` of `erp.receivables_ageing` has to be a date, not a number.",
        ),
        ("limit: 1}", "limit: §1000}", "`limit` is 1000; it can be at most 100."),
        (
            "kind: task",
            "kind: §letter",
            "`kind` cannot be `letter`; it has to be 'task', 'call', 'meeting', 'email' or 'note'.",
        ),
        (
            '"${{ debtor.party_id }}"',
            '§"${{ debtor }}"',
            "`erp_party_id` of `crm.find_accounts` has to be a text, not an object.",
        ),
        (
            'id: "${{ steps.account.items[0].id',
            'id: §"${{ steps.account.items[:1]',
            "`account_id` of `crm.create_activity` has to be a text, not a list.",
        ),
    ],
    "references": [
        ('"${{ inputs.as_of', '§"${{ inputs.asof', "There is no input `asof`. Did you mean `as_of`?"),
        (TOTAL, 'total: §"${{ steps.ageing.totl }}"', "`steps.ageing` has no `totl`. Did you mean `total`?"),
        (TOTAL, 'total: §"${{ steps.aging.total }}"', "There is no step `aging`. Did you mean `ageing`?"),
        (
            TOTAL,
            'total: §"${{ steps.report.figures }}"',
            "The step `report` has not run yet here. Refer to steps above",
        ),
        (TOTAL, 'total: §"${{ steps.explain.text }}"', "The step `explain` has not run yet here."),
        (TOTAL, 'total: §"${{ debtor.name }}"', "There is no `debtor` here. There is: inputs, steps, run."),
        (TOTAL, 'total: §"${{ steps.ageing.total + 1 }}"', "`steps.ageing.total + 1` is not a reference"),
        (TOTAL, 'total: {x: [1, §"of ${{ inputs.al }}"]}', "There is no input `al`."),
        (
            '"${{ steps.each.succeeded',
            '§"${{ steps.draft.text',
            "The step `draft` runs for each item of `each` and cannot be seen here.",
        ),
        (
            '"${{ steps.each.succeeded',
            '§"${{ steps.each.items[0].stat',
            "`steps.each.items[0]` has no `stat`. Did you mean `state`?",
        ),
        ('"${{ steps.each.succeeded', '§"${{ run.started', "`run` has no `started`. Did you mean `started_on`?"),
        ('"${{ steps.draft.text', '§"${{ steps.draft.txt', "`steps.draft` has no `txt`. Did you mean `text`?"),
        ('"${{ steps.draft.text', '§"${{ steps.task.result', "The step `task` has not run yet here."),
        (
            '"${{ steps.account.items[0].id',
            '§"${{ steps.account.items.id',
            "`steps.account.items` is a list and has no fields, so no `id`. Take one item first: `steps.account.",
        ),
        (
            '"${{ steps.account.items[0].id',
            '§"${{ steps.account.items[0].idd',
            "`steps.account.items[0]` has no `idd`. Did you mean `id`?",
        ),
        (
            '"${{ debtor.name }}"',
            '§"{{ debtor.name }}"',
            "`{{ }}` is not a reference. Write it with a dollar: ${{ inputs.name }}.",
        ),
        (
            "${{ steps.account.items }}\n        agent",
            "§${{ steps.account.items }}${{ inputs.top }}\n        agent",
            "`when` has to be one reference and nothing else.",
        ),
        ("Look.", "§'Look at ${{ inputs.who }}.'", "Instructions are fixed: references are not filled in."),
    ],
    "steps and loops": [
        ("id: task", "id: §account", "There are two steps `account`. Give each step its own id."),
        ("id: task", "id: §explain", "There are two steps `explain`. Give each step its own id."),
        ("${{ steps.ageing.worsened[:5]", "§${{ steps.ageing.total", "`for_each` needs a list, not a decimal."),
        ("key: ${{ debtor.party_id", "key: §${{ debtor.buckets", "`key` has to be a single value that names an item."),
    ],
    "reports": [
        ("title: R", "title: R\n      language: §fr", "There is no language `fr` for reports."),
        ("label: name", "label: §nam", "The rows have no field `nam`. Did you mean `name`?"),
        ("value: amount", "value: §name", "`name` is a text and cannot be shown as number."),
        ("field: name", "field: §nme", "The rows have no field `nme`. Did you mean `name`?"),
        (
            "field: name",
            "field: §buckets",
            "`buckets` is a list and cannot be shown as text. Take one value out of it.",
        ),
        (
            "field: name",
            "type: number, field: §name",
            "`name` is a text and cannot be shown as number. Give it another `type`.",
        ),
        ('"${{ steps.ageing.largest', '§"${{ steps.ageing.total', "`rows` has to be a list, not a decimal."),
        (
            'value: "${{ steps.ageing.total',
            'value: §"${{ steps.ageing.company',
            "`steps.ageing.company` is an object and cannot be shown as money.",
        ),
        (
            "step: explain",
            "step: §ageing",
            "`ageing` is not an agent step before this report. Agent steps before this one: explain.",
        ),
        ("step: explain", "step: §draft", "`draft` is not an agent step before this report."),
    ],
    "inputs": [
        ("default: today", "default: §someday", "`default` is 'someday'; a date is needed"),
        ("default: 5", "default: §five", "`default` is 'five'; a whole number is needed"),
        ('default: ""', "enum: [a, b], default: §c", "`default` is 'c'; it has to be one of a, b."),
        ("default: 5", "enum: [3, §x], default: 3", "`enum` is 'x'; a whole number is needed"),
    ],
    "schedules": [
        ("0 2 * * 1-5", "§0 25 * * *", "`0 25 * * *` is not a time: bad hour. Five fields: minute, hour,"),
        ("0 2 * * 1-5", "§0 2 * *", "`0 2 * *` has 4 fields. Five fields:"),
        ("0 2 * * 1-5", "§0 0 30 2 *", "`0 0 30 2 *` is not a time: bad day-of-month."),
        ("Europe/Moscow", "§Europe/Mosco", "There is no time zone `Europe/Mosco`. Did you mean `Europe/Moscow`?"),
        ("Europe/Moscow", "§Moscow", "There is no time zone `Moscow`. Did you mean `Europe/Moscow`?"),
        ("{top: 3}", "{§tpo: 3}", "The input `tpo` is not an input of good. Did you mean 'top'?"),
        ("{top: 3}", "{§top: 3.5}", "The input `top` is '3.5'; a whole number is needed"),
    ],
}


@pytest.mark.parametrize(
    ("old", "new", "said"), [case for cases in MISTAKES.values() for case in cases], ids=lambda text: text[:40]
)
def test_each_mistake_is_the_one_problem_that_is_named(old: str, new: str, said: str) -> None:
    assert old in GOOD
    marked = GOOD.replace(old, new, 1)
    before = marked[: marked.index("§")]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    found = problems(marked.replace("§", ""))
    assert len(found) == 1, found
    assert found[0].startswith(f"{line}:{column}: {said}")


@pytest.mark.parametrize("word", ["inputs", "steps", "run"])
def test_a_loop_variable_cannot_hide_what_references_begin_with(word: str) -> None:
    assert any(
        f"A loop variable cannot be called `{word}`" in said
        for said in problems(GOOD.replace("as: debtor", f"as: {word}"))
    )


def test_loops_inside_loops_keep_their_variables_apart() -> None:
    inner = """\
      - id: inner
        for_each: ${{ debtor.buckets }}
        as: debtor
        steps: [{id: deep, agent: analyst, with: {x: "${{ debtor.amount }}", y: "${{ steps.account.truncated }}"}}]
"""
    text = GOOD.replace("outputs:", inner + "outputs:")
    assert (
        problems(
            text.replace("as: debtor\n        steps", "as: bucket\n        steps").replace("debtor.am", "bucket.am")
        )
        == []
    )
    assert problems(text) == ["48:13: The loop around this one has a variable `debtor` already. Take another name."]


def test_a_step_that_may_be_skipped_can_be_asked_whether_it_was() -> None:
    assert problems(GOOD.replace("steps.draft.text", "steps.draft.skipped")) == [
        "45:19: `body` of `crm.create_activity` has to be a text, not true or false."
    ]
    assert problems(GOOD.replace("steps.draft.text }}", "steps.draft.skipped }}!")) == []


def test_a_workflow_made_in_python_is_checked_too_and_names_paths() -> None:
    workflow = Workflow(
        name="made",
        title="Made",
        roles={"erp": Role(interface="receivables")},
        steps=[CallStep(id="a", call="erp.get_party", with_={"party": "5"})],
    )
    assert [str(problem) for problem in validate(workflow)] == [
        "made: steps[0].with.party: `erp.get_party` takes no `party`. Did you mean `party_id`?",
        "made: steps[0].with: `erp.get_party` needs `party_id`. Add `party_id:` under `with`.",
    ]


def test_the_tools_may_be_those_of_the_systems_that_are_bound() -> None:
    class OnlyCompanies(ToolCatalog):
        def of(self, role: Role) -> Mapping[str, Tool]:
            return {name: tool for name, tool in super().of(role).items() if name != "receivables_ageing"}

    found = validate(load(GOOD, source="w.yaml"), tools=OnlyCompanies())
    assert [problem.message for problem in found] == ["`erp` has no tool `receivables_ageing`"]


def test_all_mistakes_are_named_at_once_in_the_order_of_the_file() -> None:
    text = GOOD
    for old, new in [
        ("default: 5", "default: x"),
        ("0 2 *", "0 2"),
        ("step: explain", "step: x"),
        ("as: debtor", "as: run"),
    ]:
        text = text.replace(old, new, 1)
    lines = [int(problem.partition(":")[0]) for problem in problems(text)]
    assert lines == sorted(lines)
    assert {5, 8, 24, 27} <= set(lines)
