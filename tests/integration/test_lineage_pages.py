"""What the pages say of a hospital is what its nights do."""

from __future__ import annotations

import pytest
import tiny
from tiny import Tiny
from typer.testing import CliRunner

from etl.cdm.shapes import shapes
from etl.cdm.spec import tables
from etl.cli import app
from etl.mapping.load import load_mappings
from etl.quality.lineage.columns import Input, sayings
from etl.quality.lineage.diagram import diagram
from etl.quality.lineage.document import describe
from etl.quality.lineage.pages import hospital_page


def described(hospital: Tiny):
    return describe(hospital.settings, load_mappings(hospital.settings.mappings, ["tiny"])["tiny"])


def filled_in_the_warehouse(hospital: Tiny) -> set[tuple[str, str]]:
    """Columns that hold more than nothing and the concept 0."""
    found = set()
    for table, rows in tiny.warehouse_rows(hospital.settings, shapes()).items():
        names = [f.name for f in tables()[table].fields]
        found |= {
            (table, name) for row in rows for name, value in zip(names, row, strict=True) if value not in (None, 0)
        }
    return found


@pytest.fixture(scope="module")
def published(tmp_path_factory, vocabulary) -> Tiny:
    """The hospital after a good night; tests only read it."""
    hospital = tiny.make(tmp_path_factory.mktemp("published") / "home", vocabulary)
    hospital.publish()
    return hospital


def test_every_column_that_a_night_fills_is_told_with_its_origin(published: Tiny) -> None:
    told = {(t.name, c.column) for t in described(published).tables for p in t.parts for c in p.columns}
    filled = filled_in_the_warehouse(published)
    assert len(filled) > 60
    assert filled - told == set()


def test_rows_are_those_of_the_newest_night_and_none_before_there_is_one(hospital: Tiny, published: Tiny) -> None:
    before = described(hospital)
    assert {t.rows for t in before.tables} | {s.rows for s in before.sources} == {None}
    assert "none published" in hospital_page(before)
    after = described(published)
    counts = {t: len(rows) for t, rows in tiny.warehouse_rows(published.settings, shapes()).items() if rows}
    assert {t.name: t.rows for t in after.tables} == counts
    assert {s.name: s.rows for s in after.sources} == {
        name: len(published.tables[s.file]) - 1 for name, s in after.mapping.sources.items()
    }
    assert {r["domain"] for r in after.rates} >= {"Condition", "Measurement"}


def test_a_master_and_a_routed_table_are_edges_of_their_own(published: Tiny) -> None:
    lineage = described(published)
    kinds = {(e.source, e.table): e.kind for e in lineage.edges}
    assert kinds["results", "measurement"] == "entry"
    assert kinds["exam_codes", "measurement"] == "master"
    assert kinds["diagnoses", "observation"] == "routed"  # an allergy is an observation
    drawn = str(diagram(lineage))
    assert drawn.count('class="edge ') == len(lineage.edges)
    assert all(f'href="#table-{t.name}"' in drawn for t in lineage.tables)


def test_an_expression_is_told_with_every_column_it_reads(hospital: Tiny) -> None:
    hospital.rewrite("subjects.yaml", "start: EXM_DTM", "start: coalesce(omop_blank(EXM_DTM), RESULT)")
    mapping = load_mappings(hospital.settings.mappings, ["tiny"])["tiny"]
    [entry] = [e for e in mapping.entries if e.from_ == "results"]
    said = sayings(mapping, entry)
    assert set(said["start"].inputs) == {Input("results", "EXM_DTM"), Input("results", "RESULT")}
    assert said["type"].fixed
    through = {i.column for i in said["concept"].inputs if i.looked_up}
    assert through == {"EXM_CD", "EDI_CD", "FROM_DD", "TO_DD"}


def test_an_unpivoted_value_comes_from_all_the_columns_it_was_made_of(hospital: Tiny) -> None:
    entry = """
- name: wide
  from: results
  event: measurement
  unpivot: {columns: [RESULT, UNIT]}
  person: PT_NO
  start: EXM_DTM
  concept: {code: item, map: unit}
  type: 32856
  value: value
"""
    file = hospital.mappings / "subjects.yaml"
    file.write_text(file.read_text(encoding="utf-8") + entry, encoding="utf-8")
    mapping = load_mappings(hospital.settings.mappings, ["tiny"])["tiny"]
    [wide] = [e for e in mapping.entries if e.name == "wide"]
    both = (Input("results", "RESULT"), Input("results", "UNIT"))
    assert {sayings(mapping, wide)[field].inputs for field in ("concept", "value")} == {both}


def test_etl_report_writes_the_lineage_and_links_to_it(hospital: Tiny, monkeypatch) -> None:
    monkeypatch.setenv("ETL_HOME", str(hospital.settings.home))
    monkeypatch.setenv("ETL_MAPPINGS", str(hospital.settings.mappings))
    assert CliRunner().invoke(app, ["report"]).exit_code == 0
    reports = hospital.settings.home / "reports"
    assert 'href="lineage/index.html"' in (reports / "index.html").read_text(encoding="utf-8")
    assert "작은병원" in (reports / "lineage" / "tiny.html").read_text(encoding="utf-8")


def test_broken_mappings_stop_the_lineage_but_no_report(hospital: Tiny, monkeypatch) -> None:
    monkeypatch.setenv("ETL_HOME", str(hospital.settings.home))
    monkeypatch.setenv("ETL_MAPPINGS", str(hospital.settings.mappings))
    hospital.rewrite("subjects.yaml", "birth: BIRTH", "birth: BRITH")
    assert CliRunner().invoke(app, ["lineage"]).exit_code == 4
    assert CliRunner().invoke(app, ["report"]).exit_code == 0
