"""An answer of an agent that should have written something and has not: does it read as if it had?

A tool says when something is written. Where none has said so, words of the model prove nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection

#: Longer texts are letters and reports, and end with whatever question they like.
_BRIEF = 300
#: In a text of at most so many characters, whatever was done is meant to be the work.
_SHORT = 120
#: An echo of fewer characters may be an answer.
_ECHO = 40
_DONE = (
    r"(?:created|booked|entered|posted|registered|recorded|added|placed|submitted|processed|moved|sent|updated|saved"
    r"|completed|made|issued|filed|transferred|scheduled|generated|confirmed|marked|set up|executed|carried out"
    r"|finali[sz]ed)"
)
_HOW = r"(?:(?:now|just|already|also|successfully|duly)\s+){0,2}"
_WORK = r"\b(?:everything|all|it|this|that|request|task|transaction|entry|record|operation|call|tool)\b"
_SPEAKS = re.compile(rf"\b(?:I|we)(?:['’]ve|\s+have)?\s+{_HOW}{_DONE}\b|\bsuccess(?:ful(?:ly)?)?\b", re.IGNORECASE)
_MADE = re.compile(rf"\b{_DONE}\b", re.IGNORECASE)
_MODAL = re.compile(
    rf"\b(?:must|should|could|can|may|might|would|needs? to|has to|have to|ought to) (?:\w+ )?be {_DONE}\b",
    re.IGNORECASE,
)
_RUSSIAN = re.compile(
    r"\b(?:создан|оформлен|провед[её]н|внес[её]н|зарегистрирован|записан|добавлен|размещ[её]н|перемещ[её]н|выполнен"
    r"|отправлен|сохран[её]н|обновл[её]н|заверш[её]н|учт[её]н|оприходован|проведен)[аоы]?\b"
    r"|\b(?:я|мы)\s+(?:уже\s+|успешно\s+|только что\s+)*(?:созда|оформи|вн[её]с|пров[её]|зарегистрирова|записа|добави"
    r"|размести|перемести|выполни|отправи|сохрани)\w*\b|\bуспешно\b",
    re.IGNORECASE,
)
_BASE = (
    r"(?:creat|book|enter|post|regist|record|add|plac|submit|process|mov|send|sent|updat|sav|complet|mak|mad|issu|fil"
    r"|transfer|schedul|generat|confirm|execut|writ|done|do\b)"
)
#: Who says so plainly is believed.
_NOTHING = re.compile(
    r"\b(?:nothing|no \w+) (?:was|were|has been|have been|had to be|needed to be|is)\b|\bничего не\b"
    rf"|\b(?:(?:was|were|is|are|been|did|has|have|could|can|do|does) ?(?:not|n['’]t)|cannot|unable to|failed to|never)"
    rf"\W+(?:\w+\W+){{0,2}}?(?:{_BASE}|necessary|needed|required|possible)"
    r"|\bне (?:был[аио]? )?(?:созда|оформ|пров|вн[её]с|запис|зарег|удалось|могу|выполн|отправ|добав|перемещ|размещ)",
    re.IGNORECASE,
)
_ASSENTS = re.compile(
    r"\W*(?:(?:ok|okay|sure|certainly|of course|understood|got it|will do|all right|alright|yes|(?:all )?done|ready"
    r"|finished|completed?|хорошо|конечно|понял|понятно|принято|ладно|да|готово|сделано|выполнено|ок)\b\W*){1,3}",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?…])\s+|\n+")


def reads_as_done(text: str, writing: Collection[str]) -> bool:
    """Whether a text says, or lets believe, that something was written. `writing` are the names of tools that write.

    Who says plainly that nothing was is believed.
    """
    if _NOTHING.search(text):
        return False
    if _ASSENTS.fullmatch(text) or _SPEAKS.search(text) or _RUSSIAN.search(text):
        return True
    if len(text) <= _SHORT and _MADE.search(_MODAL.sub("", text)):
        return True
    about = _about(writing)
    return any(_MADE.search(one) and about.search(one) for one in _SENTENCE.split(_MODAL.sub("", text)))


def is_a_record(text: str, told: str) -> bool:
    """Whether a text is a JSON object, and nobody asked for one: a record that was never written looks like that."""
    body = text.strip().removeprefix("```json").strip("`").strip()
    if not (body.startswith("{") and body.endswith("}")) or "json" in told.casefold():
        return False
    try:
        return isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False


def waits_for_a_person(text: str, asked: str) -> bool:
    """Whether a text is a question, or what was asked said once more: nobody is there to answer."""
    text = text.strip()
    return (len(text) <= _BRIEF and text.endswith("?")) or (len(text) >= _ECHO and text in asked)


def _about(writing: Collection[str]) -> re.Pattern[str]:
    """What a sentence about the work of these tools names: a word of one of their names, or the work as such."""
    words = {word[: max(4, len(word) - 2)] for name in writing for word in name.casefold().split("_") if len(word) > 3}
    stems = "|".join(map(re.escape, sorted(words)))
    return re.compile(rf"{_WORK}|\b(?:{stems})" if stems else _WORK, re.IGNORECASE)
