"""Who may enter. With a token, whoever shows it; without one, programs on this machine, and no web page."""

from __future__ import annotations

import hmac
import ipaddress
import re

from kontora_worker.settings import Settings, SettingsInvalid, read_secret
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from kontora_api.problem import Refused

#: They say nothing about this installation but that it runs: probes and people who look something up need no token.
_OPEN = re.compile(r"/|/healthz|/readyz|/reference|/errors(/.*)?|/api/v1/openapi\.json")
_SAFE = ("GET", "HEAD", "OPTIONS")


#: How the ledger names whoever comes without a token, and whoever shows the one that is nobody's own.
LOCAL, SHARED = "local:operator", "token:api"
_PERSON = "person:"


def tokens_of(settings: Settings) -> dict[str, bytes]:
    """Principals and their tokens; none if nobody needs one. Raises `SettingsInvalid`."""
    written = {f"{_PERSON}{name}": token for name, token in settings.tokens.items()}
    if settings.api_token:
        written[SHARED] = settings.api_token.get_secret_value()
    found: dict[str, bytes] = {}
    for principal, reference in written.items():
        token = read_secret(reference).strip().encode()
        if not token or token in found.values():
            why = "is empty" if not token else "belongs to somebody else as well"
            raise SettingsInvalid(f"The token of {principal} {why}. Give it a long random text: openssl rand -hex 24.")
        found[principal] = token
    return found


def is_person(principal: str) -> bool:
    """Whether a principal is known to be one person and no other."""
    return principal.startswith(_PERSON)


class Access:
    """ASGI middleware that turns away who may not enter, and says to the rest of the app who asks."""

    def __init__(self, app: ASGIApp, tokens: dict[str, bytes]) -> None:
        self._app, self._tokens = app, tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a problem, or hand the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        principal = self._shown(scope) if self._tokens else LOCAL
        refused = self._refusal(scope, principal)
        if refused:
            await refused.answer(scope["path"])(scope, receive, send)
            return
        scope.setdefault("state", {})["principal"] = principal
        await self._app(scope, receive, send)

    def _shown(self, scope: Scope) -> str | None:
        """Whose token the request carries."""
        given = _bearer(scope)
        fitting = [principal for principal, token in self._tokens.items() if hmac.compare_digest(given, token)]
        return fitting[0] if fitting else None

    def _refusal(self, scope: Scope, principal: str | None) -> Refused | None:
        if not self._tokens:
            return _without_token(scope)
        if principal or (scope["method"] in _SAFE and _OPEN.fullmatch(scope["path"])):
            return None
        why = "This server does not know the token." if _bearer(scope) else "The request carries no token."
        return Refused("unauthorized", why, headers={"WWW-Authenticate": 'Bearer realm="kontora"'})


def _bearer(scope: Scope) -> bytes:
    kind, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
    return token.strip().encode("latin-1") if kind.lower() == "bearer" else b""


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
