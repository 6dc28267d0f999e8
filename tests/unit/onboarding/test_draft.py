"""Drafted source suites and doubtful concepts, on the mappings of the project itself."""

from __future__ import annotations

import json

import duckdb
import pytest

from etl.engine import define_functions
from etl.mapping.check.concepts import doubtful_concepts
from etl.mapping.language.landed import landed_columns_sql
from etl.mapping.load import load_mappings
from etl.night.check.suites import load_suites
from etl.onboarding.draft.suites import draft_suite, write_drafts
from etl.settings import PROJECT, Settings
from etl.sql import quote
from etl.vocabulary.release import current_release

HOSPITALS = sorted(load_mappings(PROJECT / "mappings"))


@pytest.fixture(scope="module")
def mappings():
    return load_mappings(PROJECT / "mappings")


@pytest.mark.parametrize("hospital", HOSPITALS)
def test_a_draft_is_a_valid_suite_of_every_source(hospital, mappings, tmp_path):
    mapping = mappings[hospital]
    written = write_drafts(mapping, tmp_path)
    columns = {n: ["_row", *landed_columns_sql(s)] for n, s in mapping.sources.items()}
    suites = load_suites(tmp_path, columns=columns)
    assert {s.table for s in suites} == {f.stem for f in written}
    required = {n for n, s in mapping.sources.items() if not s.optional}
    assert required <= {s.table for s in suites}


def test_a_draft_leaves_an_existing_suite_alone(mappings, tmp_path):
    file = tmp_path / "patients.json"
    file.write_text("{}", encoding="utf-8")
    assert file not in write_drafts(mappings["synthea"], tmp_path)
    assert file.read_text(encoding="utf-8") == "{}"


def query_of(suite: dict, description: str) -> str:
    found = [e for e in suite["expectations"] if description in e["description"]]
    return (
        str(found[0]["kwargs"]["unexpected_rows_query"]).replace("{{", "{").replace("}}", "}").replace("{batch}", "t")
    )


def rows_against(mapping, source: str, description: str, **values: list) -> int:
    """How many of some rows a drafted promise finds wrong."""
    types = {"_row": "bigint"} | landed_columns_sql(mapping.sources[source])
    with duckdb.connect() as con:
        define_functions(con)
        con.execute(f"create table t ({', '.join(f'{quote(c)} {k}' for c, k in types.items())})")
        con.execute(f"create view {quote(source)} as from t")
        names = ", ".join(map(quote, values))
        marks = ", ".join("?" for _ in values)
        con.executemany(f"insert into t ({names}) values ({marks})", list(zip(*values.values(), strict=True)))
        return len(con.execute(query_of(draft_suite(mapping, source), description)).fetchall())


def test_a_draft_finds_unknown_patients_but_tolerates_few_of_them(mappings):
    people = [None, 0] + [5] * 98
    arguments = (mappings["synthea"], "conditions")
    assert rows_against(*arguments, "patient of the patient file", PATIENT=people) == 0
    assert rows_against(*arguments, "patient of the patient file", PATIENT=[0] * 10 + [5] * 90) == 10


def test_a_draft_finds_doubled_keys(mappings):
    assert rows_against(mappings["synthea"], "encounters", "no two rows alike", Id=["a", "a", "b"]) == 2


def test_a_draft_finds_codes_the_map_does_not_know(mappings):
    found = rows_against(mappings["synthea"], "patients", "'synthea_race'", RACE=["white", "purple", None])
    assert found == 1


def test_drafts_are_what_the_project_keeps_in_great_expectations_format(mappings):
    kept = PROJECT / "expectations" / "source" / "synthea" / "encounters.json"
    assert json.loads(kept.read_text(encoding="utf-8"))["name"] == "source.synthea.encounters"


def test_concepts_that_the_release_does_not_know_are_named(mappings, vocabulary):
    release = current_release(Settings(home=vocabulary.parent, _env_file=None))
    problems = [d.problem for d in doubtful_concepts(mappings["synthea"], release)]
    assert all(p.line > 1 and (PROJECT / "mappings" / p.file).exists() for p in problems)
    doubtful = [f"{p.key}: {p.message}" for p in problems]
    assert "maps.synthea_race.codes.white: concept 8527 is not in the release" in doubtful
    assert not [line for line in doubtful if "codes.asian" in line or ": concept 0 " in line]
    assert "entries.immunizations_drug.concept: vocabulary CVX is not in the release" in doubtful
    assert not [line for line in doubtful if "vocabulary SNOMED" in line or line.endswith(".type: concept 32827")]
