"""Files that a run writes: whoever copies them is told, and what was noted before them keeps its place."""

from __future__ import annotations

from kontora_workflows.engine.journal import Journal
from kontora_workflows.ledger import Ledger

from tests.ledger_book import new_run
from tests.office import office
from tests.test_engine import CLERK, READING
from tests.test_replay import FULL


def test_whoever_copies_files_is_told_of_runs_that_wrote_some_and_of_no_others(ledger_url: str) -> None:
    told: list[str] = []
    with office(ledger_url, CLERK) as here:
        for text in (READING, FULL):
            run = here.start(text)
            engine = here.worker()
            engine.on_files = told.append
            while engine.work(run.id):
                for approval in here.ledger.approvals.page(state="pending")[0]:
                    here.ledger.approvals.decide(approval.id, "approved", by="boss")
            assert here.ledger.runs.get(run.id).state == "succeeded"
        assert set(told) == {run.id}


def test_what_was_noted_before_a_file_keeps_its_place_and_its_payload(ledger_url: str) -> None:
    ledger = Ledger(ledger_url)
    run, _ = ledger.runs.create(new_run())
    claim = ledger.runs.claim(run.id, "one", 5000)
    assert claim is not None
    journal = Journal(ledger, claim)
    journal.note("step.started", "report", {})
    journal.remember(ledger.artifacts.write(journal.head, "report/a.html", "a.html", "text/html", b"a"))
    journal.finish_step("report", {}, payload={"figures": [1]})
    journal.note("step.started", "next", {})
    journal.append("tool.intended", "next", {"tool": "erp.read"}, payload={"arguments": {}})
    stored = {(one.kind, one.key): one.seq for one in ledger.entries.of_run(run.id)}
    for kind, key in (("step.started", "report"), ("step.finished", "report"), ("step.started", "next")):
        entry = journal.recorded(kind, key)
        assert entry is not None
        assert entry.seq == stored[kind, key]
    finished = journal.recorded("step.finished", "report")
    assert finished is not None
    assert journal.payload(finished) == {"figures": [1]}
    ledger.close()
