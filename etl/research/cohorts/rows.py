"""Puts small tables that a search works by onto a connection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa
from duckdb import DuckDBPyConnection

_HANDED = "cohorts_handed"
_KINDS: Mapping[str, pa.DataType] = {"int": pa.int64(), "bool": pa.bool_(), "text": pa.string(), "day": pa.date32()}


def table(con: DuckDBPyConnection, name: str, columns: Mapping[str, str], rows: Iterable[Sequence[object]]) -> None:
    """Make a temporary table of rows; `columns`: their names and kinds (int, bool, text, day)."""
    values = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in columns]
    schema = pa.schema([(column, _KINDS[kind]) for column, kind in columns.items()])
    arrays = [pa.array(each, kind) for each, kind in zip(values, schema.types, strict=True)]
    con.register(_HANDED, pa.Table.from_arrays(arrays, schema=schema))
    con.execute(f"create or replace temp table {name} as from {_HANDED}")
    con.unregister(_HANDED)
