"""Deliveries of which more came after their run are run again once, in the order of nights, or named."""

from __future__ import annotations

import os
import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import histories
import pytest
import tiny
from histories import Night, Row
from tiny import NIGHT, Tiny
from typer.testing import CliRunner

from etl.cli import app
from etl.cli.due import nights_due
from etl.errors import InputError
from etl.mapping.load import load_mappings
from etl.night.delivery import night_of
from etl.night.pipeline import run_delivery
from etl.operations.airflow.tasks import grown_deliveries as runs_to_trigger
from etl.operations.arrived import lacking_files
from etl.operations.doctor.examine import look_at
from etl.operations.doctor.grown import check_grown
from etl.operations.doctor.nights import check_drops
from etl.operations.grown import Grown, first_night, grown_deliveries
from etl.operations.plan import Scheduling, read_plan
from etl.operations.retention.clean import Rules, clean_notes
from etl.store.ledger.ledger import Ledger

PATIENT = ("70001", "가나다", "", "", "M", "1945-01-01", "", "N")
RESULT = ("70001", "A01", "L001", "2026-06-28 09:00", "11.2", "g/dL")
MASTER = [("L001", "D2020010", "20110101", "99991231")]
MORNING = datetime(NIGHT.year, NIGHT.month, NIGHT.day + 4, 8, tzinfo=UTC)


@pytest.fixture
def hospital(hospital: Tiny) -> Tiny:
    """The hospital with its drop folder where the test delivers."""
    hospital.rewrite("hospital.yaml", "number:", "drops: drops\nnumber:")
    return hospital


@pytest.fixture
def changes(delta: Tiny) -> Tiny:
    """The hospital that delivers changes, with the drop folder that `etl run --all` looks into."""
    delta.rewrite("hospital.yaml", "number:", "drops: drops/tiny\nnumber:")
    return delta


def found(hospital: Tiny, settle_seconds: float = 0) -> list[Grown]:
    since = first_night(Scheduling(_env_file=None), MORNING)
    return grown_deliveries(hospital.settings, read_plan(hospital.mappings), since, settle_seconds=settle_seconds)


def told_by_the_doctor(hospital: Tiny) -> list[tuple[str, str | None]]:
    look = look_at(hospital.settings, [], {"PATH": os.environ["PATH"]}, MORNING)
    return [(each.text, each.step) for each in check_grown(look)]


