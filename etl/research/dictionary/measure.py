"""What the published tables hold, counted; nothing of fewer persons than `small_cell` leaves the database.

Three queries per table, each one pass over it: rows and filled values by hospital and person, the concepts of all its
concept fields at once, and how many different values the other fields have. No value is read but concept ids and
the first and last month of dates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from duckdb import DuckDBPyConnection

from etl.cdm.spec import Field, Table, tables
from etl.engine import records
from etl.sql import quote

TOP = 10
#: Up to so many rows different values are counted, beyond it estimated (a few percent off).
_EXACT = 2_000_000
#: The first date of birth is that of the eldest: one person, whom a month may tell.
_NO_SPAN = ("birth_datetime",)


@dataclass(frozen=True, slots=True)
class Concept:
    """A concept and the rows that have it; `vocabulary` is empty where the vocabulary tables do not know it."""

    id: int
    name: str
    vocabulary: str
    rows: int


@dataclass(frozen=True, slots=True)
class Filled:
    """How many rows of a table have a value in a field; `hidden`: too few persons, so `rows` says nothing."""

    rows: int = 0
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class FieldFigures:
    """A field's content. `first` and `last` are months; `kinds` is how many different values there are, or about.

    But for concepts nothing says `kinds` where some hospital's rows are hidden: persons and visits would tell them.
    """

    filled: Filled = Filled()
    by_hospital: Mapping[int, Filled] = field(default_factory=dict)
    kinds: int | None = None
    exact: bool = True
    first: date | None = None
    last: date | None = None
    concepts: tuple[Concept, ...] = ()


@dataclass(frozen=True, slots=True)
class TableFigures:
    """A table's content, in all and by hospital number.

    `rows` leaves out hospitals whose rows are hidden; `whole` does not: it is for shares and never shown.
    """

    rows: Filled = Filled()
    whole: int = 0
    by_hospital: Mapping[int, Filled] = field(default_factory=dict)
    fields: Mapping[str, FieldFigures] = field(default_factory=dict)

    @property
    def incomplete(self) -> bool:
        """Whether some hospital's rows are hidden, so that their sum would tell them."""
        return any(filled.hidden for filled in self.by_hospital.values())


def measured_tables() -> dict[str, Table]:
    """Tables that are looked at: all but those of cohorts, which analysts fill."""
    return {n: t for n, t in tables().items() if t.schema != "results"}


def measure(con: DuckDBPyConnection, small_cell: int) -> Iterator[tuple[str, TableFigures]]:
    """Figures of one table after the other, all of the same state of the warehouse."""
    con.begin()
    try:
        for name, table in measured_tables().items():
            yield name, _measure(con, table, small_cell if table.owner else 1)
    finally:
        con.rollback()


def _measure(con: DuckDBPyConnection, table: Table, small: int) -> TableFigures:
    """Tables without an owner hold nothing of persons: nothing of them is hidden (`small` is 1)."""
    rows = [dict(row) for row in records(con, _filled_query(table))]
    total = next((row for row in rows if row["hospital"] is None), None)
    if total is None or not total["n"]:
        return TableFigures()
    hospitals = {row["hospital"]: row for row in rows if row["hospital"] is not None and table.owner}
    by_hospital = {number: _hide(row["n"], row["owners"], small) for number, row in hospitals.items()}
    shown = sum(filled.rows for filled in by_hospital.values()) if by_hospital else total["n"]
    everything = _hide(shown, total["owners"], small)
    exact = total["n"] <= _EXACT
    incomplete = any(filled.hidden for filled in by_hospital.values())
    concepts, kinds = _concepts(con, table, small), {} if incomplete else _kinds(con, table, exact)
    fields = {}
    for i, column in enumerate(table.fields):
        filled = _hide(total[f"f{i}"], total[f"p{i}"], small)
        known = not filled.hidden and filled.rows > 0
        months = _months(column, total, i) if known else (None, None)
        found, different = concepts.get(column.name, ((), None))
        fields[column.name] = FieldFigures(
            filled,
            {number: _hide(row[f"f{i}"], row[f"p{i}"], small) for number, row in hospitals.items()},
            (different if different is not None else kinds.get(column.name)) if known else None,
            exact or different is not None,
            *months,
            found,
        )
    return TableFigures(everything, total["n"], by_hospital, fields)


