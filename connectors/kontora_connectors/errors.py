"""What can go wrong at the door of a business system.

ConnectorError
├── AuthFailed       our credentials were refused
├── Forbidden        we are known, but may not do this
├── NotFound         there is no such record
├── Invalid          the request is wrong; `fields` says where
├── Conflict         the record changed, or exists already
├── RateLimited      asked to wait `retry_after_s` seconds           (retryable)
├── Unavailable      the system does not answer                      (retryable)
└── OutcomeUnknown   a write was sent and nobody knows whether it was done
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class ConnectorError(Exception):
    """Something went wrong at the door of a business system.

    `message` may be shown to people and to the model. `detail` may hold what only the log should (a driver's
    own words, an address); it never reaches a prompt.
    """

    code: ClassVar[str] = "connector_error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str = "", *, detail: str = "", hint: str = "") -> None:
        self.message = message or (self.__doc__ or "").strip().splitlines()[0]
        self.detail = detail
        self.hint = hint
        super().__init__(self.message)


class AuthFailed(ConnectorError):
    """The system refused our credentials. Renew them, then run `kontora connectors check`."""

    code = "auth_failed"


class Forbidden(ConnectorError):
    """The system knows us but does not allow this."""

    code = "forbidden"


class NotFound(ConnectorError):
    """There is no such record."""

    code = "not_found"


class Invalid(ConnectorError):
    """The request is not valid; `fields` maps an argument to what is wrong with it."""

    code = "invalid"

    def __init__(self, message: str = "", *, fields: Mapping[str, str] | None = None, detail: str = "") -> None:
        super().__init__(message, detail=detail)
        self.fields: dict[str, str] = dict(fields or {})


class Conflict(ConnectorError):
    """The record has changed since it was read, or exists already."""

    code = "conflict"


class RateLimited(ConnectorError):
    """The system asked us to wait."""

    code = "rate_limited"
    retryable = True

    def __init__(self, message: str = "", *, retry_after_s: float = 1.0, detail: str = "") -> None:
        super().__init__(message, detail=detail)
        self.retry_after_s = retry_after_s


class Unavailable(ConnectorError):
    """The system does not answer."""

    code = "unavailable"
    retryable = True


class OutcomeUnknown(ConnectorError):
    """A write was sent and nobody knows whether it was done. It is looked up, never repeated blindly."""

    code = "outcome_unknown"
