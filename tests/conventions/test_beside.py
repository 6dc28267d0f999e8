"""Rows completed from other sources, from other rows of the patient, and one row of several."""

from __future__ import annotations

import re

import pytest
from harness import Case

PATIENTS = "PT | SEX | BIRTH\n1 | M | 1980-01-01\n2 | F | 1980-01-01"
ADMISSIONS = """PT | ADM | IN_ | OUT_ | RACE | DOC
1 | a | 2020-01-01 08:00 | 2020-01-05 10:00 | X | d1
1 | b | 2020-03-01 08:00 | 2020-03-02 10:00 | Y | d2
2 | a | 2021-01-01 08:00 | 2021-01-02 10:00 | X | d1"""
VISITS = """- from: adm
  table: visit_occurrence
  person: PT
  key: ADM
  start: IN_
  end: OUT_
  concept: 9201
  type: 32827
- {from: adm, table: provider, provider: DOC}
"""
DX = """- from: dx
  event: condition
  person: PT
  with: {adm: {source: adm, on: {ADM: ADM}}}
  start: adm.IN_
  visit: ADM
  provider: adm.DOC
  concept:
    code: CODE
    vocabulary: KCD7
    when: VERSION = '7'
    fallback: [{code: "replace(CODE, '_', '.')", vocabulary: KCD7, when: VERSION = '6'}]
  type: 32827
"""


def test_convention_33_what_a_row_lacks_stands_in_another_source(case: Case) -> None:
    """The day of a diagnosis is its admission's, of the same patient: both have an admission a."""
    cdm = case(VISITS + DX, patients=PATIENTS, adm=ADMISSIONS, dx="""PT | ADM | CODE | VERSION
        1 | b | E11.9 | 7
        2 | a | E11_9 | 6
        2 | a | E11.9 | 6
        1 | x | E11.9 | 7""")  # fmt: skip
    cdm.shows("condition_occurrence", """
        person_id | condition_start_datetime | condition_concept_id | visit_occurrence_id | condition_source_value
        1         | 2020-03-01 08:00         | 201826               | #1                  | E11.9
        2         | 2021-01-01 08:00         | 201826               | #0                  | E11.9
        2         | 2021-01-01 08:00         | 201826               | #0                  | E11_9
        """)  # fmt: skip
    assert cdm.select("select count(distinct provider_id) from condition_occurrence") == [["2"]]
    assert cdm.quarantined() == ["dx_condition: start_missing"]


def test_convention_33_columns_of_both_sources_may_be_called_the_same(case: Case) -> None:
    """`key` and `person` are names of ours as well."""
    service = """- from: dx
  event: procedure
  person: PT
  with: {adm: {source: adm, on: {ADM: ADM}}}
  visit: key
  start: coalesce(visit.start, adm.IN_)
  end: adm.OUT_
  concept: {code: "concat(adm.ADM, person, nullif(k0, k0))", map: kinds}
  type: 32827
"""
    cdm = case(VISITS + service, maps="  kinds: {codes: {bx: 4273629}}", patients=PATIENTS, adm=ADMISSIONS,
        dx="PT | ADM | key | person | k0\n1 | b | a | x | y")  # fmt: skip
    cdm.shows("procedure_occurrence", """
        procedure_datetime | procedure_end_datetime | procedure_source_value | visit_occurrence_id
        2020-01-01 08:00   | 2020-03-02 10:00       | bx                     | #0
        """)  # fmt: skip


def test_convention_33_a_column_may_be_called_as_what_is_told_of_the_other_source(case: Case) -> None:
    note = """- from: notes
  event: observation
  person: PT
  with: {adm: {source: adm, on: {ambiguous: ambiguous}}}
  start: DAY
  concept: 4013634
  type: 32817
  value: concat(ambiguous, adm.RACE, adm.ambiguous)
"""
    cdm = case(VISITS.replace("ADM", "ambiguous") + note, patients=PATIENTS, adm=ADMISSIONS.replace("ADM", "ambiguous"),
        notes="PT | ambiguous | DAY\n1 | b | 2022-01-01")  # fmt: skip
    cdm.shows("observation", "value_source_value\nbYb")
    assert cdm.changes() == {}


