"""A space on PostgreSQL: a schema of its own that only a role of its own may read; there wholly or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb
import psycopg
from psycopg import errors
from psycopg.sql import SQL, Identifier, Literal
from sqlalchemy.engine import URL

from etl.errors import ConfigError
from etl.research.spaces import kept, vault
from etl.sql import quote
from etl.store.postgres.connect import attach, connect


def schema_of(project: str) -> str:
    """The name of a project's schema, and of the role that may read it."""
    return f"space_{project}"


def put(admin: URL, file: Path, keys: vault.Keys, project: str) -> str:
    """Copy the tables of a space's file into a schema that its role may read; returns the schema's name.

    `admin` makes schemas and roles; ConfigError where it may not. What an earlier run left half-way is removed first.
    """
    name, partial = schema_of(project), f"building_{schema_of(project)}"
    with _as_admin(admin) as con:
        _drop(con, partial)
        _drop(con, name)
        _make_role(con, name)
        con.execute(SQL("create schema {}").format(Identifier(partial)))
    with closing(duckdb.connect()) as engine:
        kept.load_cipher(engine)
        engine.execute(kept.attach_statement(file, keys))
        attach(engine, admin, "pg")
        for (table,) in engine.execute(
            "select table_name from duckdb_tables() where database_name = 'space'"
        ).fetchall():
            engine.execute(f"create table pg.{partial}.{quote(table)} as select * from space.main.{quote(table)}")
    with _as_admin(admin) as con:
        role = Identifier(name)
        con.execute(SQL("alter schema {} rename to {}").format(Identifier(partial), Identifier(name)))
        con.execute(SQL("grant usage on schema {} to {}").format(Identifier(name), role))
        con.execute(SQL("grant select on all tables in schema {} to {}").format(Identifier(name), role))
    return name


def remove(admin: URL, project: str) -> None:
    """Drop the schema of a project and its role, with what a killed build left of them."""
    with _as_admin(admin) as con:
        for schema in (f"building_{schema_of(project)}", schema_of(project)):
            _drop(con, schema)
        if con.execute("select 1 from pg_roles where rolname = %s", [schema_of(project)]).fetchone():
            con.execute(SQL("drop owned by {}").format(Identifier(schema_of(project))))
            con.execute(SQL("drop role {}").format(Identifier(schema_of(project))))


def _drop(con: psycopg.Connection, schema: str) -> None:
    con.execute(SQL("drop schema if exists {} cascade").format(Identifier(schema)))


def _make_role(con: psycopg.Connection, name: str) -> None:
    row = con.execute("select rolcanlogin or rolsuper from pg_roles where rolname = %s", [name]).fetchone()
    if row is None:
        con.execute(SQL("create role {} nologin").format(Identifier(name)))
        said = Literal("reads one project space; goes with it")
        con.execute(SQL("comment on role {} is {}").format(Identifier(name), said))
    elif row[0]:
        raise ConfigError(f"'{name}' is a login of the server, no group", hint="name the project otherwise")


@contextmanager
def _as_admin(admin: URL) -> Iterator[psycopg.Connection]:
    """One transaction of who makes schemas and roles."""
    with connect(admin, role=None, autocommit=False) as con:
        try:
            yield con
        except errors.InsufficientPrivilege:
            raise ConfigError(
                "this login may make no schema and no role",
                hint="give --admin-url a superuser, or a login with CREATEROLE",
            ) from None
