"""Rows that refer to other rows: by key, of the same person, in whichever table they landed."""

from __future__ import annotations

import pytest
from harness import Case

PATIENTS = "PT | SEX | BIRTH\n1 | M | 1980-01-01\n2 | F | 1980-01-01"
VISITS = """- from: stays
  table: visit_occurrence
  person: PT
  key: NO_
  start: DAY
  concept: 9202
  type: 32827
"""
DX = """- from: dx
  event: condition
  person: PT
  key: NO_
  start: DAY
  concept: {code: CODE, vocabulary: KCD7}
  type: 32827
"""
BILLS = """- from: bills
  table: cost
  person: PT
  about: {table: condition_occurrence, key: NO_, fallback: [{table: visit_occurrence, key: NO_}]}
  type: 32817
  charge: AMOUNT
"""


def test_what_is_not_found_is_looked_for_in_the_fallbacks_in_turn(case: Case) -> None:
    cdm = case(VISITS + DX + BILLS, patients=PATIENTS, stays="PT | NO_ | DAY\n1 | a | 2020-01-01\n1 | v | 2020-01-02",
        dx="PT | NO_ | DAY | CODE\n1 | a | 2020-01-01 | E11.9",
        bills="PT | NO_ | AMOUNT\n1 | a | 1\n1 | v | 2\n1 | x | 3")  # fmt: skip
    cdm.shows("cost", """
        cost_id | cost_domain_id | cost_event_id | total_charge
        #0      | Condition      | #0            | 1
        #1      | Visit          | #1            | 2
        """)  # fmt: skip
    assert cdm.quarantined() == ["bills_cost: reference_unknown"]


def test_a_row_that_became_several_is_meant_where_its_entry_says(case: Case) -> None:
    """E11.40 has two targets in condition_occurrence: the first of them is meant, once."""
    cdm = case(VISITS + DX + BILLS, patients=PATIENTS, stays="PT | NO_ | DAY\n1 | v | 2020-01-02",
        dx="PT | NO_ | DAY | CODE\n1 | a | 2020-01-01 | E11.40", bills="PT | NO_ | AMOUNT\n1 | a | 1")  # fmt: skip
    assert cdm.rows("condition_occurrence") == 2
    cdm.shows("cost", "cost_domain_id | cost_event_id\nCondition | #0")


def test_a_quarantined_row_cannot_be_referred_to(case: Case) -> None:
    cdm = case(DX + BILLS.replace(", fallback: [{table: visit_occurrence, key: NO_}]", ""), patients=PATIENTS,
        dx="PT | NO_ | DAY | CODE\n1 | a | | E11.9", bills="PT | NO_ | AMOUNT\n1 | a | 1")  # fmt: skip
    assert cdm.quarantined() == ["bills_cost: reference_unknown", "dx_condition: start_missing"]


MOVES = """- from: moves
  table: visit_detail
  person: PT
  key: WARD || NO_
  visit: NO_
  start: DAY
  end: DAY
  concept: 32037
  type: 32827
"""
LABS = """- from: labs
  event: measurement
  person: PT
  visit: NO_
  visit_detail: WARD || NO_
  start: DAY
  concept: 3004501
  type: 32856
  about: {table: visit_detail, key: WARD || NO_}
"""


def test_events_lie_in_visits_and_in_their_details(case: Case) -> None:
    cdm = case(VISITS.replace("9202", "9201") + MOVES + LABS, patients=PATIENTS,
        stays="PT | NO_ | DAY\n1 | s | 2020-01-01\n2 | t | 2020-01-01",
        moves="PT | NO_ | WARD | DAY\n1 | s | A | 2020-01-01\n1 | s | B | 2020-01-02",
        labs="""
        PT | NO_ | WARD | DAY
        1  | s   | B    | 2020-01-02
        1  | s   | C    | 2020-01-03
        2  | s   | B    | 2020-01-02
        """)  # fmt: skip
    cdm.shows("measurement", """
        person_id | visit_occurrence_id | visit_detail_id | measurement_event_id | meas_event_field_concept_id
        1         | #0                  | #1              | #1                   | 1147624
        1         | #0                  | -               | -                    | -
        2         | -                   | -               | -                    | -
        """)  # fmt: skip


LETTERS = """- from: letters
  table: note
  person: PT
  key: TITLE
  start: DAY
  title: TITLE
  text: TEXT
  type: 32817
  class: 0
  encoding: 32678
  language: 4175771
  about: {table: condition_occurrence, key: NO_}
- from: letters
  table: note_nlp
  where: {of_fever: "contains(TEXT, 'fever')"}
  person: PT
  note: {entry: letters_note, key: TITLE}
  variant: "'fever'"
  offset: strpos(TEXT, 'fever') - 1
  concept: 201826
"""


def test_a_note_names_its_event_and_a_term_its_note(case: Case) -> None:
    tables = {
        "patients": PATIENTS, "dx": "PT | NO_ | DAY | CODE\n1 | a | 2020-01-01 | Z83.3",
        "letters": "PT | NO_ | DAY | TITLE | TEXT\n1 | z | 2020-01-02 | One | well\n1 | a | 2020-01-03 | Two | a fever",
    }  # fmt: skip
    cdm = case(DX + LETTERS, "notes: true", **tables)
    cdm.shows("note", """
        note_id | note_title | note_event_id | note_event_field_concept_id
        #0      | One        | -             | -
        #1      | Two        | #0            | 1147165
        """)  # fmt: skip
    cdm.shows("note_nlp", 'note_id | lexical_variant | "offset" | nlp_date\n#1 | fever | 2 | 2026-07-01')
    assert case(DX + LETTERS, **tables).select("select count(*) from note_nlp") == [["0"]]


