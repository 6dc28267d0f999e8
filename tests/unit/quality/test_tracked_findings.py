"""Tracked findings: what one fault is, its course over nights, and what may be done about it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from etl.cdm.spec import tables
from etl.errors import UsageError
from etl.quality.battery.battery import load_battery
from etl.quality.battery.checks import load_checks
from etl.quality.findings.actions import Current, Overtaken, act
from etl.quality.findings.course import Reading, Step, course
from etl.quality.findings.digest import digest, is_worth_telling, text
from etl.quality.findings.kinds import OTHER, Fault, rules
from etl.quality.findings.read import list_findings, show
from etl.quality.findings.settle import Standing, due_by_itself
from etl.quality.findings.share import Share, compare, grew_times
from etl.quality.findings.signs import Sign
from etl.quality.findings.states import states
from etl.quality.findings.told import rows_told
from etl.quality.findings.track import settle, track
from etl.quality.findings.write import open_look, write_signs
from etl.settings import PROJECT, Settings
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.records import Finding
from etl.store.ledger.tables import STAGE
from etl.store.ledger.tracking import FINDING_SIGN, LOOK

CHECKS = {check.id: check for check in load_checks(PROJECT / "expectations" / "dqd")}
NIGHT, SOON, LATER = date(2026, 7, 1), date(2098, 1, 1), date(2099, 1, 1)
MANY = 10_000


def nights(*seen: Sequence[int] | int | None, total: int = MANY) -> list[Reading]:
    """Readings of one check (or of several) on nights that follow each other: violated, 0: held, None: not asked."""
    found = []
    for n, said in enumerate(seen, 1):
        for asked, violated in enumerate(said if isinstance(said, Sequence) else [said]):
            if violated is not None:
                found.append(
                    Reading(NIGHT + timedelta(days=n), f"r{n}", n, n, asked, violated > 0, violated, total)
                )  # fmt: skip
    return found


def words(steps: Sequence[Step]) -> list[str]:
    return [step.word for step in steps]


# What one fault is ----------------------------------------------------------------------------------------------------


def finding(table: str, column: str | None, expectation: str, says: str, gate: str = "cdm") -> dict[str, Any]:
    return {"gate": gate, "table_name": table, "column_name": column, "expectation": expectation, "description": says}


QUERY, BETWEEN = "unexpected_rows_expectation", "expect_column_values_to_be_between"


@pytest.mark.parametrize(
    ("check", "gate"),
    [
        ("field_isrequired_person_gender_concept_id",
         finding("person", "gender_concept_id", "expect_column_values_to_not_be_null", "gender_concept_id is filled")),
        ("field_plausiblevaluelow_drug_exposure_days_supply",
         finding("drug_exposure", "days_supply", BETWEEN, "days_supply is between 1 and 365 for 99 of 100 exposures")),
        ("field_plausiblevaluehigh_visit_occurrence_visit_start_datetime",
         finding("visit_occurrence", "visit_start_date", QUERY, "It is not after the day the data was pulled")),
        ("field_plausiblebeforedeath_visit_occurrence_visit_start_date",
         finding("visit_occurrence", "visit_start_date", QUERY,
                 "visit_start_date is not before birth and not more than 60 days after death")),
        ("field_plausiblestartbeforeend_visit_occurrence_visit_start_date",
         finding("visit_occurrence", "visit_end_date", "expect_column_pair_values_a_to_be_greater_than_b",
                 "visit_end_date is not before visit_start_date")),
        ("field_isforeignkey_visit_occurrence_person_id",
         finding("visit_occurrence", "person_id", QUERY, "person_id is filled and the person exists")),
        ("table_measureobservationperiodoverlap_observation_period",
         finding("observation_period", "observation_period_start_date", QUERY,
                 "The periods of a person neither overlap nor touch")),
    ],
)  # fmt: skip
def test_what_gates_and_battery_see_of_one_thing_is_one_fault(check: str, gate: dict[str, Any]) -> None:
    assert rules().fault_of_check(CHECKS[check]) == rules().fault_of_finding(gate)


OURS = {check.id: check for check in load_battery(PROJECT / "expectations") if check.own}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("convention_03_domain_belongs_to_measurement", "field_fkdomain_measurement_measurement_concept_id"),
        ("convention_27_long_before_birth_visit_occurrence",
         "field_plausibleafterbirth_visit_occurrence_visit_start_date"),
        ("convention_27_future_note", "field_plausiblevaluehigh_note_note_date"),
        ("time_ends_before_start_drug_exposure",
         "field_plausiblestartbeforeend_drug_exposure_drug_exposure_start_date"),
        ("mapping_share_of_concept_0_drug_exposure",
         "field_standardconceptrecordcompleteness_drug_exposure_drug_concept_id"),
    ],
)  # fmt: skip
def test_what_our_checks_and_the_dashboard_s_see_of_one_thing_is_one_fault(ours: str, theirs: str) -> None:
    assert rules().fault_of_check(OURS[ours]) == rules().fault_of_check(CHECKS[theirs])


def test_every_beginning_of_a_name_is_that_of_a_check_of_ours() -> None:
    said = {start for kind in rules().kinds.values() for start in kind.ours}
    assert said and all(any(name.startswith(start) for name in OURS) for start in said)


DRIFT = "There are as many rows as on the nights before, and not fewer"


def drift(table: str, column: str | None, kind: str, gate: str = "cdm") -> Fault:
    return rules().fault_of_finding(finding(table, column, f"expect_{kind}_to_stay", DRIFT, gate))


@pytest.mark.parametrize(
    "same",
    [
        [("person", "gender_concept_id", "concepts"), ("person", "gender_source_value", "past"),
         ("person", "gender_source_concept_id", "concepts"), ("person", "gender_concept_id", "filled")],
        [("visit_detail", "visit_detail_end_date", "same_day"), ("visit_detail", "visit_detail_end_datetime", "hours")],
        [("measurement", "visit_occurrence_id", "filled"), ("note", "visit_occurrence_id", "filled")],
        [("death", None, "past"), ("death", None, "fewer")],
    ],
)  # fmt: skip
def test_what_is_unlike_the_nights_before_in_one_thing_is_one_fault(same: list[tuple[str, str | None, str]]) -> None:
    assert len({drift(*each) for each in same}) == 1


def test_what_is_wrong_with_eras_is_wrong_with_what_they_are_worked_out_from() -> None:
    ends = [f"field_plausiblevaluehigh_{table}_{table}_end_date" for table in ("drug_exposure", "drug_era", "dose_era")]
    assert len({rules().fault_of_check(CHECKS[check]) for check in ends}) == 1
    assert all(name.split(".")[1] in tables()[name.split(".")[0]].columns
               for pair in rules().derived.items() for name in pair)  # fmt: skip


def test_of_missing_patients_and_of_missing_rows_follows_what_else_is_unlike() -> None:
    persons, deaths = drift("person", None, "fewer"), drift("death", None, "fewer")
    codes, source = drift("death", "cause_concept_id", "concepts"), drift("patients", None, "fewer", "source")
    assert rules().together({persons, deaths, codes, source}) == {
        persons: persons, deaths: persons, codes: persons, source: source,
    }  # fmt: skip
    assert rules().together({deaths, codes}) == {deaths: deaths, codes: deaths}
    assert rules().together({codes}) == {codes: codes}


def test_one_sentence_over_several_sources_is_one_fault() -> None:
    said = [finding(t, "PTNO", QUERY, f"PTNO names a patient of the patient file{more}", "source")
            for t, more in (("orders", ""), ("visits", " in 95 of 100 rows"))]  # fmt: skip
    assert {rules().fault_of_finding(f).key for f in said} == {Fault("source", None, None, "unknown_patient").key}


def test_faults_of_different_columns_concepts_and_promises_are_different() -> None:
    said = [
        finding("measurement", "value_as_number", BETWEEN, "Body height (3036277) is between 20 and 250 cm"),
        finding("measurement", "value_as_number", BETWEEN, "Body weight (3025315) is between 0.2 and 400 kg"),
        finding("measurement", "person_id", QUERY, "person_id is filled and the person exists"),
        finding("visits", "KIND", QUERY, "Emergencies are admitted", "source"),
        finding("visits", "KIND", QUERY, "Day cases end on their day", "source"),
    ]
    faults = [rules().fault_of_finding(f) for f in said]
    assert len({f.key for f in faults}) == len(said)
    assert [f.kind for f in faults[3:]] == [OTHER, OTHER]


def test_another_limit_at_one_hospital_is_the_same_fault() -> None:
    says = "Body height (3036277) is between 20 and 250 cm"
    other = f"{says} for 99 of 100 records (at snuh warn, mostly 0.9 until 2027-03-31: a scale (one) sends inches)"
    assert rules().stem(other) == says


def test_every_check_of_the_battery_has_a_kind_and_every_kind_a_check() -> None:
    assert {rules().fault_of_check(check).kind for check in CHECKS.values()} <= set(rules().kinds)
    named = {name for kind in rules().kinds.values() for name in (*kind.battery, *kind.by_argument)}
    assert named == {check.type.name for check in CHECKS.values()}


# Shares ---------------------------------------------------------------------------------------------------------------


@given(st.integers(1, 10**7), st.floats(0, 1))
def test_a_share_lies_in_its_interval(total: int, part: float) -> None:
    share = Share(round(part * total), total)
    low, high = share.interval
    assert 0 <= low <= share.value + 1e-9
    assert share.value - 1e-9 <= high <= 1


@given(st.integers(1, 10**6), st.floats(0, 1), st.integers(1, 40))
def test_a_table_that_grows_with_the_same_share_makes_no_noise(total: int, part: float, times: int) -> None:
    before = Share(round(part * total), total)
    assert compare(before, Share(before.violated * times, total * times)) == 0


def test_of_few_rows_chance_explains_much_and_of_many_a_tenth_is_no_news() -> None:
    assert compare(Share(1, 6), Share(3, 6)) == 0
    assert compare(Share(100, 600), Share(300, 600)) == 1
    assert compare(Share(300, 600), Share(100, 600)) == -1
    assert compare(Share(1_000_000, 10**8), Share(1_050_000, 10**8)) == 0
    assert compare(None, Share(1, 2)) == 0
    assert grew_times(Share(100, 1000), Share(210, 1000), 2)
    assert not grew_times(Share(100, 1000), Share(190, 1000), 2)


# The course -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ([100, 100, 400, 100, 0, 100], ["new", "still there", "worse", "better", "gone", "came back"]),
        ([0, 0, 100], ["new"]),
        ([100, None, None, 100], ["new", "still there"]),
        ([100, 0, None, 0, 0], ["new", "gone"]),
        ([[100, 100], [0, None], [None, 0]], ["new", "gone"]),  # each that saw it has looked again
        ([[100, 100], [0, None], [0, None]], ["new"]),  # the other one says nothing
        ([[100, 100], [100, 0], [0, None]], ["new", "still there", "gone"]),
        ([[100, 100], [200, 50]], ["new", "still there"]),  # one says worse, one better
        ([], []),
    ],
)
def test_the_course_of_nights(seen: list[Any], expected: list[str]) -> None:
    assert words(course(nights(*seen))) == expected


def test_a_slow_drift_is_told_once_it_is_far_enough_from_where_it_began() -> None:
    drift = [100 + 8 * n for n in range(12)]
    told = words(course(nights(*drift)))
    assert told.count("worse") in (1, 2)
    assert told[1] == "still there"


def test_what_was_said_to_be_resolved_and_is_seen_again_came_back() -> None:
    assert words(course(nights(100, 100, 100), resolved=[2])) == ["new", "still there", "came back"]
    assert words(course(nights(100, 100), resolved=[2])) == ["new", "still there"]


def test_of_two_runs_of_a_night_the_one_opened_last_counts() -> None:
    first, second = nights(100), [replace(r, run_id="other", opening=2, look=9, failed=False) for r in nights(100)]
    before = [replace(r, night=NIGHT, run_id="r0", look=1) for r in nights(100)]
    assert words(course([*before, *first, *second])) == ["new", "gone"]
    assert words(course([*before, *second, *[replace(r, opening=3) for r in first]])) == ["new", "still there"]


@given(st.lists(st.sampled_from([None, 0, 100, 400]), max_size=12), st.randoms(use_true_random=False))
def test_the_order_in_which_nights_were_told_of_is_no_matter(seen: list[int | None], draw: random.Random) -> None:
    readings = nights(*seen)
    mixed = draw.sample(readings, len(readings))
    assert course(mixed) == course(readings)


class Nights:
    """A ledger in which runs of a hospital come, are run again and gone back from; and what they should add up to."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(home=folder, expectations=folder / "none", _env_file=None)
        self.ledger = Ledger(self.settings.ledger_url)
        self.runs: dict[int, tuple[int, str]] = {}  # by night: order of opening, outcome
        self.published: list[int] = []
        self._opened = 0

    def run(self, n: int, outcome: str) -> None:
        """The n-th night is run: its check failed, held, or could not be evaluated."""
        self._opened += 1
        run_id = f"r{n}"
        self.ledger.open_run(run_id, "snuh", NIGHT + timedelta(days=n), "sha")
        self.ledger.record_findings(run_id, "source", [
            Finding("s", "visits", QUERY, "Emergencies are admitted", "warn", outcome == "held", "KIND",
                    10 if outcome == "failed" else 0, 100, error="away" if outcome == "error" else None)
        ])  # fmt: skip
        self.ledger.record_publication(run_id)
        self.published = [*(p for p in self.published if p != n), n]
        self.runs[n] = (self._opened, outcome)

    def go_back(self) -> None:
        """The last run published is gone back from, to the one before."""
        if len(self.published) > 1:
            left = self.published.pop()
            before = self.published[-1]
            self.ledger.record_return(f"r{before}", NIGHT + timedelta(days=before), None, [f"r{left}"], actor="kim",
                                      reason=None)  # fmt: skip
            del self.runs[left]

    def expected(self) -> list[str]:
        return words(course(nights(*[
            {"failed": 100, "held": 0}.get(self.runs[n][1]) if n in self.runs else None for n in range(6)
        ])))  # fmt: skip


