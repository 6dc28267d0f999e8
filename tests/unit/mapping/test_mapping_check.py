"""`etl.mapping.check`: every mistake of all files at once, with file, line, key and the nearest valid name."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl.errors import ConfigError, MappingError, nearest
from etl.mapping.language.mapping import HospitalMapping
from etl.mapping.load import load_mappings

# A small hospital without mistakes; what a test changes is written into these texts.
GOOD = {
    "shared/maps/sex.yaml": """\
maps:
  sex:
    codes: {M: 8507, F: 8532}
""",
    "shared/clean.yaml": """\
clean:
  plain: upper(trim(code))
""",
    "shared/layouts/L/people.yaml": """\
- from: patients
  table: person
  person: PT_NO
  birth: BIRTH
  gender: {code: SEX, map: sex}
""",
    "small/hospital.yaml": """\
hospital: small
number: 9
name: {ko: 작은 병원, en: Small}
layout: L
""",
    "small/sources.yaml": """\
sources:
  patients:
    file: patients.csv
    key: [PT_NO]
    columns:
      PT_NO: {identifier: person, registers: true}
      BIRTH:
      SEX:
  diagnoses:
    file: diagnoses.csv
    columns:
      PT_NO: {identifier: person}
      DOCTOR: {entity: provider}
      CODE:
      DAY:
  code_book:
    file: book.csv
    columns: {CODE: , STANDARD: }
""",
    "small/masters.yaml": """\
masters:
  book:
    - {source: code_book, code: CODE, to: STANDARD}
""",
    "small/events.yaml": """\
- from: diagnoses
  event: condition
  where: {coded: CODE is not null}
  person: PT_NO
  start: DAY
  concept:
    code: CODE
    through: book
    vocabulary: KCD7
    fallback:
      - {clean: plain, vocabulary: ICD10}
  type: 32827
  provider: DOCTOR
