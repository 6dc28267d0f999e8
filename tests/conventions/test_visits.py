"""Conventions 13, 14 and 15: visits, what they are made of and where they came from. The data pull is 2026-07-01."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from harness import Case

PATIENTS = "PT | SEX | BIRTH\n1 | M | 1980-01-01\n2 | F | 1980-01-01"
MAPS = """
  kind: {codes: {O: 9202, E: 9203, I: 9201, IE: 262}}
  from: {codes: {ER: 8870, hospital: 8717, clinic: 8756}}
"""
VISITS = """- from: visits
  table: visit_occurrence
  person: PT
  key: ADM
  start: BEGIN
  end: END
  concept: {code: KIND, map: kind}
  type: 32827
  admitted_from: {code: ORIGIN, map: from}
"""
MOVES = """- from: moves
  table: visit_detail
  person: PT
  visit: ADM
  start: BEGIN
  end: END
  concept: 32037
  type: 32827
"""
RECORDS = """- from: records
  event: observation
  person: PT
  visit: ADM
  start: DAY
  concept: 0
  type: 32817
  value: TEXT
"""
SEPARATE = "visits: {roll_up: false}"


def test_convention_13_an_outpatient_visit_ends_the_day_it_starts(case: Case) -> None:
    cdm = case(VISITS, maps=MAPS, patients=PATIENTS, visits="""
        PT | ADM | KIND | BEGIN            | END              | ORIGIN
        1  | a  | O    | 2026-06-01 09:00 |                  |
        1  | b  | O    | 2026-06-02 09:00 | 2026-06-02 09:40 |
        1  | c  | O    | 2026-06-03 09:00 | 2026-06-09 09:00 |
        """)  # fmt: skip
    cdm.shows("visit_occurrence", """
        visit_start_date | visit_end_date | visit_end_datetime | visit_type_concept_id
        2026-06-01       | 2026-06-01     | 2026-06-01 09:00   | 32827
        2026-06-02       | 2026-06-02     | 2026-06-02 09:40   | 32827
        2026-06-03       | 2026-06-03     | 2026-06-03 09:00   | 32827
        """)  # fmt: skip
    assert cdm.changes() == {"visit_occurrence.outpatient_end": 1}


def test_convention_13_a_hospital_may_keep_the_ends_of_outpatient_visits_that_it_gives(case: Case) -> None:
    cdm = case(VISITS, "visits: {outpatient_end: given}", maps=MAPS, patients=PATIENTS, visits="""
        PT | ADM | KIND | BEGIN            | END              | ORIGIN
        1  | a   | O    | 2026-06-01 09:00 |                  |
        1  | c   | O    | 2026-06-03 09:00 | 2026-06-09 09:00 |
        """)  # fmt: skip
    cdm.shows("visit_occurrence", """
        visit_start_date | visit_end_date
        2026-06-01       | 2026-06-01
        2026-06-03       | 2026-06-09
        """)  # fmt: skip
    assert cdm.changes() == {}


def test_convention_13_an_emergency_visit_ends_when_it_starts_unless_an_end_is_given(case: Case) -> None:
    cdm = case(VISITS, maps=MAPS, patients=PATIENTS, visits="""
        PT | ADM | KIND | BEGIN            | END              | ORIGIN
        1  | a  | E    | 2026-06-01 22:00 |                  |
        1  | b  | E    | 2026-06-10 22:00 | 2026-06-11 03:10 |
        """)  # fmt: skip
    cdm.shows("visit_occurrence", """
        visit_start_datetime | visit_end_date | visit_end_datetime
        2026-06-01 22:00     | 2026-06-01     | 2026-06-01 22:00
        2026-06-10 22:00     | 2026-06-11     | 2026-06-11 03:10
        """)  # fmt: skip


def test_convention_13_inpatient_still_in_hospital_ends_at_the_data_pull(case: Case) -> None:
    cdm = case(VISITS, maps=MAPS, patients=PATIENTS, visits="""
        PT | ADM | KIND | BEGIN            | END              | ORIGIN
        1  | a  | I    | 2026-06-25 10:00 | 29991231         |
        2  | b  | IE   | 2026-06-20 10:00 |                  |
        """)  # fmt: skip
    cdm.shows("visit_occurrence", """
        person_id | visit_concept_id | visit_start_date | visit_end_date | visit_type_concept_id
        1         | 9201             | 2026-06-25       | 2026-07-01     | 32827
        2         | 262              | 2026-06-20       | 2026-07-01     | 32827
        """)  # fmt: skip


def test_convention_13_a_visit_without_a_start_is_quarantined(case: Case) -> None:
    cdm = case(VISITS, maps=MAPS, patients=PATIENTS, visits="""
        PT | ADM | KIND | BEGIN | END        | ORIGIN
        1  | a  | I    |       | 2026-06-25 |
        """)  # fmt: skip
    assert cdm.rows("visit_occurrence") == 0
    assert cdm.quarantined() == ["visits_visit_occurrence: start_missing"]


def test_convention_13_an_unfinished_stay_ends_when_the_next_one_begins(case: Case) -> None:
    """A discharge that was never recorded does not keep the person in hospital through later stays."""
    cdm = case(VISITS, maps=MAPS, patients=PATIENTS, visits="""
        PT | ADM | KIND | BEGIN            | END              | ORIGIN
        1  | a  | I    | 2020-01-10 10:00 |                  |
        1  | b  | I    | 2020-03-01 10:00 | 2020-03-05 11:00 |
        """)  # fmt: skip
    cdm.shows("visit_occurrence", """
        visit_start_date | visit_end_date | visit_type_concept_id
        2020-01-10       | 2020-03-01     | 32827
        2020-03-01       | 2020-03-05     | 32827
        """)  # fmt: skip


def test_convention_14_an_emergency_visit_and_the_stay_it_led_to_are_one_visit(case: Case) -> None:
    cdm = case(VISITS + MOVES + RECORDS, maps=MAPS, patients=PATIENTS, visits="""
        PT | ADM | KIND | BEGIN            | END              | ORIGIN
        1  | o  | O    | 2026-05-01 09:00 |                  |
        1  | e  | E    | 2026-06-01 22:00 | 2026-06-02 01:30 | clinic
        1  | i  | I    | 2026-06-02 01:30 | 2026-06-09 11:00 | ER
        """, moves="""
        PT | ADM | BEGIN            | END
        1  | i  | 2026-06-02 02:00 | 2026-06-04 10:00
        """, records="""
        PT | ADM | DAY        | TEXT
        1  | o  | 2026-05-01 | in the clinic
        1  | e  | 2026-06-01 | in the emergency room
        1  | i  | 2026-06-03 | on the ward
        """)  # fmt: skip
    cdm.shows("visit_occurrence", """
        visit_occurrence_id | visit_concept_id | visit_start_datetime | visit_end_datetime | admitted_from_concept_id
        #0                  | 9202             | 2026-05-01 09:00     | 2026-05-01 09:00   | -
        #1                  | 262              | 2026-06-01 22:00     | 2026-06-09 11:00   | 8756
        """)  # fmt: skip
    cdm.shows("visit_detail", """
        visit_detail_concept_id | visit_detail_start_datetime | visit_detail_end_datetime | visit_occurrence_id
        9203                    | 2026-06-01 22:00            | 2026-06-02 01:30          | #1
        9201                    | 2026-06-02 01:30            | 2026-06-09 11:00          | #1
        32037                   | 2026-06-02 02:00            | 2026-06-04 10:00          | #1
        """)  # fmt: skip
    cdm.shows("observation", """
        value_as_string       | visit_occurrence_id
        in the clinic         | #0
        in the emergency room | #1
        on the ward           | #1
        """)  # fmt: skip


def test_convention_14_only_the_last_emergency_visit_of_the_day_before_leads_to_a_stay(case: Case) -> None:
    cdm = case(VISITS, maps=MAPS, patients=PATIENTS, visits="""
        PT | ADM | KIND | BEGIN            | END              | ORIGIN
        1  | e1 | E    | 2026-06-01 09:00 | 2026-06-01 12:00 |
        1  | e2 | E    | 2026-06-01 23:00 |                  |
        1  | i1 | I    | 2026-06-02 01:30 | 2026-06-04 11:00 |
        1  | e3 | E    | 2026-06-10 23:00 |                  |
        1  | i2 | I    | 2026-06-12 01:30 | 2026-06-14 11:00 |
        2  | i3 | I    | 2026-06-02 01:30 | 2026-06-04 11:00 |
        """)  # fmt: skip
    cdm.shows("visit_occurrence", """
        person_id | visit_concept_id | visit_start_datetime | visit_end_datetime
        1         | 9203             | 2026-06-01 09:00     | 2026-06-01 12:00
        1         | 262              | 2026-06-01 23:00     | 2026-06-04 11:00
        1         | 9203             | 2026-06-10 23:00     | 2026-06-10 23:00
        1         | 9201             | 2026-06-12 01:30     | 2026-06-14 11:00
        2         | 9201             | 2026-06-02 01:30     | 2026-06-04 11:00
        """)  # fmt: skip


def test_convention_14_multi_day_visits_do_not_overlap(case: Case) -> None:
    visits = """
        PT | ADM | KIND | BEGIN            | END              | ORIGIN
        1  | a  | I    | 2026-06-01 10:00 | 2026-06-05 10:00 |
        1  | b  | I    | 2026-06-04 10:00 | 2026-06-08 10:00 |
        1  | e  | E    | 2026-06-06 10:00 | 2026-06-06 12:00 |
        1  | o  | O    | 2026-06-06 10:00 |                  |
        1  | c  | I    | 2026-06-08 10:00 | 2026-06-09 10:00 |
        """
    cdm = case(VISITS, maps=MAPS, patients=PATIENTS, visits=visits)
    cdm.shows("visit_occurrence", """
        visit_occurrence_id | visit_concept_id | visit_start_date | visit_end_date
        #0                  | 9201             | 2026-06-01       | 2026-06-08
        #1                  | 9202             | 2026-06-06       | 2026-06-06
        #2                  | 9201             | 2026-06-08       | 2026-06-09
        """)  # fmt: skip
    cdm.shows("visit_detail", """
        visit_detail_concept_id | visit_detail_start_date | visit_detail_end_date | visit_occurrence_id
        9201                    | 2026-06-01              | 2026-06-05            | #0
        9201                    | 2026-06-04              | 2026-06-08            | #0
        9203                    | 2026-06-06              | 2026-06-06            | #0
        """)  # fmt: skip
    assert cdm.flagged("visit_occurrence", "several days of a person do not overlap") == 0
    apart = case(VISITS, SEPARATE, maps=MAPS, patients=PATIENTS, visits=visits)
    assert apart.flagged("visit_occurrence", "several days of a person do not overlap") == 1


def test_convention_14_a_hospital_may_keep_its_encounters_apart(case: Case) -> None:
    cdm = case(VISITS, SEPARATE, maps=MAPS, patients=PATIENTS, visits="""
        PT | ADM | KIND | BEGIN            | END              | ORIGIN
        1  | e  | E    | 2026-06-01 22:00 | 2026-06-02 01:30 |
        1  | i  | IE   | 2026-06-02 01:30 | 2026-06-09 11:00 | ER
        """)  # fmt: skip
    cdm.shows("visit_occurrence", """
        visit_concept_id | visit_start_date | visit_end_date
        9203             | 2026-06-01       | 2026-06-02
        262              | 2026-06-02       | 2026-06-09
        """)  # fmt: skip
    assert cdm.rows("visit_detail") == 0


def test_convention_14_what_became_of_the_visits_does_not_depend_on_the_order_of_the_file(case: Case) -> None:
    header, *rows = """PT | ADM | KIND | BEGIN | END | ORIGIN
