"""`etl check` finds what a run would trip over: all of it, each with file, line, field and what would be right."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
import tiny
from tiny import Tiny

from etl.errors import ConfigError
from etl.onboarding.definitions import check_everything
from etl.vocabulary.release import current_release


def told(hospital: Tiny, expectations: Path | None = None) -> list[str]:
    """The lines of the problems."""
    settings = hospital.settings.model_copy(update={"expectations": expectations or hospital.settings.expectations})
    with pytest.raises(ConfigError) as raised:
        list(check_everything(settings, None))
    assert raised.value.exit_code == 4
    return [line for line in raised.value.message.splitlines() if "  " in line]


def test_every_function_that_may_not_be_used_is_told_with_its_place_and_the_nearest_one(hospital: Tiny) -> None:
    computed = "    file: ADM.csv\n    computed: {DAY: {sql: strftim(IN_DTM)}}"
    hospital.rewrite("sources.yaml", "    file: ADM.csv", computed)
    hospital.rewrite("sources.yaml", "code: EXM_CD,", "code: uper(EXM_CD),")
    hospital.rewrite("subjects.yaml", "value: RESULT", "value: getenv(RESULT)")
    found = told(hospital)
    assert [line.split("  ")[0] for line in found] == [
        "tiny/sources.yaml:17", "tiny/sources.yaml:55", "tiny/subjects.yaml:56",
    ]  # fmt: skip
    assert "sources.visits.computed.DAY: 'strftim' is no function" in found[0]
    assert "did you mean 'strftime'?" in found[0]
    assert "did you mean 'upper'?" in found[1]


def test_every_mistake_in_sql_is_told_with_its_place_and_the_nearest_function(hospital: Tiny) -> None:
    hospital.rewrite("subjects.yaml", "birth: BIRTH", "birth: omop_blanck(BIRTH)")
    hospital.rewrite(
        "subjects.yaml", "where: {rule_out: \"RULE_OUT is distinct from 'Y'\"}", 'where: {rule_out: "len(3)"}'
    )
    hospital.rewrite("subjects.yaml", "value: RESULT", "value: list_sum(RESULT)")
    found = told(hospital)
    assert [line.split("  ")[0] for line in found] == [
        "tiny/subjects.yaml:4", "tiny/subjects.yaml:42", "tiny/subjects.yaml:56",
    ]  # fmt: skip
    assert "entries.patients_person.birth: " in found[0]
    assert "did you mean 'omop_blank'?" in found[0]
    assert "entries.diagnoses_condition.where.rule_out: " in found[1]


def test_an_aggregate_without_a_window_is_told(hospital: Tiny) -> None:
    hospital.rewrite("subjects.yaml", "value: RESULT", "value: product(try_cast(RESULT as double))")
    (line,) = told(hospital)
    assert "entries.results_measurement.value: 'product' makes one value of many rows" in line


@pytest.mark.parametrize("value", ["'null'", "\"nullif('', '')\"", "\"' '\""])
def test_a_needed_code_that_never_gives_one_is_told(hospital: Tiny, value: str) -> None:
    hospital.rewrite("subjects.yaml", "type: 32856", f"type: {{code: {value}, map: kind}}")
    (hospital.mappings / "z.yaml").write_text("maps: {kind: {codes: {L: 32856}}}", encoding="utf-8")
    (line,) = told(hospital)
    assert line.endswith("gives nothing for any row, and measurement.type has to be filled")
    assert "entries.results_measurement.type.code" in line


def test_a_column_that_the_contract_takes_away_is_told(hospital: Tiny) -> None:
    (hospital.mappings / "z.yaml").write_text("sources: {visits: {columns: {KIND: absent}}}", encoding="utf-8")
    assert ["column 'KIND' is not in source 'visits'" in line for line in told(hospital)] == [True]


DOMAINS = {
    "a status": (
        "type: 32827\n\n- from: results",
        "type: 32827\n  status: {code: RULE_OUT, map: visit_kind}\n\n- from: results",
        "takes Condition Status",
    ),
    "a constant type": ("type: 32856", "type: 9201", "measurement.type takes Type Concept"),
    "a constant unit": ("unit: {code: UNIT, map: unit}", "unit: 8507", "measurement.unit takes Unit"),
    "a gender": ("gender: {code: SEX, map: sex}", "gender: {code: SEX, map: visit_kind}", "person.gender takes Gender"),
    "a place": ("source: \"'department'\"", "source: \"'department'\"\n  place: 8507", "care_site.place takes Visit"),
    "a remark": ("concept: 0", "concept: 201826", "observation.concept takes "),
}  # fmt: skip


@pytest.mark.parametrize("name", DOMAINS)
def test_concepts_of_another_domain_than_their_field_are_told_with_the_right_one(hospital: Tiny, name: str) -> None:
    old, new, said = DOMAINS[name]
    hospital.rewrite("subjects.yaml", old, new)
    found = told(hospital)
    assert found
    assert all("is of the domain" in line and said in line for line in found)


def test_targets_that_are_not_standard_are_errors_that_name_what_they_map_to(hospital: Tiny) -> None:
    release = current_release(hospital.settings)
    maps_to = duckdb.read_parquet(str(release.table("maps_to"))).filter("vocabulary_id = 'KCD7'")
    concept, target = maps_to.select("concept_id, target_id").fetchone() or (0, 0)
    text = f"maps: {{visit_kind: {{codes: {{Z: {concept}}}}}}}"
    (hospital.mappings / "z.yaml").write_text(text, encoding="utf-8")
    found = told(hospital)
    assert any(
        f"concept {concept} is not standard in the release; it maps to" in line and str(target) in line
        for line in found
    )


def suite(*expectations: dict[str, object]) -> str:
    return json.dumps({"name": "x", "expectations": list(expectations)}, indent=1)


def query(sql: str) -> dict[str, object]:
    return {
        "type": "unexpected_rows_expectation", "kwargs": {"unexpected_rows_query": sql},
        "meta": {"severity": "block"}, "description": "It is so",
    }  # fmt: skip


def test_expectations_that_no_gate_could_evaluate_are_told(hospital: Tiny, tmp_path: Path) -> None:
    source = tmp_path / "expectations" / "source" / "tiny"
    cdm = tmp_path / "expectations" / "cdm"
    source.mkdir(parents=True)
    cdm.mkdir()
    (source / "Visits.json").write_text(suite(), encoding="utf-8")
    (source / "results.json").write_text(
        suite(query("select _row from {batch} where ADM_NO not in (select ADM_NO from visits)"),
              query("select _row from {batch} where ADM_NO not in (select ADM_NO from visit)")), encoding="utf-8",
    )  # fmt: skip
    (cdm / "death.json").write_text(
        suite(query("select person_id from {batch} where death_dat is null")), encoding="utf-8"
    )
    (cdm / "mapping_rate.json").write_text(
        suite(query("select domain from {batch} where rate < 0.5")), encoding="utf-8"
    )
    found = [line.removeprefix(str(tmp_path)) for line in told(hospital, tmp_path / "expectations")]
    assert [line.split("  ")[0] for line in found] == [
        "/expectations/cdm/death.json:7", "/expectations/source/tiny/Visits.json:1",
        "/expectations/source/tiny/results.json:17",
    ]  # fmt: skip
    assert "there is no source 'Visits'; did you mean 'visits'?" in found[1]
    assert "Table with name visit does not exist" in found[2]


def test_mistakes_of_mappings_and_of_expectations_are_told_together(hospital: Tiny, tmp_path: Path) -> None:
    hospital.rewrite("subjects.yaml", "birth: BIRTH", "birth: omop_blanck(BIRTH)")
    (tmp_path / "cdm").mkdir()
    (tmp_path / "cdm" / "deaths.json").write_text(suite(), encoding="utf-8")
    first, second = told(hospital, tmp_path)
    assert "subjects.yaml:4" in first
    assert "there is no table 'deaths'; did you mean 'death'?" in second


def test_a_source_may_not_be_called_as_a_table_of_the_cdm(hospital: Tiny) -> None:
    for file in ("sources.yaml", "subjects.yaml"):
        path = hospital.mappings / file
        path.write_text(
            path.read_text(encoding="utf-8")
            .replace("from: patients", "from: person")
            .replace("  patients:", "  person:"),
            encoding="utf-8",
        )
    said = "is also a table of the CDM; call the source otherwise, such as person_rows"
    assert told(hospital, tiny.DATA / "mappings") == [f"tiny/sources.yaml:2  sources.person: {said}"]


def test_a_contract_must_say_who_registers_patients(hospital: Tiny) -> None:
    hospital.rewrite("sources.yaml", "{identifier: person, registers: true}", "{identifier: person}")
    (line,) = told(hospital)
    assert line.startswith("tiny/sources.yaml:")
    assert "no column registers patients" in line


def test_what_hospitals_share_is_told_once(hospital: Tiny) -> None:
    shared = hospital.settings.mappings / "shared" / "codes.yaml"
    text = shared.read_text(encoding="utf-8")
    shared.write_text(text.replace("clean:\n", "clean:\n  odd: uper(code)\n"), encoding="utf-8")
    other = hospital.settings.mappings / "other"
    other.mkdir()
    for file in hospital.mappings.iterdir():
        said = file.read_text(encoding="utf-8")
        (other / file.name).write_text(
            said.replace("hospital: tiny", "hospital: other").replace("number: 5", "number: 6"), encoding="utf-8"
        )
    (line,) = told(hospital)
    assert "clean.odd" in line
