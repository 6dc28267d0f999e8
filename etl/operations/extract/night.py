"""Extracts one night of a hospital: every query of its contract, at one moment, into the delivery of that night."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import Connection

from etl.errors import MappingError, Problem, TransientError, UsageError
from etl.mapping.language.contract import deletions_of
from etl.mapping.language.mapping import HospitalMapping
from etl.mapping.load import load_mappings
from etl.mapping.read.queries import Query, queries
from etl.night.delivery import open_delivery
from etl.night.lake.layers import WHOLE
from etl.night.lock import hospital_lock
from etl.night.manifest import MANIFEST
from etl.operations.arrived import lacking
from etl.operations.extract.database import snapshot
from etl.operations.extract.marks import Mark, Record, add_record, came_in, last_marks, read_records
from etl.operations.extract.read import Columns, Reading, find_columns
from etl.operations.extract.write import (
    hand_over,
    mark_whole,
    remove_files,
    staging,
    write_manifest,
    write_parquet,
)
from etl.operations.plan import delivery_folder, load_scheduling
from etl.settings import Settings

Tell = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Extracted:
    """One source's rows as they were written, and how long it took (s)."""

    source: str
    file: str
    rows: int
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ExtractedNight:
    """A delivery that is complete; `sources` is empty when it was there already. `whole`: nothing was left out."""

    hospital: str
    night: date
    folder: Path
    whole: bool
    sources: tuple[Extracted, ...]


@dataclass(frozen=True, slots=True)
class _Work:
    """What one extraction does: its queries, what bounds each of them, and whether that makes a whole night."""

    mapping: HospitalMapping
    queries: dict[str, Query]
    before: dict[str, tuple[str, Mark]]
    whole: bool

    def low(self, name: str) -> object:
        """Where the rows of a source begin; None: with the first."""
        source = self.mapping.sources[name]
        column, mark = self.before.get(name, (None, None))
        return mark.low(source.overlap) if mark is not None and column == source.since else None


def waits_for(settings: Settings, hospital: str, night: date) -> str | None:
    """What must come before a night can be extracted: the files that the hospital itself delivers; None: nothing."""
    mapping = load_mappings(settings.mappings, [hospital])[hospital]
    folder = delivery_folder(settings, hospital, mapping.hospital.drops, night)
    return _lacking(settings, mapping, folder)


def _lacking(settings: Settings, mapping: HospitalMapping, folder: Path) -> str | None:
    """Files of the hospital's own must lie there first: what is extracted would make half a delivery look complete."""
    own = [s.file for s in mapping.sources.values() if s.query is None and s.required]
    if not own:
        return None
    absent = [file for file in own if not (folder.is_dir() and any(folder.glob(file)))]
    if absent:
        return f"{absent[0]} is not in {folder} yet"
    return lacking(settings, mapping, folder, load_scheduling().settle_seconds)


def check_queries(settings: Settings, hospital: str) -> dict[str, int]:
    """How many columns of its contract each query has, asked of the databases themselves; no row is read.

    Raises what `extract_night` does of connections, queries and columns.
    """
    mapping = load_mappings(settings.mappings, [hospital])[hospital]
    work = _Work(mapping, _queries(settings, mapping), {}, whole=False)
    with ExitStack() as stack:
        found = _columns(work, _connected(settings, work, stack))
    return {name: len(columns.names) for name, columns in found.items()}


def extract_night(
    settings: Settings, hospital: str, night: date, *, into: Path | None = None, whole: bool = False,
    force: bool = False, tell: Tell | None = None,
) -> ExtractedNight:  # fmt: skip
    """Extract a hospital's night into `into`, by default the night's folder below its drop folder.

    A night that is there already stays as it is, unless `force`. `whole`: all rows, whatever came before. Raises
    ConfigError (connection, query, columns), InputError, UsageError, or TransientError when the database is away.
    """
    mapping = load_mappings(settings.mappings, [hospital])[hospital]
    found = _queries(settings, mapping)
    folder = into or delivery_folder(settings, hospital, mapping.hospital.drops, night)
    with hospital_lock(settings, hospital):
        work = _work(settings, mapping, found, night, whole=whole)
        files = [mapping.sources[name].file for name in found]
        if not force and (folder / MANIFEST).exists() and all((folder / f).exists() for f in files):
            return ExtractedNight(hospital, night, folder, (folder / WHOLE).exists(), ())
        if lacking := _lacking(settings, mapping, folder):
            raise TransientError(lacking, hint="the hospital's own files come first; extract again when they are there")
        done, marks = _extract(settings, work, folder, tell or (lambda _source, _text: None))
        delivery = open_delivery(hospital, folder, night)
        record = Record(night, delivery.sha256, str(folder), _written(work, done), marks)
        add_record(settings, hospital, record)
        _forget(settings, mapping)
    return ExtractedNight(hospital, night, folder, work.whole, tuple(done))


