"""Rolls encounters up into visits, each person by itself: stays that overlap are one, and so is an emergency visit with
the stay it led to or happened in. What was rolled into one becomes its visit_detail rows.

`rolled_up(_entry, _row, lead_entry, lead_row, members, …)` has a row per encounter of each visit that was changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from duckdb import DuckDBPyConnection

from etl.cdm.shapes import shapes
from etl.engine import parquet
from etl.files import packaged
from etl.mapping.compile.fields import fields_of
from etl.mapping.language.entries import Entry
from etl.mapping.language.hospital import Visits
from etl.night.map.stays import DETAIL, VISIT
from etl.night.map.tables import rows_query
from etl.sql import quote

_INHERITED = ("admitted_from", "discharged_to")


def roll_up(con: DuckDBPyConnection, choice: Visits, entries: Mapping[int, Entry]) -> bool:
    """Make the table `rolled_up` from the staged encounters of `entries`, empty when the hospital wants none.

    Returns whether it holds anything.
    """
    sql = packaged(__name__, "visits.sql")
    wanted = "true" if choice.roll_up else "false"
    con.execute(sql.format(rows=rows_query(shapes()[VISIT], entries.items()), wanted=wanted))
    return con.execute("from rolled_up limit 1").fetchone() is not None


def visit_rows(entries: Mapping[int, Entry]) -> str:
    """SQL of the rows of visit_occurrence: encounters; of those rolled up the leading one, with the span of all."""
    lead = {"start": "visit_start", "end": "visit_end", "end_open": "visit_open", "concept": "visit_concept"}
    lead |= {f"{name}{part}": f"{name}{part}" for name in _INHERITED for part in ("", "_source", "_source_id")}
    replaced = ", ".join(
        f"case when u._row is null then r.{quote(name)} else u.{quote(of)} end as {quote(name)}"
        for name, of in lead.items()
    )
    return (
        f"select r.* replace ({replaced}) from ({rows_query(shapes()[VISIT], entries.items())}) r "
        "left join rolled_up u using (_entry, _row) "
        "where u._row is null or (u.lead_entry, u.lead_row) = (u._entry, u._row)"
    )


def detail_rows(encounters: Mapping[int, Entry], moves: Mapping[int, Entry], visits: Path) -> str:
    """SQL of the rows of visit_detail: what `moves` stage, and the encounters rolled into the visits written."""
    shape = shapes()[DETAIL]
    known = fields_of(shapes()[VISIT])
    other = {
        "visit": "o.visit_occurrence_id",
        "end": "u.encounter_end",
        "end_open": "u.encounter_open",
        "concept": "u.encounter_concept",
    }
    columns = ", ".join(
        f"{other.get(name) or (f'r.{quote(name)}' if name in known else f'null::{sql_type}')} as {quote(name)}"
        for name, sql_type in fields_of(shape).items()
    )
    return (
        f"{rows_query(shape, moves.items())} union all select {columns}, r._entry, r._row "
        f"from ({rows_query(shapes()[VISIT], encounters.items())}) r join rolled_up u using (_entry, _row) "
        f"join {parquet(visits)} o on (o._entry, o._row) = (u.lead_entry, u.lead_row) where u.members > 1"
    )


def absorbed(visits: Path) -> str:
    """SQL of the encounters without a row of their own in the visits written: their visit's id, `_entry`, `_row`."""
    return (
        f"select o.visit_occurrence_id as id, u._entry, u._row from rolled_up u join {parquet(visits)} o "
        "on (o._entry, o._row) = (u.lead_entry, u.lead_row) where (u.lead_entry, u.lead_row) <> (u._entry, u._row)"
    )
