"""`etl disclosure check`: exit codes, JSON, the hospitals' floor, and no text of a file in what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from etl.cli import app
from tests.made_outputs import workbook

SECRET = "zebra"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["disclosure", "check", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of results, in a project with one hospital that asks for seven persons."""
    hospital = tmp_path / "mappings" / "h1"
    hospital.mkdir(parents=True)
    (hospital / "hospital.yaml").write_text("hospital: h1\nnumber: 1\nsmall_cell: 7\n", encoding="utf-8")
    monkeypatch.setenv("ETL_MAPPINGS", str(tmp_path / "mappings"))
    monkeypatch.setenv("ETL_HOME", str(tmp_path / "home"))
    return tmp_path


def test_what_is_harmless_may_leave(folder: Path) -> None:
    file = folder / "sex.csv"
    file.write_text("sex,n\nM,120\nF,140\n", encoding="utf-8")
    done = run(file)
    assert (done.exit_code, "nothing found" in done.stdout) == (0, True)


def test_what_is_refused_ends_with_three(folder: Path) -> None:
    file, old = folder / "new.csv", folder / "old.csv"
    file.write_text("age,n\na,120\nb,140\nc,160\n", encoding="utf-8")
    old.write_text("age,n\na,120\nb,143\nc,160\n", encoding="utf-8")
    done = run(file, "--released", old, "--json")
    said = json.loads(done.stdout)
    assert (done.exit_code, said["refused"], said["files"]) == (3, True, ["new.csv"])
    assert [(f["rule"], f["verdict"], f["places"]) for f in said["findings"]] == [
        ("differencing", "refuse", [{"part": 0, "row": 3, "column": 2}])
    ]


def test_no_rule_goes_below_the_hospitals(folder: Path) -> None:
    file, own = folder / "sex.csv", folder / "own.yaml"
    file.write_text("sex,n\nM,120\nF,6\n", encoding="utf-8")
    own.write_text("limits: {threshold: {value: 5, why: it is small, source: its committee}}", encoding="utf-8")
    done = run(file, "--rules", own, "--json")
    assert (done.exit_code, json.loads(done.stdout)["threshold"]) == (3, 7)


def test_no_text_of_a_file_is_told(folder: Path) -> None:
    sheets = [{"rows": [[f"{SECRET} id", SECRET, "n"], [SECRET, SECRET, 4]], "comments": {"A1": SECRET}, "hide": "yes"}]
    (folder / "book.xlsx").write_bytes(
        workbook([{"rows": [["g", "n"], ["a", 20]]}, *sheets], {"customXml/zebra.xml": ""})
    )
    (folder / "notes.txt").write_text(f"{SECRET}@{SECRET}.example n = 3 {SECRET * 300}\n", encoding="utf-8")
    (folder / "broken.json").write_text(f'{{"{SECRET}": ', encoding="utf-8")
    files = [folder / name for name in ("book.xlsx", "notes.txt", "broken.json")]
    for done in (run(*files), run(*files, "--json")):
        assert done.exit_code == 3
        assert SECRET not in done.output


def test_a_file_that_is_not_there_is_named(folder: Path) -> None:
    done = run(folder / "nothing.csv")
    assert (done.exit_code, "there is no file nothing.csv" in done.output) == (3, True)