EPISODES = """- from: registry
  table: episode
  person: PT
  key: NO_
  start: DAY
  concept: 32533
  object: 201826
  type: 32817
- from: dx
  table: episode_event
  person: PT
  episode: {table: episode, key: NO_}
  about: {entry: dx_condition, key: NO_}
"""


def test_an_episode_holds_each_of_its_events_once(case: Case) -> None:
    cdm = case(DX + EPISODES, patients=PATIENTS, registry="PT | NO_ | DAY\n1 | a | 2020-01-01", dx="""
        PT | NO_ | DAY        | CODE
        1  | a   | 2020-01-01 | E11.9
        1  | a   | 2020-01-01 | E11.9
        2  | a   | 2020-01-01 | E11.9
        """)  # fmt: skip
    assert cdm.select("select episode_object_concept_id, episode_source_value from episode") == [["201826", "-"]]
    cdm.shows("episode_event", "episode_id | event_id | episode_event_field_concept_id\n#0 | #0 | 1147127")
    assert cdm.quarantined() == ["dx_episode_event: reference_unknown"]


FACTS = """- from: tubes
  event: specimen
  person: PT
  key: NO_
  start: DAY
  concept: 0
  type: 32856
- from: labs
  event: measurement
  person: PT
  key: NO_ || TEST
  start: DAY
  concept: 3004501
  type: 32856
- from: labs
  table: fact_relationship
  person: PT
  fact_1: {table: measurement, key: NO_ || TEST}
  relationship: 44818756
  fact_2: {table: specimen, key: NO_}
"""


def test_two_facts_are_named_with_their_domains(case: Case) -> None:
    cdm = case(FACTS, patients=PATIENTS, tubes="PT | NO_ | DAY\n1 | a | 2020-01-01\n1 | b | 2020-01-02",
        labs="PT | NO_ | TEST | DAY\n1 | b | Na | 2020-01-02\n1 | b | K | 2020-01-02")  # fmt: skip
    assert cdm.select(
        "select domain_concept_id_1, fact_id_1 & 8388607, domain_concept_id_2, fact_id_2 & 8388607, "
        "relationship_concept_id from fact_relationship order by 2"
    ) == [["21", "0", "36", "1", "44818756"], ["21", "1", "36", "1", "44818756"]]


def test_a_plan_lasts_until_the_delivery_and_a_cost_names_it(case: Case) -> None:
    plan = (
        "- {from: plans, table: payer_plan_period, person: PT, key: KIND, start: DAY, "
        "payer: {code: KIND, map: payer}}\n"
    )
    cdm = case(
        VISITS
        + plan
        + BILLS.replace("condition_occurrence", "visit_occurrence").replace(
            ", fallback: [{table: visit_occurrence, key: NO_}]", ""
        )
        + "  payer_plan: {table: payer_plan_period, key: KIND}\n",
        maps="  payer: {codes: {X: 0}}",
        patients=PATIENTS,
        stays="PT | NO_ | DAY\n1 | a | 2020-01-01",
        plans="PT | KIND | DAY\n1 | NHI | 2020-01-01",
        bills="PT | NO_ | KIND | AMOUNT\n1 | a | NHI | 5\n1 | a | OWN | 6",
    )
    cdm.shows("payer_plan_period", """
        payer_plan_period_start_date | payer_plan_period_end_date | payer_concept_id | payer_source_value
        2020-01-01                   | 2026-07-01                 | 0                | NHI
        """)  # fmt: skip
    cdm.shows("cost", "total_charge | payer_plan_period_id\n5 | #0\n6 | -")


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ("{table: condition_occurence, key: NO_}", "no table 'condition_occurence' with an id; did you mean"),
        ("{entry: dx_conditions, key: NO_}", "no entry 'dx_conditions'; did you mean 'dx_condition'?"),
        ("{table: cost, key: NO_}", "rows of cost cannot refer to cost"),
        ("{table: drug_exposure, key: NO_}", "no entry of drug_exposure says `key`"),
        ("{entry: bills_cost, key: NO_}", "rows of cost cannot refer to cost"),
        ("{key: NO_}", "needs `table` or `entry`"),
        ("{table: condition_occurrence, entry: dx_condition, key: NO_}", "keep one"),
        ("{table: condition_occurrence, key: NUMBER}", "column 'NUMBER' is not in source 'bills'"),
        ("{table: condition_occurrence, key: NO_, fallback: [{table: condition_occurrence, key: NR}]}", "column 'NR'"),
        ("{table: condition_occurrence, keys: NO_}", "unknown key"),
    ],
)  # fmt: skip
def test_a_reference_that_cannot_work_is_named_before_any_data_is_read(case: Case, about: str, said: str) -> None:
    entries = DX + BILLS.partition("  about:")[0] + f"  about: {about}\n  type: 32817\n"
    assert said in case.problem(entries, patients=PATIENTS, dx="PT | NO_ | DAY | CODE\n1 | a | 2020-01-01 | E11.9",
        bills="PT | NO_ | AMOUNT\n1 | a | 1")  # fmt: skip
