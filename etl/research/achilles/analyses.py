"""The analyses of Achilles: which are computed, how the whole's result comes from the hospitals', and their SQL.

The SQL is OHDSI's, from the package duckcdm; `analyses.csv` says of each analysis `how` the whole's is made: `sum` of
the hospitals' counts (a person is in one hospital), computed `anew`, or not at all (`left out`, with the reason).
`persons` is the analysis that counts the persons of the same `stratum_1`, where this one counts their records.
"""

from __future__ import annotations

import csv
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any, Literal

from duckcdm import achilles, sqlrender

from etl.files import packaged

ENGINE = "duckcdm"
#: Schemas that the analyses read and write; the tables in `FOUND` begin with `PREFIX`.
CDM, FOUND, PREFIX = "cdm", "found", "a"
How = Literal["sum", "anew", "left out"]
SOURCE_NAME = 0  # the analysis that tells what the source is called


@dataclass(frozen=True, slots=True)
class Analysis:
    """One line of `analyses.csv`."""

    number: int
    how: How
    persons: int | None


@cache
def analyses() -> tuple[Analysis, ...]:
    """All that are computed, in the order of their numbers."""
    rows: Any = csv.DictReader(_listed().splitlines())
    said = (Analysis(int(r["analysis"]), r["how"], int(r["persons"]) if r["persons"] else None) for r in rows)
    return tuple(each for each in said if each.how != "left out")


def numbers(how: How) -> list[int]:
    """The analyses whose result of the whole is made so."""
    return [each.number for each in analyses() if each.how == how]


def made_with(small_cell: int) -> str:
    """A digest of everything but the rows that results come from."""
    return hashlib.sha256(f"{computed_with()} {small_cell}".encode()).hexdigest()[:32]


def computed_with() -> str:
    """A digest of what a hospital's counts come from, besides its rows."""
    return hashlib.sha256(f"{version(ENGINE)} {_listed()}".encode()).hexdigest()[:32]


def _listed() -> str:
    return packaged(__name__, "analyses.csv")


def details() -> dict[int, dict[str, str]]:
    """What Achilles calls its analyses and their strata."""
    found: dict[int, dict[str, str]] = achilles.analysis_details()
    return found


@cache
def text(number: int) -> str:
    """The SQL of an analysis as OHDSI wrote it."""
    return files(achilles).joinpath("sql", f"{number}.sql").read_text(encoding="utf-8")


@cache
def fields_read() -> tuple[frozenset[str], frozenset[str]]:
    """The tables of the CDM that any analysis reads, and the words in their SQL: no other field need be there."""
    every = "\n".join(text(each.number) for each in analyses()).lower()
    return frozenset(re.findall(r"@cdmdatabaseschema\.(\w+)", every)), frozenset(re.findall(r"\w+", every))


@cache
def statements(number: int, source: str = "") -> tuple[str, ...]:
    """The statements of an analysis in DuckDB's SQL; only `SOURCE_NAME` tells what the `source` is called."""
    rendered = sqlrender.render(
        text(number), cdmDatabaseSchema=CDM, vocabDatabaseSchema=CDM, resultsDatabaseSchema=FOUND,
        scratchDatabaseSchema=FOUND, tempEmulationSchema=FOUND, schemaDelim=".", tempAchillesPrefix=PREFIX,
        source_name=source, achilles_version=achilles.ACHILLES_VERSION, cdmVersion="5.4", singleThreaded=False,
    )  # fmt: skip
    split: list[str] = sqlrender.split_sql(sqlrender.translate(rendered, "duckdb"))
    return tuple(each for each in split if each.strip())
