"""One conversation with a mail server, bounded in time. Up to the last dot of a mail every failure is certain."""

from __future__ import annotations

import re
import smtplib
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType

from kontora_connectors.errors import AuthFailed, ConnectorError, Forbidden, Invalid, OutcomeUnknown, Unavailable

_LOGIN_NEEDED = (530, 534, 535, 538)
_LINE_END = re.compile(rb"\r\n|\r|\n")
_LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)


@dataclass
class SmtpSession:
    """A logged-in session inside the block. `tls` is None for an open line; `at_once`: TLS from the first byte.

    Raises `Unavailable`, `AuthFailed`, `Forbidden`, `Invalid`.
    """

    name: str
    host: str
    port: int
    tls: ssl.SSLContext | None
    at_once: bool
    user: str
    password: str = field(repr=False)
    timeout_s: float

    def __enter__(self) -> SmtpSession:
        self._deadline = time.monotonic() + self.timeout_s
        with self._translated():
            self._smtp = self._connected()
            try:
                self._greet()
            except BaseException:
                self._smtp.close()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(smtplib.SMTPException, OSError):
            if error is None:
                self._smtp.quit()
        self._smtp.close()

    def _connected(self) -> smtplib.SMTP:
        if self.tls is not None and self.at_once:
            return smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout_s, context=self.tls)
        return smtplib.SMTP(self.host, self.port, timeout=self.timeout_s)

    def _greet(self) -> None:
        self._bound()
        self._smtp.ehlo_or_helo_if_needed()
        if self.tls is not None and not self.at_once:
            self._bound()
            self._smtp.starttls(context=self.tls)
            self._smtp.ehlo_or_helo_if_needed()
        if self.user:
            self._bound()
            self._smtp.login(self.user, self.password)

    def send(self, sender: str, recipients: Sequence[str], message: bytes) -> str:
        """Hand over one mail for all recipients; return what the server says.

        Raises `OutcomeUnknown` if the line breaks, or nothing is heard, after the last dot.
        """
        text = _LEADING_DOT.sub(b"..", _LINE_END.sub(b"\r\n", message)).removesuffix(b"\r\n") + b"\r\n"
        with self._translated():
            self._envelope(sender, recipients, len(text))
            self._bound()
            self._expect(self._smtp.docmd("DATA"), (354,), "the mail")
            self._smtp.send(text)
            self._bound()
        return self._hand_over()

    def _envelope(self, sender: str, recipients: Sequence[str], size: int) -> None:
        most = self._smtp.esmtp_features.get("size", "")
        if most.isdecimal() and 0 < int(most) < size:
            raise Invalid(f"The mail has {size:,} bytes; the server of {self.name!r} takes {int(most):,}.")
        self._bound()
        options = [f"SIZE={size}"] if self._smtp.has_extn("size") else []
        self._expect(self._smtp.mail(sender, options), (250,), f"the sender {sender}")
        for recipient in recipients:
            self._bound()
            self._expect(self._smtp.rcpt(recipient), (250, 251), f"the recipient {recipient}")

    def _hand_over(self) -> str:
        """Say the last dot. From here on the mail may have been taken, unless the server says that it was not."""
        self._deadline = time.monotonic() + self.timeout_s
        try:
            self._bound()
            self._smtp.send(b".\r\n")
            code, said = self._smtp.getreply()
        except (smtplib.SMTPException, OSError) as error:
            why = f"The mail server of {self.name!r} had the whole mail and did not say whether it took it."
            raise OutcomeUnknown(why, detail=str(error)) from error
        if code != 250 and not 400 <= code < 600:
            raise OutcomeUnknown(f"The mail server of {self.name!r} gave an answer that means nothing: {code}.")
        self._expect((code, said), (250,), "the mail")
        return said.decode(errors="replace")[:200]

    # --- time and answers ----------------------------------------------------------------------------------------

    def _bound(self) -> None:
        """Give the next command the time that is left. Raises `TimeoutError` when there is none."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"longer than {self.timeout_s:g} s")
        if self._smtp.sock is None:
            raise smtplib.SMTPServerDisconnected("not connected")
        self._smtp.sock.settimeout(left)

    def _expect(self, answer: tuple[int, bytes], wanted: tuple[int, ...], what: str) -> None:
        code, said = answer
        if code in wanted:
            return
        detail = f"{code} {said.decode(errors='replace')}"
        if code in _LOGIN_NEEDED:
            raise AuthFailed(f"The mail server of {self.name!r} wants another login.", detail=detail)
        if not 500 <= code < 600:
            raise Unavailable(f"The mail server of {self.name!r} does not take {what} now ({code}).", detail=detail)
        if what.startswith("the sender"):
            raise Forbidden(f"The mail server of {self.name!r} does not let us send as {what} ({code}).", detail=detail)
        raise Invalid(f"The mail server of {self.name!r} refused {what} ({code}).", detail=detail)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            raise self._error(error) from error

    def _error(self, error: Exception) -> ConnectorError:
        server, said = f"The mail server of {self.name!r}", str(error)
        if isinstance(error, smtplib.SMTPAuthenticationError) and 500 <= error.smtp_code < 600:
            hint = f"Renew user and password of [connectors.{self.name}], then: kontora connectors check {self.name}"
            return AuthFailed(f"{server} refused the login.", detail=said, hint=hint)
        if isinstance(error, smtplib.SMTPNotSupportedError):
            return Invalid(f"{server} does not offer what the settings ask for: {said.rstrip('.')}.")
        if isinstance(error, ssl.SSLCertVerificationError):
            hint = "Give its certificate authority as ca_file, or the host as its certificate names it."
            return Unavailable(f"{server} shows a certificate that is not trusted.", detail=said, hint=hint)
        if isinstance(error, TimeoutError):
            return Unavailable(f"{server} took longer than {self.timeout_s:g} s; nothing was sent.", detail=said)
        return Unavailable(f"{server} does not answer; nothing was sent.", detail=said, hint=f"Check {self.host}.")
