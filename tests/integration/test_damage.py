"""What is damaged, locked or odd: an exit code with the right hint, a run that is told as failed, the others go on."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from processes import start
from tiny import NIGHT, Tiny
from typer.testing import CliRunner

from etl.cli import app
from etl.errors import EtlError
from etl.night.land.contract import unknown_files
from etl.night.pipeline import run_delivery
from etl.night.remember import resume
from etl.store.ledger.ledger import Ledger

NOISE = bytes(range(256)) * 16


def on_cr(hospital: Tiny, folder: Path) -> None:
    file = folder / "LAB.csv"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r"))


def long_line(hospital: Tiny, folder: Path) -> None:
    (folder / "LAB.csv").write_bytes(b"x" * 200_000)


def named_by_windows(folder: Path, name: str) -> Path:
    """A file's path as Korean Windows writes it."""
    return Path(os.fsdecode(os.fsencode(folder) + b"/" + name.encode("cp949")))


def strange_name(hospital: Tiny, folder: Path) -> None:
    hospital.rewrite("sources.yaml", "file: LAB.csv", "file: 검사*.csv")
    (folder / "LAB.csv").rename(named_by_windows(folder, "검사1.csv"))


def parquet_delivered(hospital: Tiny, folder: Path) -> None:
    hospital.rewrite("sources.yaml", "file: LAB.csv", "file: LAB.parquet\n    format: parquet")
    (folder / "LAB.csv").rename(folder / "LAB.parquet")


def key_store(hospital: Tiny, folder: Path) -> None:
    hospital.settings.keys.mkdir(parents=True, exist_ok=True)
    (hospital.settings.keys / "tiny.sqlite").write_bytes(NOISE)


def home_is_a_file(hospital: Tiny, folder: Path) -> None:
    (hospital.settings.home / "lake").write_text("x")


