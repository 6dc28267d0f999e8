"""No patient's id ever comes to mean somebody else: a key store that is not the one of what is published is refused."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import histories
import pytest
import tiny
from sqlalchemy.engine import URL
from tiny import Tiny

from etl.cdm.spec import hospital_tables
from etl.errors import ConfigError, InputError, UsageError
from etl.night.land import land as land_module
from etl.night.opening import open_run
from etl.night.pipeline import run_delivery, run_stage, stage_by_name
from etl.night.publish.approval import ApprovalMissing, decide
from etl.night.publish.rollback import roll_back
from etl.night.remember import begin, resume
from etl.operations.doctor.examine import examine, look_at
from etl.settings import PROJECT
from etl.store.keys.fitting import file_of, misfit
from etl.store.keys.keystore import KeyStore
from etl.store.ledger.ledger import Ledger
from etl.store.marks import Mark, Marks
from etl.store.postgres.connect import connect
from etl.store.warehouse.open import open_warehouse
from etl.store.warehouse.postgres.init import initialise

SECOND = tiny.NIGHT.replace(day=2)
THIRD = tiny.NIGHT.replace(day=3)


def store_of(hospital: Tiny) -> Path:
    return file_of(hospital.settings, "tiny")


def copy_of(file: Path, target: Path) -> Path:
    """A copy as a back-up job makes it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(file) as con:
        con.execute(f"vacuum into '{target}'")
    return target


def put_back(copy: Path, file: Path) -> None:
    for part in file.parent.glob(f"{file.name}*"):
        part.unlink()
    shutil.copy(copy, file)


def add_patient(hospital: Tiny, number: str) -> None:
    """One more patient, whom nobody knew."""
    header, first, *_ = hospital.tables["PAT.csv"]
    hospital.tables["PAT.csv"].append([number, *first[1:]])
    assert len(header) == len(first)


def refused(hospital: Tiny, night=SECOND) -> ConfigError:
    before = tiny.warehouse_rows(hospital.settings)
    folder = hospital.deliver(night)
    with pytest.raises(ConfigError, match="key store") as raised:
        run_delivery(hospital.settings, "tiny", folder)
    assert "restore the newest copy" in str(raised.value)
    assert tiny.warehouse_rows(hospital.settings) == before
    return raised.value


def test_a_store_that_was_deleted_is_not_made_again(either: Tiny) -> None:
    either.publish()
    for part in store_of(either).parent.glob("*"):
        part.unlink()
    assert "is missing" in refused(either).message
    assert not store_of(either).exists()
    assert doctor_says(either, "is missing")


def change(hospital: Tiny, day: int, *patients: str) -> Path:
    """A delivery of changes: these patients only."""
    rows = {"PAT": [(number, "가나다", "", "", "M", "1945-01-01", "", "N") for number in patients]}
    return histories.write(hospital.drops, day, histories.Night(day, whole=False, rows=rows, gone={}, master=MASTER))


MASTER = [("L001", "D2020010", "20110101", "99991231")]


def test_in_nights_of_changes_two_patients_never_become_one(either: Tiny, tmp_path: Path) -> None:
    """What landed without being published has numbers, too: an older copy would hand them out once more."""
    expectations = tmp_path / "expectations"
    (expectations / "source").mkdir(parents=True)
    (expectations / "cdm").symlink_to(tiny.DATA / "expectations" / "cdm")
    either.settings = either.settings.model_copy(update={"expectations": expectations})
    histories.make_delta(either)
    run_delivery(either.settings, "tiny", change(either, 1, "70001", "70002"))
    old = copy_of(store_of(either), tmp_path / "old.sqlite")
    either.through("land", "check_source", "merge", folder=change(either, 2, "70009"))
    put_back(old, store_of(either))
    with pytest.raises(ConfigError, match="older copy"):
        run_delivery(either.settings, "tiny", change(either, 3, "70010"))
    for part in store_of(either).parent.glob("*"):
        part.unlink()
    with pytest.raises(ConfigError, match="is missing"):
        run_delivery(either.settings, "tiny", change(either, 3, "70010"))
    assert len(tiny.warehouse_rows(either.settings)["person"]) == 2


def doctor_says(hospital: Tiny, words: str) -> bool:
    found = examine(look_at(hospital.settings, ["tiny"]))
    return any(f.subject == "keys" and f.state == "fail" and words in f.text for f in found)


def test_a_store_restored_from_an_older_copy_is_refused(either: Tiny, tmp_path: Path) -> None:
    either.publish()
    old = copy_of(store_of(either), tmp_path / "old.sqlite")
    add_patient(either, "70009")
    either.publish(SECOND)
    put_back(old, store_of(either))
    add_patient(either, "70010")
    assert "older copy" in refused(either, THIRD).message
    assert doctor_says(either, "older copy")


