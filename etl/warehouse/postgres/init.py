"""Makes a PostgreSQL database a warehouse, and keeps its schema up to date."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from psycopg import errors
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from etl.errors import ConfigError
from etl.warehouse.postgres.comments import comment_statements
from etl.warehouse.postgres.connect import LOADER, connect, conninfo
from etl.warehouse.postgres.limits import database_limits
from etl.warehouse.postgres.revision import newest, require_newest, revision_of

OLDEST_SERVER = 150_000  # views that check the rights of who reads them
_LOCK = 0x4F4D4F51  # one initialisation of a database at a time
_RACES = (errors.UniqueViolation, errors.DuplicateObject, errors.InternalError_, errors.DeadlockDetected)
_TRIES = 5
Tell = Callable[[str], None]


def initialise(admin: URL, pipeline: URL, tell: Tell = lambda _: None) -> None:
    """Make roles, schemas, tables, grants and policies; run again, it changes nothing.

    `admin` must be a superuser, or may make roles and own the database. The login that `pipeline` names becomes a
    member of etl_loader. Raises ConfigError where the server or the login will not do.
    """
    for left in reversed(range(_TRIES)):  # roles belong to the server: another database may be made a warehouse now
        try:
            with connect(admin, role=None, autocommit=False) as con, _refusals_explained():
                _check_server(con)
                tell("roles")
                con.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
                con.execute(_text("roles.sql"))
                tell("schemas")
                con.execute(_text("roles_database.sql"))
                for statement in database_limits(con.info.dbname):
                    con.execute(statement)
                _let_pipeline_in(con, pipeline)
                break
        except _RaceLost:
            if not left:
                raise ConfigError("other programs keep changing the roles of the server", hint="run again") from None
            time.sleep(0.2)
    upgrade(admin, tell)


class _RaceLost(Exception):
    """Somebody else made the same role in this moment."""


@contextmanager
def _refusals_explained() -> Iterator[None]:
    """What the server refuses as a ConfigError: these statements hold no data, so its words may be shown."""
    try:
        yield
    except _RACES as error:
        raise _RaceLost from error
    except errors.InsufficientPrivilege as error:
        raise ConfigError(
            f"the server refuses: {error.diag.message_primary}",
            hint="give --admin-url a superuser, or a login with CREATEROLE that owns the database and has the admin "
            "option on the roles etl_… that are there",
        ) from None
    except errors.RaiseException as error:
        raise ConfigError(str(error.diag.message_primary), hint=error.diag.message_hint) from None


def _check_server(con: psycopg.Connection) -> None:
    if con.info.server_version < OLDEST_SERVER:
        raise ConfigError(f"PostgreSQL {con.info.server_version // 10000} is too old", hint="use 15 or newer")
    row = con.execute("show server_encoding").fetchone()
    if row is None or row[0] != "UTF8":
        raise ConfigError(
            f"the database is encoded in {row[0] if row else 'nothing'}; Korean texts need UTF8",
            hint="create database … encoding 'UTF8' template template0",
        )


def _let_pipeline_in(con: psycopg.Connection, pipeline: URL) -> None:
    """Make the pipeline's login a member of etl_loader."""
    name = pipeline.username
    if name is None or name == con.info.user:
        return
    row = con.execute(
        "select pg_has_role(oid, %s, 'member') from pg_roles where rolname = %s", [LOADER, name]
    ).fetchone()
    if row is None:
        raise ConfigError(
            f"there is no login '{name}', which ETL_WAREHOUSE_URL names",
            hint=f"etl warehouse init with a URL that names another one, then: etl warehouse user {name} --role loader",
        )
    if not row[0]:
        con.execute(psycopg.sql.SQL("grant {} to {}").format(*map(psycopg.sql.Identifier, (LOADER, name))))


def upgrade(url: URL, tell: Tell = lambda _: None) -> tuple[str | None, str]:
    """Run the revisions that are missing and grant what the groups may do; returns the revision before and after.

    All in one transaction. Raises ConfigError when the schemas are missing or the database is newer than the pipeline.
    """
    with connect(url) as con:
        before = revision_of(con)
        if con.execute("select to_regnamespace('admin')").fetchone() == (None,):
            raise ConfigError("the database has no warehouse yet", hint="etl warehouse init")
        if before is not None and before > newest():
            require_newest(con)
    engine = sa.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(conninfo(url, LOADER)), poolclass=NullPool
    )
    with engine.begin() as begun:
        server: psycopg.Connection = begun.connection.driver_connection  # type: ignore[assignment]
        with _refusals_explained():
            server.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
            tell("tables")
            command.upgrade(_alembic(begun), "head")
            tell("grants")
            server.execute(_text("roles_grants.sql"))
            tell("comments")
            server.execute(";\n".join(comment_statements()))
    return before, newest()


def _alembic(con: sa.Connection) -> Config:
    config = Config(attributes={"connection": con})
    config.set_main_option("script_location", "etl.warehouse.postgres:migrations")
    return config


def _text(name: str) -> str:
    return files("etl.warehouse.postgres").joinpath(name).read_text(encoding="utf-8")
