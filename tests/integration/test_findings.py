"""Findings live over nights: they come, stay, change, are looked after, go and come back; on both warehouses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import postgres_server
import psycopg
import pytest
import sqlalchemy as sa
import tiny
from sqlalchemy.engine import URL
from tiny import Tiny
from typer.testing import CliRunner, Result

from etl.cli import app
from etl.errors import GateClosed
from etl.night.pipeline import run_delivery
from etl.night.publish.rollback import roll_back
from etl.quality.findings.actions import Overtaken, act, today
from etl.quality.findings.links import links_of
from etl.quality.findings.read import Tracked, list_findings, show
from etl.quality.findings.track import track
from etl.quality.morning import follow_up
from etl.settings import PROJECT, Settings
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tracking import FINDING_SIGN

PATIENTS = 60


@pytest.fixture
def hospital(tmp_path: Path, vocabulary: Path) -> Tiny:
    """The tiny hospital with more patients, so that shares tell something, and a battery of few checks."""
    expectations = tmp_path / "expectations"
    shutil.copytree(tiny.DATA / "expectations", expectations)
    (expectations / "dqd").mkdir()
    shutil.copy(PROJECT / "expectations" / "dqd" / "types.yaml", expectations / "dqd")
    write_battery(expectations, threshold=5)
    hospital = tiny.make(tmp_path / "home", vocabulary, expectations=expectations)
    patients = hospital.tables["PAT.csv"]
    patients += [[f"7{n:04}", *patients[1][1:4], "F", "1980-01-01", ""] for n in range(100, 94 + PATIENTS)]
    return hospital


def write_battery(expectations: Path, *, threshold: int) -> None:
    """The checks of a battery: whether a person's gender is known, and a few of each kind beside."""
    file = PROJECT / "expectations" / "dqd" / "checks.csv"
    head, *lines = file.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line.startswith(("cdmTable,person", "isPrimaryKey,person", "isRequired,person"))]
    gender = f"standardConceptRecordCompleteness,person,gender_concept_id,,,{threshold},"
    (expectations / "dqd" / "checks.csv").write_text("\n".join([head, *kept, gender, ""]), encoding="utf-8")


def night(hospital: Tiny, n: int, odd: int) -> str:
    """The n-th night, on which so many patients are of a sex that there is not; published and followed up."""
    for i, row in enumerate(hospital.tables["PAT.csv"][1:]):
        row[4] = "X" if i < odd else "F"
    run_id = hospital.publish(tiny.NIGHT + timedelta(days=n))
    assert follow_up(hospital.settings) == []
    return run_id


def ledger_of(hospital: Tiny) -> Ledger:
    return Ledger(hospital.settings.ledger_url)


def of_sex(hospital: Tiny, place: str = "source") -> Tracked:
    """What is known of patients' sex, in their source or in the CDM."""
    column = {"source": "SEX", "cdm": "gender_concept_id"}[place]
    (found,) = [f for f in list_findings(ledger_of(hospital)) if f.column == column]
    return found


def counted(hospital: Tiny, table: sa.Table) -> int:
    return int(ledger_of(hospital).read(sa.select(sa.func.count().label("n")).select_from(table))[0]["n"])


def test_a_finding_over_nights(either: Tiny) -> None:
    hospital, ledger = either, ledger_of(either)
    words = []
    for n, odd in enumerate((8, 8, 30)):
        run_id = night(hospital, n, odd)
        found, told = of_sex(hospital), of_sex(hospital, "cdm")
        words.append((found.course, found.violated, told.course, told.violated))
        assert (found.total, told.total, found.state) == (PATIENTS, PATIENTS, "open")
    assert words == [("new", 8, "new", 8), ("still there", 8, "still there", 8), ("worse", 30, "worse", 30)]
    assert (found.first_night, found.course_night) == (tiny.NIGHT, tiny.NIGHT + timedelta(days=2))
    assert found.needs_a_person

    waived = act(ledger, found.number, "waive", actor="kim", reason="the form changes in May", until=date(2099, 1, 1))
    assert (of_sex(hospital).state, of_sex(hospital).needs_a_person) == ("waived", False)
    night(hospital, 3, 0)
    gone = of_sex(hospital)
    assert (gone.course, gone.state, gone.violated, gone.last_action) == ("gone", "resolved", 30, waived + 1)
    run_id = night(hospital, 4, 9)
    back = of_sex(hospital)
    assert (back.number, back.course, back.state, back.violated) == (found.number, "came back", "open", 9)

    detail = show(ledger, back.number)
    assert [s.word for s in detail.course] == ["came back", "gone", "worse", "still there", "new"]
    assert [(a.action, a.actor, a.after) for a in detail.actions] == [
        ("came_back", "etl", "open"), ("gone", "etl", "resolved"), ("waive", "kim", "waived"),
    ]  # fmt: skip
    links = links_of(hospital.settings, ledger, detail)
    assert links.run_id == run_id
    assert {(e.source, e.table) for e in links.entries} == {("patients", "person"), ("patients", "death")}
    assert links.rows[0].command.startswith(f"etl sql --run {run_id} ")


