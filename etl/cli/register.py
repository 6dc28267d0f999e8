"""`etl register`: the register of pseudonymised processing, shown, exported and printed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table

from etl.cli.console import err, errors_to_exit_codes, out, print_json
from etl.cli.options import LARGEST_NUMBER, AsJson, command_app
from etl.errors import UsageError
from etl.files import write_atomically
from etl.quality.names import hospital_names
from etl.research.oversight.definition import definition
from etl.research.oversight.register import Processing, of_request
from etl.research.oversight.register import register as all_lines
from etl.research.oversight.told import as_plain, told, word
from etl.settings import load_settings
from etl.store.ledger.ledger import Ledger
from etl.store.recorded import tell

app = command_app("The register of pseudonymised processing that the law asks for: a line for every data set built.")
Language = Annotated[Literal["ko", "en"], typer.Option(help="In which language.")]
_SHORT = ("number", "title", "processed", "use", "destroyed", "kept_until")


@app.command(
    epilog="""[bold]Examples[/]

    etl register show · all lines, the oldest first

    etl register show 3 · the data sets of request 3, with all that the law asks for"""
)
def show(
    request: Annotated[
        int | None, typer.Argument(max=LARGEST_NUMBER, metavar="[N]", help="Only of this request, in full.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the register. It is told by the requests' own steps: nothing is entered for it.

    A data set that was built anew, because a hospital was kept out, say, is a line of its own. A request for which no
    data were built has none. A line is kept for three years after its data were destroyed, and is not removed then.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        ledger = Ledger(settings.ledger_url)
        lines = all_lines(ledger) if request is None else of_request(ledger, request)
        if as_json:
            print_json([as_plain(line) for line in lines])
            return
        names = hospital_names(settings)
        if request is None:
            out.print(_table(lines) if lines else word("none", "en"))
        for line in lines if request is not None else ():
            for key, texts in told(line, names, "en").items():
                out.print(f"{definition().columns[key].title.en}: {'; '.join(texts) or '–'}", soft_wrap=True)
            out.print()


@app.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File to write: .csv or .json.")],
    language: Language = "ko",
) -> None:
    """Write the register into a file: a table (.csv) in a language, or all of it for a program (.json).

    That it was exported is in the audit log.
    """
    with errors_to_exit_codes():
        # the page's templates take a moment to load, which no other command waits for
        from etl.research.oversight.written import as_csv, as_json  # noqa: PLC0415

        if file.suffix not in (".csv", ".json") or file.exists():
            raise UsageError(f"{file} is there already, or ends neither in .csv nor in .json", hint="another name")
        settings = load_settings()
        lines = all_lines(Ledger(settings.ledger_url))
        tell(settings, "register exported", file.name, returned=len(lines))
        text = as_json(lines) if file.suffix == ".json" else as_csv(lines, hospital_names(settings), language)
        write_atomically(file, text)
        err.print(f"wrote {len(lines)} lines into {file}", soft_wrap=True)


@app.command("print")
def print_(
    file: Annotated[Path, typer.Argument(metavar="FILE.html", help="Page to write; one that is there is replaced.")],
    language: Language = "ko",
) -> None:
    """Write the register as a page to be printed on A4. That it was is in the audit log."""
    with errors_to_exit_codes():
        from etl.research.oversight.written import printed  # noqa: PLC0415 - as above

        settings = load_settings()
        lines = all_lines(Ledger(settings.ledger_url))
        tell(settings, "register exported", file.name, returned=len(lines))
        write_atomically(file, printed(lines, hospital_names(settings), language))
        err.print(f"wrote {len(lines)} lines into {file}", soft_wrap=True)


def _table(lines: list[Processing]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for key in _SHORT:
        table.add_column(definition().columns[key].title.en.lower(), no_wrap=key == "number")
    for line in lines:
        texts = told(line, {}, "en")
        table.add_row(*("\n".join(texts[key]) or "–" for key in _SHORT))
    return table
