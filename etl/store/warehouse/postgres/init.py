"""Makes a PostgreSQL database a warehouse, and keeps its schema up to date."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from psycopg import errors
from psycopg.sql import SQL, Identifier
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from etl.errors import ConfigError, TransientError
from etl.files import packaged
from etl.store.postgres.connect import LOADER, as_etl_error, connect, conninfo
from etl.store.postgres.revision import newest, require_newest, revision_of
from etl.store.warehouse.postgres.comments import comment_statements
from etl.store.warehouse.postgres.limits import database_limits
from etl.store.warehouse.postgres.record import make_log
from etl.store.warehouse.postgres.turns import SCHEMA

OLDEST_SERVER = 150_000  # views that check the rights of who reads them
#: What one of two initialisations of a database or server in the same moment meets; it is then tried again.
_RACES = (
    errors.UniqueViolation, errors.DuplicateObject, errors.DuplicateSchema, errors.InternalError_,
    errors.DeadlockDetected,
)  # fmt: skip
_TRIES = 5
_PATIENCE = "10s"
Tell = Callable[[str], None]


def initialise(admin: URL, pipeline: URL, tell: Tell = lambda _: None) -> None:
    """Make roles, schemas, tables, grants and policies; run again, it changes nothing.

    `admin` must be a superuser, or may make roles and own the database. The login that `pipeline` names becomes a
    member of etl_loader. Raises ConfigError where the server or the login will not do.
    """
    prepare(admin, pipeline, tell)
    upgrade(admin, tell)


def prepare(admin: URL, pipeline: URL, tell: Tell = lambda _: None) -> None:
    """The part of `initialise` that needs rights beyond the tables: roles, schemas, who may enter."""

    def work() -> None:
        with connect(admin, role=None, autocommit=False) as con, _refusals_explained():
            _check_server(con)
            tell("roles")
            con.execute(_text("roles.sql"))
            tell("schemas")
            con.execute(_text("roles_database.sql"))
            make_log(con)
            for statement in database_limits(con.info.dbname):
                con.execute(statement)
            _let_pipeline_in(con, pipeline)
            _harden(con)

    _again_when_raced(work)


def _again_when_raced(work: Callable[[], None]) -> None:
    """Roles belong to the server: another database on it may be made a warehouse in the same moment."""
    for _ in range(_TRIES - 1):
        with suppress(_RaceLost):
            return work()
        time.sleep(random.uniform(0.1, 0.5))
    try:
        return work()
    except _RaceLost as lost:
        if lost.object_there:
            raise ConfigError(
                "the database holds a table or schema that the warehouse would make and did not",
                hint="give the warehouse a database of its own; `etl warehouse status` shows what it is at",
            ) from lost
        raise


class _RaceLost(TransientError):
    """Somebody else changed the same role, or (`object_there`) made the same table, in this moment."""

    object_there = False

    @classmethod
    def of(cls, error: psycopg.Error, message: str) -> _RaceLost:
        """What a server's error means."""
        lost = cls(message, hint="run again")
        lost.object_there = isinstance(error, (errors.DuplicateTable, errors.DuplicateSchema))
        return lost


@contextmanager
def _refusals_explained() -> Iterator[None]:
    """What the server refuses as a ConfigError: these statements hold no data, so its words may be shown."""
    try:
        yield
    except _RACES as error:
        raise _RaceLost.of(error, "other programs keep changing the roles of the server") from error
    except errors.InsufficientPrivilege as error:
        raise ConfigError(
            f"the server refuses: {error.diag.message_primary}",
            hint="give --admin-url a superuser, or a login with CREATEROLE that owns the database and has the admin "
            "option on the roles etl_… that are there",
        ) from None
    except errors.RaiseException as error:
        raise ConfigError(str(error.diag.message_primary), hint=error.diag.message_hint) from None
    except sa.exc.DBAPIError as error:
        if isinstance(error.orig, _RACES):
            raise _RaceLost.of(error.orig, "somebody else upgrades this database in this moment") from error
        raise as_etl_error(error.orig if isinstance(error.orig, psycopg.Error) else psycopg.Error()) from None
    except psycopg.Error as error:
        raise as_etl_error(error) from None


