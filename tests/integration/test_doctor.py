"""`etl doctor`: a healthy home is well, and every sickness is found with its next step."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import postgres_server
import psycopg
import pytest
import sqlalchemy as sa
import tiny
from pydantic import SecretStr
from small_disks import disk_in_memory
from sqlalchemy.engine import URL
from tiny import NIGHT, SECRET, Tiny
from typer.testing import CliRunner

from etl.cli import app
from etl.night.pipeline import run_delivery
from etl.operations.airflow.start import environment, prepare
from etl.operations.doctor import anchors
from etl.operations.doctor.airflow import check_airflow
from etl.operations.doctor.examine import examine, exit_code, look_at
from etl.operations.doctor.finding import Finding, Look
from etl.operations.doctor.keys import BACKED_UP
from etl.operations.doctor.machine import check_settings
from etl.operations.doctor.postgres import check_postgres
from etl.operations.plan import Scheduling
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import APPROVAL
from etl.store.warehouse.postgres.init import initialise
from etl.vocabulary.release import MARKER

MORNING = datetime(NIGHT.year, NIGHT.month, NIGHT.day, 8, tzinfo=UTC)  # after the night was due and waited for
PASSWORD = "not-to-be-told-8c1f"
_ELSEWHERE: dict[str, Path] = {}


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where anchors are noted; another disk, whatever this machine has."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.setitem(_ELSEWHERE, "folder", folder)
    monkeypatch.setattr(anchors, "_beside_ledger", lambda *_: False)
    return folder


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, vocabulary: Path) -> Tiny:
    """A home that has published a night, kept as the handbook says."""
    hospital = tiny.make(tmp_path_factory.mktemp("doctor") / "home", vocabulary)
    hospital.rewrite("hospital.yaml", "number:", "drops: drops\nnumber:")
    folder = hospital.deliver()
    manifest = "".join(f"{f.name},{f.stat().st_size}\n" for f in folder.glob("*.csv"))
    (folder / "manifest.csv").write_text(f"file,bytes\n{manifest}", encoding="utf-8")
    run_delivery(hospital.settings, "tiny", folder)
    hospital.settings.home.chmod(0o700)
    (hospital.settings.keys / BACKED_UP).touch()
    return hospital


def look(hospital: Tiny, now: datetime = MORNING, **env: str) -> Look:
    settings = hospital.settings.model_copy(update={"audit_anchors": _ELSEWHERE["folder"]})
    return look_at(settings, [], {"PATH": os.environ["PATH"], **env}, now)


def with_settings(seen: Look, **changed: object) -> Look:
    return replace(seen, settings=seen.settings.model_copy(update=changed))


def unwell(seen: Look) -> list[Finding]:
    return [f for f in examine(seen) if f.state != "ok"]


def only(found: list[Finding]) -> Finding:
    assert len(found) == 1, [f.text for f in found]
    return found[0]


@contextmanager
def moved_away(path: Path) -> Iterator[None]:
    aside = path.with_name(f"{path.name}.aside")
    path.rename(aside)
    try:
        yield
    finally:
        aside.rename(path)


def test_in_a_healthy_home_all_is_well(published: Tiny) -> None:
    found = examine(look(published))
    assert [(f.what, f.text) for f in found if f.state != "ok"] == []
    assert exit_code(found) == 0
    subjects = {"machine", "keys", "mappings", "vocabulary", "warehouse", "disk", "deliveries"}
    assert {f.subject for f in found} == subjects
    assert "1 hospital(s) are published" in " ".join(f.text for f in found)


@pytest.mark.parametrize("state", ["hospital", "published"])
def test_looking_leaves_no_trace(state: str, request: pytest.FixtureRequest) -> None:
    asked: Tiny = request.getfixturevalue(state)

    def there() -> dict[Path, int]:
        """Files and when they changed; the embedded warehouse's own lock files come and go with every reader."""
        home = asked.settings.home
        files = (f for f in home.rglob("*") if not f.is_relative_to(home / "warehouse"))
        return {f: f.stat().st_mtime_ns for f in files if f != home}

    before = there()
    examine(look(asked))
    assert there() == before


