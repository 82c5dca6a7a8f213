"""Which tool call each figure of a prose came from."""

from __future__ import annotations

from collections.abc import Sequence

from kontora_workflows.reports.document import Flag, Link

#: The `ref` of a tool call, and the text that it returned.
Evidence = tuple[str, str]


def linked(text: str, evidence: Sequence[Evidence], flagged: Sequence[Flag]) -> tuple[Link, ...]:
    """Return a link for each figure of `text` that a tool call returned. Flagged figures are left alone."""
    return ()
