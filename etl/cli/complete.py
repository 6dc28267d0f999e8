"""What the shell completes: hospitals, recipes, runs, vocabulary releases and tables, without loading a command.

A command's own module would load the engine, which takes a second; the shell asks at every press of the key. So
names are read from folders, and what stands where on a command line from the tables below. Only the names of options
are asked of the command itself.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from typer.core import CompletionItem, TyperCommand  # type: ignore[attr-defined]

_PROGRAM = Path(__file__).resolve().parent.parent
_MOST_RUNS = 50
Names = Callable[[], list[str]]


def _setting(name: str, default: Path) -> Path:
    """A folder as the settings have it: the environment, else a `.env` file; they are not loaded for it."""
    found = os.environ.get(name)
    for file in (Path(".env"), _PROGRAM.parent / ".env"):
        if found is None and file.is_file():
            lines = (line.partition("=") for line in file.read_text(encoding="utf-8").splitlines())
            found = next((value.strip().strip("\"'") for key, _, value in lines if key.strip() == name), None)
    return Path(found).expanduser() if found else default


def _home() -> Path:
    return _setting("ETL_HOME", _PROGRAM.parent / "demo")


def hospitals() -> list[str]:
    """Hospitals that have mappings."""
    folder = _setting("ETL_MAPPINGS", _PROGRAM.parent / "mappings")
    return sorted(file.parent.name for file in folder.glob("*/hospital.yaml"))


def recipes() -> list[str]:
    """Query recipes."""
    return sorted(file.stem for file in (_PROGRAM / "research" / "recipes").glob("*.sql"))


def runs() -> list[str]:
    """The newest runs, the last one first."""
    files = sorted((_home() / "runs").glob("*.json"), key=lambda f: f.stat().st_mtime, reverse=True)
    return [file.stem for file in files[:_MOST_RUNS]]


def releases() -> list[str]:
    """Loaded vocabulary releases."""
    return sorted(file.parent.name for file in (_home() / "vocabulary").glob("[!.]*/release.json"))


def spaces() -> list[str]:
    """Project spaces that stand."""
    return sorted(file.parent.name for file in (_home() / "spaces").glob("[!.]*/about.json"))


def datasets() -> list[str]:
    """Data sets that are defined."""
    folder = _setting("ETL_DATASETS", _PROGRAM.parent / "datasets")
    return sorted(file.parent.name for file in folder.glob("[!.]*/dataset.yaml"))


def cdm_tables() -> list[str]:
    """Tables of the CDM that hospitals' rows are in."""
    with (_PROGRAM / "cdm" / "tables.csv").open(encoding="utf-8", newline="") as file:
        return [row["table"] for row in csv.DictReader(file) if row["owner"]]


def _unknown() -> list[str]:
    """What only the ledger knows, which is not opened for it."""
    return []


def _either(*parts: Names) -> Names:
    return lambda: [name for part in parts for name in part()]


