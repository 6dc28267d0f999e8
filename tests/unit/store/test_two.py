"""The rule of four eyes: which steps need two people, and who they have to be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.errors import UsageError
from etl.office.rules import rules
from etl.research.requests.chain import chain
from etl.settings import Settings
from etl.store.audit.kinds import kinds
from etl.store.audit.verify import entries
from etl.store.ledger.ledger import Ledger, now
from etl.store.ledger.office import ACCOUNT
from etl.store.ledger.requests import REQUEST_ROLE
from etl.store.recorded import audit_log
from etl.store.two import Two, steps

ROLES = (*rules().roles, *chain().roles)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home with two accounts of every role of accounts, and two of every role in requests."""
    settings = Settings(home=tmp_path_factory.mktemp("two"), _env_file=None)
    own = [f"{role}{n}" for role in ROLES for n in (1, 2)]
    with Ledger(settings.ledger_url).engine.begin() as con:
        role_of = {name: name[:-1] if name[:-1] in rules().roles else "reader" for name in own}
        con.execute(sa.insert(ACCOUNT), [{"name": n, "role": r, "created_at": now()} for n, r in role_of.items()])
        given = [name for name in own if name[:-1] in chain().roles]
        taken = "privacy_officer2"
        con.execute(sa.insert(REQUEST_ROLE), [
            {"number": n, "at": now(), "actor": "x", "account": name, "role": name[:-1], "given": name != taken}
            for n, name in enumerate(given)
        ])  # fmt: skip
        con.execute(sa.insert(ACCOUNT).values(name="gone", role="steward", created_at=now(), disabled_at=now()))
    return settings


def may(settings: Settings, step: str, by: str, agreed: str, reason: str = "a drill") -> bool:
    try:
        Two(settings, step, by, agreed, reason)
    except UsageError:
        return False
    return True


def test_steps_and_roles_are_ones_that_there_are() -> None:
    assert set(steps()) <= set(kinds())
    assert {role for pair in steps().values() for role in (*pair.by, *pair.agreed)} <= set(ROLES)


@pytest.mark.parametrize("step", steps())
def test_nobody_does_such_a_step_alone_or_in_another_role(home: Settings, step: str) -> None:
    pair = steps()[step]
    for role in ROLES:
        assert may(home, step, f"{role}1", f"{pair.agreed[0]}2") == (role in pair.by), role
        assert may(home, step, f"{pair.by[0]}2", f"{role}1") == (role in pair.agreed), role
    one = f"{pair.by[0]}1"
    for other in (one, one.upper(), f" {one}", "", "nobody", "gone", "privacy_officer2"):
        assert not may(home, step, one, other), other
    assert not may(home, step, one, f"{pair.agreed[0]}2", reason=" ")


def test_a_home_that_was_lost_has_no_accounts_and_keeps_its_log(tmp_path: Path) -> None:
    lost = Settings(home=tmp_path, _env_file=None)
    assert {step for step in steps() if may(lost, step, "kim", "lee")} == set(steps()) - {"log pruned"}
    assert not may(lost, "keys restored", "kim", "Kim")


def test_what_two_people_did_is_told(home: Settings) -> None:
    Two(home, "keys restored", "engineer1", "steward1", "disk lost").tell("snuh copy", made_at="then")
    with audit_log(home) as con:
        told = list(entries(con))[-1]
    assert (told.kind, told.actor, told.subject, told.reason) == (
        "keys restored",
        "engineer1",
        "snuh copy",
        "disk lost",
    )
    assert json.loads(told.details) == {"agreed": "steward1", "made_at": "then"}
