"""A row of the CDM leads back to its line and a line to its rows, in any file; no value of a patient is shown."""

from __future__ import annotations

import io
import json
from datetime import date

import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from tiny import Tiny
from typer.testing import CliRunner

from etl.cdm.shapes import shapes
from etl.cdm.spec import tables
from etl.cli import app, lineage
from etl.engine import open_engine
from etl.errors import InputError, UsageError
from etl.mapping.load import load_mappings
from etl.night.delivery import open_delivery
from etl.night.lake.names import REJECTED
from etl.night.land.land import land
from etl.quality.lineage.line import trace_line
from etl.quality.lineage.lines import line_index
from etl.quality.lineage.places import Position
from etl.quality.lineage.row import id_column, trace_row
from etl.store.keys.keystore import open_key_store

SECRETS = ("가나다라", "마바사아", "450101-1000017", "010-0000-7001", "70001", "three months", "1,240", "11.2")


@pytest.fixture(scope="module")
def published(tmp_path_factory, vocabulary) -> Tiny:
    """The hospital after a good night; tests only read it."""
    hospital = tiny.make(tmp_path_factory.mktemp("published") / "home", vocabulary)
    hospital.publish()
    return hospital


def ids(hospital: Tiny, table: str) -> list[int]:
    column = id_column(table)
    names = [f.name for f in tables()[table].fields]
    return [row[names.index(column)] for row in tiny.warehouse_rows(hospital.settings, [table])[table]]


def lines(hospital: Tiny, file: str) -> list[str]:
    return hospital.raw(file).decode(tiny.ENCODINGS.get(file, "utf-8")).split("\n")


def test_a_row_of_every_table_leads_to_its_line_and_the_line_to_the_row(published: Tiny) -> None:
    seen = 0
    for table in shapes():
        for id_ in ids(published, table)[:3]:
            trace = trace_row(published.settings, table, id_)
            assert (trace.hospital, trace.night) == ("tiny", str(tiny.NIGHT))
            origin = trace.made.origin
            assert trace.made.place.startswith("mappings/")
            back = trace_line(published.settings, "tiny", origin.file, origin.line)
            assert (table, id_) in [row for outcome in back.outcomes for row in outcome.rows]
            seen += 1
    assert seen > 15


def test_the_line_holds_what_the_row_says(published: Tiny) -> None:
    names = [f.name for f in tables()["condition_occurrence"].fields]
    at = [names.index(n) for n in ("condition_occurrence_id", "condition_source_value", "condition_start_date")]
    for row in tiny.warehouse_rows(published.settings, ["condition_occurrence"])["condition_occurrence"]:
        id_, code, day = (row[i] for i in at)
        trace = trace_row(published.settings, "condition_occurrence", id_)
        line = lines(published, "DIAG.csv")[trace.made.origin.line - 1].split(",")
        assert (code in line, f"{day:%Y%m%d}" in line) == (True, True)


def test_a_code_is_told_step_by_step_and_ends_at_the_concept_of_the_row(hospital: Tiny) -> None:
    hospital.rewrite("subjects.yaml", "clean: kcd,", "clean: kcd, fallback: [{map: visit_kind}],")
    hospital.publish()
    names = [f.name for f in tables()["condition_occurrence"].fields]
    at = [names.index(n) for n in ("condition_occurrence_id", "condition_concept_id", "condition_source_concept_id")]
    told = 0
    for row in tiny.warehouse_rows(hospital.settings, ["condition_occurrence"])["condition_occurrence"]:
        id_, concept, source = (row[i] for i in at)
        [lookup] = trace_row(hospital.settings, "condition_occurrence", id_).made.lookups
        first = lookup.steps[0]
        assert (first.step, first.search) == (1, "clean kcd → vocabulary KCD7")
        assert (first.source.concept_id if first.source else 0) == source
        targets = [t.concept_id for step in lookup.steps for t in step.targets]
        assert concept in targets if concept else targets == []
        assert len(lookup.steps) == (1 if first.targets else 2)
        told += bool(targets)
    assert told


def test_a_window_of_a_code_master_is_looked_up_on_the_day_of_the_row(published: Tiny) -> None:
    for id_ in ids(published, "measurement"):
        trace = trace_row(published.settings, "measurement", id_)
        by_field = {lookup.field: lookup for lookup in trace.made.lookups}
        if trace.made.entry == "results_measurement":
            assert by_field["concept"].steps[0].search == "master exam → vocabulary EDI"
            assert by_field["concept"].code.startswith("L00")


