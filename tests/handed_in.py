"""Outputs, for tests: files that the rules let pass, batches of an open request, decisions by those who may."""

from __future__ import annotations

from etl.research.disclosure.rules import read_rules
from etl.research.outbox.actions import decide as decide_on
from etl.research.outbox.batch import Step
from etl.research.outbox.engine import Said
from etl.research.outbox.given import Handed
from etl.research.outbox.hand_in import hand_in as hand_in_files
from etl.research.outbox.policy import REFUSE
from etl.research.outbox.read import show_batch
from etl.research.outbox.who import By
from etl.store.ledger.ledger import Ledger

RULES = read_rules()
#: A table that no rule refuses, one that is refused, one that is only beside TABLE, one that has nothing to do with it.
TABLE = Handed("table1.csv", b"age,n\n0-17,40\n18-64,120\n65+,60\n")
SMALL = Handed("small.csv", b"age,n\n0-17,3\n18-64,120\n65+,60\n")
LATER = Handed("later.csv", b"age,n\n0-17,42\n18-64,121\n65+,60\n")
OTHER = Handed("other.csv", b"sex,n\nwomen,410\nmen,390\n")


def by(name: str) -> By:
    """Somebody at a browser."""
    return By(name, address="127.0.0.1")


def hand_in(ledger: Ledger, request: int, *files: Handed, who: str = "researcher") -> int:
    """The number of a batch that is handed in."""
    return hand_in_files(ledger, request, files or (TABLE,), "tables of the paper", by(who), RULES).number


def decide(ledger: Ledger, batch: int, who: str, verdict: str, seen: int | None = None) -> Step:
    """Decide as a checker; who refuses says why."""
    comment = f"why {who} refuses" if verdict == REFUSE else None
    return decide_on(ledger, batch, Said(verdict, comment), by(who), RULES, seen=seen)


def released(ledger: Ledger, request: int, *files: Handed) -> int:
    """A batch that both checkers released."""
    number = hand_in(ledger, request, *files)
    for who in ("checker", "checker2"):
        decide(ledger, number, who, "release")
    return number


def state(ledger: Ledger, batch: int) -> str:
    """How a batch stands."""
    return show_batch(ledger, batch, "auditor").batch.state
