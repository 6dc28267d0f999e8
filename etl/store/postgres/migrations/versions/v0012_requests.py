"""Requests for data: their versions, steps and files, and who has which role in them.

Revision ID: 0012
"""

from __future__ import annotations

from etl.store.postgres.migrations.run import run_sql

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add them; every row that is there stays."""
    run_sql("v0012_requests.sql")
