"""The first ledger."""

from alembic import op
from kontora_workflows.ledger.tables import APPEND_ONLY, metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table, and the triggers that keep entries append-only."""
    connection = op.get_bind()
    metadata.create_all(connection)
    for statement in APPEND_ONLY[connection.dialect.name]:
        op.execute(statement)
