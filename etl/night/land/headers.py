"""Reads what stands before the rows of a file: its header, and whether the encoding that is declared fits."""

from __future__ import annotations

import csv

import pyarrow.parquet as pq

from etl.errors import InputError
from etl.mapping.language.contract import Source
from etl.night.content import Content, Packed, is_sheet

DELIMITERS = (",", "|", "\t", ";", "^", "~")
_HEADER_BYTES = 1 << 20
_ENCODINGS = ("utf-8", "cp949")


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


def _first_line(path: Content, encoding: str) -> str:
    with path.open("rb") as stream:
        data = stream.read(_HEADER_BYTES)
    if not data:
        raise InputError(f"{path.name} is empty: not even a header", hint="ask for the file again")
    if encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
        encoding = "utf-8-sig"
    try:
        return data.split(b"\n", 1)[0].decode(encoding).rstrip("\r")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path.name}, line 1: {undecodable(path, encoding.removesuffix('-sig'))}",
            hint="correct `encoding` in the source's contract",
        ) from error


def _cells(line: str, source: Source, delimiter: str) -> tuple[str, ...]:
    row = next(csv.reader([line], delimiter=delimiter, quotechar=source.quote), [])
    return tuple(cell.strip() for cell in row)


def read_header(path: Content, source: Source) -> tuple[str, ...]:
    """Column names of a file, without byte order mark and quotes; InputError when there are none to be read."""
    if source.format == "parquet":
        if isinstance(path, Packed):
            raise InputError(f"{path.name}: Parquet is not read out of an archive", hint="ask for the file as it is")
        try:
            return tuple(pq.read_schema(path).names)
        except (OSError, ValueError) as error:
            raise InputError(f"{path.name} is no readable Parquet file", hint="ask for the file again") from error
    if isinstance(path, Packed) and is_sheet(path.path) and not source.written_plainly:
        raise InputError(
            f"{path.name}: a sheet is read as UTF-8 with commas",
            hint="leave `encoding`, `delimiter` and `quote` out of the source's contract",
        )
    return _cells(_first_line(path, source.encoding), source, source.delimiter)


def other_delimiter(path: Content, source: Source, wanted: set[str]) -> str | None:
    """The delimiter that finds most of the columns `wanted` in the header, if another than the contract's does."""
    line = _first_line(path, source.encoding)
    found = {d: len(wanted.intersection(_cells(line, source, d))) for d in (source.delimiter, *DELIMITERS)}
    best = max(found, key=lambda d: found[d])
    return best if found[best] > found[source.delimiter] else None
