"""The rows that an era is said to be made of are those that it counts, and each belongs to one era of its kind."""

from __future__ import annotations

import random
from collections import Counter
from importlib.resources import files

import duckdb
import pytest

from etl.night.derive.derive import derivations

PERSONS, ROWS, DRUGS = 4, 300, (11, 12, 21, 31, 0)
DOSES = "(values (11, 1, 5.0), (12, 1, 10.0), (21, 2, 5.0), (31, 3, 1.0)) t(d, i, amount)"


@pytest.fixture(scope="module")
def con():
    """Random exposures and conditions, and the eras that the derivations make of them."""
    given = random.Random(7)
    with duckdb.connect() as con:
        con.execute("create macro omop_era_gap() as 30; create schema vocab")
        con.execute(f"create table drug as from {DOSES}")
        con.execute("create view vocab.concept as select distinct i as concept_id, 'Ingredient' as concept_class_id, "
                    "'S' as standard_concept, 'RxNorm' as vocabulary_id from drug")  # fmt: skip
        con.execute("create view vocab.concept_ancestor as select i as ancestor_concept_id, d as descendant_concept_id "
                    "from drug")  # fmt: skip
        con.execute("create view vocab.drug_strength as select d as drug_concept_id, i as ingredient_concept_id, "
                    "amount as amount_value, 8576 as amount_unit_concept_id, null::double as numerator_value, "
                    "null::bigint as numerator_unit_concept_id, null::bigint as denominator_unit_concept_id, "
                    "null::varchar as invalid_reason from drug")  # fmt: skip
        con.execute("create table drug_exposure(drug_exposure_id bigint, person_id bigint, drug_concept_id bigint, "
                    "drug_exposure_start_date date, drug_exposure_end_date date, quantity double)")  # fmt: skip
        con.execute("create table condition_occurrence(condition_occurrence_id bigint, person_id bigint, "
                    "condition_concept_id bigint, condition_start_date date, condition_end_date date)")  # fmt: skip
        rows = [
            (i, given.randrange(PERSONS), given.choice(DRUGS), given.randrange(1500), given.choice((1, 7, 30)))
            for i in range(ROWS)
        ]  # fmt: skip
        con.executemany(
            "insert into drug_exposure select $1, $2, $3, date '2020-01-01' + $4, date '2020-01-01' + $4 + $5 - 1, $5",
            [list(map(int, r)) for r in rows],
        )
        con.execute("insert into condition_occurrence select drug_exposure_id, person_id, drug_concept_id, "
                    "drug_exposure_start_date, nullif(drug_exposure_end_date, drug_exposure_start_date) "
                    "from drug_exposure")  # fmt: skip
        for name in ("condition_era", "drug_era", "dose_era"):
            con.execute(f"create table {name} as {derivations()[name]}")
        yield con


@pytest.mark.parametrize(
    ("table", "counted"),
    [("condition_era", "condition_occurrence_count"), ("drug_era", "drug_exposure_count"), ("dose_era", "null")],
)
def test_eras_share_out_their_records(con, table: str, counted: str) -> None:
    query = files("etl.quality.lineage").joinpath("derived", f"{table}.sql").read_text(encoding="utf-8")
    eras = con.execute(f"select {table}_id, {counted} from {table}").fetchall()
    assert len(eras) > 20
    parts = {era: [row[1] for row in con.execute(query, {"id": era}).fetchall()] for era, _ in eras}
    assert all(parts.values())
    assert [era for era, number in eras if number not in (None, len(parts[era]))] == []
    of_a_concept = "condition_occurrence" if table == "condition_era" else "drug_exposure"
    prefix = of_a_concept.split("_", maxsplit=1)[0]
    expected = con.execute(f"select {of_a_concept}_id from {of_a_concept} where {prefix}_concept_id <> 0").fetchall()
    assert Counter(part for ids in parts.values() for part in ids) == Counter(id_ for (id_,) in expected)
