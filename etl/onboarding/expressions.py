"""Binds every SQL expression of a mapping to a delivery without rows: what a night would trip over, all at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
from duckdb import DuckDBPyConnection

from etl.cdm.shapes import ENTITIES
from etl.errors import Problem, nearest
from etl.mapping.check.concepts import place_of
from etl.mapping.compile.relation import Rows, source_relation
from etl.mapping.expression import Within, columns_of, render
from etl.mapping.language.entries import Entry, Ref
from etl.mapping.language.landed import landed_columns_sql
from etl.mapping.language.lookups import Lookup
from etl.mapping.language.mapping import HospitalMapping
from etl.mapping.language.places import Path_
from etl.sql import quote

_FUNCTION = re.compile(r"Function with name (\w+) does not exist")
_FAMILY = re.compile(r"^\w+ Error: ")


@dataclass(frozen=True, slots=True)
class _Expression:
    """An expression over the columns `known` of `relation`; `needed` names what is lost where it gives nothing."""

    path: Path_
    sql: str
    relation: str
    known: Sequence[str]
    condition: bool = False
    needed: str | None = None
    within: Within | None = None


def unbound_expressions(con: DuckDBPyConnection, mapping: HospitalMapping) -> list[Problem]:
    """Every expression that the engine refuses, and every needed one that gives nothing whatever a row holds.

    `con` has the engine's functions and the views `landed.…` and `touched.…`.
    """
    problems = []
    for expression in _expressions(mapping):
        message = _refused(con, expression) or _empty(con, expression)
        if message:
            place = place_of(mapping, expression.path)
            problems.append(Problem(place.file, place.line, ".".join(map(str, expression.path)), message))
    return problems


def said_of(con: DuckDBPyConnection, error: duckdb.Error) -> str:
    """The engine's message about SQL that it refuses, in one line, with the nearest function if one is unknown."""
    first = _FAMILY.sub("", str(error).partition("\n")[0]).rstrip("!")
    unknown = _FUNCTION.search(first)
    return first + (nearest(unknown[1], _functions(con)) if unknown else "")


def _functions(con: DuckDBPyConnection) -> tuple[str, ...]:
    rows = con.execute(
        "select distinct function_name from duckdb_functions() where regexp_matches(function_name, '^[a-z]')"
    ).fetchall()
    return tuple(str(name) for (name,) in rows)


def _refused(con: DuckDBPyConnection, x: _Expression) -> str | None:
    sql = render(x.sql, x.known, within=x.within)
    try:
        # beside the columns, as an aggregate cannot stand
        con.execute(
            f"select *, {f'not coalesce({sql}, false)' if x.condition else f'{sql}::varchar'} from {x.relation}"
        )
    except duckdb.Error as error:
        return said_of(con, error)
    return None


def _empty(con: DuckDBPyConnection, x: _Expression) -> str | None:
    """What is lost by a needed expression that looks at no column and gives nothing."""
    if x.needed is None or columns_of(x.sql, x.known):
        return None
    row = con.execute(f"select omop_blank({render(x.sql, x.known)}::varchar) is null").fetchone()
    return f"gives nothing for any row, and {x.needed} has to be filled" if row and row[0] else None


def _expressions(mapping: HospitalMapping) -> Iterator[_Expression]:
    for name, source in mapping.sources.items():
        path: Path_ = ("sources", name)
        raw = ", ".join(f"null::varchar as {quote(c)}" for c in source.columns)
        for column, computed in source.computed.items():
            relation = f"(select {raw} where false)"
            yield _Expression((*path, "computed", column, "sql"), computed.sql, relation, list(source.columns))
        landed = list(landed_columns_sql(source))
        if source.version:
            yield _Expression((*path, "version"), source.version, f"landed.{quote(name)}", landed)
        if source.deleted:
            yield _Expression((*path, "deleted"), source.deleted, f"landed.{quote(name)}", landed, condition=True)
    for name, sql in mapping.clean.items():
        yield _Expression(("clean", name), sql, "(select null::varchar as code where false)", ["code"])
    for name, steps in mapping.masters.items():
        for i, step in enumerate(steps):
            landed = list(landed_columns_sql(mapping.sources[step.source]))
            for key in ("code", "to", "valid_from", "valid_to", "where"):
                if sql := getattr(step, key):
                    relation = f"landed.{quote(step.source)}"
                    yield _Expression(("masters", name, i, key), sql, relation, landed, condition=key == "where")
    for entry in mapping.entries:
        yield from _of_entry(mapping, entry)


def _of_entry(mapping: HospitalMapping, entry: Entry) -> Iterator[_Expression]:
    path: Path_ = ("entries", entry.label)
    rows = source_relation(mapping, entry)
    yield from _of_sources(mapping, entry, path)
    for key, texts in (("per", entry.per), ("prefer", entry.prefer)):
        yield from (_over(rows, (*path, key, i), sql) for i, sql in enumerate(texts))
    for rule, sql in entry.rules.items():
        yield _over(rows, (*path, "where", rule), sql, condition=True)
    for name, value in entry.said().items():
        yield from _of_field(rows, (*path, name), entry, name, value)


def _over(
    rows: Rows, path: Path_, sql: str, *, condition: bool = False, needed: str | None = None
) -> _Expression:  # fmt: skip
    return _Expression(path, sql, rows.sql, rows.known, condition, needed, rows.within)


def _of_sources(mapping: HospitalMapping, entry: Entry, path: Path_) -> Iterator[_Expression]:
    """How the entry looks into other sources."""
    own = source_relation(mapping, entry.model_copy(update={"with_": {}}))
    for word, other in entry.with_.items():
        here = (*path, "with", word)
        theirs = list(landed_columns_sql(mapping.sources[other.source]))
        yield from (_over(own, (*here, "on", column), sql) for column, sql in other.on.items())
        for i, sql in enumerate(other.prefer):
            yield _Expression((*here, "prefer", i), sql, f"landed.{quote(other.source)}", theirs)


def _of_field(rows: Rows, path: Path_, entry: Entry, name: str, value: Any) -> Iterator[_Expression]:
    kind = entry.shape.kinds[name]
    needed = f"{entry.target}.{name}" if name in (*entry.shape.required, "type") else None
    if isinstance(value, Lookup):
        yield _over(rows, (*path, "code"), value.code, needed=needed)
        for at, said, condition in _beside(value):
            if said:
                yield _over(rows, (*path, *at), said, condition=condition)
    elif isinstance(value, Ref):
        for i, ref in enumerate((value, *value.fallback)):
            step: Path_ = ("fallback", i - 1) if i else ()
            yield _over(rows, (*path, *step, "key"), ref.key, needed=None if i else needed)
    elif isinstance(value, str) and kind != "person" and kind not in ENTITIES:
        yield _over(rows, path, value, needed=needed)


def _beside(lookup: Lookup) -> Iterator[tuple[Path_, str | None, bool]]:
    """Where a look-up says more expressions than its code, what, and whether it is a condition."""
    yield ("description",), lookup.description, False
    yield ("when",), lookup.when, True
    for i, step in enumerate(lookup.fallback):
        yield ("fallback", i, "code"), step.code, False
        yield ("fallback", i, "when"), step.when, True
