"""A night taken out of a hospital's own PostgreSQL: the same warehouse, one moment, whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import postgres_server
import psycopg
import pyarrow.parquet as pq
import pytest
import tiny
from sqlalchemy.engine import URL
from tiny import NIGHT, Tiny
from typer.testing import CliRunner

from etl.cdm.spec import hospital_tables
from etl.cli import app
from etl.errors import ConfigError, EtlError, GateClosed, MappingError, TransientError, UsageError
from etl.mapping.load import load_mappings
from etl.night.attempt import attempt
from etl.night.opening import open_run
from etl.night.pipeline import STAGES, run_delivery
from etl.night.remember import begin
from etl.operations.extract.marks import Mark
from etl.operations.extract.night import ExtractedNight, extract_night, waits_for
from etl.quality.lineage.line import trace_line
from etl.quality.lineage.row import trace_row
from etl.store.ledger.ledger import now

DATA = tiny.DATA.parent / "source_database"
TABLES = {
    "PAT.csv": "patient", "ADM.csv": "admission", "DIAG.csv": "diagnosis", "LAB.csv": "result", "EXM.csv": "exam_code",
}  # fmt: skip
SOURCES = ("patients", "visits", "diagnoses", "results", "exam_codes")
VARIABLE = "ETL_SOURCE_TINY_EMR"
NIGHTS = [NIGHT + timedelta(days=n) for n in range(4)]
# how many rows came and were replaced since differs between nights of changes and a whole one
COMPARED = [t for t in hospital_tables() if t != "metadata"]
HIS = ("70001", "A01", "L001", "2026-06-01 09:10")


@pytest.fixture
def emr(hospital: Tiny, database: URL, monkeypatch: pytest.MonkeyPatch) -> psycopg.Connection[Any]:
    """A connection to the tiny hospital's own database, with its records in it; its contract says queries."""
    con = psycopg.connect(postgres_server.libpq(database), autocommit=True)
    con.execute((DATA / "tables.sql").read_bytes())
    for file, table in TABLES.items():
        names = ", ".join(hospital.tables[file][0])
        with con.cursor().copy(f"copy emr.{table} ({names}) from stdin (format csv, header)".encode()) as copy:
            copy.write(tiny.as_csv(hospital.tables[file]))
    shutil.copy(DATA / "queries.yaml", hospital.mappings / "sources_queries.yaml")
    shutil.copy(DATA / "patients.sql", hospital.mappings)
    hospital.rewrite("hospital.yaml", "live_since", "drops: drops\nconnection: emr\nlive_since")
    monkeypatch.setenv(VARIABLE, database.render_as_string(hide_password=False))
    return con


@pytest.fixture
def changing(emr: psycopg.Connection[Any], hospital: Tiny, monkeypatch: pytest.MonkeyPatch) -> psycopg.Connection[Any]:
    """The same hospital as one whose nights bring what changed."""
    monkeypatch.setattr("etl.night.merge.merge._TOO_MANY", 2)
    shutil.copy(DATA / "changes.yaml", hospital.mappings / "sources_that_change.yaml")
    for table in ("admission", "diagnosis", "result"):  # one row each was written last
        emr.execute(f"update emr.{table} set upd_dtm = '2026-06-30 23:00' where pt_no = '70002'")
    return emr


def extract(hospital: Tiny, night: date = NIGHT, **options: Any) -> ExtractedNight:
    return extract_night(hospital.settings, "tiny", night, **options)


def publish(hospital: Tiny, night: date, *, gates: bool = False, **options: Any) -> ExtractedNight:
    """Extract a night and run it, the gates standing open unless they are to be asked."""
    found = extract(hospital, night, **options)
    run = begin(hospital.settings, "tiny", found.folder, night, None)
    open_run(run)
    for stage in STAGES:
        if gates or not stage.name.startswith("check_"):
            attempt(run, stage)
        else:
            run.ledger.record_stage(run.run_id, stage.name, "done", now(), 0, 0)
    return found


