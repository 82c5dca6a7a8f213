"""What a model is told when its answer is not taken: short, exact, and in the language of its task."""

from __future__ import annotations

from collections.abc import Sequence

from kontora_agents.reading.languages import Language
from kontora_agents.reading.verdicts import Fault

_CORRECTIONS: dict[Fault, tuple[str, str]] = {
    "cut": (
        "Your answer was cut off at its longest allowed length and was not used. Give it again from the beginning, "
        "shorter.",
        "Ваш ответ оборван на предельной длине и не использован. Дайте его заново с самого начала, короче.",
    ),
    "endless": (
        "Your answer repeated the same words without end and was not used. Answer once, briefly.",
        "Ваш ответ без конца повторял одни и те же слова и не использован. Ответьте один раз, кратко.",
    ),
    "unread": (
        "Your answer could not be read and was not used. Answer again, exactly in the form that you were given.",
        "Ваш ответ не удалось прочитать, он не использован. Ответьте ещё раз, точно в заданной форме.",
    ),
    "empty": (
        "You answered nothing. Call a tool if you need one; otherwise write your answer.",
        "Вы ничего не ответили. Если нужен инструмент, вызовите его; иначе напишите ответ.",
    ),
    "thought": (
        "You only thought and did not answer. Write the answer itself, or call a tool.",
        "Вы только рассуждали и не ответили. Напишите сам ответ или вызовите инструмент.",
    ),
    "shown": (
        "Your answer shows a call; nothing was called. To have it made, call the tool and write nothing else. If you "
        "do not want it, answer without showing calls.",
        "В вашем ответе показан вызов, но ничего не вызвано. Чтобы он был сделан, вызовите инструмент и больше ничего "
        "не пишите. Если он не нужен, ответьте, не показывая вызовов.",
    ),
    "narrated": (
        "You say what you are going to do, but nothing was called. Call the tool now, or give your final answer.",
        "Вы пишете, что собираетесь сделать, но ничего не вызвано. Вызовите инструмент сейчас или дайте окончательный "
        "ответ.",
    ),
    "refused": (
        "You can do this: you have tools for it ({tools}). Call one, or say which information is missing.",
        "Вы можете это сделать: для этого есть инструменты ({tools}). Вызовите один из них или напишите, каких "
        "сведений не хватает.",
    ),
    "undone": (
        "No tool has told you that anything was written. If the task wants it, call the tool now; nobody is here to "
        "answer questions. If nothing is to be written, begin with the words: Nothing was written.",
        "Ни один инструмент не сообщил вам, что что-то записано. Если этого требует задача, вызовите инструмент "
        "сейчас; на вопросы отвечать некому. Если записывать нечего, начните со слов: Ничего не записано.",
    ),
    "language": (
        "Your answer was not used, because a part of it is in another language. Write the whole answer in English.",
        "Ваш ответ не использован: часть его на другом языке. Напишите весь ответ по-русски.",
    ),
}
_LOOPING = (
    "You made the same call again and again: {tools}. It is done, and cannot be made any more. Go on without it, with "
    "what it told you, or give your final answer.",
    "Вы снова и снова делаете один и тот же вызов: {tools}. Он уже сделан и больше невозможен. Продолжайте без него, с "
    "тем, что он дал, или дайте окончательный ответ.",
)
_SAID: dict[Fault, str] = {
    "cut": "was cut off at its longest allowed length",
    "endless": "repeated the same words without end",
    "unread": "was not of the form that it needs",
    "empty": "was empty",
    "thought": "held thoughts only",
    "shown": "showed a call in place of making it",
    "narrated": "announced a call in place of making it",
    "refused": "was a refusal",
    "undone": "spoke of work that no tool has done",
    "language": "was in another language than the task",
}


def correction(fault: Fault, language: Language, tools: Sequence[str]) -> str:
    """What the model is told."""
    return _CORRECTIONS[fault][language == "ru"].format(tools=", ".join(tools))


def out_of_the_loop(language: Language, tools: Sequence[str]) -> str:
    """What a model is told from which tools are taken because it made the same call too often."""
    return _LOOPING[language == "ru"].format(tools=", ".join(tools))


def said(fault: Fault) -> str:
    """What an answer was, for a person."""
    return _SAID[fault]
