"""Commands of `etl`, grouped as a data engineer, a quality officer and an analyst use them."""

from __future__ import annotations

import gc
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from etl.cli import approve, console, dictionary, doctor, extract, recipes, retention, warehouse
from etl.cli.console import errors_to_exit_codes, out, print_json
from etl.cli.onboarding import add_commands
from etl.cli.publishing import add_commands as add_publishing
from etl.errors import TransientError, UsageError

app = typer.Typer(
    name="etl",
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="""Nightly OMOP CDM v5.4 pipeline for a hospital consortium.

    Exit codes: [bold]0[/] done · [bold]2[/] wrong command line · [bold]3[/] a gate closed or the input is bad ·
    [bold]4[/] configuration, mapping or vocabulary is wrong · [bold]5[/] a fault that may pass, worth a retry.

    Settings come from ETL_… variables or a .env file: ETL_HOME (lake, keys, warehouse, reports), ETL_KEY_SECRET
    (secret of the key stores), ETL_WAREHOUSE_URL, ETL_MAPPINGS, ETL_EXPECTATIONS, ETL_VOCABULARY, ETL_THREADS,
    ETL_MEMORY.""",
)
vocabulary_app = typer.Typer(no_args_is_help=True, help="Standardised vocabularies: releases side by side.")
app.add_typer(vocabulary_app, name="vocabulary", rich_help_panel="Set up")

