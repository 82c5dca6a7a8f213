"""Which tool call each figure of a prose came from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kontora_agents.grounding import check

from kontora_workflows.reports.document import Flag, Link

#: The `ref` of a tool call, and the text that it returned.
Evidence = tuple[str, str]


def linked(text: str, evidence: Sequence[Evidence], flagged: Sequence[Flag]) -> tuple[Link, ...]:
    """Link each figure, date and record id of `text` to the first call that returned it, flagged ones excepted.

    What stands in no call is left alone: the task may have given it.
    """
    open_places = _places(text, []) - {(flag.start, flag.end) for flag in flagged}
    links = []
    for ref, answer in evidence:
        found = open_places - _places(text, [answer])
        links += [Link(start, end, ref) for start, end in found]
        open_places -= found
    return tuple(sorted(links, key=lambda link: link.start))


def _places(text: str, evidence: Iterable[str]) -> set[tuple[int, int]]:
    """Return where figures stand that `evidence` does not hold; without evidence that is all of them."""
    return {(found.start, found.end) for found in check(text, evidence)}
