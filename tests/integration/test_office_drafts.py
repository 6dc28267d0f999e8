"""A researcher drafts, changes and submits a request at a browser, files with it; what is wrong is told beside it."""

from __future__ import annotations

import re

import asked_for
import pytest
from office_site import PASSWORD, Visitor, hidden, settings_of

from etl.office import passwords
from etl.office.accounts import change_password
from etl.office.record import Actor
from etl.office.sessions import end_all
from etl.research.requests.flat import flat
from etl.research.requests.read import file_of, list_requests, show_request
from etl.store.ledger.ledger import Ledger

NEW = "/requests/new"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    cheap = passwords.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: cheap)


@pytest.fixture
def settings(tmp_path):
    for short in asked_for.HOSPITALS:
        folder = tmp_path / "mappings" / short
        folder.mkdir(parents=True)
        (folder / "hospital.yaml").write_text(f"name: {{ko: 병원, en: {short} hospital}}\n", encoding="utf-8")
    return settings_of(tmp_path)


@pytest.fixture
def ledger(settings):
    ledger = asked_for.people(Ledger(settings.ledger_url))
    for name in asked_for.PEOPLE:
        change_password(ledger, Actor("test", None), name, PASSWORD)
    return ledger


@pytest.fixture
def visitor(settings, ledger):
    return at_browser(settings, "researcher")


def at_browser(settings, name):
    visitor = Visitor(settings)
    assert visitor.sign_in(name).status_code == 303
    return visitor


def send(visitor, address, fields, files=()):
    """Send the form at an address, as a browser does: its hidden fields, what was written, files."""
    kept = hidden(visitor.get(address).text, address)
    return visitor.client.post(
        address, data={**kept, **fields}, files=[("files", each) for each in files or [("", b"")]]
    )


def test_a_request_is_drafted_changed_and_submitted(visitor, ledger):
    sql = "select 1 -- 고혈압\n".encode()
    page = visitor.get(NEW).text
    assert 'name="people.0.account" type="text" maxlength="400" value="researcher"' in page
    assert "snuh hospital" in page
    done = send(visitor, NEW, flat(asked_for.form()), [("cohort.sql", sql), (r"C:\mine\list.txt", b"I10")])
    assert done.headers["location"] == "/requests/1?done=1", done.text
    case = show_request(ledger, 1)
    assert {k: v for k, v in case.form.items() if k != "files"} == asked_for.form()
    digests = {each["name"]: each["digest"] for each in case.form["files"]}
    assert set(digests) == {"cohort.sql", "list.txt"}
    assert file_of(ledger, 1, digests["cohort.sql"]) == sql
    page = visitor.get("/requests/1").text
    assert 'href="/requests/1/change"' in page
    address = "/requests/1/change"
    fields = {**flat(case.form), "title": "Another title", "reason": "shorter"}
    del fields[f"files.{digests['list.txt']}"]
    assert send(visitor, address, fields, [("more.txt", b"x")]).status_code == 303
    case = show_request(ledger, 1)
    assert (case.form["title"], case.steps[-1].reason) == ("Another title", "shorter")
    assert [each["name"] for each in case.form["files"]] == ["cohort.sql", "more.txt"]
    assert visitor.post("/requests/1/move", {"move": "submit", "seen": "2"}).status_code == 303
    assert show_request(ledger, 1).state == "submitted"


def test_what_is_wrong_is_told_and_what_was_written_stands(visitor, ledger):
    fields = {**flat(asked_for.form()), "until": "soon", "level": "loose", "purpose": 'a "quoted" <purpose>'}
    told = send(visitor, NEW, fields)
    assert told.status_code == 409
    assert "until: expected a day" in told.text
    assert "level: expected one of" in told.text
    assert "a &#34;quoted&#34; &lt;purpose&gt;</textarea>" in told.text
    for lacking in ("title", "people.0.account"):
        written = {name: value for name, value in flat(asked_for.form()).items() if name != lacking}
        assert send(visitor, NEW, {**written, lacking: ""}).status_code == 409, lacking
    assert send(visitor, NEW, {**flat(asked_for.form()), "hospitals.nowhere": "1"}).status_code == 409
    assert list_requests(ledger) == []


