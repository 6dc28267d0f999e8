"""The record of what was done in the office: who, when, what and why, in the order in which it was done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from etl.pages.language import noted
from etl.store.ledger.ledger import Ledger, now
from etl.store.ledger.office import EVENT

_KOREA = timedelta(hours=9)
EVENTS_OF_A_PAGE = 50
#: What can be done, in words of the catalogue.
ACTIONS = (
    noted("signed in"), noted("sign-in failed"), noted("sign-in refused: too many attempts"), noted("signed out"),
    noted("password changed"), noted("account added"), noted("role changed"), noted("account disabled"),
    noted("account enabled"), noted("approved"), noted("refused"), noted("finding acknowledged"),
    noted("finding taken into work"), noted("finding waived"), noted("finding resolved"), noted("finding opened again"),
    noted("finding assigned"), noted("finding noted"), noted("monthly report written"),
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


@dataclass(frozen=True, slots=True)
class Asked:
    """Which events are asked for: of whom, which, on which days in Korea."""

    actor: str = ""
    action: str = ""
    since: date | None = None
    until: date | None = None

    def condition(self) -> sa.ColumnElement[bool]:
        """As SQL."""
        parts: list[sa.ColumnElement[bool]] = [sa.true()]
        if self.actor:
            parts.append(EVENT.c.actor == self.actor)
        if self.action:
            parts.append(EVENT.c.action == self.action)
        if self.since:
            parts.append(EVENT.c.happened_at >= _midnight(self.since))
        if self.until:
            parts.append(EVENT.c.happened_at < _midnight(self.until) + timedelta(days=1))
        return sa.and_(*parts)


def record(con: sa.Connection, by: Actor, action: str, subject: str | None = None, reason: str | None = None) -> None:
    """Write down what was done, in the transaction that does it."""
    con.execute(sa.insert(EVENT).values(
        happened_at=now(), actor=by.name[:120], role=by.role, action=action, subject=subject and subject[:200],
        reason=reason, address=by.address and by.address[:64],
    ))  # fmt: skip


def record_alone(ledger: Ledger, by: Actor, action: str, subject: str | None = None, reason: str | None = None) -> None:
    """Write down what was done in no transaction of its own."""
    with ledger.engine.begin() as con:
        record(con, by, action, subject, reason)


def events(ledger: Ledger, asked: Asked, page: int) -> tuple[list[Event], int, int]:
    """A page of what was done, the newest first, its number, and how many pages there are."""
    total = ledger.read(sa.select(sa.func.count().label("n")).select_from(EVENT).where(asked.condition()))[0]["n"]
    pages = max(1, -(-total // EVENTS_OF_A_PAGE))
    page = min(max(page, 1), pages)
    query = sa.select(EVENT).where(asked.condition()).order_by(sa.desc(EVENT.c.number))
    rows = ledger.read(query.limit(EVENTS_OF_A_PAGE).offset((page - 1) * EVENTS_OF_A_PAGE))
    return [Event(**row) for row in rows], page, pages


def actors(ledger: Ledger) -> list[str]:
    """Everybody who has done something."""
    return [row["actor"] for row in ledger.read(sa.select(EVENT.c.actor).distinct().order_by(EVENT.c.actor))]


def _midnight(day: date) -> datetime:
    """The beginning of a day in Korea, in UTC."""
    return datetime(day.year, day.month, day.day) - _KOREA
