"""Connections to the warehouse on PostgreSQL. What the URL leaves out libpq knows: environment, passfile, service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import psycopg
from duckdb import DuckDBPyConnection
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import URL

from etl.engine import extension_file
from etl.errors import ConfigError, EtlError, TransientError
from etl.settings import LOADER as LOADER  # noqa: PLC0414 - for who connects
from etl.sql import literal

PUBLISHER, READER = "omop-etl publisher", "omop-etl reader"  # how the server knows our connections
#: Classes of SQLSTATE that may pass: connection, resources, operator's intervention, locks and deadlocks.
_PASSING = ("08", "40", "53", "55", "57", "58")
#: What bounds the queries of persons (`limits.csv`) does not end a night half-way.
_UNLIMITED = ("-c statement_timeout=0", "-c lock_timeout=0", "-c idle_in_transaction_session_timeout=0")


def conninfo(url: URL, role: str | None = None) -> str:
    """A libpq connection string. What the URL leaves out libpq takes from its environment, as ever."""
    said = {
        "host": url.host,
        "port": url.port,
        "dbname": url.database,
        "user": url.username,
        "password": url.password,
        "application_name": PUBLISHER if role else READER,
        **{name: value for name, value in url.query.items() if isinstance(value, str)},
    }
    if role:
        said["options"] = " ".join([str(said.get("options", "")), f"-c role={role}", *_UNLIMITED]).strip()
    return make_conninfo("", **{name: str(value) for name, value in said.items() if value is not None})


def as_etl_error(error: psycopg.Error) -> EtlError:
    """A server's error without its text, which may quote a row; what may pass is worth a retry."""
    code = error.sqlstate or ""
    what = f"{type(error).__name__}{f' (SQLSTATE {code})' if code else ''}"
    where = ".".join(n for n in (error.diag.table_name, error.diag.column_name or error.diag.constraint_name) if n)
    said = f"the warehouse answered {what}{f' at {where}' if where else ''}"
    if code == "42501":
        return ConfigError(said, hint=f"its login must be a member of {LOADER}: etl warehouse init")
    if code == "3D000" or code.startswith("28"):
        return ConfigError(said, hint="see ETL_WAREHOUSE_URL: user, password, database")
    if not code and f'"{LOADER}"' in str(error):  # refused while connecting, which has no SQLSTATE
        return ConfigError(f"the login may not work as {LOADER}", hint="etl warehouse init")
    if not code or code[:2] in _PASSING:
        return TransientError(said, hint="run again; if it stays, ask the server: etl doctor")
    return ConfigError(said, hint="report it with the run's id; `etl warehouse status` shows the schema")


@contextmanager
def connect(url: URL, role: str | None = LOADER, *, autocommit: bool = True) -> Iterator[psycopg.Connection]:
    """A connection that works as `role`; its errors become the three families."""
    try:
        with psycopg.connect(conninfo(url, role), autocommit=autocommit) as con:
            yield con
    except psycopg.Error as error:
        raise as_etl_error(error) from None


def attach(con: DuckDBPyConnection, url: URL, name: str, *, role: str | None = None, read_only: bool = False) -> None:
    """Attach the database to a DuckDB connection, by DuckDB's own PostgreSQL extension."""
    con.execute(f"load {literal(str(extension_file('postgres_scanner')))}")
    mode = ", read_only" if read_only else ""
    try:
        con.execute(f"attach {literal(conninfo(url, role))} as {name} (type postgres{mode})")
    except duckdb.Error as error:
        # its message holds the connection string, and so the password
        raise TransientError(
            f"the warehouse cannot be reached by DuckDB: {type(error).__name__}", hint="see ETL_WAREHOUSE_URL"
        ) from None
