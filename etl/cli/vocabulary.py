"""What the commands of `etl vocabulary` do: load, list, use, remove, and tell what a release would change."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import duckdb
import typer
from rich.table import Table
from rich.text import Text

from etl.cli import console
from etl.cli.console import err, errors_to_exit_codes, out, print_json
from etl.cli.options import AsJson, command_app
from etl.engine import open_engine
from etl.errors import ConfigError, InputError
from etl.mapping.load import load_mappings
from etl.night.lake.state import newest_state
from etl.night.lake.views import create_whole
from etl.onboarding.worklist.difference import Change, Difference, Target, difference
from etl.operations.retention.releases import published_with, remove_release
from etl.pages.disclosure import told_records
from etl.settings import Settings, load_settings
from etl.spreadsheets import cells
from etl.vocabulary.release import MARKER, Release, current_release, load_bundle, release_named, releases, use_release

app = command_app("Standardised vocabularies: releases side by side.")
_SAID = {
    "lost": "lose their standard concept", "found": "find one", "table": "go to another table",
    "domain": "change domain", "concept": "change concept", "value": "change the value concept",
    "source": "change the source concept only",
}  # fmt: skip


def load(settings: Settings, bundle: Path) -> None:
    """Load a bundle and say what it held."""
    with console.progress("loading vocabulary") as tell:
        release = load_bundle(settings, bundle, tell)
    table = Table(box=None, header_style="bold")
    table.add_column("table")
    table.add_column("rows", justify="right")
    for name, rows in sorted(release.rows.items(), key=lambda item: -item[1]):
        if rows:
            table.add_row(name, f"{rows:,}")
    out.print(table)
    for note in release.notes:
        err.print(f"warning: {note}", style="yellow", soft_wrap=True)
    out.print(f"loaded {release.version} as {release.name}")


def show_releases(settings: Settings, *, as_json: bool) -> None:
    """The loaded releases, the one loaded last first, with what uses them."""
    users = published_with(settings)
    loaded = releases(settings)
    used = current_release(settings).name if loaded else None
    rows = [
        {
            "name": r.name, "version": r.version, "concepts": r.rows.get("concept"), "loaded": _loaded(r),
            "used": r.name == used, "published": users.get(r.name, []),
        }
        for r in loaded
    ]  # fmt: skip
    if as_json:
        print_json(rows)
        return
    if not rows:
        out.print("no vocabulary is loaded; run: etl vocabulary load <folder of the Athena bundle>")
        return
    table = Table(box=None, header_style="bold")
    for column in ("", "release", "version", "concepts", "loaded", "published nights of"):
        table.add_column(column, justify="right" if column == "concepts" else "left")
    for release, row in zip(loaded, rows, strict=True):
        table.add_row(
            "*" if row["used"] else "", release.name, release.version, f"{release.rows.get('concept', 0):,}",
            f"{_loaded(release):%Y-%m-%d %H:%M}", ", ".join(users.get(release.name, [])),
        )  # fmt: skip
    out.print(table)
    out.print("* the next run maps with it", style="dim")


def _loaded(release: Release) -> datetime:
    return datetime.fromtimestamp((release.folder / MARKER).stat().st_mtime)


def show_difference(
    settings: Settings, old: str, new: str, hospital: str, *, limit: int, csv_file: Path | None, as_json: bool
) -> None:
    """What a hospital's newest landed night would become under another release."""
    before, after = release_named(settings, old), release_named(settings, new)
    mapping = load_mappings(settings.mappings, [hospital])[hospital]
    state = newest_state(settings, hospital)
    if state is None:
        raise InputError(f"no night of {hospital} has landed", hint=f"run one: etl run {hospital} <delivery>")
    night = state.as_of
    try:
        with console.progress("comparing", quiet=as_json) as tell, open_engine(settings, night) as con:
            create_whole(con, mapping, state)
            found = difference(con, mapping, before, after, tell)
    except (duckdb.DataError, duckdb.ProgrammingError) as error:
        # the engine's message may quote a value of a patient
        raise ConfigError(
            f"the look-ups of {hospital} fail ({type(error).__name__})", hint=f"run: etl check {hospital}"
        ) from None
    if csv_file:
        with csv_file.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(_CSV)
            writer.writerows(map(cells, _csv_rows(found)))
    if as_json:
        about = {"hospital": hospital, "night": night, "old": before.name, "new": after.name}
        print_json({**about, **asdict(found)})
        return
    _show_summary(hospital, night, before, after, found)
    if found.changes:
        _show_changes(found, limit)
    if csv_file:
        out.print(f"wrote {csv_file}", soft_wrap=True)


