"""Checks the names that a hospital gives: they become tables, folders and lines of the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from etl.mapping.check.checker import Checker
from etl.mapping.language.entries import Entry
from etl.mapping.language.mapping import Declarations
from etl.mapping.language.places import Path_

_LONGEST = 80  # what the ledger keeps of a source, of a reason and of its rule
_LONGEST_ENTRY = 120


def check_names(check: Checker, known: Declarations, entries: Iterable[Entry]) -> None:
    """Names of sources, entries, rules and look-ups can be written down as they are, and differ in more than case."""
    named: dict[tuple[str, str], str] = {}
    for path, longest in _names(known, entries):
        kind, name = str(path[0]), str(path[-1])
        reason = _unfit(name, longest)
        if reason is None and kind == "sources" and PurePosixPath(name).name != name:
            reason = "names a folder: it may not hold a slash"
        if reason is None and len(path) == 2:
            other = named.setdefault((kind, name.casefold()), name)
            reason = None if other == name else f"differs from '{other}' in capitals only; the engine takes them as one"
        if reason is not None:
            check.add(path, reason)


def _names(known: Declarations, entries: Iterable[Entry]) -> Iterator[tuple[Path_, int]]:
    for kind in type(known).model_fields:
        yield from (((kind, name), _LONGEST) for name in getattr(known, kind))
    for entry in entries:
        yield ("entries", entry.label), _LONGEST_ENTRY
        yield from ((("entries", entry.label, "where", rule), _LONGEST) for rule in entry.rules)


def _unfit(name: str, longest: int) -> str | None:
    if not name or not name.isprintable():
        return "is a name without letters, or with signs that cannot be shown"
    return f"is a name of {len(name)} letters; at most {longest} can be kept" if len(name) > longest else None