""",
}


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def changed(file: str, old: str, new: str) -> dict[str, str]:
    assert GOOD[file].count(old) == 1, f"{file}: {old}"
    return {**GOOD, file: GOOD[file].replace(old, new)}


def load(root: Path, files: dict[str, str]) -> HospitalMapping:
    write(root, files)
    return load_mappings(root)["small"]


def problems(root: Path, files: dict[str, str]) -> list[str]:
    """Problems as the user reads them."""
    write(root, files)
    with pytest.raises(MappingError) as raised:
        load_mappings(root)
    assert raised.value.exit_code == 4
    assert raised.value.message.startswith(f"{len(raised.value.problems)} problem(s)")
    return [str(problem) for problem in raised.value.problems]


def test_a_right_mapping_is_typed(tmp_path: Path) -> None:
    mapping = load(tmp_path, GOOD)
    assert [e.label for e in mapping.entries] == ["patients_person", "diagnoses_condition"]
    assert mapping.maps["sex"].codes == {"M": 8507, "F": 8532}


def test_words_that_yaml_takes_for_truth_values_are_the_texts_they_were_written_as(tmp_path: Path) -> None:
    files = {
        **GOOD,
        "small/sources.yaml": GOOD["small/sources.yaml"].replace("      CODE:\n", "      CODE:\n      NO:\n      ON:\n")
        .replace("registers: true", "registers: yes"),
        "small/events.yaml": GOOD["small/events.yaml"].replace("start: DAY", "start: ON")
        .replace("    code: CODE", "    code: NO", 1).replace("CODE is not null", "NO"),
        "shared/maps/sex.yaml": "maps: {sex: {codes: {Y: 8507, NO: 8532, OFF: 0}}}",
    }  # fmt: skip
    mapping = load(tmp_path, files)
    said = mapping.entries[1].said()
    assert (said["start"], said["concept"].code, mapping.entries[1].rules) == ("ON", "NO", {"coded": "NO"})
    assert list(mapping.maps["sex"].codes) == ["Y", "NO", "OFF"]
    assert mapping.sources["patients"].declared["PT_NO"].registers is True


def test_another_scalar_where_a_text_is_due_says_how_it_is_written(tmp_path: Path) -> None:
    files = changed("small/events.yaml", "start: DAY", "start: 010")
    assert problems(tmp_path, files) == [
        'small/events.yaml:5  entries.diagnoses_condition.start: expected a text; write it in quotes: "010"'
    ]


ONE = {
    "unknown key of an entry": (
        "small/events.yaml", "  provider: DOCTOR", "  provder: DOCTOR",
        "small/events.yaml:13  entries.diagnoses_condition.provder: unknown key; did you mean 'provider'?",
    ),
    "unknown key of a look-up": (
        "small/events.yaml", "    through: book", "    trough: book",
        "small/events.yaml:8  entries.diagnoses_condition.concept.trough: unknown key; did you mean 'through'?",
    ),
    "unknown key of a fall-back": (
        "small/events.yaml", "{clean: plain, vocabulary: ICD10}", "{cleaned: plain, vocabulary: ICD10}",
        "small/events.yaml:11  entries.diagnoses_condition.concept.fallback.0.cleaned: unknown key; "
        "did you mean 'clean'?",
    ),
    "unknown key of a source": (
        "small/sources.yaml", "    file: diagnoses.csv", "    fil: diagnoses.csv\n    file: diagnoses.csv",
        "small/sources.yaml:10  sources.diagnoses.fil: unknown key; did you mean 'file'?",
    ),
    "number of files of what is no glob": (
        "small/sources.yaml", "    file: diagnoses.csv", "    file: diagnoses.csv\n    files: 12",
        "small/sources.yaml:11  sources.diagnoses.files: says how many files a glob has; `file` is none, such as "
        "LAB_*.csv",
    ),
    "number of files that cannot be": (
        "small/sources.yaml", "    file: diagnoses.csv",
        "    file: diagnoses_*.csv\n    files: {at_least: 3, at_most: 2}",
        "small/sources.yaml:11  sources.diagnoses.files: no number is at least 3 and at most 2",
    ),
    "unknown key of a number of files": (
        "small/sources.yaml", "    file: diagnoses.csv", "    file: diagnoses_*.csv\n    files: {at_lest: 3}",
        "small/sources.yaml:11  sources.diagnoses.files.at_lest: unknown key; did you mean 'at_least'?",
    ),
    "number of files that is no number": (
        "small/sources.yaml", "    file: diagnoses.csv", "    file: diagnoses_*.csv\n    files: many",
        "small/sources.yaml:11  sources.diagnoses.files: expected keys with values",
    ),
    "unknown key of a column": (
        "small/sources.yaml", "DOCTOR: {entity: provider}", "DOCTOR: {entity: provider, optinal: true}",
        "small/sources.yaml:13  sources.diagnoses.columns.DOCTOR.optinal: unknown key; did you mean 'optional'?",
    ),
    "unknown key of a file": (
        "small/masters.yaml", "masters:", "master:",
        "small/masters.yaml:1  master: unknown key; did you mean 'masters'?",
    ),
    "missing field": (
        "small/events.yaml", "  start: DAY\n", "",
        "small/events.yaml:1  entries.diagnoses_condition: 'start' is missing",
    ),
    "unknown event": (
        "small/events.yaml", "event: condition", "event: conditions",
        "small/events.yaml:2  entries.diagnoses_conditions.event: unknown `event` or `table` 'conditions'; "
        "did you mean 'condition'?",
    ),
    "neither event nor table": (
        "small/events.yaml", "  event: condition\n", "",
        "small/events.yaml:1  entries.diagnoses_None: needs `event` or `table`",
    ),
    "unknown source": (
        "small/masters.yaml", "source: code_book", "source: codebook",
        "small/masters.yaml:3  masters.book.0: there is no source 'codebook'; did you mean 'code_book'?",
    ),
    "unknown column in a field": (
        "small/events.yaml", "  start: DAY", "  start: DAYS",
        "small/events.yaml:5  entries.diagnoses_condition.start: column 'DAYS' is not in source 'diagnoses'; "
        "did you mean 'DAY'?",
    ),
    "unknown column inside SQL": (
        "small/events.yaml", "    code: CODE", "    code: upper(COD)",
        "small/events.yaml:7  entries.diagnoses_condition.concept.code: column 'COD' is not in source 'diagnoses'; "
        "did you mean 'CODE'?",
    ),
    "unknown column in a rule": (
        "small/events.yaml", "CODE is not null", "KODE is not null",
        "small/events.yaml:3  entries.diagnoses_condition.where.coded: column 'KODE' is not in source 'diagnoses'; "
        "did you mean 'CODE'?",
    ),
    "no SQL": (
        "small/events.yaml", "CODE is not null", "CODE in (1,",
        "small/events.yaml:3  entries.diagnoses_condition.where.coded: is no SQL expression",
    ),
    "a query where an expression belongs": (
        "small/events.yaml", "  start: DAY", "  start: (select max(DAY) from x)",
        "small/events.yaml:5  entries.diagnoses_condition.start: may not hold",
    ),
    "unknown map": (
        "shared/layouts/L/people.yaml", "map: sex", "map: sexes",
        "shared/layouts/L/people.yaml:5  entries.patients_person.gender.map: there is no 'sexes'; did you mean 'sex'?",
    ),
    "unknown master": (
        "small/events.yaml", "through: book", "through: bok",
        "small/events.yaml:8  entries.diagnoses_condition.concept.through: there is no 'bok'; did you mean 'book'?",
    ),
    "unknown cleaning rule": (
        "small/events.yaml", "clean: plain", "clean: plane",
        "small/events.yaml:11  entries.diagnoses_condition.concept.fallback.0.clean: there is no 'plane'; "
        "did you mean 'plain'?",
    ),
    "nowhere to look up": (
        "small/events.yaml", "    vocabulary: KCD7\n", "",
        "small/events.yaml:6  entries.diagnoses_condition.concept: says neither `map` nor `vocabulary`",
    ),
    "a person that is not declared": (
        "small/events.yaml", "  person: PT_NO", "  person: CODE",
        "small/events.yaml:4  entries.diagnoses_condition.person: 'CODE' is not declared `identifier: person` in "
        "source 'diagnoses'; known: PT_NO",
    ),
    "a provider that is not declared": (
        "small/events.yaml", "  provider: DOCTOR", "  provider: CODE",
        "small/events.yaml:13  entries.diagnoses_condition.provider: 'CODE' is not declared `entity: provider` in "
        "source 'diagnoses'; known: DOCTOR",
    ),
    "a key column that does not exist": (
        "small/sources.yaml", "key: [PT_NO]", "key: [PT_NR]",
        "small/sources.yaml:4  sources.patients.key: column 'PT_NR' is not in the source; did you mean 'PT_NO'?",
    ),
    "changes without a key": (
        "small/sources.yaml", "    file: book.csv", "    file: book.csv\n    delivery: delta",
        "small/sources.yaml:16  sources.code_book: comes as changes (`delivery: delta`) and needs a `key`",
    ),
    "merged records that are none": (
        "small/sources.yaml", "      SEX:", "      SEX:\n    merges: {from: PT_NO, into: SEX}",
        "small/sources.yaml:9  sources.patients.merges.into: 'SEX' is not declared `identifier: person`",
    ),
    "an encoding without single-byte line ends": (
        "small/sources.yaml", "    file: book.csv", "    file: book.csv\n    encoding: utf-16",
        "small/sources.yaml:18  sources.code_book.encoding: 'utf-16' is not supported",
    ),
    "an unknown encoding": (
        "small/sources.yaml", "    file: book.csv", "    file: book.csv\n    encoding: cp94",
        "small/sources.yaml:18  sources.code_book.encoding: Python knows no encoding 'cp94'",
    ),
    "a source that nothing reads": (
        "small/sources.yaml", "  code_book:", "  prices:\n    file: prices.csv\n    columns: {A: }\n  code_book:",
        "small/sources.yaml:16  sources.prices: no entry or master reads it; say why with `unused: …`",
    ),
    "a cleaning rule that sees a column": (
        "shared/clean.yaml", "upper(trim(code))", "upper(CODE_2)",
        "shared/clean.yaml:2  clean.plain: column 'CODE_2' is not in a cleaning rule, which sees only `code`",
    ),
    "a key written twice": (
        "small/events.yaml", "  start: DAY", "  start: DAY\n  start: DAY",
        "small/events.yaml:6  start: is written twice; keep one",
    ),
    "a name that is not the folder's": (
        "small/hospital.yaml", "hospital: small", "hospital: smal",
        "small/hospital.yaml:1  hospital: is 'smal' but the folder is 'small'",
    ),
    "a layout that is not there": (
        "small/hospital.yaml", "layout: L", "layout: M",
        "small/hospital.yaml:4  layout: there is no folder shared/layouts/M",
    ),
    "a number out of range": (
        "small/hospital.yaml", "number: 9", "number: 64",
        "small/hospital.yaml:2  number: Input should be less than or equal to 63",
    ),
    "a file that is not YAML": (
        "small/masters.yaml", "masters:", "masters: [",
        "small/masters.yaml:3  -: is not YAML",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ONE)
def test_a_mistake_is_named_with_file_line_and_key(tmp_path: Path, case: str) -> None:
    file, old, new, said = ONE[case]
    found = problems(tmp_path, changed(file, old, new))
    assert any(problem.startswith(said) for problem in found), found


def test_all_mistakes_of_all_files_are_named_at_once(tmp_path: Path) -> None:
    files = {
        **changed("small/events.yaml", "  start: DAY", "  start: DAYS"),
        "shared/layouts/L/people.yaml": GOOD["shared/layouts/L/people.yaml"].replace("BIRTH", "BIRHT"),
        "small/masters.yaml": GOOD["small/masters.yaml"].replace("to: STANDARD", "to: STANDRD"),
        "shared/clean.yaml": "clean:\n  plain: upper(\n",
    }
    found = problems(tmp_path, files)
    assert {problem.split("  ")[0] for problem in found} == {
        "small/events.yaml:5", "shared/layouts/L/people.yaml:4", "small/masters.yaml:3", "shared/clean.yaml:2",
    }  # fmt: skip
    assert len(found) == 4


def test_mistakes_of_two_hospitals_are_named_together(tmp_path: Path) -> None:
    other = {name.replace("small/", "other/"): text for name, text in GOOD.items() if name.startswith("small/")}
    other["other/hospital.yaml"] = other["other/hospital.yaml"].replace("hospital: small", "hospital: other")
    other["other/events.yaml"] = other["other/events.yaml"].replace("start: DAY", "start: DAI")
    found = problems(tmp_path, changed("small/events.yaml", "code: CODE", "code: CODES") | other)
    assert found == [
        "other/events.yaml:5  entries.diagnoses_condition.start: column 'DAI' is not in source 'diagnoses'; "
        "did you mean 'DAY'?",
        "small/hospital.yaml:2  number: 9 belongs to 'other' already",
        "small/events.yaml:7  entries.diagnoses_condition.concept.code: column 'CODES' is not in source 'diagnoses'; "
        "did you mean 'CODE'?",
    ]


def test_a_mistake_in_an_override_is_named_where_it_is_written(tmp_path: Path) -> None:
    override = "- {from: patients, table: person, birth: BIRTHDAY}\n"
    found = problems(tmp_path, {**GOOD, "small/people.yaml": override})
    assert found == [
        "small/people.yaml:1  entries.patients_person.birth: column 'BIRTHDAY' is not in source 'patients'; "
        "did you mean 'BIRTH'?"
    ]


def test_a_hospital_changes_and_removes_what_its_layout_says(tmp_path: Path) -> None:
    files = {
        **GOOD,
        "small/people.yaml": "- {from: patients, table: person, gender: {code: upper(SEX)}}\n",
        "small/zz.yaml": "entries: [{from: diagnoses, event: condition, provider: absent}]\n",
    }
    mapping = load(tmp_path, files)
    person, condition = mapping.entries
    assert person.said()["gender"].code == "upper(SEX)"
    assert person.said()["gender"].map == "sex"
    assert "provider" not in condition.said()
    gone = "sources: {patients: {unused: tried}}\nentries: [{from: patients, table: person, absent: true}]\n"
    removed = load(tmp_path, {**files, "small/zz.yaml": gone})
    assert [e.label for e in removed.entries] == ["diagnoses_condition"]


def test_the_digest_follows_what_is_said_not_how_it_is_written(tmp_path: Path) -> None:
    first = load(tmp_path, GOOD).digest
    commented = {**GOOD, "small/masters.yaml": "# a comment\n" + GOOD["small/masters.yaml"]}
    assert load(tmp_path, commented).digest == first
    assert load(tmp_path, changed("shared/maps/sex.yaml", "F: 8532", "F: 8532, W: 8532")).digest != first


def test_an_unknown_hospital_is_answered_with_the_nearest(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    with pytest.raises(ConfigError, match=r"there is no hospital 'smal' .*did you mean 'small'"):
        load_mappings(tmp_path, ["smal"])
    with pytest.raises(ConfigError, match=r"no hospital\.yaml below"):
        load_mappings(tmp_path / "elsewhere")


def test_nearest_names_what_is_near_or_lists_what_there_is() -> None:
    assert nearest("condtion", ["condition", "drug"]) == "; did you mean 'condition'?"
    assert nearest("xyz", ["b", "a"]) == "; known: a, b"
    assert nearest("xyz", [f"n{i:02}" for i in range(20)]).endswith("n11, …")
    assert nearest("xyz", []) == ""
