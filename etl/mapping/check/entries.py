"""Checks entries: that every field names columns, look-ups and rows that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from etl.cdm.shapes import ENTITIES, events, shapes
from etl.errors import nearest
from etl.mapping.check.checker import Checker
from etl.mapping.check.lookups import check_step
from etl.mapping.check.problems import model_of_entry
from etl.mapping.check.references import problem_of
from etl.mapping.expression import looks_at_rows
from etl.mapping.language.contract import Source
from etl.mapping.language.entries import Entry, Ref
from etl.mapping.language.landed import entity_columns, landed_columns, person_columns
from etl.mapping.language.lookups import Lookup
from etl.mapping.language.mapping import Declarations
from etl.mapping.language.places import Path_
from etl.mapping.language.references import PERSON, VISIT_COLUMNS, steps_of


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
    columns |= set(_check_beside(check, path, entry, columns, known))
    rows = _Rows(f"source '{entry.from_}'", source, columns, known)
    for word, texts in (("per", entry.per), ("prefer", entry.prefer)):
        for i, sql in enumerate(texts):
            rows.expression(check, (*path, word, i), sql)
    if entry.prefer and not (entry.per or entry.shape.unique or (source.key and not entry.unpivot)):
        other = ", or `key` in the source's contract" if not entry.unpivot else ""
        check.add((*path, "prefer"), f"there is nothing to choose between: say `per` here{other}")
    if entry.per and "person" not in entry.shape.kinds:
        check.add((*path, "per"), f"rows of {entry.target} belong to nobody; `per` is one row of a patient's")
    visits = {*columns, *(VISIT_COLUMNS if "visit" in entry.said() else ())}
    for rule, sql in entry.rules.items():
        replace(rows, columns=visits).expression(check, (*path, "where", rule), sql)
    for name, value in entry.said().items():
        _check_field(check, (*path, name), entry, name, value, rows, visits)


@dataclass(frozen=True)
class _Rows:
    """What the fields of an entry may name."""

    where: str
    source: Source
    columns: set[str]
    known: Declarations

    def expression(self, check: Checker, path: Path_, sql: str) -> None:
        """Note what is wrong with an expression over the rows."""
        check.expression(path, sql, self.columns, self.where, windows=True)
        if not person_columns(self.source) and sql not in self.columns and looks_at_rows(sql):
            check.add(path, f"looks at other rows, and {self.where} names no patient whose rows these are")


def _check_beside(check: Checker, path: Path_, entry: Entry, columns: set[str], known: Declarations) -> Iterator[str]:
    """The columns of the sources that an entry looks into, `<word>.<column>`."""
    for word, other in entry.with_.items():
        here = (*path, "with", word)
        source = known.sources.get(other.source)
        if not re.fullmatch(r"[a-z_][a-z0-9_]*", word) or word == "visit":
            check.add(here, "is no word for a source: lower-case letters, digits and _, and not `visit`")
        if source is None:
            if ("sources", other.source) not in check.broken:
                said = nearest(other.source, known.sources)
                check.add((*here, "source"), f"there is no source '{other.source}'{said}")
            continue
        theirs = set(landed_columns(source))
        for column, sql in other.on.items():
            if column not in theirs:
                check.add((*here, "on"), f"column '{column}' is not in '{other.source}'{nearest(column, theirs)}")
            check.expression((*here, "on", column), sql, columns, f"source '{entry.from_}'")
        for i, sql in enumerate(other.prefer):
            check.expression((*here, "prefer", i), sql, theirs, f"source '{other.source}'")
        yield from (f"{word}.{column}" for column in theirs)


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
    check: Checker, path: Path_, entry: Entry, name: str, value: Any, rows: _Rows, visits: set[str]
) -> None:
    kind = entry.shape.kinds[name]
    if kind == "person":
        persons = person_columns(rows.source)
        if value not in persons:
            check.add(path, f"'{value}' is not declared `identifier: person` in {rows.where}{nearest(value, persons)}")
    elif kind in ENTITIES:
        named = _entities(entry, rows, kind)
        if value not in named:
            check.add(path, f"'{value}' is not declared `entity: {kind}` in {rows.where}{nearest(value, named)}")
    elif isinstance(value, Lookup):
        _check_lookup(check, path, value, rows)
    elif isinstance(value, Ref):
        for i, ref in enumerate((value, *value.fallback)):
            here = (*path, *(("fallback", i - 1) if i else ()), "key")
            rows.expression(check, here, ref.key)
            if ref.table == PERSON and ref.key not in person_columns(rows.source):
                check.add(here, f"'{ref.key}' is not declared `identifier: person` in {rows.where}")
        if kind == "parent" and (value.table != entry.target or value.fallback):
            check.add(
                path, f"the parent is a row of {entry.target} as well: say `table: {entry.target}`, without fallback"
            )
    elif isinstance(value, str):
        replace(rows, columns=rows.columns if kind in ("visit", "parent") else visits).expression(check, path, value)
    if kind == "parent" and "key" not in entry.said():
        check.add(path, "needs the `key` by which a row can be the parent of another one")


def _entities(entry: Entry, rows: _Rows, kind: str) -> list[str]:
    beside = ((word, rows.known.sources.get(other.source)) for word, other in entry.with_.items())
    theirs = [f"{word}.{c}" for word, source in beside if source for c in entity_columns(source, kind)]
    return [*entity_columns(rows.source, kind), *theirs]


def _check_lookup(check: Checker, path: Path_, value: Lookup, rows: _Rows) -> None:
    rows.expression(check, (*path, "code"), value.code)
    if value.description:
        rows.expression(check, (*path, "description"), value.description)
    for i, step in enumerate((value, *value.fallback)):
        here = (*path, "fallback", i - 1) if i else path
        check_step(check, here, step, rows.known)
        if i and step.code:
            rows.expression(check, (*here, "code"), step.code)
        if step.when:
            rows.expression(check, (*here, "when"), step.when)


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
