"""Indexes for what sweepers ask, so that runs that wait for a person are not read again at every sweep."""

from alembic import op

revision = "0003"
down_revision = "0002"

INDEXES = (
    "runs_on_a_timer ON runs (state, waiting_for, due_at) "
    "WHERE state = 'waiting' AND waiting_for IN ('timer', 'resource')",
    "runs_to_stop ON runs (state) WHERE cancel_requested_at IS NOT NULL",
    "runs_of_loops ON runs (state) WHERE parent_id IS NOT NULL",
    "approvals_by_end ON approvals (state, expires_at)",
)


def upgrade() -> None:
    """Add them."""
    for index in INDEXES:
        op.execute(f"CREATE INDEX {index}")
