"""Carries out the SQL of a revision."""

from __future__ import annotations

from importlib.resources import files

from alembic import op


def run_sql(name: str) -> None:
    """Run a file beside the revisions, statement by statement, in the transaction of the upgrade."""
    text = files("etl.warehouse.postgres.migrations.versions").joinpath(name).read_text(encoding="utf-8")
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(text)
