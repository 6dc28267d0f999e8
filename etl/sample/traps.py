"""Traps: the errors of real exports, sown into clean records at the hospital's rates."""

from __future__ import annotations

import numpy as np

from etl.sample.frame import DAY, NO_TIME, Flags, Floats, Frame, Ints, spread
from etl.sample.people import STRANGERS, People

Rates = dict[str, float]


def struck(rng: np.random.Generator, rate: float, size: int) -> Flags:
    """Which of `size` rows a trap of this rate hits."""
    return rng.random(size) < rate


def manner(rng: np.random.Generator, places: Ints, codes: int, rates: Rates) -> Ints:
    """Positions in Codebook.written(): most codes plain, a few with a leading or trailing blank."""
    drawn: Floats = rng.random(len(places)) / max(rates["blank_in_code"], 1e-12)
    return np.where(drawn < 0.5, places + codes, np.where(drawn < 1.0, places + 2 * codes, places))


def misdate(rng: np.random.Generator, when: Ints, birth: Ints, rates: Rates) -> tuple[Ints, Flags]:
    """The time a clerk wrote: some far in the future, some before birth; and which become 30 February."""
    size = len(when)
    future = np.where(struck(rng, rates["future_date"], size), when + spread(rng, 9, 175, size) * 365 * DAY, when)
    early = struck(rng, rates["before_birth"], size)
    written = np.where(early, birth - spread(rng, 1, 900, size) * DAY, future)
    return written, struck(rng, rates["impossible_date"], size) & (written == when)


def misplace(
    rng: np.random.Generator, patient: Ints, visit_no: Ints, people: People, rates: Rates
) -> tuple[Ints, Ints]:
    """Keys as written: rows of nobody (-1), of a stranger to the patient file, of no visit (-1) or an unknown one."""
    size = len(patient)
    stranger = len(people) + rng.integers(0, STRANGERS, size)
    owner = np.where(struck(rng, rates["unknown_patient"], size), stranger, patient)
    owner = np.where(struck(rng, rates["null_patient"], size), -1, owner)
    lost = 99 * 10**9 + rng.integers(0, 10**8, size)
    visit = np.where(struck(rng, rates["unknown_visit"], size), lost, visit_no)
    return owner, np.where(struck(rng, rates["null_visit"], size), -1, visit)


def doubled(rng: np.random.Generator, frame: Frame, rate: float) -> Frame:
    """The frame with some of its rows in it twice."""
    twice = np.flatnonzero(struck(rng, rate, len(frame)))
    return frame.rows(np.concatenate([np.arange(len(frame)), twice]))


def reversed_ends(rng: np.random.Generator, start: Ints, end: Ints, rate: float) -> Ints:
    """Ends of which some come days before the start."""
    hit = (end != NO_TIME) & struck(rng, rate, len(end))
    return np.where(hit, start - spread(rng, 1, 9, len(end)) * DAY, end)


def after_death(rng: np.random.Generator, when: Ints, dead: Flags, rate: float) -> Ints:
    """Times of which some, of patients whose visit ended in death, come weeks later."""
    hit = dead & struck(rng, rate, len(when))
    return np.where(hit, when + spread(rng, 10, 120, len(when)) * DAY, when)
