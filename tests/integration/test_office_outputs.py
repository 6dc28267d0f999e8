"""Outputs at a browser: who sees and takes what, blind decisions, what another did meanwhile."""

from __future__ import annotations

import asked_for
import pytest
import sqlalchemy as sa
from asked_for import walk
from handed_in import OTHER, TABLE, decide, hand_in, released, state
from office_site import PASSWORD, Visitor, hidden, settings_of

from etl.office import passwords
from etl.office.accounts import change_password
from etl.office.record import Actor
from etl.research.outbox.given import Handed
from etl.store.audit.tables import ENTRY
from etl.store.ledger.ledger import Ledger

EVERYBODY = (*asked_for.PEOPLE, "root")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    cheap = passwords.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: cheap)


@pytest.fixture
def settings(tmp_path):
    return settings_of(tmp_path)


@pytest.fixture
def ledger(settings):
    ledger = asked_for.people(Ledger(settings.ledger_url))
    for name in EVERYBODY:
        change_password(ledger, Actor("test", None), name, PASSWORD)
    return ledger


def at_browser(settings, name):
    visitor = Visitor(settings)
    assert visitor.sign_in(name).status_code == 303
    return visitor


def send(visitor, batch, what="decide", /, **fields):
    """Fill in a form of a batch's page, and send it."""
    address = f"/outputs/{batch}/{what}"
    return visitor.client.post(address, data={**hidden(visitor.get(f"/outputs/{batch}").text, address), **fields})


def log(ledger, kind):
    return [row["actor"] for row in ledger.read(sa.select(ENTRY.c.actor).where(ENTRY.c.kind == kind))]


def test_who_sees_and_takes_what(settings, ledger):
    request = walk(ledger, "open")
    done, waits = released(ledger, request, OTHER), hand_in(ledger, request, TABLE)
    sees = {"researcher", "colleague", "checker", "checker2", "checker3", "privacy_officer", "auditor", "root"}
    opens, gets = {"checker", "checker2", "checker3"}, {"researcher", "colleague"}
    for name in EVERYBODY:
        visitor = at_browser(settings, name)
        for page in ("/outputs", f"/requests/{request}/outputs"):
            assert (f'href="/outputs/{waits}"' in visitor.get(page).text) == (name in sees), name
        assert visitor.get(f"/outputs/{waits}").status_code == (200 if name in sees else 404), name
        assert visitor.get(f"/outputs/{waits}/files/1").status_code == (200 if name in opens else 404), name
        assert visitor.get(f"/outputs/{done}/files/1").status_code == (200 if name in gets else 404), name
        answer = visitor.post(f"/outputs/{waits}/decide", {"verdict": "refuse", "comment": "", "seen": "1"})
        assert answer.status_code == (409 if name in sees else 404), name
    assert set(log(ledger, "output opened")) == opens
    assert set(log(ledger, "output fetched")) == gets
    assert state(ledger, waits) == "waiting"
    assert Visitor(settings).get("/outputs").status_code == 303


@pytest.mark.parametrize("name", ["table1.csv", "표 1.csv", "page.html", "a'b%22;x=1.csv", "it.svg.txt"])
def test_a_file_is_saved_and_never_shown(settings, ledger, name):
    content = b"<html><body><p>fine</p></body></html>" if name.endswith("html") else TABLE.content
    batch = released(ledger, walk(ledger, "open"), Handed(name, content))
    answer = at_browser(settings, "researcher").get(f"/outputs/{batch}/files/1")
    assert answer.content == content
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    said = answer.headers["content-disposition"]
    assert said.startswith("attachment; filename=\"file\"; filename*=UTF-8''")
    assert said.isascii()
    assert not set(said.partition("''")[2]) & set("\"';,\\ /")


