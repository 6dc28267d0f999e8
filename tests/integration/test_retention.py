"""What `etl clean` removes, and what never: a published night stays whole, and the next one builds on it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import histories
import pytest
import tiny
from histories import Night, Row
from tiny import Tiny
from typer.testing import CliRunner

from etl.cdm.spec import hospital_tables
from etl.cli.app import app
from etl.errors import InputError, TransientError
from etl.night.attempt import attempt
from etl.night.lake.published import state_of
from etl.night.lock import hospital_lock
from etl.night.opening import open_run
from etl.night.pipeline import STAGES
from etl.night.publish.rollback import roll_back
from etl.night.remember import begin
from etl.night.run import Run
from etl.operations.retention.clean import Rules, clean_hospital, clean_warehouse
from etl.operations.retention.plan import Removal
from etl.quality.lineage.line import trace_line
from etl.quality.lineage.row import trace_row
from etl.settings import Settings
from etl.store.ledger.ledger import now
from etl.store.warehouse.open import open_warehouse

NIGHTS = 8
RULES = Rules(keep=1, hours=0)
GATES = ("check_source", "check_cdm")
PATIENT = ("70001", "가나다", "", "", "M", "1945-01-01", "", "N")
OTHER = ("70002", "라마바", "", "", "F", "1988-02-29", "", "N")
STAY = ("A01", "70001", "I", "2026-06-28 09:00", "2026-06-29 09:00", "IM", "", "N")
RESULT = ("70001", "A01", "L001", "2026-06-28 09:00", "11.2", "g/dL")  # of the first night, never said again
MASTER = [("L001", "D2020010", "20110101", "99991231")]
Position = tuple[str, str, int | None]


def night(day: int, *, whole: bool = False) -> Night:
    """A night with one result that replaces the one of the night before."""
    rows: dict[str, list[Row]] = {"LAB": [("70002", "A09", "L001", "2026-01-05 09:00", f"12.{day}", "g/dL")]}
    if day == 1 or whole:
        rows |= {"PAT": [PATIENT, OTHER], "ADM": [STAY], "DIAG": []}
        rows["LAB"] = [RESULT, *rows["LAB"]]
    return Night(day, whole, rows, {}, MASTER if day == 1 or whole else None)


def published(hospital: Tiny, number: int, one: Night) -> Run:
    """A night taken through all stages."""
    return through(hospital, histories.write(hospital.drops, number, one))


def through(hospital: Tiny, folder: Path) -> Run:
    """A delivery taken through all stages, the gates standing open."""
    run = begin(hospital.settings, "tiny", folder, None, None)
    open_run(run)
    for stage in STAGES:
        if stage.name in GATES:
            run.ledger.record_stage(run.run_id, stage.name, "done", now(), 0, 0)
        else:
            attempt(run, stage)
    return run


def traced(settings: Settings) -> dict[Any, Position]:
    """Delivery, file and line of every result in the warehouse, by its value."""
    found = {}
    for row in tiny.warehouse_rows(settings, ["measurement"])["measurement"]:
        made = trace_row(settings, "measurement", row[0]).made
        assert made is not None
        found[row[8]] = (made.origin.delivery, made.origin.file, made.origin.line)
    return found


def content(folder: Path) -> dict[Path, bytes]:
    return {f: f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def parquet_files(hospital: Tiny) -> list[Path]:
    return sorted(hospital.settings.home.rglob("*.parquet"))


@dataclass
class Cleaned:
    """A hospital whose old nights were removed, at the second attempt, and what was there before."""

    hospital: Tiny
    rows: dict[str, Any]
    traces: dict[Any, Position]
    keys: dict[Path, bytes]
    planned: list[Removal]
    after_dry_run: list[Path]
    removed: list[Removal]
    files: list[Path]


@pytest.fixture(scope="module")
def cleaned(tmp_path_factory: pytest.TempPathFactory, vocabulary: Path) -> Iterator[Cleaned]:
    """Eight nights, folded two at a time, everybody mapped every third; then a removal that breaks off, and one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("etl.night.merge.merge._TOO_MANY", 2)
        hospital = tiny.make(tmp_path_factory.mktemp("home") / "home", vocabulary)
        histories.make_delta(hospital, fold_every=2)
        hospital.rewrite("hospital.yaml", "delivery: delta", "delivery: delta\nwhole_every: 2")
        settings = hospital.settings.model_copy(update={"keep_nights": 1})
        hospital.settings = settings
        for day in range(1, NIGHTS + 1):
            published(hospital, day, night(day))
        rows, traces = tiny.warehouse_rows(settings, hospital_tables()), traced(settings)
        keys, files = content(settings.keys), parquet_files(hospital)
        planned = clean_hospital(settings, "tiny", RULES, dry_run=True) + clean_warehouse(settings, RULES, dry_run=True)
        after = parquet_files(hospital)
        with patch.context() as breaking:
            calls = iter(range(5))
            rmtree = shutil.rmtree

            def break_off(path: Path, *args: Any, **options: Any) -> None:
                if next(calls, None) is None:
                    raise OSError
                rmtree(path, *args, **options)

            breaking.setattr("etl.operations.retention.clean.shutil.rmtree", break_off)
            with pytest.raises(OSError):
                clean_hospital(settings, "tiny", RULES)
        removed = clean_hospital(settings, "tiny", RULES) + clean_warehouse(settings, RULES)
        yield Cleaned(hospital, rows, traces, keys, planned, after, removed, files)


