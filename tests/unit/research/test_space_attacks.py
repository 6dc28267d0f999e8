"""Project spaces under attack, as docs/spaces.md tells it: where a level does not hold, its description says so."""

from __future__ import annotations

import made_space
import pytest
import space_attacks as attacks

from etl.research.spaces.policy import policy
from etl.research.spaces.twin import write_twin
from etl.research.spaces.window import shown

PERSONS = 1000
SHIFT = {"strict": 182, "standard": 30, "linked": 0}


@pytest.fixture(scope="module", params=list(SHIFT))
def built(request):
    with made_space.warehouse(PERSONS) as con:
        made_space.build(con, made_space.definition(level=request.param))
        yield con, request.param


def test_one_day_with_its_code_finds_nobody_where_days_are_moved(built):
    con, level = built
    share = attacks.by_one_day(con)
    assert share > 0.5 if level == "linked" else share < 0.03


def test_codes_alone_find_few_where_rare_ones_are_not_told(built):
    con, level = built
    assert attacks.by_codes(con, 3) <= {"strict": 0.4, "standard": 0.6, "linked": 0.6}[level]


@pytest.mark.parametrize("events", [3, 5, 10])
def test_exact_intervals_find_a_person_at_every_level_and_the_level_says_so(built, events):
    con, level = built
    assert attacks.by_events(con, events, SHIFT[level], coded=False) > 0.9
    assert ("interval" if level != "linked" else "one day and one code") in policy(level).says.en


def test_a_code_that_is_hidden_leads_to_nobody(built):
    con, level = built
    share = attacks.by_events(con, 10, SHIFT[level], coded=True)
    assert share < 0.9 if level == "strict" else share > 0.9


def test_numbers_tell_neither_hospital_nor_order_of_registration(built):
    con, _ = built
    assert abs(con.execute("select corr(number, old) from person_of").fetchone()[0]) < 0.12
    assert abs(con.execute("select corr(number, old & 16777215) from person_of").fetchone()[0]) < 0.12
    same = con.execute(
        "select avg((a.old >> 24 = b.old >> 24)::integer) from person_of a join person_of b on b.number = a.number + 1"
    ).fetchone()[0]
    assert same < 0.32  # one in four by chance


def test_numbers_of_events_do_not_tell_their_order(built):
    con, _ = built
    apart = con.execute(
        "select corr(condition_occurrence_id - low, condition_start_date - first) from (select *, "
        "min(condition_occurrence_id) over (partition by person_id) as low, min(condition_start_date) over "
        "(partition by person_id) as first "
        "from space.condition_occurrence)"
    ).fetchone()[0]
    assert abs(apart) < 0.1


@pytest.fixture(scope="module", params=list(SHIFT))
def two(request):
    """Two projects of the same persons, by the same level."""
    with made_space.warehouse(400) as con:
        made_space.build(con, made_space.definition(level=request.param), "b" * 64, "other")
        con.execute("create temp table there as from person_of")
        made_space.build(con, made_space.definition(level=request.param))
        con.execute(
            "create temp table who as select a.old, a.number as here, b.number as there from person_of a "
            "join there b using (old)"
        )
        yield con, request.param


def test_two_projects_are_not_joined_by_their_numbers(two):
    con, _ = two
    for table, number in (("person", "person_id"), ("condition_occurrence", "condition_occurrence_id")):
        assert attacks.joined(con, number, table) < 0.03


def test_two_projects_are_not_joined_by_days_that_were_moved(two):
    con, level = two
    share = attacks.joined(con, "condition_start_date, condition_concept_id")
    assert share <= {"strict": 0.03, "standard": 0.2, "linked": 1.0}[level]  # by chance, one of 364 and one of 8


def test_the_twin_does_not_tell_who_is_in_the_space(tmp_path):
    cohort = "select person_id, date '2020-01-01' as index_date from person where person_id * 7919 % 101 < 50"
    with made_space.warehouse(PERSONS) as con:
        said = made_space.definition(level="standard", cohort=cohort)
        made_space.build(con, said)
        assert write_twin(con, tmp_path / "twin.duckdb", said, shown(said, policy("standard")), 5) > 0
        con.execute(f"attach '{tmp_path / 'twin.duckdb'}' as twin")
        share = attacks.members(con)
        courses = [
            con.execute(
                f"select gender_concept_id, year_of_birth, list((condition_concept_id, condition_start_date) order by "
                f"condition_start_date, condition_concept_id) from {place}.person join {place}.condition_occurrence "
                "using (person_id) group by person_id, gender_concept_id, year_of_birth"
            ).fetchall()
            for place in ("space", "twin")
        ]
    assert 0.4 < share < 0.6
    assert not {str(c) for c in courses[0]} & {str(c) for c in courses[1]}
