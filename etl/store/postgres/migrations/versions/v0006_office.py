"""The office: accounts, sessions, attempts to sign in, and the record of what was done there; hints of runs.

Revision ID: 0006
"""

from __future__ import annotations

from etl.store.postgres.migrations.run import run_sql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add them; every row that is there stays."""
    run_sql("v0006_office.sql")