Night = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Night of the delivery, YYYY-MM-DD.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON for a script to read.")]


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version  # noqa: PLC0415

        out.print(f"etl {version('omop-etl')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Options that stand before a command."""
    # What a command imports stays: looking for garbage among it would take a tenth of a second of a short one.
    gc.set_threshold(100_000, 20, 20)


def _day(night: datetime | None) -> date | None:
    return night.date() if night else None


@app.command(rich_help_panel="Set up")
def sample(
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write into: OUT/<hospital>/<night>/.")],
    patients: Annotated[int, typer.Option(min=1, help="Patients of each hospital.")] = 1000,
    seed: Annotated[int, typer.Option(help="Same seed, same people.")] = 1,
    night: Night = None,
    hospital: Annotated[list[str] | None, typer.Option(help="Only this hospital; may be repeated.")] = None,
    layouts: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Other hospitals than the eight: a folder with hospitals.yaml and layouts."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write generated raw exports of the eight hospitals: real layouts, encodings and traps, invented people."""
    from etl.sample.dialect import LAYOUTS, dialects  # noqa: PLC0415 - loads the generator's data
    from etl.sample.generate import write_exports  # noqa: PLC0415

    with errors_to_exit_codes(), console.progress("writing sample exports", quiet=as_json) as tell:
        place = layouts or LAYOUTS
        if not (place / "hospitals.yaml").is_file():
            raise UsageError(f"there is no hospitals.yaml in {place}", hint="see etl/sample/layouts for one")
        known = dialects(place)
        unknown = sorted(set(hospital or ()) - set(known))
        if unknown:
            raise UsageError(f"there is no sample hospital '{unknown[0]}'; there are: {', '.join(known)}")
        made = write_exports(
            folder,
            hospitals=hospital,
            patients=patients,
            seed=seed,
            night=_day(night) or date.today(),
            layouts=place,
            progress=lambda name, done, total: tell(name, f"{done:,} of {total:,} patients"),
        )
    if as_json:
        print_json([{"hospital": d.hospital, "folder": str(d.folder), "files": d.files} for d in made])
        return
    for delivery in made:
        out.print(f"{delivery.hospital:<9}{sum(delivery.files.values()):>12,} rows  {delivery.folder}")


@vocabulary_app.command("load")
def vocabulary_load(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of an unpacked Athena bundle.")],
) -> None:
    """Load an Athena bundle beside the releases that are there; the next run maps with it.

    A full bundle takes some minutes and no more than ETL_MEMORY. Loading the same bundle again is harmless; a load that
    is broken off leaves nothing behind.
    """
    from etl.cli.vocabulary import load  # noqa: PLC0415
    from etl.settings import load_settings  # noqa: PLC0415

    with errors_to_exit_codes():
        load(load_settings(), folder)


@vocabulary_app.command("list")
def vocabulary_list(as_json: AsJson = False) -> None:
    """List the loaded releases: which one the next run maps with, and whose published night was mapped with which."""
    from etl.cli.vocabulary import show_releases  # noqa: PLC0415
    from etl.settings import load_settings  # noqa: PLC0415

    with errors_to_exit_codes():
        show_releases(load_settings(), as_json=as_json)


@vocabulary_app.command("use")
def vocabulary_use(
    name: Annotated[str, typer.Argument(metavar="RELEASE", help="Name of a loaded release.")],
) -> None:
    """Map with this release from the next run on, until another one is loaded or used; ETL_VOCABULARY comes first."""
    from etl.settings import load_settings  # noqa: PLC0415
    from etl.vocabulary.release import current_release  # noqa: PLC0415
    from etl.vocabulary.remove import use_release  # noqa: PLC0415

    with errors_to_exit_codes():
        settings = load_settings()
        release = use_release(settings, name)
        used = current_release(settings)
        out.print(f"the next run maps with {used.name}" + ("" if used == release else ", as ETL_VOCABULARY says"))


@vocabulary_app.command("remove")
def vocabulary_remove(
    name: Annotated[str, typer.Argument(metavar="RELEASE", help="Name of a loaded release.")],
) -> None:
    """Remove a loaded release; one that a published night was mapped with stays (exit code 2)."""
    from etl.settings import load_settings  # noqa: PLC0415
    from etl.vocabulary.remove import remove_release  # noqa: PLC0415

    with errors_to_exit_codes():
        out.print(f"removed {remove_release(load_settings(), name).name}")


@vocabulary_app.command("diff")
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
    from etl.cli.vocabulary import show_difference  # noqa: PLC0415
    from etl.settings import load_settings  # noqa: PLC0415

    with errors_to_exit_codes():
        show_difference(load_settings(), old, new, hospital, limit=limit, csv_file=csv, as_json=as_json)


@app.command(rich_help_panel="Set up")
def check(
    hospitals: Annotated[list[str] | None, typer.Argument(metavar="[HOSPITAL…]", help="Default: all.")] = None,
) -> None:
    """Check mappings and expectations without any data; every problem at once, with file and line."""
    from etl.cli.checks import check_everything  # noqa: PLC0415
    from etl.settings import load_settings  # noqa: PLC0415

    with errors_to_exit_codes():
        for line in check_everything(load_settings(), hospitals or None):
            out.print(line)


@app.command(rich_help_panel="Set up")
def draft(hospital: Annotated[str, typer.Argument(help="Short name of the hospital.")]) -> None:
    """Draft Great Expectations suites for the sources that have none, from the hospital's contract and mappings."""
    from etl.mapping.check import load_mappings  # noqa: PLC0415
    from etl.settings import load_settings  # noqa: PLC0415
    from etl.validate.draft import write_drafts  # noqa: PLC0415

    with errors_to_exit_codes():
        settings = load_settings()
        mapping = load_mappings(settings.mappings, [hospital])[hospital]
        for file in write_drafts(mapping, settings.expectations / "source" / hospital):
            out.print(str(file), soft_wrap=True)


add_commands(app)
add_publishing(app)
warehouse.add_commands(app)


@app.command(rich_help_panel="Set up")
def docs(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Folder to write into; default: docs of the project.")
    ] = None,
) -> None:
    """Write the generated pages, from the code and the mappings of the project.

    They are the reference of the mapping language, its JSON Schema for editors, what fills every field of the CDM, and
    the list of query recipes in the analyst's page.
    """
    from etl.cli.recipes import write_recipes_page  # noqa: PLC0415
    from etl.mapping.check import load_mappings  # noqa: PLC0415
    from etl.mapping.coverage import write_coverage  # noqa: PLC0415
    from etl.mapping.reference import write_documents  # noqa: PLC0415
    from etl.settings import PROJECT  # noqa: PLC0415

    with errors_to_exit_codes():
        target = folder or PROJECT / "docs"
        coverage = write_coverage(target, load_mappings(PROJECT / "mappings"))
        for file in [*write_documents(target), coverage, write_recipes_page(target)]:
            out.print(str(file), soft_wrap=True)


@app.command(
    rich_help_panel="Run",
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
    as_json: AsJson = False,
) -> None:
    """Take a delivery through all stages: land, check source, merge, map, derive, check CDM, publish.

    A hospital whose gate closes keeps its last published night; with --all the others go on.
    """
    from etl.validate.process import prepare  # noqa: PLC0415

    prepare()  # before all other imports
    from etl.cli.nights import Night as Work  # noqa: PLC0415
    from etl.cli.nights import newest_nights, run_nights  # noqa: PLC0415
    from etl.settings import load_settings  # noqa: PLC0415

    with errors_to_exit_codes():
        settings = load_settings()
        if exports is not None:
            work = newest_nights(settings, exports)
        elif hospital and delivery:
            work = [Work(hospital, delivery, _day(night))]
        else:
            raise typer.BadParameter("give HOSPITAL and DELIVERY, or --all EXPORTS")
        code = run_nights(settings, work, force=force, as_json=as_json)
    raise typer.Exit(code)


approve.add_commands(app)
extract.add_commands(app)
doctor.add_commands(app)
retention.add_commands(app)


@app.command(rich_help_panel="Look")
def status(as_json: AsJson = False) -> None:
    """Show the newest run of every hospital."""
    from etl.cli.nights import show_status  # noqa: PLC0415
    from etl.settings import load_settings  # noqa: PLC0415

    with errors_to_exit_codes():
        show_status(load_settings(), as_json=as_json)


@app.command(rich_help_panel="Look")
def unmapped(
    hospital: Annotated[str, typer.Argument(help="Short name of the hospital.")],
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

    Of codes that fewer than `small_cell` patients have (hospital.yaml, default 5), days and patients are not told.

    `etl why HOSPITAL CODE` tells where the look-up of a code ended.
    """
    from etl.cli.worklist import show_worklist  # noqa: PLC0415
    from etl.settings import load_settings  # noqa: PLC0415

    with errors_to_exit_codes():
        show_worklist(
            load_settings(), hospital, limit=limit, domain=domain, by=by, csv_file=csv, usagi_file=usagi,
            as_json=as_json,
        )  # fmt: skip


@app.command(rich_help_panel="Look")
def why(
    hospital: Annotated[str, typer.Argument(help="Short name of the hospital.")],
    code: Annotated[str, typer.Argument(help="The code as the hospital delivers it.")],
    field: Annotated[
        str | None, typer.Option(help="Only this look-up: ENTRY.FIELD, an entry, or a field such as unit.")
    ] = None,
    day: Annotated[
        datetime | None,
        typer.Option("--date", formats=["%Y-%m-%d"], help="Day of the record, where a code master has windows."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell how a code is looked up, step by step, and why it ends where it does.

    Shown is every look-up that takes the code in the newest landed night, by the mappings and vocabulary of now.

    Of a code that nobody delivered it tells what it would become.
    """
    from etl.cli.why import show_why  # noqa: PLC0415
    from etl.settings import load_settings  # noqa: PLC0415

    with errors_to_exit_codes():
        show_why(load_settings(), hospital, code, field=field, day=_day(day), as_json=as_json)


@app.command(
    rich_help_panel="Look",
    epilog="""[bold]Examples[/]

    etl report · then open the page it names

    xdg-open "$(etl report)" · both in one""",
)
def report() -> None:
    """Write the validation reports of all nights and the lineage pages; print where the index is."""
    from etl.cli.nights import write_all_reports  # noqa: PLC0415
    from etl.settings import load_settings  # noqa: PLC0415

    with errors_to_exit_codes():
        out.print(str(write_all_reports(load_settings())), soft_wrap=True)


@app.command(
    rich_help_panel="Look",
    epilog="""[bold]Examples[/]

    etl sql · a prompt

    etl sql "show tables"

    etl sql "describe measurement" · its columns, which are required, and what they refer to

    etl sql "select gender_concept_id, count(*) from person group by all" --csv > persons.csv

    etl sql --run RUN "from mapping_rate" · a run that was stopped; its id is in its report and in etl status --json""",
)
def sql(
    query: Annotated[str | None, typer.Argument(help="SQL over the CDM tables; without it, a prompt.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows shown at most.")] = 50,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write all rows as CSV.")] = False,
    run_id: Annotated[
        str | None, typer.Option("--run", help="Query a run's landed sources and its candidate CDM instead.")
    ] = None,
) -> None:
    """Query the published warehouse (read-only, one consistent night per hospital).

    With --run, a quality officer follows a finding of the validation report to its rows.
    """
    from etl.cli.analyst import open_reader, prompt, show_query  # noqa: PLC0415
    from etl.settings import load_settings  # noqa: PLC0415

    with errors_to_exit_codes(), open_reader(load_settings(), run_id) as con:
        if query is None:
            prompt(con, limit)
        else:
            show_query(con, query, limit, as_csv=as_csv)


recipes.add_commands(app)
dictionary.add_commands(app)


@app.command(rich_help_panel="Look")
def trace(
    what: Annotated[
        str, typer.Argument(metavar="TABLE|HOSPITAL", help="CDM table of the row; with --file, the hospital.")
    ],
    id_: Annotated[int | None, typer.Argument(metavar="[ID]", help="Id of the row (of death: its person_id).")] = None,
    place: Annotated[
        str | None,
        typer.Option("--file", metavar="FILE:LINE", help="What became of a line of a delivered file (1: the header)."),
    ] = None,
    night: Night = None,
    as_json: AsJson = False,
) -> None:
    """Trace a published CDM row to delivery, file, line and mapping entry; or, with --file, a line to its CDM rows.

    Shows expressions, vocabulary steps and ids, never a value of a patient. A derived row (era, observation period)
    leads to the rows it was made of. Exit code 3: the published night has no such row or line; ids are good for the
    night they were read from.

    etl trace condition_occurrence 8866463058231297

    etl trace --file conditions.csv:17 synthea --night 2026-01-01
    """
    from etl.cli.lineage import show_trace  # noqa: PLC0415
    from etl.settings import load_settings  # noqa: PLC0415

    with errors_to_exit_codes():
        show_trace(load_settings(), what, id_, place, _day(night), as_json=as_json)


@app.command(rich_help_panel="Look")
def lineage(
    hospitals: Annotated[list[str] | None, typer.Argument(metavar="[HOSPITAL…]", help="Default: all.")] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder to write into [ETL_HOME/reports/lineage].")
    ] = None,
) -> None:
    """Write what the mappings do as pages: diagram, every column of every CDM table, look-ups, rules, sources.

    Needs no data; where a night is published, its rows and mapping rates are shown. Prints where the index is.
    """
    from etl.lineage.pages import write_pages  # noqa: PLC0415
    from etl.report.write import LINEAGE  # noqa: PLC0415
    from etl.settings import load_settings  # noqa: PLC0415

    with errors_to_exit_codes():
        settings = load_settings()
        out.print(str(write_pages(settings, hospitals or None, folder or settings.reports / LINEAGE)), soft_wrap=True)


@app.command(rich_help_panel="Look")
def export(
    target: Annotated[Path, typer.Argument(metavar="FILE.duckdb", help="File to write.")],
    force: Annotated[bool, typer.Option(help="Replace the file if it is there.")] = False,
) -> None:
    """Write the whole published warehouse into one plain DuckDB file with primary keys."""
    from etl.settings import load_settings  # noqa: PLC0415
    from etl.warehouse.open import open_warehouse  # noqa: PLC0415

    with errors_to_exit_codes():
        if target.exists() and not force:
            raise UsageError(f"{target} is there already", hint="choose another name or give --force")
        if not target.parent.is_dir():
            raise UsageError(f"there is no folder {target.parent}", hint="make it first")
        with console.progress("exporting") as tell:
            try:
                open_warehouse(load_settings()).export(target, lambda text: tell("table", text))
            except OSError as error:
                raise TransientError(f"{target}: {error.strerror}") from error
    out.print(f"wrote {target}", soft_wrap=True)
