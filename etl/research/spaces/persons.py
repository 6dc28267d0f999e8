"""Who is in a space, by which number, and what others may know of them: the table `person_of`, and `everybody`.

Both are temporary. Numbers are the place in an order that only the project's key gives: they are 1, 2, 3 … without a
gap, and tell neither hospital nor when a person was registered. `everybody` is the whole warehouse by the same rules,
against which the space is held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import duckdb
from duckdb import DuckDBPyConnection

from etl.cdm.spec import tables
from etl.engine import at_most, one_number
from etl.errors import ConfigError
from etl.research.spaces.definition import Definition, one_query
from etl.research.spaces.policy import Birth, Places, Policy
from etl.research.spaces.window import day, shown
from etl.sql import literal, quote
from etl.store.warehouse.protocol import in_range

LONGEST = 3600  # seconds that a cohort's query may take, as long as an analyst's may on the server
KEY = "space_key"  # the variable of the connection that holds the project's key: it stands in no statement
#: The query of a cohort of persons whom nobody chose, the same ones as long as there are no others.
ANYBODY = "select person_id, null::date as index_date from person order by md5(person_id::varchar) limit 20000"
#: What others may know of a person (quasi-identifiers): the column of `everybody`, and what has to be in the space.
KNOWN = {
    "sex": ("person", "gender_concept_id"),
    "birth": ("person", "year_of_birth"),
    "place": ("person", "location_id"),
    "died": ("death", "death_date"),
}


def keyed(what: str, value: str) -> str:
    """SQL of a text that only the project's key gives, for a purpose and SQL of a value."""
    return f"sha256(getvariable({literal(KEY)}) || {literal(f':{what}:')} || {value})"


def shift(days: int, value: str, *, weekdays: bool) -> str:
    """SQL of the days that a person is moved by: at most `days` to either side, and never none where any are allowed.

    Whole weeks keep `weekdays`. Who was not moved could be found by the true days, and others could be ruled out.
    """
    step = 7 if weekdays else 1
    most = days // step
    if most == 0:
        return "0"
    drawn = f"('0x' || left({keyed('days', value)}, 15))::bigint % {2 * most}"
    return f"(({drawn} - {most} + ({drawn} >= {most})::integer) * {step})::integer"


def year_told(birth: Birth, year: str, last: date) -> str:
    """SQL of a year of birth as it is told, given SQL of the year; nobody is older than one group on the day `last`."""
    return f"greatest({year} // {birth.years} * {birth.years}, {last.year - birth.oldest - 1})::integer"


def quasi_identifiers(definition: Definition, policy: Policy) -> list[str]:
    """Those of the policy that the space tells; what is not in it nobody can look up there."""
    return [
        name for name in policy.adequacy.of
        if KNOWN[name][1] in definition.tables.get(KNOWN[name][0], ())
        and (name != "place" or policy.places.level != "none")
    ]  # fmt: skip


def hospital_numbers(con: DuckDBPyConnection, definition: Definition) -> list[int]:
    """The numbers of the hospitals; ConfigError where a night that the definition names is not what is published."""
    rows = con.execute("select hospital, hospital_number, night from hospital").fetchall()
    published = {name: (number, night) for name, number, night in rows}
    wrong = []
    for name, night in definition.hospitals.items():
        found = published.get(name)
        if found is None:
            wrong.append(f"nothing of {name} is published")
        elif found[1] != night:
            wrong.append(f"{name}: the night {found[1]} is published, not {night}")
    if wrong:
        raise ConfigError(
            "the space cannot be of the nights that its definition names:\n" + "\n".join(wrong),
            hint="name the nights that are published under `hospitals:`, or go back: etl rollback HOSPITAL --list",
        )
    return [published[name][0] for name in definition.hospitals]


def find_persons(con: DuckDBPyConnection, definition: Definition, policy: Policy) -> None:
    """Make `cohort` (old, index_date) and `everybody`; ConfigError where the cohort is none."""
    _find_cohort(con, definition.cohort, hospital_numbers(con, definition))
    con.execute(f"create temp table everybody as {_everybody(definition, policy)}")


