"""Writes the tables of a space: each in one pass, in the order of the project's own numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from duckdb import DuckDBPyConnection

from etl.cdm.spec import Field, tables
from etl.engine import one_number
from etl.research.spaces.definition import Definition
from etl.research.spaces.persons import KEY, keyed
from etl.research.spaces.policy import Policy, offered
from etl.research.spaces.treat import Kind, kind_of, told
from etl.research.spaces.window import cut, within
from etl.sql import literal, quote

SPACE = "space.main"
_VISITS = ("visit_occurrence", "visit_detail")
_MOST_ALIKE = 5  # persons, or a tenth of them, whose index day may be the same


def write_tables(
    con: DuckDBPyConnection, definition: Definition, policy: Policy, tell: Callable[[str, str], None]
) -> dict[str, int]:
    """Fill the tables of the attached `space` with the rows that are approved; returns their rows by table."""
    if policy.staff.numbers == "renumbered":
        _number_staff(con, definition)
    for visits in _VISITS:
        if visits in definition.tables:
            con.execute(f"create temp table of_{visits} as {_numbered(definition, policy, visits)}")
    for table in definition.tables:
        tell("writing", table)
        con.execute(f"create table {SPACE}.{quote(table)} as {_rows(definition, policy, table)}")
    _write_cohort(con, definition)
    _write_concepts(con, definition)
    return {table: one_number(con, f"select count(*) from {SPACE}.{quote(table)}") for table in definition.tables}


def _order(table: str, key: str | None) -> str:
    """SQL of the order of rows: the person's new number, then one that only the project's key gives."""
    if key is None:
        return "p.number"
    return f"p.number, md5_number_upper(getvariable({literal(KEY)}) || {literal(f':{table}:')} || t.{quote(key)})"


def _key(table: str) -> str | None:
    return next((f.name for f in tables()[table].fields if f.primary_key and f.name != "person_id"), None)


def _numbered(definition: Definition, policy: Policy, table: str) -> str:
    """SQL of the new numbers of visits by the old ones, for the rows that name them."""
    key = f"{table}_id"
    return (
        f"select row_number() over () as number, old from (select t.{quote(key)} as old from {quote(table)} t "
        f"join person_of p on p.old = t.person_id "
        f"where {within(definition, policy, table)} order by {_order(table, key)})"
    )


def _number_staff(con: DuckDBPyConnection, definition: Definition) -> None:
    for staff in ("provider", "care_site"):
        named = [
            f"select {quote(c)} as old from {quote(t)}" for t, columns in definition.tables.items() for c in columns
            if kind_of(t, c) is Kind.STAFF and c == f"{staff}_id"
        ]  # fmt: skip
        rows = " union all ".join(named) or "select null::bigint as old where false"
        con.execute(
            f"create temp table of_{staff} as select row_number() over () as number, old from (select distinct old "
            f"from ({rows}) where old is not null) order by {keyed(staff, 'old')}"
        )


def _rows(definition: Definition, policy: Policy, table: str) -> str:
    """SQL of a table's rows as they are told."""
    if table == "location":
        return _locations(definition)
    fields = [f for f in tables()[table].fields if f.name in definition.tables[table]]
    key = _key(table)
    columns = ", ".join(f"({_told(definition, policy, table, f)})::{f.duckdb_type} as {quote(f.name)}" for f in fields)
    if table in _VISITS:
        key_sql = "number"
        order = "m.number"
    else:
        key_sql, order = "row_number() over ()", _order(table, key)
    names = ", ".join(f"{key_sql} as {quote(f.name)}" if f.name == key else quote(f.name) for f in fields)
    number = ", m.number" if table in _VISITS else ""
    return (
        f"select {names} from (select {columns}{number} from {quote(table)} t join person_of p on p.old = t.person_id "
        f"{' '.join(_joins(definition, policy, table))} where {within(definition, policy, table)} order by {order})"
    )


