"""Run by Alembic inside the transaction that `Database.migrate` opened."""

from alembic import context
from kontora_workflows.ledger.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
