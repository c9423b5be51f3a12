"""Run by Alembic inside the caller's transaction (see `schema.ensure_schema`)."""

from alembic import context

from fine_tuning.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True, render_as_batch=True)
context.run_migrations()
