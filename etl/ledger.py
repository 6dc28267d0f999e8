"""The ledger: what every run, stage, gate and row account was. Counts and codes only, never a value of a patient.

SQLAlchemy tables: SQLite beside the embedded warehouse, or in the warehouse on PostgreSQL, where migrations make them
(`etl/warehouse/postgres/migrations`). One `run` is one delivery of one hospital taken through the stages; running it
again writes the same run again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Engine, ExceptionContext
from sqlalchemy.exc import OperationalError
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from etl.errors import ConfigError, TransientError
from etl.settings import LOADER

meta = sa.MetaData()
_REFUSED = "42501"  # SQLSTATE of PostgreSQL: insufficient privilege

RUN = sa.Table(
    "run",
    meta,
    sa.Column("run_id", sa.String(64), primary_key=True, comment="hospital-night-first 12 digits of the delivery"),
    sa.Column("hospital", sa.String(40), nullable=False, index=True),
    sa.Column("night", sa.Date, nullable=False),
    sa.Column("delivery", sa.String(64), nullable=False, comment="sha256 over the delivery's files"),
    sa.Column("state", sa.String(12), nullable=False, comment="running, published, left, blocked, failed"),
    sa.Column("stage", sa.String(20), comment="the stage it is in or stopped at"),
    sa.Column("message", sa.Text, comment="why it stopped; no values"),
    sa.Column("started_at", sa.DateTime, nullable=False),
    sa.Column("ended_at", sa.DateTime),
    sa.Column("vocabulary", sa.String(80)),
    sa.Column("mappings", sa.String(64), comment="sha256 over the hospital's compiled mappings"),
    sa.Column("bytes_in", sa.BigInteger),
    sa.Column("touched", sa.BigInteger, comment="persons that were mapped again; none where everybody was"),
)

PUBLICATION = sa.Table(
    "publication",
    meta,
    sa.Column("hospital", sa.String(40), primary_key=True),
    sa.Column("published_at", sa.DateTime, primary_key=True),
    sa.Column("run_id", sa.String(64), nullable=False),
    sa.Column("night", sa.Date, nullable=False),
    sa.Column("mappings", sa.String(64), comment="as in run"),
    sa.Column("action", sa.String(12), comment="rollback where an earlier night came back; none: publish"),
    sa.Column("actor", sa.String(120), comment="who asked for it, where a person did"),
    sa.Column("reason", sa.Text, comment="why, in the person's words"),
    comment="what the warehouse holds and held; a run that is started again does not change it",
)

APPROVAL = sa.Table(
    "approval",
    meta,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("gate", sa.String(20), primary_key=True, comment="source, cdm or publish"),
    sa.Column("asked_at", sa.DateTime, primary_key=True),
    sa.Column("decision", sa.String(12), nullable=False, comment="waiting, approved, refused, expired"),
    sa.Column("actor", sa.String(120), comment="who decided"),
    sa.Column("reason", sa.Text, comment="why, in the person's words"),
    sa.Column("decided_at", sa.DateTime),
    sa.Column("findings", sa.Text, comment="what was to be decided: the findings as JSON; no values"),
    comment="what a person was asked and decided; a run that is started again does not change it",
)

STAGE = sa.Table(
    "stage",
    meta,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("stage", sa.String(20), primary_key=True),
    sa.Column("started_at", sa.DateTime, nullable=False),
    sa.Column("seconds", sa.Float),
    sa.Column("rows", sa.BigInteger, comment="rows the stage took in"),
    sa.Column("state", sa.String(12), nullable=False, comment="done, reused, blocked, failed"),
)

SOURCE_ACCOUNT = sa.Table(
    "source_account",
    meta,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("source", sa.String(80), primary_key=True, comment="source table of the hospital's contract"),
    sa.Column("outcome", sa.String(12), primary_key=True, comment="rejected, quarantined, filtered or mapped"),
    sa.Column("reason", sa.String(80), primary_key=True, comment="reason code or name of the rule; '' for mapped"),
    sa.Column("rows", sa.BigInteger, nullable=False),
)

SOURCE_FILE = sa.Table(
    "source_file",
    meta,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("source", sa.String(80), primary_key=True),
    sa.Column("file", sa.String(200), primary_key=True),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False, comment="data rows in the file, rejects included"),
)

TABLE_ACCOUNT = sa.Table(
    "table_account",
    meta,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("cdm_table", sa.String(40), primary_key=True),
    sa.Column("entry", sa.String(120), primary_key=True, comment="mapping entry, or 'derived'"),
    sa.Column("source", sa.String(80), nullable=False),
    sa.Column("source_rows", sa.BigInteger, nullable=False, comment="source rows that produced these rows"),
    sa.Column("rows", sa.BigInteger, nullable=False, comment="CDM rows produced; more than source_rows is fan-out"),
)

ROW_CHANGE = sa.Table(
    "row_change",
    meta,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("cdm_table", sa.String(40), primary_key=True),
    sa.Column("change", sa.String(40), primary_key=True, comment="what rows lost: text_cut, end_before_start, …"),
    sa.Column("column_name", sa.String(80), primary_key=True, comment="the column of a text; '' for others"),
    sa.Column("rows", sa.BigInteger, nullable=False),
)

MAPPING_RATE = sa.Table(
    "mapping_rate",
    meta,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("domain", sa.String(20), primary_key=True, comment="kind of event the entry declares, and Unit"),
    sa.Column("records", sa.BigInteger, nullable=False),
    sa.Column("mapped", sa.BigInteger, nullable=False, comment="records whose standard concept is not 0"),
    sa.Column("previous_rate", sa.Float, comment="rate (0-1) of the last published night"),
)

UNMAPPED = sa.Table(
    "unmapped",
    meta,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("domain", sa.String(20), primary_key=True),
    sa.Column("vocabulary", sa.String(40), primary_key=True),
    sa.Column("code", sa.String(80), primary_key=True, comment="a source code, which is no value of a patient"),
    sa.Column("description", sa.String(200)),
    sa.Column("records", sa.BigInteger, nullable=False),
    sa.Column("patients", sa.BigInteger, comment="distinct patients; none where they are fewer than `fewer_than`"),
    sa.Column("fewer_than", sa.Integer, comment="the hospital's small_cell where it hides patients and days"),
    sa.Column("first_seen", sa.Date, comment="day of the first record; none where patients are hidden"),
    sa.Column("last_seen", sa.Date, comment="day of the last record; none where patients are hidden"),
)

FINDING = sa.Table(
    "finding",
    meta,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("gate", sa.String(20), primary_key=True, comment="source or cdm"),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("suite", sa.String(80), nullable=False),
    sa.Column("table_name", sa.String(80), nullable=False),
    sa.Column("column_name", sa.String(80)),
    sa.Column("expectation", sa.String(80), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("severity", sa.String(8), nullable=False, comment="block or warn"),
    sa.Column("success", sa.Boolean, nullable=False),
    sa.Column("unexpected", sa.BigInteger, comment="rows that break the expectation, where it counts rows"),
    sa.Column("total", sa.BigInteger, comment="rows looked at"),
    sa.Column(
        "observed",
        sa.String(80),
        comment="an observed figure such as a row count; never a value of a patient",
    ),
    sa.Column("error", sa.Text, comment="why the expectation could not be evaluated"),
    sa.Column("approve_above", sa.Float, comment="of a warning: share of rows (0-1) above which a person decides"),
    sa.Column("rows_sql", sa.Text, comment="SQL that lists the rows' ids, for `etl sql`"),
)

#: Tables of the schema `admin` on PostgreSQL; the others lie in `quality`.
ADMIN = (RUN, PUBLICATION, APPROVAL, STAGE)

RunState = Literal["running", "published", "left", "blocked", "failed"]
Outcome = Literal["rejected", "quarantined", "filtered", "mapped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One expectation's verdict on one table: counts, never values."""

    suite: str
    table_name: str
    expectation: str
    description: str
    severity: Literal["block", "warn"]
    success: bool
    column_name: str | None = None
    unexpected: int | None = None
    total: int | None = None
    observed: str | None = None
    error: str | None = None
    approve_above: float | None = None
    rows_sql: str | None = None


