"""A warning above its limit: the night waits for a person, and who decided what and why is kept."""

from __future__ import annotations

import getpass
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import tiny
from airflow.sdk.exceptions import AirflowFailException
from tiny import Tiny
from typer.testing import CliRunner, Result

from etl.cli import app
from etl.errors import GateClosed
from etl.night.pipeline import run_delivery, run_stage, stage_by_name
from etl.night.publish.approval import ApprovalMissing, forget_later_stages
from etl.night.remember import resume
from etl.operations.airflow.gate import FORM, ApprovalGate
from etl.operations.airflow.tasks import Stopped, ask_approval
from etl.operations.plan import Scheduling
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import APPROVAL, RUN

LIMIT = 0.2
PROMISE = "A patient's sex is W"  # nobody's is


def expectation(limit: float | None) -> dict[str, object]:
    meta = {"severity": "warn", "column": "SEX"} | ({} if limit is None else {"approve_above": limit})
    query = "select _row from {batch} where SEX is distinct from 'W'"
    kwargs = {"unexpected_rows_query": query}
    return {"type": "unexpected_rows_expectation", "kwargs": kwargs, "meta": meta, "description": PROMISE}


def limit_sex(expectations: Path, limit: float | None) -> None:
    """Let the source suite of patients ask for what no patient has."""
    file = expectations / "source" / "tiny" / "patients.json"
    suite = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"name": "source.tiny.patients"}
    others = [e for e in suite.get("expectations", []) if e["description"] != PROMISE]
    suite["expectations"] = [*others, expectation(limit)]
    file.write_text(json.dumps(suite), encoding="utf-8")


@pytest.fixture
def hospital(tmp_path: Path, vocabulary: Path) -> Tiny:
    expectations = tmp_path / "expectations"
    shutil.copytree(tiny.DATA / "expectations", expectations)
    limit_sex(expectations, LIMIT)
    return tiny.make(tmp_path / "home", vocabulary, expectations=expectations)


@pytest.fixture
def etl(hospital: Tiny, monkeypatch: pytest.MonkeyPatch):
    """The command line, on the hospital's home."""
    for name in ("home", "mappings", "expectations"):
        monkeypatch.setenv(f"ETL_{name.upper()}", str(getattr(hospital.settings, name)))
    monkeypatch.setenv("ETL_KEY_SECRET", tiny.SECRET)

    def command(*words: str) -> Result:
        return CliRunner().invoke(app, list(words))

    return command


def rows(hospital: Tiny) -> list[dict[str, object]]:
    query = sa.select(APPROVAL).order_by(APPROVAL.c.asked_at)
    return [dict(row) for row in Ledger(hospital.settings.ledger_url).read(query)]


def newest_run(hospital: Tiny) -> str:
    (row,) = Ledger(hospital.settings.ledger_url).read(sa.select(RUN).order_by(RUN.c.started_at.desc()).limit(1))
    return str(row["run_id"])


def test_a_night_above_the_limit_waits_is_approved_and_publishes(hospital: Tiny, etl) -> None:
    delivery = str(hospital.deliver())
    stopped = etl("run", "tiny", delivery)
    run_id = newest_run(hospital)
    assert stopped.exit_code == 3
    assert f"etl approve {run_id} --reason" in stopped.output
    assert f"{PROMISE} (6 of 6 rows, limit 20.0%)" in stopped.output
    assert tiny.nothing_published(hospital.settings)
    assert PROMISE in etl("approve").output

    assert etl("approve", run_id).exit_code == 2, "an approval needs a reason"
    approved = etl("approve", run_id, "--reason", "the codes changed on 1 July", "--by", "이지은")
    assert approved.exit_code == 0
    assert f"etl run tiny {delivery}" in approved.output
    (row,) = rows(hospital)
    assert (row["run_id"], row["gate"], row["decision"]) == (run_id, "source", "approved")
    assert row["actor"] == f"이지은 (entered by {getpass.getuser()})"
    assert row["reason"] == "the codes changed on 1 July"
    assert row["decided_at"] is not None

    assert etl("run", "tiny", delivery).exit_code == 0
    assert not tiny.nothing_published(hospital.settings)
    assert etl("approve").output.strip() == "nothing waits for an approval"
    assert etl("approve", run_id, "--reason", "again").exit_code == 2


