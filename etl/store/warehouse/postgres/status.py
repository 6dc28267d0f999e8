"""What a warehouse on PostgreSQL is and holds: revision, logins by role, hospitals, clearances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row
from sqlalchemy.engine import URL

from etl.errors import ConfigError
from etl.files import packaged
from etl.store.postgres.connect import connect
from etl.store.postgres.revision import newest, revision_of
from etl.store.warehouse.postgres.clearance import Clearance, in_force
from etl.store.warehouse.postgres.roles import ROLES


@dataclass(frozen=True, slots=True)
class Status:
    """`revision` is the database's, `wanted` the pipeline's; what a missing or older schema cannot tell is empty."""

    server: str
    database: str
    revision: str | None
    wanted: str
    logins: Mapping[str, list[str]]
    hospitals: list[dict[str, Any]]
    clearances: list[Clearance]


def read_status(url: URL) -> Status:
    """Look at a warehouse as the login of `url`, which must read the schema admin."""
    with connect(url, role=None) as con:
        try:
            found = revision_of(con)
            current = found == newest()
            return Status(
                server=str(con.info.parameter_status("server_version")),
                database=con.info.dbname,
                revision=found,
                wanted=newest(),
                logins=_logins(con),
                hospitals=_hospitals(con) if current else [],
                clearances=in_force(con) if current else [],
            )
        except psycopg.errors.InsufficientPrivilege:
            raise ConfigError(
                "this login may not look at the schema admin",
                hint="loaders, quality officers, stewards and auditors may: etl warehouse user --help",
            ) from None


def _logins(con: psycopg.Connection) -> dict[str, list[str]]:
    query = (
        "select array(select rolname::text from pg_auth_members join pg_roles on pg_roles.oid = member "
        "where roleid = g.oid and rolcanlogin order by 1) from pg_roles g where rolname = %s"
    )
    found: dict[str, list[str]] = {}
    for role in ROLES:
        if row := con.execute(query, [f"etl_{role}"]).fetchone():
            found[role] = list(dict.fromkeys(row[0]))
    return found


def _hospitals(con: psycopg.Connection) -> list[dict[str, Any]]:
    text = packaged(__name__, "status.sql")
    with con.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(text).fetchall()
