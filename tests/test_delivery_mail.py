"""Delivering by mail, to a real server that does what real servers do: what is certain is told from what is not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kontora_connectors import AuthFailed, ConnectorError, Forbidden, Invalid, OutcomeUnknown, Unavailable
from kontora_connectors.smtp import Smtp
from pydantic import SecretStr, ValidationError

from tests.delivery_place import PASSWORD, MailServer, Torn, file_ref, mail_server, put
from tests.services import free_port

REPORT = ("Старение дебиторской задолженности — ООО «Контора», ноябрь 2026.html", "<p>18 412 907,36 ₽</p>".encode())
BOOK = ("ageing.xlsx", bytes(range(256)) * 40)
BOSS = "boss@acme.example"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MailServer]:
    with mail_server(tmp_path) as server:
        yield server


def test_a_mail_arrives_whole_in_any_script_with_its_files(server: MailServer) -> None:
    body = "Добрый день!\n.\nСтрока, которая начинается с точки\r..и две\n" + "длинно " * 300
    receipt = put(
        server.connector(),
        REPORT,
        BOOK,
        subject="Отчёт: ₽ за ноябрь",
        recipients=[BOSS, "bank@bank.example"],
        body=body,
        html="<b>Итог</b>",
    )
    mail = server.box.mail()
    assert mail["Subject"] == "Отчёт: ₽ за ноябрь"
    assert str(mail["From"]) == "Контора <reports@acme.example>"
    assert str(mail["To"]) == "boss@acme.example, bank@bank.example"
    assert mail["Auto-Submitted"] == "auto-generated"
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().split() == body.split()
    assert html.get_content().strip() == "<b>Итог</b>"
    assert [(part.get_filename(), part.get_payload(decode=True)) for part in mail.iter_attachments()] == [REPORT, BOOK]
    assert server.box.mails[-1].rcpt_tos == [BOSS, "bank@bank.example"]
    assert receipt.id == mail["Message-ID"] == "<kontora-1@acme.example>"
    assert receipt.where == f"127.0.0.1:{server.port}"
    assert receipt.files == [file_ref(*REPORT), file_ref(*BOOK)]
    assert "queued as 1" in receipt.answer


def test_only_seven_bits_and_whole_lines_go_over_the_wire(server: MailServer) -> None:
    put(server.connector(), REPORT, recipients=[BOSS], body="раз\nдва\rтри\n.\n", subject="Ы" * 200)
    wire = server.box.wire()
    assert max(wire) < 128
    assert b"\n" not in wire.replace(b"\r\n", b"")
    assert b"\r" not in wire.replace(b"\r\n", b"")
    assert max(len(line) for line in wire.split(b"\r\n")) <= 998


def test_an_address_in_another_script_and_a_repeated_one_go_to_one_mailbox(server: MailServer) -> None:
    post = server.connector(allowed_recipients=["*@контора.рф"])
    receipt = put(post, BOOK, recipients=["boss@Контора.рф", "boss@xn--80atjdbmm.xn--p1ai"])
    assert receipt.recipients == ["boss@xn--80atjdbmm.xn--p1ai"] == server.box.mails[-1].rcpt_tos


# What goes wrong, and whether it is certain that nothing was sent.
FAULTS: list[tuple[str, type[ConnectorError], int]] = [
    ("dropped before the mail", Unavailable, 0),
    ("slow before the mail", Unavailable, 0),
    ("sender refused", Forbidden, 0),
    ("later", Unavailable, 0),
    ("never", Invalid, 0),
    ("dropped after the mail", OutcomeUnknown, 1),
    ("slow after the mail", OutcomeUnknown, 1),
]


@pytest.mark.parametrize(("fault", "error", "mails"), FAULTS, ids=[fault for fault, _, _ in FAULTS])
def test_what_goes_wrong_before_the_last_dot_is_certain_and_after_it_unknown(
    server: MailServer, fault: str, error: type[ConnectorError], mails: int
) -> None:
    server.box.fault, server.box.slow_s = fault, 1.0
    with pytest.raises(error) as raised:
        put(server.connector(timeout_s=0.4), BOOK, recipients=[BOSS])
    assert type(raised.value) is error
    assert "Traceback" not in raised.value.message
    time.sleep(0.7 if "slow" in fault else 0)  # a late answer changes nothing
    assert len(server.box.mails) == mails


def test_a_line_that_breaks_while_the_mail_is_sent_is_certain(tmp_path: Path) -> None:
    with mail_server(tmp_path, kind=Torn) as server, pytest.raises(Unavailable, match="nothing was sent"):
        put(server.connector(), ("big.bin", b"x" * 8_000_000), recipients=[BOSS])


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("550 5.1.1 no such mailbox", Invalid),
        ("450 4.2.0 greylisted", Unavailable),
        ("530 5.7.0 log in", AuthFailed),
    ],
)
def test_if_one_recipient_is_refused_nobody_gets_the_mail(
    server: MailServer, answer: str, error: type[ConnectorError]
) -> None:
    server.box.refused["gone@acme.example"] = answer
    with pytest.raises(error) as raised:
        put(server.connector(), BOOK, recipients=[BOSS, "gone@acme.example"])
    assert answer[:3] in raised.value.detail
    assert server.box.mails == []


def test_a_mail_that_is_too_large_is_not_begun(tmp_path: Path) -> None:
    with mail_server(tmp_path, size=20_000) as server:
        with pytest.raises(Invalid, match="takes 20,000"):
            put(server.connector(), ("big.bin", b"x" * 20_000), recipients=[BOSS])
        assert put(server.connector(), ("small.bin", b"x" * 2_000), recipients=[BOSS])


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_login_goes_over_a_trusted_line_alone(tmp_path: Path, security: str) -> None:
    with mail_server(tmp_path, tls=security) as server:

        def post(password: str = PASSWORD, **settings: Any) -> Smtp:
            login = {"user": "kontora", "password": SecretStr(password), "ca_file": server.ca_file}
            return server.connector(security=security, **{**login, **settings})

        assert put(post(), BOOK, recipients=[BOSS])
        assert post().check().ok
        with pytest.raises(AuthFailed) as refused:
            put(post("wrong"), BOOK, recipients=[BOSS])
        assert "wrong" not in refused.value.message + refused.value.detail
        assert "refused the login" in post("wrong").check().detail
        with pytest.raises(Unavailable, match="not trusted"):
            put(post(ca_file=None), BOOK, recipients=[BOSS])
        with pytest.raises(Invalid, match="cannot be read"):
            put(post(ca_file=tmp_path / "none.pem"), BOOK, recipients=[BOSS])
        assert len(server.box.mails) == 1


def test_a_server_without_starttls_gets_nothing_over_an_open_line(server: MailServer) -> None:
    with pytest.raises(Invalid, match="does not offer"):
        put(server.connector(security="starttls", ca_file=server.ca_file), BOOK, recipients=[BOSS])
    assert server.box.mails == []


def test_a_server_that_is_not_there_is_unavailable(server: MailServer) -> None:
    nowhere = server.connector(port=free_port())
    with pytest.raises(Unavailable, match="does not answer"):
        put(nowhere, BOOK, recipients=[BOSS])
    assert "does not answer" in nowhere.check().detail


def test_whom_the_settings_do_not_name_is_not_written_to(server: MailServer) -> None:
    post = server.connector()
    for stranger in ("x@evil.example", "x@acme.example.evil.example", "acme.example@evil.example"):
        with pytest.raises(Forbidden, match="may not write to"):
            post.zone_of({"recipients": [BOSS, stranger]})
        with pytest.raises(Forbidden):
            put(post, BOOK, recipients=[BOSS, stranger])
    for nobody in ([], ["бухгалтер@acme.example"], ["x@"], ["x@a..b"], ['"a b"@acme.example']):
        with pytest.raises(Invalid):
            post.zone_of({"recipients": nobody})
    assert server.box.mails == []


@pytest.mark.parametrize(
    ("zone", "recipients", "where"),
    [
        ("external", [BOSS], "external"),
        ("private", [BOSS], "private"),
        ("private", ["boss@ACME.example"], "private"),
        ("private", [BOSS, "bank@bank.example"], "external"),
    ],
)
def test_a_mail_stays_in_the_house_only_if_all_who_get_it_do(
    server: MailServer, zone: str, recipients: list[str], where: str
) -> None:
    post = server.connector(zone=zone, allowed_recipients=["*"])
    assert post.zone_of({"recipients": recipients}) == where


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"allowed_recipients": []}, "at least 1 item"),
        ({"sender": "nobody"}, "is not an address"),
        ({"own_domains": ["я" * 80]}, "no domain"),
        ({"host": "mail.acme.example", "user": "u", "password": "p"}, "open line"),
        ({"user": "u"}, "belong together"),
        ({"zone": "local"}, "'private' or 'external'"),
        ({"timeout_s": 1000}, "less than or equal to 240"),
    ],
)
def test_wrong_settings_say_what_is_right(server: MailServer, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        server.config(**settings)


def test_a_subject_cannot_bring_a_header_of_its_own(server: MailServer) -> None:
    subject = "Report\r\nBcc: evil@evil.example"
    tool = Smtp.tools()["deliver"]
    given = {"files": [file_ref(*BOOK).model_dump()], "subject": subject, "recipients": [BOSS]}
    with pytest.raises(Invalid, match="subject"):
        tool.validate(given)
    with pytest.raises(Invalid):
        put(server.connector(), BOOK, recipients=[BOSS], subject=subject)
    assert server.box.mails == []


def test_the_password_is_shown_nowhere(server: MailServer) -> None:
    post = server.connector(security="starttls", user="u", password=SecretStr("hunter2"), ca_file=server.ca_file)
    assert "hunter2" not in repr(post.config) + repr(post._session())
