"""The command that removes what no published night needs any more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table

from etl.cli.console import err, errors_to_exit_codes, out, print_json, show_error
from etl.cli.options import AsJson, command_app
from etl.errors import EtlError
from etl.operations.retention.clean import Rules
from etl.operations.retention.clean import clean as clean_all
from etl.operations.retention.plan import Removal
from etl.pages.formats import size
from etl.quality.findings.told import small_cells
from etl.quality.names import hospital_names
from etl.quality.report.pages import write_reports
from etl.settings import load_settings
from etl.store.ledger.ledger import Ledger

app = command_app()


@app.command()
def clean(
    hospitals: Annotated[
        list[str] | None, typer.Argument(metavar="HOSPITAL", help="Hospitals to clean; default: all.")
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Keep the files of so many published nights of a hospital; default: ETL_KEEP_NIGHTS. What `etl "
            "rollback` can go back to is kept in any case.",
        ),
    ] = None,
    hours: Annotated[
        float, typer.Option(min=0, help="Keep what is younger than this: who reads it has so long to end.")
    ] = 24,
    page_days: Annotated[
        int, typer.Option(min=1, help="Keep the report pages, and the notes on drop folders, of so many days.")
    ] = 400,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would go.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove old deliveries, folds, run files, pages and warehouse snapshots that no published night needs.

    What stays: the last published nights with all that they build on, every night since, runs at work, what leads from
    a row of the CDM to its line, key stores, vocabularies, the ledger, and the hospitals' own deliveries. A hospital
    whose run is at work is left out (exit code 5). Broken off, the command is simply run again.

    The lake and the embedded warehouse share files: their space is free when they have gone from both.
    """

    failures: list[EtlError] = []

    def failed(hospital: str, error: EtlError) -> None:
        failures.append(error)
        err.print(f"{hospital}:", style="bold red")
        show_error(error)

    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        rules = Rules(keep or settings.keep_nights, hours, page_days)
        found = clean_all(settings, hospitals or (), rules, dry_run=dry_run, failed=failed)
        if not dry_run and any(r.kind == "page" for r in found):  # the index no longer links to them
            write_reports(
                Ledger(settings.ledger_url),
                settings.reports,
                hospital_names(settings),
                cells=small_cells(settings),
                run_ids=[],
            )
    if as_json:
        print_json([_as_json(r) for r in found])
    else:
        _show(found, dry_run=dry_run)
    if failures:
        raise typer.Exit(max(error.exit_code for error in failures))


def _as_json(removal: Removal) -> dict[str, object]:
    night = str(removal.night) if removal.night else None
    return {
        "hospital": removal.hospital or None, "kind": removal.kind, "night": night, "bytes": removal.bytes,
        "path": str(removal.path),
    }  # fmt: skip


def _show(found: Sequence[Removal], *, dry_run: bool) -> None:
    """A table: by hospital and kind how many go, of which nights, and their size."""

    if not found:
        out.print("nothing to remove: everything is needed, or too young")
        return
    table = Table("hospital", "what", box=None, pad_edge=False)
    for name in ("number", "size"):
        table.add_column(name, justify="right")
    table.add_column("nights")
    groups: defaultdict[tuple[str, str], list[Removal]] = defaultdict(list)
    for removal in found:
        groups[removal.hospital, removal.kind].append(removal)
    for (hospital, kind), group in groups.items():
        nights = sorted(str(r.night) for r in group if r.night)
        span = "" if not nights else nights[0] if nights[0] == nights[-1] else f"{nights[0]} to {nights[-1]}"
        table.add_row(hospital, kind, f"{len(group):,}", size(sum(r.bytes for r in group)), span)
    out.print(table)
    out.print(f"\n{size(sum(r.bytes for r in found))} {'would go (--dry-run)' if dry_run else 'removed'}")