1 | a | I | 2026-06-01 | 2026-06-05 | home
1 | b | I | 2026-06-01 | 2026-06-05 | hospital
1 | c | E | 2026-06-01 |            | clinic
1 | d | E | 2026-06-01 |            | home
2 | a | I | 2026-06-01 |            |
2 | b | I | 2026-06-01 |            | ER
""".splitlines()
    columns = (
        "person_id, visit_concept_id, visit_start_date, visit_end_date, admitted_from_source_value, visit_source_value"
    )
    seen = []
    for order in (rows, rows[::-1]):
        cdm = case(VISITS, maps=MAPS, patients=PATIENTS, visits="\n".join([header, *order]))
        details = "visit_detail_id, visit_occurrence_id, visit_detail_concept_id, admitted_from_source_value"
        seen.append(
            (cdm.select(f"select visit_occurrence_id, {columns} from visit_occurrence order by all"),
             cdm.select(f"select {details} from visit_detail order by all"))
        )  # fmt: skip
    assert seen[0] == seen[1]


def test_convention_14_the_preceding_visit_and_visit_detail_are_those_before_in_time(case: Case) -> None:
    cdm = case(VISITS + MOVES, maps=MAPS, patients=PATIENTS, visits="""
        PT | ADM | KIND | BEGIN            | END              | ORIGIN
        1  | b  | I    | 2026-06-01 10:00 | 2026-06-05 10:00 |
        1  | a  | O    | 2026-05-01 10:00 |                  |
        1  | c  | O    | 2026-06-08 10:00 |                  |
        2  | d  | O    | 2026-06-08 10:00 |                  |
        """, moves="""
        PT | ADM | BEGIN            | END
        1  | b  | 2026-06-03 02:00 | 2026-06-04 10:00
        1  | b  | 2026-06-01 12:00 | 2026-06-03 02:00
        """)  # fmt: skip
    cdm.shows("visit_occurrence", """
        person_id | visit_start_date | visit_occurrence_id | preceding_visit_occurrence_id
        1         | 2026-05-01       | #0                  | -
        1         | 2026-06-01       | #1                  | #0
        1         | 2026-06-08       | #2                  | #1
        2         | 2026-06-08       | #0                  | -
        """)  # fmt: skip
    cdm.shows("visit_detail", """
        visit_detail_start_date | visit_detail_id | preceding_visit_detail_id
        2026-06-01              | #0              | -
        2026-06-03              | #1              | #0
        """)  # fmt: skip


def test_convention_15_admitted_from_home_is_0(case: Case) -> None:
    cdm = case(VISITS, maps=MAPS.replace("clinic:", "house: 8536, clinic:"), patients=PATIENTS, visits="""
        PT | ADM | KIND | BEGIN            | END              | ORIGIN
        1  | a  | I    | 2026-06-01 10:00 | 2026-06-02 10:00 | home
        1  | b  | I    | 2026-06-03 10:00 | 2026-06-04 10:00 | house
        1  | c  | I    | 2026-06-05 10:00 | 2026-06-06 10:00 | hospital
        1  | d  | I    | 2026-06-07 10:00 | 2026-06-08 10:00 |
        """)  # fmt: skip
    cdm.shows("visit_occurrence", """
        admitted_from_source_value | admitted_from_concept_id
        home                       | 0
        house                      | 0
        hospital                   | 8717
        -                          | -
        """)  # fmt: skip


def test_convention_14_visits_of_one_person_depend_on_nobody_else_and_lose_no_encounter(case: Case) -> None:
    """Sixty encounters drawn at random: each is a visit or a visit_detail, alone as among others; no stays overlap."""
    draw = random.Random(14)
    header = "PT | ADM | KIND | BEGIN | END | ORIGIN"
    rows: dict[str, list[str]] = {"1": [], "2": [], "3": []}
    for number in range(60):
        person, kind = draw.choice("123"), draw.choice("EEIIO")
        begin = datetime(2026, 1, 1) + timedelta(hours=draw.randrange(24 * 60))
        end = begin + timedelta(hours=draw.randrange(24 * (4 if kind == "I" else 1)))
        rows[person].append(f"{person} | v{number} | {kind} | {begin:%Y-%m-%d %H:%M} | {end:%Y-%m-%d %H:%M} | ")
    people = "PT | SEX | BIRTH\n" + "\n".join(f"{p} | M | 1980-01-01" for p in rows)

    def made(chosen: list[str]) -> tuple[list[list[str]], list[list[str]]]:
        visits = "\n".join([header, *(row for p in chosen for row in rows[p])])
        cdm = case(VISITS, maps=MAPS, patients=people, visits=visits)
        spans = "person_id, visit_occurrence_id, visit_concept_id, visit_start_datetime, visit_end_datetime"
        parts = "person_id, visit_occurrence_id, visit_detail_concept_id, visit_detail_start_datetime"
        assert cdm.flagged("visit_occurrence", "several days of a person do not overlap") == 0
        [[alone]] = cdm.select(
            "select count(*) from visit_occurrence anti join visit_detail using (visit_occurrence_id)"
        )
        assert int(alone) + cdm.rows("visit_detail") == sum(len(rows[p]) for p in chosen)
        return cdm.select(f"select {spans} from visit_occurrence"), cdm.select(f"select {parts} from visit_detail")

    together = made(["1", "2", "3"])
    for person in rows:
        of_one = tuple(sorted(row for row in part if row[0] == person) for part in together)
        assert tuple(sorted(part) for part in made([person])) == of_one


def test_convention_13_an_open_stay_ends_with_the_next_one_or_with_death_rolled_up_or_not(case: Case) -> None:
    entries = VISITS + "- {from: deaths, table: death, person: PT, start: DAY, type: 32817}\n"
    for settings in ("", SEPARATE):
        cdm = case(entries, settings, MAPS, patients=PATIENTS, deaths="PT | DAY\n2 | 2026-06-20", visits="""
            PT | ADM | KIND | BEGIN            | END | ORIGIN
            1  | a  | I    | 2026-05-25 10:00 |     |
            1  | b  | I    | 2026-06-25 10:00 |     |
            2  | c  | I    | 2026-06-10 10:00 |     |
            """)  # fmt: skip
        cdm.shows("visit_occurrence", """
            person_id | visit_start_date | visit_end_date
            1         | 2026-05-25       | 2026-06-25
            1         | 2026-06-25       | 2026-07-01
            2         | 2026-06-10       | 2026-06-20
            """)  # fmt: skip
        assert cdm.changes() == {"visit_occurrence.end_open": 1}
        assert cdm.select("select person from due") == [["1"]]


def test_convention_13_of_a_stay_that_goes_on_for_too_long_the_end_is_unknown(case: Case) -> None:
    for settings, end, change in (
        ("", "1960-03-01", "end_unknown"),
        ("visits: {open_days: 40000}", "2026-07-01", "end_open"),
    ):
        cdm = case(VISITS, settings, MAPS, patients="PT | SEX | BIRTH\n1 | M | 1950-01-01", visits="""
            PT | ADM | KIND | BEGIN            | END | ORIGIN
            1  | a  | I    | 1960-03-01 10:00 |     |
            """)  # fmt: skip
        assert cdm.select("select visit_end_date from visit_occurrence") == [[end]]
        assert cdm.changes() == {f"visit_occurrence.{change}": 1}


def test_convention_14_an_admission_of_a_day_follows_that_days_emergency_visit(case: Case) -> None:
    cdm = case(VISITS, maps=MAPS, patients=f"{PATIENTS}\n3 | F | 1980-01-01", visits="""
        PT | ADM | KIND | BEGIN            | END              | ORIGIN
        1  | e1 | E    | 2026-03-01 09:10 | 2026-03-01 13:00 |
        1  | i1 | I    | 2026-03-01       | 2026-03-05       |
        2  | e2 | E    | 2026-03-01 09:10 | 2026-03-01 13:00 |
        2  | i2 | I    | 2026-03-01 13:30 | 2026-03-05 10:00 |
        3  | e3 | E    | 2026-03-01       | 2026-03-01       |
        3  | i3 | I    | 2026-03-01       | 2026-03-05       |
        """)  # fmt: skip
    cdm.shows("visit_occurrence", """
        person_id | visit_concept_id | visit_start_date | visit_end_date
        1         | 262              | 2026-03-01       | 2026-03-05
        2         | 262              | 2026-03-01       | 2026-03-05
        3         | 262              | 2026-03-01       | 2026-03-05
        """)  # fmt: skip
    assert cdm.rows("visit_detail") == 6


def test_convention_14_a_readmission_on_the_day_of_the_discharge_is_another_visit(case: Case) -> None:
    cdm = case(VISITS, maps=MAPS, patients=PATIENTS, visits="""
        PT | ADM | KIND | BEGIN            | END              | ORIGIN
        1  | a  | I    | 2026-03-01 09:10 | 2026-03-05 15:00 |
        1  | b  | I    | 2026-03-05       | 2026-03-09       |
        2  | c  | I    | 2026-03-01       | 2026-03-05       |
        2  | d  | I    | 2026-03-05 16:00 | 2026-03-09 10:00 |
        """)  # fmt: skip
    assert cdm.rows("visit_occurrence") == 4
