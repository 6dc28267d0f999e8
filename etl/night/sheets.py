"""A sheet of an Excel workbook (.xlsx) as CSV: UTF-8, commas, one line a row, read as a stream.

Only the workbook's shared texts are held in memory; a library that builds the whole sheet would need several times the
file, and a single cell far out would make it reserve everything up to there. Dates come out as `2026-07-01` or
`2026-07-01 08:30:00`, numbers as short as they are told apart, truth values as TRUE and FALSE, errors as nothing.

Source of the facts: ECMA-376, part 1, chapter 18; number formats 27 to 36 and 50 to 58 are dates in Korean Excel.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import IO
from xml.etree.ElementTree import Element, ParseError, fromstring, iterparse
from zipfile import ZipFile

SUFFIXES = (".xlsx", ".xlsm")
TEXTS = "xl/sharedStrings.xml"
PARTS = _BOOK, _LINKS, _STYLES = "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/styles.xml"  # read as a whole
_BATCH = 500
_PIECE, _LONGEST = 1 << 18, 1 << 25  # bytes read at a time, and of the longest row or text
_ROWS, _COLUMNS = 1 << 20, 1 << 14  # no sheet has more
_DATE_FORMATS = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
_NOT_DATE = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.|_.|\*.')  # quoted texts, colours, what pads


class NoWorkbook(ValueError):
    """The file is no workbook that can be read."""


def sheet_names(archive: ZipFile) -> list[str]:
    """Names of the workbook's sheets, in their order; NoWorkbook when it is none."""
    return list(_sheets(archive))


def csv_chunks(archive: ZipFile, sheet: str) -> Iterator[bytes]:
    """The sheet as CSV. Rows that are not there are empty lines, so that line n is row n."""
    parts = _sheets(archive)
    texts = _shared_texts(archive)
    form = _Form(texts, _date_styles(archive), _first_day(archive))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    width = expected = 0
    with _open(archive, parts[sheet]) as stream:
        for row in _items(stream, "sheetData", "row"):
            number = int(row.get("r") or expected + 1)
            if number > _ROWS:
                raise NoWorkbook(sheet)
            out.write("\n" * (number - expected - 1))
            expected = max(number, expected + 1)
            cells = _cells(row, form)
            if any(cells):
                width = width or len(cells)  # of the header
                writer.writerow(cells + [""] * (width - len(cells)))
            else:
                out.write("\n")
            if expected % _BATCH == 0:
                yield out.getvalue().encode()
                out.seek(0)
                out.truncate()
    yield out.getvalue().encode()


@dataclass(frozen=True, slots=True)
class _Form:
    """What the values of cells refer to: texts by number, the styles that show dates, the day 0."""

    texts: list[str]
    dates: frozenset[int]
    first_day: datetime


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _open(archive: ZipFile, part: str) -> IO[bytes]:
    try:
        return archive.open(part)
    except KeyError as error:
        raise NoWorkbook(part) from error


def _items(stream: IO[bytes], parent: str, child: str) -> Iterator[Element]:
    """The elements `child` inside of `parent`, whole, some thousand at a time; NoWorkbook when they do not end.

    A parser that tells of every element as it comes takes four times as long.
    """
    tags = re.compile(rb"(<(\w+:)?(?:worksheet|sst)\b[^>]*>)(?:.*?(<(?:\w+:)?sheetData\b[^>]*>))?", re.DOTALL)
    buffer = b""
    while not (opened := tags.search(buffer)) or (parent == "sheetData" and opened[3] is None):
        buffer += _more(stream, buffer, parent)
    prefix, last = opened[2] or b"", opened[3] or opened[1]
    if last.endswith(b"/>"):
        return  # nothing inside
    root = opened[1].split()[0].strip(b"<>")
    head = opened[1] + (opened[3] or b"")
    tail = (b"</%ssheetData>" % prefix if opened[3] else b"") + b"</%s>" % root
    end, stop = b"</%s%s>" % (prefix, child.encode()), b"</%s%s>" % (prefix, parent.encode())
    buffer = buffer[opened.end() :]
    while (finish := buffer.find(stop)) < 0:
        cut = buffer.rfind(end) + len(end)
        if cut >= len(end):
            yield from _parsed(head + buffer[:cut] + tail, parent)
            buffer = buffer[cut:]
        buffer += _more(stream, buffer, parent)
    yield from _parsed(head + buffer[:finish] + tail, parent)


def _more(stream: IO[bytes], waiting: bytes, parent: str) -> bytes:
    piece = stream.read(_PIECE)
    if not piece or len(waiting) > _LONGEST:
        raise NoWorkbook(parent)
    return piece


