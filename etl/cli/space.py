"""`etl space`: the data of approved projects, measured beforehand, and shown."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from etl.cli import console
from etl.cli.console import err, errors_to_exit_codes, out, print_json
from etl.cli.options import AsJson, command_app
from etl.pages.disclosure import told_persons
from etl.research.concepts.usage import strictest_small_cell
from etl.research.spaces import kept, vault
from etl.research.spaces.build import Built
from etl.research.spaces.build import check as check_space
from etl.research.spaces.definition import read_definition
from etl.research.spaces.destroy import pending
from etl.research.spaces.page import REPORT
from etl.research.spaces.policy import policies, policy
from etl.settings import Settings, load_settings

app = command_app("Project spaces: the data of an approved project, built for it alone and destroyed with it.")

Definition = Annotated[Path, typer.Argument(metavar="FILE", help="The project's definition, YAML (docs/spaces.md).")]


@app.command(
    epilog="""[bold]Examples[/]

    etl space check study.yaml · all measures, and what they should be

    etl space check study.yaml --json · the same for a script""",
)
def check(definition: Definition, as_json: AsJson = False) -> None:
    """Build a space in scratch, measure it, and leave nothing of it.

    Exit code 3 tells that it would not open. Nothing is written beside the answer, and no key is kept.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        with console.progress("checking", quiet=as_json) as tell:
            built = check_space(settings, read_definition(definition), tell)
        _say(settings, built, as_json=as_json)
        if built.failures:
            raise typer.Exit(3)


@app.command(
    epilog="""[bold]Examples[/]

    etl space show · all spaces, and the policies there are

    etl space show request_7 · one: what it is of, its rows, its files""",
)
def show(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="One space; default: list all.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the spaces that stand, or one of them; keys are never shown.

    A space comes and goes with its request: etl request build, open, destroy.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        if name is None:
            _list(settings, as_json=as_json)
            return
        about = kept.about(settings, name)
        if as_json:
            print_json(_plain(settings, about))
        else:
            _show(settings, about)


def _say(settings: Settings, built: Built, *, as_json: bool) -> None:
    asked, measured, cell = policy(built.definition.policy).adequacy, built.measured, strictest_small_cell(settings)

    def told(n: int) -> str:
        return _few(n, cell)

    if as_json:
        print_json({
            "project": built.definition.name, "opens": not built.failures, "fails": built.failures,
            "persons": told(measured.persons), "left_out": told(built.left_out), "below": told(measured.below),
            "k": measured.k, "l": dict(measured.l), "t": dict(measured.t), "risks": dict(measured.risks),
            "cured": {name: told(n) for name, n in measured.cured.items()},
            "rows": kept.told_rows(built.rows, cell), "in_twin": built.in_twin,
            "seconds": round(built.seconds, 1),
        })  # fmt: skip
        return
    out.print(f"{told(measured.persons)} persons, {told(built.left_out)} left out, in {built.seconds:.1f} s")
    table = Table("measure", "of", "measured", "asked", box=None, header_style="bold")
    table.add_row("k-anonymity", ", ".join(measured.known), str(measured.k), f"≥ {asked.k}")
    for name, n in measured.l.items():
        table.add_row("l-diversity", name, str(n), f"≥ {asked.l}")
        table.add_row("t-closeness", name, f"{measured.t[name]:.3f}", f"≤ {asked.t:g}")
    for name, risk in measured.risks.items():
        table.add_row("risk", name, f"{risk:.3f}", f"≤ {asked.risk:g}")
    for name, n in measured.cured.items():
        if n:
            table.add_row("persons fewer below k without", name, told(n), "")
    out.print(table)
    if not built.in_twin and not built.failures:
        why = "reads tables that the space has not" if built.in_twin is None else "finds nobody in it"
        err.print(f"the dummy twin has no rows for the cohort: its query {why}", style="yellow", soft_wrap=True)
    if built.failures:
        err.print(f"would not open: {', '.join(built.failures)}", style="red")


def _list(settings: Settings, *, as_json: bool) -> None:
    found = [kept.about(settings, name) for name in kept.spaces(settings)]
    if as_json:
        print_json([_plain(settings, each) for each in found])
        return
    cell = strictest_small_cell(settings)
    table = Table("space", "policy", "persons", "until", "state", box=None, header_style="bold")
    for each in found:
        table.add_row(each.name, each.policy, _persons(each, cell), str(each.until), "over" if each.is_over else "open")
    out.print(table if found else "there is no space: etl request build --help")
    for name in pending(settings):
        err.print(f"the destruction of {name} was broken off: etl request work finishes it", style="yellow")
    out.print(f"policies: {', '.join(policies())}")


def _persons(about: kept.About, cell: int) -> str:
    return _few(about.persons, cell)


def _few(number: int, cell: int) -> str:
    """A number of persons as it is told."""
    return told_persons(None if 0 < number < cell else number, cell)


def _plain(settings: Settings, about: kept.About) -> dict[str, Any]:
    cell = strictest_small_cell(settings)
    return {
        **asdict(about), "persons": _persons(about, cell), "left_out": _few(about.left_out, cell),
        "rows": kept.told_rows(about.rows, cell), "over": about.is_over,
        "folder": str(kept.folder_of(settings, about.name)),
        "keys": vault.has_keys(settings, about.name),
    }  # fmt: skip


def _show(settings: Settings, about: kept.About) -> None:
    folder = kept.folder_of(settings, about.name)
    nights = ", ".join(f"{hospital} {night}" for hospital, night in about.nights.items())
    out.print(f"{about.title} · {about.policy} · {nights}", soft_wrap=True)
    cell = strictest_small_cell(settings)
    out.print(f"{_persons(about, cell)} persons, until {about.until}{' (over)' if about.is_over else ''}")
    for table, n in kept.told_rows(about.rows, cell).items():
        out.print(f"  {table} {n}")
    for file in (kept.FILE, kept.TWIN, f"{REPORT}.en.html", f"{REPORT}.ko.html"):
        out.print(str(folder / file), soft_wrap=True)
    if not vault.has_keys(settings, about.name):
        err.print("the vault does not hold its keys: set ETL_VAULT", style="red")
