"""What is wrong in a named scenario, said again with the names, values and language of another world."""

from __future__ import annotations

import re
from typing import Any

from kontora_agents.rehearsal.misbehaving.scenario import Reply

from bench.models.worlds import ORDERS, World

#: What models say around their calls and in place of them, in Russian.
_RUSSIAN = {
    "Sure!": "Конечно!",
    "Sure, I will do that.": "Конечно, сделаю.",
    "I will create the order now.": "Сейчас внесу запись.",
    "I will create it now.": "Сейчас внесу.",
    "For example, one could call it like this:": "Например, это можно вызвать так:",
    "Shall I?": "Вызвать?",
    "I'm sorry, but as an AI language model I cannot create orders in your system.": (
        "Извините, как языковая модель я не могу вносить записи в вашу систему."
    ),
    "Let me create the order for you now using the create_order tool.": (
        "Сейчас я внесу запись с помощью инструмента create_order."
    ),
    "The order was created; its total is 9,999.99.": "Запись внесена; сумма 9 999,99.",
    "The total might be 9999.99?": "Может быть, 9999,99?",
    "and so on ": "и так далее ",
    "I need to use the tool.": "Нужно воспользоваться инструментом.",
    "I should not create the order yet, so do not run this:": "Пока не стоит вносить запись, не выполняйте это:",
    "The order for customer C-1042 over 1250.50 EUR was created, due on 2026-12-01.": (
        "Запись для C-1042 внесена: 1250.50, срок 2026-12-01."
    ),
    "The order for customer C-1042 over 1250.50 EUR was created.": "Запись для C-1042 внесена: 1250.50.",
    "I have created the order over 1250.50 EUR as requested.": "Я внёс запись на 1250.50, как вы просили.",
    "The order for C-1042 will be created shortly.": "Запись для C-1042 скоро будет внесена.",
    "I found the customer. Would you like me to create the order?": "Всё найдено. Хотите, чтобы я внёс запись?",
    "Which currency should the order have?": "Какое количество указать?",
    "Unfortunately, I am unable to create the order.": "К сожалению, я не могу создать запись.",
    "The order over 1250.50 EUR is on its way.": "Запись на 1250.50 уже в пути.",
    "The record says:": "В записи сказано:",
    "about a thousand": "около тысячи",
    "next week": "на следующей неделе",
}
#: Words that are near those of the lists, and not in them.
_SPOKEN = {
    **{"EUR": "Euro", "USD": "Dollar", "RUB": "Ruble", "bank": "transfer", "card": "credit card", "cash": "in cash"},
    **{"MAIN": "Main warehouse", "NORTH": "Northern", "SOUTH": "Southern"},
}
_CLAIM = re.compile(r"The order (SO-[\d-]+) was created; its total is 1250\.50 EUR\.")

#: Fields of a call that are about its form.
_WIRE = ("ids", "id", "index", "as_text")


def translate(reply: Reply, world: World) -> Reply:
    """The same reply in another world."""
    said, dumped = _Translator(world).said, reply.model_dump(by_alias=True)
    parts = {name: said(dumped[name]) for name in ("text", "thinking")}
    calls = [{name: said(call[name]) if name not in _WIRE else call[name] for name in call} for call in dumped["calls"]]
    return Reply.model_validate({**dumped, **parts, "calls": calls})


def translate_text(text: str, world: World) -> str:
    """A text in another world."""
    return str(_Translator(world).said(text))


class _Translator:
    """Knows every name and value of the named scenarios in another world."""

    def __init__(self, world: World) -> None:
        self._world, self._words = world, _words(world)
        longest_first = sorted(self._words, key=len, reverse=True)
        self._token = re.compile("|".join(rf"(?<![\w.-]){re.escape(word)}(?![\w-])" for word in longest_first))

    def said(self, value: Any) -> Any:
        """A value of a reply, whatever it is."""
        if isinstance(value, dict):
            return {self.said(name): self.said(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self.said(one) for one in value]
        if isinstance(value, str):
            return self._token.sub(lambda found: self._words[found.group()], _phrased(value, self._world))
        return _figure(value, self._world) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _phrased(text: str, world: World) -> str:
    """Claims about what was written, and sentences in the language of the world."""
    kind = world.kind
    text = _CLAIM.sub(
        lambda found: kind.reports[world.language].format_map(
            {kind.made: found[1].replace("SO-", kind.prefix), kind.total: world.number, kind.word: world.word}
        ),
        text,
    )
    if world.language == "ru":
        for english, russian in _RUSSIAN.items():
            text = text.replace(english, russian)
    return text


def _words(world: World) -> dict[str, str]:
    """Every name and value of the named scenarios, and what it is in another world."""
    named, kind = ORDERS.kind, world.kind
    grouped = f"{world.number:,}"
    dotted = f"{int(world.number):,}".replace(",", ".") if world.number >= 1000 else "1.250"
    unit = world.word if kind is named else "pcs" if kind.whole else "EUR"
    names = {getattr(named, name): getattr(kind, name) for name in ("read", "write", *_NAMES)}
    return {
        **names,
        **{_camel(getattr(named, name)): _camel(getattr(kind, name)) for name in _NAMES if "_" in getattr(named, name)},
        "C-1042": world.id,
        "1250.50": str(world.number),
        "1250.5": format(world.number.normalize(), "f"),
        "1 250,50": grouped.replace(",", " ").replace(".", ","),
        "1,250.50": grouped,
        "1.250": dotted,
        "1250.50 EUR": f"{world.number} {unit}",
        "-1250.50": f"-{world.number}",
        "EUR": world.word,
        "CHF": "CHF" if kind is named else "XK-4711",  # where nobody names a currency, an id that nobody names
        "eur": world.word.swapcase(),
        "Euro": _SPOKEN[world.word],
        "2026-12-01": world.day.isoformat(),
        "01.12.2026": f"{world.day:%d.%m.%Y}",
        "01/12/2026": f"{world.day:%d/%m/%Y}",
    }


_NAMES = ("id", "number", "word", "day", "note")


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _figure(value: float, world: World) -> int | float:
    if value == 1042:
        return int(re.sub(r"\D", "", world.id))
    number = int(world.number) if world.kind.whole else float(world.number)
    return {1250.5: number, -1250.5: -number}.get(value, value)
