"""Persons whose rows a code master maps differently since tonight, though the rows themselves are the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from duckdb import DuckDBPyConnection

from etl.engine import one_number, rows_in
from etl.mapping.compile.lookup import choose, create_maps, create_vocabulary_views, narrowed
from etl.mapping.compile.masters import create_masters
from etl.mapping.compile.relation import source_relation
from etl.mapping.language.entries import Entry
from etl.mapping.language.lookups import Lookup
from etl.mapping.language.mapping import HospitalMapping
from etl.night.lake.names import lookup_file
from etl.sql import quote
from etl.vocabulary.release import Release

_MEANING = "valid_from, valid_to, n, concept_id, source_id, target, value_id"


def persons_of_changed_codes(
    con: DuckDBPyConnection, mapping: HospitalMapping, release: Release, masters: set[str], before: Path
) -> Iterator[str]:
    """SQL of the persons, one query per look-up that some of the `masters` have a say in.

    `before` is the folder of the published look-ups; the views `landed.…` and `touched.…` hold today's rows.
    """
    create_vocabulary_views(con, release)
    create_maps(con, mapping)
    create_masters(con, mapping)
    for entry in mapping.entries:
        for field, lookup in entry.said().items():
            if not isinstance(lookup, Lookup) or "person" not in entry.shape.kinds:
                continue
            if not {step.through for step, _ in lookup.steps} & masters:
                continue
            file = lookup_file(before, f"{entry.label}.{field}")
            if file.exists() and _changed(con, mapping, entry, lookup, file):
                yield _persons(mapping, entry, lookup, result=entry.shape.kinds[field] == "result")


def _changed(con: DuckDBPyConnection, mapping: HospitalMapping, entry: Entry, lookup: Lookup, file: Path) -> bool:
    """Make the table `changed(k0 …)`: the codes known so far that mean something else now."""
    keys = ", ".join(f"k{i}" for i in range(len(lookup.keys)))
    old = f"select {keys}, {_MEANING} from {rows_in(file)}"
    con.execute(
        f"create or replace temp table code as select distinct {keys}, null::varchar as description "
        f"from {rows_in(file)}"
    )
    choose(con, mapping, lookup, "meaning", entry.target)
    new = f"select {keys}, {_MEANING} from meaning"
    con.execute(
        f"create or replace temp table changed as select distinct {keys} from "
        f"(({old}) except ({new}) union all (({new}) except ({old})))"
    )
    con.execute("drop table code; drop table candidate; drop table meaning")
    return one_number(con, "select count(*) from changed") > 0


def _persons(mapping: HospitalMapping, entry: Entry, lookup: Lookup, *, result: bool) -> str:
    everybody = source_relation(mapping, entry, "landed")
    codes = narrowed(lookup, everybody, result=result)
    selected = ", ".join(f"{sql} as k{i}" for i, sql in enumerate(codes))
    same = " and ".join(f"c.k{i} is not distinct from r.k{i}" for i in range(len(codes)))
    person = quote(str(entry.said()["person"]))
    return (
        f"select person from (select {person} as person, {selected} from {everybody.sql}) r "
        f"where exists (select 1 from changed c where {same})"
    )
