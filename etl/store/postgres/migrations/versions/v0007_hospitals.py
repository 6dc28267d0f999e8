"""A view of the hospitals for analysts, and dates of cdm_source that say how far everything reaches.

Revision ID: 0007
"""

from __future__ import annotations

from etl.store.postgres.migrations.run import run_sql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add them; every row that is there stays."""
    run_sql("v0007_hospitals.sql")