def test_the_wrong_secret_is_told_without_showing_any(published: Tiny) -> None:
    wrong = "f" * 32
    finding = only(unwell(with_settings(look(published), key_secret=SecretStr(wrong))))
    assert (finding.state, finding.code) == ("fail", 4)
    assert "made with another ETL_KEY_SECRET" in finding.text
    assert "restore the secret" in str(finding.step)
    assert not any(secret in f"{finding}" for secret in (wrong, SECRET))


def test_a_missing_secret_is_told(published: Tiny) -> None:
    finding = only(unwell(with_settings(look(published), key_secret=None)))
    assert (finding.what, finding.code) == ("secret", 4)


def test_a_key_store_that_others_may_read_is_told(published: Tiny) -> None:
    store = published.settings.keys / "tiny.sqlite"
    store.chmod(0o644)
    try:
        finding = only(unwell(look(published)))
    finally:
        store.chmod(0o600)
    assert (finding.what, finding.state) == ("permissions", "fail")
    assert "chmod" in str(finding.step)


def test_a_back_up_that_lags_behind_the_keys_is_told(published: Tiny) -> None:
    marker = published.settings.keys / BACKED_UP
    old = marker.stat().st_mtime - timedelta(days=9, hours=12).total_seconds()
    os.utime(marker, (old, old))
    try:
        finding = only(unwell(look(published)))
        assert "9 days behind" in finding.text
        marker.unlink()
        assert "no back-up" in only(unwell(look(published))).text
    finally:
        marker.touch()


def test_a_broken_mapping_is_told_with_its_line(hospital: Tiny) -> None:
    hospital.rewrite("hospital.yaml", "number:", "nummer:")
    found = [f for f in unwell(look(hospital)) if f.subject == "mappings"]
    assert "hospital.yaml:" in only(found).text
    assert "etl check tiny" in str(found[0].step)


def test_a_stale_vocabulary_is_told(published: Tiny) -> None:
    later = look(published, MORNING + timedelta(days=700))
    finding = only([f for f in unwell(later) if f.subject == "vocabulary"])
    assert "days old" in finding.text
    assert "Athena" in str(finding.step)


def test_a_vocabulary_of_an_older_program_is_told(published: Tiny, tmp_path: Path) -> None:
    hospital = tiny.make(tmp_path / "home", published.settings.vocabularies)
    (hospital.settings.home / "vocabulary").unlink()
    old = hospital.settings.home / "vocabulary" / "v5"
    old.mkdir(parents=True)
    (old / MARKER).write_text(json.dumps({"version": "v5.0", "format": 1, "rows": {}}), encoding="utf-8")
    found = [f for f in unwell(look(hospital)) if f.subject == "vocabulary"]
    assert {f.state for f in found} == {"fail", "warn"}
    assert all("etl vocabulary load" in str(f.step) for f in found)


def test_a_missing_drop_folder_is_told(published: Tiny) -> None:
    with moved_away(published.drops):
        finding = only(unwell(look(published)))
    assert (finding.subject, finding.state, finding.code) == ("deliveries", "fail", 5)
    assert "mount the hospital's share" in str(finding.step)


def test_a_night_that_has_not_come_is_told(published: Tiny) -> None:
    finding = only(unwell(look(published, MORNING + timedelta(days=1))))
    assert f"newest delivery is of {NIGHT}; the night of 2026-07-02 has not come" in finding.text


def test_a_folder_that_is_no_night_is_passed_over(published: Tiny) -> None:
    odd = [published.drops / name for name in ("2026-13-45", "20269999", "to be sent again")]
    for folder in odd:
        folder.mkdir()
    try:
        assert unwell(look(published)) == []
    finally:
        for folder in odd:
            folder.rmdir()


def test_a_night_that_cannot_be_read_is_told(published: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path, _settle: float) -> str | None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))

    monkeypatch.setattr("etl.operations.doctor.nights.missing", refuse)
    finding = only(unwell(look(published)))
    assert (finding.what, finding.state, finding.code) == ("tiny", "fail", 5)
    assert f"{published.drops / NIGHT.isoformat()} cannot be read" in finding.text


