"""A person to be found in what the ledger holds: by names, addresses and numbers, or by the id of a record."""

from __future__ import annotations

import html
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Sequence
from io import BytesIO

#: Files that are text; a workbook is an archive of XML.
_TEXT = ("text/", "application/json", "application/xml", "application/yaml")
_ARCHIVE = b"PK\x03\x04"

_ESCAPE = re.compile(r'\\+(?:u([0-9a-fA-F]{4})|(["/bfnrt]))')
_SPACE = re.compile(r"\s+")
_TAG = re.compile(r"<[^<>]*>")


class Person:
    """Whom to look for.

    A text is found as whole words, in any case, with up to three other signs between two of them. A subject is
    `KIND:ID`: an id that is more than a number is found like a text, a number only after `KIND`, `KIND_id` or `id`.
    """

    def __init__(self, texts: Sequence[str] = (), subjects: Sequence[str] = ()) -> None:
        """Raises `ValueError` for a text of fewer than three letters and digits, or a subject without kind or id."""
        patterns, self._signs = [], set[str]()
        for text in texts:
            self._signs.add(_sign(text))
            patterns.append(_words(text))
        for subject in subjects:
            kind, _, id_ = (part.strip() for part in subject.partition(":"))
            if not kind or not id_:
                raise ValueError(f"{subject!r} is not a subject; write KIND:ID, such as party:C00042.")
            if id_.isdigit():
                self._signs.add(id_)
                patterns.append(rf"(?:{re.escape(kind.casefold())}(?:_id)?|id)\W{{1,8}}{id_}")
            else:
                self._signs.add(_sign(id_))
                patterns.append(_words(id_))
        if not patterns:
            raise ValueError("Say whom to look for: a text or a subject.")
        self._pattern = re.compile(rf"(?<!\w)(?:{'|'.join(patterns)})(?!\w)")

    def in_text(self, text: str | None) -> bool:
        """Whether a text speaks of the person, JSON and JSON in JSON included."""
        if not text:
            return False
        folded = _folded(text)
        if "\\u" not in text and not any(sign in folded for sign in self._signs):
            return False  # so it is with nearly all of them
        return bool(self._pattern.search(_plain(text)))

    def in_file(self, media_type: str, content: bytes) -> bool | None:
        """Whether a file speaks of the person; None if it cannot be read."""
        if content.startswith(_ARCHIVE):
            return self._in_archive(content)
        return self._in_markup(content) if media_type.startswith(_TEXT) else None

    def _in_archive(self, content: bytes) -> bool | None:
        try:
            with zipfile.ZipFile(BytesIO(content)) as archive:
                return any(self._in_markup(archive.read(name)) for name in archive.namelist())
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError):
            return None

    def _in_markup(self, content: bytes) -> bool:
        text = content.decode("utf-8", errors="replace")
        return any(self.in_text(html.unescape(one)) for one in (text, _TAG.sub("", text), _TAG.sub(" ", text)))


def _folded(text: str) -> str:
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()


def _plain(text: str) -> str:
    """A text without escapes, however often it was written as JSON, without case and with single spaces."""
    return _SPACE.sub(" ", _folded(_ESCAPE.sub(_unescaped, text)))


def _unescaped(found: re.Match[str]) -> str:
    if found[1]:
        return chr(int(found[1], 16))
    return found[2] if found[2] in '"/' else " "


def _words(text: str) -> str:
    """A pattern for the words of a text, as it stands in a plain one."""
    return r"[\W_]{0,3}".join(re.escape(part) for part in _plain(text).split())


def _sign(text: str) -> str:
    """The longest word of a text: where it is not, the text is not."""
    longest = max(re.findall(r"\w+", _plain(text)), key=len, default="")
    if len(longest) < 3:
        raise ValueError(f"{text!r} has no word of three letters or digits; it would be found everywhere.")
    return longest
