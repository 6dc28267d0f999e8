"""Folds: the rows that count of all older nights in one file per source, so that a night need not read them one by one.

A fold stands for the first layers of a hospital, in their order. `fold.json` says which they are, by which rules their
rows were told apart, and how many rows they brought; `rows/<source>.parquet` holds the rows that counted after them,
each with the `_row` it landed with, and `dead.parquet(source, _row, reason)` those that it left out of what it was made
of. It is a function of its layers: whatever was read from them can be read from it, but for the rows left out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etl.files import read_json
from etl.mapping.language.landed import landed_columns_sql
from etl.mapping.language.mapping import HospitalMapping
from etl.night.lake.layers import Layer, SaidLayer, chain
from etl.night.lake.names import MARKER

FOLD = "fold.json"
ROWS = "rows"
LEFT_OUT = "dead.parquet"
_PREFIX = "fold="


@dataclass(frozen=True, slots=True)
class Fold:
    """The layers folded, and by source: the rules, the columns, the rows by layer number, those left out by reason."""

    folder: Path
    layers: tuple[Layer, ...]
    rules: Mapping[str, str]
    columns: Mapping[str, list[str]]
    rows: Mapping[str, Mapping[int, int]]
    left_out: Mapping[str, Mapping[str, int]]

    @property
    def name(self) -> str:
        """Name of its folder."""
        return self.folder.name

    @property
    def numbers(self) -> frozenset[int]:
        """Numbers of its layers."""
        return frozenset(x.number for x in self.layers)

    def file(self, source: str) -> Path:
        """The rows of a source that counted after its layers."""
        return self.folder / ROWS / f"{source}.parquet"

    def begins(self, layers: Sequence[Layer]) -> bool:
        """Whether `layers` in order begin with those folded."""
        return [_identity(x) for x in layers[: len(self.layers)]] == [_identity(x) for x in self.layers]

    def fits(self, mapping: HospitalMapping, layers: Sequence[Layer]) -> bool:
        """Whether today's contract would have told the rows apart in the same way, and finds all columns it names."""
        for name in mapping.sources:
            if not self.holds(chain(mapping, name, layers)):
                continue
            if self.rules.get(name) != rule_of(mapping, name):
                return False
            if not set(landed_columns_sql(mapping.sources[name])) <= set(self.columns.get(name, ())):
                return False
        return True

    def holds(self, layers: Sequence[Layer]) -> int:
        """How many of a source's layers are folded; they are the first ones."""
        numbers = self.numbers
        return sum(x.number in numbers for x in layers)


@dataclass(frozen=True, slots=True)
class _Said:
    """The shape of `fold.json`."""

    layers: tuple[SaidLayer, ...]
    rules: dict[str, str]
    columns: dict[str, list[str]]
    rows: dict[str, dict[int, int]]
    left_out: dict[str, dict[str, int]]


def _identity(layer: Layer) -> tuple[int, str]:
    return layer.number, layer.name


def common(layers: Sequence[Layer], others: Sequence[Layer]) -> int:
    """How many layers both begin with."""
    same = [_identity(x) == _identity(y) for x, y in zip(layers, others, strict=False)]
    return (*same, False).index(False)


def rule_of(mapping: HospitalMapping, source: str) -> str:
    """Digest of what the contract says about which rows of a source count."""
    said = mapping.sources[source]
    rule = [mapping.delivers(source), said.key, said.version, said.deleted]
    return hashlib.sha256(json.dumps(rule).encode()).hexdigest()[:16]


def fold_folder(merged: Path, mapping: HospitalMapping, layers: Sequence[Layer]) -> Path:
    """Where the fold of these layers lies below `merged`, the hospital's folder of the stage `merge`."""
    rules = {name: [rule_of(mapping, name), *landed_columns_sql(mapping.sources[name])] for name in mapping.sources}
    inputs = json.dumps([[_identity(x) for x in layers], rules])
    return merged / f"{_PREFIX}{len(layers):05}-{hashlib.sha256(inputs.encode()).hexdigest()[:12]}"


def write_fold(
    place: Path, mapping: HospitalMapping, layers: Sequence[Layer], rows: Mapping[str, Mapping[int, int]],
    left_out: Mapping[str, Mapping[str, int]],
) -> None:  # fmt: skip
    """Write `fold.json`."""
    said: dict[str, Any] = {
        "layers": [{"name": x.name, **x.as_json()} for x in layers],
        "rules": {name: rule_of(mapping, name) for name in mapping.sources},
        "columns": {name: list(landed_columns_sql(source)) for name, source in mapping.sources.items()},
        "rows": rows,
        "left_out": left_out,
    }
    (place / FOLD).write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")


def read_fold(folder: Path, landed: Path) -> Fold | None:
    """The fold in `folder`, of deliveries that landed below `landed`; None when it is not there."""
    if not (folder / FOLD).exists():
        return None
    said = read_json(folder / FOLD, _Said)
    layers = tuple(x.landed_in(landed / x.name) for x in said.layers)
    return Fold(folder, layers, said.rules, said.columns, said.rows, said.left_out)


def read_folds(merged: Path, landed: Path) -> list[Fold]:
    """All folds of a hospital, the shortest first."""
    found = (read_fold(f, landed) for f in sorted(merged.glob(f"{_PREFIX}*")))
    return [fold for fold in found if fold]


def is_landed(layer: Layer) -> bool:
    """Whether the rows of a layer are there as they landed."""
    return (layer.folder / MARKER).exists()


def landed_layers(mapping: HospitalMapping, layers: Sequence[Layer], fold: Fold | None) -> dict[str, Layer]:
    """The layers, by name, that the state of `layers` reads as they landed."""
    used = {name: chain(mapping, name, layers) for name in mapping.sources}
    return {x.name: x for found in used.values() for x in found[fold.holds(found) if fold else 0 :]}