def test_a_copy_that_handed_out_as_many_numbers_to_others_is_refused(either: Tiny, tmp_path: Path) -> None:
    either.publish()
    old = copy_of(store_of(either), tmp_path / "old.sqlite")
    add_patient(either, "70009")
    either.publish(SECOND)
    put_back(old, store_of(either))
    keys = KeyStore(store_of(either), "tiny", 5, tiny.SECRET)
    keys.register("person", ["70020", "70021"])
    keys.close()
    assert "went on elsewhere" in refused(either, THIRD).message
    assert doctor_says(either, "went on elsewhere")


def test_another_home_s_store_is_refused(either: Tiny, tmp_path: Path) -> None:
    either.publish()
    other = KeyStore(tmp_path / "other.sqlite", "tiny", 5, tiny.SECRET)
    other.register("person", [f"9{n}" for n in range(50)])
    other.close()
    put_back(tmp_path / "other.sqlite", store_of(either))
    assert "another store" in refused(either).message


def test_of_two_homes_on_one_server_only_the_one_with_the_newest_store_publishes(
    hospital: Tiny, database: URL, tmp_path: Path, vocabulary: Path
) -> None:
    initialise(database, database)
    url = {"warehouse_url": database.render_as_string(hide_password=False)}
    hospital.settings = hospital.settings.model_copy(update=url)
    hospital.publish()
    other = tiny.make(tmp_path / "other", vocabulary)
    other.settings = other.settings.model_copy(update=url)
    copy_of(store_of(hospital), store_of(other))
    # both land while the warehouse knows the same marks, then one publishes before the other
    add_patient(hospital, "70009")
    add_patient(other, "70010")
    ours = hospital.through(*BEFORE_PUBLISH, folder=hospital.deliver(SECOND))
    theirs = other.through(*BEFORE_PUBLISH, folder=other.deliver(SECOND))
    run_stage(ours, stage_by_name("publish"))
    rows = tiny.warehouse_rows(hospital.settings)
    with pytest.raises(ConfigError, match="went on elsewhere"):
        run_stage(theirs, stage_by_name("publish"))
    assert tiny.warehouse_rows(hospital.settings) == rows


BEFORE_PUBLISH = ("land", "check_source", "merge", "map", "derive", "check_cdm")


def test_what_an_earlier_program_published_is_protected_by_its_highest_number(either: Tiny, tmp_path: Path) -> None:
    either.publish()
    forget_marks(either)
    keys = KeyStore(tmp_path / "fewer.sqlite", "tiny", 5, tiny.SECRET)
    keys.register("person", ["70001"])
    keys.close()
    put_back(tmp_path / "fewer.sqlite", store_of(either))
    refused(either)


def forget_marks(hospital: Tiny) -> None:
    warehouse = open_warehouse(hospital.settings)
    if hospital.settings.warehouse.get_backend_name() == "postgresql":
        with connect(hospital.settings.warehouse) as con:
            con.execute("delete from admin.key_mark")
    else:
        warehouse._catalog.transaction(lambda con: con.execute("delete from admin.key_mark"))


def test_with_the_right_store_back_the_night_goes_on(either: Tiny, tmp_path: Path) -> None:
    either.publish()
    copy = copy_of(store_of(either), tmp_path / "copy.sqlite")
    for part in store_of(either).parent.glob("*"):
        part.unlink()
    refused(either)
    put_back(copy, store_of(either))
    run_delivery(either.settings, "tiny", either.deliver(SECOND))
    assert Ledger(either.settings.ledger_url).last_published("tiny")["night"] == SECOND


def empty(hospital: Tiny) -> bool:
    """Whether readers see nothing of the hospital."""
    return not any(tiny.warehouse_rows(hospital.settings, hospital_tables()).values())


def test_where_the_store_is_lost_for_good_everybody_gets_a_new_id_after_nothing(either: Tiny) -> None:
    either.publish()
    for part in store_of(either).parent.glob("*"):
        part.unlink()
    refused(either)
    with pytest.raises(UsageError, match="all of tiny would leave"):
        roll_back(either.settings, "tiny", "nothing", actor="officer", reason=None)
    done = roll_back(either.settings, "tiny", "nothing", actor="officer", reason="the key store is lost")
    assert done.target is None
    assert empty(either)
    assert open_warehouse(either.settings).published("tiny") is None
    assert Ledger(either.settings.ledger_url).last_published("tiny") is None
    either.publish(SECOND)
    assert not empty(either)


def test_a_first_night_of_a_wrong_year_is_no_trap(either: Tiny) -> None:
    future = tiny.NIGHT.replace(year=2062)
    with pytest.raises(Exception, match="still to come"):
        run_delivery(either.settings, "tiny", either.deliver(future))
    run_delivery(either.settings, "tiny", either.deliver(future), force=True, reason="the export is dated so")
    with pytest.raises(Exception, match="is older"):
        run_delivery(either.settings, "tiny", either.deliver(SECOND))
    roll_back(either.settings, "tiny", "nothing", actor="officer", reason="2062 was a slip of the pen")
    first = either.publish(SECOND)
    assert open_warehouse(either.settings).published("tiny").run_id == first


