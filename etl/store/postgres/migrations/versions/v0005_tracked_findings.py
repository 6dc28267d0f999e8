"""What the battery measured, and findings that are tracked over nights.

Revision ID: 0005
"""

from __future__ import annotations

from etl.store.postgres.migrations.run import run_sql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the tables; every row that is there stays."""
    run_sql("v0005_tracked_findings.sql")
