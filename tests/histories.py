"""Random histories of a small hospital that delivers changes: what it sends, and what is the state in the end.

The model is a plain dictionary per source: nights in order, of a night delivered twice the last delivery, the newest
version of each key.
"""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml
from tiny import Tiny, as_csv

HEADERS = {
    "PAT": ["PT_NO", "NM", "RRN", "TEL", "SEX", "BIRTH", "DEATH", "DEL"],
    "ADM": ["ADM_NO", "PT_NO", "KIND", "IN_DTM", "OUT_DTM", "DEPT", "MEMO", "DEL"],
    "DIAG": ["PT_NO", "ADM_NO", "DIAG_CD", "DIAG_NM", "DIAG_DD", "RULE_OUT"],
    "LAB": ["PT_NO", "ADM_NO", "EXM_CD", "EXM_DTM", "RESULT", "UNIT"],
    "EXM": ["EXM_CD", "EDI_CD", "FROM_DD", "TO_DD"],
    "MERGE": ["OLD_NO", "NEW_NO", "DEL"],
    "FAM": ["PT_NO", "MOTHER_NO", "DEL"],
}
KEYS = {"PAT": [0], "ADM": [0], "DIAG": [1, 2, 4], "LAB": [1, 2, 3], "MERGE": [0], "FAM": [0]}
FLAGGED = ("PAT", "ADM", "MERGE", "FAM")  # the last column says that the key is deleted
LISTED = {"DIAG": "DIAG_GONE", "LAB": "LAB_GONE"}  # deleted keys come in a file of their own
Row = tuple[str, ...]
# rows that depend on rows of other sources, of the same patient, of another patient and of nobody
TIED = """
- name: with_the_visit
  from: diagnoses
  event: observation
  with: {adm: {source: visits, on: {ADM_NO: ADM_NO}}}
  person: PT_NO
  visit: ADM_NO
  start: coalesce(adm.IN_DTM, DIAG_DD)
  concept: 0
  type: 32817
  value: concat_ws(' ', adm.KIND, visit.end)
- name: with_the_list
  from: results
  event: observation
  with: {exm: {source: exam_codes, on: {EXM_CD: EXM_CD}, prefer: [FROM_DD]}}
  person: PT_NO
  start: EXM_DTM
  concept: 0
  type: 32817
  value: exm.EDI_CD
- name: last_of_a_kind
  from: results
  event: observation
  per: [EXM_CD]
  prefer: [EXM_DTM]
  person: PT_NO
  start: EXM_DTM
  concept: 0
  type: 32817
  value: lag(RESULT) over (partition by EXM_CD order by EXM_DTM)
- from: family
  table: fact_relationship
  person: PT_NO
  fact_1: {table: person, key: MOTHER_NO}
  fact_2: {table: person, key: PT_NO}
  relationship: 44818756
  reverse: 44818854
"""

MOMENTS = ("2026-04-01 10:00", "2026-06-28 09:00", "2026-07-02 08:00", "2026-07-04 12:30", "2024-01-05 07:00")
PATIENTS = VISITS = 5  # of one history
FIRST = date(2026, 7, 1)  # the day 1


@dataclass(frozen=True)
class Night:
    """One delivery: rows by file (with deleted ones flagged), keys of deleted rows by file, the master if it came."""

    day: int
    whole: bool
    rows: dict[str, list[Row]]
    gone: dict[str, list[Row]]
    master: list[Row] | None


def _key(file: str, row: Row) -> Row:
    return tuple(row[i] for i in KEYS[file])


def _row(draw: random.Random, file: str, history: int) -> Row:
    """A random row of one history; the patients and visits of histories are apart, so that each is one of its own."""
    one = draw.choice
    patient, visit = f"7{history:04}{draw.randrange(PATIENTS)}", f"A{history:04}{draw.randrange(VISITS)}"
    match file:
        case "PAT":
            birth = one(("1945-01-01", "1988-02-29", "1988", "", "2026-07-03"))
            return (patient, "가나다", "", "", one("MF"), birth, one(("", "", "2026-06-20")), "N")
        case "ADM":
            left = one(("", "2026-07-05 09:00"))
            return (visit, patient, one("IO"), one(MOMENTS), left, one(("IM", "GS", "")), "", "N")
        case "DIAG":
            code = one(("I10.9", "K29.7", "Z88.0", "X99.9"))
            return (patient, visit, code, "", one(("20260601", "20260628", "20260704")), one("NNY"))
        case "LAB":
            code, unit = one(("L001", "L002", "L003")), one(("g/dL", "mg/dL"))
            return (patient, visit, code, one(MOMENTS), one(("11.2", "<7", "neg")), unit)
        case _:
            return (patient, f"7{history:04}{draw.randrange(PATIENTS)}", "N")


def _night(draw: random.Random, number: int, histories: int) -> Night:
    rows: dict[str, list[Row]] = {}
    gone: dict[str, list[Row]] = {}
    for history in range(histories):
        if number and draw.random() < 0.3:
            continue  # nobody of this history is touched tonight
        for file in KEYS:
            if number and draw.random() < 0.4:
                continue
            most = 1 if file in ("MERGE", "FAM") else 5 if number == 0 else 3
            found = [_row(draw, file, history) for _ in range(draw.randint(0, most))]
            if number and file in FLAGGED and found and draw.random() < 0.5:
                found[-1] = (*found[-1][:-1], "Y")
            rows.setdefault(file, []).extend(found)
            if number and file in LISTED:
                listed = [_key(file, _row(draw, file, history)) for _ in range(draw.randint(0, 2))]
                gone.setdefault(file, []).extend(listed)
    master = [
        (draw.choice(("L001", "L002")), draw.choice(("D2020010", "D2160010", "D2180")),
         draw.choice(("20110101", "20260629")), draw.choice(("99991231", "20260701")))
        for _ in range(draw.randint(1, 3))
    ]  # fmt: skip
    return Night(
        day=draw.randint(1, 6), whole=number > 0 and draw.random() < 0.1, rows=rows, gone=gone,
        master=master if number == 0 or draw.random() < 0.4 else None,
    )  # fmt: skip


