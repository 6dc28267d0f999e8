"""The query recipes of `etl/research/recipes`: listed, shown and run."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated

import typer
from rich.table import Table

from etl.cli.answer import show_query
from etl.cli.asked import teller
from etl.cli.console import errors_to_exit_codes, out, print_json
from etl.cli.options import AsJson, command_app
from etl.cli.sql import open_reader
from etl.errors import UsageError
from etl.research.recipes.recipes import Recipe, recipes
from etl.settings import load_settings

app = command_app()


def _list(found: dict[str, Recipe]) -> None:
    table = Table(box=None, header_style="bold")
    table.add_column("recipe", no_wrap=True)
    table.add_column("question", overflow="fold")
    for recipe in found.values():
        table.add_row(recipe.name, recipe.question)
    out.print(table)


def _chosen(name: str) -> Recipe:
    found = recipes()
    if name not in found:
        near = get_close_matches(name, found, 1)
        raise UsageError(
            f"there is no recipe '{name}'", hint=f"do you mean {near[0]}?" if near else "etl recipes lists them all"
        )
    return found[name]


@app.command(
    "recipes",
    epilog="""[bold]Examples[/]

    etl recipes · all of them

    etl recipes prevalence --run · its answer on the published warehouse

    etl recipes prevalence > mine.sql · to ask for something else""",
)
def recipes_command(
    name: Annotated[str | None, typer.Argument(help="The recipe; without it, all are listed.")] = None,
    run: Annotated[bool, typer.Option("--run", help="Run it on the published warehouse.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Rows shown at most.")] = 50,
    as_csv: Annotated[bool, typer.Option("--csv", help="Run it and write all rows as CSV.")] = False,
    as_json: AsJson = False,
) -> None:
    """Answer an analyst's usual questions: list the recipes, print one to change it, or run it.

    A recipe is one query in standard SQL: it runs here, in psql, DBeaver, R and Python alike. What is asked for
    (concepts, years, days) stands in its first lines. Counts below five are left empty.
    """
    with errors_to_exit_codes(as_json=as_json):
        if name is None:
            if run or as_csv:
                raise UsageError(
                    "which recipe shall run?", hint="etl recipes lists them, etl recipes NAME --run runs one"
                )
            found = recipes()
            if as_json:
                print_json([{"name": r.name, "question": r.question, "tables": r.tables} for r in found.values()])
            else:
                _list(found)
            return
        recipe = _chosen(name)
        if not (run or as_csv):
            out.print(recipe.sql, end="", soft_wrap=True)
            return
        settings = load_settings()
        with open_reader(settings, None) as con:
            show_query(con, recipe.sql, limit, teller(settings), as_csv=as_csv)
