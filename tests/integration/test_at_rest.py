"""Encryption at rest: nights are as they were in the clear, and nothing of a patient lies on the disk to be read."""

from __future__ import annotations

import base64
import json
import shutil
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import histories
import pyrage
import pytest
import tiny
from histories import Night
from processes import start
from sqlalchemy.engine import URL
from tiny import Tiny
from typer.testing import CliRunner

from etl.at_rest import SEALED, encrypted_files, home_key, is_encrypted, read_keys
from etl.cdm.spec import hospital_tables, tables, vocabulary_tables
from etl.cli import app
from etl.engine import open_engine
from etl.errors import ConfigError
from etl.night.pipeline import run_delivery
from etl.night.publish.rollback import roll_back
from etl.operations.doctor.examine import look_at
from etl.operations.doctor.storage import check_at_rest
from etl.operations.keys.at_rest import add_key
from etl.store.warehouse.ducklake.warehouse import DuckLake
from etl.store.warehouse.open import open_warehouse
from etl.store.warehouse.postgres.init import initialise

PLANTED = "zzz what a patient said"  # the greatest value of its column, which a catalog keeps
SECOND, THIRD, FOURTH = (tiny.NIGHT.replace(day=day) for day in (2, 3, 4))
TWO = ("--by", "kim", "--agreed", "lee", "--reason", "a drill")


def invoke(hospital: Tiny, *arguments: str, code: int = 0, **more: str) -> str:
    said = hospital.settings
    environment = {
        "ETL_HOME": str(said.home), "ETL_MAPPINGS": str(said.mappings), "ETL_EXPECTATIONS": str(said.expectations),
        "ETL_KEY_SECRET": tiny.SECRET, "ETL_AT_REST_KEY_FILE": str(said.at_rest_key_file), **more,
    }  # fmt: skip
    result = CliRunner().invoke(app, arguments, env=environment)
    assert result.exit_code == code, result.output
    return result.output


def plant(hospital: Tiny) -> None:
    hospital.tables["ADM.csv"].append(["A99", "70001", "O", "2026-06-09 10:00", "", "IM", PLANTED])


def rows_of(hospital: Tiny) -> dict[str, list[tuple[object, ...]]]:
    return tiny.warehouse_rows(hospital.settings, hospital_tables())


def left(hospital: Tiny) -> Iterator[Path]:
    """All files that nights left."""
    given = {hospital.drops, hospital.settings.mappings, hospital.settings.home / "vocabulary"}
    for place in hospital.settings.home.iterdir():
        if place not in given:
            yield from (f for f in (place.rglob("*") if place.is_dir() else [place]) if f.is_file())


def holding(hospital: Tiny, value: bytes) -> list[str]:
    """The files that hold some bytes as they are, or anywhere in a Parquet file that can be read without a key."""
    found = []
    for file in left(hospital):
        texts = [file.read_bytes()]
        if file.suffix == ".parquet" and not is_encrypted(file) and "vocabulary" not in file.parts:
            texts.append(str(tiny.parquet_rows(file)).encode())
        if any(value in text for text in texts):
            found.append(file.name)
    return found


@pytest.fixture
def encrypted(hospital: Tiny) -> Tiny:
    """The hospital in a home that is encrypted at rest."""
    tiny.encrypt(hospital)
    return hospital


def test_nothing_of_a_patient_and_no_key_lies_on_the_disk_to_be_read(hospital: Tiny, tmp_path: Path) -> None:
    plain = tiny.make(tmp_path / "plain", hospital.settings.vocabularies.resolve())
    key = tiny.encrypt(hospital)
    for each in (plain, hospital):
        plant(each)
        run_delivery(each.settings, "tiny", each.deliver())
    assert tiny.warehouse_rows(hospital.settings, tables()) == tiny.warehouse_rows(plain.settings, tables())
    found = holding(plain, PLANTED.encode())
    assert {"catalog.sqlite", "observation.parquet", "0000.parquet"} <= set(found), "what is looked for can be found"
    assert holding(hospital, PLANTED.encode()) == []
    assert encrypted_files(hospital.settings.home)[1] == 0
    made = home_key(hospital.settings)
    assert made is not None
    for secret in (made.secret, *read_keys(key)):
        for written in (secret, secret.hex().encode(), base64.b64encode(secret)):
            assert holding(hospital, written) == []
    assert holding(hospital, made.derived("catalog").encode()) == []
    assert made.secret.hex() not in repr(made)


