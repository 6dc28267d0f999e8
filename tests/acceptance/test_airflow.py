"""The DAGs in Airflow itself: what they are, and the nights that go wrong.

One process runs all nights, one after the other (`airflow_nights.py`); the tests look at what they left. How the
hospitals' nights go in a running Airflow is in `test_airflow_service.py`.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import tiny
from raw_identifiers import leaked
from tiny import Tiny

from etl.mapping.read.documents import hospital_folders
from etl.night.stages import STAGE_NAMES
from etl.operations.airflow.start import environment, prepare
from etl.operations.plan import Scheduling
from etl.settings import PROJECT, Settings
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import RUN
from etl.store.warehouse.open import open_warehouse
from etl.vocabulary.release import load_bundle

pytestmark = pytest.mark.xdist_group("airflow")

HOSPITALS = [folder.name for folder in hospital_folders(PROJECT / "mappings")]
DATA = Path(os.environ.get("ETL_TEST_DATA", PROJECT.parent / "shared" / "data"))
NIGHT = date(2026, 11, 20)
STAGES = [stage.name for stage in STAGE_NAMES]
GOOD = dict.fromkeys(["wait_for_delivery", "open", *STAGES, "approve", "report"], "success")
MISSING_DATA = f"no Synthea export at {DATA} (ETL_TEST_DATA)"
IMPOSSIBLE = {
    "type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1_000_000},
    "meta": {"severity": "block"}, "description": "There are a million persons",
}  # fmt: skip


@dataclass
class World:
    """Where the nights ran, and what came of each."""

    root: Path
    tiny: Tiny
    results: dict[str, Any]

    @property
    def tiny_ledger(self) -> Ledger:
        return Ledger(self.tiny.settings.ledger_url)

    def tiny_run(self, night: date) -> dict[str, Any]:
        """The ledger's row of the tiny hospital's night."""
        rows = self.tiny_ledger.read(sa.select(RUN).where(RUN.c.night == night))
        assert len(rows) == 1
        return dict(rows[0])

    def told(self) -> dict[str, str]:
        """Everything Airflow has kept or logged, as text."""
        with closing(sqlite3.connect(self.root / "airflow" / "airflow.db")) as con:
            database = "\n".join(con.iterdump())
        logs = [self.root / "airflow.log", *(self.root / "airflow" / "logs").rglob("*.log")]
        return {"database": database} | {str(f): f.read_text(encoding="utf-8", errors="replace") for f in logs}


def day(number: int) -> date:
    return date(2026, 7, number)


def tiny_nights(hospital: Tiny, root: Path) -> list[dict[str, Any]]:
    """The nights of the tiny hospital: good, again, forced, delayed by a lock, blocked, cut, incomplete, absent."""
    strict = root / "strict"
    shutil.copytree(hospital.settings.expectations, strict)
    suite = strict / "cdm" / "person.json"
    said = json.loads(suite.read_text(encoding="utf-8"))
    suite.write_text(json.dumps({**said, "expectations": [*said["expectations"], IMPOSSIBLE]}), encoding="utf-8")
    hospital.deliver(day(1))
    hospital.tables["PAT.csv"].append(["70009", "새환자일", "800101-1000099", "010-0000-7009", "M", "1980-01-01", ""])
    hospital.deliver(day(2))
    hospital.tables["PAT.csv"].append(["70010", "새환자이", "800101-1000199", "010-0000-7010", "M", "1980-01-01", ""])
    hospital.deliver(day(3))
    cut = hospital.deliver(day(4))
    incomplete = hospital.deliver(day(5), DIAG=None)
    (cut / "manifest.csv").write_text("file,bytes,rows\nPAT.csv,999999,6\n", encoding="utf-8")
    usual = {
        "ETL_HOME": str(hospital.settings.home), "ETL_MAPPINGS": str(hospital.settings.mappings),
        "ETL_EXPECTATIONS": str(hospital.settings.expectations), "ETL_KEY_SECRET": tiny.SECRET,
        "ETL_AIRFLOW_WAIT_MINUTES": "5",
    }  # fmt: skip

    def night(name: str, number: int, **more: Any) -> dict[str, Any]:
        conf = {"night": day(number).isoformat(), **more.pop("conf", {})}
        return {"name": name, "dag": "etl_tiny", "conf": conf, "env": {**usual, **more.pop("env", {})}, **more}

    looking = {**usual, "ETL_AIRFLOW_GROWN_DAYS": "36500"}
    late = {str(incomplete / "DIAG.csv"): hospital.raw("DIAG.csv").decode("cp949")}
    return [
        night("good", 1),
        night("again", 1),
        night("forced", 1, conf={"force": True}),
        night("locked", 2, locked=str(hospital.settings.home / "locks" / "tiny.lock")),
        night("blocked", 3, env={"ETL_EXPECTATIONS": str(strict)}),
        night("cut", 4),
        night("incomplete", 5),
        {"name": "nothing grew", "dag": "etl_grown", "env": looking},
        {"name": "grown", "dag": "etl_grown", "env": looking, "files": late},
        {"name": "queued", "dag": "etl_grown", "env": looking},
        night("absent", 6, env={"ETL_AIRFLOW_WAIT_MINUTES": "0.02"}),
        {"name": "reports", "dag": "etl_reports", "env": usual},
        {"name": "achilles", "dag": "etl_achilles", "env": {**usual, "ETL_MEMORY": "1GB"}},
    ]


def synthea_night(root: Path) -> list[dict[str, Any]]:
    """A night of the international demonstration data, whose codes need a vocabulary of their own."""
    if not (DATA / "synthea-27").is_dir():
        return []
    home = root / "synthea"
    load_bundle(Settings(home=home, threads=2, memory="500MB", _env_file=None), DATA / "vocabulary")
    env = {"ETL_HOME": str(home), "ETL_KEY_SECRET": tiny.SECRET, "ETL_MAPPINGS": str(PROJECT / "mappings"),
           "ETL_EXPECTATIONS": str(PROJECT / "expectations")}  # fmt: skip
    conf = {"night": NIGHT.isoformat(), "delivery": str(DATA / "synthea-27")}
    return [{"name": "synthea", "dag": "etl_synthea", "conf": conf, "env": env}]


def folders_of_mappings(root: Path, hospital: Tiny) -> list[dict[str, Any]]:
    """Looks at the DAGs: those of the project, and with a new folder and two broken ones beside them."""
    more = root / "more"
    shutil.copytree(PROJECT / "mappings", more)
    shutil.copytree(hospital.mappings, more / "newcomer")
    head = "hospital: {}\nnumber: 40\nname: {{ko: 새병원, en: New Hospital}}\nschedule: '{}'\n"
    (more / "newcomer" / "hospital.yaml").write_text(head.format("newcomer", "15 3 * * *"), encoding="utf-8")
    for name, text in {"torn": "hospital: [", "late": head.format("late", "at night")}.items():
        (more / name).mkdir()
        (more / name / "hospital.yaml").write_text(text, encoding="utf-8")
    home = {"ETL_HOME": str(root / "looking"), "ETL_KEY_SECRET": tiny.SECRET}
    project = {"ETL_MAPPINGS": str(PROJECT / "mappings"), "ETL_EXPECTATIONS": str(PROJECT / "expectations")}
    return [
        {"name": "project", "env": home | project},
        {"name": "more", "env": {**home, "ETL_MAPPINGS": str(more)}},
        {"name": "torn", "dag": "etl_torn", "env": {**home, "ETL_MAPPINGS": str(more)}},
    ]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, vocabulary: Path) -> World:
    """Prepare an Airflow and all deliveries, run every night, and collect what came of them."""
    root = tmp_path_factory.mktemp("airflow")
    hospital = tiny.make(root / "tiny", vocabulary)
    hospital = replace(hospital, drops=hospital.settings.home / "exports" / "tiny")
    steps = [
        *folders_of_mappings(root, hospital),
        *tiny_nights(hospital, root),
        *synthea_night(root),
    ]
    (root / "steps.json").write_text(json.dumps(steps), encoding="utf-8")
    (root / "airflow").mkdir()
    scheduling = Scheduling(settle_seconds=0, poll_seconds=1, retry_seconds=1, _env_file=None)
    given = {k: v for k, v in os.environ.items() if not k.startswith(("ETL_", "AIRFLOW"))}
    # `dag.test()` of Airflow 3.3.2 fails on a DAG with a deadline: it looks for one that only a scheduler has stored
    limited = {"ETL_THREADS": "2", "ETL_MEMORY": "500MB", "PYTHONPATH": str(PROJECT), "ETL_AIRFLOW_DONE_BY": ""}
    env = environment(hospital.settings, scheduling, root / "airflow", given | limited)
    prepare(env, scheduling)
    command = [sys.executable, str(Path(__file__).with_name("airflow_nights.py")), "steps.json", "results.json"]
    with (root / "airflow.log").open("w") as log:
        done = subprocess.run(command, env=env, cwd=root, stdout=log, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, (root / "airflow.log").read_text(encoding="utf-8")[-4000:]
    return World(root, hospital, json.loads((root / "results.json").read_text(encoding="utf-8")))


def test_the_dags_are_read_without_an_error_fast_and_without_the_engine(world: World) -> None:
    found = world.results["project"]
    assert found["errors"] == {}
    assert found["heavy"] == []
    assert found["seconds"] < 1


def test_every_hospital_has_a_dag_on_its_own_schedule_in_seoul(world: World) -> None:
    dags = world.results["project"]["dags"]
    assert set(dags) == {f"etl_{h}" for h in HOSPITALS} | {
        "etl_achilles",
        "etl_datasets",
        "etl_digest",
        "etl_grown",
        "etl_reports",
        "etl_requests",
        "etl_stage",
    }
    for hospital in HOSPITALS:
        dag = dags[f"etl_{hospital}"]
        assert (dag["time_zone"], dag["catchup"], dag["max_active_runs"]) == ("Asia/Seoul", False, 1)
        assert f"`{dag['schedule']}`" in dag["doc"]
        assert dag["title"] in dag["doc"]
    assert len({dags[f"etl_{h}"]["schedule"] for h in HOSPITALS}) == len(HOSPITALS)


def test_the_tasks_are_the_stages_of_the_pipeline_in_order(world: World) -> None:
    dag = world.results["project"]["dags"]["etl_snuh"]
    order = ["wait_for_delivery", "open", *STAGES[:-1], "approve", "publish", "report"]
    assert set(dag["tasks"]) == set(order)
    for task, following in pairwise(order):
        assert following in dag["tasks"][task]
    assert {s.name: s.retries for s in STAGE_NAMES}.items() <= dag["retries"].items()
    assert [t for t, pool in dag["pools"].items() if pool == "etl_publish"] == ["publish"]


def test_a_new_folder_is_a_new_dag_and_a_broken_one_troubles_nobody_else(world: World) -> None:
    found = world.results["more"]
    assert found["errors"] == {}
    assert set(found["dags"]) == set(world.results["project"]["dags"]) | {"etl_newcomer", "etl_torn", "etl_late"}
    assert found["dags"]["etl_newcomer"]["schedule"] == "15 3 * * *"
    assert "broken" not in found["dags"]["etl_newcomer"]["tags"]
    assert "torn/hospital.yaml:1" in found["dags"]["etl_torn"]["doc"]
    assert "late/hospital.yaml:4  schedule: is not a cron expression" in found["dags"]["etl_late"]["doc"]
    for broken in ("etl_torn", "etl_late"):
        assert "broken" in found["dags"][broken]["tags"]
        assert list(found["dags"][broken]["tasks"]) == ["open"]


def test_the_dag_of_a_broken_hospital_fails_and_says_why(world: World) -> None:
    assert world.results["torn"]["state"] == "failed"
    assert world.results["torn"]["tries"]["open"] == 1


def test_the_night_of_synthea_ends_published(world: World) -> None:
    if "synthea" not in world.results:
        pytest.skip(MISSING_DATA)
    assert world.results["synthea"]["tasks"] == GOOD
    published = Ledger(f"sqlite:///{world.root / 'synthea' / 'ledger.sqlite'}").last_published("synthea")
    assert published is not None
    assert published["night"] == NIGHT


def test_a_published_delivery_is_not_run_again_unless_forced(world: World) -> None:
    assert world.results["good"]["tasks"] == GOOD
    again = world.results["again"]
    assert again["state"] == "success"
    assert again["tasks"] == {**GOOD, **dict.fromkeys([*STAGES, "approve"], "skipped")}
    assert world.results["forced"]["tasks"] == GOOD


def test_a_fault_that_passes_is_tried_again(world: World) -> None:
    assert world.results["locked"]["tasks"] == GOOD
    assert world.results["locked"]["tries"]["open"] > 1
    assert world.tiny_run(day(2))["state"] == "published"


def test_a_closed_gate_stops_the_night_and_the_night_before_stays(world: World) -> None:
    blocked = world.results["blocked"]
    assert blocked["state"] == "failed"
    stopped = {"check_cdm": "failed", "approve": "upstream_failed", "publish": "upstream_failed"}
    assert blocked["tasks"] == {**GOOD, **stopped}
    assert blocked["tries"]["check_cdm"] == 1
    run = world.tiny_run(day(3))
    assert (run["state"], run["stage"]) == ("blocked", "check_cdm")
    assert "There are a million persons" in run["message"]
    last = world.tiny_ledger.last_published("tiny")
    assert last is not None
    assert last["night"] == day(2)
    assert len(tiny.warehouse_rows(world.tiny.settings)["person"]) == 7
    page = world.tiny.settings.reports / day(3).isoformat() / "tiny.html"
    assert "There are a million persons" in page.read_text(encoding="utf-8")


def test_a_missing_file_fails_the_night_at_once(world: World) -> None:
    incomplete = world.results["incomplete"]
    assert incomplete["state"] == "failed"
    assert (incomplete["tasks"]["land"], incomplete["tries"]["land"]) == ("failed", 1)
    assert incomplete["tasks"]["report"] == "success"
    run = world.tiny_run(day(5))
    assert (run["state"], run["stage"]) == ("failed", "land")
    assert "DIAG" in run["message"]


def test_a_delivery_that_grew_after_its_run_is_run_again_and_not_while_that_run_waits(world: World) -> None:
    asked = "select run_id, conf, state from dag_run where dag_id = 'etl_tiny' and run_id like 'grown%'"
    with closing(sqlite3.connect(world.root / "airflow" / "airflow.db")) as con:
        ((run_id, conf, state),) = con.execute(asked).fetchall()
    assert run_id.startswith(f"grown__{day(5)}__")
    assert (json.loads(conf), state) == ({"night": day(5).isoformat()}, "queued")
    looked = {name: world.results[name]["tasks"] for name in ("nothing grew", "grown", "queued")}
    assert {name: tasks["look"] for name, tasks in looked.items()} == dict.fromkeys(looked, "success")
    assert {name: tasks["run_again"] for name, tasks in looked.items()} == {
        "nothing grew": "skipped", "grown": "success", "queued": "skipped",
    }  # fmt: skip


def test_a_file_that_differs_from_the_manifest_is_waited_for_and_never_opened(world: World) -> None:
    cut = world.results["cut"]
    assert cut["state"] == "failed"
    assert (cut["tasks"]["wait_for_delivery"], cut["tasks"]["open"]) == ("failed", "upstream_failed")
    assert cut["tasks"]["report"] == "success"


def test_a_night_without_a_delivery_gives_up_waiting(world: World) -> None:
    absent = world.results["absent"]
    assert absent["state"] == "failed"
    assert (absent["tasks"]["wait_for_delivery"], absent["tasks"]["open"]) == ("failed", "upstream_failed")


def test_the_reports_follow_what_hospitals_publish(world: World) -> None:
    assert world.results["reports"]["state"] == "success"
    for number in (1, 2, 3, 5):
        assert (world.tiny.settings.reports / day(number).isoformat() / "tiny.html").exists()
    query = """select a.uri from asset a join dag_schedule_asset_reference r on r.asset_id = a.id
               where r.dag_id = 'etl_reports'"""
    event = """select count(*) from asset_event e join asset a on a.id = e.asset_id
               where a.uri = 'etl://warehouse/tiny' and e.source_task_id = 'publish'"""
    with closing(sqlite3.connect(world.root / "airflow" / "airflow.db")) as con:
        assert ("etl://warehouse/snuh",) in con.execute(query).fetchall()
        assert con.execute(event).fetchone() == (3,)


def test_achilles_follows_the_reports(world: World) -> None:
    assert world.results["achilles"]["state"] == "success"
    assert world.results["project"]["dags"]["etl_achilles"]["tasks"] == {"compute": []}
    with open_warehouse(world.tiny.settings).reader() as con:
        persons = con.execute("select count_value from results.achilles_results where analysis_id = 1").fetchone()
        assert persons == con.execute("select count(*) from person").fetchone()


def test_airflow_keeps_no_identifier_and_no_secret(world: World) -> None:
    patients = world.tiny.tables["PAT.csv"][1:]
    people = {k: {row[c] for row in patients} for k, c in {"name": 1, "rrn": 2, "phone": 3}.items()}
    told = world.told()
    assert "tiny-20260701-" in told["database"]
    assert len(told["database"]) > 100_000
    for place, text in told.items():
        assert leaked(people, text) == {}, place
        assert tiny.SECRET not in text, place