EVENTS = st.one_of(
    st.tuples(st.integers(0, 5), st.sampled_from(["failed", "held", "error"])), st.just("back"), st.just("track")
)


@given(st.lists(EVENTS, max_size=14))
def test_reruns_going_back_and_late_nights_leave_each_night_s_signs_once(
    tmp_path_factory: pytest.TempPathFactory, events: list[Any]
) -> None:
    told = Nights(tmp_path_factory.mktemp("nights"))
    for event in events:
        if event == "track":
            track(told.settings, told.ledger, NIGHT)
        elif event == "back":
            told.go_back()
        else:
            told.run(*event)
    track(told.settings, told.ledger, NIGHT)
    signs = told.ledger.read(sa.select(FINDING_SIGN))
    assert len({sign["look"] for sign in signs}) == len(signs)
    assert {sign["look"] for sign in signs} <= {look["number"] for look in told.ledger.read(sa.select(LOOK))}
    found = told.ledger.read(sa.select(sa.text("number")).select_from(sa.text("tracked_finding")))
    assert len(found) <= 1
    steps = [s for row in found for s in reversed(show(told.ledger, row["number"]).course)]
    assert words(steps) == told.expected()


def test_a_night_that_comes_late_is_held_against_what_later_nights_said(tmp_path: Path) -> None:
    told = Nights(tmp_path)
    for n, failed in ((2, "A"), (3, ""), (1, "B")):  # the last one is of an earlier night
        told.ledger.open_run(f"r{n}", "snuh", NIGHT + timedelta(days=n), "sha")
        told.ledger.record_findings(f"r{n}", "source", [
            Finding("s", "visits", QUERY, what, "warn", what != failed, "KIND", 10 * (what == failed), 100)
            for what in "AB"
        ])  # fmt: skip
        told.ledger.record_publication(f"r{n}")
        track(told.settings, told.ledger, NIGHT)
    found = {f.says: words(show(told.ledger, f.number).course) for f in list_findings(told.ledger)}
    assert found == {"A": ["gone", "new"], "B": ["gone", "new"]}


