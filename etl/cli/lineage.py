"""The command that writes the lineage pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from etl.cli.console import errors_to_exit_codes, out
from etl.cli.options import command_app
from etl.quality.lineage.pages import write_pages
from etl.quality.report.folder import LINEAGE
from etl.settings import load_settings

app = command_app()


@app.command()
def lineage(
    hospitals: Annotated[list[str] | None, typer.Argument(metavar="[HOSPITAL…]", help="Default: all.")] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder to write into [ETL_HOME/reports/lineage].")
    ] = None,
) -> None:
    """Write what the mappings do as pages: diagram, every column of every CDM table, look-ups, rules, sources.

    Needs no data; where a night is published, its rows and mapping rates are shown. Prints where the index is.
    """
    with errors_to_exit_codes():
        settings = load_settings()
        out.print(str(write_pages(settings, hospitals or None, folder or settings.reports / LINEAGE)), soft_wrap=True)