def test_convention_33_parts_of_a_coalesce_are_read_each_as_it_is_written(case: Case) -> None:
    """The days and clocks of three sources: a visit's time is the hospital's, whatever the row's own source says."""
    note = """- from: notes
  event: observation
  person: PT
  visit: ADM
  with: {ord: {source: ord, on: {NO_: NO_}}}
  start: coalesce(DAY, ord.DAY, visit.start)
  concept: 4013634
  type: 32817
  value: coalesce(N, ord.N)
"""
    reads = """sources:
  notes: {reads: {zone: UTC, decimal: ","}}
  ord: {reads: {dates: [D.M.YYYY]}}"""
    orders = "PT | NO_ | DAY | N\n1 | x | 2.1.2020 | 1.5"
    cdm = case(VISITS + note, changes=reads, patients=PATIENTS, adm=ADMISSIONS, ord=orders,
        notes='''PT | ADM | NO_ | DAY | N
        1 | a | x | 2020-01-01 20:00 | "2,5"
        1 | a | x | |
        1 | a | | | 3''')  # fmt: skip
    cdm.shows("observation", """
        observation_datetime | value_as_number
        2020-01-01 08:00     | 3
        2020-01-02 00:00     | 1.5
        2020-01-02 05:00     | 2.5
        """)  # fmt: skip


def test_convention_33_rows_that_differ_give_nothing_unless_one_is_preferred(case: Case) -> None:
    """The race that stands in the admissions: patient 1 has two, the newest counts only where that is said."""
    person = """- table: person
  from: patients
  name: again
  where: {never: SEX = 'X'}
  person: PT
  birth: BIRTH
  gender: 0
"""
    given = "{code: adm.RACE, map: races}"
    entry = """- from: labs
  event: observation
  person: PT
  with: {{adm: {{source: adm, on: {{PT: PT}}{prefer}}}}}
  start: DAY
  concept: 4013634
  type: 32817
  qualifier: {given}
"""
    maps = "  races: {codes: {X: 8515, Y: 8527}}"
    labs = "PT | DAY\n1 | 2022-01-01\n2 | 2022-01-01"
    for prefer, of_1 in (("", "-"), (", prefer: [IN_]", "Y")):
        cdm = case(person + entry.format(prefer=prefer, given=given), maps=maps, patients=PATIENTS, adm=ADMISSIONS,
            labs=labs)  # fmt: skip
        cdm.shows("observation", f"person_id | qualifier_source_value\n1 | {of_1}\n2 | X")
        assert cdm.changes() == ({"observation.beside_ambiguous": 1} if not prefer else {})


def test_convention_33_what_is_not_there_is_counted(case: Case) -> None:
    cdm = case(VISITS + DX.replace("start: adm.IN_", "start: DAY"), patients=PATIENTS, adm=ADMISSIONS,
        dx="PT | ADM | CODE | VERSION | DAY\n1 | x | E11.9 | 7 | 2020-01-01\n1 | | E11.9 | 7 | 2020-01-02")  # fmt: skip
    assert cdm.rows("condition_occurrence") == 2
    assert cdm.changes() == {"condition_occurrence.beside_unknown": 1}  # the other one names no admission


def test_convention_33_a_row_may_take_the_times_of_its_visit(case: Case) -> None:
    service = """- from: dx
  event: procedure
  person: PT
  visit: ADM
  start: coalesce(DAY, visit.start)
  end: visit.end
  concept: 4273629
  type: 32827
"""
    cdm = case(VISITS + service, patients=PATIENTS, adm=ADMISSIONS,
        dx="PT | ADM | DAY\n1 | b | \n1 | a | 2020-01-02\n1 | x | ")  # fmt: skip
    cdm.shows("procedure_occurrence", """
        procedure_datetime | procedure_end_datetime | visit_occurrence_id
        2020-01-02 00:00   | 2020-01-05 10:00       | #0
        2020-03-01 08:00   | 2020-03-02 10:00       | #1
        """)  # fmt: skip
    assert cdm.quarantined() == ["dx_procedure: start_missing"]


def test_convention_34_a_rate_lasts_until_the_next_change(case: Case) -> None:
    """A window sees the rows of one patient only, those that a rule filters included."""
    drug = """- from: inf
  event: drug
  person: PT
  where: {given: "ACT <> 'STOP'"}
  start: DTM
  end: lead(DTM) over (partition by ORD order by DTM)
  concept: 1503297
  type: 32818
  quantity: RATE
"""
    cdm = case(drug, patients=PATIENTS, inf="""PT | ORD | DTM | ACT | RATE
        1 | r | 2020-01-01 12:00 | RATE | 8
        2 | r | 2020-01-01 09:00 | START | 1
        1 | r | 2020-01-02 20:00 | STOP | 0
        1 | r | 2020-01-01 08:00 | START | 5""")  # fmt: skip
    cdm.shows("drug_exposure", """
        person_id | drug_exposure_start_datetime | drug_exposure_end_datetime | quantity
        1         | 2020-01-01 08:00             | 2020-01-01 12:00           | 5
        1         | 2020-01-01 12:00             | 2020-01-02 20:00           | 8
        2         | 2020-01-01 09:00             | -                          | 1
        """)  # fmt: skip


