"""All that one hospital's mappings say, arranged by CDM table and by source, with the rows of its newest night."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from etl.cdm.shapes import shapes
from etl.cdm.spec import tables
from etl.engine import rows_in
from etl.errors import ConfigError
from etl.mapping.language.codemaps import CodeMap
from etl.mapping.language.contract import Source
from etl.mapping.language.entries import Entry
from etl.mapping.language.lookups import MasterStep
from etl.mapping.language.mapping import HospitalMapping
from etl.night.derive.derive import derivations
from etl.quality.lineage.columns import Filled, Input, filled, inputs, sayings
from etl.quality.lineage.row import YamlPlaces
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger
from etl.vocabulary.release import current_release


@dataclass(frozen=True, slots=True)
class Part:
    """What one entry brings to one table. `routed`: only by the domain of a standard concept. Rows are the night's."""

    entry: Entry
    place: str
    columns: tuple[Filled, ...]
    places: Mapping[str, str]
    routed: bool
    rows: int | None
    source_rows: int | None


@dataclass(frozen=True, slots=True)
class TablePart:
    """A CDM table with the entries that fill it, and the columns that none of them fills."""

    name: str
    parts: tuple[Part, ...]
    empty: tuple[str, ...]
    rows: int | None


@dataclass(frozen=True, slots=True)
class SourcePart:
    """A source with, by column, the columns of the CDM that depend on it (and the rules, as `entry: rule`)."""

    name: str
    source: Source
    place: str
    feeds: Mapping[str, tuple[tuple[str, str], ...]]
    rules: Mapping[str, tuple[str, ...]]
    masters: tuple[str, ...]
    rows: int | None


@dataclass(frozen=True, slots=True)
class Edge:
    """Rows of a source go to a table (`kind` entry or routed), or its codes are looked up for it (`kind` master)."""

    source: str
    table: str
    kind: str
    rows: int | None


@dataclass(frozen=True, slots=True)
class HospitalLineage:
    """One hospital's page."""

    mapping: HospitalMapping
    tables: tuple[TablePart, ...]
    sources: tuple[SourcePart, ...]
    edges: tuple[Edge, ...]
    masters: Mapping[str, tuple[MasterStep, ...]]
    maps: Mapping[str, CodeMap]
    derived: Mapping[str, str]
    concepts: Mapping[int, str]
    places: Mapping[tuple[str, str], str]
    night: Mapping[str, Any] | None
    rates: tuple[Mapping[str, Any], ...]

    @property
    def filled_columns(self) -> int:
        """Columns of the CDM that some entry fills."""
        return sum(len({c.column for p in t.parts for c in p.columns}) for t in self.tables)


def describe(settings: Settings, mapping: HospitalMapping) -> HospitalLineage:
    """Arrange a hospital's mappings; without a published night, all counts of rows are None."""
    name = mapping.hospital.hospital
    yaml = YamlPlaces(settings, name)
    ledger = Ledger(settings.ledger_url)
    night = ledger.last_published(name)
    accounts = ledger.accounts(night["run_id"]) if night else None
    counted = {(a["entry"], a["cdm_table"]): a for a in accounts.tables} if accounts else {}
    came: dict[str, int] = {}
    for file in accounts.files if accounts else []:
        came[file["source"]] = came.get(file["source"], 0) + file["rows"]
    found = [part for table in shapes() if (part := _table(mapping, yaml, table, counted, night is not None))]
    maps = _used_maps(mapping)
    return HospitalLineage(
        mapping=mapping,
        tables=tuple(found),
        sources=tuple(_source(mapping, yaml, n, found, came.get(n)) for n in mapping.sources),
        edges=tuple(_edges(mapping, found)),
        masters=mapping.masters,
        maps=maps,
        derived=derivations(),
        concepts=_concept_names(settings, mapping),
        places={(kind, n): yaml.of((kind, n)) for kind in ("masters", "maps") for n in getattr(mapping, kind)},
        night=night,
        rates=tuple(ledger.rate_rows(night["run_id"])) if night else (),
    )


