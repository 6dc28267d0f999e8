"""Which few statements answer all checks: of each table one pass over its rows, and of all what their concepts are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from etl.quality.battery.beside import KEYS, apart
from etl.quality.battery.checks import Check
from etl.quality.battery.concepts import concepts_of, genders_of, units_of, values_of
from etl.quality.battery.persons import eras_of, periods_of, persons_of
from etl.quality.battery.queries import queries_of
from etl.quality.battery.rows import rows_of
from etl.quality.battery.schema import Schema
from etl.quality.battery.statement import Builder, Ground, Statement
from etl.sql import literal, quote

_OF_ONE_TABLE: tuple[Builder, ...] = (rows_of, genders_of, units_of, eras_of, periods_of)
_OF_ALL: tuple[Builder, ...] = (concepts_of, values_of, persons_of)


def statements(checks: Iterable[Check], ground: Ground) -> Iterator[Statement]:
    """The statements that answer the checks which the warehouse allows to ask."""
    has = ground.schema.has
    asked = [c for c in checks if has(c.table, *([c.field] if c.field else [])) and not ground.schema.lost(c.needs)]
    by_table: dict[str, list[Check]] = {}
    for check in asked:
        by_table.setdefault(check.table, []).append(check)
    for mine in by_table.values():
        yield from (made for build in _OF_ONE_TABLE if (made := build(mine, ground)))
        yield from apart(mine, ground)
    yield from (made for build in _OF_ALL if (made := build(asked, ground)))
    yield from queries_of(asked, ground)


def row_counts(schema: Schema) -> str:
    """SQL of how many rows each table has: `name`, `n`."""
    return " union all ".join(f"select {literal(table)} as name, count(*) as n from {table}" for table in schema.fields)


def keys(checks: Iterable[Check], schema: Schema) -> list[tuple[str, str]]:
    """The fields (table, field) of which it helps to know that no value is there twice."""
    primary = [(c.table, c.field) for c in checks if c.type.name == "isPrimaryKey"]
    return [(table, key) for table, key in dict.fromkeys([*KEYS, *primary]) if schema.has(table, key)]


def is_unique(table: str, key: str, schema: Schema) -> str:
    """SQL of whether no value of a field is there twice.

    Of whole numbers, 64 neighbours are a word with a bit for each: as many bits as rows. Numbers of events lie close
    together, so that there are few words; where they do not, it costs what counting the different ones costs.
    """
    if not schema.is_word(table, key):
        return f"select count({quote(key)}) = count(distinct {quote(key)}) from {table}"
    return (
        "select coalesce(sum(n) = sum(bit_count(bits::hugeint)), true) from (select key >> 6 as word, count(*) as n, "
        f"bit_or(1::ubigint << (key & 63)::ubigint) as bits from (select {quote(key)}::bigint as key "
        f"from {table}) t where key is not null group by 1) w"
    )
