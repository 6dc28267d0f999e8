"""The reference of the mapping language and its JSON Schema: as the code is now, and right about good and bad files."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow.parquet as pq
import pytest
import yaml
from pydantic import SecretStr

from etl.cdm import spec
from etl.cdm.shapes import shapes
from etl.mapping.compile.duplicates import PER, PREFER
from etl.mapping.read.documents import Document, _Reader
from etl.mapping.reference.page import PAGE, SCHEMA, documents, quarantines, write_documents
from etl.mapping.reference.schema import columns_of_field, schema, texts
from etl.night.land.read import REASONS
from etl.night.map.accounts import EMPTY, LOOKED_INTO, MASTER, MERGED, UNUSED
from etl.night.merge.versions import DELETED, SUPERSEDED
from etl.night.opening import open_run
from etl.night.pipeline import run_stage, stage_by_name
from etl.night.remember import begin
from etl.night.run import Run
from etl.quality.report import reasons
from etl.settings import PROJECT, Settings

VALIDATOR = jsonschema.Draft7Validator(schema())
MAPPINGS = sorted((PROJECT / "mappings").glob("*/**/*.yaml"))


def read(text: str) -> Any:
    """A file as the language reads it: keys as they are written."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    return json.loads(json.dumps(_Reader("file", Document()).build(node, ()) if node else None, default=str))


def mistakes(text: str) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(read(text))]


@pytest.mark.parametrize("name", [PAGE, SCHEMA])
def test_committed_documents_are_what_the_code_says_now(name: str) -> None:
    written = (PROJECT / "docs" / name).read_text(encoding="utf-8")
    assert written == documents()[name], "run: etl docs"


def test_the_command_writes_both(tmp_path: Path) -> None:
    files = write_documents(tmp_path / "new")
    assert [f.name for f in files] == [PAGE, SCHEMA]
    assert [f.read_text(encoding="utf-8") for f in files] == list(documents().values())


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(schema())


@pytest.mark.parametrize("file", MAPPINGS, ids=lambda f: str(f.relative_to(PROJECT / "mappings")))
def test_every_mapping_of_the_project_is_valid(file: Path) -> None:
    assert mistakes(file.read_text(encoding="utf-8")) == []


GOOD = {
    "an event": "[{from: a, event: condition, person: P, start: D, concept: {code: C, map: m}, type: 32827}]",
    "a table that has an event": "[{from: a, table: measurement, person: P, start: D, concept: 1, type: 2, value: V}]",
    "a part of an entry": "[{from: a, event: drug, quantity: N * 2}]",
    "a change by name": "[{name: a_drug, concept: {vocabulary: ATC}}]",
    "an entry removed": "[{name: a_drug, absent: true}]",
    "a field removed": "[{from: a, event: drug, route: absent, quantity: absent}]",
    "a source removed": "{sources: {a: absent}}",
    "a column removed": "{sources: {a: {columns: {X: absent}}}}",
    "a part of a source": "{sources: {a: {delimiter: '|'}}}",
    "a code removed, one with two targets": "{maps: {m: {codes: {Y: absent, 01: 8507, B: [1, 2]}}}}",
    "one rule": "[{from: a, event: drug, where: X > 1}]",
    "several rules": "[{from: a, event: drug, where: {big: X > 1}}]",
    "a worded result": "[{from: a, event: measurement, value: {code: V, map: results}}]",
    "a text as a result": "[{from: a, event: measurement, value: V}]",
    "an empty file": "",
    "entries beside declarations": "{entries: [{from: a, event: drug}], clean: {c: upper(code)}}",
}
BAD = {
    "an unknown key": "[{from: a, event: condition, persn: P}]",
    "a field of another table": "[{from: a, event: condition, quantity: N}]",
    "an unknown event": "[{from: a, event: diagnosis}]",
    "an unknown table": "[{from: a, table: persons}]",
    "neither event, table nor name": "[{from: a, person: P}]",
    "a concept in words": "[{from: a, event: condition, type: EHR}]",
    "a negative concept": "[{from: a, event: condition, type: -1}]",
    "a look-up with an unknown key": "[{from: a, event: condition, concept: {code: C, vocab: KCD7}}]",
    "a short prefix": "[{from: a, event: condition, concept: {code: C, vocabulary: KCD7, prefix: 2}}]",
    "an unknown identifier": "{sources: {a: {columns: {X: {identifier: passport}}}}}",
    "an unknown key of a source": "{sources: {a: {seperator: ','}}}",
    "a delimiter of two letters": "{sources: {a: {delimiter: '||'}}}",
    "a step of a master without `to`": "{masters: {m: [{source: a, code: C}]}}",
    "a code that maps to text": "{maps: {m: {codes: {A: diabetes}}}}",
    "an unknown key of the file": "{source: {}}",
    "a hospital number beyond the last": "{hospital: a, number: 64}",
    "an entry that is no mapping": "[conditions]",
    "a file that is a text": "conditions",
}


