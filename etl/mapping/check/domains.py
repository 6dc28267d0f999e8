"""Holds the concepts that mappings say, in code maps and as constants, against the domain of the field they are for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb
import pyarrow as pa

from etl.cdm.concept_domains import field_domains
from etl.cdm.shapes import FALLBACK_TABLE, domains
from etl.engine import rows_in
from etl.errors import Problem
from etl.mapping.check.concepts import place_of
from etl.mapping.check.conversions import written_concepts
from etl.mapping.language.lookups import Lookup
from etl.mapping.language.mapping import HospitalMapping
from etl.mapping.language.places import Place
from etl.vocabulary.release import Release

_WRONG = """
with said as (
  select file, line, key, concept_id, field, takes from constant
  union all
  select file, line, case when suffix(file, '.yaml') then 'maps.' || map || '.codes.' || code else 'code ' || code end,
    concept_id, field, takes
  from map_row join used using (map) where kind = 'MAPS_TO'
),
wrong as (
  select s.*, c.concept_name, c.domain_id
  from said s join (select * from concept where concept_id in (select concept_id from said)) c using (concept_id)
  where s.concept_id <> 0 and not list_contains(takes, c.domain_id)
)
select w.file, w.line, w.key, 'concept ' || w.concept_id || ' is of the domain ' || w.domain_id || '; ' || w.field
  || ' takes ' || array_to_string(w.takes, ', ') || coalesce(', such as ' || min(o.concept_id), '')
from wrong w left join concept o on lower(o.concept_name) = lower(w.concept_name)
  and list_contains(w.takes, o.domain_id) and o.standard_concept = 'S' and o.invalid_reason is null
group by w.file, w.line, w.key, w.concept_id, w.domain_id, w.field, w.takes order by 1, 2, 3
"""


def misplaced_concepts(mapping: HospitalMapping, release: Release) -> list[Problem]:
    """Concepts of another domain than their field's, each with the domain that it takes and, of that, its namesake.

    An event's concept that is looked up may be of any domain, which decides the table; a constant stays where it is.
    """
    with duckdb.connect() as con:
        con.execute(f"create view concept as from {rows_in(release.table('concept'))}")
        con.execute(
            "create table used (map varchar, field varchar, takes varchar[]); create table constant "
            "(file varchar, line bigint, key varchar, concept_id bigint, field varchar, takes varchar[])"
        )
        for row in _used_maps(mapping):
            con.execute("insert into used values (?, ?, ?)", list(row))
        every = [str(d) for (d,) in con.execute("select distinct domain_id from concept").fetchall()]
        for place, key, concept, field, takes in (*_constants(mapping, every), *_of_conversions(mapping)):
            row_ = [place.file, place.line, key, concept, field, takes]
            con.execute("insert into constant values (?, ?, ?, ?, ?, ?)", row_)
        rows = [r.rows.append_column("map", pa.repeat(name, len(r.rows))) for name, r in mapping.map_rows.items()]
        if rows:
            con.register("map_row", pa.concat_tables(rows))
        else:
            con.execute(
                "create table map_row "
                "(file varchar, line bigint, code varchar, concept_id bigint, kind varchar, map varchar)"
            )
        return [Problem(*row) for row in con.execute(_WRONG).fetchall()]


def _constants(mapping: HospitalMapping, every: Sequence[str]) -> Iterator[tuple[Place, str, int, str, list[str]]]:
    """Place, key, concept, field of every constant, and the domains, out of all, that it may be of."""
    elsewhere = [d for d in every if domains().get(d, FALLBACK_TABLE) == FALLBACK_TABLE]
    for entry in mapping.entries:
        takes = {n: list(d) for n, d in field_domains(entry.shape).items()}
        takes |= {"concept": elsewhere} if entry.target == FALLBACK_TABLE else {}
        for name, concept in entry.said().items():
            if name in takes and isinstance(concept, int):
                path = ("entries", entry.label, name)
                yield place_of(mapping, path), ".".join(path), concept, f"{entry.target}.{name}", takes[name]


def _of_conversions(mapping: HospitalMapping) -> Iterator[tuple[Place, str, int, str, list[str]]]:
    for key, concept in written_concepts(mapping):
        path = tuple(key.split("."))
        if path[-1] in ("from", "to"):
            yield place_of(mapping, path), key, concept, path[-1], ["Unit"]


def _used_maps(mapping: HospitalMapping) -> Iterator[tuple[str, str, list[str]]]:
    """Every code map, and a field that it is used for with the domains of that, once for the same domains."""
    used: dict[tuple[str, tuple[str, ...]], str] = {}
    for entry in mapping.entries:
        for name, takes in field_domains(entry.shape).items():
            value = entry.said().get(name)
            if isinstance(value, Lookup) and not (entry.shape.event and name == "concept"):
                for step in (value, *value.fallback):
                    if step.map:
                        used.setdefault((step.map, takes), f"{entry.target}.{name}")
    for (name, takes), field in used.items():
        yield name, field, list(takes)
