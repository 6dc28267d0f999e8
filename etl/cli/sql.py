"""The analyst's view: queries on the published warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from duckdb import DuckDBPyConnection

from etl.cli.answer import show_query
from etl.cli.asked import teller
from etl.cli.console import errors_to_exit_codes
from etl.cli.options import command_app
from etl.cli.prompt import Prompt, history
from etl.engine import open_engine
from etl.night.check.views import create_candidate, create_sources, widen_candidate, widen_sources
from etl.night.lake.state import STATE
from etl.night.remember import resume
from etl.settings import Settings, load_settings
from etl.store.warehouse.open import open_warehouse

app = command_app()


@contextmanager
def open_reader(settings: Settings, run_id: str | None) -> Iterator[DuckDBPyConnection]:
    """The published warehouse; or, given a run, the hospital's landed rows and its candidate CDM after it."""
    if run_id is None:
        with open_warehouse(settings).reader() as con:
            yield con
        return
    run = resume(settings, run_id)
    with open_engine(settings, run.delivery.night) as con:
        if (run.folder("merge") / STATE).exists():  # else the run stopped before anything was mapped
            create_candidate(con, run)
            create_sources(con, run)
            widen_candidate(con, run)
            widen_sources(con, run)
        else:
            create_sources(con, run)
        yield con


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
    as_csv: Annotated[
        bool,
        typer.Option("--csv", help="Write all rows as CSV; texts like formulas get an apostrophe in front."),
    ] = False,
    run_id: Annotated[
        str | None, typer.Option("--run", help="Query a run's landed sources and its candidate CDM instead.")
    ] = None,
) -> None:
    """Query the published warehouse (read-only, one consistent night per hospital).

    An answer wider than the terminal is shown record by record. At the prompt, `help` lists commands (\\d, \\x, …), and
    the arrow keys bring back what was typed before.

    With --run, a quality officer follows a finding of the validation report to its rows.
    """
    with errors_to_exit_codes():
        settings = load_settings()
        with open_reader(settings, run_id) as con:
            if query is None:
                with history(settings.home):
                    Prompt(con, limit, teller(settings, run_id)).run()
                return
            show_query(con, query, limit, teller(settings, run_id), as_csv=as_csv)
