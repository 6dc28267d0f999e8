"""Nights in which something changes that rows look into or share: the result is that of mapping everybody."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import tiny
import yaml
from test_deltas import COMPARED, outcomes, publish
from tiny import NIGHT, Tiny

PERSON = """- {from: patients, table: person, person: PT, birth: BIRTH, gender: 0}
"""
STAYS = """- from: stays
  table: visit_occurrence
  WITH: {ward: {source: wards, on: {WARD: WARD}}}
  person: PT
  key: NO
  start: DAY
  end: DAY
  concept: 9201
  type: 32827
  care_site: PLACE
- {from: places, table: care_site, care_site: DEPT}
"""
STAFF = """- {from: staff, table: provider, provider: DOC, with: {of: {source: kinds, on: {KIND: KIND}}},
   specialty: {code: of.SEX, map: sex}}
"""
SEEN = """- {from: stays, table: provider, provider: DOC, prefer: [DAY], specialty: {code: KIND, map: sex}}
"""
FAMILY = """- {from: family, table: fact_relationship, person: PT, fact_1: {table: person, key: MOTHER},
   fact_2: {table: person, key: PT}, relationship: 44818756, reverse: 44818854}
"""
PATIENTS = ["PT,BIRTH", "1,1960-01-01", "2,1980-01-01", "3,1981-01-01"]
Files = dict[str, list[str]]


def place(column: str) -> Files:
    """Stays that name their place themselves, or by their ward."""
    own = ["PT,NO,DAY,WARD", "1,a,2026-01-01,x", "2,b,2026-01-01,y"]
    if column == "DEPT":
        own = [f"{line},{dept}" for line, dept in zip(own, ("DEPT", "x", "y"), strict=True)]
        return {"stays": own, "wards": ["WARD,N", "x,1", "y,2"]}
    return {"stays": own, "wards": ["WARD,DEPT", "x,x", "y,y"]}


CASES: dict[str, tuple[str, Files, Files]] = {
    "a place loses its row": (
        STAYS.replace("WITH", "with").replace("PLACE", "DEPT"),
        place("DEPT") | {"places": ["DEPT,N", "x,1", "y,2"]},
        {"places": ["DEPT,N", "x,1"]},
    ),
    "the place of a ward gets its row": (
        STAYS.replace("WITH", "with").replace("PLACE", "ward.DEPT"),
        place("ward.DEPT") | {"places": ["DEPT,N", "x,1"]},
        {"places": ["DEPT,N", "x,1", "y,2"]},
    ),
    "the place of a ward loses its row": (
        STAYS.replace("WITH", "with").replace("PLACE", "ward.DEPT"),
        place("ward.DEPT") | {"places": ["DEPT,N", "x,1", "y,2"]},
        {"places": ["DEPT,N", "x,1"]},
    ),
    "a list changes that only staff look into": (
        STAFF,
        {"staff": ["DOC,KIND", "d,s"], "kinds": ["KIND,SEX", "s,F"]},
        {"kinds": ["KIND,SEX", "s,M"]},
    ),
    "what another patient's row says of a doctor is no longer there": (
        SEEN,
        {"stays": ["PT,DOC,KIND,DAY", "1,d,M,1", "2,d,F,2"]},
        {"stays": ["PT,DOC,KIND,DAY", "1,d,M,1", "2,e,F,2"]},
    ),
    "a mother is no patient any more": (
        FAMILY,
        {"family": ["PT,MOTHER", "2,1", "3,9"]},
        {"patients": [PATIENTS[0], *PATIENTS[2:]]},
    ),
}  # fmt: skip


def hospital(home: Path, vocabulary: Path, entries: str, files: Files) -> Tiny:
    """The tiny hospital with other files and entries; only its list of places registers them."""
    made = tiny.make(home, vocabulary)
    for file in made.mappings.rglob("*.yaml"):
        if file.name != "hospital.yaml":
            file.unlink()
    sources: dict[str, Any] = {}
    for name, lines in files.items():
        columns: dict[str, Any] = dict.fromkeys(lines[0].split(","))
        for column, said in (
            ("PT", {"identifier": "person", "registers": name == "patients"}), ("MOTHER", {"identifier": "person"}),
            ("DEPT", {"entity": "care_site", "registers": name == "places"}),
            ("DOC", {"entity": "provider", "registers": True}),
        ):  # fmt: skip
            columns |= {column: said} if column in columns else {}
        sources[name] = {"file": f"{name}.csv", "columns": columns}
    (made.mappings / "sources.yaml").write_text(yaml.safe_dump({"sources": sources}), encoding="utf-8")
    (made.mappings / "maps.yaml").write_text("maps: {sex: {codes: {M: 8507, F: 8532}}}\n", encoding="utf-8")
    (made.mappings / "entries.yaml").write_text(PERSON + entries, encoding="utf-8")
    return made


def deliver(made: Tiny, number: int, files: Files) -> str:
    """Take a night of these files through all stages; returns the run's id."""
    folder = made.drops / (NIGHT + timedelta(days=number)).isoformat()
    folder.mkdir(parents=True)
    for name, lines in files.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return publish(made, folder)


@pytest.mark.parametrize("case", CASES)
def test_a_night_is_as_if_everybody_were_mapped_when(
    case: str, vocabulary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl.night.merge.merge._TOO_MANY", 2)  # half of these few patients are touched in any night
    entries, first, changed = CASES[case]
    first = {"patients": PATIENTS} | first
    nights = hospital(tmp_path / "nights", vocabulary, entries, first)
    deliver(nights, 0, first)
    run = deliver(nights, 1, first | changed)
    whole = hospital(tmp_path / "whole", vocabulary, entries, first)
    shutil.copytree(nights.settings.keys, whole.settings.keys)
    expected = deliver(whole, 1, first | changed)
    rows, wanted = (tiny.warehouse_rows(made.settings, COMPARED) for made in (nights, whole))
    for table in COMPARED:
        assert rows[table] == wanted[table], table
    assert outcomes(nights, run) == outcomes(whole, expected)
