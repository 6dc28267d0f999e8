"""The profile as ScanReport.xlsx, with the sheets and headings of OHDSI's WhiteRabbit, which Rabbit-in-a-Hat opens.

Headings and layout follow WhiteRabbit 1.0 (https://github.com/OHDSI/WhiteRabbit): "Field Overview" comes first; a
table's own sheet is found by its name's first 31 characters and has a pair of columns per field. Rabbit-in-a-Hat
resolves the parts of the file by relative names, as XlsxWriter writes them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

import xlsxwriter

from etl.onboarding.profile.model import Column, FileProfile, Profile

REPORT = "ScanReport.xlsx"
_FIELDS = (
    "Table", "Field", "Description", "Type", "Max length", "N rows", "N rows checked", "Fraction empty",
    "N unique values", "Fraction unique",
)  # fmt: skip
_TABLES = ("Table", "Description", "N rows", "N rows checked", "N Fields", "N Fields Empty")
#: Every text is a cell of text, whatever it begins with.
OPTIONS = {"strings_to_numbers": False, "strings_to_formulas": False, "strings_to_urls": False}
_NAME = 31  # letters of a sheet's name
#: What WhiteRabbit calls the kinds of values.
_TYPES = {
    "empty": "EMPTY", "flag": "VARCHAR", "date": "DATE", "datetime": "DATETIME", "time": "TIME", "integer": "INT",
    "number": "REAL", "code": "VARCHAR", "text": "TEXT",
}  # fmt: skip
_HIDDEN = "List truncated..."


def table_names(files: Sequence[FileProfile]) -> list[str]:
    """Names of the files as sheets may carry them: without letters Excel forbids, no two alike in their beginning."""
    names = [re.sub(r"[\[\]:*?/\\&'<>]", "_", f.name) for f in files]
    starts = [n[:_NAME].lower() for n in names]
    return [f"{i}_{n}" if len(n) > _NAME or starts.count(n.lower()) > 1 else n for i, n in enumerate(names)]


def write_workbook(profile: Profile, target: Path) -> None:
    """Write the workbook; values that the profile does not show are not in it."""
    files = [f for f in profile.files if f.columns]
    names = table_names(files)
    target.parent.mkdir(parents=True, exist_ok=True)
    with xlsxwriter.Workbook(target, OPTIONS) as book:
        percent = book.add_format({"num_format": "0.0%"})
        sheet = book.add_worksheet("Field Overview")
        sheet.write_row(0, 0, _FIELDS)
        row = 1
        for file, name in zip(files, names, strict=True):
            for column in file.columns:
                sheet.write_row(row, 0, _field(file, name, column))
                sheet.write_number(row, 7, round(column.empty, 6), percent)
                sheet.write_number(row, 9, round(column.unique, 6), percent)
                row += 1
            row += 1  # an empty row parts the tables
        _overview(book.add_worksheet("Table Overview"), files, names)
        for file, name in zip(files, names, strict=True):
            _values(book.add_worksheet(name[:_NAME]), file)
        _about(book.add_worksheet("_"), profile)


def _field(file: FileProfile, name: str, column: Column) -> list[Any]:
    said = f"not shown: {column.hidden.kind}" if column.hidden else ", ".join(n for n, _ in column.formats)
    total = file.form.lines if not file.complete else file.rows
    return [
        name, column.name, said, _TYPES[column.kind], column.max_length, total, column.rows, round(column.empty, 6),
        column.distinct, round(column.unique, 6),
    ]  # fmt: skip


def _overview(sheet: Any, files: Sequence[FileProfile], names: Sequence[str]) -> None:
    sheet.write_row(0, 0, _TABLES)
    for row, (file, name) in enumerate(zip(files, names, strict=True), start=1):
        form = file.form
        about = "Parquet" if form.format == "parquet" else f"{form.encoding}, delimiter {form.delimiter!r}"
        empty = sum(c.kind == "empty" for c in file.columns)
        total = form.lines if not file.complete else file.rows
        sheet.write_row(row, 0, [name, about, total, file.rows, len(file.columns), empty])


def _values(sheet: Any, file: FileProfile) -> None:
    """A pair of columns per field: value, rows; the most frequent first, rare and hidden ones left out."""
    sheet.write_row(0, 0, [text for c in file.columns for text in (c.name, "Frequency")])
    for place, column in enumerate(file.columns):
        pairs = [*column.values, *([(_HIDDEN, None)] if column.rest or not column.values else [])]
        for row, (value, rows) in enumerate(pairs, start=1):
            sheet.write_string(row, 2 * place, value)
            if rows is not None:
                sheet.write_number(row, 2 * place + 1, rows)


def _about(sheet: Any, profile: Profile) -> None:
    facts = {
        "Version": "etl profile", "Scan finished at": datetime.now(UTC).isoformat(timespec="seconds"),
        "sourceType": "CSV_FILES", "scanValues": "true", "minCellCount": profile.min_count,
    }  # fmt: skip
    for row, (key, value) in enumerate(zip_longest(["Key", *facts], ["Value", *facts.values()])):
        sheet.write_row(row, 0, [key, value])
