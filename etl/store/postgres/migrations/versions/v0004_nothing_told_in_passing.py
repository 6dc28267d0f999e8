"""Turns of publishers as rows that nobody else can lock, and no statistics of columns that tell whose a row is.

Revision ID: 0004
"""

from __future__ import annotations

from etl.store.postgres.migrations.run import run_sql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the table and say which columns keep no statistics; every row that is there stays."""
    run_sql("v0004_nothing_told_in_passing.sql")
