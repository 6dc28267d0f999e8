"""YAML and vocabulary bundles that are wrong: every problem at once, each with file, line, key and the nearest name."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import tiny
from tiny import Tiny

from etl.errors import ConfigError, InputError, MappingError
from etl.mapping.consortium import read_consortium
from etl.mapping.load import load_mappings
from etl.settings import PROJECT, Settings
from etl.vocabulary.release import load_bundle, releases

BUNDLE = PROJECT / "etl" / "sample" / "vocabulary"


def line_of(hospital: Tiny, file: str, text: str) -> int:
    """The line of a YAML file that holds a text."""
    lines = (hospital.mappings / file).read_text(encoding="utf-8").splitlines()
    return next(i for i, line in enumerate(lines, start=1) if text in line)


def problems(hospital: Tiny) -> list[str]:
    """What checking the mappings finds, one text per problem."""
    with pytest.raises(MappingError) as caught:
        load_mappings(hospital.settings.mappings)
    assert caught.value.exit_code == 4
    return [str(p) for p in caught.value.problems]


# file, text to replace, what stands there instead, and what the problem says after `<file>:<line>  `
BROKEN = {
    "a wrong key of a source": (
        "sources.yaml", "encoding: cp949", "enconding: cp949",
        "sources.patients.enconding: unknown key; did you mean 'encoding'?",
    ),
    "a wrong key of a column": (
        "sources.yaml", "scrub: true, optional: true", "scrubb: true",
        "sources.visits.columns.MEMO.scrubb: unknown key; did you mean 'scrub'?",
    ),
    "a wrong key of an entry": (
        "subjects.yaml", "start: DEATH", "begin: DEATH",
        "entries.patients_death.begin: unknown key; known: ",
    ),
    "a column that is not in the contract": (
        "subjects.yaml", "start: EXM_DTM", "start: EXM_DTTM",
        "entries.results_measurement.start: column 'EXM_DTTM' is not in source 'results'; did you mean 'EXM_DTM'?",
    ),
    "an identifier that does not land": (
        "subjects.yaml", "value: RESULT", "value: coalesce(RESULT, NM)",
        "entries.results_measurement.value: column 'NM' is not in source 'results'",
    ),
    "a key column that is not in the contract": (
        "sources.yaml", "key: [ADM_NO]", "key: [ADMNO]",
        "sources.visits.key: column 'ADMNO' is not in the source; did you mean 'ADM_NO'?",
    ),
    "an expression that is no SQL": (
        "subjects.yaml", "RULE_OUT is distinct from 'Y'", "RULE_OUT is distinct from (",
        "entries.diagnoses_condition.where.rule_out: is no SQL expression",
    ),
    "an expression that reads other rows": (
        "subjects.yaml", "RULE_OUT is distinct from 'Y'", "RULE_OUT = (select max(RULE_OUT) from x)",
        "entries.diagnoses_condition.where.rule_out: may not hold",
    ),
    "an unknown map": (
        "subjects.yaml", "map: visit_kind", "map: visit_kinds",
        "entries.visits_visit_occurrence.concept.map: there is no 'visit_kinds'; did you mean 'visit_kind'?",
    ),
    "an unknown cleaning rule": (
        "subjects.yaml", "clean: kcd", "clean: kdc",
        "entries.diagnoses_condition.concept.clean: there is no 'kdc'; did you mean 'kcd'?",
    ),
    "an unknown master": (
        "subjects.yaml", "through: exam", "through: exams",
        "entries.results_measurement.concept.through: there is no 'exams'; did you mean 'exam'?",
    ),
    "an unknown source": (
        "subjects.yaml", "from: results", "from: result",
        "entries.result_measurement.from: there is no source 'result'; did you mean 'results'?",
    ),
    "an unknown event": (
        "subjects.yaml", "event: condition", "event: conditions",
        "entries.diagnoses_conditions.event: unknown `event` or `table` 'conditions'; did you mean 'condition'?",
    ),
    "a person that is none": (
        "subjects.yaml", "person: PT_NO", "person: SEX",
        "entries.patients_person.person: 'SEX' is not declared `identifier: person`",
    ),
    "an entity that is none": (
        "subjects.yaml", "table: care_site\n  care_site: DEPT", "table: care_site\n  care_site: KIND",
        "entries.visits_care_site.care_site: 'KIND' is not declared `entity: care_site`",
    ),
    "a source of a master": (
        "sources.yaml", "source: exam_codes", "source: exam_code",
        "masters.exam.0: there is no source 'exam_code'; did you mean 'exam_codes'?",
    ),
    "a missing field": (
        "subjects.yaml", "  birth: BIRTH\n", "", "entries.patients_person: 'birth' is missing",
    ),
    "an encoding nobody knows": (
        "sources.yaml", "encoding: cp949", "encoding: cp94",
        "sources.patients.encoding: Python knows no encoding 'cp94'",
    ),
    "an encoding of two bytes per character": (
        "sources.yaml", "encoding: cp949", "encoding: utf-16",
        "sources.patients.encoding: 'utf-16' is not supported",
    ),
    "a share above one": (
        "sources.yaml", "file: LAB.csv", "file: LAB.csv\n    max_rejected: 5",
        "sources.results.max_rejected: Input should be less than or equal to 1",
    ),
    "a key of nowhere": ("hospital.yaml", "live_since", "alive_since", "alive_since: unknown key; did you mean"),
    "a number that is none": ("hospital.yaml", "number: 5", "number: 64", "number: Input should be less than"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_problem_is_named_with_file_line_and_key(hospital: Tiny, case: str) -> None:
    file, old, new, said = BROKEN[case]
    hospital.rewrite(file, old, new)
    line = line_of(hospital, file, new.splitlines()[-1]) if new else 1
    found = problems(hospital)
    assert any(p.startswith(f"tiny/{file}:{line}  {said}") for p in found), found
    assert len(found) <= 2, found  # what one problem has broken does not make others


def test_all_problems_are_reported_at_once(hospital: Tiny) -> None:
    chosen = ["a wrong key of a source", "an unknown map", "an expression that is no SQL", "a number that is none"]
    for case in chosen:
        file, old, new, _ = BROKEN[case]
        hospital.rewrite(file, old, new)
    text = "\n".join(problems(hospital))
    assert all(BROKEN[case][3] in text for case in chosen)


def test_a_key_written_twice_is_named(hospital: Tiny) -> None:
    hospital.rewrite("sources.yaml", "    file: LAB.csv", "    file: LAB.csv\n    file: LAB2.csv")
    line = line_of(hospital, "sources.yaml", "LAB2")
    assert problems(hospital) == [f"tiny/sources.yaml:{line}  file: is written twice; keep one"]


def test_two_entries_of_one_name_are_named(hospital: Tiny) -> None:
    hospital.rewrite("subjects.yaml", "- name: remarks\n", "- name: patients_person\n")
    assert any("'patients_person' is there twice" in p for p in problems(hospital))


def test_two_hospitals_with_one_number_are_named(hospital: Tiny) -> None:
    other = hospital.settings.mappings / "other"
    shutil.copytree(hospital.mappings, other)
    head = other / "hospital.yaml"
    head.write_text(head.read_text(encoding="utf-8").replace("hospital: tiny", "hospital: other"), encoding="utf-8")
    assert problems(hospital) == ["tiny/hospital.yaml:2  number: 5 belongs to 'other' already"]


def test_a_folder_of_another_name_is_named(hospital: Tiny) -> None:
    hospital.rewrite("hospital.yaml", "hospital: tiny", "hospital: tinny")
    assert problems(hospital) == ["tiny/hospital.yaml:1  hospital: is 'tinny' but the folder is 'tiny'"]


@pytest.mark.parametrize("text", ["sources: [", "\tx: 1", "a: b: c"])
def test_a_file_that_is_no_yaml_is_named(hospital: Tiny, text: str) -> None:
    (hospital.mappings / "broken.yaml").write_text(text, encoding="utf-8")
    assert any(p.startswith("tiny/broken.yaml:1  -: is not YAML") for p in problems(hospital))


@pytest.mark.parametrize("text", ["hospital: [tiny", "hospital: tiny\nnumber: a: b"])
def test_a_head_that_is_no_yaml_is_the_only_thing_blamed(hospital: Tiny, text: str) -> None:
    (hospital.mappings / "hospital.yaml").write_text(text, encoding="utf-8")
    (only,) = problems(hospital)
    assert only.startswith("tiny/hospital.yaml:")
    assert "is not YAML" in only


def test_a_key_missing_from_the_head_is_missing_there(hospital: Tiny) -> None:
    hospital.rewrite("hospital.yaml", "number: 5\n", "")
    assert problems(hospital) == ["tiny/hospital.yaml:1  -: 'number' is missing"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: A\nabbreviation: B\nholder: [C]\n", ["consortium.yaml:3  holder: expected a text"]),
        ("abbreviation: B\nholder: C\n", ["consortium.yaml:1  -: 'name' is missing"]),
        ("name: [A\n", ["consortium.yaml:1  -: is not YAML: did not find expected ',' or ']'"]),
        (
            "name: A\nholdr: C\nabbreviation: B\nholder: C\n",
            ["consortium.yaml:2  holdr: unknown key; did you mean 'holder'?"],
        ),
        ("", [f"consortium.yaml:1  -: '{key}' is missing" for key in ("name", "abbreviation", "holder")]),
    ],
)
def test_a_wrong_consortium_file_is_named_with_line_and_key(tmp_path: Path, text: str, said: list[str]) -> None:
    (tmp_path / "consortium.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(MappingError) as caught:
        read_consortium(tmp_path)
    assert [str(p) for p in caught.value.problems] == said


@pytest.mark.parametrize("text", ["just words", "3", "entries: 5", "sources: none", "- just words"])
def test_yaml_of_another_form_is_a_problem_not_a_crash(hospital: Tiny, text: str) -> None:
    (hospital.mappings / "zz.yaml").write_text(text, encoding="utf-8")
    assert any("tiny/zz.yaml" in p for p in problems(hospital)), problems(hospital)


def test_a_source_nobody_reads_must_say_why(hospital: Tiny) -> None:
    with (hospital.mappings / "more.yaml").open("w", encoding="utf-8") as file:
        file.write("sources:\n  extra:\n    file: EXTRA.csv\n    columns: {A: }\n")
    assert any("tiny/more.yaml:2  sources.extra: no entry or master reads it" in p for p in problems(hospital))


def test_an_unknown_hospital_is_named_with_the_nearest(hospital: Tiny) -> None:
    with pytest.raises(ConfigError, match=r"there is no hospital 'tinny'.*did you mean 'tiny'"):
        load_mappings(hospital.settings.mappings, ["tinny"])


def test_a_wrong_mapping_stops_the_run_before_any_row_is_read(hospital: Tiny) -> None:
    hospital.rewrite("subjects.yaml", "map: visit_kind", "map: visit_kinds")
    with pytest.raises(MappingError):
        hospital.publish()
    assert not hospital.settings.lake.exists()
    assert tiny.nothing_published(hospital.settings)


def copied_bundle(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BUNDLE, tmp_path / "bundle"))


def empty_home(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", threads=2, memory="500MB", _env_file=None)


def test_a_bundle_with_files_missing_names_them_all(tmp_path: Path) -> None:
    bundle = copied_bundle(tmp_path)
    (bundle / "CONCEPT.csv").unlink()
    (bundle / "DOMAIN.csv").unlink()
    settings = empty_home(tmp_path)
    with pytest.raises(InputError, match=r"lacks CONCEPT\.csv, DOMAIN\.csv"):
        load_bundle(settings, bundle)
    assert releases(settings) == []


def test_a_bundle_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no vocabulary bundle"):
        load_bundle(empty_home(tmp_path), tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"concept_code\t", b"code\t", r"CONCEPT\.csv, line 1: column 'concept_code' is missing"),
        (b"8507\tMALE", b"male\tMALE", r"CONCEPT\.csv, line \d+: is not in Athena's format"),
        (b"19700101", b"1970-01-01", r"CONCEPT\.csv, line \d+: is not in Athena's format"),
        (b"\t", b",", r"CONCEPT\.csv, line 1: column 'concept_id' is missing"),
    ],
)
def test_a_bundle_of_another_format_is_named_by_file_and_line(
    tmp_path: Path, old: bytes, new: bytes, said: str
) -> None:
    bundle = copied_bundle(tmp_path)
    concept = bundle / "CONCEPT.csv"
    content = concept.read_bytes()
    concept.write_bytes(content.replace(old, new) if old == b"\t" else content.replace(old, new, 1))
    settings = empty_home(tmp_path)
    with pytest.raises(InputError, match=said):
        load_bundle(settings, bundle)
    assert releases(settings) == []


def test_an_empty_concept_file_is_refused(tmp_path: Path) -> None:
    bundle = copied_bundle(tmp_path)
    concept = bundle / "CONCEPT.csv"
    concept.write_bytes(b"")
    with pytest.raises(InputError, match=r"CONCEPT\.csv"):
        load_bundle(empty_home(tmp_path), bundle)


def test_without_a_vocabulary_the_next_command_is_said(tmp_path: Path, hospital: Tiny) -> None:
    hospital.settings.vocabularies.unlink()
    with pytest.raises(ConfigError, match="etl vocabulary load"):
        hospital.through()
