"""What a database of the ledger refuses, as our errors."""

from __future__ import annotations

import re

from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import OperationalError

from etl.errors import ConfigError, TransientError
from etl.settings import LOADER

_DAMAGED = re.compile("not a database|malformed|unsupported file format|file is encrypted")  # words of SQLite
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
        shown = said if here else type(context.original_exception).__name__  # a server may quote a row
        raise TransientError(f"the ledger cannot be used: {shown}", hint=hint) from None
    if here and _DAMAGED.search(said):
        raise ConfigError(
            "the ledger is damaged: it is no SQLite file that can be read",
            hint="restore ledger.sqlite below ETL_HOME from its newest back-up; until then nothing can run",
        ) from None
