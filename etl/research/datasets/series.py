"""The rows that variables are taken of: each table of the CDM is read once, for all that is asked of it.

What is asked of a table is a number of series: a concept set, the column of the value, the unit. Variables that differ
in their windows or in what they take share one. `seen_<table>` holds the rows of the members, by series: `number` (the
member), `series`, `delta` (days from the index day), `day`, `moment`, `last` (day), `key`, `concept`, `given` and
`value` (as it came and in the unit asked for) and `unit` (as it came).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from etl.research.cohorts.model import ConceptSet
from etl.research.datasets.definition import Category, Dataset, Domain, categories, domains
from etl.research.datasets.units import DIGITS, TABLE
from etl.research.datasets.wanted import WANTED, resolve
from etl.research.datasets.words import Long, Variable
from etl.sql import quote

MEMBERS = "member"
_CONDITIONS = "condition_occurrence"


@dataclass(frozen=True, slots=True)
class Series:
    """Rows of a concept set of a table with a value in a unit."""

    table: str
    of: str
    value: str | None = None
    unit: int | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """All series of a data set in their order, by which they are numbered, and the days they are wanted of."""

    series: tuple[Series, ...]
    windows: dict[Series, tuple[int | None, int | None]]

    def number(self, series: Series) -> int:
        """By what the rows of a series are found."""
        return self.series.index(series)

    def of(self, table: str) -> list[Series]:
        """What is asked of a table."""
        return [each for each in self.series if each.table == table]

    @property
    def tables(self) -> list[str]:
        """The tables that are read."""
        return sorted({each.table for each in self.series})


def series_of(said: Variable | Long) -> Series:
    """The series that a variable or a long table is taken of."""
    return Series(said.table or "", said.of or "", said.value, said.unit)


def series_of_category(category: Category) -> Series:
    """The series of a category of an index."""
    return Series(_CONDITIONS, category.set_name)


def asked(dataset: Dataset) -> Asked:
    """What a data set asks of the tables."""
    windows: dict[Series, tuple[int | None, int | None]] = {}
    both: tuple[Variable | Long, ...] = (*dataset.said.variables, *dataset.said.long)
    for said in both:
        for each in _series(said):
            windows[each] = _wider(windows[each], said.within) if each in windows else said.within
    return Asked(tuple(windows), windows)


def _series(said: Variable | Long) -> list[Series]:
    if isinstance(said, Variable) and said.index:
        return [series_of_category(each) for each in categories()]
    return [series_of(said)] if said.of else []


def _wider(one: tuple[int | None, int | None], other: tuple[int | None, int | None]) -> tuple[int | None, int | None]:
    first = None if one[0] is None or other[0] is None else min(one[0], other[0])
    last = None if one[1] is None or other[1] is None else max(one[1], other[1])
    return first, last


def find_members(con: DuckDBPyConnection, cohort: int) -> None:
    """Make the temporary table of members, one a person and episode, of what `find_cohorts` found."""
    con.execute(
        f"create or replace temp table {MEMBERS} as select row_number() over everybody as number, "
        "subject_id::bigint as person_id, (subject_id >> 24)::integer as hospital_number, "
        "(row_number() over (partition by subject_id order by cohort_start_date, cohort_end_date))::integer "
        "as episode, "
        "cohort_start_date::date as index_date, cohort_end_date::date as end_date from found_cohort "
        f"where cohort_definition_id = {cohort:d} "
        "window everybody as (order by subject_id, cohort_start_date, cohort_end_date)"
    )


def find_rows(con: DuckDBPyConnection, dataset: Dataset, wanted: Asked) -> None:
    """Make `seen_<table>` of every table that is asked; members and conversions are there."""
    sets = used_sets(dataset, wanted)
    resolve(con, sets)
    for table in wanted.tables:
        con.execute(f"create or replace temp table {seen(table)} as {_rows(domains()[table], wanted, list(sets))}")


def used_sets(dataset: Dataset, wanted: Asked) -> dict[str, ConceptSet]:
    """The concept sets that are asked of tables, those of indices among them."""
    known = {**dataset.sets, **{each.set_name: each.concepts for each in categories()}}
    return {each.of: known[each.of] for each in wanted.series}


def seen(table: str) -> str:
    """The name of the rows of a table."""
    return quote(f"seen_{table}")


def _rows(domain: Domain, wanted: Asked, sets: Sequence[str]) -> str:
    of_table = wanted.of(domain.table)
    day = f"t.{quote(domain.day)}"
    moment = f"coalesce(t.{quote(domain.moment)}, {day}::timestamp)" if domain.moment else f"{day}::timestamp"
    last = f"coalesce(t.{quote(domain.last)}, {day})" if domain.last else day
    unit = f"t.{quote(domain.unit)}" if domain.unit else "null::bigint"
    join = (
        f"left join {TABLE} c on c.concept = t.{quote(domain.concept)} and c.unit = {unit} and c.target = a.unit"
        if any(each.unit for each in of_table) else ""
    )  # fmt: skip
    given = _given(of_table, wanted)
    value = f"case when a.unit is null or a.unit = {unit} then {given}"
    value += f" else round({given} * c.factor + c.shift, {DIGITS}) end" if join else " end"
    return (
        f"with a as ({_asked(of_table, wanted, sets)}) "
        f"select m.number, a.series, {day} - m.index_date as delta, {day} as day, {moment} as moment, {last} as last, "
        f"t.{quote(domain.key)} as key, t.{quote(domain.concept)} as concept, {unit} as unit, {given} as given, "
        f"{value} as value from {quote(domain.table)} t join {MEMBERS} m on m.person_id = t.person_id "
        f"join {WANTED} w on w.concept_id = t.{quote(domain.concept)} join a on a.set_number = w.set_number {join} "
        f"where {day} - m.index_date >= coalesce(a.first, -999999) "
        f"and {day} - m.index_date <= coalesce(a.last, 999999)"
    )


def _asked(of_table: Sequence[Series], wanted: Asked, sets: Sequence[str]) -> str:
    """SQL of what is asked of a table, a row a series."""
    rows = [
        f"({wanted.number(each):d}, {sets.index(each.of):d}, {_number(each.unit)}, "
        f"{', '.join(_number(n) for n in wanted.windows[each])})"
        for each in of_table
    ]
    return (
        "select series, set_number, unit::bigint as unit, first::integer as first, last::integer as last "
        f"from (values {', '.join(rows)}) v(series, set_number, unit, first, last)"
    )


def _number(value: int | None) -> str:
    return "null" if value is None else f"{value:d}"


def _given(of_table: Iterable[Series], wanted: Asked) -> str:
    """SQL of the value that a row gives its series; ids of concepts are whole numbers that a double holds exactly."""
    columns = [f"when {wanted.number(each):d} then t.{quote(each.value)}::double" for each in of_table if each.value]
    return f"(case a.series {' '.join(columns)} end)" if columns else "null::double"