def test_a_dry_run_removes_nothing(cleaned: Cleaned) -> None:
    assert cleaned.after_dry_run == cleaned.files
    assert {r.kind for r in cleaned.planned} == {
        "state", "mapped rows", "derived rows", "landed rows", "fold", "warehouse",
    }  # fmt: skip


def test_what_no_published_night_needs_is_gone_also_after_a_removal_that_broke_off(cleaned: Cleaned) -> None:
    settings = cleaned.hospital.settings
    assert not [r.path for r in cleaned.planned if r.path.exists() and r.kind != "landed rows"]
    assert {f.name[:17] for stage in ("merge", "map", "derive")
            for f in settings.stage_folder(stage, "tiny").glob("delivery=*")} == {
        "delivery=20260707", "delivery=20260708",
    }  # fmt: skip
    with_rows = {f.parent.parent.name[:17] for f in settings.stage_folder("land", "tiny").glob("*/*/*.parquet")}
    assert with_rows == {f"delivery=202607{day:02}" for day in (5, 6, 7, 8)}
    assert len(list(settings.stage_folder("merge", "tiny").glob("fold=*"))) <= 2
    assert not list(settings.lake.rglob(".removed.*"))
    assert not clean_hospital(settings, "tiny", RULES)


def test_what_is_published_stays_row_for_row(cleaned: Cleaned) -> None:
    assert tiny.warehouse_rows(cleaned.hospital.settings, hospital_tables()) == cleaned.rows
    assert content(cleaned.hospital.settings.keys) == cleaned.keys


def test_every_row_still_leads_to_its_line(cleaned: Cleaned) -> None:
    settings = cleaned.hospital.settings
    assert cleaned.traces == {11.2: ("2026-07-01", "LAB.csv", 2), 12.8: ("2026-07-08", "LAB.csv", 2)}
    assert traced(settings) == cleaned.traces
    outcomes = trace_line(settings, "tiny", "LAB.csv", 2).outcomes
    assert [o.became for o in outcomes if o.entry == "results_measurement"] == ["mapped"]


def test_nothing_goes_while_a_run_is_at_work_or_before_a_day_has_passed(cleaned: Cleaned) -> None:
    settings = cleaned.hospital.settings
    with hospital_lock(settings, "tiny"), pytest.raises(TransientError, match="another run of tiny is at work"):
        clean_hospital(settings, "tiny", RULES)
    extra = settings.stage_folder("map", "tiny") / "delivery=20260101-000000000000"
    extra.mkdir()
    assert not clean_hospital(settings, "tiny", Rules(keep=1))
    assert [r.path for r in clean_hospital(settings, "tiny", RULES)] == [extra]