def test_two_checkers_release_at_browsers_and_neither_sees_the_other(settings, ledger):
    request = walk(ledger, "open")
    batch = hand_in(ledger, request, TABLE, OTHER)
    first, second = at_browser(settings, "checker"), at_browser(settings, "checker2")
    assert f'href="/outputs/{batch}"' in first.get("/outputs?mine=1").text
    assert send(first, batch, verdict="refuse", comment="  ").status_code == 409
    assert send(first, batch, verdict="refuse", **{"file.2": "a word of mine"}).status_code == 303
    assert f'href="/outputs/{batch}"' not in first.get("/outputs?mine=1").text
    for visitor in (second, at_browser(settings, "researcher"), at_browser(settings, "auditor")):
        page = visitor.get(f"/outputs/{batch}").text
        assert "a word of mine" not in page
        assert "Decided: refuse" not in page
    assert send(second, batch, verdict="release").status_code == 303
    for visitor in (first, second):
        assert "a word of mine" in visitor.get(f"/outputs/{batch}").text
        assert send(visitor, batch, verdict="release").status_code == 303
    assert state(ledger, batch) == "released"
    page = at_browser(settings, "colleague").get(f"/outputs/{batch}").text
    assert "a word of mine" in page
    assert f'href="/outputs/{batch}/files/2"' in page


def test_what_another_did_meanwhile_is_told_and_what_was_written_stays(settings, ledger):
    batch = hand_in(ledger, walk(ledger, "open"))
    first = at_browser(settings, "checker")
    fields = hidden(first.get(f"/outputs/{batch}").text, f"/outputs/{batch}/decide")
    for who, verdict in (("checker", "release"), ("checker2", "refuse")):
        decide(ledger, batch, who, verdict)
    told = first.client.post(f"/outputs/{batch}/decide", data={**fields, "verdict": "release", "comment": "fine"})
    assert told.status_code == 409
    assert "in round 2 now" in told.text
    assert ">fine</textarea>" in told.text
    author = at_browser(settings, "researcher")
    page = author.get(f"/outputs/{batch}").text
    kept = hidden(page, f"/outputs/{batch}/withdraw")
    for who in ("checker", "checker2"):
        decide(ledger, batch, who, "release")
    late = author.client.post(f"/outputs/{batch}/withdraw", data=kept)
    assert late.status_code == 409
    assert "is released: withdraw is not possible any more" in late.text
    assert state(ledger, batch) == "released"


def test_an_author_takes_a_batch_back(settings, ledger):
    batch = hand_in(ledger, walk(ledger, "open"))
    assert send(at_browser(settings, "researcher"), batch, "withdraw", comment="wrong file").status_code == 303
    assert state(ledger, batch) == "withdrawn"


def test_names_of_files_and_words_run_nothing(settings, ledger):
    batch = hand_in(ledger, walk(ledger, "open"), Handed("a&'b'(1).csv", TABLE.content))
    decide(ledger, batch, "checker2", "refuse")
    checker = at_browser(settings, "checker")
    send(checker, batch, verdict="refuse", comment="<img src=x onerror=alert(1)>")
    page = at_browser(settings, "researcher").get(f"/outputs/{batch}").text
    assert "a&amp;&#39;b&#39;(1).csv" in page
    assert "<img src=x" not in page


def test_pages_are_korean_for_who_reads_korean(settings, ledger):
    batch = hand_in(ledger, walk(ledger, "open"))
    visitor = at_browser(settings, "checker")
    for path in ("/outputs", "/outputs?late=1", "/requests/1/outputs", f"/outputs/{batch}"):
        page = visitor.get(path, headers={"accept-language": "ko"})
        assert page.status_code == 200
        assert "반출물" in page.text
    told = send(visitor, batch, verdict="refuse")
    assert "who refuses says why" in told.text
    visitor.client.headers["accept-language"] = "ko"
    assert "거부할 때는 이유를 적습니다" in send(visitor, batch, verdict="refuse").text
    assert visitor.get("/outputs/x").status_code == 404
