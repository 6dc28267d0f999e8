"""References between rows of one person: an entry gives its rows a `key`, a field of another entry names it.

For every table or entry that some field refers to, `referred."<name>"(person, key, id, domain, domain_concept, field)`
holds the id that a key became, and the table in which that row landed: its domain decided, not the entry.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from etl.mapping.language.entries import Entry, Ref
from etl.sql import quote

PERSON = "person"
VISIT_COLUMNS = ("visit.start", "visit.end")  # of the visit that a row names
FIXED = {"visit": "visit_occurrence", "visit_detail": "visit_detail"}


@dataclass(frozen=True, slots=True)
class Target:
    """What a reference goes to: rows of all entries of a table, or of the one entry of that name."""

    table: str | None
    entry: str | None

    @property
    def is_person(self) -> bool:
        """Whether it is patients themselves, who are named by their ids."""
        return self.table == PERSON

    @property
    def relation(self) -> str:
        """The table that resolves its keys."""
        return f"referred.{quote(f'table {self.table}' if self.table else f'entry {self.entry}')}"

    def names(self, entry: Entry) -> bool:
        """Whether the entry's rows are among those referred to."""
        if self.is_person:
            return entry.target == PERSON
        if "key" not in entry.said():
            return False
        return entry.target == self.table if self.table else entry.label == self.entry


Relations: TypeAlias = dict[str, list[tuple[Target, str]]]


def steps_of(entry: Entry, field: str) -> list[tuple[Target, str]]:
    """Where a field of an entry is looked for, in turn: targets and keys (SQL); nothing when it does not refer."""
    value = entry.said().get(field)
    if isinstance(value, Ref) and entry.shape.kinds[field] == "ref":
        return [(Target(ref.table, ref.entry), ref.key) for ref in (value, *value.fallback)]
    table = FIXED.get(entry.shape.kinds[field])
    return [(Target(table, None), str(value))] if table and value is not None else []


def targets_of(entries: Iterable[Entry]) -> set[Target]:
    """Everything that some field of the entries refers to."""
    return {target for entry in entries for field in entry.shape.kinds for target, _ in steps_of(entry, field)}


def relations(entries: Iterable[Entry], entry: Entry) -> Relations:
    """By field of an entry that refers, the relations that resolve it in turn, each with its key."""
    known = tuple(entries)
    found: Relations = {}
    for field in entry.said():
        steps = steps_of(entry, field)
        if steps:
            found[field] = [(t, key) for t, key in steps if any(t.names(other) for other in known)]
    return found
