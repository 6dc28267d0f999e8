"""The key store: ids of a hospital are unique, exact in any language, never change, and betray no order."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.cdm.spec import tables
from etl.errors import ConfigError
from etl.night.lake.numbers import EVENT_BITS
from etl.store.keys.keystore import KeyStore
from etl.store.warehouse.postgres.ddl import range_of

SECRET = "0123456789abcdef0123456789abcdef"
people = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8), unique=True, max_size=30)
numbers = st.integers(1, 63)


def store(folder: str, number: int = 5, secret: str = SECRET) -> KeyStore:
    return KeyStore(Path(folder) / "keys" / "tiny.sqlite", "tiny", number, secret)


def ids(keys: KeyStore, values: list[str]) -> dict[str, int]:
    table = keys.register("person", values)
    return dict(zip(table["raw"].to_pylist(), table["id"].to_pylist(), strict=True))


@given(numbers, people)
def test_ids_are_unique_and_lie_in_the_range_of_the_hospital(number: int, values: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = ids(store(folder, number), values)
    first, beyond = range_of(tables()["person"], number)
    assert len(set(found.values())) == len(values)
    assert all(first < i < beyond for i in found.values())
    assert beyond <= 1 << 31  # a 32-bit integer holds a person
    assert beyond << EVENT_BITS <= 1 << 53  # a double holds an event


@given(people, st.randoms(use_true_random=False))
def test_ids_do_not_depend_on_the_order_of_the_file(values: list[str], chance) -> None:
    shuffled = list(values)
    chance.shuffle(shuffled)
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        assert ids(store(one), values) == ids(store(other), shuffled)


@given(people, people)
def test_an_id_is_handed_out_once_and_never_again(first: list[str], second: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        before = ids(store(folder), first)
        after = ids(store(folder), second)
    assert all(after[v] == before[v] for v in set(first) & set(second))
    new = {after[v] for v in set(second) - set(first)}
    assert not new & set(before.values())


def test_another_secret_is_refused(tmp_path: Path) -> None:
    store(str(tmp_path)).close()
    with pytest.raises(ConfigError, match="is not the secret"):
        store(str(tmp_path), secret="another secret of thirty-two chars!")


def test_another_number_of_the_hospital_is_refused(tmp_path: Path) -> None:
    store(str(tmp_path), number=2).close()
    store(str(tmp_path), number=2).close()
    with pytest.raises(ConfigError, match="given out with 2"):
        store(str(tmp_path), number=9)


def test_the_store_holds_no_identifier_and_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    keys = store(str(tmp_path))
    ids(keys, ["73910461", "가나다라"])
    keys.close()
    for file in (tmp_path / "keys").iterdir():
        content = file.read_bytes()
        assert b"73910461" not in content
        assert "가나다라".encode() not in content
        assert file.stat().st_mode & 0o077 == 0
