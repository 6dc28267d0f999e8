"""From a row of the CDM back to the line of the delivered file it was made of, and how; never a patient's value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.resources import files

from duckdb import DuckDBPyConnection

from etl.cdm.shapes import shapes
from etl.cdm.spec import empty, hospital_tables, tables
from etl.engine import define_functions, define_night, open_reader
from etl.errors import EtlError, InputError, UsageError, nearest
from etl.files import packaged
from etl.mapping.compile.lookup import create_maps, create_vocabulary_views
from etl.mapping.compile.masters import create_masters
from etl.mapping.language.entries import Entry
from etl.mapping.language.lookups import Lookup, Step
from etl.mapping.language.mapping import HospitalMapping
from etl.mapping.language.places import Path_
from etl.mapping.read.documents import Document, hospital_folders, read_file, read_hospital
from etl.night.derive.derive import derivations
from etl.night.lake.numbers import EVENT_BITS
from etl.night.run import Run
from etl.quality.lineage.codes import LookedUp, look_up
from etl.quality.lineage.columns import Filled, filled, searches
from etl.quality.lineage.lines import line_index
from etl.quality.lineage.places import (
    Position,
    create_landed,
    create_landed_row,
    night_of_run,
    position,
    publications,
    published,
    tables_of,
)
from etl.settings import Settings
from etl.sql import quote

_VISIT, _DETAIL = "visit_occurrence", "visit_detail"
PERSON_BITS = 24  # the ids of a hospital's persons, staff and places: its number, then so many bits


@dataclass(frozen=True, slots=True)
class Origin:
    """A place in a delivery; `record` is the row's number in the file (from 1), `line` None where it cannot be told."""

    delivery: str
    source: str
    file: str
    line: int | None
    record: int


@dataclass(frozen=True, slots=True)
class Made:
    """How a mapped row was made: of which line, by which entry, column by column and code by code."""

    origin: Origin
    entry: str
    place: str
    rules: dict[str, str]
    columns: tuple[Filled, ...]
    places: dict[str, str]
    lookups: tuple[LookedUp, ...]
    melted: bool


@dataclass(frozen=True, slots=True)
class RowTrace:
    """Where one row of the CDM comes from: `made` tells of a mapped row.

    `parts` are the rows, ids by table, that a derived one was made of; of a visit the encounters rolled up into it.
    """

    table: str
    id: int
    hospital: str
    night: str
    run_id: str
    made: Made | None
    parts: dict[str, list[int]]


class YamlPlaces:
    """Where a hospital's YAML says what it says."""

    def __init__(self, settings: Settings, hospital: str) -> None:
        """Read the hospital's files."""
        self._root = settings.mappings.name
        self._document: Document = read_hospital(settings.mappings / hospital)

    def of(self, path: Path_) -> str:
        """File and line of the nearest written part of `path`."""
        place = self._document.place(path)
        return f"{self._root}/{place.file}:{place.line}"


@contextmanager
def open_night(run: Run) -> Iterator[DuckDBPyConnection]:
    """An engine in memory with the functions of the mapping language and the vocabulary; nothing is written."""
    with open_reader(run.settings) as con:
        define_functions(con)
        define_night(con, run.delivery.night)
        create_vocabulary_views(con, run.release)
        yield con


def trace_row(settings: Settings, table: str, id_: int) -> RowTrace:
    """Trace the row of `table` with the id `id_` in what is published.

    Raises UsageError for a table whose rows are no hospital's, InputError when the published night has no such row.
    """
    column = _checked(table)
    run = published(settings, _hospital(settings, column, id_))
    rows = tables_of(night_of_run(run)).get(table)
    found = _find(settings, table, rows, column, id_) if rows else None
    if found is None:
        raise _unknown(settings, run, table, column, id_)
    head = (table, id_, run.delivery.hospital, str(run.delivery.night), run.run_id)
    with open_night(run) as con:
        if table in derivations():
            return RowTrace(*head, None, _parts(con, run, table, id_))
        number, row, code = found
        entry = run.mapping.entries[number]
        made = _made(con, run, table, entry, position(run, entry.from_, row), row, code)
        return RowTrace(*head, made, _encounters(con, run, id_) if table == _VISIT else {})


def id_column(table: str) -> str | None:
    """The column by which a row of a table is named: its primary key, else its person."""
    fields = tables()[table].fields
    key = next((f.name for f in fields if f.primary_key), None)
    return key or next((f.name for f in fields if f.name == "person_id"), None)


def _checked(table: str) -> str:
    """The id column of a table; UsageError when its rows have no ids or are no hospital's."""
    told = {file.name.removesuffix(".sql") for file in files("etl.quality.lineage").joinpath("derived").iterdir()}
    filled_here = {*shapes(), *(told & derivations().keys())} & hospital_tables().keys()
    column = id_column(table) if table in filled_here else None
    if column is None:
        raise UsageError(
            f"'{table}' is no table whose rows can be traced{nearest(table, filled_here)}",
            hint="name a table of the CDM that mappings fill or that is derived",
        )
    return column


