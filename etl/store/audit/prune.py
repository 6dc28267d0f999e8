"""Empties entries that are older than their kind is kept; what is left of each still holds the chain together."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from etl.errors import UsageError
from etl.store.audit.entry import Entry, Said
from etl.store.audit.kinds import PRUNED, kinds
from etl.store.audit.tables import ENTRY, HEAD
from etl.store.audit.write import write

_NOTHING = {
    "actor": "-", "role": None, "login": "-", "subject": None, "reason": None, "address": None, "returned": None,
    "details": "{}",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many entries were emptied, by which entry; 0 and None where none was old enough."""

    entry: int | None
    emptied: int


def due(now: datetime | None = None) -> sa.ColumnElement[bool]:
    """Which entries are older than their kind is kept (`now` is UTC)."""
    now = now or datetime.now(UTC).replace(tzinfo=None)
    old = [
        (ENTRY.c.kind == name) & (ENTRY.c.written_at < _years_before(now, kind.years))
        for name, kind in kinds().items()
        if kind.years
    ]
    return ENTRY.c.pruned_by.is_(None) & sa.or_(*old)


def prune(con: sa.Connection, by: str, agreed: str, reason: str) -> Pruned:
    """Empty what is due, signed off by two people; UsageError where they are one, or say no reason.

    In the transaction of `con`. On PostgreSQL the server does it, by its own clock and its own list of kinds.
    """
    if not by.strip() or not agreed.strip() or by == agreed or not reason.strip():
        raise UsageError("two people and a reason are needed", hint="etl audit prune --by A --agreed B --reason …")
    if con.dialect.name == "postgresql":
        row = con.execute(sa.text("select * from audit.prune(:by, :agreed, :reason)"),
                          {"by": by, "agreed": agreed, "reason": reason}).first()  # fmt: skip
        return Pruned(*row) if row else Pruned(None, 0)
    con.execute(sa.update(HEAD).values(number=HEAD.c.number))
    chosen = [Entry(**row) for row in con.execute(sa.select(ENTRY).where(due()).order_by(ENTRY.c.number)).mappings()]
    if not chosen:
        return Pruned(None, 0)
    stubs = hashlib.sha256("\n".join(entry.stub() for entry in chosen).encode()).hexdigest()
    subject = f"{len(chosen)} entries, {chosen[0].number} to {chosen[-1].number}"
    details = {"agreed": agreed, "count": len(chosen), "stubs": stubs}
    number = write(con, Said(PRUNED, by, subject=subject, reason=reason, details=details))
    emptied = ENTRY.c.number.between(chosen[0].number, chosen[-1].number) & due()
    con.execute(sa.update(ENTRY).where(emptied).values(pruned_by=number, **_NOTHING))
    return Pruned(number, len(chosen))


def _years_before(now: datetime, years: int) -> datetime:
    try:
        return now.replace(year=now.year - years)
    except ValueError:  # the 29th of February
        return now.replace(year=now.year - years, day=28)