def test_a_refused_night_stays_out_until_somebody_overrules_it(hospital: Tiny, etl) -> None:
    delivery = hospital.deliver()
    etl("run", "tiny", str(delivery))
    run_id = newest_run(hospital)
    assert etl("approve", run_id, "--refuse", "--reason", "half the file is missing").exit_code == 0
    again = etl("run", "tiny", str(delivery))
    assert again.exit_code == 3
    assert "refused before" in again.output
    assert "half the file is missing" in again.output
    assert tiny.nothing_published(hospital.settings)
    etl("approve", run_id, "--reason", "the hospital says it is complete")
    assert etl("run", "tiny", str(delivery)).exit_code == 0
    assert [row["decision"] for row in rows(hospital)] == ["refused", "approved"]


def test_below_the_limit_nobody_is_asked(hospital: Tiny) -> None:
    limit_sex(hospital.settings.expectations, None)
    hospital.publish()
    assert rows(hospital) == []


def test_an_approval_holds_for_the_findings_that_were_approved(hospital: Tiny, etl) -> None:
    delivery = hospital.deliver()
    etl("run", "tiny", str(delivery))
    run_id = newest_run(hospital)
    etl("approve", run_id, "--reason", "looked at it")
    limit_sex(hospital.settings.expectations, LIMIT / 2)  # the same rows, but another question
    with pytest.raises(ApprovalMissing):
        run_delivery(hospital.settings, "tiny", delivery)
    assert [row["decision"] for row in rows(hospital)] == ["approved", "waiting"]
    limit_sex(hospital.settings.expectations, None)
    run_delivery(hospital.settings, "tiny", delivery)
    assert [row["decision"] for row in rows(hospital)] == ["approved", "expired"]


def test_the_stage_publish_by_hand_needs_the_approval_too(hospital: Tiny) -> None:
    run = hospital.through("land", "check_source", "merge", "map", "derive", "check_cdm")
    for _ in range(2):
        with pytest.raises(ApprovalMissing):
            run_stage(run, stage_by_name("publish"))
    assert len(rows(hospital)) == 1, "one question is asked once"
    assert tiny.nothing_published(hospital.settings)


def test_publish_by_hand_needs_every_stage_before_it(hospital: Tiny) -> None:
    limit_sex(hospital.settings.expectations, None)
    run = hospital.through("land", "merge", "map", "derive", "check_cdm")
    with pytest.raises(GateClosed, match="'check_source' has not passed"):
        run_stage(run, stage_by_name("publish"))
    run_stage(run, stage_by_name("check_source"))
    run_stage(run, stage_by_name("map"))
    forget_later_stages(run.ledger, run.run_id, "map")
    with pytest.raises(GateClosed, match="'derive' has not passed"):
        run_stage(resume(hospital.settings, run.run_id), stage_by_name("publish"))
    assert tiny.nothing_published(hospital.settings)


def test_the_next_night_is_asked_about_on_its_own(hospital: Tiny, etl) -> None:
    etl("run", "tiny", str(hospital.deliver()))
    etl("approve", newest_run(hospital), "--reason", "once")
    etl("run", "tiny", str(hospital.deliver()))
    hospital.tables["PAT.csv"].append(["70009", "새환자일", "800101-1000099", "010-0000-7009", "M", "1980-01-01", ""])
    with pytest.raises(ApprovalMissing):
        run_delivery(hospital.settings, "tiny", hospital.deliver(tiny.NIGHT + timedelta(days=1)))