def test_lines_that_made_no_row_say_why(hospital: Tiny) -> None:
    hospital.tables["DIAG.csv"][1][4] = "someday"
    hospital.tables["ADM.csv"].append(["A01", "70001", "O", "2026-06-09 10:00", "", "IM", ""])
    hospital.publish()

    def became(file: str, line: int) -> dict[str | None, tuple[str, str]]:
        found = trace_line(hospital.settings, "tiny", file, line)
        return {o.entry: (o.became, o.reason) for o in found.outcomes}

    assert became("DIAG.csv", 2) == {"diagnoses_condition": ("quarantined", "start_invalid")}
    assert became("DIAG.csv", 6) == {"diagnoses_condition": ("filtered", "rule_out")}
    assert became("EXM.csv", 3) == {None: ("filtered", "code_master")}
    last = len(hospital.tables["ADM.csv"])
    assert became("ADM.csv", last) == {
        "visits_care_site": ("quarantined", "key_duplicate"),
        "visits_visit_occurrence": ("quarantined", "key_duplicate"),
        "remarks": ("filtered", "no_remark"),
    }
    assert became("ADM.csv", 3)["visits_care_site"] == ("melted", "")


def test_derived_rows_lead_to_the_rows_they_were_made_of(published: Tiny) -> None:
    rows = tiny.warehouse_rows(published.settings)
    parts = [trace_row(published.settings, "condition_era", row[0]).parts for row in rows["condition_era"]]
    listed = sorted(id_ for part in parts for id_ in part["condition_occurrence"])
    assert listed == sorted(row[0] for row in rows["condition_occurrence"] if row[2])
    spanned = [trace_row(published.settings, "observation_period", row[0]).parts for row in rows["observation_period"]]
    assert {id_ for p in spanned for id_ in p["visit_occurrence"]} == {row[0] for row in rows["visit_occurrence"]}
    assert {id_ for p in spanned for id_ in p["measurement"]} == {row[0] for row in rows["measurement"]}


def test_a_visit_leads_to_the_encounters_rolled_up_into_it(hospital: Tiny) -> None:
    hospital.tables["ADM.csv"].append(["A09", "70001", "I", "2026-06-18 08:00", "2026-06-25 10:00", "IM", ""])
    hospital.publish()
    line = len(hospital.tables["ADM.csv"])
    found = trace_line(hospital.settings, "tiny", "ADM.csv", line)
    [encounter] = [row for o in found.outcomes for row in o.rows if row[0] == "visit_detail"]
    visits = [trace_row(hospital.settings, "visit_occurrence", id_) for id_ in ids(hospital, "visit_occurrence")]
    [rolled] = [v for v in visits if v.parts]
    assert sorted(rolled.parts["visit_detail"]) == sorted(ids(hospital, "visit_detail"))
    assert encounter[1] in rolled.parts["visit_detail"]
    lines_of_parts = {
        trace_row(hospital.settings, "visit_detail", part).made.origin.line for part in rolled.parts["visit_detail"]
    }
    assert lines_of_parts == {2, line}


def test_an_id_that_is_not_published_is_refused_with_what_to_do(hospital: Tiny) -> None:
    hospital.tables["DIAG.csv"].append(["70006", "A07", "I10.9", "본태성 고혈압", "20260606", "N"])
    hospital.publish(date(2026, 6, 30))
    before = ids(hospital, "condition_occurrence")
    hospital.tables["DIAG.csv"].pop()
    hospital.publish(date(2026, 7, 1))
    [gone] = set(before) - set(ids(hospital, "condition_occurrence"))
    with pytest.raises(InputError, match="of the night 2026-06-30, which was replaced") as replaced:
        trace_row(hospital.settings, "condition_occurrence", gone)
    assert replaced.value.exit_code == 3
    with pytest.raises(InputError, match="has no condition_occurrence"):
        trace_row(hospital.settings, "condition_occurrence", (5 << 47) + 12345)
    with pytest.raises(InputError, match="carries the number of no hospital"):
        trace_row(hospital.settings, "person", 7)
    with pytest.raises(UsageError, match="no table whose rows can be traced; did you mean 'measurement'"):
        trace_row(hospital.settings, "measurment", 7)
    back = trace_line(hospital.settings, "tiny", "DIAG.csv", 2, date(2026, 6, 30))
    assert (back.night, back.replaced_by) == ("2026-06-30", "2026-07-01")


