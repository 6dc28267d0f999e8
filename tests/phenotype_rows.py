"""A CDM made of what cohort definitions ask for: invented persons with records of the very concepts, values and units.

No vocabulary that may be kept beside tests holds the concepts of OHDSI's phenotypes, so that their cohorts would be
empty on any data at hand. Here each definition has persons of its own, whose records are of its concepts and lie close
together, so that windows, counts, exits and collapses all come to something.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from etl.cdm.spec import tables
from etl.research.cohorts.records import records
from etl.sql import literal, quote
from etl.store.warehouse.schema import create_statements

FIRST = date(2018, 1, 1)
READ = {*records(), "person", "provider", "care_site", "concept", "concept_ancestor", "concept_relationship"}
Row = dict[str, object]


@dataclass
class Asked:
    """What a definition asks of the records of a table."""

    concepts: list[int] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    units: list[int] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)


def asked_of(definition: dict[str, Any]) -> dict[str, Asked]:
    """By table what a definition asks for."""
    sets = {
        each["id"]: [i["concept"]["CONCEPT_ID"] for i in each["expression"]["items"]]
        for each in definition.get("ConceptSets", [])
    }
    names = {each.circe: each.name for each in records().values()}
    found: dict[str, Asked] = {}
    for name, body in _criteria(definition, names):
        asked = found.setdefault(names[name], Asked())
        asked.concepts += sets.get(body.get("CodesetId"), [])
        asked.sources += sets.get(
            body.get(f"{name.removesuffix('Occurrence').removesuffix('Exposure')}SourceConcept"), []
        )
        for key in ("ValueAsNumber", "RangeLow", "RangeHigh"):
            asked.values += [body[key][end] for end in ("Value", "Extent") if end in body.get(key, {})]
        asked.units += [each["CONCEPT_ID"] for each in body.get("Unit", [])]
        asked.answers += [each["CONCEPT_ID"] for each in body.get("ValueAsConcept", [])]
    era = (definition.get("EndStrategy") or {}).get("CustomEra")
    if era:
        found.setdefault("drug_exposure", Asked()).concepts += sets[era["DrugCodesetId"]]
    return found


def _criteria(value: object, names: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in names and isinstance(inner, dict):
                yield key, inner
            yield from _criteria(inner, names)
    elif isinstance(value, list):
        for inner in value:
            yield from _criteria(inner, names)


def write(file: Path, definitions: Iterable[Path], *, persons: int, seed: int = 1) -> None:
    """Write the CDM of some definitions, each with as many persons, into a DuckDB file."""
    made = _Made(random.Random(seed))
    for path in definitions:
        made.add(json.loads(path.read_text(encoding="utf-8")), persons)
    with duckdb.connect(str(file)) as con:
        for name, statement in create_statements(keys=False).items():
            con.execute(statement.replace(" NOT NULL", ""))
            rows = made.rows.get(name)
            if rows:
                handed = pa.Table.from_pylist(rows, schema=_schema(rows))
                con.register("handed", handed)
                con.execute(f"insert into {quote(name)} by name from handed")
                con.unregister("handed")


def _schema(rows: list[Row]) -> pa.Schema:
    names: dict[str, pa.DataType] = {}
    for row in rows:
        for key, value in row.items():
            if value is not None and key not in names:
                names[key] = pa.scalar(value).type
    return pa.schema(list(names.items()))


class _Made:
    """Collects rows of all tables."""

    def __init__(self, drawn: random.Random) -> None:
        self.rows: dict[str, list[Row]] = {}
        self.drawn = drawn
        self.persons = 0
        self.events = 0

    def put(self, table: str, **row: object) -> None:
        self.rows.setdefault(table, []).append(row)

    def add(self, definition: dict[str, Any], persons: int) -> None:
        """Persons and concepts of a definition."""
        for each in definition.get("ConceptSets", []):
            for item in each["expression"]["items"]:
                self._concept(item["concept"]["CONCEPT_ID"])
        asked = asked_of(definition)
        for _ in range(persons):
            self._person(asked)

    def _concept(self, concept: int) -> None:
        known = self.rows.setdefault("concept", [])
        if any(row["concept_id"] == concept for row in known[-400:]):
            return
        below = 2_000_000_000 + concept % 100_000_000
        for each in (concept, below):
            known.append({"concept_id": each, "concept_name": "made", "standard_concept": "S"})
            self.put("concept_ancestor", ancestor_concept_id=concept, descendant_concept_id=each)

    def _person(self, asked: dict[str, Asked]) -> None:
        draw = self.drawn
        self.persons += 1
        person = ((1 + self.persons % 3) << 24) + self.persons
        self.put(
            "person", person_id=person, gender_concept_id=draw.choice((8507, 8532)),
            year_of_birth=FIRST.year - draw.choice((1, 10, 30, 50, 70)),
        )  # fmt: skip
        length = draw.choice((200, 900, 1500))
        self.put(
            "observation_period", observation_period_id=self._number(), person_id=person,
            observation_period_start_date=FIRST, observation_period_end_date=FIRST + timedelta(length),
        )  # fmt: skip
        days = sorted(draw.sample(range(10, 800), 4))
        visits = [self._visit(person, day, asked.get("visit_occurrence", Asked())) for day in days]
        for table, what in asked.items():
            if table not in ("observation_period", "visit_occurrence"):
                for _ in range(1 if table == "death" else draw.choice((1, 2, 2, 3, 5))):
                    near = draw.choice(days) + draw.choice((0, 0, 1, 3, 7, 30, 60, -1, -10, 200, -200, 365))
                    self._record(table, what, person, FIRST + timedelta(near), draw.choice(visits))

    def _number(self) -> int:
        self.events += 1
        return self.events

    def _visit(self, person: int, day: int, asked: Asked) -> int:
        number, start = self._number(), FIRST + timedelta(day)
        self.put(
            "visit_occurrence", visit_occurrence_id=number, person_id=person, visit_start_date=start,
            visit_end_date=start + timedelta(self.drawn.choice((0, 1, 5, 30))),
            visit_concept_id=self._one(asked.concepts, 9202),
        )  # fmt: skip
        return number

    def _one(self, some: list[int], other: int) -> int:
        concept = self.drawn.choice(some) if some and self.drawn.random() < 0.9 else other
        return 2_000_000_000 + concept % 100_000_000 if self.drawn.random() < 0.2 else concept

    def _record(self, table: str, asked: Asked, person: int, start: date, visit: int) -> None:
        draw, each = self.drawn, records()[table]
        columns = {name.lower() for name in tables()[table].columns}
        row: Row = {"person_id": person, each.id: person if table == "death" else self._number()}
        row[each.starts.removeprefix("t.")] = start
        end = next((c for c in columns if c.endswith("_end_date")), None)
        if end and draw.random() < (0.7 if "coalesce" in each.ends else 1):
            row[end] = start + timedelta(draw.choice((0, 5, 20, 90)))
        if each.concept:
            row[each.concept.removeprefix("t.")] = self._one(asked.concepts, 0)
        if each.source and asked.sources:
            row[each.source.removeprefix("t.")] = self._one(asked.sources, 0)
        row["visit_occurrence_id"] = visit if draw.random() < 0.7 else None
        row["days_supply"] = draw.choice((None, 7, 30))
        row["value_as_number"] = draw.choice(asked.values or [1.0]) * draw.choice((0.5, 1, 1, 1.01, 2))
        row["range_low"], row["range_high"] = draw.choice(((1.0, 5.0), (None, None), (0.0, 2.0)))
        row["unit_concept_id"] = draw.choice([*asked.units, 0])
        row["value_as_concept_id"] = draw.choice([*asked.answers, 0])
        self.put(table, **{name: value for name, value in row.items() if name in columns})


def attach(con: duckdb.DuckDBPyConnection, file: Path, name: str) -> None:
    """Attach a file to be read only."""
    con.execute(f"attach {literal(str(file))} as {quote(name)} (read_only)")
