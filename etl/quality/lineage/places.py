"""Where a hospital's published night lies, and what the number `_row` of a mapped row means.

Everything else in this package asks here, so that how nights are stored is known in one place only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from duckdb import DuckDBPyConnection

from etl.cdm.spec import hospital_tables
from etl.engine import open_reader, parquet, rows_in, rows_of_files
from etl.errors import ConfigError, InputError
from etl.mapping.language.landed import landed_columns_sql, numbers_its_rows
from etl.night.delivery import DeliveredFile, Delivery
from etl.night.derive.derive import derivations
from etl.night.finished import read_marker
from etl.night.lake.candidate import candidate_files
from etl.night.lake.folds import LEFT_OUT, read_folds
from etl.night.lake.layers import LAYER, ROWS_REMOVED, read_layer
from etl.night.lake.mapped import current
from etl.night.lake.names import FILE_BITS, QUARANTINE, REJECTED, ROW_BITS
from etl.night.lake.published import Published, chain_of
from etl.night.lake.state import DEAD
from etl.night.lake.views import all_rows, create_whole, rows_sql, with_merged
from etl.night.land.contract import find_files
from etl.night.remember import delivery_of, resume
from etl.night.run import Run
from etl.settings import Settings
from etl.sql import literal, quote
from etl.store.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Position:
    """A landed row: the delivery and the file it came in, and its place (from 0) among the rows read from that file."""

    source: str
    delivery: Delivery
    file: DeliveredFile
    parquet: Path
    rejected: Path
    row: int

    @property
    def recorded(self) -> tuple[str, str]:
        """What records of the landing call the file; those of earlier releases have it by its name."""
        return self.file.told, self.file.name


def publications(settings: Settings, hospital: str) -> list[tuple[str, date]]:
    """Run and night of every publication of a hospital, the newest first; each run once."""
    rows = Ledger(settings.ledger_url).publications(hospital)
    return list({r["run_id"]: (r["run_id"], r["night"]) for r in rows}.values())


def published(settings: Settings, hospital: str, night: date | None = None) -> Run:
    """The run whose rows the warehouse holds of a hospital, or the one it held of `night`.

    Raises InputError when there is none, when its files are gone, or when it was mapped by other mappings than those
    of now, by which its rows could be told wrongly.
    """
    known = publications(settings, hospital)
    chosen = next((run_id for run_id, day in known if night in (None, day)), None)
    if chosen is None:
        of = f" of the night {night}" if night else ""
        raise InputError(
            f"nothing{of} is published of {hospital}", hint="etl status shows every hospital's newest night"
        )
    try:
        run = resume(settings, chosen)
    except ConfigError as error:
        raise InputError(f"the run {chosen} cannot be read back: {error.message}", hint=error.hint) from error
    recorded = run.ledger.run(chosen)
    if not run.folder("map").is_dir():
        raise InputError(f"the files of {chosen} are gone", hint="run the night again: etl run --force")
    if recorded is None or recorded["mappings"] != run.fingerprint:
        raise InputError(
            f"the mappings of {hospital} (or the program) were changed after {chosen} was mapped",
            hint="run the night again, or check out the mappings it was made with",
        )
    return run


def candidate(run: Run) -> dict[str, Path]:
    """The Parquet file of every CDM table that a run wrote; mapped rows carry `_entry` and `_row`."""
    return candidate_files([run.folder("map"), run.folder("derive")])


def night_of_run(run: Run) -> Published:
    """The night a run made, with all that it builds on; InputError when a part of it is gone."""
    found = chain_of(run, run.run_id)
    if found is None:
        raise InputError(f"the files of {run.run_id} are gone", hint="run the night again: etl run --force")
    return found


def tables_of(night: Published) -> dict[str, str]:
    """SQL of the rows of every CDM table of a night, those of earlier nights that still count included."""
    found = {}
    for name, table in hospital_tables().items():
        layers = night.derived if name in derivations() else night.mapped
        # what belongs to no person is there as a whole every night
        layers = layers if table.personal else layers[-1:]
        rows = current(layers, name, f"({table.owner})")
        if rows:
            found[name] = rows
    return found


def quarantined(night: Published) -> str:
    """SQL of a night's quarantined rows: (source, entry, _row, reason)."""
    return current(night.mapped, QUARANTINE.removesuffix(".parquet"))


def replaced(run: Run, source: str, number: int) -> str | None:
    """Why a landed row did not count in a run's night any more: a newer row of its key, or its key deleted."""
    state = night_of_run(run).state
    folds = (f for f in read_folds(state.folder.parent, run.folder("land").parent) if f.begins(state.layers))
    files = [state.file(DEAD), *(f.folder / LEFT_OUT for f in folds if state.fold)]
    with open_reader(run.settings) as con:
        row = con.execute(
            f"select reason from {rows_in(*files)} where source = {literal(source)} and _row = {number}"
        ).fetchone()
    return str(row[0]) if row else None


