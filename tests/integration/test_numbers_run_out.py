"""More rows of a person, or files of a source, than can be numbered: refused before ids are somebody else's."""

from __future__ import annotations

import duckdb
import pytest
from tiny import Tiny

from etl.errors import InputError
from etl.night.lake import numbers
from etl.store.keys.keystore import LARGEST


def test_a_person_with_too_many_rows_of_a_table_is_refused_while_mapping(
    hospital: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbers, "MOST_ROWS", 2)
    with pytest.raises(InputError, match=r"one person has \d rows; 2 rows of a person and table can be numbered"):
        hospital.mapped()


def test_too_many_files_of_a_source_are_refused_while_landing(hospital: Tiny) -> None:
    hospital.rewrite("sources.yaml", "file: LAB.csv", 'file: "LAB*.csv"')
    folder = hospital.deliver()
    for number in range(1_024):
        (folder / f"LAB{number}.csv").write_bytes(b"PT_NO,ADM_NO,EXM_CD,EXM_DTM,RESULT,UNIT\n")
    with pytest.raises(InputError, match=r"1,025 files are called LAB\*.csv .*1,024 of a night have numbers"):
        hospital.through("land", folder=folder)


def test_the_last_number_of_a_person_is_the_last_before_the_next_person_s() -> None:
    bits = numbers.EVENT_BITS
    person, last = (2**6 - 1) << 24 | LARGEST, numbers.MOST_ROWS - 1
    with duckdb.connect() as con:
        row = con.execute(
            f"select ({person - 1}::bigint << {bits}) + {last} + 1, {person}::bigint << {bits}, "
            f"({person}::bigint << {bits}) + {last}"
        ).fetchone()
    assert row is not None
    assert row[0] == row[1]
    assert row[2] < 2**53