def test_files_are_up_to_a_megabyte_and_large_forms_are_read_of_who_is_signed_in(visitor, settings, ledger):
    fields = flat(asked_for.form())
    assert send(visitor, NEW, fields, [("small.bin", b"x" * 1_000_000)]).status_code == 303
    assert send(visitor, NEW, fields, [("large.bin", b"x" * 1_000_001)]).status_code == 409
    assert send(visitor, NEW, fields, [(f"{n}.bin", b"x" * 900_000) for n in range(8)]).status_code == 413
    stranger = Visitor(settings)
    token = {"csrf": stranger.csrf()}
    assert stranger.client.post(NEW, data=token, files=[("files", ("a", b"x" * 100_000))]).status_code == 303
    assert stranger.client.post("/sign-in", data=token, files=[("files", ("a", b"x" * 100_000))]).status_code == 413
    assert [each.number for each in list_requests(ledger)] == [1]


def test_who_may_not_draft_or_change_is_given_no_form(settings, ledger):
    number = asked_for.drafted(ledger)
    for name in ("secretary", "privacy_officer", "steward"):
        visitor = at_browser(settings, name)
        assert f'href="{NEW}"' not in visitor.get("/requests").text
        assert visitor.get(NEW).status_code == 403
        assert visitor.post(NEW, flat(asked_for.form())).status_code == 403
        assert visitor.get(f"/requests/{number}/change").status_code == 404
        assert visitor.post(f"/requests/{number}/change", {"title": "mine"}).status_code == 404
    assert len(list_requests(ledger)) == 1


def test_a_form_without_its_token_does_nothing(visitor, ledger):
    assert visitor.client.post(NEW, data=flat(asked_for.form())).status_code == 400
    assert list_requests(ledger) == []


def test_a_change_that_came_second_tells_what_the_first_did_and_can_be_sent_again(settings, visitor, ledger):
    number = asked_for.drafted(ledger)
    address = f"/requests/{number}/change"
    fields = {**flat(asked_for.form()), "title": "Mine"}
    seen = hidden(visitor.get(address).text, address)
    assert send(at_browser(settings, "colleague"), address, {**fields, "title": "Theirs"}).status_code == 303
    told = visitor.client.post(address, data={**seen, **fields})
    assert told.status_code == 409
    assert "colleague did &#39;change&#39;" in told.text
    assert 'value="Mine"' in told.text
    assert show_request(ledger, number).form["title"] == "Theirs"
    again = hidden(told.text, address)
    assert visitor.client.post(address, data={**again, **fields}).status_code == 303
    assert show_request(ledger, number).form["title"] == "Mine"


def test_a_draft_outlives_the_session_that_ended_meanwhile(settings, visitor, ledger):
    fields = {**flat(asked_for.form()), "query": "select 1 -- " + "x" * 9_000}
    kept = hidden(visitor.get(NEW).text, NEW)
    with ledger.engine.begin() as con:
        end_all(con, "researcher")
    page = visitor.client.post(NEW, data={**kept, **fields})
    assert page.status_code == 401
    sent = {name: value.replace("&#39;", "'") for name, value in hidden(page.text, "/sign-in").items()}
    back = visitor.client.post("/sign-in", data={**sent, "name": "researcher", "password": PASSWORD})
    assert back.status_code == 200, back.text
    assert set(hidden(back.text, NEW)) >= {"title", "query", "people.0.account", "hospitals.snuh"}


def test_every_field_has_a_label_and_the_page_speaks_korean(visitor):
    page = visitor.get(NEW, headers={"accept-language": "ko"}).text
    named = set(re.findall(r'<(?:input|select|textarea) id="([^"]+)"', page))
    named |= set(re.findall(r'<input type="checkbox" id="([^"]+)"', page))
    assert named <= set(re.findall(r'<label for="([^"]+)"', page))
    assert {"title", "query", "period.from", "people.0.part", "hospitals.snuh", "files"} <= named
    assert "새 신청" in page
