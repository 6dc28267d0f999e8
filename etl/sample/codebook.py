"""A hospital's own codes for what the catalogue holds, and the texts its records are written in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from etl.sample.catalogue import HERE, Catalogue, Rows, numbers, read_rows
from etl.sample.dialect import Dialect
from etl.sample.frame import Flags, Ints, Texts

SUFFIXES = ("", "-01", "-02")
#: How a code can be written: plain, with a leading blank, with a trailing blank.
_MANNERS: tuple[Callable[[str], str], ...] = (str, " {}".format, "{} ".format)
_KOREAN_RESULTS = {"Positive": "양성", "Negative": "음성", "Reactive": "양성", "Nonreactive": "음성"}


@dataclass(frozen=True)
class Staff:
    """The people who work there: codes and, per person, name, sex, birth year, job and department position."""

    code: list[str]
    name: list[str]
    sex: list[str]
    birth_year: list[int]
    job: list[str]
    department: Ints
    doctors_from: Ints
    doctors: Ints


@dataclass(frozen=True)
class Codebook:
    """Local codes by catalogue position; `*_edi` tells which of them the hospital links to an EDI code.

    renamed: by condition the position of its own code in `diagnosis`, which no master explains; -1 where it has none.
    """

    diagnosis: list[str]
    diagnosis_rows: Rows
    drug: list[str]
    lab: list[str]
    order: list[str]
    department: list[str]
    lab_edi: Flags
    order_edi: Flags
    units: list[str]
    unit_from: Ints
    words: list[str]
    word_from: Ints
    common_words: Ints
    staff: Staff
    renamed: Ints

    def written(self, codes: list[str]) -> Texts:
        """The codes in every manner of writing: position + manner * len(codes)."""
        return pa.array([manner(code) for manner in _MANNERS for code in codes])


def numbered_codes(rng: np.random.Generator, template: str, rows: Rows) -> list[str]:
    """Local codes after a template; {n} is a number that does not betray the order of the catalogue."""
    order = rng.permutation(len(rows)) + 1
    return [
        template.format(n=int(n), key=row["key"].upper().replace("_", ""), local=row.get("local", ""))
        for n, row in zip(order, rows, strict=True)
    ]


def _staff(rng: np.random.Generator, cat: Catalogue, dialect: Dialect) -> Staff:
    """Three to six doctors for each department, two nurses for each ward, three technicians."""
    clinics = [place for place, row in enumerate(cat.departments) if row["ward"] != "1"]
    doctors = [place for place in clinics for _ in range(int(rng.integers(3, 7)))]
    nurses = [place for place, row in enumerate(cat.departments) if row["ward"] == "1" for _ in range(2)]
    places = np.array(doctors + nurses + clinics[-3:])
    jobs = ["doctor"] * len(doctors) + ["nurse"] * len(nurses) + ["technician"] * len(clinics[-3:])
    family = [row["name"] for row in read_rows(HERE / "lists" / "family_names.csv")]
    given = [row["syllable"] for row in read_rows(HERE / "lists" / "given_syllables.csv") if row["sex"]]
    size = len(places)
    order = rng.permutation(size) + 101
    spelled = rng.integers(0, 10**6, (size, 3))
    counts = np.bincount(np.array(doctors), minlength=len(cat.departments))
    return Staff(
        code=[dialect.codes["staff"].format(n=int(n)) for n in order],
        name=[family[a % len(family)] + given[b % len(given)] + given[c % len(given)] for a, b, c in spelled],
        sex=["M" if drawn < 0.55 else "F" for drawn in rng.random(size)],
        birth_year=[int(year) for year in rng.integers(1958, 1996, size)],
        job=jobs,
        department=places,
        doctors_from=np.cumsum(counts) - counts,
        doctors=counts,
    )


def _spellings(cat: Catalogue, dialect: Dialect) -> list[list[str]]:
    """The unit spellings of each lab that the hospital's encoding can write."""
    return [[unit for unit in row["units"].split(";") if dialect.writes(unit)] or [""] for row in cat.labs]


def _qualitative(cat: Catalogue) -> list[list[str]]:
    """The result words of each qualitative lab, English and then (where there is one) Korean."""
    found = []
    for row in cat.labs:
        values = [value for value in row["values"].split(";") if value]
        found.append(values + [_KOREAN_RESULTS.get(value, value) for value in values])
    return found


def _flat(lists: list[list[str]]) -> tuple[list[str], Ints]:
    starts = np.cumsum([0] + [len(items) for items in lists])
    return [item for items in lists for item in items], starts


def codebook(rng: np.random.Generator, cat: Catalogue, dialect: Dialect, own: Sequence[int] = ()) -> Codebook:
    """Make up the codes of one hospital; conditions at the positions `own` have one of the hospital's own, too."""
    fresh = read_rows(HERE / "lists" / "kcd8_only.csv")
    unexplained = [
        {"kcd": "", **{name: cat.conditions[place][name] for name in ("name_en", "name_ko")}} for place in own
    ]
    plain = [row["kcd"].replace(".", "") + suffix for row in cat.conditions for suffix in SUFFIXES]
    units, unit_from = _flat(_spellings(cat, dialect))
    words, word_from = _flat(_qualitative(cat))
    common = [row["text"] for row in read_rows(HERE / "lists" / "worded_results.csv")]
    codes = dialect.codes
    known = plain + [row["kcd"].replace(".", "") for row in fresh]
    renamed = np.full(len(cat.conditions), -1, dtype=np.int64)
    renamed[list(own)] = len(known) + np.arange(len(own))
    return Codebook(
        diagnosis=known + [f"HX{place:03d}" for place in own],
        diagnosis_rows=[row for row in cat.conditions for _ in SUFFIXES] + fresh + unexplained,
        drug=numbered_codes(rng, codes["drug"], cat.drugs),
        lab=numbered_codes(rng, codes["lab"], cat.labs),
        order=numbered_codes(rng, codes["order"], cat.orders),
        department=[codes["department"].format(code=row["code"]) for row in cat.departments],
        lab_edi=rng.random(len(cat.labs)) >= dialect.rates["lab_without_edi"],
        order_edi=rng.random(len(cat.orders)) >= dialect.rates["order_without_edi"],
        units=units,
        unit_from=unit_from,
        words=words + common,
        word_from=word_from,
        common_words=np.arange(len(words), len(words) + len(common)),
        staff=_staff(rng, cat, dialect),
        renamed=renamed,
    )


def limits(cat: Catalogue, column: str) -> Texts:
    """A reference limit of each lab as its hospital prints it; NULL where there is none."""
    decimals = numbers(cat.labs, "decimals").astype(int)
    printed = [
        f"{float(row[column]):.{places}f}" if row[column] else None
        for row, places in zip(cat.labs, decimals, strict=True)
    ]
    return pa.array(printed, pa.string())