RATES = """PT | ORD | DAY | RATE
1 | r | 2020-01-01 | 5
1 | r | 2020-01-02 | 2
1 | r | 2020-01-02 | 1
1 | r | 2020-01-03 | 9
2 | r | 2020-01-01 | 7"""
SEEN = """- from: inf
  event: observation
  person: PT
  start: DAY
  concept: 4013634
  type: 32817
  value: {window}
"""


@pytest.mark.parametrize(
    ("window", "of_1"),
    [
        ("median(try_cast(RATE as double)) over (partition by ORD)", "3.5 3.5 3.5 3.5"),
        ("string_agg(RATE, '+') over (partition by ORD)", "5+1+2+9 5+1+2+9 5+1+2+9 5+1+2+9"),
        ("string_agg(distinct ORD, '+') over ()", "r r r r"),
        ("last_value(RATE) over (partition by ORD)", "9 9 9 9"),
        ("last_value(nullif(RATE, '9') ignore nulls) over (order by DAY)", "5 2 2 2"),
        ("list(RATE) filter (where RATE < '9') over (order by DAY)", "[5] [5, 1, 2] [5, 1, 2] [5, 1, 2]"),
        ("first_value(RATE) over (order by DAY::timestamp range between interval 1 day preceding and current row)",
         "5 5 5 1"),
        ("sum(RATE::integer) over (order by DAY rows between 1 preceding and current row)", "5 6 3 11"),
        ("count(*) over (order by DAY)", "1 3 3 4"),
    ],
)  # fmt: skip
def test_convention_34_a_window_holds_the_rows_that_it_says(case: Case, window: str, of_1: str) -> None:
    """What of them comes first where it says nothing, all columns decide: not the file."""
    header, *rows = RATES.splitlines()
    for lines in (rows, rows[::-1]):
        cdm = case(SEEN.format(window=f'"{window}"'), patients=PATIENTS, inf="\n".join([header, *lines]))
        seen = cdm.select("select person_id, value_source_value from observation order by observation_id")
        assert sorted(v for p, v in seen if p == "1") == sorted(re.findall(r"\[.*?\]|\S+", of_1))


def test_convention_34_a_window_needs_a_patient_and_an_entry(case: Case) -> None:
    provider = (
        "- {from: staff, table: provider, provider: DOC, specialty: {code: lead(S) over (order by S), map: sex}}\n"
    )
    said = case.problem(provider, patients=PATIENTS, staff="DOC | S\nd | M")
    assert "looks at other rows, and source 'staff' names no patient" in said


SPECIMEN = """- from: lines
  table: specimen
  person: PT
  per: [SPEC]
  {prefer}
  key: SPEC
  start: DAY
  concept: {{code: KIND, map: kinds}}
  type: 32856
"""
KINDS = "  kinds: {codes: {B: 4001225, U: 4046280}}"
LINES = """PT | SPEC | DAY | KIND
1 | s | 2020-01-03 | B
1 | s | 2020-01-02 | U
1 | s | x | B
2 | s | 2020-01-04 | U
1 | t | 2020-01-05 | B
1 | | 2020-01-06 | B"""


def test_convention_35_one_row_of_many_lines(case: Case) -> None:
    """The first by what the rows say, or the one preferred; a line that becomes no row is never the one."""
    for prefer, first in (("", "2020-01-02 | U"), ("prefer: [DAY]", "2020-01-03 | B")):
        cdm = case(SPECIMEN.format(prefer=prefer), maps=KINDS, patients=PATIENTS, lines=LINES)
        cdm.shows("specimen", f"""
            person_id | specimen_date | specimen_source_value
            1         | {first}
            1         | 2020-01-05 | B
            2         | 2020-01-04 | U
            """)  # fmt: skip
        assert cdm.quarantined() == ["lines_specimen: key_missing", "lines_specimen: start_invalid"]
        assert cdm.filtered() == {"lines: per": 1}


