"""Noise: what makes diagnosis codes tell less than the truth, at the rates of a level of `noise.yaml`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any

import numpy as np
import yaml

from etl.sample.catalogue import HERE
from etl.sample.course import NEVER, OUTPATIENT, Illness, befall, fits
from etl.sample.diagnoses import Diagnosed
from etl.sample.frame import DAY, Flags, Ints
from etl.sample.people import seconds
from etl.sample.scene import Scene
from etl.sample.traps import Rates, struck
from etl.sample.truth import chronic_onsets, diseases


@cache
def _said() -> dict[str, Any]:
    said: dict[str, Any] = yaml.safe_load((HERE / "noise.yaml").read_text(encoding="utf-8"))
    return said


def levels() -> dict[str, Rates]:
    """The rates of each level of code quality."""
    found: dict[str, Rates] = _said()["levels"]
    return found


@dataclass(frozen=True)
class Noise:
    """What stays true of a chunk of patients and their diseases; arrays are (patients, diseases).

    has: a chronic disease at any time; coded_from: before this time nothing of it is coded (NEVER: never at all);
    drug_only: gets its drugs without having it.
    """

    rates: Rates
    has: Flags
    coded_from: Ints
    drug_only: Flags


def noise_of(rng: np.random.Generator, rates: Rates, ill: Illness) -> Noise:
    """Draw the habits of a chunk of patients."""
    onset = chronic_onsets(ill)
    has = onset != NEVER
    low, high = _said()["delay_days"]
    delay = rng.integers(low * DAY, high * DAY, onset.shape)
    late, elsewhere, without = (rng.random(onset.shape) < rates[name] for name in ("late", "elsewhere", "drug_only"))
    coded_from = np.where(late & has, np.where(has, onset, 0) + delay, 0)
    return Noise(
        rates, has, np.where(elsewhere, NEVER, coded_from), without & ~has & diseases().chronic[None, :]
    )  # fmt: skip


def blurred(
    rng: np.random.Generator, noise: Noise, scene: Scene, found: Diagnosed
) -> tuple[Diagnosed, Diagnosed]:  # fmt: skip
    """The diagnoses as somebody wrote them down, and those that drugs are prescribed for."""
    kept = _kept(rng, noise, scene, found)
    condition, renamed = found.condition.copy(), _renamed(rng, noise, scene, found)
    visit, wrong = _not_theirs(rng, noise, scene, noise.rates["mistaken"])
    condition[visit], kept[visit], renamed[visit] = wrong, True, False  # the first rows are the visits' main diagnoses
    written = replace(found, condition=condition, renamed=renamed).rows(kept)
    return written.and_also(*_not_theirs(rng, noise, scene, noise.rates["suspected"])), found.and_also(
        *_without_disease(rng, noise, scene)
    )


def _kept(rng: np.random.Generator, noise: Noise, scene: Scene, found: Diagnosed) -> Flags:
    """Which diagnoses are written down at all."""
    belongs, visits = diseases().belongs[found.condition], scene.visits
    silent = noise.coded_from[visits.patient[found.visit]] > visits.start[found.visit, None]
    left_out = belongs.any(axis=1) & struck(rng, noise.rates["uncoded"], len(found.visit))
    return found.ruled_out | ~((belongs & silent).any(axis=1) | left_out)


def _renamed(rng: np.random.Generator, noise: Noise, scene: Scene, found: Diagnosed) -> Flags:
    """Which are written in the hospital's own code."""
    since: date = _said()["renamed_since"]
    of_disease = diseases().belongs[found.condition].any(axis=1)
    lately = scene.visits.start[found.visit] >= seconds(since)
    return of_disease & lately & struck(rng, noise.rates["renamed"], len(found.visit))


def _not_theirs(rng: np.random.Generator, noise: Noise, scene: Scene, rate: float) -> tuple[Ints, Ints]:
    """A share of visits, each with a condition of a disease that its patient does not have."""
    visits, named = scene.visits, diseases()
    visit = np.flatnonzero(struck(rng, rate, len(visits)))
    patient = visits.patient[visit]
    drawn = befall(rng, scene.cat, named.conditions, scene.people, patient, visits.start[visit])
    strange = (drawn >= 0) & ~(named.belongs[drawn] & noise.has[patient]).any(axis=1)
    return visit[strange], drawn[strange]


def _without_disease(rng: np.random.Generator, noise: Noise, scene: Scene) -> tuple[Ints, Ints]:
    """Visits at which drugs of a disease are refilled by who does not have it, with a condition of that disease."""
    visits = scene.visits
    refilled = struck(rng, _said()["refills"], len(visits)) & (visits.kind == OUTPATIENT)
    visit, disease = np.nonzero(noise.drug_only[visits.patient] & refilled[:, None])
    condition = diseases().usual[disease]
    fit = fits(scene.cat, condition, scene.people, visits.patient[visit], visits.start[visit])
    return visit[fit], condition[fit]