FAULTS: dict[str, tuple[Callable[[Tiny, Path], None], int, str]] = {
    "line ends of old": (on_cr, 3, "ask for"),
    "a first line of 200 KB": (long_line, 3, "ask for"),
    "a name that is no UTF-8": (strange_name, 3, "ask for"),
    "damaged Parquet is delivered": (parquet_delivered, 3, "ask for"),
    "the key store": (key_store, 4, "back-up"),
    "a file in the place of a folder": (home_is_a_file, 5, "mend the path"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_first_night_ends_in_a_code_a_hint_and_a_failed_run(hospital: Tiny, fault: str) -> None:
    make, code, hint = FAULTS[fault]
    folder = hospital.deliver()
    make(hospital, folder)
    with pytest.raises(EtlError) as raised:
        run_delivery(hospital.settings, "tiny", folder)
    assert raised.value.exit_code == code
    assert hint in str(raised.value.hint)
    assert "unexpected" not in raised.value.message
    run = Ledger(hospital.settings.ledger_url).newest_run("tiny")
    if make is home_is_a_file:  # which stops a night before it begins
        return
    assert run is not None
    assert (run["state"], run["message"]) == ("failed", raised.value.message)


def test_a_file_that_nobody_asked_for_may_be_called_anything(hospital: Tiny) -> None:
    folder = hospital.deliver()
    named_by_windows(folder, "참고.txt").write_bytes(b"x")
    ward = named_by_windows(folder, "병동")
    ward.mkdir()
    (ward / "x.csv").write_bytes(b"x")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.csv.zip")).write_bytes(b"")
    with pytest.raises(EtlError, match=r"file \d of 8: this is no readable archive"):
        run_delivery(hospital.settings, "tiny", folder)
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.csv.zip")).rename(folder / os.fsdecode(b"\xff\xfe.csv"))
    run_id, ran = run_delivery(hospital.settings, "tiny", folder)
    assert ran
    run = resume(hospital.settings, run_id)
    assert {f.name for f in run.delivery.files.values()} >= {"참고.txt", "병동/x.csv", r"\xff\xfe.csv"}
    assert sum("no source of the contract reads it" in d.message for d in unknown_files(run.mapping, run.delivery)) == 3


def _files(hospital: Tiny, pattern: str) -> list[Path]:
    return sorted(hospital.settings.home.glob(pattern))


DAMAGED = {
    "a landed table": ("lake/1_landed/*/*/results/*.parquet", 4, "--force"),
    "a mapped table": ("lake/3_mapped/*/*/measurement.parquet", 4, "--force"),
    "the description of a layer": ("lake/1_landed/*/*/layer.json", 4, "--force"),
    "the state": ("lake/2_state/*/*/state.json", 4, "--force"),
    "the marker of a stage": ("lake/3_mapped/*/*/_stage.json", 4, "--force"),
    "the key store": ("keys/tiny.sqlite", 4, "back-up"),
    "the catalog": ("warehouse/catalog.sqlite", 4, "back-up"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_a_damaged_home_ends_the_next_night_in_a_code_and_the_way_back(hospital: Tiny, what: str) -> None:
    pattern, code, hint = DAMAGED[what]
    hospital.through("land", "merge", "map")
    if what == "the catalog":
        hospital.publish()
        hospital.rewrite("subjects.yaml", "value: MEMO", "value: upper(MEMO)")
    found = _files(hospital, pattern)
    assert found
    for file in found:
        file.write_bytes(NOISE)
    with pytest.raises(EtlError) as raised:
        run_delivery(hospital.settings, "tiny", hospital.drops / NIGHT.isoformat())
    assert raised.value.exit_code == code, raised.value
    assert hint in str(raised.value.hint)
    assert "free" not in str(raised.value.hint)
    run = Ledger(hospital.settings.ledger_url).newest_run("tiny")
    assert run is not None
    # without its catalog nobody knows what is published: no night begins, and the last one stays what it was
    assert run["state"] == ("published" if what == "the catalog" else "failed")


@pytest.mark.parametrize("place", [
    "mappings/tiny/hospital.yaml", "mappings/tiny/maps/x.yaml", "mappings/consortium.yaml",
    "expectations/cdm/person.json", "expectations/cdm/overrides/tiny.yaml", "vocabulary/x/release.json",
    "lake/FORM",
])  # fmt: skip
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(
    hospital: Tiny, tmp_path: Path, vocabulary: Path, place: str
) -> None:
    settings = hospital.settings
    shutil.copytree(settings.expectations, settings.home / "expectations")
    hospital.settings = settings.model_copy(update={"expectations": settings.home / "expectations"})
    (settings.home / "vocabulary").unlink()
    shutil.copytree(vocabulary, settings.home / "vocabulary")
    file = settings.home / place
    file.unlink(missing_ok=True)
    file.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(file)
    command = start(hospital, "run", "tiny", str(hospital.deliver()), log=tmp_path / "run.log")
    assert command.exit_code(60) == 4, command.output
    assert "is a pipe, a device or a folder" in command.output or "consortium.yaml is missing" in command.output


#: Commands that read what the program keeps as JSON; RUN is the id of the night that is published.
READERS = (
    ["trace", "--file", "LAB.csv:2", "tiny"], ["vocabulary", "list"], ["status", "--json"], ["approve", "RUN"],
    ["rollback", "tiny", "--list", "--json"], ["clean", "--json"], ["publish", "RUN"], ["doctor", "--json"],
    ["compare", "tiny", "DELIVERY"], ["report"], ["run", "tiny", "DELIVERY", "--json"],
)  # fmt: skip


@pytest.mark.parametrize("content", [b"{}", b"[1]", b'{"layers": 1, "key": [], "files": {}, "number": "x"}'])
@pytest.mark.parametrize("pattern", ["lake/*/*/*/*.json", "runs/*.json", "vocabulary/*/release.json"])
def test_json_of_another_shape_is_named_by_every_command(
    hospital: Tiny, monkeypatch: pytest.MonkeyPatch, vocabulary: Path, pattern: str, content: bytes
) -> None:
    (hospital.settings.home / "vocabulary").unlink()
    shutil.copytree(vocabulary, hospital.settings.home / "vocabulary")
    run_id = hospital.publish()
    hospital.rewrite("subjects.yaml", "value: MEMO", "value: upper(MEMO)")
    called(hospital, monkeypatch)
    for file in _files(hospital, pattern):
        file.write_bytes(content)
    said = ""
    for command in READERS:
        words = {"RUN": run_id, "DELIVERY": str(hospital.drops / NIGHT.isoformat())}
        done = CliRunner().invoke(app, [words.get(word, word) for word in command])
        assert done.exit_code in (0, 2, 3, 4, 5), (command, done.output)
        said += done.output + done.stderr
    assert "unexpected" not in said
    assert ".json is damaged" in said or "older program" in said


@pytest.mark.parametrize("content", [b"", NOISE, b"SQLite format 3\0" + NOISE])
def test_a_damaged_ledger_is_named_by_every_command(
    hospital: Tiny, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    called(hospital, monkeypatch)
    (hospital.settings.home / "ledger.sqlite").write_bytes(content)
    for command in (["status", "--json"], ["run", "tiny", str(hospital.deliver()), "--json"], ["unmapped", "tiny"]):
        done = CliRunner().invoke(app, command)
        assert "Traceback" not in done.output
        if content:
            assert done.exit_code == 4, done.output
            assert "the ledger is damaged" in done.output + done.stderr
        if "--json" in command:
            json.loads(done.stdout)
        if not content:  # an empty file is a new ledger
            break


def called(hospital: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands work on the hospital's home."""
    given = hospital.settings
    assert given.key_secret is not None
    environment = {
        "ETL_HOME": given.home, "ETL_MAPPINGS": given.mappings, "ETL_EXPECTATIONS": given.expectations,
        "ETL_KEY_SECRET": given.key_secret.get_secret_value(), "ETL_MEMORY": "500MB", "ETL_THREADS": "1",
    }  # fmt: skip
    for name, value in environment.items():
        monkeypatch.setenv(name, str(value))


def several(hospital: Tiny, tmp_path: Path) -> Path:
    """Three hospitals' exports below one folder: one's file is odd, one's mapping is wrong, one's night is no day."""
    exports = tmp_path / "exports"
    for number, name in ((6, "aaa"), (7, "bbb"), (8, "ccc")):
        folder = hospital.settings.mappings / name
        shutil.copytree(hospital.mappings, folder)
        text = (folder / "hospital.yaml").read_text(encoding="utf-8")
        text = text.replace("hospital: tiny", f"hospital: {name}").replace("number: 5", f"number: {number}")
        (folder / "hospital.yaml").write_text(text, encoding="utf-8")
    for name in ("aaa", "bbb", "ccc", "tiny"):
        shutil.copytree(hospital.deliver(), exports / name / NIGHT.isoformat())
    on_cr(hospital, exports / "aaa" / NIGHT.isoformat())
    (hospital.settings.mappings / "bbb" / "subjects.yaml").write_text("- &a [*a]\n", encoding="utf-8")
    (exports / "ccc" / NIGHT.isoformat()).rename(exports / "ccc" / "2026-13-45")
    return exports


def test_all_goes_on_with_the_other_hospitals_and_answers_in_json(
    hospital: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called(hospital, monkeypatch)
    exports = several(hospital, tmp_path)
    done = CliRunner().invoke(app, ["run", "--all", str(exports), "--json"])
    assert done.exit_code == 4, done.output
    said: dict[str, Any] = json.loads(done.stdout)
    assert {r["hospital"]: r["exit_code"] for r in said["runs"]} == {"aaa": 3, "bbb": 4, "ccc": 3, "tiny": 0}
    assert all(r["message"] for r in said["runs"] if r["exit_code"])


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["run", "nobody", "nowhere", "--json"], 4), (["run", "tiny", "nowhere", "--json"], 3),
        (["run", "--all", "nowhere", "--json"], 3), (["unmapped", "tiny", "--json"], 3),
        (["why", "nobody", "x", "--json"], 4), (["compare", "tiny", "nowhere", "--json"], 3),
        (["trace", "nobody", "1", "--json"], 2),
    ],
)  # fmt: skip
def test_json_is_answered_also_where_a_command_fails(
    hospital: Tiny, monkeypatch: pytest.MonkeyPatch, command: list[str], code: int
) -> None:
    called(hospital, monkeypatch)
    done = CliRunner().invoke(app, command)
    assert done.exit_code == code, done.output
    said = json.loads(done.stdout)
    assert said.get("exit_code", code) == code


def test_what_nobody_foresaw_is_no_traceback(hospital: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    called(hospital, monkeypatch)

    def broken(*_: object, **__: object) -> None:
        raise sqlite3.ProgrammingError("가나다라")

    monkeypatch.setattr("etl.cli.status.load_settings", broken)
    done = CliRunner().invoke(app, ["status", "--json"])
    assert done.exit_code == 4
    assert json.loads(done.stdout)["exit_code"] == 4
    assert "가나다라" not in done.output
