"""Holds a delivery against the contract before any row is read: files, headers, columns, encodings."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from etl.errors import InputError, nearest
from etl.mapping.language.contract import Source
from etl.night.content import Content, Packed, is_sheet
from etl.night.delivery import DeliveredFile, Delivery
from etl.night.naming import called, doubly_called

_HEADER_BYTES = 1 << 20
_ENCODINGS = ("utf-8", "cp949")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a source; `raw` gives the name in this file of each contract column that it has."""

    file: DeliveredFile
    header: tuple[str, ...]
    raw: dict[str, str]

    @property
    def name(self) -> str:
        """File name."""
        return self.file.name

    @property
    def ignored(self) -> list[str]:
        """Columns of the file that the contract does not name; they do not land."""
        return sorted(set(self.header) - set(self.raw.values()))


def find_files(
    name: str, source: Source, delivery: Delivery, others: Collection[str] = ()
) -> list[DeliveredFile]:  # fmt: skip
    """Files of the delivery that belong to a source; InputError when a required one is missing.

    `others` are the files that other sources ask for: none of them is what was meant.
    """
    names = {f.name: called(f, source.file) for f in delivery.files.values()}
    found = [f for f in delivery.files.values() if names[f.name]]
    if twice := doubly_called(names):
        raise InputError(
            f"{source.file} is there more than once: {', '.join(twice)} (source '{name}')",
            hint="ask for it once, or name in `file` which one counts, such as: july.zip!patients.csv",
        )
    if not found and not source.optional:
        free = [f.name for f in delivery.files.values() if not any(called(f, other) for other in others)]
        raise InputError(
            f"{source.file} is missing from the delivery of {delivery.hospital} for {delivery.night}"
            f" (source '{name}'){nearest(source.file, free)}",
            hint="ask for the file, or set `optional: true` in the source's contract",
        )
    return found


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


def read_header(path: Content, source: Source) -> tuple[str, ...]:
    """Column names of a file, without byte order mark and quotes; InputError for a doubled name."""
    if source.format == "parquet":
        if isinstance(path, Packed):
            raise InputError(f"{path.name}: Parquet is not read out of an archive", hint="ask for the file as it is")
        try:
            names = tuple(pq.read_schema(path).names)
        except (OSError, ValueError) as error:
            raise InputError(f"{path.name} is no readable Parquet file", hint="ask for the file again") from error
    else:
        if is_sheet(path if isinstance(path, Path) else path.path) and not source.written_plainly:
            raise InputError(
                f"{path.name}: a sheet is read as UTF-8 with commas",
                hint="leave `encoding`, `delimiter` and `quote` out of the source's contract",
            )
        line = _first_line(path, source.encoding)
        row = next(csv.reader([line], delimiter=source.delimiter, quotechar=source.quote), [])
        names = tuple(cell.strip() for cell in row)
    doubled = [n for n, count in Counter(names).items() if count > 1]
    if doubled:
        raise InputError(
            f"{path.name}, line 1: column '{doubled[0]}' is there twice, first as number {names.index(doubled[0]) + 1}",
            hint="ask for the file with each column once",
        )
    return names


def open_source(
    name: str, source: Source, delivery: Delivery, others: Collection[str] = ()
) -> list[SourceFile]:  # fmt: skip
    """The source's files with their headers matched to the contract; InputError naming file, line and column."""
    opened = []
    for file in find_files(name, source, delivery, others):
        header = read_header(file.content, source)
        raw: dict[str, str] = {}
        for column, declared in source.columns.items():
            names = (column, *(declared.aliases if declared else ()))
            present = next((n for n in names if n in header), None)
            if present is not None:
                raw[column] = present
            elif declared is None or not declared.optional:
                raise InputError(
                    f"{file.name}, line 1: column '{column}' is missing{nearest(column, header)}",
                    hint=f"if it was renamed, add the new name to `aliases` of {name}.columns.{column}",
                )
        if source.format == "csv" and source.final_newline and not file.ends_with_newline:
            raise InputError(
                f"{file.name}, line {file.lines + 1}: the last line has no end; the file was cut in the middle",
                hint="ask for the file again; if this export never ends its last line, set `final_newline: false`",
            )
        opened.append(SourceFile(file, header, raw))
    return opened
