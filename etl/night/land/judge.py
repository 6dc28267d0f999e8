"""Judges in the engine whether a file is read at all, before what cannot be read of it is kept row by row.

What the engine keeps of a row that it rejects takes a kilobyte or more of memory, which no limit of its holds; a header
with one column too many rejects every row of a file. So a file is counted first. Where its bytes show that hardly a
line can be rejected, that is all. Else it is read as landing does, and where lines are no rows once more, so that rows
of other widths and of bytes that are no text are seen: a line that is no row, in none and not blank is lost.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator

import numpy as np
from duckdb import DuckDBPyConnection

from etl.errors import InputError
from etl.mapping.language.contract import Source
from etl.night.land.contract import SourceFile
from etl.night.land.decode import MARKED, REPLACED, as_utf8, is_utf8, utf8_chunks
from etl.night.land.headers import undecodable
from etl.night.land.lines import line_ends_in, lines_of_data, quote_left_open
from etl.night.land.read import read_csv, reading

#: Rejected rows of a file that are accounted one by one; a file with more is refused, whatever its contract allows.
MOST = 100_000
_LITTLE = 1 << 26  # bytes of a file of which all lines may be kept
_LONGEST = 1 << 24  # bytes of a line that are looked at
_END, _MARK = b"\n", b"\xff"
_PIECE = 1 << 20  # bytes at a time
_LOOK = 1 << 14  # bytes of each whose lines are looked at one by one
_MORE = 64  # columns beyond the header's with which a row is still seen


def most_rejects(source: Source, lines: int) -> int:
    """How many rows of a file may be rejected."""
    return min(int(source.max_rejected * lines), MOST)


def check_readable(con: DuckDBPyConnection, source: Source, file: SourceFile) -> None:
    """InputError when more rows than may be rejected have other columns than the header, or bytes that are no text.

    A small file with few lines is not looked at: what can be rejected of it is little. Nor is one counted whose bytes
    show that it is even.
    """
    lines = file.file.lines
    if source.format != "csv" or (lines <= MOST and file.file.bytes <= _LITTLE):
        return
    most = most_rejects(source, lines)
    if _looks_even(source, file, most):
        return
    read = _rows(con, source, file)
    if lines_of_data(file) - read <= most:  # each rejected row has a line of its own
        return
    lost = _lost(con, source, file, read)
    if lost <= most:
        return
    why = f"at most {MOST:,} rows" if most == MOST else f"a share of {source.max_rejected:g}"
    line = _first_of_other_width(source, file)
    wrong = f"not of the header's {len(file.header):,} columns, not {source.encoding}, or with quotes out of place"
    if _begins_odd(source, file):
        wrong = undecodable(file.file.content, source.encoding)
    raise InputError(
        f"{file.name}, line {line or '?'}: {lost:,} of {read + lost:,} rows cannot be read ({wrong}); "
        f"{why} may be rejected",
        hint="ask for the file again, or correct encoding, delimiter or quote in the contract, or raise `max_rejected`",
    )


def _looks_even(source: Source, file: SourceFile, most: int) -> bool:
    """Whether the bytes say enough: all are text, and all lines but `most` have no quotes and as many delimiters as the
    header's columns need.

    A row that is rejected has such a line: outside of quotes one without any, with the right delimiters, is a good row.
    """
    if not (source.delimiter.isascii() and source.quote.isascii()):
        return False
    line = _Line(source.delimiter.encode(), source.quote.encode(), len(file.header) - 1)
    decoder = codecs.getincrementaldecoder("utf-8")() if is_utf8(source.encoding) else None
    off, rest, length = 0, b"", 0
    try:
        for chunk in _chunks(source, file):
            if decoder and not (chunk.isascii() and decoder.getstate()[0] == b""):
                decoder.decode(chunk)
            last = chunk.rfind(_END) + 1
            if last:
                off += 0 if line.adds_up(rest, chunk, last) else line.uneven(rest + line.signs(chunk[:last]))
            rest = (b"" if last else rest) + line.signs(chunk[last:])
            length = (0 if last else length) + len(chunk) - last
            if off > most or length > _LONGEST:
                return False
        if decoder:
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return off + (line.uneven(rest + _END) if length else 0) <= most


def _chunks(source: Source, file: SourceFile) -> Iterator[bytes | bytearray]:
    """The bytes that the engine reads, each chunk until the next is asked for."""
    if not is_utf8(source.encoding):
        yield from utf8_chunks(file.file.content, source.encoding)
        return
    chunk = bytearray(_PIECE)
    with file.file.content.open("rb") as stream:
        while read := stream.readinto(chunk):  # into the same memory, which the processor's cache holds
            yield chunk if read == _PIECE else chunk[:read]


class _Line:
    """What the signs of an even line are: `width` delimiters and its end."""

    def __init__(self, delimiter: bytes, quote: bytes, width: int) -> None:
        self._delimiter, self._quote, self._width = delimiter, quote, width
        self._even = delimiter * width + _END
        self._others = bytes({*range(256)} - {*delimiter, *quote, *_END, *_MARK})

    def signs(self, chunk: bytes | bytearray) -> bytes:
        """Delimiters, quotes, marks and line ends of a chunk; nothing else."""
        return bytes(chunk.translate(None, self._others))

    def adds_up(self, rest: bytes, chunk: bytes | bytearray, last: int) -> bool:
        """Whether a chunk up to its last line end, behind the signs `rest`, has as many delimiters as its lines need,
        and no quotes: in no time for what looks even.

        Lines with one too many may stand beside as many with one too few; not in every chunk, and not at its beginning,
        unless somebody sees to it.
        """
        begins = rest + self.signs(chunk[: chunk.find(_END, min(_LOOK, last - 1)) + 1])
        if begins != self._even * (len(begins) // len(self._even)):
            return False
        every = np.frombuffer(chunk, np.uint8)[:last]
        lines, delimiters, quotes = (
            int(np.count_nonzero(every == ord(sign))) for sign in (_END, self._delimiter, self._quote)
        )
        even = not quotes and (chunk.isascii() or _MARK not in chunk)
        return even and delimiters + rest.count(self._delimiter) == self._width * lines

    def uneven(self, signs: bytes) -> int:
        """How many lines, of which the signs are given, have others than those of an even one."""
        given = np.frombuffer(signs, np.uint8)
        ends = np.flatnonzero(given == ord(_END))
        off = np.diff(ends, prepend=-1) != self._width + 1
        others = (given != ord(_END)) & (given != ord(self._delimiter))
        off[np.searchsorted(ends, np.flatnonzero(others))] = True
        return int(np.count_nonzero(off))


def _rows(con: DuckDBPyConnection, source: Source, file: SourceFile) -> int:
    """The rows of a file as landing reads it, nothing of them kept."""
    columns = [str(n) for n in range(len(file.header))]
    # a row is refused for columns that are read alone
    counted = ", ".join(["count(*)", *(f'count("{c}")' for c in columns)])
    with as_utf8(file.file.content, source.encoding, MARKED) as path, reading(source, file):
        rows = read_csv(source, path, columns, ", ignore_errors = true")
        row = con.execute(f"select {counted} from {rows}").fetchone()
    return int(row[0]) if row else 0


def _lost(con: DuckDBPyConnection, source: Source, file: SourceFile, read: int) -> int:
    """The lines of a file that are none of the rows that were `read`, lie in no row of whatever width, and not blank.

    No fewer than the rows that landing would reject.
    """
    columns = [str(n) for n in range(len(file.header) + _MORE)]
    counted = ", ".join(line_ends_in(c) for c in columns)
    with as_utf8(file.file.content, source.encoding, REPLACED) as path, reading(source, file):
        rows = read_csv(source, path, columns, ", ignore_errors = true, null_padding = true, parallel = false")
        ends = con.execute(f"select {counted} from {rows}").fetchone() or ()
    blank = quote_left_open(file.file.content, source.quote.encode())[1] if len(file.header) > 1 else 0
    return lines_of_data(file) - read - blank - sum(int(number or 0) for number in ends)


def _begins_odd(source: Source, file: SourceFile) -> bool:
    """Whether what a file begins with is no text of its encoding."""
    decoder = codecs.getincrementaldecoder(source.encoding)()
    with file.file.content.open("rb") as stream:
        try:
            decoder.decode(stream.read(_PIECE))
        except UnicodeDecodeError:
            return True
    return False


def _first_of_other_width(source: Source, file: SourceFile) -> int:
    """The first line without quotes whose columns are not as many as the header's; 0 when there is none."""
    delimiter, quote, width = source.delimiter.encode(), source.quote.encode(), len(file.header) - 1
    with file.file.content.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if line.strip() and quote not in line and line.count(delimiter) != width:
                return number
    return 0
