"""`etl compare`: a delivery beside its contract, every difference at once, and nothing kept."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import tiny
from tiny import Tiny
from typer.testing import CliRunner, Result

from etl.cli import app
from etl.errors import InputError
from etl.night.pipeline import run_delivery
from etl.quality.report.pages import write_reports
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import FINDING


def compared(hospital: Tiny, folder: Path, *options: str) -> Result:
    s = hospital.settings
    env = {
        "ETL_HOME": str(s.home), "ETL_MAPPINGS": str(s.mappings), "ETL_EXPECTATIONS": str(s.expectations),
        "ETL_THREADS": "1", "ETL_MEMORY": "500MB",
    }  # fmt: skip
    return CliRunner().invoke(app, ["compare", "tiny", str(folder), *options], env=env)


def differences(hospital: Tiny, folder: Path) -> dict[str, list[dict[str, Any]]]:
    """What `--json` says, by kind."""
    found: dict[str, list[dict[str, Any]]] = {}
    for difference in json.loads(compared(hospital, folder, "--json").stdout)["differences"]:
        found.setdefault(difference["kind"], []).append(difference)
    return found


def rename(hospital: Tiny, file: str, **names: str) -> None:
    header = hospital.tables[file][0]
    header[:] = [names.get(n, n) for n in header]


def spoil_everything(hospital: Tiny) -> Path:
    """A delivery in which every file is wrong in another way."""
    rename(hospital, "PAT.csv", SEX="sex", TEL="Tel_No")
    rename(hospital, "LAB.csv", UNIT="RESULT")
    lines = hospital.raw("EXM.csv").replace(b",", b"|")
    lab = hospital.raw("LAB.csv")[:-3]
    folder = hospital.deliver(
        DIAG=hospital.raw("DIAG.csv").decode("cp949").encode(), EXM=lines, LAB=lab, ADM=None
    )  # fmt: skip
    (folder / "manifest.csv").write_text("file,bytes,rows\nNOWHERE.csv,7,7\nPAT.csv,1,9\n", encoding="utf-8")
    (folder / "LETTERS.csv").write_text("a\n", encoding="utf-8")
    return folder


def test_a_good_delivery_would_land_and_leaves_nothing(hospital: Tiny) -> None:
    before = {p for p in hospital.settings.home.rglob("*") if p.is_file()}
    folder = hospital.deliver()
    done = compared(hospital, folder)
    assert done.exit_code == 0, done.output
    assert "it would land, 5 files" in done.stdout
    left = {p for p in hospital.settings.home.rglob("*") if p.is_file() and folder not in p.parents}
    assert left == before, "neither ledger nor key store nor scratch"
    rows = json.loads(compared(hospital, folder, "--json").stdout)["rows"]
    assert rows == {name: len(table) - 1 for name, table in hospital.tables.items()}


def test_every_difference_is_told_at_once(hospital: Tiny) -> None:
    folder = spoil_everything(hospital)
    done = compared(hospital, folder)
    assert done.exit_code == 3
    found = differences(hospital, folder)
    assert {kind for kind, all_ in found.items() if any(d["refuses"] for d in all_)} == {
        "file_missing", "manifest", "column_missing", "column_case", "column_doubled", "unreadable", "delimiter", "cut",
    }  # fmt: skip
    assert [d["file"] for d in found["file_new"]] == ["file 4 of 6"]
    assert len(found["manifest"]) == 2
    assert "column 5 is called so in other letters" in done.stdout
    assert "the line is cut by '|', the contract says ','" in done.stdout
    assert "it reads as utf-8" in done.stdout
    assert "ADM.csv is missing" in done.stdout
    assert not (hospital.settings.home / "ledger.sqlite").exists()


def test_the_night_says_all_that_refuses_it_too(hospital: Tiny) -> None:
    rename(hospital, "LAB.csv", UNIT="RESULT")
    del hospital.tables["ADM.csv"]
    with pytest.raises(InputError) as caught:
        hospital.mapped()
    for said in ("3 reasons", "ADM.csv is missing", "column 'RESULT' is there twice", "column 'UNIT' is missing"):
        assert said in caught.value.message
    assert caught.value.message.count("\n  → ") == 3


def test_rows_are_held_against_lines_and_manifest(hospital: Tiny) -> None:
    lab = hospital.raw("LAB.csv").splitlines(keepends=True)
    folder = hospital.deliver(LAB=b"".join([*lab, *[b"70001,A01\n"] * 3]))
    size = (folder / "PAT.csv").stat().st_size
    (folder / "manifest.csv").write_text(f"file,bytes,rows\nPAT.csv,{size},99\n", encoding="utf-8")
    found = differences(hospital, folder)
    assert "3 of 11 rows cannot be read" in found["unreadable"][0]["message"]
    assert "the manifest promises 99 rows, 6 were read" in found["promised_rows"][0]["message"]


def test_rows_that_would_be_rejected_one_by_one_do_not_refuse(hospital: Tiny) -> None:
    hospital.rewrite("sources.yaml", "file: LAB.csv", "file: LAB.csv\n    max_rejected: 0.5")
    folder = hospital.deliver(LAB=hospital.raw("LAB.csv") + b"70001,A01\n")
    (unreadable,) = differences(hospital, folder)["unreadable"]
    assert not unreadable["refuses"]
    assert compared(hospital, folder).exit_code == 0


def test_what_differs_and_does_no_harm_is_told(hospital: Tiny) -> None:
    rename(hospital, "DIAG.csv", DIAG_CD="DX_CD")
    for row in hospital.tables["ADM.csv"]:
        del row[6]  # MEMO may be missing
    for i, row in enumerate(hospital.tables["LAB.csv"]):
        row.extend(["새_컬럼", "450101-1000017", "Kim, Su"] if i == 0 else ["x", "y", "z"])
    folder = hospital.deliver()
    done = compared(hospital, folder)
    assert done.exit_code == 0
    assert "column 'DIAG_CD' comes under its alias 'DX_CD'" in done.stdout
    assert "column 'MEMO' is missing; it may be" in done.stdout
    assert "LAB.csv, line 1: 3 columns that the contract does not name, number 7, 8, 9" in done.stdout
    told = done.output + compared(hospital, folder, "--json").output
    assert not [text for text in ("새_컬럼", "450101", "Kim") if text in told]


def test_a_file_without_a_header_shows_nobody(hospital: Tiny) -> None:
    pat = hospital.raw("PAT.csv").split(b"\n", 1)[1]
    done = compared(hospital, hospital.deliver(PAT=pat))
    assert done.exit_code == 3
    assert "PAT.csv, line 1: column 'PT_NO' is missing" in done.stdout
    for value in ("가나다라", "70001", "450101"):
        assert value not in done.stdout
    with pytest.raises(InputError) as caught:
        hospital.mapped(PAT=pat)
    assert "가나다라" not in str(caught.value)
    assert "70001" not in str(caught.value)


def test_a_source_that_is_not_used_may_be_missing(hospital: Tiny) -> None:
    hospital.rewrite(
        "sources.yaml", "  exam_codes:", "  letters:\n    file: LETTER.csv\n    unused: free text\n"
        "    columns: {PT_NO: {identifier: person}}\n\n  exam_codes:",
    )  # fmt: skip
    place = hospital.settings.home / "expectations"
    (place / "source" / "tiny").mkdir(parents=True)
    (place / "cdm").mkdir()
    rows = {
        "type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}, "meta": {"severity": "block"},
        "description": "letters has rows",
    }  # fmt: skip
    suite = {"name": "source.tiny.letters", "expectations": [rows]}
    (place / "source" / "tiny" / "letters.json").write_text(json.dumps(suite), encoding="utf-8")
    hospital.settings = hospital.settings.model_copy(update={"expectations": place})
    folder = hospital.deliver()
    (missing,) = differences(hospital, folder)["file_missing"]
    assert (missing["refuses"], missing["source"]) == (False, "letters")
    run_id = hospital.publish()
    hospital.tables["LETTER.csv"] = [["PT_NO"], ["70001"]]
    assert hospital.publish() != run_id


def test_a_folder_that_is_no_delivery_is_refused(hospital: Tiny) -> None:
    done = compared(hospital, hospital.drops, "--json")
    assert done.exit_code == 3
    assert json.loads(done.stdout)["lands"] is False


@pytest.mark.parametrize("spoilt", [False, True])
def test_a_night_lands_when_the_comparison_says_so(hospital: Tiny, *, spoilt: bool) -> None:
    if spoilt:
        hospital.tables["LAB.csv"][2] = ["70001"]
    folder = hospital.deliver(tiny.NIGHT)
    assert compared(hospital, folder).exit_code == (3 if spoilt else 0)
    if spoilt:
        with pytest.raises(InputError):
            run_delivery(hospital.settings, "tiny", folder)
    else:
        hospital.through("land", folder=folder)


def test_new_columns_are_counted_on_the_page_of_their_night(hospital: Tiny) -> None:
    def told(run_id: str) -> list[tuple[str, int, int]]:
        findings = Ledger(hospital.settings.ledger_url).rows(FINDING, run_id)
        return [(f["table_name"], f["unexpected"], f["total"]) for f in findings if f["suite"] == "contract"]

    for row in hospital.tables["ADM.csv"]:
        row.append("WARD" if row[0] == "ADM_NO" else "7")
    assert told(hospital.publish()) == [], "at first, what the contract leaves out is not new"
    for file in ("ADM.csv", "LAB.csv"):
        for i, row in enumerate(hospital.tables[file]):
            row.extend(["NEW_ONE", "NEW_TWO"] if i == 0 else ["x", "y"])
    run_id = hospital.publish(date(2026, 7, 2))
    assert told(run_id) == [("results", 2, 2), ("visits", 2, 3)]
    write_reports(Ledger(hospital.settings.ledger_url), hospital.settings.reports, {}, run_ids=[run_id])
    pages = [p.read_text(encoding="utf-8") for p in hospital.settings.reports.glob("2*/*.html")]
    assert any("No column came that neither the contract" in page for page in pages)
    for text in (*pages, json.dumps(Ledger(hospital.settings.ledger_url).rows(FINDING, run_id), default=str)):
        assert "NEW_ONE" not in text
    assert told(hospital.publish(date(2026, 7, 3))) == []


def test_columns_that_vanish_or_change_their_letters_are_told(hospital: Tiny) -> None:
    def told(run_id: str) -> list[tuple[str, str, int, str | None]]:
        findings = Ledger(hospital.settings.ledger_url).rows(FINDING, run_id, FINDING.c.number)
        return [
            (f["table_name"], f["expectation"].removeprefix("expect_"), f["unexpected"], f["observed"])
            for f in findings
            if f["suite"] == "contract"
        ]

    def rename(file: str, **names: str) -> None:
        header = hospital.tables[file][0]
        hospital.tables[file][0] = [names.get(name, name) for name in header]

    hospital.rewrite("sources.yaml", "      UNIT:\n", "      UNIT: {optional: true}\n")
    for row in hospital.tables["ADM.csv"]:
        row.append("WARD" if row[0] == "ADM_NO" else "7")
    assert told(hospital.publish()) == []
    rename("ADM.csv", WARD="BED")  # as many as before
    assert told(hospital.publish(date(2026, 7, 2))) == [
        ("visits", "no_new_columns", 1, None), ("visits", "no_columns_to_vanish", 1, None),
    ]  # fmt: skip
    rename("ADM.csv", BED="Bed")
    rename("LAB.csv", UNIT="Unit")
    run_id = hospital.publish(date(2026, 7, 3))
    assert told(run_id) == [
        ("results", "columns_to_keep_their_letters", 1, "UNIT"), ("visits", "columns_to_keep_their_letters", 1, None),
    ]  # fmt: skip
    hospital.tables["LAB.csv"] = [row[:-1] for row in hospital.tables["LAB.csv"]]
    assert told(hospital.publish(date(2026, 7, 4))) == [("results", "no_columns_to_vanish", 1, "UNIT")]
    kept = (hospital.settings.lake / "1_landed").rglob("columns.json")
    assert not any("BED" in file.read_text(encoding="utf-8").upper() for file in kept)
