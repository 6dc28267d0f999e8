"""Conventions 22 to 25 and 30: what stands around the events."""

from __future__ import annotations

from datetime import date

from harness import Case
from vocabulary import VERSION

from etl.mapping.consortium import Consortium, cdm_source_row

PATIENTS = "PT | SEX | BIRTH\n1 | M | 1980-01-01\n2 | F | 1980-01-01"
NOTES = """- from: letters
  table: note
  person: PT
  start: DAY
  title: TITLE
  text: TEXT
  type: 32817
  class: 706391
  encoding: 32678
  language: 4175771
"""


def test_convention_22_cdm_source_says_holder_dates_and_versions(case: Case) -> None:
    consortium = Consortium(name="A consortium", abbreviation="AC", holder="Its holder")
    row = cdm_source_row(consortium, case.release, date(2026, 7, 1))
    assert (row["cdm_holder"], row["source_release_date"], row["cdm_release_date"]) == (
        "Its holder", date(2026, 7, 1), date(2026, 7, 1),
    )  # fmt: skip
    assert (row["cdm_version_concept_id"], row["vocabulary_version"]) == (756265, VERSION)


def test_convention_23_notes_are_loaded_only_when_the_hospital_says_so(case: Case) -> None:
    letters = "PT | DAY | TITLE | TEXT\n1 | 2020-01-01 | Letter | seen in clinic"
    assert case(NOTES, patients=PATIENTS, letters=letters).rows("note") == 0
    case(NOTES, "notes: true", patients=PATIENTS, letters=letters).shows("note", """
        person_id | note_title | note_text      | note_class_concept_id | encoding_concept_id | language_concept_id
        1         | Letter     | seen in clinic | 706391                | 32678               | 4175771
        """)  # fmt: skip


def test_convention_23_a_note_needs_its_text_class_language_and_encoding(case: Case) -> None:
    for field in ("text: TEXT", "class: 706391", "encoding: 32678", "language: 4175771"):
        name = field.partition(":")[0]
        problem = case.problem(
            NOTES.replace(f"  {field}\n", ""),
            patients=PATIENTS,
            letters="PT | DAY | TITLE | TEXT\n1 | 2020-01-01 | a | b",
        )
        assert f"'{name}' is missing" in problem


def test_convention_23_a_note_without_text_is_quarantined(case: Case) -> None:
    letters = "PT | DAY | TITLE | TEXT\n1 | 2020-01-01 | Letter |"
    cdm = case(NOTES, "notes: true", patients=PATIENTS, letters=letters)
    assert cdm.rows("note") == 0
    assert cdm.quarantined() == ["letters_note: text_missing"]


def test_convention_24_a_care_site_is_a_place_and_a_kind_of_care(case: Case) -> None:
    """Two rows of one department melt into one; each is identified by the hospital's code through the key store."""
    cdm = case(
        "- {from: departments, table: care_site, care_site: DEPT, care_site_name: NAME, source: CODE, "
        "place: {code: PLACE, map: place}}\n",
        maps="  place: {codes: {ER: 8870}}",
        patients=PATIENTS,
        departments="""
        DEPT | CODE | NAME      | PLACE
        EM   | EM   | Emergency | ER
        IM   | IM   | Medicine  |
        IM   | IM   |           |
        """,
    )
    assert cdm.select(
        "select care_site_name, care_site_source_value, place_of_service_concept_id, place_of_service_source_value "
        "from care_site order by 2"
    ) == [["Emergency", "EM", "8870", "ER"], ["Medicine", "IM", "-", "-"]]


def test_convention_24_a_licence_number_is_no_key_of_a_provider(case: Case) -> None:
    """A provider is known by the id that staff has in the hospital; NPI and DEA stay empty."""
    cdm = case(
        "- {from: staff, table: provider, provider: DOC, specialty: 0}\n"
        "- {from: dx, event: condition, person: PT, start: DAY, concept: 201826, type: 32827, provider: DOC}\n",
        patients=PATIENTS,
        staff="DOC | LICENCE\nd1 | 77777\nd2 | 77777",
        dx="PT | DAY | DOC\n1 | 2020-01-01 | d1\n1 | 2020-01-02 | d2",
    )
    assert cdm.select("select count(distinct provider_id), count(npi), count(dea) from provider") == [["2", "0", "0"]]
    assert cdm.select(
        "select count(distinct c.provider_id) from condition_occurrence c join provider using (provider_id)"
    ) == [["2"]]


