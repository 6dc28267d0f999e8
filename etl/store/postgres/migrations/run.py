"""Carries out the SQL of a revision."""

from __future__ import annotations

from alembic import op

from etl.files import packaged


def run_sql(name: str) -> None:
    """Run a file beside the revisions, statement by statement, in the transaction of the upgrade."""
    text = packaged(__name__, "versions", name)
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(text)
