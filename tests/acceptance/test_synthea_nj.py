"""Our CDM of a Synthea export beside the one OHDSI's own ETL made of it: every differing row has one named reason."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pytest
import quality_dashboard
import quality_definitions
from duckdb import DuckDBPyConnection

from etl.cdm.spec import empty, hospital_tables
from etl.engine import define_functions, parquet, rows_of_files
from etl.mapping.compile.choices import define_choices
from etl.mapping.compile.lookup import create_vocabulary_views
from etl.mapping.load import load_mappings
from etl.night.derive.derive import derivations
from etl.night.lake.candidate import candidate_files
from etl.night.lake.views import create_alone
from etl.night.pipeline import run_delivery
from etl.night.publish.reconcile import differences
from etl.night.remember import resume
from etl.night.run import Run
from etl.quality.battery.checks import load_checks
from etl.quality.battery.judge import judge
from etl.quality.battery.measure import measure
from etl.quality.battery.statement import WHOLE
from etl.settings import PROJECT, Settings
from etl.sql import literal
from etl.store.keys.keystore import open_key_store
from etl.store.ledger.ledger import Ledger
from etl.store.warehouse.open import open_warehouse
from etl.vocabulary.release import load_bundle

pytestmark = pytest.mark.xdist_group("synthea")

DATA = Path(os.environ.get("ETL_TEST_DATA") or PROJECT.parent / "shared" / "data")
REWRITE = "ETL_WRITE_DOCS" in os.environ
DOCUMENT = PROJECT / "docs" / "synthea-comparison.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
TABLES = (
    "person", "death", "visit_occurrence", "observation_period", "condition_occurrence", "drug_exposure",
    "device_exposure", "condition_era", "drug_era",
)  # fmt: skip
# Their eras leave out the exposures that their CDM lets end before they start.
THEIR_EXPOSURES = """
create view drug_exposure as
select person_id::bigint as person_id, drug_concept_id::bigint as drug_concept_id,
  strptime(drug_exposure_start_date, '%Y%m%d')::date as drug_exposure_start_date,
  strptime(drug_exposure_end_date, '%Y%m%d')::date as drug_exposure_end_date
