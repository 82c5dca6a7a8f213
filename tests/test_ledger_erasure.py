"""Erasing one person: gone from the ledger, its files and its database file; the chains hold and say so."""

from __future__ import annotations

import io
import json
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kontora_workflows.ledger import Ledger, tables
from kontora_workflows.ledger.approvals import Request
from kontora_workflows.ledger.chain import digest
from kontora_workflows.ledger.database import LedgerUnavailable
from kontora_workflows.ledger.erasure import Erasure, NotAtRest, Search, Traces
from kontora_workflows.ledger.person import Person
from kontora_workflows.ledger.runs import NotResumable
from kontora_workflows.ledger.verification import Verification
from sqlalchemy import event, select, text

from tests.command_line import CommandLine
from tests.ledger_book import REPORT, begun, broken, finished, forging, written
from tests.office import office
from tests.test_engine import HEAD

ANNA = Person(["anna@example.com"])


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    opened = Ledger(ledger_url)
    yield opened
    opened.close()


def erase(ledger: Ledger, person: Person = ANNA) -> list[Traces]:
    erasure = Erasure(ledger, person)
    return erasure.erase(erasure.search(), by="local:officer")


# --- who is found ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        "Write to anna@example.com.",
        "\nANNA@Example.COM\t",
        "<anna@example.com>",
        "Ольга Иванова",
        "ОЛЬГА\n  ИВАНОВА",
        'the "Red" O\'Brien',
        "+49 170 1234567",
        "+491701234567",
        "Zoë Müller",
        "Zoe\u0308 Mu\u0308ller",
    ],
)
def test_a_person_is_found_however_the_text_was_written_as_json(said: str) -> None:
    person = Person(["anna@example.com", "ольга иванова", '"Red" O\'Brien', "+49 170 1234567", "Zoë Müller"])
    once = json.dumps({"text": said}, ensure_ascii=False)
    assert person.in_text(once)
    assert person.in_text(json.dumps({"text": said}))
    assert person.in_text(json.dumps({"answer": once}, ensure_ascii=False))
    assert person.in_text(json.dumps({"answer": json.dumps({"text": said})}, ensure_ascii=False))


@pytest.mark.parametrize("said", ["joanna@example.com", "anna@example.community", "annas", "C000421", "XC00042"])
def test_somebody_else_is_not_found(said: str) -> None:
    person = Person(["anna@example.com"], ["party:C00042"])
    assert not person.in_text(json.dumps({"text": said}))


def test_the_id_of_a_record_is_found_where_it_is_one() -> None:
    by_number, by_word = Person(subjects=["party:42"]), Person(subjects=["party:C00042"])
    for said in ('{"party_id":"42"}', '{"party_id":42}', '{"id":"42","name":"A"}', '{"text":"party_id: 42, and"}'):
        assert by_number.in_text(said)
        assert by_number.in_text(json.dumps({"arguments": said}))
    for said in ('{"amount":"42"}', '{"party_id":"421"}', '{"invoice_id":"142"}', '{"lines":42}'):
        assert not by_number.in_text(said)
    assert by_word.in_text('{"text":"c00042 owes 12"}')


