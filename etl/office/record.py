"""The record of what was done in the office: who, when, what and why, in the order in which it was done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from etl.office.elsewhere import every_event
from etl.pages.language import noted
from etl.store.ledger.ledger import Ledger, now
from etl.store.ledger.office import EVENT

_KOREA = timedelta(hours=9)
EVENTS_OF_A_PAGE = 50
#: What can be done, in words of the catalogue.
ACTIONS = (
    noted("signed in"), noted("sign-in failed"), noted("sign-in refused: too many attempts"), noted("signed out"),
    noted("password changed"), noted("account added"), noted("role changed"), noted("account disabled"),
    noted("account enabled"), noted("approved"), noted("refused"), noted("expired"), noted("finding acknowledged"),
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
    """One thing that was done; the time is UTC. What was done at a terminal or in Airflow has no number."""

    number: int | None
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

    def condition(self, event: sa.FromClause) -> sa.ColumnElement[bool]:
        """As SQL."""
        parts: list[sa.ColumnElement[bool]] = [sa.true()]
        if self.actor:
            parts.append(event.c.actor == self.actor)
        if self.action:
            parts.append(event.c.action == self.action)
        if self.since:
            parts.append(event.c.happened_at >= _midnight(self.since))
        if self.until:
            parts.append(event.c.happened_at < _midnight(self.until) + timedelta(days=1))
        return sa.and_(*parts)


def record(con: sa.Connection, by: Actor, action: str, subject: str | None = None, reason: str | None = None) -> None:
    """Write down what was done, in the transaction that does it."""
    con.execute(sa.insert(EVENT).values(
        happened_at=now(), actor=by.name[:120], role=by.role, action=action, subject=subject and subject[:200],
        reason=reason, address=by.address and by.address[:64],
    ))  # fmt: skip


def record_once(ledger: Ledger, by: Actor, action: str, within: timedelta) -> None:
    """Write down what was done, unless the same was of late: who keeps trying does not fill the record."""
    same = (EVENT.c.actor == by.name[:120]) & (EVENT.c.action == action) & (EVENT.c.happened_at > now() - within)
    same &= EVENT.c.address.is_not_distinct_from(by.address and by.address[:64])
    with ledger.engine.begin() as con:
        if not con.execute(sa.select(EVENT.c.number).where(same).limit(1)).first():
            record(con, by, action)


def record_alone(ledger: Ledger, by: Actor, action: str, subject: str | None = None, reason: str | None = None) -> None:
    """Write down what was done in no transaction of its own."""
    with ledger.engine.begin() as con:
        record(con, by, action, subject, reason)


def events(ledger: Ledger, asked: Asked, page: int) -> tuple[list[Event], int, int]:
    """A page of what was done, the newest first, its number, and how many pages there are."""
    every = every_event()
    total = ledger.read(sa.select(sa.func.count().label("n")).select_from(every).where(asked.condition(every)))[0]["n"]
    pages = max(1, -(-total // EVENTS_OF_A_PAGE))
    page = min(max(page, 1), pages)
    query = sa.select(every).where(asked.condition(every)).order_by(sa.desc(every.c.happened_at), *_last(every))
    rows = ledger.read(query.limit(EVENTS_OF_A_PAGE).offset((page - 1) * EVENTS_OF_A_PAGE))
    return [Event(**row) for row in rows], page, pages


def actors(ledger: Ledger) -> list[str]:
    """Everybody who has done something."""
    every = every_event()
    return [row["actor"] for row in ledger.read(sa.select(every.c.actor).distinct().order_by(every.c.actor))]


def _last(every: sa.FromClause) -> tuple[sa.ColumnElement[Any], ...]:
    """The order of what was done at one moment."""
    return sa.desc(sa.func.coalesce(every.c.number, 0)), every.c.subject, every.c.action


def _midnight(day: date) -> datetime:
    """The beginning of a day in Korea, in UTC."""
    return datetime(day.year, day.month, day.day) - _KOREA
