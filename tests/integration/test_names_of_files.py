"""What a hospital writes into the name of a file is told nowhere; a contract's own names are."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest
import tiny
from tiny import Tiny
from typer.testing import CliRunner

from etl.cli.app import app
from etl.errors import InputError
from etl.night.delivery import open_delivery
from etl.night.remember import delivery_of, run_file
from etl.quality.lineage.line import trace_line
from etl.quality.pages import write_all_reports

SOMEBODY = "홍길동_450101"


def named(hospital: Tiny) -> Path:
    """A delivery whose results lie in two files that are called like somebody, and a letter nobody asked for."""
    hospital.rewrite("sources.yaml", "file: LAB.csv", 'file: "LAB*.csv"\n    max_rejected: 0.5')
    folder = hospital.deliver()
    text = (folder / "LAB.csv").read_bytes()
    (folder / "LAB.csv").rename(folder / f"LAB_{SOMEBODY}_1.csv")
    (folder / f"LAB_{SOMEBODY}_2.csv").write_bytes(text + b"70001,A01\n")
    (folder / f"{SOMEBODY}.txt").write_text("a\n", encoding="utf-8")
    return folder


def everything_written(hospital: Tiny) -> str:
    """All text below the home but for the delivery itself."""
    files = [f for f in hospital.settings.home.rglob("*") if f.is_file() and hospital.drops not in f.parents]
    return "".join(f.read_bytes().decode("utf-8", "replace") for f in files if "vocabulary" not in f.parts)


def test_no_name_that_a_pattern_found_is_written_anywhere(hospital: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = named(hospital)
    for name in ("home", "mappings", "expectations"):
        monkeypatch.setenv(f"ETL_{name.upper()}", str(getattr(hospital.settings, name)))
    monkeypatch.setenv("ETL_KEY_SECRET", tiny.SECRET)
    compared = CliRunner().invoke(app, ["compare", "tiny", str(folder)])
    ran = CliRunner().invoke(app, ["run", "tiny", str(folder)])
    assert (compared.exit_code, ran.exit_code) == (0, 0)
    write_all_reports(hospital.settings)
    told = compared.output + ran.output + everything_written(hospital)
    assert not [part for part in (SOMEBODY, "홍길동") if part in told]
    assert "LAB*.csv#2" in told
    traced = trace_line(hospital.settings, "tiny", "LAB*.csv#2", 10)
    assert [o.became for o in traced.outcomes] == ["rejected"]
    assert trace_line(hospital.settings, "tiny", f"LAB_{SOMEBODY}_2.csv", 10).outcomes == traced.outcomes


def test_a_run_finds_its_files_again_by_their_places(hospital: Tiny) -> None:
    folder = named(hospital)
    run = hospital.through(folder=folder)
    assert delivery_of(hospital.settings, run.run_id) == run.delivery
    (folder / "aaa.csv").write_text("new\n", encoding="utf-8")
    found = delivery_of(hospital.settings, run.run_id)
    assert {f.told for f in found.files.values()} == {f.told for f in run.delivery.files.values()}
    assert found.files["PAT.csv"].path == folder / "PAT.csv"


def test_a_run_that_an_earlier_release_remembered_is_read(hospital: Tiny) -> None:
    run = hospital.through(folder=hospital.deliver())
    file = run_file(hospital.settings, run.run_id)
    said = json.loads(file.read_text(encoding="utf-8"))
    del said["names"]
    for f in said["files"]:
        del f["place"], f["told"]
    paths = [str(f.path) for f in run.delivery.files.values()]
    said["files"] = [{**f, "path": path} for f, path in zip(said["files"], paths, strict=True)]
    file.write_text(json.dumps(said), encoding="utf-8")
    assert list(delivery_of(hospital.settings, run.run_id).files) == list(run.delivery.files)


@pytest.mark.parametrize("name", ["LAB.csv", f"{SOMEBODY}.csv"])
def test_a_manifest_s_line_is_told_where_its_file_is_no_name_of_the_contract(hospital: Tiny, name: str) -> None:
    folder = hospital.deliver()
    (folder / "Manifest.CSV").write_text(f"file,bytes\n{name},7\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        hospital.through("land", folder=folder)
    assert caught.value.message.startswith("LAB.csv: " if name == "LAB.csv" else "manifest.csv, line 2: ")
    assert SOMEBODY not in caught.value.message


@pytest.mark.parametrize("target", ["../other/LAB.csv", "/etc/hostname", "nowhere", "LAB.csv", ".."])
def test_a_link_that_leads_out_is_refused(hospital: Tiny, target: str) -> None:
    folder = hospital.deliver()
    (hospital.drops / "other").mkdir()
    (folder / "LAB.csv").rename(hospital.drops / "other" / "LAB.csv")
    (folder / "LAB.csv").symlink_to(target)
    with pytest.raises(InputError, match=r"1 of the 5 things .* are links that lead out .*number 4") as caught:
        open_delivery("tiny", folder)
    assert "other" not in caught.value.message


def test_a_link_to_a_file_beside_it_is_that_file(hospital: Tiny) -> None:
    folder = hospital.deliver()
    (folder / "LAB.csv").rename(folder / "results.txt")
    (folder / "LAB.csv").symlink_to("results.txt")
    assert {"LAB.csv", "results.txt"} <= set(open_delivery("tiny", folder).files)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_what_is_no_file_is_refused_at_once(hospital: Tiny, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = hospital.deliver(LAB=None)
    if kind == "pipe":
        os.mkfifo(folder / "LAB.csv")
    else:
        monkeypatch.chdir(folder)  # a socket's path must be short
        socket.socket(socket.AF_UNIX).bind("LAB.csv")
    with pytest.raises(InputError, match=r"1 of the 5 things in the delivery are pipes, sockets or devices \(number 4"):
        open_delivery("tiny", folder)
