"""Asks a warehouse all checks at once: what is violated and of how many, for each hospital and for all of them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb
from duckdb import DuckDBPyConnection

from etl.quality.battery.checks import Check
from etl.quality.battery.definition import Words
from etl.quality.battery.schema import Schema, read_schema
from etl.quality.battery.statement import WHOLE, Ground, Statement
from etl.quality.battery.statements import is_unique, keys, row_counts, statements

#: The hospital of rows that belong to none.
NOBODY = -1


@dataclass(slots=True)
class Measured:
    """What was counted: of no row of the warehouse more than that it is one of so many.

    `violated` and `of` are by hospital (`WHOLE`: the warehouse, `NOBODY`) and id of the check; a check that is in
    neither had no row. `rows` and `filled` are by hospital and table, and hospital, table and field. `failed` are
    checks that the engine could not answer, with the class of its error. `reasons` are by hospital and check, of few.
    """

    night: date
    schema: Schema
    hospitals: list[int] = field(default_factory=list)
    violated: dict[tuple[int, str], int] = field(default_factory=lambda: defaultdict(int))
    of: dict[tuple[int, str], int] = field(default_factory=lambda: defaultdict(int))
    rows: dict[tuple[int, str], int] = field(default_factory=lambda: defaultdict(int))
    filled: dict[tuple[int, str, str], int] = field(default_factory=lambda: defaultdict(int))
    failed: dict[str, str] = field(default_factory=dict)
    reasons: dict[tuple[int, str], Words] = field(default_factory=dict)
    seconds: float = 0.0


def measure(con: DuckDBPyConnection, checks: Sequence[Check], night: date, *, part: bool = False) -> Measured:
    """Ask the warehouse of a connection, as seen on the day `night`; nothing is written.

    Of a `part` of a warehouse checks of tables without rows are asked, too: the other part may have some.
    """
    began = time.perf_counter()
    schema = read_schema(con)
    found = Measured(night, schema)
    rows = dict(con.execute(row_counts(schema)).fetchall()) if schema.fields else {}
    asked = [c for c in checks if part or rows.get(c.table)]
    unique = (key for key in keys(asked, schema) if (con.execute(is_unique(*key, schema)).fetchone() or (False,))[0])
    ground = Ground(schema, night.isoformat(), frozenset(unique))
    for statement in statements(asked, ground):
        _ask(con, statement, found, ground)
    found.hospitals = sorted({h for h, table in found.rows if h > WHOLE and table == "person"})
    _whole(found)
    found.seconds = time.perf_counter() - began
    return found


def _ask(con: DuckDBPyConnection, statement: Statement, found: Measured, ground: Ground) -> None:
    """Put a statement; where the engine cannot answer it, each of its checks by itself."""
    try:
        rows = con.execute(statement.sql).fetchall()
    except (duckdb.IOException, duckdb.ConnectionException, duckdb.OutOfMemoryException):
        raise  # of the warehouse or the machine, and no answer to any check
    except duckdb.Error as error:
        if len(statement.checks) == 1:
            found.failed[statement.checks[0].id] = type(error).__name__
            return
        for check in statement.checks:
            if alone := statement.build([check], ground):
                _ask(con, alone, found, ground)
        return
    _read_long(statement, rows, found) if statement.long else _read_wide(statement, rows, found)


def _hospital(told: int | None) -> int:
    return NOBODY if told is None else told


def _read_wide(statement: Statement, rows: Sequence[tuple[Any, ...]], found: Measured) -> None:
    """A figure is NULL where what it counts is known of no row."""
    for row in rows:
        hospital = _hospital(row[0])
        for name, column in statement.filled.items():
            if name:
                found.filled[hospital, statement.table, name] = row[column] or 0
            else:
                found.rows[hospital, statement.table] = row[column] or 0
        for check, violated, of in statement.cells:
            if violated is not None:
                found.violated[hospital, check.id] += row[violated] or 0
            if of is not None:
                found.of[hospital, check.id] += row[of] or 0
        for check, en, ko in statement.reasons:
            if row[en]:
                found.reasons[hospital, check.id] = Words(en=row[en], ko=row[ko])


def _read_long(statement: Statement, rows: Sequence[tuple[int, int, int, int | None]], found: Measured) -> None:
    for told, place, violated, of in rows:
        key = _hospital(told), statement.cells[place][0].id
        found.violated[key] += violated
        if of is not None:
            found.of[key] += of


def _whole(found: Measured) -> None:
    """What holds of the whole warehouse: the sum of all, where it was not counted by itself."""
    _add_up(found.violated)
    _add_up(found.of)
    _add_up(found.rows)
    _add_up(found.filled)


def _add_up(figures: dict[Any, int]) -> None:
    counted = {key[1:] for key in figures if key[0] == WHOLE}
    for key, n in list(figures.items()):
        if key[1:] not in counted:
            figures[WHOLE, *key[1:]] += n
