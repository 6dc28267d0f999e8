"""What needs a person, with the decision or the next step beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import sqlalchemy as sa

from etl.pages.language import ENGLISH, Say
from etl.quality.report.decisions import Asked, of_runs
from etl.quality.report.figures import FindingRow, RunSummary, Told, told
from etl.quality.report.verdict import closed_by, kept, stopped
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import FINDING

#: States in the order in which somebody has to look at them.
NEEDING = ("failed", "lost", "blocked", "waiting", "late")


@dataclass(frozen=True, slots=True)
class Need:
    """One hospital that somebody has to look at: how it stands, why, what blocks it, what is asked, what to do."""

    state: str
    run: RunSummary
    why: str
    blocking: tuple[Told, ...] = ()
    asked: tuple[Asked, ...] = ()
    decided: tuple[Asked, ...] = ()
    hint: str | None = None

    @property
    def seen(self) -> str:
        """What is asked, in short: a decision holds for what was on the page when it was made."""
        return digest(self.asked)

    @property
    def approved(self) -> bool:
        """Whether all that was asked is approved, so that the night has to be run again."""
        return self.state == "waiting" and not self.asked and bool(self.decided)


def digest(asked: Sequence[Asked]) -> str:
    """Tells whether what waits is still what somebody has seen."""
    return sha256("\n".join(sorted(f"{each.gate} {each.findings}" for each in asked)).encode()).hexdigest()[:16]


def need_of(
    ledger: Ledger, run: RunSummary, stays: RunSummary | None, *, late: bool, say: Say = ENGLISH
) -> Need | None:
    """What a hospital's newest run needs; None where it needs nobody. `stays` is what readers have beside it."""
    if run.state in NEEDING:
        return _of_run(ledger, run, kept(run, stays, say), say)
    if late:
        why = say("No delivery of the newest night has come; the last one was of %(night)s.", night=run.night)
        hint = say("ask whether it was sent, and look: etl doctor %(hospital)s", hospital=run.hospital)
        return Need("late", run, why, hint=hint)
    return None


def _of_run(ledger: Ledger, run: RunSummary, stays: str, say: Say) -> Need:
    decisions = of_runs(ledger, [run.run_id])
    asked = tuple(each for each in decisions if each.waits)
    answered = tuple(each for each in decisions if not each.waits)
    if run.state == "waiting":
        if asked or not answered:
            why = say("Warnings above their limit wait for a person's approval; %(stays)s.", stays=stays)
        else:
            why = say("What was asked is approved; the night has to be run again to be published.")
        return Need("waiting", run, why, asked=asked, decided=answered)
    if run.state == "lost":
        why = say("This night was published, but the warehouse does not hold it any more; %(stays)s.", stays=stays)
        return Need("lost", run, why, hint=run.hint)
    blocking = told(_blocking(ledger, run.run_id)) if run.state == "blocked" else ()
    if blocking:
        places = blocking[0].places[0].gate, sum(len(line.places) for line in blocking)
        why = closed_by(*places, say)
    else:
        why = stopped(run, (run.message or "").strip().partition("\n")[0], say)
    return Need(run.state, run, f"{why} — {stays}.", blocking=blocking, decided=answered, hint=run.hint)


def _blocking(ledger: Ledger, run_id: str) -> list[FindingRow]:
    columns = [column for column in FINDING.c if column.name != "run_id"]
    failed = (FINDING.c.run_id == run_id, FINDING.c.severity == "block", FINDING.c.success.is_(False))
    return [FindingRow(**row) for row in ledger.read(sa.select(*columns).where(*failed).order_by(FINDING.c.number))]
