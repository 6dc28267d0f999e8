"""Arguments and options that several commands take, and the app that a module's commands stand in."""

from __future__ import annotations

import getpass
from datetime import date, datetime
from typing import Annotated

import typer

LARGEST_NUMBER = 2**31 - 1  # of what the ledger numbers; a larger one no database can look for
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON for a script to read.")]
Hospital = Annotated[str, typer.Argument(help="Short name of the hospital.")]
By = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Who decided, where somebody else enters it; default: the user logged in."),
]
Night = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Night of the delivery, YYYY-MM-DD.")]


def command_app(help_text: str | None = None) -> typer.Typer:
    """The app of one module; with a text it is a group of its own, such as `etl vocabulary`."""
    return typer.Typer(
        help=help_text, no_args_is_help=help_text is not None, add_completion=False, rich_markup_mode="rich"
    )


def day_of(moment: datetime | None) -> date | None:
    """The day that an option says, if it says one."""
    return moment.date() if moment else None


def actor_of(by: str | None) -> str:
    """Who acts, as the ledger keeps it: the user logged in, who may enter it for somebody else."""
    user = getpass.getuser()
    return f"{by} (entered by {user})" if by else user
