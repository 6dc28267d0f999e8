"""Releases side by side: loading, choosing, removing, and what a newer one would change for a hospital."""

from __future__ import annotations

import csv
import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import tiny
from rich.console import Console
from tiny import Tiny
from typer.testing import CliRunner

from etl.cli import app
from etl.errors import UsageError
from etl.night.pipeline import run_delivery
from etl.operations.retention.releases import remove_release
from etl.settings import PROJECT
from etl.vocabulary.release import Release, current_release, load_bundle, release_named, releases, use_release

BUNDLE = PROJECT / "etl" / "sample" / "vocabulary"
GLUCOSE, HYPERTENSION = 3004501, 320128


def newer_bundle(folder: Path) -> Path:
    """The demonstration vocabulary a year later: glucose is an observation, KCD7 I10.9 has no map."""
    shutil.copytree(BUNDLE, folder)
    concept = folder / "CONCEPT.csv"
    lines = concept.read_text(encoding="utf-8").split("\n")
    known = {tuple(line.split("\t")[i] for i in (3, 6)): line.split("\t")[0] for line in lines if line.count("\t") > 6}
    changed = [line.replace("\tMeasurement\t", "\tObservation\t") if line.startswith(f"{GLUCOSE}\t") else line
               for line in lines]  # fmt: skip
    concept.write_text("\n".join(changed), encoding="utf-8")
    relationship = folder / "CONCEPT_RELATIONSHIP.csv"
    gone = f"{known['KCD7', 'I10.9']}\t"
    kept = [line for line in relationship.read_text(encoding="utf-8").split("\n")
            if not (line.startswith(gone) and "\tMaps to\t" in line)]  # fmt: skip
    relationship.write_text("\n".join(kept), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def two_releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of releases: the demonstration vocabulary and the newer one, loaded in this order."""
    from etl.settings import Settings

    home = tmp_path_factory.mktemp("releases")
    settings = Settings(home=home, threads=2, memory="500MB", _env_file=None)
    load_bundle(settings, BUNDLE)
    load_bundle(settings, newer_bundle(home / "bundle"))
    return settings.vocabularies


@pytest.fixture
def two(tmp_path: Path, two_releases: Path) -> tuple[Tiny, Release, Release]:
    """The tiny hospital with both releases of its own to touch and remove, the old one in use."""
    hospital = tiny.make(tmp_path / "home", two_releases)
    hospital.settings.vocabularies.unlink()
    shutil.copytree(two_releases, hospital.settings.vocabularies)
    new, old = sorted(releases(hospital.settings), key=lambda r: r.rows["concept_relationship"])
    use_release(hospital.settings, old.name)
    return hospital, old, new


def run(hospital: Tiny, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    s = hospital.settings
    for name, value in (("HOME", s.home), ("MAPPINGS", s.mappings), ("MEMORY", "500MB")):
        monkeypatch.setenv(f"ETL_{name}", str(value))
    monkeypatch.setattr("etl.cli.vocabulary.out", Console(width=200))
    monkeypatch.setattr("etl.cli.console.err", Console(stderr=True, width=200))
    result = CliRunner().invoke(app, ["vocabulary", *arguments])
    return result.exit_code, result.stdout


def test_the_diff_names_what_would_change_by_records_and_nothing_else(
    two: tuple[Tiny, Release, Release], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hospital, old, new = two
    hospital.through("land", "merge")
    file = tmp_path / "diff.csv"
    arguments = ("diff", old.name, new.name, "--hospital", "tiny")
    code, output = run(hospital, monkeypatch, *arguments, "--json", "--csv", str(file))
    found: dict[str, Any] = json.loads(output)
    assert code == 0
    assert [(c["kind"], c["records"], c["field"], c["code"]) for c in found["changes"]] == [
        ("table", 5, "concept", "L002"), ("lost", 5, "concept", "I10.9"),
    ]  # fmt: skip
    glucose, hypertension = found["changes"]
    assert [(t["concept_id"], t["domain"], t["table"]) for c in ("before", "after") for t in glucose[c]] == [
        (GLUCOSE, "Measurement", "measurement"), (GLUCOSE, "Observation", "observation"),
    ]  # fmt: skip
    assert [t["concept_id"] for c in ("before", "after") for t in hypertension[c]] == [HYPERTENSION, 0]
    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(r["code"], r["old_table"], r["new_table"], r["records"]) for r in rows] == [
        ("L002", "measurement", "observation", "5"), ("I10.9", "condition_occurrence", "condition_occurrence", "5"),
    ]  # fmt: skip
    code, output = run(hospital, monkeypatch, *arguments)
    assert code == 0
    assert "codes that go to another table: 1 (records: 5)" in output
    assert "codes that lose their standard concept: 1 (records: 5)" in output
    code, output = run(hospital, monkeypatch, "diff", old.name, old.name, "--hospital", "tiny", "--json")
    assert json.loads(output)["changes"] == []


def test_rows_that_no_entry_lets_through_do_not_weigh(
    two: tuple[Tiny, Release, Release], monkeypatch: pytest.MonkeyPatch
) -> None:
    hospital, old, new = two
    for row in hospital.tables["DIAG.csv"][1:]:
        row[5] = "Y" if row[2] == "I10.9" else row[5]
    hospital.through("land", "merge")
    _, output = run(hospital, monkeypatch, "diff", old.name, new.name, "--hospital", "tiny", "--json")
    assert [c["code"] for c in json.loads(output)["changes"]] == ["L002"]


def test_the_next_run_maps_anew_and_sends_rows_to_their_new_table(two: tuple[Tiny, Release, Release]) -> None:
    hospital, _, new = two
    folder = hospital.deliver()
    run_delivery(hospital.settings, "tiny", folder)
    before = tiny.warehouse_rows(hospital.settings)
    use_release(hospital.settings, new.name)
    _, changed = run_delivery(hospital.settings, "tiny", folder)
    after = tiny.warehouse_rows(hospital.settings)
    assert changed
    glucose = [r for r in before["measurement"] if GLUCOSE in r]
    assert len(glucose) == 3
    assert not [r for r in after["measurement"] if GLUCOSE in r]
    assert len([r for r in after["observation"] if GLUCOSE in r]) == 3
    assert len(after["observation"]) == len(before["observation"]) + 3
    for table in ("person", "death", "care_site", "visit_occurrence", "observation_period"):
        assert after[table] == before[table]
    # ids follow the order of the rows' content; everything else of a row stays
    rows = [sorted(map(str, (r[1:2] + r[3:] for r in t["condition_occurrence"]))) for t in (before, after)]
    assert rows[0] == rows[1]


def test_a_release_that_a_published_night_was_mapped_with_stays(two: tuple[Tiny, Release, Release]) -> None:
    hospital, old, new = two
    hospital.publish()
    with pytest.raises(UsageError, match="the published night of tiny was mapped with it"):
        remove_release(hospital.settings, old.name)
    assert remove_release(hospital.settings, new.name) == new
    assert releases(hospital.settings) == [old]
    hospital.publish(date(2026, 7, 2))


def test_a_release_can_be_chosen_and_removed_by_command(
    two: tuple[Tiny, Release, Release], monkeypatch: pytest.MonkeyPatch
) -> None:
    hospital, old, new = two
    assert current_release(hospital.settings) == old
    assert run(hospital, monkeypatch, "use", new.name)[0] == 0
    assert current_release(hospital.settings) == new
    output = run(hospital, monkeypatch, "list", "--json")[1]
    assert [(r["name"], r["used"]) for r in json.loads(output)] == [(new.name, True), (old.name, False)]
    assert run(hospital, monkeypatch, "remove", old.name)[0] == 0
    assert run(hospital, monkeypatch, "remove", old.name)[0] == 4
    assert [r.name for r in releases(hospital.settings)] == [new.name]
    assert release_named(hospital.settings, new.version) == new


def test_without_a_landed_night_the_diff_says_so(
    two: tuple[Tiny, Release, Release], monkeypatch: pytest.MonkeyPatch
) -> None:
    hospital, old, new = two
    assert run(hospital, monkeypatch, "diff", old.name, new.name, "--hospital", "tiny")[0] == 3
