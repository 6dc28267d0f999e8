"""Texts that begin like a formula stay texts in what people open in a spreadsheet, and come back as they were."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import duckdb
import pytest

from etl.cli.answer import show_query
from etl.mapping.language.codemaps import CodeMap
from etl.mapping.read.codemaps import read_rows
from etl.onboarding.worklist.unmapped import write_csv, write_usagi
from etl.spreadsheets import as_result, as_text, read_back
from etl.sql import literal

FORMULAS = (
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1+1", "\r=1+1", "\n=1+1", "＝1+1", "＋1", "－1", "＠x",
    '=HYPERLINK("http://x","y")', "=cmd|' /C calc'!A0", "'=1", "''-1",
)  # fmt: skip
TEXTS = ("", "A01.1", "1=1", "'tis", "'", "E11-", "고혈압", " =1")


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_becomes_a_text(text: str) -> None:
    assert as_text(text) == f"'{text}"


@pytest.mark.parametrize("text", TEXTS)
def test_other_texts_stay(text: str) -> None:
    assert as_text(text) == as_result(text) == text


def test_numbers_stay_numbers() -> None:
    assert [as_text(-1), as_result("-1.5"), as_result("+3"), as_result(None)] == [-1, "-1.5", "+3", None]
    assert as_result("-1+1") == "'-1+1"


@pytest.mark.parametrize("text", [*FORMULAS, *TEXTS])
def test_what_is_read_back_is_what_was_written(text: str) -> None:
    row = duckdb.execute(f"select {read_back(literal(as_text(text)))}").fetchone()
    assert row == (text,)


def _codes() -> list[dict[str, object]]:
    about = {"domain": "Drug", "vocabulary": "EDI", "records": 1, "patients": 9, "fewer_than": None}
    days = {"first_seen": None, "last_seen": None, "together": 1, "share": 1.0}
    return [{**about, **days, "code": text, "description": text} for text in FORMULAS if text.strip() == text]


def test_the_worklist_comes_back_as_it_went(tmp_path: Path) -> None:
    write_csv(_codes(), tmp_path / "codes.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "codes.csv").read_text(encoding="utf-8-sig"), newline="")))
    assert all(row["code"].startswith("'") and row["description"].startswith("'") for row in rows)
    write_usagi(_codes(), tmp_path / "usagi.csv")
    listed = list(csv.DictReader(io.StringIO((tmp_path / "usagi.csv").read_text(encoding="utf-8"), newline="")))
    assert all(row["sourceCode"].startswith("'") for row in listed)
    with (tmp_path / "done.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["sourceCode", "mappingStatus", "conceptId", "mappingType"])
        writer.writerows([row["sourceCode"], "APPROVED", 1, "MAPS_TO"] for row in listed)
    found, problems = read_rows(CodeMap(usagi="done.csv"), tmp_path, tmp_path)
    assert not problems
    assert found is not None
    assert found.rows["code"].to_pylist() == [code["code"] for code in _codes()]


def test_the_answer_of_a_query_has_no_formulas(capsys: pytest.CaptureFixture[str]) -> None:
    query = f"select unnest([{', '.join(map(literal, FORMULAS))}]) as \"=code\", '-5.5' as value, -1 as n"
    show_query(duckdb.connect(), query, 1, as_csv=True)
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out, newline="")))
    assert rows[0] == ["'=code", "value", "n"]
    assert [row[0] for row in rows[1:]] == [as_result(text) for text in FORMULAS]
    assert all(row[1:] == ["-5.5", "-1"] for row in rows[1:])


def test_a_workbook_has_texts_only(tmp_path: Path) -> None:
    xlsxwriter = pytest.importorskip("xlsxwriter")
    from etl.onboarding.profile.workbook import OPTIONS

    with xlsxwriter.Workbook(tmp_path / "book.xlsx", OPTIONS) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, [*FORMULAS, "{=1+1}", "http://example.org"])
    with zipfile.ZipFile(tmp_path / "book.xlsx") as packed:
        written = packed.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in written
    assert "hyperlink" not in written