def answered(hospital: Tiny, run_id: str, option: str, user: str | None, reason: str, default: str = "refuse") -> str:
    """What the task in Airflow makes of an answer, or of nobody's."""
    scheduling = Scheduling(approval_default=default, approval_minutes=30, _env_file=None)
    gate = ApprovalGate(task_id="approve", opened=run_id, hospital="tiny", scheduling=scheduling, params=FORM)
    event = {
        "chosen_options": [option], "params_input": {"reason": reason}, "responded_at": datetime.now(UTC),
        "responded_by_user": {"id": user, "name": user} if user else None,
    }  # fmt: skip
    return gate.execute_complete({}, event)


@pytest.mark.parametrize(
    ("option", "user", "reason", "default", "kept"),
    [
        ("Approve", "officer", "seen", "refuse", ("approved", "officer", "seen")),
        ("Refuse", "officer", "half a file", "refuse", ("refused", "officer", "half a file")),
        ("Refuse", None, "", "refuse", ("expired", "time limit", "nobody answered within 30 minutes")),
        ("Approve", None, "", "approve", ("approved", "time limit", "nobody answered within 30 minutes")),
    ],
)
def test_an_answer_in_airflow_is_kept_and_anything_but_an_approval_ends_the_night(
    hospital: Tiny, etl, option: str, user: str | None, reason: str, default: str, kept: tuple[str, str, str]
) -> None:
    run = hospital.through("land", "check_source", "merge", "map", "derive", "check_cdm")
    assert ask_approval(run.run_id) == [f"patients.SEX: {PROMISE} (6 of 6 rows, limit 20.0%)"]
    assert (hospital.settings.reports / f"{tiny.NIGHT}" / "tiny.html").exists()
    if kept[0] == "approved":
        assert answered(hospital, run.run_id, option, user, reason, default) == run.run_id
        run_stage(run, stage_by_name("publish"))
    else:
        with pytest.raises(Stopped, match=f"{kept[0]} by {kept[1]}"):
            answered(hospital, run.run_id, option, user, reason, default)
        assert run.ledger.run(run.run_id)["state"] == "blocked"
        assert tiny.nothing_published(hospital.settings)
    (row,) = rows(hospital)
    assert (row["decision"], row["actor"], row["reason"]) == kept


def test_a_refusal_in_airflow_overrules_an_approval_on_the_command_line(hospital: Tiny, etl) -> None:
    run = hospital.through("land", "check_source", "merge", "map", "derive", "check_cdm")
    ask_approval(run.run_id)
    etl("approve", run.run_id, "--reason", "looked at it")
    with pytest.raises(Stopped, match="refused by officer"):
        answered(hospital, run.run_id, "Refuse", "officer", "half a file")
    assert [row["decision"] for row in rows(hospital)] == ["approved", "refused"]
    with pytest.raises(ApprovalMissing, match="half a file"):
        run_stage(run, stage_by_name("publish"))


@pytest.mark.parametrize(("refuse", "default"), [(False, "refuse"), (True, "approve")])
def test_a_time_limit_overrules_no_person(hospital: Tiny, etl, refuse: bool, default: str) -> None:
    run = hospital.through("land", "check_source", "merge", "map", "derive", "check_cdm")
    ask_approval(run.run_id)
    etl("approve", run.run_id, "--reason", "looked at it", *(["--refuse"] if refuse else []))
    if refuse:
        with pytest.raises(Stopped, match="refused by"):
            answered(hospital, run.run_id, "Approve", None, "", default)
    else:
        assert answered(hospital, run.run_id, "Refuse", None, "", default) == run.run_id
    assert [row["decision"] for row in rows(hospital)] == ["refused" if refuse else "approved"]


