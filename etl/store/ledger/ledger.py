"""Reads and writes the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import takewhile
from typing import Any

import sqlalchemy as sa

from etl.store.audit.entry import Said
from etl.store.audit.write import write
from etl.store.ledger.engines import engine_of
from etl.store.ledger.meta import meta
from etl.store.ledger.records import Accounts, Finding, RunState
from etl.store.ledger.tables import (
    FINDING,
    MAPPING_RATE,
    NOTHING,
    OUTLIVING,
    PUBLICATION,
    ROLLBACK,
    ROW_CHANGE,
    RUN,
    SOURCE_ACCOUNT,
    SOURCE_FILE,
    STAGE,
    TABLE_ACCOUNT,
    UNMAPPED,
)

#: What the audit log calls the actions of publications.
_PUBLISHED = {
    None: "night published", ROLLBACK: "earlier night published again", NOTHING: "hospital not published any more",
    "found": "publication found",
}  # fmt: skip


def now() -> datetime:
    """UTC now without time zone, as the ledger stores it. It tells people when; what came first is told by numbers."""
    return datetime.now(UTC).replace(tzinfo=None)


def next_number(table: sa.Table, beyond: int = 0) -> sa.ScalarSelect[Any]:
    """The number of a row that is inserted now, `beyond` another; the tables that have one are `NUMBERED`."""
    newest = sa.func.coalesce(sa.func.max(table.c.number), 0)
    return sa.select(sa.case((newest < beyond, beyond), else_=newest) + 1).scalar_subquery()


class Ledger:
    """Reads and writes the ledger's tables through one SQLAlchemy engine."""

    def __init__(self, url: str) -> None:
        """Open the ledger at a SQLAlchemy `url`; ConfigError where a server has not the schema of this version."""
        self.engine = engine_of(url)

    @property
    def is_writable(self) -> bool:
        """Whether what nights were like may be written: on a server by the pipeline's logins, not by who reads it."""
        if self.engine.dialect.name == "sqlite":
            return True
        with self.engine.connect() as con:
            return bool(con.execute(sa.text("select has_table_privilege('quality.finding', 'insert')")).scalar())

    def open_run(self, run_id: str, hospital: str, night: date, delivery: str, **columns: Any) -> None:
        """Start (or start again) a run; what an earlier attempt recorded of it is cleared."""
        row = {"hospital": hospital, "night": night, "delivery": delivery, **columns}
        with self.engine.begin() as con:
            before = con.execute(sa.select(RUN.c.number).where(RUN.c.run_id == run_id)).scalar()
            for table in meta.sorted_tables:
                if "run_id" in table.c and table not in OUTLIVING:
                    con.execute(sa.delete(table).where(table.c.run_id == run_id))
            number = next_number(RUN, beyond=before or 0)  # another one than it had: it is opened anew
            opened = {"state": "running", "started_at": now(), "number": number}
            con.execute(sa.insert(RUN).values(run_id=run_id, **opened, **row))

    def close_run(
        self, run_id: str, state: RunState, stage: str | None = None, message: str | None = None,
        hint: str | None = None,
    ) -> None:  # fmt: skip
        """End a run in `state`; `message` says why it stopped, `hint` what to do next."""
        self.update_run(run_id, state=state, stage=stage, message=message, hint=hint, ended_at=now(), worker=None)

    def update_run(self, run_id: str, **columns: Any) -> None:
        """Set columns of a run."""
        with self.engine.begin() as con:
            con.execute(sa.update(RUN).where(RUN.c.run_id == run_id).values(**columns))

    def record_stage(self, run_id: str, stage: str, state: str, started: datetime, seconds: float, rows: int) -> None:
        """Write how one stage went, replacing an earlier attempt."""
        key = (STAGE.c.run_id == run_id) & (STAGE.c.stage == stage)
        values = {"state": state, "started_at": started, "seconds": seconds, "rows": rows}
        with self.engine.begin() as con:
            con.execute(sa.delete(STAGE).where(key))
            con.execute(sa.insert(STAGE).values(run_id=run_id, stage=stage, **values))

    def record_accounts(self, run_id: str, accounts: Accounts) -> None:
        """Add the accounts of one stage to the run."""
        parts: list[tuple[sa.Table, list[dict[str, Any]]]] = [
            (SOURCE_FILE, accounts.files),
            (SOURCE_ACCOUNT, accounts.source),
            (TABLE_ACCOUNT, accounts.tables),
            (ROW_CHANGE, accounts.changes),
            (MAPPING_RATE, accounts.rates),
            (UNMAPPED, accounts.unmapped),
        ]
        with self.engine.begin() as con:
            for table, rows in parts:
                if rows:
                    stamped = [_typed(table, {**row, "run_id": run_id}) for row in rows]
                    keys = [c.name for c in table.primary_key.columns]
                    con.execute(_delete_by_key(table, keys), [{f"k_{k}": r[k] for k in keys} for r in stamped])
                    con.execute(sa.insert(table), stamped)

    def record_findings(self, run_id: str, gate: str, findings: Iterable[Finding]) -> None:
        """Replace the findings of one gate (`source` or `cdm`) of a run."""
        rows = [{**asdict(f), "run_id": run_id, "gate": gate, "number": i} for i, f in enumerate(findings)]
        with self.engine.begin() as con:
            con.execute(sa.delete(FINDING).where((FINDING.c.run_id == run_id) & (FINDING.c.gate == gate)))
            if rows:
                con.execute(sa.insert(FINDING), rows)

    def read(self, query: sa.Select[Any]) -> list[Mapping[str, Any]]:
        """Rows of a query as mappings."""
        with self.engine.connect() as con:
            return [{name: _number(value) for name, value in r.items()} for r in con.execute(query).mappings()]

    def rows(self, table: sa.Table, run_id: str, *order: Any) -> list[Mapping[str, Any]]:
        """What a table says of a run, which it does not name again."""
        columns = [column for column in table.c if column.name != "run_id"]
        return self.read(sa.select(*columns).where(table.c.run_id == run_id).order_by(*order))

    def run(self, run_id: str) -> Mapping[str, Any] | None:
        """One run, or None."""
        rows = self.read(sa.select(RUN).where(RUN.c.run_id == run_id))
        return rows[0] if rows else None

    def record_publication(self, run_id: str) -> None:
        """Note that the warehouse now holds this run, and end the run."""
        run = sa.select(RUN.c.hospital, RUN.c.night, RUN.c.mappings).where(RUN.c.run_id == run_id)
        with self.engine.begin() as con:
            said = con.execute(run).mappings().one()
            _publish(con, run_id=run_id, **said)
        self.close_run(run_id, "published")

    def record_return(
        self, run_id: str, night: date, mappings: str | None, left: Iterable[str], *, actor: str, reason: str | None
    ) -> None:
        """Note that the warehouse holds an earlier run of `night` again, and that those `left` are not published."""
        with self.engine.begin() as con:
            hospital = con.execute(sa.select(RUN.c.hospital).where(RUN.c.run_id == run_id)).scalar_one()
            said = {"hospital": hospital, "night": night, "mappings": mappings}
            _publish(con, run_id=run_id, action=ROLLBACK, actor=actor, reason=reason, **said)
            _leave(con, left, "left")
            con.execute(sa.update(RUN).where(RUN.c.run_id == run_id).values(state="published"))

    def record_nothing(
        self, hospital: str, night: date, *, state: RunState, actor: str | None, reason: str | None
    ) -> None:
        """Note that the warehouse holds nothing of a hospital since a night; what was published is in `state` now."""
        with self.engine.begin() as con:
            _publish(con, run_id="-", hospital=hospital, night=night, action=NOTHING, actor=actor, reason=reason)
            published = (RUN.c.hospital == hospital) & (RUN.c.state == "published")
            con.execute(sa.update(RUN).where(published).values(state=state))

    def record_found(self, hospital: str, run_id: str, night: date, mappings: str | None, reason: str) -> None:
        """Note a run that the warehouse holds although it is not what was recorded last; other runs are lost."""
        with self.engine.begin() as con:
            _publish(con, hospital=hospital, run_id=run_id, night=night, mappings=mappings, action="found",
                     reason=reason)  # fmt: skip
            later = sa.select(RUN.c.run_id).where(RUN.c.hospital == hospital, RUN.c.state == "published")
            _leave(con, [r for (r,) in con.execute(later) if r != run_id], "lost")
            known = con.execute(sa.select(RUN.c.run_id).where(RUN.c.run_id == run_id)).first()
            if known:
                con.execute(sa.update(RUN).where(RUN.c.run_id == run_id).values(state="published"))
            else:
                row = {"hospital": hospital, "night": night, "delivery": "-", "mappings": mappings, "message": reason}
                opened = {"state": "published", "stage": "publish", "started_at": now(), "ended_at": now()}
                con.execute(sa.insert(RUN).values(run_id=run_id, number=next_number(RUN), **opened, **row))

    def last_published(self, hospital: str, before: str | None = None) -> Mapping[str, Any] | None:
        """A hospital's newest publication, of another run than `before` if that is given, or None.

        None, too, where the warehouse holds nothing of the hospital since.
        """
        since = takewhile(lambda row: row["action"] != NOTHING, self._publications(hospital))
        return next((row for row in since if row["run_id"] != before), None)

    def gone_back_from(self, hospital: str) -> set[str]:
        """Runs of which a publication was gone back from, if going back was the last that happened to a hospital."""
        rows = self._publications(hospital)
        if not rows or rows[0]["action"] != ROLLBACK:
            return set()
        target = (rows[0]["run_id"], rows[0]["mappings"])
        left = takewhile(lambda row: (row["run_id"], row["mappings"]) != target, rows[1:])
        return {row["run_id"] for row in left}

    def gave_ids(self, hospital: str) -> bool:
        """Whether ids of a hospital were published that still count: a person may have given them up (`nothing`)."""
        rows = self._publications(hospital)
        return bool(rows) and not (rows[0]["action"] == NOTHING and rows[0]["actor"])

    def publications(self, hospital: str) -> list[Mapping[str, Any]]:
        """All runs of a hospital that the warehouse held, the newest first."""
        return [row for row in self._publications(hospital) if row["action"] != NOTHING]

    def _publications(self, hospital: str) -> list[Mapping[str, Any]]:
        query = sa.select(PUBLICATION).where(PUBLICATION.c.hospital == hospital)
        return self.read(query.order_by(PUBLICATION.c.number.desc()))

    def newest_run(self, hospital: str) -> Mapping[str, Any] | None:
        """The run of a hospital that was started last, or None."""
        rows = self.read(sa.select(RUN).where(RUN.c.hospital == hospital).order_by(RUN.c.number.desc()).limit(1))
        return rows[0] if rows else None

    def rate_rows(self, run_id: str) -> list[Mapping[str, Any]]:
        """The mapping rates of a run."""
        return self.rows(MAPPING_RATE, run_id)

    def rates(self, run_id: str) -> dict[str, float]:
        """Share of mapped records (0-1) by domain."""
        return {r["domain"]: r["mapped"] / r["records"] for r in self.rate_rows(run_id) if r["records"]}

    def accounts(self, run_id: str) -> Accounts:
        """The accounts of a run, all stages together."""

        files, source, tables, changes = (
            [{"run_id": run_id, **row} for row in self.rows(table, run_id)]
            for table in (SOURCE_FILE, SOURCE_ACCOUNT, TABLE_ACCOUNT, ROW_CHANGE)
        )
        return Accounts(files=files, source=source, tables=tables, changes=changes)


