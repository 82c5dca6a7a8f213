"""What nobody foresaw: the log gets all of it, the caller a number to find it by."""

from __future__ import annotations

import logging
import secrets

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kontora_api.problem import Refused

log = logging.getLogger("kontora.api")


class Defects:
    """ASGI middleware that answers an unforeseen error with a problem that tells nothing about it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on; raise only when the answer has begun and cannot be taken back."""
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            if begun or scope["type"] != "http":
                raise
            number = secrets.token_hex(4)
            log.exception("defect %s: %s %r", number, scope["method"], scope["path"])
            refused = Refused("defect", f"The log of the server has what happened under `defect {number}`.")
            await refused.answer(scope["path"])(scope, receive, send)
