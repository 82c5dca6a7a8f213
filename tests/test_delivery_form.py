"""A deliver step is checked before it runs: where it goes, what it hands over, whom it names."""

from __future__ import annotations

import pytest
from kontora_workflows.loader import WorkflowInvalid, load
from kontora_workflows.validation import validate

GOOD = """\
apiVersion: kontora/v1
name: good
title: Good
roles: {erp: {interface: receivables}, share: {kind: folder}, mail: {interface: delivery}}
inputs: {as_of: {type: date, default: today}, copy_to: {type: string, default: ""}, top: {type: integer, default: 3}}
steps:
  - id: ageing
    call: erp.receivables_ageing
    with: {as_of: "${{ inputs.as_of }}"}
  - id: report
    report:
      title: R
      sections:
        - currency: ${{ steps.ageing.company.currency }}
          figures: [{label: Total, value: "${{ steps.ageing.total }}"}]
  - id: keep
    deliver: {to: share, files: "${{ steps.report.artifacts }}", subject: S}
  - id: send
    when: ${{ steps.keep.receipt }}
    deliver:
      to: mail
      files: ${{ steps.report.artifacts[:1] }}
      subject: Total ${{ steps.ageing.total }}
      recipients: [boss@acme.example, "${{ inputs.copy_to }}"]
      body: It lies in ${{ steps.keep.receipt.where }} as ${{ steps.keep.receipt.files[0].name }}.
      expires_after: 12h
outputs: {mail: "${{ steps.send.decision }}"}
"""


def problems(text: str) -> list[str]:
    try:
        found = validate(load(text, source="w.yaml"))
    except WorkflowInvalid as invalid:
        found = invalid.problems
    return [str(problem).removeprefix("w.yaml:") for problem in found]


def test_a_good_deliver_step_has_no_problem() -> None:
    assert problems(GOOD) == []


# Text of GOOD to replace, its replacement (`§` stands where the problem has to point), and what is said.
MISTAKES: list[tuple[str, str, str]] = [
    ("to: mail", "to: §mial", "There is no role `mial`. Did you mean `mail`?"),
    ("to: mail", "to: §post", "There is no role `post`. Add it under `roles`: post: {interface: delivery}."),
    ("to: mail", "to: §erp", "The role `erp` does not deliver files. Give it a role of its own, with {interface: del"),
    (
        "${{ steps.report.artifacts[:1]",
        "§${{ steps.report.artifacts[0]",
        "`files` has to be the files that a report step wrote. Write ${{ steps.report.artifacts }}.",
    ),
    (
        "${{ steps.report.artifacts[:1]",
        "§${{ steps.ageing.largest",
        "`files` has to be the files that a report step wrote. Write ${{ steps.report.artifacts }}.",
    ),
    (
        "${{ steps.report.artifacts[:1]",
        "§${{ steps.report.artefacts",
        "`steps.report` has no `artefacts`. Did you mean",
    ),
    (
        "${{ steps.report.artifacts[:1]",
        "§${{ steps.reprot.artifacts",
        "There is no step `reprot`. Did you mean `report`",
    ),
    (
        "files: ${{ steps.report.artifacts[:1] }}",
        "files: §report.html",
        "`steps[3].deliver.files` is `report.html`, not",
    ),
    (
        "${{ steps.report.artifacts[:1] }}",
        "§${{ steps.report.artifacts }}${{ inputs.as_of }}",
        "`files` has to be the files that a report step wrote. Write ${{ steps.report.artifacts }}.",
    ),
    ("boss@acme.example", "§boss", "`boss` is not a mail address. Write name@acme.example."),
    ("boss@acme.example", '§"Boss <boss@acme.example>"', "`Boss <boss@acme.example>` is not a mail address."),
    ('"${{ inputs.copy_to }}"', '§"${{ inputs.top }}"', "`recipients` of `mail.deliver` has to be a text, not a num"),
    ('"${{ inputs.copy_to }}"', '§"${{ steps.ageing.largest }}"', "`recipients` of `mail.deliver` has to be a text, n"),
    ('"${{ inputs.copy_to }}"', '§"${{ inputs.copy }}"', "There is no input `copy`. Did you mean `copy_to`?"),
    ("[boss@acme.example,", "§boss@acme.example #", "`steps[3].deliver.recipients` has to be a list."),
    ("Total ${{ steps.ageing.total }}", '§"one\\ntwo"', "`subject` has to be one line of text."),
    (
        "Total ${{ steps.ageing.total",
        "§${{ steps.ageing.largest",
        "`subject` of `mail.deliver` has to be a text, not a",
    ),
    ("subject: Total", "§subjekt: Total", "`steps[3].deliver` has no key `subjekt`. Did you mean `subject`?"),
    ("expires_after: 12h", "expires_after: §tonight", "`tonight` is not a duration: write 30m, 72h or 2d."),
    ("steps.send.decision", "steps.send.answer", "`steps.send` has no `answer`."),
]


@pytest.mark.parametrize(("old", "new", "said"), MISTAKES, ids=[new for _, new, _ in MISTAKES])
def test_each_mistake_is_the_one_problem_that_is_named(old: str, new: str, said: str) -> None:
    assert old in GOOD
    marked = GOOD.replace(old, new, 1)
    if "§" not in marked:
        marked = marked.replace('"${{ steps.send', '§"${{ steps.send')
    before = marked[: marked.index("§")]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    found = problems(marked.replace("§", ""))
    assert len(found) == 1, found
    assert found[0].startswith(f"{line}:{column}: {said}")


def test_without_a_report_before_it_there_is_nothing_to_deliver() -> None:
    text = GOOD.replace("${{ steps.report.artifacts }}", "${{ steps.ageing.largest }}")
    head, _, rest = text.partition("  - id: report\n")
    tail = rest[rest.index("  - id: keep") : rest.index("  - id: send")]
    (said,) = problems(head + tail)
    assert "Put a report step before this one" in said


def test_a_kind_whose_package_is_missing_is_said_once() -> None:
    (said,) = problems(GOOD.replace("mail: {interface: delivery}", "mail: {kind: pigeon}"))
    assert "No connector of kind 'pigeon' is installed" in said
