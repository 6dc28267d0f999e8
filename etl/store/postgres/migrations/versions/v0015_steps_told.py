"""No step of a request and no role in requests without its entry in the audit log.

Revision ID: 0015
"""

from __future__ import annotations

from etl.store.postgres.migrations.run import run_sql

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Hold what is written from now on; what is there stays as it is."""
    run_sql("v0015_steps_told.sql")
