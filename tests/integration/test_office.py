"""The office: who gets in, what each role may, forms, decisions, and what a page says while the ledger is away."""

from __future__ import annotations

import logging
import re
import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from office_site import PASSWORD, ROLES, Visitor, add_accounts, hidden, name_of, settings_of, waiting_run
from pydantic import ValidationError

from etl.errors import ConfigError, TransientError
from etl.night.publish.approval import answer_waiting, decide, question_of
from etl.office import app as office_app
from etl.office import passwords, visit
from etl.office.accounts import change_role, disable
from etl.office.record import Actor, Asked, events
from etl.office.rules import ANYBODY, OWN, rules
from etl.quality.findings.track import track
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger, now
from etl.store.ledger.office import SESSION
from etl.store.ledger.tables import APPROVAL, RUN

EXAMPLE = Path(__file__).parents[1] / "data" / "report_ledger.sql"
#: What stands for the parts of a route in a call.
PARTS = {
    "{hospital}": "snuh",
    "{night}": "2026-11-23",
    "{run}": "snuh-20261126-abc",
    "{number}": "1",
    "{month}": "2026-11",
    "{check}": "field_isrequired_person_gender_concept_id",
}


CHEAP = passwords.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(passwords, "_hasher", lambda: CHEAP)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A ledger with nights of three hospitals, one more that waits for a person, and an account of every role."""
    home = tmp_path_factory.mktemp("office")
    ledger = Ledger(settings_of(home).ledger_url)
    with sqlite3.connect(home / "ledger.sqlite") as con:
        con.executescript(EXAMPLE.read_text(encoding="utf-8"))
    waiting_run(ledger)
    track(settings_of(home), ledger)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", lambda: CHEAP)
        add_accounts(settings_of(home))
    ledger.engine.dispose()
    with sqlite3.connect(home / "ledger.sqlite") as con:
        con.execute("pragma wal_checkpoint(truncate)")
    return home / "ledger.sqlite"


@pytest.fixture
def settings(prepared, tmp_path):
    shutil.copy(prepared, tmp_path)
    return settings_of(tmp_path)


@pytest.fixture
def ledger(settings):
    return Ledger(settings.ledger_url)


@pytest.fixture
def visitor(settings):
    return Visitor(settings)


def as_role(settings, role):
    visitor = Visitor(settings)
    assert visitor.sign_in(name_of(role)).status_code == 303
    return visitor


def done(ledger):
    """What was done, the oldest first."""
    return [(e.actor, e.action, e.subject, e.reason) for e in reversed(events(ledger, Asked(), 1)[0])]


def test_nobody_sees_a_page_before_signing_in(visitor):
    for path in ("/", "/hospitals/snuh", "/hospitals/snuh/2026-11-23", "/approvals", "/log", "/accounts", "/account",
                 "/findings", "/findings/1", "/battery"):  # fmt: skip
        answer = visitor.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in")
        assert "snuh" not in answer.text


def test_signing_in_leads_back_to_the_page_that_was_asked_for(settings, visitor):
    where = visitor.get("/hospitals/snuh").headers["location"]
    assert where == "/sign-in?back=%2Fhospitals%2Fsnuh"
    fields = hidden(visitor.get(where).text, "/sign-in")
    answer = visitor.sign_in("reader", **{"back": fields["back"]})
    assert answer.headers["location"] == "/hospitals/snuh"
    assert "<code>snuh</code>" in visitor.get("/hospitals/snuh").text


@pytest.mark.parametrize(
    "back", ["//evil.test/", "https://evil.test", "/\\evil.test", "", "javascript:alert(1)", "/\r\nX: y"]
)
def test_signing_in_leads_to_no_other_site(visitor, back):
    assert visitor.sign_in("reader", **{"back": back}).headers["location"] == "/"


@pytest.mark.parametrize("role", [None, *ROLES], ids=str)
def test_a_route_lets_in_whom_the_rules_say(settings, ledger, role):
    visitor = as_role(settings, role) if role else Visitor(settings)
    for route in sorted(rules().routes, key=lambda each: each == "POST /sign-out"):
        method, path = route.split(" ")
        needed = rules().routes[route]
        for name, part in PARTS.items():
            path = path.replace(name, part)
        form = {"seen": "x", "reason": "r", "decision": "approved"}
        page = "/account" if role else "/sign-in"
        answer = visitor.get(path) if method == "GET" else visitor.post(path, form, page=page)
        to_sign_in = answer.headers.get("location", "").startswith("/sign-in")
        if needed == ANYBODY or (role is not None and (needed == OWN or needed in rules().roles[role])):
            assert answer.status_code not in (401, 403) or path == "/sign-in", route
            assert not to_sign_in or path == "/sign-out", route
        elif role is None and method == "POST":
            assert (answer.status_code, 'action="/sign-in"' in answer.text) == (401, True), route
        elif role is None:
            assert (answer.status_code, to_sign_in) == (303, True), route
        else:
            assert answer.status_code == 403, route
            assert "Your role does not allow this" in answer.text
    assert ledger.read(sa.select(APPROVAL.c.decision))[0]["decision"] == "waiting"


def test_a_route_without_a_rule_keeps_the_office_from_opening(settings, monkeypatch):
    fewer = rules().model_copy(update={"routes": {k: v for k, v in rules().routes.items() if k != "GET /log"}})
    monkeypatch.setattr(office_app, "rules", lambda: fewer)
    with pytest.raises(ConfigError, match="GET /log"):
        office_app.create_app(settings)


def test_every_link_of_a_page_is_one_that_the_role_may_follow(settings):
    for role in ROLES:
        visitor = as_role(settings, role)
        for page in ("/", "/hospitals/snuh", "/hospitals/snuh/2026-11-23", "/account", "/findings", "/findings/1"):
            for link in set(re.findall(r'href="(/[^"]*)"', visitor.get(page).text)):
                assert visitor.get(link.replace("&amp;", "&")).status_code == 200, (role, page, link)


@pytest.mark.parametrize("name", ["reader", "nobody"])
def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(visitor, name):
    answer = visitor.sign_in(name, "wrong password")
    assert answer.status_code == 401
    assert "Name or password is wrong." in answer.text
    same = re.sub(r'value="[^"]*"', "", answer.text)
    other = re.sub(r'value="[^"]*"', "", visitor.sign_in("somebody", "wrong password").text)
    assert same == other
    assert "wrong password" not in answer.text
    assert "office_session" not in visitor.client.cookies


def test_too_many_attempts_are_not_heard_even_with_the_right_password(settings, ledger):
    for _ in range(rules().sign_in.of_account):
        assert Visitor(settings).sign_in("reader", "wrong").status_code == 401
    for name in ("reader", "READER"):
        answer = Visitor(settings).sign_in(name)
        assert answer.status_code == 429
        assert "Try again in 15 minutes" in answer.text
    assert done(ledger)[-1][:2] == ("-", "sign-in refused: too many attempts")
    for _ in range(rules().sign_in.of_account):
        assert Visitor(settings).sign_in("nobody", "wrong").status_code == 401
    unknown = Visitor(settings).sign_in("nobody", "wrong")
    assert unknown.status_code == 429, "how many attempts are heard does not tell whether there is an account"


def test_attempts_count_for_all_workers(settings):
    workers = [Visitor(settings) for _ in range(3)]
    codes = [workers[i % 3].sign_in("reader", "wrong").status_code for i in range(6)]
    assert codes == [401] * 5 + [429]


def test_a_form_without_its_token_changes_nothing(settings, ledger):
    visitor = as_role(settings, "quality officer")
    form = {"reason": "r", "decision": "approved", "seen": "x"}
    for token in ({}, {"csrf": ""}, {"csrf": "0" * 64}, {"csrf": as_role(settings, "auditor").csrf("/account")}):
        answer = visitor.client.post(f"/runs/{PARTS['{run}']}/decision", data={**form, **token})
        assert answer.status_code == 400
        assert "Nothing was changed." in answer.text
    assert ledger.read(sa.select(APPROVAL.c.decision))[0]["decision"] == "waiting"
    assert visitor.client.post("/sign-out").status_code == 400
    assert Visitor(settings).client.post("/sign-in", data={"name": "reader", "password": PASSWORD}).status_code == 400


def test_a_session_ends_on_signing_out_also_for_a_copy_of_its_cookie(settings):
    visitor, thief = as_role(settings, "reader"), Visitor(settings)
    thief.client.cookies.set("office_session", visitor.client.cookies["office_session"])
    assert thief.get("/").status_code == 200
    assert visitor.post("/sign-out").status_code == 303
    assert thief.get("/").status_code == 303


def test_an_idle_session_and_a_disabled_account_are_signed_out(settings, ledger):
    idle, disabled = as_role(settings, "reader"), as_role(settings, "auditor")
    with ledger.engine.begin() as con:
        ago = now() - timedelta(minutes=rules().sessions.idle_minutes + 1)
        con.execute(sa.update(SESSION).where(SESSION.c.account == "reader").values(seen_at=ago))
    disable(ledger, Actor("t", None), "auditor")
    for visitor in (idle, disabled):
        assert visitor.get("/").headers["location"] == "/sign-in"
    assert Visitor(settings).sign_in("auditor").status_code == 401


def test_another_role_holds_at_once(settings, ledger):
    visitor = as_role(settings, "auditor")
    assert visitor.get("/log").status_code == 200
    change_role(ledger, Actor("t", None), "auditor", "reader")
    assert visitor.get("/log").status_code == 403


def test_signing_in_ends_the_session_that_the_browser_had(settings, ledger):
    visitor = as_role(settings, "reader")
    old = visitor.client.cookies["office_session"]
    visitor.client.cookies.delete("office_session")
    visitor.client.cookies.set("office_session", old)
    token = visitor.csrf("/account")
    visitor.client.post("/sign-in", data={"csrf": token, "name": "auditor", "password": PASSWORD})
    assert len(ledger.read(sa.select(SESSION).where(SESSION.c.ended_at.is_(None)))) == 1


def test_cookies_are_hidden_from_scripts_and_go_over_tls_where_the_office_does(settings):
    for base, secure in (("http://office.test", False), ("https://office.test", True)):
        said = Visitor(settings, base).sign_in("reader").headers.get_list("set-cookie")
        session = next(each for each in said if each.startswith("office_session="))
        assert "HttpOnly" in session
        assert "SameSite=lax" in session
        assert ("Secure" in session) == secure


def test_every_answer_has_the_headers_that_bind_a_browser(settings):
    visitor = as_role(settings, "reader")
    paths = ("/", "/nothing", "/static/page.css", "/log", "/alive", "/sign-in", "/hospitals/snuh/2026-11-23")
    for path in paths:
        headers = visitor.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert ("no-store" in headers["cache-control"]) == (path != "/static/page.css")


def test_pages_are_shown_within_those_of_airflow_where_that_is_said_and_of_nobody_else(settings):
    framed = settings.model_copy(update={"office_framed_by": "https://airflow.test"})
    policy = Visitor(framed).get("/sign-in").headers["content-security-policy"]
    assert policy.endswith("frame-ancestors https://airflow.test")


@pytest.mark.parametrize(
    "said", ["*", "https://a.test; script-src *", "https://a.test/path", "https://*.test", "'self'"]
)
def test_who_may_show_pages_is_one_address_and_nothing_else(said):
    with pytest.raises(ValidationError):
        Settings(office_framed_by=said, _env_file=None)


def test_a_page_runs_no_script_of_its_own_and_styles_nothing_inline(settings):
    for role in ("quality officer", "auditor"):
        visitor = as_role(settings, role)
        for path in ("/", "/hospitals/snuh", "/hospitals/snuh/2026-11-23", "/approvals", "/account", "/office/design",
                     "/findings", "/findings/1"):  # fmt: skip
            page = visitor.get(path).text
            assert not re.search(r"<script(?! src=\"/static/)|<style|\sstyle=|\son\w+=|https?://(?!www.w3.org)", page)


def test_a_page_asks_for_no_script_that_was_not_brought(settings, monkeypatch):
    monkeypatch.setattr("etl.pages.page.asset_path", lambda name: None)
    visitor = as_role(settings, "quality officer")
    for path in ("/", "/hospitals/snuh/2026-11-23"):
        assert "vendor" not in visitor.get(path).text


def decide_on(visitor, run_id, answer="approved", reason="a new laboratory", page="/approvals", **form):
    fields = hidden(visitor.get(page).text, f"/runs/{run_id}/decision")
    return visitor.client.post(
        f"/runs/{run_id}/decision", data={**fields, "decision": answer, "reason": reason, **form}
    )


@pytest.mark.parametrize("page", ["/", "/approvals", "/hospitals/snuh/2026-11-26"])
@pytest.mark.parametrize(("answer", "state"), [("approved", "waiting"), ("refused", "blocked")])
def test_a_decision_is_that_of_the_command_by_who_is_signed_in(settings, ledger, page, answer, state):
    visitor, run_id = as_role(settings, "quality officer"), PARTS["{run}"]
    back = decide_on(visitor, run_id, answer, page=page).headers["location"]
    assert answer in visitor.get(back).text.lower()
    row = ledger.read(sa.select(APPROVAL))[0]
    assert (row["decision"], row["actor"], row["reason"]) == (answer, "quality.officer", "a new laboratory")
    assert ledger.run(run_id)["state"] == state
    assert done(ledger)[-1] == ("quality.officer", answer, run_id, "a new laboratory")
    page = visitor.get("/hospitals/snuh/2026-11-26").text
    assert "quality.officer" in page
    assert "a new laboratory" in page
    if answer == "approved":
        assert "has to be run again" in page


def test_the_second_officer_sees_what_the_first_did_and_decides_nothing_twice(settings, ledger):
    first, second = as_role(settings, "quality officer"), as_role(settings, "quality officer")
    run_id = PARTS["{run}"]
    seen = hidden(second.get("/approvals").text, f"/runs/{run_id}/decision")
    assert decide_on(first, run_id).status_code == 303
    late = second.client.post(f"/runs/{run_id}/decision", data={**seen, "decision": "refused", "reason": "I would not"})
    assert late.status_code == 409
    assert "has changed since you opened the page" in late.text
    assert "I would not" in late.text, "what was written is not lost"
    assert [row["decision"] for row in ledger.read(sa.select(APPROVAL))] == ["approved"]
    page = second.get("/approvals").text
    assert "Nothing waits for a decision." in page
    assert "a new laboratory" in page


def test_a_decision_needs_a_reason(settings, ledger):
    answer = decide_on(as_role(settings, "quality officer"), PARTS["{run}"], reason="  ")
    assert answer.status_code == 409
    assert "say why you decide so" in answer.text
    assert ledger.read(sa.select(APPROVAL.c.decision))[0]["decision"] == "waiting"


def test_who_may_not_decide_is_not_offered_it(settings):
    for role in ("reader", "engineer", "auditor"):
        assert 'name="decision"' not in as_role(settings, role).get("/").text


def test_a_night_that_is_not_there_is_a_page_that_says_so(settings):
    visitor = as_role(settings, "reader")
    for path in ("/hospitals/nowhere", "/hospitals/snuh/2020-01-01", "/hospitals/snuh/soon", "/runs/x", "/nothing",
                 "/findings/0", "/findings/x", "/findings/99999999999999999999"):  # fmt: skip
        answer = visitor.get(path)
        assert answer.status_code == 404
        assert "There is no such page" in answer.text


def test_every_run_has_a_page_also_one_that_another_delivery_replaced(settings, ledger):
    visitor = as_role(settings, "reader")
    for row in ledger.read(sa.select(RUN.c.run_id)):
        assert row["run_id"] in visitor.get(f"/runs/{row['run_id']}").text
    assert "That one was started later." in visitor.get("/runs/snuh-2026-11-23-0badc0ffee00").text


@pytest.mark.parametrize("sort", ["state", "hospital", "warnings", "rows", "left", "rate", "time", "nonsense"])
@pytest.mark.parametrize("down", ["", "0", "1", "x"])
def test_hospitals_are_sorted_by_links(settings, sort, down):
    page = as_role(settings, "reader").get(f"/?sort={sort}&down={down}").text
    assert page.count('aria-sort="') == 1
    order = re.findall(r'<th scope="row"><a href="/hospitals/(\w+)"', page)
    assert len(order) == 3
    if sort == "rate":
        assert order[0] == "cnuh" or down == "1"


def test_a_ledger_that_is_away_is_told_with_503_and_what_was_written_is_kept(settings, monkeypatch):
    visitor, run_id = as_role(settings, "quality officer"), PARTS["{run}"]
    fields = hidden(visitor.get("/approvals").text, f"/runs/{run_id}/decision")
    form = {**fields, "decision": "approved", "reason": "confirmed with the <hospital>"}

    def away(*_):
        raise TransientError("the ledger cannot be used: OperationalError", hint="see that the server answers")

    with monkeypatch.context() as broken:
        broken.setattr(visit, "session_of", away)
        page = visitor.get("/approvals")
        posted = visitor.client.post(f"/runs/{run_id}/decision", data=form)
    assert page.status_code == posted.status_code == 503
    assert "the ledger cannot be used" in page.text
    assert "see that the server answers" in page.text
    assert posted.headers["cache-control"] == "no-store"
    again = hidden(posted.text, f"/runs/{run_id}/decision")
    reason = re.search(r'name="reason">([^<]*)</textarea>', posted.text)[1].replace("&lt;", "<").replace("&gt;", ">")
    assert reason == "confirmed with the <hospital>"
    sent = visitor.client.post(f"/runs/{run_id}/decision", data={**again, "reason": reason})
    assert sent.status_code == 303, "sent again once the ledger is back"


def test_a_part_of_a_page_that_cannot_be_had_becomes_the_whole_page_that_says_why(settings, monkeypatch):
    visitor, part = as_role(settings, "reader"), {"hx-request": "true"}
    assert "hx-redirect" not in visitor.get("/?sort=rate", headers=part).headers
    monkeypatch.setattr("etl.office.pages.tonight", lambda *_: 1 / 0)
    assert visitor.get("/?sort=rate", headers=part).headers["hx-redirect"] == "/?sort=rate"
    signed_out = Visitor(settings).get("/?sort=rate", headers=part)
    assert (signed_out.status_code, signed_out.headers["hx-redirect"]) == (401, "/sign-in")


def test_a_form_larger_than_any_of_ours_is_not_read(visitor):
    assert visitor.client.post("/sign-in", content=b"x" * 100_000).status_code == 413
    assert visitor.client.post("/sign-in", content=iter([b"x" * 10])).status_code == 413, "of unknown length"


def test_a_failed_night_says_by_which_command_it_is_run_again(settings):
    page = as_role(settings, "engineer").get("/hospitals/cnuh/2026-11-23").text
    assert "→ run the night again</p>" in page, "its files were put away"


def test_an_error_that_nobody_foresaw_is_a_page_without_its_text(settings, monkeypatch, caplog):
    def broken(*_, **__):
        raise ValueError("홍길동 900101-1234567")

    monkeypatch.setattr("etl.office.pages.hospital_nights", broken)
    with caplog.at_level(logging.DEBUG):
        answer = as_role(settings, "reader").get("/hospitals/snuh")
    assert answer.status_code == 500
    for text in (answer.text, caplog.text):
        assert "900101" not in text
        assert "ValueError" in text


def test_no_password_token_or_cookie_is_logged(settings, caplog):
    with caplog.at_level(logging.DEBUG):
        visitor = as_role(settings, "reader")
        Visitor(settings).sign_in("auditor", "another secret password")
        visitor.get("/")
    token = visitor.client.cookies["office_session"]
    for secret in (PASSWORD, "another secret password", token):
        assert secret not in caplog.text


def test_an_own_password_is_changed_with_the_old_one(settings, ledger):
    visitor = as_role(settings, "reader")
    new = "quite another password"

    def change(now_, one, other):
        return visitor.post("/account/password", {"password": now_, "new_password": one, "new_password_again": other})

    assert "is another one" in change("wrong", new, new).text
    assert "not the same twice" in change(PASSWORD, new, new + "x").text
    assert "characters or more" in change(PASSWORD, "short", "short").text
    assert change(PASSWORD, new, new).status_code == 303
    assert visitor.get("/").status_code == 200
    assert Visitor(settings).sign_in("reader").status_code == 401
    assert Visitor(settings).sign_in("reader", new).status_code == 303


def test_the_log_tells_who_did_what_in_its_order_and_is_filtered_and_paged(settings, ledger):
    decide_on(as_role(settings, "quality officer"), PARTS["{run}"])
    auditor = as_role(settings, "auditor")
    page = auditor.get("/log").text
    assert page.index("approved") > page.index("signed in"), "the filter's list"
    numbers = [int(n) for n in re.findall(r'<td class="n">(\d+)</td>', page)]
    assert numbers == sorted(numbers, reverse=True)
    only = auditor.get("/log?action=approved&actor=quality.officer").text
    assert re.findall(r'<td class="n">(\d+)</td>', only) != []
    assert only.count("a new laboratory") == 1
    assert "Nothing was done" in auditor.get("/log?since=2030-01-01").text
    assert "Nothing was done" in auditor.get("/log?until=2020-01-01&since=rubbish&page=99").text
    for _ in range(60):
        as_role(settings, "reader")
    assert 'rel="next"' in auditor.get("/log?actor=reader").text
    assert "actor=reader&amp;page=2" in auditor.get("/log?actor=reader").text


def test_language_and_colours_are_chosen_by_switch_and_kept(settings):
    visitor = as_role(settings, "reader")
    assert '<html lang="ko">' in visitor.get("/", headers={"accept-language": "ko-KR,ko;q=0.9"}).text
    answer = visitor.post("/look", {"language": "ko", "back": "/hospitals/snuh"})
    assert answer.headers["location"] == "/hospitals/snuh"
    page = visitor.get("/", headers={"accept-language": "en"}).text
    assert '<html lang="ko">' in page
    assert "오늘 밤" in page
    visitor.post("/look", {"theme": "dark", "back": "//evil.test"})
    assert 'data-theme="dark"' in visitor.get("/").text
    assert visitor.post("/look", {"theme": "purple", "language": "xx"}).status_code == 303
    assert 'data-theme="dark"' in visitor.get("/").text


def test_an_office_without_accounts_says_how_to_make_one(tmp_path):
    page = Visitor(settings_of(tmp_path)).get("/sign-in").text
    assert "etl office account add NAME" in page


def test_a_decision_made_elsewhere_shows_here(settings, ledger):
    decide(ledger, PARTS["{run}"], "approved", "park", "at the terminal")
    page = as_role(settings, "quality officer").get("/approvals").text
    assert "at the terminal" in page
    assert question_of(ledger.read(sa.select(APPROVAL))[0]).decision == "approved"
    answer_waiting(ledger, PARTS["{run}"], "expired", "x", None)
    assert ledger.read(sa.select(APPROVAL))[0]["decision"] == "approved"
