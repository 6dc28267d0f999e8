"""The care of the key stores: copies of one moment, a way back that gives no number out twice, another secret."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyrage
import pytest
import tiny
from pydantic import SecretStr
from tiny import Tiny
from typer.testing import CliRunner

from etl.cli import app
from etl.errors import ConfigError
from etl.night.pipeline import run_delivery
from etl.office.accounts import add, disable
from etl.office.record import Actor
from etl.operations.keys import rotate as rotation
from etl.operations.keys.backup import Lock, back_up
from etl.store.audit.verify import entries
from etl.store.keys import rotate as steps
from etl.store.keys.fitting import file_of
from etl.store.keys.keystore import KeyStore, secret_fits
from etl.store.ledger.ledger import Ledger
from etl.store.recorded import audit_log

SECOND = tiny.NIGHT.replace(day=2)
NEW = "fedcba9876543210fedcba9876543210"
WORDS = "a passphrase of tests, long enough"
TWO = ("--by", "kim", "--agreed", "lee", "--reason", "a drill")


def invoke(home: Tiny, *arguments: str, code: int = 0, secret: str = tiny.SECRET, **more: str) -> str:
    environment = {
        "ETL_HOME": str(home.settings.home), "ETL_MAPPINGS": str(home.settings.mappings), "ETL_KEY_SECRET": secret,
        "ETL_WAREHOUSE_URL": home.settings.warehouse_url or f"ducklake:///{home.settings.home / 'warehouse'}", **more,
    }  # fmt: skip
    result = CliRunner().invoke(app, ["keys", *arguments], env=environment)
    assert result.exit_code == code, result.output
    return result.output


def store_of(hospital: Tiny) -> Path:
    return file_of(hospital.settings, "tiny")


def backed_up(hospital: Tiny, place: Path) -> Path:
    said = invoke(hospital, "backup", str(place), "--json", ETL_KEY_BACKUP_PASSPHRASE=WORDS)
    return Path(json.loads(said)["file"])


def add_patient(hospital: Tiny, number: str) -> None:
    hospital.tables["PAT.csv"].append([number, *hospital.tables["PAT.csv"][1][1:]])


def persons(hospital: Tiny) -> list[tuple[object, ...]]:
    return tiny.warehouse_rows(hospital.settings, ["person"])["person"]


def numbers(file: Path, secret: str = tiny.SECRET) -> dict[str, int]:
    """Which ids a store gives for two numbers that it knows or not."""
    keys = KeyStore(file, "tiny", 5, secret)
    try:
        found = keys.register("person", ["00012345", "70009", "70010"])
    finally:
        keys.close()
    return dict(zip(found["raw"].to_pylist(), found["id"].to_pylist(), strict=True))


def test_the_drill_a_lost_store_comes_back_and_everybody_keeps_the_id(either: Tiny, tmp_path: Path) -> None:
    either.publish()
    before, copy = persons(either), backed_up(either, tmp_path / "elsewhere")
    shutil.rmtree(either.settings.keys)
    folder = either.deliver(SECOND)
    with pytest.raises(ConfigError, match="is missing"):
        run_delivery(either.settings, "tiny", folder)
    invoke(either, "restore", "tiny", str(copy), *TWO, ETL_KEY_BACKUP_PASSPHRASE=WORDS)
    run_delivery(either.settings, "tiny", folder)
    assert persons(either) == before
    with audit_log(either.settings) as con:
        told = {entry.kind: entry for entry in entries(con)}
    assert told["keys backed up"].subject == copy.name
    assert (told["keys restored"].actor, json.loads(told["keys restored"].details)["agreed"]) == ("kim", "lee")


def test_the_drill_on_a_fresh_home(hospital: Tiny, tmp_path: Path, vocabulary: Path) -> None:
    hospital.publish()
    copy = backed_up(hospital, tmp_path / "elsewhere")
    fresh = tiny.make(tmp_path / "fresh", vocabulary)
    invoke(fresh, "restore", "tiny", str(copy), *TWO, ETL_KEY_BACKUP_PASSPHRASE=WORDS)
    fresh.publish()
    assert persons(fresh) == persons(hospital)


def test_a_copy_older_than_what_is_published_is_refused_and_nothing_changes(either: Tiny, tmp_path: Path) -> None:
    either.publish()
    old = backed_up(either, tmp_path / "elsewhere")
    add_patient(either, "70009")
    either.publish(SECOND)
    held = store_of(either).read_bytes()
    said = invoke(either, "restore", "tiny", str(old), *TWO, code=4, ETL_KEY_BACKUP_PASSPHRASE=WORDS)
    assert "older copy" in said
    assert store_of(either).read_bytes() == held
    assert [p.name for p in either.settings.keys.iterdir() if p.name.startswith(".copy")] == []


def test_a_copy_that_lacks_what_only_landed_is_refused(hospital: Tiny, tmp_path: Path) -> None:
    hospital.publish()
    old = backed_up(hospital, tmp_path / "elsewhere")
    add_patient(hospital, "70009")
    hospital.through("land", folder=hospital.deliver(SECOND))
    assert "older copy" in invoke(hospital, "restore", "tiny", str(old), *TWO, code=4, ETL_KEY_BACKUP_PASSPHRASE=WORDS)


def test_a_copy_opens_with_its_own_key_only(hospital: Tiny, tmp_path: Path) -> None:
    hospital.publish()
    mine, other = (pyrage.x25519.Identity.generate() for _ in range(2))
    copy = back_up(hospital.settings, ["tiny"], tmp_path / "elsewhere", Lock(str(mine.to_public()))).file
    assert b"SQLite" not in copy.read_bytes()
    for name, identity in (("mine", mine), ("other", other)):
        (tmp_path / name).write_text(f"# made by age-keygen\n{identity}\n", encoding="utf-8")
    said = invoke(hospital, "restore", "tiny", str(copy), *TWO, "--identity", str(tmp_path / "other"), code=4)
    assert "cannot be opened" in said
    invoke(hospital, "restore", "tiny", str(copy), *TWO, "--identity", str(tmp_path / "mine"))
    changed = tmp_path / "changed.tar.age"
    changed.write_bytes(copy.read_bytes()[:-20] + bytes(20))
    assert "cannot be opened" in invoke(
        hospital, "restore", "tiny", str(changed), *TWO, "--identity", str(tmp_path / "mine"), code=4
    )


def test_what_a_killed_back_up_left_in_plain_is_removed_by_the_next(hospital: Tiny, tmp_path: Path) -> None:
    hospital.publish()
    left = hospital.settings.keys / f".copy-{2**22 + 1}-x"  # no process has such a number
    left.mkdir()
    (left / "tiny.sqlite").write_bytes(b"x")
    backed_up(hospital, tmp_path)
    assert list(hospital.settings.keys.glob(".copy*")) == []


def test_without_a_key_to_encrypt_for_there_is_no_copy(hospital: Tiny, tmp_path: Path) -> None:
    hospital.publish()
    assert "nothing to encrypt" in invoke(hospital, "backup", str(tmp_path / "x"), code=4)
    assert "no public key" in invoke(hospital, "backup", str(tmp_path / "x"), "--recipient", "age1nothing", code=4)
    assert list((tmp_path / "x").glob("*")) == []


def test_a_copy_made_while_numbers_are_given_out_is_of_one_moment(hospital: Tiny, tmp_path: Path) -> None:
    hospital.publish()
    stop = threading.Event()

    def give_out() -> None:
        keys = KeyStore(store_of(hospital), "tiny", 5, tiny.SECRET)
        for n in range(10_000):
            if stop.is_set():
                break
            keys.register("person", [f"{n}.{i}" for i in range(50)])
        keys.close()

    giver = threading.Thread(target=give_out)
    giver.start()
    try:
        found = [
            back_up(hospital.settings, ["tiny"], tmp_path / str(n), Lock(passphrase=WORDS)).marks["tiny"]
            for n in range(2)
        ]
    finally:
        stop.set()
        giver.join()
    assert all(marks.by_namespace["person"].highest % 50 == found[0].by_namespace["person"].highest % 50
               for marks in found)  # fmt: skip
    keys = KeyStore(store_of(hospital), "tiny", 5, tiny.SECRET)
    assert keys.marks().by_namespace["person"].highest >= found[1].by_namespace["person"].highest
    keys.close()


def test_what_destroys_needs_two_people_with_accounts(hospital: Tiny, tmp_path: Path) -> None:
    hospital.publish()
    copy = backed_up(hospital, tmp_path)

    ledger, me = Ledger(hospital.settings.ledger_url), Actor("me", None)
    for name, role in (
        ("kim", "engineer"),
        ("lee", "steward"),
        ("gone", "steward"),
        ("park", "engineer"),
        ("choi", "reader"),
    ):
        add(ledger, me, name, role, "a long password of tests")
    disable(ledger, me, "gone")
    for other in ("kim", "Kim", "", "nobody", "gone", "park", "choi"):
        both = ("--by", "kim", "--agreed", other, "--reason", "x")
        invoke(hospital, "restore", "tiny", str(copy), *both, code=2, ETL_KEY_BACKUP_PASSPHRASE=WORDS)
        invoke(hospital, "rotate", *both, code=2, ETL_KEY_SECRET_NEW=NEW)
    invoke(hospital, "restore", "tiny", str(copy), *TWO, ETL_KEY_BACKUP_PASSPHRASE=WORDS)


# Another secret -------------------------------------------------------------------------------------------------------


def test_another_secret_changes_no_id_and_the_old_one_opens_nothing(either: Tiny) -> None:
    either.publish()
    known, before = numbers(store_of(either)), persons(either)
    for old, new in ((tiny.SECRET, NEW), (NEW, NEW[::-1])):
        invoke(either, "rotate", *TWO, secret=old, ETL_KEY_SECRET_NEW=new)
        assert numbers(store_of(either), new) == known
        assert secret_fits(store_of(either), "tiny", old) is False
        with pytest.raises(ConfigError, match="not the secret"):
            KeyStore(store_of(either), "tiny", 5, old)
    either.settings = either.settings.model_copy(update={"key_secret": SecretStr(NEW[::-1])})
    run_delivery(either.settings, "tiny", either.deliver(SECOND))
    assert persons(either) == before, "names, marks and numbers go on"


def test_who_knows_the_old_secret_finds_nobody_in_the_store(hospital: Tiny) -> None:
    hospital.publish()
    with closing(sqlite3.connect(store_of(hospital))) as con:
        before = {bytes(mac) for (mac,) in con.execute("select mac from key union select mac from plain_number")}
    invoke(hospital, "rotate", *TWO, ETL_KEY_SECRET_NEW=NEW)
    assert before
    kept = b"".join(part.read_bytes() for part in hospital.settings.keys.glob("tiny.sqlite*"))
    assert not [mac for mac in before if mac in kept]


@pytest.mark.parametrize("at", range(9))
def test_killed_at_any_point_one_of_both_secrets_opens_all(tmp_path: Path, at: int) -> None:
    """Three stores: killed before each step of each store; run again it ends, and no id has changed."""
    files = {f"h{n}": tmp_path / f"h{n}.sqlite" for n in range(3)}
    known = {h: register(f, h, tiny.SECRET) for h, f in files.items()}
    script = (
        "import os, sys, pathlib\nfrom etl.store.keys import rotate as r\n"
        "left = [int(sys.argv[1])]\n"
        "def killed(step):\n"
        "    def run(*a):\n"
        "        if not left[0]: os.kill(os.getpid(), 9)\n"
        "        left[0] -= 1\n"
        "        return step(*a)\n"
        "    return run\n"
        "for name in ('_add', '_lay_around', '_forget'): setattr(r, name, killed(getattr(r, name)))\n"
        "r.rotate({f'h{n}': pathlib.Path(sys.argv[2]) / f'h{n}.sqlite' for n in range(3)}, *sys.argv[3:])\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(at), str(tmp_path), tiny.SECRET, NEW], check=False,
                          env={**os.environ})  # fmt: skip
    assert done.returncode == -9
    opens = [all(secret_fits(f, h, secret) for h, f in files.items()) for secret in (tiny.SECRET, NEW)]
    assert any(opens)
    steps.rotate(files, tiny.SECRET, NEW)
    assert all(secret_fits(f, h, NEW) and not secret_fits(f, h, tiny.SECRET) for h, f in files.items())
    assert {h: register(f, h, NEW) for h, f in files.items()} == known


def register(file: Path, hospital: str, secret: str) -> list[int]:
    keys = KeyStore(file, hospital, 5, secret)
    try:
        if not len(keys.vault.names()):
            keys.vault.add_names(pa.array(["홍길동"]))
        assert keys.vault.names().to_pylist() == ["홍길동"]
        return list(keys.register("person", ["1", "2", "3"])["id"].to_pylist())
    finally:
        keys.close()


@pytest.mark.parametrize("new", ["short", tiny.SECRET, ""])
def test_a_secret_that_cannot_be_one_changes_nothing(hospital: Tiny, new: str) -> None:
    hospital.publish()
    held = store_of(hospital).read_bytes()
    with pytest.raises(ConfigError):
        rotation.change_secret(hospital.settings, {"tiny": store_of(hospital)}, new)
    assert store_of(hospital).read_bytes() == held


def test_a_wrong_old_secret_changes_nothing(hospital: Tiny) -> None:
    hospital.publish()
    said = invoke(hospital, "rotate", *TWO, secret="x" * 32, code=4, ETL_KEY_SECRET_NEW=NEW)
    assert "neither" in said
    assert secret_fits(store_of(hospital), "tiny", tiny.SECRET)


def test_verify_tells_what_is_not_well(either: Tiny, tmp_path: Path) -> None:
    either.publish()
    assert "none is noted" in invoke(either, "verify", code=3)
    backed_up(either, tmp_path)
    [state] = json.loads(invoke(either, "verify", "--json"))
    assert (state["hospital"], state["wrong"], state["back_up_is_fresh"]) == ("tiny", None, True)
    assert "another ETL_KEY_SECRET" in invoke(either, "verify", secret="x" * 32, code=3)
    os.utime(either.settings.keys / ".backed-up", (0, 0))
    assert "too old" in invoke(either, "verify", code=3)
    store_of(either).write_bytes(b"nothing" * 1000)
    for end in ("-wal", "-shm"):
        store_of(either).with_name(f"tiny.sqlite{end}").unlink(missing_ok=True)
    assert "cannot be read" in invoke(either, "verify", code=3)
