"""Outputs of project spaces: batches of files that were handed in, and what became of them.

Revision ID: 0014
"""

from __future__ import annotations

from etl.store.postgres.migrations.run import run_sql

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add them; every row that is there stays."""
    run_sql("v0014_outputs.sql")
