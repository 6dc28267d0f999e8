"""What an analyst types: queries and their output, the description of a table, the version."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import duckdb
import pytest
from duckdb import DuckDBPyConnection
from typer.testing import CliRunner

from etl.cdm.spec import tables
from etl.cli import app
from etl.cli.answer import show_query
from etl.errors import UsageError


@pytest.fixture
def con() -> DuckDBPyConnection:
    con = duckdb.connect()
    columns = ", ".join(f"{f.name} {f.duckdb_type}" for f in tables()["measurement"].fields)
    con.execute(f"create table measurement ({columns}); create table person (mine bigint)")
    return con


def shown(con: DuckDBPyConnection, query: str, capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    show_query(con, query, 50)
    return [line.split() for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("query", ["describe measurement", "DESC Measurement ;"])
def test_describing_a_table_of_the_cdm_tells_what_the_specification_says(con, query, capsys):
    lines = shown(con, query, capsys)
    assert lines[0] == ["column", "type", "required", "key"]
    assert [line[0] for line in lines[1:]] == list(tables()["measurement"].columns)
    assert ["measurement_id", "bigint", "yes", "primary", "key"] in lines
    assert ["unit_concept_id", "bigint", "→", "concept,", "domain", "Unit"] in lines
    assert ["value_as_number", "double"] in lines


def test_describing_another_table_of_that_name_tells_its_own_columns(con, capsys):
    assert [line[0] for line in shown(con, "describe person", capsys)] == ["column_name", "mine"]


def test_a_wrong_query_says_where_the_tables_are(con):
    with pytest.raises(UsageError) as caught:
        show_query(con, "select * from persons", 50)
    assert "persons" in caught.value.message
    assert caught.value.hint == 'the tables: etl sql "show tables"'


def test_the_version_is_the_installed_one():
    assert CliRunner().invoke(app, ["--version"]).stdout == f"etl {version('omop-etl')}\n"


@pytest.mark.parametrize("command", ["run", "sql", "report"])
def test_the_help_of_a_command_shows_how_it_is_typed(command):
    assert f"etl {command} " in CliRunner().invoke(app, [command, "--help"]).stdout.partition("Examples")[2]


def test_a_reader_that_stops_early_is_no_fault():
    script = (
        "import duckdb; from etl.cli.answer import show_query; from etl.cli.console import errors_to_exit_codes\n"
        "with errors_to_exit_codes(): show_query(duckdb.connect(), 'from range(1000000)', 1, as_csv=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.readline() == "range\n"
        running.stdout.close()
        assert "free space" not in running.stderr.read()
