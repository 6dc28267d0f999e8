"""Whether a file is read at all, judged before what cannot be read of it is kept row by row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from etl.errors import InputError
from etl.mapping.language.contract import Source
from etl.night.delivery import DeliveredFile, hashed
from etl.night.land import decode, judge
from etl.night.land.contract import SourceFile

ROWS = 400


def judged(tmp_path: Path, lines: list[bytes], encoding: str = "utf-8", share: float = 0.01) -> None:
    """Judge a file of these lines below a header of three columns, of which `share` may be rejected."""
    path = tmp_path / "x.csv"
    path.write_bytes(b"".join(line + b"\n" for line in [b"a,b,c", *lines]))
    source = Source.model_validate(
        {"file": "x.csv", "encoding": encoding, "max_rejected": share, "columns": dict.fromkeys("abc")}
    )
    file = replace(hashed(DeliveredFile(path, 0, "", 0, True)), told="x.csv")
    with duckdb.connect() as con:
        judge.check_readable(con, source, SourceFile(file, ("a", "b", "c"), {c: c for c in "abc"}))


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "MOST", 50)
    monkeypatch.setattr(judge, "_PIECE", 200)  # bytes: a file of many pieces
    monkeypatch.setattr(judge, "_LOOK", 50)  # bytes of each that are looked at line by line
    monkeypatch.setattr(decode, "_CHUNK", 200)


GOOD: dict[str, tuple[str, list[bytes]]] = {
    "plain": ("utf-8", [b"1,2,3"]),
    "delimiters in quotes": ("utf-8", [b'"1,1",2,"3,3"']),
    "Hangul": ("utf-8", ["가,나,다".encode()]),
    "blank lines": ("utf-8", [b"1,2,3", b""]),
    "line ends in quotes": ("utf-8", [b'1,"two\nlines",3']),
    "line ends in quoted Hangul": ("utf-8", ['1,"가나\n\n다라",3'.encode()]),
    "Hangul beyond KS X 1001": ("cp949", ["1,똠방각하,3".encode("cp949")]),
    "line ends in quoted CP949": ("cp949", ['1,"똠\n방",3'.encode("cp949")]),
    "letters that end as an apostrophe does": ("gbk", ["1,偶倈,3".encode("gbk")]),
}
BAD: dict[str, tuple[str, list[bytes]]] = {
    "short": ("utf-8", [b"1,2"]),
    "long": ("utf-8", [b"1,2,3,4"]),
    "short and long in turn": ("utf-8", [b"1,2", b"1,2,3,4"]),
    "longer than anybody expects": ("utf-8", [b"1,2,3" + b",4" * 200]),
    "short, with a quoted delimiter": ("utf-8", [b'1,"2,3"']),
    "256 columns too many": ("utf-8", [b"1,2,3" + b",4" * 256]),
    "something behind a quote": ("utf-8", [b'1,"2"x,3']),
    "not UTF-8": ("utf-8", ["가,나,다".encode("cp949")]),
    "every other not UTF-8": ("utf-8", [b"1,2,3", b'"\xb0\xa1",2,3']),
    "UTF-8 that is declared CP949": ("cp949", ["1,가나다라마,3".encode()]),
}


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("bad", [0, 3])
def test_a_file_of_the_header_s_columns_is_read(tmp_path: Path, kind: str, bad: int) -> None:
    encoding, lines = GOOD[kind]
    judged(tmp_path, [*(lines * ROWS), *([b"1,2"] * bad)], encoding)


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("good", [0, 300])
def test_one_of_which_too_much_would_be_rejected_is_refused_at_once(tmp_path: Path, kind: str, good: int) -> None:
    encoding, lines = BAD[kind]
    with pytest.raises(InputError, match=r"^x\.csv, line \S+: [0-9,]+ of [0-9,]+ rows cannot be read"):
        judged(tmp_path, [*([b"1,2,3"] * good), *(lines * ROWS)], encoding)


def test_short_and_long_rows_behind_each_other_do_not_cancel_out(tmp_path: Path) -> None:
    lines = [b"1,2,3"] * 10 + [b"1,2", b"1,2,3,4"] * 10
    with pytest.raises(InputError, match="rows cannot be read"):
        judged(tmp_path, lines * 40, share=0.1)


def test_the_encoding_is_told_that_a_file_has_instead(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not read as cp949; it reads as utf-8"):
        judged(tmp_path, ["1,가나다라마,3".encode()] * ROWS, "cp949")
    with pytest.raises(InputError, match="quotes out of place"):
        judged(tmp_path, [b'1,"2,3"'] * ROWS)


def test_rows_of_many_lines_that_may_be_rejected_are_counted_as_one(tmp_path: Path) -> None:
    judged(tmp_path, [*([b"1,2,3"] * ROWS), *([b'1,"2' + b"\n" * 9 + b'2"'] * 20)], share=0.1)


def test_no_share_that_a_contract_allows_lifts_the_cap(tmp_path: Path) -> None:
    judged(tmp_path, [*([b"1,2,3"] * ROWS), *([b"1,2"] * 49)], share=1)
    with pytest.raises(InputError, match="at most 50 rows may be rejected"):
        judged(tmp_path, [*([b"1,2,3"] * ROWS), *([b"1,2"] * 60)], share=1)