@dataclass(frozen=True, slots=True)
class Accounts:
    """The rows of one stage: `source` per outcome and reason, `tables` per mapping entry; merged over stages."""

    files: list[dict[str, Any]] = field(default_factory=list)
    source: list[dict[str, Any]] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)
    rates: list[dict[str, Any]] = field(default_factory=list)
    unmapped: list[dict[str, Any]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> str:
        """Serialise, for the marker file a finished stage leaves."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1)

    @staticmethod
    def from_json(text: str) -> Accounts:
        """Read what `to_json` wrote."""
        return Accounts(**json.loads(text))


def _explain(context: ExceptionContext) -> None:
    """Turn what a database refuses into our errors: a lock, a full disk, a server that is away are worth a retry."""
    raised, said = context.sqlalchemy_exception, str(context.original_exception)
    here = context.dialect.name == "sqlite"
    if not here and (LOADER in said or getattr(context.original_exception, "sqlstate", None) == _REFUSED):
        raise ConfigError(
            f"the ledger cannot be used: the login may not work as {LOADER}", hint="etl warehouse init"
        ) from None
    if isinstance(raised, OperationalError):
        hint = "free space below ETL_HOME, run again" if here else "see that the server answers, run again"
        raise TransientError(f"the ledger cannot be used: {said}", hint=hint) from None


def _missing_columns(engine: Engine) -> list[sa.Column[Any]]:
    """Columns of the tables above that an older version did not write yet."""
    inspector = sa.inspect(engine)
    there = {table.name: {c["name"] for c in inspector.get_columns(table.name)} for table in meta.sorted_tables}
    return [c for table in meta.sorted_tables for c in table.columns if c.name not in there[table.name]]


def _add_missing_columns(engine: Engine) -> None:
    """Bring a ledger that an older version wrote up to date: its rows have nothing in a new, so nullable, column."""
    for column in _missing_columns(engine):
        added = CreateColumn(column).compile(engine)
        with engine.begin() as con:
            try:
                con.execute(sa.text(f"alter table {column.table.name} add column {added}"))
            except TransientError:
                # two runs began together and the other one was first
                if column.name in {c.name for c in _missing_columns(engine)}:
                    raise


def now() -> datetime:
    """UTC now without time zone, as the ledger stores it."""
    return datetime.now(UTC).replace(tzinfo=None)


_PREPARED: set[str] = set()  # ledgers in files whose tables this process has seen to


def _file(url: str) -> Engine:
    """A ledger in a SQLite file; its tables are created when missing."""
    file = Path(url.removeprefix("sqlite:///"))
    file.parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, connect_args={"timeout": 60})
    sa.event.listen(engine, "handle_error", _explain)
    if url not in _PREPARED or not file.exists():
        _prepare(engine)
        _PREPARED.add(url)
    return engine


def _prepare(engine: Engine) -> None:
    """Create what is missing of the tables."""
    with engine.begin() as con:
        con.execute(sa.text("pragma journal_mode=wal"))
        # several runs may begin together: asking first and creating then would let the second one fail
        for table in meta.sorted_tables:
            con.execute(CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                con.execute(CreateIndex(index, if_not_exists=True))
    _add_missing_columns(engine)


_AS_LOADER = f"""
    select set_config('role', rolname, false) from pg_roles
    where rolname = '{LOADER}' and pg_has_role(session_user, oid, 'member')
"""


def _work_as_loader(connection: Any, _record: Any) -> None:
    """Be the loader where the login may; who may only read (a quality officer's report) does it as who they are."""
    connection.execute(_AS_LOADER)
    connection.commit()


@lru_cache(maxsize=8)
def _server(url: str, _process: int) -> Engine:
    """A ledger on PostgreSQL, one engine for a process: a fork must not write into its parent's connections."""
    import psycopg  # noqa: PLC0415 - of no use beside an embedded warehouse

    from etl.warehouse.postgres.connect import as_etl_error  # noqa: PLC0415
    from etl.warehouse.postgres.revision import require_newest  # noqa: PLC0415

    engine = sa.create_engine(url, pool_size=1, max_overflow=9, pool_pre_ping=True, hide_parameters=True)
    sa.event.listen(engine, "handle_error", _explain)
    sa.event.listen(engine, "connect", _work_as_loader)
    with engine.connect() as con:
        try:
            require_newest(con.connection.driver_connection)  # type: ignore[arg-type]
        except psycopg.Error as error:
            raise as_etl_error(error) from None
    return engine


class Ledger:
    """Reads and writes the ledger's tables through one SQLAlchemy engine."""

    def __init__(self, url: str) -> None:
        """Open the ledger at a SQLAlchemy `url`; ConfigError where a server has not the schema of this version."""
        self.engine: Engine = _file(url) if url.startswith("sqlite:///") else _server(url, os.getpid())

    def open_run(self, run_id: str, hospital: str, night: date, delivery: str, **columns: Any) -> None:
        """Start (or start again) a run; what an earlier attempt recorded of it is cleared."""
        row = {"hospital": hospital, "night": night, "delivery": delivery, **columns}
        with self.engine.begin() as con:
            for table in meta.sorted_tables:
                if table not in (PUBLICATION, APPROVAL):
                    con.execute(sa.delete(table).where(table.c.run_id == run_id))
            con.execute(sa.insert(RUN).values(run_id=run_id, state="running", started_at=now(), **row))

    def close_run(self, run_id: str, state: RunState, stage: str | None = None, message: str | None = None) -> None:
        """End a run in `state`."""
        self.update_run(run_id, state=state, stage=stage, message=message, ended_at=now())

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

    def run(self, run_id: str) -> Mapping[str, Any] | None:
        """One run, or None."""
        rows = self.read(sa.select(RUN).where(RUN.c.run_id == run_id))
        return rows[0] if rows else None

    def record_publication(self, run_id: str) -> None:
        """Note that the warehouse now holds this run, and end the run."""
        columns = [RUN.c.hospital, RUN.c.run_id, RUN.c.night, RUN.c.mappings]
        query = sa.select(*columns, sa.literal(now()).label("published_at")).where(RUN.c.run_id == run_id)
        names = [c.name for c in columns]
        with self.engine.begin() as con:
            con.execute(sa.insert(PUBLICATION).from_select([*names, "published_at"], query))
        self.close_run(run_id, "published")

    def record_rollback(self, run_id: str, left: Iterable[str], *, actor: str, reason: str | None) -> None:
        """Note that the warehouse holds an earlier run again, and that those `left` are not what is published."""
        with self.engine.begin() as con:
            run = con.execute(sa.select(PUBLICATION).where(PUBLICATION.c.run_id == run_id)
                              .order_by(PUBLICATION.c.published_at.desc()).limit(1)).mappings().one()  # fmt: skip
            said = {"published_at": now(), "action": "rollback", "actor": actor, "reason": reason}
            con.execute(sa.insert(PUBLICATION).values({**run, **said}))
            con.execute(sa.update(RUN).where(RUN.c.run_id.in_(list(left))).values(state="left"))

    def last_published(self, hospital: str, before: str | None = None) -> Mapping[str, Any] | None:
        """A hospital's newest publication, of another run than `before` if that is given, or None."""
        query = sa.select(PUBLICATION).where(PUBLICATION.c.hospital == hospital)
        if before is not None:
            query = query.where(PUBLICATION.c.run_id != before)
        rows = self.read(query.order_by(PUBLICATION.c.published_at.desc()).limit(1))
        return rows[0] if rows else None

    def rate_rows(self, run_id: str) -> list[Mapping[str, Any]]:
        """The mapping rates of a run."""
        return self.read(sa.select(MAPPING_RATE).where(MAPPING_RATE.c.run_id == run_id))

    def rates(self, run_id: str) -> dict[str, float]:
        """Share of mapped records (0-1) by domain."""
        return {r["domain"]: r["mapped"] / r["records"] for r in self.rate_rows(run_id) if r["records"]}

    def accounts(self, run_id: str) -> Accounts:
        """The accounts of a run, all stages together."""

        def rows(table: sa.Table) -> list[dict[str, Any]]:
            return [dict(r) for r in self.read(sa.select(table).where(table.c.run_id == run_id))]

        return Accounts(
            files=rows(SOURCE_FILE), source=rows(SOURCE_ACCOUNT), tables=rows(TABLE_ACCOUNT), changes=rows(ROW_CHANGE)
        )


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
