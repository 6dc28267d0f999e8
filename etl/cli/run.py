"""The command that runs nights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from etl.cli import console
from etl.cli.console import err, errors_to_exit_codes, out, print_json, show_error
from etl.cli.options import AsJson, Night, command_app, day_of
from etl.errors import EtlError, InputError
from etl.faults import as_etl_error
from etl.mapping.read.documents import hospital_folders
from etl.night.delivery import night_of
from etl.night.pipeline import run_delivery
from etl.quality.report.names import hospital_names
from etl.quality.report.pages import write_reports
from etl.quality.report.terminal import summary_table
from etl.settings import Settings, load_settings
from etl.store.ledger.ledger import Ledger

app = command_app()


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery to run."""

    hospital: str
    folder: Path
    night: date | None = None
    refused: InputError | None = None  # why it cannot even be said which night is the newest

    def of_night(self) -> date | None:
        """The night that was asked for; None where the folder's name tells it."""
        if self.refused is not None:
            raise self.refused
        return self.night


def newest_nights(settings: Settings, exports: Path) -> list[Due]:
    """The newest night below `exports/<hospital>/` of every hospital that has a mapping."""
    known = [f.name for f in hospital_folders(settings.mappings)]
    found = []
    for name in known:
        folders = [f for f in (exports / name).glob("*") if f.is_dir() and f.name[0] != "."]
        if folders:
            found.append(_newest(name, folders))
    if not found:
        raise InputError(
            f"no delivery of a known hospital below {exports}", hint=f"expected {exports}/<hospital>/<YYYY-MM-DD>/"
        )
    return found


def _newest(hospital: str, folders: list[Path]) -> Due:
    try:
        return Due(hospital, max(folders, key=night_of))
    except InputError as error:
        return Due(hospital, folders[0], refused=error)


def run_nights(
    settings: Settings, work: Sequence[Due], *, force: bool, as_json: bool, reason: str | None = None
) -> int:
    """Run nights one after the other, write their reports, show the table; returns the exit code.

    One hospital's failure stops nobody else; the exit code is the highest of all.
    """
    ledger = Ledger(settings.ledger_url)
    results: list[dict[str, Any]] = []
    for item in work:
        results.append(_run(settings, item, force=force, reason=reason, as_json=as_json))
    ids = [r["run_id"] for r in results if r["run_id"]]
    code = max(int(r["exit_code"]) for r in results)
    try:
        index: Path | None = write_reports(ledger, settings.reports, hospital_names(settings), run_ids=ids)
    except Exception as raised:  # the nights are done: what became of them is told all the same
        error = as_etl_error(raised)
        show_error(error)
        index, code = None, max(code, error.exit_code)
    if as_json:
        print_json({"runs": results, "report": index and str(index), "warehouse": settings.warehouse_shown})
    elif ids:
        out.print(summary_table(ledger, ids, hospital_names(settings), out.width))
        out.print(f"\nwarehouse  {settings.warehouse_shown}\nreport     {index or '-'}", soft_wrap=True)
    return code


def _run(settings: Settings, item: Due, *, force: bool, reason: str | None, as_json: bool) -> dict[str, Any]:
    result: dict[str, Any] = {"hospital": item.hospital, "run_id": None, "exit_code": 0, "message": None}
    try:
        with console.progress(item.hospital, quiet=as_json) as tell:
            run_id, ran = run_delivery(
                settings, item.hospital, item.folder, item.of_night(), force=force, reason=reason, progress=tell
            )
        result |= {"run_id": run_id, "state": "published", "changed": ran}
        if not ran and not as_json:
            err.print(f"{item.hospital}: this delivery is published already; nothing to do (--force runs it again)")
    except Exception as raised:
        error = as_etl_error(raised)
        result |= {"run_id": _last_run(settings, item.hospital), "state": "stopped", "exit_code": error.exit_code}
        result["message"] = error.message
        if not as_json:
            err.print(f"{item.hospital}:", style="bold red")
            show_error(error)
    return result


def _last_run(settings: Settings, hospital: str) -> str | None:
    try:
        newest = Ledger(settings.ledger_url).newest_run(hospital)
    except EtlError:  # what stopped the night may have stopped the ledger
        return None
    return str(newest["run_id"]) if newest else None


@app.command(
    epilog="""[bold]Examples[/]

    etl run snuh exports/snuh/2026-11-20 · one hospital, one night

    etl run --all exports · the newest night of every hospital below exports/<hospital>/<night>/

    etl run snuh exports/snuh/2026-11-20 --force · again, though nothing changed

    etl run --all exports --json | jq '.runs\\[].state' · for a script""",
)
def run(
    hospital: Annotated[str | None, typer.Argument(help="Short name of the hospital.")] = None,
    delivery: Annotated[Path | None, typer.Argument(help="Folder with the night's files.")] = None,
    exports: Annotated[
        Path | None, typer.Option("--all", metavar="EXPORTS", help="Run the newest night of every hospital in EXPORTS.")
    ] = None,
    night: Night = None,
    force: Annotated[bool, typer.Option(help="Run again although nothing changed.")] = False,
    reason: Annotated[
        str | None, typer.Option(help="Why it is forced; a night still to come asks for one. No patient's data.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take a delivery through all stages: land, check source, merge, map, derive, check CDM, publish.

    A hospital whose gate closes keeps its last published night; with --all the others go on.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        if exports is not None:
            work = newest_nights(settings, exports)
        elif hospital and delivery:
            work = [Due(hospital, delivery, day_of(night))]
        else:
            raise typer.BadParameter("give HOSPITAL and DELIVERY, or --all EXPORTS")
        code = run_nights(settings, work, force=force, reason=reason, as_json=as_json)
    raise typer.Exit(code)
