"""The first ledger, as it was released: nothing here changes any more, whatever becomes of `tables.py`."""

from alembic import op

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE definitions (
    hash VARCHAR(71) NOT NULL,
    name VARCHAR(100) NOT NULL,
    text TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (hash)
);

CREATE TABLE runs (
    id VARCHAR(40) NOT NULL,
    workflow VARCHAR(100) NOT NULL,
    definition_hash VARCHAR(71) NOT NULL,
    replay_version INTEGER NOT NULL,
    state VARCHAR(20) NOT NULL,
    waiting_for VARCHAR(20),
    resource VARCHAR(300),
    fence BIGINT NOT NULL,
    owner VARCHAR(200),
    lease_until BIGINT,
    attempts INTEGER NOT NULL,
    wakes BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    sent_at BIGINT,
    deadline_at BIGINT,
    cancel_requested_at BIGINT,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    principal VARCHAR(200) NOT NULL,
    "trigger" VARCHAR(20) NOT NULL,
    schedule_id VARCHAR(40),
    logical_at BIGINT,
    idempotency_key VARCHAR(200),
    request_hash VARCHAR(71),
    retry_of VARCHAR(40),
    root_id VARCHAR(40) NOT NULL,
    parent_id VARCHAR(40),
    parent_step VARCHAR(200),
    item_key VARCHAR(200),
    item_position INTEGER,
    inputs TEXT,
    bindings TEXT NOT NULL,
    error TEXT,
    restored_at BIGINT,
    head_seq BIGINT NOT NULL,
    head_hash VARCHAR(64) NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT one_run_per_idempotency_key UNIQUE (principal, idempotency_key),
    CONSTRAINT one_run_per_fire UNIQUE (schedule_id, logical_at),
    CONSTRAINT one_run_per_item UNIQUE (parent_id, parent_step, item_key),
    FOREIGN KEY(definition_hash) REFERENCES definitions (hash),
    FOREIGN KEY(parent_id) REFERENCES runs (id)
);

CREATE INDEX runs_by_age ON runs (created_at, id) WHERE parent_id IS NULL;

CREATE INDEX runs_by_deadline ON runs (state, deadline_at);

CREATE INDEX runs_by_parent ON runs (parent_id, created_at, id);

CREATE INDEX runs_by_root ON runs (root_id);

CREATE INDEX runs_by_state ON runs (state, created_at, id) WHERE parent_id IS NULL;

CREATE INDEX runs_by_workflow ON runs (workflow, created_at, id) WHERE parent_id IS NULL;

CREATE INDEX runs_to_work_on ON runs (state, due_at);

CREATE TABLE entries (
    run_id VARCHAR(40) NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    kind VARCHAR(40) NOT NULL,
    "key" VARCHAR(400),
    fence BIGINT NOT NULL,
    body TEXT NOT NULL,
    prev_hash VARCHAR(64) NOT NULL,
    hash VARCHAR(64) NOT NULL,
    PRIMARY KEY (run_id, seq),
    FOREIGN KEY(run_id) REFERENCES runs (id)
);

CREATE TABLE payloads (
    run_id VARCHAR(40) NOT NULL,
    seq BIGINT NOT NULL,
    salt VARCHAR(32),
    content TEXT,
    PRIMARY KEY (run_id, seq)
);

CREATE TABLE approvals (
    id VARCHAR(40) NOT NULL,
    run_id VARCHAR(40) NOT NULL,
    root_id VARCHAR(40) NOT NULL,
    "key" VARCHAR(400) NOT NULL,
    seq BIGINT NOT NULL,
    title TEXT NOT NULL,
    tool VARCHAR(200) NOT NULL,
    instance VARCHAR(100) NOT NULL,
    arguments_hash VARCHAR(71) NOT NULL,
    untrusted BOOLEAN NOT NULL,
    people INTEGER NOT NULL,
    agreed_by VARCHAR(200),
    state VARCHAR(20) NOT NULL,
    version INTEGER NOT NULL,
    requested_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    decided_at BIGINT,
    decided_by VARCHAR(200),
    comment TEXT,
    PRIMARY KEY (id),
    CONSTRAINT one_approval_per_call UNIQUE (run_id, "key"),
    FOREIGN KEY(run_id) REFERENCES runs (id)
);

CREATE INDEX approvals_by_age ON approvals (requested_at, id);

CREATE INDEX approvals_by_root ON approvals (root_id, requested_at, id);

CREATE INDEX approvals_by_state ON approvals (state, requested_at, id);

CREATE TABLE artifacts (
    id VARCHAR(40) NOT NULL,
    run_id VARCHAR(40) NOT NULL,
    name VARCHAR(200) NOT NULL,
    media_type VARCHAR(100) NOT NULL,
    size BIGINT NOT NULL,
    sha256 VARCHAR(64) NOT NULL,
    content {bytes},
    created_at BIGINT NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT one_artifact_per_name UNIQUE (run_id, name),
    FOREIGN KEY(run_id) REFERENCES runs (id)
);

CREATE TABLE schedules (
    id VARCHAR(40) NOT NULL,
    workflow VARCHAR(100) NOT NULL,
    cron VARCHAR(200) NOT NULL,
    timezone VARCHAR(100) NOT NULL,
    inputs TEXT NOT NULL,
    enabled BOOLEAN DEFAULT true NOT NULL,
    origin VARCHAR(20) NOT NULL,
    next_at BIGINT,
    principal VARCHAR(200) NOT NULL,
    created_at BIGINT NOT NULL,
    policy TEXT NOT NULL,
    expect_ms BIGINT,
    paused_by VARCHAR(200),
    paused_at BIGINT,
    PRIMARY KEY (id),
    CONSTRAINT one_schedule_of_a_kind UNIQUE (workflow, cron, timezone, inputs)
);

