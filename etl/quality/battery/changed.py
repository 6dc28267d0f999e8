"""Measures a night of changes by what it changed: the figures of the night before, less what the persons whom it
touched had in them, more what they have now. Their rows lie in the lake; the warehouse is asked the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from duckdb import DuckDBPyConnection

from etl.cdm.spec import Table, tables
from etl.engine import open_engine, rows_in
from etl.errors import ConfigError
from etl.night.lake.numbers import EVENT_BITS
from etl.night.lake.published import Published as Night
from etl.quality.battery.checks import Check
from etl.quality.battery.kept import Published, load, look_of
from etl.quality.battery.lake import create_cdm, night_of
from etl.quality.battery.measure import Measured, measure
from etl.quality.battery.parted import is_by_person, is_of_persons
from etl.quality.lineage.places import tables_of
from etl.settings import Settings
from etl.sql import quote
from etl.store.ledger.ledger import Ledger
from etl.store.warehouse.protocol import Warehouse
from etl.vocabulary.release import Release, release_named

_SIDES = ("before", "after")


class DoesNotAddUp(Exception):
    """What was kept of the night before and what changed since do not fit; everything is to be measured."""


@dataclass(frozen=True, slots=True)
class Change:
    """A published night of changes; `base` is the measurement that is kept of the night which it changed."""

    published: Published
    night: Night
    release: Release
    base: Mapping[str, Any]


def changes_of(
    settings: Settings, ledger: Ledger, warehouse: Warehouse, due: Iterable[Published], basis: str
) -> list[Change] | None:
    """What the due nights changed; None where one is no night of changes, or the one before was not measured alike."""
    try:
        release = release_named(settings, warehouse.vocabulary() or "")
    except ConfigError:
        return None
    found = [_change(settings, ledger, each, basis, release) for each in due]
    told = [change for change in found if change]
    return told if len(told) == len(found) else None


def _change(settings: Settings, ledger: Ledger, due: Published, basis: str, release: Release) -> Change | None:
    last = ledger.last_published(due.hospital, before=due.run_id)
    base = look_of(ledger, last["run_id"], last["number"], basis) if last else None
    if base is None or base["failed"]:
        return None
    night = night_of(settings, due.hospital, due.run_id, release)
    built_on = night.state.base if night else None
    if night is None or built_on is None or built_on.run_id != base["run_id"]:
        return None
    return Change(due, night, release, base)


def measure_changed(
    settings: Settings, ledger: Ledger, con: DuckDBPyConnection, checks: Sequence[Check], changes: Sequence[Change]
) -> Measured:
    """As `measure` of the warehouse that `con` reads, for the hospitals of the changes; DoesNotAddUp where it is not.

    Reasons are of what was asked of the warehouse only.
    """
    told = [check for check in checks if is_by_person(check)]
    rest = [check for check in checks if not is_by_person(check)]
    found = measure(con, rest, changes[0].published.night)
    for change in changes:
        base = load(ledger, change.base, checks)
        if base.schema.fields != found.schema.fields:
            raise DoesNotAddUp
        with open_engine(settings, change.published.night) as engine:
            before, after = (_measure_side(engine, change, told, side) for side in _SIDES)
        _add(found, (base, before, after), told, change.published.number)
    numbers = (change.published.number for change in changes)
    found.hospitals = sorted(n for n in numbers if found.rows.get((n, "person"), 1))  # not told: there were some before
    return found


def _measure_side(con: DuckDBPyConnection, change: Change, checks: Sequence[Check], side: str) -> Measured:
    """The figures of the persons touched, as they were or as they are."""
    _create_side(con, change, side)
    try:
        if con.execute(f"select bool_and(of_person) from ({_numbered()})").fetchone() != (True,):
            raise DoesNotAddUp
        found = measure(con, checks, change.published.night, part=True)
    finally:
        con.execute("use scratch.main")
    if found.failed:
        raise DoesNotAddUp
    return found


def _create_side(con: DuckDBPyConnection, change: Change, side: str) -> None:
    """A schema with the CDM of the persons touched, with what belongs to nobody, and with the vocabulary."""
    con.execute(f"create schema {side}; use scratch.{side}")
    night, layers = change.night, slice(-1) if side == "before" else slice(-1, None)
    rows = tables_of(replace(night, mapped=night.mapped[layers], derived=night.derived[layers]))
    whom = f"select person from {rows_in(*night.mapped[-1].touched)}"
    theirs = {name: f"({table.owner}) in ({whom})" for name, table in tables().items() if is_of_persons(name)}
    create_cdm(con, rows, change.release, theirs)


def _numbered() -> str:
    """SQL of whether all numbers of rows begin with their person's: of every table, `of_person`."""
    keys = {name: key for name, table in tables().items() if is_of_persons(name) and (key := _key(table))}
    return " union all ".join(
        f"select coalesce(bool_and({quote(key)} >> {EVENT_BITS} = ({tables()[name].owner})), true) as of_person "
        f"from {quote(name)}"
        for name, key in keys.items()
    )


def _key(table: Table) -> str | None:
    return next((f.name for f in table.fields if f.primary_key and f.name != "person_id"), None)


def _add(found: Measured, parts: tuple[Measured, Measured, Measured], checks: Iterable[Check], hospital: int) -> None:
    """Put the figures of checks and their tables into a measurement: what was, less what it was of, more what is."""
    asked = list(checks)
    base, _, after = parts
    queried = {(hospital, check.table) for check in asked if check.own and check.own.query}
    if any(after.rows.get(table) and not base.rows.get(table) for table in queried):
        raise DoesNotAddUp  # a query that reads several tables was not asked while its check's own had no row
    ids = {(hospital, check.id) for check in asked}
    own = {(hospital, check.table) for check in asked}
    fields = {(hospital, check.table, check.field) for check in asked if check.field}
    _sum(found.rows, [part.rows for part in parts], own)
    _sum(found.filled, [part.filled for part in parts], fields)
    _sum(found.violated, [part.violated for part in parts], ids)
    _sum(found.of, [part.of for part in parts], ids)


def _sum(found: dict[Any, int], parts: Sequence[Mapping[Any, int]], keys: Iterable[Any]) -> None:
    base, before, after = parts
    for key in keys:
        if key not in base and key not in after:
            continue
        found[key] = base.get(key, 0) - before.get(key, 0) + after.get(key, 0)
        if found[key] < 0:
            raise DoesNotAddUp
