"""How the figures of a measurement are written down: few numbers, and few of them another one every night.

Most checks find nothing, or all rows, or all rows with a field; such a figure is told by what it is the same as, so
that it does not change where the table grows. A figure is a name and two numbers, what is violated and of how many.
`rows TABLE` and `filled TABLE.FIELD` are names, too, of how many rows there are and how many have a field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from etl.quality.battery.checks import Check
from etl.quality.battery.measure import Measured

#: A figure as it is written down; None: not told.
Figure = tuple[int | None, int | None]
NONE: Figure = (None, None)
_ALL, _FILLED, _EMPTY = -1, -2, -3


def rows_of(table: str) -> str:
    """The name of how many rows a table has."""
    return f"rows {table}"


def filled_of(table: str, field: str) -> str:
    """The name of how many rows of a table have a field."""
    return f"filled {table}.{field}"


def encode(
    measured: Measured, hospital: int, checks: Iterable[Check], before: Mapping[str, Figure]
) -> dict[str, Figure]:
    """A hospital's figures by name. Where a number may be told in several ways, it is told as `before`."""
    found: dict[str, Figure] = {}
    for (h, table), n in measured.rows.items():
        if h == hospital:
            found[rows_of(table)] = (n, None)
    for (h, table, name), n in measured.filled.items():
        if h == hospital:
            key = filled_of(table, name)
            found[key] = (_told(n, _meant(measured.rows, None, hospital, table), before.get(key, NONE)[0]), None)
    for check in checks:
        mine = (hospital, check.id)
        if mine in measured.violated or mine in measured.of:
            meant = _meant(measured.rows, measured.filled, hospital, check.table, check.field)
            told = before.get(check.id, NONE)
            violated, of = measured.violated.get(mine), measured.of.get(mine)
            found[check.id] = _told(violated, meant, told[0]), _told(of, meant, told[1])
    return found


def decode(found: Mapping[str, Figure], hospital: int, checks: Iterable[Check], measured: Measured) -> None:
    """Put a hospital's figures as they were written down into a measurement; what is no check any more is left out."""
    for check in checks:
        if (rows := found.get(rows_of(check.table), NONE)[0]) is not None:
            measured.rows[hospital, check.table] = rows
        meant = _meant(measured.rows, None, hospital, check.table)
        if check.field and (filled := found.get(filled_of(check.table, check.field), NONE)[0]) is not None:
            measured.filled[hospital, check.table, check.field] = meant(filled)
    for check in checks:
        violated, of = found.get(check.id, NONE)
        meant = _meant(measured.rows, measured.filled, hospital, check.table, check.field)
        if violated is not None:
            measured.violated[hospital, check.id] = meant(violated)
        if of is not None:
            measured.of[hospital, check.id] = meant(of)


def _meant(
    rows: Mapping[tuple[int, str], int], filled: Mapping[tuple[int, str, str], int] | None, hospital: int, table: str,
    field: str = "",
) -> Callable[[int], int]:  # fmt: skip
    """What a number as it is written down stands for, of one table and field."""
    every = rows.get((hospital, table), 0)
    having = filled.get((hospital, table, field), 0) if filled is not None else 0
    stands = {_ALL: every, _FILLED: having, _EMPTY: every - having}
    return lambda told: stands.get(told, told)


def _told(n: int | None, meant: Callable[[int], int], before: int | None) -> int | None:
    """A number as it is written down: as before where that still stands for it."""
    if n is None or not n:
        return n
    if before is not None and meant(before) == n:
        return before
    return next((code for code in (_ALL, _FILLED, _EMPTY) if meant(code) == n), n)
