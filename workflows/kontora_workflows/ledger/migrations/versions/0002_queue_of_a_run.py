"""The queue that the messages of a run go to: workers that have what it takes next listen there."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column. Neither database rewrites a row for a constant, so it is done at once however many there are."""
    op.execute("ALTER TABLE runs ADD COLUMN queue TEXT DEFAULT 'kontora' NOT NULL")
