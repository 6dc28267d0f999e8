"""What the nights in Airflow are made of, without Airflow: hours, connections, notices; and limits in suites."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from tiny import Tiny

from etl.errors import ConfigError, GateClosed
from etl.night.check.suites import SuiteError, load_suites
from etl.night.publish.approval import exceeds
from etl.operations.airflow.connections import source_conn_id, task_settings, url_of
from etl.operations.airflow.notify import failed, night_of_run
from etl.operations.airflow.tasks import Stopped, send_digest
from etl.operations.plan import Scheduling, missing, read_plan, time_allowed
from etl.quality.findings.track import track
from etl.settings import load_settings
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.records import Finding

sys.path.append(str(Path(__file__).parents[2] / "acceptance"))
from airflow_service import Heard, listening

POSTGRES = "postgres://etl:pass%2Fword@db.hospital:5433/omop?sslmode=require"


def test_the_hour_a_night_must_be_done_by_is_the_next_one_after_it_is_due() -> None:
    assert time_allowed("30 2 * * *", time(7)) == timedelta(hours=4, minutes=30)
    assert time_allowed("0 22 * * *", time(7)) == timedelta(hours=9)
    assert time_allowed("0 7 * * *", time(7)) == timedelta(days=1)


def test_files_in_sub_folders_are_waited_for(tmp_path: Path) -> None:
    assert missing(tmp_path, 60) == f"{tmp_path} is empty"
    (tmp_path / "ward").mkdir()
    (tmp_path / "ward" / "manifest.csv").write_bytes(b"file,bytes\n")
    assert missing(tmp_path, 60) == f"files are still coming into {tmp_path}"
    assert missing(tmp_path, 0) is None
    (tmp_path / "manifest.csv").write_bytes(b"file,bytes\n")
    assert missing(tmp_path, 60) is None


def test_a_manifest_is_kept_when_all_it_promises_is_there_in_its_size(tmp_path: Path) -> None:
    (tmp_path / "Manifest.CSV").write_bytes(b"File,Bytes\na.csv,4\nb.csv,2\n")
    (tmp_path / "a.csv").write_bytes(b"1234")
    assert missing(tmp_path, 60) == f"1 of 2 files of the manifest are not in {tmp_path} yet"
    (tmp_path / "b.csv").write_bytes(b"1")
    assert missing(tmp_path, 60) is not None
    (tmp_path / "b.csv").write_bytes(b"12")
    assert missing(tmp_path, 60) is None


@pytest.mark.parametrize("suffix", [".part", ".filepart", ".tmp", ".CRDOWNLOAD"])
def test_what_is_called_like_a_file_that_is_coming_is_waited_for(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "manifest.csv").write_bytes(b"file,bytes\n")
    (tmp_path / f"a.csv{suffix}").write_bytes(b"1")
    assert missing(tmp_path, 0) == f"1 of 2 files in {tmp_path} are still coming, by their names"


def test_without_a_manifest_names_and_sizes_must_stay_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr("etl.operations.plan.seconds_now", lambda: now)
    folder, looks = tmp_path / "night", tmp_path / "looks"
    folder.mkdir()
    (folder / "a.csv").write_bytes(b"1")
    os.utime(folder / "a.csv", (1, 1))  # as old as the hospital's own file
    assert missing(folder, 60, looks) is not None
    now += 59
    assert missing(folder, 60, looks) is not None
    (folder / "a.csv").write_bytes(b"12")
    now += 2
    assert missing(folder, 60, looks) is not None, "it grew"
    now += 60
    assert missing(folder, 60, looks) is None


def test_no_hour_means_no_alert(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Scheduling(_env_file=None).done_by == time(7)
    monkeypatch.setenv("ETL_AIRFLOW_DONE_BY", "")
    assert Scheduling(_env_file=None).done_by is None


def test_publishing_has_one_pool_for_each_warehouse() -> None:
    assert Scheduling(_env_file=None).pool == "etl_publish"
    assert Scheduling(warehouse_conn_id="omop", _env_file=None).pool == "etl_publish_omop"


def test_a_night_is_the_day_it_was_due_in_seoul_or_the_parameter() -> None:
    due = datetime(2026, 11, 19, 17, 0, tzinfo=UTC)
    assert night_of_run(SimpleNamespace(conf={}, logical_date=due, run_after=None)) == "2026-11-20"
    assert night_of_run({"conf": None, "logical_date": None, "run_after": due.isoformat()}) == "2026-11-20"
    assert night_of_run({"conf": {"night": "2026-11-01"}, "run_after": due.isoformat()}) == "2026-11-01"


def test_a_connection_becomes_the_warehouse_of_the_task(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OMOP", POSTGRES)
    monkeypatch.setenv("ETL_AIRFLOW_WAREHOUSE_CONN_ID", "omop")
    monkeypatch.setenv("ETL_HOME", str(tmp_path))
    assert url_of("omop").password == "pass/word"
    with task_settings() as settings:
        assert settings.warehouse.drivername == "postgresql+psycopg"
        assert (settings.warehouse.host, settings.warehouse.port, settings.warehouse.database) == (
            "db.hospital", 5433, "omop",
        )  # fmt: skip
        assert settings.warehouse.query["sslmode"] == "require"
    assert "ETL_WAREHOUSE_URL" not in os.environ


def test_a_missing_connection_is_said_without_what_is_in_others(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="no connection 'nowhere'"):
        url_of("nowhere")


def test_source_databases_are_in_the_environment_for_as_long_as_the_work_takes(
    hospital: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("home", "mappings", "expectations"):
        monkeypatch.setenv(f"ETL_{name.upper()}", str(getattr(hospital.settings, name)))
    head = hospital.mappings / "hospital.yaml"
    head.write_text(head.read_text(encoding="utf-8") + "connection: emr\n", encoding="utf-8")
    assert read_plan(hospital.mappings).extracts
    monkeypatch.setenv(f"AIRFLOW_CONN_{source_conn_id('tiny', 'emr').upper()}", POSTGRES)
    with task_settings("tiny"):
        assert os.environ["ETL_SOURCE_TINY_EMR"].startswith("postgresql+psycopg://etl:")
    assert "ETL_SOURCE_TINY_EMR" not in os.environ
    monkeypatch.setenv("ETL_SOURCE_TINY_EMR", "postgresql://given")
    with task_settings("tiny"):
        assert os.environ["ETL_SOURCE_TINY_EMR"] == "postgresql://given"
    assert os.environ["ETL_SOURCE_TINY_EMR"] == "postgresql://given"


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Somebody listens to mail and webhook."""
    extra = json.dumps({"disable_ssl": True, "disable_tls": True})
    with listening() as heard:
        connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": heard.smtp_port, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
        monkeypatch.setenv("ETL_AIRFLOW_MAIL_TO", "night@example.org")
        monkeypatch.setenv("ETL_AIRFLOW_MAIL_FROM", "etl@example.org")
        monkeypatch.setenv("ETL_AIRFLOW_WEBHOOK_URL", f"http://127.0.0.1:{heard.http_port}/hook")
        monkeypatch.setenv("ETL_HOME", str(tmp_path))
        yield heard