def _queries(settings: Settings, mapping: HospitalMapping) -> dict[str, Query]:
    found = queries(settings.mappings, mapping)
    if not found:
        raise UsageError(
            f"no source of {mapping.hospital.hospital} says `query`; its files are delivered",
            hint="see docs/source-database.md for how a source is extracted",
        )
    return found


def _work(settings: Settings, mapping: HospitalMapping, found: dict[str, Query], night: date, *, whole: bool) -> _Work:
    """Bound the queries by the marks of the last night that came in; without any, a night can be called whole."""
    changing = [n for n in mapping.sources if mapping.delivers(n) == "delta"]
    unbounded = [n for n in changing if mapping.sources[n].since is None]
    if whole and unbounded:
        raise UsageError(
            f"source '{unbounded[0]}' comes as changes by itself, so that nobody can say that a night is whole",
            hint="give it `since`, or let the hospital deliver a whole night",
        )
    before = {} if whole else last_marks(settings, mapping.hospital.hospital, night)
    return _Work(mapping, found, before, whole=bool(changing) and not unbounded and not before)


def _extract(
    settings: Settings, work: _Work, folder: Path, tell: Tell
) -> tuple[list[Extracted], dict[str, tuple[str, Mark]]]:
    with ExitStack() as stack:
        hospital = work.mapping.hospital.hospital
        connections = _connected(settings, work, stack)
        columns = _columns(work, connections)
        place = stack.enter_context(staging(folder))
        marks = dict(work.before)
        done = []
        for name in work.queries:
            reading = _reading(work, name, connections, columns)
            # first the mark, then the rows: what is committed between comes again, where there is no common moment
            highest, since = reading.highest(), work.mapping.sources[name].since
            done.append(_source(name, work.mapping.sources[name].file, reading, place, tell))
            if highest is not None and since is not None:
                marks[name] = (since, highest)
        if work.whole:
            mark_whole(place)
        rows = {d.file: d.rows for d in done}
        write_manifest(place, rows | ({WHOLE: 0} if work.whole else {}))
        earlier = {f for r in read_records(settings, hospital) if r.folder == str(folder) for f in r.files}
        hand_over(place, folder, sorted(earlier))
        return done, {n: m for n, m in marks.items() if n in work.queries}


def _connected(settings: Settings, work: _Work, stack: ExitStack) -> dict[str, Connection]:
    """A connection for each name that the queries use."""
    names = dict.fromkeys(q.connection for q in work.queries.values())
    hospital = work.mapping.hospital.hospital
    return {n: stack.enter_context(snapshot(settings, hospital, n)) for n in names}


def _written(work: _Work, done: Sequence[Extracted]) -> tuple[str, ...]:
    return (*(d.file for d in done), *([WHOLE] if work.whole else []))


def _columns(work: _Work, connections: Mapping[str, Connection]) -> dict[str, Columns]:
    """The columns of all queries; every column that any of them lacks at once, before a row is read."""
    problems: list[Problem] = []
    found = {}
    for name, query in work.queries.items():
        found[name], wrong = find_columns(connections[query.connection], query, work.mapping.sources[name])
        problems += wrong
    if problems:
        raise MappingError(problems)
    return found


def _reading(work: _Work, name: str, connections: Mapping[str, Connection], columns: Mapping[str, Columns]) -> Reading:
    query = work.queries[name]
    living = next((n for n in work.queries if deletions_of(n) == name), None)
    alive = None
    if living is not None:  # a key that was deleted and is there again is not deleted
        alive = work.queries[living].sql, {k: columns[living].names[k] for k in work.mapping.sources[living].key}
    return Reading(connections[query.connection], query, columns[name], work.low(name), alive)


def _source(name: str, file: str, reading: Reading, place: Path, tell: Tell) -> Extracted:
    began = time.perf_counter()

    def progress(rows: int) -> None:
        tell(name, f"{rows:,} rows, {rows / (time.perf_counter() - began):,.0f}/s")

    tell(name, "")
    rows = write_parquet(place / file, list(reading.columns.names), reading.batches(), progress)
    return Extracted(name, file, rows, (place / file).stat().st_size, time.perf_counter() - began)


def _forget(settings: Settings, mapping: HospitalMapping) -> None:
    """Remove the files of nights older than the newest `keep_extracted` ones, once a night not older has come in."""
    hospital = mapping.hospital
    records = read_records(settings, hospital.hospital)
    old = sorted({r.night for r in records})[: -hospital.keep_extracted]
    came = came_in(settings, hospital.hospital)
    last = max((r.night for r in records if r.delivery in came), default=None)
    kept = {r.folder for r in records if r.night not in old}
    for record in records:
        if last is not None and record.night in old and record.night <= last and record.folder not in kept:
            remove_files(Path(record.folder), record.files)
