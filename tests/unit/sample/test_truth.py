"""The truth behind the sample's exports, and what noise makes of codes without changing it."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from etl.cli import app
from etl.sample import generate
from etl.sample.codebook import codebook
from etl.sample.course import NEVER, begin, visits_of_year
from etl.sample.diagnoses import Diagnosed, diagnosed
from etl.sample.dialect import dialects
from etl.sample.generate import write_exports
from etl.sample.masters import masters
from etl.sample.noise import blurred, levels, noise_of
from etl.sample.people import make_people, seconds
from etl.sample.remarks import Remarks
from etl.sample.scene import Scene
from etl.sample.truth import Truth, chronic_onsets, diseases

NIGHT = date(2026, 11, 23)
YEAR = 2023
DATASETS = Path(__file__).resolve().parents[3] / "datasets"
NONE = dict.fromkeys(levels()["usual"], 0.0)


@pytest.fixture(scope="module")
def scene() -> Scene:
    """A year of 1,500 patients, all of whose chronic diseases have begun by its end."""
    world = generate._world(dialects()["dsmc"], 1500, 3, NIGHT, "poor", None)
    people = make_people(world.rng("people", 0), np.arange(1500), 1500, 7, 1500)
    ill = begin(world.rng("illness", 0), world.cat, people)
    ill.onset = np.where(ill.onset == NEVER, NEVER, np.minimum(ill.onset, seconds(date(YEAR, 1, 1))))
    remarks = {place: Remarks(people, place, world.dialect.rates) for place in ("order", "lab", "result", "report")}
    return generate._scene(world, people, ill, remarks, 0, YEAR)


@pytest.fixture(scope="module")
def found(scene: Scene) -> Diagnosed:
    return diagnosed(scene)


def noisy(scene: Scene, found: Diagnosed, **rates: float) -> tuple[Diagnosed, Diagnosed]:
    """What is written down and what is treated, at these rates and none else."""
    rng = np.random.default_rng(5)
    return blurred(rng, noise_of(rng, NONE | rates, scene.ill), scene, found)


def of_disease(written: Diagnosed) -> np.ndarray:
    """Which diagnoses, not ruled out, are of a disease."""
    return diseases().belongs[written.condition].any(axis=1) & ~written.ruled_out


def theirs(scene: Scene, written: Diagnosed) -> np.ndarray:
    """Which diagnoses are of a chronic disease that their patient has."""
    has = chronic_onsets(scene.ill) != NEVER
    return (diseases().belongs[written.condition] & has[scene.visits.patient[written.visit]]).any(axis=1)


def strangers(scene: Scene, written: Diagnosed) -> int:
    """Diagnoses of a chronic disease that their patient does not have; COPD may begin as an acute exacerbation."""
    chronic = diseases().belongs[written.condition][:, diseases().chronic].any(axis=1)
    return int((chronic & ~theirs(scene, written) & ~written.ruled_out).sum())


def test_without_rates_nothing_changes(scene: Scene, found: Diagnosed) -> None:
    for after in noisy(scene, found):
        assert all(np.array_equal(getattr(after, name), getattr(found, name)) for name in vars(found))


def test_what_nobody_writes_down_is_treated_all_the_same(scene: Scene, found: Diagnosed) -> None:
    written, treated = noisy(scene, found, uncoded=1)
    assert of_disease(found).sum() > 100
    assert of_disease(written).sum() == 0
    assert of_disease(treated).sum() == of_disease(found).sum()
    assert (~of_disease(written)).sum() == (~of_disease(found)).sum()


def test_who_was_diagnosed_elsewhere_has_no_code_here(scene: Scene, found: Diagnosed) -> None:
    written, treated = noisy(scene, found, elsewhere=1)
    assert of_disease(written).sum() == 0 < of_disease(treated).sum()


def test_codes_that_come_late_come_a_month_to_two_years_after_the_disease(scene: Scene, found: Diagnosed) -> None:
    written, _ = noisy(scene, found, late=1)
    onset = chronic_onsets(scene.ill)[scene.visits.patient[written.visit]]
    mine = diseases().belongs[written.condition] & (onset != NEVER) & ~written.ruled_out[:, None]
    waited = (scene.visits.start[written.visit, None] - onset)[mine] / 86_400
    assert 0 < mine.sum() < theirs(scene, found).sum()
    assert waited.min() >= 30


def test_a_mistaken_code_takes_the_place_of_a_visits_main_diagnosis(scene: Scene, found: Diagnosed) -> None:
    written, treated = noisy(scene, found, mistaken=1)
    assert len(written.visit) == len(found.visit)
    assert strangers(scene, written) > 100 > strangers(scene, found)
    changed = written.condition != found.condition
    assert written.main[changed].all()
    assert np.array_equal(treated.condition, found.condition)


def test_what_is_suspected_stands_beside_as_if_confirmed(scene: Scene, found: Diagnosed) -> None:
    written, treated = noisy(scene, found, suspected=1)
    beside = slice(len(found.visit), None)
    assert strangers(scene, written) > 100
    assert not written.main[beside].any() and not written.ruled_out[beside].any()
    assert len(treated.visit) == len(found.visit)


def test_drugs_go_to_some_who_do_not_have_the_disease(scene: Scene, found: Diagnosed) -> None:
    written, treated = noisy(scene, found, drug_only=1)
    assert strangers(scene, treated) > 100 > strangers(scene, written)
    assert np.array_equal(written.condition, found.condition)


def test_a_code_of_the_hospitals_own_is_in_its_master_without_explanation(scene: Scene, found: Diagnosed) -> None:
    written, _ = noisy(scene, found, renamed=1)
    assert np.array_equal(written.renamed, diseases().belongs[found.condition].any(axis=1))
    dialect, cat = dialects()["dsmc"], scene.cat
    book = codebook(np.random.default_rng(1), cat, dialect, diseases().conditions.tolist())
    rows = masters(np.random.default_rng(1), cat, book, dialect)["diagnosis_code"].to_pylist()
    own = [row for row in rows if row["code"].startswith("HX")]
    assert len(own) == len(diseases().conditions)
    assert {row["kcd"] for row in own} == {""}
    assert all(book.diagnosis[book.renamed[place]] == f"HX{place:03d}" for place in diseases().conditions)


def test_every_disease_has_a_data_set_that_looks_for_it() -> None:
    assert set(diseases().names) == {file.parent.name for file in DATASETS.glob("*/dataset.yaml")}


def test_levels_are_ordered() -> None:
    for name in NONE:
        assert levels()["good"][name] < levels()["usual"][name] < levels()["poor"][name] <= 0.5


def test_the_truth_is_of_what_has_begun_by_the_night(scene: Scene) -> None:
    cat, people = scene.cat, scene.people
    ill = begin(np.random.default_rng(2), cat, people)
    years = [visits_of_year(np.random.default_rng(year), cat, people, ill, year) for year in (2016, 2017)]
    early, late = Truth(seconds(date(2016, 12, 31))), Truth(seconds(date(2017, 12, 31)))
    for truth in (early, late):
        truth.add(people, ill, years)
    assert len(late.rows) == len({row[:2] for row in late.rows})
    assert set(early.rows) < set(late.rows)
    assert max(day for _, _, day in early.rows) <= "2016-12-31" < max(day for _, _, day in late.rows)
    born = dict(zip(people.record_number.to_pylist(), people.registered.tolist(), strict=False))
    assert all(day >= str(np.datetime64(born[number], "s"))[:10] for number, _, day in late.rows)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_truth_lies_beside_the_exports_and_noise_leaves_it_alone(tmp_path: Path) -> None:
    def export(place: str, noise: str | None, truth: str | None) -> Path:
        return write_exports(
            tmp_path / place, hospitals=["dsmc"], patients=40, seed=3, night=NIGHT, noise=noise,
            truth=tmp_path / truth if truth else None,
        )[0].folder  # fmt: skip

    plain, told = export("a", None, None), export("b", None, "truth")
    poor, again = export("c", "poor", "of_poor"), export("d", "poor", None)
    assert contents(plain) == contents(told)
    assert contents(poor) == contents(again) != contents(plain)
    truth, of_poor = (tmp_path / name / "dsmc" / f"{NIGHT}.csv" for name in ("truth", "of_poor"))
    assert truth.read_bytes() == of_poor.read_bytes()
    with truth.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert {row["disease"] for row in rows} <= set(diseases().names)
    assert rows == sorted(rows, key=lambda row: (row["record_number"], row["disease"]))
    numbers = {line.split(",")[0] for line in (plain / "person.csv").read_text(encoding="utf-8").splitlines()}
    assert {row["record_number"] for row in rows} <= numbers


def test_truth_among_the_exports_and_an_unknown_level_are_refused(tmp_path: Path) -> None:
    command = ["sample", str(tmp_path), "--hospital", "dsmc", "--patients", "1"]
    for extra, said in ((["--truth", str(tmp_path / "truth")], "may not lie among"), (["--noise", "awful"], "awful")):
        done = CliRunner().invoke(app, [*command, *extra])
        assert done.exit_code == 2
        assert said in done.output
    assert list(tmp_path.iterdir()) == []
