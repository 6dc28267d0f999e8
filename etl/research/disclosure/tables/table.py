"""A table: its cells with what they count or measure, and the labels that say of whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from etl.research.disclosure.findings import Place
from etl.research.disclosure.tables.cells import Amount
from etl.research.disclosure.tables.words import BASE, COUNT, is_total, is_whole, size_in

Key = tuple[str, ...]  # labels without those of totals, in order
#: Roles beside those of `words.yaml`.
UNKNOWN = "unknown"
TOTAL = "total"


@dataclass(frozen=True, eq=False)
class Cell:
    """One number: where, what it is, the labels of its row, and that of its column where columns are categories."""

    place: Place
    role: str
    amount: Amount
    labels: tuple[str, ...]
    column: str
    header: str
    of: float | None = None
    rest: tuple[Amount, ...] = ()

    @property
    def value(self) -> float | None:
        """The number shown, None where it is hidden."""
        return self.amount.value

    @cached_property
    def coordinates(self) -> tuple[str, ...]:
        """All labels, those of totals by one word."""
        return tuple(TOTAL if label and is_total(label) else label for label in (*self.labels, self.column))

    @cached_property
    def key(self) -> Key:
        """Of whom it is, in whatever order a table says it."""
        return tuple(sorted(label for label in self.coordinates if label and label != TOTAL))

    @property
    def is_margin(self) -> bool:
        """Whether it is a total along some label."""
        return TOTAL in self.coordinates


@dataclass(frozen=True, eq=False)
class Table:
    """The cells of one block of a grid; `place` is its first row."""

    place: Place
    cells: Sequence[Cell]
    headers: Sequence[str] = ()

    def of(self, *roles: str) -> Iterator[Cell]:
        """Its cells of these roles."""
        return (cell for cell in self.cells if cell.role in roles)

    @cached_property
    def counts(self) -> list[Cell]:
        """The cells that count."""
        return list(self.of(COUNT))

    @cached_property
    def by_row(self) -> dict[int, list[Cell]]:
        """Cells by their row."""
        return _grouped(self.cells, lambda cell: cell.place.row)

    @cached_property
    def by_column(self) -> dict[int, list[Cell]]:
        """Cells by their column."""
        return _grouped(self.cells, lambda cell: cell.place.column)

    def bases(self, cell: Cell) -> list[float]:
        """Numbers of persons that are said to be the whole of a cell: in it, in its row, column or header."""
        found = [cell.of] if cell.of is not None else []
        found += _values(c for c in self._bases_in_rows.get(cell.place.row, ()) if c is not cell)
        found += _values(c for c in self._base_rows.get(cell.place.column, ()) if c is not cell)
        if cell.coordinates[-1] != TOTAL:
            found += self._lone_totals.get(cell.place.row, [])
        size = self.sizes.get(cell.place.column)
        return found if size is None else [*found, size]

    @cached_property
    def _bases_in_rows(self) -> dict[int, list[Cell]]:
        return _grouped(self.of(BASE), lambda cell: cell.place.row)

    @cached_property
    def _lone_totals(self) -> dict[int, list[float]]:
        """By row with one count and a total beside it, the total."""
        counted = _grouped(self.counts, lambda cell: cell.place.row)
        pairs = {row: cells for row, cells in counted.items() if len(cells) == 2}
        return {row: _values(c for c in cells if c.coordinates[-1] == TOTAL) for row, cells in pairs.items()}

    @cached_property
    def _base_rows(self) -> dict[int, list[Cell]]:
        """By column the cells that tell, in a row of their own, of how many persons it is."""
        return {column: [c for c in cells if is_base_row(c)] for column, cells in self.by_column.items()}

    def totals_above(self, cell: Cell) -> list[float]:
        """The other totals of persons that are shown in a cell's column, such as a row of all patients."""
        return _values(c for c in self._totals.get(cell.place.column, ()) if c is not cell)

    @cached_property
    def _totals(self) -> dict[int, list[Cell]]:
        counted = {column: (c for c in cells if c.role == COUNT) for column, cells in self.by_column.items()}
        return {column: [c for c in cells if c.is_margin and c.value] for column, cells in counted.items()}

    def counts_beside(self, cell: Cell) -> list[float]:
        """The counts that are shown in a cell's row."""
        return _values(c for c in self.by_row[cell.place.row] if c.role == COUNT)

    @cached_property
    def sizes(self) -> dict[int, float]:
        """By column what its header says of how many persons it is."""
        said = enumerate(map(size_in, self.headers), start=1)
        return {column: size for column, size in said if size is not None}


def is_base_row(cell: Cell) -> bool:
    """Whether a cell tells, in a row of its own, of how many persons its column is."""
    return bool(cell.labels) and cell.role in {BASE, COUNT} and is_whole(cell.labels[-1])


def _values(cells: Iterable[Cell]) -> list[float]:
    return [cell.value for cell in cells if cell.value is not None]


def _grouped(cells: Iterable[Cell], by: Callable[[Cell], int]) -> dict[int, list[Cell]]:
    found: dict[int, list[Cell]] = {}
    for cell in cells:
        found.setdefault(by(cell), []).append(cell)
    return found
