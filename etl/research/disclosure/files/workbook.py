"""Workbooks: their sheets as grids, and sheets, rows, columns, formulae and parts that nobody sees."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, iterparse
from zipfile import ZipFile

from etl.night.sheets import csv_chunks, sheet_names
from etl.research.disclosure.files.packages import hiding
from etl.research.disclosure.files.texts import TooLarge
from etl.research.disclosure.findings import Found, Place
from etl.research.disclosure.grid import Grid
from etl.research.disclosure.rules import Rules

_YES = frozenset({"1", "true"})
_NOTHING_SHOWN = re.compile(r'formatCode="\s*;;;\s*"')
_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml", re.IGNORECASE)


def grids(package: ZipFile, rules: Rules) -> Iterator[Grid]:
    """The cells of every sheet, hidden ones as well, part n being sheet n."""
    number = 0
    for part, name in enumerate(sheet_names(package), start=1):
        rows: list[list[str]] = []
        text = (chunk.decode("utf-8") for chunk in csv_chunks(package, name))
        for chunk in text:
            for row in csv.reader(io.StringIO(chunk, newline="")):
                number += max(len(row), 1)
                if len(row) > rules.limit("columns") or number > rules.limit("cells"):
                    raise TooLarge("cells")
                rows.append(row)
        yield Grid(rows, part)


def hidden(package: ZipFile) -> Iterator[Found]:
    """What a workbook holds beside what it shows; a place where there is one."""
    yield from hiding(package)
    yield from _hidden_sheets(package)
    for part, name in enumerate(sorted(filter(_SHEET.fullmatch, package.namelist())), start=1):
        with package.open(name) as stream:
            yield from _in_sheet(iterparse(stream, events=("start", "end")), part)
    if "xl/styles.xml" in package.namelist() and _NOTHING_SHOWN.search(
        package.read("xl/styles.xml").decode("utf-8", "replace")
    ):
        yield Found("hidden_part")


def _hidden_sheets(package: ZipFile) -> Iterator[Found]:
    with package.open("xl/workbook.xml") as stream:
        sheets = [element for _, element in iterparse(stream) if _local(element) == "sheet"]
    for part, sheet in enumerate(sheets, start=1):
        if sheet.get("state", "visible") != "visible":
            yield Found("hidden_part", Place(part))


def _in_sheet(events: Iterator[tuple[str, Element]], part: int) -> Iterator[Found]:
    row = 0
    for event, element in events:
        name = _local(element)
        if event == "end":
            if name == "row":
                element.clear()
            continue
        if name == "row":
            row = int(element.get("r") or row + 1)
            if element.get("hidden") in _YES or element.get("ht") == "0":
                yield Found("hidden_part", Place(part, row))
        elif name == "col" and (element.get("hidden") in _YES or element.get("width") == "0"):
            yield Found("hidden_part", Place(part, 0, int(element.get("min") or 1)))
        elif name == "f":
            yield Found("formula", Place(part, row))
        elif name == "oleObject":
            yield Found("embedded", Place(part))


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
