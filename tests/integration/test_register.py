"""The register of pseudonymised processing on both ledgers: what its lines say, told by steps and nothing else."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from pathlib import Path

import asked_for
import pytest
from asked_for import do, walk
from sqlalchemy.engine import URL
from typer.testing import CliRunner

from etl.cli import app
from etl.errors import UsageError
from etl.quality.findings.actions import today
from etl.research.oversight.register import _years_after, of_request, register
from etl.research.oversight.told import columns, told
from etl.research.oversight.written import as_csv, as_json, printed
from etl.settings import Settings
from etl.store.audit.verify import entries
from etl.store.ledger.ledger import Ledger
from etl.store.recorded import audit_log
from etl.store.warehouse.postgres.init import initialise


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Ledger:
    url = None
    if request.param == "postgresql":
        database: URL = request.getfixturevalue("database")
        initialise(database, database)
        url = database.render_as_string(hide_password=False)
    return asked_for.people(Ledger(Settings(home=tmp_path, warehouse_url=url, _env_file=None).ledger_url))


def test_a_request_without_data_is_not_in_it(ledger):
    for state in ("draft", "refused", "withdrawn", "approved"):
        walk(ledger, state)
    assert register(ledger) == []
    with pytest.raises(UsageError):
        of_request(ledger, 1)


def test_a_line_says_what_was_asked_approved_done_and_destroyed(ledger):
    number = walk(ledger, "registered")
    [line] = register(ledger)
    assert (line.number, line.title, line.legal_ground, line.level) == (
        "1-1",
        "혈압과 신기능",
        "pseudonymised",
        "standard",
    )
    assert list(line.items) == asked_for.form()["variables"]
    assert [(p["account"], p["affiliation"]) for p in line.recipients] == [("researcher", "Ward 7")]
    assert line.use_until == date.fromisoformat(asked_for.day(100))
    assert {line.processed, line.use_from, line.destroyed} == {today()}
    assert line.adequacy is not None
    assert line.adequacy.said == {"result": "passed"}
    assert [each.said["digest"] for each in line.released] == [asked_for.DIGEST]
    assert [each.move for each in line.history] == ["open", "check_outputs", "close"]
    assert line.certificate == "2026-1"
    assert line.kept_until == _years_after(today(), 3)
    assert of_request(ledger, number) == [line]


def test_every_data_set_is_a_line_with_the_hospitals_and_the_form_that_it_was_built_with(ledger):
    number = walk(ledger, "open")
    do(ledger, number, "keep_out", "steward")
    do(ledger, number, "build", "secretary")
    do(ledger, number, "change", "researcher", purpose="another question")
    do(ledger, number, "give_up", "researcher")
    before, after = register(ledger)
    assert (before.hospitals, after.hospitals) == (["snuh", "cnuh"], ["cnuh"])
    assert {before.purpose, after.purpose} == {asked_for.form()["purpose"]}
    assert (before.destroyed, before.built_anew, before.certificate) == (today(), True, None)
    assert (after.adequacy, after.use_from, after.destroyed, after.kept_until) == (None, None, None, None)
    do(ledger, number, "destroy", "privacy_officer")
    assert [(line.built_anew, line.certificate) for line in register(ledger)] == [(True, None), (False, "2026-1")]


def test_a_build_that_failed_is_no_line_and_took_the_data_of_before_away(ledger):
    number = walk(ledger, "approved")
    do(ledger, number, "build", "secretary", result="failed")
    assert register(ledger) == []
    do(ledger, number, "build", "secretary")
    do(ledger, number, "keep_out", "steward")
    do(ledger, number, "build", "secretary", result="failed")
    [line] = register(ledger)
    assert (line.number, line.built_anew, line.kept_until) == ("1-1", True, _years_after(today(), 3))


def test_outputs_that_did_not_pass_left_nothing(ledger):
    number = walk(ledger, "open")
    do(ledger, number, "check_outputs", "checker", result="failed")
    assert register(ledger)[0].released == []


def test_its_files_say_the_same_as_its_lines(ledger):
    walk(ledger, "registered")
    lines = register(ledger)
    for language in ("ko", "en"):
        _say_the_same(lines, language)
    said = json.loads(as_json(lines))
    assert (said["years"], said["processings"][0]["certificate"]) == (3, "2026-1")


def _say_the_same(lines, language):
    rows = list(csv.reader(io.StringIO(as_csv(lines, {}, language).removeprefix("\ufeff"))))
    assert rows[0] == columns(language)
    assert rows[1] == ["\n".join(texts) for texts in told(lines[0], {}, language).values()]
    page = printed(lines, {}, language)
    assert all(title in page for title in columns(language)[2:])
    assert "2026-1" in page


def test_a_title_that_a_spreadsheet_would_run_stays_a_text(ledger):
    number = walk(ledger, "draft")
    do(ledger, number, "change", "researcher", title="=1+1")
    for move, who, _ in asked_for.WAY:
        if do(ledger, number, move, who) == "built":
            break
    assert "'=1+1" in as_csv(register(ledger), {}, "en")


def test_the_command_shows_exports_and_prints_it_and_the_log_tells_who_took_it(tmp_path, monkeypatch):
    monkeypatch.setenv("ETL_HOME", str(tmp_path))
    monkeypatch.delenv("ETL_WAREHOUSE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    settings = Settings(home=tmp_path, _env_file=None)
    walk(asked_for.people(Ledger(settings.ledger_url)), "registered")

    def etl(*words, code=0):
        done = CliRunner().invoke(app, ["register", *words])
        assert done.exit_code == code, done.output
        return done.stdout

    assert json.loads(etl("show", "--json"))[0]["number"] == "1-1"
    assert "Purpose: whether pressure comes before kidney disease" in etl("show", "1")
    etl("show", "2", code=2)
    etl("export", "register.csv")
    etl("export", "register.csv", code=2)
    etl("export", "register.json")
    etl("print", "register.html", "--language", "en")
    assert (tmp_path / "register.csv").read_text(encoding="utf-8").startswith("\ufeff번호,")
    assert "Register of pseudonymised processing" in (tmp_path / "register.html").read_text(encoding="utf-8")
    with audit_log(settings) as con:
        taken = [(e.subject, e.returned) for e in entries(con) if e.kind == "register exported"]
    assert taken == [(f"register.{kind}", 1) for kind in ("csv", "json", "html")]
