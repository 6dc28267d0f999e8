"""Rollback, approvals and clearances: steps, questions to persons, row-level security, views to read by.

Revision ID: 0002
"""

from __future__ import annotations

from etl.store.postgres.migrations.run import run_sql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add them; every row that is there stays."""
    run_sql("v0002_clearances.sql")
