"""Entries whose concept is a constant: no code is looked up there, but rows that hold one become that concept."""

from __future__ import annotations

from collections.abc import Iterator

from duckdb import DuckDBPyConnection

from etl.mapping.compile.relation import source_relation
from etl.mapping.compile.status import filtered
from etl.mapping.explain.explanation import Chosen, Explanation, Meaning
from etl.mapping.explain.release import concept_of
from etl.mapping.expression import columns_of
from etl.mapping.language.entries import Entry
from etl.mapping.language.landed import landed_columns_sql
from etl.mapping.language.lookups import Lookup
from etl.mapping.language.mapping import HospitalMapping
from etl.sql import literal, quote

_FIELD = "concept"


def constants_of(mapping: HospitalMapping, field: str | None) -> Iterator[tuple[Entry, int]]:
    """Entries with a constant concept: all, or those that `field` means, with the concept."""
    for entry in mapping.entries:
        value = entry.said().get(_FIELD)
        if isinstance(value, int) and field in (None, _FIELD, entry.label, f"{entry.label}.{_FIELD}"):
            yield entry, value


def explain_constants(
    con: DuckDBPyConnection, mapping: HospitalMapping, code: str, field: str | None
) -> Iterator[Explanation]:
    """The entries of a constant concept that have rows with `code` in a column they choose, name or describe rows by.

    Needs what `create_inputs` makes.
    """
    for entry, concept_id in constants_of(mapping, field):
        rows = source_relation(mapping, entry)
        holding = " or ".join(f"{column} = {literal(code)}" for column in _read(mapping, entry).values())
        if not holding:
            continue
        rule = filtered(mapping.hospital, entry, rows)
        row = con.execute(
            "select count(*) filter (_rule is null), count(*) filter (_rule is not null) "
            f"from (select *, {rule} as _rule from {rows.sql}) where {holding}"
        ).fetchone()
        records, left_out = row or (0, 0)
        if records or left_out:
            chosen = Chosen(concept_of(con, concept_id), None, entry.target if entry.shape.event else None)
            columns = [
                name for name, column in _read(mapping, entry).items()
                if con.execute(f"select 1 from {rows.sql} where {column} = {literal(code)} limit 1").fetchone()
            ]  # fmt: skip
            yield Explanation(
                entry.label, _FIELD, entry.from_, records, left_out, dict.fromkeys(columns, code), None, (),
                (Meaning(None, None, None, None, (chosen,)),), constant=concept_id,
            )  # fmt: skip


def _read(mapping: HospitalMapping, entry: Entry) -> dict[str, str]:
    """Text columns by which the entry chooses its rows, tells them apart or describes them, with their SQL."""
    known = source_relation(mapping, entry).known
    types = landed_columns_sql(mapping.sources[entry.from_])
    expressions = list(entry.rules.values())
    for name, value in entry.said().items():
        if isinstance(value, Lookup):
            expressions.append(value.code)
        elif entry.shape.kinds[name] == "text":
            expressions.append(str(value))
    names = [column for sql in expressions for column in columns_of(sql, known) if column in known]
    if entry.unpivot:
        names.append(entry.unpivot.name)
    return {n: f"omop_blank({quote(n)})" for n in dict.fromkeys(names) if types.get(n, "varchar") == "varchar"}
