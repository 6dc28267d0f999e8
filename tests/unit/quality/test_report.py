"""The validation report: what it says of a ledger with published, blocked and failed nights."""

from __future__ import annotations

import io
import json
import re
import shlex
import sqlite3
from datetime import date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from etl.mapping.reasons import texts
from etl.pages import charts, formats
from etl.pages.charts import Point
from etl.quality.names import HospitalName
from etl.quality.report.pages import write_reports
from etl.quality.report.read import last_deliveries, night, summaries
from etl.quality.report.reasons import explained
from etl.quality.report.terminal import summary_table
from etl.quality.report.tonight import tonight
from etl.quality.report.verdict import verdict
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.records import Accounts, Finding
from etl.store.ledger.tables import APPROVAL, RUN, SOURCE_ACCOUNT

EXAMPLE = Path(__file__).parents[2] / "data" / "report_ledger.sql"
NAMES = {
    "snuh": HospitalName("서울대학교병원", "Seoul National University Hospital"),
    "dsmc": HospitalName("계명대학교 동산병원", "Keimyung University Dongsan Hospital"),
    "cnuh": HospitalName("충남대학교병원", "Chungnam National University Hospital"),
}
LAST = date(2026, 11, 23)
OUTSIDE = re.compile(r"""https?:|(?:src|href)\s*=\s*["']?//|url\(|@import""", re.IGNORECASE)
VOID = {"meta", "link", "br", "input", "hr", "img"}


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    with sqlite3.connect(tmp_path / "ledger.sqlite") as con:
        con.executescript(EXAMPLE.read_text(encoding="utf-8"))
    return made


@pytest.fixture
def pages(ledger, tmp_path):
    index = write_reports(ledger, tmp_path / "out", NAMES)
    return {str(p.relative_to(index.parent)): p.read_text("utf-8") for p in index.parent.rglob("*.html")}


def of(ledger, hospital, when=LAST):
    runs = summaries(ledger)
    run = next(r for r in last_deliveries(runs) if (r.hospital, r.night) == (hospital, when))
    return night(ledger, run, runs)


