"""Writes the CDM tables from staged rows: fields to columns, ids, texts cut to their column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from duckdb import DuckDBPyConnection

from etl.cdm import spec
from etl.cdm.shapes import Shape, shapes
from etl.engine import copy_to
from etl.mapping.compile import fields_of, filled_by
from etl.mapping.expression import quote
from etl.mapping.model import Entry

EVENT_BITS = 23  # a person has fewer than 2^23 rows of one table; with 30 bits of person that is below 2^53


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
        f"where _status is null and _target = '{shape.table}'"
    )


def _column(field: spec.Field, sql: str | None) -> str:
    if sql is None:
        sql = "0" if field.required and field.fk_table == "concept" else "null"
    elif field.required and field.fk_table == "concept":
        sql = f"coalesce({sql}, 0)"
    if field.length:
        sql = f"left({sql}, {field.length})"
    return f"({sql})::{field.duckdb_type} as {quote(field.name)}"


def table_query(shape: Shape, entries: Iterable[tuple[int, Entry]]) -> str:
    """SQL of a CDM table from the staged rows of `entries`: its columns, `_entry` and `_row`.

    The id of an event is `person << 23 | k`, k being the row's position among its person's rows in the order of the
    rows' content, so that it does not depend on the order of the file or of the run.
    """
    rows = " union all ".join(_rows_of(number, entry, shape) for number, entry in entries)
    columns = dict(shape.columns)
    if shape.id:
        order = ", ".join([*(quote(c) for c in shape.order), "_entry", "_row"])
        rows = f"select *, row_number() over (partition by person order by {order}) - 1 as _k from ({rows})"
        columns[shape.id] = f"(person << {EVENT_BITS}) + _k"
    elif shape.unique:
        order = ", ".join(["_entry", *(quote(c) for c in fields_of(shape)), "_row"])
        rows = f"select * from ({rows}) qualify row_number() over (partition by {shape.unique} order by {order}) = 1"
    select = ", ".join(_column(f, columns.get(f.name)) for f in spec.tables()[shape.table].fields)
    return f"select {select}, _entry, _row from ({rows})"


def write_table(con: DuckDBPyConnection, table: str, entries: Mapping[int, Entry], folder: Path) -> tuple[Path, int]:
    """Write `<table>.parquet` into `folder`; returns the file and its number of rows."""
    file = folder / f"{table}.parquet"
    return file, copy_to(con, table_query(shapes()[table], entries.items()), file)
