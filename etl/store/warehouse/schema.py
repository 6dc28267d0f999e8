"""DDL of the CDM, made from the specification through SQLAlchemy."""

from __future__ import annotations

from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateTable

from etl.cdm.spec import Field, Table, tables
from etl.loading import load


def _type(field: Field) -> sa.types.TypeEngine[Any]:
    if field.type.startswith("varchar"):
        return sa.Text() if field.length is None else sa.String(field.length)
    if field.type == "integer":
        return sa.BigInteger() if field.is_id else sa.Integer()
    made: dict[str, sa.types.TypeEngine[Any]] = {"float": sa.Double(), "datetime": sa.DateTime(), "date": sa.Date()}
    return made[field.type]


def _columns(table: Table, *, keys: bool) -> list[sa.Column[Any]]:
    return [
        sa.Column(f.name, _type(f), primary_key=keys and f.primary_key, nullable=not f.required, autoincrement=False)
        for f in table.fields
    ]


@cache
def metadata(*, keys: bool) -> sa.MetaData:
    """All tables of the CDM; `keys`: with their primary keys (DuckLake has none)."""
    meta = sa.MetaData()
    for table in tables().values():
        sa.Table(table.name, meta, *_columns(table, keys=keys))
    return meta


def create_statements(*, keys: bool, dialect: sa.Dialect | None = None) -> dict[str, str]:
    """`create table if not exists` by table name in DuckDB's SQL, or in that of another dialect."""
    dialect = dialect or load("duckdb_engine:Dialect")()  # who only reads does not wait for it
    return {
        t.name: str(CreateTable(t, if_not_exists=True).compile(dialect=dialect))
        for t in metadata(keys=keys).sorted_tables
    }
