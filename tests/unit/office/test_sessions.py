"""Sessions, forms, attempts, accounts: who gets in, for how long, and what the ledger keeps of it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from etl.errors import UsageError
from etl.office import accounts, attempts, passwords, sessions
from etl.office.record import Actor, Asked, events
from etl.office.rules import rules
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.office import ACCOUNT, ATTEMPT, SESSION

ME = Actor("root (terminal)", None)
WORD = "a fine long password"


class Clock:
    """A clock that tests put forward."""

    def __init__(self):
        self.time = datetime(2026, 11, 27, 18)

    def __call__(self):
        return self.time

    def forward(self, **by):
        self.time += timedelta(**by)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Hashing as always, but cheap."""
    cheap = passwords.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: cheap)
    monkeypatch.setattr(passwords, "_nobody", lambda: cheap.hash("x"))


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    for module in (sessions, attempts):
        monkeypatch.setattr(module, "now", clock)
    return clock


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    accounts.add(ledger, ME, "kim", "quality officer", WORD)
    return ledger


def kept(ledger):
    """Everything that the ledger's tables of the office hold, as text."""
    return str([ledger.read(sa.select(table)) for table in (ACCOUNT, SESSION, ATTEMPT)])


def test_a_session_is_known_by_its_token_which_the_ledger_does_not_hold(ledger):
    token = sessions.open_session(ledger, "kim")
    found = sessions.session_of(ledger, token)
    assert (found.account, found.role) == ("kim", "quality officer")
    assert token not in kept(ledger)
    assert WORD not in kept(ledger)
    assert sessions.session_of(ledger, token + "x") is None
    assert sessions.session_of(ledger, found.digest) is None, "who has read the ledger has no session"


def test_a_session_ends_when_it_is_idle(ledger, clock):
    token = sessions.open_session(ledger, "kim")
    for _ in range(3):
        clock.forward(minutes=rules().sessions.idle_minutes - 1)
        assert sessions.session_of(ledger, token)
    clock.forward(minutes=rules().sessions.idle_minutes)
    assert sessions.session_of(ledger, token) is None


def test_a_session_ends_in_the_end_however_busy_it_is(ledger, clock):
    token, begun = sessions.open_session(ledger, "kim"), clock.time
    while clock.time < begun + rules().absolute - timedelta(minutes=30):
        assert sessions.session_of(ledger, token)
        clock.forward(minutes=30)
    clock.forward(minutes=30)
    assert sessions.session_of(ledger, token) is None


def test_signing_out_and_disabling_end_sessions_at_once(ledger):
    one, other = (sessions.open_session(ledger, "kim") for _ in range(2))
    sessions.end_session(ledger, one)
    assert sessions.session_of(ledger, one) is None
    assert sessions.session_of(ledger, other)
    accounts.disable(ledger, ME, "kim")
    assert sessions.session_of(ledger, other) is None
    accounts.disable(ledger, ME, "kim", enable=True)
    assert sessions.session_of(ledger, other) is None, "enabling brings no session back"


def test_a_new_password_ends_the_other_sessions(ledger):
    mine, elsewhere = (sessions.open_session(ledger, "kim") for _ in range(2))
    accounts.change_password(ledger, ME, "kim", "another fine password", keep=sessions.digest_of(mine))
    assert sessions.session_of(ledger, mine)
    assert sessions.session_of(ledger, elsewhere) is None


def test_a_role_holds_from_the_next_request_on(ledger):
    token = sessions.open_session(ledger, "kim")
    accounts.change_role(ledger, ME, "kim", "reader")
    assert sessions.session_of(ledger, token).role == "reader"


def test_sessions_of_long_ago_are_forgotten(ledger, clock):
    sessions.open_session(ledger, "kim")
    clock.forward(days=31)
    sessions.open_session(ledger, "kim")
    assert len(ledger.read(sa.select(SESSION))) == 1


def test_a_form_s_token_is_of_one_session():
    assert sessions.csrf_of("a") == sessions.csrf_of("a") != sessions.csrf_of("b")
    assert "a" * 40 not in sessions.csrf_of("a" * 40)


def test_attempts_are_counted_by_account(ledger, clock):
    most = rules().sign_in.of_account
    assert [attempts.heard(ledger, "kim", f"10.0.0.{i}") for i in range(most + 2)] == [True] * most + [False] * 2
    assert attempts.heard(ledger, "lee", "10.0.0.1")
    assert not attempts.heard(ledger, "KIM", "10.0.0.99"), "a name in capitals is no other account"
    clock.forward(minutes=rules().sign_in.minutes + 1)
    assert attempts.heard(ledger, "kim", "10.0.0.1")


