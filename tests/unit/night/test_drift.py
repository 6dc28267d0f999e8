"""What is told of a night that is unlike those before it, and what chance, growth and one bad night do not make."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest
import yaml

from etl.cdm.spec import empty, tables
from etl.engine import define_functions, define_night
from etl.errors import ConfigError
from etl.night.check.drift.judge import judge
from etl.night.check.drift.measure import measure_cdm
from etl.night.check.drift.mixes import Figures, Key, Mix, large
from etl.night.check.drift.past import what_changed
from etl.night.check.drift.rules import Rules, read_rules
from etl.night.check.drift.still import standing_still
from etl.quality.findings.kinds import rules as kinds_of_findings
from etl.settings import PROJECT

EXPECTATIONS = PROJECT / "expectations"
SEX = Key("patients", "SEX", "codes")
ROWS = Key("results", "", "rows")


@pytest.fixture(scope="module")
def rules() -> Rules:
    read = read_rules(EXPECTATIONS)
    assert read is not None
    return read


def nights(key: Key, *mixes: Mix) -> list[Figures]:
    """Figures of nights, the newest first."""
    return [{key: mix} for mix in mixes]


def told(rules: Rules, key: Key, now: Mix, *before: Mix, whole: bool = True) -> list[str]:
    """What is found of one mix: expectation, and whether it waits for a person."""
    found = judge(rules, {key: now}, nights(key, *before), whole=whole)
    return [
        f"{f.expectation} {'held' if f.approve_above and f.unexpected / f.total > f.approve_above else 'told'}"
        for f in found
        if f.unexpected is not None and f.total
    ]


def test_a_first_night_has_nothing_to_be_held_against(rules: Rules) -> None:
    assert judge(rules, {SEX: {"a": 9}}, [], whole=True) == []


def test_a_night_like_those_before_is_not_told(rules: Rules) -> None:
    before: Mix = {"a": 500, "b": 500}
    assert told(rules, SEX, {"a": 501, "b": 500}, before, before, before) == []


def test_codes_of_another_share_are_told_at_their_place(rules: Rules) -> None:
    before: Mix = {"a": 500, "b": 500}
    (found,) = judge(rules, {SEX: {"a": 600, "b": 400}}, nights(SEX, before), whole=True)
    assert (found.table_name, found.column_name, found.severity) == ("patients", "SEX", "warn")
    assert (found.unexpected, found.total) == (100, 1000)
    assert told(rules, SEX, {"c": 1000}, before) == ["expect_codes_to_stay held"]


def test_of_codes_no_digest_is_told(rules: Rules) -> None:
    (found,) = judge(rules, {SEX: {"0cc175b9c0": 1000}}, nights(SEX, {"92eb5ffee6": 1000}), whole=True)
    assert found.observed == "100.0% of the rows have other ones, 100.0% ones never seen"


def test_nine_records_close_nothing(rules: Rules) -> None:
    assert told(rules, SEX, {"a": 9}, {"b": 9}) == []
    assert told(rules, ROWS, {"rows": 1}, {"rows": 10}) == ["expect_fewer_to_stay told"]
    assert told(rules, ROWS, {"rows": 6}, {"rows": 10}) == []


def test_what_is_drawn_anew_every_night_may_differ_by_chance(rules: Rules) -> None:
    before: Mix = {"a": 50, "b": 50}
    assert told(rules, SEX, {"a": 62, "b": 38}, before, before, whole=False) == []
    assert told(rules, SEX, {"a": 6200, "b": 3800}, *[{"a": 5000, "b": 5000}] * 2, whole=False) == [
        "expect_codes_to_stay told"
    ]


def test_a_fall_is_told_and_from_a_fifth_on_waits(rules: Rules) -> None:
    before = {"rows": 1000}
    assert told(rules, ROWS, {"rows": 995}, before) == []
    assert told(rules, ROWS, {"rows": 950}, before) == ["expect_fewer_to_stay told"]
    assert told(rules, ROWS, {"rows": 700}, before) == ["expect_fewer_to_stay held"]
    assert told(rules, ROWS, {}, before) == ["expect_fewer_to_stay held"], "a table that is empty has no figure"


def test_growth_beyond_a_tenth_is_told(rules: Rules) -> None:
    assert told(rules, ROWS, {"rows": 1050}, {"rows": 1000}) == []
    assert told(rules, ROWS, {"rows": 1150}, {"rows": 1000}) == ["expect_more_to_stay told"]
    assert told(rules, ROWS, {"rows": 2000}, {"rows": 1000}) == ["expect_more_to_stay held"]


def test_a_night_of_changes_may_bring_a_third_less_than_usual(rules: Rules) -> None:
    before = [{"rows": n} for n in (900, 880, 910, 905, 870)]
    assert told(rules, ROWS, {"rows": 600}, *before, whole=False) == []
    assert told(rules, ROWS, {"rows": 30}, *before, whole=False) == ["expect_fewer_to_stay held"]


def test_of_nights_of_changes_that_are_far_apart_less_is_told(rules: Rules) -> None:
    before = [{"rows": n} for n in (5, 0, 31, 0, 21)]
    assert told(rules, ROWS, {"rows": 48}, *before, whole=False) == []
    assert told(rules, ROWS, {"rows": 0}, *before, whole=False) == []
    assert told(rules, ROWS, {"rows": 12}, {"rows": 43}, whole=False) == [], "one night says little"
    assert told(rules, ROWS, {"rows": 0}, {"rows": 900}, whole=False) == ["expect_fewer_to_stay told"]


@pytest.mark.parametrize("good_nights", [1, 2, 3, 4])
def test_the_complete_night_after_a_fall_is_not_told(rules: Rules, good_nights: int) -> None:
    good, bad = {"rows": 1000}, {"rows": 500}
    assert told(rules, ROWS, good, bad, *[good] * good_nights) == []
    assert told(rules, ROWS, bad, bad, *[good] * good_nights) == ["expect_fewer_to_stay held"], "nor is it rewarded"


def test_what_is_new_for_good_becomes_usual(rules: Rules) -> None:
    old, new = {"rows": 1000}, {"rows": 2000}
    assert told(rules, ROWS, new, new, new, new, old, old) == []


def test_numbers_of_one_concept_are_seen_among_those_of_many(rules: Rules) -> None:
    glucose, others = Key("measurement", "value_as_number", "numbers", "3004501"), Key(
        "measurement", "value_as_number", "numbers", "3000963"
    )  # fmt: skip
    before = [{glucose: {"40": 100}, others: {"22": 9000}}]
    (found,) = judge(rules, {glucose: {"15": 100}, others: {"22": 9000}}, before, whole=True)
    assert found.observed == "of concept 3004501"
    assert (found.unexpected, found.total) == (100, 100)


@pytest.mark.parametrize(
    ("day", "works"), [("2026-11-17", True), ("2026-11-21", False), ("2026-10-09", False), ("2026-09-25", False)]
)
def test_holidays_are_no_workdays(rules: Rules, day: str, works: bool) -> None:
    assert rules.works(date.fromisoformat(day)) is works


def test_a_wrong_rule_is_told_with_its_place(tmp_path: Path) -> None:
    said = yaml.safe_load((EXPECTATIONS / "drift.yaml").read_text(encoding="utf-8"))
    said["kinds"]["fewer"]["warn"] = "a fifth"
    (tmp_path / "drift.yaml").write_text(yaml.safe_dump(said), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"kinds\.fewer\.warn"):
        read_rules(tmp_path)
    assert read_rules(tmp_path / "nowhere") is None


def test_every_kind_is_a_kind_of_finding(rules: Rules) -> None:
    known = kinds_of_findings()
    named = {gate for kind in known.kinds.values() for gate in kind.gates}
    for kind in rules.kinds:
        assert f"expect_{kind}_to_stay" in named & known.told_when_failed


@pytest.fixture
def cdm() -> duckdb.DuckDBPyConnection:
    """An empty candidate on the night of 2026-11-17."""
    con = duckdb.connect()
    define_functions(con)
    define_night(con, date(2026, 11, 17))
    for name in ("visit_occurrence", "death"):
        con.execute(f"create table {name} as {empty(tables()[name])}")
    for name, table in tables().items():
        if table.schema == "cdm" and name not in ("visit_occurrence", "death"):
            con.execute(f"create view {name} as {empty(table)}")
    return con


def fill_visits(con: duckdb.DuckDBPyConnection, newest: str) -> None:
    """Two visits on every day of the last hundred until the newest."""
    con.execute(
        "insert into visit_occurrence by name select i as visit_occurrence_id, i % 20 as person_id, "
        "9202 as visit_concept_id, 32827 as visit_type_concept_id, d as visit_start_date, d as visit_end_date "
        "from (select i, cast(? as date) - (i // 2)::integer as d from range(200) t(i))", [newest]
    )  # fmt: skip


def test_days_that_stopped_are_told(rules: Rules, cdm: duckdb.DuckDBPyConnection) -> None:
    fill_visits(cdm, "2026-11-05")
    (found,) = standing_still(cdm, rules)
    assert (found.table_name, found.column_name) == ("visit_occurrence", "visit_start_date")
    assert found.observed == "12 days before the night, never more than 1 days apart"


def test_days_that_go_on_are_not_told(rules: Rules, cdm: duckdb.DuckDBPyConnection) -> None:
    fill_visits(cdm, "2026-11-16")
    assert list(standing_still(cdm, rules)) == []


def test_figures_of_the_cdm_tell_how_rows_divide(cdm: duckdb.DuckDBPyConnection) -> None:
    fill_visits(cdm, "2026-11-16")
    found = measure_cdm(cdm, {"visit_occurrence": 200}, 1000)
    assert found[Key("visit_occurrence", "", "rows")] == {"rows": 200}
    assert found[Key("visit_occurrence", "visit_concept_id", "concepts")] == {"9202": 200}
    assert found[Key("visit_occurrence", "visit_end_date", "same_day")] == {"same day": 200}
    assert not [key for key in found if key.table == "death"]


def test_items_of_fewer_rows_than_a_hospital_tells_are_not_kept() -> None:
    years, filled = Key("patients", "birth", "years"), Key("patients", "birth", "filled")
    figures = {years: {"1947": 7, "1950": 12, "others": 3}, filled: {"given": 22, "empty": 1}}
    assert large(figures, 5) == figures
    assert large(figures, 10) == {years: {"1950": 12, "others": 3}, filled: {"given": 22, "empty": 1}}


def test_figures_tell_numbers_that_lead_to_a_patient_apart_from_what_is_given() -> None:
    known, given = Key("results", "PT_NO", "known"), Key("results", "UNIT", "filled")
    figures = {known: {"given": 22, "empty": 1}, given: {"given": 22, "empty": 1}}
    assert large(figures, 10) == figures


@pytest.mark.parametrize(
    ("changed", "column", "words"),
    [
        ((9, 9, 9), None, "records are gone, or are new"),
        ((0, 9, 5), "b", "b, c"),
        ((0, 0, 9), "c", "c"),
    ],
)
def test_of_a_changed_past_the_columns_are_named(changed: tuple[int, ...], column: str | None, words: str) -> None:
    assert what_changed(changed, ("a", "b", "c")) == (column, words)


def test_a_sample_that_is_half_as_large_is_not_unlike(rules: Rules) -> None:
    visit, rows = Key("results", "VISIT", "codes"), Key("results", "", "rows")
    large_ = {rows: {"rows": 9_999}, visit: {**{f"v{n}": 9 for n in range(290)}, "others": 1_500}}
    half = {rows: {"rows": 10_001}, visit: {**{f"v{n}": 5 for n in range(100)}, "others": 1_900}}
    assert judge(rules, half, [large_], whole=True) == []
    test = {rows: {"rows": 10_001}, visit: {"a": 1_000, "b": 1_000}}
    (found,) = judge(rules, {**test, visit: {"a": 2_000}}, [test], whole=True)
    assert found.expectation == "expect_codes_to_stay"


def test_numbers_that_are_new_every_night_are_no_codes(rules: Rules) -> None:
    visits = [{f"v{night}{n}": 20 for n in range(10)} for night in range(6)]
    assert told(rules, SEX, visits[0], *visits[1:], whole=False) == []
    codes: Mix = {"a": 100, "b": 100}
    assert told(rules, SEX, visits[0], codes, whole=False) == [], "of one night nobody knows"
    assert told(rules, SEX, visits[0], codes, codes, whole=False) == ["expect_codes_to_stay held"]
