"""Logins of persons and programs: members of a group role, with limits of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal, get_args

import psycopg
from psycopg import errors
from psycopg.sql import SQL, Identifier
from psycopg.sql import Literal as Value
from sqlalchemy.engine import URL

from etl.errors import ConfigError, UsageError
from etl.store.postgres.connect import connect
from etl.store.postgres.revision import require_newest
from etl.store.warehouse.postgres.limits import FOR_SUPERUSERS, limits, login_limits

Role = Literal["analyst", "quality", "steward", "auditor", "office", "loader"]
ROLES: tuple[Role, ...] = get_args(Role)
_TOLD = "select audit.append('login made', %s, null, %s, null, null, null, '{}', null)"
_PLAIN = re.compile(r"(?!pg_|etl_)[a-z_][a-z0-9_.@-]{0,62}")


def make_login(
    admin: URL, name: str, role: Role, password: str | None = None, chosen: Mapping[str, str] | None = None
) -> list[str]:
    """Make a login, or make one that is there a member, and set its limits; returns the limits that were left out.

    Without a `password` it has none, and gets in by certificate or Kerberos, or after the DBA's `\\password`. The
    server is told the password's SCRAM verifier only, so that no log holds it. `chosen` are other limits than those of
    `limits.csv`. Raises UsageError for a name or limit that cannot be, ConfigError for an `admin` who may not.
    """
    wanted = _wanted(name, role, chosen or {})
    login = Identifier(name)
    with connect(admin, role=None, autocommit=False) as con, _refusals_explained():
        require_newest(con)
        _create(con, name)
        if password is not None:
            con.execute(SQL("alter role {} password {}").format(login, Value(_verifier(con, name, password))))
        con.execute(SQL("grant {} to {}").format(Identifier(f"etl_{role}"), login))
        superuser = con.info.parameter_status("is_superuser") == "on"
        left_out = [] if superuser else sorted(FOR_SUPERUSERS & set(wanted))
        for statement in login_limits(name, con.info.dbname, {k: v for k, v in wanted.items() if k not in left_out}):
            con.execute(statement)
        con.execute(_TOLD, [con.info.user, f"{name}: {role}"])
    return left_out


def _wanted(name: str, role: Role, chosen: Mapping[str, str]) -> dict[str, str]:
    if not _PLAIN.fullmatch(name):
        raise UsageError(
            f"'{name}' cannot name a login",
            hint="use small letters, digits and . _ @ -, up to 63; names in pg_… and etl_… are taken",
        )
    known = limits(role)
    if unknown := sorted(set(chosen) - set(known)):
        raise UsageError(f"a login of {role} has no limit '{unknown[0]}'", hint=f"there are: {', '.join(known)}")
    return {**known, **chosen}


def _create(con: psycopg.Connection, name: str) -> None:
    """Make a login, unless it is there; what could look past row-level security is refused."""
    query = "select rolcanlogin, rolsuper or rolbypassrls from pg_roles where rolname = %s"
    row = con.execute(query, [name]).fetchone()
    if row is None:
        con.execute(SQL("create role {} login").format(Identifier(name)))
        return
    can_login, sees_all = row
    if not can_login:
        raise UsageError(f"'{name}' is a group on the server, no login", hint="choose another name")
    if sees_all:
        raise UsageError(
            f"'{name}' is a superuser or bypasses row-level security: no role of the warehouse would bind it",
            hint="make a login of its own for this person",
        )


def _verifier(con: psycopg.Connection, name: str, password: str) -> str:
    return con.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()


@contextmanager
def _refusals_explained() -> Iterator[None]:
    """What the server refuses as our errors; no password is in a message of these."""
    try:
        yield
    except errors.InsufficientPrivilege as error:
        raise ConfigError(
            f"the server refuses: {error.diag.message_primary}",
            hint="give --admin-url a superuser, or a login with CREATEROLE and the admin option on the role",
        ) from None
    except errors.InvalidParameterValue as error:
        raise UsageError(str(error.diag.message_primary), hint="see --limit") from None
