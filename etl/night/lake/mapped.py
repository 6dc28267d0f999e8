"""Layers of a candidate: one night of everybody, and the nights of the persons touched since.

Of a dataset that names its person, a layer's rows count unless a later layer touched the person again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from etl.engine import rows_in

PERIOD = "observation_period"
EXTENDED = "extended.parquet"  # persons whose observation period a later day lengthened


@dataclass(frozen=True, slots=True)
class Mapped:
    """One layer: the folder of a stage, and the files of the persons it holds (none: everybody).

    Of `extended` persons it holds the observation periods only.
    """

    folder: Path
    touched: tuple[Path, ...] = ()
    extended: tuple[Path, ...] = ()

    def replaced(self, dataset: str) -> tuple[Path, ...]:
        """The files of the persons whose rows of a dataset it replaces."""
        return (*self.touched, *self.extended) if dataset == PERIOD else self.touched


def current(layers: Sequence[Mapped], dataset: str, person: str = "person") -> str:
    """SQL of the rows of `<dataset>.parquet` that count today; `layers` come the oldest first."""
    parts = []
    for i, layer in enumerate(layers):
        file = layer.folder / f"{dataset}.parquet"
        if not file.exists():
            continue
        later = [f for x in layers[i + 1 :] for f in x.replaced(dataset)]
        rows = f"select * from {rows_in(file)}"
        if later:
            rows = f"select * from ({rows}) where {person} not in (select person from {rows_in(*later)})"
        parts.append(rows)
    return " union all by name ".join(f"({p})" for p in parts)
