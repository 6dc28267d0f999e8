"""What waits for a person's approval and what was decided, for the page of approvals."""

from __future__ import annotations

import sqlalchemy as sa

from etl.night.publish.approval import waiting
from etl.pages.language import ENGLISH, Say
from etl.quality.report.decisions import Asked, decided, of_runs
from etl.quality.report.needs import Need, digest, need_of
from etl.quality.report.read import summaries
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import RUN


def waiting_needs(ledger: Ledger, say: Say = ENGLISH) -> list[Need]:
    """Every run that waits for a decision, the one that waits longest first."""
    ids = list(dict.fromkeys(row["run_id"] for row in waiting(ledger)))
    runs = {run.run_id: run for run in summaries(ledger, ids)} if ids else {}
    found = []
    for run in (runs[run_id] for run_id in ids if run_id in runs):
        stays = _published_before(ledger, run.hospital, run.number)
        kept = summaries(ledger, [stays]) if stays else []
        need = need_of(ledger, run, kept[0] if kept else None, late=False, say=say)
        asked = tuple(each for each in of_runs(ledger, [run.run_id]) if each.waits)
        found.append(need if need and need.asked else Need("waiting", run, say("A person's approval is asked for."),
                                                           asked=asked))  # fmt: skip
    return found


def decided_with_hospitals(ledger: Ledger) -> tuple[tuple[Asked, ...], dict[str, str]]:
    """The newest decisions, and the hospitals of their runs."""
    found = decided(ledger)
    query = sa.select(RUN.c.run_id, RUN.c.hospital).where(RUN.c.run_id.in_([each.run_id for each in found]))
    return found, {row["run_id"]: row["hospital"] for row in ledger.read(query)}


def asked_now(ledger: Ledger, run_id: str) -> str:
    """What waits of a run at this moment, in short, as `Need.seen` was on a page."""
    return digest([each for each in of_runs(ledger, [run_id]) if each.waits])


def _published_before(ledger: Ledger, hospital: str, number: int) -> str | None:
    own = (RUN.c.hospital == hospital, RUN.c.state == "published", RUN.c.number < number)
    rows = ledger.read(sa.select(RUN.c.run_id).where(*own).order_by(sa.desc(RUN.c.number)).limit(1))
    return rows[0]["run_id"] if rows else None