def test_a_run_that_is_run_again_has_its_signs_once_and_one_that_was_gone_back_from_says_nothing(
    either: Tiny,
) -> None:
    hospital = either
    night(hospital, 0, 8)
    night(hospital, 1, 30)
    signs = counted(hospital, FINDING_SIGN)
    run_delivery(hospital.settings, "tiny", hospital.deliver(tiny.NIGHT + timedelta(days=1)), force=True)
    assert follow_up(hospital.settings) == []
    assert counted(hospital, FINDING_SIGN) == signs
    assert (of_sex(hospital).course, of_sex(hospital).nights) == ("worse", 2)

    roll_back(hospital.settings, "tiny", tiny.NIGHT, actor="kim", reason="too many")
    assert follow_up(hospital.settings) == []
    for place in ("source", "cdm"):
        back = of_sex(hospital, place)
        assert (back.course, back.nights, back.violated, back.seen_night) == ("new", 1, 8, tiny.NIGHT)
    assert counted(hospital, FINDING_SIGN) == signs


def test_what_was_not_reached_or_not_measured_leaves_a_finding_as_it_was(
    hospital: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    night(hospital, 0, 8)
    before = of_sex(hospital, "cdm")
    write_battery(hospital.settings.expectations, threshold=0)
    with monkeypatch.context() as broken:
        broken.setattr("etl.quality.battery.nights._look", lambda *_: 1 / 0)
        for row in hospital.tables["PAT.csv"][1:]:
            row[4] = "F"
        hospital.publish(tiny.NIGHT + timedelta(days=1))
        (told,) = follow_up(hospital.settings)
    assert told.startswith("tiny: the night 2026-07-02 could not be measured")
    assert of_sex(hospital, "cdm") == before
    assert of_sex(hospital).course == "gone"
    assert follow_up(hospital.settings) == []  # made up for
    assert of_sex(hospital, "cdm").course == "gone"

    few = hospital.tables["PAT.csv"][:3]
    hospital.tables["PAT.csv"] = few
    with pytest.raises(GateClosed):
        hospital.publish(tiny.NIGHT + timedelta(days=2))
    assert follow_up(hospital.settings) == []
    assert of_sex(hospital, "cdm").course == "gone"
    (closed,) = [f for f in list_findings(ledger_of(hospital)) if f.kind == "few_rows"]
    assert (closed.course, closed.severity, closed.table) == ("new", "fatal", "patients")


def test_two_officers_at_once(either: Tiny) -> None:
    night(either, 0, 5)
    ledger, found = ledger_of(either), of_sex(either)
    mine = act(ledger, found.number, "work", actor="kim", owner="lee", due=today(), seen=found.last_action)
    with pytest.raises(Overtaken, match=r"kim did 'work' at .*; it is in_work now") as refused:
        act(ledger, found.number, "waive", actor="park", reason="x", until=today(), seen=found.last_action)
    assert (refused.value.exit_code, refused.value.last) == (2, mine)
    assert act(ledger, found.number, "note", actor="park", reason="so be it", seen=mine) == mine + 1
    assert (of_sex(either).owner, of_sex(either).state) == ("lee", "in_work")


def test_a_waiver_ends_with_its_day_and_when_it_becomes_much_worse(hospital: Tiny) -> None:
    night(hospital, 0, 6)
    ledger, found = ledger_of(hospital), of_sex(hospital)
    for day, expected in (date(2099, 1, 1), "waived"), (date(2099, 1, 2), "open"):
        if expected == "waived":
            act(ledger, found.number, "waive", actor="kim", reason="until then", until=day)
        track(hospital.settings, ledger, day)
        assert of_sex(hospital).state == expected
    over = show(ledger, found.number).actions[0]
    assert (over.action, over.actor, over.before, over.after) == ("waiver_over", "etl", "waived", "open")
    act(ledger, found.number, "waive", actor="kim", reason="a while", until=date(2099, 1, 1))
    night(hospital, 1, 7)
    assert of_sex(hospital).state == "waived"
    night(hospital, 2, 40)
    assert (of_sex(hospital).state, show(ledger, found.number).actions[0].action) == ("open", "much_worse")


def test_an_officer_s_own_login_acts_and_follows_nothing_up(either: Tiny, database: URL) -> None:
    if either.settings.warehouse_url is None:
        pytest.skip("logins are a server's")
    night(either, 0, 5)
    settings, name = either.settings, f"officer_{database.database}"
    with psycopg.connect(postgres_server.libpq(database), autocommit=True) as con:
        con.execute(f"create role {name} login password 'x' in role etl_quality")
    try:
        login = database.set(username=name, password="x").render_as_string(hide_password=False)
        own = Settings(**{**settings.model_dump(), "warehouse_url": login}, _env_file=None)
        ledger = Ledger(own.ledger_url)
        either.publish(tiny.NIGHT + timedelta(days=1))
        assert follow_up(own) == []
        found = of_sex(either)
        assert found.nights == 1
        act(ledger, found.number, "acknowledge", actor="kim", seen=found.last_action)
        assert [f.state for f in list_findings(ledger) if f.number == found.number] == ["acknowledged"]
        ledger.engine.dispose()
    finally:
        with psycopg.connect(postgres_server.libpq(database), autocommit=True) as con:
            con.execute(f"drop role {name}")


@pytest.fixture
def etl(hospital: Tiny, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command line, on the hospital's home."""
    for name in ("home", "mappings", "expectations"):
        monkeypatch.setenv(f"ETL_{name.upper()}", str(getattr(hospital.settings, name)))
    monkeypatch.setenv("ETL_KEY_SECRET", tiny.SECRET)
    return lambda *words: CliRunner().invoke(app, list(words))


def test_the_commands(hospital: Tiny, etl: Callable[..., Result]) -> None:
    assert etl("findings", "list").stdout.strip() == "no finding"
    for row in hospital.tables["PAT.csv"][1:11]:
        row[4] = "X"
    assert etl("run", "tiny", str(hospital.deliver())).exit_code == 0  # a published night is followed up
    shown = etl("findings", "list", "--new").stdout
    assert shown.startswith("2 findings of 1 hospital need a person: 2 new; 2 in all")
    assert f"10 of {PATIENTS}" in shown
    number = str(of_sex(hospital).number)
    assert etl("findings", "assign", number, "lee", "--due", "2098-01-31", "--by", "kim").exit_code == 0
    refused = etl("findings", "waive", number, "--until", "2099-01-01", "--reason", "x", "--seen", "0")
    assert (refused.exit_code, "kim (entered by" in refused.stderr) == (2, True)
    assert (
        etl("findings", "waive", number, "--until", "2099-01-01", "--reason", "the form", "--seen", "1").exit_code == 0
    )
    (found,) = json.loads(etl("findings", "list", "--owner", "lee", "--json").stdout)
    assert (found["state"], found["until"], found["violated"], found["last_action"]) == ("waived", "2099-01-01", 10, 2)
    detail = etl("findings", "show", number)
    for said in ("waived until 2099-01-01", "the form", "etl sql --run", "patients → person", "--seen 2"):
        assert said in detail.stdout
    assert json.loads(etl("findings", "digest", "--json").stdout)[0]["new"] == 2
    assert etl("findings", "digest").stdout.startswith("1 finding of 1 hospital needs a person\ntiny: 1 for a person")
    for words, code in (("list", "tinny"), 4), (("list", "--state", "opn"), 2), (("show", "99"), 2):
        assert etl("findings", *words).exit_code == code


def test_kept_nights_are_listed_and_shown_by_other_thresholds(hospital: Tiny, etl: Callable[..., Result]) -> None:
    night(hospital, 0, 8)
    night(hospital, 1, 0)

    def failed(*words: str) -> int:
        answers = json.loads(etl("battery", "tiny", *words, "--json").stdout)
        return sum(answer["status"] == "failed" for answer in answers)

    kept = json.loads(etl("battery", "tiny", "--history", "--json").stdout)
    assert [(row["night"], row["failed"]) for row in kept] == [("2026-07-02", 0), ("2026-07-01", 1)]
    assert (failed(), failed("--night", "2026-07-01"), failed("--night", "2026-06-01")) == (0, 1, 0)
    assert "as it was measured on" in etl("battery", "tiny", "--night", "2026-07-01").stderr
    write_battery(hospital.settings.expectations, threshold=50)
    assert failed("--night", "2026-07-01") == 0
    assert etl("battery", "--keep").exit_code == 0
    assert len(json.loads(etl("battery", "--history", "--json").stdout)) == 2
    assert etl("battery", "--keep", "--night", "2026-07-01").exit_code == 2


def test_a_published_night_stays_so_whatever_goes_wrong_afterwards(hospital: Tiny, etl: Callable[..., Result]) -> None:
    (hospital.settings.expectations / "dqd" / "checks.csv").write_text("check\nnothing\n", encoding="utf-8")
    for row in hospital.tables["PAT.csv"][1:]:
        row[4] = "X"
    ran = etl("run", "tiny", str(hospital.deliver()))
    assert (ran.exit_code, "nothing was measured: " in ran.stderr) == (0, True)
    assert not tiny.nothing_published(hospital.settings)
    assert of_sex(hospital).course == "new"  # what the gates found is tracked all the same
    write_battery(hospital.settings.expectations, threshold=5)
    assert etl("report").exit_code == 0
    assert of_sex(hospital, "cdm").course == "new"
