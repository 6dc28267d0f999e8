"""Write the raw exports of the eight sample hospitals, as each of them would deliver a night.

The same seed, hospital and number of patients always make the same histories. A night only decides how much
of them the hospital has seen, so the export of the next night holds the same rows and those of one more day.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from etl.sample.catalogue import Catalogue, catalogue
from etl.sample.codebook import Codebook, codebook
from etl.sample.course import EMERGENCY, Illness, begin, visits_of_year
from etl.sample.delivery_files import DeliveryFolder
from etl.sample.diagnoses import Diagnosed, diagnosed, diagnosis_frame
from etl.sample.dialect import LAYOUTS, Dialect, dialects
from etl.sample.frame import DAY, Frame, Ints
from etl.sample.masters import masters
from etl.sample.measurements import Bodies, lab_frame, make_bodies, vital_frame
from etl.sample.noise import blurred, levels, noise_of
from etl.sample.orders import drug_frame, order_frames
from etl.sample.people import People, make_people, seconds
from etl.sample.remarks import Remarks
from etl.sample.render import Renderer
from etl.sample.scene import Scene, doctors
from etl.sample.stays import move_frame, patient_frame, visit_frame
from etl.sample.traps import Rates
from etl.sample.truth import Truth, diseases

#: Patients simulated at a time. It bounds memory and is part of what a seed means: another size, other people.
CHUNK = 20_000
#: Share of patients who come newly to a hospital in the three years after 2025.
NEWCOMERS = 0.03
_FIRST_YEAR = 2016
_EVENTS = frozenset(
    {"visit", "move", "diagnosis", "cancer", "drug", "order_row", "report", "lab", "specimen", "vital", "vital_item"}
)
_PURPOSES = {"codes": 1, "masters": 2, "people": 3, "illness": 4, "bodies": 5, "file": 6, "year": 7, "noise": 8}

Progress = Callable[[str, int, int], None]
#: From what a year's diagnoses are to what is written down of them, and to what is treated.
Blur = Callable[[Scene, Diagnosed], tuple[Diagnosed, Diagnosed]]


@dataclass(frozen=True)
class Delivery:
    """One hospital's export of one night: its folder and the rows of each file."""

    hospital: str
    night: date
    folder: Path
    files: dict[str, int]


@dataclass(frozen=True)
class _World:
    """What stays the same over the chunks of one hospital."""

    dialect: Dialect
    cat: Catalogue
    book: Codebook
    seed: int
    known: int
    total: int
    night: date
    noise: Rates | None
    truth: Truth | None

    def rng(self, purpose: str, *places: int) -> np.random.Generator:
        """A stream of chance that depends on seed, hospital, purpose and place only."""
        return _stream(self.seed, self.dialect, purpose, *places)


def _stream(seed: int, dialect: Dialect, purpose: str, *places: int) -> np.random.Generator:
    sequence = np.random.SeedSequence([seed, dialect.number, _PURPOSES[purpose], *places])
    return np.random.Generator(np.random.SFC64(sequence))


def _scene(world: _World, people: People, ill: Illness, remarks: dict[str, Remarks], chunk: int, year: int) -> Scene:
    rng, cat = world.rng("year", chunk, year), world.cat
    visits = visits_of_year(rng, cat, people, ill, year)
    emergency = next(place for place, row in enumerate(cat.departments) if row["key"] == "em")
    usual = cat.department[visits.condition]
    department = np.where(visits.kind == EMERGENCY, emergency, usual)
    number = ((year % 100) * 1000 + chunk) * 10**6 + np.arange(len(visits))
    doctor = doctors(rng, world.book, department)
    return Scene(rng, cat, world.book, world.dialect.rates, people, ill, visits, number, department, doctor, remarks)


def _frames(scene: Scene, bodies: Bodies, blur: Blur) -> dict[str, Frame]:
    """All records of one year."""
    found = diagnosed(scene)
    written, treated = blur(scene, found)
    orders, reports = order_frames(scene, found)
    return {
        "visit": visit_frame(scene),
        "move": move_frame(scene),
        "diagnosis": diagnosis_frame(scene, written),
        "drug": drug_frame(scene, treated),
        "order_row": orders,
        "report": reports,
        "lab": lab_frame(scene, bodies),
        "vital": vital_frame(scene, bodies),
    }


def _blur(world: _World, ill: Illness, chunk: int) -> Callable[[int, Scene, Diagnosed], tuple[Diagnosed, Diagnosed]]:
    """What noise does to the diagnoses of a year; nothing where none is asked for."""
    if world.noise is None:
        return lambda year, scene, found: (found, found)
    noise = noise_of(world.rng("noise", chunk), world.noise, ill)
    return lambda year, scene, found: blurred(world.rng("noise", chunk, year), noise, scene, found)


