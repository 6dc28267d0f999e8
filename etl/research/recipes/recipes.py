"""Reads the recipes of this folder: their question, what to know of the answer, their tables, their SQL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from etl.errors import ConfigError
from etl.settings import PROJECT

FOLDER = Path(__file__).parent
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
    rows = [f"| [{r.name}](../etl/research/recipes/{r.name}.sql) | {r.question} |\n" for r in recipes().values()]
    return "".join([before, _BEGIN, "| recipe | question |\n|---|---|\n", *rows, _END, after])


def write_recipes_page(folder: Path) -> Path:
    """Write the analyst's page into a folder; returns its file."""
    file = folder / PAGE
    file.write_text(recipes_page((PROJECT / "docs" / PAGE).read_text(encoding="utf-8")), encoding="utf-8")
    return file
