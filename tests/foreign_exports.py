"""Exports with the files and columns of MIMIC-IV and of Synthea, whose names are public; every row is invented.

Codes are those of the demonstration vocabulary, or stand-ins that map to them: NDC, ICD10CM and ICD10PCS.
"""

from __future__ import annotations

import csv
import random
import shutil
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from etl.settings import PROJECT

Row = dict[str, Any]
DEMO = PROJECT / "etl" / "sample" / "vocabulary"
_NAMES = PROJECT / "tests" / "data" / "onboarding"


def concepts(of: str) -> list[Row]:
    """Standard concepts of the demonstration vocabulary that the exports write codes of, always the same."""
    with (_NAMES / "codes.csv").open(encoding="utf-8", newline="") as lines:
        return [row for row in csv.DictReader(lines) if row["of"] == of]


CONDITIONS, PROCEDURES, DEVICES = concepts("condition"), concepts("procedure"), concepts("device")
LABS, DRUGS = concepts("lab"), concepts("drug")
STAND_INS = {
    "NDC": {f"{60_000_000_000 + 1_237 * i}": drug for i, drug in enumerate(DRUGS)},
    "ICD10PCS": {f"0{i:02}B{i % 9}ZX": procedure for i, procedure in enumerate(PROCEDURES)},
    "ICD10CM": {f"{chr(65 + i % 20)}{10 + i}.{i % 10}": condition for i, condition in enumerate(CONDITIONS)},
}


def bundle(folder: Path) -> Path:
    """The demonstration vocabulary and the stand-ins, as a bundle."""
    shutil.copytree(DEMO, folder)
    codes = [(name, code, target) for name, known in STAND_INS.items() for code, target in known.items()]
    lines: dict[str, list[list[Any]]] = {"CONCEPT": [], "CONCEPT_RELATIONSHIP": [], "VOCABULARY": []}
    for number, (name, code, to) in enumerate(codes, start=2_140_000_001):
        about = [number, to["concept_name"], to["domain_id"], name, "Code", "", code, "19700101", "20991231", ""]
        lines["CONCEPT"].append(about)
        lines["CONCEPT_RELATIONSHIP"].append([number, to["concept_id"], "Maps to", "19700101", "20991231", ""])
    lines["VOCABULARY"] = [[name, name, "stand-in", "DEMO", 0] for name in STAND_INS]
    for name, rows in lines.items():
        with (folder / f"{name}.csv").open("a", encoding="utf-8") as file:
            file.writelines("\t".join(map(str, row)) + "\n" for row in rows)
    return folder


class Files:
    """Rows by file, written with the columns that a list of public names gives each; what is not said is empty."""

    def __init__(self, shape: str) -> None:
        text = (_NAMES / f"{shape}.yaml").read_text(encoding="utf-8")
        self.columns = {name: names.split() for name, names in yaml.safe_load(text).items()}
        self.rows: dict[str, list[Row]] = {name: [] for name in self.columns}

    def add(self, file: str, **values: object) -> None:
        self.rows[file].append(values)

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True)
        for name, rows in self.rows.items():
            with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, self.columns[name], restval="", lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)
        return folder


