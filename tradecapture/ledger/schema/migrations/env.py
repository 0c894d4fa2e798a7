"""Alembic's environment: runs the migrations of one phase on a connection, or prints their SQL."""

from alembic import context

from tradecapture.ledger.schema.tables import metadata

attributes = context.config.attributes

if context.is_offline_mode():
    context.configure(
        dialect_name=attributes["dialect_name"],
        target_metadata=metadata,
        version_table=attributes["version_table"],
        transaction_per_migration=True,
        literal_binds=True,
    )
else:
    context.configure(
        connection=attributes["connection"],
        target_metadata=metadata,
        version_table=attributes["version_table"],
        # One transaction each: some must run outside a transaction (indexes on PostgreSQL).
        transaction_per_migration=True,
    )

with context.begin_transaction():
    context.run_migrations()
