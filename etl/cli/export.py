"""The command that writes the warehouse into one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from etl.cli import console
from etl.cli.console import errors_to_exit_codes, out
from etl.cli.options import command_app
from etl.errors import TransientError, UsageError
from etl.settings import load_settings
from etl.store.recorded import tell as tell_log
from etl.store.warehouse.open import open_warehouse

app = command_app()


@app.command()
def export(
    target: Annotated[Path, typer.Argument(metavar="FILE.duckdb", help="File to write.")],
    force: Annotated[bool, typer.Option(help="Replace the file if it is there.")] = False,
) -> None:
    """Write the whole published warehouse into one plain DuckDB file with primary keys."""
    with errors_to_exit_codes():
        if target.exists() and not force:
            raise UsageError(f"{target} is there already", hint="choose another name or give --force")
        if not target.parent.is_dir():
            raise UsageError(f"there is no folder {target.parent}", hint="make it first")
        settings = load_settings()
        with console.progress("exporting") as tell:
            try:
                tell_log(settings, "warehouse exported", target.name)
                open_warehouse(settings).export(target, lambda text: tell("table", text))
            except OSError as error:
                raise TransientError(f"{target}: {error.strerror}") from error
    out.print(f"wrote {target}", soft_wrap=True)
