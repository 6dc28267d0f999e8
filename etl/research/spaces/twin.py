"""The dummy twin of a space: invented rows of the same tables, drawn from counts of which none is of few persons.

It is made of the space as it was built, so it cannot tell what the space does not. Of each table the combinations of
codes that enough persons have are drawn in proportion to their rounded counts; values follow the rounded mean and
spread of such a combination; days, visits and persons are drawn at random. No row is a row of the space.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from etl.cdm.spec import Field, tables
from etl.engine import at_most, one_number
from etl.research.spaces.definition import Definition
from etl.research.spaces.policy import offered
from etl.research.spaces.treat import Kind, kind_of, nothing
from etl.sql import literal, quote

_LONGEST = 60  # seconds that a cohort's query may take of invented rows
_SIZES, _MOST_A_PERSON = (500, 5_000), 50  # persons: more where the cohort finds none of fewer
_ONCE = ("person", "death", "observation_period", "payer_plan_period")  # a row a person at most
Days = tuple[date, date]  # the first and the last that are shown
_DRAWN = (Kind.CODE, Kind.LABEL)


def write_twin(con: DuckDBPyConnection, file: Path, definition: Definition, days: Days, fewest: int) -> int | None:
    """Write the twin of the space that is attached as `space`; counts of fewer than `fewest` persons are not used.

    Returns how many of its persons the cohort's query finds; None where that reads tables that the twin has not, or
    does not end.
    """
    found: int | None = 0
    for persons in _SIZES:
        file.unlink(missing_ok=True)
        _write_of(con, file, definition, days, fewest, persons)
        found = _in_cohort(file, definition)
        if found != 0:
            break
    return found


def _write_of(
    con: DuckDBPyConnection, file: Path, definition: Definition, days: Days, fewest: int, persons: int
) -> None:
    con.execute(f"attach {literal(str(file))} as twin")
    con.execute("begin")
    for table in sorted(definition.tables, key=lambda t: (t != "person", t != "visit_occurrence")):
        _write(con, definition, days, table, fewest, persons)
    _write_concepts(con, definition)
    con.execute("commit")
    con.execute("detach twin")


def _in_cohort(file: Path, definition: Definition) -> int | None:
    with duckdb.connect(str(file), read_only=True) as con:
        try:
            with at_most(con, _LONGEST):
                return one_number(con, f"select count(distinct person_id) from ({definition.cohort})")
        except duckdb.Error:
            return None


def _write(con: DuckDBPyConnection, definition: Definition, days: Days, table: str, fewest: int, persons: int) -> None:
    fields = [f for f in tables()[table].fields if f.name in definition.tables[table]]
    if table == "location":
        columns = ", ".join(f"null::{f.duckdb_type} as {quote(f.name)}" for f in fields)
        con.execute(f"create table twin.main.location as select {columns} where false")
        return
    con.execute(f"create temp table drawn as {_combinations(table, fields, fewest)}")
    total = one_number(con, "select sum(n) from drawn")
    real = one_number(con, "select count(*) from space.main.person")
    every = table in _ONCE and table != "death"
    wanted = persons if every else min(persons * total // max(real, 1), persons * _MOST_A_PERSON)
    con.execute(
        "create temp table ranged as select *, (sum(n) over (order by place rows unbounded preceding) - n) / "
        "greatest(sum(n) over (), 1) as low from drawn"
    )
    columns = ", ".join(f"({_drawn(table, f, definition, days)})::{f.duckdb_type} as {quote(f.name)}" for f in fields)
    con.execute(
        f"create table twin.main.{quote(table)} as with picked as (select i + 1 as row_number, random() as u, "
        f"{_whose(definition, days, table, persons)} from range({wanted if total else 0}) r(i)) "
        f"select {columns} from picked "
        f"asof join ranged r on picked.u >= r.low {_visit(definition, table)} order by row_number"
    )
    con.execute("drop table drawn")
    con.execute("drop table ranged")


def _combinations(table: str, fields: list[Field], fewest: int) -> str:
    """SQL of the combinations of codes that enough persons have, with rounded counts and the spread of their values."""
    names = [f.name for f in fields if _is_combined(table, f)]
    by = "".join(f"{quote(name)}, " for name in names)
    spread = "".join(
        f"{_rounded(f'avg({quote(f.name)})')} as {quote(f'mean_{f.name}')}, "
        f"{_rounded(f'stddev_pop({quote(f.name)})')} as {quote(f'spread_{f.name}')}, "
        f"count(distinct person_id) filter ({quote(f.name)} is not null) >= {fewest} as {quote(f'of_{f.name}')}, "
        for f in fields if kind_of(table, f.name) is Kind.VALUE
    )  # fmt: skip
    return (
        f"select row_number() over () as place, * from (select {by}{spread}"
        f"(count(*) // {fewest} * {fewest})::bigint as n from space.main.{quote(table)} group by all "
        f"having count(distinct person_id) >= {fewest})"
    )


def _is_combined(table: str, field: Field) -> bool:
    return kind_of(table, field.name) in _DRAWN or field.name == "year_of_birth"


def _rounded(value: str) -> str:
    """SQL of a number with two digits that count."""
    return f"case when {value} = 0 then 0 else round({value}, 1 - floor(log10(abs({value})))::integer) end"


def _whose(definition: Definition, days: Days, table: str, persons: int) -> str:
    """SQL of the person and the day of a row, or of the visit that tells them; who dies does so on the last day."""
    if table in _ONCE:
        return f"i + 1 as person, date {literal(str(days[1]))} as day"
    if table != "visit_occurrence" and "visit_occurrence" in definition.tables:
        return "1 + floor(random() * (select count(*) from twin.main.visit_occurrence))::bigint as visit"
    return f"1 + floor(random() * {persons})::bigint as person, {_some_day(days)} as day"


def _visit(definition: Definition, table: str) -> str:
    """SQL that gives a row the person and the day of the visit that it was drawn for."""
    if table in (*_ONCE, "visit_occurrence") or "visit_occurrence" not in definition.tables:
        return ""
    return (
        "join (select visit_occurrence_id as visit, person_id as person, visit_start_date as day "
        "from twin.main.visit_occurrence) using (visit)"
    )


def _some_day(days: Days) -> str:
    number = (days[1] - days[0]).days + 1
    return f"(date {literal(str(days[0]))} + floor(random() * {number})::integer)"


def _drawn(table: str, field: Field, definition: Definition, days: Days) -> str:  # noqa: PLR0911 - one line a kind
    kind = kind_of(table, field.name)
    if kind is Kind.PERSON:
        return "person"
    if kind is Kind.KEY:
        return "row_number"
    if _is_combined(table, field):
        return f"r.{quote(field.name)}"
    if kind is Kind.MOMENT and "end" in field.name:
        return "null"  # the day of the end is drawn
    if kind in (Kind.DATE, Kind.MOMENT):
        return _day(table, field, days)
    if kind is Kind.VALUE:
        name = field.name
        normal = "sqrt(-2 * ln(1 - random())) * cos(6.283 * random())"
        drawn = f"abs({quote(f'mean_{name}')} + {quote(f'spread_{name}')} * {normal})"
        return f"case when {quote(f'of_{name}')} then round({drawn}, 1) end"
    if kind is Kind.VISIT and field.name == "visit_occurrence_id" and "visit_occurrence" in definition.tables:
        return "visit"
    return nothing(field)


def _day(table: str, field: Field, days: Days) -> str:
    """SQL of a day: rows that last a period have the whole one, others end within three days."""
    if offered()[table].get("clipped"):
        day: date = days[0] if field.name == offered()[table]["day"] else days[1]
        return f"date {literal(str(day))}"
    if "end" in field.name:
        return "day + floor(random() * 4)::integer"
    return "day"


def _named(definition: Definition) -> Iterator[str]:
    for table, columns in definition.tables.items():
        for column in columns:
            if "concept_id" in column:
                yield f"select {quote(column)} as concept_id from twin.main.{quote(table)}"


def _write_concepts(con: DuckDBPyConnection, definition: Definition) -> None:
    """The concepts that its rows have and those above them."""
    con.execute(
        f"create or replace temp table told as select distinct concept_id from ({' union '.join(_named(definition))})"
    )
    con.execute(
        "create table twin.main.concept_ancestor as select a.* from space.main.concept_ancestor a semi join told t "
        "on t.concept_id = a.descendant_concept_id"
    )
    con.execute(
        "create table twin.main.concept as select c.* from space.main.concept c "
        "where concept_id in (select concept_id from told) or "
        "concept_id in (select ancestor_concept_id from twin.main.concept_ancestor)"
    )
