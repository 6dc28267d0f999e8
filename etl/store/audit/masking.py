"""A query as it may be kept: what was asked of which columns, without a value that was asked for."""

from __future__ import annotations

import logging
import re

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # its warnings quote the query
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST = 4_000
#: What is kept of a query that is none.
UNREADABLE = "(no query that can be read)"


def masked(query: str) -> str:
    """The query with ? in the place of every literal, without comments and without names that may be texts."""
    try:
        parsed = [each for each in sqlglot.parse(query, read="duckdb") if each is not None]
    except (SqlglotError, RecursionError):
        return UNREADABLE
    return "; ".join(_masked(each).sql(dialect="duckdb", comments=False) for each in parsed)[:_LONGEST]


def _masked(tree: exp.Expr) -> exp.Expr:
    if isinstance(tree, exp.Command):  # it is kept as a text, of which nobody knows what is a value
        return exp.Command(this=tree.this)
    return tree.transform(_without_value)


def _without_value(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Literal | exp.National | exp.RawString | exp.HexString | exp.BitString | exp.ByteString):
        return exp.Placeholder()
    if isinstance(node, exp.Identifier) and not _PLAIN.fullmatch(node.name):
        return exp.to_identifier("masked")
    if isinstance(node, exp.Anonymous) and not _PLAIN.fullmatch(node.name):
        node.set("this", "masked")
    return node
