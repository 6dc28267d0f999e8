"""Holds the lines of a file against the rows the engine read, so that none is lost and every reject has its line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from duckdb import DuckDBPyConnection

from etl.errors import InputError
from etl.mapping.language.contract import Source
from etl.night.content import Content
from etl.night.land.contract import SourceFile
from etl.night.land.decode import as_utf8, utf8_chunks
from etl.night.land.read import BAD_QUOTE, Reject, relation
from etl.sql import quote

_PIECE = 1 << 20


def lines_of_data(file: SourceFile) -> int:
    """The lines of a file below its header."""
    return file.file.lines + (0 if file.file.ends_with_newline else 1) - 1


def placed(source: Source, file: SourceFile, rows: int, rejects: list[Reject]) -> list[Reject]:
    """Rejects with the lines of the file; the engine counts records, which differ once a quoted field spans lines."""
    if not rejects or source.format != "csv" or lines_of_data(file) == rows + len(rejects):
        return rejects
    rejects = sorted(rejects, key=lambda r: r.position)
    lines = _lines_at(file.file.content, source.encoding, [r.position for r in rejects])
    return [replace(r, line=line) for r, line in zip(rejects, lines, strict=True)]


def _lines_at(path: Content, encoding: str, positions: Sequence[int]) -> list[int]:
    """The line that each byte of the decoded file lies on; `positions` ascend."""
    found: list[int] = []
    line, begin = 1, 0
    for chunk in utf8_chunks(path, encoding):
        at = 0
        while len(found) < len(positions) and positions[len(found)] < begin + len(chunk):
            line += chunk.count(b"\n", at, positions[len(found)] - begin)
            at = positions[len(found)] - begin
            found.append(line)
        if len(found) == len(positions):
            break
        line += chunk.count(b"\n", at)
        begin += len(chunk)
    return found + [line] * (len(positions) - len(found))


def _lines_inside_fields(con: DuckDBPyConnection, source: Source, file: SourceFile, path: Path) -> int:
    """Line ends inside the fields of the rows that were read, but for those of blank lines."""
    columns = ", ".join(line_ends_in(c) for c in file.header)
    counted = con.execute(f"select {columns} from {relation(source, file, path, None)}").fetchone()
    return sum(int(number or 0) for number in counted or ())


def line_ends_in(column: str) -> str:
    """SQL of the line ends in the fields of a column; of those behind each other all but one are of blank lines."""
    name = quote(column)
    return f"sum(case when contains({name}, chr(10)) then len(regexp_extract_all({name}, '\\n(\\r?\\n)*')) end)"


def quote_left_open(path: Content, quote_mark: bytes) -> tuple[int, int]:
    """Line of the first row whose quotes do not close on it, and the number of blank lines.

    Lines are read in pieces: a field whose quote does not close may be as long as the file.
    """
    first = blank = quotes = 0
    number, begins = 1, True
    with path.open("rb") as stream:
        while piece := stream.readline(_PIECE):
            quotes += piece.count(quote_mark)
            blank += begins and piece in (b"\n", b"\r\n")
            begins = piece.endswith(b"\n")
            if begins:
                first = first or (number if quotes % 2 else 0)
                number, quotes = number + 1, 0
    return first or (number if quotes % 2 else 0), blank


def check_line_count(
    con: DuckDBPyConnection, source: Source, file: SourceFile, rows: int, rejects: list[Reject]
) -> None:
    """Every line of the file must be a row, a reject, part of a quoted field, or blank.

    Raises InputError when lines are gone: an unterminated quote swallowed them. The file is read again
    only when the plain count does not fit.
    """
    lines = lines_of_data(file)
    if source.format != "csv" or lines == rows + len(rejects):
        return
    delivered = file.file
    first, blank = quote_left_open(delivered.content, source.quote.encode())
    inside = sum(r.spans for r in rejects if r.reason != BAD_QUOTE)
    if first:
        with as_utf8(delivered.content, source.encoding) as path:
            inside += _lines_inside_fields(con, source, file, path)
    if lines == rows + len(rejects) + blank + inside:
        return
    swallowing = next((r.line for r in rejects if r.reason == BAD_QUOTE and r.spans), first)
    raise InputError(
        f"{file.name}, line {swallowing or '?'}: {lines:,} lines hold {rows:,} rows and {len(rejects):,} unreadable"
        " ones; the rest is gone, most likely swallowed by a quote that does not close",
        hint="ask for the file with its quotes closed (or doubled inside a field)",
    )


def check_promised_rows(source: Source, file: SourceFile, rows: int, rejects: list[Reject]) -> None:
    """InputError when a file does not hold as many records, landed or rejected, as the manifest promises.

    A quote that stands open up to the next quote of the file makes a field of whole lines: by its lines alone such a
    file is in order.
    """
    promised, read = file.file.rows, rows + len(rejects)
    if promised is None or promised == read:
        return
    why = "ask the hospital to deliver the file and its manifest again"
    if source.format == "csv" and read < promised:
        why = f"a quote that is not closed swallows the lines behind it; {why}"
    raise InputError(f"{file.name}: the manifest promises {promised:,} rows, {read:,} were read", hint=why)
