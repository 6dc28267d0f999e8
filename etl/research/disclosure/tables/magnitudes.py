"""Totals that few contributors make up, smallest and largest values, percentiles of few persons."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from etl.research.disclosure.findings import Found
from etl.research.disclosure.rules import Rules
from etl.research.disclosure.tables.table import Cell, Table
from etl.research.disclosure.tables.words import MAXIMUM, MINIMUM, PERCENTILE, SUM, TOP, plain

_AT = re.compile(r"\b(?:p|percentile )?([0-9]{1,2})(?: ?(?:th|st|nd|rd)| percent)?\b")
_QUARTERS = {"q1": 0.25, "q3": 0.75, "lower quartile": 0.25, "upper quartile": 0.75, "iqr": 0.25, "사분위": 0.25}
_SECOND = re.compile(r"\b(second|top ?2|둘째)\b")
_SUM_OF_TOP = re.compile(r"\btop ?([0-9]+) sum\b")


def find(table: Table, rules: Rules) -> Iterator[Found]:
    """What totals and places in an order tell of single persons."""
    for row in table.by_row.values():
        sums = [cell for cell in row if cell.role == SUM and cell.value is not None]
        if sums:
            yield from _dominated(sums, [cell for cell in row if cell.role == TOP], rules)
    yield from (Found("extreme", cell.place) for cell in table.of(MINIMUM, MAXIMUM) if cell.value is not None)
    for cell in table.of(PERCENTILE):
        if cell.value is not None:
            yield from _percentile(table, cell, rules)


def _dominated(sums: Sequence[Cell], tops: Sequence[Cell], rules: Rules) -> Iterator[Found]:
    largest = _largest(tops)
    n = int(rules.limit("dominance_n"))
    for cell in sums:
        total = cell.value or 0.0
        if len(largest) < max(n, 2) or total < 0 or min(largest) < 0:
            yield Found("dominance_unchecked", cell.place)
            continue
        if total and sum(largest[:n]) >= rules.limit("dominance_k") * total:
            yield Found("dominance", cell.place)
        if largest[0] and total - sum(largest[:2]) < rules.limit("p_ratio") * largest[0]:
            yield Found("p_ratio", cell.place)


def _largest(tops: Sequence[Cell]) -> list[float]:
    """The largest contributors' values, whether each is given or the sum of the first ones."""
    singles = [cell.value for cell in tops if cell.value is not None and not _SUM_OF_TOP.search(plain(cell.header))]
    summed = [cell.value for cell in tops if cell.value is not None and _SUM_OF_TOP.search(plain(cell.header))]
    if summed and len(singles) == 1:
        return [singles[0], summed[0] - singles[0]]
    return sorted(singles, reverse=True)


def _percentile(table: Table, cell: Cell, rules: Rules) -> Iterator[Found]:
    bases = table.bases(cell) or table.counts_beside(cell) or table.totals_above(cell)
    if not bases:
        yield Found("percentile_without_base", cell.place)
        return
    share = min(_shares(cell))
    if min(bases) * share < rules.limit("beyond_percentile"):
        yield Found("percentile_of_few", cell.place)


def _shares(cell: Cell) -> Iterator[float]:
    """The shares of persons below or above what a cell says; a median with brackets is taken with its quartiles."""
    said = plain(f"{cell.header} {cell.labels[-1] if cell.labels else ''}")
    yield 0.25 if cell.rest else 0.5
    yield from (share for word, share in _QUARTERS.items() if word in said)
    if "median" not in said:
        yield from (min(at, 100 - at) / 100 for found in _AT.finditer(said) if 0 < (at := int(found[1])) < 100)