def rows_of(found: ExtractedNight, source: str) -> list[dict[str, Any]]:
    return list(pq.read_table(found.folder / f"{source}.parquet").to_pylist())


def counts(found: ExtractedNight) -> dict[str, int]:
    return {s.source: s.rows for s in found.sources}


def nothing_came(hospital: Tiny) -> bool:
    """Whether no delivery lies in the drop folder, nor the beginning of one."""
    return not hospital.drops.exists() or not any(hospital.drops.iterdir())


def test_the_warehouse_is_that_of_the_files(hospital: Tiny, vocabulary: Path, tmp_path: Path, emr: Any) -> None:
    delivering = tiny.make(tmp_path / "files", vocabulary)
    delivering.publish()
    found = extract(hospital)
    assert counts(found) == {"patients": 6, "visits": 8, "diagnoses": 8, "results": 8, "exam_codes": 4}
    run_delivery(hospital.settings, "tiny", found.folder)
    there, wanted = tiny.warehouse_rows(hospital.settings), tiny.warehouse_rows(delivering.settings)
    for table in tiny.FILLED:
        assert there[table] == wanted[table], table
    number = there["condition_occurrence"][0][0]
    made = trace_row(hospital.settings, "condition_occurrence", number).made
    assert made is not None
    assert made.origin.file == "diagnoses.parquet"
    line = trace_line(hospital.settings, "tiny", "diagnoses.parquet", made.origin.record)
    assert [o.rows for o in line.outcomes] == [(("condition_occurrence", number),)]


def test_what_is_extracted_is_for_nobody_else_to_read(hospital: Tiny, emr: Any) -> None:
    folder = extract(hospital).folder
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {f.stat().st_mode & 0o777 for f in folder.iterdir()} == {0o600}
    state = hospital.settings.home / "extracted"
    assert state.stat().st_mode & 0o777 == 0o700
    with (folder / "manifest.csv").open() as stream:
        listed = {r["file"]: (int(r["bytes"]), int(r["rows"])) for r in csv.DictReader(stream)}
    assert listed["results.parquet"] == ((folder / "results.parquet").stat().st_size, 8)
    assert set(listed) == {f"{s}.parquet" for s in SOURCES}


def test_only_columns_of_the_contract_leave_the_database(hospital: Tiny, emr: Any) -> None:
    assert set(rows_of(extract(hospital), "visits")[0]) == {
        "ADM_NO", "PT_NO", "KIND", "IN_DTM", "OUT_DTM", "DEPT", "MEMO",
    }  # fmt: skip


ODD = {
    "a": "한글 '따옴표' \"둘\", 쉼표",
    "b": "",
    "c": None,
    "d": "줄\n바꿈\r\n\\. \\N\t끝 ",
    "e": "12345678901234567890.1234567890",
    "f": "0.1",
    "g": "2026-06-01 08:30:00",
    "h": "2026-06-01 08:30:00.123456",
    "i": "2026-06-01",
    "j": "-9223372036854775808",
    "k": "t",
    "l": "\\x00ff",
    "m": "NULL",
    "n": "ab  ",
}


def odd_source(hospital: Tiny, query: str) -> None:
    """A hospital with one source more, whose values are odd."""
    columns = ", ".join(f"{c}: " for c in ODD)
    (hospital.mappings / "sources_odd.yaml").write_text(
        f"sources:\n  odd:\n    unused: odd values\n    query: {json.dumps(query)}\n    columns: {{{columns}}}\n",
        encoding="utf-8",
    )


def test_every_value_of_postgresql_comes_as_it_is(hospital: Tiny, emr: Any) -> None:
    emr.execute(
        """create table odd (a text, b text, c text, d text, e numeric(30,10), f float8, g timestamp, h timestamptz,
             i date, j bigint, k boolean, l bytea, m text, n char(4))"""
    )
    values = {**ODD, "h": "2026-06-01 08:30:00.123456+09"}
    emr.execute(f"insert into odd values ({', '.join(['%s'] * len(ODD))})", list(values.values()))
    emr.execute("insert into odd default values")
    emr.execute(f"alter database {emr.info.dbname} set datestyle = 'German'")
    odd_source(hospital, "select * from odd order by a")
    full, empty = rows_of(extract(hospital), "odd")
    assert full == {**values, "h": "2026-06-01 08:30:00.123456+09"}
    assert set(empty.values()) == {None}


