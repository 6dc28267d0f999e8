"""What is told of few persons: one rule, in Python, in SQL and as it is shown."""

from __future__ import annotations

import duckdb
import pytest

from etl.pages.disclosure import few, in_steps, in_steps_sql, told_persons, told_records


@pytest.mark.parametrize(("records", "persons", "told"), [(1, 1, 5), (5, 4, 5), (6, 4, 10), (6, 6, 6), (5, 5, 5)])
def test_records_of_few_persons_come_in_steps(records: int, persons: int, told: int) -> None:
    assert in_steps(records, 5 if persons < 5 else None) == told
    assert duckdb.sql(f"select {in_steps_sql(str(records), str(persons), 5)}").fetchone() == (told,)
    assert in_steps(told, 5) >= told  # figures of earlier versions and of this one are read alike


def test_few_records_are_of_few_persons() -> None:
    assert [few(5, n) for n in (0, 1, 4, 5)] == [None, 5, 5, None]
    assert few(5, 9, 1) == 5


def test_how_they_are_shown() -> None:
    assert (told_persons(None, 5), told_persons(7, None), told_persons(None, None)) == ("<5", "7", "–")
    assert (told_records(5, 5), told_records(7, None), told_records(None, 5), told_records(0, 5)) == (
        "≤5",
        "7",
        "<5",
        "0",
    )
