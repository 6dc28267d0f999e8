"""Conditions over a row: read by the rules that expressions of mappings have, and written as SQL."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from etl.errors import nearest
from etl.mapping.expression import ExpressionError, columns_of, render
from etl.quality.battery.definition import NIGHT
from etl.sql import quote

#: How the columns of a table beside a row are called.
ALIASES = {"person": "p", "visit_occurrence": "v", "death": "d"}
#: The keys by which they are found.
KEYS_BESIDE = {"person": "person_id", "visit_occurrence": "visit_occurrence_id", "death": "person_id"}


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL of a condition, and the columns that it names by table's alias."""

    sql: str
    columns: Mapping[str, tuple[str, ...]]


def read_condition(said: str, known: Mapping[str, Collection[str]]) -> Condition:
    """A condition over columns that are `known` by alias; ExpressionError says what is wrong with it."""
    written: dict[str, str] = {}
    named: dict[str, list[str]] = {}
    for name in columns_of(said, ()):
        if name == "night":
            written[name] = NIGHT
            continue
        alias, _, column = name.partition(".")
        if not column or alias not in known:
            raise ExpressionError(f"'{name}' is no column of a row; write {_forms(known)}")
        if column not in known[alias]:
            raise ExpressionError(f"'{alias}' has no column '{column}'{nearest(column, known[alias])}")
        written[name] = f"{alias}.{quote(column)}"
        named.setdefault(alias, []).append(column)
    try:
        sql = render(said, (), written)
    except ExpressionError as error:
        raise ExpressionError(
            str(error).replace("there is no patient here whose rows it could see", _ONE_ROW)
        ) from None
    return Condition(sql[1:-1], {alias: tuple(columns) for alias, columns in named.items()})


_ONE_ROW = "a condition sees one row; write a query in a .sql file"


def _forms(aliases: Iterable[str]) -> str:
    return " or ".join(f"{alias}.<column>" for alias in aliases) + ", or night"
