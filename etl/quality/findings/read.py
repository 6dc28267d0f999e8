"""Tracked findings as terminal and pages show them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from etl.errors import UsageError
from etl.quality.battery.definition import Words
from etl.quality.findings.actions import Current, current_from, today
from etl.quality.findings.course import Step, course
from etl.quality.findings.kinds import rules
from etl.quality.findings.share import share_of
from etl.quality.findings.signs import SEVERITIES
from etl.quality.findings.states import states
from etl.quality.findings.track import readings_of, resolutions
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tracking import CHECK_NAME, FINDING_ACTION, FINDING_SIGN, LOOK, TRACKED_FINDING

_COURSES = ("came back", "new", "worse", "still there", "better", "gone")
#: Courses that a person has not seen coming.
NEWS = ("new", "came back", "worse")


@dataclass(frozen=True, slots=True)
class Tracked:
    """One tracked finding in one line.

    `place` is source or cdm; `table` is None where the fault is the same in several. `says` is the check that saw it
    first. `course` holds since `course_night`; `violated` of `total` rows are of the last night it was seen
    (`seen_night`), by the check that found the largest share; None where no check counts rows. `last_action` is what an
    action has to carry as `seen`.
    """

    number: int
    hospital: str
    place: str
    table: str | None
    column: str | None
    kind: str
    says: str
    severity: str
    course: str | None
    course_night: date | None
    first_night: date | None
    seen_night: date | None
    nights: int
    violated: int | None
    total: int | None
    state: str
    owner: str | None
    due: date | None
    until: date | None
    last_action: int

    @property
    def title(self) -> Words:
        """Its kind in words, Korean and English."""
        return rules().title(self.kind)

    @property
    def where(self) -> str:
        """Table and column."""
        return ".".join(part for part in (self.table, self.column) if part) or "several tables"

    @property
    def share(self) -> float | None:
        """Violated as a share of all, 0 to 1; None where nothing was counted."""
        share = share_of(self.violated, self.total)
        return share.value if share else None

    @property
    def needs_a_person(self) -> bool:
        """Whether nobody has looked at it, or somebody should again."""
        return states().states[self.state].needs_a_person and self.course != "gone"

    def is_late(self, day: date) -> bool:
        """Whether what was to be done by a day is not done."""
        return self.due is not None and self.due < day and self.state != "resolved"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that was done about a finding, with what it is like since; `at` in UTC."""

    number: int
    at: datetime
    actor: str
    action: str
    reason: str | None
    before: str
    after: str
    owner: str | None
    due: date | None
    until: date | None


@dataclass(frozen=True, slots=True)
class Seen:
    """What one check saw of a finding at one look (`gates` or `battery`): it `failed` or held, rows of how many.

    `withdrawn`: the run was gone back from, so it says nothing any more.
    """

    night: date
    run_id: str
    look: int
    kind: str
    check: str
    says: str | None
    failed: bool
    violated: int | None
    total: int | None
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class TrackedDetail:
    """A finding with its course, the newest night first, what every check saw, and what was done, the newest first."""

    finding: Tracked
    course: tuple[Step, ...]
    signs: tuple[Seen, ...]
    actions: tuple[Action, ...]

    @property
    def possible(self) -> list[str]:
        """What a person may do now."""
        return states().of_persons(self.finding.state)


def list_findings(
    ledger: Ledger, hospital: str | None = None, states: Collection[str] | None = None, *, owner: str | None = None,
    news: bool = False,
) -> list[Tracked]:  # fmt: skip
    """Tracked findings, what needs a person first, among these the worst; of one hospital, some states, an owner.

    `news`: only those that are new, came back or became worse on their last night.
    """
    query = _query()
    if hospital is not None:
        query = query.where(TRACKED_FINDING.c.hospital == hospital)
    if news:
        query = query.where(TRACKED_FINDING.c.course.in_(NEWS))
    found = [_tracked(row) for row in ledger.read(query)]
    found = [f for f in found if f.course is not None]  # of all its nights gone back from nothing is left to say
    found = [f for f in found if (states is None or f.state in states) and (owner is None or f.owner == owner)]
    return sorted(found, key=_worst_first)


def show(ledger: Ledger, number: int) -> TrackedDetail:
    """One finding with everything that is known of it; UsageError where there is none of that number."""
    rows = ledger.read(_query().where(TRACKED_FINDING.c.number == number))
    if not rows:
        raise UsageError(f"there is no finding {number}", hint="etl findings list")
    actions = ledger.read(
        sa.select(FINDING_ACTION).where(FINDING_ACTION.c.finding == number).order_by(sa.desc("number"))
    )
    with ledger.engine.connect() as con:
        steps = course(readings_of(con, number), resolutions(actions))
    return TrackedDetail(
        _tracked(rows[0]), tuple(reversed(steps)), tuple(_signs(ledger, number)),
        tuple(Action(*(row[name] for name in Action.__slots__)) for row in actions),
    )  # fmt: skip


def hospitals_tracked(ledger: Ledger) -> list[str]:
    """Hospitals that have a tracked finding."""
    return [
        row["hospital"] for row in ledger.read(sa.select(TRACKED_FINDING.c.hospital).distinct().order_by("hospital"))
    ]


def _query() -> sa.Select[Any]:
    """Findings with the newest action of each, whose columns are those of `finding_action`."""
    action = FINDING_ACTION
    newest = (
        sa.select(action.c.finding, sa.func.max(action.c.number).label("last")).group_by(action.c.finding).subquery()
    )
    tracked = TRACKED_FINDING.c
    return (
        sa.select(TRACKED_FINDING, action.c.number.label("last"), action.c.after, action.c.entered, action.c.owner,
                  action.c.due, action.c.until)
        .outerjoin(newest, newest.c.finding == tracked.number)
        .outerjoin(action, (action.c.finding == tracked.number) & (action.c.number == newest.c.last))
    )  # fmt: skip


def _tracked(row: Mapping[str, Any]) -> Tracked:
    stands = _current(row).on(today())
    same = ("number", "hospital", "place", "kind", "says", "severity", "course", "course_night", "first_night",
            "seen_night", "nights", "violated", "total")  # fmt: skip
    return Tracked(
        **{name: row[name] for name in same}, table=row["table_name"], column=row["column_name"], state=stands.state,
        owner=stands.owner, due=stands.due, until=stands.until if stands.state == "waived" else None,
        last_action=stands.last,
    )  # fmt: skip


def _current(row: Mapping[str, Any]) -> Current:
    return current_from({**row, "number": row["last"]} if row["last"] is not None else None)


def _worst_first(finding: Tracked) -> tuple[Any, ...]:
    return (
        not finding.needs_a_person, finding.state == "resolved", SEVERITIES.index(finding.severity),
        _COURSES.index(finding.course or "gone"), -(finding.share or 0.0), finding.hospital, finding.number,
    )  # fmt: skip


def _signs(ledger: Ledger, number: int) -> Sequence[Seen]:
    sign, look = FINDING_SIGN.c, LOOK.c
    query = (
        sa.select(look.night, look.run_id, look.number.label("look"), look.kind, CHECK_NAME.c.name.label("check"),
                  CHECK_NAME.c.says, sign.failed, sign.violated, sign.total, look.withdrawn)
        .join_from(FINDING_SIGN, LOOK, look.number == sign.look)
        .join(CHECK_NAME, CHECK_NAME.c.number == sign.asked)
        .where(sign.finding == number)
        .order_by(look.night.desc(), look.number.desc(), sign.asked)
    )  # fmt: skip
    return [Seen(**row) for row in ledger.read(query)]
