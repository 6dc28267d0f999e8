"""The clinical catalogue (catalog/*.csv) as arrays: what can be diagnosed, given, measured and done."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from etl.sample.frame import Flags, Floats, Ints

HERE = Path(__file__).parent
SETTINGS = ("O", "I", "E")
ROUTES = ("PO", "IV", "SC", "IM", "INH", "TOP")
#: KCD codes of what is asked at a check-up and stays true: smoking, diseases of the family, allergies.
_ASKED = {"Z72", "Z80", "Z82", "Z88", "Z91"}
#: COVID-19 came to Korea on 2020-01-20 (seconds since 1970); its codes are not written before.
_COVID = 1_579_478_400

Rows = list[dict[str, str]]


def read_rows(path: Path) -> Rows:
    """The rows of a UTF-8 CSV file with a header."""
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@dataclass(frozen=True)
class Links:
    """For each condition a list of catalogue positions; list i is items[offsets[i]:offsets[i + 1]]."""

    offsets: Ints
    items: Ints
    signs: Ints


@dataclass(frozen=True)
class Catalogue:
    """The files of the catalogue, and the columns the simulation computes with."""

    conditions: Rows
    drugs: Rows
    labs: Rows
    vitals: Rows
    orders: Rows
    departments: Rows
    panels: tuple[str, ...]
    weight: Floats
    age_min: Ints
    age_max: Ints
    since: Ints
    only_male: Flags
    only_female: Flags
    setting: Ints
    severity: Ints
    department: Ints
    chronic: Ints
    acute: Ints
    asked: Ints
    check_up: int
    wards: Ints
    units_of_intensive_care: Ints
    condition_drugs: Links
    condition_labs: Links
    condition_orders: Links
    panel_labs: Links


def numbers(rows: Rows, column: str, default: float = 0.0) -> Floats:
    """A column as numbers; an empty field counts as `default`."""
    return np.array([float(row[column] or default) for row in rows])


def _links(lists: list[str], keys: dict[str, int]) -> Links:
    """Parse ';'-separated keys, each with an optional + or - at its end; keys outside `keys` are left out."""
    parsed = [[item for item in text.split(";") if item.rstrip("+-") in keys] for text in lists]
    sizes = np.cumsum([0] + [len(items) for items in parsed])
    flat = [item for items in parsed for item in items]
    places = np.array([keys[item.rstrip("+-")] for item in flat], dtype=np.int64)
    signs = np.array([{"+": 1, "-": -1}.get(item[-1:], 0) for item in flat], dtype=np.int64)
    return Links(sizes.astype(np.int64), places, signs)


def _positions(rows: Rows) -> dict[str, int]:
    return {row["key"]: place for place, row in enumerate(rows)}


@cache
def catalogue() -> Catalogue:
    """Read the catalogue once."""
    files = {path.stem: read_rows(path) for path in sorted((HERE / "catalog").glob("*.csv"))}
    conditions, labs, departments = files["conditions"], files["labs"], files["departments"]
    department = _positions(departments)
    general = next(iter(department.values()))
    chronic = numbers(conditions, "chronic") > 0
    intensive = np.array(["icu" in row["key"].lower() for row in departments])
    panels = tuple(dict.fromkeys(row["panel"] for row in labs))
    members = [";".join(row["key"] for row in labs if row["panel"] == panel) for panel in panels]
    return Catalogue(
        conditions=conditions,
        drugs=files["drugs"],
        labs=labs,
        vitals=files["vitals"],
        orders=files["procedures"],
        departments=departments,
        panels=panels,
        weight=numbers(conditions, "weight", 1.0),
        age_min=numbers(conditions, "age_min").astype(np.int64),
        age_max=numbers(conditions, "age_max", 120.0).astype(np.int64),
        since=np.array([_COVID if row["kcd"].startswith("U07") else -_COVID for row in conditions]),
        only_male=np.array([row["sex"] == "M" for row in conditions]),
        only_female=np.array([row["sex"] == "F" for row in conditions]),
        setting=np.array([SETTINGS.index(row["setting"] or "O") for row in conditions]),
        severity=numbers(conditions, "severity").astype(np.int64),
        department=np.array([department.get(row["department"], general) for row in conditions]),
        chronic=np.flatnonzero(chronic),
        acute=np.flatnonzero(~chronic),
        asked=np.flatnonzero([row["kcd"][:3] in _ASKED for row in conditions]),
        check_up=_positions(conditions)["checkup"],
        wards=np.flatnonzero((numbers(departments, "ward") > 0) & ~intensive),
        units_of_intensive_care=np.flatnonzero(intensive),
        condition_drugs=_links([row["drugs"] for row in conditions], _positions(files["drugs"])),
        condition_labs=_links([row["labs"] for row in conditions], _positions(labs)),
        condition_orders=_links([row["procedures"] for row in conditions], _positions(files["procedures"])),
        panel_labs=_links(members, _positions(labs)),
    )
