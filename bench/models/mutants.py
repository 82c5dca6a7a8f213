"""Scenarios changed by chance: other tools, values and languages, faults at other places, two faults in a row, values
that no scenario names, other dress.

The same seed gives the same mutants of the same scenarios.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from kontora_agents.rehearsal.misbehaving.scenario import PERSISTENCE, Expected, Fault, Reply, Scenario
from kontora_agents.rehearsal.misbehaving.work import Stage

from bench.models.case import PROTOCOLS, Case
from bench.models.drawing import draw
from bench.models.drawn import drawn_fault, dressed
from bench.models.translation import translate, translate_text
from bench.models.worlds import World

#: One mutant in so many has a second fault.
_SECOND = 3
#: One in so many has a fault that no scenario names.
_DRAWN = 4
_STAGES: tuple[Stage, ...] = ("read", "write", "answer")


def mutants(named: Sequence[Scenario], count: int, seed: int) -> list[Case]:
    """So many cases that nobody has seen."""
    chance = Random(seed)
    return [_mutant(named, number, chance) for number in range(count)]


def _mutant(named: Sequence[Scenario], number: int, chance: Random) -> Case:
    world = draw(chance)
    first = _first(named, world, chance)
    if chance.randrange(_SECOND) == 0:
        first = _followed(first, chance.choice([one for one in named if _may_follow(one)]), world, chance)
    scenario = first.model_copy(update={"id": f"{number:03d}-{first.id}", "reply": dressed(first.reply, chance)})
    persistence, protocol, stream = chance.choice(list(PERSISTENCE)), chance.choice(PROTOCOLS), chance.random() < 0.5
    return Case(scenario, persistence, protocol, stream, f"m{number}", world)


def _first(named: Sequence[Scenario], world: World, chance: Random) -> Scenario:
    if chance.randrange(_DRAWN) == 0:
        return drawn_fault(world, chance)
    one = chance.choice(named)
    return one.model_copy(
        update={
            "stage": chance.choice(_places(one)),
            "work": world.work,
            "reply": translate(one.reply, world),
            "document": translate_text(one.document, world),
            "then": [fault.model_copy(update={"reply": translate(fault.reply, world)}) for fault in one.then],
        }
    )


def _places(scenario: Scenario) -> tuple[Stage, ...]:
    """Where else in the work the same fault means the same."""
    reply = scenario.reply
    if scenario.kind in ("control", "context") or "{right}" in f"{reply.text}{reply.thinking}":
        return (scenario.stage,)
    if scenario.kind in ("content", "transport"):
        return _STAGES[:2] if scenario.only_before else _STAGES
    return _STAGES[:2] if scenario.stage != "answer" and not _is_about_writing(reply) else (scenario.stage,)


def _is_about_writing(reply: Reply) -> bool:
    """Whether a call has arguments that only the writing tool has."""
    return any(call.with_ or call.without or call.renamed or call.before for call in reply.calls)


def _may_follow(scenario: Scenario) -> bool:
    return scenario.expect.once == "done" and scenario.tools and scenario.kind != "context"


def _followed(first: Scenario, second: Scenario, world: World, chance: Random) -> Scenario:
    """The same scenario with a further fault. Only one turn of each has to be got over."""
    return first.model_copy(
        update={
            "id": f"{first.id}+{second.id}",
            "then": [*first.then, Fault(stage=chance.choice(_places(second)), reply=translate(second.reply, world))],
            "expect": Expected(once=first.expect.once, twice="either", always="either"),
            "never": [*first.never, *second.never],
        }
    )
