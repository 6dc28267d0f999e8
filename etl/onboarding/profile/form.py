"""How a file is written: encoding, delimiter, quote, line end, header; found from its bytes alone."""

from __future__ import annotations

import codecs
import csv
import re
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from etl.errors import InputError
from etl.mapping.language.contract import Source
from etl.night.delivery import DeliveredFile
from etl.night.land.contract import SourceFile
from etl.onboarding.profile.packed import chunks, is_packed, opened
from etl.onboarding.profile.rules import rules

_HEAD = 1 << 20
_DELIMITERS = (",", "|", "\t", ";", "^", "~")
_MULTIBYTE = ("utf-8", "euc-kr", "cp949")  # each of the later ones reads more than the one before
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True, slots=True)
class Form:
    """How one file is written. `undecodable` counts the places that its encoding cannot read; `packed` with gzip."""

    file: str
    format: str
    bytes: int
    encoding: str
    undecodable: int
    delimiter: str
    quote: str
    line_end: str
    lines: int
    ends_with_newline: bool
    header: tuple[str, ...]
    packed: bool = False

    @property
    def contract_encoding(self) -> str:
        """What a contract says: plain utf-8 for one with a byte order mark, which landing takes off by itself."""
        return "utf-8" if self.encoding in ("utf-8-sig", "ascii") else self.encoding

    def source(self) -> Source:
        """A contract that reads all columns of the file."""
        return Source.model_validate(
            {
                "file": self.file, "format": self.format, "encoding": self.contract_encoding,
                "delimiter": self.delimiter or ",", "quote": self.quote or '"', "columns": dict.fromkeys(self.header),
            }
        )  # fmt: skip

    def opened(self, path: Path) -> SourceFile:
        """The file as landing sees it."""
        file = DeliveredFile(path, self.bytes, "", self.lines, self.ends_with_newline, told=path.name)
        return SourceFile(file, self.header, {c: c for c in self.header})


def _marked(head: bytes) -> str | None:
    """An encoding that the first bytes give away: a byte order mark, or the zero bytes of UTF-16 text."""
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return encoding
    sample = head[:4096]
    if sample.count(0) * 4 > len(sample):
        return "utf-16-le" if sample[1::2].count(0) > sample[::2].count(0) else "utf-16-be"
    return None


def _surviving(path: Path) -> list[str]:
    """Encodings in which the whole file can be read; `ascii` when every one can because it holds nothing else."""
    decoders = {name: codecs.getincrementaldecoder(name)() for name in _MULTIBYTE}
    plain = True
    for chunk in chunks(path):
        plain = plain and chunk.isascii()
        for name in list(decoders):
            try:
                decoders[name].decode(chunk)
            except UnicodeDecodeError:
                del decoders[name]
    return ["ascii"] if plain else list(decoders)


def _undecodable(path: Path, encoding: str) -> int:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    return sum(decoder.decode(chunk).count("\ufffd") for chunk in chunks(path))


def _encoding(path: Path, head: bytes) -> tuple[str, int]:
    """The file's encoding, and how many places it cannot read."""
    marked = _marked(head)
    if marked:
        return marked, _undecodable(path, marked)
    surviving = _surviving(path)
    if surviving:
        return surviving[0], 0
    wrong = {name: _undecodable(path, name) for name in ("utf-8", "cp949")}
    best = min(wrong, key=lambda name: wrong[name])
    return best, wrong[best]


def _delimiter(lines: list[str]) -> str:
    """The delimiter that cuts the first lines into the same number of fields, and into most."""
    best, most = ",", (0.0, 0)
    for delimiter in _DELIMITERS:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter)]
        if not widths or widths[0] < 2:
            continue
        score = (sum(w == widths[0] for w in widths) / len(widths), widths[0])
        if score > most:
            best, most = delimiter, score
    return best


