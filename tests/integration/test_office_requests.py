"""Requests for data at a browser: who sees which, moves by forms, what another did meanwhile."""

from __future__ import annotations

import re

import asked_for
import pytest
from asked_for import CRITERIA, SEATS, walk
from office_site import PASSWORD, Visitor, hidden, settings_of

from etl.office import passwords
from etl.office.accounts import change_password
from etl.office.record import Actor, Asked, events
from etl.research.requests.read import show_request
from etl.store.ledger.ledger import Ledger


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
    for name in (*asked_for.PEOPLE, "root"):
        change_password(ledger, Actor("test", None), name, PASSWORD)
    return ledger


def at_browser(settings, name):
    visitor = Visitor(settings)
    assert visitor.sign_in(name).status_code == 303
    return visitor


def send(visitor, request, move, /, **fields):
    """Fill in the form of a move on a request's page, and send it."""
    address = f"/requests/{request}/move"
    page = visitor.get(f"/requests/{request}").text
    kept = hidden(page[page.index(f'id="move-{move}"') :], address)
    return visitor.client.post(address, data={**kept, **fields})


def offered(visitor, number):
    return set(re.findall(r'id="move-(\w+)"', visitor.get(f"/requests/{number}").text))


def test_who_sees_a_request_is_named_in_it_or_has_a_role(settings, ledger):
    number = walk(ledger, "submitted")
    other = asked_for.drafted(ledger, hospitals=["cnuh"])
    seen = {"researcher": {number, other}, "steward": {number}, "auditor": {number, other}, "root": {number, other}}
    asked_for.set_role(ledger, "root", "researcher", actor="privacy_officer")
    asked_for.set_role(ledger, "root", "privacy_officer", actor="privacy_officer", given=False)
    seen["root"] = set()
    for name, numbers in seen.items():
        visitor = at_browser(settings, name)
        page = visitor.get("/requests").text
        assert {n for n in (number, other) if f'href="/requests/{n}"' in page} == numbers, name
        for n in (number, other):
            assert visitor.get(f"/requests/{n}").status_code == (200 if n in numbers else 404), name
            moved = visitor.post(f"/requests/{n}/move", {"move": "withdraw", "seen": "2", "reason": "r"})
            assert name == "researcher" or moved.status_code in (404, 409)
    assert Visitor(settings).get("/requests").status_code == 303


def test_a_review_is_held_at_browsers(settings, ledger):
    number = walk(ledger, "submitted")
    irb = at_browser(settings, "irb_office")
    assert offered(irb, number) == {"irb"}
    assert send(irb, number, "irb", result="approved", number="7", until="").status_code == 409
    assert send(irb, number, "irb", result="approved", number="7", until=asked_for.day(150)).status_code == 303
    assert send(at_browser(settings, "secretary"), number, "open_review", members=", ".join(SEATS)).status_code == 303
    for name in (*SEATS, "chair"):
        visitor = at_browser(settings, name)
        assert send(visitor, number, "declare", conflict="no").status_code == 303
        if name != "chair":
            assert (
                send(visitor, number, "vote", vote="for", **{f"criteria.{c}": "1" for c in CRITERIA}).status_code == 303
            )
    chair = at_browser(settings, "chair")
    assert send(chair, number, "approve", conditions="hospitals: [snuh]").status_code == 409
    terms = "\n".join(f"{key}: {value!r}" for key, value in asked_for.conditions().items())
    assert send(chair, number, "approve", conditions=terms).status_code == 303
    assert show_request(ledger, number).state == "approved"
    assert events(ledger, Asked(kind="request moved"), 1)[0][0].subject == f"request {number}: approve"
    assert offered(at_browser(settings, "secretary"), number) == {"order_build"}, "work is ordered, not said by hand"


def test_what_another_did_meanwhile_is_told_and_nothing_is_done(settings, ledger):
    number = walk(ledger, "submitted")
    visitor = at_browser(settings, "researcher")
    page = visitor.get(f"/requests/{number}").text
    fields = hidden(page[page.index('id="move-withdraw"') :], f"/requests/{number}/move")
    asked_for.do(ledger, number, "keep_out", "steward")
    told = visitor.client.post(f"/requests/{number}/move", data={**fields, "reason": "no longer needed"})
    assert told.status_code == 409
    assert "steward did &#39;keep_out&#39;" in told.text
    assert 'value="no longer needed"' in told.text
    assert show_request(ledger, number).state == "submitted"


def test_pages_are_korean_for_who_reads_korean(settings, ledger):
    number = walk(ledger, "in_review")
    visitor = at_browser(settings, "chair")
    for path in ("/requests", "/requests?late=1", f"/requests/{number}"):
        page = visitor.get(path, headers={"accept-language": "ko"})
        assert page.status_code == 200
        assert "데이터 이용 신청" in page.text
    assert "조건부 승인" in visitor.get(f"/requests/{number}", headers={"accept-language": "ko"}).text
