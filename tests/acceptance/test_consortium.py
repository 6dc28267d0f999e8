"""Eight hospitals' nights through the command line: rows accounted, nothing personal left, reruns change nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import postgres_server
import processes
import psycopg
import pyarrow.parquet as pq
import pytest
import quality_dashboard
import quality_definitions
import sqlalchemy as sa
from at_once import LEFT_OUT, publish_all, publish_at_once, runs_of, without
from pydantic import SecretStr

from etl.cdm.spec import hospital_tables, tables
from etl.mapping.load import load_mappings
from etl.night.delivery import open_delivery
from etl.night.land.contract import open_source
from etl.night.land.decode import as_utf8
from etl.night.land.read import relation
from etl.night.publish.reconcile import differences
from etl.quality.battery.battery import load_battery
from etl.quality.battery.judge import judge
from etl.quality.battery.measure import measure
from etl.quality.battery.statement import WHOLE
from etl.settings import PROJECT, Settings
from etl.sql import literal, quote
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import RUN
from etl.store.warehouse.open import open_warehouse
from etl.store.warehouse.postgres.init import initialise
from etl.store.warehouse.postgres.warehouse import Postgres

NIGHT = "2026-11-20"
PATIENTS = 40
SECRET = "a secret for tests, long enough to be one"
#: Tables that need a source which not every layout has.
SOME = (
    "note", "note_nlp", "specimen", "fact_relationship", "payer_plan_period", "cost", "episode", "episode_event",
    "device_exposure", "death", "observation",
)  # fmt: skip
#: How names of the dashboard's checks begin.
DASHBOARD = ("table_", "field_", "concept_")
ETL = str(Path(sys.executable).with_name("etl"))


def etl(home: Path, *arguments: str) -> processes.Done:
    done = processes.run(home, *arguments, secret=SECRET)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def installed(home: Path, *arguments: str) -> str:
    """What the command that is installed says, from nothing as at a hospital."""
    environment = {**os.environ, "ETL_HOME": str(home), "ETL_KEY_SECRET": SECRET}
    done = subprocess.run([ETL, *arguments], env=environment, capture_output=True, text=True, cwd=home, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A home with the vocabulary, the eight exports and their published nights."""
    folder = tmp_path_factory.mktemp("consortium")
    said = installed(folder, "sample", "exports", "--patients", str(PATIENTS), "--seed", "7", "--night", NIGHT)
    etl(folder, "vocabulary", "load", str(PROJECT / "etl" / "sample" / "vocabulary"))
    done = etl(folder, "run", "--all", "exports", "--json")
    (folder / "run.log").write_text(said + done.stdout + done.stderr, encoding="utf-8")
    return folder


def ledger(home: Path) -> Ledger:
    return Ledger(f"sqlite:///{home / 'ledger.sqlite'}")


def fingerprints(home: Path) -> dict[str, str]:
    """A checksum over all rows of every table of the warehouse, exported anew."""
    etl(home, "export", "plain.duckdb", "--force")
    with duckdb.connect(str(home / "plain.duckdb"), read_only=True) as con:
        return {
            table: str(con.execute(f"select count(*), sum(hash(t)::hugeint) from {table} t").fetchone())
            for table in [*hospital_tables(), "cdm_source"]
        }


def test_every_hospital_is_published(home):
    runs = ledger(home).read(sa.select(RUN.c.hospital, RUN.c.state))
    assert {r["hospital"]: r["state"] for r in runs} == dict.fromkeys(
        ("boramae", "cbnuh", "cnuh", "dsmc", "dumc", "eumc", "snubh", "snuh"), "published"
    )


def test_every_row_of_every_source_is_accounted_for(home):
    for run in ledger(home).read(sa.select(RUN)):
        name = f"delivery={run['night']:%Y%m%d}-{run['delivery'][:12]}"
        files = {
            f.stem: f
            for stage in ("3_mapped", "4_derived")
            for f in (home / "lake" / stage / f"hospital={run['hospital']}" / name).glob("*.parquet")
            if f.stem in hospital_tables()
        }
        assert files
        rows = {table: pq.read_metadata(file).num_rows for table, file in files.items()}
        assert differences(ledger(home).accounts(run["run_id"]), rows) == []


def test_codes_map_as_well_as_real_hospitals_do(home):
    for run in ledger(home).read(sa.select(RUN)):
        rates = ledger(home).rates(run["run_id"])
        low = {d: r for d, r in rates.items() if d in ("Condition", "Drug") and r < 0.8}
        assert low == {}, run["hospital"]
        assert min(rates["Measurement"], rates["Procedure"]) > 0.7, run["hospital"]


@pytest.fixture(scope="module")
def exported(home) -> dict[str, str]:
    """What the warehouse holds after the first nights; `plain.duckdb` in the home has the same rows from then on."""
    return fingerprints(home)


