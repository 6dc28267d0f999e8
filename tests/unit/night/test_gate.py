"""Great Expectations on DuckDB: what the gates find, and that they never tell a value."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pytest

from etl.cdm.concept_domains import column_domains
from etl.cdm.spec import tables
from etl.engine import define_night
from etl.night.check.gate import closed, run_suites
from etl.night.check.overall import create_empty_figures
from etl.night.check.suites import Expectation, Suite, load_suites

HERE = Path(__file__).parent
SUITES = {s.table: s for s in load_suites(HERE.parents[2] / "expectations" / "cdm")}
HELD = {place for place in column_domains() if place[0] != "condition_era"}  # made of rows that are held against it
SECRET = "880101-1234567"

# How to break a promise: by type of expectation, or by what the description of a query says.
BREAKS_BY_TYPE = {
    "expect_column_values_to_not_be_null": "update {table} set {column} = null",
    "expect_column_values_to_be_unique": "insert into {table} from {table} limit 1",
    "expect_column_values_to_be_in_set": "update {table} set {column} = 9",
    "expect_column_values_to_be_between": "update {table} set {column} = -5",
    "expect_table_row_count_to_be_between": "delete from {table}",
    "expect_table_row_count_to_equal": "insert into {table} from {table}",
    "expect_column_pair_values_a_to_be_greater_than_b": "update {table} set {column_A} = {column_B} - 1",
}
BREAKS_BY_DESCRIPTION = {
    "is unreadable in more than one row": "update {table} set share = 0.02 where change = 'unreadable'",
    "the end is unknown": "update {table} set share = 0.02, change = 'end_unknown' where change = 'unreadable'",
    "as many unknown ones appear": "update {table} set share = 0.06",
    "the person exists": "update {table} set person_id = 404",
    "Required concepts are filled": "update {table} set {column} = null",
    "concept id is in the vocabulary": "update {table} set {column} = 404",
    "a concept of the vocabulary": "update {table} set {column} = 404",
    "a concept that is standard and valid": "update {table} set {column} = 45576876",
    "a standard, valid concept of the domain Visit": "update {table} set {column} = 8876",
    "is 0 or a standard unit": "update {table} set {column} = 9202",
    "The domain of observation_concept_id": "update {table} set {column} = 201826",
    "belongs in this table": "update {table} set {column} = 8876",
    "of the vocabulary Type Concept": "update {table} set {column} = 8507",
    "not more than 60 days after death": "update {table} set {column} = date '1950-01-01'",
    "the visit exists": "update {table} set visit_occurrence_id = 11, person_id = 2",
    "lead to a row": "update {table} set {column} = 404",
    "leads to a row": "update {table} set {column} = 404",
    "The preceding visit exists": "update {table} set {column} = 11 where person_id = 2",
    "The preceding visit_detail exists": "update {table} set {column} = 404",
    "several days of a person do not overlap": "update {table} set visit_start_date = '2020-04-02', "
    "visit_end_date = '2020-04-20' where visit_occurrence_id = 12",
    "is not over 365 days": "update {table} set {column} = 366",
    "not after the day the data was pulled": "update {table} set {column} = date '2020-06-02'",
    "between 1850 and this year": "update {table} set {column} = 1849",
    "agrees with year_of_birth": "update {table} set {column} = timestamp '1961-01-01'",
    "Every person with events": "insert into {table} by name select 9 as person_id; "
    "insert into death by name select 9 as person_id; update observation set person_id = 9",
    "is not before birth": "update {table} set {column} = date '1950-01-01'",
    "neither overlap nor touch": "update {table} set observation_period_end_date = date '2019-12-31' "
    "where observation_period_id = 2",
    "never of concept 0": "update {table} set {column} = 0",
    "is an ingredient": "update {table} set {column} = 201826",
    "more than 30 days apart": "update {table} set {column} = {column} - 45 where {table}_id = 1",
    "is a row of": "update {table} set {column} = 404",
    "a concept of the domain": "update {table} set {column} = 8507",
    "is a visit of the same person": "update {table} set visit_occurrence_id = 13",
    "Amounts are not negative": "update {table} set {column} = -1",
    "is more than nothing": "update {table} set {column} = 0",
    "holds an event once": "insert into {table} from {table}",
    "not below what is usual": "update {table} set {column} = 0.7, at_most = 0.79 where domain = 'Condition'",
    "lost a fifth": "update {table} set rows = 799, change = -0.201 where cdm_table = 'measurement'",
    "has doubled": "update {table} set rows = 2001, change = 1.001 where cdm_table = 'measurement'",
    "has collapsed": "update {table} set {column} = 0.1, at_most = 0.19 where domain = 'Drug'",
}


def empty_cdm() -> duckdb.DuckDBPyConnection:
    """All CDM tables and the figures of a hospital, without rows."""
    con = duckdb.connect()
    define_night(con, date(2020, 6, 1))
    for table in tables().values():
        columns = ", ".join(f'"{f.name}" {f.duckdb_type}' for f in table.fields)
        con.execute(f"create table {table.name} ({columns})")
    create_empty_figures(con)
    return con


@pytest.fixture(scope="module")
def cdm() -> duckdb.DuckDBPyConnection:
    """A correct small CDM, with a second copy in the database `pristine`."""
    con = empty_cdm()
    con.execute((HERE / "correct_cdm.sql").read_text(encoding="utf-8"))
    con.execute("attach ':memory:' as pristine; copy from database memory to pristine")
    return con


@pytest.fixture
def landed() -> duckdb.DuckDBPyConnection:
    """A landed table with a planted secret, as a view."""
    con = duckdb.connect()
    con.execute(
        f"create table stored as select * from (values ('{SECRET}', 'x', 1), ('{SECRET}', 'y', 2), (null, 'y', 3))"
        ' t("환자번호", code, _row)'
    )
    con.execute('create view "진료 order" as from stored')
    return con


def suite_of(*expectations: Expectation, table: str = "진료 order") -> Suite:
    return Suite("source.test", table, ("_row",), expectations)


def expect(type_: str, column: str | None = None, **kwargs: object) -> Expectation:
    arguments = kwargs if column is None else {"column": column, **kwargs}
    return Expectation(type_, arguments, "block", "a promise", column)


def query(sql: str) -> Expectation:
    return expect("unexpected_rows_expectation", unexpected_rows_query=sql)


def breaking(suite: Suite, promise: Expectation) -> str:
    sql = BREAKS_BY_TYPE.get(promise.type) or next(
        sql for text, sql in BREAKS_BY_DESCRIPTION.items() if text in promise.description
    )
    return sql.format(**{**promise.kwargs, "table": suite.table, "column": promise.column})


@pytest.mark.parametrize("table", sorted(SUITES))
def test_a_correct_cdm_passes(cdm: duckdb.DuckDBPyConnection, table: str) -> None:
    findings = run_suites(cdm, [SUITES[table]])
    assert len(findings) == len(SUITES[table].expectations)
    assert [f for f in findings if not f.success] == []
    assert all(f.total is not None and f.rows_sql is None for f in findings)


def test_tables_without_rows_pass_unless_rows_are_asked_for() -> None:
    failed = [f for f in run_suites(empty_cdm(), list(SUITES.values())) if not f.success]
    assert {f.table_name for f in failed} == {"person", "cdm_source", "mapping_rate"}
    assert all("row_count" in f.expectation for f in failed)


@pytest.mark.parametrize(
    ("table", "number"), [(t, i) for t in sorted(SUITES) for i in range(len(SUITES[t].expectations))]
)
def test_every_broken_promise_is_found(cdm: duckdb.DuckDBPyConnection, table: str, number: int) -> None:
    suite = SUITES[table]
    promise = suite.expectations[number]
    try:
        cdm.execute(breaking(suite, promise))
        (finding,) = run_suites(cdm, [replace(suite, expectations=(promise,))])
        assert not finding.success
        assert finding.error is None
        assert (finding.table_name, finding.description) == (table, promise.description)
        assert bool(closed([finding])) == (promise.severity == "block")
        if "row_count" not in promise.type:
            assert finding.unexpected
            assert finding.unexpected > 0
        if finding.rows_sql is not None:
            result = cdm.execute(finding.rows_sql)
            assert tuple(d[0] for d in result.description) == suite.key
            assert 0 < len(result.fetchall()) <= (finding.unexpected or 0)
    finally:
        for name in {table, "observation", "death"}:
            cdm.execute(f"create or replace table {name} as from pristine.{name}")


@pytest.mark.parametrize("place", sorted(HELD), ids=".".join)
def test_every_concept_is_held_against_the_domain_of_its_column(
    cdm: duckdb.DuckDBPyConnection, place: tuple[str, str]
) -> None:
    table, column = place
    other = 9202 if column_domains()[place] != "Visit" else 8507
    try:
        cdm.execute(f"update {table} set {column} = {other}")
        failed = [
            f for f in closed(run_suites(cdm, [SUITES[table]])) if column in (f.column_name, *f.description.split())
        ]
        assert failed, f"no expectation of {table} looks at the domain of {column}"
    finally:
        cdm.execute(f"create or replace table {table} as from pristine.{table}")


def test_rows_sql_lists_row_numbers_of_landed_tables(landed: duckdb.DuckDBPyConnection) -> None:
    promises = [
        expect("expect_column_values_to_not_be_null", "환자번호"),
        expect("expect_column_values_to_be_in_set", "code", value_set=["x"]),
        expect("expect_column_values_to_be_unique", "환자번호"),
        expect("expect_compound_columns_to_be_unique", column_list=["환자번호", "code"]),
        expect("expect_compound_columns_to_be_unique", column_list=["code", "code"]),
        query("select _row from {batch} where not regexp_matches(code, '^x')"),
        query("select e._row from {batch} as e join stored as s using (_row) where e.code = 'x'"),
    ]
    findings = run_suites(landed, [suite_of(*promises)])
    rows = [None if f.rows_sql is None else landed.sql(f.rows_sql).fetchall() for f in findings]
    assert rows == [[(3,)], [(2,), (3,)], [(1,), (2,)], None, [(2,), (3,)], [(2,), (3,)], [(1,)]]
    assert [f.unexpected for f in findings] == [1, 2, 2, 0, 2, 2, 1]
    assert {f.total for f in findings} == {3}


def test_rows_sql_respects_the_row_condition(landed: duckdb.DuckDBPyConnection) -> None:
    condition = {"type": "comparison", "column": {"name": "code"}, "operator": "==", "parameter": "y"}
    promise = expect("expect_column_values_to_be_null", "환자번호", row_condition=condition)
    (finding,) = run_suites(landed, [suite_of(promise)])
    assert (finding.unexpected, finding.total) == (1, 2)
    assert landed.sql(finding.rows_sql or "").fetchall() == [(2,)]


def test_no_value_reaches_a_finding_or_the_log(
    landed: duckdb.DuckDBPyConnection, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    promises = [
        expect("expect_column_values_to_be_in_set", "환자번호", value_set=["a"]),
        expect("expect_column_values_to_be_unique", "환자번호"),
        expect("expect_column_value_lengths_to_equal", "환자번호", value=3),
        expect("expect_column_distinct_values_to_be_in_set", "환자번호", value_set=["a"]),
        expect("expect_column_most_common_value_to_be_in_set", "환자번호", value_set=["a"]),
        expect("expect_column_max_to_be_between", "환자번호", max_value="2020-01-01"),
        expect("expect_column_min_to_be_between", "환자번호", max_value=3),
        expect("expect_column_mean_to_be_between", "환자번호", max_value=3),
        expect("expect_column_values_to_be_between", "환자번호", max_value=3),
        query("select * from {batch}"),
        query("select _row from {batch} where cast(환자번호 as int) = 1"),
        query("select _row from {batch} where strptime(환자번호, '%Y') is null"),
        query("select error(환자번호) from {batch}"),
    ]
    with caplog.at_level(logging.DEBUG):
        findings = run_suites(landed, [suite_of(*promises)])
    assert len(findings) == len(promises)
    assert not any(f.success for f in findings)
    assert SECRET not in repr(findings)
    assert SECRET not in caplog.text
    assert SECRET not in "".join(capsys.readouterr())


def test_what_cannot_be_evaluated_has_failed_and_says_why(landed: duckdb.DuckDBPyConnection) -> None:
    promises = [
        expect("expect_column_values_to_not_be_null", "code"),
        expect("expect_column_values_to_not_be_null", "nowhere"),
        query("select _row from {batch} where nowhere = 1"),
        query("select _row frm {batch}"),
        query("select _row from {batch} where cast(code as int) = 1"),
        expect("expect_column_values_to_be_between", "code", min_value=1, mostly=7),
    ]
    findings = run_suites(landed, [suite_of(*promises), suite_of(promises[0], table="absent")])
    assert [f.success for f in findings] == [True, False, False, False, False, False, False]
    errors = [f.error or "" for f in findings]
    assert "nowhere" in errors[1]
    assert errors[2].startswith("Binder Error") and "nowhere" in errors[2]
    assert errors[3].startswith("Parser Error")
    assert errors[4].startswith("ConversionException")
    assert "does not accept" in errors[5]
    assert errors[6] == "there is no table absent"
    assert closed(findings) == findings[1:]


def test_a_warning_leaves_the_gate_open(landed: duckdb.DuckDBPyConnection) -> None:
    warning = replace(expect("expect_column_values_to_not_be_null", "환자번호"), severity="warn")
    findings = run_suites(landed, [suite_of(warning)])
    assert not findings[0].success
    assert closed(findings) == []


def test_counts_are_observed_and_values_are_not(landed: duckdb.DuckDBPyConnection) -> None:
    findings = run_suites(
        landed,
        [
            suite_of(
                expect("expect_table_row_count_to_be_between", min_value=9),
                expect("expect_column_unique_value_count_to_be_between", "code", min_value=9),
                expect("expect_column_max_to_be_between", "_row", max_value=1),
            )
        ],
    )
    assert [f.observed for f in findings] == ["3", "2", None]


def test_progress_hears_of_every_suite(cdm: duckdb.DuckDBPyConnection) -> None:
    done: list[str] = []
    run_suites(cdm, [SUITES["location"], SUITES["death"]], progress=lambda suite: done.append(suite.table))
    assert done == ["location", "death"]


def test_the_connection_stays_open_and_unchanged(landed: duckdb.DuckDBPyConnection) -> None:
    before = landed.sql("select table_name from duckdb_tables() union all select view_name from duckdb_views()")
    names = before.fetchall()
    run_suites(landed, [suite_of(expect("expect_column_values_to_be_unique", "code"))])
    after = landed.sql("select table_name from duckdb_tables() union all select view_name from duckdb_views()")
    assert after.fetchall() == names


@pytest.mark.parametrize("broken", [False, True])
def test_queries_of_a_table_without_rows_are_still_asked(landed: duckdb.DuckDBPyConnection, broken: bool) -> None:
    landed.execute("create table nothing (code varchar, _row bigint)")
    promises = [
        query("select _row from {batch} where code = 'x'"),
        query("select s._row from stored s anti join {batch} b on b._row = s._row"),
        *([query("select no_such_column from {batch}")] if broken else []),
    ]
    found = run_suites(landed, [suite_of(*promises, table="nothing")])
    assert [(f.success, f.unexpected, f.total) for f in found[:2]] == [(True, 0, 0), (False, 3, 0)]
    assert landed.execute(str(found[1].rows_sql)).fetchall() == [(1,), (2,), (3,)]
    if broken:
        assert found[2].error is not None and "no_such_column" in found[2].error


def test_the_import_is_light_and_leaves_no_files(tmp_path: Path) -> None:
    script = (
        "import sys; from etl.night.check.gx import great_expectations; great_expectations();"
        "import great_expectations as gx; gx.get_context(mode='ephemeral');"
        "assert 'scipy.optimize' not in sys.modules and 'altair.vegalite' not in sys.modules;"
        "from scipy import stats; assert stats.norm.cdf(0) == 0.5"
    )
    root = str(HERE.parents[2])
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": root}
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, check=True, timeout=120)
    left = [p for p in tmp_path.rglob("*") if p.is_file() and not re.search(r"cache", str(p))]
    assert left == []
