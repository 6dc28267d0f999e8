"""`etl achilles`: what it finds is what a full run of OHDSI's finds, whichever hospitals changed; who sees what."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import duckdb
import psycopg
import pytest
import sqlalchemy as sa
import tiny
from duckcdm.achilles import run_achilles
from duckdb import DuckDBPyConnection
from postgres_server import libpq
from pydantic import SecretStr
from tiny import Tiny
from typer.testing import CliRunner, Result

from etl.cli import app
from etl.errors import TransientError
from etl.mapping.read.documents import hospital_folders, read_head
from etl.operations.doctor.achilles import check_achilles
from etl.operations.doctor.examine import look_at
from etl.research.achilles import run
from etl.research.achilles.analyses import analyses, numbers
from etl.research.achilles.run import Outcome, bring_up_to_date
from etl.research.achilles.state import behind
from etl.settings import Settings
from etl.store.ledger.achilles import ACHILLES
from etl.store.ledger.ledger import Ledger
from etl.store.warehouse.ducklake.warehouse import DuckLake
from etl.store.warehouse.open import open_warehouse
from etl.store.warehouse.postgres import results

KEPT = ("snuh", "cbnuh", "dsmc")
COUNTS = "analysis_id, stratum_1, stratum_2, stratum_3, stratum_4, stratum_5, count_value"
DISTRIBUTION = f"{COUNTS}, min_value, max_value, median_value, p10_value, p25_value, p75_value, p90_value"


def compute(settings: Settings, *, again: bool = False) -> Outcome | None:
    return bring_up_to_date(settings, lambda *_: None, again=again)


def query(settings: Settings, sql: str) -> list[tuple[object, ...]]:
    with open_warehouse(settings).reader() as con:
        return con.execute(sql).fetchall()


# What is found --------------------------------------------------------------------------------------------------------


@dataclass
class Three:
    """Three hospitals of the consortium in a warehouse of their own, of which everything is told."""

    settings: Settings

    def clear(self, hospital: str) -> None:
        numbers_of = {f.name: read_head(f).data["number"] for f in hospital_folders(self.settings.mappings)}
        open_warehouse(self.settings).clear(hospital, numbers_of[hospital])

    def full_run(self, file: Path) -> DuckDBPyConnection:
        """OHDSI's own run over all rows, by the package alone."""
        open_warehouse(self.settings).export(file)
        con = duckdb.connect(str(file))
        con.execute("drop schema if exists results cascade")
        _, failed = run_achilles(
            con, cdm_version="5.4", analysis_ids=[each.number for each in analyses()], small_cell_count=0, log=None
        )
        assert failed == []
        return con

    def differences(self, con: DuckDBPyConnection) -> list[tuple[object, ...]]:
        """Rows that only one of both has, of the views that OHDSI's tools read."""
        shutil.copy(self.settings.home / "warehouse" / "results.duckdb", self.settings.home / "seen.duckdb")
        con.execute(f"attach '{self.settings.home / 'seen.duckdb'}' as seen (read_only)")
        found = []
        for view, columns in (("achilles_results", COUNTS), ("achilles_results_dist", DISTRIBUTION)):
            rows = f"select {columns} from {{}}.{view} where analysis_id <> 0"  # which tells the time
            ours, theirs = rows.format("seen.main"), rows.format("results")
            assert (con.execute(f"select count(*) from ({theirs})").fetchone() or (0,))[0] > 500
            found += con.execute(f"({ours} except all {theirs}) union all ({theirs} except all {ours})").fetchall()
        con.execute("detach seen")
        return found


