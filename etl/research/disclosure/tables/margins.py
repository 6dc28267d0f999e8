"""Sums over the labels of one table beside another table's counts: men and women together beside the count of all."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from etl.research.disclosure.findings import Found
from etl.research.disclosure.rules import Rules
from etl.research.disclosure.tables.table import Cell, Key, Table

_MOST_LABELS = 4


def find(new: Table, other: Table, rules: Rules) -> Iterator[Found]:
    """Counts of one table that are few more or less than the sum of the other's cells under the same labels."""
    mine, theirs = _sums(new), _sums(other)
    yield from _apart(mine, _shown(other), {key: cell for key, (_, cell) in mine.items()}, rules)
    yield from _apart(theirs, _shown(new), _shown(new), rules)


def _shown(table: Table) -> dict[Key, Cell]:
    return {cell.key: cell for cell in table.counts if cell.value is not None}


def _sums(table: Table) -> dict[Key, tuple[float, Cell]]:
    """By some of the cells' labels, the sum of all cells that have them, none of which is hidden, and one of them."""
    cells = [cell for cell in table.counts if not cell.is_margin]
    found: dict[Key, tuple[float, Cell]] = {}
    unknown: set[Key] = set()
    for cell in cells:
        if len(cell.key) > _MOST_LABELS:
            return {}
        for size in range(1, len(cell.key)):
            for key in combinations(cell.key, size):
                if cell.value is None:
                    unknown.add(key)
                else:
                    found[key] = (found.get(key, (0.0, cell))[0] + cell.value, cell)
    return {key: each for key, each in found.items() if key not in unknown}


def _apart(
    sums: dict[Key, tuple[float, Cell]], shown: dict[Key, Cell], places: dict[Key, Cell], rules: Rules
) -> Iterator[Found]:
    """Where some sums are exactly the other's counts, the tables are of one population; else it may be a chance."""
    common = sums.keys() & shown.keys()
    rests = {key: abs(sums[key][0] - (shown[key].value or 0)) for key in common}
    same = any(rest == 0 and sums[key][0] >= rules.threshold for key, rest in rests.items())
    for key in common:
        if rules.is_small(rests[key]):
            yield Found("differencing" if same else "nearly_the_same", places[key].place)
