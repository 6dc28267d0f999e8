"""Frames: columns of simulated records as plain numpy arrays, with the texts kept apart as dictionaries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Column = NDArray[Any]
if TYPE_CHECKING:
    Texts = pa.Array[Any]
else:
    Texts = pa.Array

#: A time that is not known, in seconds since 1970.
NO_TIME = int(np.iinfo(np.int64).min)
DAY = 86_400
HOUR = 3_600


@dataclass
class Frame:
    """Rows of one kind of record.

    columns: equally long arrays; times are int64 seconds since 1970 (local time), NO_TIME is NULL.
    dictionaries: for a column of indices the texts they stand for; a negative index is NULL.
    seen: when the row first stands in the hospital's database; an export of an earlier night lacks it.
    """

    columns: dict[str, Column]
    dictionaries: dict[str, Texts]
    seen: Ints
    times: frozenset[str] = field(default_factory=frozenset)
    keys: frozenset[str] = field(default_factory=frozenset)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.seen)

    def rows(self, pick: Column) -> Frame:
        """The rows a mask or an index array picks, in its order."""
        columns = {name: values[pick] for name, values in self.columns.items()}
        return Frame(columns, self.dictionaries, self.seen[pick], self.times, self.keys)

    def until(self, limit: int) -> Frame:
        """What the database held at `limit`: later rows are missing, later times not yet known."""
        there = self.rows(self.seen <= limit)
        for name in ("end_at", "done_at"):
            if name in there.columns:
                late = there.columns[name] > limit
                there.columns[name] = np.where(late, NO_TIME, there.columns[name])
                if name == "end_at" and "outcome" in there.columns:
                    there.columns["outcome"] = np.where(late, -1, there.columns["outcome"])
        return there

    def table(self) -> pa.Table:
        """The rows as Arrow: times as timestamps, indices as dictionary-coded text."""
        return pa.table({name: self._array(name, values) for name, values in self.columns.items()})

    def _array(self, name: str, values: Column) -> Texts:
        if name in self.dictionaries:
            codes: Any = pa.array(values.astype(np.int32), mask=values < 0)
            return pa.DictionaryArray.from_arrays(codes, self.dictionaries[name])
        if name in self.times:
            missing = values == NO_TIME
            values = np.where(missing, 0, values).astype("datetime64[s]").astype("datetime64[us]")
        elif values.dtype.kind == "f":
            missing = np.isnan(values)
        else:
            missing = (values < 0) & (name in self.keys)
        filled: Texts = pa.array(values, mask=missing)
        return filled


def expand(offsets: Ints, items: Ints) -> tuple[Ints, Ints]:
    """Every (row, member) pair of rows that point at lists: list i is [offsets[i], offsets[i + 1])."""
    first, counts = offsets[items], offsets[items + 1] - offsets[items]
    rows = np.repeat(np.arange(len(items)), counts)
    starts = np.cumsum(counts) - counts
    return rows, np.arange(len(rows)) - np.repeat(starts, counts) + np.repeat(first, counts)


def numbered(groups: Ints) -> Ints:
    """1, 2, 3 … within each run of equal values of a grouped array."""
    fresh = np.ones(len(groups), dtype=bool)
    fresh[1:] = groups[1:] != groups[:-1]
    starts = np.maximum.accumulate(np.where(fresh, np.arange(len(groups)), 0))
    return np.arange(len(groups)) - starts + 1


def weighted(rng: np.random.Generator, weights: Floats, size: int) -> Ints:
    """`size` positions, each drawn with the probability of its weight."""
    steps = np.cumsum(weights)
    drawn = np.searchsorted(steps, rng.random(size) * steps[-1], side="right")
    places: Ints = np.minimum(drawn, len(weights) - 1)
    return places


def spread(rng: np.random.Generator, low: float, high: float, size: int) -> Ints:
    """`size` whole seconds evenly between two bounds."""
    return rng.uniform(low, high, size).astype(np.int64)


def joined(*parts: Texts | str, between: str = "") -> Texts:
    """Texts put together row by row."""
    pieces: Any = (*parts, between)
    texts: Texts = pc.binary_join_element_wise(*pieces)
    return texts


def picked(condition: Flags, yes: Texts, no: Texts) -> Texts:
    """Row by row one of two texts."""
    texts: Texts = pc.if_else(pa.array(condition), yes, no)
    return texts


def taken(texts: Texts, places: Ints) -> Texts:
    """The texts at some positions."""
    return texts.take(places)
