"""Holds a delivery against its contract without landing it: every difference at once, nothing kept or written down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from uuid import uuid4

from duckdb import DuckDBPyConnection

from etl.engine import open_engine
from etl.errors import InputError
from etl.mapping.language.contract import Source
from etl.mapping.language.mapping import HospitalMapping
from etl.night.delivery import read_delivery
from etl.night.land.contract import Difference, SourceFile, asked_by_others, examine, unknown_files
from etl.night.land.decode import as_utf8
from etl.night.land.judge import check_readable
from etl.night.land.lines import check_line_count, check_promised_rows, placed
from etl.night.land.read import Reject, check_rejects, reading, rejected, relation
from etl.settings import Settings
from etl.sql import quote


@dataclass(frozen=True, slots=True)
class Comparison:
    """A delivery beside its contract. `rows` are those that would land, by file; none of a file that cannot be read."""

    hospital: str
    night: date
    folder: Path
    rows: dict[str, int]
    differences: tuple[Difference, ...]

    @property
    def refused(self) -> bool:
        """Whether a night of this delivery would be refused."""
        return any(d.refuses for d in self.differences)


def compare(
    settings: Settings, mapping: HospitalMapping, folder: Path, night: date | None, tell: Callable[[str], None]
) -> Comparison:
    """Every difference of a delivery from its contract, what refuses it first.

    Files are read to their end, as landing reads them, but no row is kept, no identifier gets an id, and the ledger
    hears nothing. Raises InputError where the folder is no delivery at all.
    """
    delivery, wrong = read_delivery(
        mapping.hospital.hospital, folder, night, tell, [source.file for source in mapping.sources.values()]
    )
    differences = [Difference("manifest", True, None, None, error.message, error.hint) for error in wrong]
    rows: dict[str, int] = {}
    with open_engine(settings, delivery.night, identifiers=True) as con:
        for name, source in mapping.sources.items():
            opened, found = examine(name, source, delivery, asked_by_others(mapping, name))
            differences += found
            for file in opened:
                tell(file.name)
                rows[file.name], found = _read(con, name, source, file)
                differences += found
    differences += unknown_files(mapping, delivery)
    differences.sort(key=lambda d: not d.refuses)
    return Comparison(mapping.hospital.hospital, delivery.night, folder, rows, tuple(differences))


def _read(con: DuckDBPyConnection, name: str, source: Source, file: SourceFile) -> tuple[int, list[Difference]]:
    """The rows that would land of a file, and what is wrong with its rows."""
    table = f"rejects_{uuid4().hex}"
    # a row is refused for the columns that land alone: all of them have to be read, and no other
    columns = ", ".join(f"r.{quote(raw)}" for raw in file.raw.values())
    try:
        check_readable(con, source, file)
        with as_utf8(file.file.content, source.encoding) as path, reading(source, file):
            query = f"select count(*), bit_xor(hash({columns})) from {relation(source, file, path, table)} r"
            counted = con.execute(query).fetchall()  # to the end: only then are the rejects there
    except InputError as error:
        return 0, [_wrong("rows", name, file, error)]
    rows = int(counted[0][0])
    rejects = placed(source, file, rows, rejected(con, table)) if source.format == "csv" else []
    return rows, list(_checked(con, name, source, file, rows, rejects))


def _checked(
    con: DuckDBPyConnection, name: str, source: Source, file: SourceFile, rows: int,
    rejects: list[Reject],
) -> Iterator[Difference]:  # fmt: skip
    """What the rows of a file are refused for, and how many of it would be rejected one by one."""
    checks = {
        "lines": partial(check_line_count, con, source, file, rows, rejects),
        "unreadable": partial(check_rejects, source, file, rows, rejects),
        "promised_rows": partial(check_promised_rows, source, file, rows, rejects),
    }
    refused = set()
    for kind, check in checks.items():
        try:
            check()
        except InputError as error:
            refused.add(kind)
            yield _wrong(kind, name, file, error)
    if rejects and "unreadable" not in refused:
        yield Difference(
            "unreadable", False, name, file.name,
            f"{file.name}, line {rejects[0].line}: {len(rejects):,} of {rows + len(rejects):,} rows cannot be read and "
            f"would be rejected (the first: {rejects[0].reason})",
        )  # fmt: skip


def _wrong(kind: str, name: str, file: SourceFile, error: InputError) -> Difference:
    return Difference(kind, True, name, file.name, error.message, error.hint)
