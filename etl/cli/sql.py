"""The analyst's view: queries on the published warehouse."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import duckdb
import typer
from duckdb import DuckDBPyConnection
from rich.table import Table

from etl.cdm.spec import Field, tables
from etl.cli.console import err, errors_to_exit_codes, out
from etl.cli.options import command_app
from etl.engine import open_engine
from etl.errors import UsageError
from etl.night.check.views import create_candidate, create_sources
from etl.night.lake.state import STATE
from etl.night.remember import resume
from etl.settings import Settings, load_settings
from etl.store.warehouse.open import open_warehouse

app = command_app()
_BATCH = 10_000
_LEAVE = ("exit", "quit", "\\q")
_DESCRIBE = re.compile(r"\s*desc(?:ribe)?\s+(\w+)\s*;?\s*", re.IGNORECASE)


@contextmanager
def open_reader(settings: Settings, run_id: str | None) -> Iterator[DuckDBPyConnection]:
    """The published warehouse; or, given a run, what landed of it and its candidate CDM."""
    if run_id is None:
        with open_warehouse(settings).reader() as con:
            yield con
        return
    run = resume(settings, run_id)
    with open_engine(settings, run.delivery.night) as con:
        if (run.folder("merge") / STATE).exists():  # else the run stopped before anything was mapped
            create_candidate(con, run)
        create_sources(con, run)
        yield con


def show_query(con: DuckDBPyConnection, query: str, limit: int, *, as_csv: bool = False) -> None:
    """Run a query and show its first `limit` rows, or write all of them as CSV."""
    try:
        result = con.execute(query)
    except duckdb.Error as error:
        raise UsageError(str(error).strip(), hint='the tables: etl sql "show tables"') from error
    names = [d[0] for d in result.description or ()]
    if as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(names)
        while rows := result.fetchmany(_BATCH):
            writer.writerows(rows)
        return
    names, rows = _described(query, names, result.fetchmany(limit + 1))
    table = Table(box=None, header_style="bold")
    for i, name in enumerate(names):
        numeric = bool(rows) and isinstance(rows[0][i], int | float)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows[:limit]:
        table.add_row(*("" if v is None else str(v) for v in row))
    out.print(table)
    if len(rows) > limit:
        err.print(f"the first {limit:,} rows; --limit shows more, --csv writes all", style="dim")


def _described(query: str, names: list[str], rows: list[tuple[Any, ...]]) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Of `describe TABLE`, what the CDM specification says of the columns in place of DuckDB's empty ones."""
    asked = _DESCRIBE.fullmatch(query)
    table = tables().get(asked[1].lower()) if asked else None
    if table is None or [row[0] for row in rows] != list(table.columns[: len(rows)]):
        return names, rows
    fields = zip(table.fields, rows, strict=False)
    said = [(f.name, row[1].lower(), "yes" if f.required else "", _key(f)) for f, row in fields]
    return ["column", "type", "required", "key"], said


def _key(field: Field) -> str:
    if field.primary_key:
        return "primary key"
    if field.fk_table is None:
        return ""
    return f"→ {field.fk_table}" + (f", domain {field.fk_domain}" if field.fk_domain else "")


def prompt(con: DuckDBPyConnection, limit: int) -> None:
    """Read queries from the terminal (each ends with a semicolon) until end of input."""

    err.print("a query ends with ;   Ctrl-D or exit leaves", style="dim")
    waiting: list[str] = []
    while True:
        try:
            line = input("… " if waiting else "cdm> ")
        except EOFError:
            return
        if not waiting and line.strip().rstrip(";").lower() in _LEAVE:
            return
        waiting.append(line)
        if not line.rstrip().endswith(";"):
            continue
        query, waiting = "\n".join(waiting), []
        try:
            show_query(con, query, limit)
        except UsageError as error:
            err.print(error.message, style="red")


@app.command(
    epilog="""[bold]Examples[/]

    etl sql · a prompt

    etl sql "show tables"

    etl sql "describe measurement" · its columns, which are required, and what they refer to

    etl sql "select gender_concept_id, count(*) from person group by all" --csv > persons.csv

    etl sql --run RUN "from mapping_rate" · a run that was stopped; its id is in its report and in etl status --json""",
)
def sql(
    query: Annotated[str | None, typer.Argument(help="SQL over the CDM tables; without it, a prompt.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows shown at most.")] = 50,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write all rows as CSV.")] = False,
    run_id: Annotated[
        str | None, typer.Option("--run", help="Query a run's landed sources and its candidate CDM instead.")
    ] = None,
) -> None:
    """Query the published warehouse (read-only, one consistent night per hospital).

    With --run, a quality officer follows a finding of the validation report to its rows.
    """
    with errors_to_exit_codes(), open_reader(load_settings(), run_id) as con:
        if query is None:
            prompt(con, limit)
        else:
            show_query(con, query, limit, as_csv=as_csv)