def _table(
    mapping: HospitalMapping, yaml: YamlPlaces, table: str, counted: Mapping[tuple[str, str], Any], ran: bool
) -> TablePart | None:
    parts = []
    for entry in mapping.entries:
        account = counted.get((entry.label, table))
        if entry.target == table or account:
            columns = tuple(filled(mapping, entry, table))
            places = {s.field: yaml.of(s.path) for c in columns for s in c.fields}
            rows, source_rows = (account["rows"], account["source_rows"]) if account else (0, 0)
            head = (entry, yaml.of(("entries", entry.label)), columns, places, entry.target != table)
            parts.append(Part(*head, rows if ran else None, source_rows if ran else None))
    if not parts:
        return None
    full = {c.column for p in parts for c in p.columns}
    empty = tuple(c for c in tables()[table].columns if c not in full)
    return TablePart(table, tuple(parts), empty, sum(p.rows or 0 for p in parts) if ran else None)


def _source(
    mapping: HospitalMapping, yaml: YamlPlaces, name: str, found: list[TablePart], rows: int | None
) -> SourcePart:
    feeds: dict[str, dict[tuple[str, str], None]] = {}
    for table in found:
        for part in table.parts:
            for column in part.columns:
                for i in _inputs(column):
                    if i.source == name:
                        feeds.setdefault(i.column, {})[table.name, column.column] = None
    rules: dict[str, list[str]] = {}
    for entry in mapping.entries:
        if entry.from_ == name:
            for rule, sql in entry.rules.items():
                for read in inputs(mapping, entry, sql):
                    if read.source == name:
                        rules.setdefault(read.column, []).append(f"{entry.label}: {rule}")
    masters = tuple(m for m, steps in mapping.masters.items() if any(s.source == name for s in steps))
    return SourcePart(
        name, mapping.sources[name], yaml.of(("sources", name)), {c: tuple(t) for c, t in feeds.items()},
        {c: tuple(r) for c, r in rules.items()}, masters, rows,
    )  # fmt: skip


def _inputs(column: Filled) -> list[Input]:
    return [i for said in column.fields for i in said.inputs]


def _edges(mapping: HospitalMapping, found: list[TablePart]) -> list[Edge]:
    """One edge per source and table and kind, the rows of several entries added up."""
    edges: dict[tuple[str, str, str], int | None] = {}
    for table in found:
        for part in table.parts:
            key = (part.entry.from_, table.name, "routed" if part.routed else "entry")
            edges[key] = (edges.get(key) or 0) + part.rows if part.rows is not None else None
            if not part.routed:
                looked_up = {i.source for s in sayings(mapping, part.entry).values() for i in s.inputs if i.looked_up}
                for source in sorted(looked_up - {part.entry.from_}):
                    edges.setdefault((source, table.name, "master"), None)
    solid = {(s, t) for s, t, kind in edges if kind == "entry"}
    return [Edge(s, t, kind, rows) for (s, t, kind), rows in edges.items() if kind == "entry" or (s, t) not in solid]


def _used_maps(mapping: HospitalMapping) -> dict[str, CodeMap]:
    used = {s.lookup.map for e in mapping.entries for said in sayings(mapping, e).values() for s in said.searches}
    return {name: code_map for name, code_map in mapping.maps.items() if name in used}


def _concept_names(settings: Settings, mapping: HospitalMapping) -> dict[int, str]:
    """Names of the concepts that the mappings name; none without a vocabulary."""
    wanted = {v for e in mapping.entries for v in e.said().values() if isinstance(v, int)}
    for code_map in _used_maps(mapping).values():
        for given in code_map.codes.values():
            wanted |= set(given) if isinstance(given, tuple) else {given}
    try:
        rows = rows_in(current_release(settings).table("concept"))
    except ConfigError:
        return {}
    ids = ", ".join(map(str, sorted(wanted | {0})))
    with duckdb.connect() as con:
        found = con.execute(f"select concept_id, concept_name from {rows} where concept_id in ({ids})").fetchall()
    return dict(found)
