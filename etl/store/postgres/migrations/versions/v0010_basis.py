"""What a measurement of the battery asked, so that the next one need not ask it again of what did not change.

Revision ID: 0010
"""

from __future__ import annotations

from etl.store.postgres.migrations.run import run_sql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the column; every row that is there stays."""
    run_sql("v0010_basis.sql")
