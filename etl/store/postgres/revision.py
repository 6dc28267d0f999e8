"""Which revision of the schema a database has, and whether it is the one that this version of the pipeline needs."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from psycopg import Connection

from etl.errors import ConfigError


@cache
def newest() -> str:
    """The revision that this version of the pipeline brings and needs."""
    versions = files("etl.store.postgres.migrations.versions").iterdir()
    return max(f.name[1:5] for f in versions if f.name.startswith("v") and f.name.endswith(".py"))


def revision_of(con: Connection[Any]) -> str | None:
    """The revision of a database; None where there is no warehouse."""
    there = con.execute("select to_regclass('admin.alembic_version')").fetchone()
    row = con.execute("select version_num from admin.alembic_version").fetchone() if there and there[0] else None
    return str(row[0]) if row else None


def require_newest(con: Connection[Any]) -> None:
    """Raise ConfigError, which names the command that helps, unless the database is at the newest revision."""
    found, wanted = revision_of(con), newest()
    if found is None:
        raise ConfigError("the database has no warehouse yet", hint="etl warehouse init")
    if found < wanted:
        raise ConfigError(
            f"the warehouse is at revision {found}; this version of the pipeline needs {wanted}",
            hint="etl warehouse upgrade",
        )
    if found > wanted:
        raise ConfigError(
            f"the warehouse is at revision {found}, which is newer than this version of the pipeline ({wanted})",
            hint="run the version of the pipeline that upgraded it; `etl warehouse status` shows both",
        )