@pytest.mark.parametrize("case", GOOD)
def test_the_schema_accepts(case: str) -> None:
    assert mistakes(GOOD[case]) == []


@pytest.mark.parametrize("case", BAD)
def test_the_schema_rejects(case: str) -> None:
    assert mistakes(BAD[case])


def blocks(language: str) -> dict[str, str]:
    """Files that the page shows, by the name in their first line."""
    found = re.findall(rf"```{language}\n# (\S+)\n(.*?)```", documents()[PAGE], flags=re.DOTALL)
    return dict(found)


@pytest.fixture
def example(tmp_path: Path, vocabulary: Path) -> Run:
    """The worked example of the page, mapped."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "vocabulary").symlink_to(vocabulary)
    (tmp_path / "mappings" / "shared").mkdir(parents=True)
    for folder, encoding, files in (("mappings", "utf-8", blocks("yaml")), ("drop", "cp949", blocks("csv"))):
        for name, text in files.items():
            file = tmp_path / folder / name
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(text.encode(encoding))
    settings = Settings(
        home=home, mappings=tmp_path / "mappings", key_secret=SecretStr("only for tests, and long enough for one"),
        expectations=tmp_path, threads=2, memory="500MB", _env_file=None,
    )  # fmt: skip
    run = begin(settings, "clinic", tmp_path / "drop", date(2024, 4, 12), None)
    open_run(run)
    for stage in ("land", "merge", "map"):
        run_stage(run, stage_by_name(stage))
    return run


def test_the_worked_example_gives_what_the_page_says(example: Run) -> None:
    assert len(blocks("yaml")) == len(blocks("csv")) == 4
    assert all(mistakes(text) == [] for text in blocks("yaml").values())
    condition = pq.read_table(example.folder("map") / "condition_occurrence.parquet").to_pylist()
    visits = pq.read_table(example.folder("map") / "visit_occurrence.parquet").to_pylist()
    assert len(condition) == 1
    assert condition[0]["condition_source_value"] == "D0911"
    assert condition[0]["condition_concept_id"] == 201826
    assert condition[0]["condition_source_concept_id"] == 2000000023
    assert condition[0]["visit_occurrence_id"] == visits[0]["visit_occurrence_id"]
    assert (visits[1]["visit_end_date"], visits[1]["visit_type_concept_id"]) == (date(2024, 4, 12), 32827)
    became = {
        (a["source"], a["outcome"], a["reason"]): a["rows"] for a in example.ledger.accounts(example.run_id).source
    }
    assert became["diagnoses", "filtered", "not_ruled_out"] == 1


def test_every_field_fills_columns_of_its_table() -> None:
    """Keys and, where a table has no column for it, the person fill none; every other field of a shape is used."""
    for table, shape in shapes().items():
        for name, kind in shape.kinds.items():
            columns = columns_of_field(shape, name)
            assert set(columns) <= set(spec.tables()[table].columns)
            assert columns or kind in ("key", "person") or (table, name) == ("location", "address"), (table, name)
    assert "days_supply" not in columns_of_field(shapes()["drug_exposure"], "end")
    assert columns_of_field(shapes()["care_site"], "care_site") == ["care_site_id"]


def test_every_kind_and_reason_is_explained() -> None:
    kinds = {kind for shape in shapes().values() for kind in shape.kinds.values()}
    assert kinds == set(texts()["kinds"])
    codes = {code for shape in shapes().values() for code in quarantines(shape)}
    assert codes == set(reasons.texts()["quarantined"])
    page = documents()[PAGE]
    assert all(f"| `{code}` |" in page for code in codes)


def test_every_reason_that_is_no_rule_of_a_hospital_is_explained() -> None:
    settings = {f"{shape.setting}_off" for shape in shapes().values() if shape.setting}
    filtered = {MASTER, UNUSED, EMPTY, MERGED, LOOKED_INTO, SUPERSEDED, DELETED, PER, PREFER} | settings
    assert filtered == set(reasons.texts()["filtered"])
    assert {*REASONS.values(), "unreadable"} == set(reasons.texts()["rejected"])
    page = documents()[PAGE]
    told = [code for outcome in ("filtered", "rejected", "quarantined") for code in reasons.texts()[outcome]]
    assert [code for code in told if f"| `{code}` |" not in page] == []


def test_links_lead_to_headings() -> None:
    page = documents()[PAGE]
    headings = {
        re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in page.splitlines()
        if line.startswith("#")
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= headings
