"""How values become those of the unit that a variable asks for: by the conversions that hold for every hospital."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from duckdb import DuckDBPyConnection
from pydantic import TypeAdapter, ValidationError

from etl.errors import ConfigError
from etl.files import read_bytes
from etl.mapping.language.units import Affine, Conversion
from etl.settings import Settings
from etl.yamls import load

TABLE = "unit_conversion"
DIGITS = 9  # after the point, as where nights are mapped


def conversions(settings: Settings) -> dict[str, Conversion]:
    """The conversions of `mappings/shared/conversions.yaml`; none where nothing is shared."""
    file = settings.mappings / "shared" / "conversions.yaml"
    if not file.is_file():
        return {}
    said: Any = load(read_bytes(file).decode())
    try:
        return TypeAdapter(dict[str, Conversion]).validate_python((said or {}).get("conversions", {}))
    except (ValidationError, AttributeError):
        raise ConfigError(f"{file} holds no conversions as they have to be", hint="etl check tells the line") from None


def create_conversions(con: DuckDBPyConnection, known: dict[str, Conversion]) -> None:
    """Make the temporary table of every way from one unit to another of a concept, also back and across."""
    rows = [
        (concept, unit, target, factor / to_factor, (offset - to_offset) / to_factor)
        for each in known.values()
        for concept in dict.fromkeys(each.concepts)
        for unit, (factor, offset) in _ways(each).items()
        for target, (to_factor, to_offset) in _ways(each).items()
        if unit != target
    ]
    types = {"concept": pa.int64(), "unit": pa.int64(), "target": pa.int64(), "factor": pa.float64()}
    types["shift"] = pa.float64()
    columns = {name: pa.array([row[i] for row in rows], type_) for i, (name, type_) in enumerate(types.items())}
    con.register("given_conversions", pa.table(columns))
    con.execute(f"create or replace temp table {TABLE} as from given_conversions")
    con.unregister("given_conversions")


def _ways(conversion: Conversion) -> dict[int, tuple[float, float]]:
    """By unit the factor and offset by which its values become those of the preferred one."""
    said = {unit: (by.factor, by.offset) if isinstance(by, Affine) else (by, 0.0)
            for unit, by in conversion.from_.items()}  # fmt: skip
    return {conversion.to: (1.0, 0.0), **said}
