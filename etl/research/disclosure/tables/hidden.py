"""Hidden counts that what is shown gives back: each one's interval under all totals at once, by linear bounds.

Totals of a table are equations over its cells. The least and the largest value of a hidden cell under them are two
linear programmes; that they are whole numbers for a table of two labels, and outer bounds otherwise, is what makes a
cell told here one that can be worked out by whoever reads the table.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

from etl.research.disclosure.findings import Found
from etl.research.disclosure.rules import Rules
from etl.research.disclosure.tables.sums import Bounds, Sums, omitted, span, sums_of
from etl.research.disclosure.tables.table import Cell, Key, Table

_CLOSE = 1e-6


def find(table: Table, rules: Rules) -> Iterator[Found]:
    """What totals tell of hidden cells, and of categories that were left out."""
    sums = sums_of(table, rules.limit("rounding_base"))
    is_rounded = any(low != high for key, (low, high) in sums.bounds.items() if sums.is_shown(key))
    if not is_rounded:
        yield from (Found("omitted", total.place) for total, rest in omitted(table) if rules.is_small(rest))
    if not sums.hidden:
        return
    told = recovered(sums, rules)
    has_totals = any(cell.is_margin for cell in table.counts)
    if told is None or (has_totals and (sums.unclear or is_rounded)):
        yield Found("hidden_unchecked", table.place)
    yield from (Found("recovered", cell.place) for cell in told or ())


def recovered(sums: Sums, rules: Rules) -> list[Cell] | None:
    """The hidden cells of which too much is known; None: there are too many to solve, or no counts fit the totals."""
    if not sums.sums:
        return []
    if len(sums.hidden) > rules.limit("hidden_cells"):
        return None
    told = {key for one in sums.sums for key in _small_rest(one.total, one.parts, sums, rules)}
    programme = Programme(sums)
    for key in sums.hidden:
        if key not in told and key in programme.at:
            interval = programme.interval(key)
            if interval is None:
                return None
            if _is_narrow(interval, sums.bounds[key], rules):
                told.add(key)
    return [sums.hidden[key] for key in sums.hidden if key in told]


def _small_rest(total: Key, parts: tuple[Key, ...], sums: Sums, rules: Rules) -> list[Key]:
    """The hidden parts of a shown total that together are too few, however they share it."""
    if not sums.is_shown(total):
        return []
    hidden = [key for key in parts if not sums.is_shown(key)]
    low, high = span((key for key in parts if sums.is_shown(key)), sums.bounds)
    least, most = sums.bounds[total][0] - high, sums.bounds[total][1] - low
    return hidden if rules.is_small(most) and most - max(least, 0) < rules.limit("interval") else []


def _is_narrow(interval: Bounds, before: Bounds, rules: Rules) -> bool:
    """Whether a count is known to be small, and within fewer values than its mark alone would leave."""
    if math.isinf(interval[1]):
        return False
    low, high = math.ceil(interval[0] - _CLOSE), math.floor(interval[1] + _CLOSE)
    wide = min(rules.limit("interval"), before[1] - before[0])
    return rules.is_small(high) and high - low < wide


class Programme:
    """The equations of all sums over the cells that are not exactly known, as the solver takes them."""

    def __init__(self, sums: Sums) -> None:
        signed = [(*((key, 1.0) for key in one.parts), (one.total, -1.0)) for one in sums.sums]
        unknown = [[pair for pair in pairs if _is_open(sums.bounds[pair[0]])] for pairs in signed]
        self.at = {key: i for i, key in enumerate(sorted({key for pairs in unknown for key, _ in pairs}))}
        entries = [(row, self.at[key], sign) for row, pairs in enumerate(unknown) for key, sign in pairs]
        rows, columns, signs = zip(*entries, strict=True) if entries else ((), (), ())
        self._equations = csr_array((signs, (rows, columns)), shape=(len(signed), len(self.at)), dtype=float)
        known = [[pair for pair in pairs if not _is_open(sums.bounds[pair[0]])] for pairs in signed]
        self._known = np.array([-sum(sign * sums.bounds[key][0] for key, sign in pairs) for pairs in known])
        self._bounds = [_as_limits(sums.bounds[key]) for key in self.at]

    def interval(self, key: Key) -> Bounds | None:
        """The least and the largest value of a cell; None where no counts fit the totals."""
        ends = []
        for sign in (1.0, -1.0):
            aim = np.zeros(len(self.at))
            aim[self.at[key]] = sign
            found = linprog(aim, A_eq=self._equations, b_eq=self._known, bounds=self._bounds, method="highs")
            if found.status == 3:  # without a bound
                ends.append(sign * -math.inf)
            elif found.status != 0:
                return None
            else:
                ends.append(sign * float(found.fun))
        return ends[0], ends[1]


def _is_open(bounds: Bounds) -> bool:
    return bounds[0] != bounds[1]


def _as_limits(bounds: Bounds) -> tuple[float, float | None]:
    return bounds[0], None if math.isinf(bounds[1]) else bounds[1]
