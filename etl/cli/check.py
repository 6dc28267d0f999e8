"""The command that checks mappings and expectations without data."""

from __future__ import annotations

from typing import Annotated

import typer

from etl.cli.console import errors_to_exit_codes, out
from etl.cli.options import command_app
from etl.onboarding.definitions import check_everything
from etl.quality.battery.battery import DASHBOARD, load_battery
from etl.settings import load_settings

app = command_app()


@app.command()
def check(
    hospitals: Annotated[list[str] | None, typer.Argument(metavar="[HOSPITAL…]", help="Default: all.")] = None,
) -> None:
    """Check mappings and expectations without any data; every problem at once, with file and line."""
    with errors_to_exit_codes():
        settings = load_settings()
        for line in check_everything(settings, hospitals or None):
            out.print(line)
        if (settings.expectations / DASHBOARD).is_dir():
            out.print(f"battery: {len(load_battery(settings.expectations)):,} checks")