LINES_OF_VISITS = """- from: lines
  table: visit_occurrence
  person: PT
  per: [%s]
  %s
  key: SPEC
  start: DAY
  concept: {code: KIND, map: visits}
  type: 32827
"""


def test_convention_35_one_visit_of_many_lines(case: Case) -> None:
    """Which of them counts is not asked before it is known that it becomes a visit."""
    lines = LINES.replace("x | B", "2020-01-01 | B") + "\n1 | s | 2026-08-01 | B"
    for prefer, first in (("", "2020-01-01"), ("prefer: [DAY]", "2020-01-03")):
        cdm = case(LINES_OF_VISITS % ("SPEC", prefer), maps="  visits: {codes: {B: 9201, U: 9202}}", patients=PATIENTS,
            lines=lines)  # fmt: skip
        cdm.shows("visit_occurrence", f"person_id | visit_start_date\n1 | {first}\n1 | 2020-01-05\n2 | 2020-01-04")
        assert cdm.quarantined() == ["lines_visit_occurrence: key_missing", "lines_visit_occurrence: start_in_future"]
        assert cdm.filtered() == {"lines: per": 2}


def test_convention_35_a_key_is_there_once_also_when_several_are_made_of_its_lines(case: Case) -> None:
    for prefer, first, filtered, quarantined in (
        ("", "2020-01-02", {"lines: per": 1}, ["key_duplicate", "key_missing"]),
        ("prefer: [DAY]", "2020-01-03", {"lines: per": 1, "lines: prefer": 1}, ["key_missing"]),
    ):
        cdm = case(LINES_OF_VISITS % ("SPEC, KIND", prefer), maps="  visits: {codes: {B: 9201, U: 9202}}",
            patients=PATIENTS, lines=LINES.replace("| x |", "| 2020-01-03 |"))  # fmt: skip
        assert cdm.select("select visit_start_date from visit_occurrence order by visit_occurrence_id") == [
            [first], ["2020-01-05"], ["2020-01-04"],
        ]  # fmt: skip
        assert cdm.filtered() == filtered
        assert cdm.quarantined() == [f"lines_visit_occurrence: {reason}" for reason in quarantined]


def test_convention_35_blanks_around_what_is_said_per_row_say_nothing(case: Case) -> None:
    lines = 'PT | SPEC | DAY | KIND\n1 | s | 2020-01-03 | B\n1 | " s" | 2020-01-02 | B\n1 | " " | 2020-01-01 | B'
    cdm = case(SPECIMEN.format(prefer=""), maps=KINDS, patients=PATIENTS, lines=lines)
    cdm.shows("specimen", "specimen_date\n2020-01-02")
    assert cdm.quarantined() == ["lines_specimen: key_missing"]
    assert cdm.filtered() == {"lines: per": 1}


DEATH = """- from: deaths
  table: death
  person: PT
  prefer: [%s]
  start: DAY
  type: 32817
  cause: {code: CAUSE, vocabulary: KCD7}
"""
DEATHS = """PT | DAY | SRC | CAUSE
1 | 2020-05-01 | registry |
1 | 2020-05-20 | ward | E11.9
2 | 2020-04-01 | registry | E11.9
2 | unknown | ward | """


def test_convention_35_which_of_several_rows_counts_is_said(case: Case) -> None:
    """The latest death, or the registry's; a day that cannot be read is no death to prefer."""
    for prefer, day in (("DAY", "2020-05-20"), ("SRC = 'registry'", "2020-05-01")):
        cdm = case(DEATH % prefer, patients=PATIENTS, deaths=DEATHS)
        cdm.shows("death", f"person_id | death_date\n1 | {day}\n2 | 2020-04-01")
        assert cdm.filtered() == {"deaths: prefer": 1}


def test_convention_35_the_newest_version_counts_in_a_whole_delivery(case: Case) -> None:
    changes = "sources: {labs: {key: [NO_], version: try_cast(V as integer)}}"
    labs = "- {from: labs, event: observation, person: PT, start: DAY, concept: 4013634, type: 32817}\n"
    cdm = case(labs, patients=PATIENTS, changes=changes, labs="""PT | NO_ | DAY | V
        1 | a | 2020-01-01 | 9
        1 | a | 2020-01-02 | 10
        1 | b | 2020-01-03 | 1
        1 | b | 2020-01-04 | 1""")  # fmt: skip
    cdm.shows("observation", "observation_date\n2020-01-02\n2020-01-03")
    assert cdm.filtered() == {"labs: superseded": 1}
    assert cdm.quarantined() == ["labs_observation: key_duplicate"]


