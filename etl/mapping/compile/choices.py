"""What a hospital chose where the conventions leave a choice, and lists of concepts, as functions of compiled SQL."""

from __future__ import annotations

import csv
from functools import cache

from duckdb import DuckDBPyConnection

from etl.files import packaged
from etl.mapping.language.hospital import Hospital


@cache
def listed(name: str) -> tuple[int, ...]:
    """Concept ids of a list in `etl/cdm`.

    `stays.csv`: visits that last until somebody leaves (hospital, institution, intensive care), of OHDSI's vocabularies
    Visit and CMS Place of Service. `negative_values.csv`: THEMIS' convention on negative values of value_as_number,
    https://ohdsi.github.io/Themis/negative_value_as_number.html.
    """
    lines = packaged("etl.cdm.spec", name).splitlines()
    return tuple(int(row["concept_id"]) for row in csv.DictReader(lines))


def _one_of(concepts: tuple[int, ...]) -> str:
    return f"coalesce(concept in ({', '.join(map(str, concepts))}), false)"


def define_choices(con: DuckDBPyConnection, hospital: Hospital) -> None:
    """Define the functions `omop_…` that shapes and derivations take the hospital's choices from."""
    negative = listed("negative_values.csv") + hospital.negative_values
    for call, sql in {
        "omop_hospital()": f"{hospital.number}::bigint",
        "omop_live_since()": f"date '{hospital.live_since.isoformat()}'",
        "omop_period_gap()": str(hospital.observation_period.gap_days),
        "omop_period_without_records()": str(hospital.observation_period.without_records == "day").lower(),
        "omop_period_tail()": str(hospital.observation_period.tail_days),
        "omop_drug_days()": str(hospital.drug_default_days),
        "omop_era_gap()": str(hospital.era_gap_days),
        "omop_ends_at_start(concept)": "coalesce(concept = 9202, false)"
        if hospital.visits.outpatient_end == "start"
        else "false",
        "omop_is_stay(concept)": _one_of(listed("stays.csv")),
        "omop_may_be_negative(concept)": _one_of(negative),
    }.items():
        con.execute(f"create or replace macro {call} as {sql}")
