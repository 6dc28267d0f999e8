"""Nights of changes that lie in a drop folder and were left out: whoever goes on without them loses what they say."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from etl.errors import InputError
from etl.night.folder import named_after
from etl.night.lake.layers import WHOLE
from etl.night.run import Run
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import RUN


@dataclass(frozen=True, slots=True)
class Missed:
    """A night that was not published; `state` is how its run stands, None where there is none."""

    night: date
    folder: Path
    state: str | None


def nights_in(folder: Path) -> dict[date, Path]:
    """The nights in a drop folder, the oldest first: folders whose whole name is a day and that are not empty."""
    if not folder.is_dir():
        return {}
    found = {day: f for f in folder.iterdir() if f.is_dir() and (day := named_after(f)) and any(f.iterdir())}
    return dict(sorted(found.items()))


def due_nights(ledger: Ledger, hospital: str, nights: Mapping[date, Path], grown: Container[date] = ()) -> list[Missed]:
    """Of the nights of a hospital that brings changes those that have to be run, in their order.

    They are newer than the newest one published, and begin with the last that is whole. One that somebody went back
    from is left out. `grown` are nights that have to be run again, as more of them has come since.
    """
    states = _states(ledger, hospital)
    published = _newest_published(states)
    newer = [
        Missed(day, f, states.get(day))
        for day, f in nights.items()
        if published is None or day > published or day in grown
    ]
    whole = max((i for i, each in enumerate(newer) if (each.folder / WHOLE).exists()), default=0)
    return [each for each in newer[whole:] if each.state not in ("left", "lost") or each.night in grown]


def newest_published(ledger: Ledger, hospital: str) -> date | None:
    """The newest night of a hospital that is published; None where none is."""
    return _newest_published(_states(ledger, hospital))


def left_out(run: Run) -> list[Missed]:
    """The nights of changes beside a delivery that come before it and were not published, the oldest first."""
    hospital, night = run.delivery.hospital, run.delivery.night
    if not run.mapping.is_delta or WHOLE in run.delivery.files or not run.ledger.last_published(hospital):
        return []
    due = due_nights(run.ledger, hospital, nights_in(run.delivery.folder.parent))
    return [each for each in due if each.night < night]


def refuse_to_jump(run: Run) -> None:
    """Refuse a night of changes while an older one lies beside it that was never begun, unless it is forced.

    One that was begun and stopped has told so: it holds up nobody, and the findings name it.
    """
    never = [each for each in left_out(run) if each.state is None]
    if never and not run.force:
        named = ", ".join(str(each.night) for each in never)
        raise InputError(
            f"before the night {run.delivery.night} of {run.delivery.hospital} come nights of changes that were never "
            f"run: {named}",
            hint=f"run them first: etl run {run.delivery.hospital} {never[0].folder} (or --all, which runs them in "
            "order); to go on without what they say: --force",
        )


def _newest_published(states: Mapping[date, str]) -> date | None:
    return max((night for night, state in states.items() if state == "published"), default=None)


def _states(ledger: Ledger, hospital: str) -> dict[date, str]:
    """By night how its runs stand: published where one is, else the one begun last."""
    query = sa.select(RUN.c.night, RUN.c.state).where(RUN.c.hospital == hospital).order_by(RUN.c.number)
    states: dict[date, str] = {}
    for row in ledger.read(query):
        if states.get(row["night"]) != "published":
            states[row["night"]] = row["state"]
    return states
