"""Limits end an agent's or a team's step with what was reached, at the same place in every replay."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from kontora_agents.autogen_runner import AutogenRunner
from kontora_agents.seams import ModelAnswer, ModelRequest
from kontora_workflows.engine.engine import Engine
from kontora_workflows.engine.ports import ChosenModel
from kontora_workflows.engine.replay import replay
from kontora_workflows.ledger.chain import Entry
from kontora_workflows.ledger.entries import Entries
from kontora_workflows.ledger.run import Run

from tests.office import Office, OneDoor, Rehearsed, office
from tests.test_engine import AGENT, CLERK, HEAD
from tests.test_teams import PAIR, PAIR_SCRIPT

ALONE = (
    HEAD
    + """
agents:
  clerk: {instructions: You keep notes., tools: [book.people, book.slow_list, book.list_notes], limits: LIMITS}
steps:
  - {id: work, agent: clerk, with: {language: en}}
"""
)


def alone(limits: str) -> str:
    return ALONE.replace("LIMITS", limits)


def playing(*turns: dict[str, Any]) -> dict[str, Any]:
    return {"workflow": "notes", "agents": {"clerk": list(turns)}}


PEOPLE = {"calls": [{"tool": "book_people"}]}
SLOW = {"calls": [{"tool": "book_slow_list"}, {"tool": "book_people"}]}
DONE = {"say": "Done."}


def ended(here: Office, run: Run, step: str = "work") -> dict[str, Any]:
    """The result of a run's step, after a look whether a replay comes to the same."""
    assert run.state == "succeeded", run.error
    (again,) = replay(here.ledger, OneDoor(here.notebook), AutogenRunner(), run.id)
    assert again.same, (again.at, again.why)
    result: dict[str, Any] = here.result(run)[step]
    return result


def limit_of(here: Office, run: Run) -> list[str]:
    return [e.data["limit"] for e in here.ledger.entries.of_run(run.id) if e.kind == "limit.reached"]


def test_tokens_end_the_step_before_what_nobody_would_read(ledger_url: str) -> None:
    with office(ledger_url, playing(PEOPLE, DONE)) as here:
        run = here.work_until_rest(here.start(alone("{tokens: 20}")))
        result = ended(here, run)
        assert (result["ended"], result["turns"], result["text"]) == ("limit", 1, "")
        assert limit_of(here, run) == ["tokens"]
        assert here.notebook.asked == [], "the call of the answer that spent the tokens is not made"


@pytest.mark.parametrize(
    ("limits", "limit", "turns", "asked"),
    [("{turns: 2}", "turns", 2, ["people"]), ("{tool_calls: 2}", "tool_calls", 2, ["people"])],
)
def test_turns_and_calls_of_a_single_agent_end_the_step_by_name(
    ledger_url: str, limits: str, limit: str, turns: int, asked: list[str]
) -> None:
    with office(ledger_url, playing(PEOPLE, SLOW, DONE)) as here:
        run = here.work_until_rest(here.start(alone(limits)))
        result = ended(here, run)
        assert (result["ended"], result["turns"], limit_of(here, run)) == ("limit", turns, [limit])
        assert here.notebook.asked == asked
        (entry,) = [e for e in here.ledger.entries.of_run(run.id) if e.kind == "limit.reached"]
        assert entry.key == f"work/clerk/t{turns}", "where nothing was asked any more"


class WithoutLimits(Entries):
    """The entries of a Kontora that did not yet record which limit of turns or calls ended the work."""

    def of_run(self, *args: Any, **options: Any) -> list[Entry]:
        return [entry for entry in super().of_run(*args, **options) if entry.kind != "limit.reached"]


def test_a_run_that_was_recorded_without_its_limit_replays_to_the_same(ledger_url: str) -> None:
    with office(ledger_url, playing(PEOPLE, SLOW, DONE)) as here:
        run = here.work_until_rest(here.start(alone("{turns: 2}")))
        here.ledger.entries = WithoutLimits(here.ledger.database)
        assert limit_of(here, run) == []
        assert ended(here, run)["turns"] == 2
    with office(ledger_url, PAIR_SCRIPT) as here:
        run = here.work_until_rest(here.start(PAIR.replace("by: checker", "by: checker, speeches: 3")))
        here.ledger.entries = WithoutLimits(here.ledger.database)
        assert ended(here, run, "letter")["ended"] == "limit"


