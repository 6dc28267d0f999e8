"""Checks entries: that every field names columns, look-ups and rows that exist."""

from __future__ import annotations

from typing import Any

from etl.cdm.shapes import ENTITIES, events, shapes
from etl.errors import nearest
from etl.mapping.check.checker import Checker
from etl.mapping.check.lookups import check_step
from etl.mapping.check.problems import model_of_entry
from etl.mapping.check.references import problem_of
from etl.mapping.language.contract import Source
from etl.mapping.language.entries import Entry, Ref
from etl.mapping.language.landed import entity_columns, landed_columns
from etl.mapping.language.lookups import Lookup
from etl.mapping.language.mapping import Declarations
from etl.mapping.language.places import Path_
from etl.mapping.language.references import steps_of


def check_entry(check: Checker, entry: Entry, known: Declarations) -> None:
    """An entry names a source, and only columns, look-ups and rows that are there."""
    path: Path_ = ("entries", entry.label)
    source = known.sources.get(entry.from_)
    if ("sources", entry.from_) in check.broken:
        return
    if source is None:
        check.add((*path, "from"), f"there is no source '{entry.from_}'{nearest(entry.from_, known.sources)}")
        return
    columns = set(landed_columns(source))
    if entry.unpivot:
        for column in entry.unpivot.columns:
            if column not in columns:
                check.add((*path, "unpivot"), f"column '{column}' is not in '{entry.from_}'{nearest(column, columns)}")
        columns |= {entry.unpivot.name, entry.unpivot.value}
    where = f"source '{entry.from_}'"
    for rule, sql in entry.rules.items():
        check.expression((*path, "where", rule), sql, columns, where)
    for name, value in entry.said().items():
        _check_field(check, (*path, name), entry, name, value, source, columns, known)


def check_references(check: Checker, entries: list[Entry]) -> None:
    """What a field refers to is filled before, by an entry that says a `key`."""
    for entry in entries:
        for field in entry.said():
            if entry.shape.kinds[field] == "visit":
                continue  # a hospital without visits leaves it empty
            for i, (target, _) in enumerate(steps_of(entry, field)):
                path = ("entries", entry.label, field, *(("fallback", i - 1) if i else ()))
                problem = problem_of(entries, entry, target)
                if problem:
                    check.add(path, problem)


def _check_field(
    check: Checker, path: Path_, entry: Entry, name: str, value: Any, source: Source, columns: set[str],
    known: Declarations,
) -> None:  # fmt: skip
    where = f"source '{entry.from_}'"
    kind = entry.shape.kinds[name]
    if kind == "person":
        persons = [n for n, c in landed_columns(source).items() if c.identifier == "person"]
        if value not in persons:
            check.add(path, f"'{value}' is not declared `identifier: person` in {where}{nearest(value, persons)}")
    elif kind in ENTITIES:
        named = entity_columns(source, kind)
        if value not in named:
            check.add(path, f"'{value}' is not declared `entity: {kind}` in {where}{nearest(value, named)}")
    elif isinstance(value, Lookup):
        check.expression((*path, "code"), value.code, columns, where)
        if value.description:
            check.expression((*path, "description"), value.description, columns, where)
        check_step(check, path, value, known)
        for i, step in enumerate(value.fallback):
            check_step(check, (*path, "fallback", i), step, known)
            if step.code:
                check.expression((*path, "fallback", i, "code"), step.code, columns, where)
    elif isinstance(value, Ref):
        check.expression((*path, "key"), value.key, columns, where)
        for i, ref in enumerate(value.fallback):
            check.expression((*path, "fallback", i, "key"), ref.key, columns, where)
    elif isinstance(value, str):
        check.expression(path, value, columns, where)


def read_entries(check: Checker, raw: dict[str, Any]) -> list[Entry]:
    """The entries that can be read; what is wrong with the others is noted."""
    entries = []
    for name, data in raw.items():
        model = model_of_entry(data)
        if model is None:
            kind = next((k for k in ("event", "table") if isinstance(data, dict) and data.get(k)), None)
            word = data[kind] if kind else None
            words = [*events(), *shapes()]
            said = (
                f"unknown `event` or `table` '{word}'{nearest(str(word), words)}"
                if word
                else "needs `event` or `table`"
            )
            check.add(("entries", name, *((kind,) if kind else ())), said)
        elif (entry := check.validated(model, data, ("entries", name))) is not None:
            entries.append(entry)
    return entries
