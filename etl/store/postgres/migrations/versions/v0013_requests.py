"""Requests for data: their versions, steps and files, and who has which role in them.

Revision ID: 0013
"""

from __future__ import annotations

from etl.store.postgres.migrations.run import run_sql

revision = "0013"
down_revision = "0010"


def upgrade() -> None:
    """Add them; every row that is there stays."""
    run_sql("v0013_requests.sql")
