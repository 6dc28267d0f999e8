"""Records of laboratory results and vital signs; values move with what the patient has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etl.sample.catalogue import HERE, Catalogue, numbers, read_rows
from etl.sample.codebook import limits
from etl.sample.course import EMERGENCY, INPATIENT, KINDS, OUTPATIENT, SLOTS
from etl.sample.frame import DAY, Column, Floats, Frame, Ints, expand, spread
from etl.sample.people import People
from etl.sample.scene import Scene, names
from etl.sample.traps import manner, struck

#: How a result is written; see `result` in render.py.
PLAIN, BELOW, ABOVE, THOUSANDS, FULL_WIDTH = range(5)
_SHIFT = 2.2
_MOST_DRAWS = 6


@dataclass(frozen=True)
class Bodies:
    """What is each patient's own: usual lab values in standard deviations (patients, labs), height and weight."""

    baseline: NDArray[np.float32]
    height: Floats
    weight: Floats


def make_bodies(rng: np.random.Generator, cat: Catalogue, people: People) -> Bodies:
    """Draw the patients' constitutions."""
    size = len(people)
    height = np.where(people.male, 172, 159) + rng.normal(0, 6, size)
    return Bodies(
        baseline=rng.standard_normal((size, len(cat.labs)), dtype=np.float32),
        height=height,
        weight=np.clip(rng.normal(23.7, 3.3, size), 16, 42) * (height / 100) ** 2,
    )


