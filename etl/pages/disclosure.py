"""The one rule of what is told of few persons, in every list, page, file and answer.

Of fewer persons than a hospital's `small_cell`, their number and their days are not told, and of their records only in
steps of that size, rounded up: one record of one person is `≤5`, as five records are. Where persons are not counted,
fewer records than that are of fewer persons.
"""

from __future__ import annotations

from etl.pages.formats import count

SMALL_CELL = 5  # where no hospital says otherwise


def is_few(number: float, fewer_than: int) -> bool:
    """Whether a number of persons, or of records, is of somebody, and of fewer than may be told."""
    return 0 < number < fewer_than


def in_steps(records: int, fewer_than: int | None) -> int:
    """How many records are told, where they are of persons `fewer_than` which there are; None: of enough."""
    return records if fewer_than is None else -(-records // fewer_than) * fewer_than


def in_steps_sql(records: str, persons: str, small_cell: int) -> str:
    """SQL of `in_steps`, given SQL of records and of their persons."""
    steps = f"((({records}) + {small_cell - 1}) // {small_cell} * {small_cell})::bigint"
    return f"case when {persons} >= {small_cell} then ({records})::bigint else {steps} end"


def few(small_cell: int, *records: int) -> int | None:
    """What `in_steps` has to know where persons are not counted: whether any of these numbers of records is small."""
    return small_cell if any(is_few(n, small_cell) for n in records) else None


def told_persons(number: int | None, fewer_than: int | None) -> str:
    """A count of persons as it is shown; where it is hidden, below which number it lies."""
    return f"<{fewer_than}" if number is None and fewer_than else count(number)


def told_records(records: int | None, fewer_than: int | None) -> str:
    """A count of records as it is shown, already in steps; hidden as a whole it lies below a number, too."""
    if records is None:
        return told_persons(records, fewer_than)
    return f"≤{count(records)}" if fewer_than and records else count(records)
