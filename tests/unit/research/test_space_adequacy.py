"""Project spaces: the measures are those of their definitions, and a space below its limits says what costs it."""

from __future__ import annotations

from collections import Counter, defaultdict

import made_space
import pytest

from etl.research.spaces.adequacy import measure
from etl.research.spaces.persons import quasi_identifiers
from etl.research.spaces.policy import policies, policy


@pytest.fixture(scope="module")
def built():
    with made_space.warehouse(300) as con:
        measured, left_out = made_space.build(con, made_space.definition(level="linked"))
        yield con, measured, left_out


def looks(con):
    """The persons of the space: what is known of each, and the condition that each has most often."""
    conditions = defaultdict(Counter)
    for person, concept in con.execute(
        "select person_id, condition_concept_id from space.condition_occurrence"
    ).fetchall():
        conditions[person][concept] += 1
    dead = {p for (p,) in con.execute("select person_id from space.death").fetchall()}
    places = dict(con.execute("select number, coalesce(county, state) from place_of").fetchall())
    people = con.execute("select person_id, gender_concept_id, year_of_birth, location_id from space.person").fetchall()
    return [
        (
            (sex, year, places.get(place), person in dead),
            min(conditions[person].items(), key=lambda c: (-c[1], c[0]))[0],
        )
        for person, sex, year, place in people
    ]


def test_k_l_t_and_the_risks_are_those_of_their_definitions(built):
    con, measured, _ = built
    classes = defaultdict(Counter)
    for known, condition in looks(con):
        classes[known][condition] += 1
    whole = sum(classes.values(), Counter())
    persons = whole.total()

    def distance(of):
        return 0.5 * sum(abs(of[v] / of.total() - whole[v] / persons) for v in whole)

    assert measured.k == min(c.total() for c in classes.values())
    assert measured.l == {"main_condition": min(len(c) for c in classes.values())}
    assert measured.t["main_condition"] == pytest.approx(max(map(distance, classes.values())))
    assert measured.risks["prosecutor"] == 1 / measured.k
    assert measured.risks["marketer"] == pytest.approx(len(classes) / persons)
    assert measured.unique_here == sum(c.total() == 1 for c in classes.values())


def test_a_journalist_finds_less_than_a_prosecutor_where_the_cohort_is_a_part_of_the_warehouse():
    cohort = "select person_id, date '2020-01-01' as index_date from person where person_id % 2 = 0"
    with made_space.warehouse(300) as con:
        measured, _ = made_space.build(con, made_space.definition(level="linked", cohort=cohort))
    assert measured.risks["journalist"] < measured.risks["prosecutor"] or measured.unique_everywhere > 0
    assert measured.unique_everywhere <= measured.unique_here


def test_who_looks_like_too_few_others_is_left_out_where_they_are_few_enough():
    with made_space.warehouse(1200) as con:
        measured, left_out = made_space.build(con, made_space.definition(level="strict"))
    assert 0 < left_out <= 60
    assert measured.k >= 10
    assert not {"k", "risk"} & set(measured.failures(policy("strict").adequacy))


def test_a_space_below_its_limits_says_how_many_and_by_which_quasi_identifier():
    with made_space.warehouse(60) as con:
        measured, left_out = made_space.build(con, made_space.definition(level="strict"))
    assert left_out == 0
    assert {"k", "risk"} <= set(measured.failures(policy("strict").adequacy))
    assert measured.below > 0
    assert 0 < measured.cured["birth"] <= measured.below


def test_what_is_not_in_the_space_is_nothing_that_is_known():
    held = {**made_space.EVERYTHING, "person": ("person_id", "year_of_birth")}
    held.pop("death")
    assert quasi_identifiers(made_space.definition(held=held), policy("standard")) == ["birth"]


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ("update space.person set person_source_value = 'a name'", {"texts": ["person.person_source_value"]}),
        ("update space.visit_occurrence set visit_occurrence_id = visit_occurrence_id + 1099511627776",
         {"numbers": ["visit_occurrence.visit_occurrence_id"]}),
    ],
)  # fmt: skip
def test_planted_identifiers_are_found_and_close_the_space(planted, found):
    with made_space.warehouse(40) as con:
        said = made_space.definition(level="linked")
        made_space.build(con, said)
        con.execute(planted)
        measured = measure(con, said, policy("linked"), ["sex"])
    assert {name: list(getattr(measured, name)) for name in found} == found
    assert measured.failures(policy("linked").adequacy) == list(found)


def test_every_policy_says_in_both_languages_why_and_what_it_does_not_hold_against():
    assert {"strict", "standard", "linked"} <= set(policies())
    for name in policies():
        said = policy(name)
        for told in (said.title, said.says, *(rule.why for rule in said.rules().values())):
            assert told.en and any("가" <= letter <= "힣" for letter in told.ko)


def test_a_reader_of_the_measures_needs_no_quasi_identifier():
    with made_space.warehouse(40) as con:
        said = made_space.definition(level="linked")
        made_space.build(con, said)
        assert measure(con, said, policy("linked"), []).k == 40
