"""What the key store knows for free text: names that nobody reads in its file, and numbers as they are written."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pyarrow as pa
import pytest

from etl.errors import ConfigError
from etl.store.keys.keystore import KeyStore

SECRET = "0123456789abcdef0123456789abcdef"
NAMES = pa.array(["홍길순전", "HONG GILSUN", "김이박최"])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "tiny.sqlite"


def store(file: Path) -> KeyStore:
    return KeyStore(file, "tiny", 5, SECRET)


def test_names_are_kept_over_nights_and_unreadable_in_the_file(file: Path) -> None:
    keys = store(file)
    keys.vault.add_names(NAMES.slice(0, 2))
    keys.vault.add_names(NAMES.slice(2))
    keys.close()
    written = b"".join(f.read_bytes() for f in file.parent.iterdir())
    assert not any(name.encode() in written for name in NAMES.to_pylist())
    assert store(file).vault.names().to_pylist() == NAMES.to_pylist()


def test_a_block_that_was_changed_or_moved_is_not_opened(file: Path) -> None:
    store(file).vault.add_names(NAMES)
    with sqlite3.connect(file) as con:
        con.execute("update sealed_names set block = 7")
    with pytest.raises(ConfigError, match="cannot be opened"):
        store(file).vault.names()


def test_numbers_are_known_as_delivered_and_as_they_are_compared(file: Path) -> None:
    keys = store(file)
    keys.register("person", ["70001", "0070-002"])
    keys.vault.add_plain_numbers(["70002"])
    known = set(keys.vault.known_numbers().tolist())
    assert set(keys.vault.numbers_like(["70001", "70002", "0070-002"]).tolist()) <= known
    assert not known & set(keys.vault.numbers_like(["70003", "70-001"]).tolist())


def test_who_was_named_only_waits_until_a_row_registers_him(file: Path) -> None:
    keys = store(file)
    keys.register("person", ["1", "2"], naming=True)
    keys.register("person", ["3"])
    one = keys.register("person", ["1"])["id"].to_pylist()
    two = keys.register("person", ["2"], naming=True)["id"].to_pylist()
    assert keys.waiting().to_pylist() == two != one
