"""Holds the concept ids written in mappings against a vocabulary release."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pyarrow as pa

from etl.mapping.expression import literal
from etl.mapping.model import HospitalMapping, Lookup
from etl.mapping.units import written_concepts
from etl.vocabulary.release import Release


def _written(mapping: HospitalMapping) -> Iterator[tuple[str, int]]:
    """Every concept id of the mapping and where it stands; 0 stands for no concept."""
    for name, code_map in mapping.maps.items():
        for code, given in code_map.codes.items():
            for concept in given if isinstance(given, tuple) else (given,):
                yield f"maps.{name}.codes.{code}", concept
    for entry in mapping.entries:
        for name, value in entry.said().items():
            if entry.shape.kinds[name] == "concept" and isinstance(value, int):
                yield f"entries.{entry.label}.{name}", value
    yield from written_concepts(mapping)


def doubtful_concepts(mapping: HospitalMapping, release: Release) -> list[str]:
    """One line per vocabulary or concept id that the release does not know or that is not standard and valid.

    Codes mapped to such an id end at concept 0; a constant of that kind closes the CDM gate.
    """
    written = [(place, concept) for place, concept in _written(mapping) if concept]
    given = pa.table({"place": [p for p, _ in written], "concept_id": pa.array([c for _, c in written], pa.int64())})
    with duckdb.connect() as con:
        con.register("written", given)
        rows = con.execute(
            f"""
            select w.place, w.concept_id, case when c.concept_id is null then 'is not in the release'
              else 'is not standard and valid' end
            from written w left join read_parquet({literal(str(release.table("concept")))}) c using (concept_id)
            where c.standard_concept is distinct from 'S' or c.invalid_reason is not null order by all
            """
        ).fetchall()
        known = f"select vocabulary_id from read_parquet({literal(str(release.table('vocabulary')))})"
        vocabularies = {v for (v,) in con.execute(known).fetchall()}
    unknown = [
        f"entries.{entry.label}.{name}: vocabulary {step.vocabulary} is not in the release"
        for entry in mapping.entries
        for name, value in entry.said().items()
        if isinstance(value, Lookup)
        for step in (value, *value.fallback)
        if step.vocabulary and step.vocabulary not in vocabularies
    ]
    return unknown + [f"{place}: concept {concept} {why}" for place, concept, why in rows]
