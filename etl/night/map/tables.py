"""Writes the CDM tables from staged rows: fields to columns, ids, texts cut to their column."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from duckdb import DuckDBPyConnection

from etl.cdm import spec
from etl.cdm.shapes import ENTITIES, Shape, shapes
from etl.engine import copy_to
from etl.mapping.compile.fields import BESIDE_AMBIGUOUS, BESIDE_UNKNOWN, fields_of, filled_by, unread, unread_fields
from etl.mapping.language.entries import Entry
from etl.night.lake.numbers import EVENT_BITS, check_numbers
from etl.sql import literal, quote


def staged(entry: Entry) -> str:
    """The staged table of an entry."""
    return f"staged.{quote(entry.label)}"


def _rows_of(number: int, entry: Entry, shape: Shape) -> str:
    """SQL of the staged rows of an entry that go to the shape's table, with all of its fields."""
    filled = filled_by(entry)
    columns = ", ".join(
        (quote(name) if name in filled else f"null::{sql_type} as {quote(name)}")
        for name, sql_type in fields_of(shape).items()
    )
    return (
        f"select {columns}, {number}::smallint as _entry, _row from {staged(entry)} "
        f"where _status is null and _target = {literal(shape.table)}"
    )


def _column(field: spec.Field, sql: str | None) -> str:
    if sql is None:
        sql = "0" if field.required and field.fk_table == "concept" else "null"
    elif field.required and field.fk_table == "concept":
        sql = f"coalesce({sql}, 0)"
    if field.length:
        sql = f"left({sql}, {field.length})"
    return f"({sql})::{field.duckdb_type} as {quote(field.name)}"


def rows_query(shape: Shape, entries: Iterable[tuple[int, Entry]]) -> str:
    """SQL of all staged rows of `entries` that go to the shape's table: its fields, `_entry` and `_row`."""
    nothing = ", ".join(f"null::{sql_type} as {quote(name)}" for name, sql_type in fields_of(shape).items())
    rows = " union all ".join(_rows_of(number, entry, shape) for number, entry in entries) or (
        f"select {nothing}, null::smallint as _entry, null::bigint as _row where false"
    )
    return _mirrored(shape, rows) if shape.mirror else rows


def _mirrored(shape: Shape, rows: str) -> str:
    """SQL of the rows, and of those in which the two sides of the shape's `mirror` have changed places."""
    swapped = shape.mirror | {other: name for name, other in shape.mirror.items()}
    replaced = ", ".join(f"{quote(other)} as {quote(name)}" for name, other in swapped.items())
    there = " and ".join(f"coalesce({quote(n)}, 0) <> 0" for n in swapped if shape.kinds.get(n) == "concept")
    return f"with one as ({rows}) from one union all select * replace ({replaced}) from one where {there}"


@dataclass(frozen=True, slots=True)
class Change:
    """Something that rows of a table lose on their way, and that is counted: `condition` is SQL over the fields."""

    name: str
    column: str
    condition: str


@cache
def changes_of(table: str) -> tuple[Change, ...]:
    """The changes of a table in the order of their bits in `_changed`: those of its shape, then texts that are cut."""
    shape = shapes()[table]
    said = [Change(name, "", sql) for name, sql in shape.changes.items()]
    said += [Change(name, "", name) for name in (BESIDE_UNKNOWN, BESIDE_AMBIGUOUS)]
    said += [Change("parent_unknown", "", "parent is not null and parent_id is null")] if _nests(shape) else []
    said += [Change("rows_differ", "", "_differ")] if _melts(shape) else []
    said += [Change("unreadable", name, quote(unread(name))) for name in unread_fields(shape)]
    cut = [
        Change("text_cut", f.name, f"length({shape.columns[f.name]}) > {f.length}")
        for f in spec.tables()[table].fields
        if f.length and f.name in shape.columns
    ]
    return (*said, *cut)


def _nests(shape: Shape) -> bool:
    return "parent" in shape.kinds


def _melts(shape: Shape) -> bool:
    """Whether rows become one that need not say the same: those that describe staff or a place."""
    return shape.merge and shape.unique in ENTITIES


def _changed(table: str) -> str:
    """SQL of the bits of the changes that befell a row."""
    bits = [f"case when {c.condition} then {1 << bit} else 0 end" for bit, c in enumerate(changes_of(table))]
    return f"({' + '.join(bits) or '0'})::integer"


def table_query(shape: Shape, rows: str) -> str:
    """SQL of a CDM table from `rows` (see `rows_query`): its columns, `_entry`, `_row` and `_changed`.

    The id of an event is `person << 23 | k`, k being the row's position among its person's rows in the order of the
    rows' content, so that it does not depend on the order of the file or of the run.
    """
    columns = dict(shape.columns)
    if shape.id:
        order = ", ".join([*(quote(c) for c in shape.order), "_entry", "_row"])
        rows = f"select *, row_number() over (partition by person order by {order}) - 1 as _k from ({rows})"
        columns[shape.id] = f"(person << {EVENT_BITS}) + _k"
        rows = _with_parents(rows) if _nests(shape) else rows
    elif _melts(shape):
        rows = _most_frequent(shape, rows)
    elif shape.unique:
        order = ", ".join(["_entry", *(quote(c) for c in fields_of(shape)), "_row"])
        rows = f"select * from ({rows}) qualify row_number() over (partition by {shape.unique} order by {order}) = 1"
    select = ", ".join(_column(f, columns.get(f.name)) for f in spec.tables()[shape.table].fields)
    return f"select {select}, _entry, _row, {_changed(shape.table)} as _changed from ({rows})"


def _with_parents(rows: str) -> str:
    """SQL of numbered rows with the id of the row of the same person whose `key` is their `parent`."""
    return (
        f"with numbered as materialized ({rows}), named as ("
        f"select person, key, min((person << {EVENT_BITS}) + _k) as parent_id from numbered "
        "where key is not null group by person, key) "
        "select r.*, n.parent_id from numbered r left join named n "
        f"on n.person = r.person and n.key = r.parent and n.parent_id <> (r.person << {EVENT_BITS}) + r._k"
    )


def _most_frequent(shape: Shape, rows: str) -> str:
    """SQL of one row for each member of staff or place: of the first entry, the one that says most, and most often.

    `_differ`: other rows say something else.
    """
    one = quote(str(shape.unique))
    fields = [quote(c) for c in fields_of(shape) if quote(c) != one]
    listed = ", ".join(fields)
    filled = " + ".join(f"({c} is not null)::integer" for c in fields)
    differ = " or ".join(f"min({c}) over same is distinct from max({c}) over same" for c in fields)
    return (
        f"select * exclude (_times) from (select *, {differ} as _differ from ("
        f"select {one}, {listed}, _entry, min(_row) as _row, count(*) as _times from ({rows}) "
        f"group by {one}, {listed}, _entry) window same as (partition by {one})) "
        f"qualify row_number() over (partition by {one} order by _entry, {filled} desc, _times desc, {listed}) = 1"
    )


def write_table(con: DuckDBPyConnection, table: str, rows: str, folder: Path) -> tuple[Path, int]:
    """Write `<table>.parquet` into `folder` from `rows` (see `rows_query`); returns the file and its number of rows."""
    file, shape = folder / f"{table}.parquet", shapes()[table]
    count = copy_to(con, table_query(shape, rows), file)
    if shape.id:
        check_numbers(con, table, rows, "person", count)
    return file, count
