"""SQL expressions inside YAML: parsed and checked before any data is read, then written into the compiled SQL."""

from __future__ import annotations

from collections.abc import Container, Mapping
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from etl.sql import quote

_FORBIDDEN = (exp.Subquery, exp.Select, exp.AggFunc, exp.Window, exp.DDL, exp.Star)


class ExpressionError(ValueError):
    """An expression that cannot be used, with the reason."""


@lru_cache(maxsize=4096)
def _parse(sql: str) -> exp.Expr:
    try:
        tree = sqlglot.parse_one(sql, dialect="duckdb")
    except SqlglotError as error:
        first = str(error).splitlines()[0].split(". Line")[0]
        raise ExpressionError(f"is no SQL expression ({first})") from None
    forbidden = next(tree.find_all(*_FORBIDDEN), None)
    if forbidden is not None:
        raise ExpressionError(f"may not hold {type(forbidden).__name__.lower()}: one row in, one value out")
    return tree


def columns_of(sql: str, known: Container[str]) -> list[str]:
    """Column names an expression uses. A text that is itself a known column is just that column."""
    if sql in known:
        return [sql]
    return list(dict.fromkeys(c.name for c in _parse(sql).find_all(exp.Column)))


def render(sql: str, known: Container[str], stands_for: Mapping[str, str] | None = None) -> str:
    """The expression for DuckDB, with column names quoted, or replaced by the SQL each `stands_for`."""
    written = stands_for or {}
    if sql in known:
        return written.get(sql, quote(sql))
    tree = _parse(sql).copy()
    for column in list(tree.find_all(exp.Column)):
        if column.name in written:
            replacement = sqlglot.parse_one(written[column.name], dialect="duckdb")
            tree = replacement if column is tree else (column.replace(replacement), tree)[1]
        else:
            column.this.set("quoted", True)
    return f"({tree.sql(dialect='duckdb')})"
