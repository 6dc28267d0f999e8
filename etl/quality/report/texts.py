"""What officers write into a month's report: each version an entry of the audit log, the newest of a part counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from etl.pages.language import noted
from etl.quality.report.month import month_name
from etl.store.audit.tables import ENTRY
from etl.store.ledger.ledger import Ledger

#: The parts of a report that are written by hand, in words of the catalogue.
PARTS = {
    "summary": noted("In short"), "measures": noted("What was done"), "plans": noted("What comes next"),
}  # fmt: skip
#: The kind of an entry of the audit log whose reason is a text.
WRITTEN = "monthly report written"


@dataclass(frozen=True, slots=True)
class Text:
    """One part as it was written last; `number` is the event's, 0 where nobody wrote it; the time is UTC."""

    part: str
    text: str = ""
    number: int = 0
    actor: str | None = None
    at: datetime | None = None


def subject_of(first: date, part: str) -> str:
    """What an event of a text is about."""
    return f"{month_name(first)} {part}"


def texts_of(ledger: Ledger, first: date) -> dict[str, Text]:
    """The parts of a month's report."""
    subjects = {subject_of(first, part): part for part in PARTS}
    said = (ENTRY.c.kind == WRITTEN) & ENTRY.c.subject.in_(subjects)
    query = sa.select(ENTRY).where(said).order_by(ENTRY.c.number)
    found = {part: Text(part) for part in PARTS}
    for row in ledger.read(query):
        part = subjects[row["subject"]]
        found[part] = Text(part, row["reason"] or "", row["number"], row["actor"], row["happened_at"])
    return found