def test_convention_35_the_newest_version_goes_before_what_an_entry_prefers(case: Case) -> None:
    changes = "sources: {deaths: {key: [NO_], version: V}}"
    cdm = case(DEATH % "DAY", patients=PATIENTS, changes=changes, deaths="""PT | NO_ | DAY | V | CAUSE
        1 | a | 2020-01-09 | 1 |
        1 | a | 2020-01-02 | 2 |
        1 | a | 2020-01-03 | 2 |
        1 | b | 2020-01-01 | 1 |""")  # fmt: skip
    cdm.shows("death", "death_date\n2020-01-03")
    assert cdm.filtered() == {"deaths: superseded": 1, "deaths: prefer": 2}


WIDE = """PT | NO_ | A | B | V
1 | a | 2020-01-01 | 2020-01-05 | 1
1 | a | 2020-01-02 | 2020-01-03 | 2
1 | b | 2020-01-07 | 2020-01-07 | 1
2 | c | 2020-01-07 | | 1"""
LONG = """- from: labs
  {what}
  person: PT
  unpivot: {{columns: [A, B]}}
  start: value
  type: 32817
"""


def test_convention_35_a_row_that_becomes_several_has_its_key_once(case: Case) -> None:
    labs = LONG.format(what="event: observation") + "  concept: 4013634\n"
    rows = "select observation_date from observation order by observation_id"
    for version, first, filtered, quarantined in (
        ("", ["2020-01-01", "2020-01-05"], {}, ["labs_observation: key_duplicate"] * 2),
        (", version: V", ["2020-01-02", "2020-01-03"], {"labs: superseded": 1}, []),
    ):
        changes = f"sources: {{labs: {{key: [NO_]{version}}}}}"
        cdm = case(labs, patients=PATIENTS, changes=changes, labs=WIDE)
        assert [day for (day,) in cdm.select(rows)] == [*first, "2020-01-07", "2020-01-07", "2020-01-07"]
        assert cdm.filtered() == filtered
        assert cdm.quarantined() == quarantined
    said = case.problem(f"{labs}  prefer: [V]\n", patients=PATIENTS, labs=WIDE)
    assert "there is nothing to choose between: say `per` here" in said


def test_convention_35_of_several_rows_made_of_one_a_patient_has_one(case: Case) -> None:
    cdm = case(LONG.format(what="table: death"), patients=PATIENTS, labs=WIDE)
    cdm.shows("death", "person_id | death_date\n1 | 2020-01-01\n2 | 2020-01-07")
    assert cdm.quarantined() == ["labs_death: key_duplicate"] * 5


def test_convention_35_what_is_not_preferred_of_staff_melts_into_the_row(case: Case) -> None:
    """Whose rows speak of a doctor is no matter of the patients' rows: none is filtered."""
    provider = "- {from: vis, table: provider, provider: DOC, prefer: [DAY], specialty: {code: SP, map: kinds}}\n"
    rows = "PT | DOC | SP | DAY\n1 | d1 | U | 1\n2 | d1 | B | 2"
    cdm = case(provider, maps=KINDS, patients=PATIENTS, vis=rows)
    assert cdm.select("select specialty_source_value from provider") == [["B"]]
    assert cdm.filtered() == {}


def test_convention_35_of_staff_what_is_said_most_often_counts(case: Case) -> None:
    """Doctor d1 is three times of one specialty and once of another; of d2 an empty row says nothing else."""
    provider = "- {from: vis, table: provider, provider: DOC, specialty: {code: SP, map: kinds}}\n"
    rows = "PT | DOC | SP\n" + "1 | d1 | U\n" * 3 + "1 | d1 | B\n1 | d2 |\n1 | d2 | B\n1 | d2 | B"
    cdm = case(provider, maps=KINDS, patients=PATIENTS, vis=rows)
    assert cdm.select("select specialty_source_value from provider order by 1 desc") == [["U"], ["B"]]
    assert cdm.changes() == {"provider.rows_differ": 1}


