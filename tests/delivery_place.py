"""A place to deliver from: files by reference, a mail server with faults, and an office whose doors lead there."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from kontora_connectors import Connector, FileRef, Receipt
from kontora_connectors.folder import Folder, FolderConfig
from kontora_connectors.smtp import Smtp, SmtpConfig
from kontora_workflows.engine.engine import Engine
from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.run import Run
from kontora_workflows.loader import load_workflow
from kontora_workflows.starting import Start, start_run

from tests.office import TODAY, Notebook, Office
from tests.services import free_port

PASSWORD = "correct horse"


def file_ref(name: str, content: bytes, media_type: str = "text/plain; charset=utf-8") -> FileRef:
    return FileRef(name=name, media_type=media_type, size=len(content), sha256=hashlib.sha256(content).hexdigest())


def folder(path: Path, **settings: Any) -> Folder:
    return Folder(FolderConfig(path=path, **settings), instance="share")


def put(
    where: Connector[Any], *files: tuple[str, bytes], key: str = "kontora-1", subject: str = "Report", **more: Any
) -> Receipt:
    """Deliver without a host: `files` are names and contents."""
    refs = {file_ref(*file): file[1] for file in files}
    given = {"recipients": [], **more}
    deliver = cast(Any, where).deliver
    return cast(Receipt, deliver(list(refs), subject, key=key, content_of=refs.__getitem__, **given))


class Postbox:
    """What the mail server does. `fault` is done once (or each time, with `always`) at the place it names."""

    def __init__(self) -> None:
        self.mails: list[Envelope] = []
        self.fault = ""
        self.always = False
        self.slow_s = 0.0
        self.refused: dict[str, str] = {}

    def _is(self, fault: str) -> bool:
        if self.fault != fault:
            return False
        self.fault = fault if self.always else ""
        return True

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._is("dropped before the mail"):
            _drop(server)
        if self._is("slow before the mail"):
            await asyncio.sleep(self.slow_s)
        if self._is("sender refused"):
            return "550 5.7.1 not you"
        envelope.mail_from = address
        return "250 2.1.0 Ok"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self._is("later"):
            return "451 4.3.0 try again later"
        if self._is("never"):
            return "554 5.7.1 refused by policy"
        self.mails.append(envelope)
        if self._is("dropped after the mail"):
            _drop(server)
        if self._is("slow after the mail"):
            await asyncio.sleep(self.slow_s)
        return f"250 2.0.0 Ok: queued as {len(self.mails)}"

    def mail(self, number: int = -1) -> EmailMessage:
        """A mail as its reader gets it."""
        return message_from_bytes(self.wire(number), policy=policy.default)

    def wire(self, number: int = -1) -> bytes:
        """A mail as it came."""
        content = self.mails[number].original_content
        assert isinstance(content, bytes)
        return content


def _drop(server: SMTP) -> None:
    cast(asyncio.WriteTransport, server.transport).abort()


class Torn(SMTP):
    """A server that breaks the line while the mail is being sent."""

    async def smtp_DATA(self, arg: str) -> None:
        await self.push("354 go on")
        _drop(self)


@dataclass
class MailServer:
    """A real SMTP server on loopback. `ca_file` holds the authority of its certificate."""

    port: int
    box: Postbox
    ca_file: Path

    def config(self, **settings: Any) -> SmtpConfig:
        plain: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": self.port,
            "security": "none",
            "sender": "Контора <reports@acme.example>",
            "allowed_recipients": ["*@acme.example", "*@bank.example"],
            "own_domains": ["acme.example"],
            "timeout_s": 10,
        }
        return SmtpConfig(**{**plain, **settings})

    def connector(self, **settings: Any) -> Smtp:
        return Smtp(self.config(**settings), instance="post")


def authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: Any) -> AuthResult:
    assert isinstance(given, LoginPassword)
    return AuthResult(success=given.password == PASSWORD.encode(), handled=False)


@contextmanager
def mail_server(
    tmp_path: Path, *, tls: str = "", kind: type[SMTP] = SMTP, size: int = 33_554_432
) -> Iterator[MailServer]:
    """Run a mail server. `tls`: `starttls`, `tls` or nothing; with it a login is taken."""
    authority, box, port = trustme.CA(), Postbox(), free_port()
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    class Server(Controller):
        def factory(self) -> SMTP:
            options: dict[str, Any] = {"authenticator": authenticate, "auth_require_tls": False} if tls else {}
            options |= {"tls_context": context} if tls == "starttls" else {}
            return kind(box, hostname="127.0.0.1", data_size_limit=size, **options)

    server = Server(box, hostname="127.0.0.1", port=port, ssl_context=context if tls == "tls" else None)
    server.start()
    try:
        yield MailServer(port, box, ca_file)
    finally:
        server.stop()


@dataclass
class TheseDoors:
    """Connectors by name; a role is bound to the connector of its own name."""

    connectors: dict[str, Connector[Any]]

    def limit(self, instance: str) -> int | None:
        return None

    def bind(self, roles: dict[str, dict[str, str | None]], given: dict[str, str]) -> dict[str, str]:
        return {role: given.get(role, role) for role in roles}

    def open(self, instance: str) -> Connector[Any]:
        return self.connectors[instance]

    def kind(self, instance: str) -> type[Connector[Any]]:
        return type(self.connectors[instance])


@dataclass
class Mailroom(Office):
    """An office with doors of its own: `book` is the notebook, the others are what a test puts there."""

    doors: TheseDoors = field(default_factory=lambda: TheseDoors({}))

    def worker(self, name: str = "one") -> Engine:
        engine = super().worker(name)
        engine.doors = self.doors
        return engine

    def start(self, text: str, **given: Any) -> Run:
        workflow = load_workflow(text, source="test.yaml")
        run, _ = start_run(self.ledger, self.doors, workflow, Start("tester", "cli", given), today=TODAY)
        return run

    def decide(self, decision: Any = "approved") -> None:
        """Decide the one approval that is open."""
        (approval,), _ = self.ledger.approvals.page(state="pending")
        self.ledger.approvals.decide(approval.id, decision, by="boss")

    def take_over(self, run: Run) -> Run:
        """Let the lease of a worker that died run out, and another one go on."""
        self.ledger.runs.heartbeat(run.id, self.ledger.runs.get(run.id).fence, -1000)
        self.worker("heir").work(run.id)
        return self.ledger.runs.get(run.id)


@contextmanager
def mailroom(ledger_url: str, url: str = "", **connectors: Connector[Any]) -> Iterator[Mailroom]:
    """Open a mailroom; `url` is a rehearsal's, where an agent works."""
    ledger, notebook = Ledger(ledger_url), Notebook()
    here = Mailroom(ledger, notebook, url, doors=TheseDoors({"book": notebook, **connectors}))
    try:
        yield here
    finally:
        here.close()
        ledger.close()