def test_a_second_run_changes_no_row(home, exported):
    again = json.loads(etl(home, "run", "--all", "exports", "--json").stdout)
    assert [r["changed"] for r in again["runs"]] == [False] * 8
    for hospital in ("cnuh", "snuh"):
        etl(home, "run", hospital, f"exports/{hospital}/{NIGHT}", "--force", "--json")
    assert fingerprints(home) == exported


def test_all_ids_lie_in_their_hospitals_range_and_are_exact_in_javascript(home, exported):
    numbers = {m.hospital.hospital: m.hospital.number for m in load_mappings(PROJECT / "mappings").values()}
    known = sorted(n for h, n in numbers.items() if h != "synthea")
    with duckdb.connect(str(home / "plain.duckdb"), read_only=True) as con:
        for name, table in hospital_tables().items():
            tops = ", ".join(f"max({field.name})" for field in table.fields if field.duckdb_type == "BIGINT")
            top = con.execute(f"select coalesce(greatest({tops}), 0) from {name}").fetchone()
            assert top < (1 << 53,), name
            found = con.execute(f"select distinct ({table.owner}) >> 24 from {name} order by 1").fetchall()
            # what only some hospitals deliver is theirs; what all deliver is everybody's
            assert {n for (n,) in found} <= set(known), name
            assert [n for (n,) in found] == known or name in SOME, name


@pytest.mark.parametrize("check", quality_dashboard.EVERYWHERE)
def test_what_the_mapping_decides_passes_the_quality_dashboard(home, exported, check):
    with duckdb.connect(str(home / "plain.duckdb"), read_only=True) as con:
        assert con.execute(f"select count(*) {quality_dashboard.EVERYWHERE[check]}").fetchone() == (0,)


@pytest.mark.parametrize("check", quality_dashboard.SAMPLE)
def test_the_sample_breaks_no_check_without_need(home, exported, check):
    rows, broken, allowed = quality_dashboard.SAMPLE[check]
    with duckdb.connect(str(home / "plain.duckdb"), read_only=True) as con:
        total, found = con.execute(f"select count(*), count(*) filter ({broken}) {rows}").fetchone()
    assert total
    assert found / total <= allowed


def figures(con, hospital=WHOLE):
    """What the battery finds on a warehouse, by id of the check: violated, of how many, status."""
    checks = load_battery(PROJECT / "expectations")
    measured = measure(con, checks, date.fromisoformat(NIGHT))
    return {r.check.id: (r.violated, r.of, r.status) for r in judge(checks, measured, hospital)}


@pytest.mark.skipif(not quality_definitions.CONTROL.exists(), reason="no control files; set ETL_TEST_DATA")
def test_the_battery_counts_what_every_definition_counts(home, exported):
    with duckdb.connect(str(home / "plain.duckdb"), read_only=True) as con:
        found = figures(con)
        assert not quality_definitions.unlike(con, found, NIGHT)
    assert not [id_ for id_, (*_, status) in found.items() if status == "error"]


#: Checks of ours that a trap of the sample makes fail: rows weeks after a death.
TRAPPED = ("time_after_death_",)


@pytest.mark.parametrize("hospital", range(9))
def test_no_check_of_ours_fails_but_for_a_trap(home, exported, hospital):
    with duckdb.connect(str(home / "plain.duckdb"), read_only=True) as con:
        ours = {name: said for name, said in figures(con, hospital).items() if not name.startswith(DASHBOARD)}
    assert len(ours) > 100
    assert [n for n, (*_, status) in ours.items() if status in ("failed", "error") and not n.startswith(TRAPPED)] == []


def test_every_table_of_the_cdm_has_rows(home, exported):
    with duckdb.connect(str(home / "plain.duckdb"), read_only=True) as con:
        cdm = [name for name, table in tables().items() if table.schema == "cdm"]
        assert [name for name in cdm if con.execute(f"select count(*) from {name}").fetchone() == (0,)] == []


@pytest.fixture(scope="module")
def people(home) -> dict[str, set[str]]:
    """Names, resident registration, phone and record numbers as the raw patient files hold them."""
    found: dict[str, set[str]] = {"name": set(), "rrn": set(), "phone": set(), "person": set()}
    for name, mapping in load_mappings(PROJECT / "mappings").items():
        folder = home / "exports" / name / NIGHT
        if not folder.exists():
            continue
        delivery = open_delivery(name, folder)
        for key, source in mapping.sources.items():
            columns = source.declared
            kinds = {n: c.identifier for n, c in columns.items() if c.identifier in found}
            if not any(columns[n].registers for n in kinds):
                continue
            for file in open_source(key, source, delivery):
                with as_utf8(file.file.path, source.encoding) as path, duckdb.connect() as con:
                    present = {n: k for n, k in kinds.items() if n in file.raw}
                    wanted = ", ".join(quote(file.raw[n]) for n in present)
                    rows = con.execute(f"select {wanted} from {relation(source, file, path, None)}").fetchall()
                    for i, kind in enumerate(present.values()):
                        found[kind] |= {row[i].strip() for row in rows if row[i] and len(row[i].strip()) >= 2}
    return found