def context(error: BaseException | None) -> dict[str, object]:
    ti = SimpleNamespace(task_id="check_cdm", dag_id="etl_snuh")
    run = SimpleNamespace(conf={}, logical_date=None, run_after=datetime(2026, 11, 19, 17, tzinfo=UTC))
    return {"ti": ti, "dag_run": run, "params": {"night": None}, "exception": error}


def test_a_closed_gate_is_told_by_mail_and_webhook_and_nothing_of_its_message(heard: Heard, tmp_path: Path) -> None:
    failed(context(Stopped(GateClosed("person.name: 홍길동"))), "snuh")
    (notice,) = heard.notices()
    assert (notice["event"], notice["hospital"], notice["night"]) == ("a gate closed", "snuh", "2026-11-20")
    assert notice["meaning"].startswith("a gate closed or the input is bad")
    assert notice["report"] == str(tmp_path / "reports" / "2026-11-20" / "snuh.html")
    (mail,) = heard.mails
    assert "[ETL] snuh 2026-11-20: a gate closed" in mail
    assert "홍길동" not in mail + json.dumps(notice, ensure_ascii=False)


def test_kinds_of_faults_are_told_apart(heard: Heard) -> None:
    absent = type("AirflowSensorTimeout", (Exception,), {})
    for error in (Stopped(ConfigError("x")), absent(), None, ValueError("x")):
        failed(context(error), "snuh")
    meanings = [n["meaning"].split(":")[0] for n in heard.notices()]
    assert meanings == [
        "configuration or mapping is wrong", "the delivery has not come", "the task was stopped from outside",
        "unexpected",
    ]  # fmt: skip