def _publish(con: sa.Connection, **said: Any) -> None:
    con.execute(sa.insert(PUBLICATION).values(published_at=now(), number=next_number(PUBLICATION), **said))
    subject = f"{said['hospital']} {said['night']} {said['run_id']}"
    kind = _PUBLISHED[said.get("action")]
    write(con, Said(kind, said.get("actor") or "pipeline", subject=subject, reason=said.get("reason")))


def _leave(con: sa.Connection, run_ids: Iterable[str], state: RunState) -> None:
    con.execute(sa.update(RUN).where(RUN.c.run_id.in_(list(run_ids))).values(state=state))


def _number(value: Any) -> Any:
    """A sum as PostgreSQL gives it, of any size and so a Decimal, as the number that SQLite gives."""
    if not isinstance(value, Decimal):
        return value
    return int(value) if value == value.to_integral_value() else float(value)


def _delete_by_key(table: sa.Table, keys: list[str]) -> sa.Delete:
    return sa.delete(table).where(sa.and_(*(table.c[k] == sa.bindparam(f"k_{k}") for k in keys)))


def _typed(table: sa.Table, row: dict[str, Any]) -> dict[str, Any]:
    """A row as the table takes it: the days of accounts, which a marker file keeps as ISO texts, become dates."""
    days = (n for n, value in row.items() if isinstance(value, str) and isinstance(table.c[n].type, sa.Date))
    return row | {name: date.fromisoformat(row[name]) for name in days}
