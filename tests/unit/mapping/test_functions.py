"""The functions that mappings may use: none that reads, draws, tells the time or makes rows, and all that is used."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from etl.mapping.expression import ExpressionError, columns_of
from etl.mapping.functions import allowed, query_refusal
from etl.mapping.load import load_mappings
from etl.settings import PROJECT

ALL = sorted(allowed("value") | allowed("window"))
REFUSED = {
    "random()": "'random' is no function",
    "main.random()": "'random' is no function",
    "system.main.random()": "may not be used",
    "uuid()": "'uuid' is no function",
    "now()": "'now' is no function",
    "today()": "'current_date' is no function",
    "current_date": "'current_date' is no function",
    "CODE || current_timestamp": "no function",
    "current_date -> 'x'": "'current_date' is no function",
    "age(CODE::timestamp)": "'age' is no function",
    "unnest([1, 2])": "'unnest' is no function",
    "generate_series(1, 3)": "'generate_series' is no function",
    "read_text('/etc/hostname')": "'read_text' is no function",
    "getenv('HOME')": "'getenv' is no function",
    "current_setting('memory_limit')": "'current_setting' is no function",
    "getvariable('x')": "'getvariable' is no function",
    "current_user": "'current_user' is no function",
    "pragma_version()": "'pragma_version' is no function",
    "pg_sleep(1)": "'pg_sleep' is no function",
    "error('x')": "'error' is no function",
    "nextval('s')": "'nextval' is no function",
    "CODE.upper()": "no dot",
    "list_transform([CODE], x -> x || random())": "'random' is no function",
    "[random() for x in [1]]": "'random' is no function",
    "case when CODE = '' then uuid() end": "'uuid' is no function",
    "histogram(CODE)": "'histogram' is no function",
    "sum(CODE)": "one row in, one value out",
    "(select 1)": "one row in, one value out",
    "array(select 1)": "one row in, one value out",
    "columns('.*')": "one row in, one value out",
    "#1": "one row in, one value out",
    "$1": "one row in, one value out",
    "uper(CODE)": "did you mean 'upper'?",
    "CODE; select 1": "one row in, one value out",
    "CODE\0": "is no SQL expression",
    "\ud800": "is no SQL expression",
    "(" * 3000 + "CODE" + ")" * 3000: "nested too deeply",
}
USED = (
    "upper(trim(CODE))", "coalesce(CODE, '')", "CODE::date", "try_cast(CODE as int)", "CODE in ('a', 'b')",
    "if(CODE = '1', 'x', 'y')", "list_transform(string_split(CODE, ','), x -> upper(x))[1]", "CODE -> '$.x'",
    "[upper(x) for x in string_split(CODE, ',')]", "interval 1 year", "extract(year from CODE::date)",
    "CODE similar to 'a.*'", "position('a' in CODE)", "count(*) over (order by CODE)", "CODE is distinct from 'x'",
    "lead(CODE ignore nulls) over (order by CODE)", "omop_try_number(CODE)", "CODE at time zone 'UTC'",
)  # fmt: skip


@pytest.mark.parametrize("sql", REFUSED)
def test_what_is_not_listed_is_refused(sql: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        columns_of(sql, ())
    assert REFUSED[sql] in str(raised.value)


@pytest.mark.parametrize("sql", USED)
def test_what_mappings_do_is_allowed(sql: str) -> None:
    columns_of(sql, ())


@pytest.mark.parametrize("root", ["mappings", "tests/data/tiny/mappings"])
def test_every_function_of_the_mappings_that_come_along_is_listed(root: str) -> None:
    assert load_mappings(PROJECT / root)


def test_every_query_of_the_expectations_that_come_along_is_allowed() -> None:
    files = sorted((PROJECT / "expectations").rglob("*.json"))
    said = [e["kwargs"].get("unexpected_rows_query") for f in files for e in json.loads(f.read_text())["expectations"]]
    queries = [query.replace("{batch}", "batch") for query in said if query]
    assert queries
    assert [query_refusal(query) for query in queries] == [None] * len(queries)


@pytest.mark.parametrize(
    "query",
    [
        "select * from read_text('/etc/hostname')", "select * from '/etc/x.csv'",
        "select _row from batch where random() < 1",
        "select (select content from read_text('/x')) from batch", "with a as (select getenv('HOME')) select * from a",
        "select _row from batch where x in (select current_setting('y'))", "select * from duckdb_settings()",
    ],
)  # fmt: skip
def test_queries_of_expectations_read_tables_only(query: str) -> None:
    assert query_refusal(query) is not None


def test_no_listed_function_is_of_a_kind_that_may_not_be_used() -> None:
    """Of the engine's catalogue, in all the extensions that a night loads: nothing volatile, no table, no pragma."""
    rows = duckdb.connect().execute(
        "select function_name, function_type, stability from duckdb_functions() where function_name in "
        f"(select unnest({ALL!r}::varchar[]))"
    )
    found = [r for r in rows.fetchall() if r[0] != "repeat"]  # there is a table function of that name, too
    assert [r for r in found if r[1] not in ("scalar", "macro", "aggregate")] == []
    assert [r for r in found if r[2] in ("VOLATILE", "CONSISTENT_WITHIN_QUERY")] == []
    files = ("read_", "write_", "glob", "sniff", "getenv", "current_", "pg_", "pragma", "duckdb_", "parquet_", "has_")
    assert [name for name in ALL if name.startswith(files)] == []


def test_every_listed_function_is_one_of_the_engine() -> None:
    rows = duckdb.connect().execute("select distinct function_name from duckdb_functions()").fetchall()
    of_windows = {
        "count_star", "cume_dist", "dense_rank", "first_value", "lag", "last_value", "lead", "nth_value", "ntile",
        "percent_rank", "rank", "row_number",
    }  # fmt: skip
    assert set(ALL) - {name for (name,) in rows} - of_windows == set()


def test_the_list_names_each_function_once() -> None:
    lines = (Path(PROJECT) / "etl/mapping/language/functions.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) - 1 == len(ALL)
