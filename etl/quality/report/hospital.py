"""One hospital: its nights in pages, the newest with its findings, and which runs belong to one night."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from etl.quality.report.figures import Gate, Night, RunSummary
from etl.quality.report.read import TREND_NIGHTS, gates_of, night, summaries
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import RUN

NIGHTS_OF_A_PAGE = 30


@dataclass(frozen=True, slots=True)
class HospitalNights:
    """A page of a hospital's nights, the newest first, of `pages` pages; the gates are of its newest night of all."""

    hospital: str
    runs: tuple[RunSummary, ...]
    newest: RunSummary
    gates: tuple[Gate, ...]
    nights: int
    page: int
    pages: int


def nights_of(ledger: Ledger, hospital: str) -> list[tuple[date, str]]:
    """Every night of a hospital with the id of its last delivery's run, the newest first."""
    last = sa.func.row_number().over(partition_by=RUN.c.night, order_by=sa.desc(RUN.c.number))
    each = sa.select(RUN.c.night, RUN.c.run_id, last.label("place")).where(RUN.c.hospital == hospital).subquery()
    query = sa.select(each.c.night, each.c.run_id).where(each.c.place == 1).order_by(sa.desc(each.c.night))
    return [(row["night"], row["run_id"]) for row in ledger.read(query)]


def hospital_nights(
    ledger: Ledger, hospital: str, page: int = 1, size: int | None = NIGHTS_OF_A_PAGE
) -> HospitalNights | None:
    """A page of a hospital's nights, of `size` nights (None: of all); None for a hospital without a run."""
    nights = nights_of(ledger, hospital)
    if not nights:
        return None
    size = size or len(nights)
    pages = -(-len(nights) // size)
    page = min(max(page, 1), pages)
    shown = [run_id for _, run_id in nights[(page - 1) * size : page * size]]
    found = {run.run_id: run for run in summaries(ledger, {*shown, nights[0][1]})}
    newest = found[nights[0][1]]
    gates = gates_of(ledger, newest.run_id)
    return HospitalNights(hospital, tuple(found[r] for r in shown), newest, gates, len(nights), page, pages)


def night_of_run(ledger: Ledger, run_id: str) -> Night | None:
    """Everything about a run, compared with the nights before it; None for a run that is not known."""
    row = ledger.run(run_id)
    return None if row is None else _night(ledger, row["hospital"], row["night"], run_id)


def night_of(ledger: Ledger, hospital: str, when: date) -> Night | None:
    """Everything about a hospital's night, that is about its last delivery; None where there was none."""
    run_id = next((run_id for night_, run_id in nights_of(ledger, hospital) if night_ == when), None)
    return None if run_id is None else _night(ledger, hospital, when, run_id)


def _night(ledger: Ledger, hospital: str, when: date, run_id: str) -> Night:
    runs = summaries(ledger, _beside(ledger, hospital, when))
    return night(ledger, next(run for run in runs if run.run_id == run_id), runs)


def _beside(ledger: Ledger, hospital: str, when: date) -> list[str]:
    """The runs that a night's page tells of: the night's own, those before it, and the last one published before."""
    of_night = sa.select(RUN.c.run_id).where(RUN.c.hospital == hospital, RUN.c.night == when)
    before = (RUN.c.hospital == hospital, RUN.c.night < when)
    past = sa.select(RUN.c.run_id).where(*before).order_by(sa.desc(RUN.c.night), sa.desc(RUN.c.number))
    published = past.where(RUN.c.state == "published")
    later = sa.select(RUN.c.run_id).where(RUN.c.hospital == hospital, RUN.c.night > when, RUN.c.state == "published")
    queries: Sequence[sa.Select[tuple[str]]] = (
        of_night,
        past.limit(TREND_NIGHTS + 10),
        published.limit(2),
        later.limit(1),
    )
    return list(dict.fromkeys(row["run_id"] for query in queries for row in ledger.read(query)))


def neighbours(ledger: Ledger, run: RunSummary) -> tuple[date | None, date | None]:
    """The hospital's night before a run's, and the one after."""
    own = RUN.c.hospital == run.hospital
    earlier = sa.select(sa.func.max(RUN.c.night).label("night")).where(own, RUN.c.night < run.night)
    later = sa.select(sa.func.min(RUN.c.night).label("night")).where(own, RUN.c.night > run.night)
    return ledger.read(earlier)[0]["night"], ledger.read(later)[0]["night"]
