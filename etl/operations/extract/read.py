"""Reads one query of a hospital's database: its columns before any row, its highest mark, its rows in batches.

A query is always read as a derived table, so that only the contract's columns leave the database.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc
from psycopg.sql import Literal
from sqlalchemy import Connection, TextClause, text

from etl.errors import ConfigError, Problem, closest
from etl.mapping.language.contract import Source
from etl.mapping.read.queries import Query
from etl.operations.extract.faults import database_errors
from etl.operations.extract.marks import Mark
from etl.operations.extract.text import UnknownType, text_column

_BATCH = 5_000  # rows that a cursor fetches at once
_BLOCK = 1 << 20  # bytes that are taken from a copy at once


@dataclass(frozen=True, slots=True)
class Columns:
    """Names in the query of the contract's columns that it has, and of its `since` column."""

    names: dict[str, str]
    since: str | None


def _derived(sql: str) -> str:
    return f"({sql}\n) extracted"  # the line end closes a comment in the query's last line


def _statement(sql: str, **bound: Any) -> TextClause:
    """Raw SQL for SQLAlchemy, in which only `:low` is a parameter of ours."""
    statement = text(sql.replace(":", "\\:").replace("\\:low_of_mark", ":low_of_mark"))
    return statement.bindparams(**bound) if bound else statement


def _named(wanted: Sequence[str], given: Sequence[str]) -> str | None:
    """The query's name of a column: as written, else the only one that differs in its case."""
    for name in wanted:
        alike = [g for g in given if g.lower() == name.lower()]
        if name in given or len(alike) == 1:
            return name if name in given else alike[0]
    return None


def _nearest(name: str, given: Sequence[str]) -> str:
    """Which of the query's columns is nearest, by its number: what a database calls them may be a value of somebody."""
    near = closest(name, given)
    return f"; its column {given.index(near) + 1} is called nearly so" if near else f"; it has {len(given)} others"


def find_columns(connection: Connection, query: Query, source: Source) -> tuple[Columns, list[Problem]]:
    """Hold the columns of a query against the contract without reading a row; what it lacks comes as problems."""
    with database_errors(_where(query)):
        result = connection.execute(_statement(f"select * from {_derived(query.sql)} where 1 = 0"))
        given = [str(column[0]) for column in result.cursor.description] if result.cursor else []
        result.close()
    found: dict[str, str] = {}
    lacking = []
    for column, declared in source.columns.items():
        name = _named([column, *(declared.aliases if declared else ())], given)
        if name is not None:
            found[column] = name
        elif declared is None or not declared.optional:
            lacking.append(column)
    since = _named([source.since], given) if source.since else None
    if source.since and since is None:
        lacking.append(source.since)
    file, _, line = query.place.rpartition(":")
    problems = [
        Problem(file, int(line), f"sources.{query.source}", f"column '{c}' is not in the query{_nearest(c, given)}")
        for c in dict.fromkeys(lacking)
    ]
    return Columns(found, since), problems


def _where(query: Query) -> str:
    return f"source '{query.source}' ({query.place})"


def _blocks(rows: Iterable[Any]) -> Iterator[bytes]:
    """Rows as PostgreSQL sends them, some at a time."""
    block = io.BytesIO()
    for row in rows:
        block.write(row)
        if block.tell() >= _BLOCK:
            yield block.getvalue()
            block = io.BytesIO()
    if block.tell():
        yield block.getvalue()


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read of one query: rows not below `low`; `alive` is the query whose keys are not deleted ones."""

    connection: Connection
    query: Query
    columns: Columns
    low: Any = None
    alive: tuple[str, dict[str, str]] | None = None

    def _quoted(self, name: str) -> str:
        return self.connection.dialect.identifier_preparer.quote_identifier(name)

    def _from(self, low: str) -> str:
        conditions = []
        if self.low is not None and self.columns.since:
            since = self._quoted(self.columns.since)
            conditions.append(f"({since} >= {low} or {since} is null)")
        if self.alive:
            sql, keys = self.alive
            same = " and ".join(
                f"alive.{self._quoted(theirs)} = extracted.{self._quoted(self.columns.names[key])}"
                for key, theirs in keys.items()
            )
            conditions.append(f"not exists (select 1 from ({sql}\n) alive where {same})")
        where = f" where {' and '.join(conditions)}" if conditions else ""
        return f"from {_derived(self.query.sql)}{where}"

    def _bound(self) -> dict[str, Any]:
        return {} if self.low is None or not self.columns.since else {"low_of_mark": self.low}

    def highest(self) -> Mark | None:
        """The highest value of the `since` column now; None without such a column or any value."""
        if self.columns.since is None:
            return None
        sql = f"select max({self._quoted(self.columns.since)}) {self._from(':low_of_mark')}"
        with database_errors(_where(self.query)):
            value = self.connection.execute(_statement(sql, **self._bound())).scalar()
        return None if value is None else Mark.of(value)

    def batches(self) -> Iterator[pa.Table]:
        """The rows as text, in tables of a bounded number of rows, under the contract's names."""
        select = ", ".join(self._quoted(name) for name in self.columns.names.values())
        copied = self.connection.dialect.name == "postgresql" and self.connection.dialect.driver == "psycopg"
        with database_errors(_where(self.query)):
            yield from self._copied(select) if copied else self._fetched(select)

    def _copied(self, select: str) -> Iterator[pa.Table]:
        """PostgreSQL writes the text itself, much faster than values could be made here of it."""
        driver: Any = self.connection.connection.driver_connection
        low = "" if self.low is None else Literal(self.low).as_string(driver)
        sql = f"copy (select {select} {self._from(low)}) to stdout (format csv)"
        names = list(self.columns.names)
        convert = pc.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True,
            quoted_strings_can_be_null=False, check_utf8=False,
        )  # fmt: skip
        parse = pc.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)
        with driver.cursor() as cursor, cursor.copy(sql) as copy:
            for data in _blocks(copy):
                read = pc.ReadOptions(column_names=names, block_size=len(data) + 1, use_threads=False)
                yield pc.read_csv(pa.BufferReader(data), read, parse, convert)  # type: ignore[arg-type]  # of the stubs

    def _fetched(self, select: str) -> Iterator[pa.Table]:
        statement = _statement(f"select {select} {self._from(':low_of_mark')}", **self._bound())
        names = list(self.columns.names)
        with self.connection.execution_options(stream_results=True, max_row_buffer=_BATCH).execute(statement) as result:
            for rows in result.partitions(_BATCH):
                try:
                    columns = [text_column(values) for values in zip(*rows, strict=True)]
                except UnknownType as error:
                    raise ConfigError(
                        f"{_where(self.query)}: values of class {error} have no form as text",
                        hint="cast the column to text in the query",
                    ) from None
                yield pa.table(columns, names=names)
