"""The command that runs nights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from etl.cli import console
from etl.cli.changes import changes_as_json, changes_of, changes_table
from etl.cli.console import err, errors_to_exit_codes, out, print_json, show_error
from etl.cli.due import Due, late_nights, nights_due, not_nights
from etl.cli.options import AsJson, Night, command_app, day_of
from etl.errors import EtlError
from etl.faults import as_etl_error
from etl.night.delivery import night_of
from etl.night.pipeline import run_delivery
from etl.night.publish.approval import open_questions
from etl.night.publish.difference import TableChange
from etl.night.remember import resume
from etl.night.stages import STAGE_NAMES
from etl.quality.findings.told import small_cells
from etl.quality.morning import follow_up
from etl.quality.names import hospital_names
from etl.quality.report.pages import write_reports
from etl.quality.report.terminal import summary_table
from etl.settings import Settings, load_settings
from etl.store.ledger.ledger import Ledger
from etl.store.recorded import anchor

app = command_app()


BEFORE = tuple(s.name for s in STAGE_NAMES[:-1])  # the stages before anything is published
LAST_BEFORE = BEFORE[-1]


@dataclass(frozen=True, slots=True)
class How:
    """How nights are run: `until` which stage (None: to the end), forced, and why."""

    until: str | None = None
    force: bool = False
    reason: str | None = None
    as_json: bool = False


def run_nights(settings: Settings, work: Sequence[Due], how: How) -> int:
    """Run nights one after the other, write their reports, show the table; returns the exit code.

    One hospital's failure stops nobody else, but its own later nights, as a trial does; the exit code is the highest of
    all.
    """
    ledger = Ledger(settings.ledger_url)
    results: list[dict[str, Any]] = []
    stopped: dict[str, int] = {}
    for item in work:
        if item.hospital in stopped:
            results.append(_not_run(item, stopped[item.hospital], as_json=how.as_json))
            continue
        results.append(_run(settings, item, how))
        if results[-1]["state"] != "published":
            stopped[item.hospital] = results[-1]["exit_code"]
    ids = [r["run_id"] for r in results if r["run_id"]]
    for line in follow_up(settings) if how.until is None else ():
        err.print(line, soft_wrap=True)
    code = max(int(r["exit_code"]) for r in results)
    try:
        index: Path | None = write_reports(
            ledger, settings.reports, hospital_names(settings), cells=small_cells(settings), run_ids=ids
        )
    except Exception as raised:  # the nights are done: what became of them is told all the same
        error = as_etl_error(raised)
        show_error(error)
        index, code = None, max(code, error.exit_code)
    code = max(code, _note_end(settings))
    if how.as_json:
        print_json({"runs": results, "report": index and str(index), "warehouse": settings.warehouse_shown})
    elif ids:
        out.print(summary_table(ledger, ids, hospital_names(settings), out.width))
        for result in results:
            _show_trial(result)
        out.print(f"\nwarehouse  {settings.warehouse_shown}\nreport     {index or '-'}", soft_wrap=True)
    return code


def _note_end(settings: Settings) -> int:
    """Note where the audit log ends; the exit code."""
    try:
        anchor(settings)
    except EtlError as error:  # the nights are done all the same
        show_error(error)
        return error.exit_code
    return 0


def _run(settings: Settings, item: Due, how: How) -> dict[str, Any]:
    result: dict[str, Any] = {"hospital": item.hospital, "run_id": None, "exit_code": 0, "message": None}
    try:
        with console.progress(item.hospital, quiet=how.as_json) as tell:
            run_id, ran = run_delivery(
                settings, item.hospital, item.folder, item.of_night(), force=how.force, reason=how.reason,
                until=how.until, progress=tell,
            )  # fmt: skip
        result |= {"run_id": run_id, "state": "unpublished" if how.until and ran else "published", "changed": ran}
        if how.until == LAST_BEFORE and ran:
            result |= _trial(settings, run_id)
        if not ran and not how.as_json:
            err.print(f"{item.hospital}: this delivery is published already; nothing to do (--force runs it again)")
    except Exception as raised:
        error = as_etl_error(raised)
        result |= {"run_id": _last_run(settings, item.hospital), "state": "stopped", "exit_code": error.exit_code}
        result["message"] = error.message
        if not how.as_json:
            err.print(f"{item.hospital}:", style="bold red")
            show_error(error)
    return result


def _not_run(item: Due, exit_code: int, *, as_json: bool) -> dict[str, Any]:
    """The result of a night that was not begun, because the one before it is not published."""
    message = f"{item.hospital}: the night {night_of(item.folder)} was not run: the one before it is not published"
    if not as_json:
        err.print(message)
    return {
        "hospital": item.hospital, "run_id": None, "exit_code": exit_code, "message": message, "state": "not run",
        "changed": False,
    }  # fmt: skip


def _trial(settings: Settings, run_id: str) -> dict[str, Any]:
    """What would be if a run were published: rows by table, and what a person would be asked."""
    run = resume(settings, run_id)
    asked = [line for question in open_questions(run.ledger, run_id) for line in question.lines]
    return {"would_change": changes_as_json(changes_of(run)), "would_wait_for": asked}


def _show_trial(result: dict[str, Any]) -> None:
    if "would_change" not in result:
        return
    run_id = result["run_id"]
    out.print()
    out.print(changes_table(run_id, [TableChange(**change) for change in result["would_change"]]))
    for line in result["would_wait_for"]:
        out.print(f"would wait for an approval: {line}", soft_wrap=True)
    out.print(f"→ etl publish {run_id}", soft_wrap=True)


def _last_run(settings: Settings, hospital: str) -> str | None:
    try:
        newest = Ledger(settings.ledger_url).newest_run(hospital)
    except EtlError:  # what stopped the night may have stopped the ledger
        return None
    return str(newest["run_id"]) if newest else None


@app.command(
    epilog="""[bold]Examples[/]

    etl run snuh exports/snuh/2026-11-20 · one hospital, one night

    etl run --all exports · what is due of every hospital below exports/<hospital>/<night>/

    etl run snuh exports/snuh/2026-11-20 --no-publish · what would be, and what it would change

    etl run snuh exports/snuh/2026-11-20 --force · again, though nothing changed

    etl run --all exports --json | jq '.runs\\[].state' · for a script""",
)
def run(
    hospital: Annotated[str | None, typer.Argument(help="Short name of the hospital.")] = None,
    delivery: Annotated[Path | None, typer.Argument(help="Folder with the night's files.")] = None,
    exports: Annotated[
        Path | None, typer.Option("--all", metavar="EXPORTS", help="Run what is due of every hospital in EXPORTS.")
    ] = None,
    night: Night = None,
    force: Annotated[bool, typer.Option(help="Run again although nothing changed.")] = False,
    reason: Annotated[
        str | None, typer.Option(help="Why it is forced; a night still to come asks for one. No patient's data.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="STAGE", help=f"End after this stage: {', '.join(BEFORE)}.")
    ] = None,
    no_publish: Annotated[
        bool, typer.Option("--no-publish", help="Do all but publish, and show what publishing would change.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take a delivery through all stages: land, check source, merge, map, derive, check CDM, publish.

    A hospital whose gate closes keeps its last published night; with --all the others go on. Of a hospital that brings
    changes, --all runs every night since the published one, the oldest first; one that stops holds up those after it.

    With --until and --no-publish the run ends as `unpublished`: nothing changes for readers nor for other nights.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        if exports is not None:
            for folder in not_nights(settings, exports):
                err.print(f"{folder} is left out: no night's name; run it alone with --night", soft_wrap=True)
            for each in late_nights(settings, exports):
                err.print(f"{each.told}; where it belongs: etl run {each.hospital} {each.folder}", soft_wrap=True)
            work = nights_due(settings, exports)
        elif hospital and delivery:
            work = [Due(hospital, delivery, day_of(night))]
        else:
            raise typer.BadParameter("give HOSPITAL and DELIVERY, or --all EXPORTS")
        if until and no_publish:
            raise typer.BadParameter(f"--no-publish is --until {LAST_BEFORE}; give one of them")
        if until is not None and until not in BEFORE:
            raise typer.BadParameter(f"{until} is no stage before publishing: {', '.join(BEFORE)}")
        code = run_nights(settings, work, How(LAST_BEFORE if no_publish else until, force, reason, as_json))
    raise typer.Exit(code)
