"""An agent talks through AutoGen, and everything it does goes through the seams, in order, once."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from kontora_agents.autogen_runner import AutogenRunner
from kontora_agents.definition import AgentDefinition
from kontora_agents.errors import ModelUnavailable, RehearsalMismatch
from kontora_agents.ollama_model import OllamaModel
from kontora_agents.rehearsal.script import Script
from kontora_agents.rehearsal.server import Rehearsal, RehearsalServer
from kontora_agents.runner import AgentOutcome
from kontora_agents.seams import ModelAnswer, ModelRequest, ToolAnswer, ToolCall, ToolSpec, TurnLeft
from kontora_agents.task import render_task

from tests.memory_seams import Journal, MemorySeams, cancelled_in_a_call

STOCK = {"A": "12.50", "B": "700.00", "C": "81.00"}
TASK = render_task({"products": list(STOCK), "language": "en"})
TOOLS = [ToolSpec(name="erp_stock", description="Stock of a product", parameters={"type": "object", "properties": {}})]
LOOK_UP = {"calls": [{"tool": "erp_stock", "for_each": "task.products", "arguments": {"product": "{{ item }}"}}]}
LOOK_AGAIN = {"calls": [{"tool": "erp_stock", "arguments": {"product": "A"}}]}
REPORT = {"say": "{% for r in given_by('erp_stock') %}{{ r.data.product }}: {{ r.data.stock }}\n{% endfor %}"}
OBEY = {"calls": [{"tool": "erp_delete_all", "offered": False}]}
WRONG = {"say": "We hold 999.99 of A."}
TOTAL = {"say": "12.50 of A and 700.00 of B make 712.50."}
SCRIPT = {
    "looker": [LOOK_UP, LOOK_AGAIN, REPORT],
    "obedient": [OBEY, {"say": "Done."}],
    "corrigible": [LOOK_UP, WRONG, REPORT],
    "stubborn": [LOOK_UP, WRONG, WRONG],
    "adder": [LOOK_UP, TOTAL, TOTAL],
    "endless": [LOOK_UP] * 20,
    "speechless": [LOOK_UP],
    "searching": [
        *({"calls": [{"tool": "erp_stock", "arguments": {"product": f"{letter}{letter}"}}]} for letter in "PQRSTU"),
        {"say": "None of them is known."},
    ],
}


@pytest.fixture(scope="module")
def server() -> Iterator[RehearsalServer]:
    script = Script.model_validate({"workflow": "stock", "agents": SCRIPT})
    with Rehearsal({script.key: script}).serve() as running:
        yield running


def stock(product: str) -> dict[str, str]:
    return {"product": product, "stock": STOCK[product]}


def seams(journal: Journal | None = None, leave_at: tuple[int, int] | None = None) -> MemorySeams:
    return MemorySeams({"erp_stock": stock}, journal, leave_at)


async def work(url: str, name: str, door: MemorySeams, **definition: Any) -> AgentOutcome:
    agent = AgentDefinition.model_validate({"instructions": "Report the stock.", **definition})
    async with OllamaModel(url, pause=0.01) as model:
        return await AutogenRunner().run(
            agent, name, TASK, TOOLS, door, model, f"rehearsal/stock/{name}", lambda: [TASK, *door.journal.evidence()]
        )


def run(server: RehearsalServer, name: str, door: MemorySeams, **definition: Any) -> AgentOutcome:
    async def and_leave_nothing() -> AgentOutcome:
        try:
            return await work(server.url, name, door, **definition)
        finally:
            assert asyncio.all_tasks() == {asyncio.current_task()}, "a tool task was left running"

    return asyncio.run(and_leave_nothing())


def test_an_agent_looks_things_up_and_answers(server: RehearsalServer) -> None:
    outcome = run(server, "looker", seams())
    assert outcome.text == "A: 12.50\nB: 700.00\nC: 81.00\nA: 12.50"
    assert (outcome.turns, outcome.tool_calls, outcome.ended, outcome.ungrounded) == (3, 4, "answered", [])
    assert (outcome.rehearsal, outcome.model) == (True, "rehearsal/stock/looker")
    assert outcome.prompt_tokens > 0
    assert outcome.completion_tokens > 0


def test_calls_of_one_turn_are_made_one_at_a_time_in_message_order(server: RehearsalServer) -> None:
    door = seams()
    run(server, "looker", door)
    assert door.made == [(0, 0, "erp_stock"), (0, 1, "erp_stock"), (0, 2, "erp_stock"), (1, 0, "erp_stock")]
    assert [call.arguments["product"] for call, _ in door.journal.called.values()] == ["A", "B", "C", "A"]
    assert door.overlaps == 0


def test_parallel_calls_have_ids_of_their_own_and_results_find_them(server: RehearsalServer) -> None:
    door = seams()
    run(server, "looker", door)
    last = door.journal.asked[2][0].messages
    asked = [call.id for message in last for call in message.calls]
    answered = [message.call_id for message in last if message.role == "tool"]
    assert asked == answered == ["call_0_0", "call_0_1", "call_0_2", "call_1_0"]


def test_a_tool_that_was_not_offered_is_asked_for_at_the_seams(server: RehearsalServer) -> None:
    door = seams()
    run(server, "obedient", door)
    assert door.made == [(0, 0, "erp_delete_all")]
    request = door.journal.asked[1][0]
    assert request.messages[-1].content == "There is no tool erp_delete_all."
    assert [tool.name for tool in request.tools] == ["erp_stock"], "it is not offered afterwards either"


@pytest.mark.parametrize("leave_at", [(0, 0), (0, 1), (0, 2), (1, 0)])
def test_a_run_left_in_the_middle_of_a_turn_goes_on_where_it_was(
    server: RehearsalServer, leave_at: tuple[int, int]
) -> None:
    straight = seams()
    expected = run(server, "looker", straight)
    first = seams(leave_at=leave_at)
    with pytest.raises(TurnLeft):
        run(server, "looker", first)
    second = seams(first.journal)
    assert run(server, "looker", second) == expected
    assert first.made + second.made == straight.made, "no call is made twice, none is left out"
    assert first.sent + second.sent == straight.sent
    assert second.journal.asked == straight.journal.asked


def test_the_error_of_a_model_keeps_its_type(server: RehearsalServer) -> None:
    with pytest.raises(RehearsalMismatch, match="the script ends after 1"):
        run(server, "speechless", seams())
    with pytest.raises(ModelUnavailable):
        asyncio.run(work("http://127.0.0.1:9", "looker", seams()))


class Broken(MemorySeams):
    """Seams that break their promise not to raise."""

    async def call(self, turn: int, position: int, call: ToolCall) -> ToolAnswer:
        raise OSError("disk full")


def test_seams_that_raise_do_not_hang_the_agent(server: RehearsalServer) -> None:
    with pytest.raises(OSError, match="disk full"):
        run(server, "looker", Broken({}))


class Unlucky(MemorySeams):
    """Seams whose journal cannot be written."""

    async def ask(self, turn: int, request: ModelRequest, send: Any) -> ModelAnswer:
        raise PermissionError("lease lost")


def test_what_the_journal_raises_comes_through_as_it_is(server: RehearsalServer) -> None:
    with pytest.raises(PermissionError, match="lease lost"):
        run(server, "looker", Unlucky({}))


@pytest.mark.parametrize(
    ("limits", "turns", "calls"),
    [({"turns": 1}, 1, 0), ({"turns": 3}, 3, 6), ({"tool_calls": 7}, 3, 6), ({"tool_calls": 0, "turns": 2}, 1, 0)],
)
def test_a_limit_ends_the_work_before_calls_that_nobody_would_read(
    server: RehearsalServer, limits: dict[str, int], turns: int, calls: int
) -> None:
    door = seams()
    outcome = run(server, "endless", door, limits=limits)
    assert (outcome.ended, outcome.turns, outcome.tool_calls) == ("limit", turns, calls)
    assert len(door.made) == calls
    assert door.limits == [(turns, next(iter(limits)))]


class Strict(MemorySeams):
    """A system that knows none of what it is asked for."""

    async def call(self, turn: int, position: int, call: ToolCall) -> ToolAnswer:
        self.made.append((turn, position, call.name))
        return ToolAnswer(content=f"Invalid: there is no product {call.arguments['product']}.", is_error=True)


def test_what_a_system_refuses_is_no_correction_and_ends_at_a_limit(server: RehearsalServer) -> None:
    outcome = run(server, "searching", Strict({}))
    assert (outcome.ended, outcome.text, outcome.turns) == ("answered", "None of them is known.", 7)
    door = Strict({})
    outcome = run(server, "searching", door, limits={"turns": 4})
    assert (outcome.ended, len(door.made), door.limits) == ("limit", 3, [(4, "turns")])


def test_a_false_figure_is_asked_about_once_and_can_be_corrected(server: RehearsalServer) -> None:
    door = seams()
    outcome = run(server, "corrigible", door)
    assert (outcome.ungrounded, outcome.turns) == ([], 3)
    assert outcome.text.startswith("A: 12.50")
    assert "999.99" in door.journal.asked[2][0].messages[-1].content


def test_a_false_figure_that_stays_is_flagged(server: RehearsalServer) -> None:
    outcome = run(server, "stubborn", seams())
    assert [found.text for found in outcome.ungrounded] == ["999.99"]
    assert outcome.text[outcome.ungrounded[0].start : outcome.ungrounded[0].end] == "999.99"
    assert outcome.turns == 3


def test_without_a_turn_to_spare_a_false_figure_is_flagged_at_once(server: RehearsalServer) -> None:
    outcome = run(server, "stubborn", seams(), limits={"turns": 2})
    assert [found.text for found in outcome.ungrounded] == ["999.99"]
    assert (outcome.turns, outcome.ended) == (2, "answered")


def test_grounding_can_be_switched_off(server: RehearsalServer) -> None:
    outcome = run(server, "stubborn", seams(), grounding="off")
    assert (outcome.ungrounded, outcome.turns) == ([], 2)


@pytest.mark.parametrize(
    ("declared", "untraced"),
    [
        ({}, []),
        ({"derivations": ["sum"]}, []),
        ({"derivations": ["count", "share"]}, ["712.50"]),
        ({"derivations": []}, ["712.50"]),
    ],
)
def test_a_sum_may_be_said_where_the_definition_lets_figures_be_added_up(
    server: RehearsalServer, declared: dict[str, Any], untraced: list[str]
) -> None:
    outcome = run(server, "adder", seams(), **declared)
    assert [found.text for found in outcome.ungrounded] == untraced
    assert outcome.turns == (3 if untraced else 2)


def test_cancelling_waits_for_the_call_under_way_and_makes_no_further_one(server: RehearsalServer) -> None:
    door = cancelled_in_a_call({"erp_stock": stock}, lambda door: work(server.url, "looker", door))
    assert door.made == [(0, 0, "erp_stock")]


def test_nothing_of_a_conversation_is_printed_or_logged(
    server: RehearsalServer, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    run(server, "looker", seams())
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")
    assert not [record for record in caplog.records if record.name.startswith("autogen")]
    assert "700.00" not in caplog.text


def test_neither_autogen_nor_ollama_is_loaded_before_it_is_needed() -> None:
    program = """
import sys, kontora_agents, kontora_agents.autogen_runner, kontora_agents.ollama_model, kontora_agents.model_server
import kontora_agents.runner, kontora_agents.rehearsal.server
print([name for name in sys.modules if name.partition("_")[0] == "autogen" or name == "ollama"])
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
