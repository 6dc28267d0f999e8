"""Which functions SQL in YAML may use: those of `language/functions.csv`, and ours, whose names begin with `omop_`.

What is not listed is refused: a function may read files or settings, make rows, or give something else every time,
and a newer engine may bring more of that kind. The engine's own parser says what an expression is made of.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Container, Iterator, Mapping
from functools import cache
from itertools import chain
from typing import Any, Literal

import duckdb
from duckdb import DuckDBPyConnection

from etl.errors import closest
from etl.files import packaged
from etl.sql import literal

OURS = "omop_"
#: Parts of an expression, as the engine's parser calls them, that take a row and give a value.
_PARTS = {
    "BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION", "LAMBDA",
    "OPERATOR", "WINDOW",
}  # fmt: skip
_Use = Literal["value", "window"]
_OF_FILES = frozenset("./:*\\")  # signs that names of tables do not have
_Node = Mapping[str, Any]


@cache
def families() -> Mapping[str, tuple[str, ...]]:
    """The functions of the engine that may be used, by what they are about; those of `window` over a window only."""
    rows = list(csv.DictReader(io.StringIO(packaged(__name__, "language", "functions.csv"))))
    kinds = dict.fromkeys(row["family"] for row in rows)
    return {kind: tuple(row["function"] for row in rows if row["family"] == kind) for kind in kinds}


@cache
def allowed(use: _Use) -> frozenset[str]:
    """Functions that give a value of a row, or those of a window."""
    kinds = (names for kind, names in families().items() if (kind == "window") == (use == "window"))
    return frozenset(chain.from_iterable(kinds))


@cache
def _lists() -> frozenset[str]:
    """Functions that take a lambda."""
    return frozenset(n for n in allowed("value") if n.startswith(("list_", "array_")))


@cache
def _parser(_process: int) -> DuckDBPyConnection:
    """An engine that only parses, one for a process: a fork must not use its parent's."""
    return duckdb.connect(config={"threads": 1})


def _parsed(sql: str) -> _Node | None:
    """What the engine's parser makes of one query; None where it is none."""
    try:
        row: Any = _parser(os.getpid()).cursor().execute(f"select json_serialize_sql({literal(sql)})").fetchone()
    except (duckdb.Error, UnicodeError):  # a NUL, half a character
        return None
    said: dict[str, Any] = json.loads(row[0])
    if said["error"] or len(said["statements"]) != 1:
        return None
    node: _Node = said["statements"][0]["node"]
    return node


def _expression(sql: str) -> _Node | None:
    """What the engine's parser makes of one expression; None where it is none."""
    node = _parsed(f"select {sql}")
    if node is None or node["type"] != "SELECT_NODE" or node["from_table"]["type"] != "EMPTY":
        return None
    return node["select_list"][0] if len(node["select_list"]) == 1 else None


def refusal(sql: str, columns: Container[str]) -> str | None:
    """Why an expression of the engine may not be used, or None; its columns are `columns`, as they are written.

    Raises RecursionError where it is nested deeper than can be looked into.
    """
    tree = _expression(sql)
    return "is no SQL expression" if tree is None else next(_refusals(tree, columns, frozenset()), None)


def query_refusal(sql: str) -> str | None:
    """Why a query of an expectation may not be used, or None: it reads a file, or calls what an expression may not.

    A query that cannot be parsed is left to the engine, which says where it is wrong.
    """
    try:
        return next(_of_query(_parsed(sql)), None)
    except RecursionError:
        return "is nested too deeply"


def _of_query(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for part in node:
            yield from _of_query(part)
    if not isinstance(node, dict):
        return
    if node.get("type") == "TABLE_FUNCTION":
        yield "may read tables only, and not what a function makes"
    elif node.get("type") == "BASE_TABLE" and set(node["table_name"]) & _OF_FILES:
        yield f"'{node['table_name']}' names a file; a query may read tables only"
    elif node.get("class") in ("FUNCTION", "WINDOW"):
        yield from _of_function(node, allowed("value") | allowed("window") | {"unnest"})
    for part in node.values():
        yield from _of_query(part)


def _refusals(node: Any, columns: Container[str], inner: frozenset[str]) -> Iterator[str]:
    """Every reason below a node; `inner` are the names that a lambda gives."""
    if isinstance(node, list):
        for part in node:
            yield from _refusals(part, columns, inner)
    if not isinstance(node, dict):
        return
    kind = node.get("class")
    if kind is not None and kind not in _PARTS:
        yield f"may not hold {str(kind).lower()}: one row in, one value out"
        return
    if kind in ("FUNCTION", "WINDOW"):
        yield from _of_function(node, allowed("window" if kind == "WINDOW" else "value"))
    if kind == "COLUMN_REF":  # a function without brackets, such as `current_date`, looks like a column
        name = ".".join(node["column_names"])
        if name not in columns and name not in inner:
            yield _refused(name, allowed("value"))
    takes_lambda = kind == "FUNCTION" and node["function_name"].lower() in _lists()
    for key, part in node.items():
        for child in part if isinstance(part, list) else [part]:
            if takes_lambda and key == "children" and child.get("class") == "LAMBDA":
                yield from _refusals(child["expr"], columns, inner | _names(child["lhs"]))
            else:
                yield from _refusals(child, columns, inner)


def _of_function(node: _Node, known: frozenset[str]) -> Iterator[str]:
    name = str(node["function_name"]).lower()
    if node["catalog"] or node["schema"] not in ("", "main"):
        yield f"'{node['schema']}.{name}' may not be used: a function has no dot in front of it"
    elif name not in known and not name.startswith(OURS):
        yield _refused(name, known)


def _refused(name: str, known: frozenset[str]) -> str:
    if name in allowed("window"):
        return f"'{name.lower()}' makes one value of many rows; say of which: {name.lower()}(…) over (…)"
    close = closest(name, filter(str.isidentifier, known))
    meant = f"did you mean '{close}'?" if close else "docs/mapping-language.md lists them"
    return f"'{name.lower()}' is no function that a mapping may use; {meant}"


def _names(node: _Node) -> frozenset[str]:
    """The names that stand on the left of a lambda: one, or several as a row."""
    found = node.get("children", [node])
    return frozenset(".".join(n["column_names"]) for n in found if n.get("class") == "COLUMN_REF")
