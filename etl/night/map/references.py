"""Resolves references: the keys of rows just written, with the ids that they became."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from duckdb import DuckDBPyConnection

from etl.cdm import spec
from etl.cdm.shapes import shapes
from etl.engine import parquet
from etl.mapping.compile.relation import VISIT_SPANS
from etl.mapping.language.entries import Entry
from etl.mapping.language.references import FIXED, PERSON, VISIT_COLUMNS, Target
from etl.night.map.stays import VISIT
from etl.night.map.tables import staged
from etl.night.map.visits import absorbed
from etl.sql import literal, quote

VISITS = Target(FIXED["visit"], None)
PERSON_DOMAIN = 56  # the concept of the domain, which is no table's of events
_NO_IDS = "select null::varchar as name, null::bigint as id, null::smallint as _entry, 0::bigint as _row where false"


def create_referred(
    con: DuckDBPyConnection, targets: Iterable[Target], wave: Mapping[int, Entry], files: Mapping[str, Path]
) -> None:
    """Make the tables of the targets whose rows are in the entries of a wave, just written to `files`.

    A row that became several has one id for its key: the first in the table of its entry, else in another one.
    """
    con.execute("create schema if not exists referred")
    for target in sorted(targets, key=lambda t: t.relation):
        # patients are named by their ids
        named = {} if target.is_person else {n: entry for n, entry in wave.items() if target.names(entry)}
        if not named:
            continue
        rows = " union all ".join(
            f"select {number}::smallint as _entry, _row, person, key, {literal(entry.target)} as meant "
            f"from {staged(entry)} where _status is null and _n = 1 and key is not null"
            for number, entry in named.items()
        )
        written = " union all ".join(_ids(table, file) for table, file in files.items()) or _NO_IDS
        theirs = f"select * from ({written}) where _entry in ({', '.join(map(str, named))})"
        con.execute(
            f"create or replace table {target.relation} as "
            f"select person, key, found.id as id, f.* exclude (name) from (select person, key, "
            f"min({{'elsewhere': name <> meant, 'name': name, 'id': id}}) as found "
            f"from ({rows}) join ({theirs}) using (_entry, _row) group by person, key) "
            f"join ({_facts()}) f on f.name = found.name"
        )


def create_persons(con: DuckDBPyConnection) -> None:
    """Make the view of patients themselves, for facts that are about two of them: `key` is the id, if it is loaded."""
    con.execute(
        f"create or replace view {Target(PERSON, None).relation} as select person as key, person as id, "
        f"'Person' as domain, {PERSON_DOMAIN}::bigint as domain_concept, null::bigint as field "
        "from person_birth where loaded"
    )


def create_spans(con: DuckDBPyConnection, visits: Path | None) -> None:
    """Make the view of the times of visits by what names them; empty as long as there are none."""
    con.execute("create schema if not exists referred")
    start, end = map(quote, VISIT_COLUMNS)
    query = f"select null::bigint as person, null::varchar as key, null::timestamp as {start}, null::timestamp as {end}"
    if visits is None:
        query += " where false"
    else:
        query = (
            f"select n.person, n.key, v.visit_start_datetime as {start}, v.visit_end_datetime as {end} "
            f"from {VISITS.relation} n join {parquet(visits)} v on v.visit_occurrence_id = n.id"
        )
    con.execute(f"create or replace view {VISIT_SPANS} as {query}")


def _ids(table: str, file: Path) -> str:
    own = f"select {literal(table)} as name, {shapes()[table].id} as id, _entry, _row from {parquet(file)}"
    return f"{own} union all select {literal(table)}, * from ({absorbed(file)})" if table == VISIT else own


def _facts() -> str:
    rows = ", ".join(
        f"({literal(t.name)}, {literal(t.domain)}, {t.domain_concept}::bigint, {t.field_concept}::bigint)"
        for t in spec.tables().values()
        if t.domain is not None
    )
    return f"from (values {rows}) facts(name, domain, domain_concept, field)"
