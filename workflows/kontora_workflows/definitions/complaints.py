"""What YAML's parser trips over, in words that say what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass

import yaml


@dataclass(frozen=True)
class Complaint:
    """What is wrong with the text of a file; lines and columns count from 1."""

    line: int
    column: int
    message: str
    hint: str


#: What the parser says, what that means, what to do; `context` points to where the broken thing was opened.
_WORDS: list[tuple[str, bool, str, str]] = [
    ("in this context|mapping values are not allowed", False,
     "A second `: ` in one line, or a line that is indented too far",
     "Put a text that holds `: ` in quotes; keys of one mapping begin in the same column"),
    ("unexpected end of stream", True, "A quote is opened here and never closed", "Close it on the same line"),
    ("but found another document", False, "A second document begins here", "Keep one workflow in a file"),
    ("expected '<document start>'", False, "This line does not belong to what stands above it",
     "The keys of the workflow begin in the first column"),
    ("undefined alias", False, "`*` at the start of a value refers to an anchor that does not exist",
     "Put a text that begins with `*` in quotes"),
    ("cannot start any token", False, "A text cannot begin with this character", "Put the text in quotes"),
    ("could not find expected ':'", True, "This line is neither a key with a value nor a list item",
     "Write `key: value`, or indent the line under the text it belongs to"),
    ("found unknown escape character", False, "A backslash in double quotes begins an escape that does not exist",
     "Write `\\\\` for a backslash, or use single quotes"),
    ("sequence entries are not allowed", False, "A list item cannot begin in the same line as its key",
     "Begin the list on the next line, indented"),
    ("expected ',' or '[}\\]]'", True, "A bracket is opened here and not closed, or a comma is missing",
     "Close it, or put a text that holds one of { } [ ] , in quotes"),
    ("found '<scalar>'", False, "There is more text after the value has ended", "Put the whole value in quotes"),
    ("expected <block end>", False, "This line is not indented like the lines it belongs with",
     "Keys of one mapping, and dashes of one list, begin in the same column"),
    ("expected a comment or a line break", False, "After `|` or `>` the text begins on the next line",
     "Move the text to the next line, indented"),
    ("duplicate anchor", False, "This anchor is defined twice", "Give the second one another name"),
]  # fmt: skip

_BRACES = re.compile(r"(\$?)\{\{")


def explain(error: yaml.MarkedYAMLError, text: str) -> Complaint:
    """Put a parser's error into words."""
    lines = text.splitlines()
    mark, context = error.problem_mark, error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    here = lines[line] if line < len(lines) else ""
    if (tab := _tab(here)) is not None:
        return Complaint(
            line + 1, tab + 1, "A tab is used to indent this line", "YAML allows only spaces here: replace the tab"
        )
    if (braces := _bare_braces(here)) is not None:
        return Complaint(line + 1, braces.start() + 1, *about_braces(braces[1] == "$"))
    said = f"{error.context} {error.problem}"
    for pattern, from_context, message, hint in _WORDS:
        if re.search(pattern, said):
            at = context if from_context and context else mark
            return Complaint(at.line + 1 if at else 1, at.column + 1 if at else 1, message, hint)
    return Complaint(line + 1, column + 1, f"This is not YAML: {error.problem}", "Check the quotes and the indentation")


def explain_character(error: yaml.reader.ReaderError, text: str) -> Complaint:
    """Say where a character is that no text file should hold."""
    before = text[: error.position]
    line, column = before.count("\n") + 1, error.position - (before.rfind("\n") + 1) + 1
    return Complaint(
        line, column, f"A control character (U+{ord(text[error.position]):04X}) is in the text", "Remove it"
    )


def about_braces(with_dollar: bool) -> tuple[str, str]:
    """Return the message and the hint about a reference that stands where YAML takes its braces for its own."""
    if with_dollar:
        return (
            "A reference without quotes stands inside { } or [ ] or before more text",
            'Put it in quotes: "${{ inputs.name }}"',
        )
    return "`{{ }}` is not a reference, and YAML takes it for a mapping", 'Write "${{ inputs.name }}", in quotes'


def _tab(line: str) -> int | None:
    indentation = line[: len(line) - len(line.lstrip())]
    return indentation.index("\t") if "\t" in indentation else None


def _bare_braces(line: str) -> re.Match[str] | None:
    """Find the first `{{` of a line that no quote is open around."""
    for match in _BRACES.finditer(line):
        before = line[: match.start()]
        if before.count('"') % 2 == 0 and before.count("'") % 2 == 0:
            return match
    return None
