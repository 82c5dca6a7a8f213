"""What an answer without calls is: a final text, or something that has to be asked for again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from kontora_agents.reading.languages import Language, drifts
from kontora_agents.reading.shown_arguments import shows_arguments
from kontora_agents.reading.text_calls import shows_a_call
from kontora_agents.reading.values import NOTHING
from kontora_agents.seams import ModelAnswer, ToolSpec

#: Why an answer is not taken as it is.
Fault = Literal["cut", "endless", "unread", "empty", "thought", "shown", "narrated", "refused", "undone", "language"]

#: Longer answers are neither announcements nor refusals.
_SHORT, _BRIEF = 400, 160
_SENTENCE = re.compile(r"(?<=[.!?…:])\s+|\n+")
_DO = (
    r"call|use|using|invoke|run|execute|create|look|check|fetch|get|search|find|query|retrieve|list|update|add|book|post"
    r"|begin|start|proceed|do that|do this|do it|need to call|look up"
)
_ANNOUNCES = re.compile(
    rf"\b(?:I['’]ll|I will|let me|let's|(?:I am|I['’]m) going to|(?:now|next|first),? I (?:need|have) to)\b"
    rf"(?! know)(?:\W+\w+){{0,3}}?\W+(?:{_DO})\b"
    r"|\b(?:calling|invoking|executing|using) (?:the )?(?:tool|function|\w+_\w+)"
    r"|^(?:now )?(?:creating|calling|looking|checking|fetching|searching|retrieving|processing|working on)\b[^.]*\.*$"
    r"|^(?:one|just a) moment\b|\bplease wait\b|\bstand by\b|^(?:подождите|минутку|секунд\w+)\b"
    r"|^(?:создаю|оформляю|проверяю|ищу|запрашиваю|вызываю|выполняю)\b"
    r"|(?:^|\b)(?:сейчас|теперь|сначала|далее|затем|итак|хорошо|давайте|я|мне нужно)[\s,]+(?:\w+\s+){0,3}?"
    r"(?:созда[мюй]\w*|вызов\w+|вызыва\w+|проверю|проверим|найду|запрошу|запраш\w+|получу|посмотрю"
    r"|использ(?:ую|уем|овать)|выполн(?:ю|им|яю|ить)|обращусь|запущу|поищу|узнаю|добавлю|оформ(?:лю|им|ляю|ить)|сделаю|начну|приступ\w+|воспольз\w+|уточню)\b",
    re.IGNORECASE,
)
#: Nobody is there to say yes.
_ASKS_LEAVE = re.compile(
    r"\b(?:shall|should|may|can) I\b|\b(?:would you like|do you want) me to\b|\bхотите, чтобы я\b"
    r"|^(?:мне )?(?:создать|оформить|проверить|вызвать|продолжить)\b",
    re.IGNORECASE,
)
#: Whoever speaks of itself in this way does not speak of the work.
_SPEAKS_OF_ITSELF = re.compile(
    r"\bas an? (?:AI|artificial|language|large)\b"
    r"|\b(?:I'm|I’m|I am) (?:just |only )?an? (?:AI|language model|text-based)"
    r"|как (?:языковая модель|ии\b|ai\b|искусственный)"
    r"|\bя (?:всего лишь |только )?(?:языковая модель|ии\b|искусственный)",
    re.IGNORECASE,
)
_REFUSES = re.compile(
    r"\b(?:I|we) (?:do not|don't|don’t) have (?:direct |real-time |the ability|access|any access|permission)"
    r"|\b(?:can't|can’t|cannot|can not|unable to|not able to) (?:directly |actually |really )?"
    r"(?:help|assist|comply|fulfil|access|interact|perform|provide|process|create|execute|do (?:that|this))"
    r"|у меня нет (?:доступа|возможности)|не имею (?:доступа|возможности)"
    r"|не (?:могу|в состоянии|способен) (?:вам )?(?:помочь|выполнить|создать|предоставить|получить доступ|обработать)",
    re.IGNORECASE,
)
_APOLOGISES = re.compile(
    r"\W*(?:I['’]m sorry|I am sorry|sorry|I apologi[sz]e|извините|простите)\b[^:;\d]*$", re.IGNORECASE
)
#: What is said around a refusal and gives no reason for it.
_POLITE = re.compile(
    r"\b(?:sorry|apologi[sz]e|unfortunately|please|contact|let me know|if you)\b"
    r"|извин|простите|к сожалению|пожалуйста|обратитесь|сообщите",
    re.IGNORECASE,
)
_REASON = re.compile(r"\b(?:because|since|due to|as the|потому|так как|поскольку|из-за)\b", re.IGNORECASE)
_TAIL, _LONGEST_PERIOD, _TIMES = 160, 200, 6


def fault_of(
    answer: ModelAnswer,
    known: Mapping[str, ToolSpec],
    *,
    tried: bool,
    idle: bool,
    wanted: Language | None,
    given: str,
) -> Fault | None:
    """What is wrong with an answer that holds no call, or None for a final text.

    `known` are all tools of the agent, `tried` whether it has called one, `idle` whether it has called none of those
    that write, though it has some; `given` is all that it was told.
    """
    text = answer.text
    if not any(map(str.isalnum, text)) or text.strip() in NOTHING:
        return "thought" if answer.thinking.strip() else "empty"
    if is_endless(text):
        return "endless"
    if known and (shows_a_call(text, known) or shows_arguments(text, known, may=tried and "json" in given.casefold())):
        return "shown"
    if known and len(text) <= _SHORT:
        refuses = _REFUSES.search(text) and not _REASON.search(text)
        if (
            refuses and (not tried or _APOLOGISES.match(text) or (idle and _gives_no_reason(text)))
        ) or _SPEAKS_OF_ITSELF.search(text):
            return "refused"
        # Who has looked things up may well end with what it will do: only a short word is an announcement then.
        last = _last_sentence(text)
        if len(text) <= (_BRIEF if tried else _SHORT) and _ANNOUNCES.search(last):
            return "narrated"
        if (not tried or idle) and last.endswith("?") and _ASKS_LEAVE.search(last):
            return "narrated"
    return "language" if drifts(text, wanted, given) else None


def is_endless(text: str) -> bool:
    """Whether a text ends in the same words again and again."""
    if len(text) < _TAIL or text.count(text[-24:]) < _TIMES - 1:
        return False
    for period in range(1, min(_LONGEST_PERIOD, len(text) // _TIMES) + 1):
        length = max(_TAIL, period * _TIMES)
        if len(text) >= length and text[-length + period :] == text[-length:-period]:
            return any(map(str.isalnum, text[-period:])) or length >= len(text) // 2
    return False


def _gives_no_reason(text: str) -> bool:
    """Whether a refusal is nothing but that."""
    parts = [part for part in _SENTENCE.split(text) if part.strip()]
    return not any(mark in text for mark in ":;") and all(_REFUSES.search(one) or _POLITE.search(one) for one in parts)


def _last_sentence(text: str) -> str:
    return next((part for part in reversed(_SENTENCE.split(text.strip())) if part.strip()), "")