def test_a_slow_system_uses_the_time_up(ledger_url: str) -> None:
    with office(ledger_url, playing(SLOW, DONE)) as here:
        here.notebook.slow.clear()

        def let_go() -> None:
            while "slow_list" not in here.notebook.asked:
                time.sleep(0.01)
            time.sleep(0.6)
            here.notebook.slow.set()

        helper = threading.Thread(target=let_go)
        helper.start()
        run = here.work_until_rest(here.start(alone("{seconds: 0.5}")))
        helper.join()
        result = ended(here, run)
        assert (result["ended"], result["turns"]) == ("limit", 1)
        assert limit_of(here, run) == ["seconds"]
        assert here.notebook.asked == ["slow_list"]


def test_waiting_for_a_person_takes_no_time(ledger_url: str) -> None:
    with office(ledger_url, CLERK) as here:
        text = AGENT.replace(
            "instructions: You keep notes.", "instructions: You keep notes.\n    limits: {seconds: 1.5}"
        )
        run = here.work_until_rest(here.start(text))
        for _ in range(2):
            time.sleep(0.9)
            (approval,), _ = here.ledger.approvals.page(state="pending")
            here.ledger.approvals.decide(approval.id, "approved", by="boss")
            run = here.work_until_rest(run)
        assert ended(here, run)["ended"] == "answered"


class Sleepy:
    """A model that thinks about it for ever."""

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        await asyncio.sleep(60)
        raise AssertionError("it was not broken off")

    async def aclose(self) -> None:
        return


class Drowsy(Rehearsed):
    """Every model is asleep."""

    def again(self, name: str, server: str) -> ChosenModel:
        return ChosenModel(Sleepy(), name, server, True)


def test_a_model_is_broken_off_when_the_time_is_up(ledger_url: str) -> None:
    with office(ledger_url) as here:
        engine = Engine(here.ledger, OneDoor(here.notebook), Drowsy(""), here.hole, AutogenRunner(), "one", 5000)
        here.engines.append(engine)
        run = here.start(alone("{seconds: 0.3}"))
        engine.work(run.id)
        result = ended(here, here.ledger.runs.get(run.id))
        assert (result["ended"], result["turns"], result["text"]) == ("limit", 0, "")
        assert limit_of(here, run) == ["seconds"]


def of_team(limits: str) -> str:
    return PAIR.replace("pattern: round_robin", f"pattern: round_robin\n      limits: {limits}")


@pytest.mark.parametrize(
    ("limits", "limit", "said", "asked"),
    [
        ("{turns: 3}", "turns", ["writer", "checker"], ["people"]),
        ("{tool_calls: 0}", "tool_calls", [], []),
        ("{tokens: 1}", "tokens", [], []),
    ],
)
def test_a_team_ends_with_what_was_said_so_far(
    ledger_url: str, limits: str, limit: str, said: list[str], asked: list[str]
) -> None:
    with office(ledger_url, PAIR_SCRIPT) as here:
        run = here.work_until_rest(here.start(of_team(limits)))
        assert here.notebook.asked == asked
        result = ended(here, run, "letter")
        assert result["ended"] == "limit"
        assert [one["who"] for one in result["transcript"]] == said
        assert limit_of(here, run) == [limit]


def test_the_limits_of_a_member_end_the_team(ledger_url: str) -> None:
    with office(ledger_url, PAIR_SCRIPT) as here:
        text = PAIR.replace("You check it.}", "You check it., limits: {turns: 1}}")
        run = here.work_until_rest(here.start(text))
        result = ended(here, run, "letter")
        assert (result["ended"], result["text"]) == ("limit", "Dear Anna, dear Борис")
        assert limit_of(here, run) == ["turns"]


def test_speeches_that_run_out_before_the_word_is_said_are_a_limit(ledger_url: str) -> None:
    ends: list[tuple[Callable[[str], str], str]] = [
        (lambda text: text.replace("by: checker", "by: checker, speeches: 3"), "limit"),
        (lambda text: text.replace("says: APPROVED, by: checker", "speeches: 3"), "answered"),
    ]
    with office(ledger_url, PAIR_SCRIPT) as here:
        for change, how in ends:
            run = here.work_until_rest(here.start(change(PAIR)))
            result = ended(here, run, "letter")
            assert (result["ended"], result["text"]) == (how, "Dear Anna, dear Борис")
            assert limit_of(here, run) == (["speeches"] if how == "limit" else [])