def test_a_night_of_other_mappings_is_not_told_by_those_of_now(hospital: Tiny) -> None:
    hospital.publish()
    [first, *_] = ids(hospital, "measurement")
    hospital.rewrite("subjects.yaml", "type: 32856", "type: 32817")
    with pytest.raises(InputError, match="were changed after"):
        trace_row(hospital.settings, "measurement", first)


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_no_value_of_a_patient_is_printed(published: Tiny, monkeypatch: pytest.MonkeyPatch, flags: list[str]) -> None:
    for name in ("home", "mappings"):
        monkeypatch.setenv(f"ETL_{name.upper()}", str(getattr(published.settings, name)))
    said: list[str] = []
    for table in ("person", "measurement", "observation", "visit_occurrence", "condition_era"):
        for id_ in ids(published, table)[:2]:
            page = io.StringIO()
            monkeypatch.setattr(lineage, "out", Console(file=page, width=200))
            shown = CliRunner().invoke(app, ["trace", table, str(id_), *flags])
            assert shown.exit_code == 0, shown.output
            said.append(page.getvalue() + shown.output)
            if flags:
                assert json.loads(shown.output)["id"] == id_
    for line in range(2, 5):
        page = io.StringIO()
        monkeypatch.setattr(lineage, "out", Console(file=page, width=200))
        shown = CliRunner().invoke(app, ["trace", "--file", f"LAB.csv:{line}", "tiny", *flags])
        said.append(page.getvalue() + shown.output)
    together = "\n".join(said)
    assert len(together) > 10_000
    assert [s for s in SECRETS if s in together] == []


FIELD = st.sampled_from(["", "x", '"two\nlines"', '"a ""quoted"" word"', '"\n\n"', '"with, comma"', "가"])
ROW = st.one_of(
    st.tuples(st.just("good"), FIELD), st.just(("blank", "")), st.just(("short", "")), st.just(("bad_quote", ""))
)


@settings(max_examples=15)
@given(rows=st.lists(ROW, min_size=1, max_size=40))
def test_rows_and_lines_find_each_other_in_any_file(vocabulary, tmp_path_factory, rows) -> None:
    """Quoted line ends, blank lines and rejects between the rows; the truth is counted while the file is written."""
    hospital = tiny.make(tmp_path_factory.mktemp("any") / "home", vocabulary)
    hospital.rewrite("sources.yaml", "file: DIAG.csv", "file: DIAG.csv\n    max_rejected: 1")
    text, line, truth = "PT_NO,ADM_NO,DIAG_CD,DIAG_NM,DIAG_DD,RULE_OUT\n", 2, []
    for kind, field in [("good", ""), *rows]:
        written = {
            "good": f"70001,A01,I10.9,{field},20260601,N\n", "blank": "\n", "short": "70001,A01\n",
            "bad_quote": '70001,A01,I10.9,"bad"quote,20260601,N\n',
        }[kind]  # fmt: skip
        if kind == "good":
            truth.append((line, line + field.count("\n")))
        text, line = text + written, line + written.count("\n")
    folder = hospital.deliver(DIAG=text.encode("cp949"))
    mapping = load_mappings(hospital.settings.mappings, ["tiny"])["tiny"]
    delivery = open_delivery("tiny", folder)
    target = hospital.settings.home / "landed"
    target.mkdir()
    keys = open_key_store(hospital.settings, "tiny", 5)
    with open_engine(hospital.settings, tiny.NIGHT) as con:
        land(con, mapping, delivery, keys, target, 0)
    keys.close()
    at = Position(
        "diagnoses", delivery, delivery.files["DIAG.csv"], target / "diagnoses" / "0000.parquet", target / REJECTED, 0
    )
    index = line_index(hospital.settings, mapping.sources["diagnoses"], at)
    assert [index.line_of(row) for row in range(len(truth))] == [first for first, _ in truth]
    by_line = {n: row for row, (first, last) in enumerate(truth) for n in range(first, last + 1)}
    for number in range(2, line):
        found = index.at(number)
        assert (found.row if found.kind == "row" else None) == by_line.get(number)
    assert index.at(1).kind == "header"
    assert index.at(line).kind == "beyond"
