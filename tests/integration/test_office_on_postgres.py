"""The office on PostgreSQL, by a login that may serve it and nothing else; while the server is away, and back again."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote
from uuid import uuid4

import postgres_server
import psycopg
import pytest
import sqlalchemy as sa
from kept_site import measured_nights
from office_site import NIGHT, Visitor, add_accounts, hidden, waiting_run

from etl.office import passwords
from etl.office.record import Asked, events
from etl.quality.findings.read import list_findings, show
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import APPROVAL, RUN
from etl.store.warehouse.postgres.init import initialise
from etl.store.warehouse.postgres.roles import make_login

SECRET = "a-password-of-tests"
FIELD = "/checks/field_isrequired_person_gender_concept_id"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    cheap = passwords.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: cheap)


@pytest.fixture
def office(database, tmp_path):
    """Settings by the loader's login, and by the office's."""

    def settings(url):
        shown = url.render_as_string(hide_password=False)
        return Settings(home=tmp_path, mappings=tmp_path, warehouse_url=shown, _env_file=None)

    initialise(database, database)
    name = f"office_{uuid4().hex[:8]}"
    make_login(database, name, "office", SECRET)
    loader, office = settings(database), settings(database.set(username=name, password=SECRET))
    ledger = Ledger(loader.ledger_url)
    ledger.open_run("snuh-before", "snuh", NIGHT - timedelta(days=1), "abd")
    ledger.record_publication("snuh-before")
    run_id = waiting_run(ledger)
    add_accounts(loader)
    yield ledger, office, run_id
    for each in (ledger, Ledger(office.ledger_url)):
        each.engine.dispose()
    with psycopg.connect(postgres_server.libpq(database), autocommit=True) as con:
        con.execute(f"drop owned by {name}")
        con.execute(f"drop role {name}")


def test_a_login_of_the_office_serves_its_pages_and_records_decisions(office):
    ledger, settings, run_id = office
    visitor = Visitor(settings)
    assert visitor.sign_in("quality.officer").status_code == 303
    for path in ("/", "/hospitals/snuh", f"/hospitals/snuh/{NIGHT}", "/approvals", "/account"):
        assert visitor.get(path).status_code == 200, path
    fields = hidden(visitor.get("/").text, f"/runs/{run_id}/decision")
    form = {**fields, "decision": "refused", "reason": "half of a file"}
    assert visitor.client.post(f"/runs/{run_id}/decision", data=form).status_code == 303
    assert ledger.run(run_id)["state"] == "blocked"
    assert ledger.read(sa.select(APPROVAL))[0]["actor"] == "quality.officer"
    assert [e.action for e in events(ledger, Asked(), 1)[0]][:2] == ["refused", "signed in"]
    assert visitor.post("/sign-out").status_code == 303
    auditor = Visitor(settings)
    auditor.sign_in("auditor")
    assert "half of a file" in auditor.get("/log").text


def test_a_login_of_the_office_acts_on_findings_and_writes_the_months_texts(office):
    ledger, settings, _ = office
    for run in (row for row in ledger.read(sa.select(RUN)) if row["state"] != "waiting"):
        ledger.close_run(run["run_id"], "published", "publish", None)
    measured_nights(settings, ledger)
    [finding] = [f for f in list_findings(ledger) if f.course == "new" and f.place == "source"]
    visitor = Visitor(settings)
    visitor.sign_in("quality.officer")
    check = quote(show(ledger, finding.number).signs[0].check)
    month = f"/months/{NIGHT:%Y-%m}"
    for path in ("/findings", f"/findings/{finding.number}", "/battery", f"/checks/{check}", FIELD, "/coverage",
                 "/comparison", month):  # fmt: skip
        assert visitor.get(path).status_code == 200, path
    fields = hidden(visitor.get(f"/findings/{finding.number}").text, f"/findings/{finding.number}/act")
    form = {**fields, "action": "work", "owner": "lee", "reason": "asked the hospital"}
    assert visitor.client.post(f"/findings/{finding.number}/act", data=form).status_code == 303
    assert show(ledger, finding.number).actions[0].actor == "quality.officer"
    fields = hidden(visitor.get(month).text, f"{month}/text")
    assert visitor.client.post(f"{month}/text", data={**fields, "text": "All is well."}).status_code == 303
    assert "All is well." in visitor.get(month).text


def test_while_the_server_is_away_pages_say_so_and_work_again_when_it_is_back(office, database):
    _, settings, run_id = office
    visitor = Visitor(settings)
    visitor.sign_in("quality.officer")
    fields = hidden(visitor.get("/approvals").text, f"/runs/{run_id}/decision")
    form = {**fields, "decision": "approved", "reason": "confirmed"}
    with psycopg.connect(postgres_server.libpq(database.set(database="postgres")), autocommit=True) as con:
        con.execute(f"alter database {database.database} allow_connections false")
        con.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [database.database])
        page = visitor.get("/approvals")
        posted = visitor.client.post(f"/runs/{run_id}/decision", data=form)
        con.execute(f"alter database {database.database} allow_connections true")
    assert page.status_code == posted.status_code == 503
    assert "confirmed" in posted.text
    again = hidden(posted.text, f"/runs/{run_id}/decision")
    assert visitor.client.post(f"/runs/{run_id}/decision", data={**again, "reason": "confirmed"}).status_code == 303
    assert visitor.get("/approvals").status_code == 200
