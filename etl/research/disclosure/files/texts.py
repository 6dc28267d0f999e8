"""Texts and tables in texts: decoded, split into cells, within bounds."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence

from etl.research.disclosure.grid import Grid

_DELIMITERS = ",\t;|"
_RULE = re.compile(r"[\s|+:=\-]+")
_ENCODINGS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))


class Unreadable(ValueError):
    """A file that cannot be read as what it is."""


class TooLarge(ValueError):
    """A file that has more than a result has."""


def decode(content: bytes) -> str:
    """A text of UTF-8, of UTF-16 that says so, or of CP949; Unreadable where it is none, or has zero bytes."""
    encoding = next((name for mark, name in _ENCODINGS if content.startswith(mark)), "utf-8")
    for each in (encoding, "cp949"):
        try:
            text = content.decode(each)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text
    raise Unreadable("it is no text")


def grid_of(text: str, most_columns: int, most_cells: int) -> Grid:
    """The cells of a text whose lines are split by one sign, or by none. Raises TooLarge, Unreadable."""
    delimiter = _delimiter(text) or ","
    rows: list[list[str]] = []
    number = 0
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=False):
            number += len(row)
            if len(row) > most_columns or number > most_cells:
                raise TooLarge("cells")
            rows.append(row)
    except csv.Error:
        raise Unreadable("a line that cannot be split") from None
    return Grid(rows)


def is_split(text: str) -> bool:
    """Whether nearly all lines of a text are split by one sign into the same number of cells."""
    lines = [line for line in text.splitlines() if line.strip()]
    counts = (sorted(line.count(sign) for line in lines) for sign in ",\t;")
    return len(lines) > 1 and any(each[len(each) // 10] == each[-1 - len(each) // 10] > 0 for each in counts)


def _delimiter(text: str) -> str | None:
    """The sign that splits every one of the first lines, else most of them, into the most cells."""
    lines = [line for line in text.splitlines()[:200] if line.strip()][:60]
    best: tuple[bool, int, str] | None = None
    for sign in _DELIMITERS:
        counts = sorted(line.count(sign) for line in lines)
        usual = counts[len(counts) // 2] if counts else 0
        if usual and (best is None or (counts[0] > 0, usual) > best[:2]):
            best = (counts[0] > 0, usual, sign)
    return best[2] if best else None


def tables_in(lines: Sequence[str]) -> Iterator[Grid]:
    """Tables that stand in a text: lines with cells between `|`, or two blanks or more."""
    begin: int | None = None
    rows: list[list[str]] = []
    for number, line in enumerate([*lines, ""]):
        cells = _cells(line)
        if len(cells) > 1:
            begin = number if begin is None else begin
            rows.append(cells)
        elif begin is not None and _RULE.fullmatch(line) and line.strip():
            rows.append([""])  # keeps the lines' numbers
        elif begin is not None:
            yield from _grid(rows, begin)
            begin, rows = None, []


def _grid(rows: list[list[str]], begin: int) -> Iterator[Grid]:
    if sum(len(row) > 1 for row in rows) > 1:
        kept = [(begin + i + 1, row) for i, row in enumerate(rows) if len(row) > 1]
        yield Grid([row for _, row in kept], first=kept[0][0])


def _cells(line: str) -> list[str]:
    if _RULE.fullmatch(line):
        return []
    if line.count("|") > 1 or (line.strip().startswith("|")):
        return [cell.strip() for cell in line.strip().strip("|").split("|")]
    return re.split(r"\s{2,}|\t", line.strip()) if line.strip() else []
