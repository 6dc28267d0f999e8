"""What there is to read of requests: all of them, one with its steps, who is late, the register."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import sqlalchemy as sa

from etl.errors import UsageError
from etl.pages.formats import KOREA
from etl.quality.findings.actions import today
from etl.research.requests.case import Case, Step, expires
from etl.research.requests.chain import chain
from etl.research.requests.days import after, days_late
from etl.research.requests.engine import expiry
from etl.research.requests.forms import accounts_of
from etl.research.requests.kept import case_of
from etl.store.ledger.ledger import Ledger, now
from etl.store.ledger.requests import REQUEST_FILE, REQUEST_STEP, REQUEST_VERSION

#: States in which the data of a request may be used.
IN_USE = ("open", "outputs_checked")


@dataclass(frozen=True, slots=True)
class Listed:
    """A request in a list: how it stands since when (a day in Korea), who is to move it on by when."""

    number: int
    title: str
    version: int
    state: str
    since: date
    until: date | None
    last: int
    people: frozenset[str]
    hospitals: frozenset[str]

    @property
    def waits_for(self) -> tuple[str, ...]:
        """Roles that are to move it on."""
        return chain().states[self.state].waits_for

    @property
    def due(self) -> date | None:
        """The last day on which it is in time."""
        days = chain().states[self.state].days
        return after(self.since, days) if days else None

    def late(self, day: date) -> int:
        """Working days that it is late."""
        return days_late(self.due, day) if self.due else 0


@dataclass(frozen=True, slots=True)
class StepTold:
    """A step, and within how many working days it came after it was due; 0: in time, or nothing was due."""

    step: Step
    due: date | None
    late: int


def list_requests(ledger: Ledger, states: Sequence[str] | None = None) -> list[Listed]:
    """All requests, or those in some states, as they stand today; the newest first."""
    newest = (
        sa.select(REQUEST_STEP.c.request, sa.func.max(REQUEST_STEP.c.number).label("number"))
        .group_by(REQUEST_STEP.c.request).subquery()
    )  # fmt: skip
    step, version = REQUEST_STEP, REQUEST_VERSION
    query = (
        sa.select(step.c.request, version.c.title, step.c.version, step.c.after, step.c.entered_at, step.c.until,
                  step.c.number, version.c.form)
        .join(newest, (newest.c.request == step.c.request) & (newest.c.number == step.c.number))
        .join(version, (version.c.request == step.c.request) & (version.c.version == step.c.version))
        .order_by(step.c.request.desc())
    )  # fmt: skip
    day = today()
    found = [_listed(tuple(row.values()), day) for row in ledger.read(query)]
    return [each for each in found if states is None or each.state in states]


def _listed(row: tuple[int, str, int, str, datetime, date | None, int, str], day: date) -> Listed:
    number, title, version, state, entered_at, until, last, text = row
    form = json.loads(text)
    of = (accounts_of(form), form.get("hospitals", ()))
    people, hospitals = (frozenset(each) for each in of)
    if until is not None and expires(state, until, day):
        return Listed(number, title, version, "expired", until, until, last, people, hospitals)
    return Listed(number, title, version, state, day_of(entered_at), until, last, people, hospitals)


def show_request(ledger: Ledger, number: int) -> Case:
    """One request as it stands today; UsageError where there is none of that number."""
    with ledger.engine.connect() as con:
        case = case_of(con, number)
    if case is None:
        raise UsageError(f"there is no request {number}", hint="etl request list")
    return replace(case, steps=(*case.steps, expiry(case, today(), now()))) if case.is_over(today()) else case


def is_open(ledger: Ledger, number: int) -> bool:
    """Whether the data of a request may be used today."""
    return show_request(ledger, number).state in IN_USE


def told(case: Case) -> list[StepTold]:
    """The steps of a request with the days by which those were due that moved it on."""
    found = []
    for n, step in enumerate(case.steps):
        days = chain().states[step.before].days if step.before and step.after != step.before else None
        due = after(day_of(case.steps[n - 1].entered_at), days) if days else None
        found.append(StepTold(step, due, days_late(due, day_of(step.at)) if due else 0))
    return found


def late_requests(ledger: Ledger, day: date | None = None) -> list[tuple[Listed, int]]:
    """Requests that wait longer than they are to, and how many working days, the latest first."""
    found = [(each, each.late(day or today())) for each in list_requests(ledger)]
    return sorted(((each, n) for each, n in found if n), key=lambda pair: (-pair[1], pair[0].number))


def file_of(ledger: Ledger, number: int, digest: str) -> bytes:
    """What a file of a request holds; UsageError where it has none of that digest."""
    asked = (REQUEST_FILE.c.request == number) & (REQUEST_FILE.c.digest == digest)
    rows = ledger.read(sa.select(REQUEST_FILE.c.content).where(asked))
    if not rows:
        raise UsageError(f"request {number} has no such file", hint=f"etl request show {number}")
    return bytes(rows[0]["content"])


def day_of(moment: datetime) -> date:
    """The day in Korea of a moment of the ledger."""
    return moment.replace(tzinfo=UTC).astimezone(KOREA).date()