CREATE INDEX schedules_due ON schedules (enabled, next_at);

CREATE TABLE fires (
    schedule_id VARCHAR(40) NOT NULL,
    logical_at BIGINT NOT NULL,
    outcome VARCHAR(20) NOT NULL,
    run_id VARCHAR(40),
    reason TEXT,
    open BOOLEAN NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (schedule_id, logical_at)
);

CREATE INDEX fires_open ON fires (open, schedule_id, logical_at);

CREATE TABLE alerts (
    id VARCHAR(40) NOT NULL,
    kind VARCHAR(40) NOT NULL,
    schedule_id VARCHAR(40) NOT NULL,
    logical_at BIGINT NOT NULL,
    workflow VARCHAR(100) NOT NULL,
    run_id VARCHAR(40),
    message TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    pending TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_at BIGINT,
    PRIMARY KEY (id),
    CONSTRAINT one_alert_of_a_kind UNIQUE (kind, schedule_id, logical_at)
);

CREATE INDEX alerts_due ON alerts (next_at);

CREATE TABLE slots (
    resource VARCHAR(300) NOT NULL,
    place INTEGER NOT NULL,
    run_id VARCHAR(40) NOT NULL,
    fence BIGINT NOT NULL,
    PRIMARY KEY (resource, place)
);

CREATE TABLE workers (
    id VARCHAR(200) NOT NULL,
    started_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    version VARCHAR(40) NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE removed_runs (
    id VARCHAR(40) NOT NULL,
    head_seq BIGINT NOT NULL,
    head_hash VARCHAR(64) NOT NULL,
    ended_at BIGINT NOT NULL,
    removed_at BIGINT NOT NULL,
    removed_by VARCHAR(200) NOT NULL,
    why VARCHAR(200) NOT NULL,
    PRIMARY KEY (id)
)
"""

ENDED_AS_SAID = (
    "EXISTS (SELECT 1 FROM runs WHERE id = NEW.id AND head_seq = NEW.head_seq AND head_hash = NEW.head_hash "
    "AND state IN ('succeeded', 'failed', 'cancelled', 'timed_out'))"
)
REMOVED = "EXISTS (SELECT 1 FROM removed_runs WHERE id = OLD.run_id)"

#: What keeps entries, and the names of removed runs, as they are.
GUARDS = {
    "sqlite": [
        "CREATE TRIGGER entries_refuse_update BEFORE UPDATE ON entries "
        "BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END",
        f"CREATE TRIGGER entries_refuse_delete BEFORE DELETE ON entries WHEN NOT {REMOVED} "
        "BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END",
        f"CREATE TRIGGER removed_runs_refuse_insert BEFORE INSERT ON removed_runs WHEN NOT {ENDED_AS_SAID} "
        "BEGIN SELECT RAISE(ABORT, 'only a run that ended can be removed'); END",
        "CREATE TRIGGER removed_runs_refuse_update BEFORE UPDATE ON removed_runs "
        "BEGIN SELECT RAISE(ABORT, 'what was removed stays on record'); END",
        "CREATE TRIGGER removed_runs_refuse_delete BEFORE DELETE ON removed_runs "
        "BEGIN SELECT RAISE(ABORT, 'what was removed stays on record'); END",
    ],
    "postgresql": [
        "CREATE FUNCTION entries_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF TG_OP = 'DELETE' AND TG_LEVEL = 'ROW' THEN IF {REMOVED} THEN RETURN OLD; END IF; END IF; "
        "RAISE EXCEPTION 'entries are append-only'; END $$",
        "CREATE TRIGGER entries_append_only BEFORE UPDATE OR DELETE ON entries "
        "FOR EACH ROW EXECUTE FUNCTION entries_refuse()",
        "CREATE TRIGGER entries_no_truncate BEFORE TRUNCATE ON entries "
        "FOR EACH STATEMENT EXECUTE FUNCTION entries_refuse()",
        "CREATE FUNCTION removed_runs_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF TG_OP = 'INSERT' THEN IF {ENDED_AS_SAID} THEN RETURN NEW; END IF; "
        "RAISE EXCEPTION 'only a run that ended can be removed'; END IF; "
        "RAISE EXCEPTION 'what was removed stays on record'; END $$",
        "CREATE TRIGGER removed_runs_on_record BEFORE INSERT OR UPDATE OR DELETE ON removed_runs "
        "FOR EACH ROW EXECUTE FUNCTION removed_runs_refuse()",
        "CREATE TRIGGER removed_runs_no_truncate BEFORE TRUNCATE ON removed_runs "
        "FOR EACH STATEMENT EXECUTE FUNCTION removed_runs_refuse()",
    ],
}


def upgrade() -> None:
    """Create every table, and the triggers that keep entries append-only."""
    connection = op.get_bind()
    tables = TABLES.format(bytes="BYTEA" if connection.dialect.name == "postgresql" else "BLOB")
    for statement in [*tables.split(";"), *GUARDS[connection.dialect.name]]:
        connection.exec_driver_sql(statement)
