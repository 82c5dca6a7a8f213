"""Who may enter. With a token, whoever shows it; without one, programs on this machine, and no web page."""

from __future__ import annotations

import hmac
import ipaddress
import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from kontora_api.problem import Refused

#: They say nothing about this installation but that it runs: probes and people who look something up need no token.
_OPEN = re.compile(r"/|/healthz|/readyz|/reference|/errors(/.*)?|/api/v1/openapi\.json")
_SAFE = ("GET", "HEAD", "OPTIONS")


class Access:
    """ASGI middleware that turns away who may not enter, and says to the rest of the app who asks."""

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a problem, or hand the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = self._with_token(scope) if self._token else _without_token(scope)
        if refused:
            await refused.answer(scope["path"])(scope, receive, send)
            return
        scope.setdefault("state", {})["principal"] = "token:api" if self._token else "local:operator"
        await self._app(scope, receive, send)

    def _with_token(self, scope: Scope) -> Refused | None:
        if scope["method"] in _SAFE and _OPEN.fullmatch(scope["path"]):
            return None
        kind, _, shown = Headers(scope=scope).get("authorization", "").partition(" ")
        given = shown.strip().encode("latin-1") if kind.lower() == "bearer" else b""
        if hmac.compare_digest(given, str(self._token).encode()):
            return None
        why = "The token is not the one of this server." if given else "The request carries no token."
        return Refused("unauthorized", why, headers={"WWW-Authenticate": 'Bearer realm="kontora"'})


def _without_token(scope: Scope) -> Refused | None:
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    if not is_loopback(host_name(host)):
        return Refused("foreign_host", f"The request names the host {host[:100]!r}, which is not this machine's own.")
    origin = headers.get("origin")
    if scope["method"] not in _SAFE and origin is not None and origin.partition("://")[2].lower() != host.lower():
        return Refused("foreign_origin", f"The request comes from a page of {origin[:100]!r}.")
    return None


def host_name(netloc: str) -> str:
    """The host of a `Host` header, without its port and brackets."""
    name = netloc if netloc.endswith("]") else re.sub(r":\d*$", "", netloc)
    return name.strip("[]").lower()


def is_loopback(host: str) -> bool:
    """Whether a name or an address means this machine and nothing else."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
