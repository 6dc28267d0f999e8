"""A grid of cells as a file shows it: what readers of files hand to the rules of tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from etl.research.disclosure.findings import Place


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows of texts, row i being row `first + i` of part `part` of its file (0: the file has no parts)."""

    rows: Sequence[Sequence[str]]
    part: int = 0
    first: int = 1

    def place(self, row: int, column: int) -> Place:
        """Where a cell is, given its place in the grid from 0."""
        return Place(self.part, self.first + row, column + 1)

    def blocks(self) -> Iterator[Grid]:
        """The parts of it that stand between empty rows."""
        begin: int | None = None
        for number, row in enumerate([*self.rows, ()]):
            filled = any(cell.strip() for cell in row)
            if filled and begin is None:
                begin = number
            elif not filled and begin is not None:
                yield Grid(self.rows[begin:number], self.part, self.first + begin)
                begin = None


@dataclass(slots=True)
class Contents:
    """What a reader found in a file: grids, and lines of text with their numbers."""

    grids: list[Grid] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
