"""The pages of the documentation, as a test reads them: links, headings, blocks, and the commands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.house import ROOT, files

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
_SETTING = re.compile(r"[A-Z_]+=\S*")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, and what is in it."""

    language: str
    text: str

    def lines(self) -> list[str]:
        """Its lines, those that end with a backslash joined with the next, comments taken off."""
        joined = self.text.replace("\\\n", " ").splitlines()
        return [re.sub(r"\s{2,}", " ", re.sub(r"(^|\s)# .*", "", line)).strip() for line in joined]

    @property
    def commands(self) -> list[list[str]]:
        """Every `kontora …` that is typed, as words."""
        return [words for line in self.typed() for words in kontora(line)]

    def typed(self) -> list[str]:
        """The command lines: of a console those after a prompt, else every line that is one."""
        if self.language == "console":
            return [line.removeprefix("$ ") for line in self.lines() if line.startswith("$ ")]
        return [line for line in self.lines() if line] if self.language in ("", "sh") else []


@dataclass(frozen=True)
class DocPage:
    """One Markdown file. `name` is its path below the root."""

    name: str
    text: str

    @property
    def blocks(self) -> list[Block]:
        """Its fenced blocks."""
        return [Block(*match.groups()) for match in _FENCE.finditer(self.text)]

    @property
    def prose(self) -> str:
        """What is outside of fenced blocks."""
        return _FENCE.sub("", self.text)

    @property
    def links(self) -> list[str]:
        """What it links to and shows."""
        return _LINK.findall(_CODE.sub("", self.prose))

    @property
    def headings(self) -> list[tuple[int, str]]:
        """Its headings with their level."""
        return [(len(marks), title) for marks, title in _HEADING.findall(self.prose)]

    @property
    def anchors(self) -> set[str]:
        """What a link can point at inside it, as the usual renderers name it."""
        return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for _, title in self.headings}

    @property
    def mentioned(self) -> list[list[str]]:
        """Every `kontora …` of its text, as words; it may lack arguments, where the command alone is meant."""
        return [words for code in _CODE.findall(self.prose) for words in kontora(code)]


def kontora(line: str) -> Iterator[list[str]]:
    """The words after `kontora` of each command of a line."""
    for part in re.split(r"\s(?:\||&&|;)\s", line):
        words = shlex.split(part)
        while words and _SETTING.fullmatch(words[0]):
            words.pop(0)
        if words[:1] == ["kontora"] and len(words) > 1:
            yield words[1:]


def page(name: str) -> DocPage:
    """The page at a path below the root."""
    return DocPage(name, (ROOT / name).read_text(encoding="utf-8"))


def pages() -> list[DocPage]:
    """Every Markdown file of the project."""
    return [page(str(path.relative_to(ROOT))) for path in files(ROOT) if path.suffix == ".md"]


def target(source: DocPage, link: str) -> Path:
    """The file that a relative link of a page leads to."""
    return (ROOT / source.name).parent / link.partition("#")[0] if link.partition("#")[0] else ROOT / source.name
