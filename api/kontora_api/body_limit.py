"""How large the body of a request may be."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kontora_api.problem import Refused

#: Bytes.
MAX_BODY = 1024 * 1024


class BodyLimit:
    """ASGI middleware that refuses larger bodies, whether they say their length or not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a problem, or hand the request on and count what is read."""
        said = Headers(scope=scope).get("content-length", "") if scope["type"] == "http" else ""
        if said.isdecimal() and int(said) > MAX_BODY:
            await _too_large().answer(scope["path"])(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > MAX_BODY:
                raise _TooLarge
            return message

        try:
            await self._app(scope, counted, send)
        except _TooLarge:
            await _too_large().answer(scope["path"])(scope, receive, send)


class _TooLarge(BaseException):
    """Passes through whatever reads the body; nothing has been answered yet."""


def _too_large() -> Refused:
    # What is left of the body is not read: the connection cannot be used again.
    return Refused("body_too_large", f"The body has more than {MAX_BODY:,} bytes.", headers={"Connection": "close"})
