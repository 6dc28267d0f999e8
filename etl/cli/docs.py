"""The command that writes the generated pages of the documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from etl.cli.console import errors_to_exit_codes, out
from etl.cli.options import command_app
from etl.mapping.load import load_mappings
from etl.mapping.reference.page import write_documents
from etl.research.dictionary.coverage import write_coverage
from etl.research.recipes.recipes import write_recipes_page
from etl.settings import PROJECT

app = command_app()


@app.command()
def docs(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Folder to write into; default: docs of the project.")
    ] = None,
) -> None:
    """Write the generated pages, from the code and the mappings of the project.

    They are the reference of the mapping language, its JSON Schema for editors, what fills every field of the CDM, and
    the list of query recipes in the analyst's page.
    """
    with errors_to_exit_codes():
        target = folder or PROJECT / "docs"
        coverage = write_coverage(target, load_mappings(PROJECT / "mappings"))
        for file in [*write_documents(target), coverage, write_recipes_page(target)]:
            out.print(str(file), soft_wrap=True)
