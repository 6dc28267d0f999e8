"""`etl battery`: what OHDSI's dashboard, and checks of ours, ask of the published warehouse, hospital by hospital."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from etl.cli.battery_explain import overrides_of, show_explained
from etl.cli.battery_kept import kept_night, show_kept
from etl.cli.console import err, errors_to_exit_codes, out, print_json
from etl.cli.options import AsJson, command_app, day_of
from etl.errors import ConfigError, UsageError
from etl.files import write_atomically
from etl.mapping.load import load_mappings
from etl.pages.formats import count, percent
from etl.quality.battery.battery import load_battery
from etl.quality.battery.checks import Check
from etl.quality.battery.dashboard import as_dashboard, source_of
from etl.quality.battery.judge import Result, judge
from etl.quality.battery.lake import read_from_lake
from etl.quality.battery.measure import Measured, measure
from etl.quality.battery.statement import WHOLE
from etl.quality.battery.summary import Tally, by_category, by_dimension, errors, worst_first
from etl.settings import Settings, load_settings
from etl.store.warehouse.open import open_warehouse

app = command_app()

_SHOWN = 20
_COLOURS = {"fatal": "red", "convention": "yellow", "characterization": ""}


@app.command(
    epilog="""[bold]Examples[/]

    etl battery · the whole warehouse: what fails, the grave first

    etl battery snuh · one hospital, by its own thresholds where it has some

    etl battery snuh --dashboard results.json · for OHDSI's own viewer

    etl battery --night 2026-07-01 · as on that day: dates to come are held against it

    etl battery snuh --history · the nights that are kept, by the thresholds of today

    etl battery snuh --night 2026-07-01 · a night that is kept, as it was then

    etl battery --keep · measure every hospital's newest published night and keep it

    etl battery snuh --explain time_one_day_holds_a_year · what a check asks, in words and SQL""",
)
def battery(
    hospital: Annotated[str | None, typer.Argument(help="Only this hospital's rows; default: all of them.")] = None,
    night: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day of reference; default: the newest night that is published."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Failed checks, or nights, that are shown.")] = _SHOWN,
    dashboard: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write all results as the dashboard does; a file that is there is replaced."),
    ] = None,
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Measure and keep the newest published night of every hospital; show nothing."),
    ] = False,
    history: Annotated[bool, typer.Option("--history", help="Measure nothing: list the nights that are kept.")] = False,
    explain: Annotated[
        str | None,
        typer.Option(metavar="CHECK", help="Measure nothing: tell what this check asks, and what lies behind it."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask the published warehouse all 2,374 checks of OHDSI's Data Quality Dashboard and ours, in one go.

    A check fails when more rows than its threshold allows violate it. The dashboard's are in
    expectations/dqd/checks.csv, ours in expectations/checks (docs/battery.md tells how to write one), what one hospital
    has otherwise of either in expectations/dqd/overrides/<hospital>.yaml, with reason and last day. Nothing is
    published or held back by this: that is decided by the gates before publishing.

    After every published night it is measured by itself and kept: figures, no verdicts, so that another threshold gives
    another verdict of an old night. With HOSPITAL and --night what is kept of that night is shown, if it is.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        if explain is not None:
            show_explained(settings, hospital, explain, day_of(night) or date.today(), as_json=as_json)
            return
        if keep or history:
            if keep and (history or hospital or night or dashboard):
                raise UsageError("--keep takes nothing beside it", hint="it measures all hospitals: etl battery --keep")
            show_kept(settings, hospital, limit, measure=keep, as_json=as_json)
            return
        results, measured, source = _asked(settings, hospital, day_of(night))
        if dashboard is not None:
            write_atomically(dashboard, json.dumps(as_dashboard(results, measured, source), ensure_ascii=False))
            err.print(f"wrote {len(results):,} results to {dashboard}", soft_wrap=True)
        if as_json:
            print_json([_plain(r) for r in results])
        elif dashboard is None:
            _show(results, measured, hospital, limit)


def _asked(
    settings: Settings, hospital: str | None, night: date | None
) -> tuple[list[Result], Measured, dict[str, Any]]:  # fmt: skip
    """The verdicts for a hospital, or for the warehouse, what they were made of, and its row of cdm_source."""
    checks = load_battery(settings.expectations)
    number, overrides = WHOLE, {}
    if hospital is not None:
        overrides = overrides_of(settings, hospital, checks)
        number = load_mappings(settings.mappings, [hospital])[hospital].hospital.number
    measured, source = kept_night(settings, hospital, night, checks) or _measured(settings, checks, night)
    if number not in (WHOLE, *measured.hospitals):
        raise ConfigError(f"nothing of {hospital} is published", hint=f"run a night first: etl run {hospital} DELIVERY")
    return judge(checks, measured, number, overrides), measured, source


def _measured(settings: Settings, checks: list[Check], night: date | None) -> tuple[Measured, dict[str, Any]]:
    warehouse = open_warehouse(settings)
    with warehouse.reader() as con:
        newest = con.execute("select max(cdm_release_date) from cdm_source").fetchone()
        day = night or (newest[0] if newest and newest[0] else None)
        if day is None:
            raise ConfigError("the warehouse does not say of which night it is", hint="give --night YYYY-MM-DD")
        source = source_of(con)
        read_from_lake(settings, warehouse, con)
        return measure(con, checks, day), source


def _plain(result: Result) -> dict[str, Any]:
    check = result.check
    return {
        "check": check.id, "ours": check.own is not None, "severity": check.type.severity,
        "category": check.type.category,
        "dimension": check.type.dimension, "says": check.sentence(), "violated": result.violated, "of": result.of,
        "threshold": result.threshold, "status": result.status, "reason": result.reason or None,
        "overridden": result.override.reason if result.override else None,
    }  # fmt: skip


def _show(results: list[Result], measured: Measured, hospital: str | None, limit: int) -> None:
    whom = hospital or f"{len(measured.hospitals)} hospitals"
    failed = worst_first(results)
    out.print(f"{whom}, as on {measured.night}: {_sentence(results, failed)} ({measured.seconds:.1f} s)")
    out.print()
    out.print(_counts([*by_category(results), *by_dimension(results)]))
    wrong = errors(results)
    out.print(
        f"\nerror-free: {100 * wrong.held:.3f} % of {count(wrong.of)} values that a check says to be right or wrong"
    )
    if failed:
        out.print()
        out.print(_failed(failed[:limit]))
    if len(failed) > limit:
        err.print(f"the first {limit} of {len(failed)}; --limit shows more, --json all", style="dim")


def _sentence(results: list[Result], failed: list[Result]) -> str:
    asked = sum(r.status != "notApplicable" for r in results)
    grave = sum(r.check.type.severity == "fatal" for r in failed)
    if not failed:
        return f"all {asked:,} checks that apply hold"
    return f"{len(failed):,} of {asked:,} checks that apply fail, {grave:,} of them fatal"


def _counts(tallies: list[Tally]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("")
    for name in ("passed", "failed", "no answer", "not applicable", "holds"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in tallies:
        numbers = [each.statuses[s] for s in ("passed", "failed", "error", "notApplicable")]
        table.add_row(each.name, *map(count, numbers), f"{100 * each.held:.3f} %")
    return table


def _failed(results: list[Result]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("severity", "what"):
        table.add_column(name, no_wrap=name == "severity")
    for name in ("violated", "of", "share", "allowed"):
        table.add_column(name, justify="right", no_wrap=True)
    for r in results:
        allowed = "none" if not r.threshold else f"{r.threshold:g} %"
        kind = Text(r.check.type.severity, style=_COLOURS[r.check.type.severity])
        if r.status == "error":
            table.add_row(kind, f"{r.check.sentence()} {r.reason}", "–", "–", "–", allowed)
        else:
            said = f"{r.check.sentence()} {r.reason}".rstrip()
            table.add_row(kind, said, count(r.violated), count(r.of), percent(r.share), allowed)
    return table