@pytest.fixture
def three(consortium: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Three:
    home = tmp_path / "home"
    shutil.copytree(consortium.home / "warehouse", home / "warehouse")
    DuckLake(home / "warehouse").move()
    made = Three(Settings(home=home, threads=2, memory="1GB", key_secret=SecretStr(tiny.SECRET), _env_file=None))
    monkeypatch.setattr(run, "strictest_small_cell", lambda _: 1)
    for hospital, *_ in query(made.settings, "select hospital from hospital"):
        if hospital not in KEPT:
            made.clear(str(hospital))
    return made


def test_hospitals_added_up_are_what_one_run_over_all_rows_finds_row_for_row(three: Three, tmp_path: Path) -> None:
    done = compute(three.settings)
    assert done is not None
    assert set(done.anew) == set(KEPT)
    with three.full_run(tmp_path / "full.duckdb") as con:
        assert three.differences(con) == []
        summed = f"from results.achilles_results where analysis_id in {tuple(numbers('sum'))}"
        assert (con.execute(f"select count(distinct analysis_id) {summed}").fetchone() or (0,))[0] > 100, (
            "many are summed"
        )

    three.clear("cbnuh")
    later = compute(three.settings)
    assert later is not None
    assert later.anew == (), "the others have not changed"
    with three.full_run(tmp_path / "later.duckdb") as con:
        assert three.differences(con) == []


# When, and who sees it ------------------------------------------------------------------------------------------------


def asked(hospital: Tiny, *words: str) -> Result:
    s = hospital.settings
    env = {"ETL_HOME": str(s.home), "ETL_MAPPINGS": str(s.mappings), "ETL_THREADS": "1", "ETL_MEMORY": "500MB"}
    if s.warehouse_url:
        env["ETL_WAREHOUSE_URL"] = s.warehouse_url
    return CliRunner().invoke(app, list(words), env=env)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handful of the analyses: it is not about what they find."""
    chosen = tuple(each for each in analyses() if each.number in (1, 2, 3, 400, 401, 403, 1815))
    monkeypatch.setattr(run, "analyses", lambda: chosen)
    anew = [n for n in numbers("anew") if n in (403, 1815)]
    monkeypatch.setattr(run, "numbers", lambda how: anew if how == "anew" else [1, 2, 3, 400, 401])


@pytest.mark.usefixtures("few")
def test_only_a_night_that_was_published_is_computed_and_the_ledger_tells_of_which_it_is(either: Tiny) -> None:
    first = either.publish()
    done = json.loads(asked(either, "achilles", "--json").stdout)
    assert (done["changed"], done["anew"]) == (True, ["tiny"])
    persons = query(either.settings, "select count(*) from person")[0][0]
    whole = "select count_value from results.achilles_results where analysis_id = 1"
    assert query(either.settings, whole) == [(persons,)]
    assert json.loads(asked(either, "achilles", "--json").stdout) == {"changed": False}
    assert behind(either.settings) is None

    for n in range(1, 7):
        either.tables["DIAG.csv"].append([f"7000{n}", "", "I10.9", "", "20260610", "N"])
    second = either.publish(tiny.NIGHT + timedelta(days=1))
    assert "tiny" in (behind(either.settings) or "")
    assert "etl achilles" in asked(either, "status").stdout
    look = look_at(either.settings, [])
    assert [(found.what, found.state) for found in check_achilles(look)] == [("achilles", "warn")]
    assert json.loads(asked(either, "achilles", "--json").stdout)["anew"] == ["tiny"]
    hypertension = "select count_value from results.achilles_results where analysis_id = 400 and stratum_1 = '320128'"
    assert query(either.settings, hypertension) == [(6,)]
    rows = Ledger(either.settings.ledger_url).read(sa.select(ACHILLES).order_by(ACHILLES.c.number))
    assert [[night["run"] for night in json.loads(row["nights"])] for row in rows] == [[first], [second]]


@pytest.mark.usefixtures("few")
def test_what_few_persons_have_is_not_told(either: Tiny) -> None:
    either.publish()
    asked(either, "achilles")
    for table in ("achilles_count", "achilles_distribution"):
        assert query(either.settings, f"select count(*) from results.{table} where count_value < 5") == [(0,)]


@pytest.mark.usefixtures("few")
def test_an_analysis_that_fails_leaves_readers_what_they_saw(either: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    either.publish()
    compute(either.settings)
    before = query(either.settings, "from results.achilles_source order by source")
    monkeypatch.setattr("etl.research.achilles.compute.statements", lambda *_: ("select 1 / 'x'::integer",))
    with pytest.raises(TransientError, match="analysis 1 of Achilles") as raised:
        compute(either.settings, again=True)
    assert "x'" not in str(raised.value)
    assert query(either.settings, "from results.achilles_source order by source") == before
    assert list(either.settings.scratch.glob("*")) == []


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("either", ["postgresql"], indirect=True)
def test_results_that_are_cut_off_while_they_are_written_are_the_old_ones(
    either: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    either.publish()
    compute(either.settings)
    counts = "select count(*) from results.achilles_count"
    before = query(either.settings, counts)
    either.tables["DIAG.csv"].append(["70001", "", "I10.9", "", "20260610", "N"])
    either.publish(tiny.NIGHT + timedelta(days=1))
    with monkeypatch.context() as cut:
        cut.setattr(results, "TABLES", (*results.TABLES, "no_table"))
        with pytest.raises(TransientError, match="could not be written"):
            compute(either.settings)
    assert query(either.settings, counts) == before
    assert behind(either.settings)


@pytest.mark.usefixtures("few")
def test_an_exported_file_has_the_results_under_the_names_of_ohdsi(either: Tiny, tmp_path: Path) -> None:
    either.publish()
    compute(either.settings)
    open_warehouse(either.settings).export(tmp_path / "cdm.duckdb")
    with duckdb.connect(str(tmp_path / "cdm.duckdb"), read_only=True) as con:
        named = "select table_name from duckdb_tables() where schema_name = 'results' order by 1"
        assert [name for (name,) in con.execute(named).fetchall()] == [
            "achilles_analysis", "achilles_result_concept_count", "achilles_results", "achilles_results_dist",
            "concept_hierarchy",
        ]  # fmt: skip
        assert con.execute("select count(*) from results.achilles_results").fetchone() != (0,)


@pytest.mark.usefixtures("few")
def test_the_results_of_a_hospital_that_leaves_go_with_it(either: Tiny) -> None:
    either.publish()
    compute(either.settings)
    (number,) = query(either.settings, "select hospital_number from hospital")[0]
    open_warehouse(either.settings).clear("tiny", int(str(number)))
    assert compute(either.settings) is not None
    assert query(either.settings, "select count(*) from results.achilles_count") == [(0,)]
    assert query(either.settings, "select source from results.achilles_source") == [(0,)]
    assert list((either.settings.home / "achilles").glob("*")) == []


def test_without_a_published_night_it_says_what_to_do(hospital: Tiny) -> None:
    done = asked(hospital, "achilles")
    assert done.exit_code == 4
    assert "etl run" in done.stderr


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("either", ["postgresql"], indirect=True)
def test_a_results_schema_of_atlas_shows_a_source(either: Tiny) -> None:
    either.publish()
    compute(either.settings)
    with psycopg.connect(libpq(either.settings.warehouse), autocommit=True) as con:
        con.execute("create schema atlas_tiny")
        con.execute("create table atlas_tiny.achilles_results (analysis_id integer)")  # as WebAPI's DDL makes it
        for whose in ([], ["--hospital", "tiny"]):  # and again, of another source
            con.execute(asked(either, "achilles", "--views", "atlas_tiny", *whose).stdout)
            found = con.execute("select count_value from atlas_tiny.achilles_results where analysis_id = 1").fetchall()
            assert found == query(either.settings, "select count(*) from person")
    assert asked(either, "achilles", "--hospital", "tiny").exit_code == 2
    assert asked(either, "achilles", "--views", "cdm").exit_code == 2
    assert asked(either, "achilles", "--views", "atlas", "--hospital", "nobody").exit_code == 4
