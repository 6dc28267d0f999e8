"""Birth dates: what the checks of events and the table person need to know of them."""

from __future__ import annotations

from collections.abc import Iterable

from duckdb import DuckDBPyConnection

from etl.engine import one_number
from etl.mapping.language.entries import Entry
from etl.night.map.tables import staged

_DATED = ("timestamp",)


def create_births(con: DuckDBPyConnection, persons: Iterable[Entry]) -> None:
    """Make `person_birth(person, birth, birth_known, loaded)` of all patients, and no earliest records yet.

    Those that are not loaded are there too, so that their events can be told from those of nobody.
    """
    rows = " union all ".join(
        "select person, _status is null as loaded, case when _status is null then birth end as birth, "
        f"case when _status is null then birth_known end as birth_known from {staged(e)} where person > 0"
        for e in persons
    )
    rows = rows or (
        "select null::bigint as person, false as loaded, null::timestamp as birth, null::varchar as birth_known "
        "where false"
    )
    con.execute(
        "create or replace table person_birth as select person, min(birth) as birth, "
        "arg_min(birth_known, birth) filter (birth is not null) as birth_known, bool_or(loaded) as loaded "
        f"from ({rows}) group by person"
    )
    con.execute("create or replace table first_record (of_person bigint, day timestamp)")
    con.execute(
        "create or replace macro omop_first_record(one) as (select f.day from first_record f where f.of_person = one)"
    )


def find_first_records(con: DuckDBPyConnection, entries: Iterable[Entry]) -> bool:
    """Fill `first_record` with the earliest record in the year of birth of those of whom only the year is known.

    Returns whether there is anybody of that kind, so that the table person must be written (again).
    """
    if not one_number(con, "select count(*) from person_birth where birth_known = 'year'"):
        return False
    dated = [e for e in entries if e.shape.kinds.get("person") and e.shape.kinds.get("start") in _DATED]
    for entry in dated:
        con.execute(
            "insert into first_record select b.person, date_trunc('day', min(s.start)) "
            f"from {staged(entry)} s join person_birth b on b.person = s.person "
            "where b.birth_known = 'year' and s._status is null and year(s.start) = year(b.birth) group by b.person"
        )
    con.execute(
        "create or replace table first_record as select of_person, min(day) as day from first_record group by all"
    )
    return True
