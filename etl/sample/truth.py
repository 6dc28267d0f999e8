"""The truth behind an export: who has which disease since when, whatever anybody coded."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from etl.sample.catalogue import HERE, catalogue, read_rows
from etl.sample.course import NEVER, SLOTS, Illness, Visits
from etl.sample.frame import DAY, Flags, Ints, taken
from etl.sample.people import People

HEADER = ("record_number", "disease", "onset")


@dataclass(frozen=True)
class Diseases:
    """Diseases of lists/diseases.csv: `belongs` (conditions, diseases), `usual` the commonest condition of each."""

    names: tuple[str, ...]
    belongs: Flags
    conditions: Ints
    usual: Ints
    chronic: Flags


@cache
def diseases() -> Diseases:
    """Read the list once."""
    cat, rows = catalogue(), read_rows(HERE / "lists" / "diseases.csv")
    places = {row["key"]: place for place, row in enumerate(cat.conditions)}
    names = tuple(dict.fromkeys(row["disease"] for row in rows))
    belongs = np.zeros((len(cat.conditions), len(names)), dtype=bool)
    for row in rows:
        belongs[places[row["condition"]], names.index(row["disease"])] = True
    usual = np.where(belongs, cat.weight[:, None], 0).argmax(axis=0)
    return Diseases(names, belongs, np.flatnonzero(belongs.any(axis=1)), usual, np.isin(usual, cat.chronic))


def chronic_onsets(ill: Illness) -> Ints:
    """When each chronic disease of each patient begins (patients, diseases); NEVER for none."""
    belongs = diseases().belongs
    onset = np.full((len(ill.conditions), belongs.shape[1]), NEVER)
    for slot in range(SLOTS):
        condition = ill.conditions[:, slot]
        has = belongs[condition] & (condition >= 0)[:, None]
        onset = np.minimum(onset, np.where(has, ill.onset[:, slot, None], NEVER))
    return onset


@dataclass
class Truth:
    """Collects who has what, up to a moment (`limit`, in seconds since 1970)."""

    limit: int
    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, people: People, ill: Illness, years: Iterable[Visits]) -> None:
        """The patients of a chunk, after all their years."""
        named, onset = diseases(), chronic_onsets(ill)
        for visits in years:
            visit, disease = np.nonzero(named.belongs[visits.condition])
            np.minimum.at(onset, (visits.patient[visit], disease), visits.start[visit])
        known = onset <= np.minimum(self.limit, ill.death)[:, None]
        patient, disease = np.nonzero(known)
        numbers: Any = taken(people.record_number, patient).to_pylist()
        days = np.datetime_as_string((onset[known] // DAY).astype("datetime64[D]")).tolist()
        self.rows += zip(numbers, np.array(named.names)[disease].tolist(), days, strict=True)

    def write(self, path: Path) -> None:
        """One line for each patient and disease, in the order of the record numbers."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as lines:
            csv.writer(lines, lineterminator="\n").writerows([HEADER, *sorted(self.rows)])