def test_what_is_told_only_when_it_fails_is_gone_when_it_is_not_told(tmp_path: Path) -> None:
    told = Nights(tmp_path)
    stuck = Finding("delivery", "delivery", "expect_files_to_be_new", "The files are new", "warn", False, observed="x")
    for n, findings, reached in ((1, [stuck], True), (2, [], False), (3, [], True)):
        told.ledger.open_run(f"r{n}", "snuh", NIGHT + timedelta(days=n), "sha")
        told.ledger.record_findings(f"r{n}", "source", findings)
        state = "done" if reached else "failed"
        with told.ledger.engine.begin() as con:
            con.execute(sa.insert(STAGE).values(run_id=f"r{n}", stage="check_source", state=state, started_at=NIGHT))
        told.ledger.close_run(f"r{n}", "blocked")
        track(told.settings, told.ledger, NIGHT)
        (found,) = list_findings(told.ledger)
        assert found.course == ("gone" if n == 3 else "new")


# States and actions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "standing", "day", "due"),
    [
        ([100, 0], Standing("open"), NIGHT, "gone"),
        ([100, 0], Standing("waived", 1, LATER), NIGHT, "gone"),
        ([100, 0], Standing("resolved", 1), NIGHT, None),
        ([100, 0, 100], Standing("resolved", 2), NIGHT, "came_back"),
        ([100, 100], Standing("resolved", 1), NIGHT, "came_back"),
        ([100, 100], Standing("resolved", 2), NIGHT, None),
        ([100, 100], Standing("in_work", 1), NIGHT, None),
        ([100, 0], Standing("open", 2), NIGHT, None),  # somebody opened it again though it is gone
        ([100], Standing("waived", 1, NIGHT), NIGHT, None),
        ([100], Standing("waived", 1, NIGHT), NIGHT + timedelta(days=1), "waiver_over"),
        ([100, 190], Standing("waived", 1, LATER), NIGHT, None),
        ([100, 210], Standing("waived", 1, LATER), NIGHT, "much_worse"),
        ([], Standing("open"), NIGHT, None),
    ],
)
def test_what_happens_by_itself(seen: list[int], standing: Standing, day: date, due: str | None) -> None:
    assert due_by_itself(course(nights(*seen)), standing, day) == due


