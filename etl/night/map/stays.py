"""Gives stays without an end the end that follows from what else is known of the person."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from duckdb import DuckDBPyConnection

from etl.cdm.shapes import shapes
from etl.engine import parquet
from etl.files import packaged
from etl.mapping.language.entries import Entry
from etl.night.map.tables import rows_query, staged

VISIT = "visit_occurrence"
DETAIL = "visit_detail"
#: Which rows last until somebody leaves: of visits those of `stays.csv`, of their details all but short ones.
IS_STAY: Mapping[str, str] = {VISIT: "omop_is_stay(concept)", DETAIL: "concept not in (9202, 9203)"}


def create_deaths(con: DuckDBPyConnection, deaths: Path | None) -> None:
    """Make `person_death(person, died)` of the rows of `death` that were written, and omop_died(person)."""
    died = "select person_id as person, coalesce(death_datetime, death_date::timestamp) as died"
    rows = (
        f"{died} from {parquet(deaths)}" if deaths else "select null::bigint as person, null::timestamp as died limit 0"
    )
    con.execute(f"create or replace table person_death as {rows}")
    con.execute("create or replace macro omop_died(one) as (select d.died from person_death d where d.person = one)")


def end_stays(con: DuckDBPyConnection, table: str, entries: Mapping[int, Entry], days: int) -> None:
    """Set `end`, `end_open` and `end_unknown` of the staged stays of a table that say no end.

    `days`: so long a stay may go on; of a longer one the end is unknown.
    """
    rows = rows_query(shapes()[table], entries.items())
    con.execute(packaged(__name__, "stays.sql").format(rows=rows, is_stay=IS_STAY[table], days=days))
    for number, entry in entries.items():
        con.execute(
            f'update {staged(entry)} set "end" = s.until, end_open = s.goes_on, end_unknown = s.unknown '
            f"from stay s where s._entry = {number} and s._row = {staged(entry)}._row"
        )
    con.execute("drop table stay")
