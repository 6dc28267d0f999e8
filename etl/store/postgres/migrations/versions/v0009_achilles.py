"""What OHDSI's tools read of Achilles, and when it was computed.

Revision ID: 0009
"""

from __future__ import annotations

from etl.store.postgres.migrations.run import run_sql

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the tables and views; every row that is there stays."""
    run_sql("v0009_achilles.sql")