def test_a_lost_file_of_the_warehouse_is_told(published: Tiny) -> None:
    file = next((published.settings.home / "warehouse" / "data" / "tiny").rglob("person.parquet"))
    with moved_away(file):
        finding = only(unwell(look(published)))
    assert (finding.subject, finding.state) == ("warehouse", "fail")
    assert str(file) in finding.text
    assert "--force" in str(finding.step)


def test_a_run_at_work_is_no_sickness_until_it_lasts_for_half_a_day(published: Tiny) -> None:
    lock = published.settings.home / "locks" / "tiny.lock"
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        now = datetime.now(UTC)
        held = only([f for f in examine(look(published, now)) if f.what == "lock"])
        assert held.state == "ok"
        assert f"process {os.getpid()}" in held.text
        late = only([f for f in examine(look(published, now + timedelta(days=1))) if f.what == "lock"])
        assert late.state == "warn"


def test_a_run_that_was_cut_off_is_told(hospital: Tiny) -> None:
    ledger = Ledger(hospital.settings.ledger_url)
    ledger.open_run("tiny-20260701-cut", "tiny", NIGHT, "-", stage="map")
    soon = [f for f in unwell(look(hospital, datetime.now(UTC))) if f.subject == "runs"]
    later = [f for f in unwell(look(hospital, datetime.now(UTC) + timedelta(hours=2))) if f.subject == "runs"]
    assert soon == []
    assert "etl run tiny" in str(only(later).step)


def test_a_run_that_waits_for_a_person_was_not_cut_off(hospital: Tiny) -> None:
    ledger = Ledger(hospital.settings.ledger_url)
    ledger.open_run("tiny-20260701-asks", "tiny", NIGHT, "-", stage="check_cdm")
    asked = {"run_id": "tiny-20260701-asks", "gate": "cdm", "asked_at": datetime(2026, 7, 1), "decision": "waiting"}
    with ledger.engine.begin() as con:
        con.execute(sa.insert(APPROVAL).values(**asked, findings="[]"))
    finding = only([f for f in examine(look(hospital, datetime.now(UTC) + timedelta(hours=5))) if f.subject == "runs"])
    assert (finding.what, finding.state) == ("approval", "ok")
    assert "etl approve" in finding.text


def test_a_full_disk_is_told_before_the_night(tmp_path: Path, vocabulary: Path) -> None:
    with disk_in_memory(tmp_path, "16m") as disk:
        hospital = tiny.make(disk / "home", vocabulary)
        ledger = Ledger(hospital.settings.ledger_url)
        ledger.open_run("tiny-20260701-0", "tiny", NIGHT, "-")
        ledger.update_run("tiny-20260701-0", bytes_in=9_000_000)
        (disk / "ballast").write_bytes(bytes(8_000_000))
        finding = only([f for f in unwell(look(hospital)) if f.subject == "disk"])
        assert (finding.state, finding.code) == ("fail", 5)
        assert "needs about 9 MB" in finding.text
        (disk / "ballast").unlink()
        assert only([f for f in unwell(look(hospital)) if f.subject == "disk"]).state == "warn"


def test_a_full_disk_of_the_lake_alone_is_told(tmp_path: Path, vocabulary: Path) -> None:
    with disk_in_memory(tmp_path, "2m") as disk:
        hospital = tiny.make(tmp_path / "home", vocabulary)
        hospital.settings.lake.symlink_to(disk)
        ledger = Ledger(hospital.settings.ledger_url)
        ledger.open_run("tiny-20260701-0", "tiny", NIGHT, "-")
        ledger.update_run("tiny-20260701-0", bytes_in=9_000_000)
        finding = only([f for f in unwell(look(hospital)) if f.what == "room"])
    assert (finding.subject, finding.state, finding.code) == ("disk", "fail", 5)


def test_a_home_that_cannot_be_written_is_told(tmp_path: Path, vocabulary: Path) -> None:
    with disk_in_memory(tmp_path, "16m") as disk:
        hospital = tiny.make(disk / "home", vocabulary)
        subprocess.run([str(shutil.which("mount")), "-o", "remount,ro", str(disk)], check=True)
        finding = only([f for f in unwell(look(hospital)) if f.subject == "disk"])
    assert (finding.what, finding.state) == ("rights", "fail")
    assert "chown" in str(finding.step)


