"""Logins of persons and programs: members of a group role, with limits of their own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal, get_args

import psycopg
from psycopg import errors
from psycopg.sql import SQL, Identifier
from psycopg.sql import Literal as Value
from sqlalchemy.engine import URL

from etl.errors import ConfigError, UsageError
from etl.warehouse.postgres.connect import connect
from etl.warehouse.postgres.limits import CONNECTIONS, FOR_SUPERUSERS, limits, login_limits
from etl.warehouse.postgres.revision import require_newest

Role = Literal["analyst", "quality", "steward", "auditor", "loader"]
ROLES: tuple[Role, ...] = get_args(Role)
PASSWORD = "ETL_USER_PASSWORD"


def group(role: Role) -> str:
    """The name of a group role on the server."""
    return f"etl_{role}"


def make_login(
    admin: URL, name: str, role: Role, password: str | None = None, chosen: Mapping[str, str] | None = None
) -> list[str]:
    """Make a login, or make one that is there a member, and set its limits; returns the limits that were left out.

    Without a `password` it has none, and gets in by certificate, Kerberos or after the DBA's `\\password`. The server is
    told the password's SCRAM verifier only, so that no log holds it. `chosen` are other limits than `limits.csv` says.
    """
    wanted = {**limits(role), **(chosen or {})}
    with connect(admin, role=None, autocommit=False) as con, _refusals_explained(name):
        require_newest(con)
        _create(con, name)
        if password is not None:
            con.execute(SQL("alter role {} password {}").format(Identifier(name), Value(_verifier(con, name, password))))
        con.execute(SQL("grant {} to {}").format(Identifier(group(role)), Identifier(name)))
        superuser = con.info.parameter_status("is_superuser") == "on"
        left_out = [] if superuser else sorted(FOR_SUPERUSERS & set(wanted))
        for statement in login_limits(name, con.info.dbname, {k: v for k, v in wanted.items() if k not in left_out}):
            con.execute(statement)
    return left_out