class Outline(HTMLParser):
    """Fails on a tag that is closed out of order or never."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links, self.tables, self.captions = [], [], [], 0, 0
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        assert "style" not in found, "style attributes are refused by the page's policy"
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if tag == "a" else []
        self.tables += tag == "table"
        self.captions += tag == "caption"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_there_is_one_page_per_hospital_and_night_one_per_hospital_and_an_index(pages):
    assert len(pages) == 3 * 5 + 3 + 1
    assert {"index.html", "2026-11-19/snuh.html", "2026-11-23/cnuh.html", "hospitals/dsmc.html"} <= set(pages)


def test_every_page_parses_and_its_links_lead_somewhere(pages):
    for path, text in pages.items():
        outline = Outline(text)
        assert len(outline.ids) == len(set(outline.ids))
        assert outline.tables == outline.captions
        for link in outline.links:
            if link.startswith("#"):
                assert link[1:] in outline.ids
            else:
                parts = [*Path(path).parent.parts, *Path(link).parts]
                while ".." in parts:
                    at = parts.index("..")
                    del parts[at - 1 : at + 1]
                assert "/".join(parts) in pages


def test_no_page_asks_for_anything_outside_itself(pages):
    for text in pages.values():
        assert not OUTSIDE.search(text)
        assert "default-src 'none'" in text.replace("&#39;", "'")


def test_no_temporary_file_is_left(pages, tmp_path):
    assert not [p for p in (tmp_path / "out").rglob(".*") if p.is_file()]


def test_pages_have_style_and_scripts_in_files_beside_them(pages, tmp_path):
    for path, text in pages.items():
        assert "<style" not in text
        for asset in re.findall(r'<(?:script src|link rel="stylesheet" href)="([^"]+)"', text):
            beside = (tmp_path / "out" / path).parent / asset
            assert beside.exists() or "vendor" in asset
        assert not re.search(r"<script(?! src)|\son[a-z]+=", text)


def test_the_same_ledger_gives_the_same_bytes(ledger, pages, tmp_path):
    again = write_reports(ledger, tmp_path / "again", NAMES).parent
    assert {str(p.relative_to(again)): p.read_text("utf-8") for p in again.rglob("*.html")} == pages


def test_only_the_given_runs_are_written_and_the_index_links_only_what_exists(ledger, tmp_path):
    run_id = of(ledger, "dsmc").run.run_id
    index = write_reports(ledger, tmp_path / "some", NAMES, run_ids=[run_id])
    assert [str(p.relative_to(index.parent)) for p in index.parent.glob("2*/*")] == ["2026-11-23/dsmc.html"]
    links = set(Outline(index.read_text("utf-8")).links)
    assert links == {"#main", "2026-11-23/dsmc.html", "hospitals/dsmc.html"}


def test_an_empty_ledger_gives_an_index_that_says_so(tmp_path):
    index = write_reports(Ledger(f"sqlite:///{tmp_path / 'l.sqlite'}"), tmp_path / "out", {})
    text = index.read_text("utf-8")
    Outline(text)
    assert "No run yet" in text


def test_a_blocked_night_says_which_gate_closed_and_what_stays_published(ledger):
    said = verdict(of(ledger, "dsmc"))
    assert said.headline == "Blocked"
    assert said.sentence == (
        "The CDM gate closed: 2 blocking expectations failed — yesterday's data (2026-11-22) stays published."
    )
    assert said.detail is None, "the page has each of them, few rows in steps"


def test_a_failed_night_says_where_it_stopped_and_keeps_the_whole_message(ledger):
    said = verdict(of(ledger, "cnuh"))
    assert said.sentence.startswith(
        "The run stopped in stage “map”: 디스크 공간이 부족합니다: the scratch folder is full —"
    )
    assert said.detail is not None
    assert "Free space" in said.detail


def test_a_published_night_with_warnings_says_how_many(ledger):
    assert verdict(of(ledger, "snuh")).sentence.endswith("2 warnings to look at.")


def test_a_first_night_that_fails_says_that_nothing_is_published(tmp_path):
    ledger = Ledger(f"sqlite:///{tmp_path / 'l.sqlite'}")
    ledger.open_run("x-1", "x", LAST, "abc")
    assert "under way" in verdict(of(ledger, "x")).sentence
    ledger.close_run("x-1", "failed", "land", "a file is missing")
    assert verdict(of(ledger, "x")).sentence == (
        "The run stopped in stage “land”: a file is missing — nothing of this hospital has been published before."
    )


def test_every_source_table_adds_up_and_the_sums_are_those_of_the_ledger(ledger, tmp_path):
    figures = of(ledger, "dsmc")
    assert figures.settled
    assert [s.difference for s in figures.sources] == [0] * 7
    with sqlite3.connect(tmp_path / "ledger.sqlite") as con:
        expected = con.execute(
            "select (select sum(rows) from source_file where run_id = ?1), "
            "sum(rows) filter (where outcome = 'mapped'), sum(rows) filter (where outcome = 'quarantined') "
            "from source_account where run_id = ?1",
            (figures.run.run_id,),
        ).fetchone()
    assert (figures.run.rows_in, figures.run.mapped, figures.run.quarantined) == expected
    assert figures.run.accounted == figures.run.rows_in


def test_a_difference_is_shown_with_its_number(ledger, tmp_path):
    run_id = of(ledger, "dsmc").run.run_id
    lost = (SOURCE_ACCOUNT.c.run_id == run_id) & (SOURCE_ACCOUNT.c.reason == "rule-outs are not diagnoses")
    with ledger.engine.begin() as con:
        con.execute(SOURCE_ACCOUNT.delete().where(lost))
    off = [s for s in of(ledger, "dsmc").sources if s.difference]
    assert [(s.source, s.difference) for s in off] == [("진단", 1303)]
    index = write_reports(ledger, tmp_path / "out", NAMES, run_ids=[run_id])
    page = (index.parent / "2026-11-23" / "dsmc.html").read_text("utf-8")
    assert '<span class="off">+1,303</span>' in page
    assert "1 source table of 7 do" in page


def test_what_a_stopped_run_did_not_reach_is_unknown_not_zero(ledger):
    figures = of(ledger, "cnuh")
    assert (figures.run.mapped, figures.run.quarantined, figures.run.filtered, figures.run.rate) == (None,) * 4
    assert figures.run.rejected == 80
    assert not figures.settled
    assert [g.state for g in figures.gates] == ["open", "skipped"]


def test_a_gate_lists_what_blocks_first_then_warnings(ledger):
    gate = of(ledger, "dsmc").gates[1]
    assert [f.severity for f in gate.failed] == ["block", "block", "warn", "warn"]
    assert gate.failed[0].unexpected > gate.failed[1].unexpected
    assert (gate.state, gate.blocking, gate.warnings, len(gate.passed)) == ("closed", 2, 2, 5)


def test_the_overall_rate_leaves_units_out(ledger):
    figures = of(ledger, "snuh")
    events = [r for r in figures.rates if r.domain != "Unit"]
    assert figures.run.rate == sum(r.mapped for r in events) / sum(r.records for r in events)
    assert figures.rates[-1].domain == "Unit"
    drug = next(r for r in events if r.domain == "Drug")
    assert drug.change == pytest.approx(-2.0, abs=0.01)


def test_unmapped_codes_run_up_by_records_and_new_ones_are_marked(ledger):
    unmapped = of(ledger, "snuh").unmapped
    records = [c.records for c in unmapped.top]
    assert records == sorted(records, reverse=True)
    assert [c.running for c in unmapped.top] == [sum(records[: i + 1]) for i in range(len(records))]
    assert [c.code for c in unmapped.top if c.new] == ["671807470"]
    assert unmapped.records >= unmapped.top[-1].running


def test_codes_are_escaped(pages):
    page = pages["2026-11-22/snuh.html"]
    assert "L3041&lt;0.5" in page
    assert "PT-DR&lt;b&gt;" in page
    assert "<0.5" not in page
    assert "<b>&#34;" not in page


def test_a_finding_leads_to_its_rows_with_a_command_the_shell_understands(pages):
    page = pages["2026-11-23/dsmc.html"]
    assert re.search(r"etl sql --run \S+ &#34;select measurement_id from measurement where", page)
    assert re.search(r"etl sql --run \S+ &#39;select line from &#34;landed&#34;", page)


@pytest.mark.parametrize("code", ['select "a" from t', "select 'x' from t", "select $1", "select `a`"])
def test_sql_survives_the_shell(code):
    assert shlex.split(formats.sql_command(code, "snuh-1")) == ["etl", "sql", "--run", "snuh-1", code]


def test_fan_out_is_rows_per_source_row(ledger):
    tables = {t.name: t for t in of(ledger, "snuh").tables}
    assert tables["drug_exposure"].fan_out == 1
    assert tables["measurement"].fan_out == tables["measurement"].rows / tables["measurement"].source_rows > 1
    assert len(tables["measurement"].entries) == 2


def test_reasons_carry_their_text_and_unknown_ones_themselves(ledger):
    counts = of(ledger, "snuh").reasons
    quarantined = {r.code: r for r in explained(counts, "quarantined")}
    assert quarantined["person_unknown"].title == "Patient not known"
    assert len(quarantined["person_unknown"].sources) == 3
    assert quarantined["order_window"].title == "order_window"
    assert explained(counts, "filtered")[0].title == "no result yet"
    assert all({"title", "text"} == set(text) for group in texts().values() for text in group.values())


def test_changed_rows_stand_on_the_page_with_where_it_happened(ledger, tmp_path):
    run_id = of(ledger, "snuh").run.run_id
    rows = [
        {"cdm_table": "measurement", "change": "negative_value", "column_name": "", "rows": 7},
        {"cdm_table": "observation", "change": "text_cut", "column_name": "value_as_string", "rows": 1234},
    ]
    ledger.record_accounts(run_id, Accounts(changes=rows))
    index = write_reports(ledger, tmp_path / "out", NAMES)
    page = (index.parent / "2026-11-23" / "snuh.html").read_text("utf-8")
    said = page[page.index("<h3>Changed") :]
    assert "<b>Text cut</b>" in said
    assert "<code>observation.value_as_string</code>&nbsp;1,234" in said
    assert "<code>measurement</code>&nbsp;7" in said
    assert "<h3>Changed" not in (index.parent / "2026-11-22" / "snuh.html").read_text("utf-8")


def test_the_newest_delivery_owns_the_night_and_the_other_is_named(pages):
    page = pages["2026-11-23/snuh.html"]
    assert "This night had another delivery, <code>0badc0ffee00</code>" in page
    assert "is-published" in page


def change_run(ledger, run_id, **values):
    with ledger.engine.begin() as con:
        con.execute(RUN.update().where(RUN.c.run_id == run_id).values(**values))


def add_run(ledger, hospital, when, state, delivery="abc", started_at=None):
    run_id = f"{hospital}-{when}-{state}"
    ledger.open_run(run_id, hospital, when, delivery)
    change_run(ledger, run_id, state=state, started_at=started_at or datetime(when.year, when.month, when.day, 17, 30))
    return run_id


def page_of(ledger, folder, hospital, when=LAST):
    return (write_reports(ledger, folder, NAMES).parent / str(when) / f"{hospital}.html").read_text("utf-8")


def text_of(page):
    """What a reader sees, blanks made one; tags become blanks."""
    return " ".join(re.sub(r"<[^>]+>", " ", page[page.index("<main") :]).split())


def asked(ledger, run_id, asked_at, decision="waiting", decided_at=None, actor=None, reason=None):
    """A question about a warning of which 6 of 60 rows broke it, and its answer; times are day and hour, UTC."""
    finding = {
        "suite": "s", "table_name": "patients", "column_name": "SEX", "expectation": "e", "unexpected": 6, "total": 60,
        "description": "A sex is <known>", "observed": None, "error": None, "approve_above": 0.05,
    }  # fmt: skip
    row = {
        "run_id": run_id, "gate": "source", "decision": decision, "actor": actor, "reason": reason,
        "asked_at": datetime(2026, 11, *asked_at), "findings": json.dumps([finding]),
        "decided_at": datetime(2026, 11, *decided_at) if decided_at else None,
        "number": decided_at and 24 * decided_at[0] + decided_at[1],
    }  # fmt: skip
    with ledger.engine.begin() as con:
        con.execute(APPROVAL.insert().values(row))


def test_decisions_stand_on_the_night_s_page_with_who_when_and_why(ledger, tmp_path):
    run_id = of(ledger, "snuh").run.run_id
    asked(ledger, run_id, (23, 17), "approved", (23, 23), "이지은 <lee>", "codes changed <script>alert(1)</script>")
    asked(ledger, run_id, (23, 16), "expired", (23, 17), reason="the night was run again")
    asked(ledger, "snuh-2026-11-23-0badc0ffee00", (23, 15), "refused", (23, 16), "park")
    page = page_of(ledger, tmp_path / "out", "snuh")
    Outline(page)
    assert '<a href="#decisions">' in page
    said = text_of(page)
    assert "approved by 이지은 &lt;lee&gt; 2026-11-24 08:00 KST source gate · asked 2026-11-24 02:00 KST" in said
    assert "codes changed &lt;script&gt;alert(1)&lt;/script&gt;" in said
    assert "A sex is &lt;known&gt; limit 5.0 % patients.SEX 6 of 60 (10.0 %)" in said
    assert "expired 2026-11-24 02:00 KST" in said
    assert "about another delivery, run snuh-2026-11-23-0badc0ffee00 no reason given" in said
    assert said.index("approved by") < said.index("expired 2026") < said.index("refused by park")
    assert "Decisions" not in page_of(ledger, tmp_path / "out", "snuh", date(2026, 11, 22))


def test_one_sentence_about_many_places_is_asked_once_and_says_nothing_of_few_rows(ledger, tmp_path):
    run_id = of(ledger, "snuh").run.run_id
    finding = {
        "suite": "s", "column_name": None, "expectation": "e", "total": 60, "description": "It is known",
        "observed": None, "error": None, "approve_above": 0.01,
    }  # fmt: skip
    places = [{**finding, "table_name": f"t{n}", "unexpected": 2 + n} for n in range(7)]
    far = {**finding, "table_name": "t9", "unexpected": 90, "total": 30, "observed": "120 rows, usually 30 (+300.0%)"}
    row = {
        "run_id": run_id,
        "gate": "source",
        "decision": "waiting",
        "asked_at": datetime(2026, 11, 23, 9),
        "number": 9,
    }
    with ledger.engine.begin() as con:
        con.execute(APPROVAL.insert().values(**row, findings=json.dumps([*places, far])))
    said = text_of(page_of(ledger, tmp_path / "out", "snuh"))
    assert said.count("It is known") == 1
    assert "t0 ≤5 of 60 t1 ≤5 of 60 t2 ≤5 of 60 t3 5 of 60 (8.3 %) 4 more places" in said
    assert "t9 120 rows, usually 30 (+300.0%)" in said
    assert "90 of 30" not in said


def test_few_rows_are_told_in_steps_on_the_night_s_page_too(ledger, tmp_path):
    run_id = of(ledger, "snuh").run.run_id
    few = Finding(
        "s", "t", "e", "A thing holds", "warn", False, unexpected=7, total=100, carried=3, rows_sql="select 1"
    )
    passed = Finding("s", "u", "e", "Another thing holds", "warn", True, unexpected=4, total=100)
    ledger.record_findings(run_id, "source", [few, passed])
    out = tmp_path / "out"
    write_reports(ledger, out, {}, cells={"snuh": 11})
    said = text_of((out / "2026-11-23" / "snuh.html").read_text(encoding="utf-8"))
    assert "A thing holds e t ≤11 of 100 rows ≤11 from earlier nights" in said
    assert "u Another thing holds warning ≤11 100" in said
    assert "A thing holds e t ≤11 of 100 rows" in text_of((out / "hospitals" / "snuh.html").read_text(encoding="utf-8"))


def test_what_still_waits_for_an_answer_comes_first(ledger, tmp_path):
    run_id = of(ledger, "snuh").run.run_id
    asked(ledger, run_id, (23, 15), "refused", (23, 16), "park", "half a file")
    asked(ledger, run_id, (23, 14))
    said = text_of(page_of(ledger, tmp_path / "out", "snuh"))
    assert "waits since 2026-11-23 23:00 KST source gate A sex is &lt;known&gt; limit 5.0 % patients.SEX" in said
    assert said.index("waits since") < said.index("half a file")


def test_a_night_that_was_gone_back_from_is_not_the_newest(ledger, tmp_path):
    add_run(ledger, "snuh", LAST + timedelta(days=1), "left")
    index = text_of(write_reports(ledger, tmp_path / "out", NAMES).read_text("utf-8"))
    assert "newest night 2026-11-23 (Mon)" in index
    assert "1 failed 1 blocked 1 published" in index
    assert index.index("· cnuh") < index.index("· dsmc") < index.index("· snuh published 2026-11-23")
    assert "11-24 Tue" in index, "the grid keeps the night"


def test_a_hospital_that_went_back_from_the_newest_night_did_deliver_it(ledger, tmp_path):
    add_run(ledger, "snuh", LAST + timedelta(days=1), "left")
    add_run(ledger, "dsmc", LAST + timedelta(days=1), "published")
    index = text_of(write_reports(ledger, tmp_path / "out", NAMES).read_text("utf-8"))
    assert "newest night 2026-11-24 (Tue)" in index
    assert "1 failed 1 left 1 published" in index
    assert index.index("· cnuh failed last: 2026-11-23") < index.index("· snuh left") < index.index("· dsmc published")


def test_the_grid_names_the_year_only_where_there_are_several(ledger, pages, tmp_path):
    assert '<th scope="col">11-19<' in pages["index.html"]
    add_run(ledger, "snuh", date(2027, 1, 2), "published")
    index = write_reports(ledger, tmp_path / "out", NAMES).read_text("utf-8")
    assert '<th scope="col"><span class="quiet">2026</span>11-19<' in index
    assert '<th scope="col"><span class="quiet">2027</span>01-02<' in index


def test_a_delivery_that_could_not_be_opened_is_called_so(ledger, tmp_path):
    unopened = add_run(ledger, "snuh", LAST, "failed", delivery="-", started_at=datetime(2026, 11, 23, 15))
    change_run(ledger, unopened, number=0)
    told = "This night had a delivery that could not be opened, started 00:00 KST: failed."
    assert told in text_of(page_of(ledger, tmp_path / "out", "snuh"))
    change_run(ledger, unopened, number=1_000)  # now the page is about it
    assert "Delivery could not be opened" in text_of(page_of(ledger, tmp_path / "out", "snuh"))


def test_a_night_is_compared_with_an_earlier_night_not_with_its_own_earlier_delivery(ledger):
    change_run(ledger, "snuh-2026-11-23-0badc0ffee00", state="published")
    change_run(ledger, of(ledger, "snuh").run.run_id, state="blocked", message="a gate closed")
    figures = of(ledger, "snuh")
    assert figures.before is not None
    assert figures.before.night == LAST - timedelta(days=1)
    assert verdict(figures).sentence.endswith("— an earlier delivery of this night stays published.")


def test_a_mapping_rate_below_one_never_reads_as_all():
    assert formats.percent(999_999, 1_000_000) == ">99.9 %"
    assert formats.percent(1, 1_000_000) == "<0.1 %"
    assert (formats.percent(1, 1), formats.percent(0, 5), formats.percent(3, 0)) == ("100.0 %", "0.0 %", "–")


def test_figures_read_well():
    assert formats.count(1234567) == "1,234,567"
    assert [formats.duration(s) for s in (None, 3.21, 59.4, 252, 7260)] == [
        "–",
        "3.2 s",
        "59 s",
        "4 min 12 s",
        "2 h 01 min",
    ]
    assert [formats.size(n) for n in (12, 1500, 2_340_000_000)] == ["12 B", "1.5 kB", "2.3 GB"]
    assert [formats.points(p) for p in (0.01, -1.94, 0.3)] == ["±0.0", "−1.9", "+0.3"]
    assert formats.tagged("혈액 <a>") == '<span lang="ko">혈액 &lt;a&gt;</span>'


def test_charts_say_in_words_what_they_show_and_leave_gaps():
    points = [Point(date(2026, 11, d), v, "published") for d, v in ((1, 0.9), (2, None), (3, 0.92), (4, 0.91))]
    assert 'aria-label="Mapping rate: from 90.0 % to 91.0 % over 4 nights"' in charts.sparkline(points, "Mapping rate")
    assert charts.sparkline(points, "r").count("M") == 2
    assert "Drug &lt;x&gt;: 50.0 % mapped, 60.0 % before" in charts.rate_bar(0.5, 0.6, "Drug <x>")


def test_a_finding_that_could_not_be_evaluated_says_why(ledger, tmp_path):
    run = of(ledger, "snuh").run
    finding = Finding("s", "t", "e", "One <thing> holds", "block", False, error="no such <column>")
    ledger.record_findings(run.run_id, "cdm", [finding])
    index = write_reports(ledger, tmp_path / "out", NAMES, run_ids=[run.run_id])
    page = (index.parent / "2026-11-23" / "snuh.html").read_text("utf-8")
    assert "Could not be evaluated: no such &lt;column&gt;" in page
    assert "One &lt;thing&gt; holds" in page


def test_the_terminal_table_has_a_line_per_run_in_the_given_order(ledger):
    run_ids = [of(ledger, h).run.run_id for h in ("snuh", "dsmc", "cnuh")]
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(summary_table(ledger, run_ids, NAMES))
    lines = console.export_text().splitlines()
    assert len(lines) == 4
    assert lines[1].startswith("서울대학교병원 snuh")
    assert "closed 2" in lines[2]
    assert "blocked" in lines[2]
    assert "✓" in lines[1]
    assert "1,132,811" in lines[3]
    assert "failed" in lines[3]


def test_what_stops_a_night_stands_first_and_in_the_order_of_its_weight(ledger, tmp_path):
    run_id = of(ledger, "snuh").run.run_id
    many = [
        Finding("s", f"t{i}", "e", "A common thing holds", "warn", False, unexpected=900, total=1000) for i in range(8)
    ]
    holds = Finding("s", "t", "e", "A rare thing holds", "warn", False, unexpected=9, total=100, approve_above=0.05)
    ledger.record_findings(run_id, "source", [*many, holds, Finding("s", "t", "e", "It is there", "block", False)])
    lines = of(ledger, "snuh").gates[0].told
    assert [(line.weight, line.description, len(line.places)) for line in lines] == [
        ("block", "It is there", 1), ("holds", "A rare thing holds", 1), ("warn", "A common thing holds", 8),
    ]  # fmt: skip
    page = text_of(page_of(ledger, tmp_path / "out", "snuh"))
    assert page.count("A common thing holds") == 1
    assert "asks you A rare thing holds e t 9 of 100 (9.0 %) rows limit 5.0 %" in page


def test_a_failed_page_says_what_to_do_as_the_console_did(ledger, tmp_path):
    run_id = of(ledger, "cnuh").run.run_id
    ledger.close_run(run_id, "failed", "map", "the disk is full", "free space, run the night again")
    assert "→ free space, run the night again" in text_of(page_of(ledger, tmp_path / "out", "cnuh"))
    index = text_of(write_reports(ledger, tmp_path / "out", NAMES).read_text("utf-8"))
    assert index.index("the disk is full — yesterday") < index.index("→ free space, run") < index.index("All hospitals")


def test_internal_names_are_no_words_of_a_page(ledger, tmp_path):
    run_id = of(ledger, "snuh").run.run_id
    finding = Finding("source.snuh.labs", "labs", "unexpected_rows_expectation", "A rule", "warn", False, unexpected=1)
    ledger.record_findings(run_id, "source", [finding])
    page = text_of(page_of(ledger, tmp_path / "out", "snuh"))
    assert "unexpected_rows" not in page
    assert "rule about rows" in page
    assert "expectations/source/snuh/labs.json" in page


def test_a_rule_that_filters_does_not_read_backwards(pages):
    assert "Does not hold: “no result yet”" in text_of(pages["2026-11-23/snuh.html"])


def test_tables_that_came_without_a_row_are_one_line(ledger, tmp_path):
    run_id = of(ledger, "snuh").run.run_id
    ledger.record_accounts(run_id, Accounts(files=[
        {"source": f"s{i}", "file": f"f{i}.csv", "bytes": 10, "rows": 0} for i in range(11)]))  # fmt: skip
    page = text_of(page_of(ledger, tmp_path / "out", "snuh"))
    said = page[page.index("Reconciliation Source tables") : page.index("CDM tables")]
    assert "11 source tables came without a row s0 , s1" in said
    assert "s3 0 0" not in said


def test_the_first_page_says_the_night_in_one_sentence(ledger):
    said = tonight(ledger, NAMES)
    assert said.summary.startswith(
        "2 of 3 hospitals need you (1 failed, 1 blocked), Chungnam National University Hospital first; "
    )
    assert [need.run.hospital for need in said.needs] == ["cnuh", "dsmc"]
    assert [line.run.hospital for line in said.lines] == ["cnuh", "dsmc", "snuh"]


def test_the_first_page_tells_what_is_new_since_the_last_published_night(ledger):
    line = next(each for each in tonight(ledger, NAMES).lines if each.run.hospital == "snuh")
    same = Finding("s", "t", "e", "Held before", "warn", False, unexpected=3)
    for gate in ("source", "cdm"):
        ledger.record_findings(line.before.run_id, gate, [same])
        ledger.record_findings(line.run.run_id, gate, [same])
    quiet = next(each for each in tonight(ledger, NAMES).lines if each.run.hospital == "snuh")
    assert quiet.new_findings == 0
    ledger.record_findings(line.run.run_id, "cdm", [same, Finding("s", "t", "e", "New", "warn", False, unexpected=3)])
    after = next(each for each in tonight(ledger, NAMES).lines if each.run.hospital == "snuh")
    assert after.new_findings == 1
    assert any("new finding" in news.text for news in after.news)


def test_a_hospital_without_a_delivery_of_the_newest_night_is_late(ledger):
    add_run(ledger, "dsmc", LAST + timedelta(days=1), "published")
    said = tonight(ledger, NAMES)
    assert [(need.run.hospital, need.state) for need in said.needs] == [("cnuh", "failed"), ("snuh", "late")]
