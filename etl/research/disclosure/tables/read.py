"""A block of a grid as a table: which columns say of whom, which count or measure, and what each cell is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from etl.research.disclosure.findings import Place
from etl.research.disclosure.grid import Grid
from etl.research.disclosure.tables import words
from etl.research.disclosure.tables.cells import Amount, Said, is_number, read
from etl.research.disclosure.tables.table import UNKNOWN, Cell, Table
from etl.research.disclosure.tables.words import (
    BASE,
    COUNT,
    ERROR,
    FIT,
    IDENTIFIER,
    MAXIMUM,
    MEAN,
    MINIMUM,
    PAIR,
    PERCENTILE,
    SHARE,
    SUM,
    category,
    is_total,
    names_rows,
    plain,
    role_of,
)

_OF_LABELS = frozenset({MEAN, PERCENTILE, SHARE, SUM, "degrees", FIT, "base", "top"})
_ENDS = frozenset({MINIMUM, MAXIMUM})


def tables_of(grid: Grid) -> Iterator[Table]:
    """The tables of a grid: each block with at least two columns and a number."""
    for block in grid.blocks():
        table = _table(block)
        if table is not None:
            yield table


def _table(block: Grid) -> Table | None:
    rows = [[cell.strip() for cell in row] for row in block.rows]
    width = max(map(len, rows))
    titles = next((i for i, row in enumerate(rows) if sum(map(bool, row)) > min(width - 1, 1)), None)
    if titles is None:
        return None
    rows = [row + [""] * (width - len(row)) for row in rows[titles:]]
    top = 0 if titles and _is_counted(rows[0]) else header_rows(rows)
    headers = _headers(rows[:top], width)
    body = rows[top:]
    measures = _measures(headers, body)
    if not body or not any(measures):
        return None
    reader = _Reader(headers, measures, body)
    begin = block.first + titles + top
    return Table(Place(block.part, begin), list(reader.cells(block.part, begin)), headers)


def header_rows(rows: Sequence[Sequence[str]]) -> int:
    """How many rows at the top are headers: none where the first is of numbers, two where one has gaps."""
    others = [cell for cell in rows[0][1:] if cell]
    if len(rows) == 1 or (others and all(map(_is_plain, others)) and role_of(rows[0][0]) is not None):
        return 0
    if _is_plain(rows[0][0]) and sum(map(_is_plain, rows[0])) == sum(map(bool, rows[0])):
        return 0
    gaps = any(not cell for cell in rows[0][1:])
    if len(rows) > 2 and gaps and not any(map(is_number, rows[1][1:])):
        return 2
    return 1


def _is_counted(row: Sequence[str]) -> bool:
    """Whether a row names something and has numbers beside it: below a title of one cell it is no header."""
    others = [cell for cell in row[1:] if cell]
    return bool(row[0]) and bool(others) and all(map(_is_plain, others))


def _is_plain(text: str) -> bool:
    said = read(text)
    return said is not None and said.first.value is not None


def _headers(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """One header a column; what stands once above several columns is of each of them."""
    if not rows:
        return [""] * width
    if len(rows) == 1:
        return list(rows[0])
    above, found = "", []
    for upper, lower in zip(rows[0], rows[1], strict=True):
        above = upper or above
        found.append(f"{above} {lower}".strip())
    return found


def _measures(headers: Sequence[str], body: Sequence[Sequence[str]]) -> list[bool]:
    """By column whether it counts or measures."""
    numeric = []
    for column in range(len(headers)):
        filled = [row[column] for row in body if row[column]]
        numeric.append(2 * sum(map(is_number, filled)) >= len(filled) > 0)
    named = [is_measure and not names_rows(header) for is_measure, header in zip(numeric, headers, strict=True)]
    if not any(named):
        return numeric
    if named[0] and any(named[1:]) and role_of(headers[0]) is None:
        named[0] = False
    return named


class _Reader:
    """Reads the cells of one body, given which columns are measures."""

    def __init__(self, headers: Sequence[str], measures: Sequence[bool], body: Sequence[Sequence[str]]) -> None:
        self.headers = headers
        self.body = body
        self.said = [i for i, is_measure in enumerate(measures) if not is_measure]
        self.counted = [i for i, is_measure in enumerate(measures) if is_measure]
        self.whole = {i: self._is_whole(i) for i in self.counted}
        self.parts = {i: max((a.value or 0 for a in self._shown(i)), default=0) <= 1 for i in self.counted}
        said = {role_of(headers[i]) for i in self.counted} - {None, SUM}
        self.roles = {i: self._role(i, alone=not said) for i in self.counted}

    def _shown(self, column: int) -> list[Amount]:
        said = (read(row[column]) for row in self.body)
        return [each.first for each in said if each is not None and each.first.value is not None]

    def _is_whole(self, column: int) -> bool:
        """Whether all numbers of a column without a role could be counts."""
        return not any(a.decimals or a.percent or (a.value or 0) < 0 for a in self._shown(column))

    def _role(self, column: int, *, alone: bool) -> str | None:
        """What a header says; `sum` is a total of categories where no other header says what it is."""
        header = self.headers[column]
        role = role_of(header)
        if role == PAIR or (is_total(header) and (alone or role != SUM)):
            return COUNT
        return role

    def cells(self, part: int, begin: int) -> Iterator[Cell]:
        """Every cell of the measures that is there, and those that are empty beside counts as hidden ones."""
        above = [""] * len(self.said)
        for number, row in enumerate(self.body):
            labels = [row[i] for i in self.said]
            for i in range(len(labels) - 1):
                labels[i] = labels[i] or above[i]
            above = labels
            for column in self.counted:
                said = read(row[column])
                place = Place(part, begin + number, column + 1)
                if said is not None:
                    yield from self._cell(place, column, labels, said)
                elif row[column] and self.roles[column] in {COUNT, BASE} and not words.is_nothing(row[column]):
                    yield Cell(place, UNKNOWN, Amount(None), tuple(map(plain, labels)), "", self.headers[column])
                elif not row[column] and self.roles[column] in {COUNT, None} and self.whole[column]:
                    yield from self._cell(place, column, labels, Said(Amount(None)))

    def _cell(self, place: Place, column: int, labels: Sequence[str], said: Said) -> Iterator[Cell]:
        role = self._role_in(column, labels, said)
        header = self.headers[column]
        own = plain(header) if self.roles[column] is None or is_total(header) else category(header)
        of_whom = (tuple(map(plain, labels)), "" if role not in {COUNT, SHARE} else own, header)
        yield Cell(place, role, said.first, *of_whom, said.of, said.rest)
        shares = [a for a in said.rest if a.percent or len(said.rest) == 1]
        if role == COUNT and shares:
            yield Cell(place, SHARE, shares[0], *of_whom, said.of)

    def _role_in(self, column: int, labels: Sequence[str], said: Said) -> str:
        """What a cell is: as its label says, else as its header does, else as the numbers of its column look."""
        role = self.roles[column]
        by_label = _role_of_labels(labels) if role in {None, COUNT} else None
        if by_label is not None and _fits(by_label, said):
            return by_label
        if role is not None:
            return role
        if said.first.percent:
            return SHARE
        counts = self.whole[column] or not (said.first.decimals or len(said.rest) > 1 or self.parts[column])
        return COUNT if counts else UNKNOWN


def _fits(role: str, said: Said) -> bool:
    """Whether a number can be what a label says: none above 1 is a measure of fit, no whole one above it a share."""
    value = said.first.value or 0
    if role == FIT:
        return value <= 1
    return role != SHARE or said.first.percent or said.first.decimals > 0 or value <= 1


def _role_of_labels(labels: Sequence[str]) -> str | None:
    label = labels[-1] if labels else ""
    role = role_of(label)
    if role in _ENDS:  # `highest income` is a group, `age, max` a largest value
        return role if role_of(plain(label).rpartition(" ")[2]) in _ENDS else None
    return role if role in _OF_LABELS else None


def identifiers(table: Table) -> Iterator[int]:
    """Columns, from 1, whose header says that they hold numbers of persons or visits."""
    for column, header in enumerate(table.headers, start=1):
        if words.role_of(header) == IDENTIFIER:
            yield column


def is_model(table: Table) -> bool:
    """Whether it shows a model's coefficients, whose numbers count nobody."""
    roles = {words.role_of(header) for header in table.headers}
    return words.COEFFICIENT in roles or (ERROR in roles and UNKNOWN in {c.role for c in table.cells})
