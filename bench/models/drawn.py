"""Faults that no scenario names: values written otherwise or changed by chance, and the dress in which answers come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from kontora_agents.rehearsal.misbehaving.scenario import Expected, Reply, Scenario, WireCall

from bench.models.worlds import World

_MONTHS = "января февраля марта апреля мая июня июля августа сентября октября ноября декабря".split()  # noqa: SIM905
_FULL_WIDTH = str.maketrans("0123456789.,", "０１２３４５６７８９．，")
_LOOK_ALIKES = str.maketrans("CESOA0", "СЕЅОАО")
_THOUGHTS = (
    "<think>{}</think>\n",
    "<THINK>{}</THINK>",
    "[THINK]{}[/THINK]",
    "<reasoning>\n{}\n</reasoning>\n",
    "◁think▷{}◁/think▷",
    "{}</think>\n\n",
    "<|channel|>analysis<|message|>{}<|end|><|start|>assistant<|channel|>final<|message|>",
)
_ENDS = ("<|im_end|>", "<|eot_id|>\n", "</s>", "<end_of_turn>")
_FRAMINGS = ("comments", "crlf", "split", "garbage_after", "end_twice")


def drawn_fault(world: World, chance: Random) -> Scenario:
    """A value of the writing call in another form, or another value, in the words of a world."""
    kind = world.kind
    name, spell, change = chance.choice(
        (
            (kind.number, _numbers(world), _other_numbers(world)),
            (kind.day, _days(world.day), _other_days(world.day)),
            (kind.id, _ids(world.id), _other_ids(world.id)),
        )
    )
    wrong = chance.random() < 0.5
    value = chance.choice(change if wrong else spell)
    return Scenario(
        id=f"drawn_{'other' if wrong else 'spelled'}_{name}",
        title=f"{name} = {value!r}",
        kind="arguments",
        sources=["synthetic"],
        reply=Reply(calls=[WireCall.model_validate({"with": {name: value}})]),
        work=world.work,
        expect=Expected(always="error" if wrong else "either"),
    )


def dressed(reply: Reply, chance: Random) -> Reply:
    """The same answer in another framing, behind a thought, or with a token of the template at its end."""
    if reply.line or reply.status != 200:
        return reply
    changes: dict[str, Any] = {}
    if not reply.framing and not reply.one_piece and chance.randrange(3) == 0:
        changes["framing"] = chance.choice(_FRAMINGS)
    if reply.text and "think" not in reply.text.casefold() and reply.finish != "length":
        if chance.randrange(4) == 0:
            changes["text"] = chance.choice(_THOUGHTS).format("It might be 31415?") + reply.text
        elif chance.randrange(6) == 0:
            changes["text"] = reply.text + chance.choice(_ENDS)
    return reply.model_copy(update=changes)


def _numbers(world: World) -> list[Any]:
    number = world.number
    grouped = f"{number:,}"
    forms: list[Any] = [
        grouped,
        grouped.replace(",", "\u00a0").replace(".", ","),
        grouped.replace(",", "\u202f").replace(".", ","),
        grouped.replace(",", "'"),
        str(number).translate(_FULL_WIDTH),
        f"{number}000" if "." in str(number) else f"{number}.00",
        f"+{number}",
        f"0{number}",
        f"{number:e}",
        f"{number} .",
        [str(number)],
        {"value": str(number)},
    ]
    return [*forms, int(number) if number == int(number) else float(number)]


def _other_numbers(world: World) -> list[Any]:
    number, digits = world.number, list(str(world.number))
    step = Decimal(1) if world.kind.whole else Decimal("0.01")
    changed = [number + step, number - step, number * 10, number + 1000, -number, Decimal(0)]
    places = [at for at in range(len(digits) - 1) if digits[at] != digits[at + 1] and "." not in digits[at : at + 2]]
    for at in places:
        digits[at], digits[at + 1] = digits[at + 1], digits[at]
        changed.append(Decimal("".join(digits)))
        digits[at], digits[at + 1] = digits[at + 1], digits[at]
    return [str(one) for one in changed if one != number]


def _days(day: date) -> list[Any]:
    return [
        f"{day:%d.%m.%Y}",
        f"{day:%d/%m/%Y}",
        f"{day:%m/%d/%Y}",
        f"{day:%B} {day.day}, {day.year}",
        f"{day.day} {day:%b} {day.year}",
        f"{day.day} {_MONTHS[day.month - 1]} {day.year} г.",
        f"{day:%Y/%m/%d}",
        f"{day:%Y%m%d}",
        f"{day:%d.%m.%y}",
        f"{day}T00:00:00",
        f"{day}T12:30:00+03:00",
        f" {day} ",
        {"year": day.year, "month": day.month, "day": day.day},
    ]


def _other_days(day: date) -> list[Any]:
    days = [day + timedelta(days) for days in (-1, 1, 7, 30, 365)]
    if day.day <= 12 and day.day != day.month:
        days.append(day.replace(month=day.day, day=day.month))
    return [one.isoformat() for one in days]


def _ids(id_: str) -> list[Any]:
    return [f" {id_}", f"{id_}\n", f"#{id_}", f'"{id_}"', f"id: {id_}", [id_], id_.casefold()]


def _other_ids(id_: str) -> Sequence[Any]:
    digits = "".join(filter(str.isdigit, id_))
    neighbour: Callable[[int], str] = lambda by: id_.replace(digits, f"{int(digits) + by:0{len(digits)}}")  # noqa: E731
    return [neighbour(1), neighbour(-1), id_[:-1], id_ + id_[-1], id_.translate(_LOOK_ALIKES) + "О", id_[:-1] + "О"]
