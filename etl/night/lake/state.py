"""The state of a hospital's sources after a night, and the views that mapping reads.

A state folder holds `state.json`, `dead.parquet(source, _row, reason)` (rows of the layers that a later row or a
deletion has replaced), `touched.parquet(person)` (whom the night touches; all rows of these persons are mapped
again) and `entity.parquet(namespace, id)` (providers, care sites and locations that have a row of their own).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from etl.engine import one_number, open_reader, rows_in
from etl.files import read_json
from etl.night.lake.folds import Fold, read_fold
from etl.night.lake.layers import LAYER, Layer, read_layer
from etl.settings import Settings

STATE = "state.json"
DEAD = "dead.parquet"
TOUCHED = "touched.parquet"
ENTITIES = "entity.parquet"


@dataclass(frozen=True, slots=True)
class Base:
    """The published state that a night was compared with."""

    run_id: str
    digest: str


@dataclass(frozen=True, slots=True)
class SaidState:
    """The shape of `state.json`; `layers` and `fold` are names of folders."""

    as_of: date
    layers: list[str]
    base: Base | None
    fold: str | None = None
    made_with: str | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What a run maps: its layers, the day it stands for, and (unless `base` is None) only the persons touched.

    The rows of the first layers are read from `fold` where there is one.
    """

    folder: Path
    as_of: date
    layers: tuple[Layer, ...]
    base: Base | None
    fold: Fold | None = None

    @property
    def whole(self) -> bool:
        """Whether everybody is mapped, not only the persons touched."""
        return self.base is None

    def persons(self, settings: Settings) -> int | None:
        """How many persons are touched; None where everybody is mapped."""
        if self.whole:
            return None
        with open_reader(settings) as con:
            return one_number(con, f"select count(*) from {rows_in(self.file(TOUCHED))} where person > 0")

    @property
    def digest(self) -> str:
        """Tells this state from one that took its place in the same folder."""
        return hashlib.sha256((self.folder / STATE).read_bytes()).hexdigest()

    def file(self, name: str) -> Path:
        """A file of the state."""
        return self.folder / name


def write_state(
    place: Path, as_of: date, layers: Iterable[Layer], base: Base | None, fold: Fold | None, made_with: str
) -> None:
    """Write `state.json`; `made_with` is the fingerprint of program and mappings."""
    said = {
        "as_of": as_of.isoformat(), "layers": [x.name for x in layers], "made_with": made_with,
        "fold": fold.name if fold else None,
        "base": {"run_id": base.run_id, "digest": base.digest} if base else None,
    }  # fmt: skip
    (place / STATE).write_text(json.dumps(said, indent=1), encoding="utf-8")


def read_state(folder: Path, landed: Path) -> State | None:
    """The state in `folder`, its layers being folders of `landed`; None when a part of it is not there.

    A fold knows its layers, whether or not their folders are still there.
    """
    link = read_link(folder)
    if link is None:
        return None
    said = read_said(folder / STATE)
    fold = read_fold(folder.parent / said.fold, landed) if said.fold else None
    if said.fold and fold is None:
        return None
    layers = list(fold.layers) if fold else []
    later = [landed / name for name in said.layers[len(layers) :]]
    if not all((f / LAYER).exists() for f in later):
        return None
    return replace(link, layers=(*layers, *map(read_layer, later)), fold=fold)


def read_link(folder: Path) -> State | None:
    """The state in `folder` without its layers: all that the nights which build on it want to know."""
    if not (folder / STATE).exists():
        return None
    said = read_said(folder / STATE)
    return State(folder, said.as_of, (), said.base)


def read_said(file: Path) -> SaidState:
    """What a `state.json` says."""
    return read_json(file, SaidState)


def newest_state(settings: Settings, hospital: str) -> State | None:
    """What a hospital has delivered so far, the newest night included whether it was published or not."""
    merged, landed = (settings.stage_folder(stage, hospital) for stage in ("merge", "land"))
    arrived = {
        file.parent: read_layer(landed / file.parent.name).number
        for file in merged.glob(f"delivery=*/{STATE}")
        if (landed / file.parent.name / LAYER).exists()
    }
    return read_state(max(arrived, key=lambda f: arrived[f]), landed) if arrived else None
