"""`etl dataset`: named data sets of the published nights, version by version."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from etl.cli import console
from etl.cli.console import err, errors_to_exit_codes, out, print_json
from etl.cli.dataset_shown import said_changes, said_explained, said_list, said_version
from etl.cli.options import LARGEST_NUMBER, AsJson, By, actor_of, command_app
from etl.errors import UsageError
from etl.research.concepts.usage import strictest_small_cell
from etl.research.datasets import kept
from etl.research.datasets.build import Built
from etl.research.datasets.build import build as build_version
from etl.research.datasets.changes import between
from etl.research.datasets.definition import names, read_named
from etl.research.datasets.explain import explain as explain_person
from etl.research.datasets.export import export as export_version
from etl.research.datasets.page import write_pages
from etl.research.datasets.verify import verify as verify_version
from etl.settings import load_settings
from etl.store.recorded import tell as tell_log

app = command_app("Data sets: variables of a cohort, defined once, built of the published nights, version by version.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The data set: a folder of datasets/.")]
Version = Annotated[
    int | None,
    typer.Option("--version", min=1, max=LARGEST_NUMBER, metavar="N", help="The version; default: the newest."),
]


@app.command(name="list")
def list_(as_json: AsJson = False) -> None:
    """List the data sets: what is defined, what was built, and of which nights the newest version is."""
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        known = sorted({*names(settings), *kept.built(settings)})
        found = {name: kept.versions(settings, name) for name in known}
        if as_json:
            print_json(found)
            return
        out.print(said_list(settings, found) if found else f"nothing is defined below {settings.datasets}")


@app.command(
    epilog="""[bold]Examples[/]

    etl dataset show type_2_diabetes · the newest version: persons, attrition, completeness, checks

    etl dataset show type_2_diabetes --version 3 --json · all of its manifest, for a script""",
)
def show(name: Name, version: Version = None, as_json: AsJson = False) -> None:
    """Show what a version is of, how many persons are in it, and what there is of each variable.

    Of fewer persons than the strictest hospital's small_cell no number is told, nor one that it could be reckoned from.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        number = kept.chosen(settings, name, version)
        manifest, made = kept.manifest(settings, name, number), kept.made(settings, name, number)
        if as_json:
            print_json({**asdict(manifest), "made": asdict(made)})
        else:
            said_version(manifest, made)


