"""A mail as it goes over the wire: plain text, HTML if there is any, attachments with names in any script."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr

from kontora_connectors.canonical import FileRef
from kontora_connectors.errors import Invalid

#: Seven bits only, so that every server can take it.
_POLICY = SMTP.clone(cte_type="7bit")
_LOCAL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}")


def ascii_address(address: str) -> str:
    """An address with its domain as DNS knows it (`xn--…`). Raises `Invalid` if it is none."""
    local, at, domain = address.rpartition("@")
    try:
        wired = ascii_domain(domain).encode("idna").decode()  # which looks at lengths and empty parts too
    except UnicodeError:
        wired = ""
    if not (at and _LOCAL.fullmatch(local) and wired):
        raise Invalid(f"{address!r} is not an address that mail can be sent to.", fields={"recipients": address})
    return f"{local}@{wired}"


def ascii_domain(text: str) -> str:
    """A domain, or a pattern of addresses, in lower case and as DNS knows it. Raises `UnicodeError`."""
    head, at, domain = text.lower().rpartition("@")
    labels = [label if label.isascii() else label.encode("idna").decode() for label in domain.split(".")]
    return f"{head}{at}{'.'.join(labels)}"


def domain_of(address: str) -> str:
    """What stands behind the @."""
    return address.rpartition("@")[2]


@dataclass(frozen=True)
class Letter:
    """What is said, by whom and to whom. `sender` may have a name before its address in angle brackets."""

    sender: str
    recipients: tuple[str, ...]
    subject: str
    body: str
    html: str = ""

    def written(self, key: str, files: Iterable[tuple[FileRef, bytes]], at: datetime) -> tuple[str, bytes]:
        """Return the Message-ID, which only the key decides, and the whole mail with CRLF line ends.

        Raises `Invalid` if a header cannot be written.
        """
        name, address = parseaddr(self.sender)
        wired = ascii_address(address)
        id_ = f"<{key}@{domain_of(wired)}>"
        message = EmailMessage(_POLICY)
        try:
            message["From"] = Address(name, addr_spec=wired)
            message["To"] = tuple(Address(addr_spec=recipient) for recipient in self.recipients)
            message["Subject"] = self.subject
            message["Date"] = at
            message["Message-ID"] = id_
            message["Auto-Submitted"] = "auto-generated"  # so that nobody's absence note comes back
            message.set_content(self.body, charset="utf-8")
            if self.html:
                message.add_alternative(self.html, subtype="html", charset="utf-8")
            for file, content in files:
                _attach(message, file, content)
            return id_, message.as_bytes()
        except (ValueError, LookupError) as error:
            raise Invalid("The mail cannot be written.", detail=str(error)) from error


def _attach(message: EmailMessage, file: FileRef, content: bytes) -> None:
    kind = EmailMessage(_POLICY)
    kind["Content-Type"] = file.media_type
    main, _, sub = kind.get_content_type().partition("/")
    parameters = dict(kind["Content-Type"].params)
    message.add_attachment(content, maintype=main, subtype=sub, filename=file.name, params=parameters)
