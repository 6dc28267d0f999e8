"""The command that writes the data dictionary."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from etl.cli import console
from etl.cli.console import errors_to_exit_codes, out
from etl.cli.options import command_app
from etl.research.dictionary.page import write_dictionary
from etl.settings import load_settings

app = command_app()


@app.command(
    epilog="""[bold]Examples[/]

    etl dictionary · then open the page it names

    etl dictionary --out /srv/pages · where everybody can read it""",
)
def dictionary(
    folder: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder to write into; default: <ETL_HOME>/reports."),
    ] = None,
) -> None:
    """Write the data dictionary: every table and field of the CDM, and what the warehouse holds in it.

    One page, dictionary.html, without anything from elsewhere: what the specification says, rows by hospital, the share
    of rows that have a value, the most frequent concepts, the span of dates in months, and which column of which source
    fills the field. No value of a patient is on it but concepts, and no count of fewer patients than `small_cell` (of
    the strictest hospital.yaml, default 5). Prints where the page is.
    """
    with errors_to_exit_codes():
        settings = load_settings()
        with console.progress("looking at") as tell:
            page = write_dictionary(settings, folder or settings.reports, lambda table: tell("table", table))
    out.print(str(page), soft_wrap=True)