def nights(seed: int, histories: int) -> list[Night]:
    """Nights in the order in which they arrive, late ones and some delivered twice, of so many histories at once."""
    draw = random.Random(seed)
    return [_night(draw, number, histories) for number in range(draw.randint(2, 6))]


def many_nights(seed: int, histories: int, length: int) -> list[Night]:
    """So many nights, one a day; some come days late, some again, a few are whole."""
    draw = random.Random(seed)
    found = []
    for number in range(length):
        late = draw.choice((1, 2, 3, 9)) if number > 9 and draw.random() < 0.2 else 0
        night = _night(draw, number, histories)
        found.append(replace(night, day=number + 1 - late, whole=number > 9 and draw.random() < 0.03))
    return found


def final_state(history: list[Night]) -> dict[str, list[Row]]:
    """The rows that count in the end, by file."""
    last = {night.day: night for night in history}
    ordered = [last[day] for day in sorted(last)]
    first = max((i for i, night in enumerate(ordered) if night.whole), default=0)
    state: dict[str, dict[Row, Row]] = {file: {} for file in KEYS}
    for night in ordered[first:]:
        for file in KEYS:
            for key in night.gone.get(file, []):
                state[file].pop(key, None)
            for row in night.rows.get(file, []):
                if file in FLAGGED and row[-1] == "Y":
                    state[file].pop(_key(file, row), None)
                else:
                    state[file][_key(file, row)] = row
    masters = [night.master for night in ordered if night.master is not None]
    return {file: list(rows.values()) for file, rows in state.items()} | {"EXM": masters[-1] if masters else []}


def make_delta(hospital: Tiny, fold_every: int | None = None) -> None:
    """Turn the tiny hospital's contract into that of one that delivers changes, and folds so many nights at a time."""
    file = hospital.mappings / "sources.yaml"
    said: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    sources = said["sources"]
    keys = {"diagnoses": ["ADM_NO", "DIAG_CD", "DIAG_DD"], "results": ["ADM_NO", "EXM_CD", "EXM_DTM"]}
    for name, source in sources.items():
        source["optional"] = True
        source["encoding"] = "utf-8"
        for column in source["columns"].values():
            if column:
                column.pop("scrub", None)
        if name in keys:
            source["key"] = keys[name]
            source["deletions"] = f"{source['file'].removesuffix('.csv')}_GONE.csv"
        elif name != "exam_codes":
            source["columns"]["DEL"] = None
            source["deleted"] = "DEL = 'Y'"
    sources["exam_codes"]["delivery"] = "full"
    sources["merges"] = {
        "file": "MERGE.csv", "optional": True, "key": ["OLD_NO"], "deleted": "DEL = 'Y'",
        "columns": {"OLD_NO": {"identifier": "person"}, "NEW_NO": {"identifier": "person"}, "DEL": None},
        "merges": {"from": "OLD_NO", "into": "NEW_NO"},
    }  # fmt: skip
    sources["family"] = {
        "file": "FAM.csv", "optional": True, "key": ["PT_NO"], "deleted": "DEL = 'Y'",
        "columns": {"PT_NO": {"identifier": "person"}, "MOTHER_NO": {"identifier": "person"}, "DEL": None},
    }  # fmt: skip
    file.write_text(yaml.safe_dump(said, allow_unicode=True, sort_keys=False), encoding="utf-8")
    (hospital.mappings / "tied.yaml").write_text(TIED, encoding="utf-8")
    folding = f"fold_every: {fold_every}\n" if fold_every else ""
    hospital.rewrite("hospital.yaml", "live_since", f"delivery: delta\n{folding}live_since")


def write(drops: Path, number: int, night: Night) -> Path:
    """Write a night's delivery below `drops`; returns its folder."""
    folder = drops / str(number) / (FIRST + timedelta(days=night.day - 1)).isoformat()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file, rows in night.rows.items():
        (folder / f"{file}.csv").write_text(as_csv([HEADERS[file], *map(list, rows)]), encoding="utf-8")
    for file, keys in night.gone.items():
        named = [HEADERS[file][i] for i in KEYS[file]]
        (folder / f"{LISTED[file]}.csv").write_text(as_csv([named, *map(list, keys)]), encoding="utf-8")
    if night.master is not None:
        (folder / "EXM.csv").write_text(as_csv([HEADERS["EXM"], *map(list, night.master)]), encoding="utf-8")
    (folder / "NIGHT.txt").write_text(f"{number}\n", encoding="utf-8")  # no two deliveries are the same
    if night.whole:
        (folder / "_FULL").touch()
    return folder


def as_one_night(history: list[Night], seed: int = 0) -> Night:
    """The final state as one delivery, its rows in any order."""
    state = final_state(history)
    rows = {file: found for file, found in state.items() if file != "EXM"}
    shuffle = random.Random(seed)
    for found in rows.values():
        shuffle.shuffle(found)
    return Night(max(n.day for n in history), whole=False, rows=rows, gone={}, master=state["EXM"] or None)