def _chunk_tables(world: _World, chunk: int, places: Ints) -> dict[str, pa.Table]:
    """Patients and records of one chunk, as the hospital's database held them on the night."""
    cat, rates = world.cat, world.dialect.rates
    people = make_people(world.rng("people", chunk), places, world.known, world.dialect.number, world.total)
    ill = begin(world.rng("illness", chunk), cat, people)
    bodies = make_bodies(world.rng("bodies", chunk), cat, people)
    remarks = {place: Remarks(people, place, rates) for place in ("order", "lab", "result", "report")}
    limit = seconds(world.night) + DAY - 1
    pieces: dict[str, list[pa.Table]] = {}
    blur, years = _blur(world, ill, chunk), []
    for year in range(_FIRST_YEAR, world.night.year + 1):
        scene = _scene(world, people, ill, remarks, chunk, year)
        years.append(scene.visits)
        for name, frame in _frames(scene, bodies, partial(blur, year)).items():
            pieces.setdefault(name, []).append(frame.until(limit).table())
    if world.truth is not None:
        world.truth.add(people, ill, years)
    tables = {name: pa.concat_tables(tables) for name, tables in pieces.items()}
    patients = patient_frame(world.rng("file", chunk), people, ill, cat, rates, world.night)
    return tables | {"person": patients.table()}


def _chunks(total: int) -> Iterator[tuple[int, Ints]]:
    for chunk in range(math.ceil(total / CHUNK)):
        yield chunk, np.arange(chunk * CHUNK, min(total, (chunk + 1) * CHUNK), dtype=np.int64)


def _world(dialect: Dialect, patients: int, seed: int, night: date, noise: str | None, truth: Truth | None) -> _World:
    cat = catalogue()
    own = [] if noise is None else diseases().conditions.tolist()
    book = codebook(_stream(seed, dialect, "codes"), cat, dialect, own)
    total = patients + math.ceil(patients * NEWCOMERS)
    return _World(dialect, cat, book, seed, patients, total, night, levels()[noise] if noise else None, truth)


def _write_delivery(out: Path, world: _World, progress: Progress | None) -> Delivery:
    dialect, night, cat, book, total = world.dialect, world.night, world.cat, world.book, world.total
    folder = DeliveryFolder(out, dialect, night)
    with closing(folder), Renderer(dialect, cat) as renderer:
        code_tables = masters(world.rng("masters"), cat, book, dialect)
        renderer.offer(code_tables)
        folder.append(renderer, frozenset(code_tables))
        for chunk, places in _chunks(total):
            renderer.offer(_chunk_tables(world, chunk, places))
            folder.append(renderer, _EVENTS | {"person"})
            if progress is not None:
                progress(dialect.hospital, min(total, int(places[-1]) + 1), total)
        files = folder.complete()
    return Delivery(dialect.hospital, night, folder.path, files)


def write_exports(
    out: Path,
    *,
    hospitals: Sequence[str] | None = None,
    patients: int = 1000,
    seed: int = 1,
    night: date,
    layouts: Path = LAYOUTS,
    noise: str | None = None,
    truth: Path | None = None,
    progress: Progress | None = None,
) -> list[Delivery]:
    """Write `out/<hospital>/<night>/` for each hospital (all by default): its files and manifest.csv.

    patients: how many each hospital knew by the end of 2025; a few come newly every month after that.
    layouts: folder of the hospitals and their layouts.
    noise: a level of `noise.yaml`; none leaves codes as good as the traps of the layouts leave them.
    truth: folder for `<hospital>/<night>.csv`: who has which disease since when. It must not lie in a delivery.
    progress: called with hospital, patients done, patients in all, after every chunk.
    Raises KeyError for a hospital or a level the sample does not have, ValueError for a night
    before 2016 or no patients.
    """
    known = dialects(layouts)
    if night.year < _FIRST_YEAR or patients < 1:
        raise ValueError(f"the sample begins in {_FIRST_YEAR} and needs at least one patient")
    chosen = [known[hospital] for hospital in (known if hospitals is None else hospitals)]
    made = []
    for dialect in chosen:
        known_truth = None if truth is None else Truth(seconds(night) + DAY - 1)
        world = _world(dialect, patients, seed, night, noise, known_truth)
        made.append(_write_delivery(out, world, progress))
        if truth is not None and known_truth is not None:
            known_truth.write(truth / dialect.hospital / f"{night.isoformat()}.csv")
    return made
