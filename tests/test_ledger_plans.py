"""How the database answers what is asked all the time: by an index, in order, however much there is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from kontora_workflows.ledger import Ledger, tables
from kontora_workflows.ledger.creation import existing
from sqlalchemy import event, text

from tests.ledger_book import DEFINITION, finished, new_run

RUNS = 20_000
RUN, CURSOR = f"run_{7:026d}", f"10000~run_{10_000:026d}"

#: What is asked all the time.
HOT: dict[str, Callable[[Ledger], object]] = {
    "claim": lambda ledger: ledger.runs.claim(RUN, "one", 1_000),
    "heartbeat": lambda ledger: ledger.runs.heartbeat(RUN, 1, 1_000),
    "to_send": lambda ledger: ledger.runs.to_send(10_000),
    "mark_sent": lambda ledger: ledger.runs.mark_sent([RUN]),
    "overdue": lambda ledger: ledger.runs.overdue(),
    "busy": lambda ledger: ledger.runs.busy(),
    "neglected": lambda ledger: ledger.runs.neglected(10_000),
    "to_stop": lambda ledger: ledger.runs.to_stop(),
    "orphans": lambda ledger: ledger.runs.orphans(),
    "the same request again": lambda ledger: existing(ledger.database, new_run(idempotency_key="k")),
    "runs, first page": lambda ledger: ledger.runs.page(),
    "runs, next page": lambda ledger: ledger.runs.page(cursor=CURSOR),
    "runs in a state": lambda ledger: ledger.runs.page(states=["failed"]),
    "runs in two states": lambda ledger: ledger.runs.page(states=["failed", "succeeded"], cursor=CURSOR),
    "runs of a workflow": lambda ledger: ledger.runs.page(workflow="flow-1"),
    "runs of a loop": lambda ledger: ledger.runs.page(parent=RUN),
    "children": lambda ledger: ledger.runs.children(RUN),
    "family": lambda ledger: ledger.runs.family(RUN),
    "entries of a run": lambda ledger: ledger.entries.of_run(RUN, after=3, limit=10),
    "entries of a kind": lambda ledger: ledger.entries.of_kind([RUN], "tool.intended"),
    "number of entries": lambda ledger: ledger.entries.count([RUN], "tool.intended"),
    "payloads": lambda ledger: ledger.entries.payloads(RUN),
    "approvals, first page": lambda ledger: ledger.approvals.page(),
    "approvals in a state": lambda ledger: ledger.approvals.page(state="pending"),
    "approvals of a run": lambda ledger: ledger.approvals.page(root_id=RUN),
    "approval of a call": lambda ledger: ledger.approvals.of_call(RUN, "note"),
    "expiring": lambda ledger: ledger.approvals.expire(),
    "artifacts": lambda ledger: ledger.artifacts.of_run(RUN),
    "last runs of a schedule": lambda ledger: ledger.schedules.last_runs("sch_1"),
}

#: States of runs, one after the other.
_STATES = ("failed", *["waiting"] * 9, *["succeeded"] * 39, "cancelled")

#: These sort a handful of rows: what is due, what belongs to one run.
SORTED = {"to_send", "children", "runs of a loop", "family", "entries of a kind", "expiring", "artifacts"}

#: What sweepers ask reads past no run or approval that waits for a person: each has an index that they are not in.
PAST_NOBODY = {
    "to_send": "runs_on_a_timer",
    "busy": "runs_on_a_timer",
    "neglected": "runs_on_a_timer",
    "to_stop": "runs_to_stop",
    "orphans": "runs_of_loops",
    "overdue": "runs_by_deadline",
    "expiring": "approvals_by_end",
}


def furnish(ledger: Ledger) -> None:
    """Store many heads of runs and approvals, as many as it takes for the database to plan with care."""
    definition = new_run().definition_hash
    common: dict[str, Any] = {"definition_hash": definition, "replay_version": 1, "fence": 1, "attempts": 0, "wakes": 0}
    common |= {"principal": "p", "trigger": "cli", "bindings": "{}", "head_seq": 0, "head_hash": "0" * 64}
    runs = [
        common
        | {"id": f"run_{number:026d}", "root_id": f"run_{number:026d}", "workflow": f"flow-{number % 20}"}
        | {"state": _STATES[number % len(_STATES)], "due_at": number, "created_at": number}
        | {"waiting_for": "approval" if _STATES[number % len(_STATES)] == "waiting" else None}
        for number in range(RUNS)
    ]
    asked: dict[str, Any] = {"key": "note", "seq": 1, "title": "", "tool": "a.b", "instance": "a", "arguments_hash": ""}
    asked |= {"untrusted": False, "people": 1, "version": 1, "expires_at": 1 << 50}
    approvals = [
        asked
        | {"id": f"apr_{number:026d}", "run_id": f"run_{number:026d}", "root_id": f"run_{number:026d}"}
        | {"state": "pending" if number % 100 == 0 else "used", "requested_at": number}
        for number in range(RUNS)
    ]
    with ledger.database.write() as connection:
        values = {"hash": definition, "name": "w", "text": DEFINITION, "created_at": 0}
        connection.execute(tables.definitions.insert(), values)
        connection.execute(tables.runs.insert(), runs)
        connection.execute(tables.approvals.insert(), approvals)
    finished(ledger)
    with ledger.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def explain(ledger: Ledger, plans: list[str]) -> None:
    """From now on, explain every question to the database before it is asked."""
    sqlite = ledger.database.dialect == "sqlite"

    def look(connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        if re.match(r"(SELECT .*\sFROM|UPDATE) (runs|entries|payloads|approvals|artifacts)\b", statement, re.DOTALL):
            with closing(connection.connection.cursor()) as cursor:
                cursor.execute(f"{'EXPLAIN QUERY PLAN' if sqlite else 'EXPLAIN'} {statement}", parameters)
                plans.append("\n".join(str(row[3 if sqlite else 0]) for row in cursor.fetchall()))

    def no_short_cut(connection: Any, _record: Any) -> None:
        """Small tables are read whole although there is an index; ask for what large ones would get."""
        connection.execute("SET enable_seqscan = off")
        connection.commit()

    if not sqlite:
        event.listen(ledger.database.engine, "connect", no_short_cut)
        ledger.database.engine.dispose()
    event.listen(ledger.database.engine, "before_cursor_execute", look)


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    opened = Ledger(ledger_url)
    furnish(opened)
    yield opened
    opened.close()


def test_what_is_asked_all_the_time_reads_no_table_whole_and_sorts_no_more_than_a_handful(ledger: Ledger) -> None:
    plans: list[str] = []
    explain(ledger, plans)
    for name, ask in HOT.items():
        plans.clear()
        ask(ledger)
        assert plans, name
        for plan in plans:
            assert not re.search(r"SCAN \w+$|Seq Scan", plan, re.MULTILINE), f"{name}: {plan}"
            if name not in SORTED:
                assert not re.search(r"TEMP B-TREE|Sort", plan), f"{name}: {plan}"


def test_sweepers_read_past_nobody_who_waits_for_a_person(ledger: Ledger) -> None:
    plans: list[str] = []
    explain(ledger, plans)
    for name, index in PAST_NOBODY.items():
        plans.clear()
        HOT[name](ledger)
        assert index in "".join(plans), f"{name}: {plans}"


def test_a_question_without_an_index_is_noticed(ledger: Ledger) -> None:
    plans: list[str] = []
    explain(ledger, plans)
    with ledger.database.read() as connection:
        connection.execute(text("SELECT id FROM runs WHERE attempts = 3"))
        connection.execute(text("SELECT id FROM runs ORDER BY attempts"))
    assert all(re.search(r"SCAN \w+$|Seq Scan", plan, re.MULTILINE) for plan in plans)
    assert re.search(r"TEMP B-TREE|Sort", plans[1])
