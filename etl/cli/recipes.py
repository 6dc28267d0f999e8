"""The query recipes of `etl/recipes`: listed, shown and run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from etl.cli.console import errors_to_exit_codes, out, print_json
from etl.errors import ConfigError, UsageError

FOLDER = Path(str(files("etl"))) / "recipes"
PAGE = "analyst.md"
_BEGIN, _END = "<!-- written by `etl docs` from the recipes' headers -->\n", "<!-- end of the list -->\n"
_HEADER = re.compile(r"-- Question: (.+?)\n-- Note: (.+?)\n-- Tables: (.+?)\n(?!--)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Recipe:
    """One question and its query; `sql` is the whole file, which runs on DuckDB and on PostgreSQL."""

    name: str
    question: str
    note: str
    tables: tuple[str, ...]
    sql: str


def _plain(comment: str) -> str:
    """A comment of several lines as one line of text."""
    return re.sub(r"\s*\n--\s*", " ", comment).strip()


def read_recipe(file: Path) -> Recipe:
    """A recipe from its file; ConfigError when its header does not say question, note and tables in this order."""
    sql = file.read_text(encoding="utf-8")
    header = _HEADER.match(sql)
    if header is None:
        raise ConfigError(
            f"{file.name} does not begin with its header", hint="write: -- Question: … -- Note: … -- Tables: …"
        )
    question, note, tables = (_plain(part) for part in header.groups())
    return Recipe(file.stem, question, note, tuple(t.strip() for t in tables.split(",")), sql)


def recipes(folder: Path = FOLDER) -> dict[str, Recipe]:
    """All recipes by name."""
    return {file.stem: read_recipe(file) for file in sorted(folder.glob("*.sql"))}


def recipes_page(page: str) -> str:
    """The analyst's page with its list of recipes written anew."""
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    rows = [f"| [{r.name}](../etl/recipes/{r.name}.sql) | {r.question} |\n" for r in recipes().values()]
    return "".join([before, _BEGIN, "| recipe | question |\n|---|---|\n", *rows, _END, after])


def write_recipes_page(folder: Path) -> Path:
    """Write the analyst's page into a folder; returns its file."""
    from etl.settings import PROJECT  # noqa: PLC0415 - no other command needs to wait for it

    file = folder / PAGE
    file.write_text(recipes_page((PROJECT / "docs" / PAGE).read_text(encoding="utf-8")), encoding="utf-8")
    return file


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


def recipes_command(
    name: Annotated[str | None, typer.Argument(help="The recipe; without it, all are listed.")] = None,
    run: Annotated[bool, typer.Option("--run", help="Run it on the published warehouse.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Rows shown at most.")] = 50,
    as_csv: Annotated[bool, typer.Option("--csv", help="Run it and write all rows as CSV.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write the list as JSON for a script to read.")] = False,
) -> None:
    """Answer an analyst's usual questions: list the recipes, print one to change it, or run it.

    A recipe is one query in standard SQL: it runs here, in psql, DBeaver, R and Python alike. What is asked for
    (concepts, years, days) stands in its first lines. Counts below five are left empty.
    """
    from etl.cli.analyst import open_reader, show_query  # noqa: PLC0415
    from etl.settings import load_settings  # noqa: PLC0415

    with errors_to_exit_codes():
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
            out.print(recipe.sql, end="", markup=False, soft_wrap=True)
            return
        with open_reader(load_settings(), None) as con:
            show_query(con, recipe.sql, limit, as_csv=as_csv)


def add_commands(app: typer.Typer) -> None:
    """Add this command to `etl`."""
    app.command(
        "recipes",
        rich_help_panel="Look",
        epilog="""[bold]Examples[/]

    etl recipes · all of them

    etl recipes prevalence --run · its answer on the published warehouse

    etl recipes prevalence > mine.sql · to ask for something else""",
    )(recipes_command)