@pytest.fixture(scope="module")
def cells(home) -> set[str]:
    """Every distinct text in every Parquet file below the home (landed, mapped, derived, warehouse)."""
    texts: set[str] = set()
    with duckdb.connect() as con:
        for place in ("lake", "warehouse"):
            for file in (home / place).rglob("*.parquet"):
                if "vocabulary" in file.parts:
                    continue
                read = f"read_parquet({literal(str(file))})"
                for column, kind, *_ in con.execute(f"describe select * from {read}").fetchall():
                    if kind == "VARCHAR":
                        values = con.execute(f"select distinct {quote(column)} from {read}").fetchall()
                        texts |= {v for (v,) in values if v}
    return texts


def test_nothing_personal_is_left_in_lake_and_warehouse(people, cells):
    assert all(len(values) >= PATIENTS for values in people.values()), {k: len(v) for k, v in people.items()}
    texts = "\n".join(cells)
    for kind in ("rrn", "phone", "person"):
        assert not {v for v in people[kind] if len(v) >= 8 and v in texts}, kind
    assert not people["name"] & cells
    # a name inside a text: names of three syllables or more, which no medical term of the samples holds by chance
    assert not {n for n in people["name"] if len(n) >= 3 and n in texts}


def test_nothing_personal_is_left_in_reports_ledger_keys_and_output(home, people):
    etl(home, "report")
    told = [home / "run.log", home / "ledger.sqlite", *(home / "reports").rglob("*.html"), *(home / "runs").glob("*")]
    told += [*(home / "keys").glob("*"), home / "warehouse" / "catalog.sqlite"]
    assert len(told) > 20
    for file in told:
        content = file.read_bytes()
        for kind in ("rrn", "phone", "person"):
            assert not [1 for v in people[kind] if len(v) >= 8 and v.encode() in content], (file.name, kind)
        assert not [1 for n in people["name"] if len(n) >= 3 and n.encode() in content], file.name
    assert not list((home / "tmp").glob("*"))


def test_analysts_find_every_person_and_no_record_number(home):
    done = etl(home, "sql", "select count(*) as persons, count(person_source_value) as named from person", "--csv")
    header, row = done.stdout.split()
    assert header == "persons,named"
    persons, named = row.split(",")
    assert int(persons) >= 8 * PATIENTS
    assert named == "0"


@pytest.fixture(scope="module")
def shared(home, postgres):
    """The same nights in a PostgreSQL warehouse: its URL, the runs and what was published of them by hospital."""
    with postgres_server.database(postgres) as url:
        initialise(url, url)
        settings = Settings(home=home, key_secret=SecretStr(SECRET), _env_file=None)
        runs = runs_of(settings)
        yield url, runs, publish_all(url, runs)


def test_the_nights_are_the_same_on_postgresql_table_by_table_row_by_row(home, shared):
    url, runs, _ = shared
    assert len(runs) == 8
    embedded, server = home / "embedded.duckdb", home / "server.duckdb"
    open_warehouse(runs[0].settings).export(embedded)
    Postgres(url, keep=2, patience=60).export(server)
    with duckdb.connect() as con:
        con.execute(f"attach '{embedded}' as e; attach '{server}' as s")
        for table in tables():
            counts = [con.execute(f"select count(*) from {side}.{table}").fetchone() for side in ("e", "s")]
            assert counts[0] == counts[1], table
            for one, other in ("e", "s"), ("s", "e"):
                assert con.execute(f"from {one}.{table} except all from {other}.{table}").fetchone() is None, table


def test_the_battery_finds_the_same_on_postgresql(home, shared, exported):
    url, runs, _ = shared
    with Postgres(url, keep=2, patience=60).reader() as server, open_warehouse(runs[0].settings).reader() as embedded:
        for hospital in (WHOLE, 1):
            assert figures(server, hospital) == figures(embedded, hospital)


def test_eight_hospitals_publish_at_once_while_twenty_readers_query(shared):
    url, runs, publications = shared
    first = {p.number: tuple(p.rows.get(t, 0) for t in (*LEFT_OUT, "visit_occurrence")) for p in publications.values()}
    done = publish_at_once(url, runs, [without(p) for p in publications.values()], readers=20)
    print(f"\n{done.describe()}")
    assert done.errors == []
    for reader in done.readers:
        assert reader.errors == []
        for hospital, states in reader.states.items():
            # one night or the other, in this order, and never a table of each
            assert states in ([first[hospital]], [first[hospital], (0, 0, first[hospital][2])]), hospital
    assert done.blocked < 1
    assert all(p for p in first.values())
    with psycopg.connect(postgres_server.libpq(url)) as con:
        deadlocks = con.execute("select deadlocks from pg_stat_database where datname = current_database()").fetchone()
    assert deadlocks == (0,)