def _quote(lines: list[str], delimiter: str) -> str:
    """Apostrophes only where they stand around whole fields, which is rare; else the usual quotation mark."""
    fields = [f for line in lines for f in line.split(delimiter) if len(f) > 1]
    single = sum(f.startswith("'") and f.endswith("'") for f in fields)
    double = sum(f.startswith('"') and f.endswith('"') for f in fields)
    return "'" if single > max(double, len(fields) // 10) else '"'


def _count_lines(path: Path, encoding: str) -> tuple[int, bool]:
    """Line ends of the decoded text, and whether it ends with one."""
    lines, last = 0, True
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for chunk in chunks(path):
        text = decoder.decode(chunk) if encoding.startswith("utf-16") else ""
        lines += text.count("\n") if text else chunk.count(b"\n")
        last = text.endswith("\n") if text else chunk.endswith(b"\n")
    return lines, last


def _parquet(path: Path) -> Form:
    try:
        schema, rows = pq.read_schema(path), pq.read_metadata(path).num_rows
    except (OSError, ValueError) as error:
        raise InputError(f"{path.name} is no readable Parquet file", hint="leave it out or ask for it again") from error
    return Form(path.name, "parquet", path.stat().st_size, "utf-8", 0, "", "", "", rows, True, tuple(schema.names))


def _no_table(path: Path) -> None:
    """InputError for a file whose first bytes are those of something else than text or Parquet."""
    with path.open("rb") as stream:
        first = stream.read(32)
    what = next((what for what, sign in rules().no_tables.items() if first.startswith(sign)), None)
    if what:
        raise InputError(f"{path.name} is no table of text: {what}", hint="ask for CSV or Parquet, plain or in gzip")


def _header(path: Path, lines: list[str], delimiter: str, quote: str) -> tuple[str, ...]:
    """Names of columns; InputError when line 1 does not hold such names. None of them is in the message."""
    cells, *rows = ([cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter, quotechar=quote))
    again = "ask for the file with a line of names, each column once"
    if _holds_data(cells) or _stands_below(cells, rows):
        raise InputError(f"{path.name}, line 1: holds data, not the names of columns", hint=again)
    if "" in cells:
        raise InputError(f"{path.name}, line 1: column {cells.index('') + 1} has no name", hint=again)
    if max(Counter(cell.lower() for cell in cells).values()) > 1:
        raise InputError(f"{path.name}, line 1: a column is there twice", hint=again)
    return tuple(cells)


def _holds_data(cells: list[str]) -> bool:
    """Whether the first line is a row: something in it looks like a person's, or a third of it are plain figures."""
    known = rules()
    telling = [re.compile(s.pattern) for s in known.shapes if s.alone] + [re.compile(known.anywhere)]
    filled = [cell for cell in cells if cell]
    if any(pattern.fullmatch(cell) for cell in filled for pattern in telling):
        return True
    figures = sum(not re.search(r"[^\W\d_]", cell) for cell in filled)
    return figures * 3 >= len(filled) > 0


def _stands_below(cells: list[str], rows: list[list[str]]) -> bool:
    """Whether something in the first line stands in its column again: names of columns do not, flags and codes do."""
    others = [row for row in rows if len(row) == len(cells) and row != cells]  # but for headers between the rows
    return any(cell and sum(row[i] == cell for row in others) > 1 for i, cell in enumerate(cells))


def detect(path: Path) -> Form:
    """The form of a file; reads it as a whole, in bounded memory. InputError for what is no table with a header."""
    _no_table(path)
    packed = is_packed(path)
    if path.suffix.lower() == ".parquet" and not packed:
        return _parquet(path)
    try:
        with opened(path) as stream:
            head = stream.read(_HEAD)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path.name} cannot be unpacked", hint="ask for it again") from error
    if not head.strip():
        raise InputError(f"{path.name} is empty: not even a header", hint="leave it out or ask for it again")
    encoding, wrong = _encoding(path, head)
    if not encoding.startswith("utf-16") and b"\0" in head:
        raise InputError(f"{path.name} is no text: it holds zero bytes", hint="ask for CSV or Parquet")
    text = codecs.getincrementaldecoder("utf-8" if encoding == "ascii" else encoding)("replace").decode(head)
    lines = text.splitlines()[:200]
    lines = lines[:-1] if len(head) == _HEAD and 1 < len(lines) < 200 else lines
    delimiter = _delimiter(lines)
    quote = _quote(lines, delimiter)
    header = _header(path, lines, delimiter, quote)
    counted, ended = _count_lines(path, encoding)
    end = "CRLF" if "\r\n" in text[: len(lines[0]) + 2] else "LF"
    return Form(
        path.name, "csv", path.stat().st_size, encoding, wrong, delimiter, quote, end, counted, ended, header, packed
    )  # fmt: skip
