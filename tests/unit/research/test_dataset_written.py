"""What is made of a version: files for other programs, pages, what a person's values come from, what is due."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import duckdb
import made_dataset
import made_versions
import pandas as pd
import pyreadstat
import pytest

from etl.errors import UsageError
from etl.research.datasets import due, kept
from etl.research.datasets.definition import read_dataset
from etl.research.datasets.explain import explain
from etl.research.datasets.export import export, formats
from etl.research.datasets.page import write_pages

LONG = [{**made_versions.A1C, "name": "each", "within": [-30, 30]}]
del LONG[0]["take"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    with made_versions.place(tmp_path, monkeypatch, long=LONG) as place:
        yield place


def test_every_form_holds_the_rows_of_the_version(place, tmp_path):
    said = place.build().manifest
    rows = duckdb.sql(f"from {kept.rows_of(place.settings, 'diabetes', 1)}").fetchall()
    for form in formats():
        export(place.settings, said, tmp_path / form, form)
    assert duckdb.sql(f"from '{tmp_path}/parquet/data.parquet'").fetchall() == rows
    assert len(pd.read_csv(tmp_path / "csv" / "long_each.csv")) == len(rows)
    with duckdb.connect(str(tmp_path / "duckdb")) as con:
        assert con.execute("from data").fetchall() == rows
    for frame, told in (
        pyreadstat.read_dta(str(tmp_path / "stata" / "data.dta")),
        pyreadstat.read_xport(str(tmp_path / "xpt" / "data.xpt")),
    ):  # fmt: skip
        assert [int(n) for n in frame["person_id"]] == [row[0] for row in rows]
        assert list(frame["a1c"]) == pytest.approx([row[4] for row in rows])
        assert "Age in years on the index day" in told.column_labels


def test_nothing_is_written_over_and_an_unknown_form_is_told(place, tmp_path):
    said = place.build().manifest
    (tmp_path / "there").mkdir()
    with pytest.raises(UsageError, match="is there already"):
        export(place.settings, said, tmp_path / "there", "csv")
    with pytest.raises(UsageError, match="did you mean 'stata'"):
        export(place.settings, said, tmp_path / "new", "sata")


def test_a_persons_values_are_led_back_to_rows_and_what_is_otherwise_today_is_told(place):
    said = place.build().manifest
    person = made_versions.PERSONS[0]
    place.con.execute(f"update measurement set value_as_number = 12 where person_id = {person}")
    (found,) = explain(place.settings, said, person, lambda _: None).episodes
    assert (found.was["a1c"], found.would_be["a1c"]) == (6.0, 12.0)
    assert [(b.table, b.key, b.days) for b in found.behind["a1c"]] == [("measurement", 0, 0)]
    assert explain(place.settings, said, 99, lambda _: None).episodes == []


def test_the_pages_tell_the_version_in_both_languages_and_nothing_of_few(place):
    place.con.execute("delete from measurement where person_id >> 24 = 2 and person_id & 255 > 3")
    english = write_pages(place.settings, place.build().manifest)
    text, korean = english.read_text(), english.with_name("v0001.ko.html").read_text()
    assert "How far variables are filled" in text and "변수별 값이 있는 비율" in korean
    assert "measurement.value_as_number" in text
    assert "&lt;5" in text and "is not told: it, or what is left" in text


def test_what_says_nightly_is_due_and_what_says_weekly_when_it_is_a_week_old(place):
    made_dataset.write(place.folder, cohort=made_versions.COHORT, refresh="weekly")
    weekly = read_dataset(place.folder)
    assert due.is_due(place.settings, weekly, datetime.now())
    place.build()
    built = datetime.fromisoformat(kept.made(place.settings, "diabetes", 1).at)
    assert not due.is_due(place.settings, weekly, built + timedelta(days=6))
    assert due.is_due(place.settings, weekly, built + timedelta(days=7))
    by_hand = replace(weekly, said=weekly.said.model_copy(update={"refresh": "by_hand"}))
    assert not due.is_due(place.settings, by_hand, built + timedelta(days=99))
