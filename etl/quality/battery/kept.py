"""Measurements that are kept in the ledger: the figures of a hospital's published nights, not the verdicts.

A figure is written down where it differs from the measurement before. `load` gives a night back as it was measured, to
be judged by whatever thresholds hold now.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from etl.quality.battery.checks import Check
from etl.quality.battery.encoded import NONE, Figure, decode, encode
from etl.quality.battery.measure import Measured
from etl.quality.battery.schema import Schema
from etl.store.ledger.ledger import Ledger, next_number, now
from etl.store.ledger.tables import RUN
from etl.store.ledger.tracking import BATTERY, BATTERY_FIGURE, BATTERY_LAYOUT, CHECK_NAME, FINDING_SIGN, LOOK


@dataclass(frozen=True, slots=True)
class Published:
    """What the warehouse holds of a hospital: `number` is the hospital's, `publication` the publication's."""

    hospital: str
    number: int
    night: date
    run_id: str
    publication: int


def keep(ledger: Ledger, measured: Measured, published: Published, checks: Sequence[Check], basis: str) -> int:
    """Write a measurement down in the place of an earlier one of the same run; returns its number.

    `basis` tells which other measurements it can be added to (`parted.basis`).
    """
    with ledger.engine.begin() as con:
        look = _open(con, published, basis=basis, seconds=measured.seconds, layout=_layout(con, measured.schema),
                     failed=json.dumps(measured.failed) if measured.failed else None)  # fmt: skip
        before = _figures(con, published.number, look)
        found = encode(measured, published.number, checks, before)
        changed = {name: found.get(name, NONE) for name in {*found, *before}}
        changed = {name: figure for name, figure in changed.items() if figure != before.get(name, NONE)}
        numbers = numbers_of(con, dict.fromkeys(changed))
        rows = [
            {"hospital_number": published.number, "asked": numbers[name], "look": look, "violated": v, "total": t}
            for name, (v, t) in changed.items()
        ]
        if rows:
            con.execute(sa.insert(BATTERY_FIGURE), rows)
    return look


def keep_failure(ledger: Ledger, published: Published, error: str) -> None:
    """Note that a night could not be measured; the next measurement takes its place."""
    with ledger.engine.begin() as con:
        _open(con, published, error=error)


def is_kept(ledger: Ledger, published: Published) -> bool:
    """Whether the night was measured since it was published."""
    there = sa.select(LOOK.c.number).where(
        LOOK.c.run_id == published.run_id, LOOK.c.kind == BATTERY, LOOK.c.opening == published.publication,
        LOOK.c.error.is_(None),
    )  # fmt: skip
    return bool(ledger.read(there))


def look_of(ledger: Ledger, run_id: str, publication: int, basis: str) -> Mapping[str, Any] | None:
    """The measurement of a publication, if it was made on this basis."""
    there = sa.select(LOOK).where(
        LOOK.c.run_id == run_id, LOOK.c.kind == BATTERY, LOOK.c.opening == publication, LOOK.c.basis == basis,
        LOOK.c.error.is_(None),
    )  # fmt: skip
    return next(iter(ledger.read(there)), None)


def history(ledger: Ledger, hospital: str | None = None, night: date | None = None) -> list[Mapping[str, Any]]:
    """The measurements that are kept, and those that failed, newest first; `state` is what became of the run."""
    query = sa.select(LOOK, RUN.c.state).outerjoin(RUN, RUN.c.run_id == LOOK.c.run_id).where(LOOK.c.kind == BATTERY)
    if hospital is not None:
        query = query.where(LOOK.c.hospital == hospital)
    if night is not None:
        query = query.where(LOOK.c.night == night, LOOK.c.error.is_(None))
    return ledger.read(query.order_by(LOOK.c.night.desc(), LOOK.c.number.desc()))


def load(ledger: Ledger, look: Mapping[str, Any], checks: Sequence[Check]) -> Measured:
    """A measurement as it was made, by its row of `history`; figures of one hospital only."""
    with ledger.engine.connect() as con:
        query = sa.select(BATTERY_LAYOUT.c.fields).where(BATTERY_LAYOUT.c.number == look["layout"])
        fields = json.loads(con.execute(query).scalar_one())
        found = _figures(con, look["hospital_number"], look["number"])
    measured = Measured(look["night"], Schema(fields), [look["hospital_number"]], seconds=look["seconds"] or 0.0)
    measured.failed = json.loads(look["failed"] or "{}")
    decode(found, look["hospital_number"], checks, measured)
    return measured


def numbers_of(con: sa.Connection, names: Mapping[str, str | None]) -> dict[str, int]:
    """The numbers of checks by name, with what they say where it is given; new ones are given out."""
    check = CHECK_NAME.c
    known = {
        name: (number, says) for number, name, says in con.execute(sa.select(check.number, check.name, check.says))
    }
    last = max((number for number, _ in known.values()), default=0)
    rows = [
        {"number": last + i, "name": name, "says": names[name]} for i, name in enumerate(sorted({*names} - {*known}), 1)
    ]
    if rows:
        con.execute(sa.insert(CHECK_NAME), rows)
    for name, says in names.items():
        if says is not None and name in known and known[name][1] != says:
            con.execute(sa.update(CHECK_NAME).where(check.name == name).values(says=says))
    numbers = {name: number for name, (number, _) in known.items()} | {row["name"]: row["number"] for row in rows}
    return {name: numbers[name] for name in names}


def _forget(con: sa.Connection, run_id: str) -> None:
    """Take a run's measurement and its signs away; what the one after it left out as unchanged is told there."""
    mine = (LOOK.c.run_id == run_id) & (LOOK.c.kind == BATTERY)
    for number, hospital in con.execute(sa.select(LOOK.c.number, LOOK.c.hospital_number).where(mine)).all():
        figure, later = BATTERY_FIGURE, BATTERY_FIGURE.alias()
        own = (figure.c.hospital_number == hospital) & (figure.c.look == number)
        following = sa.select(sa.func.min(LOOK.c.number)).where(
            LOOK.c.kind == BATTERY, LOOK.c.hospital_number == hospital, LOOK.c.number > number, LOOK.c.error.is_(None)
        )
        after = con.execute(following).scalar()
        if after is not None:
            told = sa.select(later.c.asked).where(later.c.hospital_number == hospital, later.c.look == after)
            con.execute(sa.update(figure).where(own, figure.c.asked.not_in(told)).values(look=after))
        con.execute(sa.delete(figure).where(own))
        con.execute(sa.delete(FINDING_SIGN).where(FINDING_SIGN.c.look == number))
    con.execute(sa.delete(LOOK).where(mine))