def test_a_lone_column_that_is_null_is_a_row(hospital: Tiny, emr: Any) -> None:
    (hospital.mappings / "sources_odd.yaml").write_text(
        """sources: {odd: {unused: odd values, query: "values (null), (''), (null), ('x')", columns: {column1: }}}"""
    )
    with pytest.raises(MappingError, match="begins with `select` or `with`"):
        load_mappings(hospital.settings.mappings)
    hospital.rewrite("sources_odd.yaml", "values (null)", "select * from (values (null)")
    hospital.rewrite("sources_odd.yaml", "('x')", "('x')) v")
    assert [r["column1"] for r in rows_of(extract(hospital), "odd")] == [None, "", None, "x"]


def test_another_database_is_read_through_its_driver(
    hospital: Tiny, emr: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = sqlite3.connect(tmp_path / "lis.sqlite")
    other.execute("create table odd (a, b, c, d, e, f real, g, h, i, j integer, k, l blob, m, n)")
    other.execute(f"insert into odd values ({', '.join('?' * len(ODD))})", [*{
        **ODD, "f": 0.1, "j": -(1 << 63), "l": b"\x00\xff",
    }.values()])  # fmt: skip
    other.executemany("insert into odd (a) values (?)", [(f"행 {n}",) for n in range(12_000)])
    other.commit()
    odd_source(hospital, "select * from odd -- where a like '%:x'")
    hospital.rewrite("sources_odd.yaml", "columns:", "connection: lis\n    columns:")
    monkeypatch.setenv("ETL_SOURCE_TINY_LIS", f"sqlite:///{tmp_path / 'lis.sqlite'}")
    found = extract(hospital)
    assert rows_of(found, "odd")[0] == ODD
    assert counts(found)["odd"] == 12_001


def etl(hospital: Tiny, *arguments: str) -> subprocess.Popen[bytes]:
    s = hospital.settings
    environment = {
        **os.environ, "ETL_HOME": str(s.home), "ETL_MAPPINGS": str(s.mappings), "ETL_EXPECTATIONS": str(s.expectations),
        "ETL_KEY_SECRET": tiny.SECRET,
    }  # fmt: skip
    command = [str(Path(sys.executable).with_name("etl")), *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_a_killed_extraction_leaves_no_delivery(hospital: Tiny, emr: Any) -> None:
    slow = json.dumps(
        "select e.* from emr.exam_code e, generate_series(1, 2500) n, lateral (select n, pg_sleep(0.001)) s"
    )
    hospital.rewrite("sources_queries.yaml", "select * from emr.exam_code", slow)
    process = etl(hospital, "extract", "tiny", "--night", str(NIGHT))
    beginning = hospital.drops / f".{NIGHT}.extracting"
    end = time.monotonic() + 60
    while not (beginning / "exam_codes.parquet").exists():  # the last of the sources
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (hospital.drops / str(NIGHT)).exists()
    assert not (hospital.settings.home / "extracted").exists()
    hospital.rewrite("sources_queries.yaml", slow, "select * from emr.exam_code")
    found = extract(hospital)
    assert counts(found)["exam_codes"] == 4
    assert [f.name for f in hospital.drops.iterdir()] == [str(NIGHT)]


def test_a_session_that_the_database_ends_is_tried_again(hospital: Tiny, emr: Any) -> None:
    def end_it(source: str, _text: str) -> None:
        if source == "exam_codes":
            emr.execute("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() "
                        "and datname = current_database()")  # fmt: skip

    with pytest.raises(TransientError, match=r"source 'exam_codes' \(.*sources_queries.yaml:\d+\)"):
        extract(hospital, tell=end_it)
    assert nothing_came(hospital)


def test_a_row_that_the_query_breaks_on_is_not_quoted(hospital: Tiny, emr: Any) -> None:
    emr.execute("update emr.result set result = '비밀 770707-1234567' where exm_dtm > '2026-06-20'")
    broken = "select pt_no, adm_no, exm_cd, exm_dtm, unit, result::numeric from emr.result where exm_cd = 'L001'"
    hospital.rewrite("sources_queries.yaml", "select * from emr.result", json.dumps(broken))
    with pytest.raises(ConfigError) as raised:
        extract(hospital)
    assert "(22P02)" in str(raised.value)
    assert "비밀" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert nothing_came(hospital)


def test_all_columns_that_queries_lack_are_told_at_once_before_any_row(hospital: Tiny, emr: Any) -> None:
    emr.execute("alter table emr.result rename column unit to unit_nm")
    emr.execute("alter table emr.result rename column result to rslt")
    emr.execute("alter table emr.admission drop column kind")
    began: list[str] = []
    with pytest.raises(MappingError) as raised:
        extract(hospital, tell=lambda source, _text: began.append(source))
    told = {(p.key, p.message.partition(";")[0]) for p in raised.value.problems}
    assert told == {
        ("sources.visits", "column 'KIND' is not in the query"),
        ("sources.results", "column 'RESULT' is not in the query"),
        ("sources.results", "column 'UNIT' is not in the query"),
    }
    assert {(p.file, p.line) for p in raised.value.problems} == {
        ("tiny/sources_queries.yaml", 4), ("tiny/sources_queries.yaml", 12),
    }  # fmt: skip
    assert "is called nearly so" in str(raised.value)
    assert "unit_nm" not in str(raised.value)
    assert (began, nothing_came(hospital)) == ([], True)


def test_one_night_is_one_moment_though_others_write(hospital: Tiny, emr: Any) -> None:
    def write(source: str, _text: str) -> None:
        if source == "diagnoses":  # patients and visits have been read
            emr.execute("insert into emr.patient values ('70009', '늦은이', null, null, 'F', '2000-01-01')")
            emr.execute("insert into emr.result values ('70009', 'A09', 'L001', now(), '1', 'g/dL')")
            emr.execute("delete from emr.diagnosis where pt_no = '70001'")

    assert counts(extract(hospital, tell=write)) == {
        "patients": 6, "visits": 8, "diagnoses": 8, "results": 8, "exam_codes": 4,
    }  # fmt: skip
    assert counts(extract(hospital, NIGHTS[1])) == {
        "patients": 7, "visits": 8, "diagnoses": 6, "results": 9, "exam_codes": 4,
    }  # fmt: skip


def set_result(emr: Any, value: str, at: str) -> None:
    emr.execute("update emr.result set result = %s, upd_dtm = %s where (pt_no, adm_no, exm_cd, exm_dtm::text) = "
                "(%s, %s, %s, %s)", [value, at, *HIS[:3], f"{HIS[3]}:00"])  # fmt: skip


def add_result(emr: Any, code: str, at: str) -> None:
    emr.execute("insert into emr.result values ('70002', 'A02', %s, '2026-06-02 10:00', '5', 'mg/dL', %s)", [code, at])


def conditions(hospital: Tiny) -> int:
    return len(tiny.warehouse_rows(hospital.settings, ["condition_occurrence"])["condition_occurrence"])


def assert_as_if_whole(hospital: Tiny, vocabulary: Path, folder: Path, night: date) -> None:
    """The warehouse is that of one whole extraction of now, in a new home."""
    other = tiny.make(folder, vocabulary)
    shutil.rmtree(other.mappings)
    shutil.copytree(hospital.mappings, other.mappings)
    shutil.copytree(hospital.settings.keys, other.settings.keys)
    publish(other, night)
    there, wanted = (tiny.warehouse_rows(h.settings, COMPARED) for h in (hospital, other))
    for table in COMPARED:
        assert there[table] == wanted[table], table


def test_nights_of_changes_are_one_whole_one(hospital: Tiny, changing: Any, vocabulary: Path, tmp_path: Path) -> None:
    emr = changing
    assert publish(hospital, NIGHTS[0]).whole
    set_result(emr, "9.9", "2026-07-01 10:00")
    emr.execute("delete from emr.result where pt_no = '70006'")
    emr.execute("insert into emr.deletion values ('A08', 'L001', '2026-06-27 11:20', '2026-07-01 10:30')")
    # this one was deleted, too, and is there again
    emr.execute("insert into emr.deletion values ('A05', 'L003', '2026-06-04 10:20', '2026-07-01 10:30')")
    second = publish(hospital, NIGHTS[1])
    assert not second.whole
    # what is new, and what was the last of the night before
    assert counts(second) == {
        "patients": 6, "visits": 1, "diagnoses": 1, "results": 2, "results__deleted": 1, "exam_codes": 4,
    }  # fmt: skip
    add_result(emr, "L003", "2026-07-01 08:30")  # was written before the second night, and committed after it
    emr.execute(
        "insert into emr.diagnosis values ('70002', 'A02', 'I10.9', '고혈압', '20260602', 'N', '2026-07-02 01:00')"
    )
    third = publish(hospital, NIGHTS[2])
    assert (counts(third)["results"], counts(third)["diagnoses"]) == (2, 2)
    assert_as_if_whole(hospital, vocabulary, tmp_path / "third", NIGHTS[2])
    before = conditions(hospital)
    emr.execute("delete from emr.diagnosis where (pt_no, diag_cd) = ('70001', 'I10.9')")  # no log tells of it
    fourth = publish(hospital, NIGHTS[3], whole=True)
    assert (fourth.whole, (fourth.folder / "_FULL").exists(), counts(fourth)["diagnoses"]) == (True, True, 8)
    assert conditions(hospital) == before - 1


def test_a_night_that_a_gate_kept_out_comes_again_with_the_next(hospital: Tiny, changing: Any, tmp_path: Path) -> None:
    suites = Path(shutil.copytree(tiny.DATA / "expectations", tmp_path / "expectations"))
    promise = {
        "type": "unexpected_rows_expectation", "meta": {"severity": "block"}, "description": "no result of 99",
        "kwargs": {"unexpected_rows_query": "select _row from {batch} where RESULT = '99'"}, "severity": "critical",
    }  # fmt: skip
    suite = {"name": "source.tiny.results", "meta": {"key": "_row"}, "expectations": [promise]}
    (suites / "source" / "tiny" / "results.json").write_text(json.dumps(suite), encoding="utf-8")
    hospital.settings = hospital.settings.model_copy(update={"expectations": suites})
    publish(hospital, NIGHTS[0])
    set_result(changing, "99", "2026-07-05 10:00")
    add_result(changing, "L003", "2026-07-05 11:00")
    with pytest.raises(GateClosed):
        publish(hospital, NIGHTS[1], gates=True)
    set_result(changing, "9.9", "2026-07-09 10:00")
    assert counts(publish(hospital, NIGHTS[2]))["results"] == 3  # all since the first night
    values = [row[8] for row in tiny.warehouse_rows(hospital.settings, ["measurement"])["measurement"]]
    assert (9.9 in values, 5 in values, 11.2 in values) == (True, True, False)


@pytest.mark.parametrize(
    ("mark", "overlap", "low"),
    [
        (Mark("int", "7000"), 100, 6900),
        (Mark("Decimal", "7000"), 0, 7000),
        (Mark("datetime", "2026-07-01T01:00:00"), 1.5, "2026-06-30 23:30:00"),
        (Mark("date", "2026-07-01"), 1, "2026-06-30"),
        (Mark("str", "20260701003000"), 1, "20260630233000"),
        (Mark("str", "2026-07-01"), 24, "2026-06-30"),
    ],
)
def test_a_night_reaches_back_by_its_overlap(mark: Mark, overlap: float, low: Any) -> None:
    assert str(mark.low(overlap)) == str(low)


def test_no_night_reaches_back_in_a_text_that_is_no_time() -> None:
    with pytest.raises(ConfigError, match="no time"):
        Mark("str", "R-2026-7").low(1)


def test_an_extracted_night_stays_until_it_is_asked_for_again(hospital: Tiny, emr: Any) -> None:
    first = extract(hospital)
    emr.execute("delete from emr.diagnosis where pt_no = '70001'")
    assert extract(hospital).sources == ()
    assert len(rows_of(first, "diagnoses")) == 8
    assert counts(extract(hospital, force=True))["diagnoses"] == 6
    assert len(rows_of(first, "diagnoses")) == 6


def test_the_same_rows_are_the_same_delivery(hospital: Tiny, emr: Any) -> None:
    first = begin(hospital.settings, "tiny", extract(hospital).folder, None, None)
    again = begin(hospital.settings, "tiny", extract(hospital, force=True).folder, None, None)
    assert first.run_id == again.run_id


def test_extracted_files_go_once_newer_nights_have_come_in(hospital: Tiny, emr: Any) -> None:
    hospital.rewrite("hospital.yaml", "live_since", "keep_extracted: 2\nlive_since")
    folders = [extract(hospital).folder]
    hospital.through("land", "merge", folder=folders[0])
    folders += [extract(hospital, n).folder for n in NIGHTS[1:3]]
    assert [f.exists() for f in folders] == [False, True, True]
    extract(hospital, NIGHTS[3])
    assert [f.exists() for f in folders] == [False, True, True]  # the second has not come in


def test_extraction_waits_for_the_files_that_a_hospital_delivers_itself(
    hospital: Tiny, emr: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hospital.rewrite("sources_queries.yaml", "  exam_codes: {file: absent, query: select * from emr.exam_code}\n", "")
    assert "EXM.csv is not in" in str(waits_for(hospital.settings, "tiny", NIGHT))
    with pytest.raises(TransientError, match=r"EXM\.csv is not in .* yet"):
        extract(hospital)
    folder = hospital.drops / str(NIGHT)
    folder.mkdir(parents=True)
    (folder / "EXM.csv").write_bytes(hospital.raw("EXM.csv"))
    with pytest.raises(TransientError, match="files are still coming"):
        extract(hospital)
    monkeypatch.setenv("ETL_AIRFLOW_SETTLE_SECONDS", "0")
    for force in (False, True):
        found = extract(hospital, force=force)
        assert {f.name for f in folder.iterdir()} == {
            "EXM.csv", "manifest.csv", *(f"{s}.parquet" for s in SOURCES[:-1]),
        }  # fmt: skip
    run = hospital.through("land", folder=found.folder)
    assert {s: len(tiny.landed(run, s)) for s in ("results", "exam_codes")} == {"results": 8, "exam_codes": 4}


PASSWORD = "p4ssw0rd-of-the-hospital"


@pytest.mark.parametrize(
    ("url", "kind", "said"),
    [
        (None, ConfigError, f"{VARIABLE} is not set"),
        (f"nonsense {PASSWORD}", ConfigError, f"{VARIABLE} is not a SQLAlchemy URL"),
        (f"postgresql://reader:{PASSWORD}@127.0.0.1:1/emr", TransientError, "connection 'emr': OperationalError"),
        (f"oracle+oracledb://reader:{PASSWORD}@127.0.0.1:1/emr", ConfigError, "driver 'oracledb' is not installed"),
        (f"dbase://reader:{PASSWORD}@127.0.0.1:1/emr", ConfigError, "knows no such dialect"),
    ],
)
def test_no_error_tells_where_the_database_is(
    hospital: Tiny, emr: Any, monkeypatch: pytest.MonkeyPatch, url: str | None, kind: type[EtlError], said: str
) -> None:
    monkeypatch.delenv(VARIABLE)
    if url:
        monkeypatch.setenv(VARIABLE, url)
    with pytest.raises(kind) as raised:
        extract(hospital)
    assert said in str(raised.value)
    assert raised.value.hint
    chain = f"{raised.value} {raised.value.__cause__}"
    assert PASSWORD not in chain
    assert "127.0.0.1" not in chain


def test_a_missing_right_is_told_with_the_query(
    hospital: Tiny, emr: Any, database: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    emr.execute("drop role if exists reader_of_tests")
    emr.execute("create role reader_of_tests login; grant usage on schema emr to reader_of_tests")
    emr.execute(
        "grant select on all tables in schema emr to reader_of_tests; revoke select on emr.patient from reader_of_tests"
    )
    monkeypatch.setenv(VARIABLE, database.set(username="reader_of_tests").render_as_string(hide_password=False))
    with pytest.raises(
        ConfigError, match=r"source 'patients' \(tiny/patients.sql:1\): InsufficientPrivilege \(42501\)"
    ):
        extract(hospital)
    emr.execute("drop owned by reader_of_tests; drop role reader_of_tests")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("query: patients.sql", "query: people.sql", "the file 'people.sql' beside this YAML file: No such file"),
        ("query: select * from emr.result", "query: delete from emr.result", "begins with `select` or `with`"),
        ("query: select * from emr.result", "query: select 1; drop table emr.result", "a semicolon stands in it"),
        ("query: select * from emr.result", "query: ''", "is empty"),
        ("file: absent, query: select * from emr.result", "query: select 1", "both `file` and `query`"),
        ("query: select * from emr.result", "connection: lis", "neither `file` nor `query`"),
        ("query: select * from emr.result", "query: select 1, since: upd", "needs `delivery: delta`"),
        ("query: select * from emr.result", "query: select 1, overlap: 3", "there is no `since`"),
        ("query: select * from emr.result", "query: select 1, optional: true", "never missing"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_query_is_told_without_a_database(
    hospital: Tiny, emr: Any, old: str, new: str, said: str
) -> None:
    hospital.rewrite("sources_queries.yaml", old, new)
    with pytest.raises(MappingError) as raised:
        load_mappings(hospital.settings.mappings)
    assert said in str(raised.value)
    assert "tiny/sources" in str(raised.value)


def test_a_hospital_with_queries_says_its_connection(hospital: Tiny, emr: Any) -> None:
    hospital.rewrite("hospital.yaml", "connection: emr\n", "")
    with pytest.raises(MappingError, match=r"hospital\.yaml says no `connection`"):
        load_mappings(hospital.settings.mappings)


def test_a_hospital_without_queries_has_nothing_to_extract(hospital: Tiny) -> None:
    with pytest.raises(UsageError, match="no source of tiny says `query`"):
        extract(hospital)


@pytest.fixture
def command(hospital: Tiny, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`etl` with the hospital's settings, in this process."""
    for name in ("home", "mappings", "expectations"):
        monkeypatch.setenv(f"ETL_{name.upper()}", str(getattr(hospital.settings, name)))
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def test_the_command_tells_rows_and_what_comes_next(
    hospital: Tiny, emr: Any, command: Callable[..., Any], database: URL
) -> None:
    done = command("extract", "tiny", "--night", str(NIGHT), "--json")
    said = json.load(io.StringIO(done.stdout))
    assert done.exit_code == 0
    assert {s["source"]: s["rows"] for s in said["sources"]}["diagnoses"] == 8
    assert str(database.database) not in done.output
    assert command("extract", "tiny", "--night", str(NIGHT)).exit_code == 0
    assert "6 columns" in command("extract", "tiny", "--check").output
    assert command("extract", "tiny").exit_code == 2
    emr.execute("drop table emr.result")
    assert command("extract", "tiny", "--check").exit_code == 4
    assert command("extract", "tiny", "--night", str(NIGHT), "--force").exit_code == 4
