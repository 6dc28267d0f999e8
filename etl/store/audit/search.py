"""Asks the audit log: whose entries, of which kinds, on which days, about what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from etl.store.audit.tables import ENTRY

_KOREA = timedelta(hours=9)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which entries are asked for: of whom, of which kind, on which days in Korea, with which text in what they say."""

    actor: str = ""
    kind: str = ""
    since: date | None = None
    until: date | None = None
    text: str = ""

    def condition(self) -> sa.ColumnElement[bool]:
        """As SQL."""
        parts: list[sa.ColumnElement[bool]] = [sa.true()]
        if self.actor:
            parts.append(ENTRY.c.actor == self.actor)
        if self.kind:
            parts.append(ENTRY.c.kind == self.kind)
        if self.since:
            parts.append(ENTRY.c.happened_at >= midnight(self.since))
        if self.until:
            parts.append(ENTRY.c.happened_at < midnight(self.until) + timedelta(days=1))
        if self.text:
            said = (ENTRY.c.subject, ENTRY.c.reason, ENTRY.c.details)
            parts.append(sa.or_(*(column.contains(self.text, autoescape=True) for column in said)))
        return sa.and_(*parts)


def midnight(day: date) -> datetime:
    """The beginning of a day in Korea, in UTC."""
    return datetime(day.year, day.month, day.day) - _KOREA
