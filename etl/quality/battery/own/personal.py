"""Whether a query's columns may stand in the reason of a check: a reason tells of a hospital, never of a patient.

What is told is kept and shown, so a value of one row must not get there: texts and figures of tables of patients come
through a function over many rows only. The rows themselves have to be a hospital's, `owner` being `hospital << 24`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import sqlglot
from sqlglot import exp

from etl.cdm.spec import tables

_FIGURES = ("float", "double", "numeric", "decimal", "real")
#: Functions over many rows that give the value of one of them, or all of them.
_OF_ONE_ROW = (
    exp.Max, exp.Min, exp.First, exp.Last, exp.AnyValue, exp.ArgMax, exp.ArgMin, exp.Mode, exp.ArrayAgg,
    exp.GroupConcat,
)  # fmt: skip
_BORN = ("year_of_birth", "month_of_birth", "day_of_birth", "birth_datetime")


def value_of_a_patient(sql: str) -> str | None:
    """The column of a patient that a query gives as it is, if any; `*` where it gives all of a table of patients."""
    tree = sqlglot.parse_one(sql, dialect="duckdb")
    own = {cte.alias for cte in tree.find_all(exp.CTE)}
    read = [table for table in tree.find_all(exp.Table) if table.name in _of_patients() - own]
    aliases = {table.alias_or_name for table in read}
    return next((name for select in tree.find_all(exp.Select) for name in _given(select, read, aliases)), None)


def _given(select: exp.Select, read: Sequence[exp.Table], aliases: set[str]) -> Iterator[str]:
    """Columns of patients among those that a query gives; `read` are all tables of patients, by `aliases`."""
    reads = any(table.find_ancestor(exp.Select) is select for table in read)
    for column in select.expressions:
        if reads and any(_is_plain(star, select) for star in column.find_all(exp.Star)):
            yield "*"
        for each in column.find_all(exp.Column):
            of_patient = each.table in aliases if each.table else reads
            if of_patient and each.name in _personal() and _is_plain(each, select):
                yield each.name


def _is_plain(node: exp.Expr, select: exp.Select) -> bool:
    """Whether a part of a column of `select` is of this query, and under no function that makes one of many rows."""
    over = node.find_ancestor(exp.AggFunc, exp.Select)
    if isinstance(over, _OF_ONE_ROW):
        return over.find_ancestor(exp.Select) is select
    return over is select


@cache
def _of_patients() -> frozenset[str]:
    return frozenset(name for name, table in tables().items() if table.owner)


@cache
def _personal() -> frozenset[str]:
    """Columns of texts and figures of tables of patients, and when they were born."""
    fields = (field for name in _of_patients() for field in tables()[name].fields)
    told = (f.name for f in fields if f.duckdb_type.lower().startswith(("varchar", *_FIGURES)))
    return frozenset([*told, *_BORN])