def test_attempts_are_counted_by_address(ledger):
    most = rules().sign_in.from_address
    heard = [attempts.heard(ledger, f"name{i}", "10.0.0.1") for i in range(most + 1)]
    assert heard == [True] * most + [False]
    assert attempts.heard(ledger, "other", "10.0.0.2")


def test_an_attempt_that_is_not_heard_does_not_keep_the_account_shut(ledger, clock):
    for _ in range(rules().sign_in.of_account):
        attempts.heard(ledger, "kim", "10.0.0.1")
    for _ in range(2 * rules().sign_in.minutes):
        assert not attempts.heard(ledger, "kim", "10.0.0.1")
        clock.forward(minutes=0.5)
    clock.forward(minutes=0.5)
    assert attempts.heard(ledger, "kim", "10.0.0.1")


def test_success_forgives(ledger):
    for _ in range(rules().sign_in.of_account):
        attempts.heard(ledger, "kim", "10.0.0.1")
    attempts.forgive(ledger, "kim", "10.0.0.1")
    assert attempts.heard(ledger, "kim", "10.0.0.1")


def test_a_name_that_was_tried_is_not_kept_as_it_was_typed(ledger):
    attempts.heard(ledger, "my secret password", "10.0.0.1")
    assert "secret" not in kept(ledger)


def test_a_password_is_proven_and_nothing_else(ledger):
    assert accounts.proven(ledger, "kim", WORD).name == "kim"
    assert accounts.proven(ledger, "kim", WORD + " ") is None
    assert accounts.proven(ledger, "nobody", WORD) is None
    accounts.disable(ledger, ME, "kim")
    assert accounts.proven(ledger, "kim", WORD) is None


def test_an_unknown_name_costs_as_many_hashes_as_a_wrong_password(ledger, monkeypatch):
    hashed = []
    real = passwords._hasher()

    class Counting:
        def verify(self, kept, password):
            hashed.append(kept)
            return real.verify(kept, password)

    monkeypatch.setattr(passwords, "_hasher", Counting)
    accounts.proven(ledger, "kim", "wrong")
    accounts.proven(ledger, "nobody", "wrong")
    assert len(hashed) == 2
    assert all(kept.startswith("$argon2id$") for kept in hashed)


def test_a_hash_of_lower_cost_is_renewed(ledger, monkeypatch):
    before = accounts.known(ledger, "kim").password
    dearer = passwords.PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: dearer)
    accounts.proven(ledger, "kim", WORD)
    after = accounts.known(ledger, "kim").password
    assert before != after
    assert accounts.proven(ledger, "kim", WORD)


@pytest.mark.parametrize("word", ["swordfish", "aaaaaaaaaaaaaaaa", "kim kim kim kim kim", ""])
def test_a_password_that_is_easy_to_guess_is_refused_and_not_quoted(ledger, word):
    with pytest.raises(UsageError) as refused:
        accounts.change_password(ledger, ME, "kim", word)
    assert not word or word not in str(refused.value)


@pytest.mark.parametrize("name", ["", " kim", "a/b", "x" * 81, "<b>", "kim\n"])
def test_a_name_that_cannot_be_is_refused(ledger, name):
    with pytest.raises(UsageError):
        accounts.add(ledger, ME, name, "reader", WORD)


def test_what_is_done_to_accounts_is_recorded_in_its_order(ledger):
    accounts.change_role(ledger, ME, "kim", "reader")
    accounts.disable(ledger, ME, "kim")
    found, page, pages = events(ledger, Asked(), 1)
    told = [(e.number, e.actor, e.action, e.subject, e.reason) for e in found]
    assert told == [
        (3, "root (terminal)", "account disabled", "kim", None),
        (2, "root (terminal)", "role changed", "kim", "reader"),
        (1, "root (terminal)", "account added", "kim", "quality officer"),
    ]
    assert (page, pages) == (1, 1)
    assert [e.number for e in events(ledger, Asked(kind="role changed"), 1)[0]] == [2]
    assert events(ledger, Asked(actor="nobody"), 7) == ([], 1, 1)


def test_an_account_of_an_issuer_is_brought_up_to_date_and_takes_nobody_s_name(ledger):
    made = accounts.vouched(ledger, "https://sso", "s-1", "lee", "reader")
    assert (made.name, made.role, made.password) == ("lee", "reader", None)
    assert accounts.vouched(ledger, "https://sso", "s-1", "renamed", "auditor").role == "auditor"
    assert accounts.proven(ledger, "lee", "nobody has this password") is None
    with pytest.raises(UsageError):
        accounts.vouched(ledger, "https://sso", "s-2", "kim", "reader")
    with pytest.raises(UsageError, match="no password here"):
        accounts.change_password(ledger, ME, "lee", WORD)
