"""A statement that answers many checks at once, and how its columns are gathered.

A statement gives a row for each hospital (NULL: rows of none) with the figures of many checks side by side, or a row
for each hospital and check. Checks that share a figure share a column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from etl.quality.battery.checks import Check
from etl.quality.battery.schema import Schema
from etl.sql import quote

#: The hospital of figures that are of the whole warehouse and no sum of the hospitals'.
WHOLE = 0


@dataclass(frozen=True, slots=True)
class Ground:
    """What statements are written for: a warehouse, seen on the day `night` (ISO).

    `unique` are fields (table, field) of which it is known that no value is there twice.
    """

    schema: Schema
    night: str
    unique: frozenset[tuple[str, str]] = frozenset()


Builder = Callable[[Sequence[Check], Ground], "Statement | None"]


@dataclass(slots=True)
class Statement:
    """SQL, and which checks its columns answer; of a wide one the table whose rows are counted.

    Of a wide one each row is `hospital` and the figures in `columns`; `cells` are, by check, the columns of what is
    violated and of how many. Of a long one each row is `hospital`, the check's place in `cells`, violated, of how many;
    None: not told here. `filled` are columns of a wide one that tell how many rows have a field, `reasons` those
    that tell in words, English and Korean, why rows of a check are violated. `build` makes the statement for some of
    its checks.
    """

    sql: str
    checks: list[Check]
    build: Builder
    table: str = ""
    long: bool = False
    cells: list[tuple[Check, int | None, int | None]] = field(default_factory=list)
    filled: dict[str, int] = field(default_factory=dict)
    reasons: list[tuple[Check, int, int]] = field(default_factory=list)


class Wide:
    """Gathers the columns of a wide statement, each once; `hospital` is SQL of whose a row is, where no table tells."""

    def __init__(self, table: str, ground: Ground, hospital: str | None = None) -> None:
        self._table = table
        self._hospital = hospital or ground.schema.hospital(table)
        self._columns: dict[str, int] = {}
        self.cells: list[tuple[Check, int | None, int | None]] = []
        self.checks: list[Check] = []

    def column(self, sql: str) -> int:
        """The place of a figure among the columns; the hospital is column 0."""
        return self._columns.setdefault(sql, len(self._columns) + 1)

    def counted(self, condition: str) -> int:
        """The place of how many rows fulfil a condition."""
        return self.column(f"count_if({condition})")  # half of what a filter of an aggregate takes

    def add(self, check: Check, violated: int | None, of: int | None) -> None:
        """Answer a check by the columns of what is violated and of how many; None: not here."""
        self.cells.append((check, violated, of))
        self.checks.append(check)

    def statement(self, build: Builder, source: str, filled: dict[str, int] | None = None) -> Statement:
        """The statement over `source`, SQL of rows `t`."""
        columns = ", ".join([f"{self._hospital} as hospital", *(f"{sql} as f{n}" for sql, n in self._columns.items())])
        sql = f"select {columns} from {source} group by 1"
        return Statement(sql, self.checks, build, self._table, cells=self.cells, filled=filled or {})


def named(asked: Iterable[Check], *names: str) -> list[Check]:
    """The checks of some kinds."""
    return [c for c in asked if c.type.name in names]


def column(check: Check) -> str:
    """SQL of a check's field in a row of `t`."""
    return f"t.{quote(check.field)}"


def is_concept(check: Check) -> bool:
    """Whether a foreign key leads to a concept."""
    return check.argument == "concept.concept_id"


def long(build: Builder, checks: list[Check], sql: str) -> Statement:
    """A statement that gives a row for each hospital and check."""
    return Statement(sql, checks, build, long=True, cells=[(check, 0, None) for check in checks])
