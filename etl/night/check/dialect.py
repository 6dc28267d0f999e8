"""SQLAlchemy dialect `duckdb+buf`: SQLAlchemy on a DuckDB connection that is already open in this process.

Great Expectations speaks SQLAlchemy and closes a connection before it fetches from it. A DuckDB cursor *is* a
connection and would lose its result; here every statement runs on a DuckDB cursor of its own, which keeps the
result until it has been read. The database of the URL is no file but the token of an open connection
(`duckdb+buf:///<token>`): the gates see the views of the stage that called them, and nothing is written or
opened twice. The connection is only read from, so transactions are left out.

DuckDB's error messages may quote the value they stumbled over. Only messages of errors that arise before any
value is read pass through; of the others the name remains.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import duckdb_engine
import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.base import PGCompiler
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import ReflectedColumn, ReflectedPrimaryKeyConstraint
from sqlalchemy.pool import NullPool

from etl.sql import quote

_OPEN: dict[str, LentConnection] = {}

# Raised while a statement is parsed, its names are looked up and its files are opened: no value has been read yet.
_BEFORE_DATA = (
    duckdb.ParserException,
    duckdb.SyntaxException,
    duckdb.CatalogException,
    duckdb.BinderException,
    duckdb.IOException,
)


class LentConnection:
    """A DBAPI connection that hands out cursors of an open DuckDB connection and never closes it."""

    notices: tuple[str, ...] = ()  # SQLAlchemy's PostgreSQL dialects look for server notices here

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        """Lend `con`."""
        self._con = con
        self._place = con.execute("select current_database(), current_schema()").fetchone() or ()

    def cursor(self) -> BufferedCursor:
        """A new cursor; it sees all but the temporary objects of the lent connection."""
        cursor = self._con.cursor()
        cursor.execute(f"use {'.'.join(map(quote, self._place))}")
        return BufferedCursor(self, cursor)

    def commit(self) -> None:
        """Nothing was changed."""

    rollback = close = begin = commit


class BufferedCursor:
    """A DBAPI cursor on a DuckDB cursor of its own."""

    rowcount = -1

    def __init__(self, connection: LentConnection, cursor: duckdb.DuckDBPyConnection) -> None:
        """Take over `cursor`; `connection` is who made it."""
        self.connection = connection
        self._cursor = cursor
        self.fetchone = cursor.fetchone
        self.fetchmany = cursor.fetchmany
        self.fetchall = cursor.fetchall
        self.close = cursor.close

    @property
    def description(self) -> Any:
        """Names and types of the result's columns."""
        return self._cursor.description

    def execute(self, statement: str, parameters: Any = None, context: Any = None) -> None:
        """Run one statement; raises duckdb.Error with a message that quotes no value."""
        try:
            self._cursor.execute(statement, parameters or None)
        except duckdb.Error as error:
            raise type(error)(_safe_message(error)) from None


class ReadableCompiler(PGCompiler):
    """Writes the constants into statements that are compiled to be read instead of executed.

    Great Expectations compiles those with `render_postcompile` and then puts the constants in itself, but DuckDB's
    placeholders (`$1`) are none it knows.
    """

    def visit_bindparam(self, bindparam: Any, *args: Any, **kwargs: Any) -> Any:
        """The placeholder, or the constant as SQL."""
        if kwargs.get("render_postcompile"):
            kwargs["literal_binds"] = True
        return super().visit_bindparam(bindparam, *args, **kwargs)  # type: ignore[no-untyped-call]


class BufferedDialect(duckdb_engine.Dialect):
    """duckdb-engine's dialect on lent connections, with columns read from DuckDB's own catalogue."""

    driver = "buf"
    supports_statement_cache = False
    statement_compiler = ReadableCompiler

    def create_connect_args(self, url: URL) -> tuple[tuple[str], dict[str, Any]]:
        """The token of the lent connection."""
        return (str(url.database),), {}

    def connect(self, *cargs: Any, **cparams: Any) -> Any:
        """The connection behind the token."""
        (token,) = cargs
        return _OPEN[token]

    @classmethod
    def get_pool_class(cls, url: URL) -> type[NullPool]:
        """Connections cost nothing here, so none is kept."""
        return NullPool

    # duckdb-engine goes through DuckDB's imitation of pg_catalog, 35 ms a table against 1 ms.
    def get_columns(
        self, connection: sa.Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[ReflectedColumn]:
        """Name, type and nullability of a table's or view's columns."""
        place = f"{quote(schema)}." if schema else ""
        query = f"select column_name, column_type, \"null\" = 'YES' from (describe {place}{quote(table_name)})"
        found = connection.exec_driver_sql(query)
        return [
            {"name": name, "type": self._column_type(kind), "nullable": nullable, "default": None}
            for name, kind, nullable in found
        ]

    def get_pk_constraint(
        self, connection: sa.Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> ReflectedPrimaryKeyConstraint:
        """Landed and mapped tables are views and have no key."""
        return {"constrained_columns": [], "name": None}

    def _column_type(self, duckdb_type: str) -> sa.types.TypeEngine[Any]:
        name = duckdb_type.partition("(")[0].lower()
        found = sa.Double if name == "double" else self.ischema_names.get(name, sa.types.NullType)
        return found()


registry.register("duckdb.buf", __name__, BufferedDialect.__name__)


@contextmanager
def lend(con: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Lend `con` to SQLAlchemy under the URL this yields; after the block the URL is void, `con` stays open."""
    token = secrets.token_hex(8)
    _OPEN[token] = LentConnection(con)
    try:
        yield f"duckdb+buf:///{token}"
    finally:
        del _OPEN[token]


def _safe_message(error: duckdb.Error) -> str:
    """The first line of a message that cannot quote a value, else the name of the error."""
    if isinstance(error, _BEFORE_DATA):
        return str(error).partition("\n")[0]
    return f"{type(error).__name__} (message withheld: it may quote a value)"