def test_convention_36_a_value_and_its_interpretation(case: Case) -> None:
    """MIC and S stand in two columns; either may be empty, and a number is never looked up as a word."""
    entry = """- from: ast
  event: measurement
  person: PT
  start: DAY
  concept: 3004501
  type: 32856
  value: {code: MIC, map: sir, fallback: [{code: SIR, map: sir}]}
"""
    maps = "  sir: {codes: {S: 9191, R: 9189, '1': 9189}}"
    cdm = case(entry, maps=maps, patients=PATIENTS, ast="""PT | DAY | MIC | SIR
        1 | 2020-01-01 | <=0.25 | S
        1 | 2020-01-02 |  | R
        1 | 2020-01-03 | 16 |
        1 | 2020-01-04 | S |
        1 | 2020-01-05 | 8 | 1""")  # fmt: skip
    cdm.shows("measurement", """
        operator_concept_id | value_as_number | value_as_concept_id | value_source_value
        4171754             | 0.25            | 9191                | <=0.25
        -                   | -               | 9189                | R
        -                   | 16              | -                   | 16
        -                   | -               | 9191                | S
        -                   | 8               | 9189                | 8
        """)  # fmt: skip


def test_convention_36_an_empty_code_passes_to_the_next_step(case: Case) -> None:
    entry = """- from: dx
  event: condition
  person: PT
  start: DAY
  concept: {code: LOCAL, map: local, fallback: [{code: KCD, vocabulary: KCD7}]}
  type: 32827
"""
    cdm = case(entry, maps="  local: {codes: {L1: 201826}}", patients=PATIENTS,
        dx="PT | DAY | LOCAL | KCD\n1 | 2020-01-01 | | E11.9\n1 | 2020-01-02 | L1 | \n1 | 2020-01-03 | | ")  # fmt: skip
    cdm.shows("condition_occurrence", """
        condition_concept_id | condition_source_value
        201826               | E11.9
        201826               | L1
        """)  # fmt: skip
    assert cdm.quarantined() == ["dx_condition: code_missing"]


def test_convention_36_a_step_for_some_rows_may_take_any_column(case: Case) -> None:
    entry = """- from: dx
  event: condition
  person: PT
  start: DAY
  concept: {code: LOCAL CODE, map: local, when: "K = 'L'", fallback: [{code: order, vocabulary: KCD7, when: "true"}]}
  type: 32827
"""
    maps = "  local: {codes: {L1: 376065}}"
    cdm = case(entry, maps=maps, patients=PATIENTS, dx="""PT | DAY | LOCAL CODE | order | K
        1 | 2020-01-01 | L1 | E11.9 | L
        1 | 2020-01-02 | L1 | E11.9 | K""")  # fmt: skip
    cdm.shows("condition_occurrence", """
        condition_concept_id | condition_source_value
        376065               | L1
        201826               | L1
        """)  # fmt: skip


def test_convention_30_patients_are_related_in_both_directions(case: Case) -> None:
    family = """- from: fam
  table: fact_relationship
  person: PT
  fact_1: {table: person, key: MOTHER}
  fact_2: {table: person, key: PT}
  relationship: 4277283
  reverse: 4285883
"""
    changes = "sources: {fam: {columns: {MOTHER: {identifier: person}}}}"
    cdm = case(family, patients=PATIENTS, changes=changes, fam="PT | MOTHER\n2 | 1\n1 | 9")
    assert cdm.select(
        "select domain_concept_id_1, fact_id_1, domain_concept_id_2, fact_id_2, relationship_concept_id "
        "from fact_relationship order by 5"
    ) == [["56", "1", "56", "2", "4277283"], ["56", "2", "56", "1", "4285883"]]
    assert cdm.quarantined() == ["fam_fact_relationship: reference_unknown"]


def test_convention_30_a_detail_and_an_episode_lie_in_another_of_their_kind(case: Case) -> None:
    moves = """- from: moves
  table: visit_detail
  person: PT
  visit: ADM
  key: NO_
  start: DAY
  end: DAY
  concept: 9201
  type: 32827
  parent: UP
- from: moves
  table: episode
  person: PT
  key: NO_
  start: DAY
  concept: 32533
  object: 0
  type: 32827
  parent: {table: episode, key: UP}
"""
    lines = """PT | ADM | NO_ | UP | DAY
1 | a | s | w | 2020-01-03
1 | a | w | | 2020-01-02
1 | a | x | y | 2020-01-04"""
    cdm = case(VISITS + moves, patients=PATIENTS, adm=ADMISSIONS, moves=lines)
    cdm.shows("visit_detail", "visit_detail_id | parent_visit_detail_id\n#0 | -\n#1 | #0\n#2 | -")
    cdm.shows("episode", "episode_id | episode_parent_id\n#0 | -\n#1 | #0\n#2 | -")
    assert cdm.changes() == {"episode.parent_unknown": 1, "visit_detail.parent_unknown": 1}
