"""Arguments and options that several commands take, and the app that a module's commands stand in."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Write JSON for a script to read.")]
Hospital = Annotated[str, typer.Argument(help="Short name of the hospital.")]
Night = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Night of the delivery, YYYY-MM-DD.")]


def command_app(help_text: str | None = None) -> typer.Typer:
    """The app of one module; with a text it is a group of its own, such as `etl vocabulary`."""
    return typer.Typer(
        help=help_text, no_args_is_help=help_text is not None, add_completion=False, rich_markup_mode="rich"
    )


def day_of(moment: datetime | None) -> date | None:
    """The day that an option says, if it says one."""
    return moment.date() if moment else None