from theirs.drug_exposure where drug_exposure_end_date >= drug_exposure_start_date
"""
PER_SIDE = "select count(*) filter (side = 'ours'), count(*) filter (side = 'theirs') from {} where tbl = '{}'"


def data(*parts: str) -> Path:
    folder = DATA.joinpath(*parts)
    if not folder.is_dir():
        pytest.skip(f"no test data at {folder}; set ETL_TEST_DATA to the folder that holds {parts[0]}/")
    return folder


@dataclass(frozen=True)
class Night:
    """A published run and the rows its ledger knows."""

    run: Run

    @property
    def files(self) -> dict[str, Path]:
        return candidate_files([self.run.folder("map"), self.run.folder("derive")])


def publish(home: Path, delivery: Path, night: date) -> Night:
    settings = Settings(
        home=home, key_secret="only for tests, and long enough for one", threads=2, memory="500MB",
        mappings=PROJECT / "mappings", expectations=PROJECT / "expectations", _env_file=None,
    )  # fmt: skip
    load_bundle(settings, data("vocabulary"))
    run_id, _ = run_delivery(settings, "synthea", delivery, night)
    return Night(resume(settings, run_id))


@pytest.fixture(scope="module")
def nj(tmp_path_factory: pytest.TempPathFactory) -> Night:
    delivery = data("synthea-nj", "raw")
    return publish(tmp_path_factory.mktemp("nj"), delivery, date(2025, 10, 7))


def csv_tables(con: DuckDBPyConnection, schema: str, folder: Path) -> None:
    con.execute(f"create schema {schema}")
    for file in sorted(folder.glob("*.csv")):
        read = f"read_csv({literal(str(file))}, all_varchar = true, header = true)"
        con.execute(f"create table {schema}.{file.stem} as from {read}")


def link_persons(con: DuckDBPyConnection, run: Run) -> None:
    """Record numbers are not in our CDM; the key store knows which id each of them became."""
    records = [record for (record,) in con.execute('select "Id" from raw.patients').fetchall()]
    keys = open_key_store(run.settings, "synthea", run.mapping.hospital.number)
    con.register("registered", keys.register("person", records))
    keys.close()
    con.execute(
        "create table linked as select raw as record, id as ours, person_id::bigint as theirs "
        "from registered join theirs.person on person_source_value = raw"
    )


@pytest.fixture(scope="module")
def con(nj: Night) -> Iterator[DuckDBPyConnection]:
    run = nj.run
    con = duckdb.connect(config={"threads": 2, "memory_limit": "800MB"})
    define_functions(con)
    define_choices(con, run.mapping.hospital)
    csv_tables(con, "raw", run.delivery.folder)
    csv_tables(con, "theirs", data("synthea-nj", "expected_cdm"))
    con.execute("create schema ours")
    for table, file in nj.files.items():
        con.execute(f"create view ours.{table} as from {parquet(file)}")
    for table in hospital_tables().keys() - nj.files.keys():
        con.execute(f"create view ours.{table} as {empty(hospital_tables()[table])}")
    create_alone(con, run.mapping, run.folder("land"))
    create_vocabulary_views(con, run.release)
    link_persons(con, run)
    con.execute("create table entry (number smallint, file varchar)")
    con.executemany("insert into entry values (?, ?)", [(n, e.from_) for n, e in enumerate(run.mapping.entries)])
    con.execute(THEIR_EXPOSURES)
    con.execute(f"create table their_drug_era as {derivations()['drug_era']}")
    con.execute(Path(__file__).with_suffix(".sql").with_stem("synthea_nj").read_text(encoding="utf-8"))
    yield con
    con.close()


def rows(con: DuckDBPyConnection, query: str) -> list[tuple]:
    return con.execute(query).fetchall()


@pytest.mark.parametrize("check", quality_dashboard.EVERYWHERE)
def test_what_the_mapping_decides_passes_the_quality_dashboard(con: DuckDBPyConnection, check: str) -> None:
    here = con.cursor()
    here.execute("set search_path = 'ours,vocab'")
    assert here.execute(f"select count(*) {quality_dashboard.EVERYWHERE[check]}").fetchone() == (0,)


@pytest.mark.skipif(not quality_definitions.CONTROL.exists(), reason="no control files; set ETL_TEST_DATA")
def test_the_battery_counts_what_every_definition_counts(nj: Night, tmp_path: Path) -> None:
    checks = load_checks(PROJECT / "expectations" / "dqd")
    open_warehouse(nj.run.settings).export(tmp_path / "plain.duckdb")
    with duckdb.connect(str(tmp_path / "plain.duckdb"), read_only=True) as warehouse:
        measured = measure(warehouse, checks, date(2025, 10, 7))
        found = {r.check.id: (r.violated, r.of, r.status) for r in judge(checks, measured, WHOLE)}
        assert not quality_definitions.unlike(warehouse, found, "2025-10-07")


def test_all_persons_have_the_same_sex_and_birth_date(con: DuckDBPyConnection) -> None:
    assert rows(con, "select count(*), count(distinct ours), count(distinct theirs) from linked") == [(109, 109, 109)]
    assert rows(con, "select count(*) from ours.person") == [(109,)]
    unequal = "select count(*) from difference where tbl = 'person'"
    assert rows(con, unequal) == [(0,)]
    equal = "select count(*) from (select record, sex, birth from person_row group by all having count(*) = 2)"
    assert rows(con, equal) == [(109,)]


def test_their_etl_is_a_join_of_the_export_with_their_map(con: DuckDBPyConnection) -> None:
    """The rules below argue from this: what their map lacks in a table's domain is not in their table."""
    theirs = "select tbl, record, code, concept, day from event where side = 'theirs'"
    again = "select tbl, record, code, concept, day from their_etl"
    assert rows(con, f"select count(*) from ({theirs} except all {again})") == [(0,)]
    assert rows(con, f"select count(*) from ({again} except all {theirs})") == [(0,)]


