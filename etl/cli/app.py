"""The command line `etl`: what stands before a command. The commands are named in `commands.py`."""

from __future__ import annotations

from importlib.metadata import version as version_of
from typing import Annotated

import typer

from etl.cli.console import out
from etl.cli.group import Commands

app = typer.Typer(
    name="etl",
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="""Nightly OMOP CDM v5.4 pipeline for a hospital consortium.

    Exit codes: [bold]0[/] done · [bold]2[/] wrong command line · [bold]3[/] a gate closed or the input is bad ·
    [bold]4[/] configuration, mapping or vocabulary is wrong · [bold]5[/] a fault that may pass, worth a retry.

    Settings come from ETL_… variables or a .env file: ETL_HOME (lake, keys, warehouse, reports), ETL_KEY_SECRET
    (secret of the key stores), ETL_WAREHOUSE_URL, ETL_MAPPINGS, ETL_EXPECTATIONS, ETL_VOCABULARY, ETL_THREADS,
    ETL_MEMORY.""",
)


def _show_version(asked: bool) -> None:
    if asked:
        out.print(f"etl {version_of('omop-etl')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Options that stand before a command."""
