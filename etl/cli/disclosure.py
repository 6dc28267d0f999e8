"""The commands about what may leave a project space."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from etl.cli.console import errors_to_exit_codes, out, print_json
from etl.cli.options import AsJson, command_app
from etl.errors import InputError
from etl.research.concepts.usage import strictest_small_cell
from etl.research.disclosure.check import Checked
from etl.research.disclosure.check import check as check_files
from etl.research.disclosure.findings import Finding
from etl.research.disclosure.rules import read_rules
from etl.settings import load_settings

app = command_app("What may leave a project space: the automatic rules of the check of results.")


@app.callback()
def _group() -> None:
    """What may leave a project space: the automatic rules of the check of results."""


@app.command(
    "check",
    epilog="""[bold]Examples[/]

    etl disclosure check table1.csv figure2.png · before the request is handed in

    etl disclosure check table1.csv --released sex.csv --released age.csv · beside what left before

    etl disclosure check results/* --rules rules.yaml --json | jq '.findings\\[] | select(.verdict == "refuse")'""",
)
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Files that are to leave.")],
    rules: Annotated[
        Path | None, typer.Option(help="The project's own rules, as YAML: limits and verdicts that differ.")
    ] = None,
    released: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="A file of the project that left before; for several, the option again for each."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check files of results before they leave: every finding with its rule, its places, its reason, and what to do.

    Looked at are counts below the threshold and what gives them away (totals, percentages, hidden cells, other tables
    of this check and of earlier ones), totals of few contributors, single values, models with too few degrees of
    freedom, rows of persons, and what a file holds beside what it shows. The threshold is the rules', and never below
    the largest small_cell of the hospitals. ✗ has to be corrected; · is looked at by the two persons who decide, who
    look at everything. Places are told as part, row and column; no text of a file is shown.

    A file is not safe because nothing was found: rules do not know what a table is of.

    Exit code 0: nothing is refused · 3: something is.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        checked = check_files(files, released or [], read_rules(rules, strictest_small_cell(settings)))
    if as_json:
        print_json(checked_plain(checked))
    else:
        show_checked(checked)
    raise typer.Exit(InputError.exit_code if checked.refused else 0)


def show_checked(checked: Checked) -> None:
    """Show every finding of a check, file by file: rule, places, reason, what to do."""
    for name in checked.files:
        found = [finding for finding in checked.findings if finding.file == name]
        out.print(Text(name, style="bold"), soft_wrap=True)
        for finding in found:
            _show_finding(checked, finding)
        if not found:
            out.print("  nothing found")
    refused = len(checked.refused)
    rest = len(checked.findings) - refused
    out.print(Text(f"{refused:,} to correct, {rest:,} for a person to look at", style="bold"))


def _show_finding(checked: Checked, finding: Finding) -> None:
    rule = checked.rules.findings[finding.rule]
    refuses = rule.verdict == "refuse"
    style = "red" if refuses else ""
    title = f"  {'✗' if refuses else '·'} {rule.title.en}: {_places(finding)}"
    out.print(Text.assemble((title, style), (f"  [{finding.rule}]", "dim")), soft_wrap=True)
    out.print(Text(f"    {rule.why}"), soft_wrap=True)
    out.print(Text(f"    → {rule.do}", style="cyan"), soft_wrap=True)


def _places(finding: Finding) -> str:
    more = finding.number - len(finding.places)
    return "; ".join(map(str, finding.places)) + (f"; and {more:,} more" if more else "")


def checked_plain(checked: Checked) -> dict[str, Any]:
    """A check, for a script."""
    return {
        "files": checked.files,
        "threshold": checked.rules.threshold,
        "refused": bool(checked.refused),
        "findings": [_finding_as_json(checked, finding) for finding in checked.findings],
    }


def _finding_as_json(checked: Checked, finding: Finding) -> dict[str, Any]:
    rule = checked.rules.findings[finding.rule].model_dump()
    return {"file": finding.file, "rule": finding.rule, **rule, "number": finding.number,
            "places": [asdict(place) for place in finding.places]}  # fmt: skip
