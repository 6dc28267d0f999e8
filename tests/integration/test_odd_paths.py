"""Names of files and folders that the engine would take for patterns or for partitions."""

from __future__ import annotations

import shutil
from pathlib import Path

import tiny
from tiny import Tiny

from etl.night.pipeline import run_delivery
from etl.quality.pages import write_all_reports
from etl.vocabulary.release import current_release, load_bundle

ODD = "a[1]{b,c}*"


def _values(hospital: Tiny) -> list[str]:
    return sorted(
        r["RESULT"] for r in tiny.landed(hospital.through("land", folder=hospital.drops / "2026-07-01"), "results")
    )


def test_a_file_named_like_a_pattern_is_read_once(hospital: Tiny) -> None:
    hospital.rewrite("sources.yaml", "file: LAB.csv", 'file: "LAB*.csv"')
    folder = hospital.deliver()
    good = _values(hospital)
    text = (folder / "LAB.csv").read_text(encoding="utf-8")
    (folder / "LAB[1].csv").write_text(text.replace(",11.2,", ",77.7,"), encoding="utf-8")
    (folder / "LAB.csv").rename(folder / "LAB1.csv")
    assert _values(hospital) == sorted([*good, *("77.7" if v == "11.2" else v for v in good)])


def test_a_folder_named_like_a_column_and_a_value_changes_no_row(hospital: Tiny) -> None:
    good = tiny.landed(hospital.through("land"), "results")
    odd = hospital.drops / "UNIT=mg" / "RESULT=0" / "2026-07-01"
    shutil.copytree(hospital.drops / "2026-07-01", odd)
    assert tiny.landed(hospital.through("land", folder=odd), "results") == good


def test_a_whole_night_in_a_home_of_odd_letters(tmp_path: Path, vocabulary: Path) -> None:
    """Landing, mapping, gates, publishing and reports, and a vocabulary loaded there, below `concept_id=1`."""
    plain, odd = (tiny.make(tmp_path / name, vocabulary) for name in ("plain", f"{ODD}/concept_id=1/_row=3"))
    (odd.settings.home / "vocabulary").unlink()
    bundle = odd.settings.home / "concept_name=x" / ODD
    shutil.copytree(Path(tiny.__file__).parent.parent / "etl" / "sample" / "vocabulary", bundle)
    release = load_bundle(odd.settings, bundle)
    assert release.rows == current_release(plain.settings).rows
    for hospital in (plain, odd):
        run_delivery(hospital.settings, "tiny", hospital.deliver())
    assert tiny.warehouse_rows(odd.settings) == tiny.warehouse_rows(plain.settings)
    assert write_all_reports(odd.settings).is_file()
