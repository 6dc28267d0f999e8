"""The audit log as the office writes and shows it: who, when, what and why, in the order in which it was done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from etl.store.audit.entry import Said
from etl.store.audit.search import Asked as Asked  # noqa: PLC0414 - for who asks
from etl.store.audit.tables import ENTRY
from etl.store.audit.write import write
from etl.store.ledger.ledger import Ledger, now

EVENTS_OF_A_PAGE = 50
#: What a page shows of an entry.
_SHOWN = (
    ENTRY.c.number, ENTRY.c.happened_at, ENTRY.c.actor, ENTRY.c.role, ENTRY.c.kind.label("action"), ENTRY.c.subject,
    ENTRY.c.reason, ENTRY.c.address,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, in which role, from where."""

    name: str
    role: str | None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that was done; the time is UTC."""

    number: int
    happened_at: datetime
    actor: str
    role: str | None
    action: str
    subject: str | None
    reason: str | None
    address: str | None


def record(con: sa.Connection, by: Actor, action: str, subject: str | None = None, reason: str | None = None) -> None:
    """Write down what was done, in the transaction that does it."""
    write(con, Said(action, by.name, by.role, subject, reason, by.address))


def record_once(ledger: Ledger, by: Actor, action: str, within: timedelta) -> None:
    """Write down what was done, unless the same was of late: who keeps trying does not fill the record."""
    with ledger.engine.begin() as con:
        if not con.execute(sa.select(ENTRY.c.number).where(_same(by, action, within)).limit(1)).first():
            record(con, by, action)


def _same(by: Actor, action: str, within: timedelta) -> sa.ColumnElement[bool]:
    said = Said(action, by.name, address=by.address).values()
    columns = [ENTRY.c[name].is_not_distinct_from(said[name]) for name in ("kind", "actor", "address")]
    return sa.and_(*columns, ENTRY.c.happened_at > now() - within)


def record_alone(ledger: Ledger, by: Actor, action: str, subject: str | None = None, reason: str | None = None) -> None:
    """Write down what was done in no transaction of its own."""
    with ledger.engine.begin() as con:
        record(con, by, action, subject, reason)


def events(ledger: Ledger, asked: Asked, page: int) -> tuple[list[Event], int, int]:
    """A page of what was done, the newest first, its number, and how many pages there are."""
    total = ledger.read(sa.select(sa.func.count().label("n")).select_from(ENTRY).where(asked.condition()))[0]["n"]
    pages = max(1, -(-total // EVENTS_OF_A_PAGE))
    page = min(max(page, 1), pages)
    query = sa.select(*_SHOWN).where(asked.condition()).order_by(sa.desc(ENTRY.c.number))
    rows = ledger.read(query.limit(EVENTS_OF_A_PAGE).offset((page - 1) * EVENTS_OF_A_PAGE))
    return [Event(**row) for row in rows], page, pages


def actors(ledger: Ledger) -> list[str]:
    """Everybody who has done something."""
    return [row["actor"] for row in ledger.read(sa.select(ENTRY.c.actor).distinct().order_by(ENTRY.c.actor))]