def test_a_command_says_nothing_of_the_key(encrypted: Tiny, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.mkdir()
    command = start(encrypted, "run", "tiny", str(encrypted.deliver()), log=log / "run.log")
    assert command.exit_code() == 0, command.output
    made, keys = home_key(encrypted.settings), read_keys(encrypted.settings.at_rest_key_file)
    assert made is not None
    said = "".join(f.read_text(encoding="utf-8", errors="replace") for f in log.rglob("*") if f.is_file())
    assert all(k.hex() not in said and base64.b64encode(k).decode() not in said for k in (made.secret, *keys))
    sql = invoke(encrypted, "sql", "select count(*) from person")
    assert "6" in sql
    wrong = invoke(encrypted, "sql", "from nothing_of_that_name", code=2)
    assert made.derived("catalog") not in wrong


@pytest.mark.parametrize("locked", [False, True])
def test_what_an_engine_spills_cannot_be_read(hospital: Tiny, locked: bool) -> None:
    if locked:
        tiny.encrypt(hospital)
    settings = hospital.settings.model_copy(update={"memory": "30MB"})
    with open_engine(settings) as con:
        con.execute(
            f"create table spilled as select i, '{PLANTED} ' || hash(i) || ' {PLANTED}' as text from range(400000) t(i)"
        )
        con.execute("select count(*) from (select text, row_number() over (order by hash(text)) from spilled)")
        files = [f for f in settings.scratch.rglob("*") if f.is_file()]
        assert sum(f.stat().st_size for f in files) > 1_000_000
        assert any(PLANTED.encode()[:12] in f.read_bytes() for f in files) is not locked


def test_nights_of_changes_are_as_they_are_in_the_clear(delta: Tiny, vocabulary: Path, tmp_path: Path) -> None:
    plain = tiny.make(tmp_path / "plain", vocabulary, expectations=tmp_path / "expectations")
    for each in (plain, delta):
        if each is plain:
            histories.make_delta(plain)
        each.rewrite("hospital.yaml", "live_since", "fold_every: 2\nlive_since")
    tiny.encrypt(delta)
    nights = [Night(n.day, n.whole, n.rows, n.gone, n.master) for n in histories.nights(5, 4)][:4]
    for number, night in enumerate(nights):
        for each in (plain, delta):
            run_delivery(each.settings, "tiny", histories.write(each.drops, number, night))
        assert rows_of(delta) == rows_of(plain)
    assert encrypted_files(delta.settings.home)[1] == 0


def test_a_home_in_the_clear_goes_on_encrypted_and_back(hospital: Tiny) -> None:
    hospital.publish()
    first = rows_of(hospital)
    key = tiny.encrypt(hospital)
    assert rows_of(hospital) == first, "who reads before the next night reads what there is"
    plant(hospital)
    hospital.publish(SECOND)
    second = rows_of(hospital)
    assert PLANTED in str(second)
    counts = encrypted_files(hospital.settings.home)
    assert all(counts)
    said = json.loads(invoke(hospital, "keys", "at-rest", "status", "--json"))
    assert (said["writes_encrypted"], said["encrypted"], said["in_the_clear"]) == (True, *counts)
    [told] = check_at_rest(look_at(hospital.settings, []))
    assert (told.state, f"{counts[1]} are in the clear" in told.text) == ("warn", True)
    assert holding(hospital, PLANTED.encode()) == []
    vocabulary = tiny.warehouse_rows(hospital.settings, vocabulary_tables())
    assert len(vocabulary["concept"]) > 100
    hospital.publish(THIRD)
    roll_back(hospital.settings, "tiny", None, actor="kim", reason="a drill")
    assert rows_of(hospital) == second
    assert not list((hospital.settings.home / "warehouse").rglob("catalog.sqlite*"))

    hospital.settings = hospital.settings.model_copy(update={"at_rest_write": False})
    hospital.publish(FOURTH)
    assert rows_of(hospital)["observation"] == second["observation"]
    assert not any(map(is_encrypted, hospital.settings.lake.glob("*/*/delivery=20260704*/*.parquet")))
    hospital.settings = hospital.settings.model_copy(update={"at_rest_key_file": None})
    with pytest.raises(ConfigError, match="no key for it is set") as raised:
        rows_of(hospital)
    assert str(key) not in str(raised.value)


def test_rows_of_every_kind_are_read_by_the_commands(encrypted: Tiny) -> None:
    run_id = encrypted.publish()
    [(row, *_), *_] = tiny.warehouse_rows(encrypted.settings, ["condition_occurrence"])["condition_occurrence"]
    assert "DIAG.csv" in invoke(encrypted, "trace", "condition_occurrence", str(row))
    assert "condition_occurrence" in invoke(encrypted, "trace", "--file", "DIAG.csv:2", "tiny")
    assert "6" in invoke(encrypted, "sql", "--run", run_id, "select count(*) from person")
    plant(encrypted)
    folder = encrypted.deliver(SECOND)
    invoke(encrypted, "run", "tiny", str(folder), "--no-publish")
    second = f"tiny-20260702-{next((encrypted.settings.lake / '3_mapped/hospital=tiny').glob('*20260702*')).name[-12:]}"
    assert "observation" in invoke(encrypted, "publish", second, "--dry-run")


def test_a_server_gets_the_rows_of_an_encrypted_lake(encrypted: Tiny, database: URL, tmp_path: Path) -> None:
    plain = tiny.make(tmp_path / "plain", encrypted.settings.vocabularies.resolve())
    plain.publish()
    initialise(database, database)
    url = {"warehouse_url": database.render_as_string(hide_password=False)}
    encrypted.settings = encrypted.settings.model_copy(update=url)
    encrypted.publish()
    assert rows_of(encrypted).keys() == rows_of(plain).keys()
    assert rows_of(encrypted)["person"] == rows_of(plain)["person"]
    assert encrypted_files(encrypted.settings.home)[1] == 0


def test_a_reader_keeps_what_it_began_with_and_a_killed_publisher_leaves_nothing(encrypted: Tiny) -> None:
    encrypted.publish()
    warehouse = encrypted.settings.home / "warehouse"
    orphan = warehouse / "data" / "main" / "person" / "ducklake-of-a-killed-one.parquet"
    orphan.write_bytes(b"PARE")
    (warehouse / ".0123.catalog.duckdb").write_bytes(b"half of it")
    with open_warehouse(encrypted.settings).reader() as con:
        before = con.execute("select count(*) from visit_occurrence").fetchone()
        plant(encrypted)
        encrypted.publish(SECOND)
        assert con.execute("select count(*) from visit_occurrence").fetchone() == before
    with open_warehouse(encrypted.settings).reader() as con:
        assert con.execute("select count(*) from visit_occurrence").fetchone() == (before[0] + 1,)
    assert not orphan.exists()
    rows, files = rows_of(encrypted), encrypted_files(encrypted.settings.home)
    removed = DuckLake.of(encrypted.settings.model_copy(update={"keep_nights": 1})).expire(datetime.now(UTC))
    assert removed
    assert not any(file.exists() for file in removed)
    assert rows_of(encrypted) == rows
    assert encrypted_files(encrypted.settings.home)[0] < files[0]
    assert [f.name for f in warehouse.glob(".*")] == []


def test_an_encrypted_home_is_moved(encrypted: Tiny, tmp_path: Path) -> None:
    encrypted.publish()
    rows = rows_of(encrypted)
    home = encrypted.settings.home.rename(tmp_path / "elsewhere")
    encrypted.settings = encrypted.settings.model_copy(update={"home": home})
    with pytest.raises(ConfigError, match="another path"):
        rows_of(encrypted)
    assert DuckLake.of(encrypted.settings).move() > 5
    assert rows_of(encrypted) == rows


def test_the_key_is_changed_without_writing_a_file_of_data(encrypted: Tiny, tmp_path: Path) -> None:
    encrypted.publish()
    file = encrypted.settings.at_rest_key_file
    old_file = shutil.copy2(file, tmp_path / "old")
    files = {f: f.stat().st_mtime_ns for f in left(encrypted) if f.suffix == ".parquet"}
    rows = rows_of(encrypted)
    add_key(file)
    assert rows_of(encrypted) == rows, "until it is changed the one before opens the home"
    invoke(encrypted, "keys", "at-rest", "rotate", *TWO)
    file.write_text(file.read_text(encoding="ascii").splitlines()[0], encoding="ascii")
    assert rows_of(encrypted) == rows
    assert {f: f.stat().st_mtime_ns for f in files} == files
    encrypted.settings = encrypted.settings.model_copy(update={"at_rest_key_file": old_file})
    with pytest.raises(ConfigError, match="no key of ETL_AT_REST_KEY_FILE opens"):
        rows_of(encrypted)


def test_a_lost_key_comes_back_from_the_copy_of_the_key_stores(encrypted: Tiny, tmp_path: Path) -> None:
    encrypted.publish()
    rows, file = rows_of(encrypted), encrypted.settings.at_rest_key_file
    identity = pyrage.x25519.Identity.generate()
    public = str(identity.to_public())
    (tmp_path / "identity").write_text(str(identity), encoding="ascii")
    said = invoke(encrypted, "keys", "backup", str(tmp_path / "copies"), "--recipient", public, "--json")
    file.unlink()
    (encrypted.settings.home / SEALED).unlink()
    restore = ("keys", "at-rest", "restore", json.loads(said)["file"], "--identity", str(tmp_path / "identity"))
    invoke(encrypted, *restore)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert rows_of(encrypted) == rows
    assert "neither" in invoke(encrypted, *restore, code=4)


def test_without_the_right_key_nothing_is_read_or_written(encrypted: Tiny, tmp_path: Path) -> None:
    encrypted.publish()
    file, sealed = encrypted.settings.at_rest_key_file, encrypted.settings.home / SEALED
    kept, folder = sealed.read_bytes(), encrypted.deliver(SECOND)

    def refused(match: str) -> None:
        before = sorted(encrypted.settings.lake.rglob("*"))
        with pytest.raises(ConfigError, match=match) as raised:
            run_delivery(encrypted.settings, "tiny", folder)
        assert raised.value.hint
        assert sorted(encrypted.settings.lake.rglob("*.parquet")) == [f for f in before if f.suffix == ".parquet"]
        [told] = check_at_rest(look_at(encrypted.settings, []))
        assert told.state == "fail"

    file.chmod(0o640)
    refused("others can read the key file")
    file.chmod(0o600)
    right = file.read_text(encoding="ascii")
    file.write_text("not a key\n", encoding="ascii")
    refused("holds no keys")
    file.unlink()
    refused("there is no key file")
    add_key(file)
    refused("no key of ETL_AT_REST_KEY_FILE opens")
    file.write_text(right, encoding="ascii")
    sealed.write_text("{}", encoding="ascii")
    refused("is damaged")
    sealed.unlink()
    refused("is missing: without it nobody can read")
    assert not sealed.exists(), "no other key is made beside what is encrypted"
    sealed.write_bytes(kept)
    run_delivery(encrypted.settings, "tiny", folder)


def test_the_key_of_another_home_opens_nothing(encrypted: Tiny, tmp_path: Path) -> None:
    run_id = encrypted.publish()
    other = encrypted.settings.model_copy(update={"home": tmp_path / "other"})
    assert home_key(other) != home_key(encrypted.settings)
    shutil.copyfile(tmp_path / "other" / SEALED, encrypted.settings.home / SEALED)
    with pytest.raises(ConfigError, match=r"does not open .*catalog\.duckdb") as raised:
        rows_of(encrypted)
    assert "from one back-up" in str(raised.value.hint)
    said = invoke(encrypted, "sql", "--run", run_id, "select count(*) from person", code=4)
    assert "home's key does not open what is encrypted" in " ".join(said.split())


def test_a_key_in_the_home_that_it_opens_is_told(hospital: Tiny) -> None:
    file = hospital.settings.home / "at-rest.keys"
    add_key(file)
    hospital.settings = hospital.settings.model_copy(update={"at_rest_key_file": file})
    first, *_ = check_at_rest(look_at(hospital.settings, []))
    assert (first.state, "lies in the home" in first.text) == ("warn", True)


def test_pyarrow_and_duckdb_do_not_read_a_file_without_the_key(encrypted: Tiny) -> None:
    encrypted.publish()
    file = next(encrypted.settings.lake.rglob("person.parquet"))
    with pytest.raises(OSError, match="encrypted"):
        tiny.parquet_rows(file)
    with duckdb.connect() as con, pytest.raises(duckdb.Error, match="encrypted"):
        con.execute(f"from '{file}'")
