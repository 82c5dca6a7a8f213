"""Mail through a company's own mail server. Nobody can look up whether a mail was sent, so none is sent twice."""

from __future__ import annotations

import ssl
import time
from datetime import UTC, datetime
from email.utils import parseaddr
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from kontora_connectors.canonical import Receipt
from kontora_connectors.contract import Config, Connector, ContentOf, Health, write
from kontora_connectors.data_classes import Zone
from kontora_connectors.errors import ConnectorError, Forbidden, Invalid
from kontora_connectors.interfaces import Body, Delivery, Files, Headline, Html, Recipients
from kontora_connectors.letter import Letter, ascii_address, ascii_domain, domain_of
from kontora_connectors.smtp_session import SmtpSession

Security = Literal["starttls", "tls", "none"]

#: Where each kind of security is usually offered.
_PORTS: dict[Security, int] = {"starttls": 587, "tls": 465, "none": 25}
_HERE = ("localhost", "127.0.0.1", "::1")


class SmtpConfig(Config):
    """Which mail server, who sends, and who may be written to."""

    host: str = Field(min_length=1)
    port: int = Field(0, ge=0, le=65535, description="0: 587 with starttls, 465 with tls, 25 without")
    security: Security = Field("starttls", description="starttls, tls or none; there is no way back to an open line")
    ca_file: Path | None = Field(None, description="certificates to trust instead of the system's, as PEM")
    user: str = ""
    password: SecretStr | None = Field(None, description="a reference: env:NAME or file:/path")
    sender: str = Field(description="the address mails come from: `Reports <reports@acme.example>`")
    allowed_recipients: list[str] = Field(
        min_length=1, description="patterns: `*@acme.example`; who fits none is not written to"
    )
    own_domains: list[str] = Field(default_factory=list, description="domains whose mailboxes are the company's own")
    zone: Literal["private", "external"] = Field(
        "external", description="private: mail to own domains stays in the house, and needs no yes"
    )
    timeout_s: float = Field(60.0, gt=0, le=240, description="for all up to the mail, and again for the answer to it")

    @field_validator("sender")
    @classmethod
    def _sender(cls, text: str) -> str:
        try:
            ascii_address(parseaddr(text)[1])
        except Invalid as error:
            raise ValueError(error.message) from None
        return text

    @field_validator("allowed_recipients", "own_domains")
    @classmethod
    def _domains(cls, texts: list[str]) -> list[str]:
        for text in texts:
            try:
                ascii_domain(text)
            except UnicodeError:
                raise ValueError(f"{text!r} holds no domain that there can be") from None
        return texts

    @model_validator(mode="after")
    def _no_password_on_an_open_line(self) -> Self:
        if self.security == "none" and self.user and self.host not in _HERE:
            raise ValueError("a password does not go over an open line: set security to starttls or tls")
        if bool(self.user) != (self.password is not None):
            raise ValueError("user and password belong together: give both or none")
        return self


class Smtp(Connector[SmtpConfig], Delivery, kind="smtp"):
    """Mail through an SMTP server. Its Message-ID is made of the key, so that two of one delivery show as one."""

    def zone_of(self, arguments: dict[str, Any]) -> Zone:
        """Out of the house, unless the settings call the server private and every recipient is in an own domain.

        Raises `Invalid`, and `Forbidden` for a recipient that the settings do not allow.
        """
        domains = {domain_of(address) for address in self._addresses(arguments["recipients"])}
        own = {ascii_domain(domain) for domain in self.config.own_domains}
        return "private" if self.config.zone == "private" and domains <= own else "external"

    def check(self) -> Health:
        """Greet the server and log in."""
        started = time.perf_counter()
        try:
            with self._session():
                pass
        except ConnectorError as error:
            return Health(ok=False, detail=f"{error.message} {error.hint}".strip())
        return Health(ok=True, detail="answers", latency_ms=(time.perf_counter() - started) * 1000)

    @write(idempotency="none", approval="outside", timeout_s=600)
    def deliver(
        self,
        files: Files,
        subject: Headline,
        recipients: Recipients,
        body: Body = "",
        html: Html = "",
        *,
        key: str,
        content_of: ContentOf,
    ) -> Receipt:
        """Send one mail with the files attached, to all recipients or to none.

        A failure before the server had the whole mail is certain and can be tried again; after that it is unknown.
        """
        addresses = self._addresses(recipients)
        letter = Letter(self.config.sender, tuple(addresses), subject, body, html)
        id_, text = letter.written(key, [(file, content_of(file)) for file in files], datetime.now(UTC))
        with self._session() as session:
            answer = session.send(ascii_address(parseaddr(self.config.sender)[1]), addresses, text)
        return Receipt(
            id=id_,
            where=f"{self.config.host}:{self._port}",
            at=datetime.now(UTC),
            recipients=addresses,
            files=list(files),
            answer=answer,
        )

    @property
    def _port(self) -> int:
        return self.config.port or _PORTS[self.config.security]

    def _addresses(self, recipients: list[str]) -> list[str]:
        """The recipients as they go over the wire, each once. Raises `Invalid`, `Forbidden`."""
        if not recipients:
            raise Invalid("A mail needs a recipient.", fields={"recipients": "empty"})
        addresses = {ascii_address(given): given for given in recipients}
        for address, given in addresses.items():
            if not any(fnmatchcase(address.lower(), pattern) for pattern in self._patterns):
                raise Forbidden(
                    f"{self.instance!r} may not write to {given}.",
                    hint=f"allowed_recipients of [connectors.{self.instance}] in kontora.toml says whom it may.",
                )
        return list(addresses)

    @property
    def _patterns(self) -> list[str]:
        """Whom it may write to, with domains as they go over the wire."""
        return [ascii_domain(pattern) for pattern in self.config.allowed_recipients]

    def _session(self) -> SmtpSession:
        config = self.config
        tls = None if config.security == "none" else self._tls()
        password = config.password.get_secret_value() if config.password else ""
        return SmtpSession(
            name=self.instance,
            host=config.host,
            port=self._port,
            tls=tls,
            at_once=config.security == "tls",
            user=config.user,
            password=password,
            timeout_s=config.timeout_s,
        )

    def _tls(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self.config.ca_file)
        except (OSError, ssl.SSLError) as error:
            said = f"The ca_file of {self.instance!r} cannot be read: give a file of certificates in PEM."
            raise Invalid(said, detail=str(error)) from None
