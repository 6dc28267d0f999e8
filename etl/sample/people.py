"""The people: who they are, how they are called, and the numbers that identify them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.sample.catalogue import HERE, Rows, read_rows
from etl.sample.frame import DAY, Flags, Ints, Texts, joined, picked, taken, weighted

#: Record numbers that belong to nobody: events of them have no row in the patient file.
STRANGERS = 64
INSURANCES = ("NHI", "AID1", "AID2", "WORK", "AUTO", "SELF")
_RARE_SYLLABLE = 0.01
_FOREIGN = 0.015


def seconds(day: date) -> int:
    """Midnight of a day, in seconds since 1970."""
    return (day - date(1970, 1, 1)).days * DAY


@dataclass(frozen=True)
class People:
    """One chunk of patients; times in seconds since 1970. `record_number` has STRANGERS more at its end."""

    male: Flags
    foreign: Flags
    birth: Ints
    registered: Ints
    insurance: Ints
    blood: Ints
    record_number: Texts
    name: Texts
    resident_front: Texts
    resident_back: Texts
    phone: Texts
    postcode: Texts

    def __len__(self) -> int:
        """Number of patients."""
        return len(self.birth)

    def identifier(self, kind: str) -> Texts:
        """The identifiers of one kind that also turn up in free text: name, phone, rrn, mrn."""
        if kind == "rrn":
            return joined(self.resident_front, self.resident_back, between="-")
        return {"name": self.name, "phone": self.phone, "mrn": self.record_number[: len(self)]}[kind]


def padded(values: Ints, width: int) -> Texts:
    """Whole numbers as text with leading zeros."""
    texts: Texts = pc.utf8_lpad(pc.cast(pa.array(values), pa.string()), width, "0")
    return texts


def record_numbers(places: Ints, hospital_number: int) -> Texts:
    """The 8-digit record number of the patient at a place: a fixed shuffle, so no two share one."""
    return padded((places * 48_271_013 + hospital_number * 7_654_321) % 10**8, 8)


def _drawn(rng: np.random.Generator, rows: Rows, column: str, size: int) -> Texts:
    weights = np.array([float(row.get("weight") or 1) for row in rows])
    return taken(pa.array([row[column] for row in rows]), weighted(rng, weights, size))


def korean_names(rng: np.random.Generator, male: Flags) -> Texts:
    """A family name and two syllables; one name in a hundred needs a syllable only CP949 has."""
    syllables = read_rows(HERE / "lists" / "given_syllables.csv")
    size = len(male)
    family = _drawn(rng, read_rows(HERE / "lists" / "family_names.csv"), "name", size)
    given = []
    for place in ("1", "2"):
        of_sex = {
            sex: _drawn(
                rng, [row for row in syllables if row["sex"] == sex and row["place"] == place], "syllable", size
            )
            for sex in ("M", "F")
        }
        given.append(picked(male, of_sex["M"], of_sex["F"]))
    rare = _drawn(rng, [row for row in syllables if not row["sex"]], "syllable", size)
    last = picked(rng.random(size) < _RARE_SYLLABLE, rare, given[1])
    return joined(family, given[0], last)


def _foreign_names(rng: np.random.Generator, male: Flags) -> Texts:
    rows = read_rows(HERE / "lists" / "foreign_names.csv")
    of_sex = {sex: _drawn(rng, [r for r in rows if r["sex"] == sex], "name", len(male)) for sex in ("M", "F")}
    return picked(male, of_sex["M"], of_sex["F"])


def _resident_numbers(rng: np.random.Generator, birth: Ints, male: Flags, foreign: Flags) -> tuple[Texts, Texts]:
    """YYMMDD and G + six digits; G tells sex, century and whether a foreigner. No checksum since 2020-10."""
    days = (birth // DAY).astype("datetime64[D]")
    year = days.astype("datetime64[Y]").astype(np.int64) + 1970
    month = days.astype("datetime64[M]").astype(np.int64) % 12 + 1
    day = (days - days.astype("datetime64[M]")).astype(np.int64) + 1
    first = np.select([year < 1900, foreign & (year < 2000), foreign, year < 2000], [9, 5, 7, 1], 3)
    digit = np.where(male, first, np.where(year < 1900, 0, first + 1))
    serial = rng.integers(0, 10**6, len(birth))
    return padded(year % 100 * 10_000 + month * 100 + day, 6), padded(digit * 10**6 + serial, 7)


def make_people(rng: np.random.Generator, places: Ints, known: int, hospital_number: int, total: int) -> People:
    """The patients at `places`; those beyond the first `known` come newly to the hospital after 2025."""
    size = len(places)
    male, foreign = rng.random(size) < 0.49, rng.random(size) < _FOREIGN
    opening, known_end = seconds(date(2016, 1, 1)), seconds(date(2025, 12, 31))
    registered = opening + (rng.random(size) ** 1.3 * (known_end - opening)).astype(np.int64) // DAY * DAY
    # Newcomers are spread evenly over three years.
    newcomer = places >= known
    step = (places - known + rng.random(size)) / max(1, total - known)
    registered = np.where(newcomer, known_end + DAY + (step * 1095).astype(np.int64) * DAY, registered)
    age = np.clip(rng.normal(53, 21, size), 0, 98)
    birth = seconds(date(2019, 7, 1)) - (age * 365.25).astype(np.int64) * DAY
    birth = np.where(birth > registered, registered - rng.integers(0, 400, size) * DAY, birth)
    front, back = _resident_numbers(rng, birth, male, foreign)
    strangers = total + np.arange(STRANGERS)
    names = picked(foreign, _foreign_names(rng, male), korean_names(rng, male))
    numbers = padded(rng.integers(10_000_000, 99_999_999, size), 8)
    halves = [pc.utf8_slice_codeunits(numbers, 0, 4), pc.utf8_slice_codeunits(numbers, 4, 8)]
    return People(
        male=male,
        foreign=foreign,
        birth=birth,
        registered=registered,
        insurance=weighted(rng, np.array([93.0, 2.5, 0.8, 0.7, 0.8, 2.2]), size),
        blood=weighted(rng, np.array([34.0, 27.0, 28.0, 11.0]), size) * 2 + (rng.random(size) < 0.003),
        record_number=record_numbers(np.concatenate([places, strangers]), hospital_number),
        name=names,
        resident_front=front,
        resident_back=back,
        phone=joined("010", *halves, between="-"),
        postcode=padded(rng.integers(1_000, 63_645, size), 5),
    )
