"""The tables of the ledger. Instants are whole milliseconds since 1970 UTC, on the database's clock."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    select,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

metadata = MetaData()


class Now(FunctionElement[int]):
    """The database's clock, in milliseconds since 1970 UTC."""

    type = BigInteger()
    inherit_cache = True  # a bare ColumnElement would be compiled anew each time


@compiles(Now, "postgresql")
def _now_postgresql(_element: Now, _compiler: Any, **_kw: Any) -> str:
    return "(extract(epoch from clock_timestamp()) * 1000)::bigint"


@compiles(Now, "sqlite")
def _now_sqlite(_element: Now, _compiler: Any, **_kw: Any) -> str:
    return "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"


#: The same, looked at once for a whole statement: only what stays the same can be looked up in an index.
INSTANT = select(Now()).scalar_subquery()

definitions = Table(
    "definitions",
    metadata,
    Column("hash", String(71), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("text", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

#: What runs have in common that go on by themselves at some instant. Questions have to be put in these words, or the
#: index of such runs is no answer to them.
ON_A_TIMER = "state = 'waiting' AND waiting_for IN ('timer', 'resource')"


def _where(condition: str) -> dict[str, Any]:
    """Options of an index of some rows."""
    return dict.fromkeys(("sqlite_where", "postgresql_where"), text(condition))


#: An index of the runs that somebody started: the runs of loops are listed by the run above them.
_FOR_ROOTS = _where("parent_id IS NULL")

runs = Table(
    "runs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("workflow", String(100), nullable=False),
    Column("definition_hash", String(71), ForeignKey("definitions.hash"), nullable=False),
    Column("replay_version", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("waiting_for", String(20)),
    Column("resource", String(300)),  # what it waits for a slot of
    # who works on it
    Column("fence", BigInteger, nullable=False),
    Column("owner", String(200)),
    Column("lease_until", BigInteger),
    Column("attempts", Integer, nullable=False),  # claims since it last ended cleanly
    Column("wakes", BigInteger, nullable=False),  # facts from outside that may end a wait
    # when
    Column("due_at", BigInteger, nullable=False),
    Column("sent_at", BigInteger),
    Column("deadline_at", BigInteger),
    Column("cancel_requested_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    # where it comes from
    Column("principal", String(200), nullable=False),
    Column("trigger", String(20), nullable=False),
    Column("schedule_id", String(40)),
    Column("logical_at", BigInteger),
    Column("idempotency_key", String(200)),
    Column("request_hash", String(71)),
    Column("retry_of", String(40)),  # the run whose first steps it took over
    Column("root_id", String(40), nullable=False),  # the run that somebody started, above all children
    Column("parent_id", String(40), ForeignKey("runs.id")),
    Column("parent_step", String(200)),
    Column("item_key", String(200)),
    Column("item_position", Integer),
    Column("inputs", Text),  # NULL once erased
    Column("bindings", Text, nullable=False),
    # how it stands
    Column("error", Text),
    Column("restored_at", BigInteger),  # what it did after a backup may be missing here
    Column("head_seq", BigInteger, nullable=False),
    Column("head_hash", String(64), nullable=False),
    Column("queue", Text, nullable=False, server_default="kontora"),  # where messages with its id go
    UniqueConstraint("principal", "idempotency_key", name="one_run_per_idempotency_key"),
    UniqueConstraint("schedule_id", "logical_at", name="one_run_per_fire"),
    UniqueConstraint("parent_id", "parent_step", "item_key", name="one_run_per_item"),
    Index("runs_by_age", "created_at", "id", **_FOR_ROOTS),
    Index("runs_by_state", "state", "created_at", "id", **_FOR_ROOTS),
    Index("runs_by_workflow", "workflow", "created_at", "id", **_FOR_ROOTS),
    Index("runs_by_parent", "parent_id", "created_at", "id"),
    Index("runs_by_root", "root_id"),
    Index("runs_to_work_on", "state", "due_at"),
    Index("runs_by_deadline", "state", "deadline_at"),
    Index("runs_on_a_timer", "state", "waiting_for", "due_at", **_where(ON_A_TIMER)),
    Index("runs_to_stop", "state", **_where("cancel_requested_at IS NOT NULL")),
    Index("runs_of_loops", "state", **_where("parent_id IS NOT NULL")),
)

entries = Table(
    "entries",
    metadata,
    Column("run_id", String(40), ForeignKey("runs.id"), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("key", String(400)),
    Column("fence", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

payloads = Table(
    "payloads",
    metadata,
    Column("run_id", String(40), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("salt", String(32)),
    Column("content", Text),  # NULL once erased; the entry keeps the salted hash
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("run_id", String(40), ForeignKey("runs.id"), nullable=False),
    Column("root_id", String(40), nullable=False),
    Column("key", String(400), nullable=False),
    Column("seq", BigInteger, nullable=False),  # its entry; the payload there holds the exact arguments
    Column("title", Text, nullable=False),
    Column("tool", String(200), nullable=False),
    Column("instance", String(100), nullable=False),
    Column("arguments_hash", String(71), nullable=False),
    Column("untrusted", Boolean, nullable=False),
    Column("people", Integer, nullable=False),  # how many have to agree
    Column("agreed_by", String(200)),  # who did, while another one is missing
    Column("state", String(20), nullable=False),
    Column("version", Integer, nullable=False),
    Column("requested_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("decided_at", BigInteger),
    Column("decided_by", String(200)),
    Column("comment", Text),
    UniqueConstraint("run_id", "key", name="one_approval_per_call"),
    Index("approvals_by_age", "requested_at", "id"),
    Index("approvals_by_state", "state", "requested_at", "id"),
    Index("approvals_by_root", "root_id", "requested_at", "id"),
    Index("approvals_by_end", "state", "expires_at"),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("run_id", String(40), ForeignKey("runs.id"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("media_type", String(100), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("content", LargeBinary),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("run_id", "name", name="one_artifact_per_name"),
)

schedules = Table(
    "schedules",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("workflow", String(100), nullable=False),
    Column("cron", String(200), nullable=False),
    Column("timezone", String(100), nullable=False),
    Column("inputs", Text, nullable=False),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Column("origin", String(20), nullable=False),  # file | cli | rest
    Column("next_at", BigInteger),
    Column("principal", String(200), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("policy", Text, nullable=False),  # canonical JSON of a SchedulePolicy
    Column("expect_ms", BigInteger),  # a run that has not ended so long after its logical time is late
    Column("paused_by", String(200)),
    Column("paused_at", BigInteger),
    UniqueConstraint("workflow", "cron", "timezone", "inputs", name="one_schedule_of_a_kind"),
    Index("schedules_due", "enabled", "next_at"),
)

#: What became of every logical time of a schedule. `open`: its run has not come to rest yet.
fires = Table(
    "fires",
    metadata,
    Column("schedule_id", String(40), primary_key=True),
    Column("logical_at", BigInteger, primary_key=True, autoincrement=False),
    Column("outcome", String(20), nullable=False),  # run | queued | skipped | missed | failed
    Column("run_id", String(40)),
    Column("reason", Text),
    Column("open", Boolean, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("fires_open", "open", "schedule_id", "logical_at"),
)

#: What somebody has to be told, once; kept until every channel took it or gave up.
alerts = Table(
    "alerts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("schedule_id", String(40), nullable=False),
    Column("logical_at", BigInteger, nullable=False),
    Column("workflow", String(100), nullable=False),
    Column("run_id", String(40)),
    Column("message", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("pending", Text, nullable=False),  # channels that have not taken it, comma-separated
    Column("attempts", Integer, nullable=False),
    Column("next_at", BigInteger),  # NULL once it is done with
    UniqueConstraint("kind", "schedule_id", "logical_at", name="one_alert_of_a_kind"),
    Index("alerts_due", "next_at"),
)

#: Who uses a limited connector or model right now. A place whose run moved on is free.
slots = Table(
    "slots",
    metadata,
    Column("resource", String(300), primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("run_id", String(40), nullable=False),
    Column("fence", BigInteger, nullable=False),
)

workers = Table(
    "workers",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("started_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("version", String(40), nullable=False),
)

#: What is left of runs that were removed when their time was over. Entries can be deleted only of a run named here.
removed_runs = Table(
    "removed_runs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("head_seq", BigInteger, nullable=False),
    Column("head_hash", String(64), nullable=False),
    Column("ended_at", BigInteger, nullable=False),
    Column("removed_at", BigInteger, nullable=False),
    Column("removed_by", String(200), nullable=False),
    Column("why", String(200), nullable=False),
)

_ENDED_AS_SAID = (
    "EXISTS (SELECT 1 FROM runs WHERE id = NEW.id AND head_seq = NEW.head_seq AND head_hash = NEW.head_hash "
    "AND state IN ('succeeded', 'failed', 'cancelled', 'timed_out'))"
)
_REMOVED = "EXISTS (SELECT 1 FROM removed_runs WHERE id = OLD.run_id)"

#: Statements that make entries append-only, by dialect. Only those of a run that ended and was named as removed may go.
APPEND_ONLY = {
    "sqlite": [
        "CREATE TRIGGER entries_refuse_update BEFORE UPDATE ON entries "
        "BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END",
        f"CREATE TRIGGER entries_refuse_delete BEFORE DELETE ON entries WHEN NOT {_REMOVED} "
        "BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END",
        f"CREATE TRIGGER removed_runs_refuse_insert BEFORE INSERT ON removed_runs WHEN NOT {_ENDED_AS_SAID} "
        "BEGIN SELECT RAISE(ABORT, 'only a run that ended can be removed'); END",
        *(
            f"CREATE TRIGGER removed_runs_refuse_{verb.lower()} BEFORE {verb} ON removed_runs "
            "BEGIN SELECT RAISE(ABORT, 'what was removed stays on record'); END"
            for verb in ("UPDATE", "DELETE")
        ),
    ],
    "postgresql": [
        "CREATE FUNCTION entries_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF TG_OP = 'DELETE' AND TG_LEVEL = 'ROW' THEN IF {_REMOVED} THEN RETURN OLD; END IF; END IF; "
        "RAISE EXCEPTION 'entries are append-only'; END $$",
        "CREATE TRIGGER entries_append_only BEFORE UPDATE OR DELETE ON entries "
        "FOR EACH ROW EXECUTE FUNCTION entries_refuse()",
        "CREATE TRIGGER entries_no_truncate BEFORE TRUNCATE ON entries "
        "FOR EACH STATEMENT EXECUTE FUNCTION entries_refuse()",
        "CREATE FUNCTION removed_runs_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF TG_OP = 'INSERT' THEN IF {_ENDED_AS_SAID} THEN RETURN NEW; END IF; "
        "RAISE EXCEPTION 'only a run that ended can be removed'; END IF; "
        "RAISE EXCEPTION 'what was removed stays on record'; END $$",
        "CREATE TRIGGER removed_runs_on_record BEFORE INSERT OR UPDATE OR DELETE ON removed_runs "
        "FOR EACH ROW EXECUTE FUNCTION removed_runs_refuse()",
        "CREATE TRIGGER removed_runs_no_truncate BEFORE TRUNCATE ON removed_runs "
        "FOR EACH STATEMENT EXECUTE FUNCTION removed_runs_refuse()",
    ],
}
