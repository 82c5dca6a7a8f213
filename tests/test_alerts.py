"""An alert reaches the log, a webhook and a mailbox, each until it took it; no receiver holds up a sweep."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from kontora_worker.alerting import Alerting, signature
from kontora_worker.house import House
from kontora_worker.settings import AlertSettings, SettingsInvalid, load_settings, read_secret
from kontora_worker.supervisor import Supervisor
from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.alerts import Alert, AlertKind
from kontora_workflows.ledger.tables import alerts as table
from kontora_workflows.ledger.tables import schedules
from sqlalchemy import update

from tests.delivery_place import PASSWORD, MailServer, mail_server
from tests.doc_pages import page
from tests.services import free_port

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOKEN = "t0ken-in-the-path"
AT = 1_795_572_000_000


def receiver_of_the_page() -> Callable[[Any, bytes, str], bool]:
    """The check that docs/alerts.md gives to receivers."""
    (block,) = [one for one in page("docs/alerts.md").blocks if one.language == "python"]
    names: dict[str, Any] = {}
    exec(compile(block.text, "docs/alerts.md", "exec"), names)
    check: Callable[[Any, bytes, str], bool] = names["is_genuine"]
    return check


is_genuine = receiver_of_the_page()


@dataclass
class Receiver:
    """What came to a webhook. `answers` are given one after the other, then 204; a forged one gets 401."""

    port: int = 0
    answers: list[int] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    asked: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    wait: Callable[[], bool] = lambda: True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/{TOKEN}"

    def answer(self, headers: dict[str, str], body: bytes) -> int:
        self.asked.append((headers, body))
        if not is_genuine(headers, body, KEY):
            return 401
        code = self.answers.pop(0) if self.answers else 204 if self.wait() else 500
        if code == 204:
            self.taken.append(json.loads(body))
        return code


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a web server that takes alerts."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(receiver.answer(headers, body))
            self.send_header("location", "/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def post(tmp_path: Path) -> Iterator[MailServer]:
    with mail_server(tmp_path, tls="starttls") as server:
        yield server


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield ledger
    ledger.database.close()


def alarm(ledger: Ledger, kind: AlertKind = "run_failed", message: str = "report ended as failed") -> Alert:
    with ledger.database.write() as connection:
        ledger.alerts.raise_in(
            connection, kind, schedule_id="sch_1", logical_at=AT, workflow="report", message=message, run_id="run_1"
        )
    return ledger.alerts.last(1)[0]


def webhook(receiver: Receiver, **more: Any) -> dict[str, Any]:
    return {"webhook": {"url": receiver.url, "secret": KEY, **more}}


def mailing(server: MailServer, **more: Any) -> dict[str, Any]:
    login = {"user": "kontora", "password": PASSWORD, "ca_file": server.ca_file}
    places = {"host": "127.0.0.1", "port": server.port, "sender": "Контора <kontora@acme.example>"}
    return {"mail": {**places, **login, "recipients": ["it@acme.example"], **more}}


def alerting(ledger: Ledger, **settings: Any) -> Alerting:
    return Alerting(ledger.alerts, AlertSettings.model_validate(settings), read_secret)


def become_due(ledger: Ledger) -> None:
    """Let the pause before the next try be over."""
    with ledger.database.write() as connection:
        connection.execute(update(table).where(table.c.next_at.is_not(None)).values(next_at=0))


def tries_logged(caplog: pytest.LogCaptureFixture) -> int:
    return sum("was not taken" in record.getMessage() for record in caplog.records)


# --- webhook ------------------------------------------------------------------------------------------------------


def test_a_signature_is_the_one_that_standard_webhooks_asks_for() -> None:
    """The example of its libraries."""
    signed = signature(KEY, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signature("any text", "a", 1, b"") != signature("another", "a", 1, b"")


@pytest.mark.parametrize("secret", ["whsec_no base64", "whsec_", ""])
def test_a_secret_that_is_none_is_said_and_nothing_is_sent(
    ledger: Ledger, receiver: Receiver, caplog: pytest.LogCaptureFixture, secret: str
) -> None:
    alarm(ledger)
    alerting(ledger, **webhook(receiver, secret=secret)).deliver()
    assert receiver.asked == []
    assert "The secret of [alerts.webhook]" in caplog.text
    assert ledger.alerts.last()[0].pending == "webhook"


def test_a_receiver_that_fails_twice_takes_the_alert_at_the_third_try(ledger_url: str, receiver: Receiver) -> None:
    ledger = Ledger(ledger_url)
    alert, receiver.answers = alarm(ledger), [500, 302]
    for pauses in range(3):
        alerting(ledger, **webhook(receiver)).deliver()
        assert len(receiver.asked) == pauses + 1
        alerting(ledger, **webhook(receiver)).deliver()  # too early
        become_due(ledger)
    assert len(receiver.asked) == 3
    assert {headers["webhook-id"] for headers, _ in receiver.asked} == {alert.id}
    assert len({body for _, body in receiver.asked}) == 1
    (document,) = receiver.taken
    assert document == {
        "type": "kontora.alert.run_failed",
        "timestamp": document["timestamp"],
        "data": {
            "id": alert.id,
            "kind": "run_failed",
            "workflow": "report",
            "schedule": "sch_1",
            "logical_at": "2026-11-25T02:00:00.000Z",
            "run": "run_1",
            "message": "report ended as failed",
        },
    }
    (done,) = ledger.alerts.last()
    assert (done.pending, done.next_at) == ("", None)
    ledger.database.close()


def test_a_receiver_refuses_what_another_secret_signed(ledger: Ledger, receiver: Receiver) -> None:
    alarm(ledger)
    alerting(ledger, **webhook(receiver, secret="whsec_" + "AAAA" * 8)).deliver()
    assert receiver.taken == []
    assert ledger.alerts.last()[0].pending == "webhook"
    become_due(ledger)
    alerting(ledger, **webhook(receiver)).deliver()
    assert len(receiver.taken) == 1


def test_an_alert_goes_out_once_though_three_race(ledger_url: str, receiver: Receiver) -> None:
    ledgers = [Ledger(ledger_url) for _ in range(3)]
    alerts = {alarm(ledgers[0], kind).id for kind in ("run_failed", "missed", "never_came", "not_started")}
    start = threading.Barrier(3)

    def race(ledger: Ledger) -> None:
        start.wait()
        alerting(ledger, **webhook(receiver)).deliver()

    threads = [threading.Thread(target=race, args=(ledger,)) for ledger in ledgers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receiver.asked) == len(alerts)
    assert {one["data"]["id"] for one in receiver.taken} == alerts
    assert ledgers[0].alerts.due() == []
    for ledger in ledgers:
        ledger.database.close()


# --- mail and log -------------------------------------------------------------------------------------------------


def test_a_mail_says_what_happened_and_its_message_id_is_the_alerts(ledger: Ledger, post: MailServer) -> None:
    alert = alarm(ledger, "never_came", "Отчёт has not ended yet")
    alerting(ledger, **mailing(post)).deliver()
    mail = post.box.mail()
    assert mail["Message-ID"] == f"<{alert.id}@acme.example>"
    assert mail["Subject"] == "Kontora: report: a run has not ended yet"
    assert post.box.mails[-1].rcpt_tos == ["it@acme.example"]
    assert "Отчёт has not ended yet" in mail.get_content()
    assert "2026-11-25T02:00:00.000Z" in mail.get_content()
    assert ledger.alerts.last()[0].next_at is None


def test_only_the_channel_that_did_not_take_an_alert_is_tried_again(
    ledger: Ledger, receiver: Receiver, post: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    alarm(ledger)
    post.box.fault = "later"
    both = alerting(ledger, **webhook(receiver), **mailing(post))
    both.deliver()
    assert (len(receiver.taken), post.box.mails) == (1, [])
    assert ledger.alerts.last()[0].pending == "mail"
    become_due(ledger)
    both.deliver()
    assert (len(receiver.asked), len(post.box.mails)) == (1, 1)
    assert tries_logged(caplog) == 1
    assert ledger.alerts.last()[0].next_at is None


def test_a_channel_that_is_not_configured_any_more_is_not_waited_for(ledger: Ledger) -> None:
    alarm(ledger)
    dead = {"webhook": {"url": f"http://127.0.0.1:{free_port()}", "secret": KEY}}
    alerting(ledger, **dead).deliver()
    become_due(ledger)
    alerting(ledger).deliver()
    assert ledger.alerts.last()[0].next_at is None


def test_the_log_has_an_alert_once_and_in_one_line(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    alert = alarm(ledger, message="it\n2026-11-25 ERROR forged")
    for _ in range(2):
        alerting(ledger, webhook={"url": f"http://127.0.0.1:{free_port()}", "secret": KEY}).deliver()
        become_due(ledger)
    assert tries_logged(caplog) == 2
    (record,) = [one for one in caplog.records if "was not taken" not in one.getMessage()]
    assert (record.name, record.levelno) == ("kontora.alerts", logging.ERROR)
    assert record.getMessage() == f"alert {alert.id} (run_failed): it 2026-11-25 ERROR forged"


def test_no_secret_gets_into_the_log_whatever_goes_wrong(
    ledger: Ledger, receiver: Receiver, post: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.answers = [503]
    dead = f"http://me:hunter2@127.0.0.1:{free_port()}/{TOKEN}"
    wrong = [
        "nonsense",
        f"ftp://127.0.0.1/{TOKEN}",
        f"http://me:hunter2@[/{TOKEN}",
        "env:NOT_THERE",
        dead,
        receiver.url,
    ]
    logins: list[dict[str, Any]] = [{"password": "hunter2"}, {"password": "file:/not/there"}, {"port": free_port()}] * 2
    alarm(ledger)
    for url, login in zip(wrong, logins, strict=True):
        alerting(ledger, **webhook(receiver, url=url), **mailing(post, **login)).deliver()
        become_due(ledger)
    assert tries_logged(caplog) == 12
    alerting(ledger, **webhook(receiver), **mailing(post)).deliver()
    assert (len(receiver.taken), len(post.box.mails)) == (1, 1)
    for secret in (TOKEN, "hunter2", PASSWORD, KEY, KEY.removeprefix("whsec_")):
        assert secret not in caplog.text


def test_a_ledger_that_does_not_answer_is_logged_and_not_raised(
    ledger: Ledger, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (nowhere := Ledger(f"sqlite:///{tmp_path / 'empty.db'}", migrate=False)).database.close()
    alerting(nowhere).deliver()
    nowhere.database.close()
    (record,) = caplog.records
    assert "does not look so" in record.getMessage()
    assert record.exc_info is None


def test_what_nobody_foresaw_is_logged_by_name_alone_and_tried_again(
    ledger: Ledger, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_reference: str) -> str:
        raise RuntimeError("hunter2")

    alarm(ledger)
    Alerting(ledger.alerts, AlertSettings.model_validate(webhook(receiver)), broken).deliver()
    assert "RuntimeError." in caplog.text
    assert "hunter2" not in caplog.text
    assert ledger.alerts.last()[0].pending == "webhook"


# --- settings and the worker --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mail", "said"),
    [
        ({"sender": "nobody"}, "not an address"),
        ({"recipients": ["nobody"]}, "not an address"),
        ({"recipients": []}, "at least 1"),
        ({"user": "kontora"}, "user and password belong together"),
        ({"security": "none", "user": "kontora", "password": "hunter2"}, "open line"),
        ({"bcc": "x"}, "not permitted"),
    ],
)
def test_settings_that_no_mail_can_be_sent_with_are_refused_without_their_secrets(
    tmp_path: Path, mail: dict[str, Any], said: str
) -> None:
    given = {"host": "mail.acme.example", "sender": "k@acme.example", "recipients": ["it@acme.example"], **mail}
    lines = [f"{name} = {json.dumps(value)}" for name, value in given.items()]
    (tmp_path / "kontora.toml").write_text("\n".join(["[alerts.mail]", *lines]), encoding="utf-8")
    with pytest.raises(SettingsInvalid) as raised:
        load_settings(str(tmp_path))
    assert said in str(raised.value)
    assert "alerts.mail" in str(raised.value)
    assert "hunter2" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_settings_of_alerts_do_not_show_their_secrets(receiver: Receiver) -> None:
    settings = AlertSettings.model_validate(webhook(receiver))
    assert TOKEN not in settings.model_dump_json() + repr(settings)
    assert KEY not in settings.model_dump_json() + repr(settings)


def test_an_alert_goes_out_though_a_part_of_the_sweep_trips(tmp_path: Path, receiver: Receiver) -> None:
    (tmp_path / "kontora.toml").write_text(
        f'sweep_s = 0.1\n[alerts.webhook]\nurl = "{receiver.url}"\nsecret = "{KEY}"\n', encoding="utf-8"
    )
    house = House(load_settings(str(tmp_path)))
    house.ledger.schedules.add(
        "w", "0 2 * * *", "UTC", {}, policy={}, expect_ms=None, next_at=1, origin="cli", principal="tester"
    )
    with house.ledger.database.write() as connection:
        connection.execute(update(schedules).values(inputs="no JSON"))
    with pytest.raises(ValueError, match="Expecting value"):
        house.sweeper.sweep()
    alarm(house.ledger)
    Supervisor(house, concurrency=1, until_idle=True).run()
    assert len(receiver.taken) == 1
    house.close()


def test_a_slow_receiver_holds_up_no_sweep_and_the_worker_waits_for_it_at_the_end(
    tmp_path: Path, receiver: Receiver
) -> None:
    (tmp_path / "kontora.toml").write_text(
        f'sweep_s = 0.1\n[alerts.webhook]\nurl = "{receiver.url}"\nsecret = "{KEY}"\n', encoding="utf-8"
    )
    house = House(load_settings(str(tmp_path)))
    supervisor = Supervisor(house, concurrency=1)
    seen: set[int] = set()

    def five_sweeps_later() -> bool:
        pause = threading.Event()
        for _ in range(40):
            seen.update(one.seen_at for one in house.ledger.workers.alive())
            if len(seen) >= 5:
                supervisor.stop()
                return not pause.wait(0.5)  # the worker has left its loop, and we have not answered
            pause.wait(0.1)
        return False

    receiver.wait = five_sweeps_later
    alarm(house.ledger)
    supervisor.run()
    assert len(seen) >= 5
    assert len(receiver.taken) == 1
    assert house.ledger.alerts.last()[0].next_at is None
    house.close()