@app.command(
    epilog="""[bold]Examples[/]

    etl dataset build type_2_diabetes · the next version; where nothing has changed, the newest one is told

    etl dataset build type_2_diabetes --again · one more of the same, with the same bytes""",
)
def build(
    name: Name,
    again: Annotated[bool, typer.Option("--again", help="Also where nothing has changed since the newest.")] = False,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Build the next version of a data set, of the nights that are published now.

    A version is there wholly or not at all, and is not changed afterwards. One whose checks fail does not stand: exit
    code 3 and the name of the check. Where a night is published meanwhile nothing is built: exit code 5.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        dataset = read_named(settings, name)
        with console.progress(name, quiet=as_json) as tell:
            built = build_version(settings, dataset, actor_of(by), lambda stage: tell(stage, ""), again=again)
            page = write_pages(settings, built.manifest)
        if as_json:
            print_json({"name": name, "version": built.manifest.version, "anew": built.anew, "page": str(page)})
        else:
            _say(built)
            out.print(str(page), soft_wrap=True)


@app.command()
def verify(name: Name, version: Version = None, as_json: AsJson = False) -> None:
    """Prove that a version is what was built: digests of its files and rows, its manifest, and the one before it.

    Exit code 3 where it is not. A night that was rolled back since is told, for what was found of it does not hold.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        found = verify_version(settings, name, kept.chosen(settings, name, version))
        if as_json:
            print_json({**asdict(found), "rolled_back": found.rolled_back})
        else:
            for line in found.wrong:
                err.print(f"wrong: {line}", style="red", soft_wrap=True)
            for hospital, how in found.standing.items():
                out.print(f"{hospital}: {how}", soft_wrap=True)
            out.print(f"{name} {found.version} is {'not ' if found.wrong else ''}what was built")
        if found.wrong:
            raise typer.Exit(3)


@app.command(
    epilog="""[bold]Examples[/]

    etl dataset diff type_2_diabetes · what the newest version has otherwise than the one before, and why

    etl dataset diff type_2_diabetes 3 7 · the same of any two versions""",
)
def diff(
    name: Name,
    old: Annotated[int | None, typer.Argument(metavar="[OLD]", min=1, max=LARGEST_NUMBER)] = None,
    new: Annotated[int | None, typer.Argument(metavar="[NEW]", min=1, max=LARGEST_NUMBER)] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what is otherwise in a version: persons in and out, values changed, and why.

    Why is another definition, vocabulary, mapping or program, a night that was rolled back; else new data, where what a
    variable looks at reaches beyond the older night, or corrected data, where it does not.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        after = kept.manifest(settings, name, kept.chosen(settings, name, new))
        before = old or (after.before.version if after.before else None)
        if before is None:
            raise UsageError(f"{name} has one version only", hint=f"etl dataset show {name}")
        said = between(
            settings, kept.manifest(settings, name, kept.chosen(settings, name, before)), after,
            strictest_small_cell(settings),
        )  # fmt: skip
        if as_json:
            print_json({"name": name, "old": before, "new": after.version, **said})
        else:
            said_changes(name, before, after.version, said)


@app.command(
    epilog="""[bold]Examples[/]

    etl dataset export type_2_diabetes out/ --format csv · a folder of CSV files

    etl dataset export type_2_diabetes t2d.duckdb --format duckdb · one file

    etl dataset export type_2_diabetes sas/ --format xpt --version 3 · for SAS""",
)
def export(
    name: Name,
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="New folder; with duckdb a new file.")],
    form: Annotated[str, typer.Option("--format", help="csv, parquet, duckdb, stata or xpt.")] = "csv",
    version: Version = None,
) -> None:
    """Write all tables of a version for another program, in the clear; that it was exported is in the audit log.

    Persons keep their numbers of the warehouse: this is for who may read its rows. Researchers get data by a request.
    """
    with errors_to_exit_codes():
        settings = load_settings()
        manifest = kept.manifest(settings, name, kept.chosen(settings, name, version))
        tell_log(settings, "data set exported", f"{name} {manifest.version}", details={"format": form})
        for file in export_version(settings, manifest, target, form):
            out.print(str(file), soft_wrap=True)


@app.command()
def explain(
    name: Name,
    person: Annotated[int, typer.Argument(metavar="PERSON_ID", min=0, max=2**53)],
    version: Version = None,
    as_json: AsJson = False,
) -> None:
    """Tell what a person's values come from: the rows of the warehouse that each variable looked at.

    The version's own definition is asked of what is published now, beside what the version holds. Where these differ,
    the nights have gone on. `etl trace` leads on from a row to its file and line. Who asked is in the audit log.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        manifest = kept.manifest(settings, name, kept.chosen(settings, name, version))
        tell_log(settings, "data set explained", f"{name} {manifest.version} {person}", returned=1)
        with console.progress(name, quiet=as_json) as tell:
            found = explain_person(settings, manifest, person, lambda stage: tell(stage, ""))
        if as_json:
            print_json(asdict(found))
        else:
            said_explained(manifest, person, found)


def _say(built: Built) -> None:
    said = built.manifest
    out.print(f"{said.name} {said.version}{'' if built.anew else ' stands already: nothing has changed'}")
    for check in said.checks:
        if check["verdict"] != "passed":
            err.print(f"{check['verdict']}: {check['name']}: {check.get('about', '')}", style="yellow", soft_wrap=True)
    if built.removed:
        out.print(f"kept no more: {', '.join(map(str, built.removed))}")
