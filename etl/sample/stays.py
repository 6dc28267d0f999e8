"""Records of patients, visits and moves between wards."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa

from etl.sample.catalogue import Catalogue
from etl.sample.course import DEATH, INPATIENT, NEVER, OUTCOMES, PATHS, Illness
from etl.sample.frame import DAY, NO_TIME, Frame, Ints, expand, numbered
from etl.sample.people import INSURANCES, People, padded, seconds
from etl.sample.remarks import Remarks
from etl.sample.scene import TIMES, Scene
from etl.sample.traps import Rates, doubled, misdate, reversed_ends, struck

#: Won of a visit, by its kind: outpatient, a night in hospital, emergency.
_PRICES = np.array([13_000, 320_000, 85_000])
#: Share of stays, by severity, that go through intensive care.
_INTENSIVE = np.array([0.0, 0.02, 0.12, 0.40])


def patient_frame(
    rng: np.random.Generator, people: People, ill: Illness, cat: Catalogue, rates: Rates, night: date
) -> Frame:
    """The patient file as of a night: deaths up to then, some rows doubled, half of these with a new address."""
    size = len(people)
    remark, remarks = Remarks(people, "person", rates).drawn(rng, np.arange(size))
    columns = {
        "mrn": np.arange(size), "name": np.arange(size), "sex": people.male.astype(np.int64),
        "birth": people.birth, "rrn1": np.arange(size), "rrn2": np.arange(size), "phone": np.arange(size),
        "zip": np.arange(size), "abo": people.blood // 2, "rh": people.blood % 2,
        "insurance": people.insurance, "foreigner": people.foreign, "registered": people.registered,
        "remark": remark,
    }  # fmt: skip
    texts = {
        "mrn": people.record_number, "name": people.name, "sex": pa.array(["F", "M"]),
        "rrn1": people.resident_front, "rrn2": people.resident_back, "phone": people.phone,
        "zip": pa.concat_arrays([people.postcode, padded(rng.integers(1_000, 63_645, 512), 5)]),
        "abo": pa.array(["A", "B", "O", "AB"]), "rh": pa.array(["+", "-"]),
        "insurance": pa.array(INSURANCES), "remark": remarks,
        "death_code": pa.array([row["kcd"].replace(".", "") for row in cat.conditions]),
    }  # fmt: skip
    frame = doubled(rng, Frame(columns, texts, people.registered, TIMES), rates["doubled_patient"])
    moved = size + rng.integers(0, 512, len(frame))
    again = (np.arange(len(frame)) >= size) & (rng.random(len(frame)) < 0.5)
    frame.columns["zip"] = np.where(again, moved, frame.columns["zip"])
    owner = frame.columns["mrn"].astype(np.int64)
    limit = seconds(night) + DAY - 1
    dead = (ill.death[owner] != NEVER) & (ill.death[owner] <= limit)
    frame.columns["died"] = np.where(dead, ill.death[owner], NO_TIME)
    frame.columns["death_code"] = np.where(dead, ill.death_of[owner], -1)
    return frame.until(limit)


def _charges(scene: Scene) -> Ints:
    """What each visit costs in won: a price by its kind, for stays by the night, and something for what was done."""
    visits = scene.visits
    nights = np.where(visits.kind == INPATIENT, np.maximum((visits.end - visits.start) // DAY, 1), 1)
    return _PRICES[visits.kind] * nights + scene.visit_no % 977 * 150


def visit_frame(scene: Scene) -> Frame:
    """The visits as written; an export of a night on which a patient is still in hospital has no end."""
    visits, rng, rates = scene.visits, scene.rng, scene.rates
    start, slip = misdate(rng, visits.start, scene.people.birth[visits.patient], rates)
    columns = {
        "mrn": visits.patient,
        "visit_no": scene.visit_no,
        "kind": visits.kind,
        "start_at": start,
        "end_at": reversed_ends(rng, visits.start, visits.end, rates["reversed_visit"]),
        "path": visits.path,
        "outcome": visits.outcome,
        "department": scene.department,
        "doctor": scene.doctor,
        "attending": np.where(visits.kind == INPATIENT, scene.doctor_of(scene.department), -1),
        "insurance": scene.people.insurance[visits.patient],
        "first": visits.start // DAY == scene.people.registered[visits.patient] // DAY,
        "slip": slip,
        "rare": struck(rng, rates["rare_open_end"], len(visits)),
        "charge": _charges(scene),
    }
    texts = scene.dictionaries() | {
        "path": pa.array(PATHS),
        "outcome": pa.array(OUTCOMES),
        "insurance": pa.array(INSURANCES),
    }
    frame = Frame(columns, texts, visits.start, TIMES, frozenset({"visit_no"}))
    return doubled(rng, frame, rates["doubled_visit"])


def _parts(scene: Scene, stay: Ints) -> tuple[Ints, Ints, Ints]:
    """Wards of each stay: which stay, the ward's department, and the place of the part within the stay."""
    rng, cat = scene.rng, scene.cat
    severity = cat.severity[scene.visits.condition[stay]]
    intensive = rng.random(len(stay)) < _INTENSIVE[severity]
    count = np.where(intensive, 2 + (rng.random(len(stay)) < 0.4), 1 + (rng.random(len(stay)) < 0.15))
    row, place = expand(np.concatenate([[0], np.cumsum(count)]), np.arange(len(stay)))
    part = place - (np.cumsum(count) - count)[row]
    # Intensive care is the first part of a stay of two and the middle one of three.
    in_unit = intensive[row] & (part == (count[row] == 3))
    ward = cat.wards[rng.integers(0, len(cat.wards), len(row))]
    unit = cat.units_of_intensive_care[rng.integers(0, len(cat.units_of_intensive_care), len(row))]
    return row, np.where(in_unit, unit, ward), part


def move_frame(scene: Scene) -> Frame:
    """Where each stay was spent: one row for each ward or intensive care unit."""
    visits, rng = scene.visits, scene.rng
    stay = np.flatnonzero(visits.kind == INPATIENT)
    row, ward, part = _parts(scene, stay)
    visit = stay[row]
    length = (visits.end - visits.start)[visit]
    count = np.bincount(row, minlength=len(stay))[row]
    start = visits.start[visit] + length * part // count // 60 * 60
    end = visits.start[visit] + length * (part + 1) // count // 60 * 60
    last = part == count - 1
    intensive = np.isin(ward, scene.cat.units_of_intensive_care)
    dead = last & (visits.outcome[visit] == DEATH)
    columns = {
        "mrn": visits.patient[visit],
        "visit_no": scene.visit_no[visit],
        "seq": numbered(row),
        "ward": ward,
        "room": rng.integers(0, 40, len(row)),
        "icu": intensive,
        "department": scene.department[visit],
        "start_at": start,
        "end_at": np.where(last, visits.end[visit], end),
        "path": np.where(part == 0, visits.path[visit], PATHS.index("OPD")),
        "outcome": np.where(dead, DEATH, np.where(last, visits.outcome[visit], OUTCOMES.index("HOME"))),
        "rare": struck(rng, scene.rates["rare_open_end"], len(row)),
    }
    texts = scene.dictionaries() | {
        "ward": pa.array(scene.book.department),
        "room": pa.array([f"{floor}{room:02d}" for floor in (5, 6, 7, 8) for room in range(1, 11)]),
        "path": pa.array(PATHS),
        "outcome": pa.array(OUTCOMES),
    }
    return Frame(columns, texts, start, TIMES, frozenset({"visit_no"}))
