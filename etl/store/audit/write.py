"""Writes entries of the audit log, each after the last one whoever else writes at the same moment."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from functools import cache

import sqlalchemy as sa

from etl.store.audit.entry import Entry, Said
from etl.store.audit.kinds import known
from etl.store.audit.tables import ENTRY, HEAD

_APPEND = sa.text(
    "select audit.append(:kind, :actor, :role, :subject, :reason, :address, cast(:returned as bigint), :details, "
    "cast(:happened_at as timestamp))"
)


def write(con: sa.Connection, said: Said) -> int:
    """Add an entry in the transaction of `con`, and return its number.

    Until that transaction ends, others who write wait: it should be short. On PostgreSQL the server numbers and seals.
    """
    known(said.kind)
    values = said.values()
    if con.dialect.name == "postgresql":
        return int(con.execute(_APPEND, values).scalar_one())
    # first a write: it takes the file's lock, so that what is read next is the newest
    con.execute(sa.update(HEAD).values(number=HEAD.c.number))
    last, log, digest = con.execute(sa.select(HEAD.c.number, HEAD.c.log, HEAD.c.digest)).one()
    now = datetime.now(UTC).replace(tzinfo=None)
    happened_at = values.pop("happened_at") or now
    entry = Entry(
        number=last + 1, written_at=now, happened_at=happened_at, login=_user(), previous=digest or log, **values
    )
    sealed = entry.sealed()
    row = {name: getattr(entry, name) for name in entry.__slots__} | {"digest": sealed}
    con.execute(sa.insert(ENTRY).values(row))
    con.execute(sa.update(HEAD).values(number=entry.number, digest=sealed))
    return entry.number


@cache
def _user() -> str:
    """Who this machine says that we are."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "-"
