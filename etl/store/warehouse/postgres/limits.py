"""Limits of logins (`limits.csv`): how long a query may take, how many connections a person may hold.

PostgreSQL does not hand settings of a group on to its members, so every login gets its own; the database has some for
logins that were made by hand. All are for one database only, but the number of connections, which is the login's.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache

from psycopg.sql import SQL, Composed, Identifier, Literal

from etl.files import packaged

DATABASE = "database"
CONNECTIONS = "connections"
FOR_SUPERUSERS = frozenset({"temp_file_limit"})


@cache
def limits(role: str) -> Mapping[str, str]:
    """Values by setting of one role (without `etl_`), or of the `database`."""
    rows = csv.DictReader(packaged(__name__, "limits.csv").splitlines())
    return {row["setting"]: row["value"] for row in rows if row["role"] == role}


def database_limits(database: str) -> list[Composed]:
    """Statements that set what holds for everybody in a database who has no limits of one's own."""
    return [_set(SQL("alter database {}").format(Identifier(database)), n, v) for n, v in limits(DATABASE).items()]


def login_limits(login: str, database: str, chosen: Mapping[str, str]) -> list[Composed]:
    """Statements that set the limits of a login."""
    role = SQL("alter role {}").format(Identifier(login))
    there = role + SQL(" in database {}").format(Identifier(database))
    made = [_set(there, name, value) for name, value in chosen.items() if name != CONNECTIONS]
    if CONNECTIONS in chosen:
        made.append(role + SQL(" connection limit {}").format(Literal(int(chosen[CONNECTIONS]))))
    return made


def _set(what: Composed, name: str, value: str) -> Composed:
    # a path is a list of names; as one literal it would be one name
    values = SQL(", ").join(Literal(part.strip()) for part in value.split(","))
    return what + SQL(" set {} = ").format(Identifier(name)) + values