def test_a_mistyped_setting_is_told(published: Tiny) -> None:
    finding = only(unwell(look(published, ETL_MEMROY="2GB")))
    assert finding.step == "did you mean ETL_MEMORY?"


def test_no_secret_of_the_warehouses_url_is_told(published: Tiny) -> None:
    url = f"postgresql+psycopg://etl:{PASSWORD}@127.0.0.1:1/omop?sslmode=require&password={PASSWORD}"
    settings = Settings(home=published.settings.home, warehouse_url=url)
    found = list(check_settings(replace(look(published), settings=settings)))
    assert "etl:***@127.0.0.1:1/omop" in found[0].text
    assert PASSWORD not in str(found)


def test_more_than_the_machine_has_is_told(published: Tiny) -> None:
    cores = only(unwell(with_settings(look(published), threads=4096)))
    memory = only(unwell(with_settings(look(published), memory="900GB")))
    assert "ETL_THREADS" in str(cores.step)
    assert "ETL_MEMORY" in str(memory.step)


def test_the_command_line_tells_it_all_and_exits_by_family(published: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = published.settings
    given = {"HOME": settings.home, "MAPPINGS": settings.mappings, "EXPECTATIONS": settings.expectations}
    for name, value in {**given, "KEY_SECRET": SECRET, "THREADS": 2, "MEMORY": "500MB"}.items():
        monkeypatch.setenv(f"ETL_{name}", str(value))
    well = CliRunner().invoke(app, ["doctor"])
    assert "✓  keys" in well.stdout
    monkeypatch.setenv("ETL_KEY_SECRET", "f" * 32)
    sick = CliRunner().invoke(app, ["doctor", "tiny", "--json"])
    said = json.loads(sick.stdout)
    assert (sick.exit_code, said["exit_code"]) == (4, 4)
    assert [f["what"] for f in said["findings"] if f["state"] == "fail"] == ["secret"]
    monkeypatch.setenv("ETL_AIRFLOW_RETRY_SECONDS", "soon")
    wrong = CliRunner().invoke(app, ["doctor", "--json"])
    monkeypatch.delenv("ETL_AIRFLOW_RETRY_SECONDS")
    finding = json.loads(wrong.stdout)["findings"][0]
    assert (wrong.exit_code, finding["what"], finding["state"]) == (4, "settings", "fail")
    assert "ETL_AIRFLOW_RETRY_SECONDS" in finding["text"]
    unknown = CliRunner().invoke(app, ["doctor", "tinny"])
    assert unknown.exit_code == 4
    assert "tiny" in unknown.stderr


def in_postgres(hospital: Tiny, url: URL) -> Look:
    shown = url.render_as_string(hide_password=False)
    return look_at(hospital.settings.model_copy(update={"warehouse_url": shown}), [], {"-": "-"}, MORNING)


@pytest.fixture
def pipeline(database: URL) -> Iterator[URL]:
    """The login of a pipeline on a database that was made a warehouse."""
    login = f"{database.database}_etl"
    with psycopg.connect(postgres_server.libpq(database), autocommit=True) as con:
        con.execute(f"create role {login} login password '{PASSWORD}'")
    url = database.set(username=login, password=PASSWORD)
    initialise(database, url)
    yield url
    with psycopg.connect(postgres_server.libpq(database), autocommit=True) as con:
        con.execute(f"drop role {login}")


def as_admin(database: URL, statement: str) -> None:
    with psycopg.connect(postgres_server.libpq(database), autocommit=True) as con:
        con.execute(statement)  # type: ignore[arg-type]


def test_a_warehouse_on_postgresql_is_well(hospital: Tiny, pipeline: URL) -> None:
    found = list(check_postgres(in_postgres(hospital, pipeline)))
    assert {f.what: f.state for f in found} == dict.fromkeys(
        ["server", "revision", "roles", "row security", "functions", "connections", "clock"], "ok"
    )
    assert PASSWORD not in str(found)


SICK_DATABASES: list[tuple[str, str, str]] = [
    ("update admin.alembic_version set version_num = '0000'", "revision", "etl warehouse upgrade"),
    ("update admin.alembic_version set version_num = '9999'", "revision", "version of the program"),
    (
        "alter table cdm.person disable row level security", "row security",
        "alter table cdm.person enable row level security",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "what", "step"), SICK_DATABASES)
def test_a_sick_database_is_told(
    hospital: Tiny, database: URL, pipeline: URL, statement: str, what: str, step: str
) -> None:
    as_admin(database, statement)
    finding = only([f for f in check_postgres(in_postgres(hospital, pipeline)) if f.state != "ok"])
    assert (finding.what, finding.state, finding.code) == (what, "fail", 4)
    assert step in str(finding.step)


def test_the_step_of_row_security_mends_it(hospital: Tiny, database: URL, pipeline: URL) -> None:
    as_admin(database, "alter table cdm.person disable row level security")
    seen = in_postgres(hospital, pipeline)
    step = only([f for f in check_postgres(seen) if f.state != "ok"]).step
    as_admin(database, f"set role etl_loader; {str(step).partition(': ')[2]}")
    assert {f.state for f in check_postgres(seen)} == {"ok"}


def test_the_connections_of_others_are_counted(hospital: Tiny, database: URL, pipeline: URL) -> None:
    def free() -> int:
        found = only([f for f in check_postgres(in_postgres(hospital, pipeline)) if f.what == "connections"])
        return int(found.text.split()[0])

    before = free()
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(psycopg.connect(postgres_server.libpq(database)))
        assert before - free() >= 15  # other tests may end theirs meanwhile


def test_a_check_that_breaks_off_is_told_and_the_others_go_on(hospital: Tiny, database: URL, pipeline: URL) -> None:
    as_admin(database, "revoke all on admin.alembic_version from etl_loader")
    found = examine(in_postgres(hospital, pipeline))
    broken = only([f for f in found if f.subject == "warehouse" and f.state == "fail"])
    assert (broken.what, broken.code) == ("warehouse", 4)
    assert "InsufficientPrivilege" in broken.text
    assert {"disk", "deliveries"} <= {f.subject for f in found}


def test_a_login_that_is_no_loader_is_told(hospital: Tiny, database: URL, pipeline: URL) -> None:
    as_admin(database, f"revoke etl_loader from {pipeline.username}")
    as_admin(database, f"grant connect on database {database.database} to {pipeline.username}")
    finding = only([f for f in check_postgres(in_postgres(hospital, pipeline)) if f.state == "fail"])
    as_admin(database, f"revoke connect on database {database.database} from {pipeline.username}")
    assert "no member of etl_loader" in finding.text
    assert "etl warehouse init" in str(finding.step)


def test_a_login_with_too_few_connections_is_told(hospital: Tiny, database: URL, pipeline: URL) -> None:
    as_admin(database, f"alter role {pipeline.username} connection limit 3")
    finding = only([f for f in check_postgres(in_postgres(hospital, pipeline)) if f.state != "ok"])
    assert (finding.what, finding.state) == ("connections", "warn")


def test_a_database_that_is_no_warehouse_yet_is_told(hospital: Tiny, database: URL) -> None:
    found = list(check_postgres(in_postgres(hospital, database)))
    failed = only([f for f in found if f.state == "fail"])
    assert "etl warehouse init" in str(failed.step)


def test_a_password_that_is_wrong_and_a_database_that_is_not_there_are_told(hospital: Tiny, database: URL) -> None:
    away = only(list(check_postgres(in_postgres(hospital, database.set(database="nowhere")))))
    assert (away.state, away.code) == ("fail", 4)
    assert "ETL_WAREHOUSE_URL" in str(away.step)


def test_a_server_that_was_stopped_is_told(hospital: Tiny, tmp_path: Path) -> None:
    folder = tmp_path / "server"
    folder.mkdir()
    if os.environ.get("ETL_TEST_POSTGRES"):
        pytest.skip("the server that ETL_TEST_POSTGRES names is not ours to stop")
    with postgres_server.server(folder) as url:
        assert {f.what for f in check_postgres(in_postgres(hospital, url))} > {"server", "clock"}
    found = [f for f in unwell(in_postgres(hospital, url.set(password=PASSWORD))) if f.subject == "warehouse"]
    finding = only(found)
    assert (finding.state, finding.code) == ("fail", 5)
    assert "pg_isready" in str(finding.step)
    assert PASSWORD not in str(found)


def test_an_airflow_without_a_scheduler_is_told(published: Tiny, tmp_path: Path) -> None:
    home = tmp_path / "airflow"
    home.mkdir()
    env = environment(published.settings, Scheduling(), home, os.environ)
    prepare(env, Scheduling())
    url = env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    seen = look(published, datetime.now(UTC), AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=url)

    def airflow(state: Callable[[Finding], bool]) -> dict[str, str]:
        return {f.what: f.state for f in examine(seen) if f.subject == "airflow" and state(f)}

    down = {"scheduler": "fail", "dag-processor": "fail", "DAGs": "fail"}
    assert airflow(lambda f: f.state != "ok") == down
    engine = sa.create_engine(url)
    with engine.begin() as con:
        for job in ("SchedulerJob", "DagProcessorJob"):
            con.execute(
                sa.text("insert into job (job_type, state, latest_heartbeat) values (:j, 'running', :t)"),
                {"j": job, "t": datetime.now(UTC).replace(tzinfo=None)},
            )
        con.execute(sa.text("delete from slot_pool where pool = 'etl_publish'"))
    assert airflow(lambda f: f.state == "ok") == {"scheduler": "ok", "dag-processor": "ok"}
    pool = only([f for f in examine(seen) if f.what == "pool"])
    assert "airflow pools set etl_publish" in str(pool.step)


AIRFLOW = """
    create table job (job_type varchar, state varchar, latest_heartbeat timestamp with time zone);
    create table import_error (filename varchar);
    create table dag (dag_id varchar, is_paused boolean, is_stale boolean);
    create table slot_pool (pool varchar, slots integer);
    insert into dag values ('etl_tiny', false, false);
    insert into slot_pool values ('etl_publish', 2);
    insert into job values ('SchedulerJob', 'running', '2026-07-01 02:00+00');
"""


def test_a_sign_of_life_is_told_in_utc_wherever_the_server_is(hospital: Tiny, database: URL) -> None:
    as_admin(database, AIRFLOW)
    as_admin(database, f"alter database {database.database} set timezone to 'Asia/Seoul'")
    url = database.render_as_string(hide_password=False)
    found = list(check_airflow(look(hospital, AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=url)))
    assert "2026-07-01 02:00 UTC" in only([f for f in found if f.what == "scheduler"]).text


def test_the_pool_is_that_of_the_warehouses_connection(hospital: Tiny, database: URL) -> None:
    as_admin(database, AIRFLOW)
    url = database.render_as_string(hide_password=False)
    seen = look(hospital, AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=url)
    assert only([f for f in check_airflow(seen) if f.what == "pool"]).state == "ok"
    elsewhere = replace(seen, scheduling=Scheduling(warehouse_conn_id="omop"))
    finding = only([f for f in check_airflow(elsewhere) if f.what == "pool"])
    assert (finding.state, "airflow pools set etl_publish_omop 2" in str(finding.step)) == ("fail", True)


def test_a_home_whose_exports_lie_elsewhere_is_well(tmp_path: Path, vocabulary: Path) -> None:
    hospital = tiny.make(tmp_path / "home", vocabulary)
    brought = tmp_path / "brought"
    away = Tiny(hospital.settings, hospital.tables, brought)

    def of_drops(now: datetime = MORNING) -> Finding:
        [found] = [f for f in examine(look(hospital, now)) if f.subject == "deliveries"]
        return found

    assert "there is no drop folder" in of_drops().text
    away.publish()
    found = of_drops()
    assert str(brought) in found.text and "no drop folder" not in found.text
    assert "the night of" in of_drops(MORNING + timedelta(days=2)).text
    shutil.rmtree(brought)
    assert (of_drops().state, of_drops().text.endswith("and is gone")) == ("warn", True)
