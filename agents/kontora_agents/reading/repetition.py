"""An answer that says the same again and again without end, noticed while it is still being said."""

from __future__ import annotations

#: How many further characters are heard before it is looked again.
_STEP = 400
#: What counts as without end: the same text of at most `_PERIOD` characters, `_TIMES` times in a row at least, and over
#: `_LEAST` characters at least. Rows of a table that are all the same, or a line of dashes, stay far below.
_PERIOD, _TIMES, _LEAST = 1200, 5, 1500
_NEEDLE = 32


class Repetition:
    """Listens to the pieces of a text. Only its end is kept.

    Lines that differ in a digit are not the same: that is what true lists and tables look like.
    """

    def __init__(self) -> None:
        self._tail = ""
        self._new: list[str] = []
        self._unread = 0
        self.found = False

    def hear(self, piece: str) -> None:
        """Add a piece, of any length; `found` then says whether the text has come to repeat itself."""
        if self.found or not piece:
            return
        self._new.append(piece)
        self._unread += len(piece)
        if self._unread >= _STEP:
            self._tail = (self._tail + "".join(self._new))[-_PERIOD * _TIMES :]
            self._new, self._unread = [], 0
            self.found = repeats(self._tail)


def repeats(text: str) -> bool:
    """Whether the end of a text is the same words again and again."""
    needle, place = text[-_NEEDLE:], len(text) - _NEEDLE
    while len(text) >= _LEAST:
        place = text.rfind(needle, 0, place + _NEEDLE - 1)
        period = len(text) - _NEEDLE - place
        if place < 0 or period > _PERIOD:
            return False
        length = max(_LEAST, period * _TIMES)
        if length <= len(text) and text[-length + period :] == text[-length:-period]:
            return True
    return False
