"""The text of an agent, cut into paragraphs and list items whose marked figures are runs of their own.

Models write a little Markdown whether asked or not: headings, lists and `**strong**` are understood, all else is text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from kontora_workflows.reports.document import Prose

BlockKind = Literal["paragraph", "heading", "item", "numbered"]

_STRONG = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*")
_MARKERS: tuple[tuple[BlockKind, re.Pattern[str]], ...] = (
    ("heading", re.compile(r"\s{0,3}#{1,6}\s+")),
    ("item", re.compile(r"\s*[-*•]\s+(?=\S)")),
    ("numbered", re.compile(r"\s*(\d{1,3})[.)]\s+(?=\S)")),
)


@dataclass(frozen=True)
class Run:
    """Characters that look alike. `flag` is the number (from 1) of the flag they are under; `source` a linked call."""

    text: str
    strong: bool = False
    flag: int | None = None
    source: str | None = None


@dataclass(frozen=True)
class Block:
    """One paragraph, heading or list item. `number` is what a numbered item was given."""

    kind: BlockKind
    runs: tuple[Run, ...]
    number: int | None = None

    @property
    def text(self) -> str:
        """The block without marks."""
        return "".join(run.text for run in self.runs)


@dataclass
class _Span:
    """A block by its position in the text."""

    kind: BlockKind
    start: int
    end: int
    number: int | None = None


def blocks(prose: Prose) -> tuple[Block, ...]:
    """Cut the text of a prose. Every character of it is in one block, but for markers and blank lines."""
    text = prose.text or ""
    return tuple(Block(span.kind, tuple(_runs(prose, text, span)), span.number) for span in _spans(text))


def _spans(text: str) -> list[_Span]:
    spans: list[_Span] = []
    position, fresh = 0, True
    for line in text.splitlines(keepends=True):
        start, position = position, position + len(line)
        end = start + len(line.rstrip())
        if not line.strip():
            fresh = True
            continue
        begun = _begin(line, start, end)
        if begun.kind == "paragraph" and not fresh:
            spans[-1].end = end
            continue
        spans.append(begun)
        fresh = begun.kind == "heading"
    return spans


def _begin(line: str, start: int, end: int) -> _Span:
    for kind, marker in _MARKERS:
        if found := marker.match(line):
            number = int(found.group(1)) if found.groups() else None
            return _Span(kind, start + found.end(), end, number)
    return _Span("paragraph", start, end)


def _runs(prose: Prose, text: str, span: _Span) -> Iterator[Run]:
    strong, hidden = _emphasis(text, span)
    marks = [(flag.start, flag.end) for flag in prose.ungrounded] + [(link.start, link.end) for link in prose.links]
    edges = {span.start, span.end, *(edge for pair in (*marks, *strong, *hidden) for edge in pair)}
    inside = sorted(edge for edge in edges if span.start <= edge <= span.end)
    for start, end in pairwise(inside):
        if not any(low <= start < high for low, high in hidden):
            bold = any(low <= start < high for low, high in strong)
            flag = next((n for n, f in enumerate(prose.ungrounded, 1) if f.start <= start < f.end), None)
            source = None if flag else next((k.source for k in prose.links if k.start <= start < k.end), None)
            yield Run(text[start:end], bold, flag, source)


def _emphasis(text: str, span: _Span) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return where a block is strong, and where the asterisks are that said so."""
    strong, hidden = [], []
    for found in _STRONG.finditer(text, span.start, span.end):
        strong.append(found.span(1))
        hidden += [(found.start(), found.start(1)), (found.end(1), found.end())]
    return strong, hidden
