"""A team talks through AutoGen, and nothing of it goes on when it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from kontora_agents.autogen_runner import AutogenRunner
from kontora_agents.definition import AgentDefinition
from kontora_agents.ollama_model import OllamaModel
from kontora_agents.rehearsal.script import Script
from kontora_agents.rehearsal.server import Rehearsal, RehearsalServer
from kontora_agents.seams import Seams, ToolSpec, TurnLeft
from kontora_agents.speaker import Speakers
from kontora_agents.task import render_task
from kontora_agents.team import Member, Said, Team, TeamOutcome

from tests.memory_seams import MemorySeams, cancelled_in_a_call

TASK = render_task({"language": "en"})
TOOLS = [ToolSpec(name="erp_stock", description="Stock", parameters={"type": "object", "properties": {}})]
LOOK_UP = {"calls": [{"tool": "erp_stock"}, {"tool": "erp_stock", "arguments": {"product": "B"}}]}
SCRIPT = {
    "looker": [LOOK_UP, {"say": "{{ results | length }} results"}, LOOK_UP, {"say": "Again."}],
    "listener": [{"say": "I heard: {{ heard[-1].text }}"}, {"say": "DONE"}],
}


@pytest.fixture(scope="module")
def server() -> Iterator[RehearsalServer]:
    script = Script.model_validate({"workflow": "stock", "agents": SCRIPT})
    with Rehearsal({script.key: script}).serve() as running:
        yield running


def stock(product: str = "A") -> dict[str, str]:
    return {"product": product, "stock": "12.50"}


def member(name: str, seams: Seams, model: OllamaModel, **definition: Any) -> Member:
    agent = AgentDefinition.model_validate({"instructions": "Work. Not too much.", **definition})
    return Member(name, agent, TOOLS if name == "looker" else [], seams, model, f"rehearsal/stock/{name}")


async def work(url: str, looker: MemorySeams, listener: MemorySeams) -> TeamOutcome:
    async with OllamaModel(url, pause=0.01) as model:
        members = [member("looker", looker, model), member("listener", listener, model)]
        team = Team("round_robin", members, speeches=9, says="DONE")
        return await AutogenRunner().run_team(team, TASK, lambda: [TASK, *looker.journal.evidence()])


def run(server: RehearsalServer, looker: MemorySeams, listener: MemorySeams) -> TeamOutcome:
    async def and_leave_nothing() -> TeamOutcome:
        try:
            return await work(server.url, looker, listener)
        finally:
            assert asyncio.all_tasks() == {asyncio.current_task()}, "a task was left running"

    return asyncio.run(and_leave_nothing())


def test_members_hear_each_other_by_name(server: RehearsalServer) -> None:
    looker, listener = MemorySeams({"erp_stock": stock}), MemorySeams({})
    outcome = run(server, looker, listener)
    assert [one.text for one in outcome.transcript] == ["2 results", "I heard: 2 results", "Again.", "DONE"]
    assert (outcome.text, outcome.agent, outcome.turns) == ("Again.", "looker", 6)
    heard = [message.content for message in listener.journal.asked[1][0].messages if message.role == "user"]
    assert heard == [TASK, "looker said:\n\n2 results", "looker said:\n\nAgain."]


@pytest.mark.parametrize("leave_at", [(0, 0), (0, 1), (2, 0)])
def test_a_team_left_in_the_middle_of_a_turn_goes_on_where_it_was(
    server: RehearsalServer, leave_at: tuple[int, int]
) -> None:
    straight = MemorySeams({"erp_stock": stock})
    expected = run(server, straight, MemorySeams({}))
    looker, listener = MemorySeams({"erp_stock": stock}, None, leave_at), MemorySeams({})
    with pytest.raises(TurnLeft):
        run(server, looker, listener)
    again = MemorySeams({"erp_stock": stock}, looker.journal)
    assert run(server, again, MemorySeams({}, listener.journal)) == expected
    assert looker.made + again.made == straight.made, "no call is made twice, none is left out"


def test_cancelling_waits_for_the_call_under_way_and_asks_nothing_more(server: RehearsalServer) -> None:
    looker = cancelled_in_a_call({"erp_stock": stock}, lambda door: work(server.url, door, MemorySeams({})))
    assert looker.made == [(0, 0, "erp_stock")]
    assert looker.sent == [0]


def test_nothing_of_a_conversation_is_printed_or_logged(
    server: RehearsalServer, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    run(server, MemorySeams({"erp_stock": stock}), MemorySeams({}))
    with pytest.raises(TurnLeft):
        run(server, MemorySeams({"erp_stock": stock}, None, (0, 0)), MemorySeams({}))
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")
    assert not [record for record in caplog.records if record.name.startswith("autogen")]


@pytest.mark.parametrize(
    ("answer", "name", "named"),
    [
        ("b", "b", True),
        ("**B**, because", "b", True),
        ("a", "b", False),  # who has just spoken
        ("b or c", "b", False),
        ("the boss", "b", False),
        ("", "b", False),
        ("c_2", "b", False),
        ("a asked for c", "c", True),
    ],
)
def test_one_name_is_a_choice_and_anything_else_is_the_next_in_order(answer: str, name: str, named: bool) -> None:
    members = [Member(one, AgentDefinition(instructions="Work."), [], MemorySeams({}), None, "") for one in "abc"]  # type: ignore[arg-type]
    speakers = Speakers(members, TASK)
    assert speakers.choose("a") == ("a", True)
    speakers.question("m", [Said(who="a", text="Hello")])
    assert speakers.choose(answer) == (name, named)