def _parsed(text: bytes, parent: str) -> Element:
    try:
        root = fromstring(text)
    except ParseError as error:
        raise NoWorkbook(parent) from error
    return root if _local(root.tag) == parent else root[0]


def _whole(archive: ZipFile, part: str) -> Element | None:
    """A small part of the workbook; None when it is not there."""
    if part not in archive.namelist():
        return None
    with archive.open(part) as stream:
        try:
            *_, (_, root) = iterparse(stream)
        except ParseError as error:
            raise NoWorkbook(str(error)) from error
        return root


def _named(root: Element | None, name: str) -> list[Element]:
    return [] if root is None else [e for e in root.iter() if _local(e.tag) == name]


def _sheets(archive: ZipFile) -> dict[str, str]:
    """The part that holds each sheet, by the sheet's name."""
    book = _whole(archive, _BOOK)
    if book is None:
        raise NoWorkbook(_BOOK)
    linked = _named(_whole(archive, _LINKS), "Relationship")
    links = {e.get("Id"): e.get("Target", "") for e in linked}
    found = {}
    for sheet in _named(book, "sheet"):
        link = next((v for k, v in sheet.attrib.items() if _local(k) == "id" and k != "id"), None)
        target = links.get(link, "")
        if "worksheets/" in target:  # a chart has no rows
            found[sheet.get("name", "")] = target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
    return found


def _shared_texts(archive: ZipFile) -> list[str]:
    if TEXTS not in archive.namelist():
        return []
    with archive.open(TEXTS) as stream:
        return [_one_line_end(_text(item)) for item in _items(stream, "sst", "si")]


def _text(item: Element) -> str:
    """The text of an item in runs, without the readings of Chinese characters."""
    if len(item) == 1 and len(item[0]) == 0:
        return item[0].text or ""
    runs = [run for run in item if _local(run.tag) != "rPh"]
    return "".join(e.text or "" for run in runs for e in run.iter() if _local(e.tag) == "t")


def _date_styles(archive: ZipFile) -> frozenset[int]:
    """Numbers of the cell styles that show a day or a time."""
    styles = _whole(archive, _STYLES)
    own = {
        int(e.get("numFmtId", 0))
        for e in _named(styles, "numFmt")
        if set(_NOT_DATE.sub("", e.get("formatCode", "")).lower()) & set("ymdhs")
    }
    formats = [x for group in _named(styles, "cellXfs") for x in group]
    return frozenset(i for i, x in enumerate(formats) if int(x.get("numFmtId", 0)) in _DATE_FORMATS | own)


def _first_day(archive: ZipFile) -> datetime:
    """The day 0: Excel counts from 1900 with a leap day too many, or from 1904."""
    said = [e.get("date1904") in ("1", "true") for e in _named(_whole(archive, _BOOK), "workbookPr")]
    return datetime(1904, 1, 1) if any(said) else datetime(1899, 12, 30)


def _cells(row: Element, form: _Form) -> list[str]:
    """The texts of a row up to its last filled cell."""
    found: list[str] = []
    for cell in row:
        text = _value(cell, form)
        reference = cell.get("r")
        if text:
            missing = _place(reference, len(found)) - len(found)
            found += [""] * missing
            found.append(text)
        elif reference is None:
            found.append("")
    return found


def _place(reference: str | None, otherwise: int) -> int:
    """The column's number, from 0, of a reference such as AB12."""
    return otherwise if reference is None else _column(reference.rstrip("0123456789"))


@lru_cache(_COLUMNS)
def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    if not 0 < number <= _COLUMNS:
        raise NoWorkbook(letters)
    return number - 1


def _value(cell: Element, form: _Form) -> str:
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        return "".join(_one_line_end(_text(e)) for e in cell if _local(e.tag) == "is")
    said = None
    for part in cell:
        if part.tag[-1] == "v":  # beside it there may only be a formula
            said = part.text
    if not said or kind == "e":
        return ""
    if kind == "s":
        return form.texts[int(said)]
    if kind == "b":
        return "TRUE" if said == "1" else "FALSE"
    if kind in ("str", "d"):
        return _one_line_end(said)
    return _date(float(said), form.first_day) if int(cell.get("s", 0)) in form.dates else _number(said)


def _one_line_end(text: str) -> str:
    text = text.replace("_x000D_", "")  # so is a carriage return written
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _number(said: str) -> str:
    if said.isdecimal():
        return said
    value = float(said)
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _date(days: float, first: datetime) -> str:
    try:
        moment = first + timedelta(seconds=round(days * 86400))
    except OverflowError:
        return _number(str(days))
    if 0 <= days < 1:
        return f"{moment:%H:%M:%S}"  # a time without a day
    return f"{moment:%Y-%m-%d}" if moment.time() == datetime.min.time() else f"{moment:%Y-%m-%d %H:%M:%S}"