def _told(definition: Definition, policy: Policy, table: str, field: Field) -> str:
    if field.primary_key and field.name != "person_id":
        return "0"
    if kind_of(table, field.name) is Kind.VISIT and field.fk_table not in definition.tables:
        return "0" if field.required else "null"
    sql = told(table, field, policy)
    if kind_of(table, field.name) in (Kind.DATE, Kind.MOMENT):
        return cut(definition, policy, table, field.name, sql)
    return sql


def _joins(definition: Definition, policy: Policy, table: str) -> Iterator[str]:
    """SQL of what the rows are joined with: numbers of visits and staff, and what becomes of rare codes."""
    if table in _VISITS:
        yield f"join of_{table} m on m.old = t.{quote(f'{table}_id')}"
    for field in (f for f in tables()[table].fields if f.name in definition.tables[table]):
        kind, name = kind_of(table, field.name), f"t.{quote(field.name)}"
        if kind is Kind.VISIT and field.fk_table in definition.tables:
            alias = quote(f"v_{field.name}")
            how = "join" if field.required else "left join"  # what has to be in a visit is there with its visit only
            yield f"{how} of_{field.fk_table} {alias} on {alias}.old = {name}"
        elif kind is Kind.STAFF and policy.staff.numbers == "renumbered":
            alias = quote(f"s_{field.name}")
            yield f"left join of_{field.fk_table} {alias} on {alias}.old = {name}"
        elif kind is Kind.CODE:
            alias, place = quote(f"c_{field.name}"), literal(f"{table}.{field.name}")
            yield f"left join (select * from code_of where place = {place}) {alias} on {alias}.concept = {name}"


def _locations(definition: Definition) -> str:
    """SQL of the places of the persons of the space, as far as they are told."""
    said = {"location_id": "number", "state": "state", "county": "county"}
    fields = [f for f in tables()["location"].fields if f.name in definition.tables["location"]]
    columns = ", ".join(f"({said.get(f.name, 'null')})::{f.duckdb_type} as {quote(f.name)}" for f in fields)
    return f"select {columns} from place_of order by number"


def _write_cohort(con: DuckDBPyConnection, definition: Definition) -> None:
    """Index days that are days of the person's rows; one that many share is of the calendar, and tells the shift."""
    days = [
        f"select person_id, {quote(str(said['day']))} as day from {SPACE}.{quote(t)}"
        for t in definition.tables if (said := offered()[t]).get("day") and not said.get("clipped")
    ]  # fmt: skip
    own = " union ".join(days) or "select null::bigint as person_id, null::date as day where false"
    con.execute(
        f"create table {SPACE}.cohort as with own as ({own}), "
        "counted as (select *, count(*) over (partition by index_date) "
        "as alike, count(*) over () as persons from cohort join person_of p using (old)) "
        "select 1 as cohort_definition_id, number as subject_id, try(index_date + shift)::date as cohort_start_date, "
        "cohort_start_date as cohort_end_date from counted where "
        f"alike <= greatest({_MOST_ALIKE}, persons / 10) "
        "and (number, try(index_date + shift)::date) in (select person_id, day from own) "
        "order by subject_id, cohort_start_date"
    )


def _write_concepts(con: DuckDBPyConnection, definition: Definition) -> None:
    """The concepts of the space and those above them, as the vocabulary has them."""
    named = [
        f"select {quote(c)} as concept_id from {SPACE}.{quote(t)}" for t, columns in definition.tables.items()
        for c in columns if "concept_id" in c
    ]  # fmt: skip
    con.execute(f"create temp table named as select distinct concept_id from ({' union '.join(named)})")
    con.execute(
        "insert into named select distinct ancestor_concept_id from concept_ancestor semi join named n "
        "on n.concept_id = descendant_concept_id where ancestor_concept_id not in (select concept_id from named "
        "where concept_id is not null)"
    )
    con.execute(
        f"create table {SPACE}.concept as select * from concept semi join named using (concept_id) order by concept_id"
    )
    con.execute(
        f"create table {SPACE}.concept_ancestor as select * from concept_ancestor semi join named a on a.concept_id = "
        "ancestor_concept_id semi join named d on d.concept_id = descendant_concept_id order by all"
    )
