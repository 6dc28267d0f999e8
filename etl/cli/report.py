"""The command that writes the validation reports."""

from __future__ import annotations

from etl.cli.console import errors_to_exit_codes, out
from etl.cli.options import command_app
from etl.quality.pages import write_all_reports
from etl.settings import load_settings

app = command_app()


@app.command(
    epilog="""[bold]Examples[/]

    etl report · then open the page it names

    xdg-open "$(etl report)" · both in one""",
)
def report() -> None:
    """Write the validation reports of all nights and the lineage pages; print where the index is."""
    with errors_to_exit_codes():
        out.print(str(write_all_reports(load_settings())), soft_wrap=True)
