"""Reads an Athena bundle: which files it has, whether they are whole, and their rows, by the CDM's specification."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from etl.cdm.spec import Field, Table, empty, vocabulary_tables
from etl.errors import InputError
from etl.files import NO_FILE
from etl.sql import literal, one_file, quote

_OPTIONAL = {"concept_synonym", "drug_strength", "source_to_concept_map"}
# a query that looks for some ids reads few row groups of a sorted table; the gates ask CONCEPT some fifty times a night
_SORTED = {"concept": "order by concept_id"}
CPT4 = "CONCEPT_CPT4.csv"  # beside CONCEPT.csv until the tool of the download has run
AGAIN = "download the bundle again and unpack the whole of it"
_CSV = (
    "auto_detect = false, hive_partitioning = false, header = true, delim = '\t', quote = '', escape = '', nullstr = ''"
)


@dataclass(frozen=True, slots=True)
class BundleFile:
    """One file of a bundle, or None where the bundle may lack it, and the columns its first line names."""

    table: Table
    path: Path | None
    header: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The file's name, as messages say it."""
        return self.path.name if self.path else f"{self.table.name.upper()}.csv"

    @property
    def bytes(self) -> int:
        """Its size."""
        return self.path.stat().st_size if self.path else 0

    def sha256(self) -> str:
        """Digest of its bytes."""
        if self.path is None:
            return ""
        with self.path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()


def open_bundle(folder: Path) -> list[BundleFile]:
    """Files of the bundle, the biggest first; InputError naming what is missing, cut, or of another format."""
    if not folder.is_dir():
        raise InputError(f"there is no vocabulary bundle at {folder}", hint="name the folder of the unpacked download")
    by_name = {p.name.lower(): p for p in folder.iterdir()}
    no_files = sorted(p.name for name, p in by_name.items() if not p.is_file() and _table_of(name))
    if no_files:
        raise InputError(f"the vocabulary bundle {folder}: {no_files[0]} {NO_FILE}", hint=AGAIN)
    tables = vocabulary_tables()
    missing = [f"{t.upper()}.csv" for t in tables if f"{t}.csv" not in by_name and t not in _OPTIONAL]
    if missing:
        raise InputError(
            f"the vocabulary bundle {folder} lacks {', '.join(missing)}",
            hint="unpack the whole download from Athena into the folder",
        )
    found = [_open(table, by_name.get(f"{name}.csv")) for name, table in tables.items()]
    return sorted(found, key=lambda f: -f.bytes)


def _table_of(name: str) -> bool:
    """Whether the name, in small letters, is of a file that is read of a bundle."""
    return name.removesuffix(".csv") in {*vocabulary_tables(), CPT4.removesuffix(".csv").lower()}


def read_rows(table: str, path: Path) -> str:
    """SQL of the rows of a file that has the format of a bundle's table, whatever its name."""
    return _rows(_open(vocabulary_tables()[table], path))


def _open(table: Table, path: Path | None) -> BundleFile:
    if path is None:
        return BundleFile(table, None)
    with path.open("rb") as stream:
        first = stream.readline()
        end = stream.seek(0, os.SEEK_END)
        stream.seek(max(end - 1, 0))
        last = stream.read()
    try:
        header = tuple(first.decode("utf-8-sig").rstrip("\r\n").lower().split("\t"))
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name}, line 1: is not UTF-8 text", hint=AGAIN) from error
    missing = [f.name for f in table.fields if f.required and f.name not in header]
    if missing:
        raise InputError(
            f"{path.name}, line 1: column '{missing[0]}' is missing",
            hint="Athena's files are separated by tabs and name their columns in the first line",
        )
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path.name}, line 1: column '{twice}' stands twice", hint=AGAIN)
    if last != b"\n":
        raise InputError(f"{path.name}: ends in the middle of a line, so it was cut", hint=AGAIN)
    return BundleFile(table, path, header)


def _rows(file: BundleFile) -> str:
    """SQL of a file's rows: tab-separated, no quoting at all, dates as YYYYMMDD."""
    if file.path is None:
        return empty(file.table)
    dates = {f.name for f in file.table.fields if f.duckdb_type == "DATE"}
    # reading a date as a number and taking it apart costs a third of parsing it
    types = {f.name: "INTEGER" if f.name in dates else f.duckdb_type for f in file.table.fields}
    columns = ", ".join(f"{literal(c)}: {literal(types.get(c, 'VARCHAR'))}" for c in file.header)
    select = ", ".join(_column(f, f.name in file.header) for f in file.table.fields)
    return f"select {select} from {_read_csv(file.path, columns)}"


def _read_csv(path: Path, columns: str) -> str:
    return f"read_csv({one_file(path)}, {_CSV}, columns = {{{columns}}})"


def lines_where(con: DuckDBPyConnection, file: BundleFile, condition: str, most: int) -> list[int]:
    """The first lines of a file whose columns, as text, meet an SQL condition."""
    if file.path is None:
        return []
    columns = ", ".join(f"{literal(c)}: 'VARCHAR'" for c in file.header)
    con.execute("set preserve_insertion_order = true")
    numbered = f"select *, row_number() over () + 1 as line from {_read_csv(file.path, columns)}"
    found = con.execute(f"select line from ({numbered}) where {condition} limit {most}").fetchall()
    return [int(line) for (line,) in found]


def _column(field: Field, there: bool) -> str:
    name = quote(field.name)
    if not there:
        return f"null::{field.duckdb_type} as {name}"
    if field.duckdb_type == "DATE":
        return f"make_date({name} // 10000, {name} // 100 % 100, {name} % 100) as {name}"
    return name


def write_table(con: DuckDBPyConnection, file: BundleFile, target: Path) -> int:
    """Write a file's rows as Parquet; returns how many. InputError naming the line that cannot be read."""
    try:
        return copy_sorted(con, file.table, _rows(file), target)
    except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
        raise InputError(_said(con, file, str(error)), hint=AGAIN) from error


def copy_sorted(con: DuckDBPyConnection, table: Table, query: str, target: Path) -> int:
    """Write rows of a table in its order; zstd's first level is the quickest, and no bigger on these tables."""
    row = con.execute(
        f"copy (from ({query}) {_SORTED.get(table.name, '')}) to {literal(str(target))} "
        "(format parquet, compression zstd, compression_level 1)"
    ).fetchone()
    return int(row[0]) if row else 0


def _no_day(con: DuckDBPyConnection, file: BundleFile) -> str | None:
    """The line of the first number in a column of dates that is no day (20240231); the engine does not tell it."""
    for column in file.table.fields:
        if column.duckdb_type == "DATE" and column.name in file.header:
            name = quote(column.name)
            wrong = f"regexp_full_match({name}, '\\d{{8}}') and try_strptime({name}, '%Y%m%d') is null"
            for line in lines_where(con, file, wrong, 1):
                return f"{file.name}, line {line}: is not in Athena's format: column '{column.name}' is no day"
    return None


def _said(con: DuckDBPyConnection, file: BundleFile, engine: str) -> str:
    """What the engine found, with file and line."""
    line = re.search(r"[Ll]ine:? (\d+)", engine)
    if not line and (no_day := _no_day(con, file)):
        return no_day
    where = f"{file.name}{f', line {line.group(1)}' if line else ''}: is not in Athena's format"
    if "not utf-8" in engine:
        return f"{where}: it is not UTF-8 text"
    if width := re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", engine):
        return f"{where}: {width.group(2)} columns instead of {width.group(1)}"
    if column := re.search(r'converting column "(\w+)"', engine):
        return f"{where}: column '{column.group(1)}' cannot be read"
    return where
