"""Holds the concept ids written in mappings against a vocabulary release."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from etl.engine import rows_in
from etl.errors import Problem
from etl.mapping.check.conversions import written_concepts
from etl.mapping.language.lookups import Lookup
from etl.mapping.language.mapping import HospitalMapping
from etl.mapping.language.places import Path_, Place
from etl.vocabulary.release import Release

_COLUMNS = {
    "map": pa.string(), "in_file": pa.bool_(), "file": pa.string(), "line": pa.int64(), "key": pa.string(),
    "concept_id": pa.int64(), "any": pa.bool_(),
}  # fmt: skip

_RELATIONSHIPS = ("relationship", "reverse")


@dataclass(frozen=True, slots=True)
class Doubt:
    """A concept id or vocabulary that the release does not hold as the mapping needs it, and where it is written.

    `map` names the code map, if it is one's; `in_file` says that it stands in the map's CSV file and not in YAML;
    `wrong`, that it cannot be right, whatever release is loaded.
    """

    problem: Problem
    map: str | None = None
    in_file: bool = False
    wrong: bool = False


def place_of(mapping: HospitalMapping, path: Path_) -> Place:
    """Where the nearest written part of a path stands."""
    ends = (path[:end] for end in range(len(path), -1, -1))
    return next((mapping.places[p] for p in ends if p in mapping.places), Place("hospital.yaml", 1))


def _constants(mapping: HospitalMapping) -> Iterator[tuple[Path_, int, bool]]:
    """Every constant, its place, and whether it need not be standard: no concept of a relationship is."""
    for entry in mapping.entries:
        for name, value in entry.said().items():
            if entry.shape.kinds[name] == "concept" and isinstance(value, int):
                yield ("entries", entry.label, name), value, name in _RELATIONSHIPS
    for key, concept in written_concepts(mapping):
        yield tuple(key.split(".")), concept, False


def _written(mapping: HospitalMapping) -> pa.Table:
    """Every concept id of the mapping, and where."""
    said_in_yaml = list(_constants(mapping))
    constants = [(place_of(mapping, path), ".".join(map(str, path)), concept) for path, concept, _ in said_in_yaml]
    said: dict[str, list[object]] = {
        "file": [place.file for place, _, _ in constants],
        "line": [place.line for place, _, _ in constants],
        "key": [key for _, key, _ in constants],
        "concept_id": [concept for _, _, concept in constants],
        "in_file": [False] * len(constants),
        "any": [free for _, _, free in said_in_yaml],
    }
    nothing: list[object] = [None] * len(constants)
    parts = [pa.table({name: pa.array(said.get(name, nothing), type_) for name, type_ in _COLUMNS.items()})]
    yaml = pa.array({place.file for place in mapping.places.values()}, pa.string())
    for name, found in mapping.map_rows.items():
        part = found.rows.select(["file", "line", "code", "concept_id"])
        part = part.append_column("map", pa.repeat(name, len(part))).append_column("key", part["code"])
        part = part.append_column("any", pa.repeat(False, len(part)))
        part = part.append_column("in_file", pa.compute.invert(pa.compute.is_in(part["file"], value_set=yaml)))
        parts.append(part.select(list(_COLUMNS)))
    return pa.concat_tables(parts)


def _unknown_vocabularies(mapping: HospitalMapping, known: set[str]) -> Iterator[Doubt]:
    for entry in mapping.entries:
        for name, value in entry.said().items():
            steps = (value, *value.fallback) if isinstance(value, Lookup) else ()
            for i, step in enumerate(steps):
                if step.vocabulary and step.vocabulary not in known:
                    path: Path_ = ("entries", entry.label, name, *(("fallback", i - 1) if i else ()))
                    place = place_of(mapping, (*path, "vocabulary"))
                    key = ".".join(map(str, path[:3]))
                    said = f"vocabulary {step.vocabulary} is not in the release"
                    yield Doubt(Problem(place.file, place.line, key, said))


def doubtful_concepts(mapping: HospitalMapping, release: Release) -> list[Doubt]:
    """Vocabularies and concept ids that the release does not know, or that are not standard and valid in it.

    Codes mapped to such an id end at concept 0; a constant of that kind closes the CDM gate.
    """
    with duckdb.connect() as con:
        for table in ("concept", "maps_to", "vocabulary"):
            con.execute(f"create view {table} as from {rows_in(release.table(table))}")
        con.register("written", _written(mapping))
        rows = con.execute(
            """
            with used as (select distinct concept_id from written where concept_id <> 0),
            known as (select * from concept where concept_id in (from used)),
            better as (
              select concept_id, string_agg(target_id::varchar, ', ' order by target_id) as targets
              from maps_to where concept_id in (from used) group by concept_id
            )
            select w.map, w.in_file, w.file, w.line,
              case when w.map is null then w.key when w.in_file then 'code ' || w.key
                   else 'maps.' || w.map || '.codes.' || w.key end,
              c.concept_id is not null as wrong, 'concept ' || w.concept_id || ' ' || case
                when c.concept_id is null then 'is not in the release'
                when c.invalid_reason is not null then 'is no longer valid in the release'
                else 'is not standard in the release' end || coalesce('; it maps to ' || b.targets, '')
            from written w left join known c using (concept_id) left join better b using (concept_id)
            where w.concept_id <> 0 and (c.concept_id is null or c.invalid_reason is not null
              or (c.standard_concept is distinct from 'S' and not w."any"))
            order by 3, 4, 5, 6
            """
        ).fetchall()
        vocabularies = {str(v) for (v,) in con.execute("select vocabulary_id from vocabulary").fetchall()}
    unknown = list(_unknown_vocabularies(mapping, vocabularies))
    return unknown + [
        Doubt(Problem(file, line, key, said), name, in_file, in_file or wrong)
        for name, in_file, file, line, key, wrong, said in rows
    ]
