"""OHDSI's own analyses and cohorts, made from our warehouse by tools that know nothing of it, beside our counts."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import duckdb
import pytest
import yaml
from duckdb import DuckDBPyConnection

from etl.engine import extension_file
from etl.settings import PROJECT
from etl.sql import literal

pytestmark = pytest.mark.xdist_group("judge")

DATA = Path(os.environ.get("ETL_TEST_DATA") or PROJECT.parent / "shared" / "data")
JUDGE = PROJECT / ".judge" / "bin" / "python"
PLACE = Path(__file__).with_name("outside_judge")
COUNTS = yaml.safe_load((PLACE / "counts.yaml").read_text(encoding="utf-8"))
COHORTS = {file.stem: number for number, file in enumerate(sorted(PLACE.glob("*.json")), 1)}
# What Achilles looks for under these names is a defect of the CDM.
DEFECT = "invalid|outside|without valid|< start|end < |before year-of-birth"
# The data-source reports of ATLAS.
REPORTS = (
    "dashboard", "person", "datadensity", "death", "observationPeriod", "condition", "conditionera", "drug", "drugera",
    "measurement", "observation", "procedure", "visit",
)  # fmt: skip
ROWS = "subject_id, cohort_start_date, cohort_end_date"


@dataclass(frozen=True)
class Judged:
    """A file with the results, and the analyses that were asked for, done and failed."""

    file: Path
    analyses: int
    done: list[int]
    failed: list[list[object]]


def etl(home: Path, *arguments: str) -> None:
    environment = {**os.environ, "ETL_HOME": str(home), "ETL_KEY_SECRET": "a secret for tests, long enough to be one"}
    command = [str(Path(sys.executable).with_name("etl")), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def judge(file: Path, *arguments: str) -> Judged:
    command = [str(JUDGE), "-I", str(PLACE / "judge.py"), str(file), str(PLACE), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=file.parent, check=False)
    assert done.returncode == 0, done.stderr
    return Judged(file, **json.loads(done.stdout))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published night of Synthea, and its warehouse exported to `cdm.duckdb`."""
    if not (DATA / "synthea-27").is_dir():
        pytest.skip(f"no test data at {DATA}; set ETL_TEST_DATA to the folder that holds synthea-27/ and vocabulary/")
    assert JUDGE.exists(), "the judge's tools are missing: make install"
    folder = tmp_path_factory.mktemp("judge")
    etl(folder, "vocabulary", "load", str(DATA / "vocabulary"))
    etl(folder, "run", "synthea", str(DATA / "synthea-27"), "--night", "2025-01-01")
    etl(folder, "export", str(folder / "cdm.duckdb"))
    return folder


@pytest.fixture(scope="module")
def exported(home: Path) -> Judged:
    """A scratch copy of the exported file, judged."""
    return judge(Path(shutil.copy(home / "cdm.duckdb", home / "judged.duckdb")))


@pytest.fixture(scope="module")
def lake(home: Path) -> Judged:
    """The warehouse, judged where it lies and only read."""
    extensions = [f"--load={extension_file(name)}" for name in ("sqlite_scanner", "ducklake")]
    return judge(home / "in_place.duckdb", "--lake", str(home / "warehouse" / "catalog.sqlite"), *extensions)


@pytest.fixture(scope="module")
def con(home: Path, exported: Judged) -> Iterator[DuckDBPyConnection]:
    """`judged`: the scratch copy with the results; `cdm`: the exported warehouse; `raw`: the CSV files."""
    with duckdb.connect() as con:
        con.execute(f"attach {literal(str(exported.file))} as judged (read_only)")
        con.execute(f"attach {literal(str(home / 'cdm.duckdb'))} as cdm (read_only)")
        con.execute("create schema raw")
        for file in (DATA / "synthea-27").glob("*.csv"):
            read = f"read_csv({literal(str(file))}, all_varchar = true, header = true)"
            con.execute(f"create view raw.{file.stem} as from {read}")
        con.execute((PLACE / "export.sql").read_text(encoding="utf-8"))
        yield con


def test_every_analysis_of_achilles_runs(exported: Judged) -> None:
    assert exported.failed == []
    assert len(exported.done) == exported.analyses
    assert exported.analyses > 290, "all that the judge ships"


@pytest.mark.parametrize(
    ("origin", "analysis"), [(origin, analysis) for origin, queries in COUNTS.items() for analysis in queries]
)
def test_achilles_counts_what_we_count(con: DuckDBPyConnection, origin: str, analysis: int) -> None:
    query = COUNTS[origin][analysis]
    ours = Counter(con.execute(f"select columns(*)::varchar from ({query})").fetchall())
    width = len(next(iter(ours)))
    strata = "".join(f"stratum_{n}, " for n in range(1, width))
    rest = " and ".join(f"stratum_{n} is null" for n in range(width, 6))
    counted = f"from judged.results.achilles_results where analysis_id = {analysis}"
    assert Counter(con.execute(f"select {strata}count_value::varchar {counted}").fetchall()) == ours
    assert con.execute(f"select count(*) {counted} and not ({rest})").fetchone() == (0,)


def test_achilles_finds_no_row_that_points_nowhere_or_lies_outside_the_observation(con: DuckDBPyConnection) -> None:
    looked_for = f"from judged.results.achilles_analysis where regexp_matches(analysis_name, '{DEFECT}')"
    (analyses,) = con.execute(f"select count(*) {looked_for}").fetchone() or (0,)
    assert analyses > 50
    for table in ("achilles_results", "achilles_results_dist"):
        found = (
            f"select analysis_id, count_value from judged.results.{table} semi join (select analysis_id {looked_for}) "
        )
        assert con.execute(f"{found} using (analysis_id)").fetchall() == []


