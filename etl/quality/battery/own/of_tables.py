"""Checks of `.yaml` files: conditions over the rows of a table, with whose and of which visit they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from duckdb import DuckDBPyConnection

from etl.cdm.spec import tables
from etl.errors import Problem
from etl.quality.battery.checks import Check
from etl.quality.battery.own import bind
from etl.quality.battery.own.conditions import ALIASES, KEYS_BESIDE
from etl.quality.battery.own.items import Item
from etl.quality.battery.own.ready import Ready, ready
from etl.quality.battery.own.said import Said, each_of, read


def checks_of(written: Iterable[Item], con: DuckDBPyConnection) -> Iterator[Check | Problem]:
    """The checks of a list, and what is wrong with the others."""
    found: list[Ready] = []
    for item in written:
        said = read(item)
        if isinstance(said, list):
            yield from said
            continue
        for one, names in each_of(said):
            made = _ready(item, one, names)
            if isinstance(made, list):
                yield from made
            else:
                found.append(made)
    wrong = list(_troubles(found, con))
    yield from wrong or (one.check(None, _needs(one)) for one in found)


def _ready(item: Item, said: Said, names: Mapping[str, str]) -> Ready | list[Problem]:
    if said.reason:
        return [item.problem("reason", "is told of the rows of a query only, in a .sql file")]
    table = tables().get(said.table)
    missing = [t for t in said.beside if table and KEYS_BESIDE[t] not in table.columns]
    if missing:
        return [
            item.problem("beside", f"{said.table} has no {KEYS_BESIDE[missing[0]]}, by which {missing[0]} is found")
        ]
    known = {"t": table.columns if table else ()} | {ALIASES[t]: tables()[t].columns for t in said.beside}
    return ready(item, said, names, known, known)


def _needs(one: Ready) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The tables and fields without which a check cannot be asked."""
    tables_of = {"t": one.said.table} | {ALIASES[t]: t for t in one.said.beside}
    named = [one.violated, *([one.of] if one.of else [])]
    needs = [(tables_of[alias], columns) for n in named for alias, columns in n.columns.items()]
    keys = [(table, (KEYS_BESIDE[t],)) for t in one.said.beside for table in (one.said.table, t)]
    return tuple(dict.fromkeys([*needs, *keys]))


def _troubles(found: list[Ready], con: DuckDBPyConnection) -> Iterator[Problem]:
    """What the engine does not understand, table by table."""
    by_table: dict[str, list[Ready]] = {}
    for one in found:
        by_table.setdefault(one.said.table, []).append(one)
    for table, mine in by_table.items():
        source = f"{table} t" + "".join(f" cross join {other} {alias}" for other, alias in ALIASES.items())
        yield from bind.troubles(con, {"violated": source, "of": source}, mine)
