"""Calls that a model has printed as text. They are read only where nothing else can be meant.

The text is prose, or nothing, and then calls to its end. Prose that shows a call as an example, quotes one, asks, or
says what not to do is no prose before a call; neither is one in which a further call begins.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from functools import lru_cache

from kontora_agents.reading import names
from kontora_agents.reading.call_shapes import NoCall, Printed, json_calls, python_calls, tagged_calls, xml_calls

#: Longer texts are answers; longer prose is not what stands before a call.
_LONGEST, _LONGEST_PROSE = 20_000, 300
_MARKS = (
    *("<tool_call>", "<tool_calls>", "<function_call>", "<function_calls>", "<function=", "<invoke", "<|python_tag|>"),
    *("[TOOL_CALLS]", "<|channel|>", "Action Input:", "<|tool_call", "<|START_ACTION|>", "<start_function_call>"),
    *("<toolcall>", "<tool_use>", "<tool_code>", "<｜tool▁call", "<｜DSML｜", ":tool_call>", "[TOOL_REQUEST]"),
)
_END = re.compile(r"(?:\s|<\|(?:eom_id|eot_id|im_end|end|end_of_turn|endoftext)\|>|<end_of_turn>|</s>)+\Z")
_FENCE = re.compile(r"```[ \t]*([\w+-]*)[ \t]*\n(.*?)\n?[ \t]*```\s*", re.DOTALL)
_TAG = re.compile(r"<(tool_calls?|function_calls?)>\s*(.*?)\s*</\1>\s*", re.DOTALL)
_LANGUAGES = frozenset(
    {"", "json", "tool_call", "tool_calls", "tool_code", "tool", "python", "xml", "plaintext", "text"}
)
_NOT_MEANT = re.compile(
    r"\b(?:e\.g|i\.e|examples?|instance|such as|like this|could|would|should|might|may|if|unless|don't|do not|not|never"
    r"|cannot|can't|won't|instead|template|format|schema|syntax|sample|says?|said|wrote|writes|written|reads|quot\w+"
    r"|shall|want me|want to|previous\w*|earlier|already|was|were|did|done|called|forbidden|wrong|incorrect"
    r"|например|пример\w*|образ\w+|формат\w*|шаблон\w*|бы|можно|если|нельзя|не|никогда|вместо|написано|пишет|сказано"
    r"|цитат\w*|хотите|ранее|уже|был[аио]?|вызвал\w*|неправильн\w*|неверн\w*)\b|[?>]",
    re.IGNORECASE,
)
#: A call as a small form of lines, whatever its name.
_FORM = re.compile(
    r"^\W{0,3}(?:tool|function|action|call)(?:[ _]name)?\W{0,3}: *\W?\w+_\w+", re.IGNORECASE | re.MULTILINE
)
#: A call of whatever name, as nothing else is written.
_ANY_CALL = re.compile(
    r"""["'](?:name|tool|tool_name|function|action)["']\s*:\s*["'][\w.:-]*["']\s*,\s*"""
    r"""["'](?:arguments|parameters|args|input|(?:tool|action)_input)["']\s*:"""
)
_QUOTES = (("«", "»"), ("“", "”"), ("„", "“"), ("‘", "’"))


def text_calls(text: str, offered: Collection[str]) -> tuple[str, list[Printed]] | None:
    """The prose before the calls, and the calls under their offered names; None if the text is not read as calls."""
    if len(text) > _LONGEST or not offered or not ("{" in text or shows_a_call(text, offered)):
        return None
    text = _END.sub("", text)
    begin = _beginning(tuple(sorted(offered))).search(text)
    if begin is None:
        return None
    prose, tail = text[: begin.start()].rstrip(), text[begin.start() :]
    if not _is_lead(prose):
        return None
    try:
        printed = _calls(tail)
    except NoCall:
        return None
    matched = [names.match(call.name, offered) for call in printed]
    if any(name is None for name in matched):
        return None
    calls = [Printed(name or "", call.arguments, call.loose) for name, call in zip(matched, printed, strict=True)]
    return prose, calls


def is_quotation(text: str, calls: Collection[Printed], given: str) -> bool:
    """Whether printed calls stand word for word in what the model was given: it repeats what somebody else wrote."""
    told = _squeezed(given)
    written = (json.dumps(call.arguments, ensure_ascii=False) for call in calls if call.arguments)
    return _squeezed(text) in told or any(f'":{_squeezed(arguments)}}}' in told for arguments in written)


