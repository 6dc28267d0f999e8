"""A space on PostgreSQL: a schema of its own that only a role of its own may read; there wholly or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import duckdb
import psycopg
from psycopg import errors
from psycopg.sql import SQL, Identifier, Literal
from sqlalchemy.engine import URL

from etl.engine import load_cipher
from etl.errors import ConfigError
from etl.research.spaces import kept, vault
from etl.research.spaces.definition import Definition
from etl.sql import quote
from etl.store.postgres.connect import attach, connect


def schema_of(project: str) -> str:
    """The name of a project's schema, and of the role that may read it."""
    return f"space_{project}"


def put(admin: URL, file: Path, keys: vault.Keys, definition: Definition) -> str:
    """Copy the tables of a space's file into a schema that its role may read; returns the schema's name.

    Of a request's space the role sees rows only while the server's own record says that the request is open: what is
    suspended, expired or changed is shut in that moment, whoever is connected. `admin` makes schemas and roles;
    ConfigError where it may not. What an earlier run left half-way is removed first.
    """
    project = definition.name
    name, partial = schema_of(project), f"building_{schema_of(project)}"
    with _as_admin(admin) as con:
        _drop(con, partial)
        _drop(con, name)
        _make_role(con, name)
        con.execute(SQL("create schema {}").format(Identifier(partial)))
    with closing(duckdb.connect()) as engine:
        load_cipher(engine)
        engine.execute(kept.attach_statement(file, keys))
        attach(engine, admin, "pg")
        for (table,) in engine.execute(
            "select table_name from duckdb_tables() where database_name = 'space'"
        ).fetchall():
            engine.execute(f"create table pg.{partial}.{quote(table)} as select * from space.main.{quote(table)}")
    with _as_admin(admin) as con:
        role = Identifier(name)
        if definition.request is not None:
            _put_gate(con, partial, definition.request)
        con.execute(SQL("alter schema {} rename to {}").format(Identifier(partial), Identifier(name)))
        con.execute(SQL("grant connect on database {} to {}").format(Identifier(admin.database or ""), role))
        con.execute(SQL("grant usage on schema {} to {}").format(Identifier(name), role))
        con.execute(SQL("grant select on all tables in schema {} to {}").format(Identifier(name), role))
    return name


def let_in(admin: URL, project: str, logins: Iterable[str]) -> list[str]:
    """Let logins of the server read the schema of a project; returns those that the server has, whom it let in."""
    let = []
    with _as_admin(admin) as con:
        for login in logins:
            can_log_in = "select 1 from pg_roles where rolname = %s and rolcanlogin and not rolsuper"
            if con.execute(can_log_in, [login]).fetchone():
                con.execute(SQL("grant {} to {}").format(Identifier(schema_of(project)), Identifier(login)))
                let.append(login)
    return let


def remove(admin: URL, project: str) -> None:
    """Drop the schema of a project and its role, with what a killed build left of them.

    The rows go first, whatever becomes of the role: a member can have it named in another database of the server, and
    no role is dropped that is. Then it stays, with no member and no right.
    """
    name = schema_of(project)
    with _as_admin(admin) as con:
        for schema in (f"building_{name}", name):
            _drop(con, schema)
    with _as_admin(admin) as con:
        if con.execute("select 1 from pg_roles where rolname = %s", [name]).fetchone():
            _let_nobody_in(con, name)
            con.execute(SQL("drop owned by {}").format(Identifier(name)))
            with suppress(errors.DependentObjectsStillExist), con.transaction():
                con.execute(SQL("drop role {}").format(Identifier(name)))


def _let_nobody_in(con: psycopg.Connection, name: str) -> None:
    members = "select member::regrole::text from pg_auth_members where roleid = %s::regrole"
    for (member,) in con.execute(members, [quote(name)]).fetchall():
        con.execute(SQL("revoke {} from ").format(Identifier(name)) + SQL(member))


def _put_gate(con: psycopg.Connection, schema: str, request: int) -> None:
    """Rows are seen while the request is open. The condition is asked once a query, not of every row."""
    tables = "select tablename from pg_tables where schemaname = %s"
    for (table,) in con.execute(tables, [schema]).fetchall():
        place = SQL("{}.{}").format(Identifier(schema), Identifier(table))
        con.execute(SQL("alter table {} enable row level security").format(place))
        con.execute(
            SQL("create policy while_open on {} for select using ((select gate.request_is_open({})))").format(
                place, Literal(request)
            )
        )


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
