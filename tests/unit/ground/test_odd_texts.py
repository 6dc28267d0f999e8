"""Blanks of any kind around a text, zero bytes in it, and days that no hospital means."""

from __future__ import annotations

import duckdb
import pytest

from etl.engine import define_functions
from etl.sql import literal


def value(sql: str) -> object:
    """What an expression over the engine's functions gives."""
    with duckdb.connect() as con:
        define_functions(con)
        row = con.execute(f"select {sql}").fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize("blank", [" ", "\t", "\r", "\u00a0", "\u3000", "\u200b", "\ufeff", "\u2009", "\u2060"])
def test_a_blank_of_any_kind_around_a_code_is_none_of_it(blank: str) -> None:
    assert value(f"omop_blank({literal(f'{blank}I10.9{blank}')})") == "I10.9"
    assert value(f"omop_blank({literal(f'혈압{blank}')})") == "혈압"
    assert value(f"omop_blank({literal(blank * 3)})") is None


def test_zero_bytes_do_not_land() -> None:
    assert value("omop_text('I1' || chr(0) || '0')") == "I10"
    assert value("omop_blank('I10' || chr(0))") == "I10"


@pytest.mark.parametrize("text", ["infinity", "-infinity", "0202-01-05", "0999-12-31", "01011231", "0001-01-01 00:00"])
def test_what_no_hospital_means_is_no_day(text: str) -> None:
    assert value(f"omop_try_timestamp({literal(text)})") is None


@pytest.mark.parametrize("text", ["1000-01-01", "1899-12-31", "9999-12-31", "29991231"])
def test_old_days_and_open_ends_are_read(text: str) -> None:
    assert value(f"omop_try_timestamp({literal(text)})") is not None