def test_what_left_for_nothing_can_be_published_again(either: Tiny) -> None:
    run_id = either.publish()
    rows = tiny.warehouse_rows(either.settings)
    roll_back(either.settings, "tiny", "nothing", actor="officer", reason="to look at it")
    assert empty(either)
    run_stage(resume(either.settings, run_id), stage_by_name("publish"))
    assert tiny.warehouse_rows(either.settings) == rows


def test_marks_tell_a_store_from_its_copies(tmp_path: Path) -> None:
    keys = KeyStore(tmp_path / "a.sqlite", "tiny", 5, tiny.SECRET)
    keys.register("person", ["1", "2"])
    early = keys.marks()
    keys.register("person", ["3"])
    late = keys.marks()
    keys.close()
    file = tmp_path / "a.sqlite"
    assert misfit(file, early) is None
    assert misfit(file, late) is None
    assert misfit(file, Marks(late.store, {"person": Mark(2, late.by_namespace["person"].chain)})) is not None
    assert misfit(file, Marks("x", {})) is not None
    assert misfit(file, Marks("", {"person": Mark(4, "")})) is not None
    assert misfit(file, Marks("", {"person": Mark(3, "")})) is None
    with pytest.raises(ConfigError, match="damaged"):
        file.write_bytes(b"no database at all" * 400)
        KeyStore(file, "tiny", 5, tiny.SECRET)


def test_record_numbers_that_came_in_another_form_wait_for_a_person(either: Tiny, tmp_path: Path) -> None:
    expectations = tmp_path / "expectations"
    shutil.copytree(either.settings.expectations, expectations)
    shutil.copy(PROJECT / "expectations" / "cdm" / "identity_change.json", expectations / "cdm")
    either.settings = either.settings.model_copy(update={"expectations": expectations})
    either.publish()
    before = tiny.warehouse_rows(either.settings)
    for table in either.tables.values():
        for row in table[1:]:
            row[:] = [f"00{text}" if text.startswith("7000") else text for text in row]
    with pytest.raises(ApprovalMissing) as raised:
        either.publish(SECOND)
    assert "persons known vanish" in str(raised.value)
    assert tiny.warehouse_rows(either.settings) == before
    ledger = Ledger(either.settings.ledger_url)
    waiting = ledger.newest_run("tiny")
    assert waiting["state"] == "waiting"
    decide(ledger, waiting["run_id"], "approved", "officer", "the hospital has renumbered its patients")
    either.publish(SECOND)
    assert ledger.last_published("tiny")["night"] == SECOND


def test_a_night_on_which_as_many_leave_as_come_in_small_numbers_does_not_wait(either: Tiny, tmp_path: Path) -> None:
    expectations = tmp_path / "expectations"
    shutil.copytree(either.settings.expectations, expectations)
    shutil.copy(PROJECT / "expectations" / "cdm" / "identity_change.json", expectations / "cdm")
    either.settings = either.settings.model_copy(update={"expectations": expectations})
    either.publish()
    for number in range(70100, 70120):  # newcomers alone are no sign of anything
        add_patient(either, str(number))
    either.publish(SECOND)
    assert Ledger(either.settings.ledger_url).last_published("tiny")["night"] == SECOND


@pytest.mark.parametrize("when", ["before it lands", "while it lands"])
def test_a_file_that_is_replaced_after_it_was_hashed_does_not_land(
    hospital: Tiny, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = hospital.deliver()
    run = begin(hospital.settings, "tiny", folder, None, None)
    open_run(run)
    said = (folder / "LAB.csv").read_bytes().replace(b"11.2", b"99.9")
    if when == "before it lands":
        (folder / "LAB.csv").write_bytes(said)
    else:
        landing = land_module._land_file
        monkeypatch.setattr(
            land_module, "_land_file", lambda *given: (landing(*given), (folder / "LAB.csv").write_bytes(said))[0]
        )
    with pytest.raises(InputError, match="changed or replaced") as raised:
        run_stage(run, stage_by_name("land"))
    assert "results" in str(raised.value) or "LAB.csv" in str(raised.value)
    assert not (run.folder("land") / "layer.json").exists()


def test_a_file_that_was_copied_back_is_the_same_file(hospital: Tiny) -> None:
    folder = hospital.deliver()
    run = begin(hospital.settings, "tiny", folder, None, None)
    open_run(run)
    for file in folder.iterdir():
        said = file.read_bytes()
        file.unlink()
        file.write_bytes(said)
    run_stage(run, stage_by_name("land"))
    assert (run.folder("land") / "layer.json").exists()
