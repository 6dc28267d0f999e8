"""Where the warehouse is PostgreSQL, what lists the rows of a check is SQL that psql runs."""

from __future__ import annotations

import postgres_server
import psycopg
import pytest

from etl.quality.battery.checks import load_checks
from etl.quality.battery.listed import rows_sql
from etl.quality.battery.nights import checks_folder
from etl.quality.battery.own.load import load_own
from etl.quality.battery.psql import in_postgres, listing
from etl.settings import PROJECT, Settings
from etl.store.warehouse.postgres.init import initialise

SETTINGS = Settings(expectations=PROJECT / "expectations", _env_file=None)
OURS = load_own(SETTINGS.expectations / "checks")
#: One check of every kind and level that the dashboard has, and all of ours.
CHECKS = [*{(c.type.name, bool(c.concepts)): c for c in load_checks(checks_folder(SETTINGS))}.values(), *OURS]


def test_what_lists_rows_is_understood_by_the_server(database):
    initialise(database, database)
    said, left = 0, []
    with psycopg.connect(postgres_server.libpq(database), autocommit=True) as con:
        con.execute("set search_path = cdm_read")
        for check in CHECKS:
            sql = rows_sql(check, 1, "2026-11-26")
            if sql is None:
                continue
            translated = in_postgres(sql)
            if translated is None:
                left.append(check.id)
            else:
                con.execute(f"explain {translated}")
                said += 1
    assert said > 100
    assert len(left) < 10, "few queries of ours have no translation; they are run by `etl sql`"


@pytest.mark.parametrize(
    ("sql", "translated"),
    [
        ("select a, b from person order by all", "SELECT a, b FROM person ORDER BY 1, 2"),
        ("select a, count(*) from t group by all", "SELECT a, COUNT(*) FROM t GROUP BY 1"),
        ("select a from t where regexp_full_match(a, '[0-9]+')", "SELECT a FROM t WHERE a ~ '^([0-9]+)$'"),
        ("select a from t where list_filter([a], x -> x > 1) = []", None),
        ("select omop_blank(a) from t", None),
        ("select null as a union all select 1", None),
    ],
)
def test_a_query_is_translated_or_left(sql, translated):
    said = in_postgres(sql)
    assert (said and " ".join(said.split())) == translated


def test_where_the_warehouse_is_ours_a_command_runs_it():
    sql = "select a from person order by all"
    assert listing(SETTINGS, sql) == f'etl sql "{sql}"'
    assert listing(SETTINGS, sql, "run-1") == f'etl sql --run run-1 "{sql}"'
    server = Settings(warehouse_url="postgresql+psycopg://etl@db.example/cdm", _env_file=None)
    assert listing(server, sql, "run-1").startswith("SELECT")
    assert listing(server, "select omop_blank(a) from t") == 'etl sql "select omop_blank(a) from t"'
