"""Reads what stands before the rows of a file: its header, and whether the encoding that is declared fits.

Names are held against each other as the engine compares them, and no message quotes one that no contract says: the
first line of a file without a header is a row of somebody.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

import pyarrow.parquet as pq

from etl.errors import InputError
from etl.mapping.language.contract import Source
from etl.night.content import Content, Packed, is_sheet
from etl.night.delivery import DeliveredFile
from etl.night.naming import listed

DELIMITERS = (",", "|", "\t", ";", "^", "~")
LONGEST = 255  # letters of a column's name; no database that exports can hold longer ones
_HEADER_BYTES = 1 << 20
_ENCODINGS = ("utf-8", "cp949")
_NO_NAME = {
    "have no name": re.compile(""),
    f"have a name of more than {LONGEST} letters": re.compile(rf".{{{LONGEST + 1},}}", re.DOTALL),
    "have a name that holds control characters": re.compile(r".*[\x00-\x1f\x7f-\x9f].*", re.DOTALL),
}


def same_name(name: str) -> str:
    """What two names of columns have in common that are one to the engine: blanks around them and case do not count."""
    return name.strip().translate(_LOWER)


_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}  # the engine knows the case of ASCII only


def _other_encoding(data: bytes, declared: str) -> str:
    for encoding in _ENCODINGS:
        if encoding != declared.lower():
            try:
                data.decode(encoding)
            except UnicodeDecodeError as error:
                if error.start < len(data) - 4:
                    continue
            return f"; it reads as {encoding}"
    return ""


def undecodable(path: Content, declared: str) -> str:
    """What to say of a file that its declared encoding does not fit."""
    with path.open("rb") as stream:
        return f"does not read as {declared}{_other_encoding(stream.read(_HEADER_BYTES), declared)}"


def _first_line(file: DeliveredFile, encoding: str) -> str:
    with file.content.open("rb") as stream:
        data = stream.read(_HEADER_BYTES)
    if not data:
        raise InputError(f"{file.told} is empty: not even a header", hint="ask for the file again")
    if encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
        encoding = "utf-8-sig"
    first, end, _ = data.partition(b"\n")
    if not end and len(data) == _HEADER_BYTES:
        raise InputError(
            f"{file.told}, line 1: is longer than {_HEADER_BYTES:,} bytes, so it names no columns",
            hint="ask for the file with a line of names, and lines that end with LF or CRLF",
        )
    try:
        line = first.decode(encoding).removesuffix("\r")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{file.told}, line 1: {undecodable(file.content, encoding.removesuffix('-sig'))}",
            hint="correct `encoding` in the source's contract",
        ) from error
    if "\r" in line:
        raise InputError(
            f"{file.told}, line 1: lines end with a carriage return alone",
            hint="ask for the file with lines that end with LF or CRLF",
        )
    return line


def _cells(line: str, source: Source, delimiter: str) -> tuple[str, ...]:
    row = next(csv.reader([line], delimiter=delimiter, quotechar=source.quote), [])
    return tuple(cell.strip() for cell in row)


def _csv_header(file: DeliveredFile, source: Source) -> tuple[str, ...]:
    line = _first_line(file, source.encoding)
    if line.count(source.quote) % 2:
        raise InputError(
            f"{file.told}, line 1: a quote does not close on the line",
            hint="ask for the file with every name of a column on one line",
        )
    try:
        return _cells(line, source, source.delimiter)
    except csv.Error as error:
        raise _no_names(file, "a name is longer than any name can be") from error


def _no_names(file: DeliveredFile, what: str) -> InputError:
    return InputError(
        f"{file.told}, line 1: {what}",
        hint="ask for a line of names, one for each column; or correct `delimiter` and `quote` of the contract",
    )


def _check_names(file: DeliveredFile, header: Sequence[str]) -> None:
    """InputError for names that the engine cannot use."""
    for what, pattern in _NO_NAME.items():
        found = [number for number, name in enumerate(header, 1) if pattern.fullmatch(name)]
        if found:
            raise _no_names(file, f"{len(found):,} of {len(header):,} columns, number {listed(found)}, {what}")


def read_header(file: DeliveredFile, source: Source) -> tuple[str, ...]:
    """Column names of a file, without byte order mark and quotes.

    Raises InputError, with file and line, when there are none to be read or one cannot be a name.
    """
    if source.format == "parquet":
        header = _parquet_header(file)
    elif file.inner is not None and is_sheet(file.path) and not source.written_plainly:
        raise InputError(
            f"{file.told}: a sheet is read as UTF-8 with commas",
            hint="leave `encoding`, `delimiter` and `quote` out of the source's contract",
        )
    else:
        header = _csv_header(file, source)
    _check_names(file, header)
    return header


def _parquet_header(file: DeliveredFile) -> tuple[str, ...]:
    if isinstance(file.content, Packed):
        raise InputError(f"{file.told}: Parquet is not read out of an archive", hint="ask for the file as it is")
    try:
        return tuple(pq.read_schema(file.path).names)
    except (OSError, ValueError) as error:
        raise InputError(f"{file.told} is no readable Parquet file", hint="ask for the file again") from error


def other_delimiter(file: DeliveredFile, source: Source, wanted: set[str]) -> str | None:
    """The delimiter that finds most of the columns `wanted` in the header, if another than the contract's does."""
    line = _first_line(file, source.encoding)
    found = {d: len(wanted.intersection(_cells(line, source, d))) for d in (source.delimiter, *DELIMITERS)}
    best = max(found, key=lambda d: found[d])
    return best if found[best] > found[source.delimiter] else None
