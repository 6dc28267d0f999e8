"""The course of an illness: which visits a year brings to each patient, and who dies of what."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date
from functools import reduce
from operator import add

import numpy as np

from etl.sample.catalogue import Catalogue
from etl.sample.frame import DAY, HOUR, NO_TIME, Flags, Floats, Ints, expand, spread, weighted
from etl.sample.holidays import open_days
from etl.sample.people import People, seconds

OUTPATIENT, INPATIENT, EMERGENCY = 0, 1, 2
KINDS = ("O", "I", "E")
PATHS = ("OPD", "ER", "TRANSFER", "BIRTH")
OUTCOMES = ("HOME", "TRANSFER", "AMA", "HOPELESS", "DEATH")
DEATH = OUTCOMES.index("DEATH")
NEVER = int(np.iinfo(np.int64).max)
#: Chronic conditions one patient can have.
SLOTS = 3
#: Visits and episodes per patient and year.
_FOLLOW_UPS, _PER_CONDITION, _EPISODES, _FLARES = 0.28, 0.14, 0.19, 0.08
#: Share of chronic conditions that bring the patient here; the others begin a year to seven years later.
_COME_WITH_IT = 0.15
#: Share of first contacts of the others that are check-ups, and of the years with one.
_FIRST_CHECK_UPS, _CHECK_UPS = 0.7, 0.85
#: Share of patients of whom a check-up finds that they smoke, or what runs in the family.
_ASKED = 0.45
#: By severity 0 to 3: admission after an emergency visit, median days of stay, death at its end.
_ADMITTED = np.array([0.05, 0.20, 0.55, 0.85])
_STAY = np.array([2.0, 3.0, 5.5, 9.0])
_FATAL = np.array([0.0, 0.001, 0.01, 0.06])


@dataclass
class Illness:
    """What a chunk of patients carries from year to year. conditions, onset: (patients, SLOTS); asked: -1 for none."""

    conditions: Ints
    onset: Ints
    asked: Ints
    death: Ints
    death_of: Ints
    busy_until: Ints


@dataclass
class Visits:
    """The visits of one year; times in seconds since 1970, `end` is NO_TIME for outpatients."""

    patient: Ints
    start: Ints
    end: Ints
    kind: Ints
    condition: Ints
    review: Flags
    path: Ints
    outcome: Ints

    def __len__(self) -> int:
        """Number of visits."""
        return len(self.patient)

    def rows(self, pick: Flags | Ints) -> Visits:
        """The visits a mask or an index array picks."""
        return Visits(**{part.name: getattr(self, part.name)[pick] for part in fields(self)})

    def __add__(self, other: Visits) -> Visits:
        """These visits and then others."""
        joined = {
            part.name: np.concatenate([getattr(self, part.name), getattr(other, part.name)]) for part in fields(self)
        }
        return Visits(**joined)


def fits(cat: Catalogue, condition: Ints, people: People, patient: Ints, when: Ints) -> Flags:
    """Whether a condition can befall a patient of this age and sex."""
    age = (when - people.birth[patient]) // (365 * DAY)
    male = people.male[patient]
    of_age = (when >= cat.since[condition]) & (cat.age_min[condition] <= age) & (age <= cat.age_max[condition])
    return of_age & ~(cat.only_male[condition] & ~male) & ~(cat.only_female[condition] & male)


def befall(rng: np.random.Generator, cat: Catalogue, pool: Ints, people: People, patient: Ints, when: Ints) -> Ints:
    """A condition out of a pool for each patient at a time, by weight; -1 where four draws did not fit."""
    chosen = np.full(len(patient), -1, dtype=np.int64)
    for _ in range(4):
        drawn = pool[weighted(rng, cat.weight[pool], len(patient))]
        chosen = np.where((chosen < 0) & fits(cat, drawn, people, patient, when), drawn, chosen)
    return chosen


def begin(rng: np.random.Generator, cat: Catalogue, people: People) -> Illness:
    """Chronic conditions and their onset: the older, the more of them. Few are there at the first contact."""
    size = len(people)
    age = (people.registered - people.birth) / (365.25 * DAY)
    conditions = np.full((size, SLOTS), -1, dtype=np.int64)
    onset = np.full((size, SLOTS), NEVER, dtype=np.int64)
    for slot in range(SLOTS):
        later = spread(rng, 400 * DAY, 7 * 365 * DAY, size)
        starts = people.registered + np.where(rng.random(size) < _COME_WITH_IT, 0, later)
        ill = rng.random(size) < np.clip(age / 70, 0.08, 1) * (0.68, 0.45, 0.25)[slot]
        chosen = befall(rng, cat, cat.chronic, people, np.arange(size), starts)
        fresh = ill & (chosen >= 0) & (conditions != chosen[:, None]).all(axis=1)
        conditions[fresh, slot], onset[fresh, slot] = chosen[fresh], starts[fresh]
    # the first condition is the one that begins first
    order = np.argsort(onset, axis=1, kind="stable")
    conditions, onset = np.take_along_axis(conditions, order, axis=1), np.take_along_axis(onset, order, axis=1)
    told = befall(rng, cat, cat.asked, people, np.arange(size), people.registered)
    return Illness(
        conditions, onset, np.where(rng.random(size) < _ASKED, told, -1), np.full(size, NEVER), np.full(size, -1),
        np.full(size, -(2**40), dtype=np.int64),
    )  # fmt: skip


def _office_hours(rng: np.random.Generator, when: Ints) -> Ints:
    """The day that clinics are open at or after a time, between half past eight and five."""
    return open_days(when // DAY) * DAY + spread(rng, 8.5 * 60, 17 * 60, len(when)) * 60


def _made(patient: Ints, start: Ints, kind: int, condition: Ints, review: bool, path: int = -1) -> Visits:
    size = len(patient)
    return Visits(
        patient, start, np.full(size, NO_TIME), np.full(size, kind), condition, np.full(size, review),
        np.full(size, path), np.full(size, -1),
    )  # fmt: skip


def _scattered(rng: np.random.Generator, rate: Floats, low: Ints, high: Ints) -> tuple[Ints, Ints]:
    """Poisson events of each patient between two times, about evenly apart: patients and times."""
    count = np.where(high > low, rng.poisson(np.maximum(rate, 0)), 0)
    offsets = np.concatenate([[0], np.cumsum(count)])
    patient, place = expand(offsets, np.arange(len(count)))
    share = (place - offsets[patient] + rng.random(len(place))) / count[patient]
    return patient, low[patient] + (share * (high - low)[patient]).astype(np.int64)


def _follow_ups(rng: np.random.Generator, ill: Illness, low: Ints, high: Ints, fraction: Floats) -> Visits:
    known = (ill.onset <= high[:, None]).sum(axis=1)
    rate = np.where(known > 0, _FOLLOW_UPS + _PER_CONDITION * known, 0) * fraction
    patient, when = _scattered(rng, rate, low, high)
    start = _office_hours(rng, when)
    condition = ill.conditions[patient, rng.integers(0, SLOTS, len(patient))]
    condition = np.where(condition < 0, ill.conditions[patient, 0], condition)
    begun = ((ill.conditions[patient] == condition[:, None]) & (ill.onset[patient] <= start[:, None])).any(axis=1)
    visits = _made(patient, start, OUTPATIENT, condition, review=True)
    return visits.rows(begun & (condition >= 0))


def _admissions(rng: np.random.Generator, cat: Catalogue, emergency: Visits, planned: Visits) -> Visits:
    """Stays: those that follow an emergency visit the moment it ends, and planned ones."""
    severity = cat.severity[emergency.condition]
    followed = rng.random(len(emergency)) < _ADMITTED[severity]
    emergency.outcome = np.where(followed, OUTCOMES.index("TRANSFER"), 0)
    source = emergency.rows(followed)
    stays = _made(source.patient, source.end, INPATIENT, source.condition, False, PATHS.index("ER"))
    stays += planned
    stays.path = np.where(stays.path < 0, (rng.random(len(stays)) < 0.06) * PATHS.index("TRANSFER"), stays.path)
    days = np.clip(rng.lognormal(np.log(_STAY[cat.severity[stays.condition]]), 0.55), 0.8, 75)
    # One stay in twelve is a long one; discharges are around noon.
    days = np.where(rng.random(len(days)) < 0.08, days + rng.uniform(30, 160, len(days)), days)
    stays.end = (stays.start + (days * DAY).astype(np.int64)) // DAY * DAY + spread(
        rng, 10 * 60, 16 * 60, len(stays)
    ) * 60
    stays.end = np.maximum(stays.end, stays.start + 6 * HOUR)
    stays.outcome = weighted(rng, np.array([92.0, 4.5, 2.5, 1.0]), len(stays))
    return stays


def _episodes(
    rng: np.random.Generator, cat: Catalogue, people: People, ill: Illness, low: Ints, high: Ints, fraction: Floats
) -> Visits:
    """Acute illness, and chronic illness that flares up."""
    age = (low - people.birth) / (365.25 * DAY)
    patient, when = _scattered(rng, _EPISODES * fraction * (1 + np.abs(age - 35) / 70), low, high)
    condition = befall(rng, cat, cat.acute, people, patient, when)
    sick, flare_at = _scattered(rng, _FLARES * fraction, low, high)
    flare = ill.conditions[sick, 0]
    grave = (flare >= 0) & (cat.severity[flare] >= 2) & (ill.onset[sick, 0] <= flare_at)
    patient = np.concatenate([patient, sick[grave]])
    when = np.concatenate([when, flare_at[grave]])
    condition = np.concatenate([condition, flare[grave]])
    setting = np.where(np.arange(len(patient)) < len(patient) - grave.sum(), cat.setting[condition], EMERGENCY)
    setting = np.where(
        (setting == OUTPATIENT) & (cat.severity[condition] >= 2) & (rng.random(len(patient)) < 0.5),
        INPATIENT,
        setting,
    )
    at_night = when // DAY * DAY + spread(rng, 0, DAY // 60, len(when)) * 60
    in_hours = _office_hours(rng, when)
    parts = []
    for kind, start in ((OUTPATIENT, in_hours), (INPATIENT, in_hours), (EMERGENCY, at_night)):
        mine = (setting == kind) & (condition >= 0)
        parts.append(_made(patient[mine], start[mine], kind, condition[mine], review=False))
    outpatient, planned, emergency = parts
    emergency.end = emergency.start + spread(rng, 40, 11 * 60, len(emergency)) * 60
    emergency.path = np.full(len(emergency), PATHS.index("OPD"))
    return outpatient + emergency + _admissions(rng, cat, emergency, planned)


def _first_contacts(
    rng: np.random.Generator, cat: Catalogue, people: People, ill: Illness, opening: int, closing: int
) -> Visits:
    patient = np.flatnonzero((people.registered >= opening) & (people.registered < closing))
    start = open_days(people.registered[patient] // DAY) * DAY + spread(rng, 8.5 * 60, 17 * 60, len(patient)) * 60
    acute = befall(rng, cat, cat.acute, people, patient, start)
    other = np.where(rng.random(len(patient)) < _FIRST_CHECK_UPS, cat.check_up, acute)
    condition = np.where(ill.onset[patient, 0] <= start, ill.conditions[patient, 0], other)
    return _made(patient, start, OUTPATIENT, condition, review=True).rows(condition >= 0)


def _check_ups(rng: np.random.Generator, cat: Catalogue, people: People, low: Ints, high: Ints) -> Visits:
    """Once a year, about the day of the first contact."""
    years = -((people.registered - low) // (365 * DAY))
    when = people.registered + years * 365 * DAY + spread(rng, 0, 45 * DAY, len(people))
    comes = (rng.random(len(people)) < _CHECK_UPS) & (when >= low) & (when < high)
    patient = np.flatnonzero(comes)
    start = _office_hours(rng, when[patient])
    return _made(patient, start, OUTPATIENT, np.full(len(patient), cat.check_up), review=True)


def _onsets(rng: np.random.Generator, ill: Illness, low: Ints, high: Ints) -> Visits:
    """The visit at which a chronic condition is found."""
    patient, slot = np.nonzero((ill.onset >= low[:, None]) & (ill.onset < high[:, None]))
    start = _office_hours(rng, ill.onset[patient, slot] + DAY)
    return _made(patient, start, OUTPATIENT, ill.conditions[patient, slot], review=True)


def _one_at_a_time(visits: Visits, busy_until: Ints) -> Visits:
    """The visits in order, without those that begin while an earlier one goes on."""
    visits = visits.rows(np.lexsort((visits.start, visits.patient)))
    reach = np.where(visits.end == NO_TIME, visits.start, visits.end)
    # An offset per patient, far larger than any time, lets one running maximum serve all of them.
    offset = visits.patient * 2**38
    running = np.maximum.accumulate(offset + np.maximum(reach, busy_until[visits.patient]))
    before = np.concatenate([[-1], running[:-1]])
    same = np.concatenate([[False], visits.patient[1:] == visits.patient[:-1]])
    free_from = np.where(same, before - offset, busy_until[visits.patient])
    kept = visits.rows(visits.start >= free_from)
    np.maximum.at(busy_until, visits.patient, reach)
    return kept


def _deaths(
    rng: np.random.Generator, cat: Catalogue, people: People, ill: Illness, visits: Visits, opening: int
) -> Visits:
    """Let patients die of grave stays or of age; nothing begins after death and nothing outlasts it."""
    age = (opening - people.birth) / (365.25 * DAY)
    hazard = 2e-5 * np.exp(0.088 * np.clip(age, 0, 110))
    aged = rng.random(len(people)) < hazard
    natural = np.where(aged, opening + spread(rng, 0, 365 * DAY, len(people)) // 60 * 60, NEVER)
    natural = np.where(natural < people.registered, NEVER, natural)
    risk = _FATAL[cat.severity[visits.condition]] * np.clip(age[visits.patient] / 70, 0.1, 2)
    fatal = (visits.end != NO_TIME) & (rng.random(len(visits)) < risk)
    before = ill.death.copy()
    np.minimum.at(ill.death, visits.patient[fatal], visits.end[fatal])
    ill.death = np.minimum(ill.death, natural)
    last = visits.patient[fatal & (visits.end == ill.death[visits.patient])]
    ill.death_of[last] = visits.condition[fatal & (visits.end == ill.death[visits.patient])]
    newly = (ill.death < before) & (ill.death_of < 0)
    ill.death_of[newly] = np.where(ill.onset[newly, 0] <= ill.death[newly], ill.conditions[newly, 0], -1)
    death = ill.death[visits.patient]
    visits.outcome = np.where((visits.end != NO_TIME) & (visits.end >= death), DEATH, visits.outcome)
    visits.end = np.where(visits.end == NO_TIME, NO_TIME, np.minimum(visits.end, death))
    return visits.rows(visits.start < death)


def visits_of_year(rng: np.random.Generator, cat: Catalogue, people: People, ill: Illness, year: int) -> Visits:
    """The visits that begin in a year, ordered by patient and time; carries `ill` on to the next year."""
    opening, closing = seconds(date(year, 1, 1)), seconds(date(year + 1, 1, 1))
    low = np.maximum(people.registered + 7 * DAY, opening)
    high = np.minimum(np.full(len(people), closing), ill.death)
    fraction = np.clip((high - low) / (closing - opening), 0, 1)
    parts = [
        _first_contacts(rng, cat, people, ill, opening, closing),
        _check_ups(rng, cat, people, low, high),
        _onsets(rng, ill, low, high),
        _follow_ups(rng, ill, low, high, fraction),
        _episodes(rng, cat, people, ill, low, high, fraction),
    ]
    return _deaths(rng, cat, people, ill, _one_at_a_time(reduce(add, parts), ill.busy_until), opening)
