"""The form of a team: each mistake is named where it stands, with what was probably meant."""

from __future__ import annotations

import pytest
from kontora_workflows.definitions.problems import WorkflowInvalid
from kontora_workflows.loader import load
from kontora_workflows.validation import validate

GOOD = """\
apiVersion: kontora/v1
name: good
title: Good
roles: {erp: {interface: receivables}}
agents:
  writer: {instructions: Write.}
  checker: {instructions: Check., tools: [erp.open_invoices]}
  person: {instructions: Be one.}
steps:
  - id: letter
    team:
      pattern: round_robin
      agents: [writer, checker]
      ends: {says: DONE, by: checker}
      answer_of: writer
    with: {language: en}
  - id: report
    report:
      title: R
      sections: [{prose: {title: P, step: letter}}]
  - id: again
    when: ${{ steps.letter.transcript[0].who }}
    team:
      pattern: selector
      agents: [writer, checker]
      ends: {speeches: 3}
      model: small
      limits: {turns: 9}
    with: {before: "${{ steps.letter.text }}"}
  - id: asked
    team: {pattern: swarm, agents: [writer, checker], person: {}}
"""


def problems(text: str) -> list[str]:
    try:
        found = validate(load(text, source="w.yaml"))
    except WorkflowInvalid as error:
        found = error.problems
    return [str(problem).removeprefix("w.yaml:") for problem in found]


def test_a_good_team_has_no_problem() -> None:
    assert problems(GOOD) == []


# Text of GOOD to replace, its replacement (`§` stands where the problem has to point), and what is said.
MISTAKES: list[tuple[str, str, str]] = [
    (
        "agents: [writer, checker]\n      ends: {speeches",
        "agents: [writer, §cheker]\n      ends: {speeches",
        "Did you mean `chec",
    ),
    ("[writer, checker]\n      ends: {says", "[writer, checker, §writer]\n      ends: {says", "in this team twice"),
    ("by: checker", "by: §cheker", "`cheker` is not in this team. Did you mean `checker`?"),
    ("answer_of: writer", "answer_of: §person", "`person` is not in this team. Agents of this team: writer, checker."),
    ("{says: DONE, by: checker}", "{by: §checker, speeches: 2}", "`by` needs `says`"),
    ("      ends: {speeches: 3}\n", "", "This team does not say how it ends. Write `ends: {says: DONE}`"),
    ("model: small", "person: §{}", "Only in a swarm a person can be handed over to"),
    ("answer_of: writer", "model: §small", "Only in a team with a selector a model picks who speaks"),
    ("person: {}", "ends: {says: §DONE}", "A swarm has no last word. Remove it: a swarm ends when"),
    ("[writer, checker], person", "[writer, §person], person", "`person` is the person of this team, not an agent"),
    (
        "pattern: swarm",
        "pattern: §swam",
        "pattern` cannot be `swam`; it has to be 'round_robin', 'selector' or 'swarm'",
    ),
    ("answer_of: writer", "§anser_of: writer", "no key `anser_of`. Did you mean `answer_of`?"),
    ("speeches: 3", "speeches: §0", "speeches` is 0; it has to be at least 1"),
    ("letter.transcript[0].who", "letter.transcript[0].whom", "has no `whom`"),
    ("step: letter", "step: §leter", "Did you mean `letter`?"),
]


@pytest.mark.parametrize(("old", "new", "said"), MISTAKES)
def test_each_mistake_is_the_one_problem_that_is_named(old: str, new: str, said: str) -> None:
    assert GOOD.count(old) == 1, old
    text = GOOD.replace(old, new)
    before = text.partition("§")[0] if "§" in text else ""
    (problem,) = problems(text.replace("§", ""))
    assert said in problem
    if before:
        place = f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}:"
        assert problem.startswith(place)