def _draws(scene: Scene) -> tuple[Ints, Ints]:
    """Specimens taken: the visit and the time of each."""
    visits, rng = scene.visits, scene.rng
    days = np.where(visits.kind == INPATIENT, (visits.end - visits.start) // DAY, 0)
    taken = rng.random(len(visits)) < np.array([0.36, 1.0, 0.9])[visits.kind]
    count = np.where(taken, np.minimum(1 + days // 2, _MOST_DRAWS), 0)
    visit, place = expand(np.concatenate([[0], np.cumsum(count)]), np.arange(len(visits)))
    nth = place - (np.cumsum(count) - count)[visit]
    morning = (visits.start[visit] // DAY + 2 * nth) * DAY + spread(rng, 5 * 60, 8 * 60, len(nth)) * 60
    first = visits.start[visit] + spread(rng, 5, 90, len(nth)) * 60
    return visit, np.where(nth == 0, first, morning)


def _tests(scene: Scene, visit: Ints) -> tuple[Ints, Ints]:
    """Tests made on each specimen: panels by habit, and those the reason for the visit calls for."""
    rng, cat = scene.rng, scene.cat
    use = {row["panel"]: row for row in read_rows(HERE / "lists" / "panel_use.csv")}
    habit = np.array([[float(use[panel][kind]) if panel in use else 0.0 for panel in cat.panels] for kind in KINDS])
    draw, panel = np.nonzero(rng.random((len(visit), len(cat.panels))) < habit[scene.visits.kind[visit]])
    row, item = expand(cat.panel_labs.offsets, panel)
    reason, wanted = expand(cat.condition_labs.offsets, scene.visits.condition[visit])
    asked = rng.random(len(reason)) < 0.7
    keys = np.unique(
        np.concatenate(
            [
                draw[row] * len(cat.labs) + cat.panel_labs.items[item],
                reason[asked] * len(cat.labs) + cat.condition_labs.items[wanted[asked]],
            ]
        )
    )
    return keys // len(cat.labs), keys % len(cat.labs)


def _shifts(scene: Scene, patient: Ints, condition: Ints, lab: Ints) -> Ints:
    """Which way each result is moved by chronic illness and by the reason for the visit: -1, 0 or 1."""
    cat, ill = scene.cat, scene.ill
    by_condition = np.zeros((len(cat.conditions) + 1, len(cat.labs)), dtype=np.int8)
    row, item = expand(cat.condition_labs.offsets, np.arange(len(cat.conditions)))
    by_condition[row, cat.condition_labs.items[item]] = cat.condition_labs.signs[item]
    moved = by_condition[condition, lab].astype(np.int64)
    latest = scene.visits.start.max(initial=0)
    for slot in range(SLOTS):
        begun = ill.onset[:, slot] <= latest
        moved = moved + by_condition[np.where(begun, ill.conditions[:, slot], -1)[patient], lab]
    return np.clip(moved, -1, 1)


def _values(scene: Scene, bodies: Bodies, patient: Ints, lab: Ints, shift: Ints) -> Floats:
    """Numbers: a share that is the patient's own, a share by chance, and the shift of the illness."""
    rng, cat = scene.rng, scene.cat
    mean, deviation = numbers(cat.labs, "mean")[lab], numbers(cat.labs, "sd", 1.0)[lab]
    strength = rng.uniform(0.6, 1.6, len(lab)) * _SHIFT
    score = 0.65 * bodies.baseline[patient, lab] + 0.6 * rng.standard_normal(len(lab)) + strength * shift
    # Widely spread quantities are skewed to the right and cannot fall below zero.
    ratio = deviation / np.maximum(np.abs(mean), 1e-9)
    skewed = mean * np.exp(np.minimum(ratio, 0.9) * score)
    value = np.where(ratio > 0.3, skewed, mean + deviation * score)
    return np.where(mean >= 0, np.maximum(value, mean * 0.03), value)


def _written(scene: Scene, lab: Ints, value: Floats, shift: Ints) -> tuple[Floats, Ints, Ints]:
    """Value, position of the word (-1 for a number) and form of each result."""
    rng, cat, rates, size = scene.rng, scene.cat, scene.rates, len(lab)
    book, decimals = scene.book, numbers(cat.labs, "decimals")[lab]
    low, high = numbers(cat.labs, "low")[lab], numbers(cat.labs, "high")[lab]
    most = numbers(cat.labs, "most")[lab]
    value = np.where(most > 0, np.minimum(value, most), value)  # no analyser reports more
    qualitative = np.array([row["kind"] == "qualitative" for row in cat.labs])[lab]
    form = np.where(struck(rng, rates["full_width"], size), FULL_WIDTH, PLAIN)
    # Only results without decimals reach thousands, and of those only of tests that can.
    large = struck(rng, rates["thousands"], size) & (decimals == 0) & (value + 1000 <= most)
    form, value = np.where(large, THOUSANDS, form), np.where(large, value + 1000, value)
    limit = struck(rng, rates["censored"], size)
    below = limit & ((rng.random(size) < 0.6) | (high <= 0))
    above = limit & ~below
    floor = np.maximum(np.where(low > 0, low / 4, np.where(high > 0, high / 8, value / 4)), 0.1**decimals)
    form, value = np.where(below, BELOW, form), np.where(below, floor, value)
    form, value = np.where(above, ABOVE, form), np.where(above, np.minimum(high * 10, most), value)
    answers = (np.diff(book.word_from) // 2)[lab]
    abnormal = (shift != 0) | (rng.random(size) < 0.12)
    answer = np.where(abnormal, 1 + (rng.random(size) * (answers - 1)).astype(np.int64), 0)
    answer = answer + answers * struck(rng, rates["unit_variant"], size)
    common = book.common_words[rng.integers(0, len(book.common_words), size)]
    worded = np.where(struck(rng, rates["worded"], size), common, -1)
    return value, np.where(qualitative, book.word_from[lab] + answer, worded), form


def _specimens(scene: Scene, visit: Ints, draw: Ints, lab: Ints) -> Ints:
    """The number on the label of each result's specimen: one for every kind of specimen of a draw."""
    kinds = {kind: place for place, kind in enumerate(sorted({row["specimen"] for row in scene.cat.labs}))}
    kind = np.array([kinds[row["specimen"]] for row in scene.cat.labs], dtype=np.int64)[lab]
    # the upper digits of a visit's number are those of the year and the chunk of patients
    return (scene.visit_no[visit] // 10**6 * 10**7 + draw) * 10 + kind


def lab_frame(scene: Scene, bodies: Bodies) -> Frame:
    """One row for each result."""
    rng, cat, book = scene.rng, scene.cat, scene.book
    draw_visit, draw_time = _draws(scene)
    draw, lab = _tests(scene, draw_visit)
    visit, taken = draw_visit[draw], draw_time[draw]
    patient = scene.visits.patient[visit]
    shift = _shifts(scene, patient, scene.visits.condition[visit], lab)
    value, word, form = _written(scene, lab, _values(scene, bodies, patient, lab, shift), shift)
    word, words = scene.remarks["result"].told(
        rng, patient, word, pa.array(book.words), scene.rates["identifier_in_result"]
    )
    counts = np.diff(book.unit_from)[lab]
    other = struck(rng, scene.rates["unit_variant"], len(lab)) & (counts > 1)
    spelling = np.where(other, 1 + (rng.random(len(lab)) * (counts - 1)).astype(np.int64), 0)
    remark, remarks = scene.remarks["lab"].drawn(rng, patient)
    done = taken + spread(rng, 20, 200, len(draw_time))[draw] * 60
    reported = done + spread(rng, 5, 300, len(draw_time))[draw] * 60
    columns: dict[str, Column] = {
        "taken_at": taken, "done_at": done, "reported_at": reported,
        "code": manner(rng, lab, len(book.lab), scene.rates), "name_ko": lab, "name_en": lab,
        "value": value, "decimals": numbers(cat.labs, "decimals").astype(np.int8)[lab],
        "word": word, "form": form.astype(np.int8), "unit": book.unit_from[lab] + spelling,
        "low": lab, "high": lab, "specimen": lab, "specimen_no": _specimens(scene, visit, draw, lab), "remark": remark,
    }  # fmt: skip
    texts = {
        "code": book.written(book.lab), "name_ko": names(cat.labs, "name_ko"),
        "name_en": names(cat.labs, "name_en"), "word": words,
        "unit": pa.array([unit or None for unit in book.units]), "low": limits(cat, "low"),
        "high": limits(cat, "high"), "specimen": names(cat.labs, "specimen"), "remark": remarks,
    }  # fmt: skip
    ordered = np.maximum(taken - 15 * 60, scene.visits.start[visit])
    return scene.record(visit, ordered, columns, texts, seen=reported)


def vital_frame(scene: Scene, bodies: Bodies) -> Frame:
    """One row for each round of vital signs: at visits, and every day of a stay for the first days."""
    visits, rng = scene.visits, scene.rng
    days = np.where(visits.kind == INPATIENT, (visits.end - visits.start) // DAY, 0)
    measured = rng.random(len(visits)) < np.array([0.35, 1.0, 0.9])[visits.kind]
    count = np.where(measured, 1 + np.minimum(days, 4), 0)
    visit, place = expand(np.concatenate([[0], np.cumsum(count)]), np.arange(len(visits)))
    nth = place - (np.cumsum(count) - count)[visit]
    at = visits.start[visit] + nth * DAY + spread(rng, 2, 20, len(nth)) * 60
    at = np.where(visits.end[visit] > 0, np.minimum(at, np.maximum(visits.end[visit], visits.start[visit])), at)
    patient, size = visits.patient[visit], len(visit)
    # The last place stands for "no condition" (-1).
    kcd = [row["kcd"] for row in scene.cat.conditions] + ["-"]
    hypertensive = np.array([code[:3] in {"I10", "I11", "I12", "I13", "I15"} for code in kcd])
    tense = hypertensive[scene.ill.conditions[patient]].any(axis=1) | hypertensive[visits.condition[visit]]
    feverish = np.array([code[0] in "ABJ" for code in kcd])[visits.condition[visit]]
    acute = visits.kind[visit] != OUTPATIENT
    emergency = visits.kind[visit] == EMERGENCY
    age = (at - scene.people.birth[patient]) / (365.25 * DAY)
    growth = np.clip(0.3 + 0.7 * age / 17, 0.3, 1)
    height = bodies.height[patient] * growth
    weight = bodies.weight[patient] * growth**2.2 + rng.normal(0, 0.8, size)
    fever = (feverish & acute) * np.abs(rng.normal(1.2, 0.7, size))
    readings = {
        "ht": height,
        "wt": weight,
        "bmi": weight / (height / 100) ** 2,
        "sbp": rng.normal(119, 12, size) + 21 * tense + 4 * emergency,
        "dbp": rng.normal(74, 8, size) + 11 * tense,
        "pr": rng.normal(74, 10, size) + 9 * fever + 6 * emergency,
        "rr": rng.normal(17.5, 1.6, size) + 2 * emergency,
        "bt": rng.normal(36.5, 0.25, size) + fever,
        "spo2": np.minimum(rng.normal(97.8, 1.1, size) - 2.5 * (fever > 1.5), 100),
    }
    missing = {"ht": 0.5, "wt": 0.4, "bmi": 0.5, "rr": 0.2, "bt": 0.15, "spo2": 0.35}
    columns: dict[str, Column] = {
        name: np.where(rng.random(size) < missing.get(name, 0.03), np.nan, reading)
        for name, reading in readings.items()
    }
    return scene.record(visit, at, columns, {})
