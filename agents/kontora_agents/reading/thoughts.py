"""Thoughts that a model prints among its words, in the marks of many families of models."""

from __future__ import annotations

import re

_TAGS = r"(?:seed:)?(?:think|thinking|thoughts?|reasoning|reflection|scratchpad|analysis)"
_MARK = re.compile(
    rf"""(?P<opens>
        <\s*{_TAGS}\s*> | \[(?:THINK|THINKING|REASONING)\] | ◁think▷ | <\|begin_of_thought\|>
      | <\|channel\|>\s*analysis\s*<\|message\|>
    )|(?P<closes>
        <\s*/\s*{_TAGS}\s*> | \[/(?:THINK|THINKING|REASONING)\] | ◁/think▷ | <\|end_of_thought\|>
      | (?:<\|end\|>\s*<\|start\|>\s*assistant\s*)(?:<\|channel\|>\s*final\s*<\|message\|>)?
      | <\|channel\|>\s*final\s*<\|message\|>
    )""",
    re.VERBOSE | re.IGNORECASE,
)
#: The same channels where only their markers were taken out.
_UNMARKED = re.compile(r"\A\s*analysis(.*?)assistantfinal", re.DOTALL)


def without_thoughts(text: str) -> tuple[str, str]:
    """A text without its thoughts, and those. A lone closing mark ends a thought that began in the template; what has
    no closing mark is a thought to its end."""
    said: list[str] = []
    thoughts: list[str] = []
    at, thinks = 0, False
    for mark in _MARK.finditer(text) if any(sign in text for sign in "<[◁") else ():
        (thoughts if thinks else said).append(text[at : mark.start()])
        at = mark.end()
        if mark["closes"] and not thinks:
            thoughts += said
            said = []
        thinks = bool(mark["opens"])
    (thoughts if thinks else said).append(text[at:])
    text = "".join(said).strip()
    if unmarked := _UNMARKED.match(text):
        thoughts.append(unmarked[1])
        text = text[unmarked.end() :].strip()
    return text, "".join(thoughts)
