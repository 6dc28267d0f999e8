"""Requests for data, for tests: people in every role, forms, and walks of a request to any state of the chain."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from etl.quality.findings.actions import today
from etl.research.requests.actions import Evidence, act, carry_out, change, draft
from etl.research.requests.chain import chain
from etl.research.requests.forms import checked, pledge
from etl.research.requests.given import Given, given
from etl.research.requests.roles import set_role
from etl.store.ledger.ledger import Ledger, now
from etl.store.ledger.office import ACCOUNT

HOSPITALS = ("snuh", "cnuh", "dumc")
#: Who is in the tests: an account named after its role; some roles have several.
PEOPLE = {
    "researcher": "researcher", "colleague": "researcher", "steward": "steward", "member": "member",
    "member2": "member", "member3": "member", "chair": "chair", "secretary": "secretary", "irb_office": "irb_office",
    "checker": "checker", "checker2": "checker", "checker3": "checker",
    "privacy_officer": "privacy_officer", "auditor": "auditor",
}  # fmt: skip
SEATS = ["member", "member2", "member3"]
CRITERIA = list(chain().review.criteria)
DIGEST = "0" * 64
QUERY = "select person_id, min(condition_start_date) as index_date from condition_occurrence group by person_id"


def day(n: int) -> str:
    """A day from now on."""
    return (today() + timedelta(days=n)).isoformat()


def form(**other: Any) -> dict[str, Any]:
    """A form that is complete."""
    people = [{"account": name, "name": name.title(), "part": part, "affiliation": "Ward 7"}
              for name, part in (("researcher", "principal"), ("colleague", "researcher"))]  # fmt: skip
    said = {
        "title": "혈압과 신기능", "purpose": "whether pressure comes before kidney disease",
        "legal_ground": "pseudonymised", "people": people, "hospitals": ["snuh", "cnuh"], "cohort": "adults with I10",
        "query": QUERY,
        "variables": ["person.year_of_birth", "condition_occurrence.*", "measurement.value_as_number"],
        "period": {"from": "2020-01-01", "to": "2025-12-31"},
        "level": "standard", "place": "analysis room", "until": day(200),
    }  # fmt: skip
    return checked("request", said | other)  # type: ignore[return-value]


def conditions(**other: Any) -> dict[str, Any]:
    """What the board approves of it."""
    asked = form()
    kept = {key: asked[key] for key in ("hospitals", "variables", "period", "place")}
    said = {**kept, "data_set": "I10 with creatinine", "recipients": ["researcher"], "until": day(100)}
    return checked("conditions", said | other)  # type: ignore[return-value]


def with_form(**other: Any) -> Given:
    """A complete form, as it is given."""
    return given(form(**other), {})


def people(ledger: Ledger) -> Ledger:
    """A ledger with everybody and their roles; the steward is that of snuh."""
    with ledger.engine.begin() as con:
        con.execute(sa.insert(ACCOUNT), [{"name": n, "role": "reader", "created_at": now()} for n in (*PEOPLE, "root")])
    set_role(ledger, "root", "privacy_officer", actor="admin", entered_by="admin")
    for name, role in PEOPLE.items():
        hospital = "snuh" if role == "steward" else None
        set_role(ledger, name, role, actor="root", hospital=hospital, hospitals=HOSPITALS)
    return ledger


def by_hand(con: sa.Connection) -> None:
    """Let a test write rows that no command writes: the server holds none of them against the log."""
    if con.dialect.name == "postgresql":
        for statement in ("reset role", "set local session_replication_role = replica", "set role etl_loader"):
            con.exec_driver_sql(statement)


def drafted(ledger: Ledger, **other: Any) -> int:
    """A request that is drafted."""
    return draft(ledger, with_form(**other), actor="researcher", hospitals=HOSPITALS)


#: What is said with a move, where it needs something.
SAID: Mapping[str, Mapping[str, Any]] = {
    "irb": {"result": "approved", "number": "2026-01", "until": day(150)},
    "open_review": {"members": SEATS}, "declare": {"conflict": False}, "vote": {"vote": "for", "criteria": CRITERIA},
    "approve": {"conditions": conditions()}, "keep_out": {"hospital": "snuh"}, "let_in": {"hospital": "snuh"},
    "pledge": {"name": "Kim", "text": pledge().version}, "build": {"result": "built", "digest": DIGEST},
    "test": {"result": "passed"}, "check_outputs": {"result": "passed", "digest": DIGEST},
    "destroy": {"certificate": "2026-1"},
}  # fmt: skip
#: The straight way through the chain: who makes which move, and the state since.
WAY = (
    ("submit", "researcher", "submitted"), ("irb", "irb_office", "irb_done"), ("open_review", "secretary", "in_review"),
    *((move, name, "in_review") for name in SEATS for move in ("declare", "vote")),
    ("declare", "chair", "in_review"),
    ("approve", "chair", "approved"), ("build", "secretary", "built"), ("test", "privacy_officer", "adequate"),
    ("pledge", "researcher", "adequate"), ("pledge", "colleague", "adequate"), ("open", "privacy_officer", "open"),
    ("check_outputs", "checker", "outputs_checked"), ("close", "researcher", "closed"),
    ("destroy", "privacy_officer", "destroyed"), ("register", "secretary", "registered"),
)  # fmt: skip


def do(ledger: Ledger, number: int, move: str, who: str, **other: Any) -> str:
    """Make a move as somebody, with what it needs; returns the state since."""
    said = {"reason": "as tests do", **SAID.get(move, {}), **other}
    if move == "change":
        return change(ledger, number, with_form(**other), actor=who, hospitals=HOSPITALS).after
    if chain().moves[move].work:
        return carry_out(ledger, number, move, lambda _case: Evidence(said), actor=who).after
    return act(ledger, number, move, actor=who, said=said).after


def walk(ledger: Ledger, state: str, *, voted: bool = True) -> int:
    """A request that came to a state: straight on, or by the move that leads aside; `voted`: all have, in a review."""
    number, aside = drafted(ledger), ASIDE.get(state)
    target = aside[0] if aside else state
    now_at = "draft"
    for move, who, after in WAY:
        if now_at == target and not (after == target and voted):
            break
        assert do(ledger, number, move, who) == after
        now_at = after
    for move, who, other in aside[1] if aside else ():
        do(ledger, number, move, who, **other)
    return number


#: States beside the way: where one leaves it, and by which moves.
ASIDE: Mapping[str, tuple[str, tuple[tuple[str, str, Mapping[str, Any]], ...]]] = {
    "suspended": ("open", (("suspend", "privacy_officer", {}),)),
    "breached": ("open", (("breach", "checker", {}),)),
    "withdrawn": ("submitted", (("withdraw", "researcher", {}),)),
    "refused": ("submitted", (("irb", "irb_office", {"result": "refused"}),)),
}  # fmt: skip


def last_day(text: str) -> date:
    """A day of a form."""
    return date.fromisoformat(text)
