"""Nights of a Synthea export as changes: all rows of one patient in a hundred, some of them corrected."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import duckdb

# the file's column that names the patient; files that are not here come whole, and not every night
PATIENT = {
    "patients": "Id", "encounters": "PATIENT", "conditions": "PATIENT", "allergies": "PATIENT",
    "medications": "PATIENT", "immunizations": "PATIENT", "observations": "PATIENT",
    "procedures": "PATIENT", "devices": "PATIENT",
    "supplies": "PATIENT", "careplans": "PATIENT", "claims": "PATIENTID", "claims_transactions": "PATIENTID",
}  # fmt: skip


def make_mappings(mappings: Path, target: Path) -> Path:
    """A copy of the mappings in which `synthea` delivers changes."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(mappings, target)
    shutil.copy(Path(__file__).with_name("delta.yaml"), target / "synthea" / "zz_delta.yaml")
    return target


def make_night(export: Path, target: Path, number: int, share: float = 0.01) -> tuple[Path, int]:
    """Write night `number` after the first below `target`: the rows of that share of the patients, results corrected.

    The folder, named by its day, and the number of patients.
    """
    folder = target / (date(2026, 1, 1) + timedelta(number)).isoformat()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    con = duckdb.connect()
    patients = f"from read_csv('{export}/patients.csv', all_varchar = true)"
    row = con.execute(f"select greatest(1, round(count(*) * {share})::bigint) {patients}").fetchone()
    count = int(row[0]) if row else 0
    con.execute(f"create table touched as select Id {patients} order by hash(Id, {number}) limit {count}")
    for name, column in PATIENT.items():
        corrected = "* replace (case when VALUE = '1.0' then '2.0' else VALUE end as VALUE)"
        con.execute(
            f"copy (select {corrected if name == 'observations' else '*'} "
            f"from read_csv('{export}/{name}.csv', all_varchar = true) where {column} in (from touched)) "
            f"to '{folder}/{name}.csv' (header)"
        )
    return folder, count