def test_every_state_can_be_left_and_every_action_is_somebody_s() -> None:
    said = states()
    assert all(any(a.is_allowed(state) and a.to not in (None, state) for a in said.actions.values())
               for state in said.states)  # fmt: skip
    assert set(said.of_persons()) == {
        "acknowledge", "work", "waive", "resolve", "reopen", "assign", "note"
    }  # fmt: skip


def test_what_was_resolved_comes_back_when_the_same_night_is_run_again_and_shows_it_still(tmp_path: Path) -> None:
    told = Nights(tmp_path)
    told.run(1, "failed")
    track(told.settings, told.ledger, NIGHT)
    act(told.ledger, 1, "resolve", actor="kim", reason="the form is changed")
    track(told.settings, told.ledger, NIGHT)
    assert show(told.ledger, 1).finding.state == "resolved"
    told.run(1, "failed")
    track(told.settings, told.ledger, NIGHT)
    assert [a.action for a in show(told.ledger, 1).actions] == ["came_back", "resolve"]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A ledger with one tracked finding."""
    told = Nights(tmp_path)
    told.run(1, "failed")
    track(told.settings, told.ledger, NIGHT)
    return told.ledger


@pytest.mark.parametrize(
    ("action", "said", "why"),
    [
        ("waive", {"reason": "x"}, "waive needs until"),
        ("waive", {"reason": " ", "until": LATER}, "waive needs reason"),
        ("waive", {"reason": "x", "until": date(2020, 1, 1)}, "2020-01-01 is over"),
        ("assign", {"owner": "lee", "due": date(2020, 1, 1)}, "2020-01-01 is over"),
        ("work", {"due": date(2020, 1, 1)}, "2020-01-01 is over"),
        ("acknowledge", {"owner": "lee"}, "acknowledge takes no owner"),
        ("reopen", {"reason": "x"}, "is open: reopen is not possible"),
        ("came_back", {}, "there is no action 'came_back'"),
        ("resolv", {"reason": "x"}, "did you mean 'resolve'"),
    ],
)
def test_an_action_that_cannot_be_says_why(ledger: Ledger, action: str, said: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        act(ledger, 1, action, actor="kim", **said)
    with pytest.raises(UsageError, match="there is no finding 2"):
        act(ledger, 2, "acknowledge", actor="kim")
    assert show(ledger, 1).actions == ()


def test_the_one_who_is_first_in_the_database_wins(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    act(ledger, 1, "acknowledge", actor="kim", reason="the new form")
    monkeypatch.setattr("etl.quality.findings.actions.current_of", lambda *_: Current(state="open"))
    with pytest.raises(Overtaken, match=r"kim did 'acknowledge' at .* KST: the new form; it is acknowledged now"):
        act(ledger, 1, "acknowledge", actor="park", seen=0)
    assert [a.actor for a in show(ledger, 1).actions] == ["kim"]


def test_a_waiver_is_over_before_anything_says_so(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    act(ledger, 1, "waive", actor="kim", reason="the form changes", until=LATER)
    for module in ("read", "actions"):
        monkeypatch.setattr(f"etl.quality.findings.{module}.today", lambda: LATER + timedelta(days=1))
    (found,) = list_findings(ledger)
    assert (found.state, found.until, found.needs_a_person) == ("open", None, True)
    act(ledger, 1, "acknowledge", actor="kim")
    assert show(ledger, 1).finding.state == "acknowledged"


class Evening(datetime):
    """The clock at half past three in the afternoon, UTC: half past midnight of the next day in Korea."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        return datetime(2026, 11, 28, 15, 30, tzinfo=UTC).astimezone(tz)