def environment(hospital: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("home", "mappings", "expectations"):
        monkeypatch.setenv(f"ETL_{name.upper()}", str(getattr(hospital.settings, name)))
    monkeypatch.setenv("ETL_KEY_SECRET", tiny.SECRET)
    monkeypatch.setenv("ETL_AIRFLOW_GROWN_DAYS", "36500")
    monkeypatch.setenv("ETL_AIRFLOW_SETTLE_SECONDS", "0")


def run(hospital: Tiny, folder: Path) -> str:
    return run_delivery(hospital.settings, "tiny", folder)[0]


def refused(hospital: Tiny, folder: Path) -> None:
    with pytest.raises(InputError):
        run(hospital, folder)


def drop(hospital: Tiny, day: int, value: str, *, whole: bool = False) -> Path:
    """A night of changes with one result, the first one also with the patient."""
    rows: dict[str, list[Row]] = {"LAB": [(*RESULT[:4], value, "g/dL")]}
    if day == 1 or whole:
        rows["PAT"] = [PATIENT]
    made = histories.write(
        hospital.drops / "made", day, Night(day, whole=whole, rows=rows, gone={}, master=MASTER if day == 1 else None)
    )
    folder = hospital.drops / "tiny" / made.name
    folder.parent.mkdir(exist_ok=True)
    return made.rename(folder)


def more(folder: Path, name: str = "NIGHT.txt") -> None:
    """Another file of the night, or a larger one."""
    with (folder / name).open("a", encoding="utf-8") as file:
        file.write("1\n")


def test_a_night_that_failed_for_a_missing_file_is_found_when_the_file_came_and_never_again(hospital: Tiny) -> None:
    folder = hospital.deliver(DIAG=None)
    assert found(hospital) == [], "nobody has run it"
    refused(hospital, folder)
    assert found(hospital) == [], "nothing came since"
    (folder / "DIAG.csv").write_bytes(hospital.raw("DIAG.csv")[:-3])
    [grown] = found(hospital)
    assert (grown.night, grown.folder, grown.late, grown.lacks) == (NIGHT, folder, False, None)
    refused(hospital, folder)  # it was cut
    assert found(hospital) == [], "the same files are not run twice"
    (folder / "DIAG.csv").write_bytes(hospital.raw("DIAG.csv"))
    assert [each.night for each in found(hospital)] == [NIGHT]
    assert found(hospital)[0].contents != grown.contents
    run(hospital, folder)
    assert found(hospital) == []


def test_a_published_night_is_found_when_a_manifest_or_a_larger_file_came(hospital: Tiny) -> None:
    folder = hospital.deliver()
    run(hospital, folder)
    sizes = "".join(f"{f.name},{f.stat().st_size}\n" for f in sorted(folder.iterdir()))
    (folder / "manifest.csv").write_text(f"file,bytes\n{sizes}LATE.csv,2\n", encoding="utf-8")
    assert [each.lacks for each in found(hospital)] == [f"1 of 6 files of the manifest are not in {folder} yet"]
    (folder / "LATE.csv").write_text("1\n", encoding="utf-8")
    assert [each.lacks for each in found(hospital)] == [None]
    assert "grew after it was run" in told_by_the_doctor(hospital)[0][0]
    run(hospital, folder)
    assert (found(hospital), told_by_the_doctor(hospital)) == ([], [])


def test_it_is_complete_by_the_rules_of_the_sensor(hospital: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr("etl.operations.plan.seconds_now", lambda: now)
    folder = hospital.deliver(DIAG=None)
    refused(hospital, folder)
    (folder / "DIAG.csv.part").write_bytes(b"1")
    assert "still coming" in str(found(hospital, 60)[0].lacks)
    (folder / "DIAG.csv.part").rename(folder / "DIAG.csv")
    assert "still coming" in str(found(hospital, 60)[0].lacks), "one look knows nothing of another"
    now += 60
    assert found(hospital, 60)[0].lacks is None


def test_a_folder_that_is_cleared_has_not_grown(hospital: Tiny) -> None:
    folder = hospital.deliver()
    run(hospital, folder)
    (folder / "LAB.csv").unlink()
    assert found(hospital) == []


def test_a_trial_takes_nothing(hospital: Tiny) -> None:
    folder = hospital.deliver()
    run_delivery(hospital.settings, "tiny", folder, until="land")
    more(folder)
    assert found(hospital) == []


def test_what_is_noted_names_no_file(hospital: Tiny) -> None:
    folder = hospital.deliver()
    more(folder, "가나다_letter.txt")
    run(hospital, folder)
    [note] = (hospital.settings.home / "taken").iterdir()
    assert "letter" not in note.read_text(encoding="utf-8")
    assert "PAT" not in note.read_text(encoding="utf-8")


def test_old_notes_are_cleaned_away(hospital: Tiny) -> None:
    run(hospital, hospital.deliver())
    [note] = (hospital.settings.home / "taken").iterdir()
    assert clean_notes(hospital.settings, Rules(keep=1)) == []
    os.utime(note, (1, 1))
    assert [each.path for each in clean_notes(hospital.settings, Rules(keep=1), dry_run=True)] == [note]
    assert note.exists()
    clean_notes(hospital.settings, Rules(keep=1))
    assert not note.exists()


def test_of_whole_nights_the_newest_counts_only(hospital: Tiny) -> None:
    older = hospital.deliver()
    run(hospital, older)
    newer = hospital.deliver(NIGHT + timedelta(days=1))
    more(older)
    assert found(hospital) == [], "the newer one is still to be run, and holds all of it"
    run(hospital, newer)
    assert found(hospital) == []
    more(newer)
    assert [each.folder for each in found(hospital)] == [newer]


def test_nights_long_ago_are_not_looked_at(hospital: Tiny) -> None:
    folder = hospital.deliver()
    run(hospital, folder)
    more(folder)
    plan, days = read_plan(hospital.mappings), Scheduling(_env_file=None).grown_days
    for day, count in ((NIGHT + timedelta(days=days), 1), (NIGHT + timedelta(days=days + 1), 0)):
        since = first_night(Scheduling(_env_file=None), datetime(day.year, day.month, day.day, 8, tzinfo=UTC))
        assert len(grown_deliveries(hospital.settings, plan, since, settle_seconds=0)) == count


def test_the_published_night_of_changes_is_run_again_before_newer_ones(
    changes: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment(changes, monkeypatch)
    published = drop(changes, 1, "11")
    run(changes, published)
    newer = drop(changes, 2, "12")
    assert [d.folder for d in nights_due(changes.settings, changes.drops)] == [newer]
    more(published)
    assert [d.folder for d in nights_due(changes.settings, changes.drops)] == [published, newer]
    assert [each.folder for each in found(changes)] == [published]
    run(changes, published)
    assert [d.folder for d in nights_due(changes.settings, changes.drops)] == [newer]


def test_a_night_of_changes_older_than_the_published_one_is_named_and_not_run(
    changes: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment(changes, monkeypatch)
    older = drop(changes, 1, "11")
    run(changes, older)
    newer = drop(changes, 2, "12")
    run(changes, newer)
    more(older)
    assert [(each.night, each.late) for each in found(changes)] == [(night_of(older), True)]
    [(text, step)] = told_by_the_doctor(changes)
    assert (f"the night {night_of(older)} of tiny grew" in text, step) == (True, f"etl run tiny {older}")
    assert runs_to_trigger() == []
    done = CliRunner().invoke(app, ["run", "--all", str(changes.drops)])
    assert done.exit_code == 0, done.output
    assert f"the night {night_of(older)} of tiny grew" in done.stderr
    last = Ledger(changes.settings.ledger_url).last_published("tiny")
    assert last is not None
    assert last["night"] == night_of(newer)
    run(changes, older)  # a person may: a late night is put where it belongs
    assert told_by_the_doctor(changes) == []


def test_one_run_of_a_hospital_is_triggered_the_oldest_night_first(
    changes: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment(changes, monkeypatch)
    run(changes, drop(changes, 1, "11"))
    folders = [drop(changes, day, f"1{day}") for day in (2, 3)]
    for folder in folders:
        (folder / "manifest.csv").write_text("file,bytes\nLAB.csv,99999\n", encoding="utf-8")
        refused(changes, folder)
    for folder in folders:
        (folder / "manifest.csv").write_text("file,bytes\n", encoding="utf-8")
    [triggered] = runs_to_trigger()
    assert (triggered["trigger_dag_id"], triggered["conf"]) == ("etl_tiny", {"night": "2026-07-02"})
    assert triggered["trigger_run_id"].startswith("grown__2026-07-02__")
    run(changes, folders[0])
    assert [each["conf"] for each in runs_to_trigger()] == [{"night": "2026-07-03"}]


def test_a_hospital_that_cannot_be_looked_at_keeps_nobody_from_being(
    hospital: Tiny, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    environment(hospital, monkeypatch)
    folder = hospital.deliver()
    run(hospital, folder)
    more(folder)
    hospital.rewrite("sources.yaml", "columns:", "colums:")
    assert runs_to_trigger() == []
    assert "colums" in caplog.text


class TestNumbersOfFiles:
    """`files`: how many files a glob has."""

    @pytest.fixture
    def counted(self, hospital: Tiny) -> Tiny:
        hospital.rewrite("sources.yaml", "file: LAB.csv", "file: LAB*.csv\n    files: {at_least: 2, at_most: 3}")
        hospital.tables["LAB_2.csv"] = hospital.tables["LAB.csv"][:1]
        return hospital

    def waits(self, hospital: Tiny, folder: Path) -> str | None:
        look = look_at(hospital.settings, [], {"PATH": os.environ["PATH"]}, MORNING)
        [finding] = check_drops(look)
        said = lacking_files(load_mappings(hospital.settings.mappings, ["tiny"])["tiny"], folder)
        assert (finding.text == said) == (said is not None)
        return said

    def test_too_few_are_waited_for_refused_and_taken_up_when_they_came(self, counted: Tiny) -> None:
        folder = counted.deliver(NIGHT + timedelta(days=4), LAB_2=None)
        told = "1 file is called LAB*.csv (source 'results'), the contract says at least 2"
        assert self.waits(counted, folder) == f"{told} in {folder}"
        with pytest.raises(InputError) as raised:
            run(counted, folder)
        assert raised.value.exit_code == 3
        assert told in raised.value.message
        (folder / "LAB_2.csv").write_bytes(counted.raw("LAB_2.csv"))
        assert self.waits(counted, folder) is None
        assert [each.lacks for each in found(counted)] == [None]
        run(counted, folder)

    def test_too_many_are_refused_and_not_waited_for(self, counted: Tiny) -> None:
        for number in (3, 4):
            counted.tables[f"LAB_{number}.csv"] = counted.tables["LAB_2.csv"]
        folder = counted.deliver(NIGHT + timedelta(days=4))
        assert self.waits(counted, folder) is None
        with pytest.raises(InputError, match=r"4 files are called LAB\*\.csv .* at most 3"):
            run(counted, folder)

    def test_a_number_is_exact_and_an_archive_counts_by_what_it_holds(self, counted: Tiny) -> None:
        counted.rewrite("sources.yaml", "{at_least: 2, at_most: 3}", "3")
        folder = counted.deliver(NIGHT + timedelta(days=4), LAB_2=None)
        with zipfile.ZipFile(folder / "rest.zip", "w") as archive:
            archive.writestr("LAB_2.csv", counted.raw("LAB_2.csv"))
        assert self.waits(counted, folder) == (
            f"2 files are called LAB*.csv (source 'results'), the contract says 3 in {folder}"
        )
        with zipfile.ZipFile(folder / "rest.zip", "a") as archive:
            archive.writestr("LAB_3.csv", counted.raw("LAB_2.csv"))
        assert self.waits(counted, folder) is None
        run(counted, folder)

    def test_none_at_all_is_waited_for_and_told_as_missing_unless_it_is_optional(self, counted: Tiny) -> None:
        folder = counted.deliver(NIGHT + timedelta(days=4), LAB=None, LAB_2=None)
        assert "0 files are called" in str(self.waits(counted, folder))
        with pytest.raises(InputError, match=r"LAB\*\.csv is missing from the delivery"):
            run(counted, folder)
        counted.rewrite("sources.yaml", "    files:", "    optional: true\n    files:")
        assert self.waits(counted, folder) is None
        run(counted, folder)


def test_today_is_that_of_seoul() -> None:
    scheduling = Scheduling(grown_days=1, _env_file=None)
    assert first_night(scheduling, datetime(2026, 7, 1, 16, tzinfo=UTC)) == date(2026, 7, 1)
