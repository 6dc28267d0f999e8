"""What there is to read of batches: those that somebody may see, what waits for a checker, who is late, one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from etl.errors import UsageError
from etl.quality.findings.actions import today
from etl.research.outbox.batch import Batch, Step
from etl.research.outbox.engine import Said, decision, role_in, withdrawal
from etl.research.outbox.kept import batch_of, named_ever
from etl.research.outbox.policy import REFUSE, RELEASED, WAITING, policy
from etl.research.outbox.who import person_of
from etl.research.requests.case import Case
from etl.research.requests.days import after, days_late
from etl.research.requests.engine import Forbidden, NotYet, Person
from etl.research.requests.read import Listed as ListedRequest
from etl.research.requests.read import day_of, list_requests, show_request
from etl.store.ledger.ledger import Ledger, now
from etl.store.ledger.outputs import OUTPUT_BATCH, OUTPUT_STEP


@dataclass(frozen=True, slots=True)
class Listed:
    """A batch in a list; days are those in Korea. `is_mine`: it waits for who asked, to be decided."""

    number: int
    request: int
    title: str
    actor: str
    handed_in: date
    files: int
    bytes: int
    state: str
    since: date
    in_use: bool
    is_mine: bool

    @property
    def due(self) -> date | None:
        """The last day on which its round is decided in time; None where it waits for nobody."""
        return after(self.since, policy().days) if self.state == WAITING else None

    def late(self, day: date) -> int:
        """Working days that it is late; one whose request is not in use cannot be decided, and is not late."""
        return days_late(self.due, day) if self.due and self.in_use else 0


@dataclass(frozen=True, slots=True)
class Shown:
    """A batch as somebody is shown it: the steps that may be seen, and what may be done now."""

    batch: Batch
    case: Case
    role: str
    steps: Sequence[Step]
    may: frozenset[str]

    @property
    def seen(self) -> int:
        """The number of the last step that is shown."""
        return self.steps[-1].number

    @property
    def due(self) -> date | None:
        """The last day on which its round is decided in time."""
        batch = self.batch
        return after(day_of(batch.steps[-1].entered_at), policy().days) if batch.state == WAITING else None


def list_batches(
    ledger: Ledger, name: str, *, request: int | None = None, states: Sequence[str] = (), late: bool = False,
    mine: bool = False,
) -> list[Listed]:  # fmt: skip
    """The batches that somebody may see, the newest first; those that are late, or wait for who asks, oldest first.

    Nothing of what files hold is read, and nothing of what anybody decided but how it ended.
    """
    who, wanted = person_of(ledger, name), (WAITING,) if late or mine else tuple(states)
    requests = {each.number: each for each in list_requests(ledger) if role_in(each.people, "see", who)}
    with ledger.engine.connect() as con:  # rows as they are: there are many, and each is looked at once
        rows = [row for row in con.execute(_newest(request, wanted)) if row.request in requests]
        seats = _seats(con, request) if any(row.after == WAITING for row in rows) else {}
    found = [_listed(row, requests[row.request], who, seats.get(row.number, {})) for row in rows]
    if late or mine:
        day = today()
        found = [each for each in found if (each.late(day) or not late) and (each.is_mine or not mine)]
        found.sort(key=lambda each: (each.since, each.number))
    return found


def show_batch(ledger: Ledger, number: int, name: str) -> Shown:
    """One batch as somebody may see it; UsageError where there is none, or it is not for them."""
    with ledger.engine.connect() as con:
        batch = batch_of(con, number)
        named = named_ever(con, batch.request)
    case, who = show_request(ledger, batch.request), person_of(ledger, name)
    role = role_in(case.people, "see", who)
    if role is None:
        raise UsageError(f"there is no batch {number}", hint="those that you may see: etl output list")
    steps = batch.shown_to(name, is_author=name in case.people)
    return Shown(batch, case, role, steps, frozenset(_possible(batch, case, who, named)))


def _possible(batch: Batch, case: Case, who: Person, named: set[str]) -> list[str]:
    """What somebody may do now with a batch."""
    found = ["fetch"] if _may_fetch(batch, case, who) else []
    tried = Said(REFUSE, "tried")
    for move in ("decide", "withdraw"):
        try:
            if move == "decide":
                decision(batch, case, who, tried, now(), named=named, seen=None)
            else:
                withdrawal(batch, case, who, tried, now(), seen=None)
            found.append(move)
        except (Forbidden, NotYet):
            continue
    free = who.name in batch.seats or len(batch.seats) < policy().checkers
    if batch.state == WAITING and role_in(case.people, "open", who) and free and who.name not in named:
        found.append("open")
    return found


def _may_fetch(batch: Batch, case: Case, who: Person) -> bool:
    return (
        batch.state == RELEASED
        and case.state not in policy().stopped
        and role_in(case.people, "fetch", who) is not None
    )


def _newest(request: int | None, states: Sequence[str]) -> sa.Select[Any]:
    batch, step = OUTPUT_BATCH, OUTPUT_STEP
    newest = sa.select(step.c.batch, sa.func.max(step.c.number).label("number")).group_by(step.c.batch).subquery()
    query = (
        sa.select(batch.c.number, batch.c.request, batch.c.actor, batch.c.at, batch.c.files, batch.c.bytes,
                  step.c.after, step.c.entered_at)
        .join(newest, newest.c.batch == batch.c.number)
        .join(step, (step.c.batch == newest.c.batch) & (step.c.number == newest.c.number))
        .order_by(batch.c.number.desc())
    )  # fmt: skip
    if request is not None:
        query = query.where(batch.c.request == request)
    return query.where(step.c.after.in_(states)) if states else query


def _seats(con: sa.Connection, request: int | None) -> dict[int, dict[str, list[int]]]:
    """Of batches that may wait, who decided in which rounds; not how."""
    step = OUTPUT_STEP
    ended = sa.select(step.c.batch).where(step.c.after != WAITING)
    query = sa.select(step.c.batch, step.c.actor, step.c.round).where(
        (step.c.move == "decide") & step.c.batch.not_in(ended)
    )
    if request is not None:
        of = sa.select(OUTPUT_BATCH.c.number).where(OUTPUT_BATCH.c.request == request)
        query = query.where(step.c.batch.in_(of))
    found: dict[int, dict[str, list[int]]] = {}
    for batch, actor, round_ in con.execute(query):
        found.setdefault(batch, {}).setdefault(actor, []).append(round_)
    return found


def _listed(
    row: sa.Row[Any], request: ListedRequest, who: Person, seats: Mapping[str, Sequence[int]]
) -> Listed:  # fmt: skip
    in_use = request.state in policy().in_use
    may = row.after == WAITING and in_use and role_in(request.people, "decide", who) and who.name != row.actor
    return Listed(
        number=row.number, request=row.request, title=request.title, actor=row.actor, handed_in=day_of(row.at),
        files=row.files, bytes=row.bytes, state=row.after, since=day_of(row.entered_at), in_use=in_use,
        is_mine=bool(may) and _is_awaited(who.name, seats),
    )  # fmt: skip


def _is_awaited(name: str, seats: Mapping[str, Sequence[int]]) -> bool:
    """Whether a checker's decision is awaited, given who decided in which rounds."""
    if len(seats) < policy().checkers:
        return name not in seats
    return name in seats and len(seats[name]) == min(len(rounds) for rounds in seats.values())
