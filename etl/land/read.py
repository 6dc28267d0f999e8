"""The relation that reads one file of a source, and what the engine rejected of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from duckdb import DuckDBPyConnection

from etl.errors import InputError
from etl.land.contract import SourceFile, undecodable
from etl.land.decode import as_utf8
from etl.mapping.expression import literal, quote
from etl.mapping.model import Source

REASONS = {
    "MISSING COLUMNS": "short_row",
    "TOO MANY COLUMNS": "long_row",
    "INVALID ENCODING": "undecodable",
    "UNQUOTED VALUE": "bad_quote",
    "LINE SIZE OVER MAXIMUM": "line_too_long",
}


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that could not be read: its line (1 is the header) and reason code."""

    line: int
    reason: str


def relation(source: Source, file: SourceFile, path: Path, rejects: str | None) -> str:
    """SQL of a relation with the file's own column names, all text; `rejects` names the table of rejected rows."""
    if source.format == "parquet":
        columns = ", ".join(f"{quote(c)}::varchar as {quote(c)}" for c in file.header)
        return f"(select {columns} from read_parquet({literal(str(path))}))"
    columns = ", ".join(f"{literal(c)}: 'VARCHAR'" for c in file.header)
    options = (
        f", store_rejects = true, rejects_table = '{rejects}', rejects_scan = '{rejects}_scan'"
        if rejects
        else ", ignore_errors = true"
    )
    return (
        f"read_csv({literal(str(path))}, auto_detect = false, header = true, strict_mode = true, "
        f"delim = {literal(source.delimiter)}, quote = {literal(source.quote)}, escape = {literal(source.quote)}, "
        f"columns = {{{columns}}}{options})"
    )


def rejected(con: DuckDBPyConnection, table: str) -> list[Reject]:
    """Rejected rows, one per line of the file."""
    query = f"select line, min(error_type::varchar) from {table} group by line order by line"
    return [Reject(line, REASONS.get(kind, "unreadable")) for line, kind in con.execute(query).fetchall()]


def _lines_inside_fields(con: DuckDBPyConnection, source: Source, file: SourceFile, path: Path) -> int:
    text = " || ".join(f"coalesce({quote(c)}, '')" for c in file.header)
    query = f"select coalesce(sum(length(t) - length(replace(t, chr(10), ''))), 0) from (select {text} as t from "
    row = con.execute(f"{query}{relation(source, file, path, None)})").fetchone()
    return int(row[0]) if row else 0


def _quote_left_open(path: Path, quote_mark: bytes) -> tuple[int, int]:
    """Line of the first row whose quotes do not close on it, and the number of blank lines."""
    first = blank = 0
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not first and line.count(quote_mark) % 2:
                first = number
            blank += line in (b"\n", b"\r\n")
    return first, blank


def check_line_count(
    con: DuckDBPyConnection, source: Source, file: SourceFile, folder: Path, rows: int, rejects: list[Reject]
) -> None:
    """Every line of the file must be a row, a reject, part of a quoted field, or blank.

    Raises InputError when lines are gone: an unterminated quote swallowed them. The file is read again (a pipe for it
    made in `folder`) only when the plain count does not fit.
    """
    delivered = file.file
    lines = delivered.lines + (0 if delivered.ends_with_newline else 1) - 1
    if source.format != "csv" or lines == rows + len(rejects):
        return
    first, blank = _quote_left_open(delivered.path, source.quote.encode())
    inside = 0
    if first:
        with as_utf8(delivered.path, source.encoding, folder) as path:
            inside = _lines_inside_fields(con, source, file, path)
    if lines != rows + len(rejects) + blank + inside:
        raise InputError(
            f"{file.name}, line {first or '?'}: {lines:,} lines hold {rows:,} rows and {len(rejects):,} unreadable"
            " ones; the rest is gone, most likely swallowed by a quote that does not close",
            hint="ask for the file with its quotes closed (or doubled inside a field)",
        )


def check_rejects(source: Source, file: SourceFile, rows: int, rejects: list[Reject]) -> None:
    """InputError when more rows are unreadable than the contract allows."""
    share = len(rejects) / max(rows + len(rejects), 1)
    if share <= source.max_rejected:
        return
    first = rejects[0]
    bad = sum(r.reason == "undecodable" for r in rejects)
    why = f"; {undecodable(file.file.path, source.encoding)}" if bad * 2 > len(rejects) else ""
    raise InputError(
        f"{file.name}, line {first.line}: {len(rejects):,} of {rows + len(rejects):,} rows cannot be read "
        f"(the first: {first.reason}){why}",
        hint="correct encoding, delimiter or quote in the contract, or raise `max_rejected`",
    )
