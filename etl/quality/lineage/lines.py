"""Which line of a delivered file a landed row stands on, and the other way round.

A file whose lines are all rows or rejects is answered by counting. Where a quoted field spans lines, or lines are
blank, the file is read again and its records are found by their quotes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import duckdb
import numpy as np
import numpy.typing as npt

from etl.mapping.language.contract import Source
from etl.night.land.contract import SourceFile
from etl.night.land.decode import as_utf8, utf8_chunks
from etl.night.land.headers import read_header
from etl.night.land.read import Reject, rejected, relation
from etl.quality.lineage.places import Position, landed_rows, rejects_of
from etl.settings import Settings
from etl.sql import quote

Lines = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Found:
    """What stands on a line: a row (its place among the rows, from 0), a reject with its reason, or neither."""

    kind: Literal["row", "rejected", "header", "blank", "beyond"]
    row: int = -1
    line: int = 0
    reason: str = ""


class LineIndex(Protocol):
    """Rows and lines of one file."""

    def line_of(self, row: int) -> int | None:
        """The line (1 is the header) that a row begins on; None when it cannot be told any more."""

    def at(self, line: int) -> Found:
        """What stands on a line."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A file of which every line is a row or a reject."""

    last: int
    rejects: Lines
    reasons: list[str]

    def line_of(self, row: int) -> int | None:
        """See LineIndex."""
        before = np.searchsorted(self.rejects - np.arange(len(self.rejects)) - 2, row, side="right")
        return row + 2 + int(before)

    def at(self, line: int) -> Found:
        """See LineIndex."""
        if line < 2 or line > self.last:
            return Found("header" if line == 1 else "beyond")
        before = int(np.searchsorted(self.rejects, line))
        if before < len(self.rejects) and self.rejects[before] == line:
            return Found("rejected", line=line, reason=self.reasons[before])
        return Found("row", line - 2 - before, line)


@dataclass(frozen=True, slots=True)
class Scanned:
    """A file with records of several lines, or blank ones: `starts` are the first lines of its rows."""

    last: int
    starts: Lines
    ends: Lines
    rejects: Lines
    spans: Lines
    reasons: list[str]

    def line_of(self, row: int) -> int | None:
        """See LineIndex."""
        return int(self.starts[row])

    def at(self, line: int) -> Found:
        """See LineIndex."""
        before = int(np.searchsorted(self.rejects, line, side="right")) - 1
        if before >= 0 and line <= self.rejects[before] + self.spans[before]:
            return Found("rejected", line=int(self.rejects[before]), reason=self.reasons[before])
        row = int(np.searchsorted(self.starts, line, side="right")) - 1
        if row >= 0 and line <= self.ends[row]:
            return Found("row", row, int(self.starts[row]))
        if line > self.last:
            return Found("beyond")
        return Found("header" if line == 1 else "blank")


def line_index(settings: Settings, source: Source, at: Position) -> LineIndex | None:
    """Rows and lines of the file of `at`; None for Parquet, or when only the file could tell and it is gone."""
    if source.format != "csv":
        return None
    known = rejects_of(settings, at)
    lines = np.array([line for line, _ in known], np.int64)
    reasons = [reason for _, reason in known]
    last = at.file.lines + (0 if at.file.ends_with_newline else 1)
    rows = landed_rows(settings, at)
    if last - 1 == rows + len(known):
        return Counted(last, lines, reasons)
    if not at.file.path.exists():
        return None
    spans = np.array([r.spans for r in _rejects_again(source, at)] if known else [], np.int64)
    starts, ends = _records(source, at, lines, spans)
    return Scanned(last, starts, ends, lines, spans, reasons)


def _rejects_again(source: Source, at: Position) -> list[Reject]:
    """The rejects in the order of the file, with the line ends inside each, by reading the file once more."""
    file = SourceFile(at.file, read_header(at.file, source), {})
    with duckdb.connect() as con, as_utf8(at.file.content, source.encoding) as path:
        every = ", ".join(f"count({quote(c)})" for c in file.header)  # of all columns, so that all are parsed
        con.execute(f"select {every} from {relation(source, file, path, 'refused')}").fetchall()
        return sorted(rejected(con, "refused"), key=lambda r: r.position)


def _records(source: Source, at: Position, rejects: Lines, spans: Lines) -> tuple[Lines, Lines]:
    """First and last line of every row of the file: a record ends with the line on which its quotes are even."""
    odd, empty = _quote_parity(source, at)
    number = np.arange(1, len(odd) + 1)
    before = np.searchsorted(rejects, number, side="right") - 1
    refused = np.zeros(len(odd), bool)
    if len(rejects):
        refused = (before >= 0) & (number <= (rejects + spans)[before])
    inside = np.cumsum(np.where(refused, 0, odd)) % 2 == 1  # after the line, a quote is still open
    begins = np.concatenate(([True], ~inside[:-1]))
    blank = begins & ~inside & empty
    starts = number[begins & ~blank & ~refused]
    ends = number[~inside & ~blank & ~refused]
    return starts[1:], ends[1:]  # the first record is the header


def _quote_parity(source: Source, at: Position) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.bool_]]:
    """Of every line of the file: whether its quotes are odd in number, and whether it is empty."""
    mark = ord(source.quote)
    parities, empties = [], []
    rest = b""
    chunks = utf8_chunks(at.file.content, source.encoding)
    ended = False
    while not ended:
        chunk = next(chunks, None)
        ended = chunk is None
        data = rest + (chunk if chunk is not None else (b"\n" if rest else b""))
        cut = data.rfind(b"\n") + 1
        rest, data = data[cut:], data[:cut]
        codes = np.frombuffer(data, np.uint8)
        line_ends = np.flatnonzero(codes == 10)
        quotes = np.searchsorted(line_ends, np.flatnonzero(codes == mark))
        parities.append((np.bincount(quotes, minlength=len(line_ends)) % 2).astype(np.int8))
        lengths = np.diff(line_ends, prepend=-1) - 1
        returns = (lengths == 1) & (codes[line_ends - 1] == 13)
        empties.append((lengths == 0) | returns)
    return np.concatenate(parities), np.concatenate(empties)