def moment(dice: random.Random, first: datetime, last: datetime) -> datetime:
    """A moment between two others."""
    return first + timedelta(minutes=dice.randrange(int((last - first).total_seconds() // 60)))


VITALS = {
    220045: ("Heart Rate", "bpm"),
    220179: ("Non Invasive Blood Pressure systolic", "mmHg"),
    220180: ("Non Invasive Blood Pressure diastolic", "mmHg"),
    220210: ("Respiratory Rate", "insp/min"),
    223762: ("Temperature Celsius", "°C"),
    220277: ("O2 saturation pulseoxymetry", "%"),
}
_TYPES = (
    "EW EMER.",
    "URGENT",
    "ELECTIVE",
    "OBSERVATION ADMIT",
    "DIRECT EMER.",
    "SURGICAL SAME DAY ADMISSION",
    "EU OBSERVATION",
)
_FROM = ("EMERGENCY ROOM", "PHYSICIAN REFERRAL", "TRANSFER FROM HOSPITAL", "WALK-IN/SELF REFERRAL")
_TO = ("HOME", "HOME HEALTH CARE", "SKILLED NURSING FACILITY", "REHAB", "DIED")
_UNITS = ("Medicine", "Med/Surg", "Medical Intensive Care Unit (MICU)", "Emergency Department", "Cardiac Surgery")


def write_mimic(folder: Path, patients: int = 80, seed: int = 7) -> Path:
    """An export shaped like MIMIC-IV: dates are shifted into 2112 to 2207, so its night is one of 2209."""
    dice, files = random.Random(seed), Files("mimic")
    for n in range(patients):
        subject, year = 10_000_032 + 7_919 * n, dice.randrange(2112, 2205)
        files.add(
            "patients",
            subject_id=subject,
            gender=dice.choice("MF"),
            anchor_age=dice.randrange(19, 91),
            anchor_year=year,
            anchor_year_group="2014 - 2016",
            dod=f"{year + 3}-12-01" if dice.random() < 0.15 else "",
        )
        for _ in range(dice.randrange(1, 5)):
            _admission(dice, files, subject, moment(dice, datetime(year, 1, 1), datetime(year + 3, 10, 1)))
        pressure = f"{dice.randrange(100, 160)}/{dice.randrange(60, 95)}"
        files.add(
            "omr",
            subject_id=subject,
            chartdate=f"{year}-05-04",
            seq_num=1,
            result_name="Blood Pressure",
            result_value=pressure,
        )
    for i, lab in enumerate(LABS):
        files.add("d_labitems", itemid=50_801 + i, label=lab["concept_name"], fluid="Blood", category="Chemistry")
    for itemid, (label, unit) in VITALS.items():
        files.add("d_items", itemid=itemid, label=label, linksto="chartevents", unitname=unit, param_type="Numeric")
    for file, vocabulary in (("d_icd_diagnoses", "ICD10CM"), ("d_icd_procedures", "ICD10PCS")):
        for code, concept in STAND_INS[vocabulary].items():
            files.add(file, icd_code=code.replace(".", ""), icd_version=10, long_title=concept["concept_name"])
    return files.write(folder)


def _admission(dice: random.Random, files: Files, subject: int, begin: datetime) -> None:
    end, unit = begin + timedelta(hours=dice.randrange(20, 300)), dice.choice(_UNITS)
    stay = 39_000_000 + dice.randrange(900_000)
    who = {"subject_id": subject, "hadm_id": 20_000_019 + dice.randrange(9_000_000)}
    files.add(
        "admissions",
        **who,
        admittime=begin,
        dischtime=end,
        admission_type=dice.choice(_TYPES),
        admit_provider_id=f"P{dice.randrange(100, 140)}XY",
        admission_location=dice.choice(_FROM),
        discharge_location=dice.choice(_TO),
        insurance="Other",
        language="ENGLISH",
        marital_status="MARRIED",
        race="UNKNOWN",
        hospital_expire_flag=0,
    )
    where = {"intime": begin, "outtime": end}
    files.add("transfers", **who, transfer_id=stay - 8_000_000, eventtype="admit", careunit=unit, **where)
    files.add("services", **who, transfertime=begin, curr_service=dice.choice(("MED", "SURG", "CMED")))
    if "Intensive" in unit:
        files.add("icustays", **who, stay_id=stay, first_careunit=unit, last_careunit=unit, **where, los=1.5)
    for n, code in enumerate(dice.sample(sorted(STAND_INS["ICD10CM"]), 4), start=1):
        files.add("diagnoses_icd", **who, seq_num=n, icd_code=code.replace(".", ""), icd_version=10)
    for n, code in enumerate(dice.sample(sorted(STAND_INS["ICD10PCS"]), 2), start=1):
        files.add("procedures_icd", **who, seq_num=n, chartdate=begin.date(), icd_code=code, icd_version=10)
    for code in dice.sample(sorted(STAND_INS["NDC"]), 5):
        given = moment(dice, begin, end)
        files.add(
            "prescriptions",
            **who,
            pharmacy_id=dice.randrange(10**7, 10**8),
            poe_id=f"{subject}-{dice.randrange(1, 99)}",
            starttime=given,
            stoptime=given + timedelta(days=2),
            drug_type="MAIN",
            ndc=code,
            gsn=code[-6:],
            drug=STAND_INS["NDC"][code]["concept_name"].split()[0].title(),
            formulary_drug_cd=f"D{code[-4:]}",
            dose_val_rx=dice.choice((5, 10, 20)),
            dose_unit_rx="mg",
            doses_per_24_hrs=1,
            route=dice.choice(("PO", "IV")),
        )
    for i, lab in enumerate(LABS):
        if dice.random() < 0.6:
            drawn, value = moment(dice, begin, end), round(dice.uniform(1, 150), 1)
            files.add(
                "labevents",
                **who,
                labevent_id=dice.randrange(10**8),
                specimen_id=dice.randrange(10**8),
                itemid=50_801 + i,
                charttime=drawn,
                storetime=drawn,
                value=value,
                valuenum=value,
                ref_range_lower=1,
                ref_range_upper=100,
                valueuom="mg/dL" if "Mass/volume" in lab["concept_name"] else "%",
                priority="ROUTINE",
            )
    for itemid, (_, unit) in VITALS.items():
        seen, value = moment(dice, begin, end), dice.randrange(30, 140)
        files.add(
            "chartevents",
            **who,
            stay_id=stay,
            caregiver_id=dice.randrange(1000, 1040),
            charttime=seen,
            storetime=seen,
            itemid=itemid,
            value=value,
            valuenum=value,
            valueuom=unit,
            warning=0,
        )
    if dice.random() < 0.4:
        files.add(
            "microbiologyevents",
            **who,
            microevent_id=dice.randrange(10**7),
            charttime=begin,
            chartdate=begin.date(),
            spec_itemid=70_012,
            spec_type_desc="BLOOD CULTURE",
            test_itemid=90_201,
            test_name="Blood Culture, Routine",
            org_itemid=80_023,
            org_name="STAPH AUREUS COAG +",
            comments="___",
        )


def write_synthea(folder: Path, patients: int = 80, seed: int = 11) -> Path:
    """An export shaped like Synthea's: records end in 2025."""
    dice, files = random.Random(seed), Files("synthea")

    def name() -> str:
        return str(uuid.UUID(int=dice.getrandbits(128), version=4))

    places = [(name(), name()) for _ in range(12)]
    payers = [name() for _ in range(6)]
    for n, (organization, provider) in enumerate(places):
        where = {
            "ADDRESS": f"{n} MAIN ST",
            "CITY": "BOSTON",
            "STATE": "MA",
            "ZIP": "021140000",
            "LAT": 42.3,
            "LON": -71.1,
        }
        files.add("organizations", Id=organization, NAME=f"CLINIC {n}", **where, REVENUE=0.0, UTILIZATION=12)
        files.add(
            "providers",
            Id=provider,
            ORGANIZATION=organization,
            NAME=f"Ada{n} Doe{n}",
            GENDER=dice.choice("MF"),
            SPECIALITY="GENERAL PRACTICE",
            **where,
            ENCOUNTERS=9,
            PROCEDURES=4,
        )
    for n, payer in enumerate(payers):
        files.add("payers", Id=payer, NAME=f"Payer {n}", OWNERSHIP="PRIVATE", AMOUNT_COVERED=1000.0, UNIQUE_CUSTOMERS=3)
    for n in range(patients):
        patient, born = name(), moment(dice, datetime(1935, 1, 1), datetime(2010, 1, 1))
        files.add(
            "patients",
            Id=patient,
            BIRTHDATE=born.date(),
            DEATHDATE="2025-06-01" if dice.random() < 0.1 else "",
            SSN=f"999-{n:02}-{dice.randrange(1000, 9999)}",
            DRIVERS=f"S999{n:05}",
            PASSPORT=f"X{n:08}X",
            PREFIX="Mr.",
            FIRST=f"Given{n}",
            LAST=f"Family{n}",
            MARITAL="M",
            RACE=dice.choice(("white", "black", "asian", "native", "other")),
            ETHNICITY=dice.choice(("hispanic", "nonhispanic")),
            GENDER=dice.choice("MF"),
            ADDRESS=f"{n} Elm Street",
            CITY="Boston",
            STATE="Massachusetts",
            COUNTY="Suffolk County",
            FIPS=25025,
            ZIP=f"021{n % 60:02}",
            INCOME=50_000,
        )
        files.add(
            "payer_transitions",
            PATIENT=patient,
            MEMBERID=name(),
            START_DATE="2015-01-01T00:00:00Z",
            END_DATE="2025-12-31T00:00:00Z",
            PAYER=dice.choice(payers),
            OWNER_NAME=f"Given{n} Family{n}",
        )
        for _ in range(dice.randrange(3, 9)):
            _encounter(dice, files, patient, name(), dice.choice(places))
    return files.write(folder)


def _coded(concept: Row) -> Row:
    return {"CODE": concept["concept_code"], "DESCRIPTION": concept["concept_name"]}


def _encounter(dice: random.Random, files: Files, patient: str, encounter: str, place: tuple[str, str]) -> None:
    begin = moment(dice, datetime(2015, 1, 1), datetime(2025, 5, 1))
    start = f"{begin:%Y-%m-%dT%H:%M:%SZ}"
    when = {"START": start, "STOP": f"{begin + timedelta(minutes=15):%Y-%m-%dT%H:%M:%SZ}"}
    who = {"PATIENT": patient, "ENCOUNTER": encounter}
    classes = ("ambulatory", "wellness", "outpatient", "emergency", "inpatient", "urgentcare")
    files.add(
        "encounters",
        Id=encounter,
        **when,
        PATIENT=patient,
        ORGANIZATION=place[0],
        PROVIDER=place[1],
        CODE="185345009",
        ENCOUNTERCLASS=dice.choice(classes),
        DESCRIPTION="Encounter for symptom",
        TOTAL_CLAIM_COST=80.0,
    )
    for concept in dice.sample(CONDITIONS, 2):
        files.add("conditions", START=begin.date(), **who, SYSTEM="http://snomed.info/sct", **_coded(concept))
    for concept in dice.sample(DRUGS, 2):
        files.add("medications", **when, **who, **_coded(concept), BASE_COST=1.0, DISPENSES=dice.randrange(1, 9))
    for concept in dice.sample(LABS, 5):
        value = round(dice.uniform(1, 150), 1)
        files.add(
            "observations",
            DATE=start,
            **who,
            CATEGORY="laboratory",
            **_coded(concept),
            VALUE=value,
            UNITS="mg/dL",
            TYPE="numeric",
        )
    files.add("procedures", **when, **who, SYSTEM="http://snomed.info/sct", **_coded(dice.choice(PROCEDURES)))
    files.add(
        "claims",
        Id=uuid.uuid5(uuid.NAMESPACE_OID, encounter),
        PATIENTID=patient,
        APPOINTMENTID=encounter,
        SERVICEDATE=start,
    )
    if dice.random() < 0.3:
        files.add("immunizations", DATE=start, **who, CODE=dice.choice((140, 113, 133)), DESCRIPTION="a vaccine")
        files.add("allergies", START=begin.date(), **who, SYSTEM="SNOMED-CT", **_coded(dice.choice(CONDITIONS)))
    if dice.random() < 0.3:
        files.add("devices", **when, **who, **_coded(dice.choice(DEVICES)), UDI=f"(01){dice.randrange(10**13)}")
        files.add("supplies", DATE=start, **who, **_coded(dice.choice(DEVICES)), QUANTITY=1)
        files.add("careplans", START=begin.date(), **who, **_coded(dice.choice(PROCEDURES)))