def _show_summary(hospital: str, night: date, before: Release, after: Release, found: Difference) -> None:
    changed = min(sum(c.records for c in found.changes), found.records)
    share = changed / found.records if found.records else 0
    out.print(f"{hospital}, night {night}: {before.name} → {after.name}", style="bold", soft_wrap=True)
    out.print(
        f"{changed:,} of {found.records:,} look-ups of records ({share:.2%}) and "
        f"{len(found.changes):,} of {found.codes:,} codes would change"
    )
    for kind, said in _SAID.items():
        of_kind = [c for c in found.changes if c.kind == kind]
        if of_kind:
            out.print(f"  codes that {said}: {len(of_kind):,} (records: {sum(c.records for c in of_kind):,})")


def _show_changes(found: Difference, limit: int) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("records", "change", "field", "code", "before", "after"):
        table.add_column(column, justify="right" if column == "records" else "left", overflow="fold")
    for change in found.changes[:limit]:
        table.add_row(
            told_records(change.records, change.fewer_than), change.kind, f"{change.entry}.{change.field}",
            _code(change), _become(change.before), _become(change.after),
        )  # fmt: skip
    out.print(table)
    if len(found.changes) > limit:
        err.print(f"the {limit:,} codes with most records; --limit shows more, --csv writes all", style="dim")


def _code(change: Change) -> Text:
    about = f"  {change.description}" if change.description else ""
    return Text.assemble((change.code, "bold"), f" {change.vocabulary or ''}", (about, "dim"))


def _become(targets: tuple[Target, ...]) -> Text:
    lines = [
        Text.assemble(
            (str(t.concept_id), "bold"), f" {t.name}" if t.name else "", (f" [{t.domain}]" if t.domain else "", "dim"),
            (f" → {t.table}" if t.table else "", "cyan"), f" value {t.value_id}" if t.value_id else "",
        )
        for t in targets
    ]  # fmt: skip
    return Text("\n").join(lines)


_CSV = (
    "change", "records", "entry", "field", "vocabulary", "code", "description", "old_concept_id", "old_name",
    "old_domain", "old_table", "old_value_concept_id", "new_concept_id", "new_name", "new_domain", "new_table",
    "new_value_concept_id",
)  # fmt: skip


def _csv_rows(found: Difference) -> Iterator[list[object]]:
    """A row per changed code; several targets stand in one cell, with a bar between them."""
    for c in found.changes:
        row: list[object] = [c.kind, c.records, c.entry, c.field, c.vocabulary, c.code, c.description]
        for targets in (c.before, c.after):
            row += [_cell(targets, part) for part in ("concept_id", "name", "domain", "table", "value_id")]
        yield row


def _cell(targets: tuple[Target, ...], part: str) -> str:
    values = [getattr(t, part) for t in targets]
    return "|".join("" if v is None else str(v) for v in values).strip("|")


@app.command("load")
def vocabulary_load(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of an unpacked Athena bundle.")],
) -> None:
    """Load an Athena bundle beside the releases that are there; the next run maps with it.

    Missing names, texts that are too long and doubled lines are mended and told; what else is wrong with a bundle is
    refused with file and line. A full bundle takes some minutes and no more than ETL_MEMORY. Loading the same bundle
    again is harmless; a load that is broken off leaves nothing behind.
    """
    with errors_to_exit_codes():
        load(load_settings(), folder)


@app.command("list")
def vocabulary_list(as_json: AsJson = False) -> None:
    """List the loaded releases: which one the next run maps with, and whose published night was mapped with which."""
    with errors_to_exit_codes(as_json=as_json):
        show_releases(load_settings(), as_json=as_json)


@app.command("use")
def vocabulary_use(
    name: Annotated[str, typer.Argument(metavar="RELEASE", help="Name of a loaded release.")],
) -> None:
    """Map with this release from the next run on, until another one is loaded or used; ETL_VOCABULARY comes first."""
    with errors_to_exit_codes():
        settings = load_settings()
        release = use_release(settings, name)
        used = current_release(settings)
        out.print(f"the next run maps with {used.name}" + ("" if used == release else ", as ETL_VOCABULARY says"))


@app.command("remove")
def vocabulary_remove(
    name: Annotated[str, typer.Argument(metavar="RELEASE", help="Name of a loaded release.")],
) -> None:
    """Remove a loaded release; one that a published night was mapped with stays (exit code 2)."""
    with errors_to_exit_codes():
        out.print(f"removed {remove_release(load_settings(), name).name}")


@app.command("diff")
def vocabulary_diff(
    old: Annotated[str, typer.Argument(help="Loaded release that the codes are looked up in first.")],
    new: Annotated[str, typer.Argument(help="Loaded release to compare it with.")],
    hospital: Annotated[str, typer.Option(help="Short name of the hospital.")],
    limit: Annotated[int, typer.Option(min=1, help="Codes in the table.")] = 30,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all changes as CSV; a file that is there is replaced.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what a hospital's rows would become under another release, before a night is mapped with it.

    Looks up every code of the newest night that landed under both releases and lists those that would get another
    concept, domain, table or value, by records. Nothing is changed: the next run maps all rows anew by its release.
    """
    with errors_to_exit_codes(as_json=as_json):
        show_difference(load_settings(), old, new, hospital, limit=limit, csv_file=csv, as_json=as_json)
