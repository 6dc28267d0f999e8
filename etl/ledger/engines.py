"""SQLAlchemy engines of the ledger: a SQLite file, or the warehouse on PostgreSQL."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine, ExceptionContext
from sqlalchemy.exc import OperationalError
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from etl.errors import ConfigError, TransientError
from etl.ledger.tables import meta
from etl.settings import LOADER

_REFUSED = "42501"  # SQLSTATE of PostgreSQL: insufficient privilege


def engine_of(url: str) -> Engine:
    """The engine of a SQLAlchemy `url`; ConfigError where a server has not the schema of this version."""
    return _file(url) if url.startswith("sqlite:///") else _server(url, os.getpid())


def _explain(context: ExceptionContext) -> None:
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


def _missing_columns(engine: Engine) -> list[sa.Column[Any]]:
    """Columns of the tables above that an older version did not write yet."""
    inspector = sa.inspect(engine)
    there = {table.name: {c["name"] for c in inspector.get_columns(table.name)} for table in meta.sorted_tables}
    return [c for table in meta.sorted_tables for c in table.columns if c.name not in there[table.name]]


def _add_missing_columns(engine: Engine) -> None:
    """Bring a ledger that an older version wrote up to date: its rows have nothing in a new, so nullable, column."""
    for column in _missing_columns(engine):
        added = CreateColumn(column).compile(engine)
        with engine.begin() as con:
            try:
                con.execute(sa.text(f"alter table {column.table.name} add column {added}"))
            except TransientError:
                # two runs began together and the other one was first
                if column.name in {c.name for c in _missing_columns(engine)}:
                    raise


_PREPARED: set[str] = set()  # ledgers in files whose tables this process has seen to


def _file(url: str) -> Engine:
    """A ledger in a SQLite file; its tables are created when missing."""
    file = Path(url.removeprefix("sqlite:///"))
    file.parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, connect_args={"timeout": 60})
    sa.event.listen(engine, "handle_error", _explain)
    if url not in _PREPARED or not file.exists():
        _prepare(engine)
        _PREPARED.add(url)
    return engine


def _prepare(engine: Engine) -> None:
    """Create what is missing of the tables."""
    with engine.begin() as con:
        con.execute(sa.text("pragma journal_mode=wal"))
        # several runs may begin together: asking first and creating then would let the second one fail
        for table in meta.sorted_tables:
            con.execute(CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                con.execute(CreateIndex(index, if_not_exists=True))
    _add_missing_columns(engine)


_AS_LOADER = f"""
    select set_config('role', rolname, false) from pg_roles
    where rolname = '{LOADER}' and pg_has_role(session_user, oid, 'member')
"""


def _work_as_loader(connection: Any, _record: Any) -> None:
    """Be the loader where the login may; who may only read (a quality officer's report) does it as who they are."""
    connection.execute(_AS_LOADER)
    connection.commit()


@lru_cache(maxsize=8)
def _server(url: str, _process: int) -> Engine:
    """A ledger on PostgreSQL, one engine for a process: a fork must not write into its parent's connections."""
    import psycopg  # noqa: PLC0415 - of no use beside an embedded warehouse

    from etl.warehouse.postgres.connect import as_etl_error  # noqa: PLC0415
    from etl.warehouse.postgres.revision import require_newest  # noqa: PLC0415

    engine = sa.create_engine(url, pool_size=1, max_overflow=9, pool_pre_ping=True, hide_parameters=True)
    sa.event.listen(engine, "handle_error", _explain)
    sa.event.listen(engine, "connect", _work_as_loader)
    with engine.connect() as con:
        try:
            require_newest(con.connection.driver_connection)  # type: ignore[arg-type]
        except psycopg.Error as error:
            raise as_etl_error(error) from None
    return engine
