"""The group of all commands, which loads the module of a command when that command is called."""

from __future__ import annotations

import gc
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from etl.cli.commands import COMMANDS, Command
from etl.loading import load

_BY_NAME = {command.name: command for command in COMMANDS}


class Commands(TyperGroup):
    """Lists commands from their table, so that help and completion load none of them."""

    def __init__(self, **attributes: Any) -> None:
        named = {c.name: TyperCommand(c.name, help=c.summary, rich_help_panel=c.panel) for c in COMMANDS}
        super().__init__(**(attributes | {"commands": named}))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is called, loaded, with its arguments."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, loaded(_BY_NAME[name], rest) if name else command, rest


def loaded(command: Command, args: list[str]) -> Any:
    """The command as its module's `app` defines it."""
    # what a command imports stays: looking for garbage among it would take a tenth of a second of a short one
    gc.set_threshold(100_000, 20, 20)
    if command.before and "--help" not in args:
        load(command.before)()
    found = typer.main.get_command(import_module(command.module).app)
    return found.commands.get(command.name, found) if isinstance(found, TyperGroup) else found
