"""The command that holds a delivery against its contract before a night."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from etl.cli import console
from etl.cli.console import errors_to_exit_codes, out, print_json
from etl.cli.options import AsJson, Hospital, Night, command_app, day_of
from etl.errors import InputError
from etl.mapping.load import load_mappings
from etl.night.land.compare import Comparison
from etl.night.land.compare import compare as compare_delivery
from etl.settings import load_settings

app = command_app()


@app.command(
    epilog="""[bold]Examples[/]

    etl compare snuh exports/snuh/2026-11-24 · before its night, or after one was refused

    etl compare snuh exports/snuh/2026-11-24 --json | jq '.differences\\[] | select(.refuses)' · for a script""",
)
def compare(
    hospital: Hospital,
    delivery: Annotated[Path, typer.Argument(help="Folder with the night's files.")],
    night: Night = None,
    as_json: AsJson = False,
) -> None:
    """Compare a delivery with its contract: every difference at once; nothing lands, nothing is written down.

    Looked at are files (missing, or read by no source), the manifest, headers (missing, doubled, new and renamed
    columns, other letters), encodings, delimiters, cut files, unreadable rows, and row counts. What stops a night is
    marked ✗, with what to do; the rest is worth knowing. New columns are told by
    their numbers, and what a pattern found by its place among the files: no text of the delivery is shown.

    Exit code 0: a night would land · 3: it would be refused, for every reason marked ✗.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        mapping = load_mappings(settings.mappings, [hospital])[hospital]
        with console.progress(f"comparing {hospital}", quiet=as_json or not console.err.is_terminal) as tell:
            try:
                found = compare_delivery(settings, mapping, delivery, day_of(night), lambda file: tell(file, ""))
            except InputError as error:
                if not as_json:
                    raise
                print_json({"hospital": hospital, "lands": False, "error": error.message, "differences": []})
                console.show_error(error)
                raise typer.Exit(error.exit_code) from error
    if as_json:
        print_json(_as_json(found))
    else:
        _show(found)
    raise typer.Exit(InputError.exit_code if found.refused else 0)


def _show(found: Comparison) -> None:
    refusing = sum(d.refuses for d in found.differences)
    for difference in found.differences:
        mark, style = ("✗", "red") if difference.refuses else ("·", "")
        out.print(Text.assemble((mark, style), f" {difference.message}", style=style), soft_wrap=True)
        if difference.hint:
            out.print(Text(f"    → {difference.hint}", style="cyan"), soft_wrap=True)
    what = f"{len(found.rows):,} files, {sum(found.rows.values()):,} rows"
    if refusing:
        out.print(f"{found.hospital}, night {found.night}: it would be refused, {refusing:,} to correct", style="bold")
    else:
        out.print(f"{found.hospital}, night {found.night}: it would land, {what}", style="bold")


def _as_json(found: Comparison) -> dict[str, Any]:
    return {
        "hospital": found.hospital,
        "night": found.night,
        "delivery": str(found.folder),
        "lands": not found.refused,
        "rows": found.rows,
        "differences": [
            {
                "kind": d.kind, "refuses": d.refuses, "source": d.source, "file": d.file, "message": d.message,
                "hint": d.hint,
            }
            for d in found.differences
        ],
    }  # fmt: skip
