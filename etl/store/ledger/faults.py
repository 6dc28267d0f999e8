"""What a database of the ledger refuses, as our errors."""

from __future__ import annotations

from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import OperationalError

from etl.errors import ConfigError, TransientError
from etl.settings import LOADER

_REFUSED = "42501"  # SQLSTATE of PostgreSQL: insufficient privilege


def explain(context: ExceptionContext) -> None:
    """Turn what a database refuses into our errors: a lock, a full disk, a server that is away are worth a retry."""
    raised, said = context.sqlalchemy_exception, str(context.original_exception)
    here = context.dialect.name == "sqlite"
    if not here and (LOADER in said or getattr(context.original_exception, "sqlstate", None) == _REFUSED):
        raise ConfigError(
            f"the ledger cannot be used: the login may not work as {LOADER}", hint="etl warehouse init"
        ) from None
    if isinstance(raised, OperationalError):
        hint = "free space below ETL_HOME, run again" if here else "see that the server answers, run again"
        raise TransientError(f"the ledger cannot be used: {said}", hint=hint) from None
