"""Alerting: tells people what the ledger's alerts say, by log, webhook and mail. Each channel is told at least once.

The webhook has the form of Standard Webhooks, so that receivers can check with the libraries there are who sent it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
from kontora_connectors import ConnectorError, FileRef
from kontora_connectors.smtp import Smtp
from kontora_workflows.ledger.alerts import Alert, Alerts
from kontora_workflows.ledger.database import LedgerUnavailable
from pydantic import SecretStr

from kontora_worker.settings import AlertSettings, MailSettings, SettingsInvalid, WebhookSettings

log = logging.getLogger("kontora.alerts")

#: How long a webhook's receiver may take to connect, to read, and to answer, in seconds.
_WEBHOOK_S = 5.0
_SUBJECTS = {
    "run_failed": "a run failed",
    "not_started": "a run could not be started",
    "missed": "a run was not started in time",
    "never_came": "a run has not ended yet",
}


class NotTaken(Exception):
    """The receiver of an alert did not take it; says why, without a secret."""


class Alerting:
    """Sends the alerts that are due. Any number may: an alert is taken by one of them."""

    def __init__(self, alerts: Alerts, settings: AlertSettings, secret: Callable[[str], str]) -> None:
        """`secret` follows a reference to a secret, and may raise `SettingsInvalid`."""
        self._alerts = alerts
        self._channels: dict[str, Callable[[Alert], None]] = {}
        if (webhook := settings.webhook) is not None:
            self._channels["webhook"] = lambda alert: post(alert, webhook, secret)
        if (letterbox := settings.mail) is not None:
            self._channels["mail"] = lambda alert: mail(alert, letterbox, secret)
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it writes down whole URLs, and one may hold a token

    def deliver(self) -> None:
        """Try each alert that is due. What goes wrong is logged, and tried again when the ledger says so."""
        try:
            while due := self._alerts.due():
                for alert in due:
                    if self._alerts.take(alert):
                        self._alerts.sent(alert, self._still_pending(alert))
        except LedgerUnavailable as error:
            log.error("%s", error.message)
        except Exception:
            log.exception("alerts could not be sent; the next sweep tries again")

    def _still_pending(self, alert: Alert) -> list[str]:
        """Try the channels that have not taken an alert; return those that still have not."""
        pending = alert.pending.split(",") if alert.pending else list(self._channels)
        if not alert.pending:
            log.error("alert %s (%s): %s", alert.id, alert.kind, _line(alert.message))
        return [name for name in pending if name in self._channels and not self._taken(name, alert)]

    def _taken(self, channel: str, alert: Alert) -> bool:
        try:
            self._channels[channel](alert)
        except (NotTaken, SettingsInvalid, ConnectorError) as error:
            why = str(error)
        except Exception as error:  # its words may hold a secret
            why = f"{type(error).__name__}."
        else:
            return True
        log.error("alert %s was not taken by %s at try %d: %s", alert.id, channel, alert.attempts + 1, _line(why))
        return False


# --- webhook ------------------------------------------------------------------------------------------------------


def post(alert: Alert, settings: WebhookSettings, secret: Callable[[str], str]) -> None:
    """Post an alert, signed. Raises `NotTaken`, `SettingsInvalid`."""
    url, key = (secret(one.get_secret_value()) for one in (settings.url, settings.secret))
    body, now = payload(alert), int(time.time())
    headers = {
        "content-type": "application/json",
        "webhook-id": alert.id,
        "webhook-timestamp": str(now),
        "webhook-signature": signature(key, alert.id, now, body),
    }
    try:
        with (
            httpx.Client(trust_env=False, timeout=_WEBHOOK_S, follow_redirects=False) as client,
            client.stream("POST", url, content=body, headers=headers) as answer,  # what else it says is not read
        ):
            if not answer.is_success:
                raise NotTaken(f"its receiver answered {answer.status_code}.")
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        raise SettingsInvalid("The url of [alerts.webhook] is none: give one with http:// or https://.") from None
    except httpx.TransportError as error:
        raise NotTaken(f"its receiver does not answer ({type(error).__name__}).") from None


def payload(alert: Alert) -> bytes:
    """What is posted: JSON, the same at every try."""
    data = {
        "id": alert.id,
        "kind": alert.kind,
        "workflow": alert.workflow,
        "schedule": alert.schedule_id,
        "logical_at": _instant(alert.logical_at),
        "run": alert.run_id,
        "message": alert.message,
    }
    document = {"type": f"kontora.alert.{alert.kind}", "timestamp": _instant(alert.created_at), "data": data}
    return json.dumps(document, ensure_ascii=False).encode()


def signature(secret: str, id_: str, timestamp: int, body: bytes) -> str:
    """Sign what is posted. `secret` is `whsec_` and base64, or any text. Raises `SettingsInvalid`."""
    try:
        encoded = secret.startswith("whsec_")
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True) if encoded else secret.encode()
    except binascii.Error:
        raise SettingsInvalid("The secret of [alerts.webhook] has no base64 after whsec_.") from None
    if not key:
        raise SettingsInvalid("The secret of [alerts.webhook] is empty.")
    signed = hmac.digest(key, f"{id_}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(signed).decode()}"


# --- mail ---------------------------------------------------------------------------------------------------------


def mail(alert: Alert, settings: MailSettings, secret: Callable[[str], str]) -> None:
    """Mail an alert; its Message-ID is made of the alert's id. Raises `ConnectorError`, `SettingsInvalid`."""
    given = settings.password
    password = None if given is None else SecretStr(secret(given.get_secret_value()))
    connector = Smtp(settings.connector(password), instance="alerts.mail")
    subject = f"Kontora: {alert.workflow}: {_SUBJECTS[alert.kind]}"
    connector.deliver([], subject, settings.recipients, _letter(alert), key=alert.id, content_of=_no_file)


def _letter(alert: Alert) -> str:
    told = {
        "Workflow": alert.workflow,
        "Schedule": alert.schedule_id,
        "Due at": _instant(alert.logical_at),
        "Run": alert.run_id or "none",
        "Alert": alert.id,
    }
    return "\n".join([alert.message, "", *(f"{name}: {value}" for name, value in told.items()), ""])


def _no_file(file: FileRef) -> bytes:
    raise LookupError(file.name)


def _instant(milliseconds: int) -> str:
    """RFC 3339, in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _line(text: str) -> str:
    """A text in one line, so that nobody can write lines of his own into the log."""
    return " ".join(text.split())
