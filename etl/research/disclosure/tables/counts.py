"""Cells that count too few, nobody, or everybody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from etl.research.disclosure.findings import Found, Place
from etl.research.disclosure.rules import Rules
from etl.research.disclosure.tables.table import Cell, Table
from etl.research.disclosure.tables.words import BASE, COUNT, runs

_ENOUGH_TO_SEE = 8  # cells from which it is no chance that all are multiples of the base


def find(table: Table, rules: Rules) -> Iterator[Found]:
    """What the numbers of persons that a table shows tell by themselves."""
    shown = [cell for cell in table.of(COUNT, BASE) if cell.value is not None]
    yield from (Found("threshold", cell.place) for cell in shown if rules.is_small(cell.value or 0))
    yield from (Found("zero", cell.place) for cell in table.counts if cell.value == 0)
    headers = [column for column, size in table.sizes.items() if rules.is_small(size)]
    yield from (Found("threshold", Place(table.place.part, table.place.row - 1, column)) for column in headers)
    yield from (Found("threshold", c.place) for c in table.cells if c.of is not None and rules.is_small(c.of))
    yield from _complements(table, rules)
    yield from _classes(table)
    yield from _steps(table, rules)
    yield from _rounding(table.counts, rules)


def _complements(table: Table, rules: Rules) -> Iterator[Found]:
    for cell in table.counts:
        if cell.value is not None and any(rules.is_small(base - cell.value) for base in table.bases(cell)):
            yield Found("complement", cell.place)


def _steps(table: Table, rules: Rules) -> Iterator[Found]:
    for cells in table.by_column.values():
        running = [c for c in cells if c.role in {COUNT, BASE} and c.value is not None and runs(c.header)]
        for above, cell in pairwise(running):
            same = above.labels[:-1] == cell.labels[:-1]
            if same and rules.is_small(abs((cell.value or 0) - (above.value or 0))):
                yield Found("small_steps", cell.place)


def _classes(table: Table) -> Iterator[Found]:
    """Rows and columns of categories in which one cell holds everybody."""
    cells = [cell for cell in table.counts if not cell.is_margin and cell.column]
    for by in _row, _column:
        lines: dict[int, list[Cell]] = {}
        for cell in cells:
            lines.setdefault(by(cell), []).append(cell)
        for line in lines.values():
            if len(line) > 1 and all(cell.value is not None for cell in line):
                full = [cell for cell in line if cell.value]
                yield from (Found("class_disclosure", cell.place) for cell in full if len(full) == 1)


def _row(cell: Cell) -> int:
    return cell.place.row


def _column(cell: Cell) -> int:
    return cell.place.column


def _rounding(counts: Sequence[Cell], rules: Rules) -> Iterator[Found]:
    base = rules.limit("rounding_base")
    if not base:
        return
    if rules.limit("rounding_required"):
        yield from (Found("rounding", cell.place) for cell in counts if (cell.value or 0) % base)
        return
    inner = [cell for cell in counts if not cell.is_margin and cell.value]
    if len(inner) >= _ENOUGH_TO_SEE and not any((cell.value or 0) % base for cell in inner):
        yield from (
            Found("rounding_mixed", cell.place) for cell in counts if cell.is_margin and (cell.value or 0) % base
        )