def _hide(rows: int, persons: int, small: int) -> Filled:
    return Filled(0, hidden=True) if 0 < persons < small else Filled(rows)


def _dated(column: Field) -> bool:
    return column.type in ("date", "datetime") and column.name not in _NO_SPAN


def _months(column: Field, total: Mapping[str, Any], i: int) -> tuple[date | None, date | None]:
    return (total[f"lo{i}"], total[f"hi{i}"]) if _dated(column) else (None, None)


def _filled_query(table: Table) -> str:
    """Rows, and per field the rows (`f`) and persons (`p`) with a value; one row per hospital and one over all."""
    owner = f"({table.owner})" if table.owner else "0"
    inner, outer = [f"{owner} as owner", "count(*) as n"], ["count(*) as owners", "sum(n)::bigint as n"]
    for i, column in enumerate(table.fields):
        name = quote(column.name)
        inner.append(f"count({name}) as c{i}")
        outer.append(f"coalesce(sum(c{i}), 0)::bigint as f{i}, count(*) filter (where c{i} > 0) as p{i}")
        if _dated(column):
            inner.append(f"min({name}) as lo{i}, max({name}) as hi{i}")
            outer.append(f"date_trunc('month', min(lo{i}))::date as lo{i}")
            outer.append(f"date_trunc('month', max(hi{i}))::date as hi{i}")
    return (
        f"with by_owner as (select {', '.join(inner)} from {quote(table.name)} group by 1) "
        f"select owner >> 24 as hospital, {', '.join(outer)} from by_owner group by grouping sets ((owner >> 24), ())"
    )


def _concepts(con: DuckDBPyConnection, table: Table, small: int) -> dict[str, tuple[tuple[Concept, ...], int]]:
    """By concept field the most frequent concepts that enough persons have, and how many different ones there are."""
    columns = [f.name for f in table.fields if f.fk_table == "concept"] if table.schema == "cdm" else []
    if not columns:
        return {}
    names = [quote(c) for c in columns]
    which = " ".join(f"when grouping({n}) = 0 then {i}" for i, n in enumerate(names))
    concept = " ".join(f"when grouping({n}) = 0 then {n}" for n in names)
    query = (
        f"with counted as (select case {which} end as field, case {concept} end as concept, count(*) as n, "
        f"count(distinct {table.owner or 0}) as persons from {quote(table.name)} "
        f"group by grouping sets ({', '.join(f'({n})' for n in names)})), "
        "known as (select *, count(*) over (partition by field) as kinds from counted where concept is not null), "
        f"top as (select *, row_number() over (partition by field order by persons < {small}, n desc, concept) as nth "
        f"from known qualify nth <= {TOP}) "
        "select t.*, c.concept_name, c.vocabulary_id from top t left join concept c on c.concept_id = t.concept "
        "order by field, nth"
    )
    found: dict[str, list[Concept]] = {}
    kinds: dict[str, int] = {}
    for row in records(con, query):
        name = columns[row["field"]]
        kinds[name] = row["kinds"]
        shown = found.setdefault(name, [])
        if row["persons"] >= small:
            label = row["concept_name"] or "not in the vocabulary"
            shown.append(Concept(row["concept"], label, row["vocabulary_id"] or "", row["n"]))
    return {name: (tuple(shown), kinds[name]) for name, shown in found.items()}


def _kinds(con: DuckDBPyConnection, table: Table, exact: bool) -> dict[str, int]:
    """How many different values the other fields have; keys, free text and dates are not looked at."""
    columns = [quote(f.name) for f in table.fields if _countable(f)] if table.schema == "cdm" else []
    if not columns:
        return {}
    count = "count(distinct {})" if exact else "approx_count_distinct({})"
    counts = ", ".join(f"{count.format(c)} as {c}" for c in columns)
    return records(con, f"select {counts} from {quote(table.name)}")[0]


def _countable(column: Field) -> bool:
    free_text = "max" in column.type.lower()
    return not (column.primary_key or column.fk_table == "concept" or free_text or column.type in ("date", "datetime"))
