"""`etl.night.sheets`: what stands in the cells of a workbook, as the texts of a CSV."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import datetime
from typing import Any

import pytest
import xlsxwriter

from etl.night.sheets import NoWorkbook, csv_chunks, sheet_names


def book(
    cells: dict[tuple[int, int], Any], formats: dict[tuple[int, int], str] | None = None, **options: Any
) -> io.BytesIO:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, **options}) as made:
        sheet = made.add_worksheet("One")
        made.add_worksheet("둘")
        for (row, column), value in cells.items():
            form = made.add_format({"num_format": (formats or {}).get((row, column), "General")})
            if isinstance(value, datetime):
                sheet.write_datetime(row, column, value, form)
            else:
                sheet.write(row, column, value, form)
    return out


def read(file: io.BytesIO, sheet: str = "One") -> str:
    with zipfile.ZipFile(file) as archive:
        return b"".join(csv_chunks(archive, sheet)).decode()


def test_sheets_are_told_in_their_order() -> None:
    with zipfile.ZipFile(book({})) as archive:
        assert sheet_names(archive) == ["One", "둘"]
    assert read(book({}), "둘") == ""


def test_cells_become_texts() -> None:
    cells = dict(enumerate(["A", 5, 0.1, 1e20, True, 'say "no", twice', "two\r\nlines"]))
    file = book({(0, c): v for c, v in cells.items()})
    assert read(file) == 'A,5,0.1,1e+20,TRUE,"say ""no"", twice","two\nlines"\n'


@pytest.mark.parametrize("options", [{}, {"date_1904": True}])
def test_days_and_times_are_told_by_the_style_of_the_cell(options: dict[str, Any]) -> None:
    day, moment = datetime(2026, 7, 1), datetime(2026, 7, 1, 8, 30, 15)
    cells = {(0, 0): day, (0, 1): moment, (0, 2): 0.5, (0, 3): 45000}
    styles = {(0, 0): 'yyyy"년" m"월" d"일"', (0, 1): "yyyy-mm-dd hh:mm:ss", (0, 2): "h:mm", (0, 3): '#,##0 "days"'}
    assert read(book(cells, styles, **options)) == "2026-07-01,2026-07-01 08:30:15,12:00:00,45000\n"


def test_every_line_is_the_row_of_its_number_and_as_long_as_the_header() -> None:
    file = book({(0, 0): "A", (0, 1): "B", (0, 2): "C", (1, 1): "x", (4, 0): "y", (4, 3): "too far"})
    assert read(file) == "A,B,C\n,x,\n\n\ny,,,too far\n"


@pytest.mark.parametrize("place", ["ZZZZZZ1", "A99999999"])
def test_a_cell_outside_of_any_sheet_is_no_reason_to_fill_memory(place: str) -> None:
    damaged = io.BytesIO()
    with zipfile.ZipFile(book({(0, 0): 1})) as good, zipfile.ZipFile(damaged, "w") as bad:
        for item in good.infolist():
            row = place.lstrip("AZ").encode()
            data = (
                good.read(item).replace(b'r="A1"', f'r="{place}"'.encode()).replace(b'row r="1"', b'row r="%s"' % row)
            )
            bad.writestr(item, data)
    with pytest.raises(NoWorkbook):
        read(damaged)


def test_names_with_prefixes_and_texts_in_runs_are_read() -> None:
    """As some programs other than Excel write them; the reading of a word of Chinese characters is left out."""
    runs = b"<si><r><t>\xed\x99\x98</t></r><r><t>\xec\x9e\x90</t></r><rPh><t>x</t></rPh></si><si/></sst>"
    other = io.BytesIO()
    with zipfile.ZipFile(book({(0, 0): "A", (1, 0): 7})) as good, zipfile.ZipFile(other, "w") as made:
        for item in good.infolist():
            data = good.read(item)
            if item.filename.endswith("sheet1.xml"):
                data = re.sub(rb"<(/?)(?=\w)", rb"<\1x:", data).replace(b"xmlns=", b"xmlns:x=")
            if item.filename.endswith("sharedStrings.xml"):
                data = re.sub(rb"<si>.*", runs, data)
            made.writestr(item, data)
    assert read(other) == "환자\n7\n"


def test_a_sheet_that_does_not_end_is_told() -> None:
    cut = io.BytesIO()
    with zipfile.ZipFile(book({(r, 0): r for r in range(50)})) as good, zipfile.ZipFile(cut, "w") as made:
        for item in good.infolist():
            data = good.read(item)
            made.writestr(item, data[: len(data) // 2] if item.filename.endswith("sheet1.xml") else data)
    with pytest.raises(NoWorkbook):
        read(cut)


def test_what_is_no_workbook_is_told() -> None:
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    with zipfile.ZipFile(empty) as archive, pytest.raises(NoWorkbook):
        sheet_names(archive)
