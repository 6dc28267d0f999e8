"""Queries of `.sql` files: what may stand in them, and the SQL that runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from etl.cdm.spec import tables
from etl.errors import nearest
from etl.mapping.functions import query_refusal
from etl.quality.battery.definition import NIGHT
from etl.quality.battery.own.lists import Listed

_OF_TODAY = (exp.CurrentDate, exp.CurrentDatetime, exp.CurrentTime, exp.CurrentTimestamp, exp.CurrentUser)
_MOST = 2
_UNREADABLE = "it cannot be read"


class QueryError(ValueError):
    """A query that cannot be used, with the reason, and the line of the text that it was seen in."""

    def __init__(self, message: str, line: int = 1) -> None:
        """Take the reason and the line, counted from 1."""
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Written:
    """A query as it runs, and the tables of the CDM that it reads."""

    sql: str
    reads: tuple[str, ...]


def read_queries(text: str, lists: Sequence[Listed]) -> list[Written]:
    """The one or two queries of a text, which may join `lists`; else QueryError."""
    try:
        trees = [tree for tree in sqlglot.parse(text, dialect="duckdb") if tree is not None]
    except ParseError as error:
        said = error.errors[0] if error.errors else {}
        raise QueryError(f"is no SQL ({said.get('description', _UNREADABLE)})", said.get("line") or 1) from None
    except (SqlglotError, RecursionError):
        raise QueryError(f"is no SQL ({_UNREADABLE})") from None
    if not 1 <= len(trees) <= _MOST:
        raise QueryError("has to be a query that gives rows, and behind a ; one that gives the rows they are of")
    return [_read(tree, lists) for tree in trees]


def _read(tree: exp.Expr, lists: Sequence[Listed]) -> Written:
    if not isinstance(tree, exp.Query):
        raise QueryError(f"may hold queries only, and no {tree.key}")
    today = next(tree.find_all(*_OF_TODAY), None)
    if today is not None:
        raise QueryError(f"may not hold {today.key}: write night, the day of reference, so that rows give one answer")
    if tree.find(exp.TableSample):
        raise QueryError("may not draw rows: the same rows give one answer")
    if any(each.args.get("recursive") for each in tree.find_all(exp.With)):
        raise QueryError("may not hold a recursive part, which need not end")
    listed = {each.name: each for each in lists}
    read = dict.fromkeys(name for table in tree.find_all(exp.Table) if not _is_part(name := _table(table), table))
    for name in read:
        if name not in tables() and name not in listed:
            raise QueryError(f"there is no table '{name}'{nearest(name, [*tables(), *listed])}")
    sql = tree.transform(_dated, copy=False).sql(dialect="duckdb")
    named = {column.name for column in tree.find_all(exp.Column)}
    heads = [each.as_values(named) for name, each in listed.items() if name in read]
    if heads:
        sql = f"with {', '.join(heads)} select * from ({sql})"
    reason = query_refusal(sql)
    if reason is not None:
        raise QueryError(reason)
    return Written(sql, tuple(name for name in read if name in tables()))


def _table(table: exp.Table) -> str:
    if not isinstance(table.this, exp.Identifier):
        raise QueryError("may read tables only, and not what a function makes")
    if table.db or table.catalog:
        raise QueryError(f"may not read '{table.sql()}': a table has no dot in front of it")
    if table.args.get("when") or table.args.get("version"):
        raise QueryError("may not read rows of another time: what is published is what is read")
    return table.name


def _is_part(name: str, table: exp.Table) -> bool:
    """Whether a name means a part of the query (`with`) where it stands, and no table.

    A part is seen by the parts behind it and by the query that it belongs to: elsewhere, and in the part itself, the
    same name is a table's.
    """
    node: exp.Expr = table
    while (above := node.parent) is not None:
        if isinstance(above, exp.With):
            seen = above.expressions[: above.expressions.index(node)]
        else:
            parts = above.args.get("with_")
            seen = parts.expressions if parts is not None and parts is not node else []
        if any(part.alias.casefold() == name.casefold() for part in seen):
            return True
        node = above
    return False


def _dated(node: exp.Expr) -> exp.Expr:
    """The day of reference in the place of its name."""
    is_night = isinstance(node, exp.Column) and node.name == "night" and not node.table
    return exp.column(NIGHT) if is_night else node
