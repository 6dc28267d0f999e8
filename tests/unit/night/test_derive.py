"""Observation periods and eras, on rows a person can read."""

from __future__ import annotations

from datetime import date

import duckdb
import pytest

from etl.cdm.spec import hospital_tables
from etl.engine import define_functions, define_night
from etl.mapping.compile.choices import define_choices
from etl.mapping.language.hospital import Hospital, Name
from etl.night.derive.derive import derivations
from etl.night.lake.candidate import create_views

PERSON = 1 << 24 | 1
HOSPITAL = Hospital(hospital="one", number=1, name=Name(ko="하나", en="One"), live_since=date(2010, 1, 1))


@pytest.fixture
def con():
    connection = duckdb.connect()
    define_functions(connection)
    define_night(connection, date(2026, 1, 1))
    define_choices(connection, HOSPITAL)
    create_views(connection, [], hospital_tables())
    yield connection
    connection.close()


def rows(con, table: str, columns: list[str], values: list[tuple]) -> None:
    """Put rows into a table of the candidate; columns that are not named are NULL."""
    con.execute(f"create or replace table given as select * from {table}")
    marks = ", ".join("?" for _ in columns)
    con.executemany(f"insert into given ({', '.join(columns)}) values ({marks})", values)
    con.execute(f"create or replace table t_{table} as select * from given")
    con.execute(f"create or replace view {table} as from t_{table}")


def conditions(con, *spans: tuple[int, str, str | None]) -> None:
    columns = ["person_id", "condition_concept_id", "condition_start_date", "condition_end_date"]
    rows(con, "condition_occurrence", columns, [(PERSON, *span) for span in spans])


def derived(con, table: str, *columns: str) -> list[tuple]:
    return con.execute(f"select {', '.join(columns)} from ({derivations()[table]}) order by all").fetchall()


def periods(con) -> list[tuple[str, str]]:
    found = derived(con, "observation_period", "observation_period_start_date", "observation_period_end_date")
    return [(str(a), str(b)) for a, b in found]


def test_a_period_lasts_sixty_days_beyond_the_last_record(con):
    conditions(con, (1, "2020-01-01", "2020-02-01"))
    assert periods(con) == [("2020-01-01", "2020-04-01")]


def test_a_period_ends_with_the_delivery(con):
    conditions(con, (1, "2025-12-20", None))
    assert periods(con) == [("2025-12-20", "2026-01-01")]


def test_a_period_does_not_begin_before_the_system_went_live(con):
    conditions(con, (1, "2009-12-01", "2010-01-05"), (1, "2010-02-01", None))
    assert periods(con)[0][0] == "2010-01-01"


def test_a_silence_of_548_days_splits_and_one_of_547_does_not(con):
    conditions(con, (1, "2020-01-01", None), (1, "2021-07-02", None))
    assert (date(2021, 7, 2) - date(2020, 1, 1)).days == 548
    assert len(periods(con)) == 2
    conditions(con, (1, "2020-01-01", None), (1, "2021-07-01", None))
    assert len(periods(con)) == 1


def test_a_period_ends_sixty_days_after_death(con):
    conditions(con, (1, "2020-01-01", "2021-01-01"))
    rows(con, "death", ["person_id", "death_date"], [(PERSON, "2020-03-01")])
    assert periods(con) == [("2020-01-01", "2020-04-30")]


def test_death_alone_makes_no_period(con):
    rows(con, "death", ["person_id", "death_date"], [(PERSON, "2020-03-01")])
    assert periods(con) == []


def test_records_of_one_condition_thirty_days_apart_are_one_era(con):
    conditions(con, (7, "2020-01-01", "2020-01-10"), (7, "2020-02-09", "2020-02-10"), (7, "2020-03-12", "2020-03-20"))
    assert [(str(a), str(b), n) for a, b, n in derived(
        con, "condition_era", "condition_era_start_date", "condition_era_end_date", "condition_occurrence_count"
    )] == [("2020-01-01", "2020-02-10", 2), ("2020-03-12", "2020-03-20", 1)]  # fmt: skip


def test_a_record_inside_a_longer_one_does_not_end_the_era(con):
    conditions(con, (7, "2020-01-01", "2020-06-01"), (7, "2020-02-01", "2020-02-02"), (7, "2020-06-20", "2020-06-21"))
    assert len(derived(con, "condition_era", "condition_era_id")) == 1


def test_concept_zero_makes_no_era(con):
    conditions(con, (0, "2020-01-01", "2020-01-10"))
    assert derived(con, "condition_era", "condition_era_id") == []


def test_drug_eras_are_by_ingredient_and_count_their_gap_days(con):
    con.execute("create schema vocab")
    con.execute(
        "create table vocab.concept (concept_id bigint, concept_class_id text, standard_concept text, "
        "vocabulary_id text)"
    )
    con.execute(
        "insert into vocab.concept values (9, 'Ingredient', 'S', 'RxNorm'), (10, 'Clinical Drug', 'S', 'RxNorm')"
    )
    con.execute("create table vocab.concept_ancestor (ancestor_concept_id bigint, descendant_concept_id bigint)")
    con.execute("insert into vocab.concept_ancestor values (9, 9), (9, 10), (9, 11), (10, 10)")
    columns = ["person_id", "drug_concept_id", "drug_exposure_start_date", "drug_exposure_end_date"]
    rows(con, "drug_exposure", columns, [
        (PERSON, 10, "2020-01-01", "2020-01-30"), (PERSON, 11, "2020-02-09", "2020-02-20"),
        (PERSON, 10, "2020-06-01", "2020-06-02"), (PERSON, 0, "2020-01-01", "2020-01-02"),
    ])  # fmt: skip
    found = derived(con, "drug_era", "drug_concept_id", "drug_era_start_date::text", "drug_era_end_date::text",
                    "drug_exposure_count", "gap_days")  # fmt: skip
    assert found == [(9, "2020-01-01", "2020-02-20", 2, 9), (9, "2020-06-01", "2020-06-02", 1, 0)]


def test_ids_of_derived_rows_are_unique_and_in_the_persons_range(con):
    conditions(con, *[(c, f"202{y}-01-01", None) for c in (5, 6, 7) for y in (0, 2, 4)])
    ids = [i for (i,) in derived(con, "condition_era", "condition_era_id")]
    assert ids == [(PERSON << 23) + k for k in range(9)]


def test_equal_records_at_the_start_of_an_era_stay_together(con):
    twins = [(7, "2020-06-01", "2020-06-05")] * 50
    conditions(con, (7, "2020-01-01", "2020-01-02"), *twins)
    counts = derived(con, "condition_era", "condition_era_start_date::text", "condition_occurrence_count")
    assert counts == [("2020-01-01", 1), ("2020-06-01", 50)]
