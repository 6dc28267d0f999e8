"""One audit log for all: what the office recorded moves into it, and clearances are told to it.

Revision ID: 0011
"""

from __future__ import annotations

from etl.store.postgres.migrations.run import run_sql

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Move the record of the office; every row that is there is in the log then."""
    run_sql("v0011_audit.sql")
