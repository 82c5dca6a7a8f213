"""Short stories of runs that together pass every named place of the engine, the ledger and the sweeper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from kontora_workflows.definition import Workflow
from kontora_workflows.loader import load_workflow

_HEAD = """
apiVersion: kontora/v1
name: {name}
title: Story {name}
roles: {{erp: {{kind: fake-erp}}}}
inputs: {{reference: {{type: string}}}}
"""

ORDER = """
agents:
  clerk:
    instructions: You book what is asked for.
    tools: [erp.stock, erp.book_unique_reference]
    grounding: "off"
steps:
  - {id: stock, call: erp.stock, with: {reference: "${{ inputs.reference }}/stock"}}
  - id: book
    approval: {title: Book, call: erp.book_native_key, with: {reference: "${{ inputs.reference }}/book", text: ink}}
  - {id: agent, agent: clerk, with: {reference: "${{ inputs.reference }}/agent"}}
  - id: page
    report:
      title: What was booked
      sections: [{figures: [{label: On hand, value: "${{ steps.stock.on_hand }}", type: number}]}]
      formats: [html]
"""

_FAN = """
steps:
  - {id: stock, call: erp.stock, with: {reference: "${{ inputs.reference }}/stock"}}
  - id: each
    for_each: ${{ steps.stock.lines }}
    key: ${{ item }}
    steps:
      - id: book
        approval:
          title: Book
          call: erp.book_lookup
          with: {reference: "${{ inputs.reference }}/${{ item }}", text: ink}
"""

_PAUSED = """
steps:
  - {id: pause, wait: 1s}
  - {id: stock, call: erp.stock, with: {reference: "${{ inputs.reference }}/stock"}}
"""

_READ = """
steps: [{id: stock, call: erp.stock, with: {reference: "${{ inputs.reference }}/stock"}}]
"""

_ESCALATES = """
agents:
  clerk:
    instructions: You look up what is asked for.
    tools: [erp.stock]
    limits: {turns: 1}
    grounding: "off"
    escalation: {model: strong}
steps: [{id: agent, agent: clerk, with: {reference: "${{ inputs.reference }}/agent"}}]
"""


def _one(door: str) -> str:
    book = f'call: erp.book_{door}, with: {{reference: "${{{{ inputs.reference }}}}/book", text: ink}}'
    return f"steps: [{{id: book, approval: {{title: Book, {book}}}}}]\n"


#: What the people of a story do about a question.
Clerk = Literal["approves", "edits, then approves", "lets it expire", "cancels", "lets the deadline pass"]


@dataclass(frozen=True)
class Story:
    """A run from its start to its rest.

    `ends` are the states in which it may rest for good; `booked` are the records, by the end of their reference, that
    exist once if it succeeded. `faults` go wrong at the ERP.
    """

    name: str
    steps: str
    booked: tuple[str, ...] = ()
    ends: tuple[str, ...] = ("succeeded",)
    faults: tuple[dict[str, Any], ...] = ()
    clerk: Clerk = "approves"
    scheduled: bool = False

    def text(self) -> str:
        """Its file."""
        return _HEAD.format(name=self.name) + self.steps

    def workflow(self) -> Workflow:
        """Its definition."""
        return load_workflow(self.text(), source=f"{self.name}.yaml")


_LOST = {"do": "drop", "when": "after"}
_BUSY = {"do": "status", "status": 503}

STORIES = {
    story.name: story
    for story in (
        Story("order", ORDER, ("/book", "/agent")),
        Story("fan", _FAN, ("/a", "/b")),
        Story("timer", _PAUSED),
        # The agent's own model has no turn left, and a person lets a stronger one be asked.
        Story("escalates", _ESCALATES),
        Story("schedule", _READ, scheduled=True),
        # The write is made, and its answer is lost.
        Story("lost", _one("native_key"), ("/book",), faults=(_LOST,)),
        Story("lost-lookup", _one("lookup"), ("/book",), faults=(_LOST,)),
        Story("lost-none", _one("none"), ("/book",), faults=(_LOST,)),
        # It is not made, and the connection breaks.
        Story("gone-none", _one("none"), ("/book",), faults=({"do": "drop"},)),
        # The system says: not now.
        Story("busy", _one("lookup"), ("/book",), faults=(_BUSY,)),
        Story("busy-read", _READ, faults=({**_BUSY, "on": "read"},)),
        # It is made, and the system is busy when it is asked for what it made.
        Story("busy-lookup", _one("lookup"), ("/book",), faults=({**_BUSY, "on": "lookup", "times": 2},)),
        # A read that outlasts several heartbeats.
        Story("slow", _READ, faults=({"do": "slow", "on": "read", "seconds": 0.4},)),
        Story("expiry", _one("lookup"), clerk="lets it expire"),
        # A failure for good, after which a person lets the run go on.
        Story("refused", _READ, faults=({**_BUSY, "status": 400, "on": "read"},)),
        Story("edited", _one("lookup"), ("/book",), clerk="edits, then approves"),
        Story("cancel", _FAN, ends=("cancelled",), clerk="cancels"),
        Story("deadline", _FAN, ends=("timed_out",), clerk="lets the deadline pass"),
    )
}
