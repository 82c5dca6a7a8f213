"""The bytes of a stream that says what it should, written as servers and what stands before them write such things."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

#: So few bytes come at once that characters of more than one are cut in two.
_PIECE = 5


def framed(lines: Iterable[bytes], framing: str) -> Iterator[bytes]:
    """The lines of a stream in another framing."""
    last = b""
    for line in lines:
        last = line if line.strip() != b"data: [DONE]" else last
        if framing == "comments":
            yield b": keep-alive\n\n" if line.startswith(b"data:") else b"\n"
        written = line.replace(b"\n", b"\r\n") if framing == "crlf" else line
        step = _PIECE if framing == "split" else len(written)
        yield from (written[start : start + step] for start in range(0, len(written), step))
    if framing == "end_twice":
        yield last
    if framing == "garbage_after":
        yield b"<html>upstream closed</html>\n"
