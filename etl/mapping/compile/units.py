"""Conversion of measured values to the preferred unit of their concept, by joining a small table."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from duckdb import DuckDBPyConnection

from etl.mapping.language.mapping import HospitalMapping
from etl.mapping.language.units import Affine

TABLE = "map.conversion"
MEASURED = ("value_number", "range_low", "range_high")
_DIGITS = 9  # after the point: 98.6 °F is 37 °C and not 37.00000000000001


def create_conversions(con: DuckDBPyConnection, mapping: HospitalMapping) -> None:
    """Make the table `map.conversion(concept_id, unit_id, to_id, factor, "offset")`, one row per concept and unit."""
    rows = [
        (concept, unit, c.to, *((by.factor, by.offset) if isinstance(by, Affine) else (by, 0.0)))
        for c in mapping.conversions.values()
        for concept in dict.fromkeys(c.concepts)
        for unit, by in c.from_.items()
    ]
    whole, real = pa.int64(), pa.float64()
    types = {"concept_id": whole, "unit_id": whole, "to_id": whole, "factor": real, "offset": real}
    columns = {name: pa.array([row[i] for row in rows], type_) for i, (name, type_) in enumerate(types.items())}
    con.register("given_conversions", pa.table(columns))
    con.execute(f"create or replace table {TABLE} as from given_conversions")
    con.unregister("given_conversions")


def conversion_join(alias: str, concept: str, unit: str) -> str:
    """SQL that joins to a row, whose concept and unit are given as SQL, how its values are converted."""
    return f"left join {TABLE} {alias} on {alias}.concept_id = {concept} and {alias}.unit_id = {unit}"


def converted(columns: Mapping[str, str], alias: str) -> dict[str, str]:
    """SQL of the columns (name to SQL) that a conversion joined as `alias` changes.

    The values and their range become numbers of the new unit; the unit that came stays as the source concept.
    """
    changed = {
        name: f"case when {alias}.factor is null then {sql} "
        f'else omop_finite(round({sql} * {alias}.factor + {alias}."offset", {_DIGITS})) end'
        for name, sql in columns.items()
        if name in MEASURED
    }
    changed["unit"] = f"coalesce({alias}.to_id, {columns['unit']})"
    changed["unit_source_id"] = f"coalesce({columns['unit_source_id']}, {alias}.unit_id)"
    return changed
