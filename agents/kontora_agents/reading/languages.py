"""Which language an agent was asked to speak, and whether it does."""

from __future__ import annotations

import re
from typing import Literal

Language = Literal["en", "ru"]

_GIVEN = re.compile(r'"language"\s*:\s*"(en|ru)\b')
_NAMED = re.compile(r"\b(?:language|english|russian)\b|язык|английск|русск|по-русски|по-английски", re.IGNORECASE)
_CYRILLIC, _LATIN = re.compile("[а-яё]", re.IGNORECASE), re.compile("[a-z]", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{2,}")
#: Two letters in a row of a script that is neither Latin, Cyrillic nor Greek.
_FOREIGN = re.compile(
    "[\u0590-\u07bf\u0900-\u0dff\u0e00-\u0eff\u1000-\u109f\u10a0-\u10ff\u1100-\u11ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af]{2,}"
)
#: Words that hold sentences together, by language; none is an English word.
_HOLDING = {
    "de": "der die das und ist nicht wurde wurden mit für den dem ein eine auf von zu im ich wir sie damit auch wird",
    "fr": "le la les et est une des pour avec dans été sur vous nous pas que qui du au cette",
    "es": "el los las una para con por está fue del que ha sido se y pero como este",
    "it": "il gli della è stato per con una nel sono che di non questo anche stata",
    "pt": "os uma para com não foi está do da que em por este sido",
    "nl": "het een van voor met is niet werd wordt aan op zijn deze de",
    "pl": "jest nie na się został została dla oraz przez jego jako od",
}
_LANGUAGES = {name: frozenset(words.split()) for name, words in _HOLDING.items()}
_ENGLISH = {"the", "of", "and", "was", "were", "is", "are", "to", "for", "with", "its", "it", "that", "this", "by"}
_SENTENCE = re.compile(r"(?<=[.!?…;])\s+|\n+")
#: So many different ones show whose sentence it is.
_ENOUGH = 3
#: Words with letters that Cyrillic has elsewhere and not in Russian.
_NEIGHBOUR = re.compile("\\b\\w*[іїєґўјљњћђџәғқңөұүһ]\\w*", re.IGNORECASE)
#: An answer is in another language if at most this share of its letters is in the script of the right one.
_AT_LEAST, _TOO_SHORT = 0.15, 40


def language_of(instructions: str, task: str) -> Language | None:
    """The language in which an answer is due: as the task names it, or as all of it is written. None: either."""
    given = _GIVEN.search(task)
    if given:
        return "ru" if given[1] == "ru" else "en"
    if _NAMED.search(instructions) or _NAMED.search(task):
        return None
    both = f"{instructions}\n{task}"
    if not _CYRILLIC.search(both):
        return "en"
    told, asked = _share(instructions), _share(task)
    return "ru" if told > 0.5 and (asked > 0.3 or not _WORD.search(task)) else None


def spoken(text: str) -> Language:
    """The language in which a text can be answered: Russian where most of it is, else English."""
    return "ru" if _share(text) > 0.5 else "en"


def drifts(answer: str, wanted: Language | None, given: str) -> bool:
    """Whether an answer, or a part of it, is in a language that nobody asked for. Words that were given may be."""
    if not answer.isascii() and max(answer) >= "\u0590" and any(run not in given for run in _FOREIGN.findall(answer)):
        return True
    if wanted is not None and _is_anothers(answer, wanted, given):
        return True
    if wanted is None or len(answer) < _TOO_SHORT or _right(answer, wanted) > _AT_LEAST:
        return False
    known = set(_WORD.findall(given.casefold()))
    own = " ".join(word for word in _WORD.findall(answer) if word.casefold() not in known)
    return len(own) >= _TOO_SHORT and _right(own, wanted) <= _AT_LEAST


def _is_anothers(answer: str, wanted: Language, given: str) -> bool:
    """Whether a sentence is in a language that shares its script with the right one, or with names and codes."""
    if wanted == "ru" and sum(word not in given for word in _NEIGHBOUR.findall(answer)) > 1:
        return True
    others = [*_LANGUAGES.values(), *([_ENGLISH] if wanted == "ru" else [])]
    known: set[str] | None = None
    for sentence in _SENTENCE.split(answer):
        words = {word.casefold() for word in _WORD.findall(sentence)}
        if max(len(words & own) for own in others) < _ENOUGH or _is_mixed(words, sentence, wanted):
            continue
        known = known if known is not None else set(_WORD.findall(given.casefold()))
        if max(len((words - known) & own) for own in others) >= _ENOUGH:
            return True
    return False


def _is_mixed(words: set[str], sentence: str, wanted: Language) -> bool:
    """Whether a sentence is in the right language and only names something in another."""
    return _share(sentence) > _AT_LEAST if wanted == "ru" else len(words & _ENGLISH) > 1


def _right(text: str, wanted: Language) -> float:
    return _share(text) if wanted == "ru" else 1 - _share(text)


def _share(text: str) -> float:
    """The Cyrillic share of a text's letters."""
    if text.isascii():
        return 0.0
    cyrillic, latin = len(_CYRILLIC.findall(text)), len(_LATIN.findall(text))
    return cyrillic / max(1, cyrillic + latin)