#: Commands of commands.
SUBCOMMANDS: Mapping[str, tuple[str, ...]] = {
    "disclosure": ("check",),
    "audit": ("verify", "search", "export", "unusual", "look", "looked-at", "prune", "anchor", "kinds"),
    "findings": ("list", "show", "acknowledge", "assign", "work", "waive", "resolve", "reopen", "note", "digest"),
    "keys": ("backup", "restore", "rotate", "verify", "at-rest"),
    "keys at-rest": ("new", "rotate", "restore", "status"),
    "office": ("serve", "account"),
    "office account": ("add", "list", "role", "password", "disable"),
    "space": ("check", "show"),
    "dataset": ("list", "show", "build", "verify", "diff", "export", "explain"),
    "request": (
        "form", "new", "change", "submit", "irb", "keep-out", "pledge", "withdraw", "suspend", "breach", "close",
        "use-further", "list", "show", "late", "register", "print", "review",
        "build", "test", "open", "destroy", "twin", "attach", "sql", "work", "role",
    ),
    "output": ("check", "hand-in", "list", "show", "open", "release", "refuse", "withdraw", "get"),
    "request review": ("open", "declare", "vote", "approve", "refuse", "send-back"),
    "request role": ("give", "take", "list"),
    "register": ("show", "export", "print"),
    "vocabulary": ("load", "list", "use", "remove", "diff"),
    "warehouse": ("move", "init", "upgrade", "status", "user", "clear"),
}  # fmt: skip
#: What stands at each place of a command line; the last one may be repeated where it ends with None.
ARGUMENTS: Mapping[str, tuple[Names | None, ...]] = {
    "approve": (runs,),
    "check": (hospitals, None),
    "compare": (hospitals,),
    "doctor": (hospitals, None),
    "draft": (hospitals,),
    "extract": (hospitals,),
    "clean": (hospitals, None),
    "lineage": (hospitals, None),
    "publish": (runs,),
    "recipes": (recipes,),
    "rollback": (hospitals,),
    "run": (hospitals,),
    "trace": (_either(cdm_tables, hospitals),),
    "battery": (hospitals,),
    "unmapped": (hospitals,),
    "why": (hospitals,),
    "findings list": (hospitals,),
    "space show": (spaces,),
    **{f"dataset {name}": (datasets,) for name in ("show", "build", "verify", "diff", "export", "explain")},
    "request keep-out": (_unknown, hospitals),
    "keys restore": (hospitals,),
    "vocabulary use": (releases,),
    "vocabulary remove": (releases,),
    "vocabulary diff": (releases, releases),
}
#: Values of options.
OPTIONS: Mapping[str, Mapping[str, Names]] = {
    "achilles": {"--hospital": hospitals},
    "sql": {"--run": runs},
    "sample": {"--hospital": hospitals},
    "vocabulary diff": {"--hospital": hospitals},
    "warehouse user": {"--hospital": hospitals},
}


def completions(command: str, words: Sequence[str], incomplete: str) -> list[str]:
    """What may stand behind `words` of a command line, beginning with `incomplete`; nothing: the shell knows files."""
    path, rest = _path(command, words)
    if path in SUBCOMMANDS:
        return [name for name in SUBCOMMANDS[path] if name.startswith(incomplete)]
    options = OPTIONS.get(path, {})
    if rest and rest[-1] in options:
        return [name for name in options[rest[-1]]() if name.startswith(incomplete)]
    names = _at(ARGUMENTS.get(path, ()), len(list(_places(rest, options))))
    given = set(rest)
    return [name for name in names() if name.startswith(incomplete) and name not in given] if names else []


def _path(command: str, words: Sequence[str]) -> tuple[str, Sequence[str]]:
    while command in SUBCOMMANDS and words:
        command, words = f"{command} {words[0]}", words[1:]
    return command, words


def _places(words: Sequence[str], options: Mapping[str, Names]) -> Iterator[str]:
    """The words that are no options and no values of options."""
    for before, word in zip(("", *words), words, strict=False):
        if not word.startswith("-") and before not in options:
            yield word


def _at(places: Sequence[Names | None], place: int) -> Names | None:
    if places and places[-1] is None:
        place = min(place, len(places) - 2)
    return places[place] if place < len(places) else None


class Completed(TyperCommand):
    """Stands for a command while the shell completes; `load` gives the command itself, for the names of its options."""

    def __init__(self, name: str, load: Callable[[], Any]) -> None:
        super().__init__(name, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
        self._load = load

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """See the shell's completion of Typer."""
        if incomplete.startswith("-"):
            return self._options(ctx, incomplete)
        return [CompletionItem(name) for name in completions(self.name or "", ctx.args, incomplete)]

    def _options(self, ctx: Any, incomplete: str) -> list[Any]:
        command, words = self._load(), list(ctx.args)
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]
        with command.make_context(command.name, words, parent=ctx.parent, resilient_parsing=True) as own:
            found: list[Any] = command.shell_complete(own, incomplete)
            return found
