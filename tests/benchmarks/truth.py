"""`python tests/benchmarks/truth.py`: how well the shipped data sets find who is ill; writes the tables of a page.

The sample's hospitals write exports of each level of code quality and, apart, who has which disease; the nights go
through the pipeline, and who a data set finds is held against the truth. What was measured is kept in the folder, by
level and hospital: a run that was broken off goes on.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import phenotypes_in_sql
from pydantic import SecretStr

from etl.night.pipeline import run_delivery
from etl.sample.dialect import dialects
from etl.sample.generate import write_exports
from etl.sample.noise import levels
from etl.settings import PROJECT, Settings
from etl.store.keys.keystore import open_key_store
from etl.store.warehouse.open import open_warehouse
from etl.vocabulary.release import load_bundle

PAGE = PROJECT / "docs" / "phenotypes.md"
NIGHT = date(2026, 11, 20)
_SECRET = "0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class Found:
    """One data set held against the truth; `late`: days from onset to the first day in the cohort, of who is ill."""

    name: str
    hospital: str
    ill: int
    right: int
    found: int
    persons: int
    late: tuple[int, ...]

    @property
    def shares(self) -> tuple[float | None, float | None, float | None]:
        """Sensitivity, specificity and positive predictive value; None where there is nobody to tell it of."""
        well = self.persons - self.ill
        parts = ((self.right, self.ill), (well - (self.found - self.right), well), (self.right, self.found))
        sensitivity, specificity, predictive = (part / whole if whole else None for part, whole in parts)
        return sensitivity, specificity, predictive


def together(several: Iterable[Found]) -> Found:
    """What was found of several hospitals as one."""
    each = list(several)
    counts = [sum(getattr(one, name) for one in each) for name in ("ill", "right", "found", "persons")]
    return Found(each[0].name, "all", *counts, tuple(days for one in each for days in one.late))


def judged(name: str, hospital: str, truth: Mapping[int, date], starts: Mapping[int, date], persons: int) -> Found:
    """Who was found, held against who is ill since when."""
    right = sorted(truth.keys() & starts.keys())
    late = tuple((starts[person] - truth[person]).days for person in right)
    return Found(name, hospital, len(truth), len(right), len(starts), persons, late)


def measured(folder: Path, level: str, hospital: str, patients: int) -> list[Found]:
    """One hospital's night at a level, each data set held against the truth."""
    kept = folder / level / f"{hospital}.{patients}.json"
    if kept.exists():
        return [Found(**{**one, "late": tuple(one["late"])}) for one in json.loads(kept.read_text(encoding="utf-8"))]
    home = folder / level / hospital
    settings = Settings(
        home=home, expectations=home / "expectations", key_secret=SecretStr(_SECRET), _env_file=None
    )  # fmt: skip
    (settings.expectations / "cdm").mkdir(parents=True, exist_ok=True)
    if not settings.vocabularies.exists():
        load_bundle(settings, PROJECT / "etl" / "sample" / "vocabulary")
    delivery = write_exports(
        home / "exports", hospitals=[hospital], patients=patients, night=NIGHT, noise=level, truth=home / "truth"
    )[0]
    run_delivery(settings, hospital, delivery.folder)
    found = _judged(settings, hospital)
    kept.write_text(json.dumps([asdict(one) for one in found]), encoding="utf-8")
    return found


def _judged(settings: Settings, hospital: str) -> list[Found]:
    truth = _truth(settings, hospital)
    with open_warehouse(settings).reader() as con:
        everybody = {person for (person,) in con.execute("select person_id from person").fetchall()}
        return [
            judged(
                name, hospital, {p: day for p, day in truth.get(name, {}).items() if p in everybody},
                phenotypes_in_sql.starts(con, file), len(everybody),
            )
            for name, file in phenotypes_in_sql.shipped().items()
        ]  # fmt: skip


def _truth(settings: Settings, hospital: str) -> dict[str, dict[int, date]]:
    """Disease, person and onset, by the ids that the key store gave the record numbers."""
    file = settings.home / "truth" / hospital / f"{NIGHT.isoformat()}.csv"
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    store = open_key_store(settings, hospital, dialects()[hospital].number)
    try:
        ids = store.register("person", sorted({row["record_number"] for row in rows})).to_pydict()
    finally:
        store.close()
    person = dict(zip(ids["raw"], ids["id"], strict=True))
    found: dict[str, dict[int, date]] = {}
    for row in rows:
        found.setdefault(row["disease"], {})[person[row["record_number"]]] = date.fromisoformat(row["onset"])
    return found


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}" if 0.995 <= share < 1 else f"{100 * share:.0f}"


def _cell(one: Found) -> str:
    return " / ".join(_percent(share) for share in one.shares)


def tables(results: Mapping[str, list[Found]], patients: int, day: date) -> str:
    """The tables of the page: all hospitals together by level, then every hospital at each level."""
    hospitals = list(dict.fromkeys(one.hospital for found in results.values() for one in found))
    names = list(phenotypes_in_sql.shipped())
    whole = {
        level: {name: together(one for one in found if one.name == name) for name in names}
        for level, found in results.items()
    }
    lines = [
        f"Measured on {day}, {patients:,} patients of each hospital, {len(hospitals)} hospital(s).", "",
        f"| data set | ill | {' | '.join(results)} | days late, {' / '.join(results)} |",
        f"|---|---{'|---' * len(results)}|---|",
    ]  # fmt: skip
    for name in names:
        at = [whole[level][name] for level in results]
        late = " / ".join(f"{statistics.median(one.late):.0f}" if one.late else "–" for one in at)
        lines.append(f"| `{name}` | {at[0].ill:,} | {' | '.join(map(_cell, at))} | {late} |")
    for level, found in results.items() if len(hospitals) > 1 else ():
        lines += ["", f"Level `{level}`, by hospital:", "", f"| data set | {' | '.join(hospitals)} |"]
        lines.append(f"|---{'|---' * len(hospitals)}|")
        by = {(one.name, one.hospital): one for one in found}
        lines += [f"| `{name}` | {' | '.join(_cell(by[name, each]) for each in hospitals)} |" for name in names]
    return "\n".join(lines)


def into_page(text: str) -> None:
    """Put the tables between the marks of the page."""
    said = PAGE.read_text(encoding="utf-8")
    begin, end = "<!-- measured -->\n", "<!-- end -->"
    before, _, rest = said.partition(begin)
    PAGE.write_text(f"{before}{begin}\n{text}\n\n{end}{rest.partition(end)[2]}", encoding="utf-8")


def main() -> None:
    """Measure what the options say, and write the page."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path, help="where exports, homes and what was measured lie")
    options.add_argument("--patients", type=int, default=2000)
    options.add_argument("--hospital", action="append", choices=list(dialects()))
    options.add_argument("--level", action="append", choices=list(levels()))
    options.add_argument("--print", action="store_true", help="show the tables, and leave the page")
    asked = options.parse_args()
    results = {
        level: [
            one
            for hospital in asked.hospital or dialects()
            for one in measured(asked.folder, level, hospital, asked.patients)
        ]
        for level in asked.level or levels()
    }
    text = tables(results, asked.patients, date.today())
    print(text) if asked.print else into_page(text)


if __name__ == "__main__":
    main()