def _everybody(definition: Definition, policy: Policy) -> str:
    """SQL of all persons by the policy's rules; a place of few persons of the cohort is not told."""
    first, last = map(day, shown(definition, policy))
    moved = shift(policy.dates.shift, "person_id", weekdays=policy.dates.weekdays)
    year = year_told(policy.birth, "coalesce(year(born + shift), year_of_birth)", definition.last)
    coarse, fine = _places(policy.places)
    few = policy.places.fewest
    return (
        f"with known as (select person_id as old, {moved} as shift, gender_concept_id as sex, year_of_birth, "
        "try(make_date(year_of_birth, coalesce(month_of_birth, 1), coalesce(day_of_birth, 1))) as born, location_id, "
        "person_id in (select old from cohort) as chosen from person), died as (select person_id as old, "
        "min(death_date) as death_date from death group by all), "
        f"told as (select old, shift, sex, {year} as birth, "
        f"coalesce(death_date + shift between {first} and {last}, false) as died, "
        f"chosen, {coarse} as coarse, {fine} as fine from known left join died using (old) "
        f"left join location l using (location_id)), placed as (select *, "
        f"case when count_if(chosen) over (partition by coarse) >= {few} then coarse end as state, "
        f"case when count_if(chosen) over (partition by coarse, fine) >= {few} then fine end as county from told) "
        "select old, shift, sex, birth, died, chosen, state, county, coalesce(county, state) as place from placed"
    )


def _find_cohort(con: DuckDBPyConnection, sql: str, numbers: Sequence[int]) -> None:
    seen = _of_hospitals(sql, numbers)
    try:
        columns = {row[0] for row in con.execute(f"describe {seen}select * from ({sql})").fetchall()}
        if not {"person_id", "index_date"} <= columns:
            raise ConfigError(
                "the cohort has to give person_id and index_date", hint="name its columns so: … as index_date"
            )
        with at_most(con, LONGEST):
            con.execute(
                f"create temp table cohort as {seen}select distinct person_id::bigint as old, "
                f"index_date::date as index_date from ({sql}) "
                f"where person_id >> 24 in ({', '.join(map(str, numbers))}) "
                "and person_id in (select person_id from person)"
            )
    except duckdb.InterruptException:
        raise ConfigError(f"the cohort's query takes more than {LONGEST:,} seconds", hint="try it: etl sql") from None
    except duckdb.Error as error:
        raise ConfigError(f"the cohort's query cannot be run: {type(error).__name__}", hint="try it: etl sql") from None
    if one_number(con, "select count(*) from cohort") == 0:
        raise ConfigError("nobody is in the cohort", hint="look what its query finds: etl sql")


def _of_hospitals(sql: str, numbers: Sequence[int]) -> str:
    """SQL in front of a query by which it sees rows of some hospitals only: those of others choose nobody."""
    parts = []
    for name in one_query(sql).reads:
        table = tables()[name]
        if owner := table.owner or ("subject_id" if "subject_id" in table.columns else None):
            mine = " or ".join(f"({in_range(replace(table, owner=owner), number)})" for number in numbers)
            parts.append(f"{quote(name)} as not materialized (select * from {quote(name)} where {mine})")
    return f"with {', '.join(parts)} " if parts else ""


def _places(places: Places) -> tuple[str, str]:
    """SQL of the province and of the district; without their names the digits of the post code tell them."""
    none = "null::varchar"
    coarse = none if places.level == "none" else "coalesce(l.state, left(l.zip, 2))"
    return coarse, "coalesce(l.county, left(l.zip, 3))" if places.level == "county" else none


def leave_out(con: DuckDBPyConnection, known: list[str], policy: Policy) -> int:
    """Leave the persons out of the cohort who look like too few others, if they are few enough; returns how many.

    Where they are more than the policy lets go, nobody is left out: the measures then say that the space cannot be.
    """
    if not known:
        return 0
    listed = ", ".join(map(quote, known))
    small = (
        f"select old from (select old, count(*) over (partition by {listed}) as alike from everybody where chosen) "
        f"where alike < {policy.adequacy.k}"
    )
    number = one_number(con, f"select count(*) from ({small})")
    if number > policy.adequacy.leave_out * one_number(con, "select count(*) from everybody where chosen"):
        return 0
    con.execute(f"update everybody set chosen = false where old in ({small})")
    return number


def number_persons(con: DuckDBPyConnection) -> int:
    """Make `person_of` (old, number, shift, …) of who is in the space; returns how many they are."""
    con.execute(
        "create temp table place_of as select row_number() over () as number, state, county from (select "
        f"distinct state, county from everybody where chosen and place is not null "
        f"order by {keyed('place', 'concat(state, county)')})"
    )
    con.execute(
        "create temp table person_of as select row_number() over () as number, p.* from (select e.*, "
        "l.number as location from everybody e left join place_of l on l.state is not distinct from e.state "
        f"and l.county is not distinct from e.county where chosen order by {keyed('person', 'old')}) p"
    )
    return one_number(con, "select count(*) from person_of")