def without_tokens(text: str) -> str:
    """A text without the tokens of its template that leaked at its end."""
    return _END.sub("", text) if text.rstrip().endswith(">") else text


def shows_a_call(text: str, known: Collection[str]) -> bool:
    """Whether a text looks as if it held a call, whole or in part, real or quoted."""
    if any(mark in text for mark in _MARKS) or ("{" in text and _ANY_CALL.search(text)):
        return True
    if not known or not ("{" in text or "(" in text or ":" in text):
        return False
    text = text.replace("\\", "")  # JSON in a text of JSON
    if ":" in text and "_" in text and _FORM.search(text):
        return True
    plain = text.casefold()
    if not any(form.casefold() in plain for form in names.forms(known)):
        return False
    return _likeness(tuple(sorted(known))).search(text) is not None


def _squeezed(text: str) -> str:
    """A text without what differs where JSON stands in JSON."""
    return re.sub(r"[\s\\]", "", text)


@lru_cache(maxsize=256)
def _beginning(offered: tuple[str, ...]) -> re.Pattern[str]:
    """Where the calls of a text can begin: there is one such place, the first."""
    marks = "|".join(map(re.escape, _MARKS))
    return re.compile(
        rf"```|{marks}|^Action:|\{{|\[\s*(?:\{{|[A-Za-z_][\w.]*\()|(?<![\w.]){_dotted(offered)}\(", re.I | re.M
    )


@lru_cache(maxsize=256)
def _likeness(known: tuple[str, ...]) -> re.Pattern[str]:
    named = _dotted(known)
    return re.compile(
        rf"""["'](?:name|tool|tool_name|function|action)["']\s*:\s*["']{named}["']|(?<![\w.:]){named}(?:\(|\W{{0,20}}\{{|\W{{0,3}}:\s*\n)""",
        re.I,
    )


def _dotted(offered: tuple[str, ...]) -> str:
    """A pattern for names, also without their role, and behind a prefix."""
    forms = sorted(names.forms(offered), key=len, reverse=True)
    return rf"(?:\w{{1,20}}[.:]){{0,3}}(?:{'|'.join(map(re.escape, forms))})"


def _is_lead(prose: str) -> bool:
    """Whether prose can stand before a call that is meant."""
    if not prose:
        return True
    if len(prose) > _LONGEST_PROSE or _NOT_MEANT.search(prose) or prose[-1] in "\"'`«“„(<":
        return False
    if prose.count('"') % 2 or prose.count("`") % 2:
        return False
    return all(prose.count(opening) <= prose.count(closing) for opening, closing in _QUOTES)


def _calls(tail: str) -> list[Printed]:
    """The calls of a text that has to be calls from its beginning to its end. Raises `NoCall`."""
    if tail.startswith("```"):
        return _blocks(tail, _FENCE, _fenced)
    if _TAG.match(tail) and not re.match(r"<tool_call>\s*<function=", tail):
        return _blocks(tail, _TAG, lambda match: _bare(match[2], marked=True))
    if tail.startswith(("<|channel|>", "Action:")):
        return tagged_calls(tail)
    for mark in ("[TOOL_CALLS]", "<|python_tag|>"):
        if tail.startswith(mark):
            return _bare(tail[len(mark) :], marked=True)
    return _bare(tail.removesuffix("</tool_call>").rstrip() if tail.startswith("{") else tail)


def _blocks(text: str, form: re.Pattern[str], read: Callable[[re.Match[str]], list[Printed]]) -> list[Printed]:
    found: list[Printed] = []
    at = 0
    while at < len(text):
        block = form.match(text, at)
        if block is None:
            raise NoCall
        found += read(block)
        at = block.end()
    return found


def _fenced(block: re.Match[str]) -> list[Printed]:
    if block[1].casefold() not in _LANGUAGES:
        raise NoCall
    return _calls(block[2].strip()) if not block[2].strip().startswith("```") else _bare("")


def _bare(text: str, *, marked: bool = False) -> list[Printed]:
    text = text.strip()
    if text.startswith(("<function=", "<tool_call>", "<invoke")):
        return xml_calls(text)
    if text.startswith("{") or re.match(r"\[\s*\{", text) or (marked and re.match(r"[\w.-]+\s*(\[ARGS\])?\s*\{", text)):
        return json_calls(text, marked=marked)
    return python_calls(text)