def test_what_is_published_cannot_be_refused(hospital: Tiny, etl) -> None:
    delivery = str(hospital.deliver())
    etl("run", "tiny", delivery)
    run_id = newest_run(hospital)
    etl("approve", run_id, "--reason", "looked at it")
    etl("run", "tiny", delivery)
    late = etl("approve", run_id, "--refuse", "--reason", "too late")
    assert late.exit_code == 2
    assert "etl rollback tiny" in late.output


def test_what_blocks_cannot_be_approved(hospital: Tiny, etl) -> None:
    file = hospital.settings.expectations / "source" / "tiny" / "patients.json"
    suite = json.loads(file.read_text(encoding="utf-8"))
    blocking = expectation(None) | {"description": "A patient's sex is not F"}
    blocking["kwargs"] = {"unexpected_rows_query": "select _row from {batch} where SEX = 'F'"}
    blocking["meta"] = {"severity": "block", "column": "SEX"}
    suite["expectations"].append(blocking)
    file.write_text(json.dumps(suite), encoding="utf-8")
    assert etl("run", "tiny", str(hospital.deliver())).exit_code == 3
    said = etl("approve", newest_run(hospital), "--reason", "go on")
    assert said.exit_code == 2
    assert "cannot be approved" in said.output
    assert rows(hospital) == []


def test_the_status_says_that_a_night_waits(hospital: Tiny, etl) -> None:
    etl("run", "tiny", str(hospital.deliver()))
    assert f"{newest_run(hospital)} waits for an approval" in etl("status").output
    assert [row["waits_for_approval"] for row in json.loads(etl("status", "--json").stdout)] == [True]
    etl("approve", newest_run(hospital), "--refuse", "--reason", "half a file")
    assert "waits" not in etl("status").output


def test_an_answer_without_a_reason_decides_nothing(hospital: Tiny, etl) -> None:
    run = hospital.through("land", "check_source", "merge", "map", "derive", "check_cdm")
    ask_approval(run.run_id)
    with pytest.raises(AirflowFailException, match="needs its reason"):
        answered(hospital, run.run_id, "Approve", "officer", "  ")
    assert [row["decision"] for row in rows(hospital)] == ["waiting"]


def test_the_history_lists_what_was_decided_newest_first(hospital: Tiny, etl) -> None:
    assert etl("approve", "--history").output.strip() == "nothing has been decided yet"
    etl("run", "tiny", str(hospital.deliver()))
    run_id = newest_run(hospital)
    assert json.loads(etl("approve", "--history", "--json").stdout) == [], "what waits is not decided"
    etl("approve", run_id, "--refuse", "--reason", "half a [b]file[/b]", "--by", "park")
    etl("approve", run_id, "--reason", "it is complete", "--by", "lee")

    told = json.loads(etl("approve", "--history", "--json").stdout)
    assert [(t["decision"], t["reason"]) for t in told] == [
        ("approved", "it is complete"), ("refused", "half a [b]file[/b]"),
    ]  # fmt: skip
    assert {(t["run_id"], t["gate"]) for t in told} == {(run_id, "source")}
    assert all(t["asked_at"] <= t["decided_at"] for t in told)
    assert told[0]["findings"][0]["description"] == PROMISE
    listed = etl("approve", run_id, "--history").output
    assert f"{run_id}  source gate, approved by lee (entered by {getpass.getuser()})" in listed
    assert "half a [b]file[/b]" in listed
    assert told[0]["decided_at"].endswith("+09:00")
    assert f"decided {told[0]['decided_at'][:16].replace('T', ' ')} KST" in listed
    assert listed.index("approved by lee") < listed.index("refused by park")


def test_the_history_decides_nothing(hospital: Tiny, etl) -> None:
    etl("run", "tiny", str(hospital.deliver()))
    assert etl("approve", newest_run(hospital), "--history", "--reason", "seen").exit_code == 2
    assert etl("approve", "tiny-nothing", "--history").exit_code == 2
    assert [row["decision"] for row in rows(hospital)] == ["waiting"]
