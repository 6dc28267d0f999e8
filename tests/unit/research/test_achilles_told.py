"""Which analyses of Achilles there are and how results of all hospitals come of theirs; what is told of few persons."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime

import duckdb
import pytest
from duckcdm import achilles
from duckdb import DuckDBPyConnection

from etl.files import packaged
from etl.research.achilles import told
from etl.research.achilles.analyses import analyses, details, fields_read, numbers
from etl.research.achilles.compute import COLUMNS

LISTED = list(csv.DictReader(packaged("etl.research.achilles.analyses", "analyses.csv").splitlines()))
FREE_TEXT = {"note_text", "note_title", "value_source_value", "measurement_source_value", "person_source_value", "sig"}
MOMENT = datetime(2026, 7, 1)


def test_every_analysis_of_the_package_is_listed_once_and_what_is_left_out_or_anew_says_why() -> None:
    assert [int(row["analysis"]) for row in LISTED] == sorted(achilles.analysis_details())
    assert {row["how"] for row in LISTED} == {"sum", "anew", "left out"}
    assert all(bool(row["why"]) == (row["how"] != "sum") for row in LISTED)


def test_no_distribution_is_a_sum() -> None:
    assert not [number for number in numbers("sum") if details()[number]["distribution"] != "0"]


def test_persons_of_a_count_of_records_are_counted_by_an_analysis_of_persons() -> None:
    partners = {each.persons for each in analyses() if each.persons}
    assert partners <= {each.number for each in analyses()}
    assert all(details()[partner]["analysis_name"].startswith("Number of persons") for partner in partners)


def test_no_text_of_a_hospital_is_copied() -> None:
    _, words = fields_read()
    assert not words & FREE_TEXT


@pytest.fixture
def con() -> Iterator[DuckDBPyConnection]:
    """What was found of one source, few of it; and an empty vocabulary."""
    with duckdb.connect() as con:
        con.execute("attach ':memory:' as copy")
        con.execute("create schema copy.vocabulary")
        con.execute("create table copy.vocabulary.concept (concept_id integer)")
        con.execute(
            "create table copy.vocabulary.concept_ancestor (ancestor_concept_id int, descendant_concept_id int)"
        )
        con.execute(f"create table seen ({', '.join(f'{n} {kind}' for n, kind in COLUMNS.items())})")
        yield con


def tell(con: DuckDBPyConnection, *found: tuple[bool, int, str, int], small_cell: int = 5) -> None:
    rows = [
        dict(zip(("of_distribution", "analysis_id", "stratum_1", "count_value"), row, strict=True)) for row in found
    ]
    for row in rows:
        con.execute(f"insert into seen ({', '.join(row)}) values (?, ?, ?, ?)", list(row.values()))
    told.prepare(con)
    told.add(con, "seen", None, small_cell, MOMENT)


def test_few_persons_are_not_told_and_their_records_in_steps(con: DuckDBPyConnection) -> None:
    persons, records = 400, 401
    tell(
        con,
        (False, persons, "1", 4), (False, persons, "2", 5),
        (False, records, "1", 37), (False, records, "2", 37), (False, records, "3", 12), (False, records, "4", 4),
    )  # fmt: skip
    rows = con.execute("select analysis_id, stratum_1, count_value from achilles_results order by all").fetchall()
    assert rows == [
        (persons, "2", 5),
        (records, "1", 40),  # of four persons
        (records, "2", 37),
        (records, "3", 15),  # of nobody who was counted
    ]


def test_a_distribution_of_few_persons_is_left_out_however_many_values_it_has(con: DuckDBPyConnection) -> None:
    persons, values = 1800, 1815
    tell(
        con,
        (False, persons, "1", 4), (False, persons, "2", 5),
        (True, values, "1", 900), (True, values, "2", 900), (True, 103, "", 4), (True, 104, "8507", 5),
    )  # fmt: skip
    rows = con.execute("select analysis_id, stratum_1 from achilles_results_dist order by all").fetchall()
    assert rows == [(104, "8507"), (values, "2")]


def test_a_concept_has_no_count_that_was_not_told(con: DuckDBPyConnection) -> None:
    con.execute("insert into copy.vocabulary.concept values (1), (2), (9)")
    con.execute("insert into copy.vocabulary.concept_ancestor values (9, 1), (9, 2)")
    tell(con, (False, 401, "1", 4), (False, 400, "1", 4), (False, 401, "2", 8), (False, 400, "2", 6))
    rows = con.execute("from achilles_result_concept_count order by all").fetchall()
    assert rows == [(2, 8, 8, 6, 6), (9, 0, 8, 0, 6)]


def test_a_larger_small_cell_hides_more(con: DuckDBPyConnection) -> None:
    tell(con, (False, 2, "8507", 9), (False, 2, "8532", 10), small_cell=10)
    assert con.execute("select stratum_1, count_value from achilles_results").fetchall() == [("8532", 10)]