def test_days_of_waivers_are_days_in_korea(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etl.quality.findings.actions.datetime", Evening)
    with pytest.raises(UsageError, match="2026-11-28 is over"):
        act(ledger, 1, "waive", actor="kim", reason="the form changes", until=date(2026, 11, 28))
    act(ledger, 1, "waive", actor="kim", reason="the form changes", until=date(2026, 11, 29))
    (found,) = list_findings(ledger)
    assert (found.state, found.until) == ("waived", date(2026, 11, 29)), "its last day is a day of it"


def test_an_owner_and_a_day_stay_until_others_are_named(ledger: Ledger) -> None:
    act(ledger, 1, "assign", actor="kim", owner="lee", due=SOON)
    act(ledger, 1, "work", actor="lee")
    act(ledger, 1, "note", actor="lee", reason="asked the ward")
    (found,) = list_findings(ledger, owner="lee")
    assert (found.state, found.due, found.last_action, found.is_late(LATER)) == ("in_work", SOON, 3, True)
    assert list_findings(ledger, owner="kim") == []


def test_the_digest_counts_and_tells_nothing_else(ledger: Ledger) -> None:
    assert text(digest(ledger)).splitlines() == [
        "1 finding of 1 hospital needs a person", "snuh: 1 for a person, 1 new"
    ]  # fmt: skip
    act(ledger, 1, "work", actor="kim", due=SOON)
    assert text(digest(ledger, LATER)) == "no finding needs a person\nsnuh: 1 new, 1 late, 1 in work"
    assert is_worth_telling(digest(ledger, LATER))
    act(ledger, 1, "resolve", actor="kim", reason="the form is changed")
    assert text(digest(ledger)) == "no finding needs a person"
    assert not is_worth_telling(digest(ledger, LATER))


@pytest.mark.parametrize(
    ("violated", "total", "told"),
    [
        (120, 4000, "120 of 4,000 (3.0 %)"),
        (3, 4000, "≤5 of 4,000"),
        (1, 4, "≤5 of ≤5"),
        (0, 4000, "0 of 4,000 (0.0 %)"),
        (4000, 4000, "4,000 of 4,000 (100.0 %)"),
        (None, None, ""),
        (7, None, "7"),
        (2, None, "≤5"),
    ],
)
def test_few_rows_are_told_in_steps(violated: int | None, total: int | None, told: str) -> None:
    assert rows_told(violated, total, 5) == told


def test_what_needs_a_person_stands_first_and_the_grave_before_the_others(tmp_path: Path) -> None:
    told = Nights(tmp_path)
    run = {"run_id": "r1", "hospital": "snuh", "night": NIGHT, "number": 1}
    signs = [
        Sign(Fault("cdm", f"t{n}", None, "other"), f"c{n}", "x", severity, True, violated, 100)
        for n, (severity, violated) in enumerate(
            [("characterization", 90), ("convention", 5), ("fatal", 1), ("convention", 50)]
        )
    ]
    told.ledger.open_run("r1", "snuh", NIGHT, "sha")
    told.ledger.close_run("r1", "published")
    with told.ledger.engine.begin() as con:
        write_signs(con, "snuh", open_look(con, run), signs)
    settle(told.ledger, "snuh", NIGHT)
    assert [f.table for f in list_findings(told.ledger)] == ["t2", "t3", "t1", "t0"]
    act(told.ledger, list_findings(told.ledger)[0].number, "acknowledge", actor="kim")
    assert [f.table for f in list_findings(told.ledger)] == ["t3", "t1", "t0", "t2"]
    assert [f.table for f in list_findings(told.ledger, states=["acknowledged"])] == ["t2"]
