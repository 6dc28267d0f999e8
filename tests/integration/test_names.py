"""Names of entries, sources and rules are texts wherever they go: into SQL, folders and the ledger."""

from __future__ import annotations

import pytest
from tiny import Tiny, account, parquet_rows

from etl.errors import MappingError
from etl.mapping.load import load_mappings

CRAFTED = "x' as entry, 0 as _row, (select content from read_text('/etc/hostname')) as reason, 0 as person --"


@pytest.mark.parametrize("name", ["doctor's remarks", 'remarks "of" wards', CRAFTED, "{remarks}", "$1 %s", "비고's"])
def test_the_name_of_an_entry_is_a_text(hospital: Tiny, name: str) -> None:
    said = '"' + name.replace('"', '\\"') + '"'
    hospital.rewrite("subjects.yaml", "- name: remarks", f"- name: {said}")
    hospital.rewrite("subjects.yaml", "{no_remark: omop_blank(MEMO)", '{"no remark\'s": omop_blank(MEMO)')
    hospital.rewrite("subjects.yaml", "person: PT_NO\n  visit: ADM_NO\n  start: IN_DTM", "person: PT_NO\n  start: MEMO")
    run = hospital.mapped()
    quarantined = parquet_rows(run.folder("map") / "quarantine.parquet")
    assert {row["reason"] for row in quarantined if row["entry"] == name} == {"start_invalid"}
    assert {row["source"] for row in quarantined} <= set(load_mappings(hospital.settings.mappings)["tiny"].sources)


def test_the_name_of_a_source_is_a_text(hospital: Tiny) -> None:
    for file in ("sources.yaml", "subjects.yaml"):
        path = hospital.mappings / file
        text = path.read_text(encoding="utf-8").replace("from: results", 'from: "lab\'s \\"r.0\\""')
        path.write_text(text.replace("  results:", '  "lab\'s \\"r.0\\"":'), encoding="utf-8")
    run = hospital.mapped()
    assert account(run, 'lab\'s "r.0"')["mapped"] > 0


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("x" * 121, "at most 120"),
        ("a\\tb", "cannot be shown"),
        ("Remarks", "in capitals only"),
        ("", "without letters"),
    ],
)  # fmt: skip
def test_a_name_that_cannot_be_kept_is_told_with_its_line(hospital: Tiny, name: str, reason: str) -> None:
    hospital.rewrite("subjects.yaml", "- name: remarks", f'- name: "{name}"')
    with (hospital.mappings / "subjects.yaml").open("a", encoding="utf-8") as stream:
        stream.write("- {name: remarks, from: visits, event: observation, person: PT_NO, start: IN_DTM, ")
        stream.write("concept: 0, type: 32817}\n")
    if not name:
        hospital.rewrite("subjects.yaml", "where: {no_remark:", 'where: {"":')
    with pytest.raises(MappingError) as raised:
        load_mappings(hospital.settings.mappings)
    assert reason in str(raised.value)
    assert "tiny/subjects.yaml:" in str(raised.value)


@pytest.mark.parametrize("name", ["../../out", "a/b"])
def test_the_name_of_a_source_is_no_path(hospital: Tiny, name: str) -> None:
    for file in ("sources.yaml", "subjects.yaml"):
        path = hospital.mappings / file
        text = path.read_text(encoding="utf-8").replace("from: results", f"from: {name}")
        path.write_text(text.replace("  results:", f"  {name}:"), encoding="utf-8")
    with pytest.raises(MappingError, match="names a folder"):
        load_mappings(hospital.settings.mappings)
