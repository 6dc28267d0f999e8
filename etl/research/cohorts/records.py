"""What the tables of records are to cohorts (`records.yaml`), and what Circe's keys ask of them (`circe_parts.csv`)."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from etl.cdm.spec import tables
from etl.sql import quote
from etl.yamls import load

_PLACE = Path(__file__).parent
#: Fields of an event that are no column of its table: SQL over the event, its person, visit, provider and care site.
FIELDS: Mapping[str, str] = {
    "age": "year(start_date) - p.year_of_birth",
    "age_end": "year(end_date) - p.year_of_birth",
    "length": "end_date - start_date",
    "gender": "p.gender_concept_id",
    "race": "p.race_concept_id",
    "ethnicity": "p.ethnicity_concept_id",
    "specialty": "pr.specialty_concept_id",
    "visit_type": "v.visit_concept_id",
    "place": "cs.place_of_service_concept_id",
    "range_low_ratio": "t.value_as_number / nullif(t.range_low, 0)",
    "range_high_ratio": "t.value_as_number / nullif(t.range_high, 0)",
    "start_date": "start_date",
    "end_date": "end_date",
}
_JOINS: Mapping[str, str] = {
    "p.": "left join cohorts_person p on p.person_id = t.person_id",
    "v.": "left join visit_occurrence v on v.visit_occurrence_id = t.visit_occurrence_id and v.person_id = t.person_id",
    "pr.": "left join provider pr on pr.provider_id = t.provider_id",
    "cs.": "left join care_site cs on cs.care_site_id = t.care_site_id",
}


@dataclass(frozen=True, slots=True)
class Records:
    """A table whose records cohorts ask for; everything but `name`, `circe` and `id` is SQL over `t`, the table."""

    name: str
    circe: str
    id: str
    starts: str
    ends: str
    concept: str | None = None
    source: str | None = None
    visit: str = "null::bigint"

    def field(self, name: str) -> str:
        """SQL of a field, known by `start_date`, `end_date` and the aliases of `joins`."""
        if name == "source":
            return self.source or "null"
        return FIELDS.get(name) or f"t.{quote(name)}"

    def has(self, name: str) -> bool:
        """Whether records of the table have the field."""
        here = {c.lower() for c in tables()[self.name].columns}
        needs = {"specialty": "provider_id", "visit_type": "visit_occurrence_id", "place": "care_site_id"}
        if name.startswith("range_"):
            return "range_low" in here
        return needs[name] in here if name in needs else name in FIELDS or name in here


@dataclass(frozen=True, slots=True)
class Part:
    """What a key of a criterion asks for: how its value is read (`kind`), and of which field."""

    kind: str
    field: str


def joins(fields: list[str]) -> str:
    """SQL that joins to `t` what the SQL of fields names."""
    words = {f"{word.split('.')[0]}." for sql in fields for word in sql.replace("(", " ").split() if "." in word}
    return " ".join(join for alias, join in _JOINS.items() if alias in words)


@cache
def records() -> dict[str, Records]:
    """All tables whose records cohorts ask for."""
    said = load((_PLACE / "records.yaml").read_text(encoding="utf-8"))
    return {name: Records(name, **keys) for name, keys in said.items()}


@cache
def parts() -> dict[str, dict[str, Part]]:
    """By Circe's name of a criterion (`Person`: demographic criteria), its keys."""
    found: dict[str, dict[str, Part]] = {}
    with (_PLACE / "circe_parts.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["criterion"], {})[row["key"]] = Part(row["kind"], row["field"])
    for_all = found.pop("*")
    return {name: keys if name == "Person" else for_all | keys for name, keys in found.items()}