def _open(con: sa.Connection, published: Published, **said: Any) -> int:
    """A new measurement in the place of an earlier one of the same run; returns its number."""
    number = int(con.execute(sa.select(next_number(LOOK))).scalar_one())  # no number is ever given twice
    _forget(con, published.run_id)
    row = {"hospital": published.hospital, "hospital_number": published.number, "night": published.night,
           "run_id": published.run_id, "opening": published.publication}  # fmt: skip
    con.execute(sa.insert(LOOK).values(number=number, kind=BATTERY, looked_at=now(), withdrawn=False, tracked=False,
                                       **row, **said))  # fmt: skip
    return number


def _layout(con: sa.Connection, schema: Schema) -> int:
    """The number of a warehouse's tables and fields."""
    text = json.dumps(schema.fields, sort_keys=True)
    layout = BATTERY_LAYOUT
    number = con.execute(sa.select(layout.c.number).where(layout.c.fields == text)).scalar()
    if number is None:
        con.execute(sa.insert(layout).values(number=next_number(layout), fields=text))
        number = con.execute(sa.select(layout.c.number).where(layout.c.fields == text)).scalar_one()
    return int(number)


def _figures(con: sa.Connection, hospital: int, look: int) -> dict[str, Figure]:
    """A hospital's figures by name, as they stood at a look."""
    figure, earlier = BATTERY_FIGURE.c, BATTERY_FIGURE.alias("earlier").c
    last = sa.select(sa.func.max(earlier.look)).where(
        earlier.hospital_number == hospital, earlier.asked == CHECK_NAME.c.number, earlier.look <= look
    )
    # one look into the key for each name, however many nights there are
    newest = sa.select(CHECK_NAME.c.number, CHECK_NAME.c.name, last.scalar_subquery().label("look")).cte("newest")
    newest = newest.prefix_with("materialized")
    same = (figure.hospital_number == hospital) & (figure.asked == newest.c.number) & (figure.look == newest.c.look)
    query = sa.select(newest.c.name, figure.violated, figure.total).join_from(newest, BATTERY_FIGURE, same)
    return {name: (violated, total) for name, violated, total in con.execute(query)}
