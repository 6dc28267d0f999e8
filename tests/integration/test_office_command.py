"""`etl office account`: accounts are kept at the terminal, passwords never on the command line; a year of nights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest
import year_of_battery
import year_of_nights
from office_site import PASSWORD, Visitor, add_accounts, settings_of
from typer.testing import CliRunner

from etl.cli import app
from etl.office import passwords
from etl.office.accounts import account, proven
from etl.office.record import Asked, events
from etl.settings import PROJECT
from etl.store.ledger.ledger import Ledger

PAGES = ("/", "/?sort=rate", "/hospitals/snuh", "/hospitals/snuh?page=12", "/hospitals/snuh/2026-12-31",
         "/hospitals/snuh/2026-06-30", "/approvals", "/log", "/accounts",
         "/findings", "/findings?course=news", "/findings/1", "/battery", "/battery?hospital=snuh&text=person",
         "/coverage", "/coverage?text=c1&hospital=snuh", "/comparison", "/months/2026-06",
         "/checks/field_isrequired_person_gender_concept_id",
         "/checks/field_cdmdatatype_cost_cost_event_id?page=5")  # fmt: skip


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    cheap = passwords.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: cheap)


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    monkeypatch.setenv("ETL_HOME", str(tmp_path))
    return Ledger(settings_of(tmp_path).ledger_url)


def etl(*words, given=""):
    return CliRunner().invoke(app, ["office", "account", *words], input=given)


def test_an_account_is_made_listed_changed_and_disabled(ledger):
    assert etl("add", "kim", "--role", "quality officer", given=PASSWORD + "\n").exit_code == 0
    assert proven(ledger, "kim", PASSWORD)
    assert "kim   quality officer" in etl("list").stdout
    assert etl("role", "kim", "auditor").exit_code == 0
    assert etl("password", "kim", given="another fine password\n").exit_code == 0
    assert proven(ledger, "kim", "another fine password").role == "auditor"
    assert etl("disable", "kim").exit_code == 0
    assert proven(ledger, "kim", "another fine password") is None
    assert etl("disable", "kim", "--undo").exit_code == 0
    [told] = json.loads(etl("list", "--json").stdout)
    assert (told["name"], told["role"], told["disabled_at"]) == ("kim", "auditor", None)
    assert "password" not in told
    actions = [event.action for event in events(ledger, Asked(), 1)[0]]
    assert actions == ["account enabled", "account disabled", "password changed", "role changed", "account added"]
    assert all(event.actor.endswith("(terminal)") for event in events(ledger, Asked(), 1)[0])


@pytest.mark.parametrize(
    ("words", "given", "told"),
    [
        (["add", "kim", "--role", "emperor"], PASSWORD, "there is no role 'emperor'"),
        (["add", "kim", "--role", "auditr"], PASSWORD, "did you mean 'auditor'?"),
        (["add", "kim", "--role", "auditor"], "secret", "shorter than 12"),
        (["add", "k/m", "--role", "auditor"], PASSWORD, "cannot name an account"),
        (["role", "nobody", "auditor"], "", "there is no account 'nobody'"),
        (["password", "nobody"], PASSWORD, "there is no account 'nobody'"),
        (["disable", "nobody"], "", "there is no account 'nobody'"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(ledger, words, given, told):
    done = etl(*words, given=given + "\n")
    assert done.exit_code == 2
    assert told in done.stderr
    assert "→" in done.stderr
    assert "secret" not in done.stderr
    assert account(ledger, "kim") is None


def test_no_option_takes_a_password(ledger):
    assert etl("add", "kim", "--role", "auditor", "--password", PASSWORD).exit_code == 2


def test_roles_are_listed_with_what_they_may(ledger):
    assert "auditor: see, see_accounts, see_approvals, see_log" in etl("list", "--roles").stdout
    assert json.loads(etl("list", "--roles", "--json").stdout)["reader"] == ["see"]
    assert "etl office account add" in etl("list").stdout


@pytest.mark.parametrize(
    ("address", "framed_by", "shown"),
    [
        ("https://office.test", "", [["https://office.test", None]]),
        ("https://office.test", "https://airflow.test", [["https://office.test", "cdm-office"]]),
        ("", "https://airflow.test", []),
    ],
)
def test_airflow_leads_to_the_office_or_shows_it_where_that_is_said(tmp_path, address, framed_by, shown):
    code = (
        "import json; from airflow.plugins_manager import is_valid_plugin\n"
        "from etl.operations.airflow.plugin import Office\n"
        "from airflow.api_fastapi.core_api.datamodels.plugins import ExternalViewResponse as View\n"
        "assert is_valid_plugin(Office)\n"
        "print(json.dumps([[v.href, v.url_route] for v in (View(**view) for view in Office.external_views)]))"
    )
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "AIRFLOW_HOME": str(tmp_path), "HOME": str(tmp_path)}
    given = {"ETL_OFFICE_URL": address, "ETL_OFFICE_FRAMED_BY": framed_by}
    env |= {name: value for name, value in given.items() if value}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == shown


def test_a_page_with_a_year_of_nights_is_there_within_half_a_second(tmp_path):
    settings = settings_of(tmp_path)
    Ledger(settings.ledger_url)
    year_of_nights.fill(tmp_path / "ledger.sqlite")
    year_of_battery.measure(tmp_path / "ledger.sqlite")
    add_accounts(settings)
    visitor = Visitor(settings)
    visitor.sign_in("auditor")
    slow = {}
    for page in PAGES:
        times = []
        for _ in range(3):  # the machine may be busy with something else
            begun = time.perf_counter()
            assert visitor.get(page).status_code == 200
            times.append(time.perf_counter() - begun)
        if min(times) >= 0.5:
            slow[page] = min(times)
    assert slow == {}