@pytest.mark.parametrize("engine", ["circepy", "duckcdm", "ibis"])
@pytest.mark.parametrize("cohort", COHORTS)
def test_a_cohort_of_atlas_has_the_members_we_find_by_hand(con: DuckDBPyConnection, cohort: str, engine: str) -> None:
    con.execute("use cdm")
    by_hand = sorted(con.execute((PLACE / f"{cohort}.sql").read_text(encoding="utf-8")).fetchall())
    con.execute("use memory")
    made = f"select {ROWS} from judged.results.cohort_{engine} where cohort_definition_id = {COHORTS[cohort]}"
    assert sorted(con.execute(made).fetchall()) == by_hand
    assert len(by_hand) >= 4, "a cohort that shows something"


def test_cohorts_fill_the_tables_of_the_cdm(con: DuckDBPyConnection) -> None:
    defined = con.execute(
        "select cohort_definition_id, cohort_definition_name from judged.cohort_definition"
    ).fetchall()
    assert {name: number for number, name in defined} == COHORTS
    columns = f"select cohort_definition_id, {ROWS} from judged"
    lost = f"{columns}.results.cohort_circepy except all {columns}.cohort"
    assert con.execute(f"select count(*) from ({lost})").fetchone() == (0,)
    strange = "from judged.cohort anti join cdm.person on person_id = subject_id"
    assert con.execute(f"select count(*) {strange}").fetchone() == (0,)


@dataclass(frozen=True)
class Atlas:
    """The WebAPI that ATLAS talks to; the exported warehouse is its source `OMOP`."""

    url: str

    def ask(self, path: str, body: object = None) -> Any:
        """The JSON it answers; a body is posted."""
        data = json.dumps(body).encode() if body is not None else None
        with urlopen(Request(f"{self.url}/{path}", data, {"Content-Type": "application/json"}), timeout=30) as answer:
            return json.load(answer)

    def wait_for(self, path: str, seconds: float = 60) -> Any:
        """What it answers once it is up."""
        end = time.monotonic() + seconds
        while True:
            try:
                return self.ask(path)
            except URLError:
                assert time.monotonic() < end, f"no answer within {seconds} s"
                time.sleep(0.1)


@pytest.fixture(scope="module")
def atlas(home: Path) -> Iterator[Atlas]:
    file = shutil.copy(home / "cdm.duckdb", home / "atlas.duckdb")
    subprocess.run([sys.executable, str(PLACE / "for_atlas.py"), str(file)], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(JUDGE.with_name("duckcdm")), "serve", f"OMOP={file}", "--achilles", "--port", str(port)]
    with (home / "atlas.log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log, cwd=home) as server:
        served = Atlas(f"http://127.0.0.1:{port}/WebAPI")
        served.wait_for("info")
        yield served
        server.terminate()


def test_atlas_shows_every_report_of_the_warehouse(con: DuckDBPyConnection, atlas: Atlas) -> None:
    assert all(atlas.ask(f"cdmresults/OMOP/{report}") for report in REPORTS)
    shown = atlas.ask("cdmresults/OMOP/person")["gender"]
    genders = "select gender_concept_id, count(*) from cdm.person group by all"
    assert {row["conceptId"]: row["countValue"] for row in shown} == dict(con.execute(genders).fetchall())


def test_atlas_shows_the_vocabulary(con: DuckDBPyConnection, atlas: Atlas) -> None:
    version = con.execute("select vocabulary_version from cdm.vocabulary where vocabulary_id = 'None'").fetchone()
    assert version == (atlas.ask("vocabulary/OMOP/info")["version"],)
    for table in ("domain", "vocabulary"):
        names = con.execute(f"select {table}_id from cdm.{table} order by 1").fetchall()
        plural = {"domain": "domains", "vocabulary": "vocabularies"}[table]
        shown = [row[f"{table.upper()}_ID"] for row in atlas.ask(f"vocabulary/OMOP/{plural}")]
        assert sorted(shown) == [name for (name,) in names]


def test_a_cohort_defined_in_atlas_is_generated_on_the_warehouse(con: DuckDBPyConnection, atlas: Atlas) -> None:
    expression = json.loads((PLACE / "acute_care.json").read_text(encoding="utf-8"))
    made = atlas.ask("cohortdefinition", {"name": "acute care", "expression": expression})["id"]
    atlas.ask(f"cohortdefinition/{made}/generate/OMOP")
    end = time.monotonic() + 60
    while (info := atlas.ask(f"cohortdefinition/{made}/info")[0])["status"] != "COMPLETE":
        assert info["status"] != "FAILED" and time.monotonic() < end, info
        time.sleep(0.1)
    found = f"from judged.cohort where cohort_definition_id = {COHORTS['acute_care']}"
    persons, rows = con.execute(f"select count(distinct subject_id), count(*) {found}").fetchone() or (0, 0)
    assert (info["personCount"], info["recordCount"]) == (persons, rows)


def test_the_lake_read_in_place_gives_the_same(con: DuckDBPyConnection, lake: Judged) -> None:
    assert lake.failed == []
    assert len(lake.done) == lake.analyses > 20
    con.execute(f"attach {literal(str(lake.file))} as lake (read_only)")
    try:
        for table in ("achilles_results", "achilles_results_dist", "cohort_circepy", "cohort_duckcdm"):
            same = table if table.startswith("cohort") else f"{table} where analysis_id in (from unnest($done))"
            rows = "select columns(c -> c not in ('avg_value', 'stdev_value')) from {}.results." + same
            both = "({0} except all {1}) union all ({1} except all {0})".format(*map(rows.format, ("lake", "judged")))
            given = {} if table.startswith("cohort") else {"done": lake.done}
            assert con.execute(f"select count(*) from ({both})", given).fetchone() == (0,), table
    finally:
        con.execute("detach lake")
