"""Tells whether a request for data is open: what the rows of its project space are seen by.

Revision ID: 0013
"""

from __future__ import annotations

from etl.store.postgres.migrations.run import run_sql

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the function; nothing that is there changes."""
    run_sql("v0013_gate.sql")
