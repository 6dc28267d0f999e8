"""How one row's codes were looked up, told step by step by asking the same look-ups again for that row alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from duckdb import DuckDBPyConnection

from etl.mapping.compile.lookup import build_lookup
from etl.mapping.compile.relation import Rows, source_relation
from etl.mapping.expression import columns_of
from etl.mapping.language.entries import Entry
from etl.mapping.language.lookups import Lookup
from etl.mapping.language.mapping import HospitalMapping
from etl.mapping.language.references import VISIT_COLUMNS
from etl.quality.lineage.columns import Search, searches
from etl.sql import literal


@dataclass(frozen=True, slots=True)
class Concept:
    """A concept of the vocabulary release."""

    concept_id: int
    vocabulary: str
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Tried:
    """What one step found: the concept of the source code, and the standard concepts it leads to (none: go on)."""

    step: int
    search: str
    source: Concept | None
    targets: tuple[Concept, ...]


@dataclass(frozen=True, slots=True)
class LookedUp:
    """A field's look-up for one row. `code` is None when it is withheld: it may be a result or free text."""

    field: str
    code: str | None
    withheld: bool
    steps: tuple[Tried, ...]

    @property
    def found(self) -> bool:
        """Whether a step found a standard concept."""
        return any(t.targets for t in self.steps)


@dataclass(frozen=True, slots=True)
class _Asked:
    code: str | None
    source: int | None
    targets: tuple[int, ...]


def look_up(con: DuckDBPyConnection, mapping: HospitalMapping, entry: Entry, code: str | None) -> list[LookedUp]:
    """The look-ups of an entry for the one row that its source's view holds.

    `code` is the source value that the CDM row carries: it tells which of the rows an unpivoted row became is meant.
    Needs the views `vocab`, the maps and masters, as the stage `map` makes them.
    """
    rows = source_relation(mapping, entry)
    concept = entry.said().get("concept")
    if entry.unpivot and code is not None and isinstance(concept, Lookup):
        rows = replace(rows, sql=f"(select * from {rows.sql} where {rows.text(concept.code)} = {literal(code)})")
    found = []
    for name, value in entry.said().items():
        if isinstance(value, Lookup):
            if _withheld(mapping, entry, name, value):
                tried = [Tried(i, s.text, None, ()) for i, s in enumerate(searches(value), 1)]
                found.append(LookedUp(name, None, True, tuple(tried)))
            else:
                found.append(_field(con, mapping, entry, name, value, rows))
    return found


def _withheld(mapping: HospitalMapping, entry: Entry, name: str, lookup: Lookup) -> bool:
    """Results are values of a patient, and a code taken out of free text may hold some."""
    declared = mapping.sources[entry.from_].declared
    read = {c for s in searches(lookup) for c in columns_of(s.lookup.code, declared)}
    if entry.unpivot and entry.unpivot.value in read:
        return True
    return entry.shape.kinds[name] == "result" or any(declared[c].scrub for c in read if c in declared)


def _field(
    con: DuckDBPyConnection, mapping: HospitalMapping, entry: Entry, name: str, lookup: Lookup, rows: Rows
) -> LookedUp:  # fmt: skip
    asked: list[tuple[Search, _Asked]] = []
    for search in searches(lookup):
        asked.append((search, _ask(con, mapping, entry, f"{entry.label}.{name}", search, rows)))
        if asked[-1][1].targets:
            break
    concepts = _concepts(con, {i for _, a in asked for i in (a.source, *a.targets) if i})
    tried = [
        Tried(i, s.text, concepts.get(a.source or 0), tuple(concepts[t] for t in a.targets if t in concepts))
        for i, (s, a) in enumerate(asked, 1)
    ]
    return LookedUp(name, asked[0][1].code, False, tuple(tried))


def _ask(
    con: DuckDBPyConnection, mapping: HospitalMapping, entry: Entry, label: str, search: Search, rows: Rows
) -> _Asked:  # fmt: skip
    """What a single step makes of the row's code on the row's day."""
    alone = search.lookup
    table = build_lookup(con, mapping, label, alone, rows, entry.target)
    start = entry.said().get("start")
    day = f"omop_try_timestamp({rows.text(start)})::date" if start and start not in VISIT_COLUMNS else "null::date"
    keys = [f"k{i}" for i in range(len(table.keys))]
    selected = ", ".join(f"{sql} as {k}" for sql, k in zip(table.keys, keys, strict=True))
    found = con.execute(
        f"select coalesce({', '.join(f'p.{k}' for k in keys)}), l.source_id, l.concept_id "
        f"from (select distinct {selected}, {day} as day from {rows.sql}) p "
        f"{table.join('l', [f'p.{k}' for k in keys], 'p.day' if start else None)} order by l.n"
    ).fetchall()
    if not found:
        return _Asked(None, None, ())
    return _Asked(found[0][0], found[0][1], tuple(dict.fromkeys(c for _, _, c in found if c)))


def _concepts(con: DuckDBPyConnection, ids: Iterable[int]) -> dict[int, Concept]:
    wanted = ", ".join(map(str, sorted(ids)))
    if not wanted:
        return {}
    rows = con.execute(
        "select concept_id, vocabulary_id, concept_code, concept_name from vocab.concept "
        f"where concept_id in ({wanted})"
    ).fetchall()
    return {row[0]: Concept(*row) for row in rows}
