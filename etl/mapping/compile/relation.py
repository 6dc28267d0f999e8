"""The rows that an entry reads."""

from __future__ import annotations

from etl.mapping.language.entries import Entry
from etl.mapping.language.landed import landed_columns_sql
from etl.mapping.language.mapping import HospitalMapping
from etl.sql import literal, quote


def source_relation(mapping: HospitalMapping, entry: Entry) -> tuple[str, list[str]]:
    """SQL of the rows an entry reads, and the column names its expressions may use."""
    known = list(landed_columns_sql(mapping.sources[entry.from_]))
    # tables without persons are small and made of everybody's rows
    relation = f"{'touched' if 'person' in entry.shape.kinds else 'landed'}.{quote(entry.from_)}"
    if entry.unpivot is None:
        return relation, known
    u = entry.unpivot
    names = ", ".join(literal(c) for c in u.columns)
    values = ", ".join(quote(c) for c in u.columns)
    wide = f"select *, unnest([{names}]) as {quote(u.name)}, unnest([{values}]) as {quote(u.value)} from {relation}"
    return f"(select * from ({wide}) where omop_blank({quote(u.value)}) is not null)", [*known, u.name, u.value]