def test_convention_25_excluded_persons_and_rows_are_counted_in_metadata(case: Case) -> None:
    cdm = case(
        "- {from: dx, event: condition, person: PT, start: DAY, concept: 201826, type: 32827, "
        "where: {not_ruled_out: \"RULED is distinct from 'Y'\"}}\n",
        patients="PT | SEX | BIRTH\n1 | M | 1980-01-01\n2 | F |\n3 | F | someday",
        dx="""
        PT | DAY        | RULED
        1  | 2020-01-01 |
        1  | 2020-01-02 | Y
        1  |            |
        2  | 2020-01-01 |
        9  | 2020-01-01 |
        """,
    )
    assert cdm.select("select name, value_as_number from metadata order by metadata_id") == [
        ["persons excluded: birth_invalid", "1"],
        ["persons excluded: birth_missing", "1"],
        ["rows filtered: dx: not_ruled_out", "1"],
        ["rows quarantined: dx: person_excluded", "1"],
        ["rows quarantined: dx: person_unknown", "1"],
        ["rows quarantined: dx: start_missing", "1"],
        ["rows quarantined: patients: birth_invalid", "1"],
        ["rows quarantined: patients: birth_missing", "1"],
    ]


COSTS = """- from: dx
  event: condition
  person: PT
  key: NO_
  start: DAY
  concept: {code: CODE, vocabulary: KCD7}
  type: 32827
- from: bills
  table: cost
  person: PT
  about: {table: condition_occurrence, key: NO_}
  type: 32817
  charge: AMOUNT
"""


def test_convention_30_cost_refers_to_rows_of_the_same_load_only(case: Case) -> None:
    """Z83.3 belongs in observation; its cost goes with it. What refers to nobody's row is quarantined."""
    cdm = case(COSTS, patients=PATIENTS, dx="""
        PT | NO_ | DAY        | CODE
        1  | a   | 2020-01-01 | E11.9
        1  | b   | 2020-01-02 | Z83.3
        """, bills="""
        PT | NO_ | AMOUNT
        1  | a   | 100
        1  | b   | 200
        1  | c   | 300
        2  | a   | 400
        """)  # fmt: skip
    assert cdm.select(
        "select cost_domain_id, total_charge, condition_source_value, observation_source_value from cost "
        "left join condition_occurrence on cost_domain_id = 'Condition' and condition_occurrence_id = cost_event_id "
        "left join observation on cost_domain_id = 'Observation' and observation_id = cost_event_id "
        "order by total_charge"
    ) == [["Condition", "100", "E11.9", "-"], ["Observation", "200", "-", "Z83.3"]]
    assert cdm.quarantined() == ["bills_cost: reference_unknown", "bills_cost: reference_unknown"]


def test_convention_30_fact_relationship_and_episode_refer_to_rows_of_the_same_load_only(case: Case) -> None:
    cdm = case(
        COSTS
        + """- from: links
  table: fact_relationship
  person: PT
  fact_1: {table: condition_occurrence, key: ONE}
  fact_2: {table: condition_occurrence, key: OTHER}
  relationship: 0
- from: courses
  table: episode
  person: PT
  key: COURSE
  start: DAY
  concept: 0
  object: 201826
  type: 32817
- from: parts
  table: episode_event
  person: PT
  episode: {table: episode, key: COURSE}
  about: {table: condition_occurrence, key: NO_}
""",
        patients=PATIENTS,
        dx="PT | NO_ | DAY | CODE\n1 | a | 2020-01-01 | E11.9\n1 | b | 2020-01-02 | E11.9",
        bills="PT | NO_ | AMOUNT",
        links="PT | ONE | OTHER\n1 | a | b\n1 | a | z",
        courses="PT | COURSE | DAY\n1 | x | 2020-01-01",
        parts="PT | COURSE | NO_\n1 | x | a\n1 | x | z\n1 | y | a",
    )
    assert cdm.select(
        "select count(*) from fact_relationship f join condition_occurrence a on a.condition_occurrence_id "
        "= f.fact_id_1 join condition_occurrence b on b.condition_occurrence_id = f.fact_id_2"
    ) == [["1"]]
    assert cdm.select(
        "select count(*) from episode_event join episode using (episode_id) join condition_occurrence "
        "on condition_occurrence_id = event_id"
    ) == [["1"]]
    assert (cdm.rows("fact_relationship"), cdm.rows("episode_event")) == (1, 1)
    assert cdm.quarantined() == [
        "links_fact_relationship: reference_unknown", "parts_episode_event: reference_unknown",
        "parts_episode_event: reference_unknown",
    ]  # fmt: skip
