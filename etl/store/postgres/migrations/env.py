"""How Alembic runs the revisions: all that are missing in the one transaction of the connection it is given."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], version_table_schema="admin")
with context.begin_transaction():
    context.run_migrations()
