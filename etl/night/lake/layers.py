"""Layers: what one delivery contributes to the state of a hospital's sources.

A landed delivery carries `layer.json` with its number (its place in the order of arrival, which is part of every
`_row`) and a digest per source. It joins the state when it has passed the source gate.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from etl.files import read_json
from etl.mapping.language.contract import deletions_of
from etl.mapping.language.mapping import HospitalMapping
from etl.night.delivery import Delivery
from etl.store.marks import Marks, SaidMarks

LAYER = "layer.json"
ROWS_REMOVED = "_removed.json"  # what the marker of a landed folder is called when its rows were removed
WHOLE = "_FULL"  # a file of this name in a delivery says: this night is whole


@dataclass(frozen=True, slots=True)
class Layer:
    """One landed delivery; `sources` holds a digest per source that came.

    `keys` names the key store of its ids, `marks` says how far that had come then (None: an earlier program did not).
    """

    number: int
    night: date
    sha256: str
    whole: bool
    keys: str
    folder: Path
    sources: dict[str, str]
    marks: Marks | None = None

    @property
    def name(self) -> str:
        """Name of the delivery's folders."""
        return self.folder.name

    def as_json(self) -> dict[str, Any]:
        """What `layer.json` says of it."""
        return {
            "number": self.number, "night": self.night.isoformat(), "sha256": self.sha256, "whole": self.whole,
            "keys": self.keys, "sources": self.sources, "marks": self.marks.as_json() if self.marks else None,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class SaidLayer:
    """The shape of `as_json`, and in a fold the layer's name."""

    number: int
    night: date
    sha256: str
    whole: bool
    keys: str
    sources: dict[str, str]
    marks: SaidMarks | None = None
    name: str = ""

    def landed_in(self, folder: Path) -> Layer:
        """The layer described, which landed in `folder`."""
        marks = self.marks.read() if self.marks else None
        return Layer(self.number, self.night, self.sha256, self.whole, self.keys, folder, self.sources, marks)


def number_of(folder: Path, folded: Sequence[Layer] = ()) -> int:
    """The number of the delivery that lands in `folder`: the one it has, else the next of its hospital.

    `folded` are layers whose folders may be gone.
    """
    known = {x.name: x.number for x in folded}
    landed = folder.parent.glob(f"delivery=*/{LAYER}")
    known |= {f.parent.name: read_json(f, SaidLayer).number for f in landed}
    return known.get(folder.name, max(known.values(), default=-1) + 1)


def write_layer(place: Path, number: int, delivery: Delivery, keys: Marks, files: dict[str, list[str]]) -> None:
    """Describe a delivery that has landed in `place`; `files` are the names of the files of each source, `keys` says
    how far the key store of its ids has come.
    """
    digests = {
        source: hashlib.sha256("".join(delivery.files[n].sha256 for n in sorted(names)).encode()).hexdigest()
        for source, names in files.items()
        if names
    }
    layer = Layer(number, delivery.night, delivery.sha256, WHOLE in delivery.files, keys.store, place, digests, keys)
    (place / LAYER).write_text(json.dumps(layer.as_json(), indent=1), encoding="utf-8")


def landed_marks(landed: Path) -> list[Marks]:
    """The marks of all deliveries in a folder of landed ones, in the order of their arrival."""
    layers = sorted((read_layer(f.parent) for f in landed.glob(f"delivery=*/{LAYER}")), key=lambda x: x.number)
    return [layer.marks or Marks(layer.keys) for layer in layers]


def read_layer(folder: Path) -> Layer:
    """The layer that landed in `folder`."""
    return read_json(folder / LAYER, SaidLayer).landed_in(folder)


def in_order(layers: Sequence[Layer]) -> list[Layer]:
    """By night; of several deliveries of one night only the one that came last counts."""
    last: dict[date, Layer] = {}
    for layer in sorted(layers, key=lambda x: x.number):
        last[layer.night] = layer
    return sorted(last.values(), key=lambda x: x.night)


def chain(mapping: HospitalMapping, source: str, layers: Sequence[Layer]) -> list[Layer]:
    """The layers that hold the state of a source, the oldest first, out of all `layers` in order.

    A source that comes whole is its newest file; one that comes as changes is all nights since the last whole one.
    """
    if mapping.delivers(source) == "full":
        came = [x for x in layers if source in x.sources] if mapping.is_delta else layers[-1:]
        return list(came[-1:])
    first = max((i for i, x in enumerate(layers) if x.whole), default=0)
    return [x for x in layers[first:] if {source, deletions_of(source)} & set(x.sources)]
