"""The dialect of the warehouse: what lists rows is DuckDB's SQL, and PostgreSQL's where psql is to run it."""

from __future__ import annotations

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from etl.pages.formats import sql_command
from etl.settings import Settings

#: Functions that PostgreSQL has by the same name and meaning, as far as nothing translates them.
_SAME = frozenset(("make_date",))


def listing(settings: Settings, sql: str, run_id: str | None = None) -> str:
    """What lists rows of the published warehouse: SQL for psql where it is PostgreSQL, else the command that runs it.

    `run_id` names the run whose rows the command is to read, in the place of the published ones.
    """
    said = in_postgres(sql) if settings.warehouse.get_backend_name() == "postgresql" else None
    return said or sql_command(sql, run_id)


def in_postgres(sql: str) -> str | None:
    """A query of DuckDB as PostgreSQL runs it, on a search path with the tables; None where that cannot be said."""
    try:
        tree = sqlglot.parse_one(sql, dialect="duckdb").transform(_translated)
        said = tree.sql(dialect="postgres", pretty=True)
        read = sqlglot.parse_one(said, dialect="postgres")
    except SqlglotError:
        return None
    if any(_is_untyped(union) for union in read.find_all(exp.SetOperation)):
        return None
    unknown = {each.name.lower() for each in read.find_all(exp.Anonymous)} - _SAME
    return None if unknown or read.find(exp.Qualify, exp.Lambda, exp.Struct, exp.Array, exp.List) else said


def _translated(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Select):
        return _of_all(node)
    if isinstance(node, exp.RegexpFullMatch):
        pattern = exp.Literal.string(f"^({node.expression.name})$")
        return exp.RegexpLike(this=node.this, expression=pattern)
    if isinstance(node, exp.Contains):
        return exp.GT(this=exp.StrPosition(this=node.this, substr=node.expression), expression=exp.Literal.number(0))
    if isinstance(node, exp.DateFromParts):
        return exp.Anonymous(this="make_date", expressions=list(node.iter_expressions()))
    return node


def _is_untyped(union: exp.SetOperation) -> bool:
    """Whether a column is given as nothing: PostgreSQL takes it for a text, whatever the other rows have there."""
    selects = (each for each in (union.left, union.right) if isinstance(each, exp.Select))
    return any(isinstance(column.unalias(), exp.Null) for select in selects for column in select.expressions)


def _of_all(select: exp.Select) -> exp.Select:
    """`order by all` and `group by all` by the places of the columns."""
    order, group = select.args.get("order"), select.args.get("group")
    if order is not None and any(each.sql().upper().startswith("ALL") for each in order.expressions):
        every = range(len(select.expressions))
        select.set("order", exp.Order(expressions=[exp.Ordered(this=_place(n)) for n in every]))
    if group is not None and group.args.get("all"):
        keys = [n for n, each in enumerate(select.expressions) if not each.find(exp.AggFunc)]
        select.set("group", exp.Group(expressions=[_place(n) for n in keys]))
    return select


def _place(column: int) -> exp.Expr:
    return exp.Literal.number(column + 1)