def _hospital(settings: Settings, column: str, id_: int) -> str:
    """The hospital whose number the id carries."""
    short = column in ("person_id", "provider_id", "care_site_id", "location_id")
    number = id_ >> (PERSON_BITS if short else PERSON_BITS + EVENT_BITS)
    for folder in hospital_folders(settings.mappings):
        document = Document()
        read_file(folder / "hospital.yaml", settings.mappings, document)
        if str(document.data.get("number")) == str(number):
            return folder.name
    raise InputError(
        f"{column} {id_} carries the number of no hospital", hint="copy the id from the table: etl sql shows its rows"
    )


def _find(settings: Settings, table: str, rows: str, column: str, id_: int) -> tuple[int, int, str | None] | None:
    """Entry, `_row` and source value of a row's main concept; row groups are left out by their range of ids."""
    derived = table in derivations()
    shape = shapes().get(table)
    code = next((c for c, rule in shape.columns.items() if rule == "concept_source"), None) if shape else None
    select = "0, 0, null" if derived else f"_entry, _row, {quote(code) if code else 'null'}"
    with open_reader(settings) as con:
        found = con.execute(f"select {select} from ({rows}) where {quote(column)} = {id_}").fetchone()
    return found if found is None else (int(found[0]), int(found[1]), found[2])


def _unknown(settings: Settings, run: Run, table: str, column: str, id_: int) -> InputError:
    """What to say of an id that is not there: perhaps an earlier night had it."""
    night = f"the published night {run.delivery.night} of {run.delivery.hospital}"
    for run_id, day in publications(settings, run.delivery.hospital):
        if run_id == run.run_id:
            continue
        try:
            rows = tables_of(night_of_run(published(settings, run.delivery.hospital, day))).get(table)
        except EtlError:
            continue
        if rows and _find(settings, table, rows, column, id_):
            return InputError(
                f"{table} {id_} was a row of the night {day}, which was replaced: {night} has no such row",
                hint="ids follow a person's rows of the night; look the row up again with etl sql",
            )
    return InputError(f"{night} has no {table} {id_}", hint="look the row up with etl sql; an id is good for its night")


def origin(run: Run, at: Position) -> Origin:
    """The place of a landed row in its delivery."""
    index = line_index(run.settings, run.mapping.sources[at.source], at)
    line = index.line_of(at.row) if index else None
    return Origin(at.delivery.folder.name, at.source, at.file.told, line, at.row + 1)


def _made(
    con: DuckDBPyConnection, run: Run, table: str, entry: Entry, at: Position, row: int, code: str | None
) -> Made:
    columns = tuple(filled(run.mapping, entry, table))
    yaml = YamlPlaces(run.settings, run.delivery.hospital)
    said = {s.field: s for f in columns for s in f.fields}
    lookups: list[LookedUp] = []
    looked_up = [v for v in entry.said().values() if isinstance(v, Lookup)]
    if looked_up:
        create_landed(con, run)
        needed = _only(run.mapping, [s.lookup for v in looked_up for s in searches(v)])
        create_maps(con, needed)
        create_masters(con, needed)
        create_landed_row(con, run, at, row)
        lookups = look_up(con, run.mapping, entry, code)
    return Made(
        origin(run, at), entry.label, yaml.of(("entries", entry.label)), entry.rules, columns,
        {name: yaml.of(s.path) for name, s in said.items()}, tuple(lookups), entry.shape.merge,
    )  # fmt: skip


def _only(mapping: HospitalMapping, steps: Sequence[Step]) -> HospitalMapping:
    """The mapping with no code masters and maps but those of the steps."""
    masters, maps = {s.through for s in steps}, {s.map for s in steps}
    return replace(
        mapping,
        masters={name: given for name, given in mapping.masters.items() if name in masters},
        map_rows={name: rows for name, rows in mapping.map_rows.items() if name in maps},
    )


def _parts(con: DuckDBPyConnection, run: Run, table: str, id_: int) -> dict[str, list[int]]:
    """Ids, by table, of the rows that a derived row was made of."""
    found_in = tables_of(night_of_run(run))
    for name, table_ in hospital_tables().items():
        columns = ", ".join(quote(c) for c in table_.columns)
        rows = f"select {columns} from ({found_in[name]})" if name in found_in else empty(table_)
        con.execute(f"create or replace view {quote(name)} as {rows}")
    query = packaged(__name__, "derived", f"{table}.sql")
    found: dict[str, list[int]] = {}
    for name, part, *_ in con.execute(query, {"id": id_}).fetchall():
        found.setdefault(name, []).append(part)
    return found


def _encounters(con: DuckDBPyConnection, run: Run, id_: int) -> dict[str, list[int]]:
    """Ids of the encounters that were rolled up into a visit; none where it is one encounter."""
    numbers = [str(n) for n, e in enumerate(run.mapping.entries) if e.target == _VISIT]
    details = tables_of(night_of_run(run)).get(_DETAIL)
    if details is None or not numbers:
        return {}
    rows = con.execute(
        f"select visit_detail_id from ({details}) where visit_occurrence_id = {id_} "
        f"and _entry in ({', '.join(numbers)}) order by visit_detail_start_datetime, visit_detail_id"
    ).fetchall()
    return {_DETAIL: [part for (part,) in rows]} if rows else {}
