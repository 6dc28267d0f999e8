"""Outputs of project spaces: batches of files that were handed in, and what became of them.

Revision ID: 0013
"""

from __future__ import annotations

from etl.store.postgres.migrations.run import run_sql

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add them; every row that is there stays."""
    run_sql("v0013_outputs.sql")
