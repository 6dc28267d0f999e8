"""Writes entries of the audit log, each after the last one whoever else writes at the same moment."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from functools import cache

import sqlalchemy as sa

from etl.store.audit.entry import Entry, Said
from etl.store.audit.kinds import known
from etl.store.audit.tables import ENTRY

_APPEND = sa.text(
    "select audit.append(:kind, :actor, :role, :subject, :reason, :address, cast(:returned as bigint), :details, "
    "cast(:happened_at as timestamp))"
)

_LAST = "update audit_head set number = number returning number, log, digest"
_ENDS = "update audit_head set number = ?, digest = ?"


def write(con: sa.Connection, said: Said) -> int:
    """Add an entry in the transaction of `con`, and return its number.

    Until that transaction ends, others who write wait: it should be short. On PostgreSQL the server numbers and seals.
    """
    known(said.kind)
    values = said.values()
    if con.dialect.name == "postgresql":
        return int(con.execute(_APPEND, values).scalar_one())
    # first a write: it takes the file's lock, so that what is read next is the newest
    last, log, digest = con.exec_driver_sql(_LAST).one()
    now = datetime.now(UTC).replace(tzinfo=None)
    happened_at = values.pop("happened_at") or now
    entry = Entry(
        number=last + 1, written_at=now, happened_at=happened_at, login=_user(), previous=digest or log, **values
    )
    sealed = entry.sealed()
    row = {name: getattr(entry, name) for name in entry.__slots__} | {"digest": sealed}
    con.execute(sa.insert(ENTRY).values(row))
    con.exec_driver_sql(_ENDS, (entry.number, sealed))
    return entry.number


@cache
def _user() -> str:
    """Who this machine says that we are."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "-"
