"""`etl doctor`: whether a night can run here, as a table or as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from etl.cli import console
from etl.cli.console import errors_to_exit_codes, out, print_json
from etl.cli.options import AsJson, command_app
from etl.errors import ConfigError
from etl.operations.doctor import machine
from etl.operations.doctor.examine import examine, exit_code, look_at
from etl.operations.doctor.finding import Finding, from_error
from etl.operations.plan import load_scheduling
from etl.settings import load_settings

app = command_app()
_MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "bold red")}


def findings_table(found: Sequence[Finding]) -> Table:
    """One line per finding; below what is not well, in another colour, what to do."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for name, width in (("mark", 1), ("subject", 10), ("what", 16), ("text", None)):
        table.add_column(name, width=width, no_wrap=width is not None, overflow="ellipsis" if width else "fold")
    before = ""
    for finding in found:
        mark, colour = _MARKS[finding.state]
        subject = finding.subject if finding.subject != before else ""
        before = finding.subject
        text = Text(finding.text, style="" if finding.state == "ok" else colour)
        if finding.step:
            text.append(f"\n→ {finding.step}", style="cyan")
        table.add_row(Text(mark, style=colour), Text(subject, style="bold"), finding.what, text)
    return table


def _summary(found: Sequence[Finding]) -> Text:
    counts = {state: sum(f.state == state for f in found) for state in _MARKS}
    parts = [Text(f"{counts['ok']} well", style="green")]
    if counts["warn"]:
        parts.append(Text(f"{counts['warn']} to look at", style="yellow"))
    if counts["fail"]:
        parts.append(Text(f"{counts['fail']} to correct before a night can run", style="bold red"))
    return Text(" · ").join(parts)


def _examined(hospitals: Sequence[str], tell: Callable[[str], None]) -> list[Finding]:
    """What there is to say; of a variable that cannot be used this alone, as nothing can be looked at then."""

    try:
        settings = load_settings()
        load_scheduling()
    except ConfigError as error:
        return [from_error(machine.SUBJECT, "settings", error)]
    return examine(look_at(settings, hospitals), tell)


@app.command()
def doctor(
    hospitals: Annotated[
        list[str] | None, typer.Argument(metavar="[HOSPITAL…]", help="Look at these hospitals only; default: all.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look at everything a night needs, and say what to do where it is not well.

    Looked at are settings, cores and memory, the engine's extensions, the key stores and their secret, mappings and
    expectations, the vocabulary, the warehouse with its revision, roles and row-level security, disk and rights, the
    hospitals' drop folders, runs at work or cut off and, where there is one, Airflow. Nothing is changed; no value of
    a patient and no secret is shown.

    Exit code 0: a night can run (what is marked ! should be looked at) · 4: a person has to correct something · 5: it
    may pass or be freed, such as a full disk or a database that is away.
    """

    with (
        errors_to_exit_codes(as_json=as_json),
        console.progress("looking at", quiet=as_json or not console.err.is_terminal) as tell,
    ):
        found = _examined(hospitals or [], lambda subject: tell(subject, ""))
    code = exit_code(found)
    if as_json:
        print_json({"exit_code": code, "findings": [asdict(f) for f in found]})
    else:
        out.print(findings_table(found))
        out.print(_summary(found))
    raise typer.Exit(code)
