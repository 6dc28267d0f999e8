"""Rows in the order of their numbers, whose ids a hospital's rows are, and the mappings of every step.

Revision ID: 0003
"""

from __future__ import annotations

from etl.store.postgres.migrations.run import run_sql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add them; every row that is there stays."""
    run_sql("v0003_order.sql")
