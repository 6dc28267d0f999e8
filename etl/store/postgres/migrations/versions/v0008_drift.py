"""What the tables of a night are like, for the nights after it.

Revision ID: 0008
"""

from __future__ import annotations

from etl.store.postgres.migrations.run import run_sql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the table; every row that is there stays."""
    run_sql("v0008_drift.sql")
