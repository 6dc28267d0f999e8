"""Whether a file is read at all, judged before what cannot be read of it is kept row by row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from etl.errors import InputError
from etl.mapping.language.contract import Source
from etl.night.delivery import DeliveredFile, hashed
from etl.night.land import judge
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


@pytest.mark.parametrize(
    "lines",
    [
        [b"1,2,3"] * ROWS,
        [b'"1,1",2,"3,3"'] * ROWS,
        ["가,나,다".encode()] * ROWS,
        [b"1,2,3", b""] * ROWS,
        [b'1,"two\nlines",3'] * ROWS,
        [*([b"1,2,3"] * ROWS), b"1,2", b"1,2,3,4"],
    ],
    ids=["plain", "delimiters in quotes", "Hangul", "blank lines", "line ends in quotes", "two rows of other width"],
)
def test_a_file_of_the_header_s_columns_is_read(tmp_path: Path, lines: list[bytes]) -> None:
    judged(tmp_path, lines)


@pytest.mark.parametrize(
    "lines",
    [
        [b"1,2"] * ROWS,
        [b"1,2,3,4"] * ROWS,
        [b"1,2", b"1,2,3,4"] * ROWS,
        [*([b"1,2,3"] * ROWS), *([b"1,2,3,4"] * ROWS)],
        ["가,나,다".encode("cp949")] * ROWS,
        [b"1,2,3", b'"\xb0\xa1",2,3'] * ROWS,
    ],
    ids=["short", "long", "short and long in turn", "long at the end", "not UTF-8", "every other not UTF-8"],
)
def test_one_of_which_too_much_would_be_rejected_is_refused_at_once(tmp_path: Path, lines: list[bytes]) -> None:
    with pytest.raises(InputError, match=r"^x\.csv, line \S+: [0-9,]+ of [0-9,]+ rows cannot be read"):
        judged(tmp_path, lines)


def test_no_share_that_a_contract_allows_lifts_the_cap(tmp_path: Path) -> None:
    judged(tmp_path, [*([b"1,2,3"] * ROWS), *([b"1,2"] * 49)], share=1)
    with pytest.raises(InputError, match="at most 50 rows may be rejected"):
        judged(tmp_path, [*([b"1,2,3"] * ROWS), *([b"1,2"] * 60)], share=1)
