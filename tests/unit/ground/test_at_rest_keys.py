"""The key of a home that is encrypted at rest, and files of both kinds read as one."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest

from etl.at_rest import HomeKey, encrypted_files, fingerprint, home_key, is_encrypted, new_key, read_keys, seal_anew
from etl.engine import copy_to, open_engine, open_reader, parquet, rows_in, rows_of_files
from etl.errors import ConfigError
from etl.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    key = tmp_path / "keys"
    key.write_text(f"# of tests\n\n{new_key()}\n", encoding="ascii")
    key.chmod(0o600)
    return Settings(home=tmp_path / "home", at_rest_key_file=key, threads=1, memory="200MB", _env_file=None)


def test_a_home_has_one_key_whoever_asks_first(settings: Settings) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = {key.secret for key in pool.map(home_key, [settings] * 8) if key}
    assert len(found) == 1
    assert [f.name for f in settings.home.iterdir()] == ["at_rest.json"]


def test_no_key_is_shown_and_each_purpose_has_its_own(settings: Settings) -> None:
    key = home_key(settings)
    assert isinstance(key, HomeKey)
    assert base64.b64decode(key.parquet) == key.secret
    assert key.secret.hex() not in repr(key)
    assert len({key.secret.hex(), key.derived("catalog"), key.derived("another")}) == 3
    assert key.under == fingerprint(read_keys(settings.at_rest_key_file)[0])


def test_without_a_setting_there_is_no_key_and_nothing_is_written(settings: Settings) -> None:
    assert home_key(settings.model_copy(update={"at_rest_key_file": None})) is None
    assert home_key(settings.model_copy(update={"at_rest_write": False})) is None
    assert not settings.home.exists()


@pytest.mark.parametrize("said", ["", "# nothing", "zz" * 32, "ab" * 31, "ab" * 33, f"{'ab' * 32}\nno key", "키" * 32])
def test_what_is_no_file_of_keys_is_refused_and_not_quoted(settings: Settings, said: str) -> None:
    settings.at_rest_key_file.write_text(said, encoding="utf-8")
    with pytest.raises(ConfigError, match="holds no keys") as raised:
        home_key(settings)
    assert "ab" * 31 not in f"{raised.value}"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o444])
def test_a_key_that_others_can_read_is_refused(settings: Settings, mode: int) -> None:
    settings.at_rest_key_file.chmod(mode)
    with pytest.raises(ConfigError, match="others can read"):
        home_key(settings)


def test_the_newest_key_seals_and_the_others_open_until_it_does(settings: Settings) -> None:
    before, file = home_key(settings), settings.at_rest_key_file
    old = file.read_text(encoding="ascii")
    file.write_text(f"{new_key()}\n{old}", encoding="ascii")
    assert home_key(settings) == before
    after = seal_anew(settings)
    assert (after.secret, after.under) == (before.secret, fingerprint(read_keys(file)[0]))
    file.write_text(old, encoding="ascii")
    with pytest.raises(ConfigError, match=f"sealed under the key {after.under}"):
        home_key(settings)


def test_files_of_both_kinds_are_read_as_one(settings: Settings, tmp_path: Path) -> None:
    locked, plain = settings.home / "lake" / "locked.parquet", settings.home / "lake" / "plain.parquet"
    with open_engine(settings) as con:
        locked.parent.mkdir()
        assert copy_to(con, "select 1 as a, 'x' as b", locked) == 1
        con.execute(f"copy (select 'y' as b, 2 as a) to '{plain}' (format parquet)")
        assert con.execute(f"select a, b from {rows_in(locked, plain)} order by a").fetchall() == [(1, "x"), (2, "y")]
        assert con.execute(f"select file_row_number from {parquet(locked)}").fetchall() == [(0,)]
    assert (is_encrypted(locked), is_encrypted(plain), is_encrypted(tmp_path / "nothing")) == (True, False, False)
    assert encrypted_files(settings.home) == (1, 1)
    assert rows_of_files(settings, {"l": locked, "p": plain}) == {"l": 1, "p": 1}
    with open_reader(settings) as con:
        assert con.execute(f"select a from {rows_in(locked)}").fetchall() == [(1,)]
    with duckdb.connect() as con, pytest.raises(duckdb.Error):
        con.execute(f"from {rows_in(locked)}")
