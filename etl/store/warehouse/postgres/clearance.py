"""Clearances: who may see which hospitals, given and taken by stewards through functions that keep the record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime

import psycopg
from psycopg import errors
from psycopg.rows import class_row
from sqlalchemy.engine import URL

from etl.cdm.spec import hospital_tables
from etl.errors import ConfigError, UsageError
from etl.store.postgres.connect import LOADER, connect
from etl.store.postgres.revision import require_newest
from etl.store.warehouse.postgres.swap import transaction


@dataclass(frozen=True, slots=True)
class Clearance:
    """One login's leave to see one hospital; `granted_at` in UTC, `until` is its last day."""

    login: str
    hospital: str
    granted_by: str
    granted_at: datetime
    until: date | None
    reason: str


def grant(url: URL, login: str, hospitals: Sequence[str], reason: str, until: date | None = None) -> None:
    """Clear a login for hospitals: all of them or, with an error, none. The steward is the login of `url`."""
    with _as_steward(url) as con:
        for hospital in hospitals:
            con.execute("select admin.grant_clearance(%s, %s, %s, %s)", [login, hospital, reason, until])


def revoke(url: URL, login: str, hospitals: Sequence[str], reason: str) -> None:
    """Take a login's clearances for hospitals: all of them or, with an error, none."""
    with _as_steward(url) as con:
        for hospital in hospitals:
            con.execute("select admin.revoke_clearance(%s, %s, %s)", [login, hospital, reason])


@contextmanager
def _as_steward(url: URL) -> Iterator[psycopg.Connection]:
    with connect(url, role=None, autocommit=False) as con:
        try:
            require_newest(con)
            yield con
        except errors.InvalidParameterValue as error:
            raise UsageError(str(error.diag.message_primary), hint="etl warehouse status") from None
        except errors.InsufficientPrivilege as error:
            raise ConfigError(
                f"the server refuses: {error.diag.message_primary}",
                hint="set ETL_WAREHOUSE_URL to the login of a steward (etl warehouse user NAME --role steward)",
            ) from None


def in_force(con: psycopg.Connection) -> list[Clearance]:
    """The clearances of now, of logins that are still there."""
    query = (
        "select login, hospital, granted_by, granted_at, until, reason from admin.clearance "
        "join pg_roles on pg_roles.oid = login_oid and rolname = login "
        "where revoked_at is null and (until is null or until >= current_date) order by login, hospital"
    )
    with con.cursor(row_factory=class_row(Clearance)) as cursor:
        return cursor.execute(query).fetchall()


def register(con: psycopg.Connection, hospital: str, number: int, patience: float) -> None:
    """Make a hospital known, so that people can be cleared for it; its policies need a lock on the tables for a moment.

    Raises ConfigError when the name or the number is another hospital's, TransientError when the lock cannot be had.
    """
    known = con.execute(
        "select hospital, number from admin.hospital where hospital = %s or number = %s", [hospital, number]
    ).fetchall()
    if [(hospital, number)] == known:
        return
    if known:
        raise ConfigError(
            f"the warehouse knows hospital {known[0][1]} as '{known[0][0]}', not {number} as '{hospital}'",
            hint="numbers and names are fixed for life: see `number` in hospital.yaml",
        )

    def work() -> None:
        con.execute("select admin.register_hospital(%s, %s)", [hospital, number])

    transaction(con, hospital_tables(), work, patience)


def register_all(url: URL, hospitals: dict[str, int], patience: float) -> None:
    """`register` of several hospitals."""
    with connect(url, LOADER) as con:
        for hospital, number in hospitals.items():
            register(con, hospital, number, patience)
