"""The command that writes the validation reports."""

from __future__ import annotations

from etl.cli.console import err, errors_to_exit_codes, out
from etl.cli.options import command_app
from etl.quality.morning import morning
from etl.settings import load_settings

app = command_app()


@app.command(
    epilog="""[bold]Examples[/]

    etl report · then open the page it names

    xdg-open "$(etl report)" · both in one""",
)
def report() -> None:
    """Write the validation reports of all nights and the lineage pages; print where the index is.

    What is published and was not measured yet is measured before, and findings are brought up to date.
    """
    with errors_to_exit_codes():
        index, failed = morning(load_settings())
        for line in failed:
            err.print(line, soft_wrap=True)
        out.print(str(index), soft_wrap=True)
