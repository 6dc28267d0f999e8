"""`etl unmapped`: the codes without a standard concept, as a table, as CSV, or for Usagi."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table

from etl.cli.console import err, errors_to_exit_codes, out, print_json
from etl.cli.options import AsJson, Hospital, command_app
from etl.mapping.load import load_mappings
from etl.onboarding.worklist.unmapped import Order, Worklist, gains, read_worklist, write_csv, write_usagi
from etl.pages.disclosure import told_persons, told_records
from etl.pages.formats import date_or_dash, percent
from etl.settings import Settings, load_settings
from etl.store.ledger.ledger import Ledger

app = command_app()

TOP = 30
#: Where it is told how a code gets a concept: the page with its section, and a map to copy from.
GUIDE = ("docs/worklist.md", "Write a map", "mappings/shared/maps/visit_type.yaml")
_WIDE = 110  # columns of a terminal that holds the whole table


def show_worklist(
    settings: Settings, hospital: str, *, limit: int | None, domain: str | None, by: Order, csv_file: Path | None,
    usagi_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Write the worklist where it was asked for: into files, as JSON, else as a table of the first codes."""
    load_mappings(settings.mappings, [hospital])
    worklist = read_worklist(Ledger(settings.ledger_url), hospital, domain, by)
    codes = worklist.codes[:limit]
    for file, write in ((csv_file, write_csv), (usagi_file, write_usagi)):
        if file is not None:
            write(codes, file)
            err.print(f"wrote {len(codes):,} codes to {file}", soft_wrap=True)
    if as_json:
        print_json(codes)
    elif csv_file is None and usagi_file is None:
        _show_table(worklist, limit or TOP)


def _show_table(worklist: Worklist, limit: int) -> None:
    if not worklist.codes:
        out.print(f"{worklist.hospital}: every code has a standard concept")
        return
    shown = worklist.codes[:limit]
    title = f"{worklist.hospital}: {len(worklist.codes):,} codes, {worklist.unmapped:,} records unmapped"
    table = Table(box=None, header_style="bold", title=title)
    wide = out.width >= _WIDE
    for column in ("domain", *(("vocabulary",) if wide else ()), "code"):
        table.add_column(column, no_wrap=True)
    table.add_column("description", min_width=12)  # the one that wraps where the terminal is narrow
    for column in ("records", "together", "patients", *(("first seen",) if wide else ()), "last seen"):
        table.add_column(column, justify="left" if column.endswith("seen") else "right", no_wrap=True)
    for row in shown:
        table.add_row(
            row["domain"], *((row["vocabulary"],) if wide else ()), row["code"], row["description"] or "",
            told_records(row["records"], row["fewer_than"]), percent(row["share"]),
            told_persons(row["patients"], row["fewer_than"]),
            *((date_or_dash(row["first_seen"]),) if wide else ()), date_or_dash(row["last_seen"]),
        )  # fmt: skip
    out.print(table)
    out.print(f"\nmapping {'this code' if len(shown) == 1 else f'these {len(shown):,} codes'} would bring")
    for line in gains(worklist, shown):
        out.print(f"  {line}")
    page, section, example = GUIDE
    err.print(f"→ how a code gets a concept: {page}, “{section}”; an example: {example}", style="cyan", soft_wrap=True)
    if len(worklist.codes) > limit:
        err.print(f"the first {limit:,} codes; --limit shows more, --csv and --usagi write all", style="dim")


@app.command()
def unmapped(
    hospital: Hospital,
    domain: Annotated[
        str | None, typer.Option(help="Only codes of this domain: Condition, Drug, Measurement, Unit, …")
    ] = None,
    by: Annotated[Literal["records", "patients"], typer.Option(help="What counts first.")] = "records",
    limit: Annotated[
        int | None, typer.Option(min=1, help="How many codes; default: 30 in the table, all in files and JSON.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the codes as CSV; a file that is there is replaced.")
    ] = None,
    usagi: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the codes as a CSV file that Usagi imports.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the codes that found no standard concept: what to map next, and how much each code would win.

    Of codes that fewer than `small_cell` patients have (hospital.yaml, default 5), days and patients are not told,
    and records only in steps of that size.

    `etl why HOSPITAL CODE` tells where the look-up of a code ended.
    """
    with errors_to_exit_codes(as_json=as_json):
        show_worklist(
            load_settings(), hospital, limit=limit, domain=domain, by=by, csv_file=csv, usagi_file=usagi,
            as_json=as_json,
        )  # fmt: skip