def test_the_command_tells_what_goes_and_leaves_out_a_hospital_at_work(
    cleaned: Cleaned, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = cleaned.hospital.settings
    monkeypatch.setattr("etl.cli.retention.load_settings", lambda: settings)
    extra = settings.stage_folder("derive", "tiny") / "delivery=20260102-000000000000"
    extra.mkdir()
    asked = CliRunner().invoke(app, ["clean", "tiny", "--hours", "0", "--keep", "1", "--dry-run", "--json"])
    assert asked.exit_code == 0, asked.output
    assert {"hospital": "tiny", "kind": "derived rows", "night": "2026-01-02", "bytes": 0, "path": str(extra)} in (
        json.loads(asked.stdout)
    )
    with hospital_lock(settings, "tiny"):
        refused = CliRunner().invoke(app, ["clean", "--hours", "0", "--keep", "1"])
    assert refused.exit_code == 5
    assert extra.exists()
    done = CliRunner().invoke(app, ["clean", "--hours", "0", "--keep", "1"])
    assert (done.exit_code, extra.exists()) == (0, False)
    assert "derived rows" in done.stdout


def test_the_next_night_builds_on_what_is_left(cleaned: Cleaned) -> None:
    run = published(cleaned.hospital, NIGHTS + 1, night(NIGHTS + 1))
    state, before = state_of(run)
    assert before is not None
    assert state.persons(cleaned.hospital.settings) == 1
    rows = tiny.warehouse_rows(cleaned.hospital.settings, ["measurement"])["measurement"]
    assert sorted(row[8] for row in rows) == [11.2, 12.9]


def test_a_late_night_finds_its_place_as_long_as_the_nights_after_it_have_not_been_removed(cleaned: Cleaned) -> None:
    hospital = cleaned.hospital
    published(hospital, 20, night(7))
    rows = tiny.warehouse_rows(hospital.settings, ["measurement"])["measurement"]
    assert sorted(row[8] for row in rows) == [11.2, 12.9]
    with pytest.raises(InputError, match=r"the rows of the nights up to 2026-07-0. are folded into one"):
        published(hospital, 21, night(2))
    published(hospital, 22, night(NIGHTS + 2, whole=True))
    assert 12.1 in traced(hospital.settings)


def test_the_warehouse_goes_back_to_the_nights_that_are_kept_only(
    tmp_path: Path, vocabulary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hospital = tiny.make(tmp_path / "home", vocabulary)
    hospital.settings = hospital.settings.model_copy(update={"keep_nights": 2})
    values = []
    for day in range(3):
        hospital.tables["LAB.csv"][1][4] = f"1{day}.5"
        through(hospital, hospital.deliver(tiny.NIGHT + timedelta(days=day)))
        values.append({row[8] for row in tiny.warehouse_rows(hospital.settings, ["measurement"])["measurement"]})
    warehouse = open_warehouse(hospital.settings)
    with warehouse.reader() as reader:  # who began before goes on
        reader.execute("begin")
        reader.execute("select count(*) from person").fetchone()
        assert not clean_warehouse(hospital.settings, Rules(keep=2))
        assert clean_warehouse(hospital.settings, Rules(keep=2, hours=0))
        assert {row[0] for row in reader.execute("select value_as_number from measurement").fetchall()} == values[2]
    nights = warehouse.nights("tiny")
    assert [n.night for n in nights] == [date(2026, 7, 3), date(2026, 7, 2)]
    roll_back(hospital.settings, "tiny", None, actor="test", reason=None)
    assert {row[8] for row in tiny.warehouse_rows(hospital.settings, ["measurement"])["measurement"]} == values[1]
