"""The nights that a night is held against: those published before it, and what is usual among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from statistics import median
from typing import TypeVar

import sqlalchemy as sa

from etl.night.run import Run
from etl.store.ledger.tables import RUN

NIGHTS = 5  # how many are looked back on
_Any = TypeVar("_Any")


def published_before(run: Run, comparable: Callable[[date], bool] | None = None) -> list[str]:
    """Other runs of the hospital that were published, of this night or earlier ones, the newest first.

    `comparable` says of which nights. None that was gone back from is among them, nor any before a hospital's rows were
    taken out of the warehouse.
    """
    query = sa.select(RUN.c.run_id, RUN.c.night).where(
        RUN.c.hospital == run.delivery.hospital, RUN.c.state == "published", RUN.c.run_id != run.run_id,
        RUN.c.night <= run.delivery.night,
    )  # fmt: skip
    rows = run.ledger.read(query.order_by(RUN.c.night.desc(), RUN.c.number.desc()))
    return [row["run_id"] for row in rows if comparable is None or comparable(row["night"])]


def confirmed(newest_first: Sequence[_Any]) -> Sequence[_Any]:
    """An odd number of nights, so that one of them is the median: of an even number the newest is left out.

    Nothing confirms it yet: after one bad night among two the good one is what is usual.
    """
    return newest_first[1:] if len(newest_first) % 2 == 0 else newest_first


def usual_rows(run: Run) -> dict[str, int]:
    """By table of the CDM the median of its rows on the nights before; empty without any."""
    runs = confirmed(published_before(run)[:NIGHTS])
    counted = [run.ledger.accounts(run_id).rows_by_table() for run_id in runs]
    named = {table for rows in counted for table in rows}
    return {table: int(median(rows.get(table, 0) for rows in counted)) for table in named}


def usual_rates(run: Run) -> dict[str, float]:
    """By domain the median of its mapping rates (0-1) on the nights before that had records of it."""
    rates = [run.ledger.rates(run_id) for run_id in confirmed(published_before(run)[:NIGHTS])]
    named = {domain for known in rates for domain in known}
    return {domain: median(known[domain] for known in rates if domain in known) for domain in named}
