"""A tiny hospital for tests: its mappings and files (`data/tiny`), and the home of a consortium it is alone in."""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from made_warehouse import take_over
from pydantic import SecretStr

from etl.at_rest import is_encrypted, new_key
from etl.cdm.spec import hospital_tables
from etl.engine import open_reader, rows_in, rows_of_files
from etl.night.lake.candidate import candidate_files
from etl.night.opening import open_run
from etl.night.pipeline import run_delivery, run_stage, stage_by_name
from etl.night.publish.reconcile import differences
from etl.night.remember import begin
from etl.night.run import Run
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger
from etl.store.warehouse.open import open_warehouse

DATA = Path(__file__).parent / "data" / "tiny"
ENCODINGS = {"PAT.csv": "cp949", "DIAG.csv": "cp949"}
NIGHT = date(2026, 7, 1)
FILLED = (
    "person", "death", "care_site", "visit_occurrence", "condition_occurrence", "measurement", "observation",
    "observation_period", "condition_era", "cdm_source", "metadata",
)  # fmt: skip
SECRET = "0123456789abcdef0123456789abcdef"
Table = list[list[str]]


def read_tables(folder: Path) -> dict[str, Table]:
    """The hospital's tables as rows, the header first."""
    return {f.name: list(csv.reader(f.read_text(encoding="utf-8").splitlines())) for f in sorted(folder.glob("*.csv"))}


def as_csv(rows: Table) -> str:
    """Rows as the hospital writes them."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


@dataclass
class Tiny:
    """The hospital: `tables` is what it will deliver next; `settings` where everything lies."""

    settings: Settings
    tables: dict[str, Table]
    drops: Path

    @property
    def mappings(self) -> Path:
        """Folder of its YAML files, free to be changed."""
        return self.settings.mappings / "tiny"

    def rewrite(self, file: str, old: str, new: str) -> None:
        """Change a text of one of its YAML files."""
        path = self.mappings / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{file} does not say: {old}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def raw(self, file: str) -> bytes:
        """A table as the bytes that will be delivered."""
        return as_csv(self.tables[file]).encode(ENCODINGS.get(file, "utf-8"))

    def deliver(self, night: date = NIGHT, **raw: bytes | None) -> Path:
        """Write the tables into a folder of the night; `PAT=b"…"` writes PAT.csv so instead, None leaves it out."""
        folder = self.drops / night.isoformat()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file in self.tables:
            content = raw.get(file.removesuffix(".csv"), self.raw(file))
            if content is not None:
                (folder / file).write_bytes(content)
        return folder

    def through(self, *stages: str, folder: Path | None = None) -> Run:
        """Deliver (unless a folder is given) and run some stages as the pipeline does."""
        run = begin(self.settings, "tiny", folder or self.deliver(), None, None)
        open_run(run)
        for stage in stages:
            run_stage(run, stage_by_name(stage))
        return run

    def mapped(self, **raw: bytes | None) -> Run:
        """Deliver, land and map."""
        return self.through("land", "merge", "map", folder=self.deliver(**raw))  # type: ignore[arg-type]

    def publish(self, night: date = NIGHT) -> str:
        """Deliver and run the whole night, in a warehouse that is there already; returns the run's id."""
        take_over(self.settings)
        run_id, _ = run_delivery(self.settings, "tiny", self.deliver(night))
        return run_id


def make(home: Path, vocabulary: Path, *, expectations: Path | None = None) -> Tiny:
    """The hospital with a new home, its own copy of the mappings, and a vocabulary that was loaded before."""
    home.mkdir(parents=True, exist_ok=True)
    shutil.copytree(DATA / "mappings", home / "mappings")
    (home / "vocabulary").symlink_to(vocabulary)
    settings = Settings(
        home=home, mappings=home / "mappings", expectations=expectations or DATA / "expectations", threads=1,
        key_secret=SecretStr(SECRET), memory="500MB", _env_file=None,
    )  # fmt: skip
    hospital = Tiny(settings, read_tables(DATA / "delivery"), home / "drops")
    if "TESTS_AT_REST" in os.environ:
        encrypt(hospital)
    return hospital


def encrypt(hospital: Tiny) -> Path:
    """Have what the hospital's nights leave encrypted from now on; returns the file of the key, which is new."""
    key = hospital.settings.home.with_name(f"{hospital.settings.home.name}.at-rest")
    key.write_text(f"{new_key()}\n", encoding="ascii")
    key.chmod(0o600)
    hospital.settings = hospital.settings.model_copy(update={"at_rest_key_file": key})
    return key


def account(run: Run, source: str) -> dict[str, int]:
    """Rows of a source by `outcome` or `outcome:reason`, as the ledger has them."""
    rows = run.ledger.accounts(run.run_id).source
    found = Counter[str]()
    for row in rows:
        if row["source"] == source:
            found[f"{row['outcome']}:{row['reason']}".rstrip(":")] += row["rows"]
    return dict(found)


def assert_adds_up(run: Run, rows: dict[str, int]) -> None:
    """The accounts of landing and mapping fit each other, the files written, and `rows` counted by the test."""
    accounts = run.ledger.accounts(run.run_id)
    assert differences(accounts, rows_of_files(run.settings, candidate_files([run.folder("map")]))) == []
    came: Counter[str] = Counter()
    for file in accounts.files:
        came[file["source"]] += file["rows"]
    assert {source: came[source] for source in rows} == rows
    assert {source: sum(account(run, source).values()) for source in rows} == rows


def parquet_rows(file: Path, settings: Settings | None = None) -> list[dict[str, Any]]:
    """Rows of a Parquet file; of one that is encrypted with the `settings` of its home."""
    if settings is None or not is_encrypted(file):
        return list(pq.read_table(file).to_pylist())
    with open_reader(settings) as con:
        return list(con.execute(f"from {rows_in(file)}").to_arrow_table().to_pylist())


def landed(run: Run, source: str) -> list[dict[str, Any]]:
    """Landed rows of a source."""
    return [
        row
        for file in sorted((run.folder("land") / source).glob("*.parquet"))
        for row in parquet_rows(file, run.settings)
    ]


def rejected(run: Run) -> list[tuple[str, int, str]]:
    """File, line and reason of every row that could not be read."""
    return [(r["file"], r["line"], r["reason"]) for r in parquet_rows(run.folder("land") / "rejected.parquet")]


def mapped_rows(run: Run, table: str) -> list[dict[str, Any]]:
    """Rows of a CDM table of the candidate; none when the table was not written."""
    file = run.folder("map") / f"{table}.parquet"
    return parquet_rows(file, run.settings) if file.exists() else []


def warehouse_rows(settings: Settings, names: Iterable[str] = FILLED) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of tables of the warehouse, in a fixed order; by default of those that a good night fills."""
    with open_warehouse(settings).reader() as con:
        con.execute("begin")  # else every query looks for the newest catalog
        return {t: con.execute(f"select * from {t} order by all").fetchall() for t in names}


def nothing_published(settings: Settings) -> bool:
    """Whether no night of the hospital ever became visible."""
    if Ledger(settings.ledger_url).last_published("tiny") is not None:
        return False
    if not list((settings.home / "warehouse").glob("catalog.[ds]*")):
        return True
    return not any(warehouse_rows(settings, hospital_tables()).values())