def _check_server(con: psycopg.Connection) -> None:
    if con.info.server_version < OLDEST_SERVER:
        raise ConfigError(f"PostgreSQL {con.info.server_version // 10000} is too old", hint="use 15 or newer")
    row = con.execute("show server_encoding").fetchone()
    if row is None or row[0] != "UTF8":
        raise ConfigError(
            f"the database is encoded in {row[0] if row else 'nothing'}; Korean texts need UTF8",
            hint="create database … encoding 'UTF8' template template0",
        )


def _harden(con: psycopg.Connection) -> None:
    """What only a superuser can do: take what stores and passes data from everybody, and old statistics of persons."""
    if con.execute("select rolsuper from pg_roles where rolname = current_user").fetchone() != (True,):
        return  # `etl doctor` tells what is left to do
    for function in passing_functions(con):
        con.execute(f"revoke execute on function pg_catalog.{function} from public")
    con.execute(_text("statistics_of_persons.sql"))


def passing_functions(con: psycopg.Connection[Any]) -> list[str]:
    """Functions of the server that everybody may execute, and by which data is stored or passed outside of tables."""
    return [str(row[0]) for row in con.execute(_text("passing.sql")).fetchall()]


def _let_pipeline_in(con: psycopg.Connection, pipeline: URL) -> None:
    """Make the pipeline's login a member of etl_loader."""
    name = pipeline.username or con.info.user
    query = "select pg_has_role(oid, %s, 'member') from pg_roles where rolname = %s"
    row = con.execute(query, [LOADER, name]).fetchone()
    if row is None:
        raise ConfigError(
            f"there is no login '{name}', which ETL_WAREHOUSE_URL names", hint=f"make it: create role {name} login"
        )
    if not row[0]:
        con.execute(SQL("grant {} to {}").format(Identifier(LOADER), Identifier(name)))


def upgrade(url: URL, tell: Tell = lambda _: None) -> tuple[str | None, str]:
    """Run the revisions that are missing and grant what the groups may do; returns the revision before and after.

    All in one transaction. Raises ConfigError when the schemas are missing or the database is newer than the pipeline.
    """
    with connect(url) as con:
        before = revision_of(con)
        if con.execute("select to_regnamespace('admin')").fetchone() == (None,):
            raise ConfigError("the database has no warehouse yet", hint="etl warehouse init")
        needed = ["office", "audit", "gate"]
        there = con.execute("select count(to_regnamespace(name)) from unnest(%s::text[]) name", [needed]).fetchone()
        if there != (len(needed),):
            raise ConfigError(
                f"this version brings the schemas {', '.join(needed)} and roles, which an upgrade alone cannot make",
                hint="etl warehouse init, which includes the upgrade",
            )
        if before is not None and before > newest():
            require_newest(con)
    _again_when_raced(lambda: _upgrade(url, tell))
    return before, newest()


def _upgrade(url: URL, tell: Tell) -> None:
    with _refusals_explained(), as_loader(url).begin() as begun:
        server: psycopg.Connection = begun.connection.driver_connection  # type: ignore[assignment]
        # readers queue behind a lock that waits for another reader
        server.execute(f"set local lock_timeout = '{_PATIENCE}'")
        if server.execute("select to_regclass('admin.publisher_turn')").fetchone() != (None,):
            server.execute("select from admin.publisher_turn where turn = %s for update", [SCHEMA])
        tell("tables")
        migrate(begun)
        tell("grants")
        server.execute(_text("roles_grants.sql"))
        tell("comments")
        server.execute(";\n".join(comment_statements()))


def as_loader(url: URL) -> sa.Engine:
    """A SQLAlchemy engine that works as etl_loader, without a pool."""
    return sa.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(conninfo(url, LOADER)), poolclass=NullPool
    )


def migrate(con: sa.Connection, revision: str = "head") -> None:
    """Run the revisions that are missing up to one, in the connection's transaction."""
    config = Config(attributes={"connection": con})
    config.set_main_option("script_location", "etl.store.postgres:migrations")
    command.upgrade(config, revision)


def _text(name: str) -> str:
    return packaged(__name__, name)
