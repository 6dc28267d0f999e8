"""The CDM with its partitioned tables, vocabulary, results, and the ledger.

Revision ID: 0001
"""

from __future__ import annotations

from etl.store.postgres.migrations.run import run_sql

revision = "0001"
down_revision: str | None = None


def upgrade() -> None:
    """Make everything in an empty database whose schemas and roles are there."""
    run_sql("v0001_first_release.sql")
