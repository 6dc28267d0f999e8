"""Where a hospital's published night lies, and what the number `_row` of a mapped row means.

Everything else in this package asks here, so that how nights are stored is known in one place only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import sqlalchemy as sa
from duckdb import DuckDBPyConnection

from etl.cdm.candidate import candidate_files
from etl.delivery import DeliveredFile, Delivery
from etl.engine import parquet
from etl.errors import ConfigError, InputError
from etl.land.contract import find_files
from etl.land.identifiers import numbers_its_rows
from etl.land.land import REJECTED, ROW_BITS, landed_columns_sql
from etl.ledger import PUBLICATION, Ledger
from etl.mapping.expression import quote
from etl.mapping.run import QUARANTINE
from etl.run import Run, resume
from etl.settings import Settings
from etl.state.state import create_alone


@dataclass(frozen=True, slots=True)
class Position:
    """A landed row: the delivery and the file it came in, and its place (from 0) among the rows read from that file."""

    source: str
    delivery: Delivery
    file: DeliveredFile
    parquet: Path
    rejected: Path
    row: int


def publications(settings: Settings, hospital: str) -> list[tuple[str, date]]:
    """Run and night of every publication of a hospital, the newest first; each run once."""
    query = sa.select(PUBLICATION.c.run_id, PUBLICATION.c.night).where(PUBLICATION.c.hospital == hospital)
    rows = Ledger(settings.ledger_url).read(query.order_by(PUBLICATION.c.published_at.desc()))
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
    """The Parquet file of every CDM table of a run; mapped rows carry `_entry` and `_row`."""
    return candidate_files([run.folder("map"), run.folder("derive")])


def quarantined(run: Run) -> Path:
    """The file of the run's quarantined rows: (source, entry, _row, reason)."""
    return run.folder("map") / QUARANTINE


def position(run: Run, source: str, number: int) -> Position:
    """The landed row that `_row = number` of a source means."""
    return _positions(run, source)[number >> ROW_BITS](number & ((1 << ROW_BITS) - 1))


def numbered(run: Run, source: str, file: str) -> tuple[Position, int]:
    """Position and `_row` of the first row of a delivered file; InputError when the source has no such file."""
    for index, make in enumerate(_positions(run, source)):
        first = make(0)
        if first.file.path.name == file:
            return first, index << ROW_BITS
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


def _positions(run: Run, source: str) -> list[_FileOf]:
    """The files of a source in the order of their numbers."""
    files = find_files(source, run.mapping.sources[source], run.delivery)
    return [_FileOf(source, run.delivery, file, run.folder("land"), i) for i, file in enumerate(files)]


def create_landed(con: DuckDBPyConnection, run: Run) -> None:
    """Views `landed."<source>"` of everything that landed of a run."""
    create_alone(con, run.mapping, run.folder("land"))


def create_landed_row(con: DuckDBPyConnection, run: Run, at: Position, number: int) -> None:
    """Narrow the view of the row's source to that one row."""
    source = run.mapping.sources[at.source]
    columns = ", ".join(map(quote, landed_columns_sql(source)))
    row = "_row" if numbers_its_rows(source) else "file_row_number"
    con.execute(
        f"create or replace view landed.{quote(at.source)} as "
        f"select {number}::bigint as _row, {columns} from {parquet(at.parquet)} where {row} = {at.row}"
    )
