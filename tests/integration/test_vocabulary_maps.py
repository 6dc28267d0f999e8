"""Code maps in files, through a whole night of the tiny hospital: what its rows become."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import tiny
from rich.console import Console
from tiny import Tiny, mapped_rows
from typer.testing import CliRunner

from etl.cli import app
from etl.errors import MappingError
from etl.mapping.load import load_mappings
from etl.night.pipeline import run_delivery
from etl.settings import PROJECT
from etl.store.ledger.ledger import Ledger
from etl.vocabulary.release import load_bundle

USAGI = "sourceCode,sourceName,sourceFrequency,matchScore,mappingStatus,conceptId,mappingType\n"
TABLE = (
    "source_code,source_concept_id,source_vocabulary_id,target_concept_id,target_vocabulary_id,valid_start_date,"
    "valid_end_date,invalid_reason\n"
)
HEMOGLOBIN, GLUCOSE, CREATININE = 3000963, 3004501, 3016723
LOCAL = 2_000_000_101


def lab_map(hospital: Tiny, declaration: str, content: str, then: str = "") -> None:
    """Look lab codes up in a map in a file instead of in the master and EDI."""
    folder = hospital.mappings / "maps"
    folder.mkdir()
    (folder / "lab.yaml").write_text(f"maps:\n  lab: {declaration}\n", encoding="utf-8")
    (folder / "lab.csv").write_text(content, encoding="utf-8")
    hospital.rewrite(
        "subjects.yaml", "{code: EXM_CD, through: exam, vocabulary: EDI}", f"{{code: EXM_CD, map: lab{then}}}"
    )


def measured(hospital: Tiny, *columns: str) -> dict[str, set[tuple[object, ...]]]:
    """Rows by lab code, wherever they went."""
    run = hospital.mapped()
    found: dict[str, set[tuple[object, ...]]] = {}
    for table in ("measurement", "observation"):
        for row in mapped_rows(run, table):
            if str(row[f"{table}_source_value"]).startswith("L0"):
                values = tuple(row[c if c.startswith("value") else f"{table}_{c}"] for c in columns)
                found.setdefault(row[f"{table}_source_value"], set()).add(values)
    return found


def test_only_approved_rows_of_usagi_map_and_the_rest_goes_on_to_the_fallback(hospital: Tiny) -> None:
    lines = f"L001,Hb,9,1,APPROVED,{HEMOGLOBIN},MAPS_TO\nL002,Glu,9,1,UNCHECKED,{CREATININE},MAPS_TO\n"
    lab_map(hospital, "{usagi: lab.csv}", USAGI + lines, ", fallback: [{through: exam, vocabulary: EDI}]")
    assert measured(hospital, "concept_id") == {"L001": {(HEMOGLOBIN,)}, "L002": {(GLUCOSE,)}, "L003": {(CREATININE,)}}


def test_a_code_that_is_deliberately_unmapped_does_not_go_on(hospital: Tiny) -> None:
    lines = f"L001,Hb,9,1,APPROVED,{HEMOGLOBIN},MAPS_TO\nL002,Glu,9,1,APPROVED,0,MAPS_TO\n"
    lab_map(hospital, "{usagi: lab.csv}", USAGI + lines, ", fallback: [{through: exam, vocabulary: EDI}]")
    assert measured(hospital, "concept_id")["L002"] == {(0,)}


def test_codes_in_yaml_replace_what_the_file_says_of_them(hospital: Tiny) -> None:
    lines = f"L001,Hb,9,1,APPROVED,{HEMOGLOBIN},MAPS_TO\nL002,Glu,9,1,APPROVED,{HEMOGLOBIN},MAPS_TO\n"
    lab_map(hospital, f"{{usagi: lab.csv, codes: {{L002: {GLUCOSE}}}}}", USAGI + lines)
    assert measured(hospital, "concept_id") == {"L001": {(HEMOGLOBIN,)}, "L002": {(GLUCOSE,)}, "L003": {(0,)}}


def test_a_value_that_usagi_gives_stands_beside_its_concept(hospital: Tiny) -> None:
    lines = f"L001,Hb,9,1,APPROVED,{HEMOGLOBIN},MAPS_TO\nL001,Hb,9,1,APPROVED,9191,MAPS_TO_VALUE\n"
    lab_map(hospital, "{usagi: lab.csv}", USAGI + lines)
    assert measured(hospital, "concept_id", "value_as_concept_id")["L001"] == {(HEMOGLOBIN, 9191)}


def test_a_dated_row_holds_on_the_days_between_its_dates_only(hospital: Tiny) -> None:
    lines = (
        f"L001,0,LAB,{GLUCOSE},LOINC,20100101,20260601,U\nL001,0,LAB,{HEMOGLOBIN},LOINC,20260602,20991231,\n"
        f"L002,0,LAB,{GLUCOSE},LOINC,20260603,20991231,\nL003,0,LAB,{CREATININE},LOINC,20100101,20991231,D\n"
    )
    lab_map(hospital, "{source_to_concept_map: lab.csv, vocabulary: LAB}", TABLE + lines)
    run = hospital.mapped()
    found = {(r["measurement_source_value"], str(r["measurement_date"])): r["measurement_concept_id"]
             for r in mapped_rows(run, "measurement") if r["measurement_source_value"][0] == "L"}  # fmt: skip
    assert found == {
        ("L001", "2026-06-01"): GLUCOSE, ("L001", "2026-06-08"): HEMOGLOBIN, ("L001", "2026-06-11"): HEMOGLOBIN,
        ("L001", "2026-06-27"): HEMOGLOBIN, ("L002", "2026-06-01"): 0, ("L002", "2026-06-02"): 0,
        ("L002", "2026-06-05"): GLUCOSE, ("L003", "2026-06-04"): 0,
    }  # fmt: skip


def test_a_row_without_a_day_takes_the_present_meaning_once(hospital: Tiny) -> None:
    (hospital.mappings / "sex.csv").write_text(
        TABLE + "M,0,SEX,8532,Gender,19900101,20091231,U\nM,0,SEX,8507,Gender,20100101,20991231,\n"
        "F,0,SEX,8532,Gender,,,\n",
        encoding="utf-8",
    )
    (hospital.mappings / "sex.yaml").write_text("maps: {sex: {source_to_concept_map: sex.csv}}\n", encoding="utf-8")
    (hospital.settings.mappings / "shared" / "codes.yaml").write_text(
        "clean:\n  kcd: upper(trim(code))\nmaps:\n  visit_kind:\n    codes: {O: 9202, I: 9201}\n"
        "  unit:\n    codes: {g/dL: 8713, mg/dL: 8840}\n",
        encoding="utf-8",
    )
    persons = mapped_rows(hospital.mapped(), "person")
    assert len({p["person_id"] for p in persons}) == len(persons)
    assert {(p["gender_source_value"], p["gender_concept_id"]) for p in persons} == {("M", 8507), ("F", 8532)}


def test_source_concepts_of_the_file_are_written_and_pass_the_gate(hospital: Tiny) -> None:
    lines = f"L001,{LOCAL},LAB,{HEMOGLOBIN},LOINC,,,\nL002,0,LAB,{GLUCOSE},LOINC,,,\nL003,{LOCAL + 1},LAB,0,None,,,\n"
    lab_map(hospital, "{source_to_concept_map: lab.csv}", TABLE + lines)
    assert measured(hospital, "concept_id", "source_concept_id") == {
        "L001": {(HEMOGLOBIN, LOCAL)}, "L002": {(GLUCOSE, 0)}, "L003": {(0, LOCAL + 1)},
    }  # fmt: skip
    from etl.settings import PROJECT

    hospital.settings = hospital.settings.model_copy(update={"expectations": with_project_gate(hospital, PROJECT)})
    hospital.publish()


def with_project_gate(hospital: Tiny, project: Path) -> Path:
    """The tiny hospital's source suites and the project's CDM suite of measurements."""
    folder = hospital.settings.home / "expectations"
    (folder / "cdm").mkdir(parents=True)
    (folder / "source").symlink_to(hospital.settings.expectations / "source")
    suite = project / "expectations" / "cdm" / "measurement.json"
    (folder / "cdm" / "measurement.json").write_bytes(suite.read_bytes())
    return folder


def test_the_bytes_of_a_file_are_part_of_the_mapping(hospital: Tiny) -> None:
    lab_map(hospital, "{usagi: lab.csv}", USAGI + f"L001,Hb,9,1,APPROVED,{HEMOGLOBIN},MAPS_TO\n")
    before = load_mappings(hospital.settings.mappings)["tiny"].digest
    assert load_mappings(hospital.settings.mappings)["tiny"].digest == before
    with (hospital.mappings / "maps" / "lab.csv").open("a", encoding="utf-8") as file:
        file.write("L009,note,1,1,UNCHECKED,0,MAPS_TO\n")
    assert load_mappings(hospital.settings.mappings)["tiny"].digest != before


@pytest.mark.parametrize(
    ("declaration", "said"),
    [
        ("{}", "maps/lab.yaml:2  maps.lab: says neither `codes` nor `usagi` nor `source_to_concept_map`"),
        ("{usagi: a.csv, source_to_concept_map: b.csv}", "maps/lab.yaml:2  maps.lab: says both"),
        ("{usagi: other.csv}", "tiny/maps/other.csv:1  usagi: cannot be read: No such file"),
        ("{usagi: lab.csv, encoding: klingon}", "tiny/maps/lab.csv:1  usagi: Python knows no encoding 'klingon'"),
        ("{usagi: lab.csv}", "tiny/maps/lab.csv:3  conceptId: 'x' is no concept id"),
    ],
)
def test_what_is_wrong_with_a_map_is_named_by_file_and_line(hospital: Tiny, declaration: str, said: str) -> None:
    lab_map(
        hospital, declaration, USAGI + f"L001,Hb,9,1,APPROVED,{HEMOGLOBIN},MAPS_TO\nL002,a,9,1,APPROVED,x,MAPS_TO\n"
    )
    with pytest.raises(MappingError) as raised:
        load_mappings(hospital.settings.mappings)
    assert said in raised.value.message


def check(hospital: Tiny, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    s = hospital.settings
    for name, value in (("HOME", s.home), ("MAPPINGS", s.mappings), ("EXPECTATIONS", s.expectations)):
        monkeypatch.setenv(f"ETL_{name}", str(value))
    monkeypatch.setattr("etl.cli.console.err", Console(stderr=True, width=200))
    result = CliRunner().invoke(app, ["check", "tiny"])
    return result.exit_code, result.output


def test_etl_check_lists_every_target_that_the_release_lacks_and_counts_the_review(
    hospital: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = f"L001,Hb,9,1,APPROVED,{HEMOGLOBIN},MAPS_TO\nL002,Glu,9,1,UNCHECKED,77,MAPS_TO\n"
    lab_map(hospital, "{usagi: lab.csv}", USAGI + lines)
    code, output = check(hospital, monkeypatch)
    assert (code, "lab.csv: 1 row of 'lab' count; left out: 1 UNCHECKED" in output) == (0, True)
    with (hospital.mappings / "maps" / "lab.csv").open("a", encoding="utf-8") as file:
        file.write("L003,b,9,1,APPROVED,77,MAPS_TO\nL004,c,9,1,APPROVED,442116,MAPS_TO\n")
    code, output = check(hospital, monkeypatch)
    assert code == 4
    assert "tiny/maps/lab.csv:4  code L003: concept 77 is not in the release" in output
    assert "tiny/maps/lab.csv:5  code L004: concept 442116 is no longer valid in the release" in output


def test_a_night_maps_them_to_0_and_says_so(hospital: Tiny) -> None:
    lines = f"L001,Hb,9,1,APPROVED,{HEMOGLOBIN},MAPS_TO\nL002,Glu,9,1,APPROVED,77,MAPS_TO\n"
    lab_map(hospital, "{usagi: lab.csv}", USAGI + lines)
    assert measured(hospital, "concept_id")["L002"] == {(0,)}
    run = hospital.through("land", "merge", "map", "derive", "check_cdm")
    from etl.quality.report.read import night, summaries

    ledger = Ledger(hospital.settings.ledger_url)
    runs = summaries(ledger, [run.run_id])
    found = [
        f for gate in night(ledger, runs[0], runs).gates for f in gate.findings if "code map 'lab'" in f.description
    ]
    assert [(f.success, f.severity, f.unexpected, f.total) for f in found] == [(False, "warn", 1, 2)]


def test_zero_bytes_of_a_bundle_a_map_and_a_delivery_are_nothing_on_both_warehouses(
    either: Tiny, tmp_path: Path
) -> None:
    bundle = Path(shutil.copytree(PROJECT / "etl" / "sample" / "vocabulary", tmp_path / "bundle"))
    for table, old in (("CONCEPT", b"\tS\t"), ("CONCEPT_SYNONYM", b"\t4175771\n"), ("VOCABULARY", b"SNOMED")):
        file = bundle / f"{table}.csv"
        assert old in file.read_bytes()
        file.write_bytes(file.read_bytes().replace(old, b"\0" + old))
    (either.settings.home / "vocabulary").unlink()
    release = load_bundle(either.settings, bundle)
    assert sum("zero bytes" in note for note in release.notes) == 3
    lines = f"L0\x0001,Hb\x00,9,1,APPROVED,{HEMOGLOBIN}\x00,MAPS_TO\n"
    lab_map(either, f'{{usagi: lab.csv, codes: {{"L0\\x0002": {GLUCOSE}}}}}', USAGI + lines)
    for row in either.tables["LAB.csv"][1:]:
        row[2] = row[2].replace("L0", "L\x000")
    run_delivery(either.settings, "tiny", either.deliver())
    rows = tiny.warehouse_rows(either.settings, ("measurement", "concept", "concept_synonym", "vocabulary"))
    texts = [value for table in rows.values() for row in table for value in row if isinstance(value, str)]
    assert texts
    assert not any("\0" in text for text in texts)
    assert {HEMOGLOBIN, GLUCOSE} <= {value for row in rows["measurement"] for value in row}
