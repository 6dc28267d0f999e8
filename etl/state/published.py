"""The mapped layers of a published night: one whole mapping and the touched persons of the nights after it.

Of a dataset that names its person in the column `person`, a layer's rows count unless a later layer touched the
person again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from etl.mapping.expression import literal


@dataclass(frozen=True, slots=True)
class Mapped:
    """One layer: the folder of the stage `map`, and the file of the persons it holds (None: everybody)."""

    folder: Path
    touched: Path | None


def current(layers: Sequence[Mapped], dataset: str) -> str:
    """SQL of the rows of `<dataset>.parquet` that count today; `layers` come the oldest first."""
    parts = []
    for i, layer in enumerate(layers):
        later = [x.touched for x in layers[i + 1 :] if x.touched]
        rows = f"select * from read_parquet({literal(str(layer.folder / f'{dataset}.parquet'))})"
        if later:
            files = ", ".join(literal(str(f)) for f in later)
            rows = f"select * from ({rows}) where person not in (select person from read_parquet([{files}]))"
        parts.append(rows)
    return " union all ".join(f"({p})" for p in parts)