def test_a_person_is_found_in_pages_and_workbooks_and_not_in_pictures() -> None:
    person = Person(["Anna O'Meier"])
    page = b"<p>For <b>Anna</b>&nbsp;O&#39;Meier</p>"
    sheet = io.BytesIO()
    with zipfile.ZipFile(sheet, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", "<sst><si><t>Anna O&apos;Meier</t></si></sst>")
    assert person.in_file("text/html", page)
    assert person.in_file("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", sheet.getvalue())
    assert person.in_file("text/plain", b"somebody else") is False
    assert person.in_file("image/png", b"\x89PNG") is None
    assert person.in_file("application/zip", b"PK\x03\x04 torn") is None


@pytest.mark.parametrize(("texts", "subjects"), [([], []), (["a b"], []), ([], ["party:"]), ([], ["C00042"])])
def test_who_is_meant_has_to_be_said(texts: list[str], subjects: list[str]) -> None:
    with pytest.raises(ValueError, match=r"Say whom|everywhere|not a subject"):
        Person(texts, subjects)


# --- what becomes of it ----------------------------------------------------------------------------------------------


def test_looking_for_a_person_changes_nothing(ledger: Ledger) -> None:
    run_id = finished(ledger)
    before = ledger.entries.payloads(run_id)
    found = Erasure(ledger, ANNA).search()
    assert list(found.runs) == [run_id]
    assert found.runs[run_id].payloads == [4, 5]
    assert list(found.runs[run_id].artifacts.values()) == ["r.html"]
    assert ledger.entries.payloads(run_id) == before


def test_what_speaks_of_the_person_is_gone_and_the_chain_says_so(ledger: Ledger) -> None:
    run_id, other = finished(ledger), begun(ledger, inputs={"кто": "Борис"}).run_id
    assert [traces.run_id for traces in erase(ledger)] == [run_id]
    payloads = ledger.entries.payloads(run_id)
    assert [seq for seq, content in payloads.items() if content is None] == [4, 5]
    with ledger.database.read() as connection:
        salts = connection.execute(text("SELECT salt FROM payloads WHERE content IS NULL")).scalars().all()
    assert salts == [None, None]
    (artifact,) = ledger.artifacts.of_run(run_id)
    assert ledger.artifacts.of_run(run_id, erased=False) == []
    last = ledger.entries.of_run(run_id)[-1]
    expected = {"by": "local:officer", "payloads": [4, 5], "artifacts": [artifact.id], "comments": []}
    assert (last.kind, last.data) == ("payload.erased", expected)
    found = Verification(ledger.database).whole()
    assert (found.erased, found.breaks) == (2, [])
    assert ledger.entries.of_run(other)[-1].kind == "run.state"


def test_what_was_copied_out_of_a_payload_goes_with_it(ledger: Ledger) -> None:
    run_id = finished(ledger)
    erase(ledger, Person(["Ольга"], ["party:C00042"]))
    run, asked = ledger.runs.get(run_id), ledger.approvals.page()[0][0]
    assert (run.inputs, run.erased) == ({}, True)
    assert asked.title == "Note for Anna Meier, anna@example.com"
    erase(ledger)
    asked = ledger.approvals.get(asked.id)
    assert (asked.title, asked.arguments) == ("(erased)", None)
    assert broken(ledger) == {}


def test_a_comment_is_erased_where_it_is_shown_and_in_the_chain(ledger: Ledger) -> None:
    run_id = finished(ledger)
    (traces,) = erase(ledger, Person(["as agreed by phone"]))
    (asked,) = ledger.approvals.page()[0]
    assert (traces.run_id, traces.comments, asked.comment) == (run_id, [asked.id], None)
    entries = ledger.entries.of_run(run_id)
    decided = next(entry for entry in entries if entry.kind == "approval.decided")
    assert (traces.payloads, traces.stays) == ([decided.seq], [])
    assert "phone" not in "".join(entry.body for entry in entries)
    assert broken(ledger) == {}


def test_the_comment_of_the_first_of_two_is_erased_too(ledger: Ledger) -> None:
    head = begun(ledger)
    asked = Request("pay", "Pay", "crm.note", "main", {}, digest({}), False, 600_000, people=2)
    ledger.approvals.request(head, head.run_id, asked)
    ((approval,), _) = ledger.approvals.page()
    ledger.approvals.decide(approval.id, "approved", by="one", comment="Anna Meier said so")
    ledger.approvals.decide(approval.id, "approved", by="two")
    ledger.runs.finish(head, "succeeded", output={"steps": {}})
    (traces,) = erase(ledger, Person(["Anna Meier"]))
    assert (len(traces.payloads), traces.stays) == (1, [])
    assert broken(ledger) == {}


def test_what_stays_in_a_chain_is_told(ledger: Ledger) -> None:
    head = begun(ledger, item_key=None, principal="anna@example.com")
    ledger.entries.append(head, "tool.outcome", "greet/anna@example.com", {"error": {"message": "no such person"}})
    ledger.runs.finish(head, "succeeded")
    found = Erasure(ledger, ANNA).search()
    assert found.runs[head.run_id].stays == [1, 3]
    assert not found.runs[head.run_id].erasable
    assert Erasure(ledger, ANNA).erase(found, by="x") == []


def test_a_payload_that_was_only_emptied_is_not_taken_for_erased(ledger: Ledger) -> None:
    run_id = finished(ledger)
    erase(ledger)
    with forging(ledger.database) as connection:
        connection.execute(text("UPDATE payloads SET salt = NULL, content = NULL WHERE seq = 1"))
    assert "no entry says that it was erased" in broken(ledger)[run_id]


def test_what_was_erased_and_is_back_is_found(ledger: Ledger) -> None:
    run_id = finished(ledger)
    with ledger.database.read() as connection:
        rows = [dict(row._mapping) for row in connection.execute(select(tables.payloads))]
    erase(ledger)
    with forging(ledger.database) as connection:
        connection.execute(tables.payloads.delete())
        connection.execute(tables.payloads.insert(), rows)
    assert "is there again" in broken(ledger)[run_id]


def test_nothing_is_erased_while_a_run_that_speaks_of_the_person_goes_on(ledger: Ledger) -> None:
    ended, head = finished(ledger), begun(ledger)
    written(ledger, head)
    erasure = Erasure(ledger, ANNA)
    with pytest.raises(NotAtRest) as busy:
        erasure.erase(erasure.search(), by="x")
    assert busy.value.run_ids == [head.run_id]
    assert None not in ledger.entries.payloads(ended).values()
    with pytest.raises(NotAtRest):  # its worker has not let go of it
        erasure.erase(erasure.search(), by="x", cancel=True)
    assert ledger.runs.get(head.run_id).cancel_requested_at is not None


def test_a_run_that_nobody_works_on_is_cancelled_and_erased(ledger: Ledger) -> None:
    head = begun(ledger)
    written(ledger, head)
    ledger.runs.leave(head, 0, waiting_for="approval")
    erasure = Erasure(ledger, ANNA)
    erasure.erase(erasure.search(), by="x", cancel=True)
    assert ledger.runs.get(head.run_id).state == "cancelled"
    assert Erasure(ledger, ANNA).search() == Search()
    assert broken(ledger) == {}


def test_a_run_whose_inputs_were_erased_cannot_be_resumed(ledger: Ledger) -> None:
    run_id = finished(ledger, state="failed")
    erase(ledger, Person(["Ольга"]))
    with pytest.raises(NotResumable, match="were erased"):
        ledger.runs.resume(run_id, by="boss")


def test_a_replay_that_needs_what_was_erased_says_so(ledger_url: str) -> None:
    steps = """steps:
  - {id: people, call: book.people}
  - {id: shout, approval: {title: Shout, call: book.shout, with: {text: fire}}}
"""
    with office(ledger_url) as here:
        run = here.work_until_rest(here.start(HEAD + steps))
        (asked,) = here.ledger.approvals.page()[0]
        here.ledger.approvals.decide(asked.id, "approved", by="boss")
        here.notebook.down = 1
        assert here.work_until_rest(run).state == "needs_review"
        assert [traces.run_id for traces in erase(here.ledger, Person(["Борис"]))] == [run.id]
        here.ledger.runs.settle(run.id, "shout", done=True, result="fire", by="boss")
        failed = here.work_until_rest(run)
        assert failed.error is not None
        assert (failed.state, failed.error["code"]) == ("failed", "erased")
        assert broken(here.ledger) == {}


# --- down to the bytes -----------------------------------------------------------------------------------------------


def test_the_bytes_are_gone_from_the_database_file_and_the_reports(tmp_path: Path) -> None:
    kontora = CommandLine(tmp_path)
    ledger = Ledger(f"sqlite:///{kontora.home / 'ledger.db'}")
    try:
        for _ in range(40):
            finished(ledger)
        kept = begun(ledger, inputs={"note": "x" * 3_000})
        ledger.runs.finish(kept, "succeeded")
        runs = [run.id for run in ledger.runs.page(limit=100).items if run.id != kept.run_id]
    finally:
        ledger.close()
    copy = kontora.home / "reports" / runs[0] / "r.html"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(REPORT)
    said = kontora("ledger", "erase", "--text", "anna@example.com", "--text", "Anna Meier")
    assert "Nothing was erased" in said.stderr
    assert holding(kontora.home, b"anna@example.com")
    said = kontora("ledger", "erase", "--text", "anna@example.com", "--text", "Anna Meier", "--yes")
    assert said.exit_code == 0, said.stderr
    assert not holding(kontora.home, b"anna@example.com")
    assert not holding(kontora.home, b"Anna Meier")
    assert not copy.exists()
    assert holding(kontora.home, b"x" * 2_000)
    assert kontora("ledger", "verify", "--json").document["erased"] == 80


def test_the_bytes_are_gone_where_sqlite_was_not_built_to_overwrite_them(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    try:
        connect = event.listens_for(ledger.database.engine, "connect")
        connect(lambda connection, _: connection.execute("PRAGMA secure_delete = OFF"))
        ledger.database.engine.dispose()
        for _ in range(40):
            finished(ledger)
        erase(ledger, Person(["anna@example.com", "Anna Meier"]))
        assert holding(tmp_path, b"anna@example.com")
        assert ledger.database.scrub()
        assert not holding(tmp_path, b"anna@example.com")
    finally:
        ledger.close()


def test_a_file_that_somebody_reads_is_not_said_to_be_clean(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    try:
        finished(ledger)
        with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM payloads").fetchone()
            erase(ledger)
            with pytest.raises(LedgerUnavailable, match="another process uses it"):
                ledger.database.scrub()
        assert ledger.database.scrub()
        assert not holding(tmp_path, b"anna@example.com")
    finally:
        ledger.close()


def holding(folder: Path, sought: bytes) -> list[Path]:
    """Files below a folder that hold these bytes."""
    return [path for path in folder.rglob("*") if path.is_file() and sought in path.read_bytes()]
