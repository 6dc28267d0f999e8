"""Any error gets an exit code that scripts know and a hint, and shows nothing of its own text."""

from __future__ import annotations

import csv
import errno
import json
import sqlite3
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
import sqlalchemy as sa

from etl.errors import ConfigError, EtlError, InputError, TransientError
from etl.faults import as_etl_error, etl_errors
from etl.files import read_json

SECRET = "가나다 450101-1000017"


def _parquet(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1" + SECRET.encode() * 50)
    duckdb.execute(f"select * from read_parquet('{tmp_path / 'x.parquet'}')")


def _gone(tmp_path: Path) -> None:
    duckdb.execute(f"select * from read_parquet('{tmp_path / 'gone.parquet'}')")


def _no_database(tmp_path: Path) -> None:
    (tmp_path / "x.sqlite").write_bytes(SECRET.encode() * 100)
    sqlite3.connect(tmp_path / "x.sqlite").execute("select * from x")


def _raising(error: Exception) -> Callable[[Path], None]:
    def work(_: Path) -> None:
        raise error

    return work


FAULTS: dict[str, tuple[Callable[[Path], object], type[EtlError], str]] = {
    "damaged Parquet": (_parquet, ConfigError, "a Parquet file is damaged"),
    "Parquet that is gone": (_gone, ConfigError, "a file is gone"),
    "Arrow": (_raising(pa.ArrowInvalid(SECRET)), ConfigError, "a Parquet file cannot be read"),
    "no SQLite": (_no_database, ConfigError, "the key store is damaged"),
    "SQLite locked": (_raising(sqlite3.OperationalError("database is locked")), TransientError, "cannot be used now"),
    "csv": (lambda _: list(csv.reader(["a\rb" + SECRET + "\r"])), ConfigError, "cannot be taken apart"),
    "no text": (lambda _: b"\xff".decode(), ConfigError, "encoding"),
    "half a character": (lambda _: "\ud800".encode(), ConfigError, "encoding"),
    "JSON": (lambda _: json.loads(SECRET), ConfigError, "JSON is damaged"),
    "packed": (lambda _: zlib.decompress(SECRET.encode()), ConfigError, "a packed file is damaged"),
    "memory": (_raising(MemoryError(SECRET)), TransientError, "memory or disk ran out"),
    "memory of the engine": (_raising(duckdb.OutOfMemoryException(SECRET)), TransientError, "memory or disk ran out"),
    "disk of the engine": (_raising(duckdb.IOException("No space left on device")), TransientError, "the disk is full"),
    "disk": (_raising(OSError(errno.ENOSPC, "No space left on device")), TransientError, "No space left"),
    "recursion": (_raising(RecursionError(SECRET)), ConfigError, "nested too deeply"),
    "no library": (_raising(ModuleNotFoundError(SECRET)), ConfigError, "a library is missing"),
    "a value that is none": (lambda _: duckdb.execute(f"select '{SECRET}'::int"), ConfigError, "the engine failed"),
    "the engine's own": (_raising(duckdb.InternalException(SECRET)), TransientError, "the engine failed"),
    "a catalog": (_raising(duckdb.IOException("file is not a database")), ConfigError, "the warehouse's catalog"),
    "a ledger away": (
        _raising(sa.exc.OperationalError(SECRET, {}, Exception())), TransientError, "the ledger's database"
    ),
    "a ledger damaged": (_raising(sa.exc.DatabaseError(SECRET, {}, Exception())), ConfigError, "the ledger is damaged"),
    "nobody foresaw it": (lambda _: {}[SECRET], ConfigError, "unexpected KeyError"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("stage", [None, "open", "land", "map"])
def test_an_error_has_a_code_and_a_hint_and_shows_no_text(tmp_path: Path, fault: str, stage: str | None) -> None:
    work, family, said = FAULTS[fault]
    with pytest.raises(EtlError) as raised, etl_errors(stage):
        work(tmp_path)
    error = raised.value
    of_delivery = "of the delivery" in error.message
    assert type(error) is (InputError if of_delivery else family)
    assert of_delivery <= (stage in ("open", "land"))
    assert error.exit_code in (3, 4, 5)
    assert said in error.message
    assert error.hint
    assert SECRET not in str(error)
    assert "450101" not in str(error)
    assert (stage is None) or f"stage '{stage}'" in error.message


@pytest.mark.parametrize("fault", ["damaged Parquet", "csv", "no text", "half a character", "packed", "Arrow"])
def test_what_is_damaged_while_a_delivery_is_read_is_asked_for_again(tmp_path: Path, fault: str) -> None:
    with pytest.raises(InputError, match="of the delivery") as raised, etl_errors("land"):
        FAULTS[fault][0](tmp_path)
    assert raised.value.hint == "ask for the night's files again"


def test_what_is_ours_already_stays_as_it_is() -> None:
    error = ConfigError("x", hint="y")
    assert as_etl_error(error, "land") is error


def test_the_line_of_the_program_is_told(tmp_path: Path) -> None:
    with pytest.raises(EtlError) as raised, etl_errors():
        as_etl_error(None)  # type: ignore[arg-type]
    assert "at etl/faults.py:" in raised.value.message


@dataclass(frozen=True)
class Shape:
    day: date
    names: list[str]
    more: int = 0


@pytest.mark.parametrize("content", [
    b"", b"{", b"\xff", b"[" * 100_000, b"[]", b"7", b"null", b"{}", b'{"day": "x", "names": []}',
    b'{"day": "2026-07-01", "names": "70001"}', b'{"day": "2026-07-01", "names": [70001]}',
    b'{"day": "2026-07-01", "names": ["\\ud800"]}',
])  # fmt: skip
def test_a_damaged_file_of_ours_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state.json").write_bytes(content)
    with pytest.raises(ConfigError, match=r"state\.json is damaged") as raised:
        read_json(tmp_path / "state.json", Shape)
    assert "back-up" in str(raised.value.hint)
    assert "7000" not in str(raised.value)


def test_a_file_of_ours_may_say_more_than_is_read(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"day": "2026-07-01", "names": ["a"], "of_a_later_release": 1}')
    assert read_json(tmp_path / "state.json", Shape) == Shape(date(2026, 7, 1), ["a"])
