"""Judges in the engine whether a file is read at all, before what cannot be read of it is kept row by row.

What the engine keeps of a row that it rejects takes a kilobyte or more of memory, which no limit of its holds; a header
with one column too many rejects every row of a file. So a file is counted first: as landing reads it, and where rows
are lost, read so that a row of any width and of any bytes is one.
"""

from __future__ import annotations

import codecs

import numpy as np
from duckdb import DuckDBPyConnection

from etl.engine import one_number
from etl.errors import InputError
from etl.mapping.language.contract import Source
from etl.night.land.contract import SourceFile
from etl.night.land.decode import as_utf8, is_utf8
from etl.night.land.read import read_csv, reading

#: Rejected rows of a file that are accounted one by one; a file with more is refused, whatever its contract allows.
MOST = 100_000
_PIECE = 1 << 20
_LOOKED_AT = 1 << 12  # bytes of each piece of a file whose lines are held against the header one by one
_MORE = 64  # columns beyond the header's that a row of any width may have


def most_rejects(source: Source, lines: int) -> int:
    """How many rows of a file may be rejected."""
    return min(int(source.max_rejected * lines), MOST)


def check_readable(con: DuckDBPyConnection, source: Source, file: SourceFile) -> None:
    """InputError when more rows than may be rejected have other columns than the header, or bytes that are no text.

    A file with few lines is not looked at: what can be rejected of it is little. Nor is one counted whose bytes show
    that it is even.
    """
    lines = file.file.lines
    if source.format != "csv" or lines <= MOST:
        return
    most = most_rejects(source, lines)
    if _looks_even(source, file, most):
        return
    read = _rows(con, source, file, lenient=False)
    if lines - read <= most + 1:  # the header; each rejected row has a line of its own
        return
    there = _rows(con, source, file, lenient=True)
    if there - read <= most:
        return
    why = f"at most {MOST:,} rows" if most == MOST else f"a share of {source.max_rejected:g}"
    line = _first_of_other_width(source, file)
    raise InputError(
        f"{file.name}, line {line or '?'}: {there - read:,} of {there:,} rows cannot be read (not of the header's "
        f"{len(file.header):,} columns, or not {source.encoding}); {why} may be rejected",
        hint="ask for the file again, or correct encoding, delimiter or quote in the contract, or raise `max_rejected`",
    )


def _looks_even(source: Source, file: SourceFile, most: int) -> bool:
    """Whether a look at the bytes says enough: all are text, and lines have as many delimiters as the header's, in sum
    all but `most` and one by one the first of each piece.
    """
    if not (is_utf8(source.encoding) and source.delimiter.isascii()):
        return False
    delimiter, mark, width, off = source.delimiter.encode(), source.quote.encode(), len(file.header) - 1, 0
    decoder = codecs.getincrementaldecoder("utf-8")()
    with file.file.content.open("rb") as stream:
        while piece := stream.read(_PIECE):
            piece += stream.readline(_PIECE)
            try:
                decoder.decode(piece)
            except UnicodeDecodeError:
                return False
            bytes_ = np.frombuffer(piece, np.uint8)
            ends, between = (int(np.count_nonzero(bytes_ == ord(sign))) for sign in ("\n", delimiter))
            off += abs(between - ends * width)
            first = piece[:_LOOKED_AT].split(b"\n")[:-1]
            if off > most or any(mark not in line and line.count(delimiter) != width for line in first):
                return False
    return True


def _rows(con: DuckDBPyConnection, source: Source, file: SourceFile, *, lenient: bool) -> int:
    """The rows of a file, nothing of them kept. Bytes of other encodings than UTF-8 are counted as they are."""
    content, plain = file.file.content, file.file.inner is None
    raw = plain and (lenient or not is_utf8(source.encoding))
    columns = [str(n) for n in range(len(file.header) + (_MORE if lenient else 0))]
    options = ", ignore_errors = true" + (", null_padding = true, parallel = false" if lenient else "")
    # a row is refused for columns that are read alone: without bytes to be refused for, none has to be
    counted = "count(*)" if raw else ", ".join(["count(*)", *(f'count("{c}")' for c in columns)])
    with as_utf8(content, "utf-8" if raw else source.encoding) as path, reading(source, file):
        rows = read_csv(source, path, columns, options + (", encoding = 'latin-1'" if raw else ""))
        return one_number(con, f"select {counted} from {rows}")


def _first_of_other_width(source: Source, file: SourceFile) -> int:
    """The first line without quotes whose columns are not as many as the header's; 0 when there is none."""
    delimiter, quote, width = source.delimiter.encode(), source.quote.encode(), len(file.header) - 1
    with file.file.content.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if line.strip() and quote not in line and line.count(delimiter) != width:
                return number
    return 0