def position(run: Run, source: str, number: int) -> Position:
    """The landed row that `_row = number` of a source means."""
    arrived = number >> ROW_BITS + FILE_BITS
    # a row may have been mapped from an older whole file that said the same
    place = run.folder("land").parent
    landed = [read_layer(f.parent) for f in place.glob(f"delivery=*/{LAYER}")]
    folded = [x for fold in read_folds(run.folder("merge").parent, place) for x in fold.layers]
    layer = next((x for x in (*landed, *folded) if x.number == arrived), None)
    if layer is None:
        raise InputError("the delivery that the row came with is gone", hint="run the night again: etl run --force")
    name = layer.name.removeprefix("delivery=")
    delivery = delivery_of(run.settings, f"{run.delivery.hospital}-{name}")
    file = number >> ROW_BITS & (1 << FILE_BITS) - 1
    return _positions(run, source, delivery, layer.folder)[file](number & (1 << ROW_BITS) - 1)


def landed_rows(settings: Settings, at: Position) -> int:
    """How many rows of the position's file landed, also when they were removed since."""
    if at.parquet.exists():
        return rows_of_files(settings, {at.source: at.parquet})[at.source]
    said = read_marker(at.rejected.parent / ROWS_REMOVED).accounts.files
    came = next(f["rows"] for f in said if f["source"] == at.source and f["file"] in at.recorded)
    return int(came) - len(rejects_of(settings, at))


def rejects_of(settings: Settings, at: Position) -> list[tuple[int, str]]:
    """Line and reason of the rows of the position's file that were rejected, in the order of their lines."""
    with open_reader(settings) as con:
        return con.execute(
            f"select line, reason from {rows_in(at.rejected)} where source = ? and file in (?, ?) order by line",
            [at.source, *at.recorded],
        ).fetchall()


def numbered(run: Run, source: str, file: str) -> tuple[Position, int]:
    """Position and `_row` of the first row of a delivered file; InputError when the source has no such file."""
    layer = read_layer(run.folder("land"))
    for index, make in enumerate(_positions(run, source, run.delivery, layer.folder)):
        first = make(0)
        if file in (first.file.told, first.file.name, *first.file.also):
            return first, (layer.number << FILE_BITS | index) << ROW_BITS
    raise InputError(f"'{file}' is no file of the source '{source}'", hint="name a file as it was delivered")


@dataclass(frozen=True, slots=True)
class _FileOf:
    source: str
    delivery: Delivery
    file: DeliveredFile
    folder: Path
    index: int

    def __call__(self, row: int) -> Position:
        landed = self.folder / self.source / f"{self.index:04}.parquet"
        return Position(self.source, self.delivery, self.file, landed, self.folder / REJECTED, row)


def _positions(run: Run, source: str, delivery: Delivery, landed: Path) -> list[_FileOf]:
    """The files of a source in the order of their numbers."""
    files = find_files(source, run.mapping.sources[source], delivery)
    return [_FileOf(source, delivery, file, landed, i) for i, file in enumerate(files)]


def same_rows(con: DuckDBPyConnection, run: Run, source: str) -> list[int]:
    """Numbers of rows of earlier nights that say what the one row in the view `landed."<source>"` says.

    A whole file brings every row anew; of persons that a night did not touch, the CDM still has the earlier ones.
    """
    night = night_of_run(run)
    earlier = [x.folder.name for x in night.mapped if x.folder.name != run.folder("map").name]
    folders = [run.folder("land").with_name(name) for name in earlier]
    layers = [read_layer(f) for f in folders if (f / LAYER).exists()]
    rows = " union all ".join(part for layer in layers for part in rows_sql(run.mapping, source, layer))
    if run.mapping.delivers(source) == "delta" or not rows:
        return []
    columns = landed_columns_sql(run.mapping.sources[source])
    same = " and ".join(f"o.{quote(c)} is not distinct from r.{quote(c)}" for c in columns)
    found = con.execute(
        f"select o._row from ({with_merged(run.mapping, source, rows)}) o join landed.{quote(source)} r on {same}"
    )
    return [number for (number,) in found.fetchall()]


def create_landed(con: DuckDBPyConnection, run: Run) -> None:
    """Views `landed."<source>"` and `touched."<source>"` of all rows of a run's night."""
    create_whole(con, run.mapping, night_of_run(run).state)


def create_landed_row(con: DuckDBPyConnection, run: Run, at: Position, number: int) -> None:
    """Narrow the view of the row's source to that one row, as it landed or, when that is gone, as it was folded."""
    source = run.mapping.sources[at.source]
    if at.parquet.exists():
        columns = ", ".join(map(quote, landed_columns_sql(source)))
        row = "_row" if numbers_its_rows(source) else "file_row_number"
        rows = f"select {number}::bigint as _row, {columns} from {parquet(at.parquet)} where {row} = {at.row}"
    else:
        rows = f"select * from ({all_rows(run.mapping, at.source, night_of_run(run).state)}) where _row = {number}"
    con.execute(f"create or replace view landed.{quote(at.source)} as {with_merged(run.mapping, at.source, rows)}")
