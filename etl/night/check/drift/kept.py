"""Figures of nights, as the ledger keeps them until enough newer ones are there."""

from __future__ import annotations

import json

import sqlalchemy as sa

from etl.night.check.drift.mixes import Figures, Key, Mix
from etl.night.check.drift.overrides import of_hospital, read_overrides
from etl.night.check.drift.rules import Rules, read_rules
from etl.night.check.earlier import published_before
from etl.night.run import Run
from etl.store.ledger.tables import DRIFT_FIGURES, RUN


def rules_of(run: Run) -> Rules | None:
    """The rules as the hospital's night has them; None where nothing is measured."""
    expectations, hospital = run.settings.expectations, run.delivery.hospital
    rules = read_rules(expectations)
    return rules and of_hospital(rules, read_overrides(expectations, hospital), hospital, run.delivery.night)


def keep(run: Run, gate: str, figures: Figures, rules: Rules, *, whole: bool) -> None:
    """Write down the figures of a gate, and forget those of runs that nobody looks back on any more."""
    said = [[k.table, k.column, k.kind, k.group, mix] for k, mix in sorted(figures.items())]
    mine = sa.select(RUN.c.run_id).where(RUN.c.hospital == run.delivery.hospital)
    recent = mine.order_by(RUN.c.number.desc()).limit(rules.kept)
    key = (DRIFT_FIGURES.c.run_id == run.run_id) & (DRIFT_FIGURES.c.gate == gate)
    old = DRIFT_FIGURES.c.run_id.in_(mine) & DRIFT_FIGURES.c.run_id.not_in(recent)
    with run.ledger.engine.begin() as con:
        con.execute(sa.delete(DRIFT_FIGURES).where(key | old))
        row = {"run_id": run.run_id, "gate": gate, "is_whole": whole, "figures": json.dumps(said, ensure_ascii=False)}
        con.execute(sa.insert(DRIFT_FIGURES).values(**row))


def earlier(run: Run, gate: str, rules: Rules, *, whole: bool) -> list[Figures]:
    """Figures of the last nights published that can be compared with this one, the newest first.

    Whole deliveries with whole ones; changes with those of nights of the same class, workdays or others.
    """
    night = run.delivery.night
    alike = None if whole else lambda day: rules.works(day) == rules.works(night)
    found: list[Figures] = []
    for run_id in published_before(run, alike):
        rows = run.ledger.rows(DRIFT_FIGURES, run_id)
        found += [_figures(row["figures"]) for row in rows if row["gate"] == gate and row["is_whole"] == whole]
        if len(found) == rules.nights:
            break
    return found


def _figures(said: str) -> dict[Key, Mix]:
    return {Key(table, column, kind, group): mix for table, column, kind, group, mix in json.loads(said)}
