"""The command that takes a night out of a hospital's own database."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from etl.cli import console
from etl.cli.console import err, errors_to_exit_codes, out, print_json
from etl.cli.options import AsJson, Hospital, command_app
from etl.errors import UsageError
from etl.operations.extract.night import ExtractedNight, check_queries, extract_night
from etl.settings import load_settings

app = command_app()


def _show(found: ExtractedNight, *, as_json: bool) -> None:
    if as_json:
        said = {**asdict(found), "sources": [asdict(s) for s in found.sources]}
        print_json(said)
        return
    if not found.sources:
        err.print(f"{found.hospital}: the night is extracted already; it stays as it is (--force extracts it again)")
    for source in found.sources:
        speed = source.rows / max(source.seconds, 1e-3)
        size = f"{source.bytes / 1e6:,.1f} MB"
        out.print(Text(f"{source.rows:>12,} rows  {speed:>9,.0f}/s  {size:>12}  {source.file}"), soft_wrap=True)
    if found.whole and found.sources:
        out.print("the night is whole: nothing that came before bounds it")
    out.print(f"next: etl run {found.hospital} {found.folder} --night {found.night}", soft_wrap=True)


def _show_check(columns: dict[str, int], *, as_json: bool) -> None:
    if as_json:
        print_json(columns)
        return
    for source, count in columns.items():
        out.print(f"{source}: {count} columns")
    out.print("every query can be read and has the columns of the contract")


@app.command(
    epilog="""[bold]Examples[/]

    etl extract snuh --check

    etl extract snuh --night 2026-11-24 · then: etl run snuh exports/snuh/2026-11-24

    etl extract snuh --night 2026-11-29 --whole · once a month, where nights bring changes only""",
)
def extract(
    hospital: Hospital,
    night: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="Night that the delivery is of, YYYY-MM-DD. The rows are those of now."
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Extract nothing: try login, rights and columns of every query.")
    ] = False,
    into: Annotated[
        Path | None,
        typer.Option(
            "--into", metavar="DIR", help="Folder to write; default: the night's folder below the hospital's drops."
        ),
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="All rows, whatever earlier nights brought; finds rows that were deleted.")
    ] = False,
    force: Annotated[bool, typer.Option(help="Extract again although the night is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Extract a night from a hospital's own database into a delivery, for `etl run` to take on.

    Runs the queries of the hospital's contract (`query` in mappings/HOSPITAL), all at one moment of the database where
    it can, and writes a Parquet file each, and a manifest. Only what is complete becomes a delivery: an extraction
    that is broken off leaves none. With `since`, a night brings what changed since the last one that came in.

    The database's URL is read from ETL_SOURCE_<HOSPITAL>_<CONNECTION> and never shown.
    Exit code 4: a query, a column or the login is wrong; 5: the database is away.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        if check:
            _show_check(check_queries(settings, hospital), as_json=as_json)
            return
        if night is None:
            raise UsageError("which night?", hint="give --night YYYY-MM-DD, or --check to extract nothing")
        day: date = night.date()
        with console.progress(f"extracting {hospital}", quiet=as_json) as tell:
            found = extract_night(settings, hospital, day, into=into, whole=whole, force=force, tell=tell)
        _show(found, as_json=as_json)