def test_a_notice_that_cannot_be_delivered_disturbs_nothing(
    heard: Heard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ETL_AIRFLOW_WEBHOOK_URL", "http://127.0.0.1:1/token-4711")
    failed(context(None), "snuh")
    assert len(heard.mails) == 1, "the other way still works"
    assert "could not be delivered by post" in caplog.text
    assert "token-4711" not in caplog.text


def test_the_digest_is_sent_when_a_finding_waits_and_tells_numbers_only(
    heard: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETL_HOME", str(tmp_path))
    send_digest()
    assert (heard.mails, heard.notices()) == ([], [])
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    ledger.open_run("r1", "snuh", date(2026, 7, 1), "sha")
    ledger.record_findings("r1", "source", [Finding("s", "visits", "e", "Emergencies are admitted", "warn", False)])
    ledger.record_publication("r1")
    track(load_settings(), ledger)
    send_digest()
    (notice,) = heard.notices()
    assert notice["text"] == "1 finding of 1 hospital needs a person\nsnuh: 1 for a person, 1 new"
    assert len(heard.mails) == 1


@pytest.mark.parametrize(
    ("finding", "above"),
    [
        ({"unexpected": 3, "total": 100}, True),
        ({"unexpected": 2, "total": 100}, False),
        ({"success": True, "unexpected": 3, "total": 100}, False),
        ({"unexpected": None, "total": 5}, True),
        ({"error": "there is no table"}, True),
        ({"unexpected": 50, "total": 100, "approve_above": None}, False),
    ],
)
def test_above_its_limit_is_a_failed_warning_with_more_rows_than_that_share(
    finding: dict[str, object], above: bool
) -> None:
    said = {"success": False, "severity": "warn", "approve_above": 0.02, **finding}
    made = Finding("suite", "table", "kind", "promise", **said)  # type: ignore[arg-type]
    assert exceeds({name: getattr(made, name) for name in Finding.__slots__}) is above


@pytest.mark.parametrize(
    ("meta", "kwargs", "problem"),
    [
        ({"severity": "warn", "approve_above": 2}, {}, "expected a share from 0 to below 1"),
        ({"severity": "block", "approve_above": 0.1}, {}, "what blocks cannot be approved"),
        ({"severity": "warn", "approve_above": 0.01}, {"mostly": 0.9}, "is below what mostly 0.9 lets pass"),
    ],
)
def test_a_limit_that_cannot_work_is_a_problem_of_the_suite(
    tmp_path: Path, meta: dict[str, object], kwargs: dict[str, object], problem: str
) -> None:
    said = {
        "type": "expect_column_values_to_not_be_null", "kwargs": {"column": "SEX", **kwargs}, "meta": meta,
        "description": "SEX is there",
    }  # fmt: skip
    (tmp_path / "pat.json").write_text(json.dumps({"name": "pat", "expectations": [said]}), encoding="utf-8")
    with pytest.raises(SuiteError, match=problem):
        load_suites(tmp_path)
