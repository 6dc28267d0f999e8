"""The group of all commands, which loads the module of a command when that command is called."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from etl.cli.commands import COMMANDS, Command
from etl.cli.complete import Completed
from etl.cli.console import errors_to_exit_codes
from etl.loading import load

_BY_NAME = {command.name: command for command in COMMANDS}


class Commands(TyperGroup):
    """Lists commands from their table, so that help and completion load none of them."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands: Any = _Loaded()
        self._listed = {c.name: TyperCommand(c.name, help=c.summary, rich_help_panel=c.panel) for c in COMMANDS}

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of their table."""
        return list(self._listed)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """What help and completion show of a command."""
        return self._listed.get(cmd_name)

    def invoke(self, ctx: Any) -> Any:
        """Call the command; whatever goes wrong outside of what it guards itself ends in a message and a code, too."""
        with errors_to_exit_codes(as_json="--json" in sys.argv):
            return super().invoke(ctx)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is called, loaded, with its arguments."""
        name, command, rest = super().resolve_command(ctx, args)
        if name is None:
            return name, command, rest
        if ctx.resilient_parsing:  # the shell completes
            return name, Completed(name, lambda: self.commands[name]), rest
        if (before := _BY_NAME[name].before) and "--help" not in rest:
            load(before)()
        return name, self.commands[name], rest


class _Loaded(Mapping[str, Any]):
    """The commands by name, each loaded when it is asked for."""

    def __getitem__(self, name: str) -> Any:
        return _loaded(_BY_NAME[name])

    def __iter__(self) -> Iterator[str]:
        return iter(_BY_NAME)

    def __len__(self) -> int:
        return len(_BY_NAME)


def _loaded(command: Command) -> Any:
    """The command as its module's `app` defines it."""
    # what a command imports stays: looking for garbage among it would take a tenth of a second of a short one
    gc.set_threshold(100_000, 20, 20)
    found = typer.main.get_command(import_module(command.module).app)
    return found.commands.get(command.name, found) if isinstance(found, TyperGroup) else found
