"""Each check's query lists as many rows of a hospital as the battery counts."""

from __future__ import annotations

import duckdb
import pytest
from test_battery import CHECKS, NIGHT, Broken

from etl.quality.battery.judge import judge
from etl.quality.battery.listed import OF_VALUES, rows_sql
from etl.quality.battery.measure import measure

HOSPITAL = 2
#: What a random warehouse of few persons lacks: some without a row, and periods that overlap.
OF_PERSONS = """
delete from visit_occurrence where person_id % 2 = 1; delete from condition_era where person_id % 2 = 1;
update condition_occurrence set condition_concept_id = 8507 where person_id % 2 = 1;
update observation_period set observation_period_start_date = '2026-06-01', observation_period_end_date = '2026-06-09'
where person_id % 2 = 1;
update observation_period set observation_period_id = rowid
"""


@pytest.mark.parametrize("seed", range(2))
def test_the_rows_of_a_check_are_as_many_as_it_counts(seed: int) -> None:
    unlike, kinds = [], set()
    with duckdb.connect() as con:
        Broken(con, seed, whole=True)
        con.execute(OF_PERSONS)
        for result in judge(CHECKS, measure(con, CHECKS, NIGHT), HOSPITAL):
            sql = rows_sql(result.check, HOSPITAL, NIGHT.isoformat())
            if result.status not in ("passed", "failed") or sql is None:
                continue
            rows = con.execute(sql).fetchall()
            if result.check.type.name in OF_VALUES:
                assert bool(rows) is bool(result.violated), result.check.id
            elif len(rows) != result.violated:
                unlike.append((result.check.id, len(rows), result.violated))
            kinds |= {result.check.type.name} if rows else set()
    assert unlike == []
    silent = {"cdmTable", "cdmField"}
    assert {c.type.name for c in CHECKS} - kinds <= silent | {"cdmDatatype", "plausibleGenderUseDescendants"}


def test_what_has_no_rows_has_no_query() -> None:
    there = [c for c in CHECKS if c.type.name in ("cdmTable", "cdmField")]
    assert {rows_sql(c, HOSPITAL, NIGHT.isoformat()) for c in there} == {None}
