"""SQL expressions inside YAML: parsed and checked before any data is read, then written into the compiled SQL."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from etl.mapping.functions import refusal
from etl.sql import quote

_FORBIDDEN = (exp.Subquery, exp.Select, exp.DDL)
# functions of a window that give the same for rows that its order leaves equal, and those that number the rows instead
_EQUAL = {"avg", "bool_and", "bool_or", "count", "cume_dist", "dense_rank", "max", "min", "percent_rank", "rank", "sum"}
_NUMBERING = {"lag", "lead", "ntile", "row_number"}


@dataclass(frozen=True, slots=True)
class Within:
    """The rows that window functions see: those of one person, in the order of `ties` where it is left open.

    Both are columns of the rows that the expression is over.
    """

    person: str
    ties: Sequence[str]


class ExpressionError(ValueError):
    """An expression that cannot be used, with the reason."""


@lru_cache(maxsize=4096)
def _parse(sql: str) -> exp.Expr:
    try:
        tree = sqlglot.parse_one(sql, dialect="duckdb")
        forbidden = next((part for part in tree.walk() if _is_forbidden(part)), None)
        if forbidden is not None:
            raise ExpressionError(f"may not hold {type(forbidden).__name__.lower()}: one row in, one value out")
        # what runs is what is written from the tree, so that is what the engine's parser has to judge
        reason = refusal(tree.sql(dialect="duckdb"), {_named(column) for column in tree.find_all(exp.Column)})
    except SqlglotError as error:
        first = str(error).splitlines()[0].split(". Line")[0]
        raise ExpressionError(f"is no SQL expression ({first})") from None
    except RecursionError:
        raise ExpressionError("is nested too deeply; cut it into several, or into a code map") from None
    if reason is not None:
        raise ExpressionError(reason)
    return tree


def _is_forbidden(part: exp.Expr) -> bool:
    """Whether a part of an expression needs more than a row, or the rows of a window, and gives more than a value."""
    if isinstance(part, exp.AggFunc):
        return _window_of(part) is None
    if isinstance(part, exp.Star):
        return not isinstance(part.parent, exp.Count)
    return isinstance(part, _FORBIDDEN)


def _window_of(function: exp.Expr) -> exp.Window | None:
    """The window that a function is of: `lead(…) over (…)`, also with `ignore nulls`."""
    above = function.parent
    while isinstance(above, exp.IgnoreNulls | exp.RespectNulls | exp.Filter):
        above = above.parent
    return above if isinstance(above, exp.Window) else None


def _named(column: exp.Column) -> str:
    """The column as it is written: `adm.ADMITTIME` is the column of that name."""
    return ".".join(part.name for part in column.parts)


def columns_of(sql: str, known: Container[str]) -> list[str]:
    """Column names an expression uses. A text that is itself a known column is just that column."""
    if sql in known:
        return [sql]
    return list(dict.fromkeys(_named(c) for c in _parse(sql).find_all(exp.Column)))


def alternatives(sql: str, known: Container[str]) -> list[str]:
    """The expressions of which the first that gives something counts: those of a `coalesce`, else the one itself."""
    tree = None if sql in known else _parse(sql)
    if not isinstance(tree, exp.Coalesce):
        return [sql]
    return [part.sql(dialect="duckdb") for part in (tree.this, *tree.expressions)]


def looks_at_rows(sql: str) -> bool:
    """Whether an expression has a window, and so looks at other rows; one that cannot be used does not."""
    try:
        return _parse(sql).find(exp.Window) is not None
    except ExpressionError:
        return False


def render(
    sql: str, known: Container[str], stands_for: Mapping[str, str] | None = None, within: Within | None = None
) -> str:
    """The expression for DuckDB, with column names quoted, or replaced by the SQL each `stands_for`.

    Raises ExpressionError for window functions where no person is there `within` whose rows they could see.
    """
    written = stands_for or {}
    if sql in known:
        return written.get(sql, quote(sql))
    tree = _parse(sql).copy()
    for column in list(tree.find_all(exp.Column)):
        name = _named(column)
        if name in written:
            replacement = sqlglot.parse_one(written[name], dialect="duckdb")
            tree = replacement if column is tree else (column.replace(replacement), tree)[1]
        else:
            plain = exp.column(exp.to_identifier(name, quoted=True))
            tree = plain if column is tree else (column.replace(plain), tree)[1]
    for window in tree.find_all(exp.Window):
        _keep_within(window, within)
    return f"({tree.sql(dialect='duckdb')})"


def _keep_within(window: exp.Window, within: Within | None) -> None:
    """Make a window one of a single person's rows; what is not the same for rows that are equal gets an order.

    Where rows are counted that is the window's own. Another frame stays as it is: whatever it holds is put in order.
    """
    if within is None:
        raise ExpressionError("may not hold window: there is no patient here whose rows it could see")
    person = exp.column(exp.to_identifier(within.person, quoted=True))
    window.set("partition_by", [person, *(window.args.get("partition_by") or [])])
    function = window.this
    while isinstance(function, exp.IgnoreNulls | exp.RespectNulls | exp.Filter):
        function = function.this
    names = {n.lower() for n in ([function.name] if isinstance(function, exp.Anonymous) else function.sql_names())}
    said, frame = window.args.get("order"), window.args.get("spec")
    ties = [exp.Ordered(this=exp.column(exp.to_identifier(tie, quoted=True))) for tie in within.ties]
    order = [*(part.copy() for part in (said.expressions if said else [])), *ties]
    if names & _NUMBERING or (frame and frame.args["kind"].lower() == "rows"):
        window.set("order", exp.Order(expressions=order))
    elif not names & _EQUAL:
        _put_in_order(function, order)


def _put_in_order(function: exp.Expr, order: list[exp.Ordered]) -> None:
    """Make a function take its rows in an order, unless it says one that decides: `list(DRUG order by …)`."""
    distinct, said = function.find(exp.Distinct), function.find(exp.Order)
    if distinct:  # rows that say the same are one; the engine orders such by what they say
        order = [exp.Ordered(this=part.copy()) for part in distinct.expressions]
    if said:
        said.set("expressions", [*said.expressions, *order])
    else:
        *_, last = function.iter_expressions()
        last.replace(exp.Order(this=last.copy(), expressions=order))
