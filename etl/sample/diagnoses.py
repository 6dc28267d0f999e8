"""Records of diagnoses: the reason for each visit, what else the patient has, and what was ruled out."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date

import numpy as np
from numpy.random import Generator

from etl.sample.codebook import SUFFIXES
from etl.sample.course import INPATIENT, OUTPATIENT, befall
from etl.sample.frame import HOUR, Flags, Frame, Ints, spread
from etl.sample.people import seconds
from etl.sample.scene import Scene, names
from etl.sample.traps import manner, struck


@dataclass(frozen=True)
class Diagnosed:
    """Diagnoses of visits (positions): the condition, whether it is the main one, and whether it was ruled out.

    renamed: written in the hospital's own code instead of the classification's.
    """

    visit: Ints
    condition: Ints
    main: Flags
    ruled_out: Flags
    renamed: Flags

    def rows(self, pick: Flags) -> Diagnosed:
        """The diagnoses that a mask picks."""
        return Diagnosed(**{part.name: getattr(self, part.name)[pick] for part in fields(self)})

    def and_also(self, visit: Ints, condition: Ints) -> Diagnosed:
        """These diagnoses and others beside them, none of them ruled out."""
        no = np.zeros(len(visit), dtype=bool)
        more = {"visit": visit, "condition": condition, "main": no, "ruled_out": no, "renamed": no}
        return Diagnosed(**{name: np.concatenate([getattr(self, name), added]) for name, added in more.items()})


def diagnosed(scene: Scene) -> Diagnosed:
    """Main diagnoses, chronic conditions known at the time, what a check-up asks for, and differential diagnoses."""
    visits, rng = scene.visits, scene.rng
    every = np.arange(len(visits))
    known = scene.ill.conditions[visits.patient]
    begun = scene.ill.onset[visits.patient] <= visits.start[:, None]
    chance = np.where(visits.review, 0.45, np.where(visits.kind == OUTPATIENT, 0.1, 0.6))
    beside = begun & (known != visits.condition[:, None]) & (rng.random(known.shape) < chance[:, None])
    also, slot = np.nonzero(beside)
    told = scene.ill.asked[visits.patient]
    asked = every[(visits.condition == scene.cat.check_up) & (told >= 0)]
    doubted = every[struck(rng, scene.rates["ruleout"], len(visits))]
    suspected = befall(rng, scene.cat, scene.cat.acute, scene.people, visits.patient[doubted], visits.start[doubted])
    doubted, suspected = doubted[suspected >= 0], suspected[suspected >= 0]
    visit = np.concatenate([every, also, asked, doubted])
    return Diagnosed(
        visit=visit,
        condition=np.concatenate([visits.condition, known[also, slot], told[asked], suspected]),
        main=np.arange(len(visit)) < len(every),
        ruled_out=np.arange(len(visit)) >= len(visit) - len(doubted),
        renamed=np.zeros(len(visit), dtype=bool),
    )


def _local_codes(rng: Generator, scene: Scene, found: Diagnosed, at: Ints) -> Ints:
    """Positions of diagnosis codes: with a suffix at times, and from 2021 on rarely one only KCD-8 has."""
    size, rates, book = len(found.visit), scene.rates, scene.book
    suffix = np.where(struck(rng, rates["local_suffix"], size), rng.integers(1, len(SUFFIXES), size), 0)
    first_new = len(scene.cat.conditions) * len(SUFFIXES)
    new = (at >= seconds(date(2021, 1, 1))) & struck(rng, rates["kcd8"], size)
    fresh = rng.integers(first_new, len(book.diagnosis) - int((book.renamed >= 0).sum()), size)
    places = np.where(new, fresh, found.condition * len(SUFFIXES) + suffix)
    own = book.renamed[found.condition]
    return np.where(found.renamed & (own >= 0), own, places)


def diagnosis_frame(scene: Scene, found: Diagnosed) -> Frame:
    """One row for each diagnosis of a visit."""
    rng, visits = scene.rng, scene.visits
    inpatient = visits.kind[found.visit] == INPATIENT
    later = spread(rng, 120, 1500, len(inpatient)) + inpatient * spread(rng, 0, 4 * HOUR, len(inpatient))
    at = visits.start[found.visit] + later
    places = _local_codes(rng, scene, found, at)
    codes = scene.book.diagnosis
    columns = {
        "code": manner(rng, places, len(codes), scene.rates),
        "name_ko": places,
        "name_en": places,
        "main": found.main,
        "tentative": struck(rng, scene.rates["tentative"], len(at)) & ~found.main,
        "ruleout": found.ruled_out,
    }
    texts = {
        "code": scene.book.written(codes),
        "name_ko": names(scene.book.diagnosis_rows, "name_ko"),
        "name_en": names(scene.book.diagnosis_rows, "name_en"),
    }
    return scene.record(found.visit, at, columns, texts)