@pytest.mark.parametrize("table", TABLES)
def test_every_differing_row_has_exactly_one_reason(con: DuckDBPyConnection, table: str) -> None:
    unclear = f"tbl = '{table}' and len(classes) is distinct from 1"
    wrong = f"select side, classes, count(*), min(item) from difference where {unclear} group by all"
    assert rows(con, wrong) == []
    ours, theirs = rows(con, PER_SIDE.format("compared", table))[0]
    only_ours, only_theirs = rows(con, PER_SIDE.format("difference", table))[0]
    assert ours - only_ours == theirs - only_theirs, "the rows both have"


@pytest.mark.parametrize("table", ["condition_occurrence", "drug_exposure", "device_exposure", "condition_era"])
def test_we_lose_none_of_their_rows(con: DuckDBPyConnection, table: str) -> None:
    assert rows(con, f"select count(*) from difference where tbl = '{table}' and side = 'theirs'") == [(0,)]


def test_no_row_of_either_side_is_left_out_of_the_comparison(con: DuckDBPyConnection) -> None:
    for side in ("ours", "theirs"):
        for table in TABLES:
            compared = f"select count(*) from compared where tbl = '{table}' and side = '{side}'"
            assert rows(con, compared) == rows(con, f"select count(*) from {side}.{table}"), (side, table)


def measured(con: DuckDBPyConnection) -> str:
    """The two tables of the document."""
    lines = ["| table | ours | theirs | in both | only ours | only theirs |", "|---|---:|---:|---:|---:|---:|"]
    for table in TABLES:
        ours, theirs = rows(con, PER_SIDE.format("compared", table))[0]
        only = rows(con, PER_SIDE.format("difference", table))[0]
        lines.append(f"| {table} | {' | '.join(f'{n:,}' for n in (ours, theirs, ours - only[0], *only))} |")
    lines += ["", "| table | only in | class | rows |", "|---|---|---|---:|"]
    classes = rows(con, "select tbl, side, class, rows from measured order by all")
    ordered = sorted(classes, key=lambda row: (TABLES.index(row[0]), *row[1:]))
    lines += [f"| {t} | {side} | {name} | {n:,} |" for t, side, name, n in ordered]
    return "\n".join(lines)


def test_the_document_says_what_is_measured(con: DuckDBPyConnection) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    said, after = rest.split(END)
    if REWRITE:
        DOCUMENT.write_text(f"{before}{BEGIN}\n{measured(con)}\n{END}{after}", encoding="utf-8")
    else:
        assert said.strip() == measured(con), "run this test with ETL_WRITE_DOCS=1 to write the tables again"
    for (name,) in rows(con, "select distinct class from measured"):
        assert f"**{name}**" in after, f"the document does not explain {name}"


def exact(night: Night) -> None:
    """Every delivered row is accounted for, none is rejected or quarantined, and the run is published."""
    ledger = Ledger(night.run.settings.ledger_url)
    accounts = ledger.accounts(night.run.run_id)
    assert differences(accounts, rows_of_files(night.run.settings, night.files)) == []
    assert {row["outcome"] for row in accounts.source} <= {"mapped", "filtered"}
    came = sum(row["rows"] for row in accounts.files)
    assert came == sum(row["rows"] for row in accounts.source)
    assert came == sum(file.lines - 1 for file in night.run.delivery.files.values() if file.path.suffix == ".csv")
    state = ledger.run(night.run.run_id)
    assert state is not None
    assert state["state"] == "published"


def test_the_export_of_109_patients_reconciles(nj: Night) -> None:
    exact(nj)


def test_the_export_of_27_patients_reconciles(tmp_path: Path) -> None:
    night = publish(tmp_path, data("synthea-27"), date(2025, 1, 1))
    exact(night)
    counted = load_mappings(night.run.settings.mappings, ["synthea"])["synthea"]
    sources = {row["source"] for row in night.run.ledger.accounts(night.run.run_id).files}
    assert sources == set(counted.sources), "all 18 files are read"
