"""Checks references: that what a field refers to is there, and filled before."""

from __future__ import annotations

from collections.abc import Iterable

from etl.cdm.shapes import Shape, shapes, waves
from etl.errors import nearest
from etl.mapping.language.entries import Entry
from etl.mapping.language.references import Target


def problem_of(entries: Iterable[Entry], entry: Entry, target: Target) -> str | None:
    """What is wrong with a reference of an entry, as a sentence for who wrote it; None when it can be resolved."""
    known = tuple(entries)
    table = target.table
    if target.is_person:
        return None if entry.shape.mirror else f"rows of {entry.target} belong to a patient and cannot refer to one"
    problem = _unnamed(target, known)
    if problem is None:
        table = table or next(other.target for other in known if other.label == target.entry)
        if table not in _before(entry.shape):
            problem = f"rows of {entry.target} cannot refer to {table}, which is filled at the same time or later"
        elif not any(target.names(other) for other in known):
            problem = f"no entry of {table} says `key`" if target.table else f"'{target.entry}' says no `key`"
    return problem


def _unnamed(target: Target, entries: tuple[Entry, ...]) -> str | None:
    """Why a target names nothing, or None."""
    if (target.table is None) == (target.entry is None):
        return "says `table` and `entry`; keep one" if target.table else "needs `table` or `entry`: where is this key?"
    if target.entry is not None:
        labels = [entry.label for entry in entries]
        known = target.entry in labels
        return None if known else f"there is no entry '{target.entry}'{nearest(target.entry, labels)}"
    tables = [shape.table for shape in shapes().values() if shape.id]
    known = target.table in tables
    return None if known else f"there is no table '{target.table}' with an id{nearest(str(target.table), tables)}"


def _before(shape: Shape) -> set[str]:
    """Tables that are written before the rows of a shape are read, so that these can refer to them."""
    found: set[str] = set()
    for wave in waves():
        if shape.table in wave:
            break
        found.update(wave)
    return found
