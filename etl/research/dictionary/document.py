"""What the dictionary tells of each table and field: specification, mappings and content side by side."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from duckdb import DuckDBPyConnection

from etl.cdm import spec
from etl.engine import records
from etl.files import packaged
from etl.mapping.language.mapping import HospitalMapping
from etl.pages.disclosure import SMALL_CELL
from etl.research.dictionary.coverage import Field as CoveredField
from etl.research.dictionary.coverage import Table as CoveredTable
from etl.research.dictionary.coverage import coverage, groups_of
from etl.research.dictionary.measure import FieldFigures, TableFigures, measure


@dataclass(frozen=True, slots=True)
class Rule:
    """A convention of `docs/conventions.md` and the tables it is about (`*`: all that hospitals fill)."""

    number: int
    title: str
    tables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hospital:
    """A hospital of the warehouse by its number."""

    number: int
    short: str
    name: str


@dataclass(frozen=True, slots=True)
class Origin:
    """What fills a field in hospitals that share a layout: one text per source, as the mappings say it."""

    hospitals: tuple[Hospital, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FieldEntry:
    """One field: `rule` is what makes it besides columns of sources, `why` the reason that nothing fills it."""

    spec: spec.Field
    rule: str
    origins: tuple[Origin, ...]
    why: str
    figures: FieldFigures


@dataclass(frozen=True, slots=True)
class TableEntry:
    """One table; `made_by` says who fills it, in the words of the coverage page."""

    name: str
    schema: spec.Schema
    made_by: str
    rules: tuple[Rule, ...]
    figures: TableFigures
    fields: tuple[FieldEntry, ...]


@dataclass(frozen=True, slots=True)
class Dictionary:
    """The whole page. `source` is the warehouse's row of cdm_source by column, empty before a night is published."""

    hospitals: tuple[Hospital, ...]
    tables: tuple[TableEntry, ...]
    source: Mapping[str, object]
    small_cell: int

    @property
    def fields(self) -> tuple[int, int]:
        """Fields of the CDM's own tables that some row has a value in, and all of them."""
        every = [field for table in self.tables if table.schema == "cdm" for field in table.fields]
        return sum(f.figures.filled.hidden or f.figures.filled.rows > 0 for f in every), len(every)

    @property
    def persons(self) -> TableFigures:
        """Figures of the table person."""
        return next(table.figures for table in self.tables if table.name == "person")


@cache
def rules() -> tuple[Rule, ...]:
    """The conventions, in their order."""
    text = packaged(__name__, "conventions.csv")
    return tuple(
        Rule(int(row["rule"]), row["title"].replace("`", ""), tuple(row["tables"].split()))
        for row in csv.DictReader(text.splitlines())
    )


def describe(
    con: DuckDBPyConnection, mappings: Mapping[str, HospitalMapping], tell: Callable[[str], None] = lambda _: None
) -> Dictionary:
    """Measure the warehouse behind a reader's connection; `tell` hears each table that is done.

    Counts of fewer persons than the strictest hospital's `small_cell` are hidden.
    """
    small_cell = max((m.hospital.small_cell for m in mappings.values()), default=SMALL_CELL)
    figures = {}
    for name, found in measure(con, small_cell):
        figures[name] = found
        tell(name)
    hospitals = _hospitals(figures["person"], mappings)
    entries = tuple(_tables(figures, mappings, hospitals))
    return Dictionary(hospitals, entries, _source(con), small_cell)


def _hospital(mapping: HospitalMapping) -> Hospital:
    said = mapping.hospital
    return Hospital(said.number, said.hospital, said.name.ko)


def _hospitals(persons: TableFigures, mappings: Mapping[str, HospitalMapping]) -> tuple[Hospital, ...]:
    """Hospitals with persons, in the order of their numbers; also one whose mappings are not here."""
    named = {m.hospital.number: _hospital(m) for m in mappings.values()}
    return tuple(
        named.get(number) or Hospital(number, f"hospital {number}", f"hospital {number}")
        for number in sorted(persons.by_hospital)
    )


def _source(con: DuckDBPyConnection) -> dict[str, object]:
    return next(iter(records(con, "select * from cdm_source limit 1")), {})


def _tables(
    figures: Mapping[str, TableFigures], mappings: Mapping[str, HospitalMapping], hospitals: tuple[Hospital, ...]
) -> Iterator[TableEntry]:
    there = (
        {hospital.short: hospital for hospital in hospitals}
        if hospitals
        else {n: _hospital(m) for n, m in mappings.items()}
    )
    groups = {
        group: tuple(there[m.hospital.hospital] for m in members if m.hospital.hospital in there)
        for group, members in groups_of(mappings).items()
    }
    covered = {table.name: table for table in coverage(mappings)}
    for name, table in spec.tables().items():
        content, cover = figures.get(name, TableFigures()), covered.get(name)
        members = [groups[group] for group in cover.groups] if cover else []
        told = {field.name: field for field in cover.fields} if cover else {}
        fields = tuple(_field(f, told.get(f.name), members, content) for f in table.fields)
        about = tuple(r for r in rules() if name in r.tables or ("*" in r.tables and table.owner))
        yield TableEntry(name, table.schema, _made_by(cover, members), about, content, fields)


def _made_by(cover: CoveredTable | None, members: list[tuple[Hospital, ...]]) -> str:
    """Who fills a table, of the hospitals that are there."""
    if cover is None:
        return "the vocabulary release that is published"
    if not cover.groups:
        return cover.made_by.replace("`", "")
    by = [h.short for h in sorted((h for group in members for h in group), key=lambda h: h.number)]
    return f"filled by {', '.join(by)}" if by else "filled by the domain of a concept alone, which sends rows here"


def _field(
    field: spec.Field, told: CoveredField | None, members: list[tuple[Hospital, ...]], content: TableFigures
) -> FieldEntry:
    figures = content.fields.get(field.name, FieldFigures())
    if told is None:
        return FieldEntry(field, "", (), "", figures)
    origins = tuple(
        Origin(group, tuple(cell.splitlines()))
        for group, cell in zip(members, told.cells, strict=True)
        if cell and group
    )
    empty = not (told.rule or origins or figures.filled.rows or figures.filled.hidden)
    why = told.why or ("no hospital's own entries fill it" if empty else "")
    return FieldEntry(field, told.rule, origins, why, figures)
