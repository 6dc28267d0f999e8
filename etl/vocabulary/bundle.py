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
from etl.sql import literal, quote

_OPTIONAL = {"concept_synonym", "drug_strength", "source_to_concept_map"}
# a query that looks for some ids reads few row groups of a sorted table; the gates ask CONCEPT some fifty times a night
_SORTED = {"concept": "order by concept_id"}
_AGAIN = "download the bundle again and unpack the whole of it"


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
    tables = vocabulary_tables()
    missing = [f"{t.upper()}.csv" for t in tables if f"{t}.csv" not in by_name and t not in _OPTIONAL]
    if missing:
        raise InputError(
            f"the vocabulary bundle {folder} lacks {', '.join(missing)}",
            hint="unpack the whole download from Athena into the folder",
        )
    found = [_open(table, by_name.get(f"{name}.csv")) for name, table in tables.items()]
    return sorted(found, key=lambda f: -f.bytes)


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
        raise InputError(f"{path.name}, line 1: is not UTF-8 text", hint=_AGAIN) from error
    missing = [f.name for f in table.fields if f.required and f.name not in header]
    if missing:
        raise InputError(
            f"{path.name}, line 1: column '{missing[0]}' is missing",
            hint="Athena's files are separated by tabs and name their columns in the first line",
        )
    if last != b"\n":
        raise InputError(f"{path.name}: ends in the middle of a line, so it was cut", hint=_AGAIN)
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
    return (
        f"select {select} from read_csv({literal(str(file.path))}, auto_detect = false, header = true, delim = '\t', "
        f"quote = '', escape = '', nullstr = '', columns = {{{columns}}})"
    )


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
        row = con.execute(
            f"copy ({_rows(file)} {_SORTED.get(file.table.name, '')}) to {literal(str(target))} "
            "(format parquet, compression zstd)"
        ).fetchone()
    except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
        raise InputError(_said(file, str(error)), hint=_AGAIN) from error
    return int(row[0]) if row else 0


def _said(file: BundleFile, engine: str) -> str:
    """What the engine found, with file and line."""
    line = re.search(r"[Ll]ine:? (\d+)", engine)
    where = f"{file.name}{f', line {line.group(1)}' if line else ''}: is not in Athena's format"
    if "not utf-8" in engine:
        return f"{where}: it is not UTF-8 text"
    if width := re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", engine):
        return f"{where}: {width.group(2)} columns instead of {width.group(1)}"
    if column := re.search(r'converting column "(\w+)"', engine):
        return f"{where}: column '{column.group(1)}' cannot be read"
    return where
