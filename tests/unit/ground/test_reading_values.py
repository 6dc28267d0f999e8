"""The functions that read dates, numbers and comparison signs, held against Python on generated texts."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import date, datetime

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.engine import define_functions

OPERATORS = {"<=": 4171754, "≤": 4171754, "=<": 4171754, ">=": 4171755, "≥": 4171755, "=>": 4171755,
             "<": 4171756, ">": 4172704}  # fmt: skip
WIDE = str.maketrans("0123456789.,-+<>%", "０１２３４５６７８９．，－＋＜＞％")


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as con:
        define_functions(con)
        yield con


def asked(con: duckdb.DuckDBPyConnection, function: str, text: str | None) -> object:
    row = con.execute(f"select {function}(?::varchar)", [text]).fetchone()
    assert row is not None
    return row[0]


moments = st.datetimes(datetime(1900, 1, 1), datetime(2100, 12, 31)).map(lambda d: d.replace(microsecond=0))
FORMS = (
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y%m%d%H%M%S", "%Y/%m/%d %H:%M:%S", "%Y.%m.%d %H:%M:%S",
    "%Y-%m-%d %H:%M", "%Y%m%d%H%M", "%Y/%m/%d %H:%M", "%Y.%m.%d %H:%M", "%Y-%m-%d %H%M", "%Y-%m-%d %H%M%S",
    "%Y%m%d %H%M", "%Y%m%dT%H%M%S", "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d",
)  # fmt: skip


@given(moments, st.sampled_from(FORMS), st.sampled_from(["", " ", "  "]))
def test_every_spelling_of_a_moment_is_read(engine, moment: datetime, form: str, blank: str) -> None:
    expected = datetime.strptime(moment.strftime(form), form)
    assert asked(engine, "omop_try_timestamp", f"{blank}{moment.strftime(form)}{blank}") == expected


@given(st.integers(1800, 2200), st.integers(0, 99), st.integers(0, 99), st.sampled_from(["", "-", "/", "."]))
def test_a_day_that_the_calendar_lacks_is_none(engine, year: int, month: int, day: int, between: str) -> None:
    try:
        expected = datetime.combine(date(year, month, day), datetime.min.time())
    except ValueError:
        expected = None
    assert asked(engine, "omop_try_timestamp", f"{year}{between}{month:02}{between}{day:02}") == expected


@given(st.text(max_size=20))
def test_no_text_makes_a_function_fail(engine, text: str) -> None:
    for function in (
        "omop_try_timestamp", "omop_end", "omop_try_number", "omop_result_number", "omop_operator", "omop_blank",
        "omop_narrow",
    ):  # fmt: skip
        asked(engine, function, text)
        assert asked(engine, function, None) is None


@pytest.mark.parametrize(
    "text", ["", "  ", "00000000", "0000-00-00", "20230230", "2023", "202301", "soon", "1234567890"]
)
def test_what_is_no_moment_is_none(engine, text: str) -> None:
    assert asked(engine, "omop_try_timestamp", text) is None


@pytest.mark.parametrize("text", ["29991231", "99991231", "9999-12-31", "2999-12-31 23:59:59"])
def test_an_open_end_is_none(engine, text: str) -> None:
    assert asked(engine, "omop_end", text) is None


numbers = st.decimals(-(10**9), 10**9, places=3) | st.integers(-(10**12), 10**12)


@given(numbers, st.booleans(), st.booleans(), st.sampled_from(["", " ", "\t"]))
def test_every_spelling_of_a_number_is_read(engine, number, thousands: bool, wide: bool, blank: str) -> None:
    text = f"{number:,f}" if thousands and not isinstance(number, int) else f"{number:,}" if thousands else str(number)
    text = text.translate(WIDE) if wide else text
    for function in ("omop_try_number", "omop_result_number"):
        assert asked(engine, function, f"{blank}{text}{blank}") == pytest.approx(float(number))
    assert asked(engine, "omop_operator", text) is None


@given(numbers.filter(lambda n: n >= 0), st.sampled_from(list(OPERATORS)), st.booleans(), st.sampled_from(["", " "]))
def test_a_comparison_gives_its_number_and_operator(engine, number, sign: str, wide: bool, blank: str) -> None:
    text = f"{blank}{sign}{blank}{number}"
    text = text.translate(WIDE) if wide else text
    assert asked(engine, "omop_result_number", text) == pytest.approx(float(number))
    assert asked(engine, "omop_operator", text) == OPERATORS[sign]
    assert asked(engine, "omop_try_number", text) is None


@pytest.mark.parametrize("text", ["0,125", "-0,500", "００，１２５", "000,125", "0,125,000"])
def test_nobody_writes_thousands_behind_a_zero(engine, text: str) -> None:
    assert asked(engine, "omop_try_number", text) is None
    assert asked(engine, "omop_result_number", f"<{text}") is None


@given(st.from_regex(r"[0-9+\-.,eE<>= ]{1,12}", fullmatch=True))
def test_a_number_is_read_as_python_reads_it_or_not_at_all(engine, text: str) -> None:
    found = asked(engine, "omop_try_number", text)
    plain = text.strip()
    if re.fullmatch(r"[-+]?[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]*)?", plain):
        plain = plain.replace(",", "")
    try:
        expected = float(plain)
    except ValueError:
        assert found is None
        return
    assert found == (pytest.approx(expected) if math.isfinite(expected) else None)


@pytest.mark.parametrize(
    "text",
    [
        "nan",
        "inf",
        "-Infinity",
        "1,23",
        "1,2345",
        "12,34,567",
        "양성",
        "1+",
        "(-)",
        "1 2",
        "1..2",
        "0x10",
        "٣",
    ],
)
def test_what_is_no_number_is_none(engine, text: str) -> None:
    assert asked(engine, "omop_result_number", text) is None
