"""The second place of the audit log: whether what happened is noted where who can change the log does not reach."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from etl.operations.doctor.finding import Finding, Look
from etl.store.audit.anchors import Anchor, end_of, place_of, read
from etl.store.audit.tables import ENTRY

SUBJECT = "audit"
_PATIENCE = timedelta(days=1)
_NOTE = "etl audit anchor; the DAG etl_reports and etl run do it every night"


def check_anchors(look: Look) -> Iterator[Finding]:
    """Anchors are set, can be written, lie apart from the ledger, and are no more than a day behind the log."""
    said = look.settings.audit_anchors
    if said is None:
        text = "ETL_AUDIT_ANCHORS is not set: nobody would see that the end of the audit log was cut off"
        yield Finding(
            SUBJECT, "anchors", "warn", text, "set it to a folder of another machine or medium: docs/audit.md"
        )
        return
    file = place_of(said)
    if wrong := _unwritable(file):
        yield Finding(SUBJECT, "anchors", "fail", wrong, "make the folder, or give the pipeline's user the right to it")
        return
    if _beside_ledger(look, file):
        text = f"{file.parent} lies with the ledger: who can change the log, or loses its disk, has both"
        yield Finding(SUBJECT, "anchors", "warn", text, "set ETL_AUDIT_ANCHORS to another machine or medium")
    anchors = read(file)
    if behind := _behind(look, anchors):
        yield Finding(SUBJECT, "anchors", "warn", behind, _NOTE)
    elif anchors:
        yield Finding(SUBJECT, "anchors", "ok", f"the audit log is noted up to entry {anchors[-1].number:,}")


def _unwritable(file: Path) -> str | None:
    """Why nothing can be added; None where it can. Nothing is tried: a look changes no file."""
    if not file.parent.is_dir():
        return f"there is no folder {file.parent} for the anchors of the audit log"
    place = file if file.exists() else file.parent
    return None if os.access(place, os.W_OK) else f"{place} cannot be written: no anchor of the audit log is noted"


def _beside_ledger(look: Look, file: Path) -> bool:
    """Whether they lie below the home, or on the disk of a ledger that is a file."""
    if file.resolve().is_relative_to(look.settings.home):
        return True
    url = make_url(look.settings.ledger_url)
    ledger = Path(url.database or "") if url.get_backend_name() == "sqlite" else None
    return ledger is not None and ledger.exists() and ledger.stat().st_dev == file.parent.stat().st_dev


def _behind(look: Look, anchors: list[Anchor]) -> str | None:
    """What is not noted for a day; None where nothing is."""
    if look.ledger is None:
        return None
    last = anchors[-1].number if anchors else 0
    day_ago = look.now.astimezone(UTC).replace(tzinfo=None) - _PATIENCE
    query = sa.select(sa.func.count()).where(ENTRY.c.number > last, ENTRY.c.written_at < day_ago)
    with look.ledger.engine.connect() as con:
        if anchors and (end := end_of(con)) and end.log != anchors[-1].log:
            return "the newest anchor is of another log than this one: see etl audit verify"
        entries = con.execute(query).scalar_one()
    newest = f"the newest anchor is of {anchors[-1].at[:16]} UTC" if anchors else "there is no anchor"
    return f"{newest}: {entries:,} entries older than a day are not noted" if entries else None
