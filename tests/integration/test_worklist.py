"""The unmapped: which codes to map next, what each would win, and nothing about fewer than five patients."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa
import tiny
from rich.console import Console
from tiny import Tiny
from typer.testing import CliRunner

from etl.cli import app, unmapped
from etl.errors import InputError, UsageError
from etl.onboarding.worklist.unmapped import gains, read_worklist, write_csv, write_usagi
from etl.settings import PROJECT
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.records import Accounts
from etl.store.ledger.tables import MAPPING_RATE, UNMAPPED


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory, vocabulary: Path) -> Tiny:
    """A published night whose six patients have the unknown code Q99 twice; two of them have Q98; a unit is unknown."""
    hospital = tiny.make(tmp_path_factory.mktemp("unmapped") / "home", vocabulary)
    diagnoses, results = hospital.tables["DIAG.csv"], hospital.tables["LAB.csv"]
    visit = {row[1]: row[0] for row in hospital.tables["ADM.csv"][1:]}
    for i, patient in enumerate(f"7000{n}" for n in range(1, 7)):
        for day in (f"2026060{i + 1}", f"2026062{i}"):
            diagnoses.append([patient, visit.get(patient, ""), "Q99", "희귀 질환, 기타", day, "N"])
    for patient in ("70001", "70002"):
        diagnoses.append([patient, "", "Q98", "", "20260615", "N"])
    results.append(["70001", "A01", "L001", "2026-06-02 08:00", "11", "g/gal"])
    hospital.publish()
    return hospital


def codes_of(hospital: Tiny, **asked: str) -> dict[str, dict[str, object]]:
    return {str(r["code"]): dict(r) for r in read_worklist(Ledger(hospital.settings.ledger_url), "tiny", **asked).codes}


def test_codes_come_with_records_patients_days_and_what_they_would_win(night: Tiny) -> None:
    found = read_worklist(Ledger(night.settings.ledger_url), "tiny")
    first = dict(found.codes[0])
    assert (first["code"], first["domain"], first["vocabulary"]) == ("Q99", "Condition", "KCD7")
    assert (first["description"], first["records"], first["patients"]) == ("희귀 질환, 기타", 12, 6)
    assert (first["first_seen"], first["last_seen"]) == (date(2026, 6, 1), date(2026, 6, 25))
    records = [r["records"] for r in found.codes]
    assert records == sorted(records, reverse=True)
    assert [r["together"] for r in found.codes] == [sum(records[: i + 1]) for i in range(len(records))]
    assert found.codes[-1]["share"] == 1
    assert found.unmapped <= sum(records)  # those of few patients come in steps of five


def test_neither_days_nor_number_of_few_patients_are_kept_anywhere(night: Tiny) -> None:
    rare = codes_of(night)["Q98"]
    assert rare["records"] == 5  # two
    assert (rare["patients"], rare["first_seen"], rare["last_seen"], rare["fewer_than"]) == (None, None, None, 5)
    ledger = Path(night.settings.ledger_url.removeprefix("sqlite:///"))
    with sqlite3.connect(ledger) as con:
        stored = con.execute(
            "select patients, first_seen, last_seen, records from unmapped where code = 'Q98'"
        ).fetchall()
    assert stored == [(None, None, None, 5)]
    kept = "".join(f.read_text(encoding="utf-8") for f in night.settings.lake.rglob("_stage.json"))
    assert "Q98" in kept
    assert "2026-06-15" not in kept


def test_a_hospital_sets_how_few_patients_are_hidden(hospital: Tiny) -> None:
    for patient in ("70001", "70002"):
        hospital.tables["DIAG.csv"].append([patient, "", "Q98", "", "20260615", "N"])
    settings = hospital.mappings / "hospital.yaml"
    settings.write_text(settings.read_text(encoding="utf-8") + "small_cell: 2\n", encoding="utf-8")
    run = hospital.mapped()
    [row] = run.ledger.read(sa.select(UNMAPPED).where(UNMAPPED.c.code == "Q98"))
    assert (row["patients"], row["first_seen"], row["fewer_than"]) == (2, date(2026, 6, 15), None)


def test_a_stage_that_is_reused_brings_the_same_worklist_into_the_ledger(hospital: Tiny) -> None:
    hospital.tables["DIAG.csv"].append(["70001", "A01", "Q99", "", "20260602", "N"])
    folder = hospital.deliver()
    first, second = (hospital.through("land", "merge", "map", folder=folder) for _ in range(2))
    rows = [run.ledger.read(sa.select(UNMAPPED).where(UNMAPPED.c.run_id == run.run_id)) for run in (first, second)]
    assert rows[0] == rows[1] != []


def test_the_gain_is_told_per_domain(night: Tiny) -> None:
    found = read_worklist(Ledger(night.settings.ledger_url), "tiny")
    rate = next(r for r in found.rates if r["domain"] == "Condition")
    [line] = gains(found, found.codes[:1])
    before, after = (100 * n / rate["records"] for n in (rate["mapped"], rate["mapped"] + 12))
    assert line.split() == ["Condition", "12", "records", f"{before:.1f}", "%", "→", f"{after:.1f}", "%"]


def test_a_domain_can_be_asked_for_and_units_are_one(night: Tiny) -> None:
    assert set(codes_of(night, domain="unit")) == {"g/gal"}
    assert "Q99" in codes_of(night, domain="CONDITION")
    with pytest.raises(UsageError, match="no records of the domain 'Cost'; it has Condition"):
        codes_of(night, domain="Cost")


def test_by_patients_hidden_numbers_come_last(night: Tiny) -> None:
    ordered = list(codes_of(night, by="patients").values())
    hidden = [r["patients"] is None for r in ordered]
    assert hidden == sorted(hidden)
    assert ordered[0]["code"] == "Q99"


def test_usagi_reads_code_name_and_frequency(night: Tiny, tmp_path: Path) -> None:
    codes = read_worklist(Ledger(night.settings.ledger_url), "tiny").codes
    write_usagi(codes, tmp_path / "usagi.csv")
    text = (tmp_path / "usagi.csv").read_bytes()
    assert text.startswith(b"sourceCode,sourceName,sourceFrequency,"), "no byte order mark in front of the first name"
    rows = {r["sourceCode"]: r for r in csv.DictReader(io.StringIO(text.decode("utf-8")))}
    assert (rows["Q99"]["sourceName"], rows["Q99"]["sourceFrequency"]) == ("희귀 질환, 기타", "12")
    assert (rows["Q98"]["sourceName"], rows["Q98"]["patients"], rows["Q98"]["firstSeen"]) == ("Q98", "<5", "")


def test_the_csv_file_opens_in_a_spreadsheet(night: Tiny, tmp_path: Path) -> None:
    codes = read_worklist(Ledger(night.settings.ledger_url), "tiny").codes
    write_csv(codes, tmp_path / "codes.csv")
    assert (tmp_path / "codes.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    with (tmp_path / "codes.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [r["code"] for r in rows] == [r["code"] for r in codes]
    assert rows[0]["last_seen"] == "2026-06-25"


def test_the_command_shows_a_table_and_writes_what_was_asked_for(night: Tiny, tmp_path: Path, monkeypatch) -> None:
    for name in ("home", "mappings"):
        monkeypatch.setenv(f"ETL_{name.upper()}", str(getattr(night.settings, name)))
    page = io.StringIO()
    monkeypatch.setattr(unmapped, "out", Console(file=page, width=200))
    assert CliRunner().invoke(app, ["unmapped", "tiny", "--limit", "1"]).exit_code == 0
    assert "희귀 질환, 기타" in page.getvalue()
    assert "mapping this code would bring" in page.getvalue()
    assert "Q98" not in page.getvalue()
    shown = CliRunner().invoke(app, ["unmapped", "tiny", "--domain", "Condition", "--json"])
    assert {r["code"] for r in json.loads(shown.output)} == {"Q98", "Q99"}
    file = tmp_path / "u.csv"
    assert CliRunner().invoke(app, ["unmapped", "tiny", "--usagi", str(file)]).exit_code == 0
    assert len(file.read_text(encoding="utf-8").splitlines()) == 1 + len(codes_of(night))
    missing = CliRunner().invoke(app, ["unmapped", "tiny", "--csv", str(tmp_path / "no" / "u.csv")])
    assert missing.exit_code == 5


def test_before_the_first_night_the_command_says_what_to_do(hospital: Tiny) -> None:
    with pytest.raises(InputError, match="no night of tiny has been run yet"):
        read_worklist(Ledger(hospital.settings.ledger_url), "tiny")
    hospital.through("land")
    with pytest.raises(InputError, match="stopped before the mapping"):
        read_worklist(Ledger(hospital.settings.ledger_url), "tiny")


def older_ledger(file: Path) -> str:
    """A ledger as it was before the unmapped told patients and days; returns its URL."""
    with sqlite3.connect(file) as con:
        con.executescript("""
            create table unmapped (run_id varchar(64), domain varchar(20), vocabulary varchar(40), code varchar(80),
              description varchar(200), records bigint not null, primary key (run_id, domain, vocabulary, code));
            insert into unmapped values ('r1', 'Drug', 'EDI', '1', null, 7);
        """)
    return f"sqlite:///{file}"


def test_a_ledger_of_an_older_version_is_taken_over(tmp_path: Path) -> None:
    url = older_ledger(tmp_path / "ledger.sqlite")
    with ThreadPoolExecutor(4) as pool:
        ledger, *_ = pool.map(Ledger, [url] * 4)
    ledger.record_accounts("r1", Accounts(rates=[{"domain": "Drug", "records": 9, "mapped": 2}]))
    [old] = ledger.read(sa.select(UNMAPPED))
    assert (old["records"], old["patients"], old["fewer_than"], old["first_seen"]) == (7, None, None, None)
    new = {"domain": "Drug", "vocabulary": "EDI", "code": "2", "description": None, "records": 8, "patients": 6,
           "fewer_than": None, "first_seen": "2026-06-01", "last_seen": "2026-06-02"}  # fmt: skip
    ledger.record_accounts("r1", Accounts(unmapped=[new]))
    rows = ledger.read(sa.select(UNMAPPED).where(UNMAPPED.c.code == "2"))
    assert [(r["patients"], r["last_seen"]) for r in rows] == [(6, date(2026, 6, 2))]
    assert ledger.read(sa.select(MAPPING_RATE.c.records)) == [{"records": 9}]


def test_the_table_leads_to_how_a_map_is_written(night: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    page, section, example = unmapped.GUIDE
    assert f"## {section}\n" in (PROJECT / page).read_text(encoding="utf-8")
    assert (PROJECT / example).is_file()
    for name in ("home", "mappings"):
        monkeypatch.setenv(f"ETL_{name.upper()}", str(getattr(night.settings, name)))
    shown = CliRunner().invoke(app, ["unmapped", "tiny"])
    assert shown.exit_code == 0
    assert f"{page}, “{section}”; an example: {example}" in shown.output
    assert page not in CliRunner().invoke(app, ["unmapped", "tiny", "--json"]).output
