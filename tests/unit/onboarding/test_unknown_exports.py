"""Exports that nobody expects: packed files, names that mean something in SQL, other dates, headers that are data."""

from __future__ import annotations

import csv
import gzip
import re
import zipfile
from datetime import date
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from etl.cli import app
from etl.mapping.load import load_mappings
from etl.onboarding.draft import install
from etl.onboarding.draft.draft import Request, make_draft
from etl.onboarding.draft.roles import guess
from etl.onboarding.profile.model import Profile
from etl.onboarding.profile.page import page_of
from etl.onboarding.profile.scan import Options, profile_folder
from etl.sample.generate import write_exports
from etl.settings import PROJECT, Settings

#: Words that DuckDB or the queries of a profile use.
WORDS = [
    "value",
    "key",
    "count",
    "rows",
    "file",
    "n",
    "col",
    "h",
    "item",
    "class",
    "order",
    "group",
    "select",
    "end",
    "written",
]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", threads=2, memory="500MB", key_secret=SecretStr("0" * 32), _env_file=None)


@pytest.fixture
def consortium(tmp_path: Path, vocabulary: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Mappings that hold what is shared, and nobody yet; a vocabulary, so that `etl check` binds every expression."""
    root = tmp_path / "mappings"
    (root / "shared").mkdir(parents=True)
    for name in ("shared/clean.yaml", "shared/maps", "consortium.yaml"):
        (root / name).symlink_to(PROJECT / "mappings" / name)
    for place, target in (("home/vocabulary", vocabulary), ("expectations/cdm", PROJECT / "expectations" / "cdm")):
        (tmp_path / place).parent.mkdir()
        (tmp_path / place).symlink_to(target)
    for name, value in {
        "ETL_HOME": tmp_path / "home", "ETL_MAPPINGS": root, "ETL_EXPECTATIONS": tmp_path / "expectations",
        "ETL_THREADS": "2", "ETL_KEY_SECRET": "0" * 32,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, str(value))
    return root


def write(folder: Path, name: str, header: list[str], rows: list[list[str]], encoding: str = "utf-8") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w", encoding=encoding, newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    return folder / name


def profiled(settings: Settings, folder: Path) -> Profile:
    return profile_folder(settings, folder, Options())


def new(*words: object) -> str:
    result = CliRunner().invoke(app, ["new", "newcomer", *map(str, words)])
    assert result.exit_code == 0, result.output
    return result.output


def test_columns_may_be_called_as_words_of_sql(settings: Settings, tmp_path: Path) -> None:
    write(tmp_path / "d", "a.csv", WORDS, [[f"{word}{i % 3}" for word in WORDS] for i in range(60)])
    columns = profiled(settings, tmp_path / "d").files[0].columns
    assert {c.name: c.distinct for c in columns} == dict.fromkeys(WORDS, 3)
    assert all([v for v, _ in c.values] == [f"{c.name}{i}" for i in range(3)] for c in columns)


def test_a_draft_of_columns_called_as_words_of_sql_is_a_mapping(tmp_path: Path, consortium: Path) -> None:
    people = [[str(1000 + i), "MF"[i % 2], f"19{50 + i}-01-31", f"0{3000 + i}", "x"] for i in range(40)]
    write(tmp_path / "d", "patients.csv", ["PT_NO", "SEX", "BIRTH_DT", "ZIP", "area"], people)
    signs = ["PT_NO", "REC_DT", "PR", "BT", "value", "item"]
    rows = [[str(1000 + i), "2026-01-02", str(60 + i), str(36 + i / 100), "1", "2"] for i in range(40)]
    write(tmp_path / "d", "vital.csv", signs, rows)
    orders = [[str(1000 + i), f"E{i % 7}00", "2026-01-02", "1", "N"] for i in range(40)]
    write(tmp_path / "d", "orders.csv", ["PT_NO", "ORD_CD", "ORD_DT", "cnt", "stop_yn"], orders)
    new(tmp_path / "d")
    checked = CliRunner().invoke(app, ["check", "newcomer"])
    assert checked.exit_code == 0, checked.output
    mapping = load_mappings(consortium, ["newcomer"])["newcomer"]
    assert "AREA_2" in mapping.sources["patients"].computed, "a column of the file is not written over"
    signs_entry = next(e for e in mapping.entries if e.from_ == "vital_signs")
    assert signs_entry.unpivot is not None
    assert (signs_entry.unpivot.name, signs_entry.unpivot.value) == ("item_2", "value_2")


@pytest.mark.parametrize("encoding", ["utf-8", "cp949"])
@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv"])
def test_a_packed_file_is_profiled_as_what_is_in_it(
    settings: Settings, tmp_path: Path, name: str, encoding: str
) -> None:  # fmt: skip
    plain = write(tmp_path / "plain", "a.csv", ["CODE", "AGE"], [["가", str(i % 5)] for i in range(3000)], encoding)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / name).write_bytes(gzip.compress(plain.read_bytes()))
    file = profiled(settings, tmp_path / "d").files[0]
    assert (file.rows, file.form.packed, file.problem) == (3000, True, None)
    assert file.form.encoding.replace("euc-kr", "cp949") == encoding
    assert file.column("CODE").values == (("가", 3000),)
    assert not list(settings.scratch.iterdir()), "no unpacked copy is left"


def test_only_the_first_rows_of_a_packed_file_can_be_read(settings: Settings, tmp_path: Path) -> None:
    text = "A,B\n" + "".join(f"{i},{'x' * 200}\n" for i in range(200_000))
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.csv.gz").write_bytes(gzip.compress(text.encode(), 1))
    file = profile_folder(settings, tmp_path / "d", Options(rows=100)).files[0]
    assert (file.rows, file.complete) == (100, False)


def test_what_is_no_table_is_told_and_stops_nobody(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "d"
    write(folder, "good.csv", ["A", "B"], [["1", "2"]])
    with zipfile.ZipFile(folder / "book.xlsx", "w") as book:
        book.writestr("x", "y")
    (folder / "page.csv").write_bytes(b"%PDF-1.7 secret")
    (folder / "bytes.csv").write_bytes(b"A,B\n1,\x002\n")
    (folder / "cut.csv.gz").write_bytes(gzip.compress(b"A,B\n" + bytes(range(48, 58)) * 5000)[:60])
    found = {f.name: f for f in profiled(settings, folder).files}
    assert found["good.csv"].problem is None
    said = {name: str(f.problem) for name, f in found.items() if name != "good.csv"}
    assert "Excel" in said["book.xlsx"] and "PDF" in said["page.csv"]
    assert "zero bytes" in said["bytes.csv"] and "unpack" in said["cut.csv.gz"]
    assert not any(f.columns for name, f in found.items() if name != "good.csv")


@pytest.mark.parametrize(
    "header",
    [
        ["70001", "홍길동", "900101-1234567", "010-1234-5678", "M"],
        ["70001", "홍길동", "900101–1******", "서울", "M"],
        ["HONG", "+82 10 1234 5678", "M", "A", "B"],
        ["70001", "19900101", "M", "2", "x"],
        ["a", "b", "someone@example.org", "c", "d"],
    ],
)
def test_a_header_that_is_data_is_told_and_not_shown(settings: Settings, tmp_path: Path, header: list[str]) -> None:
    write(tmp_path / "d", "PAT.csv", header, [["70002", "x", "y", "z", "F"]] * 30)
    found = profiled(settings, tmp_path / "d")
    assert "line 1" in str(found.files[0].problem) and not found.files[0].columns
    assert not [cell for cell in header if len(cell) > 3 and cell in page_of(found)]


@pytest.mark.parametrize("header", [["A", "B", ""], ["PT_NO", "X", "pt_no"], ["A", "B", "A"]])
def test_a_header_that_names_no_columns_is_told(settings: Settings, tmp_path: Path, header: list[str]) -> None:
    write(tmp_path / "d", "a.csv", header, [["1", "2", "3"]] * 5)
    assert "line 1" in str(profiled(settings, tmp_path / "d").files[0].problem)


@pytest.mark.parametrize(
    ("values", "kind", "formats", "years"),
    [
        (["07/04/2015", "7/14/2015", "12/31/2019"] * 20, "date", ["M/D/YYYY"], (2015, 2019)),
        (["04/07/2015", "14/07/2015", "31/12/2019"] * 20, "date", ["D/M/YYYY"], (2015, 2019)),
        (["07/04/2015", "01/02/2016", "12/11/2019"] * 20, "date", ["M/D/YYYY or D/M/YYYY"], (2015, 2019)),
        (["7/14/2015 9:05", "12/31/2019 23:59"] * 30, "datetime", ["M/D/YYYY HH:MM"], (2015, 2019)),
        (["04-JUL-15", "31-Dec-99", "01-oct-20"] * 20, "date", ["DD-MON-YY"], (1999, 2020)),
        (["04-JUL-2015", "31-OCT-2019"] * 30, "date", ["DD-MON-YYYY"], (2015, 2019)),
        (["2131-05-04", "2209-12-31", "2298-01-01"] * 20, "date", ["YYYY-MM-DD"], (2131, 2298)),
        (["2131-05-04 10:00:00", "2209-12-31 23:59:59"] * 30, "datetime", ["YYYY-MM-DD HH:MM:SS"], (2131, 2209)),
    ],
)
def test_days_of_other_countries_and_shifted_ones_are_days(
    settings: Settings, tmp_path: Path, values: list[str], kind: str, formats: list[str], years: tuple[int, int]
) -> None:  # fmt: skip
    write(tmp_path / "d", "a.csv", ["K", "V"], [[str(i), v] for i, v in enumerate(values)])
    column = profiled(settings, tmp_path / "d").files[0].column("V")
    assert (column.kind, [name for name, _ in column.formats], column.years) == (kind, formats, years)


def test_a_draft_reads_such_days_and_marks_those_that_fit_both_ways(tmp_path: Path, consortium: Path) -> None:
    people = [[str(1000 + i), "MF"[i % 2], f"{1 + i % 12}/{13 + i % 12}/19{50 + i}"] for i in range(40)]
    write(tmp_path / "d", "patients.csv", ["PT_NO", "SEX", "BIRTH_DT"], people)
    visits = [[str(1000 + i), f"V{i}", f"{1 + i % 12}/{1 + i % 7}/2025", "O"] for i in range(40)]
    write(tmp_path / "d", "visits.csv", ["PT_NO", "VISIT_NO", "VISIT_DT", "TYPE"], visits)
    new(tmp_path / "d")
    people_yaml = (consortium / "newcomer" / "people.yaml").read_text(encoding="utf-8")
    visits_yaml = (consortium / "newcomer" / "visits.yaml").read_text(encoding="utf-8")
    assert "'%m/%d/%Y'" in people_yaml and "fit both ways" not in people_yaml
    assert "'%m/%d/%Y'" in visits_yaml and "check: day and month of VISIT_DT fit both ways round" in visits_yaml
    assert CliRunner().invoke(app, ["check", "newcomer"]).exit_code == 0


def test_years_of_two_digits_are_read_as_days_that_were(tmp_path: Path, consortium: Path) -> None:
    people = [[str(1000 + i), "MF"[i % 2], f"{1 + i % 28:02}-JAN-{30 + i:02}", ""] for i in range(40)]
    people[3][3] = "05-FEB-24"
    write(tmp_path / "d" / "2025-01-01", "patients.csv", ["PT_NO", "SEX", "BIRTH_DT", "DEATH_DT"], people)
    night = tmp_path / "d" / "2025-01-01"
    new(night)
    ran = CliRunner().invoke(app, ["run", "newcomer", str(night)])
    assert ran.exit_code == 0, ran.output
    births = (
        CliRunner().invoke(app, ["sql", "select min(year_of_birth), max(year_of_birth) from person", "--csv"]).output
    )
    assert "1930,1969" in births
    deaths = CliRunner().invoke(app, ["sql", "select death_date from death", "--csv"]).output
    assert "2024-02-05" in deaths


def people_and_events(folder: Path, number: str) -> None:
    """Patients, visits and results whose columns tell nothing by their names but the sex."""
    ids = [f"{700_000 + 37 * i}" for i in range(60)]
    write(folder, "F1.csv", [number, "GENDER", "X1"], [[n, "MF"[i % 2], "a"] for i, n in enumerate(ids)])
    visits = [[f"{900_000 + i}", ids[i % 60], "2025-01-02"] for i in range(200)]
    write(folder, "F2.csv", ["Q9", number, "X2"], visits)
    write(
        folder, "F3.csv", ["Z", number, "Q9"], [[str(i % 9), ids[i % 60], f"{900_000 + i % 200}"] for i in range(600)]
    )


def test_the_patients_number_is_found_by_where_its_values_stand(settings: Settings, tmp_path: Path) -> None:
    people_and_events(tmp_path / "d", "K7")
    found = profiled(settings, tmp_path / "d")
    hidden = {(f.name, c.name): c.hidden.kind for f in found.files for c in f.columns if c.hidden}
    assert {f: k for (f, c), k in hidden.items() if c == "K7"} == dict.fromkeys(
        ("F1.csv", "F2.csv", "F3.csv"), "person"
    )
    assert hidden["F2.csv", "Q9"] == hidden["F3.csv", "Q9"] == "record"
    assert {g.file.name: g.columns.get("person") for g in guess(found)} == {f"F{i}.csv": "K7" for i in (1, 2, 3)}


@pytest.mark.parametrize("renamed", [("PATNO",), ("PATNO", "RCPTNO")])
def test_a_draft_is_the_same_whatever_the_tying_columns_are_called(
    settings: Settings, tmp_path: Path, renamed: tuple[str, ...]
) -> None:  # fmt: skip
    export = write_exports(tmp_path / "raw", hospitals=["snuh"], patients=300, seed=5, night=date(2026, 11, 23))[
        0
    ].folder
    (tmp_path / "d").mkdir()
    for file in export.glob("*.csv"):
        head, body = file.read_text(encoding="utf-8").split("\n", 1)
        for i, name in enumerate(renamed):
            head = re.sub(rf"\b{name}\b", f"Q{i}", head)
        if file.name != "manifest.csv":
            (tmp_path / "d" / file.name).write_text(f"{head}\n{body}", encoding="utf-8")
    known, unknown = (
        make_draft(PROJECT / "mappings" / "nobody", profiled(settings, folder), Request("newcomer", 9)).files
        for folder in (export, tmp_path / "d")
    )
    for i, name in enumerate(renamed):
        unknown = {file: re.sub(rf"\bQ{i}\b", name, text) for file, text in unknown.items()}
    assert known == unknown


def test_a_key_that_patients_numbers_lead_to_is_one_whatever_its_name(settings: Settings, tmp_path: Path) -> None:
    ids = [f"{700_000 + 37 * i}" for i in range(60)]
    write(tmp_path / "d", "people.csv", ["Id", "GENDER"], [[n, "MF"[i % 2]] for i, n in enumerate(ids)])
    write(tmp_path / "d", "events.csv", ["PATIENT", "CODE"], [[ids[i % 60], "A"] for i in range(300)])
    write(tmp_path / "d", "insured.csv", ["PATIENT", "PAYER"], [[n, "B"] for n in ids])
    found = profiled(settings, tmp_path / "d")
    hidden = next(f for f in found.files if f.name == "people.csv").column("Id").hidden
    assert hidden is not None and hidden.kind == "person"


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        (
            "WHO",
            [f"{a} {b}" for a in ("HONG", "KIM", "Lee", "Park", "CHOI") for b in ("GILDONG", "Minsu", "Ara A")],
            "name",
        ),
        ("WHO", [f"{a} {b}" for a in ("John", "Maria", "Wei", "Ana") for b in ("Smith", "Garcia", "Brown")], "name"),
        ("P1", [f"+82 10 1234 56{i:02}" for i in range(30)], "phone"),
        ("P2", [f"10-1234-56{i:02}" for i in range(30)], "phone"),
        ("P3", [f"+1 (617) 555-01{i:02}" for i in range(30)], "phone"),
        ("R1", [f"9001{i + 1:02}–12345{i:02}" for i in range(25)], "rrn"),
        ("R2", [f"9001{i + 1:02}-1******" for i in range(25)], "rrn"),
        ("D1", [f"M123456{i:02}" for i in range(30)], "other"),
        ("D2", [f"M123A45{i:02}" for i in range(30)], "other"),
        ("A1", [f"서울특별시 종로구 세종대로 {i}" for i in range(30)], "address"),
        ("U1", [f"0d9188916-8390-282b-3ec2-73fce6e086{i:02}"[1:] for i in range(30)], "record"),
        ("HANDSET", ["x"], "phone"),
        ("JUSO", ["x"], "address"),
        ("PSPT", ["x"], "rrn"),
        ("KOR_NM", ["x"], "name"),
    ],
)
def test_what_names_a_person_is_hidden_however_often_it_stands(
    settings: Settings, tmp_path: Path, name: str, values: list[str], kind: str
) -> None:  # fmt: skip
    write(tmp_path / "d", "a.csv", ["SEQ", name], [[str(i), v] for i, v in enumerate(values * 10)])
    found = profiled(settings, tmp_path / "d")
    column = found.files[0].column(name)
    assert column.hidden is not None and column.hidden.kind == kind
    assert not [v for v in values if len(v) > 1 and v in page_of(found)]


@pytest.mark.parametrize(
    "values",
    [
        ["Internal Medicine", "General Surgery", "Emergency Department", "Cardiac Surgery", "Oncology"],
        [f"Sodium Chloride {i}" for i in range(20)],
        [
            f"{s} {t}"
            for s in ("Acute", "Chronic")
            for t in ("Bronchitis", "Sinusitis", "Pain", "Disease", "Gastritis", "Otitis")
        ],
        [f"B{i:04}" for i in range(40)],
        ["12345-6", "8302-2", "718-7"],
    ],
)
def test_words_and_codes_are_not_taken_for_persons(settings: Settings, tmp_path: Path, values: list[str]) -> None:
    write(tmp_path / "d", "a.csv", ["SEQ", "X"], [[str(i), v] for i, v in enumerate(values * 10)])
    assert profiled(settings, tmp_path / "d").files[0].column("X").hidden is None


def test_long_numbers_that_hardly_repeat_are_records_of_people(settings: Settings, tmp_path: Path) -> None:
    rows = [[f"P{i % 40:05}", f"S{500_000 + i // 2}", f"L{i % 4}0000"] for i in range(400)]
    write(tmp_path / "d", "a.csv", ["PT_NO", "SAMPLE", "TEST"], rows)
    found = profiled(settings, tmp_path / "d")
    sample, test = (found.files[0].column(c) for c in ("SAMPLE", "TEST"))
    assert sample.hidden is not None and sample.hidden.kind == "record" and test.hidden is None
    assert sample.classes == (("A9{6}", 400),), "how they are written is told instead"
    assert "A9{6}" in page_of(found) and "S500000" not in page_of(found)


def test_whole_numbers_that_name_rows_of_a_list_are_shown_as_codes(settings: Settings, tmp_path: Path) -> None:
    write(tmp_path / "d", "items.csv", ["itemid", "label"], [[str(50_000 + i), f"test {i}"] for i in range(80)])
    rows = [[f"P{i % 40:05}", str(50_000 + i % 80), str(i % 97)] for i in range(1000)]
    write(tmp_path / "d", "results.csv", ["PT_NO", "itemid", "amount"], rows)
    results = profiled(settings, tmp_path / "d").files[1]
    assert len(results.column("itemid").values) == 80 and not results.column("amount").values


def test_a_draft_that_fails_leaves_nothing_and_can_be_given_again(
    tmp_path: Path, consortium: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    write(tmp_path / "d", "patients.csv", ["PT_NO", "SEX"], [[str(1000 + i), "MF"[i % 2]] for i in range(40)])
    real, calls = install.shutil.copyfile, []

    def full(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(install.shutil, "copyfile", full)
    failed = CliRunner().invoke(app, ["new", "newcomer", str(tmp_path / "d")])
    assert failed.exit_code != 0 and len(calls) == 3
    assert not (consortium / "newcomer").exists()
    assert not (tmp_path / "expectations" / "source" / "newcomer").exists()
    monkeypatch.undo()
    for name, value in {
        "ETL_HOME": tmp_path / "home",
        "ETL_MAPPINGS": consortium,
        "ETL_EXPECTATIONS": tmp_path / "e",
    }.items():
        monkeypatch.setenv(name, str(value))
    new(tmp_path / "d")
    assert (consortium / "newcomer" / "hospital.yaml").is_file()


def test_a_number_that_somebody_has_is_refused_before_anything_is_written(tmp_path: Path, consortium: Path) -> None:
    (consortium / "older").mkdir()
    (consortium / "older" / "hospital.yaml").write_text("hospital: older\nnumber: 7\n", encoding="utf-8")
    write(tmp_path / "d", "patients.csv", ["PT_NO", "SEX"], [[str(1000 + i), "MF"[i % 2]] for i in range(40)])
    result = CliRunner().invoke(app, ["new", "newcomer", str(tmp_path / "d"), "--number", "7"])
    assert result.exit_code == 2 and "number 7" in result.output
    assert not (consortium / "newcomer").exists()


def test_a_file_called_like_a_kind_tells_what_it_lacks(tmp_path: Path, consortium: Path) -> None:
    write(tmp_path / "d", "diagnoses.csv", ["PT_NO", "ICD_CODE"], [[str(1000 + i), "I10"] for i in range(40)])
    assert "called like diagnoses, lacks start" in new(tmp_path / "d")
    text = (consortium / "newcomer" / "sources.yaml").read_text(encoding="utf-8")
    assert "no column for start was found" in text


def test_a_draft_of_shifted_days_says_how_to_run_them(tmp_path: Path, consortium: Path) -> None:
    people = [[str(1000 + i), "MF"[i % 2], "2101-02-03"] for i in range(40)]
    write(tmp_path / "d", "patients.csv", ["PT_NO", "SEX", "BIRTH_DT"], people)
    visits = [[str(1000 + i), f"V{i}", f"21{50 + i % 4}-02-03"] for i in range(40)]
    write(tmp_path / "d", "visits.csv", ["PT_NO", "VISIT_NO", "VISIT_DT"], visits)
    new(tmp_path / "d")
    head = (consortium / "newcomer" / "hospital.yaml").read_text(encoding="utf-8")
    assert "shifted, visits lie in 2150 to 2153" in head and "live_since" not in head


@pytest.mark.parametrize(
    ("file", "columns", "kind"),
    [
        ("hcpcsevents.csv", "subject_id hadm_id chartdate hcpcs_cd seq_num short_description", "orders"),
        (
            "procedureevents.csv",
            "subject_id hadm_id stay_id caregiver_id starttime endtime itemid value valueuom",
            "orders",
        ),
        (
            "outputevents.csv",
            "subject_id hadm_id stay_id caregiver_id charttime storetime itemid value valueuom",
            "results",
        ),
        ("inputevents.csv", "subject_id hadm_id stay_id starttime endtime itemid amount amountuom rate", "drug_orders"),
        ("provider.csv", "provider_id", "staff"),
        ("caregiver.csv", "caregiver_id", "staff"),
        ("ENCOUNTERS.CSV", "ID START STOP PATIENT PROVIDER ENCOUNTERCLASS CODE", "visits"),
        ("Conditions.csv", "start stop patient encounter code description", "diagnoses"),
        ("condition.csv", "patient_id encounter_id icd_code onset_date", "diagnoses"),
        ("medications.csv", "start stop patient encounter code description dispenses", "drug_orders"),
    ],
)
def test_english_files_are_known_by_their_columns(
    settings: Settings, tmp_path: Path, file: str, columns: str, kind: str
) -> None:  # fmt: skip
    header = columns.split()
    write(tmp_path / "d", file, header, [[cell(name, i) for name in header] for i in range(60)])
    assert [g.kind for g in guess(profiled(settings, tmp_path / "d"))] == [kind]


def cell(name: str, row: int) -> str:
    """An invented value that a column of this name could hold."""
    if re.search("time|date|^start|^stop", name.lower()):
        return f"2025-01-{1 + row % 28:02} 10:00:00"
    return f"{10_000 + row % 30}" if re.search("id$|^patient|^encounter$|itemid|code$|cd$", name.lower()) else "a"
