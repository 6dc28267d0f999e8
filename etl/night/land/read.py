"""The relation that reads one file of a source, and what the engine rejected of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import duckdb
from duckdb import DuckDBPyConnection

from etl.errors import InputError
from etl.mapping.language.contract import Source
from etl.night.content import Content
from etl.night.land.contract import SourceFile
from etl.night.land.headers import undecodable
from etl.sql import literal, one_file, quote

BAD_QUOTE = "bad_quote"
REASONS = {
    "MISSING COLUMNS": "short_row",
    "TOO MANY COLUMNS": "long_row",
    "INVALID ENCODING": "undecodable",
    "UNQUOTED VALUE": BAD_QUOTE,
    "LINE SIZE OVER MAXIMUM": "line_too_long",
}


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that could not be read: its line (1 is the header) and reason code.

    `position` is where it begins among the bytes of the decoded file, `spans` the line ends inside it.
    """

    line: int
    reason: str
    position: int = 0
    spans: int = 0


def relation(source: Source, file: SourceFile, path: Path, rejects: str | None) -> str:
    """SQL of a relation with the file's own column names, all text; `rejects` names the table of rejected rows."""
    if source.format == "parquet":
        columns = ", ".join(f"{quote(c)}::varchar as {quote(c)}" for c in file.header)
        return f"(select {columns} from read_parquet({one_file(path)}, hive_partitioning = false))"
    # rejects are always kept: merely ignoring errors, the engine passes over good rows behind a quote out of place
    rejects = rejects or f"unread_{uuid4().hex}"
    options = f", store_rejects = true, rejects_table = '{rejects}', rejects_scan = '{rejects}_scan'"
    return read_csv(source, path, file.header, options)


def read_csv(source: Source, path: Path, names: Iterable[str], options: str) -> str:
    """SQL of a `read_csv` of one file of a source: columns called `names`, all text."""
    columns = ", ".join(f"{literal(c)}: 'VARCHAR'" for c in names)
    return (
        f"read_csv({one_file(path)}, auto_detect = false, header = true, strict_mode = true, "
        f"hive_partitioning = false, delim = {literal(source.delimiter)}, quote = {literal(source.quote)}, "
        f"escape = {literal(source.quote)}, columns = {{{columns}}}{options})"
    )


@contextmanager
def reading(source: Source, file: SourceFile) -> Iterator[None]:
    """InputError that names the place when the engine gives up a file as a whole."""
    try:
        yield
    except duckdb.InvalidInputException:
        line = _odd_line_end(file.file.content, source.quote.encode()) if source.format == "csv" else 0
        said = f", line {line}: ends otherwise than the header's line" if line else " cannot be read"
        hint = "ask for the file with one kind of line end" if source.format == "csv" else "ask for the file again"
        raise InputError(f"{file.name}{said}", hint=hint) from None


def _odd_line_end(path: Content, quote_mark: bytes) -> int:
    """The first line, outside of quotes, that has a carriage return where the header has none or lacks it; or 0."""
    inside = False
    end = b"\n"
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if number == 1 and line.endswith(b"\r\n"):
                end = b"\r\n"
            body = line.removesuffix(end)
            inside ^= line.count(quote_mark) % 2 == 1
            if not inside and (body.endswith(b"\n") or b"\r" in body):
                return number
    return 0


def rejected(con: DuckDBPyConnection, table: str) -> list[Reject]:
    """Rejected rows, one per record of the file, their lines as the engine counts them."""
    breaks = "chr(13) || chr(10)"
    # blank lines in front of a rejected record are part of what the engine keeps of it
    query = f"""
      select line, min(error_type::varchar), line_byte_position - 1 + length(text) - length(ltrim(text, {breaks})),
        length(trim(text, {breaks})) - length(replace(trim(text, {breaks}), chr(10), ''))
      from (select *, coalesce(csv_line, '') as text from {table}) group by all order by line
    """
    return [
        Reject(line, REASONS.get(kind, "unreadable"), position, spans)
        for line, kind, position, spans in con.execute(query).fetchall()
    ]


def check_rejects(source: Source, file: SourceFile, rows: int, rejects: list[Reject]) -> None:
    """InputError when more rows are unreadable than the contract allows."""
    share = len(rejects) / max(rows + len(rejects), 1)
    if share <= source.max_rejected:
        return
    first = rejects[0]
    bad = sum(r.reason == "undecodable" for r in rejects)
    why = f"; {undecodable(file.file.content, source.encoding)}" if bad * 2 > len(rejects) else ""
    raise InputError(
        f"{file.name}, line {first.line}: {len(rejects):,} of {rows + len(rejects):,} rows cannot be read "
        f"(the first: {first.reason}){why}",
        hint="correct encoding, delimiter or quote in the contract, or raise `max_rejected`",
    )
